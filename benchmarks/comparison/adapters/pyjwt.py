"""PyJWT, as its page "Usage Examples" retrieves keys from a JWKS endpoint."""

from __future__ import annotations

from typing import Any

import jwt

from benchmarks.comparison.adapters.base import Adapter, Profile, check_scope


class PyJWT(Adapter):
    """`PyJWKClient` and `decode`, with the algorithms and the required claims named."""

    own_errors = (jwt.PyJWTError,)
    no_keys = (jwt.PyJWKClientConnectionError,)

    def prepare(self, profile: Profile) -> None:
        self._profile = profile
        self._client = jwt.PyJWKClient(profile.jwks_url)
        self._options: Any = {"require": ["exp", "iss", "aud"]}

    def verify(self, token: str, scope: str | None = None) -> None:
        profile = self._profile
        claims = jwt.decode(
            token,
            self._client.get_signing_key_from_jwt(token),
            algorithms=[profile.algorithm],
            audience=profile.audience,
            issuer=profile.issuer,
            options=self._options,
        )
        check_scope(claims.get("scope"), scope)


ADAPTER = PyJWT
