"""Implication between requirements, as far as their form shows it. Pure; for the linter."""

from jwt_wsgi.policy.algebra import (
    AUTHENTICATED,
    Access,
    AllOf,
    AnyOf,
    AtomicCondition,
    Condition,
    ReportOnly,
    Requirement,
)
from jwt_wsgi.policy.requirements import scope


def implies(one: Requirement, other: Requirement) -> bool:
    """Return whether everyone who satisfies `one` also satisfies `other`.

    False means only that the form of the two does not show it.
    """
    one = enforced_part(one)
    other = enforced_part(other)
    if isinstance(one, Access) or isinstance(other, Access):
        return _refuses_everyone(one) or _admits_everyone(other)
    necessary = _necessary_parts(other)
    if necessary:
        return all(implies(one, part) for part in necessary)
    if isinstance(one, AnyOf):
        return all(implies(part, other) for part in one.parts)
    if any(implies(part, other) for part in _flat_parts(one)):
        return True
    if any(implies(one, part) for part in _flat_parts(other)):
        return True
    return _simple_implies(one, other)


def enforced_part(requirement: Requirement) -> Requirement:
    """Return the part of a requirement that is enforced, and not only reported."""
    if isinstance(requirement, ReportOnly):
        return requirement.enforced
    return requirement


def scopes_of(requirement: Requirement) -> tuple[str, ...]:
    """Return the scopes that a condition names, if it is not a combination."""
    if isinstance(requirement, AtomicCondition):
        return requirement.failure.scopes
    return ()


def _refuses_everyone(requirement: Requirement) -> bool:
    return isinstance(requirement, Access) and requirement.reason is not None


def _admits_everyone(requirement: Requirement) -> bool:
    return isinstance(requirement, Access) and requirement.reason is None


def _necessary_parts(requirement: Requirement) -> list[Requirement]:
    """Return the parts that must all hold, if a requirement has more than one."""
    if isinstance(requirement, AllOf):
        return list(requirement.parts)
    scopes = scopes_of(requirement)
    if len(scopes) > 1:
        return [scope(name) for name in scopes]
    return []


def _flat_parts(requirement: Requirement) -> list[Requirement]:
    """Return the parts of a combination, with those of nested combinations of the same kind.

    Without this, the comparisons of two long combinations would multiply.
    """
    flat: list[Requirement] = []
    for part in requirement.parts:
        if type(part) is type(requirement):
            flat += _flat_parts(part)
        else:
            flat.append(part)
    return flat


def _simple_implies(one: Requirement, other: Requirement) -> bool:
    """Compare two requirements as wholes; `other` names one scope at most."""
    if one == other:
        return True
    if other is AUTHENTICATED and isinstance(one, Condition):
        return True
    return not set(scopes_of(one)).isdisjoint(scopes_of(other))
