"""Times as people write and read them."""

import time
from datetime import UTC, datetime
from typing import Any

import click

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


class Instant(click.ParamType):
    """Seconds since the epoch, or ISO 8601 with its zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds since the epoch."""
        if isinstance(value, int | float):
            return float(value)
        try:
            seconds = float(value) if not any(mark in value for mark in "-:_") else None
            moment = datetime.fromtimestamp(seconds, UTC) if seconds is not None else datetime.fromisoformat(value)
        except (ValueError, OverflowError, OSError):
            moment = datetime.min  # noqa: DTZ901 (one without a zone, which is refused)
        if moment.tzinfo is None:
            self.fail(
                f"{value!r} is no time: write seconds since the epoch, or such as 2027-01-15T08:00:00Z", param, ctx
            )
        return moment.timestamp()


def clock_at(at: float | None) -> Any:
    """A clock: the real one, or one that stands still."""
    return time.time if at is None else lambda: at


def in_words(seconds: object, now: float) -> str:
    """A date of a token: when it is, and how far from now."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return "no date"
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return "beyond the calendar"
    span = duration(abs(seconds - now))
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC, {f'in {span}' if seconds > now else f'{span} ago'}"


def duration(seconds: float) -> str:
    """A span in its largest unit, and the next one."""
    left = int(seconds)
    parts = []
    for name, size in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {name}{'s' * (count != 1)}" if count else "")
    return " ".join(filter(None, parts[:2])) or "0 seconds"
