"""Benchmarks of the package and its peers, measured in one run: `make bench`."""
