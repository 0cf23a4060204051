"""The signature algorithms, each bound to its key type, curve and hash (RFC 7518 §3).

RFC 8037, 9864 and 9964 add Ed25519, Ed448 and ML-DSA, which need no separate hash.

Every algorithm is looked up in `ALGORITHMS`, and cryptography verifies its signatures. The names
that josepy or cryptography know, `none` among them, are never consulted.
"""

from collections.abc import Callable
from hmac import compare_digest
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec, padding

from jwt_wsgi.jose.raw_keys import UNAVAILABLE

#: A function of key material, message and signature that returns whether the signature is valid.
Check = Callable[[Any, bytes, bytes], bool]


class Algorithm(NamedTuple):
    """A signature algorithm.

    Attributes:
        kty: The key type of its JWKs.
        check: Returns whether a signature is valid.
        variant: The curve of its keys (for EC as cryptography names it), or their parameter set
            (AKP); None if one key serves several.
        min_secret_bytes: The least length of a shared secret (RFC 7518 §3.2).
    """

    kty: str
    check: Check
    variant: str | None = None
    min_secret_bytes: int = 0


def _rsa(scheme: padding.AsymmetricPadding, hash_: hashes.HashAlgorithm) -> Check:
    def check(key: Any, message: bytes, signature: bytes) -> bool:
        # RFC 8017 §8: a signature is as long as the modulus. A library may accept one without
        # its leading zeros.
        if len(signature) != (key.key_size + 7) // 8:
            return False
        try:
            key.verify(signature, message, scheme, hash_)
        except InvalidSignature:
            return False
        return True

    return check


def _pkcs1(hash_: hashes.HashAlgorithm) -> Check:
    return _rsa(padding.PKCS1v15(), hash_)


def _pss(hash_: hashes.HashAlgorithm) -> Check:
    # RFC 7518 §3.5: the salt is as long as the hash. josepy accepts any salt length.
    scheme = padding.PSS(mgf=padding.MGF1(hash_), salt_length=padding.PSS.DIGEST_LENGTH)
    return _rsa(scheme, hash_)


def _ecdsa(hash_: hashes.HashAlgorithm, coordinate_bytes: int) -> Check:
    scheme = ec.ECDSA(hash_)

    def check(key: Any, message: bytes, signature: bytes) -> bool:
        # RFC 7518 §3.4: r and s have the length of a coordinate, with their leading zeros.
        if len(signature) != 2 * coordinate_bytes:
            return False
        r = signature[:coordinate_bytes].lstrip(b"\0")
        s = signature[coordinate_bytes:].lstrip(b"\0")
        # An r or s of zero is never valid, even if a library accepts it (CVE-2022-21449).
        if not r or not s:
            return False
        try:
            key.verify(_ecdsa_der(r, s), message, scheme)
        except InvalidSignature:
            return False
        return True

    return check


def _ecdsa_der(r: bytes, s: bytes) -> bytes:
    """Return the DER of a signature, as cryptography reads it (RFC 3279 §2.2.3).

    cryptography's own `encode_dss_signature` returns the same octets. It needs integers, and takes
    several times as long.

    Args:
        r: The first integer, without leading zeros.
        s: The second integer, without leading zeros.
    """
    # X.690 §8.3.3: the first bit of an integer is its sign.
    r_start = (_DER_INTEGERS if r[0] < 128 else _DER_SIGNED_INTEGERS)[len(r)]
    s_start = (_DER_INTEGERS if s[0] < 128 else _DER_SIGNED_INTEGERS)[len(s)]
    length = len(r_start) + len(r) + len(s_start) + len(s)
    return b"".join((_DER_SEQUENCES[length], r_start, r, s_start, s))


#: The bytes of a coordinate of P-521, the largest curve.
_MAX_COORDINATE = 66
#: How the DER of an integer starts, by its octets: one whose first bit is 0, and one with an octet
#: in front that makes it so.
_DER_INTEGERS = tuple(b"\x02%c" % length for length in range(_MAX_COORDINATE + 1))
_DER_SIGNED_INTEGERS = tuple(b"\x02%c\x00" % (length + 1) for length in range(_MAX_COORDINATE + 1))
#: How the DER of a sequence starts, by its octets. X.690 §8.1.3.5: a length above 127 takes an
#: octet that says how many octets it has.
_DER_SEQUENCES = tuple(
    (b"\x30%c" if length < 128 else b"\x30\x81%c") % length
    for length in range(2 * (_MAX_COORDINATE + 3) + 1)
)


