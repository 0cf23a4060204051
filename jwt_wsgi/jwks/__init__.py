"""Where verification keys come from."""

from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource, LocalFirst
from jwt_wsgi.jwks.static import SharedSecret, StaticJWKS

__all__ = ["KeySource", "LocalFirst", "RemoteJWKS", "SharedSecret", "StaticJWKS"]
