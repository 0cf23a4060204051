"""What every source of keys offers, and several of them asked in order."""

from collections.abc import Collection, Iterable
from typing import Any, Protocol, runtime_checkable

from jwt_wsgi.errors import KeysUnavailable
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jose.keys import KeySet


@runtime_checkable
class KeySource(Protocol):
    """Two methods: what is held now, and the keys for one token's header."""

    def held(self) -> KeySet | None:
        """The key set in force, without waiting; it may start a refresh ahead."""

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """The keys for a header; may fetch. Raises `KeysUnavailable` where it cannot tell."""


def without(keys: KeySet, kids: Collection[str]) -> KeySet:
    """`keys` but for those of `kids`: the same object where it has none of them."""
    if keys.kids.isdisjoint(kids):
        return keys
    return KeySet((key for key in keys.keys if key.kid not in kids), skipped=keys.skipped)


def rotation(before: KeySet, after: KeySet) -> tuple[frozenset[str], frozenset[str]]:
    """The kids added and removed; one with other keys under it than before is among both."""
    was, now = _listed(before), _listed(after)
    changed = {key[0] for one, other in ((was, now), (now, was)) for key in one if key not in other}
    return after.kids & changed, before.kids & changed


def unchanged(before: KeySet, after: KeySet) -> bool:
    """Whether both hold the same keys in the same order."""
    return _listed(before) == _listed(after)


def _listed(keys: KeySet) -> list[tuple[Any, ...]]:
    return [(key.kid, key.algorithms, key.material) for key in keys.keys]


class KeySourceChain:
    """Several sources: the first that has a fitting key answers, so local ones stand first."""

    def __init__(self, sources: Iterable[KeySource]) -> None:
        self._sources = tuple(sources)
        self._merged: tuple[tuple[KeySet, ...], KeySet] = ((), KeySet(()))

    def held(self) -> KeySet | None:
        """All keys held now: the same object as long as no source has changed its set."""
        parts = tuple(held for source in self._sources if (held := source.held()) is not None)
        if list(map(id, parts)) != list(map(id, self._merged[0])):
            self._merged = (parts, KeySet(key for part in parts for key in part.keys))
        return self._merged[1] if parts else None

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """The first source's answer that is not empty; a source that cannot tell comes last."""
        unavailable: KeysUnavailable | None = None
        for source in self._sources:
            try:
                found = source.find(kid, alg)
            except KeysUnavailable as error:
                unavailable = error
                continue
            if found:
                return found
        if unavailable is not None:
            raise unavailable
        return ()
