"""One key: a JWK, a PEM block or a secret in, a `Key` bound to its algorithms out.

Everything that makes an entry unusable is looked at in its raw members before a
library sees it (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate
from josepy.jwk import JWKEC, JWKRSA

from jwt_wsgi.jose import encoding
from jwt_wsgi.jose.algorithms import ALGORITHMS, meant_by, named

_PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "oth")
_RSA_BITS = range(2048, 8193)
_CURVES = {"secp256r1": ("P-256", 32), "secp384r1": ("P-384", 48), "secp521r1": ("P-521", 66)}
_COORDINATE_BYTES = dict(_CURVES.values())
_MAX_MEMBER = 1400  # characters: 8192 bits in base64url, and a leading zero octet


class Unusable(ValueError):
    """Why one key cannot be used. The text quotes no member of it."""


class Skipped(NamedTuple):
    """An entry of a JWKS that is not used: its position, its `kid` where it has one, and why."""

    position: int
    kid: str | None
    reason: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Key:
    """A verification key and the algorithms it is bound to; `kid` may be None."""

    kid: str | None
    algorithms: frozenset[str]
    material: Any

    def verifies(self, alg: str, message: bytes, signature: bytes) -> bool:
        """Whether `signature` over `message` is good under `alg`; False for a foreign `alg`."""
        return alg in self.algorithms and ALGORITHMS[alg].check(self.material, message, signature)

    def __repr__(self) -> str:
        return f"Key(kid={self.kid!r}, algorithms={sorted(self.algorithms)!r})"


def from_entry(entry: object, *, symmetric: bool) -> Key:
    """The key of one JWKS entry; raises `Unusable` with the reason."""
    if not isinstance(entry, dict):
        raise Unusable("not an object")
    kid = entry.get("kid")
    if "kid" in entry and not isinstance(kid, str):
        raise Unusable("kid is not a string")
    _check_purpose(entry)
    material, served = _material(entry, symmetric)
    return Key(kid, _bound(served, entry.get("alg")) if "alg" in entry else served, material)


def from_secret(secret: bytes) -> Key:
    """The key of a shared secret (bytes); raises `Unusable` for a short one or a public key."""
    if _is_asymmetric(secret):
        raise Unusable(
            "an asymmetric key is no secret: anyone may know it. Give it to "
            "StaticJWKS, with an RS, PS, ES or EdDSA algorithm"
        )
    served = named("oct", secret_bytes=len(secret))
    if not served:
        raise Unusable(f"a secret of {len(secret)} bytes; HS256 needs 32 or more (RFC 7518 §3.2)")
    return Key(None, served, secret)


def from_pem(pem: bytes, *, kid: str | None, alg: str | None) -> Key:
    """The key of a PEM public key or certificate; raises `Unusable` with the reason."""
    if b"PRIVATE KEY" in pem:
        raise Unusable("a private key; export its public part, and keep the private one away")
    try:
        if b"BEGIN CERTIFICATE" in pem:
            public: object = load_pem_x509_certificate(pem).public_key()
        else:
            public = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise Unusable("not a PEM public key or certificate") from None
    served = _served(public)
    return Key(kid, served if alg is None else _bound(served, alg), public)


def _check_purpose(entry: dict[str, Any]) -> None:
    if entry.get("use", "sig") != "sig":
        raise Unusable("use is not 'sig'")
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise Unusable("key_ops lacks 'verify'")
    if any(member in entry for member in _PRIVATE_MEMBERS):
        raise Unusable("private members: a key set for verification holds public keys only")


def _bound(served: frozenset[str], alg: object) -> frozenset[str]:
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise Unusable("alg is no signature algorithm that is supported")
    bound = meant_by(alg) & served
    if not bound:
        raise Unusable(f"alg {alg} does not fit the key's type, curve or size")
    return bound


def _material(entry: dict[str, Any], symmetric: bool) -> tuple[Any, frozenset[str]]:
    kty = entry.get("kty")
    if kty == "oct":
        if not symmetric:
            raise Unusable("a symmetric key; such keys are accepted only where asked for")
        key = from_secret(_octets(entry, "k"))
        return key.material, key.algorithms
    if "k" in entry:
        raise Unusable("a member k, which only symmetric keys have")
    if kty == "RSA":
        public: Any = _rsa(entry)
    elif kty == "EC":
        public = _ec(entry)
    elif kty == "OKP":
        public = _okp(entry)
    else:
        raise Unusable("kty is none of RSA, EC, OKP and oct")
    served = _served(public)
    if "x5c" in entry:
        _check_certificate(entry["x5c"], public)
    return public, served


def _octets(entry: dict[str, Any], member: str) -> bytes:
    text = entry.get(member)
    if not isinstance(text, str) or not text:
        raise Unusable(f"{member} is missing or not a string")
    if len(text) > _MAX_MEMBER:
        raise Unusable(f"{member} is too long")
    try:
        return encoding.decode(text)
    except ValueError:
        raise Unusable(f"{member} is not base64url") from None


def _rsa(entry: dict[str, Any]) -> RSAPublicKey:
    _check_rsa_numbers(
        int.from_bytes(_octets(entry, "n"), "big"), int.from_bytes(_octets(entry, "e"), "big")
    )
    loaded = JWKRSA.fields_from_json({name: entry[name] for name in ("n", "e")})
    key: RSAPublicKey = loaded.key.public_numbers().public_key()
    return key


def _check_rsa_numbers(n: int, e: int) -> None:
    if n.bit_length() not in _RSA_BITS:
        raise Unusable(f"RSA of {n.bit_length()} bits; 2048 to 8192 are accepted")
    if n % 2 == 0:
        raise Unusable("an even RSA modulus")
    # The upper bound is the size that keeps a verification cheap.
    if e < 65537 or e % 2 == 0 or e.bit_length() > 64:
        raise Unusable("an RSA exponent that is even, below 65537 or above 64 bits")


def _ec(entry: dict[str, Any]) -> EllipticCurvePublicKey:
    curve = entry.get("crv")
    if not isinstance(curve, str) or curve not in _COORDINATE_BYTES:
        raise Unusable("crv is none of P-256, P-384 and P-521")
    for member in ("x", "y"):
        if len(_octets(entry, member)) != _COORDINATE_BYTES[curve]:
            raise Unusable(f"{member} has not the size of a {curve} coordinate")
    try:
        loaded = JWKEC.fields_from_json({name: entry[name] for name in ("crv", "x", "y")})
    except ValueError:
        raise Unusable(f"the point is not on {curve}") from None
    key: EllipticCurvePublicKey = loaded.key.public_numbers().public_key()
    return key


def _okp(entry: dict[str, Any]) -> Ed25519PublicKey:
    if entry.get("crv") != "Ed25519":
        raise Unusable("crv is not Ed25519")
    octets = _octets(entry, "x")
    if len(octets) != 32:
        raise Unusable("x has not the size of an Ed25519 key")
    return Ed25519PublicKey.from_public_bytes(octets)


def _served(public: object) -> frozenset[str]:
    if isinstance(public, RSAPublicKey):
        numbers = public.public_numbers()
        _check_rsa_numbers(numbers.n, numbers.e)
        return named("RSA")
    if isinstance(public, EllipticCurvePublicKey) and public.curve.name in _CURVES:
        return named("EC", curve=_CURVES[public.curve.name][0])
    if isinstance(public, Ed25519PublicKey):
        return named("OKP", curve="Ed25519")
    raise Unusable("a key of a type or curve that is not supported")


def _check_certificate(chain: object, public: Any) -> None:
    """RFC 7517 §4.7: the first certificate's key is the one that the other members state."""
    try:
        if not isinstance(chain, list) or not isinstance(chain[0], str):
            raise ValueError
        certificate = load_der_x509_certificate(base64.b64decode(chain[0], validate=True))
        certified = _spki(certificate.public_key())
    except (ValueError, IndexError, UnsupportedAlgorithm):
        raise Unusable("x5c is not a list of certificates") from None
    if certified != _spki(public):
        raise Unusable("x5c certifies another key")


def _spki(public: Any) -> bytes:
    encoded: bytes = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return encoded


def _is_asymmetric(secret: bytes) -> bool:
    if b"-----BEGIN " in secret or secret.lstrip().startswith((b"{", b"ssh-")):
        return True
    for load in (serialization.load_der_public_key, load_der_x509_certificate):
        try:
            load(secret)
        except (ValueError, UnsupportedAlgorithm):
            continue
        return True
    return False
