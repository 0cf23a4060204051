"""The worker of a remote source: one fetch at a time, in a thread, and the keys that it brought."""

import logging
import os
import threading
from collections.abc import Callable
from typing import Final, NamedTuple

from jwt_wsgi.http.fetching import Outcome
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jwks.events import Fetched, Hooks
from jwt_wsgi.jwks.loading import KeyLoader, LoadedKeys, LoadFailure
from jwt_wsgi.jwks.schedule import KeyStatus, Schedule
from jwt_wsgi.jwks.source import KidChanges, changed_kids, same_keys, without_kids

logger = logging.getLogger("jwt_wsgi.jwks")

#: How many requests may wait for a fetch of an unknown kid. Others are answered at once.
MAX_WAITING: Final = 8

#: The target of a fetch that is not for one kid. None is a kid: that of a token without one.
ANY_KID: Final = object()


class CurrentKeys(NamedTuple):
    """The key set in force. It is replaced as a whole, so it can be read without the lock.

    Attributes:
        keys: The key set.
        refresh_at: The moment from which it should be fetched again.
        usable_until: The moment from which it may not be used any more.
    """

    keys: KeySet
    refresh_at: float
    usable_until: float


class _FetchResult(NamedTuple):
    outcome: Outcome
    key_count: int = 0
    changes: KidChanges = KidChanges()


class FetchWorker:
    """Fetches keys in the background and holds the current ones.

    Call every method but `condition` and `usable_keys` under the lock:
    `with worker.condition():`.

    Args:
        loader: Loads the key set.
        schedule: Decides when a fetch may start.
        hooks: The user callbacks.
        clock: Returns monotonic seconds.

    Attributes:
        current: The key set in force, or None. It may be read without the lock.
        revoked: The kids that are not used in this process. It may be read without the lock.
    """

    def __init__(
        self, loader: KeyLoader, schedule: Schedule, hooks: Hooks, clock: Callable[[], float]
    ) -> None:
        self.current: CurrentKeys | None = None
        self.revoked: frozenset[str] = frozenset()
        self._loader = loader
        self._location = loader.location
        self._schedule = schedule
        self._hooks = hooks
        self._clock = clock
        self._last_error: str | None = None
        self._target_kid: object = ANY_KID
        self._create_condition()

    def condition(self) -> threading.Condition:
        """Return this process's condition: the lock, notified when a fetch has ended."""
        # A fork copies a lock that a thread of the parent holds, and nobody would release it.
        if self._pid != os.getpid():
            self._create_condition()
            self._schedule.drop_lease()
        return self._condition

    def usable_keys(self) -> KeySet | None:
        """Return the current set, or None if there is none or it is too old."""
        current = self.current
        if current is None or self._clock() >= current.usable_until:
            return None
        return current.keys

    def status(self) -> KeyStatus:
        """Return the status of the source."""
        keys = self.usable_keys()
        kids = None if keys is None else keys.kids
        return self._schedule.status(self._clock(), kids, self._last_error)

    def revoke(self, kid: str) -> None:
        """Stop using the keys of this `kid`, of the current set and of every later one."""
        self.revoked |= {kid}
        if self.current is not None:
            keys = without_kids(self.current.keys, self.revoked)
            self.current = self.current._replace(keys=keys)

    def ensure_fetch(self, target_kid: object) -> bool:
        """Return True if a fetch is in flight; start one if that is allowed.

        Args:
            target_kid: The kid that the fetch is for, or `ANY_KID`.
        """
        return self._is_fetching() or self.start_fetch(target_kid)

    def start_fetch(self, target_kid: object) -> bool:
        """Start a fetch. Return False if none may start now.

        Args:
            target_kid: The kid that the fetch is for, or `ANY_KID`.
        """
        now = self._clock()
        lease = self._schedule.start(now, unknown_kid=target_kid is not ANY_KID)
        if lease is None:
            return False
        self._target_kid = target_kid
        try:
            threading.Thread(
                target=self._run_fetch, args=(lease,), name="jwt_wsgi.jwks", daemon=True
            ).start()
        except RuntimeError as error:
            logger.error("keys of %r: cannot start a thread to fetch: %s", self._location, error)
            self._schedule.record_failure(lease, now)
            return False
        return True

    def wait_for_kid(self, kid: str | None, timeout: float) -> bool:
        """Ensure a fetch for an unknown kid, and wait for it.

        Return False if the fetch has not ended within `timeout` seconds, or if the caller
        may not wait for it. Return True otherwise, also if no fetch may start now.
        """
        if not self.ensure_fetch(kid):
            return True
        if self._waiting >= MAX_WAITING or self._target_kid not in (ANY_KID, kid):
            return False
        self._waiting += 1
        try:
            return self._condition.wait_for(lambda: not self._is_fetching(), timeout)
        finally:
            self._waiting -= 1

    def _create_condition(self) -> None:
        self._pid = os.getpid()
        self._condition = threading.Condition()
        self._waiting = 0

    def _is_fetching(self) -> bool:
        return self._schedule.in_flight(self._clock())

    # The thread. It takes the lock itself, and never while it fetches or calls a hook.

    def _run_fetch(self, lease: int) -> None:
        started_at = self._clock()
        try:
            loaded = self._loader.load()
        except Exception as error:  # noqa: BLE001 (a user's fetch may raise anything)
            result = self._record_failure(lease, LoadFailure.of(error))
        else:
            result = self._install(lease, loaded)
        self._announce(result, started_at)

    def _record_failure(self, lease: int, failure: LoadFailure) -> _FetchResult:
        self._location.forget()
        logger.warning(
            "keys of %r: %s; the last good keys stay in use", self._location, failure.reason
        )
        condition = self.condition()
        with condition:
            self._last_error = failure.reason
            self._schedule.record_failure(lease, self._clock(), failure.retry_after)
            condition.notify_all()
        return _FetchResult(failure.outcome)

    def _install(self, lease: int, loaded: LoadedKeys) -> _FetchResult:
        """Put the loaded keys in force, unless a later fetch has already brought some."""
        condition = self.condition()
        with condition:
            before = self.current
            if self._schedule.record_success(lease, self._clock(), loaded.max_age):
                self._replace_keys(without_kids(loaded.keys, self.revoked))
            after = self.current
            condition.notify_all()
        changes = KidChanges()
        if before is not None and after is not None:
            changes = changed_kids(before.keys, after.keys)
        return _FetchResult("ok", len(loaded.keys.keys), changes)

    def _replace_keys(self, keys: KeySet) -> None:
        # A cached token is valid while the set is the same object, so equal keys keep it.
        if self.current is not None and same_keys(self.current.keys, keys):
            keys = self.current.keys
        self.current = CurrentKeys(keys, self._schedule.refresh_at, self._schedule.usable_until)

    def _announce(self, result: _FetchResult, started_at: float) -> None:
        with self.condition():
            status = self.status()
        logger.info("keys of %r: %a", self._location, status)
        seconds = self._clock() - started_at
        fetched = Fetched(repr(self._location), result.outcome, seconds, result.key_count)
        self._hooks.announce_fetch(fetched)
        self._hooks.announce_rotation(self._location, result.changes)
