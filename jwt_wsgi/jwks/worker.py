"""The worker of a remote source: one fetch at a time, in a thread, and the keys that it brought."""

import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from jwt_wsgi.http.fetching import FetchFailure, Outcome
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jwks.events import Fetched, Hooks, log_status
from jwt_wsgi.jwks.loading import KeyLoader, LoadedKeys
from jwt_wsgi.jwks.lock import ProcessLock
from jwt_wsgi.jwks.schedule import LEASE_TIMEOUTS, KeyStatus, Schedule
from jwt_wsgi.jwks.source import KidChanges, changed_kids, same_keys, without_kids

logger = logging.getLogger("jwt_wsgi.jwks")


class CurrentKeys(NamedTuple):
    """The key set in force. It is replaced as a whole, so it can be read without the lock.

    Attributes:
        keys: The key set.
        refresh_at: The moment from which it should be fetched again.
        usable_until: The moment from which it may not be used any more.
        due_at: The moment from which there is something to do: a fetch, or a look at what other
            workers share.
    """

    keys: KeySet
    refresh_at: float
    usable_until: float
    due_at: float


class FetchResult(NamedTuple):
    """The end of a fetch.

    Attributes:
        outcome: The outcome that `Fetched` reports.
        key_count: The number of usable keys; 0 after a failure.
    """

    outcome: Outcome
    key_count: int = 0


#: Moments that are later than any other.
_NEVER: Final = float("inf")


