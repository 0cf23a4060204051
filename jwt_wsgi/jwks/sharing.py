"""The worker of a remote source that shares its key set with other workers, through a store."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jwks.events import Hooks
from jwt_wsgi.jwks.loading import KeyLoader, LoadedKeys
from jwt_wsgi.jwks.schedule import Schedule
from jwt_wsgi.jwks.sealed import Judgement, SharedSet, judge, needs_write, time_of_fetch
from jwt_wsgi.jwks.shared import SharedKeySet, logger
from jwt_wsgi.jwks.source import without_kids
from jwt_wsgi.jwks.worker import CurrentKeys, FetchResult, FetchWorker
from jwt_wsgi.stores import StoreUnavailable

#: Seconds between two looks at the store.
LOOK_SECONDS: Final = 5.0
#: The first and the longest pause between two looks of a worker that waits for another's fetch.
_FIRST_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 0.25
_NEVER_LOOKED: Final = float("-inf")

_PROBLEMS: Final[dict[Judgement, str]] = {
    "older": "the shared key set is older than one that was seen before; it is ignored",
    "future": "the shared key set is from the future; it is ignored: check the clocks",
}


class SharingWorker(FetchWorker):
    """A `FetchWorker` that looks at the store before it fetches, and then every five seconds.

    Args:
        loader: Loads the key set.
        schedule: Decides when a fetch may start.
        hooks: The user callbacks.
        clock: Returns monotonic seconds.
        shared: The key set in the store.
    """

    def __init__(
        self,
        loader: KeyLoader,
        schedule: Schedule,
        hooks: Hooks,
        clock: Callable[[], float],
        shared: SharedKeySet,
    ) -> None:
        super().__init__(loader, schedule, hooks, clock)
        self.look_at = _NEVER_LOOKED
        self._shared = shared
        self._load_lease = 0

    def start_what_is_due(self, current: CurrentKeys, now: float) -> None:
        """Start a fetch or a look, if one is due and allowed. Takes the lock.

        Args:
            current: The key set that the caller has seen.
            now: The moment at which it has.
        """
        super().start_what_is_due(current, now)
        if now >= self.look_at:
            with self.lock:
                self.start_look()

    def start_fetch(self, is_found: Callable[[], bool] | None = None) -> bool:
        """Start a fetch, which begins with a look. Return False if none may start now.

        Args:
            is_found: For a token that could not be verified: returns True if the current keys
                have what it needs.
        """
        if not super().start_fetch(is_found):
            return False
        self._postpone_look()
        return True

    def start_look(self) -> None:
        """Look at the store in the background, if it is time."""
        if self._clock() >= self.look_at:
            self._postpone_look()
            self._start_thread(self._run_look)

    def share_revocation(self) -> None:
        """Write the revoked kids to the store, in this thread. Takes the lock."""
        self._run_look()

    def _postpone_look(self) -> None:
        self.look_at = self._clock() + LOOK_SECONDS
        if self.current is not None:
            due_at = min(self.current.refresh_at, self.look_at)
            self.current = self.current._replace(due_at=due_at)

    def _last_load_lease(self) -> int:
        return self._load_lease

    def _forget_parent(self) -> None:
        super()._forget_parent()
        self._shared.forget_parent()

    # The threads. They take the lock themselves, and never while they call the store.

    def _run_look(self) -> None:
        started_at = self._clock()
        with suppress(StoreUnavailable):
            if self._look():
                self._announce(self._shared_result(), started_at)

    def _obtain(self, lease: int, is_found: Callable[[], bool] | None) -> FetchResult:
        """Put in force what another worker has fetched, or load a key set and share it."""
        is_settled = is_found or self._is_fresh
        has_lease = self._wait_for_turn(is_settled)
        try:
            if has_lease:
                # The last worker may have stored a set and given its lease back in between.
                with suppress(StoreUnavailable):
                    self._look()
            if is_settled():
                return self._end_without_load(lease)
            return self._load_and_share(lease)
        finally:
            if has_lease:
                with suppress(StoreUnavailable):
                    self._shared.give_lease_back()

    def _wait_for_turn(self, is_settled: Callable[[], bool]) -> bool:
        """Look at the store until the need is settled. Return True if this worker has the lease.

        A worker whose store is down fetches without a lease, and so does one that has waited for
        longer than a lease lasts.
        """
        waits_until = time.monotonic() + self._shared.lease_seconds
        pause = _FIRST_PAUSE
        try:
            self._look()
            while not is_settled() and time.monotonic() < waits_until:
                if self._shared.take_lease():
                    return True
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
                self._look()
        except StoreUnavailable:
            return False
        return False

    def _is_fresh(self) -> bool:
        current = self.current
        return current is not None and self._clock() < current.refresh_at

    def _end_without_load(self, lease: int) -> FetchResult:
        with self.lock:
            self._schedule.end_lease(lease)
            self.lock.notify_all()
        return self._shared_result()

    def _shared_result(self) -> FetchResult:
        current = self.current
        return FetchResult("shared", 0 if current is None else len(current.keys.keys))

    def _load_and_share(self, lease: int) -> FetchResult:
        self._load_lease = lease
        loaded = self._loader.load()
        if self._install(lease, loaded):
            self._take_note(loaded)
            with suppress(StoreUnavailable):
                self._look(is_loaded=True)
        return FetchResult("ok", len(loaded.keys.keys))

    def _take_note(self, loaded: LoadedKeys) -> None:
        """Make the set that was loaded the newest one."""
        now = self._shared.wall_clock()
        with self.lock:
            self._shared.newest = SharedSet(
                fetched_at=time_of_fetch(now, self._shared.newest),
                lifetime=self._schedule.lifetime(loaded.max_age),
                revoked=self.revoked,
                body=loaded.body,
            )

    def _look(self, *, is_loaded: bool = False) -> bool:
        """Take over what the store has, and write what it lacks.

        Args:
            is_loaded: True if this worker has just loaded a set, which replaces any other.

        Returns:
            True if a newer set came into force.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        document = self._shared.read()
        if document is None:
            self._shared.report(None)
            self._write(None, is_loaded=is_loaded)
            return False
        stored = self._shared.open(document)
        if stored is None:
            # Another worker wrote it, with another secret. Each would overwrite the other's set.
            if is_loaded:
                self._write(None, is_loaded=True)
            return False
        self._revoke_all(stored.revoked)
        is_newer = self._adopt(stored, is_loaded=is_loaded)
        self._write(stored, is_loaded=is_loaded)
        return is_newer

    def _write(self, stored: SharedSet | None, *, is_loaded: bool) -> None:
        with self.lock:
            newest = self._shared.newest
            revoked = self.revoked
        if newest is None:
            return
        newest = newest._replace(revoked=revoked)
        if needs_write(stored, newest, is_loaded=is_loaded):
            self._shared.write(newest)

    def _revoke_all(self, kids: frozenset[str]) -> None:
        with self.lock:
            others = sorted(kids - self.revoked)
            for kid in others:
                self.revoke(kid)
        for kid in others:
            logger.warning("keys of %r: kid %a is revoked by another worker", self._location, kid)

    def _adopt(self, stored: SharedSet, *, is_loaded: bool) -> bool:
        """Put a stored set in force if it is newer than all that were seen."""
        now = self._shared.wall_clock()
        judgement = judge(stored, self._shared.newest, now, self._shared.stale_for)
        if judgement != "newer":
            if not is_loaded:
                self._shared.report(_PROBLEMS.get(judgement))
            return False
        try:
            keys = self._loader.parse(stored.body)
        except ValueError as error:
            self._shared.report(f"the shared key set is ignored: {error}")
            return False
        self._shared.report(None)
        with self.lock:
            return self._put_in_force(stored, keys, now)

    def _put_in_force(self, stored: SharedSet, keys: KeySet, now: float) -> bool:
        newest = self._shared.newest
        if newest is not None and newest.fetched_at >= stored.fetched_at:
            return False
        self._shared.newest = stored
        fetched_at = self._clock() - stored.age(now)
        self._schedule.start_lifetime(fetched_at, self._schedule.lifetime(stored.lifetime))
        self._replace_keys(without_kids(keys, self.revoked))
        self.lock.notify_all()
        return True
