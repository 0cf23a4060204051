"""The parts of other libraries' protections that do not depend on the framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_public_key

from benchmarks.views.trust import Trust


def pyjwt(trust: Trust) -> Callable[[str | None], Mapping[str, Any]]:
    """Return the function that reads a header `Authorization` and returns the claims.

    It raises `jwt.InvalidTokenError` for an invalid token, and for none.
    """
    import jwt

    key: Any = load_pem_public_key(trust.pem.encode())
    options: Any = {"require": ["exp", "iss", "aud"]}

    def claims(header: str | None) -> Mapping[str, Any]:
        method, _, token = (header or "").partition(" ")
        if method.lower() != "bearer":
            raise jwt.InvalidTokenError("there is no bearer token")
        return jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=trust.audience,
            issuer=trust.issuer,
            options=options,
        )

    return claims


def authlib_validator(trust: Trust) -> Any:
    """Return Authlib's validator of RFC 9068 with a held key set."""
    from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
    from joserfc.jwk import KeySet

    jwks: Any = trust.jwks
    keys = KeySet.import_key_set(jwks)

    class Validator(JWTBearerTokenValidator):  # type: ignore[misc]
        def get_jwks(self) -> object:
            return keys

    return Validator(trust.issuer, trust.audience)


def grants(claims: Mapping[str, Any], scope: str) -> bool:
    """Return whether the claim `scope` names a scope."""
    return scope in str(claims.get("scope", "")).split()
