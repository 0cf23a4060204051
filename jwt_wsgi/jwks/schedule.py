"""The schedule of fetches: a state machine without I/O, clock or threads.

A fetch holds a *lease* while it runs, so that there is one at a time. The *budget*
bounds the fetches of any 60 seconds. The *cool-down* separates fetches for unknown
kids, and the *back-off* separates attempts after a failure.

Every method takes `now` in monotonic seconds. The caller holds its own lock.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from jwt_wsgi.options import is_finite_number

#: Bounds of the lifetime that `Cache-Control` may grant, in seconds.
MIN_LIFETIME: Final = 60.0
MAX_LIFETIME: Final = 86400.0

#: The longest pause after a failure, in seconds, `Retry-After` included.
MAX_BACK_OFF: Final = 60.0

#: The seconds over which `requests_per_minute` is counted.
BUDGET_WINDOW: Final = 60.0

#: How many time-outs a lease lasts. Discovery may fetch two documents before the keys.
LEASE_TIMEOUTS: Final = 4

# The back-off stops doubling here, far beyond MAX_BACK_OFF.
_MAX_STEP: Final = 10

# A moment that is earlier than any other.
_NEVER: Final = float("-inf")

# A duration below this one counts as 0.
_NANOSECOND: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of fetching. Raises `ValueError` for invalid arguments.

    Args:
        cache_ttl: Lifetime in seconds of a set whose reply grants none. Above 0, default 600.
        requests_per_minute: Fetches in any 60 seconds. At least 1, default 5.
        cooldown: Seconds between two fetches for unknown kids. From 0, default 30.
        stale_for: Seconds that a set stays usable after its lifetime. From 0, default 14400.
        timeout: Seconds that a caller waits at most. Above 0, default 5.
    """

    cache_ttl: float = 600
    requests_per_minute: int = 5
    cooldown: float = 30
    stale_for: float = 14400
    timeout: float = 5.0

    def __post_init__(self) -> None:
        _check_positive_seconds("cache_ttl", self.cache_ttl)
        _check_positive_seconds("timeout", self.timeout)
        _check_seconds("cooldown", self.cooldown)
        _check_seconds("stale_for", self.stale_for)
        budget = self.requests_per_minute
        if type(budget) is not int or budget < 1:
            raise ValueError(f"requests_per_minute={budget!r}: write a whole number, 1 or more")


def _check_positive_seconds(option: str, value: float) -> None:
    if not is_finite_number(value) or value < _NANOSECOND:
        raise ValueError(f"{option}={value!r}: write seconds above 0")


