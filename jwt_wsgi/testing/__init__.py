"""Test support: an issuer with real keys, whose tokens are really signed, and a clock to move."""

from jwt_wsgi.testing.clock import Clock
from jwt_wsgi.testing.issuer import LocalIssuer
from jwt_wsgi.testing.signing import SigningKey

__all__ = ["Clock", "LocalIssuer", "SigningKey"]
