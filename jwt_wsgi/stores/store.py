"""The contract of a store."""

from collections.abc import Sequence
from typing import Protocol, TypeGuard, runtime_checkable

from jwt_wsgi.options import is_finite_number


class StoreUnavailable(Exception):
    """The store cannot be reached or is full, so its answer is unknown."""


@runtime_checkable
class Store(Protocol):
    """Entries with an expiry, shared by threads, and by processes where the store can do that.

    Every method raises `StoreUnavailable` if the store cannot answer. Callers pass no token, proof
    or claim in a key, but a hash.
    """

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the value of each live entry, in the order of `keys`, or None for others."""
        ...

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Write an entry, and replace the one that is there.

        Args:
            key: The name of the entry.
            value: The value.
            ttl: The seconds until the entry expires; None for never.
        """
        ...

    def add(self, key: str, value: bytes, ttl: float, owner: str | None = None) -> bool:
        """Write an entry unless a live one is there; return True if this call wrote it.

        Exactly one of several simultaneous calls with one key returns True.

        Args:
            key: The name of the entry.
            value: The value.
            ttl: The seconds until the entry expires.
            owner: The name of whoever caused the entry. A store that has a bound may use it to
                keep one owner from filling it.
        """
        ...


def is_store(value: object) -> TypeGuard[Store]:
    """Return True if a value has the methods of a store, its own or those that it passes on.

    From Python 3.12 on, `isinstance` with a protocol does not see what `__getattr__` returns.
    """
    methods = ("get_many", "set", "add")
    return not isinstance(value, type) and all(callable(getattr(value, n, None)) for n in methods)


def check_ttl(ttl: float) -> None:
    """Check the seconds until an entry expires.

    Raises:
        ValueError: It is not a positive finite number.
    """
    if not is_finite_number(ttl) or ttl <= 0:
        raise ValueError(f"ttl={ttl!r:.200}: write a positive number of seconds")
