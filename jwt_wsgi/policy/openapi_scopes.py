"""The scopes of a requirement, as alternatives of which one suffices. Pure."""

from itertools import product
from typing import Final

from jwt_wsgi.policy.access import Requirement
from jwt_wsgi.policy.algebra import AllOf, AnyOf, AtomicCondition, leaves

#: The most alternatives of one requirement. `&` between many `|` would multiply them.
MAX_ALTERNATIVES: Final = 64

_Scopes = tuple[str, ...]


def scope_alternatives(requirement: Requirement) -> list[_Scopes]:
    """Return lists of scopes, of which a caller needs one whole list.

    Everything that is not a scope, such as a claim, is left out. Of a requirement with more than
    64 alternatives, the only list is that of the scopes that all alternatives have.
    """
    alternatives = _alternatives(requirement)
    if alternatives is None:
        return [_common_scopes(requirement)]
    return list(dict.fromkeys(alternatives))


def scopes_of(requirement: Requirement) -> list[str]:
    """Return every scope that a requirement names, without repeats."""
    names = [scope for leaf in leaves(requirement) for scope in _scopes_of_leaf(leaf)]
    return list(dict.fromkeys(names))


def _alternatives(requirement: Requirement) -> list[_Scopes] | None:
    """Return the alternatives, or None if there are too many."""
    if not isinstance(requirement, AllOf | AnyOf):
        return [_scopes_of_leaf(requirement)]
    parts: list[list[_Scopes]] = []
    count = 1 if isinstance(requirement, AllOf) else 0
    for part in requirement.parts:
        alternatives = _alternatives(part)
        if alternatives is None:
            return None
        parts.append(alternatives)
        if isinstance(requirement, AllOf):
            count *= len(alternatives)
        else:
            count += len(alternatives)
        if count > MAX_ALTERNATIVES:
            return None
    if isinstance(requirement, AnyOf):
        return [scopes for alternatives in parts for scopes in alternatives]
    return [_union(chosen) for chosen in product(*parts)]


def _common_scopes(requirement: Requirement) -> _Scopes:
    """Return the scopes that every alternative needs."""
    if isinstance(requirement, AllOf):
        return _union([_common_scopes(part) for part in requirement.parts])
    if isinstance(requirement, AnyOf):
        first, *others = [_common_scopes(part) for part in requirement.parts]
        return tuple(scope for scope in first if all(scope in other for other in others))
    return _scopes_of_leaf(requirement)


def _scopes_of_leaf(requirement: Requirement) -> _Scopes:
    if isinstance(requirement, AtomicCondition):
        return requirement.failure.scopes
    return ()


def _union(groups: "list[_Scopes] | tuple[_Scopes, ...]") -> _Scopes:
    return tuple(dict.fromkeys(scope for group in groups for scope in group))
