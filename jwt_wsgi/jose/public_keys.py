"""One public key: checks its members in a JWK, and loads it (RFC 7518 §6, RFC 8037, RFC 9964).

The encodings of members are read tolerantly, because issuers differ there; the numbers that they
encode are checked strictly.
"""

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from josepy.jwk import JWKEC, JWKRSA

from jwt_wsgi.jose import encoding
from jwt_wsgi.jose.algorithms import algorithms_for
from jwt_wsgi.jose.raw_keys import CLASSES, RAW_KEYS, UNAVAILABLE, name_of

EC_COORDINATE_BYTES = {"P-256": 32, "P-384": 48, "P-521": 66}
_OKP_CURVES = tuple(name for name, raw_key in RAW_KEYS.items() if raw_key.kty == "OKP")
_AKP_ALGORITHMS = tuple(name for name, raw_key in RAW_KEYS.items() if raw_key.kty == "AKP")
# Characters. 8192 bits of RSA in base64, and a leading zero octet; `pub` of ML-DSA-87, with room
# for padding and line ends.
_MAX_MEMBER = 1400
MAX_PUB = 3600


class Unusable(ValueError):
    """The reason why a key cannot be used. The text quotes no member of the key."""


def load_public_key(entry: dict[str, Any]) -> Any:
    """Return the public key of cryptography that the members of a JWK describe.

    Args:
        entry: The JWK, whose members for every type of key are checked already.

    Raises:
        Unusable: The key cannot be used.
    """
    kty = entry.get("kty")
    if kty == "RSA":
        return _load_rsa(entry)
    if kty == "AKP":
        return _load_akp(entry)
    if kty not in ("EC", "OKP"):
        raise Unusable("kty is not RSA, EC, OKP, AKP or oct")
    curve = entry.get("crv")
    if kty == "EC" and isinstance(curve, str) and curve in EC_COORDINATE_BYTES:
        return _load_ec(entry, curve)
    if kty == "OKP" and curve in _OKP_CURVES:
        return _load_raw(curve, decode_member(entry, "x"), "x does not have the size of the curve")
    raise Unusable(
        "crv is not P-256, P-384, P-521, Ed25519 or Ed448, or does not belong to this kty"
    )


def decode_member(
    entry: dict[str, Any],
    member: str,
    decode: Callable[[str], bytes] = encoding.decode_tolerantly,
    *,
    max_length: int = _MAX_MEMBER,
) -> bytes:
    """Return the octets of a member.

    Args:
        entry: The JWK.
        member: The name of the member.
        decode: Returns the octets of a text, or raises `ValueError`.
        max_length: The greatest number of characters.

    Raises:
        Unusable: The member is missing, too long, or not what `decode` reads.
    """
    text = entry.get(member)
    if not isinstance(text, str) or not 0 < len(text) <= max_length:
        raise Unusable(f"{member} is missing, not a string, or too long")
    try:
        return decode(text)
    except ValueError:
        raise Unusable(f"{member} is not base64url") from None


def algorithms_of(public_key: object) -> frozenset[str]:
    """Return the algorithms of the key's type, and of its curve or parameter set.

    Raises:
        Unusable: There is none, or an RSA key has a size or exponent that is not accepted.
    """
    algorithms: frozenset[str] = frozenset()
    if isinstance(public_key, RSAPublicKey):
        numbers = public_key.public_numbers()
        _check_rsa(numbers.n, numbers.e)
        algorithms = algorithms_for("RSA")
    elif isinstance(public_key, EllipticCurvePublicKey):
        algorithms = algorithms_for("EC", variant=public_key.curve.name)
    else:
        name = name_of(public_key)
        if name is not None:
            algorithms = algorithms_for(RAW_KEYS[name].kty, variant=name)
    if not algorithms:
        raise Unusable("a key of a type or curve that is not supported")
    return algorithms


def describe_size(material: object) -> str | None:
    """Return the size of a key's material as text: bits, bytes, or the name of its curve.

    Args:
        material: A public key of cryptography, or a secret as bytes.
    """
    if isinstance(material, bytes):
        return "a shared secret"
    if isinstance(material, RSAPublicKey | EllipticCurvePublicKey):
        return f"{material.key_size} bits"
    name = name_of(material)
    if name in _AKP_ALGORITHMS:
        return f"{RAW_KEYS[name].octets} bytes"
    return name


def _load_rsa(entry: dict[str, Any]) -> Any:
    modulus = decode_member(entry, "n")
    exponent = decode_member(entry, "e")
    _check_rsa(int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big"))
    members = {"n": encoding.encode(modulus), "e": encoding.encode(exponent)}
    return JWKRSA.fields_from_json(members).key.public_numbers().public_key()


def _load_ec(entry: dict[str, Any], curve: str) -> Any:
    size = EC_COORDINATE_BYTES[curve]
    members = {
        "crv": curve,
        "x": encoding.encode(_decode_coordinate(entry, "x", size)),
        "y": encoding.encode(_decode_coordinate(entry, "y", size)),
    }
    try:
        return JWKEC.fields_from_json(members).key.public_numbers().public_key()
    except ValueError:
        raise Unusable(f"the point is not on {curve}") from None


def _decode_coordinate(entry: dict[str, Any], member: str, size: int) -> bytes:
    """Return a coordinate in the size of its curve, which RFC 7518 §6.2.1.2 demands.

    Some issuers write it as a number: without its leading zero octets, or with the one zero
    octet that a signed integer begins with.
    """
    octets = decode_member(entry, member)
    if len(octets) == size + 1:
        octets = octets.removeprefix(b"\0")
    if len(octets) > size:
        raise Unusable(f"{member} does not have the size of the curve")
    return octets.rjust(size, b"\0")


def _load_akp(entry: dict[str, Any]) -> Any:
    """Return the key of type AKP, whose `alg` is its parameter set (RFC 9964 §3 and §5)."""
    alg = entry.get("alg")
    if alg not in _AKP_ALGORITHMS:
        raise Unusable(f"alg of an AKP key is not one of {', '.join(_AKP_ALGORITHMS)}")
    octets = decode_member(entry, "pub", max_length=MAX_PUB)
    return _load_raw(alg, octets, f"pub does not have the size of {alg}")


def _load_raw(name: str, octets: bytes, wrong_size: str) -> Any:
    if name in UNAVAILABLE:
        raise Unusable(f"the installed cryptography lacks {name}: {UNAVAILABLE[name]}")
    if len(octets) != RAW_KEYS[name].octets:
        raise Unusable(wrong_size)
    return CLASSES[name].from_public_bytes(octets)


def _check_rsa(modulus: int, exponent: int) -> None:
    bits = modulus.bit_length()
    if not 2048 <= bits <= 8192:
        raise Unusable(f"RSA of {bits} bits; 2048 to 8192 are accepted")
    if modulus % 2 == 0:
        raise Unusable("an even RSA modulus")
    # The upper bound keeps a verification cheap.
    if not 65537 <= exponent < 2**64 or exponent % 2 == 0:
        raise Unusable("an RSA exponent that is even, below 65537 or over 64 bits")
