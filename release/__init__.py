"""The tools of `make dist`, `make audit`, `make pins` and `make release-check`."""
