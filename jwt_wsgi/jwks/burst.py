"""Permits for fetches on demand. No clock or threads."""

from typing import Final

# A moment that is earlier than any other.
_NEVER: Final = float("-inf")


class Burst:
    """Permits for fetches on demand: some at once, refilled by one per cool-down.

    It is one number, whatever was asked for: the moment at which it will be full again.

    Args:
        size: The number of permits when it is full, at least 1.
        cooldown: The seconds after which one more permit is there.
    """

    def __init__(self, size: int, cooldown: float) -> None:
        self._cooldown = cooldown
        self._spread = (size - 1) * cooldown
        self._full_at = _NEVER

    def is_spent(self, now: float) -> bool:
        """Return True if no permit is left."""
        return now < self._full_at - self._spread

    def take(self, now: float) -> None:
        """Take one permit."""
        self._full_at = max(self._full_at, now) + self._cooldown
