"""Callers as a verifier describes them, without a token."""

from __future__ import annotations

from typing import Any

from jwt_wsgi import Auth

ISSUER = "https://issuer.test/"
NOW = 1_800_000_000.0


def auth(scopes: str = "", *, issuer: str = ISSUER, judged_at: float = NOW, **claims: Any) -> Auth:
    """Return an `Auth` with these scopes (separated by spaces) and claims."""
    return Auth(
        claims=claims,
        header={},
        token="a.b.c",
        issuer=issuer,
        scopes=frozenset(scopes.split()),
        judged_at=judged_at,
    )
