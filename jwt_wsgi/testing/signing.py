"""Private keys for tests and demos, for every supported algorithm."""

import base64
import json
import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from jwt_wsgi.jose.algorithms import ALGORITHMS, remedy_for
from jwt_wsgi.jose.signing import signer_for

try:
    from cryptography.hazmat.primitives.asymmetric import mldsa
except ImportError:  # The module is new in cryptography 47.
    mldsa = None  # type: ignore[assignment]

_CURVES: dict[str, ec.EllipticCurve] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
}
#: The key types whose keys are raw octets, and whose signatures cover the message itself.
_RAW = ("OKP", "AKP")


class SigningKey:
    """A private key.

    Args:
        algorithm: The algorithm that it signs with, such as "RS256".
        kid: The key's ID, by default a random one.
        private: The private key of `cryptography`, which serves the algorithm; by default a new
            one.

    Attributes:
        algorithm: The algorithm that it signs with.
        kid: The key's ID.
        private: The private key of `cryptography`, or the bytes of a secret (HS algorithms).
        jwk: The public key as a JWK (RFC 7517), or None for a secret, which is not published.

    Raises:
        ValueError: The algorithm is not supported, or the installed cryptography lacks it.
    """

    def __init__(self, algorithm: str, kid: str | None = None, *, private: Any = None) -> None:
        if kid is None:
            kid = f"{algorithm.lower()}-{secrets.token_hex(4)}"
        self.algorithm = algorithm
        self.private: Any = _generate(algorithm) if private is None else private
        self.kid = kid
        self.jwk: dict[str, Any] | None = None
        if not isinstance(self.private, bytes):
            members = public_members(algorithm, self.private)
            self.jwk = {"kid": kid, "use": "sig", "alg": algorithm, **members}

    @property
    def pem(self) -> bytes:
        """The public key in PEM. A secret has none."""
        public = self.private.public_key()
        pem: bytes = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return pem

    def sign(self, message: bytes) -> bytes:
        """Return the signature over `message`, in the form that a token has it (RFC 7518 §3)."""
        signature: bytes = signer_for(self.algorithm)(self.private, message)
        return signature


def compact(
    header: dict[str, Any], payload: bytes, key: SigningKey, *, padded: bool = False
) -> str:
    """Return the token of this header and payload, signed by `key`. Neither is checked.

    Args:
        header: The header.
        payload: Any bytes.
        key: The key.
        padded: True to pad the segments, and to sign the padding.
    """
    encode = _padded_base64url if padded else _base64url
    signing_input = f"{encode(json.dumps(header).encode())}.{encode(payload)}"
    return f"{signing_input}.{encode(key.sign(signing_input.encode()))}"


def without_none(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members whose value is not None."""
    return {name: value for name, value in members.items() if value is not None}


def public_members(algorithm: str, private: Any) -> dict[str, str]:
    """Return the members of the public JWK (RFC 7518 §6, RFC 8037 §2, RFC 9964 §3).

    Args:
        algorithm: The algorithm, which is not symmetric.
        private: Its private key of `cryptography`.
    """
    row = ALGORITHMS[algorithm]
    if row.kty == "AKP":
        octets = private.public_key().public_bytes_raw()
        return {"kty": "AKP", "alg": algorithm, "pub": _base64url(octets)}
    if row.kty == "OKP":
        octets = private.public_key().public_bytes_raw()
        return {"kty": "OKP", "crv": str(row.variant), "x": _base64url(octets)}
    numbers = private.public_key().public_numbers()
    if isinstance(private, rsa.RSAPrivateKey):
        return {"kty": "RSA", "n": _base64url_uint(numbers.n), "e": _base64url_uint(numbers.e)}
    # RFC 7518 §6.2.1: a coordinate has the full length of the curve's field.
    size = (private.curve.key_size + 7) // 8
    return {
        "kty": "EC",
        "crv": f"P-{private.curve.key_size}",
        "x": _base64url(numbers.x.to_bytes(size, "big")),
        "y": _base64url(numbers.y.to_bytes(size, "big")),
    }


def _generate(algorithm: str) -> Any:
    if algorithm not in ALGORITHMS:
        raise ValueError(
            f"algorithm={algorithm!r}: choose one that jwt_wsgi supports, such as RS256"
        )
    remedy = remedy_for(algorithm)
    if remedy is not None:
        raise ValueError(f"algorithm={algorithm!r}: the installed cryptography lacks it; {remedy}")
    if algorithm[:2] in ("RS", "PS"):
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    if ALGORITHMS[algorithm].kty in _RAW:
        return _generate_raw(algorithm)
    return secrets.token_bytes(64)


def _generate_raw(algorithm: str) -> Any:
    if ALGORITHMS[algorithm].kty == "AKP":
        # "ML-DSA-44" has the class MLDSA44PrivateKey.
        return getattr(mldsa, f"{algorithm.replace('-', '')}PrivateKey").generate()
    if algorithm == "Ed448":
        return ed448.Ed448PrivateKey.generate()
    return ed25519.Ed25519PrivateKey.generate()


def _base64url_uint(value: int) -> str:
    """Return Base64urlUInt, the shortest big-endian form (RFC 7518 §2)."""
    return _base64url(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def _base64url(octets: bytes) -> str:
    return _padded_base64url(octets).rstrip("=")


def _padded_base64url(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).decode("ascii")
