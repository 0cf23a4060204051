"""WSGI middleware that protects an application with OAuth 2.0 access tokens (JWTs)."""

from jwt_wsgi.auth import Auth, Credentials, get_auth
from jwt_wsgi.errors import (
    AuthError,
    ContentTypeUnsupported,
    Forbidden,
    InsufficientAuthentication,
    InsufficientScope,
    InvalidProof,
    InvalidRequest,
    InvalidToken,
    KeysUnavailable,
    LengthRequired,
    MessageTooLarge,
    MissingToken,
    NonceRequired,
    TemporarilyUnavailable,
)
from jwt_wsgi.introspection.introspection import Introspection
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.remote_pem import RemotePEM
from jwt_wsgi.jwks.static import SharedSecret, StaticJWKS
from jwt_wsgi.middleware.authorization import ScopeAuthorizer, guard, require
from jwt_wsgi.middleware.cors import CrossOrigin
from jwt_wsgi.middleware.extraction import TokenExtractor
from jwt_wsgi.middleware.protect import protect
from jwt_wsgi.middleware.resource_metadata import ResourceMetadata, metadata_app
from jwt_wsgi.middleware.responses import respond
from jwt_wsgi.middleware.verification import TokenVerifier
from jwt_wsgi.policy.algebra import AUTHENTICATED, DENY, OPTIONAL, PUBLIC
from jwt_wsgi.policy.authentication import acr, fresh, sender_constrained
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.policy.requirements import (
    claim,
    has,
    issued_by,
    path_param,
    permission,
    report_only,
    scope,
)
from jwt_wsgi.possession.dpop import DPoP
from jwt_wsgi.possession.nonces import DPoPNonces
from jwt_wsgi.resource import ProtectedResource
from jwt_wsgi.token_options import ANY_AUDIENCE
from jwt_wsgi.verifier import Verifier

__all__ = [
    "ANY_AUDIENCE",
    "AUTHENTICATED",
    "DENY",
    "OPTIONAL",
    "PUBLIC",
    "Auth",
    "AuthError",
    "ContentTypeUnsupported",
    "Credentials",
    "CrossOrigin",
    "DPoP",
    "DPoPNonces",
    "Forbidden",
    "InsufficientAuthentication",
    "InsufficientScope",
    "Introspection",
    "InvalidProof",
    "InvalidRequest",
    "InvalidToken",
    "Issuer",
    "KeysUnavailable",
    "LengthRequired",
    "MessageTooLarge",
    "MissingToken",
    "NonceRequired",
    "Policy",
    "ProtectedResource",
    "RemoteJWKS",
    "RemotePEM",
    "ResourceMetadata",
    "ScopeAuthorizer",
    "SharedSecret",
    "StaticJWKS",
    "TemporarilyUnavailable",
    "TokenExtractor",
    "TokenVerifier",
    "Verifier",
    "acr",
    "claim",
    "fresh",
    "get_auth",
    "guard",
    "has",
    "issued_by",
    "metadata_app",
    "path_param",
    "permission",
    "protect",
    "report_only",
    "require",
    "respond",
    "scope",
    "sender_constrained",
]
