"""Sources of verification keys: static, remote, and several in order."""
