"""A clock that a test moves."""

import math
import time

from jwt_wsgi.options import is_finite_number, must


class Clock:
    """Seconds since the epoch that stand still until they are told to go on.

    It begins at `now`, or at this very second, so that an application which still
    has a clock of its own agrees with it until it is moved.
    """

    def __init__(self, now: float | None = None) -> None:
        must(
            now is None or is_finite_number(now),
            f"now={now!r}: write seconds since the epoch, or leave it out",
        )
        self.now = float(math.floor(time.time())) if now is None else now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        """Let `seconds` go by; below 0 it goes back, as a clock that is set right may."""
        must(is_finite_number(seconds), f"advance({seconds!r}): write seconds")
        self.now += seconds

    def __repr__(self) -> str:
        return f"Clock({self.now!r})"
