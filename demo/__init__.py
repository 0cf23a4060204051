"""The console of `app.py --demo`, and nothing that serves without it."""
