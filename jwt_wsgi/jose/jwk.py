"""One key: turns a JWK, a PEM block or a secret into a `Key` bound to its algorithms.

The raw members of an entry are checked before a library reads them (RFC 7517 §4).
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509 import InvalidVersion, load_pem_x509_certificate

from jwt_wsgi.jose import encoding, public_keys
from jwt_wsgi.jose.algorithms import ALGORITHMS, algorithms_for, interchangeable
from jwt_wsgi.jose.certificates import certifies_another_key
from jwt_wsgi.jose.key_confusion import is_asymmetric
from jwt_wsgi.jose.pem import Block
from jwt_wsgi.jose.public_keys import Unusable
from jwt_wsgi.jose.raw_keys import UNAVAILABLE

#: Members that only private keys have (RFC 7518 §6, RFC 9964 §3).
PRIVATE_MEMBERS = ("d", "p", "q", "dp", "dq", "qi", "oth", "priv")
_EMPTY: tuple[object, ...] = ("", [], {})


class Skipped(NamedTuple):
    """An entry of a JWKS that is not used.

    Attributes:
        position: The entry's index in `keys`, from 0.
        kid: The entry's `kid`, or None where it has no usable one.
        reason: The reason why it is not used; it quotes no other member of the key.
    """

    position: int
    kid: str | None
    reason: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Key:
    """A verification key, bound to its algorithms. `repr` shows none of its attributes.

    Attributes:
        kid: The key's ID, or None.
        algorithms: The algorithms that the key may verify.
        material: The public key of cryptography, or the secret as bytes.
    """

    kid: str | None
    algorithms: frozenset[str]
    material: Any

    def verifies(self, alg: str, message: bytes, signature: bytes) -> bool:
        """Return whether `signature` over `message` is valid under `alg`.

        An `alg` that the key is not bound to is never valid.
        """
        return alg in self.algorithms and ALGORITHMS[alg].check(self.material, message, signature)


def from_entry(entry: object, *, symmetric: bool) -> Key:
    """Return the key of one JWKS entry.

    Args:
        entry: The entry as parsed from JSON.
        symmetric: Accept symmetric keys (`kty` is `oct`) as well.

    Raises:
        Unusable: The entry cannot be used.
    """
    if not isinstance(entry, dict):
        raise Unusable("not an object")
    entry = _without_empty_members(entry)
    _check_common_members(entry)
    if entry.get("kty") != "oct":
        key = _read_public_entry(entry)
    elif symmetric:
        key = _read_symmetric_entry(entry)
    else:
        raise Unusable("a symmetric key; KeySet.from_jwks accepts these only with symmetric=True")
    if "alg" not in entry:
        return key
    return replace(key, algorithms=_restrict_to_alg(key.algorithms, entry["alg"]))


def from_secret(secret: bytes) -> Key:
    """Return the key of a shared secret, for the HS algorithms that it is long enough for.

    Raises:
        Unusable: The secret is shorter than 32 bytes, or is a public or private key.
    """
    if is_asymmetric(secret):
        raise Unusable(
            "an asymmetric key is not a secret, because anyone may know its public part: "
            "pass it to StaticJWKS"
        )
    algorithms = algorithms_for("oct", secret_bytes=len(secret))
    if not algorithms:
        raise Unusable(f"a secret of {len(secret)} bytes; HS256 needs 32 (RFC 7518 §3.2)")
    return Key(None, algorithms, secret)


def from_pem_block(block: Block, *, kid: str | None, alg: str | None) -> Key:
    """Return the key of a PEM public key or certificate.

    Args:
        block: The PEM block.
        kid: The key's ID, or None.
        alg: The one algorithm to bind the key to; None is every algorithm of its type.

    Raises:
        Unusable: The key is private, of an unsupported type or size, or does not fit `alg`.
    """
    if block.is_private:
        raise Unusable("a private key; export its public part")
    public_key = _load_pem(block)
    algorithms = public_keys.algorithms_of(public_key)
    if alg is not None:
        algorithms = _restrict_to_alg(algorithms, alg)
    return Key(kid, algorithms, public_key)


def _load_pem(block: Block) -> object:
    try:
        if block.label.endswith("CERTIFICATE"):
            return load_pem_x509_certificate(block.octets).public_key()
        return serialization.load_pem_public_key(block.octets)
    except (ValueError, UnsupportedAlgorithm, InvalidVersion):
        raise Unusable(_unreadable_pem()) from None


def _unreadable_pem() -> str:
    problem = "not a PEM public key or certificate"
    if not UNAVAILABLE:
        return problem
    return f"{problem}, or one that the installed cryptography lacks ({', '.join(UNAVAILABLE)})"


def _without_empty_members(entry: dict[str, Any]) -> dict[str, Any]:
    """Return `entry` without the members that are null or empty, which mean absent.

    Serializers write these for members without a value. Only an empty `kid` is a value.
    """
    return {
        name: value
        for name, value in entry.items()
        if value is not None and (name == "kid" or value not in _EMPTY)
    }


def _check_common_members(entry: dict[str, Any]) -> None:
    """Check the members that every type of key may have (RFC 7517 §4)."""
    if "kid" in entry and not isinstance(entry["kid"], str):
        raise Unusable("kid is not a string")
    if entry.get("use", "sig") != "sig":
        raise Unusable("use is not 'sig'")
    operations = entry.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise Unusable("key_ops lacks 'verify'")
    if not entry.keys().isdisjoint(PRIVATE_MEMBERS):
        raise Unusable("private members; publish the public ones")


def _read_symmetric_entry(entry: dict[str, Any]) -> Key:
    secret = public_keys.decode_member(entry, "k", encoding.decode)
    return replace(from_secret(secret), kid=entry.get("kid"))


def _read_public_entry(entry: dict[str, Any]) -> Key:
    if "k" in entry:
        raise Unusable("a member k, which only symmetric keys have")
    public_key = public_keys.load_public_key(entry)
    algorithms = public_keys.algorithms_of(public_key)
    if certifies_another_key(entry.get("x5c"), public_key):
        raise Unusable("x5c certifies another key")
    return Key(entry.get("kid"), algorithms, public_key)


def _restrict_to_alg(algorithms: frozenset[str], alg: object) -> frozenset[str]:
    """Return those of the key's algorithms that its `alg` names (RFC 7517 §4.4)."""
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        raise Unusable("alg is not a supported signature algorithm")
    restricted = interchangeable(alg) & algorithms
    if not restricted:
        raise Unusable(f"alg {alg} does not fit the key's type, curve or size")
    return restricted
