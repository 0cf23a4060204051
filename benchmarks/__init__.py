"""What the package costs, measured beside its peers in one run: `make bench`."""
