"""Signing: the one compact JWS that a resource server makes itself, to say who it is (RFC 7523)."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from josepy import jwa

from jwt_wsgi.jose.algorithms import ALGORITHMS, SYMMETRIC
from jwt_wsgi.jose.encoding import encode
from jwt_wsgi.jose.public_keys import Unusable, algorithms_of

#: Takes a private key and a message; returns the signature in the form that a token has it.
Sign = Callable[[Any, bytes], bytes]

_HASHES: Final[dict[str, Callable[[], hashes.HashAlgorithm]]] = {
    "256": hashes.SHA256,
    "384": hashes.SHA384,
    "512": hashes.SHA512,
}
#: The key types whose keys sign the message itself.
_RAW: Final = ("OKP", "AKP")


class PrivateKey:
    """A private key that signs with one algorithm. `repr` shows nothing of the key.

    Args:
        key: The key in PEM, without a password, or a private key of cryptography.
        algorithm: The algorithm that it signs with, which is not symmetric.

    Raises:
        ValueError: The key cannot be read, or the algorithm is unknown, symmetric, or not one of
            this key. The text quotes nothing of the key.
    """

    def __init__(self, key: object, algorithm: str) -> None:
        usable = [name for name in ALGORITHMS if name not in SYMMETRIC]
        if algorithm not in usable:
            raise ValueError(f"algorithm={algorithm!r}: choose from {', '.join(usable)}")
        self._key = _load(key)
        self._algorithm = algorithm
        suitable = _algorithms_of(self._key)
        if algorithm not in suitable:
            names = ", ".join(sorted(suitable))
            raise ValueError(f"algorithm={algorithm!r} does not fit the key, which is for {names}")
        self._sign = signer_for(algorithm)

    def sign(self, claims: Mapping[str, Any], header: Mapping[str, Any]) -> str:
        """Return the compact JWS of these claims (RFC 7515 §7.1).

        Args:
            claims: The claims.
            header: Members of the header beside `alg`.
        """
        members = {"alg": self._algorithm, **header}
        protected = encode(json.dumps(members).encode())
        signing_input = f"{protected}.{encode(json.dumps(claims).encode())}"
        return f"{signing_input}.{encode(self._sign(self._key, signing_input.encode()))}"

    def __repr__(self) -> str:
        return f"PrivateKey(…, {self._algorithm!r})"


def signer_for(algorithm: str) -> Sign:
    """Return the function that signs with an algorithm of `ALGORITHMS` (RFC 7518 §3)."""
    if algorithm[:2] == "PS":
        hash_algorithm = _HASHES[algorithm[2:]]()
        # RFC 7518 §3.5: the salt is as long as the hash.
        pss = padding.PSS(mgf=padding.MGF1(hash_algorithm), salt_length=padding.PSS.DIGEST_LENGTH)
        return lambda key, message: key.sign(message, pss, hash_algorithm)
    if ALGORITHMS[algorithm].kty in _RAW:
        return lambda key, message: key.sign(message)
    sign: Sign = jwa.JWASignature.from_json(algorithm).sign
    return sign


def _load(key: object) -> Any:
    if not isinstance(key, bytes | str):
        return key
    octets = key.encode() if isinstance(key, str) else key
    try:
        return load_pem_private_key(octets, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The reason may quote the key.
        raise ValueError("key: write a private key in PEM, without a password") from None


def _algorithms_of(key: Any) -> frozenset[str]:
    try:
        return algorithms_of(key.public_key())
    except AttributeError:
        raise ValueError("key: write a private key in PEM, or one of cryptography") from None
    except Unusable as error:
        raise ValueError(f"key: {error}") from None
