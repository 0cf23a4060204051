"""The keys and issuers that the harnesses share, and what tells a good verdict.

They never change, so a seed that is signed stays good.
"""

from __future__ import annotations

import hmac

from cryptography.hazmat.primitives.asymmetric import ec
from josepy import jwa

from jwt_wsgi import InvalidToken, Issuer, SharedSecret, StaticJWKS
from jwt_wsgi.errors import REASONS
from jwt_wsgi.jose.encoding import decode, encode

NOW = 1_800_000_000
AUDIENCE = "https://api.test"
SECRET = b"a secret of the fuzzers, public for all to read"
PRIVATE = ec.derive_private_key(20_260_101, ec.SECP256R1())
_POINT = PRIVATE.public_key().public_numbers()
JWKS = {
    "keys": [
        {
            "kty": "EC",
            "crv": "P-256",
            "kid": "es256",
            "x": encode(_POINT.x.to_bytes(32, "big")),
            "y": encode(_POINT.y.to_bytes(32, "big")),
        }
    ]
}

_SOURCES = {"HS256": SharedSecret(SECRET), "ES256": StaticJWKS(JWKS)}
#: Both algorithms, both profiles, and every kind of extra claim; `iss` tells which.
ISSUERS = [
    Issuer("https://hs256.test/", audience=AUDIENCE, keys=_SOURCES["HS256"], algorithms=["HS256"]),
    Issuer(
        "https://es256.test/",
        audience=AUDIENCE,
        keys=_SOURCES["ES256"],
        algorithms=["ES256"],
        max_age=3600,
    ),
    Issuer(
        "https://at.test/",
        audience=AUDIENCE,
        keys=_SOURCES["HS256"],
        algorithms=["HS256"],
        profile="at+jwt",
    ),
    Issuer(
        "https://claims.test/",
        audience=[AUDIENCE, "other"],
        keys=_SOURCES["ES256"],
        algorithms=["ES256"],
        claims={
            "sub": ...,
            ("realm", "roles"): ["reader", 1, True, None, {}],
            ("realm", "level"): lambda level: level > 3,
        },
        scope_claim=("realm", "scopes"),
    ),
]


def signed(header: bytes, payload: bytes) -> str:
    """The token of this very text, signed with ES256 where the header speaks of it, or else with HS256."""
    signing_input = f"{encode(header)}.{encode(payload)}"
    sign = jwa.ES256.sign if b"ES256" in header else jwa.HS256.sign
    key = PRIVATE if b"ES256" in header else SECRET
    return f"{signing_input}.{encode(sign(key, signing_input.encode()))}"


def really_signed(token: str) -> bool:
    """Whether it is signed with the secret, by the standard library's HMAC, or with the private key."""
    signing_input, _, signature = token.rpartition(".")
    octets = decode(signature)
    mac = hmac.digest(SECRET, signing_input.encode(), "sha256")
    return octets == mac or jwa.ES256.verify(PRIVATE.public_key(), signing_input.encode(), octets)


def check_text(refusal: InvalidToken) -> None:
    """Its text is the reason's own, in which nothing of the token can stand."""
    assert str(refusal) == f"{refusal.reason}: {REASONS[refusal.reason]}"
