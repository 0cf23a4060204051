"""Keys and tokens of all kinds, for the cases."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from benchmarks.comparison.adapters.base import Profile
from jwt_wsgi.testing.signing import SigningKey, public_members

ISSUER = "https://tenant.example.com/"
AUDIENCE = "https://api.example.com"
SCOPE = "read:messages"
#: Seconds that tokens live: longer than every movement of the clock.
LIFETIME = 30 * 86400

Json = dict[str, Any]


def base64url(octets: bytes) -> str:
    """Encode as base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(octets).decode("ascii").rstrip("=")


class Keyring:
    """The keys of the issuer, by the name of a profile, and the key of an attacker."""

    def __init__(self) -> None:
        weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
        curve = ec.generate_private_key(ec.SECP384R1())
        self.keys = {
            "RS256": SigningKey("RS256", "k1"),
            "ES256": SigningKey("ES256", "k2"),
            "PS256": SigningKey("PS256", "k3"),
            "RSA of 1024 bits": SigningKey("RS256", "k4", private=weak),
            "ES256 with P-384": SigningKey("ES384", "k5", private=curve),
            "alg of the key": SigningKey("RS256", "k6"),
        }
        self.attacker = SigningKey("RS256", "k1")
        self._jwks = {name: self._published(name, key) for name, key in self.keys.items()}

    def _published(self, name: str, key: SigningKey) -> Json:
        members: Json = {"kid": key.kid, "use": "sig", **public_members(key.algorithm, key.private)}
        if name == "alg of the key":
            members["alg"] = "PS256"
        elif name != "ES256 with P-384":
            members["alg"] = key.algorithm
        return members

    def jwk(self, profile: str) -> Json:
        """Return the published key of a profile."""
        return self._jwks[profile]

    def profile(self, name: str, jwks_url: str, nonce_secret: str = "") -> Json:
        """Return the profile of this name, as JSON."""
        algorithm = name if name in ("ES256", "PS256") else "RS256"
        if name == "ES256 with P-384":
            algorithm = "ES256"
        pem = self.keys[name].pem.decode()
        jwks = {"keys": [self.jwk(name)]}
        profile = Profile(ISSUER, AUDIENCE, algorithm, SCOPE, jwks, pem, jwks_url, nonce_secret)
        return profile._asdict()


def header(key: SigningKey, **members: Any) -> Json:
    """Return the usual header, with `members` instead of its own; None removes one."""
    usual = {"alg": key.algorithm, "typ": "at+jwt", "kid": key.kid}
    return _without_none({**usual, **members})


def claims(**members: Any) -> Json:
    """Return the claims that RFC 9068 §2.2 requires, with `members` instead of its own."""
    now = int(time.time())
    usual = {
        "iss": ISSUER,
        "sub": "user-1",
        "aud": AUDIENCE,
        "client_id": "client-1",
        "iat": now - 60,
        "exp": now + LIFETIME,
        "jti": base64url(time.time_ns().to_bytes(8, "big")),
        "scope": SCOPE,
    }
    return _without_none({**usual, **members})


def _without_none(members: Mapping[str, Any]) -> Json:
    return {name: value for name, value in members.items() if value is not None}


def dumps(value: Any) -> bytes:
    """Write JSON without white space."""
    return json.dumps(value, separators=(",", ":")).encode()


def sign(key: SigningKey, head: Json | bytes, payload: Json | bytes) -> str:
    """Return a token that the key signs with its algorithm."""
    message = signing_input(head, payload)
    return f"{message}.{base64url(key.sign(message.encode()))}"


def signing_input(head: Json | bytes, payload: Json | bytes) -> str:
    """Return the text that is signed (RFC 7515 §5.1)."""
    octets = [part if isinstance(part, bytes) else dumps(part) for part in (head, payload)]
    return ".".join(base64url(part) for part in octets)


def sign_with_p384(key: SigningKey, head: Json, payload: Json) -> str:
    """Return a token that says ES256, whose signature is by P-384 and SHA-256."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    message = signing_input(head, payload)
    r, s = decode_dss_signature(key.private.sign(message.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{message}.{base64url(r.to_bytes(48, 'big') + s.to_bytes(48, 'big'))}"


def sign_as_der(key: SigningKey, head: Json, payload: Json) -> str:
    """Return a token whose ECDSA signature has the form of DER."""
    message = signing_input(head, payload)
    signature = key.private.sign(message.encode(), ec.ECDSA(hashes.SHA256()))
    return f"{message}.{base64url(signature)}"


def sign_with_salt(key: SigningKey, head: Json, payload: Json, length: int) -> str:
    """Return a token whose PSS signature has a salt of this length."""
    message = signing_input(head, payload)
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=length)
    signature = key.private.sign(message.encode(), scheme, hashes.SHA256())
    return f"{message}.{base64url(signature)}"


def sign_with_hmac(secret: bytes, head: Json, payload: Json) -> str:
    """Return a token that is signed with a secret and HMAC (RFC 7518 §3.2)."""
    import hashlib
    import hmac

    message = signing_input(head, payload)
    digest = hmac.new(secret, message.encode(), hashlib.sha256).digest()
    return f"{message}.{base64url(digest)}"


def good(key: SigningKey, **members: Any) -> str:
    """Return a token that every library accepts, with `members` among its claims."""
    return sign(key, header(key), claims(**members))
