"""The measured tokens: distinct, signed, and of the usual size."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from jwt_wsgi.jose.encoding import decode
from jwt_wsgi.testing import DPoPKey, LocalIssuer
from jwt_wsgi.testing.signing import compact

AUDIENCE = "https://api.example.com"
ISSUER = "https://tenant.example.com/"
SCOPE = "openid profile email read:messages"

#: The lifetime of a token in seconds; longer than any run.
LIFETIME = 6 * 3600


def local_issuer(algorithm: str = "RS256") -> LocalIssuer:
    """Return an issuer with a new key."""
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
    """Return distinct tokens with the claims of a usual access token, about 830 bytes with RS256.

    Args:
        issuer: The issuer that signs.
        count: The number of tokens.
        kids: The number of key IDs that take turns; 0 for the ID of the key.
        issuers: The number of issuer names that take turns; 0 for the name of the issuer.
        expired: True for tokens that have expired.
        padding: Bytes to add to the payload.
    """
    return list(
        minting(issuer, count, kids=kids, issuers=issuers, expired=expired, padding=padding)
    )


def mint_proofs(token: str, key: DPoPKey, count: int) -> list[str]:
    """Return distinct DPoP proofs for requests with one token (RFC 9449 §4.2)."""
    return [key.proof("GET", f"{AUDIENCE}/api/private-scoped", token) for _ in range(count)]


def answer_about(issuer: LocalIssuer) -> dict[str, object]:
    """Return what an introspection endpoint says of a token with the usual claims (RFC 7662)."""
    [token] = mint(issuer, 1)
    payload = token.split(".")[1]
    claims: dict[str, object] = json.loads(decode(payload))
    return {"active": True, "token_type": "Bearer", **claims}


def minting(
    issuer: LocalIssuer,
    count: int,
    *,
    kids: int = 0,
    issuers: int = 0,
    expired: bool = False,
    padding: int = 0,
) -> Iterator[str]:
    """Yield the tokens of `mint`, each signed when it is needed."""
    key = issuer.key()
    now = int(time.time())
    if expired:
        now -= 2 * LIFETIME
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
    """Return the name of the `number`th of many key IDs or issuers."""
    if name.endswith("/"):
        return f"{name}{number}/"
    return f"{name}-{number}"


def forged(token: str) -> str:
    """Return the token with a wrong but well-formed signature."""
    body, _, signature = token.rpartition(".")
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    return f"{body}.{signature[:middle]}{other}{signature[middle + 1 :]}"


def malformed(token: str) -> str:
    """Return the token without its signature."""
    return token.rpartition(".")[0]
