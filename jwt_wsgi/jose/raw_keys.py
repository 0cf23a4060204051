"""Public keys that are raw octets: Ed25519, Ed448 and ML-DSA (RFC 8037 §2, RFC 9964 §3).

The installed cryptography may lack Ed448 and ML-DSA. Ed448 needs a cryptography that is built
with OpenSSL. ML-DSA needs cryptography 48, which needs OpenSSL 3.5 for it, or 47 that is built
with AWS-LC or BoringSSL. Neither the version nor the presence of a class tells, so an empty key
is loaded once for each of them.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from typing import Any, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm


class RawKey(NamedTuple):
    """A kind of public key.

    Attributes:
        kty: The key type of its JWKs.
        octets: The length of the key.
        module: The module of `cryptography.hazmat.primitives.asymmetric` that has its class.
        class_name: The name of its class.
        remedy: The remedy where the installed cryptography lacks it.
    """

    kty: str
    octets: int
    module: str
    class_name: str
    remedy: str


_OPENSSL = "install cryptography from PyPI, or build it with OpenSSL"
_NEWER = "install cryptography 48 or newer from PyPI, or build it with OpenSSL 3.5 or newer"

#: The kinds of keys, by their curve (OKP) or parameter set (AKP).
RAW_KEYS = {
    "Ed25519": RawKey("OKP", 32, "ed25519", "Ed25519PublicKey", _OPENSSL),
    "Ed448": RawKey("OKP", 57, "ed448", "Ed448PublicKey", _OPENSSL),
    "ML-DSA-44": RawKey("AKP", 1312, "mldsa", "MLDSA44PublicKey", _NEWER),
    "ML-DSA-65": RawKey("AKP", 1952, "mldsa", "MLDSA65PublicKey", _NEWER),
    "ML-DSA-87": RawKey("AKP", 2592, "mldsa", "MLDSA87PublicKey", _NEWER),
}


def find_classes(import_module: Callable[[str], Any]) -> dict[str, Any]:
    """Return the classes of cryptography that can load a key, by curve or parameter set.

    Args:
        import_module: Returns the module of this name, or raises `ImportError`.
    """
    classes = {name: _find_class(import_module, raw_key) for name, raw_key in RAW_KEYS.items()}
    return {name: key_class for name, key_class in classes.items() if key_class is not None}


def find_remedies(classes: Mapping[str, Any]) -> dict[str, str]:
    """Return the kinds of keys that `classes` lacks, each with its remedy."""
    return {name: raw_key.remedy for name, raw_key in RAW_KEYS.items() if name not in classes}


def _find_class(import_module: Callable[[str], Any], raw_key: RawKey) -> Any:
    try:
        module = import_module(f"cryptography.hazmat.primitives.asymmetric.{raw_key.module}")
        key_class = getattr(module, raw_key.class_name)
        # A key of the wrong length is a ValueError only where the algorithm is supported.
        with suppress(ValueError):
            key_class.from_public_bytes(b"")
    except (ImportError, AttributeError, UnsupportedAlgorithm):
        return None
    return key_class


#: The classes of the keys that the installed cryptography can load.
CLASSES: Mapping[str, Any] = find_classes(import_module)

#: The keys, and so the algorithms, that the installed cryptography lacks, each with its remedy.
UNAVAILABLE: dict[str, str] = find_remedies(CLASSES)


def name_of(public_key: object) -> str | None:
    """Return the curve or parameter set of a public key of cryptography, or None for others."""
    for name, key_class in CLASSES.items():
        if isinstance(public_key, key_class):
            return name
    return None
