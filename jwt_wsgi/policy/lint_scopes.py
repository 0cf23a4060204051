"""The checks of the linter that look at scopes which imply others. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from jwt_wsgi.policy.access import Requirement, leaves
from jwt_wsgi.policy.algebra import AllOf, AnyOf
from jwt_wsgi.policy.findings import Finding, make_finding, make_hierarchy_finding
from jwt_wsgi.policy.implication import enforced_part, scopes_of
from jwt_wsgi.policy.rules import Rule
from jwt_wsgi.scope_hierarchy import ScopeHierarchy, common_hierarchy

#: How many names a finding lists.
_MAX_NAMES: Final = 5


def check_scopes(
    rules: Sequence[Rule], default: Requirement, hierarchies: Sequence[ScopeHierarchy]
) -> Iterator[Finding]:
    """Yield the findings about rules and the scopes that imply others.

    Args:
        rules: The rules, in the order in which they were written.
        default: The requirement for paths that no pattern covers.
        hierarchies: The hierarchy of each trusted issuer.
    """
    common = common_hierarchy(hierarchies)
    for rule in rules:
        for requirement in _with_parts(enforced_part(rule.requirement)):
            yield from _redundant_scope(rule, requirement, common)
            yield from _needless_alternative(rule, requirement, common)
    yield from _unnamed_scope([*(rule.requirement for rule in rules), default], hierarchies)


def _redundant_scope(
    rule: Rule, requirement: Requirement, common: ScopeHierarchy
) -> Iterator[Finding]:
    """A rule asks for a scope beside another one that implies it."""
    parts: tuple[Requirement, ...] = (requirement,)
    if isinstance(requirement, AllOf):
        parts = requirement.parts
    names = {name for part in parts for name in scopes_of(part)}
    for name in sorted(names & common.implied_scopes.keys()):
        redundant = sorted(names & common.implied_scopes[name])
        if redundant:
            yield make_finding("redundant_scope", rule, scope=redundant[0], implying=name)
            return


def _needless_alternative(
    rule: Rule, requirement: Requirement, common: ScopeHierarchy
) -> Iterator[Finding]:
    """A rule has an alternative whose tokens all satisfy another alternative."""
    if not isinstance(requirement, AnyOf):
        return
    scope_sets = {part: frozenset(scopes_of(part)) for part in requirement.parts if scopes_of(part)}
    for part, scopes in scope_sets.items():
        effective = common.effective_scopes(scopes)
        if effective is scopes:
            continue
        for other, others in scope_sets.items():
            if others <= effective and not others <= scopes:
                yield make_finding(
                    "needless_alternative", rule, alternative=part, requirement=other
                )
                return


def _unnamed_scope(
    requirements: Iterable[Requirement], hierarchies: Iterable[ScopeHierarchy]
) -> Iterator[Finding]:
    """A scope is implied by others, and no rule names it or what it implies itself."""
    rule_scopes = {
        name for each in requirements for leaf in leaves(each) for name in scopes_of(leaf)
    }
    unnamed_scopes: set[str] = set()
    for hierarchy in hierarchies:
        implied = frozenset().union(*hierarchy.implied_scopes.values())
        unnamed_scopes |= {
            name
            for name in implied - rule_scopes
            if rule_scopes.isdisjoint(hierarchy.implied_scopes.get(name, frozenset()))
        }
    if unnamed_scopes:
        names = ", ".join(map(repr, sorted(unnamed_scopes)[:_MAX_NAMES]))
        more = len(unnamed_scopes) - _MAX_NAMES
        if more > 0:
            names = f"{names} and {more} more"
        yield make_hierarchy_finding("unnamed_scope", names=names)


def _with_parts(requirement: Requirement) -> Iterator[Requirement]:
    """Yield a requirement and all its parts, at any depth."""
    yield requirement
    for part in requirement.parts:
        yield from _with_parts(part)
