"""A clock that a test moves."""

import math
import time

from jwt_wsgi.options import is_finite_number


class Clock:
    """A clock that stands still until a test moves it. Calling it returns the time.

    Args:
        now: The time at the start, in seconds since the epoch. By default the current second,
            so that an application with a clock of its own agrees with this one until it is moved.

    Attributes:
        now: The time, in seconds since the epoch.

    Raises:
        ValueError: `now` is not a finite number.
    """

    def __init__(self, now: float | None = None) -> None:
        if now is None:
            now = float(math.floor(time.time()))
        elif not is_finite_number(now):
            raise ValueError(f"now={now!r}: write seconds since the epoch, or leave it out")
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Move the clock.

        Args:
            seconds: The seconds to add; below 0 the clock goes back, as when it is corrected.

        Raises:
            ValueError: `seconds` is not a finite number.
        """
        if not is_finite_number(seconds):
            raise ValueError(f"advance({seconds!r}): write seconds")
        self.now += seconds

    def __repr__(self) -> str:
        return f"Clock({self.now!r})"
