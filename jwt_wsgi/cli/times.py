"""Times as people write and read them."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

import click

_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1))


def _instant(_: click.Context, __: click.Parameter, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        is_number = re.fullmatch(r"[0-9]{1,12}(?:\.[0-9]{1,9})?", text)
        moment = (
            datetime.fromtimestamp(float(text), UTC) if is_number else datetime.fromisoformat(text)
        )
    except (ValueError, OverflowError, OSError):
        moment = None
    if moment is None or moment.tzinfo is None:
        raise click.UsageError(
            f"--at {text!r}: write seconds since the epoch, or such as 2027-01-15T08:00:00Z"
        )
    return moment.timestamp()


at_option = click.option(
    "--at",
    metavar="TIME",
    callback=_instant,
    help="Judge as if it were then: seconds since the epoch, or ISO 8601.",
)


def clock_at(at: float | None) -> Callable[[], float]:
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
    parts: list[str] = []
    for name, size in _UNITS:
        count, left = divmod(left, size)
        if count or parts:
            parts.append(f"{count} {name}{'s' * (count != 1)}" if count else "")
    return " ".join(filter(None, parts[:2])) or "0 seconds"
