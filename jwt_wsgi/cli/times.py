"""Points in time and time spans, as people write and read them."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeGuard

import click

#: What is said of a date that is a number without a place in the calendar.
OUTSIDE_CALENDAR = "outside the range of the calendar"
_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))
_EPOCH_SECONDS = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,9})?")


def _parse_time(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        moment = _to_datetime(text)
    except (ValueError, OverflowError, OSError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.UsageError(
            f"--at {text!r}: write seconds since the epoch, or a time such as 2027-01-15T08:00:00Z"
        )
    return moment.timestamp()


at_option = click.option(
    "--at",
    metavar="TIME",
    callback=_parse_time,
    help="Use this time instead of now: seconds since the epoch, or ISO 8601 with a time zone.",
)


def clock_at(at: float | None) -> Callable[[], float]:
    """Return the real clock, or a clock that stands still at `at`."""
    if at is None:
        return time.time
    return lambda: at


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


def describe_date(seconds: object, now: float) -> str:
    """Return a token's date in words: when it is, and how far it is from `now`."""
    if not is_number(seconds):
        return "not a date"
    moment = to_moment(seconds)
    if moment is None:
        return OUTSIDE_CALENDAR
    span = format_duration(abs(seconds - now))
    distance = f"in {span}" if seconds > now else f"{span} ago"
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC, {distance}"


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


def describe_clock_skew(skew: int) -> str:
    """Return in words how a server's clock differs from ours; `skew` is seconds ahead of ours."""
    if abs(skew) <= 1:
        return "within 1 s of ours"
    direction = "ahead of" if skew > 0 else "behind"
    return f"{abs(skew)} s {direction} ours"


def _to_datetime(text: str) -> datetime:
    if _EPOCH_SECONDS.fullmatch(text):
        return datetime.fromtimestamp(float(text), UTC)
    return datetime.fromisoformat(text)
