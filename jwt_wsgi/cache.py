"""Bounded caches of verified tokens and of headers: shared by threads, read without a lock."""

from typing import Any, Generic, TypeVar

from jwt_wsgi.jwks.lock import ProcessLock

Entry = TypeVar("Entry")

Scopes = frozenset[str]

#: Bytes that an entry costs beside the token's characters (which are ASCII): the verified facts,
#: their dates, and the entry's share of the dict.
_ENTRY_BYTES = 450
#: Bytes that a set of scopes costs beside the characters of its names: the set itself and its
#: share of the table that finds it; and each name's object with its slots in the set.
_SCOPE_SET_BYTES = 320
_SCOPE_BYTES = 120


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
    """

    __slots__ = ("_max_headers", "known")

    def __init__(self, max_bytes: int) -> None:
        self.known: dict[str, dict[str, Any]] = {}
        self._max_headers = max_bytes // _HEADERS_SHARE // _HEADER_BYTES

    def put(self, segment: str, header: dict[str, Any]) -> None:
        """Cache a header, unless it is long."""
        if self._max_headers == 0 or len(segment) > _MAX_HEADER_CHARACTERS:
            return
        if len(self.known) >= self._max_headers:
            self.known.clear()
        self.known[segment] = header


class _Generation(Generic[Entry]):
    """Entries that are dropped together, and the sets of scopes that they share."""

    __slots__ = ("entries", "scope_sets", "size")

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self.scope_sets: dict[Scopes, Scopes] = {}
        self.size = 0


class TokenCache(Generic[Entry]):
    """A cache of values by the text of their token, in two generations.

    When the young generation is full, it becomes the old one, and the previous old one is dropped
    as a whole. Tokens with the same scopes share one set, which is counted once.

    Args:
        entries: The most entries that both generations hold together; 0 caches nothing.
        max_bytes: The most bytes that both generations hold together; 0 caches nothing.

    Attributes:
        is_off: True if nothing is ever cached.
    """

    __slots__ = ("_entries", "_lock", "_max_bytes", "_old", "_young", "is_off")

    def __init__(self, entries: int, max_bytes: int) -> None:
        self._entries = entries // 2
        self._max_bytes = max_bytes // 2
        self.is_off = self._entries == 0 or self._max_bytes < _ENTRY_BYTES
        self._young: _Generation[Entry] = _Generation()
        self._old: _Generation[Entry] = _Generation()
        self._lock = ProcessLock()

    def get(self, token: str) -> Entry | None:
        """Return the value that is cached for exactly this token, or None."""
        entry = self._young.entries.get(token)
        if entry is None:
            return self._old.entries.get(token)
        return entry

    def shared_scopes(self, scopes: Scopes) -> Scopes:
        """Return the object that cached tokens with these scopes share, or `scopes` itself."""
        return self._young.scope_sets.get(scopes, scopes)

    def put(
        self,
        token: str,
        entry: Entry,
        scopes: Scopes,
        extra_bytes: int = 0,
        effective_scopes: Scopes | None = None,
    ) -> None:
        """Cache a value, unless it alone exceeds the bound of a generation.

        Args:
            token: The token's text.
            entry: The value.
            scopes: The set of scopes that the value refers to, from `shared_scopes`.
            extra_bytes: What the value takes beside the facts that every token has.
            effective_scopes: Another set of scopes that it refers to, from `shared_scopes`. None
                or `scopes` itself is no other one.
        """
        if self.is_off:
            return
        with self._lock:
            scope_sets = {scopes} if effective_scopes is None else {scopes, effective_scopes}
            size = self._size_of(token, scope_sets) + extra_bytes
            young = self._young
            if young.size + size > self._max_bytes or len(young.entries) >= self._entries:
                # The generation that starts now shares no scopes yet.
                size = len(token) + _ENTRY_BYTES + extra_bytes
                size += sum(map(_size_of_scopes, scope_sets))
                if size > self._max_bytes:
                    return
                young = self._start_generation()
            for each in scope_sets:
                young.scope_sets.setdefault(each, each)
            young.entries[token] = entry
            young.size += size

    def _size_of(self, token: str, scope_sets: set[Scopes]) -> int:
        """Return about how many bytes an entry adds to the young generation."""
        size = len(token) + _ENTRY_BYTES
        for scopes in scope_sets:
            if scopes not in self._young.scope_sets:
                size += _size_of_scopes(scopes)
        return size

    def _start_generation(self) -> _Generation[Entry]:
        # In this order a reader between the two lines still finds every cached entry.
        self._old = self._young
        self._young = _Generation()
        return self._young


def _size_of_scopes(scopes: Scopes) -> int:
    """Return about how many bytes a set of scopes takes."""
    return _SCOPE_SET_BYTES + _SCOPE_BYTES * len(scopes) + sum(map(len, scopes))
