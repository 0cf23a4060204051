"""Differential testing: the same tokens, keys and rules for this package and for three other libraries."""
