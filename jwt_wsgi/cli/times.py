"""Points in time and time spans, as people write and read them."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

import click

from jwt_wsgi.explain.dates import OUTSIDE_CALENDAR, distance, is_number, to_moment

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


def describe_date(seconds: object, now: float) -> str:
    """Return a token's date in words: when it is, and how far it is from `now`."""
    if not is_number(seconds):
        return "not a date"
    moment = to_moment(seconds)
    if moment is None:
        return OUTSIDE_CALENDAR
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC, {distance(seconds, now)}"


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
