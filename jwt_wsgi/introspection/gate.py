"""The gate in front of an endpoint: places for calls, and a pause after failures. Pure.

A call holds a *place* while it runs. There are `max_concurrent` places. Tokens that were never
active hold at most half of them, one at least, so that invented tokens leave room for others. After
a failure the gate is closed for a pause. Then there is one place for a probe until a call succeeds.

Every method takes `now` in monotonic seconds. The caller holds its own lock.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from jwt_wsgi.http.back_off import BackOff

#: The longest pause after a failure, in seconds, `Retry-After` included.
MAX_BACK_OFF: Final = 30.0
#: How many time-outs a call may hold its place: a thread may be frozen, and a user's fetch hang.
LEASE_TIMEOUTS: Final = 4


class _Place(NamedTuple):
    """A place that a call holds.

    Attributes:
        ends_at: The moment from which the call counts as lost.
        is_known: True if its token was active before.
        pauses: How many pauses there were when the call began.
    """

    ends_at: float
    is_known: bool
    pauses: int


class Gate:
    """Decides which calls may start.

    Args:
        max_concurrent: The number of places.
        timeout: The seconds that a call takes at most.
        random: Returns a number from 0 to 1, for the jitter of the pauses.

    Attributes:
        attempts: The number of calls that were started.
        successes: The number of calls that the endpoint answered.
        failures: The number of calls that failed, or were lost.
        has_failed: True from a failure until the next success.
    """

    def __init__(self, max_concurrent: int, timeout: float, random: Callable[[], float]) -> None:
        self.attempts = 0
        self.successes = 0
        self.failures = 0
        self.has_failed = False
        self._max_concurrent = max_concurrent
        self._lease_seconds = LEASE_TIMEOUTS * timeout
        self._places: dict[int, _Place] = {}
        self._back_off = BackOff(MAX_BACK_OFF, random)
        self._pauses = 0

    @property
    def in_flight(self) -> int:
        """The number of calls that hold a place."""
        return len(self._places)

    def is_closed(self, now: float) -> bool:
        """Return True during the pause after a failure."""
        self._expire(now)
        return now < self._back_off.ends_at

    def enter(self, now: float, *, is_known: bool) -> int | None:
        """Return the number of a place, or None if there is none at the moment.

        Args:
            now: Monotonic seconds.
            is_known: True if the token was active before, or its signature is valid.
        """
        if self.is_closed(now) or not self._has_place(is_known=is_known):
            return None
        self.attempts += 1
        place = _Place(now + self._lease_seconds, is_known, self._pauses)
        self._places[self.attempts] = place
        return self.attempts

    def holds(self, number: int, now: float) -> bool:
        """Return True if a call still holds its place."""
        self._expire(now)
        return number in self._places

    def succeed(self, number: int) -> None:
        """Free the place of a call that the endpoint answered. This ends the pause."""
        self._places.pop(number, None)
        self.successes += 1
        self.has_failed = False
        self._back_off.end()

    def fail(self, number: int, now: float, retry_after: float) -> None:
        """Free the place of a call that failed, and begin a pause.

        Calls that ran side by side fail together, and begin one pause. A call whose place was
        counted as lost changes nothing.

        Args:
            number: The number of the place.
            now: Monotonic seconds.
            retry_after: The seconds that the server asked for; 30 count at most.
        """
        place = self._places.pop(number, None)
        if place is not None:
            self._count_failure(place, now, retry_after)

    def abandon(self, number: int) -> None:
        """Free the place of a call that had too little time left to say anything."""
        self._places.pop(number, None)

    def forget_calls(self) -> None:
        """Free all places: the threads that held them did not survive a fork."""
        self._places.clear()

    def retry_after(self, now: float) -> float:
        """Return the seconds until a retry may help, at least 1."""
        return max(1.0, self._back_off.ends_at - now)

    def next_attempt(self, now: float) -> float:
        """Return the seconds until a call may start, 0 if one may start now."""
        return max(0.0, self._back_off.ends_at - now)

    def _has_place(self, *, is_known: bool) -> bool:
        places = self._places.values()
        if len(places) >= self._max_concurrent:
            return False
        if self.has_failed and any(place.pauses == self._pauses for place in places):
            return False
        if is_known:
            return True
        unknown = sum(1 for place in places if not place.is_known)
        return unknown < max(1, self._max_concurrent // 2)

    def _expire(self, now: float) -> None:
        """Count the calls that hold their place for too long as failed."""
        lost = [number for number, place in self._places.items() if now >= place.ends_at]
        for number in lost:
            place = self._places.pop(number)
            self._count_failure(place, place.ends_at, retry_after=0)

    def _count_failure(self, place: _Place, since: float, retry_after: float) -> None:
        self.failures += 1
        self.has_failed = True
        if place.pauses == self._pauses:
            self._pauses += 1
            self._back_off.begin(since, retry_after)
