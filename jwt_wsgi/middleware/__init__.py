"""The WSGI code: the three layers, `protect`, CORS, and how refusals are answered and reported."""
