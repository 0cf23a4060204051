"""The tokens that are measured: of the size that issuers send, really signed, each another one."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from jwt_wsgi.testing import LocalIssuer
from jwt_wsgi.testing.signing import compact

AUDIENCE = "https://api.example.com"
ISSUER = "https://tenant.example.com/"
SCOPE = "openid profile email read:messages"

#: Seconds; longer than any run.
LIFETIME = 6 * 3600


def local_issuer(algorithm: str = "RS256") -> LocalIssuer:
    """An issuer with a key of its own."""
    return LocalIssuer(ISSUER, audience=AUDIENCE, algorithms=(algorithm,))


def mint(
    issuer: LocalIssuer,
    count: int,
    *,
    kids: int = 0,
    issuers: int = 0,
    expired: bool = False,
    padding: int = 0,
) -> list[str]:
    """`count` distinct tokens with the claims of a usual access token, some 830 bytes with RS256.

    `kids` and `issuers` spread them over that many key ids and issuers (`nth`
    names them), `padding` adds bytes to the payload.
    """
    return list(
        minting(issuer, count, kids=kids, issuers=issuers, expired=expired, padding=padding)
    )


def minting(
    issuer: LocalIssuer,
    count: int,
    *,
    kids: int = 0,
    issuers: int = 0,
    expired: bool = False,
    padding: int = 0,
) -> Iterator[str]:
    """The tokens of `mint`, each signed when it is asked for."""
    key = issuer.key()
    now = int(time.time()) - (2 * LIFETIME if expired else 0)
    for number in range(count):
        header = {
            "alg": key.algorithm,
            "typ": "at+jwt",
            "kid": nth("kid", number % kids) if kids else key.kid,
        }
        name = nth(issuer.issuer, number % issuers) if issuers else issuer.issuer
        claims = {
            "iss": name,
            "sub": f"auth0|{number:024x}",
            "aud": [AUDIENCE, f"{name}userinfo"],
            "iat": now - 60,
            "exp": now + LIFETIME,
            "azp": "3kL9wWn0pQzXr5TtVb7Yc2Dd4Ff6Gg8H",
            "scope": SCOPE,
            "gty": "password",
            "jti": f"{number:016x}",
        }
        if padding:
            claims["padding"] = "x" * padding
        yield compact(header, json.dumps(claims, separators=(",", ":")).encode(), key)


def nth(name: str, number: int) -> str:
    """The name of the `number`th of many."""
    return f"{name}{number}/" if name.endswith("/") else f"{name}-{number}"


def forged(token: str) -> str:
    """The same token with another signature, as well-formed as its own."""
    body, _, signature = token.rpartition(".")
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    return f"{body}.{signature[:middle]}{other}{signature[middle + 1 :]}"


def malformed(token: str) -> str:
    """The same token without its signature."""
    return token.rpartition(".")[0]