class FetchWorker:
    """Fetches keys in the background and holds the current ones.

    Call every method but `usable_keys`, `start_what_is_due` and `share_revocation` under the lock:
    `with worker.lock:`.

    Args:
        loader: Loads the key set.
        schedule: Decides when a fetch may start.
        hooks: The user callbacks.
        clock: Returns monotonic seconds.

    Attributes:
        lock: The lock; waiting threads are notified when a fetch has ended.
        current: The key set in force, or None. It may be read without the lock.
        revoked: The kids that are not used in this process. It may be read without the lock.
        look_at: The moment of the next look at what other workers share. It may be read without
            the lock.
    """

    def __init__(
        self, loader: KeyLoader, schedule: Schedule, hooks: Hooks, clock: Callable[[], float]
    ) -> None:
        self.lock = ProcessLock(self._forget_parent)
        self.current: CurrentKeys | None = None
        self.revoked: frozenset[str] = frozenset()
        self.look_at = _NEVER
        self._loader = loader
        self._location = loader.location
        self._schedule = schedule
        self._hooks = hooks
        self._clock = clock
        self._last_error: str | None = None
        self._waiting = 0
        self._changes: list[KidChanges] = []

    def usable_keys(self) -> KeySet | None:
        """Return the current set, or None if there is none or it is too old."""
        current = self.current
        if current is None or self._clock() >= current.usable_until:
            return None
        return current.keys

    def status(self) -> KeyStatus:
        """Return the status of the source."""
        now = self._expire_lease()
        keys = self.usable_keys()
        kids = None if keys is None else keys.kids
        return self._schedule.status(now, kids, self._last_error)

    def revoke(self, kid: str) -> None:
        """Stop using the keys of this `kid`, of the current set and of every later one."""
        self.revoked |= {kid}
        if self.current is not None:
            keys = without_kids(self.current.keys, self.revoked)
            self.current = self.current._replace(keys=keys)

    def start_look(self) -> None:
        """Look at what other workers share, if it is time. They share nothing with this one."""

    def share_revocation(self) -> None:
        """Tell other workers which kids are revoked. They share nothing with this one."""

    def start_what_is_due(self, current: CurrentKeys, now: float) -> None:
        """Start a fetch if one is due and allowed. Takes the lock.

        Args:
            current: The key set that the caller has seen.
            now: The moment at which it has.
        """
        if now < current.refresh_at or self._schedule.is_blocked(now):
            return
        with self.lock:
            if self.current is current:
                self.start_fetch()

    def ensure_fetch(self) -> bool:
        """Return True if a fetch is in flight; start one if that is allowed."""
        return self._is_fetching() or self.start_fetch()

    def start_fetch(self, is_found: Callable[[], bool] | None = None) -> bool:
        """Start a fetch. Return False if none may start now.

        Args:
            is_found: For a token that could not be verified: returns True if the current keys
                have what it needs.
        """
        now = self._expire_lease()
        lease = self._schedule.start(now, on_demand=is_found is not None)
        if lease is None:
            return False
        if not self._start_thread(self._run_fetch, lease, is_found):
            self._schedule.record_failure(lease, now)
            return False
        return True

    def _start_thread(self, target: Callable[..., None], *arguments: object) -> bool:
        try:
            threading.Thread(
                target=target, args=arguments, name="jwt_wsgi.jwks", daemon=True
            ).start()
        except RuntimeError as error:
            self._log_later(logging.ERROR, f"cannot start a thread to fetch: {error}")
            return False
        return True

    def look_for(self, is_found: Callable[[], bool], last_lease: int, deadline: float) -> bool:
        """Fetch once for a key that the current keys lack, and wait for that fetch.

        A fetch that began before the key was asked for may not bring it. If such a fetch
        is in flight and does not bring it, another one starts.

        Args:
            is_found: Returns True if the current keys have it.
            last_lease: The last lease that was given before the key was asked for.
            deadline: The moment at which the caller gives up, by `time.monotonic()`.

        Returns:
            False if the fetch has not ended by the deadline. True otherwise, also if no
            fetch may start now, or if the caller may not wait because others do.
        """
        if not self._fetch_unless(is_found, last_lease):
            return True
        if self._waiting >= self._schedule.limits.max_waiting:
            return True
        self._waiting += 1
        try:
            while self._fetch_unless(is_found, last_lease):
                if not self.lock.wait(deadline - time.monotonic()):
                    return False
        finally:
            self._waiting -= 1
        return True

    def _fetch_unless(self, is_found: Callable[[], bool], last_lease: int) -> bool:
        """Return True if a fetch is in flight that may bring the key; start one if needed."""
        if is_found():
            return False
        if self._is_fetching():
            return True
        if self._last_load_lease() > last_lease:
            return False
        return self.start_fetch(is_found)

    def _last_load_lease(self) -> int:
        """Return the lease of the last fetch that asked the issuer."""
        return self._schedule.last_lease

    def _is_fetching(self) -> bool:
        return self._schedule.in_flight(self._expire_lease())

    def _expire_lease(self) -> float:
        """Return the time, after a fetch that did not end in time was counted as failed."""
        now = self._clock()
        if self._schedule.expire_lease(now):
            seconds = LEASE_TIMEOUTS * self._schedule.limits.timeout
            self._last_error = f"the fetch has not ended within {seconds:g} s"
            text = f"{self._last_error}; its keys are used if they arrive; {self._consequence()}"
            self._log_later(logging.WARNING, text)
        return now

    def _consequence(self) -> str:
        """Return what a failed fetch means for requests."""
        if self.current is None:
            return "no keys are held yet; requests get 503"
        if self.usable_keys() is None:
            return "the last good keys are too old to be used; requests get 503"
        return "the last good keys stay in use"

    def _log_later(self, level: int, text: str) -> None:
        # No lock is held during I/O.
        self.lock.defer(partial(logger.log, level, "keys of %r: %s", self._location, text))

    def _forget_parent(self) -> None:
        # The parent's threads do not exist in this process.
        self._waiting = 0
        self._changes = []
        self._schedule.drop_lease()

    # The thread. It takes the lock itself, and never while it fetches or calls a hook.

    def _run_fetch(self, lease: int, is_found: Callable[[], bool] | None) -> None:
        started_at = self._clock()
        try:
            result = self._obtain(lease, is_found)
        except BaseException as error:
            result = self._record_failure(lease, FetchFailure.of(error))
            self._announce(result, started_at)
            if not isinstance(error, Exception):
                raise
        else:
            self._announce(result, started_at)

    def _obtain(self, lease: int, is_found: Callable[[], bool] | None) -> FetchResult:
        """Load a key set and put it in force."""
        loaded = self._loader.load()
        self._install(lease, loaded)
        return FetchResult("ok", len(loaded.keys.keys))

    def _record_failure(self, lease: int, failure: FetchFailure) -> FetchResult:
        self._location.forget()
        with self.lock:
            consequence = self._consequence()
        logger.warning("keys of %r: %s; %s", self._location, failure.reason, consequence)
        with self.lock:
            self._last_error = failure.reason
            self._schedule.record_failure(lease, self._clock(), failure.retry_after)
            self.lock.notify_all()
        return FetchResult(failure.outcome)

    def _install(self, lease: int, loaded: LoadedKeys) -> bool:
        """Put the loaded keys in force. Return False if a later fetch has already brought some."""
        with self.lock:
            is_latest = self._schedule.record_success(lease, self._clock(), loaded.max_age)
            if is_latest:
                self._replace_keys(without_kids(loaded.keys, self.revoked))
            self.lock.notify_all()
        return is_latest

    def _replace_keys(self, keys: KeySet) -> None:
        before = self.current
        if before is not None:
            # A cached token is valid while the set is the same object, so equal keys keep it.
            if same_keys(before.keys, keys):
                keys = before.keys
            self._changes.append(changed_kids(before.keys, keys))
        refresh_at = self._schedule.refresh_at
        due_at = min(refresh_at, self.look_at)
        self.current = CurrentKeys(keys, refresh_at, self._schedule.usable_until, due_at)

    def _announce(self, result: FetchResult, started_at: float) -> None:
        with self.lock:
            status = self.status()
            changes = self._changes
            self._changes = []
        seconds = self._clock() - started_at
        fetched = Fetched(repr(self._location), result.outcome, seconds, result.key_count)
        log_status(fetched, status)
        # Even if one hook raises, the other is called.
        try:
            self._hooks.announce_fetch(fetched)
        finally:
            for change in changes:
                self._hooks.announce_rotation(self._location, change)
