"""The interface of every key source, and a chain of several sources."""

import logging
from collections.abc import Collection, Iterable
from contextlib import suppress
from typing import Any, NamedTuple, Protocol, TypeGuard, runtime_checkable

from jwt_wsgi.callbacks import CallbackFailed, call
from jwt_wsgi.errors import KeysUnavailable
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jose.keys import KeySet

logger = logging.getLogger("jwt_wsgi.jwks")


@runtime_checkable
class KeySource(Protocol):
    """A source of verification keys. Any class with these two methods is one.

    Two more methods are optional, and must not wait. `signature_failed(kid, alg)` is called when a
    key that `find` returned did not verify a signature. It may start a fetch.
    `token_accepted(kid, alg)` is called when a token has passed every check, revocation included.
    It is not called for a cached token. A source that wraps another one passes both calls on.
    """

    def held(self) -> KeySet | None:
        """Return the current key set, or None; never waits. May start a refresh."""

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """Return the keys for a token's header. May fetch.

        Args:
            kid: The header's `kid`, or None.
            alg: The header's `alg`.

        Raises:
            KeysUnavailable: The source cannot tell at the moment.
        """


def is_key_source(value: object) -> TypeGuard[KeySource]:
    """Return True if a value has the methods of a key source, its own or those that it passes on.

    From Python 3.12 on, `isinstance` with a protocol does not see what `__getattr__` returns.
    """
    methods = ("held", "find")
    return not isinstance(value, type) and all(callable(getattr(value, n, None)) for n in methods)


def report_bad_signature(source: KeySource, kid: str | None, alg: str) -> None:
    """Tell a source that its keys did not verify a signature, if it wants to know.

    Args:
        source: The key source whose keys were tried.
        kid: The `kid` of the token's header, or None.
        alg: The `alg` of the token's header.
    """
    signature_failed = getattr(source, "signature_failed", None)
    if signature_failed is None:
        return
    with suppress(CallbackFailed):
        call(
            signature_failed,
            kid,
            alg,
            name="signature_failed",
            consequence="the token is refused all the same",
            logger=logger,
        )


def report_accepted_token(source: KeySource, kid: str | None, alg: str) -> None:
    """Tell a source that a token under its key has passed every check, if it wants to know.

    Args:
        source: The key source of the token's issuer.
        kid: The `kid` of the token's header, or None.
        alg: The `alg` of the token's header.
    """
    token_accepted = getattr(source, "token_accepted", None)
    if token_accepted is None:
        return
    with suppress(CallbackFailed):
        call(
            token_accepted,
            kid,
            alg,
            name="token_accepted",
            consequence="the token is accepted all the same",
            logger=logger,
        )


class KidChanges(NamedTuple):
    """The kids that differ between two key sets.

    Attributes:
        added: The kids of the later set whose keys are not the same as before.
        removed: The kids of the earlier set whose keys are not the same afterwards.
            A kid whose key was replaced is in both.
    """

    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()


class _KeyContent(NamedTuple):
    # What makes two keys the same; a `Key` itself is equal only to itself.
    kid: str | None
    algorithms: frozenset[str]
    material: Any


def without_kids(keys: KeySet, kids: Collection[str]) -> KeySet:
    """Return the key set without the keys of `kids`; the same object if it has none of them."""
    if keys.kids.isdisjoint(kids):
        return keys
    remaining = (key for key in keys.keys if key.kid not in kids)
    return KeySet(remaining, skipped=keys.skipped)


def changed_kids(before: KeySet, after: KeySet) -> KidChanges:
    """Return the kids whose keys differ between two sets."""
    old_keys = _contents(before)
    new_keys = _contents(after)
    changed = {key.kid for key in old_keys if key not in new_keys}
    changed |= {key.kid for key in new_keys if key not in old_keys}
    return KidChanges(added=after.kids & changed, removed=before.kids & changed)


def same_keys(before: KeySet, after: KeySet) -> bool:
    """Return True if both sets have the same keys in the same order."""
    return _contents(before) == _contents(after)


def _contents(keys: KeySet) -> list[_KeyContent]:
    return [_KeyContent(key.kid, key.algorithms, key.material) for key in keys.keys]


