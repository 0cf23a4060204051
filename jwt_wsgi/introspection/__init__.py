"""Opaque tokens: an authorization server is asked about them (RFC 7662).

`Introspection` is an issuer of such tokens. The other names say how this API authenticates at its
endpoint, and what it reports.
"""

from jwt_wsgi.introspection.client_authentication import (
    BearerToken,
    ClientAuthentication,
    ClientCredentials,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJWT,
)
from jwt_wsgi.introspection.events import IntrospectionCall, IntrospectionStatus
from jwt_wsgi.introspection.introspection import Introspection

__all__ = [
    "BearerToken",
    "ClientAuthentication",
    "ClientCredentials",
    "ClientSecretBasic",
    "ClientSecretPost",
    "Introspection",
    "IntrospectionCall",
    "IntrospectionStatus",
    "PrivateKeyJWT",
]
