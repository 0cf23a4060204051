"""Pure: what a rule may ask (requirements), the path rule (paths, patterns), the policy itself."""
