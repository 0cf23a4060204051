"""The pure core: compact JWS, algorithms, keys and claims. It has no HTTP, no WSGI, no clock."""

from jwt_wsgi.jose.compact import Verified, verify
from jwt_wsgi.jose.keys import KeySet

__all__ = ["KeySet", "Verified", "verify"]
