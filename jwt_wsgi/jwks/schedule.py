"""When keys are fetched: a state machine without I/O, clock or threads.

Every method takes `now`, in monotonic seconds; the caller holds its own lock.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from jwt_wsgi.configuration import is_number, must

#: Seconds: what `Cache-Control` may ask for at most and at least.
_LONGEST, _SHORTEST = 86400.0, 60.0
_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the fetching, in seconds but for `requests_per_minute`."""

    cache_ttl: float = 600
    requests_per_minute: int = 5
    cooldown: float = 30
    stale_for: float = 14400
    timeout: float = 5.0

    def __post_init__(self) -> None:
        for name, least in (("cache_ttl", 1e-9), ("timeout", 1e-9), ("cooldown", 0), ("stale_for", 0)):
            value, bound = getattr(self, name), "above 0" if least else "from 0"
            must(is_number(value) and value >= least, f"{name}={value!r}: write seconds {bound}")
        budget = self.requests_per_minute
        must(type(budget) is int and budget > 0, f"requests_per_minute={budget!r}: write a whole number, 1 or more")


class Schedule:
    """Single flight with a claim that expires, refresh ahead, back-off, cool-down, budget.

    `random` answers a number from 0 to 1. `refresh_at` is when the held set
    should be fetched anew, `usable_until` when it may no longer be used, `failing`
    whether nothing has succeeded since a fetch was last started.
    """

    def __init__(self, limits: Limits, random: Callable[[], float]) -> None:
        self.limits = limits
        self._random = random
        self.failing = False
        self.refresh_at = self.usable_until = _NEVER
        self._retry_at = self._cool_until = self._claim_until = _NEVER
        self._claim = self._succeeded = self._failures = 0
        self._starts: deque[float] = deque()

    def in_flight(self, now: float) -> bool:
        """Whether a fetch is under way whose claim has not expired."""
        return now < self._claim_until

    def start(self, now: float, *, unknown_kid: bool = False) -> int | None:
        """The claim (its number) of a fetch that may start now, or None.

        One slot of the minute is always kept for a scheduled refresh, so a fetch
        for an unknown kid has one less, and waits for the cool-down besides.
        """
        if self.in_flight(now) or now < self._retry_at:
            return None
        if unknown_kid and now < self._cool_until:
            return None
        while self._starts and self._starts[0] <= now - 60:
            self._starts.popleft()
        if len(self._starts) >= self.limits.requests_per_minute - unknown_kid:
            return None
        self._starts.append(now)
        self.failing = True
        self._claim += 1
        # Discovery may ask two places before the keys; past that the worker is lost.
        self._claim_until = now + 4 * self.limits.timeout
        if unknown_kid:
            self.cool(now)
        return self._claim

    def cool(self, now: float) -> None:
        """An unknown kid was just looked for: the next one waits."""
        self._cool_until = now + self.limits.cooldown

    def succeeded(self, claim: int, now: float, max_age: float | None) -> bool:
        """Whether the set that `claim` brought takes effect: unless a later one has already.

        `max_age` is what the reply's `Cache-Control` grants, in seconds, or None.
        """
        if claim <= self._succeeded:
            return False
        self._succeeded = claim
        self.failing = False
        self._settle(claim)
        self._failures = 0
        self._retry_at = _NEVER
        lifetime = self._lifetime(max_age)
        self.refresh_at = now + lifetime * (0.7 + 0.2 * self._random())
        self.usable_until = now + lifetime + self.limits.stale_for
        return True

    def failed(self, claim: int, now: float) -> None:
        """The fetch of `claim` brought nothing better: back off, 1 s doubling to 60 s."""
        if claim != self._claim:
            return
        self._settle(claim)
        pause = min(60.0, 2.0**self._failures)
        self._failures = min(self._failures + 1, 10)
        self._retry_at = now + pause * (0.8 + 0.4 * self._random())

    def abandon(self) -> None:
        """Forget the fetch under way: its thread did not survive a fork."""
        self._claim_until = _NEVER

    def retry_after(self, now: float) -> float:
        """Seconds until asking again may help, 1 at least."""
        opens = self._retry_at
        if len(self._starts) >= self.limits.requests_per_minute:
            opens = max(opens, self._starts[0] + 60)
        return max(1.0, opens - now)

    def _settle(self, claim: int) -> None:
        if claim == self._claim:
            self._claim_until = _NEVER

    def _lifetime(self, max_age: float | None) -> float:
        if max_age is None:
            return self.limits.cache_ttl
        return max(min(_SHORTEST, self.limits.cache_ttl), min(_LONGEST, max_age))
