"""The console of `app.py --demo`. The sample without `--demo` does not import it."""
