"""The signature algorithms, each bound to its key type, curve and hash (RFC 7518 §3, RFC 8037).

Names are looked up here and nowhere else, so `none` and whatever a library may
learn tomorrow do not exist.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from josepy import jwa

#: (public key or secret, message, signature) -> is it good?
Check = Callable[[Any, bytes, bytes], bool]


class Algorithm(NamedTuple):
    """One row: its JWK key type, the curve as cryptography names it, the least secret in bytes."""

    kty: str
    curve: str | None
    secret_bytes: int
    check: Check


def _rsa(padded: padding.AsymmetricPadding, hash_: hashes.HashAlgorithm) -> Check:
    def check(key: Any, message: bytes, signature: bytes) -> bool:
        # RFC 8017 §8: as long as the modulus; a library may take one whose leading zeros are left out.
        if len(signature) != (key.key_size + 7) // 8:
            return False
        try:
            key.verify(signature, message, padded, hash_)
        except InvalidSignature:
            return False
        return True

    return check


def _pkcs1(hash_: hashes.HashAlgorithm) -> Check:
    return _rsa(padding.PKCS1v15(), hash_)


def _pss(hash_: hashes.HashAlgorithm) -> Check:
    # josepy accepts any salt length; RFC 7518 §3.5 wants it as long as the hash.
    return _rsa(padding.PSS(mgf=padding.MGF1(hash_), salt_length=padding.PSS.DIGEST_LENGTH), hash_)


def _ecdsa(algorithm: jwa.JWASignature) -> Check:
    def check(key: Any, message: bytes, signature: bytes) -> bool:
        # r or s of zero is no signature, whatever a library thinks of it (CVE-2022-21449).
        half = len(signature) // 2
        nonzero = any(signature[:half]) and any(signature[half:])
        return nonzero and algorithm.verify(key, message, signature)

    return check


def _ed25519(key: Any, message: bytes, signature: bytes) -> bool:
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


#: Every algorithm there is, by the name it has in a token's header.
ALGORITHMS: dict[str, Algorithm] = {
    "RS256": Algorithm("RSA", None, 0, _pkcs1(hashes.SHA256())),
    "RS384": Algorithm("RSA", None, 0, _pkcs1(hashes.SHA384())),
    "RS512": Algorithm("RSA", None, 0, _pkcs1(hashes.SHA512())),
    "PS256": Algorithm("RSA", None, 0, _pss(hashes.SHA256())),
    "PS384": Algorithm("RSA", None, 0, _pss(hashes.SHA384())),
    "PS512": Algorithm("RSA", None, 0, _pss(hashes.SHA512())),
    "ES256": Algorithm("EC", "secp256r1", 0, _ecdsa(jwa.ES256)),
    "ES384": Algorithm("EC", "secp384r1", 0, _ecdsa(jwa.ES384)),
    "ES512": Algorithm("EC", "secp521r1", 0, _ecdsa(jwa.ES512)),
    "HS256": Algorithm("oct", None, 32, jwa.HS256.verify),
    "HS384": Algorithm("oct", None, 48, jwa.HS384.verify),
    "HS512": Algorithm("oct", None, 64, jwa.HS512.verify),
    "EdDSA": Algorithm("OKP", None, 0, _ed25519),
    "Ed25519": Algorithm("OKP", None, 0, _ed25519),
}

#: Those that verify with a shared secret.
SYMMETRIC = frozenset(name for name, row in ALGORITHMS.items() if row.kty == "oct")

#: Two names for one algorithm: RFC 8037 §3.1, and the fully specified one after it.
_ED25519_NAMES = frozenset({"EdDSA", "Ed25519"})


def algorithms_for(kty: str, *, curve: str | None = None, secret_bytes: int = 0) -> frozenset[str]:
    """The algorithms for a key of this type, on this curve, or this many bytes long."""
    return frozenset(
        name
        for name, row in ALGORITHMS.items()
        if row.kty == kty and row.curve == curve and row.secret_bytes <= secret_bytes
    )


def interchangeable(name: str) -> frozenset[str]:
    """The names that a key serves which itself names `name`."""
    return _ED25519_NAMES if name in _ED25519_NAMES else frozenset({name})
