"""What is remembered of good tokens: bounded, shared by threads, read without a lock."""

import threading
from typing import Generic, TypeVar

Remembered = TypeVar("Remembered")

#: Bytes that an entry costs beside its characters, which are ASCII: the facts, their dates, its share of the table.
_OVERHEAD = 750


class TokenCache(Generic[Remembered]):
    """Values by the text of their token, in two generations; the older one is forgotten when the younger is full.

    `entries` and `max_bytes` bound both generations together; 0 remembers nothing.
    """

    __slots__ = ("_bytes", "_entries", "_lock", "_max_bytes", "_old", "_young")

    def __init__(self, entries: int, max_bytes: int) -> None:
        self._entries, self._max_bytes = entries // 2, max_bytes // 2
        self._young: dict[str, Remembered] = {}
        self._old: dict[str, Remembered] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, text: str) -> Remembered | None:
        """What is remembered of this very text, or None."""
        found = self._young.get(text)
        return self._old.get(text) if found is None else found

    def put(self, text: str, value: Remembered) -> None:
        """Remember `value`, unless it alone is more than there is room for."""
        size = len(text) + _OVERHEAD
        if size > self._max_bytes or self._entries == 0:
            return
        with self._lock:
            if self._bytes + size > self._max_bytes or len(self._young) >= self._entries:
                # In this order, so that a reader between the two lines finds all that is kept.
                self._old = self._young
                self._young, self._bytes = {}, 0
            self._young[text] = value
            self._bytes += size
