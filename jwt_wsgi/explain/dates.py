"""Points in time and time spans, as people read them. Pure."""

from datetime import UTC, datetime
from typing import TypeGuard

#: What is said of a date that is a number without a place in the calendar.
OUTSIDE_CALENDAR = "outside the range of the calendar"
_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def is_number(value: object) -> TypeGuard[int | float]:
    """Return True for a JSON number. A boolean is not a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def to_moment(seconds: float) -> datetime | None:
    """Return the time, or None for one that the calendar does not have (years 1 to 9999).

    Args:
        seconds: Seconds since the epoch. A JSON number may have thousands of digits.
    """
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def iso_time(seconds: float) -> str:
    """Return the time as ISO 8601 writes it, in UTC, to the second."""
    moment = to_moment(seconds)
    return OUTSIDE_CALENDAR if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def distance(seconds: float, now: float) -> str:
    """Return how far a time is from `now`: "in 1 minute", "3 hours ago"."""
    span = format_duration(abs(seconds - now))
    return f"in {span}" if seconds > now else f"{span} ago"


def format_duration(seconds: float) -> str:
    """Return a time span in words: its largest unit, and the next smaller one."""
    remainder = int(seconds)
    counts: list[tuple[int, str]] = []
    for unit, size in _UNITS:
        count, remainder = divmod(remainder, size)
        if count or counts:
            counts.append((count, unit))
    words = [pluralize(count, unit) for count, unit in counts[:2] if count]
    return " ".join(words) or "0 seconds"


def pluralize(count: int, noun: str) -> str:
    """Return the count and its noun: "1 rule", "2 rules"."""
    if count == 1:
        return f"1 {noun}"
    return f"{count} {noun}s"
