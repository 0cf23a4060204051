"""The limits of fetching, and their checks."""

from dataclasses import dataclass
from typing import Final

from jwt_wsgi.options import is_finite_number

#: The number of fetches for unverified tokens that may start without a pause.
MAX_BURST: Final = 2

# A duration below this one counts as 0.
_NANOSECOND: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of fetching. Raises `ValueError` for invalid arguments.

    Args:
        cache_ttl: Lifetime in seconds of a set whose reply grants none. Above 0, default 600.
        requests_per_minute: Fetches in any 60 seconds, one of them reserved for the refresh.
            At least 2, default 5.
        cooldown: Seconds after which one more fetch for unverified tokens may start.
            From 0, default 30.
        stale_for: Seconds that a set stays usable after its lifetime. From 0, default 14400.
        timeout: Seconds that a caller waits at most. Above 0, default 5.
        max_waiting: Requests that may wait for an unknown kid. At least 0, default 2.
    """

    cache_ttl: float = 600
    requests_per_minute: int = 5
    cooldown: float = 30
    stale_for: float = 14400
    timeout: float = 5.0
    max_waiting: int = 2

    def __post_init__(self) -> None:
        check_positive_seconds("cache_ttl", self.cache_ttl)
        check_positive_seconds("timeout", self.timeout)
        check_seconds("cooldown", self.cooldown)
        check_seconds("stale_for", self.stale_for)
        _check_budget(self.requests_per_minute)
        _check_max_waiting(self.max_waiting)

    @property
    def on_demand_budget(self) -> int:
        """The fetches for unverified tokens in any 60 seconds: the refresh keeps one."""
        return self.requests_per_minute - 1

    @property
    def burst(self) -> int:
        """The number of fetches for unverified tokens that may start without a pause."""
        return min(MAX_BURST, self.on_demand_budget)


@dataclass(frozen=True, slots=True)
class PerKidLimits(Limits):
    """The limits of a source that makes a fetch for each kid.

    One fetch brings one key, so the burst is as large as the budget.
    """

    @property
    def burst(self) -> int:
        """The number of fetches for unverified tokens that may start without a pause."""
        return self.on_demand_budget


def check_positive_seconds(option: str, value: float) -> None:
    """Raise `ValueError` if an option is not a number of seconds above 0."""
    if not is_finite_number(value) or value < _NANOSECOND:
        raise ValueError(f"{option}={value!r}: write seconds above 0")


def check_seconds(option: str, value: float) -> None:
    """Raise `ValueError` if an option is not a number of seconds from 0."""
    if not is_finite_number(value) or value < 0:
        raise ValueError(f"{option}={value!r}: write seconds from 0")


def _check_budget(budget: int) -> None:
    if type(budget) is not int or budget < 2:
        raise ValueError(
            f"requests_per_minute={budget!r}: write a whole number, 2 or more; one fetch is "
            "always kept for the refresh, and a new key needs another one"
        )


def _check_max_waiting(number: int) -> None:
    if type(number) is not int or number < 0:
        raise ValueError(f"max_waiting={number!r}: write a whole number, 0 or more")