class _MergedKeys(NamedTuple):
    parts: tuple[KeySet, ...]
    keys: KeySet


class FilteredSource:
    """A key source that is asked for some algorithms only.

    A token with another algorithm finds no key here, and costs no fetch.

    Args:
        source: The key source.
        algorithms: The algorithms that it is asked for.
    """

    def __init__(self, source: KeySource, algorithms: frozenset[str]) -> None:
        self._source = source
        self._algorithms = algorithms

    def held(self) -> KeySet | None:
        """Return the source's current keys."""
        return self._source.held()

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """Return the source's keys for this header, or none for another algorithm.

        Args:
            kid: The header's `kid`, or None.
            alg: The header's `alg`.

        Raises:
            KeysUnavailable: The source cannot tell.
        """
        if alg not in self._algorithms:
            return ()
        return self._source.find(kid, alg)

    def signature_failed(self, kid: str | None, alg: str) -> None:
        """Tell the source, if it is asked for this algorithm.

        Args:
            kid: The header's `kid`, or None.
            alg: The header's `alg`.
        """
        if alg in self._algorithms:
            report_bad_signature(self._source, kid, alg)

    def token_accepted(self, kid: str | None, alg: str) -> None:
        """Tell the source, if it is asked for this algorithm.

        Args:
            kid: The `kid` of the token's header, or None.
            alg: The `alg` of the token's header.
        """
        if alg in self._algorithms:
            report_accepted_token(self._source, kid, alg)

    def single_sources(self) -> tuple[KeySource, ...]:
        """Return the source alone, or those that it consists of."""
        return single_sources(self._source)


def _merge(parts: tuple[KeySet, ...]) -> KeySet:
    keys = [key for part in parts for key in part.keys]
    skipped = [entry for part in parts for entry in part.skipped]
    return KeySet(keys, skipped=skipped)


class KeySourceChain:
    """Several key sources that are asked in order; the first matching key is used.

    Put local sources first: a key that they have costs no fetch. A source that raises
    `KeysUnavailable` does not hide the sources after it.

    Args:
        sources: The key sources, in the order in which they are asked.
    """

    def __init__(self, sources: Iterable[KeySource]) -> None:
        self._sources = tuple(sources)
        self._merged = _MergedKeys(parts=(), keys=KeySet(()))

    def held(self) -> KeySet | None:
        """Return the keys of all sources; the same object until a source changes its set."""
        key_sets = [source.held() for source in self._sources]
        parts = tuple(keys for keys in key_sets if keys is not None)
        merged = self._merged
        if [id(part) for part in parts] != [id(part) for part in merged.parts]:
            merged = _MergedKeys(parts, _merge(parts))
            self._merged = merged
        if not parts:
            return None
        return merged.keys

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """Return the keys of the first source that has any for this header.

        Args:
            kid: The header's `kid`, or None.
            alg: The header's `alg`.

        Raises:
            KeysUnavailable: No source has a key, and at least one cannot tell.
        """
        unavailable: KeysUnavailable | None = None
        for source in self._sources:
            try:
                keys = source.find(kid, alg)
            except KeysUnavailable as error:
                unavailable = error
                continue
            if keys:
                return keys
        if unavailable is not None:
            raise unavailable
        return ()

    def signature_failed(self, kid: str | None, alg: str) -> None:
        """Tell every source that wants to know.

        Args:
            kid: The `kid` of the token's header, or None.
            alg: The `alg` of the token's header.
        """
        for source in self._sources:
            report_bad_signature(source, kid, alg)

    def token_accepted(self, kid: str | None, alg: str) -> None:
        """Tell every source that wants to know.

        Args:
            kid: The `kid` of the token's header, or None.
            alg: The `alg` of the token's header.
        """
        for source in self._sources:
            report_accepted_token(source, kid, alg)

    def single_sources(self) -> tuple[KeySource, ...]:
        """Return the sources, in the order in which they are asked."""
        return tuple(single for source in self._sources for single in single_sources(source))


def single_sources(source: KeySource) -> tuple[KeySource, ...]:
    """Return the sources that a source consists of; of any but a chain, the source itself."""
    if isinstance(source, KeySourceChain | FilteredSource):
        return source.single_sources()
    return (source,)
