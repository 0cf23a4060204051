"""When keys are fetched: a state machine without I/O, clock or threads.

Every method takes `now`, in monotonic seconds; the caller holds its own lock.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from jwt_wsgi.options import is_finite_number, must

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
        for name, least in (
            ("cache_ttl", 1e-9),
            ("timeout", 1e-9),
            ("cooldown", 0),
            ("stale_for", 0),
        ):
            value, bound = getattr(self, name), "above 0" if least else "from 0"
            must(
                is_finite_number(value) and value >= least,
                f"{name}={value!r}: write seconds {bound}",
            )
        budget = self.requests_per_minute
        must(
            type(budget) is int and budget > 0,
            f"requests_per_minute={budget!r}: write a whole number, 1 or more",
        )


class KeyStatus(NamedTuple):
    """How a key source is doing. Seconds; None where nothing was ever fetched.

    `usable` is whether keys are held that may be used, and `kids` are theirs.
    `age` counts from `last_success` (on the source's own clock), `lifetime_left`
    goes below 0 when the set is stale, and `next_attempt` is when a fetch is due,
    from now. `last_error` is the last failure's text, whenever that was. The
    counts are fetches: begun, good, and failed.
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
        self._loaded_at: float | None = None
        self._fresh_until = _NEVER
        self._retry_at = self._cool_until = self._claim_until = _NEVER
        self._claim = self._succeeded = self._step = self._successes = self._failures = 0
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
        self._successes += 1
        self._step = 0
        self._retry_at = _NEVER
        lifetime = self._lifetime(max_age)
        self._loaded_at, self._fresh_until = now, now + lifetime
        self.refresh_at = now + lifetime * (0.7 + 0.2 * self._random())
        self.usable_until = now + lifetime + self.limits.stale_for
        return True

    def failed(self, claim: int, now: float, retry_after: float = 0) -> None:
        """The fetch of `claim` brought nothing better: back off, 1 s doubling to 60 s.

        `retry_after` is what the server asked for, in seconds; granted up to those 60.
        """
        self._failures += 1
        if claim != self._claim:
            return
        self._settle(claim)
        pause = min(60.0, 2.0**self._step)
        self._step = min(self._step + 1, 10)
        self._retry_at = now + max(pause * (0.8 + 0.4 * self._random()), min(60.0, retry_after))

    def abandon(self) -> None:
        """Forget the fetch under way: its thread did not survive a fork."""
        self._claim_until = _NEVER

    def retry_after(self, now: float) -> float:
        """Seconds until asking again may help, 1 at least."""
        return max(1.0, self._opens() - now)

    def status(self, now: float, kids: frozenset[str] | None, last_error: str | None) -> KeyStatus:
        """Everything that can be told; `kids` are those held, None where no set is usable."""
        loaded = self._loaded_at
        due = now if kids is None else self.refresh_at
        age, left = (None, None) if loaded is None else (now - loaded, self._fresh_until - now)
        pause, counts = (
            max(0.0, due - now, self._opens() - now),
            (self._claim, self._successes, self._failures),
        )
        return KeyStatus(
            kids is not None, kids or frozenset(), age, left, loaded, last_error, pause, *counts
        )

    def _opens(self) -> float:
        if len(self._starts) >= self.limits.requests_per_minute:
            return max(self._retry_at, self._starts[0] + 60)
        return self._retry_at

    def _settle(self, claim: int) -> None:
        if claim == self._claim:
            self._claim_until = _NEVER

    def _lifetime(self, max_age: float | None) -> float:
        if max_age is None:
            return self.limits.cache_ttl
        return max(min(_SHORTEST, self.limits.cache_ttl), min(_LONGEST, max_age))
