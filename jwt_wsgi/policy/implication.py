"""Implication between requirements, as far as their form shows it. Pure; for the linter."""

from jwt_wsgi.bindings import UNBOUND, implies_demand
from jwt_wsgi.policy.algebra import (
    AUTHENTICATED,
    Access,
    AllOf,
    AnyOf,
    AtomicCondition,
    Condition,
    Requirement,
)
from jwt_wsgi.policy.reporting import ReportOnly
from jwt_wsgi.policy.requirements import scope
from jwt_wsgi.scope_hierarchy import NO_HIERARCHY, ScopeHierarchy


def implies(one: Requirement, other: Requirement, hierarchy: ScopeHierarchy = NO_HIERARCHY) -> bool:
    """Return whether everyone who satisfies `one` also satisfies `other`.

    False means only that the form of the two does not show it.

    Args:
        one: A requirement.
        other: Another requirement.
        hierarchy: The scopes that imply others for every trusted issuer.
    """
    return _Comparison(hierarchy).implies(enforced_part(one), enforced_part(other))


def admits_everyone(requirement: Requirement) -> bool:
    """Return whether a requirement lets every caller in, with or without a token."""
    enforced = enforced_part(requirement)
    return isinstance(enforced, Access) and enforced.reason is None


def refuses_everyone(requirement: Requirement) -> bool:
    """Return whether a requirement refuses every caller."""
    enforced = enforced_part(requirement)
    return isinstance(enforced, Access) and enforced.reason is not None


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


class _Comparison:
    """One comparison, which remembers what it found.

    Two combinations, each nested in several levels, would otherwise be compared part by part again
    for every way that leads to the same two parts.
    """

    def __init__(self, hierarchy: ScopeHierarchy) -> None:
        self._hierarchy = hierarchy
        self._known: dict[tuple[int, int], bool] = {}
        # The identity of a requirement is its key, so all of them are kept alive.
        self._compared: list[Requirement] = []

    def implies(self, one: Requirement, other: Requirement) -> bool:
        if not one.parts and not _has_parts(other):
            return _simple_implies(one, other, self._hierarchy)
        key = id(one), id(other)
        if key not in self._known:
            self._compared += (one, other)
            self._known[key] = self._compare(one, other)
        return self._known[key]

    def _compare(self, one: Requirement, other: Requirement) -> bool:
        if one == other:
            return True
        necessary = _necessary_parts(other)
        if necessary:
            return all(self.implies(one, part) for part in necessary)
        if isinstance(one, AnyOf):
            return all(self.implies(part, other) for part in one.parts)
        if any(self.implies(part, other) for part in one.parts):
            return True
        alternatives = other.parts
        if one.parts:
            # A part of `one` was compared with each of the others already.
            alternatives = tuple(part for part in alternatives if _has_parts(part))
        return any(self.implies(one, part) for part in alternatives)


def _has_parts(requirement: Requirement) -> bool:
    return bool(requirement.parts) or len(scopes_of(requirement)) > 1


def _necessary_parts(requirement: Requirement) -> list[Requirement]:
    """Return the parts that must all hold, if a requirement has more than one."""
    if isinstance(requirement, AllOf):
        return list(requirement.parts)
    scopes = scopes_of(requirement)
    if len(scopes) > 1:
        return [scope(name) for name in scopes]
    return []


def _simple_implies(one: Requirement, other: Requirement, hierarchy: ScopeHierarchy) -> bool:
    """Compare two requirements without parts, of which the other names one scope at most."""
    if isinstance(one, Access) or isinstance(other, Access):
        return refuses_everyone(one) or admits_everyone(other)
    if one == other:
        return True
    if other is AUTHENTICATED and isinstance(one, Condition):
        return True
    if _demands_only_keys(other):
        return implies_demand(one.demand, other.demand)
    scopes = hierarchy.effective_scopes(frozenset(scopes_of(one)))
    return not scopes.isdisjoint(scopes_of(other))


def _demands_only_keys(requirement: Requirement) -> bool:
    """Return whether a requirement without parts is `sender_constrained`."""
    return requirement.demand != UNBOUND
