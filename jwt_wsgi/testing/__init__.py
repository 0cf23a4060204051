"""Test support: an issuer of really signed tokens, the keys of its clients, and a clock."""

from jwt_wsgi.testing.clock import Clock
from jwt_wsgi.testing.dpop import DPoPKey
from jwt_wsgi.testing.issuer import LocalIssuer
from jwt_wsgi.testing.signing import SigningKey

__all__ = ["Clock", "DPoPKey", "LocalIssuer", "SigningKey"]