def _hmac(hash_: hashes.HashAlgorithm) -> Check:
    def check(key: Any, message: bytes, signature: bytes) -> bool:
        mac = hmac.HMAC(key, hash_)
        mac.update(message)
        # The time does not depend on the octets. A signature of another length is not equal.
        return compare_digest(mac.finalize(), signature)

    return check


def _pure(key: Any, message: bytes, signature: bytes) -> bool:
    # PureEdDSA (RFC 8032) and ML-DSA with an empty context (RFC 9964 §5) sign the message itself.
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


#: Every supported algorithm, by its name in a token's header.
ALGORITHMS: dict[str, Algorithm] = {
    "RS256": Algorithm("RSA", _pkcs1(hashes.SHA256())),
    "RS384": Algorithm("RSA", _pkcs1(hashes.SHA384())),
    "RS512": Algorithm("RSA", _pkcs1(hashes.SHA512())),
    "PS256": Algorithm("RSA", _pss(hashes.SHA256())),
    "PS384": Algorithm("RSA", _pss(hashes.SHA384())),
    "PS512": Algorithm("RSA", _pss(hashes.SHA512())),
    "ES256": Algorithm("EC", _ecdsa(hashes.SHA256(), 32), variant="secp256r1"),
    "ES384": Algorithm("EC", _ecdsa(hashes.SHA384(), 48), variant="secp384r1"),
    "ES512": Algorithm("EC", _ecdsa(hashes.SHA512(), 66), variant="secp521r1"),
    "HS256": Algorithm("oct", _hmac(hashes.SHA256()), min_secret_bytes=32),
    "HS384": Algorithm("oct", _hmac(hashes.SHA384()), min_secret_bytes=48),
    "HS512": Algorithm("oct", _hmac(hashes.SHA512()), min_secret_bytes=64),
    "EdDSA": Algorithm("OKP", _pure, variant="Ed25519"),
    "Ed25519": Algorithm("OKP", _pure, variant="Ed25519"),
    "Ed448": Algorithm("OKP", _pure, variant="Ed448"),
    "ML-DSA-44": Algorithm("AKP", _pure, variant="ML-DSA-44"),
    "ML-DSA-65": Algorithm("AKP", _pure, variant="ML-DSA-65"),
    "ML-DSA-87": Algorithm("AKP", _pure, variant="ML-DSA-87"),
}

#: The algorithms of the FAPI 2.0 Security Profile §5.4.1, EdDSA under both its names.
FAPI2_ALGORITHMS = ("PS256", "ES256", "EdDSA", "Ed25519")

#: The algorithms that verify with a shared secret.
SYMMETRIC = frozenset(name for name, row in ALGORITHMS.items() if row.kty == "oct")

# Two names of one algorithm: RFC 8037 §3.1, and RFC 9864 §2.2. RFC 8037 lets EdDSA mean Ed448 as
# well. Here it does not: RFC 9864 deprecates the ambiguous name, and an allow-list that has it
# admits one curve.
_ED25519_NAMES = frozenset({"EdDSA", "Ed25519"})


def algorithms_for(
    kty: str, *, variant: str | None = None, secret_bytes: int = 0
) -> frozenset[str]:
    """Return the algorithms for a key of this type and variant, or of this many bytes."""
    return frozenset(
        name
        for name, row in ALGORITHMS.items()
        if row.kty == kty and row.variant == variant and row.min_secret_bytes <= secret_bytes
    )


def interchangeable(name: str) -> frozenset[str]:
    """Return the names of the algorithm `name`, which may have a second one."""
    if name in _ED25519_NAMES:
        return _ED25519_NAMES
    return frozenset({name})


def remedy_for(name: str) -> str | None:
    """Return the remedy if the installed cryptography lacks the algorithm `name`, or None."""
    return UNAVAILABLE.get(ALGORITHMS[name].variant or name)
