"""One key: a JWK, a PEM block or a secret in, a `Key` bound to its algorithms out.

Everything that makes an entry unusable is looked at in its raw members before a
library sees it (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).
"""

import base64
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import InvalidVersion, load_der_x509_certificate, load_pem_x509_certificate
from josepy.jwk import JWKEC, JWKRSA

from jwt_wsgi.jose import encoding
from jwt_wsgi.jose.algorithms import ALGORITHMS, algorithms_for, interchangeable
from jwt_wsgi.jose.strict_json import read_object

_PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "oth")
_COORDINATE_BYTES = {"EC P-256": 32, "EC P-384": 48, "EC P-521": 66, "OKP Ed25519": 32}
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
    """A verification key and the algorithms it is bound to; `kid` may be None. Its repr shows neither."""

    kid: str | None
    algorithms: frozenset[str]
    material: Any

    def verifies(self, alg: str, message: bytes, signature: bytes) -> bool:
        """Whether `signature` over `message` is good under `alg`; False for a foreign `alg`."""
        return alg in self.algorithms and ALGORITHMS[alg].check(self.material, message, signature)


def from_entry(entry: object, *, symmetric: bool) -> Key:
    """The key of one JWKS entry; raises `Unusable` with the reason."""
    if not isinstance(entry, dict):
        raise Unusable("not an object")
    kid, operations = entry.get("kid"), entry.get("key_ops", ["verify"])
    _must("kid" not in entry or isinstance(kid, str), "kid is not a string")
    _must(entry.get("use", "sig") == "sig", "use is not 'sig'")
    _must(isinstance(operations, list) and "verify" in operations, "key_ops lacks 'verify'")
    _must(entry.keys().isdisjoint(_PRIVATE_MEMBERS), "private members; publish the public ones")
    if entry.get("kty") == "oct":
        _must(symmetric, "a symmetric key; such keys are accepted only where asked for")
        material: Any = _octets(entry, "k")
        served = from_secret(material).algorithms
    else:
        _must("k" not in entry, "a member k, which only symmetric keys have")
        material = _public(entry)
        served = _served(material)
        _check_certificate(entry, material)
    return Key(kid, _bound(served, entry["alg"]) if "alg" in entry else served, material)


def from_secret(secret: bytes) -> Key:
    """The key of a shared secret (bytes); raises `Unusable` for a short one or a public key."""
    _must(
        not _is_asymmetric(secret),
        "an asymmetric key is no secret, for anyone may know it: give it to StaticJWKS",
    )
    served = algorithms_for("oct", secret_bytes=len(secret))
    _must(bool(served), f"a secret of {len(secret)} bytes; HS256 needs 32 (RFC 7518 §3.2)")
    return Key(None, served, secret)


def from_pem(pem: bytes, *, kid: str | None, alg: str | None) -> Key:
    """The key of a PEM public key or certificate; raises `Unusable` with the reason."""
    _must(b"PRIVATE KEY" not in pem, "a private key; export its public part")
    try:
        certified = b"BEGIN CERTIFICATE" in pem
        load = serialization.load_pem_public_key
        public: object = load_pem_x509_certificate(pem).public_key() if certified else load(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise Unusable("not a PEM public key or certificate") from None
    served = _served(public)
    return Key(kid, served if alg is None else _bound(served, alg), public)


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise Unusable(otherwise)


def _bound(served: frozenset[str], alg: object) -> frozenset[str]:
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise Unusable("alg is no signature algorithm that is supported")
    bound = interchangeable(alg) & served
    _must(bool(bound), f"alg {alg} does not fit the key's type, curve or size")
    return bound


def _octets(entry: dict[str, Any], member: str) -> bytes:
    text = entry.get(member)
    if not isinstance(text, str) or not 0 < len(text) <= _MAX_MEMBER:
        raise Unusable(f"{member} is missing, not a string, or too long")
    try:
        return encoding.decode(text)
    except ValueError:
        raise Unusable(f"{member} is not base64url") from None


def _public(entry: dict[str, Any]) -> Any:
    kty, curve = entry.get("kty"), entry.get("crv")
    if kty == "RSA":
        _check_rsa(*(int.from_bytes(_octets(entry, member), "big") for member in ("n", "e")))
        return JWKRSA.fields_from_json(entry).key.public_numbers().public_key()
    _must(kty in ("EC", "OKP"), "kty is none of RSA, EC, OKP and oct")
    size = _COORDINATE_BYTES.get(f"{kty} {curve}")
    _must(size is not None, "crv is none of P-256, P-384, P-521 and Ed25519, or not of this kty")
    for member in ("x", "y") if kty == "EC" else ("x",):
        _must(len(_octets(entry, member)) == size, f"{member} has not the size of the curve")
    if kty == "OKP":
        return Ed25519PublicKey.from_public_bytes(_octets(entry, "x"))
    try:
        return JWKEC.fields_from_json(entry).key.public_numbers().public_key()
    except ValueError:
        raise Unusable(f"the point is not on {curve}") from None


def _check_rsa(n: int, e: int) -> None:
    bits = n.bit_length()
    _must(2048 <= bits <= 8192, f"RSA of {bits} bits; 2048 to 8192 are accepted")
    _must(n % 2 == 1, "an even RSA modulus")
    # The upper bound is the size that keeps a verification cheap.
    _must(65537 <= e < 2**64 and e % 2 == 1, "an RSA exponent even, below 65537 or over 64 bits")


def _served(public: object) -> frozenset[str]:
    served: frozenset[str] = frozenset()
    if isinstance(public, RSAPublicKey):
        numbers = public.public_numbers()
        _check_rsa(numbers.n, numbers.e)
        served = algorithms_for("RSA")
    elif isinstance(public, EllipticCurvePublicKey):
        served = algorithms_for("EC", curve=public.curve.name)
    elif isinstance(public, Ed25519PublicKey):
        served = algorithms_for("OKP")
    _must(bool(served), "a key of a type or curve that is not supported")
    return served


def _check_certificate(entry: dict[str, Any], public: object) -> None:
    """RFC 7517 §4.7: the first certificate's key is the one that the other members state."""
    if "x5c" not in entry:
        return
    try:
        first = base64.b64decode(entry["x5c"][0], validate=True)
        certified = load_der_x509_certificate(first).public_key()
    except (ValueError, TypeError, LookupError, UnsupportedAlgorithm, InvalidVersion):
        raise Unusable("x5c is not a list of certificates") from None
    _must(certified == public, "x5c certifies another key")


def _is_asymmetric(secret: bytes) -> bool:
    # The last octet of a binary form may itself look like white space.
    forms = [secret, secret.strip(), secret.removesuffix(b"\n"), secret.removesuffix(b"\r\n")]
    with suppress(ValueError):
        forms.append(base64.b64decode(secret))
    public = (
        serialization.load_der_public_key,
        serialization.load_ssh_public_key,
        load_der_x509_certificate,
    )
    for load, form in product((*public, _json_key), forms):
        with suppress(ValueError, UnsupportedAlgorithm):
            with suppress(InvalidVersion):  # of a certificate, all the same
                load(form)
            return True
    return b"----BEGIN " in secret.replace(b"- BEGIN ", b"-BEGIN ")


def _json_key(secret: bytes) -> None:
    _must(not read_object(secret).keys().isdisjoint(("kty", "keys")), "no JWK and no JWKS")
