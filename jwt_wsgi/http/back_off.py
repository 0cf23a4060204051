"""The pause after failures: it doubles from one second up to a bound. Without a clock."""

from collections.abc import Callable
from typing import Final

# The pause stops doubling here, far beyond every bound.
_MAX_STEP: Final = 10

# A moment that is earlier than any other.
_NEVER: Final = float("-inf")


class BackOff:
    """The pause between attempts that fail.

    Each pause is given or taken a fifth by chance, so that processes do not try all at once.

    Args:
        longest: The longest pause in seconds, `Retry-After` included.
        random: Returns a number from 0 to 1.

    Attributes:
        ends_at: The moment from which an attempt may start again.
    """

    def __init__(self, longest: float, random: Callable[[], float]) -> None:
        self.ends_at = _NEVER
        self._longest = longest
        self._random = random
        self._step = 0

    def begin(self, since: float, retry_after: float) -> None:
        """Begin the next pause.

        Args:
            since: The moment of the failure.
            retry_after: The seconds that the server asked for; `longest` count at most.
        """
        pause = min(self._longest, 2.0**self._step)
        jittered = pause * (0.8 + 0.4 * self._random())
        self._step = min(self._step + 1, _MAX_STEP)
        self.ends_at = since + max(jittered, min(self._longest, retry_after))

    def end(self) -> None:
        """End the pause after a success, and begin with one second the next time."""
        self._step = 0
        self.ends_at = _NEVER
