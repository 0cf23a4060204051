"""The comparison with other libraries: each runs in an environment of its own."""
