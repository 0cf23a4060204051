"""For test suites and demos: tokens that are really signed, by an issuer that is really there."""

from jwt_wsgi.testing.clock import Clock
from jwt_wsgi.testing.issuer import LocalIssuer
from jwt_wsgi.testing.signing import SigningKey

__all__ = ["Clock", "LocalIssuer", "SigningKey"]
