"""Shortfalls: the distance of a token from a condition, and what would help. Pure."""

from collections.abc import Iterable, Sequence
from enum import IntEnum
from itertools import chain
from typing import Final, NamedTuple


class Distance(IntEnum):
    """The distance of a token from satisfying a condition; smaller is nearer.

    `SCOPE_LACKING`: a token with more scopes would satisfy it. `NOT_BOUND`: a token that is bound
    to a key would. `STEP_UP`: a token after a stronger or fresher login would. `FORBIDDEN`: the
    client can do nothing about it.
    """

    MET = 0
    SCOPE_LACKING = 1
    NOT_BOUND = 2
    STEP_UP = 3
    FORBIDDEN = 4


class Shortfall(NamedTuple):
    """The distance of a token from a condition, and what the refusal names.

    `scopes` and `acr_values` are the scopes and the authentication contexts that would help.
    `max_age` is the largest age of a login that would, in seconds. A condition that is met still
    names its scopes, because the refusal of a combination names the scopes of all its parts.
    """

    distance: Distance
    scopes: tuple[str, ...] = ()
    acr_values: tuple[str, ...] = ()
    max_age: int | None = None


MET: Final = Shortfall(Distance.MET)
FORBIDDEN: Final = Shortfall(Distance.FORBIDDEN)


def combine_shortfalls(shortfalls: Sequence[Shortfall]) -> Shortfall:
    """Return the shortfall of conditions that must all hold, at least one."""
    ages = [each.max_age for each in shortfalls if each.max_age is not None]
    return Shortfall(
        distance=max(each.distance for each in shortfalls),
        scopes=_without_repeats(each.scopes for each in shortfalls),
        acr_values=_without_repeats(each.acr_values for each in shortfalls),
        max_age=min(ages, default=None),
    )


def nearer_shortfall(first: Shortfall, second: Shortfall, *, is_anonymous: bool) -> Shortfall:
    """Return the shortfall of two conditions of which one suffices.

    The refusal names what the nearer one needs. Of two that are equally near, it is the first,
    unless only the second names scopes.
    """
    distance = first.distance
    second_distance = second.distance
    if is_anonymous:
        # Without a token, everything that scopes alone cannot satisfy is equally far.
        distance = min(distance, Distance.NOT_BOUND)
        second_distance = min(second_distance, Distance.NOT_BOUND)
    if second_distance < distance:
        return second
    if second_distance > distance or distance <= Distance.SCOPE_LACKING:
        return first
    # Scopes alone help neither. The one that names scopes tells the client more.
    if second.scopes and not first.scopes:
        return second
    return first


def _without_repeats(groups: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(groups)))
