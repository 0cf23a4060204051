"""Private keys for tests and demos: every supported algorithm, signed as other libraries expect."""

import base64
import json
import secrets
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from josepy import jwa

from jwt_wsgi.jose.algorithms import ALGORITHMS

_HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
_CURVES: dict[str, ec.EllipticCurve] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
}


class SigningKey:
    """A fresh private key for `algorithm`, its public JWK, and what it signs.

    `jwk` is None for a secret, which is not published. `private` is cryptography's
    key, or the secret's bytes.
    """

    def __init__(self, algorithm: str, kid: str | None = None) -> None:
        self.algorithm = algorithm
        self.private: Any = _generate(algorithm)
        self.kid = f"{algorithm.lower()}-{secrets.token_hex(4)}" if kid is None else kid
        members = _public_members(self.private)
        self.jwk: dict[str, Any] | None = (
            None
            if members is None
            else {"kid": self.kid, "use": "sig", "alg": algorithm, **members}
        )

    def sign(self, message: bytes) -> bytes:
        """The signature over `message`, as it stands in a token."""
        signature: bytes = _signer(self.algorithm)(self.private, message)
        return signature


def compact(header: dict[str, Any], payload: bytes, key: SigningKey) -> str:
    """The token of this very header and payload, judged by nobody."""
    signing_input = f"{_encode(json.dumps(header).encode())}.{_encode(payload)}"
    return f"{signing_input}.{_encode(key.sign(signing_input.encode()))}"


def _generate(algorithm: str) -> Any:
    if algorithm not in ALGORITHMS:
        raise ValueError(
            f"algorithm={algorithm!r}: choose one that jwt_wsgi supports, such as RS256"
        )
    if algorithm[:2] in ("RS", "PS"):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    if algorithm in ("EdDSA", "Ed25519"):
        return ed25519.Ed25519PrivateKey.generate()
    return secrets.token_bytes(64)


def _signer(algorithm: str) -> Callable[[Any, bytes], bytes]:
    if algorithm[:2] == "PS":
        hash_ = _HASHES[algorithm[2:]]()
        salted = padding.PSS(mgf=padding.MGF1(hash_), salt_length=padding.PSS.DIGEST_LENGTH)
        return lambda key, message: key.sign(message, salted, hash_)
    if algorithm in ("EdDSA", "Ed25519"):
        return lambda key, message: key.sign(message)
    signer: Callable[[Any, bytes], bytes] = jwa.JWASignature.from_json(algorithm).sign
    return signer


def _public_members(private: Any) -> dict[str, str] | None:
    if isinstance(private, bytes):
        return None
    if isinstance(private, ed25519.Ed25519PrivateKey):
        raw = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return {"kty": "OKP", "crv": "Ed25519", "x": _encode(raw)}
    numbers = private.public_key().public_numbers()
    if isinstance(private, rsa.RSAPrivateKey):
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e)}
    size = (private.curve.key_size + 7) // 8
    return {
        "kty": "EC",
        "crv": f"P-{private.curve.key_size}",
        "x": _number(numbers.x, size),
        "y": _number(numbers.y, size),
    }


def _number(value: int, size: int | None = None) -> str:
    return _encode(value.to_bytes(size or (value.bit_length() + 7) // 8, "big"))


def _encode(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode("ascii")
