"""A bounded cache of verified tokens: shared by threads, read without a lock."""

import threading
from typing import Generic, TypeVar

Entry = TypeVar("Entry")

#: Bytes that an entry costs beside the token's characters (which are ASCII): the verified facts,
#: their dates, and the entry's share of the dict.
_OVERHEAD = 750


class TokenCache(Generic[Entry]):
    """A cache of values by the text of their token, in two generations.

    When the young generation is full, it becomes the old one, and the previous old
    one is dropped as a whole.

    Args:
        entries: The most entries that both generations hold together; 0 caches nothing.
        max_bytes: The most bytes that both generations hold together; 0 caches nothing.
    """

    __slots__ = ("_bytes", "_entries", "_lock", "_max_bytes", "_old", "_young")

    def __init__(self, entries: int, max_bytes: int) -> None:
        self._entries = entries // 2
        self._max_bytes = max_bytes // 2
        self._young: dict[str, Entry] = {}
        self._old: dict[str, Entry] = {}
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, token: str) -> Entry | None:
        """Return the value that is cached for exactly this token, or None."""
        entry = self._young.get(token)
        if entry is None:
            return self._old.get(token)
        return entry

    def put(self, token: str, entry: Entry) -> None:
        """Cache `entry`, unless it alone exceeds the bound of a generation."""
        size = len(token) + _OVERHEAD
        if size > self._max_bytes or self._entries == 0:
            return
        with self._lock:
            if self._bytes + size > self._max_bytes or len(self._young) >= self._entries:
                # In this order a reader between the two lines still finds every cached entry.
                self._old = self._young
                self._young = {}
                self._bytes = 0
            self._young[token] = entry
            self._bytes += size
