"""The measured tokens: distinct, signed, and of the usual size."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

from jwt_wsgi.jose.encoding import decode
from jwt_wsgi.testing import DPoPKey, LocalIssuer
from jwt_wsgi.testing.signing import SigningKey

AUDIENCE = "https://api.example.com"
ISSUER = "https://tenant.example.com/"
SCOPE = "openid profile email read:messages"

#: The lifetime of a token in seconds; longer than any run.
LIFETIME = 6 * 3600

#: The separators of JSON without white space, and of JSON as Python's `json.dumps` writes it.
COMPACT = (",", ":")
SPACED = (", ", ": ")


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
    spaced: bool = False,
    scopes: int = 0,
    more: Mapping[str, Any] | None = None,
) -> list[str]:
    """Return distinct tokens with the claims of a usual access token, about 830 bytes with RS256.

    Args:
        issuer: The issuer that signs.
        count: The number of tokens.
        kids: The number of key IDs that take turns; 0 for the ID of the key.
        issuers: The number of issuer names that take turns; 0 for the name of the issuer.
        expired: True for tokens that have expired.
        padding: Bytes to add to the payload.
        spaced: True for header and payload with a space after each comma and colon.
        scopes: The number of scopes to add to each token; no two tokens have one of them in common.
        more: Claims to add, or to put in the place of the usual ones.
    """
    return list(
        minting(
            issuer,
            count,
            kids=kids,
            issuers=issuers,
            expired=expired,
            padding=padding,
            spaced=spaced,
            scopes=scopes,
            more=more,
        )
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
    spaced: bool = False,
    scopes: int = 0,
    more: Mapping[str, Any] | None = None,
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
        claims: dict[str, Any] = {
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
        if scopes:
            own_scopes = (f"read:folder-{number:x}-{index}" for index in range(scopes))
            claims["scope"] = " ".join([SCOPE, *own_scopes])
        claims.update(more or {})
        yield _signed(header, claims, key, SPACED if spaced else COMPACT)


def _signed(
    header: Mapping[str, Any],
    claims: Mapping[str, Any],
    key: SigningKey,
    separators: tuple[str, str],
) -> str:
    texts = [json.dumps(part, separators=separators) for part in (header, claims)]
    message = ".".join(_base64url(text.encode()) for text in texts)
    return f"{message}.{_base64url(key.sign(message.encode()))}"


def _base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


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