def _check_seconds(option: str, value: float) -> None:
    if not is_finite_number(value) or value < 0:
        raise ValueError(f"{option}={value!r}: write seconds from 0")


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
        failures: The number of fetches that failed.
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
        awaiting_success: True from the start of a fetch until a fetch has succeeded.
        refresh_at: The moment from which the current set should be fetched again.
        usable_until: The moment from which the current set may not be used any more.
    """

    def __init__(self, limits: Limits, random: Callable[[], float]) -> None:
        self.limits = limits
        self._random = random

        # The current set.
        self.awaiting_success = False
        self.refresh_at = _NEVER
        self.usable_until = _NEVER
        self._fresh_until = _NEVER
        self._last_success: float | None = None

        # Leases are numbered from 1, so the last number is the count of attempts.
        self._last_lease = 0
        self._last_lease_ends = _NEVER
        self._installed_lease = 0

        # What delays the next fetch.
        self._back_off_step = 0
        self._back_off_ends = _NEVER
        self._cool_down_ends = _NEVER
        self._recent_starts: deque[float] = deque()

        # Counts for the status.
        self._successes = 0
        self._failures = 0

    def in_flight(self, now: float) -> bool:
        """Return True if a fetch is running and its lease has not expired."""
        return now < self._last_lease_ends

    def start(self, now: float, *, unknown_kid: bool = False) -> int | None:
        """Return the number of a new lease, or None if no fetch may start now.

        A fetch for an unknown kid also waits for the cool-down. Its budget is smaller
        by one, so that a refresh can always start.
        """
        if self.in_flight(now) or now < self._back_off_ends:
            return None
        if unknown_kid and now < self._cool_down_ends:
            return None
        if self._starts_in_window(now) >= self._budget(unknown_kid=unknown_kid):
            return None
        self._recent_starts.append(now)
        self.awaiting_success = True
        self._last_lease += 1
        self._last_lease_ends = now + LEASE_TIMEOUTS * self.limits.timeout
        if unknown_kid:
            self.start_cool_down(now)
        return self._last_lease

    def start_cool_down(self, now: float) -> None:
        """Delay the next fetch for an unknown kid: one has just been looked for."""
        self._cool_down_ends = now + self.limits.cooldown

    def record_success(self, lease: int, now: float, max_age: float | None) -> bool:
        """Return True if the set of this fetch takes effect, False if a later one already has.

        Args:
            lease: The number of the fetch's lease.
            now: Monotonic seconds.
            max_age: The seconds that the reply's `Cache-Control` grants, or None.
        """
        if lease <= self._installed_lease:
            return False
        self._installed_lease = lease
        self._end_lease(lease)
        self.awaiting_success = False
        self._successes += 1
        self._back_off_step = 0
        self._back_off_ends = _NEVER
        self._start_lifetime(now, self._lifetime(max_age))
        return True

    def record_failure(self, lease: int, now: float, retry_after: float = 0) -> None:
        """Back off after a failed fetch: 1 s doubling to 60 s, each give or take a fifth.

        The failure of a lost lease is counted, and delays nothing.

        Args:
            lease: The number of the fetch's lease.
            now: Monotonic seconds.
            retry_after: The seconds that the server asked for; 60 count at most.
        """
        self._failures += 1
        if lease != self._last_lease:
            return
        self._end_lease(lease)
        pause = min(MAX_BACK_OFF, 2.0**self._back_off_step)
        jittered = pause * (0.8 + 0.4 * self._random())
        self._back_off_step = min(self._back_off_step + 1, _MAX_STEP)
        self._back_off_ends = now + max(jittered, min(MAX_BACK_OFF, retry_after))

    def drop_lease(self) -> None:
        """Forget the running fetch: its thread did not survive a fork."""
        self._last_lease_ends = _NEVER

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
            attempts=self._last_lease,
            successes=self._successes,
            failures=self._failures,
        )

    def _starts_in_window(self, now: float) -> int:
        starts = self._recent_starts
        while starts and starts[0] <= now - BUDGET_WINDOW:
            starts.popleft()
        return len(starts)

    def _budget(self, *, unknown_kid: bool) -> int:
        if unknown_kid:
            return self.limits.requests_per_minute - 1
        return self.limits.requests_per_minute

    def _next_start(self) -> float:
        """Return the moment from which back-off and budget allow a fetch again."""
        if len(self._recent_starts) < self.limits.requests_per_minute:
            return self._back_off_ends
        return max(self._back_off_ends, self._recent_starts[0] + BUDGET_WINDOW)

    def _end_lease(self, lease: int) -> None:
        # A lost fetch that ends late must not end the lease of a newer one.
        if lease == self._last_lease:
            self._last_lease_ends = _NEVER

    def _lifetime(self, max_age: float | None) -> float:
        if max_age is None:
            return self.limits.cache_ttl
        floor = min(MIN_LIFETIME, self.limits.cache_ttl)
        return max(floor, min(MAX_LIFETIME, max_age))

    def _start_lifetime(self, now: float, lifetime: float) -> None:
        # Spread over 70 to 90 % of the lifetime, so that processes do not fetch all at once.
        refresh_after = lifetime * (0.7 + 0.2 * self._random())
        self.refresh_at = now + refresh_after
        self.usable_until = now + lifetime + self.limits.stale_for
        self._fresh_until = now + lifetime
        self._last_success = now
