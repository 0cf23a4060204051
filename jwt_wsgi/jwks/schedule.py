"""The schedule of fetches: a state machine without I/O, clock or threads.

A fetch holds a *lease* while it runs, so that there is one at a time. The *budget*
bounds the fetches of any 60 seconds. The *back-off* separates attempts after a failure.

A fetch *on demand* is one for a token that the current keys do not verify: its kid is
unknown, or its signature is invalid. Anyone can send such tokens, so these fetches share
a *burst*, which is refilled by one per *cool-down*.

Every method takes `now` in monotonic seconds. The caller holds its own lock.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from jwt_wsgi.http.back_off import BackOff
from jwt_wsgi.jwks.burst import Burst
from jwt_wsgi.jwks.limits import Limits

#: Bounds of the lifetime that `Cache-Control` may grant, in seconds.
MIN_LIFETIME: Final = 60.0
MAX_LIFETIME: Final = 86400.0

#: The longest pause after a failure, in seconds, `Retry-After` included.
MAX_BACK_OFF: Final = 60.0

#: The seconds over which `requests_per_minute` is counted.
BUDGET_WINDOW: Final = 60.0

#: How many time-outs a lease lasts. Discovery may fetch two documents before the keys.
LEASE_TIMEOUTS: Final = 4

# A moment that is earlier than any other.
_NEVER: Final = float("-inf")


class KeyStatus(NamedTuple):
    """The state of a key source, from `RemoteJWKS.status()`. Durations are in seconds.

    Attributes:
        usable: True if the source holds keys that may be used.
        kids: The kids of those keys; empty if `usable` is False.
        age: Seconds since the last successful fetch, or None before the first.
        lifetime_left: Seconds until the set is stale, negative once it is; None before
            the first successful fetch.
        last_success: The time of the last successful fetch on the source's own clock, or None.
        last_error: The text of the last failure, or None. It stays after a success.
        next_attempt: Seconds until a fetch is due, 0 if one is due now.
        attempts: The number of fetches that were started.
        successes: The number of fetches whose keys came into force.
        failures: The number of fetches that failed, or did not end in time.
    """

    usable: bool
    kids: frozenset[str]
    age: float | None
    lifetime_left: float | None
    last_success: float | None
    last_error: str | None
    next_attempt: float
    attempts: int
    successes: int
    failures: int


class Schedule:
    """Decides when a fetch may start, and how long its keys may be used.

    Args:
        limits: The limits of fetching.
        random: Returns a number from 0 to 1, for the jitter of refreshes and back-off.

    Attributes:
        last_lease: The number of the last fetch that was started; 0 before the first.
        last_fetch_failed: True if the last fetch that ended, or should have, has failed.
        refresh_at: The moment from which the current set should be fetched again.
        usable_until: The moment from which the current set may not be used any more.
    """

    def __init__(self, limits: Limits, random: Callable[[], float]) -> None:
        self.limits = limits
        self._random = random

        # The current set.
        self.last_fetch_failed = False
        self.refresh_at = _NEVER
        self.usable_until = _NEVER
        self._fresh_until = _NEVER
        self._last_success: float | None = None

        # Leases are numbered from 1, so the last number is the count of attempts.
        self.last_lease = 0
        self._lease_ends: float | None = None
        self._installed_lease = 0

        # What delays the next fetch.
        self._back_off = BackOff(MAX_BACK_OFF, random)
        self._burst = Burst(limits.burst, limits.cooldown)
        self._recent_starts: deque[float] = deque()

        # Counts for the status.
        self._successes = 0
        self._failures = 0

    def in_flight(self, now: float) -> bool:
        """Return True if a fetch is running and its lease has not expired."""
        lease_ends = self._lease_ends
        return lease_ends is not None and now < lease_ends

    def is_blocked(self, now: float) -> bool:
        """Return True if no fetch may start now: one is running, or one has just failed.

        It may be called without the lock.
        """
        return now < self._back_off.ends_at or self.in_flight(now)

    def start(self, now: float, *, on_demand: bool = False) -> int | None:
        """Return the number of a new lease, or None if no fetch may start now.

        Args:
            now: Monotonic seconds.
            on_demand: True for a fetch that an unverified token has caused. It takes one
                of the burst, and its budget is smaller by one, so that a refresh can
                always start.
        """
        self.expire_lease(now)
        if self.is_blocked(now):
            return None
        if self._starts_in_window(now) >= self._budget(on_demand=on_demand):
            return None
        if on_demand:
            if self._burst.is_spent(now):
                return None
            self._burst.take(now)
        self._recent_starts.append(now)
        self.last_lease += 1
        self._lease_ends = now + LEASE_TIMEOUTS * self.limits.timeout
        return self.last_lease

    def expire_lease(self, now: float) -> bool:
        """Count a fetch whose lease has expired as failed. Return True if there is one.

        Each fetch is counted once. Its back-off began when its callers gave up, so most
        of it has passed with the rest of the lease.
        """
        if self._lease_ends is None or now < self._lease_ends:
            return False
        gave_up_at = self._lease_ends - (LEASE_TIMEOUTS - 1) * self.limits.timeout
        self._lease_ends = None
        self._count_failure(gave_up_at, retry_after=0)
        return True

    def record_success(self, lease: int, now: float, max_age: float | None) -> bool:
        """Return True if the set of this fetch takes effect, False if a later one already has.

        The set of a fetch whose lease has expired takes effect too.

        Args:
            lease: The number of the fetch's lease.
            now: Monotonic seconds.
            max_age: The seconds that the reply's `Cache-Control` grants, or None.
        """
        if not self.end_lease(lease):
            return False
        self.start_lifetime(now, self.lifetime(max_age))
        return True

    def end_lease(self, lease: int) -> bool:
        """End a fetch that was successful. Return False if a later one already was.

        Args:
            lease: The number of the fetch's lease.
        """
        if lease <= self._installed_lease:
            return False
        self._installed_lease = lease
        # A lost fetch that ends late must not end the lease of a newer one.
        if lease == self.last_lease:
            self._lease_ends = None
        self.last_fetch_failed = False
        self._successes += 1
        self._back_off.end()
        return True

    def lifetime(self, max_age: float | None) -> float:
        """Return the lifetime of a set, in seconds.

        Args:
            max_age: The seconds that the reply's `Cache-Control` grants, or None.
        """
        if max_age is None:
            return self.limits.cache_ttl
        floor = min(MIN_LIFETIME, self.limits.cache_ttl)
        return max(floor, min(MAX_LIFETIME, max_age))

    def start_lifetime(self, fetched_at: float, lifetime: float) -> None:
        """Begin the lifetime of another set.

        Args:
            fetched_at: The moment of its fetch, in monotonic seconds.
            lifetime: Its lifetime, in seconds.
        """
        # Spread over 70 to 90 % of the lifetime, so that processes do not fetch all at once.
        refresh_after = lifetime * (0.7 + 0.2 * self._random())
        self.refresh_at = fetched_at + refresh_after
        self.usable_until = fetched_at + lifetime + self.limits.stale_for
        self._fresh_until = fetched_at + lifetime
        self._last_success = fetched_at

    def record_failure(self, lease: int, now: float, retry_after: float = 0) -> None:
        """Back off after a failed fetch: 1 s doubling to 60 s, each give or take a fifth.

        The failure of a fetch that was counted when its lease expired changes nothing.

        Args:
            lease: The number of the fetch's lease.
            now: Monotonic seconds.
            retry_after: The seconds that the server asked for; 60 count at most.
        """
        if lease != self.last_lease or self._lease_ends is None:
            return
        self._lease_ends = None
        self._count_failure(now, retry_after)

    def drop_lease(self) -> None:
        """Forget the running fetch: its thread did not survive a fork."""
        self._lease_ends = None

    def retry_after(self, now: float) -> float:
        """Return the seconds until a retry may help, at least 1."""
        return max(1.0, self._next_start() - now)

    def status(self, now: float, kids: frozenset[str] | None, last_error: str | None) -> KeyStatus:
        """Return the status of the source.

        Args:
            now: Monotonic seconds.
            kids: The kids of the usable set, or None if no set is usable.
            last_error: The text of the last failure, or None.
        """
        age = None
        lifetime_left = None
        if self._last_success is not None:
            age = now - self._last_success
            lifetime_left = self._fresh_until - now
        due = now if kids is None else self.refresh_at
        return KeyStatus(
            usable=kids is not None,
            kids=kids or frozenset(),
            age=age,
            lifetime_left=lifetime_left,
            last_success=self._last_success,
            last_error=last_error,
            next_attempt=max(0.0, due - now, self._next_start() - now),
            attempts=self.last_lease,
            successes=self._successes,
            failures=self._failures,
        )

    def _starts_in_window(self, now: float) -> int:
        starts = self._recent_starts
        while starts and starts[0] <= now - BUDGET_WINDOW:
            starts.popleft()
        return len(starts)

    def _budget(self, *, on_demand: bool) -> int:
        if on_demand:
            return self.limits.on_demand_budget
        return self.limits.requests_per_minute

    def _next_start(self) -> float:
        """Return the moment from which back-off and budget allow a fetch again."""
        if len(self._recent_starts) < self.limits.requests_per_minute:
            return self._back_off.ends_at
        return max(self._back_off.ends_at, self._recent_starts[0] + BUDGET_WINDOW)

    def _count_failure(self, since: float, retry_after: float) -> None:
        self.last_fetch_failed = True
        self._failures += 1
        self._back_off.begin(since, retry_after)
