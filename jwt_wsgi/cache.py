"""Bounded caches of verified tokens and of headers: shared by threads, read without a lock."""

from collections.abc import Collection, Iterable
from sys import getsizeof
from typing import Any, Generic, TypeVar

from jwt_wsgi.jwks.lock import ForkSafeLock

Entry = TypeVar("Entry")

Strings = frozenset[str]

#: Bytes that an entry costs beside the token's characters (which are ASCII): the verified facts,
#: their dates, and the entry's share of the dict.
_ENTRY_BYTES = 450
#: Bytes that a set of strings costs beside itself and its strings: its share of the table that
#: finds it.
_SET_SHARE_BYTES = 104
#: Bytes that a string of a set costs beside its size: memory is handed out in steps of 16.
_STRING_STEP_BYTES = 15

#: The part of the cache's bytes that is left to what the allocator loses between blocks. With a
#: hundred scopes a token it loses a fifteenth.
_FRAGMENTED_SHARE = 10

#: Characters of a header that is cached when it is parsed, and bytes that one then costs.
_MAX_HEADER_CHARACTERS = 256
_HEADER_BYTES = 2048
#: The part of the cache's bytes that headers may take.
_HEADERS_SHARE = 16


class HeaderCache:
    """A cache of parsed headers that were under a good signature.

    An issuer has few of them, and strangers add none.

    Args:
        max_bytes: The bytes of the cache of tokens beside it; 0 caches nothing.

    Attributes:
        known: The headers by their segments.
        accepted_by: The last issuer that accepted a header, by the header's segment.
    """

    __slots__ = ("_max_headers", "accepted_by", "known")

    def __init__(self, max_bytes: int) -> None:
        self.known: dict[str, dict[str, Any]] = {}
        self.accepted_by: dict[str, object] = {}
        self._max_headers = max_bytes // _HEADERS_SHARE // _HEADER_BYTES

    def put(self, segment: str, header: dict[str, Any], issuer: object) -> None:
        """Cache a header that an issuer accepts, unless it is long.

        Args:
            segment: The header's segment.
            header: The header, as parsed.
            issuer: The issuer, whose demands on algorithm and type the header meets.
        """
        if self._max_headers == 0 or len(segment) > _MAX_HEADER_CHARACTERS:
            return
        if segment not in self.known and len(self.known) >= self._max_headers:
            self.accepted_by.clear()
            self.known.clear()
        self.known[segment] = header
        self.accepted_by[segment] = issuer


class _Generation(Generic[Entry]):
    """Entries that are dropped together, and the sets of strings that they share."""

    __slots__ = ("entries", "sets", "size")

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.sets: dict[Strings, Strings] = {}
        self.size = 0


class TokenCache(Generic[Entry]):
    """A cache of values by the text of their token, in two generations.

    When the young generation is full, it becomes the old one, and the previous old one is dropped
    as a whole. Tokens with the same scopes, or the same permissions, share one set, which is
    counted once.

    Args:
        entries: The most entries that both generations hold together; 0 caches nothing.
        max_bytes: The most bytes that both generations hold together; 0 caches nothing.

    Attributes:
        is_off: True if nothing is ever cached.
    """

    __slots__ = ("_entries", "_guard", "_max_bytes", "_old", "_young", "is_off")

    def __init__(self, entries: int, max_bytes: int) -> None:
        self._entries = entries // 2
        self._max_bytes = (max_bytes - max_bytes // _FRAGMENTED_SHARE) // 2
        self.is_off = self._entries == 0 or self._max_bytes < _ENTRY_BYTES
        self._young: _Generation[Entry] = _Generation()
        self._old: _Generation[Entry] = _Generation()
        self._guard = ForkSafeLock()

    def get(self, token: str) -> Entry | None:
        """Return the value that is cached for exactly this token, or None."""
        entry = self._young.entries.get(token)
        if entry is None:
            return self._old.entries.get(token)
        return entry

    def shared(self, strings: Strings) -> Strings:
        """Return the object that cached tokens with these strings share, or `strings` itself."""
        return self._young.sets.get(strings, strings)

    def put(
        self, token: str, entry: Entry, sets: Collection[Strings] = (), extra_bytes: int = 0
    ) -> None:
        """Cache a value, unless it alone exceeds the bound of a generation.

        Args:
            token: The token's text.
            entry: The value.
            sets: The sets of strings that the value refers to, from `shared`.
            extra_bytes: What the value takes beside these and the facts that every token has.
        """
        if self.is_off:
            return
        size = len(token) + _ENTRY_BYTES + extra_bytes
        with self._guard.lock:
            young = self._young
            known_sets = young.sets
            new_sets: list[Strings] = []
            for strings in sets:
                # An equal set that is another object takes its own bytes.
                if known_sets.get(strings) is not strings:
                    new_sets.append(strings)  # noqa: PERF401 (a comprehension is a call on 3.11)
            new_size = young.size + size
            if new_sets:
                new_size += _size_of_sets(new_sets)
            if new_size > self._max_bytes or len(young.entries) >= self._entries:
                # The generation that starts now shares no sets yet.
                new_sets = list(sets)
                new_size = size + _size_of_sets(new_sets)
                if new_size > self._max_bytes:
                    return
                young = self._start_generation()
            for strings in new_sets:
                young.sets.setdefault(strings, strings)
            young.entries[token] = entry
            young.size = new_size

    def _start_generation(self) -> _Generation[Entry]:
        # In this order a reader between the two lines still finds every cached entry.
        self._old = self._young
        self._young = _Generation()
        return self._young


def _size_of_sets(sets: Iterable[Strings]) -> int:
    """Return about how many bytes sets of strings take; one that stands there twice, once."""
    return sum(map(_size_of_set, {id(strings): strings for strings in sets}.values()))


def _size_of_set(strings: Strings) -> int:
    # A set has slots of 27 bytes for each string just before it grows, and of 108 just afterwards.
    own_size = _SET_SHARE_BYTES + getsizeof(strings) + _STRING_STEP_BYTES * len(strings)
    return own_size + sum(map(getsizeof, strings))
