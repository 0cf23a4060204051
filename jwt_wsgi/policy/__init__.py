"""Pure: requirements and their algebra, rule patterns, the path rule, the policy and its linter."""
