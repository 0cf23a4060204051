"""Checks for constructor options: invalid configuration is a `ValueError` at construction."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

_MIN_SECRET_BYTES: Final = 32
_MAX_SECRETS: Final = 8


def is_finite_number(value: object) -> bool:
    """Return True if `value` is a finite int or float; a bool is not a number."""
    return type(value) in (int, float) and abs(value) < float("inf")  # type: ignore[arg-type]


def check_secrets(**option: object) -> tuple[bytes, ...]:
    """Return the secrets of an option: one secret or several, each of at least 32 bytes.

    A str counts as its UTF-8 bytes.

    Args:
        **option: The value of the option, under its name.

    Raises:
        ValueError: For an invalid value. The text does not quote a secret.
    """
    [(name, secrets)] = option.items()
    if isinstance(secrets, bytes | str):
        secrets = (secrets,)
    if not isinstance(secrets, Iterable):
        raise ValueError(f"{name}=…: write one secret or several, as bytes or str")
    keys = tuple(_check_secret(name, secret) for secret in islice(secrets, _MAX_SECRETS + 1))
    if not 1 <= len(keys) <= _MAX_SECRETS:
        raise ValueError(f"{name}=…: write 1 to {_MAX_SECRETS} secrets")
    if len(set(keys)) < len(keys):
        raise ValueError(f"{name}=…: remove the secret that is there twice")
    return keys


def _check_secret(name: str, secret: object) -> bytes:
    if isinstance(secret, str):
        # `encode` would quote a text that has no UTF-8 in its error.
        secret = secret.encode("utf-8", "surrogatepass")
    if not isinstance(secret, bytes):
        raise ValueError(f"{name}=…: write each secret as bytes or str")
    if len(secret) < _MIN_SECRET_BYTES:
        raise ValueError(
            f"{name}=…: {len(secret)} bytes are too short; write {_MIN_SECRET_BYTES} random bytes"
        )
    return secret
