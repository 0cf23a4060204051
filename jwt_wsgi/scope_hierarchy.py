"""Scope hierarchies: the scopes of one issuer that imply others. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from graphlib import CycleError, TopologicalSorter
from itertools import islice
from typing import Final

#: One scope (RFC 6749 §3.3): printable ASCII without space, quote and backslash.
SCOPE_TOKEN: Final = re.compile(r"[!#-\[\]-~]+")
#: How many implications a hierarchy has at most, with those that follow from others.
MAX_IMPLICATIONS: Final = 10_000

#: Maps a scope to the scopes that it implies.
ScopeImplies = Mapping[str, Iterable[str]]

_EXAMPLE: Final = "{'admin': ['write'], 'write': ['read']}"
#: Characters of a wrong value that an error shows.
_MAX_SHOWN: Final = 200


class ScopeHierarchy:
    """The scopes of one issuer that imply others, with all that follows.

    Args:
        implied_scopes: For each scope that implies others, all that it implies. What these imply
            is among them, and the scope itself is not.

    Attributes:
        implied_scopes: For each scope that implies others, all that it implies.
    """

    __slots__ = ("implied_scopes",)

    def __init__(self, implied_scopes: Mapping[str, frozenset[str]]) -> None:
        self.implied_scopes = implied_scopes

    def effective_scopes(self, scopes: frozenset[str]) -> frozenset[str]:
        """Return scopes with all that they imply; the same object if they imply no others.

        Args:
            scopes: The scopes of a token.
        """
        if not self.implied_scopes:
            return scopes
        implied: set[str] = set()
        for name in self.implied_scopes.keys() & scopes:
            # What an implied scope implies is among the implied ones already.
            if name not in implied:
                implied |= self.implied_scopes[name]
        return scopes if implied <= scopes else scopes | implied

    def implying_scopes(self, name: str) -> tuple[str, ...]:
        """Return the scopes that imply a scope, in alphabetical order.

        Args:
            name: The scope.
        """
        return tuple(
            sorted(each for each, implied in self.implied_scopes.items() if name in implied)
        )

    def __repr__(self) -> str:
        return f"ScopeHierarchy({self.implied_scopes!r})"


#: Each scope implies itself alone.
NO_HIERARCHY: Final = ScopeHierarchy({})


def read_hierarchy(scope_implies: ScopeImplies | None) -> ScopeHierarchy:
    """Return the hierarchy that the option `scope_implies` describes.

    Args:
        scope_implies: Maps a scope to a list of the scopes that it implies; None implies nothing.

    Raises:
        ValueError: It is not a mapping of scopes to lists of scopes, a list is empty, a scope
            implies itself, directly or through others, or there are more than `MAX_IMPLICATIONS`.
    """
    if scope_implies is None:
        return NO_HIERARCHY
    if not isinstance(scope_implies, Mapping):
        raise ValueError(f"scope_implies={_excerpt(scope_implies)}: write a mapping, {_EXAMPLE}")
    direct: dict[str, list[str]] = {}
    count = 0
    for name, values in scope_implies.items():
        _check_scope(name)
        direct[name] = _read_implied(name, values)
        count += len(direct[name])
        _check_count(count)
    return ScopeHierarchy(_close(direct))


def parse_scope_implies(words: Iterable[str]) -> dict[str, list[str]]:
    """Return the value of the option `scope_implies` from its text in a file or a command.

    Args:
        words: Implications such as `admin=write`. One scope may stand in several.

    Raises:
        ValueError: A word has another form.
    """
    parsed: dict[str, list[str]] = {}
    for word in words:
        name, _, implied = word.partition("=")
        if not name or not implied or "=" in implied:
            raise ValueError(
                f"{_excerpt(word)}: write NAME=NAME, such as admin=write; a scope with = in it can "
                "be written in Python only"
            )
        parsed.setdefault(name, []).append(implied)
    return parsed


def read_hierarchies(
    scope_implies: ScopeImplies | Iterable[ScopeImplies | ScopeHierarchy],
) -> tuple[ScopeHierarchy, ...]:
    """Return the hierarchies of several issuers.

    Args:
        scope_implies: One mapping for all of them, or a list with one for each.

    Raises:
        ValueError: It is neither, or a mapping is invalid.
    """
    if isinstance(scope_implies, Mapping):
        return (read_hierarchy(scope_implies),)
    if isinstance(scope_implies, str) or not isinstance(scope_implies, Iterable):
        raise ValueError(
            f"scope_implies={_excerpt(scope_implies)}: write a mapping, {_EXAMPLE}, or a list with "
            "one for each issuer"
        )
    return tuple(
        each if isinstance(each, ScopeHierarchy) else read_hierarchy(each) for each in scope_implies
    )


def common_hierarchy(hierarchies: Sequence[ScopeHierarchy]) -> ScopeHierarchy:
    """Return the implications that all of these hierarchies have.

    Args:
        hierarchies: The hierarchies of several issuers.
    """
    return reduce(_in_both, hierarchies) if hierarchies else NO_HIERARCHY


def _in_both(one: ScopeHierarchy, other: ScopeHierarchy) -> ScopeHierarchy:
    names = one.implied_scopes.keys() & other.implied_scopes.keys()
    implied = {name: one.implied_scopes[name] & other.implied_scopes[name] for name in names}
    return ScopeHierarchy({name: scopes for name, scopes in implied.items() if scopes})


def _read_implied(name: str, values: object) -> list[str]:
    """Return the scopes that one scope implies, as they are written."""
    if isinstance(values, str | Mapping) or not isinstance(values, Iterable):
        raise ValueError(f"{_entry(name, values)}: write a list of scopes, {_EXAMPLE}")
    # One more than can be accepted, because the values may be those of an endless generator.
    implied = list(islice(values, MAX_IMPLICATIONS + 1))
    if not implied:
        raise ValueError(
            f"{_entry(name, values)}: name the scopes that it implies, or leave it out"
        )
    for each in implied:
        _check_scope(each)
    if name in implied:
        raise ValueError(
            f"{_entry(name, values)}: every scope implies itself; leave it out of its own list"
        )
    return implied


def _check_scope(name: object) -> None:
    if not isinstance(name, str) or not SCOPE_TOKEN.fullmatch(name):
        raise ValueError(
            f"scope_implies holds {_excerpt(name)}: one scope is printable ASCII without space, "
            f"quote or backslash (RFC 6749 §3.3); write {_EXAMPLE}"
        )


def _check_count(count: int) -> None:
    if count > MAX_IMPLICATIONS:
        raise ValueError(
            f"scope_implies has more than {MAX_IMPLICATIONS:,} implications, with those that "
            "follow: leave out the scopes that no rule names"
        )


def _close(direct: Mapping[str, list[str]]) -> dict[str, frozenset[str]]:
    """Return for each scope all that it implies, directly or through others."""
    closures: dict[str, frozenset[str]] = {}
    count = 0
    for name in _order(direct):
        if name in direct:
            further = [closures[each] for each in direct[name] if each in closures]
            closures[name] = frozenset(direct[name]).union(*further)
            count += len(closures[name])
            _check_count(count)
    return closures


def _order(direct: Mapping[str, list[str]]) -> list[str]:
    """Return the scopes so that each follows those that it implies."""
    try:
        return list(TopologicalSorter(direct).static_order())
    except CycleError as error:
        # The error names the scopes from the implied to the implying one.
        cycle = " implies ".join(repr(name) for name in reversed(error.args[1]))
    raise ValueError(
        f"scope_implies: {cycle:.500}, which is a cycle: leave one of these implications out"
    )


def _entry(name: str, values: object) -> str:
    """Return one entry of the option, for an error."""
    return f"scope_implies[{_excerpt(name)}]={_excerpt(values)}"


def _excerpt(value: object) -> str:
    return f"{value!r:.{_MAX_SHOWN}}"
