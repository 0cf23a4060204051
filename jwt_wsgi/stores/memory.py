"""A store in the memory of one process."""

import heapq
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final

from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.stores.store import StoreUnavailable, check_ttl

#: Expired entries that one call drops, so that they become fewer although each call may add one.
_DROPPED_PER_CALL: Final = 2
#: Overwritten expiries that may wait for their time, beside as many as there are entries.
_STALE_EXPIRIES: Final = 64
_NEVER: Final = float("inf")
_NOBODY: Final = 0
#: Bytes of a value that the heap may refer to as well: sharing the entry's tuple saves memory.
_SHORT_VALUE: Final = 64


#: Expiry, key, value, and the hash of the owner's name, which takes a third of the memory of the
#: name (Python keys it with a secret of the process). The garbage collector soon ignores plain
#: tuples; a million objects of a class would cost it 100 ms each time.
_Entry = tuple[float, str, bytes, int]
#: A tuple that begins with expiry and key.
_Expiry = tuple[float, str] | _Entry


class MemoryStore:
    """A bounded store in the memory of this process (see `Store`).

    Other processes do not see its entries, so several workers need a store that they share. An
    entry with a key of 43 characters and an empty value takes some 250 bytes, and up to 350 if
    each has another owner.

    Live entries are never dropped to make room. A fork copies the entries.

    Args:
        max_entries: The most entries that are kept.
        clock: Returns the time in seconds. Default: `time.monotonic`.

    Raises:
        ValueError: For invalid arguments.
    """

    def __init__(
        self, max_entries: int = 100_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        if type(max_entries) is not int or max_entries < 1:
            raise ValueError(f"max_entries={max_entries!r:.200}: write a whole number from 1")
        check_callables(clock=clock)
        self._max_entries = max_entries
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        # A heap. Some of its expiries are stale: their entry was overwritten.
        self._expiries: list[_Expiry] = []
        self._shares: dict[int, int] = {}
        self._pid = os.getpid()
        self._locks = {self._pid: threading.Lock()}

    def __repr__(self) -> str:
        return f"MemoryStore(max_entries={self._max_entries})"

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the value of each live entry, in the order of `keys`, or None for others."""
        now = self._clock()
        return [_live_value(self._entries.get(key), now) for key in keys]

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        """Write an entry, and replace the one that is there.

        Args:
            key: The name of the entry.
            value: The value.
            ttl: The seconds until the entry expires; None for never.

        Raises:
            StoreUnavailable: The store is full of live entries.
            ValueError: `ttl` is not a positive finite number.
        """
        if ttl is not None:
            check_ttl(ttl)
        with self._own_lock():
            now = self._start_call()
            if key not in self._entries:
                self._make_room(now)
            expires = _NEVER if ttl is None else now + ttl
            self._put((expires, key, value, _NOBODY))
            if len(self._expiries) > 2 * len(self._entries) + _STALE_EXPIRIES:
                self._rebuild()

    def add(self, key: str, value: bytes, ttl: float, owner: str | None = None) -> bool:
        """Write an entry unless a live one is there; return True if this call wrote it.

        Args:
            key: The name of the entry.
            value: The value.
            ttl: The seconds until the entry expires.
            owner: The name of whoever caused the entry. Once the store is half full, nobody may
                hold more than a tenth of `max_entries`.

        Raises:
            StoreUnavailable: The store is full of live entries, or the owner holds too many.
            ValueError: `ttl` is not a positive finite number.
        """
        check_ttl(ttl)
        share = _NOBODY if owner is None else _hash_owner(owner)
        with self._own_lock():
            now = self._start_call()
            if _live_value(self._entries.get(key), now) is not None:
                return False
            self._make_room(now)
            self._check_share(share, now)
            self._put((now + ttl, key, value, share))
            return True

    def _own_lock(self) -> threading.Lock:
        """Return the lock of this process: a fork may copy one that is never released."""
        pid = os.getpid()
        lock = self._locks.get(pid)
        if lock is None:
            # `setdefault` is atomic, so all threads of the process get the same lock.
            lock = self._locks.setdefault(pid, threading.Lock())
        return lock

    def _start_call(self) -> float:
        """Return the time, after dropping a few expired entries."""
        if self._pid != os.getpid():
            # Another thread of the parent may have been in the middle of a change.
            self._pid = os.getpid()
            self._locks = {self._pid: self._locks[self._pid]}
            self._rebuild()
        now = self._clock()
        for _ in range(_DROPPED_PER_CALL):
            self._drop_expired(now)
        return now

    def _drop_expired(self, now: float) -> bool:
        """Drop the entry that expires first, or return False if it has not expired yet."""
        if not self._expiries or self._expiries[0][0] > now:
            return False
        expires, key, *_ = heapq.heappop(self._expiries)
        entry = self._entries.get(key)
        if entry is not None and entry[0] == expires:
            del self._entries[key]
            self._leave_share(entry)
        return True

    def _drop_all_expired(self, now: float) -> None:
        # To drop many, one pass over all entries is faster than as many changes of the heap.
        for _ in range(len(self._expiries) // 8 + 1):
            if not self._drop_expired(now):
                return
        entries = self._entries.items()
        self._entries = {key: entry for key, entry in entries if now < entry[0]}
        self._rebuild()

    def _make_room(self, now: float) -> None:
        if len(self._entries) < self._max_entries:
            return
        self._drop_all_expired(now)
        if len(self._entries) >= self._max_entries:
            raise StoreUnavailable("the store is full of live entries")

    def _check_share(self, owner: int, now: float) -> None:
        if not self._is_share_exceeded(owner):
            return
        self._drop_all_expired(now)
        if self._is_share_exceeded(owner):
            raise StoreUnavailable("the store is half full, and the owner holds a tenth of it")

    def _is_share_exceeded(self, owner: int) -> bool:
        if owner == _NOBODY or 2 * len(self._entries) < self._max_entries:
            return False
        return 10 * self._shares.get(owner, 0) > self._max_entries

    def _put(self, entry: _Entry) -> None:
        expires, key, _, _ = entry
        if expires != _NEVER:
            heapq.heappush(self._expiries, _expiry_of(entry))
        old_entry = self._entries.get(key)
        self._entries[key] = entry
        if old_entry is not None:
            self._leave_share(old_entry)
        self._join_share(entry)

    def _join_share(self, entry: _Entry) -> None:
        _, _, _, owner = entry
        if owner != _NOBODY:
            self._shares[owner] = self._shares.get(owner, 0) + 1

    def _leave_share(self, entry: _Entry) -> None:
        _, _, _, owner = entry
        count = self._shares.get(owner, 0) - 1
        if count > 0:
            self._shares[owner] = count
        else:
            self._shares.pop(owner, None)

    def _rebuild(self) -> None:
        """Derive expiries and shares from the entries."""
        self._expiries = []
        self._shares = {}
        for entry in self._entries.values():
            if entry[0] != _NEVER:
                self._expiries.append(_expiry_of(entry))
            self._join_share(entry)
        heapq.heapify(self._expiries)


def _expiry_of(entry: _Entry) -> _Expiry:
    """Return what stands for an entry in the heap, where it may outlive the entry."""
    expires, key, value, _ = entry
    return entry if len(value) <= _SHORT_VALUE else (expires, key)


def _hash_owner(owner: str) -> int:
    # The hash of the empty text is 0, which stands for nobody.
    return hash(owner) or 1


def _live_value(entry: _Entry | None, now: float) -> bytes | None:
    """Return the value of an entry that has not expired yet."""
    if entry is None:
        return None
    expires, _, value, _ = entry
    return value if now < expires else None
