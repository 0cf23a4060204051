"""Private keys in PEM, as OpenSSL writes them, and the algorithms that they sign with."""

from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from jwt_wsgi.jose.public_keys import algorithms_of

#: The algorithm of a key that serves several, in the order of preference.
_PREFERRED = ("PS256", "ES256", "ES384", "ES512", "EdDSA")


def read_private_key(pem: bytes) -> Any:
    """Return the private key of `cryptography` that a PEM text holds, without a password.

    Raises:
        ValueError: There is none, it is encrypted, or it is broken. The text quotes nothing of it.
    """
    try:
        return load_pem_private_key(pem, password=None)
    except TypeError:
        raise ValueError(
            "the key is encrypted; write a copy without a password: openssl pkey -in FILE -out COPY"
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError(
            "not a private key in PEM; make one: openssl genpkey -algorithm EC -pkeyopt "
            "ec_paramgen_curve:P-256"
        ) from None


def algorithm_for(private: Any, algorithm: str | None = None) -> str:
    """Return the algorithm that a private key signs with.

    Args:
        private: The private key of `cryptography`.
        algorithm: The wanted algorithm, or None for a usual one of the key.

    Raises:
        ValueError: The key does not serve the algorithm, or no algorithm at all.
    """
    names = algorithms_of(private.public_key())
    if algorithm is None:
        return next((name for name in _PREFERRED if name in names), min(names))
    if algorithm not in names:
        raise ValueError(
            f"algorithm={algorithm!r}: the key does not serve it; choose from "
            f"{', '.join(sorted(names))}"
        )
    return algorithm
