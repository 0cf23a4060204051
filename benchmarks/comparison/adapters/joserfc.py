"""joserfc, as its guide "JSON Web Token" decodes a token and validates its claims."""

from __future__ import annotations

from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from benchmarks.comparison.adapters.base import Adapter, Profile, check_scope


class JoseRFC(Adapter):
    """`jwt.decode` with a `KeySet`, and a `JWTClaimsRegistry` of essential claims."""

    own_errors = (JoseError,)

    def prepare(self, profile: Profile) -> None:
        jwks: Any = profile.jwks
        self._keys = KeySet.import_key_set(jwks)
        self._algorithms = [profile.algorithm]
        self._registry = jwt.JWTClaimsRegistry(
            iss={"essential": True, "value": profile.issuer},
            aud={"essential": True, "value": profile.audience},
            exp={"essential": True},
        )

    def verify(self, token: str, scope: str | None = None) -> None:
        decoded = jwt.decode(token, self._keys, algorithms=self._algorithms)
        self._registry.validate(decoded.claims)
        check_scope(decoded.claims.get("scope"), scope)


ADAPTER = JoseRFC
