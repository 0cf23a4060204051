"""A key set in a store: read, written, and fetched under a lease that one worker has at a time."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from jwt_wsgi.jwks.limits import Limits
from jwt_wsgi.jwks.loading import KeyLoader
from jwt_wsgi.jwks.sealed import Seal, SharedSet, remaining_seconds
from jwt_wsgi.options import check_secrets
from jwt_wsgi.stores import Store, StoreUnavailable
from jwt_wsgi.stores.store import is_store

logger = logging.getLogger("jwt_wsgi.jwks")

_T = TypeVar("_T")

#: One secret or several, as bytes or str.
SealingKeys = bytes | str | Iterable[bytes | str]

#: Seconds after which a lease that was given back expires.
_AT_ONCE: Final = 0.001


class SharedKeySet:
    """The key set of one location in a store.

    Every method that calls the store raises `StoreUnavailable` if it fails, and logs an outage
    once. Call none of them under a lock.

    Args:
        store: The store of all workers.
        seal: The seal of the key sets of this location.
        limits: The limits of fetching.
        wall_clock: Returns the seconds since 1970.
        location: The location, for the log.

    Attributes:
        lease_seconds: The seconds after which a lease expires, and for which others wait for it.
        newest: The newest set that this worker has seen, or None. The caller holds its own lock.
    """

    def __init__(
        self,
        store: Store,
        seal: Seal,
        limits: Limits,
        wall_clock: Callable[[], float],
        location: object,
    ) -> None:
        self.lease_seconds = 2 * limits.timeout
        self.newest: SharedSet | None = None
        self.stale_for = limits.stale_for
        self.wall_clock = wall_clock
        self._store = store
        self._seal = seal
        self._location = location
        self._set_name = f"keys:{seal.name}:set"
        self._lease_name = f"keys:{seal.name}:lease"
        self._lease_ends = 0.0
        self._problem: str | None = None
        self._calls: dict[object, float] = {}

    def read(self) -> bytes | None:
        """Return the stored document, or None."""
        return self._call(self._get)

    def open(self, document: bytes) -> SharedSet | None:
        """Return the set of a stored document, or None if its seal is wrong, which is logged."""
        try:
            return self._seal.open(document)
        except ValueError as error:
            self.report(f"the shared key set is ignored: {error}")
            return None

    def write(self, shared: SharedSet) -> None:
        """Store a set until it may not be used any more."""
        seconds = remaining_seconds(shared, self.wall_clock(), self.stale_for)
        if seconds <= 0:
            return
        try:
            document = self._seal.close(shared)
        except ValueError as error:
            self.report(f"the key set is not shared: {error}")
            return
        self._call(lambda: self._store.set(self._set_name, document, seconds))

    def take_lease(self) -> bool:
        """Return True if this worker may fetch now, and no other one."""
        lease_ends = time.monotonic() + self.lease_seconds
        is_ours = self._call(lambda: self._store.add(self._lease_name, b"", self.lease_seconds))
        if is_ours:
            self._lease_ends = lease_ends
        return is_ours

    def give_lease_back(self) -> None:
        """Let another worker fetch."""
        # Another worker may hold a lease already if this one's has expired.
        if time.monotonic() < self._lease_ends:
            self._call(lambda: self._store.set(self._lease_name, b"", _AT_ONCE))

    def report(self, problem: str | None) -> None:
        """Log a problem at WARNING when it begins, and its end at INFO.

        Args:
            problem: The text, which is the same for the same problem, or None if all is well.
        """
        before = self._problem
        self._problem = problem
        if problem == before:
            return
        if problem is None:
            logger.info("keys of %r: the shared key set is in use again", self._location)
        else:
            logger.warning("keys of %r: %s", self._location, problem)

    def forget_parent(self) -> None:
        """Forget the calls of the parent's threads, which do not exist in this process."""
        self._calls = {}

    def _get(self) -> bytes | None:
        [document] = self._store.get_many([self._set_name])
        return document

    def _call(self, operation: Callable[[], _T]) -> _T:
        call = object()
        now = time.monotonic()
        self._check_pending(now)
        self._calls[call] = now
        try:
            return operation()
        except Exception as error:  # noqa: BLE001 (a user's store may raise anything)
            raise self._unavailable(f"raised {type(error).__name__}") from None
        finally:
            self._calls.pop(call, None)

    def _check_pending(self, now: float) -> None:
        # A store that never answers holds one thread, and not each one that fetches.
        started_at = min(self._calls.copy().values(), default=now)
        if now - started_at > self.lease_seconds:
            raise self._unavailable("does not answer")

    def _unavailable(self, text: str) -> StoreUnavailable:
        # The text of the exception may quote a password.
        self.report(f"the store of the shared key set {text}; this worker fetches for itself")
        return StoreUnavailable(text)


def share_keys(
    loader: KeyLoader,
    store: object,
    sealing_keys: SealingKeys | None,
    limits: Limits,
    wall_clock: Callable[[], float],
) -> SharedKeySet:
    """Return the shared key set of a loader's location.

    Raises:
        ValueError: The store or the sealing keys are missing or not valid.
    """
    if sealing_keys is None:
        raise ValueError(
            "sealing_keys=None beside store: write the secret of all workers, 32 random bytes, "
            "which seals what is in the store"
        )
    if store is None:
        raise ValueError("store=None beside sealing_keys: write the store of all workers")
    if not is_store(store):
        raise ValueError(f"store={store!r:.200}: write a store, such as RedisStore(url)")
    secrets = check_secrets(sealing_keys=sealing_keys)
    seal = Seal(loader.location.identity, secrets, loader.max_bytes)
    return SharedKeySet(store, seal, limits, wall_clock, loader.location)
