"""The linter: findings about rules that may not do what their author intended. Pure.

Findings are values. The linter runs at construction, and never for a request.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from jwt_wsgi.policy.algebra import NO_RULE, AllOf, AnyOf, Requirement
from jwt_wsgi.policy.findings import CODES, Finding, make_finding
from jwt_wsgi.policy.implication import (
    admits_everyone,
    enforced_part,
    implies,
    refuses_everyone,
    scopes_of,
)
from jwt_wsgi.policy.lint_keys import check_keys
from jwt_wsgi.policy.lint_scopes import check_scopes
from jwt_wsgi.policy.patterns import PARAMETER, PatternPath
from jwt_wsgi.policy.requirements import IssuedBy
from jwt_wsgi.policy.rules import Rule
from jwt_wsgi.policy.tree import OTHER_METHODS, Node, Place, innermost, rule_for_method, step
from jwt_wsgi.scope_hierarchy import ScopeHierarchy, common_hierarchy

__all__ = ["CODES", "Finding", "findings"]

# A segment that no pattern names, because patterns cannot contain control characters.
_UNNAMED_SEGMENT: Final = "\0"


def findings(
    root: Node,
    rules: Sequence[Rule],
    default: Requirement,
    issuers: int,
    hierarchies: Sequence[ScopeHierarchy] = (),
) -> tuple[Finding, ...]:
    """Return all findings about a policy, at most one of each code for each rule.

    Args:
        root: The tree of the policy's patterns.
        rules: The rules, in the order in which they were written.
        default: The requirement for paths that no pattern covers.
        issuers: The number of issuers that are trusted.
        hierarchies: The scopes that imply others, for each of these issuers.
    """
    results: list[Finding] = []
    common = common_hierarchy(hierarchies)
    for node in _nodes_below(root):
        enclosing = _enclosing_place(root, node)
        if node.subtree:
            results += _check_subtree(root, node, enclosing, default, common)
        if node.exact:
            results += _check_exact(root, node, node.subtree or enclosing, default)
    results += check_keys(rules)
    results += check_scopes(rules, default, hierarchies)
    if issuers > 1:
        results += _any_issuer(rules)
    return _without_repeats(results)


def _check_subtree(
    root: Node, node: Node, enclosing: Place, default: Requirement, hierarchy: ScopeHierarchy
) -> Iterator[Finding]:
    """Yield the findings about the rules that cover a path and everything below it."""
    yield from _method_hole(node.subtree, enclosing, default)
    for method, rule in node.subtree.items():
        stricter: list[Finding] = []
        if node.is_tail:
            place_before = innermost(root, _unnamed_path(node.path[:-1]))
            before = _requirements_at(place_before, method, node.subtree, default)
            is_written = _has_rule(root, node.path[:-1])
            stricter = list(_tail_stricter(rule, before, hierarchy, is_written=is_written))
        if stricter:
            yield from stricter
        else:
            around = _requirements_at(enclosing, method, node.subtree, default)
            yield from _weaker_above(rule, around)
        yield from _unreachable(rule, node)


def _check_exact(
    root: Node, node: Node, enclosing: Place, default: Requirement
) -> Iterator[Finding]:
    """Yield the findings about the rules that end with `{$}`."""
    yield from _method_hole(node.exact, enclosing, default, is_same_path=bool(node.subtree))
    place_below = innermost(root, (*_unnamed_path(node.path), _UNNAMED_SEGMENT))
    for method, rule in node.exact.items():
        below = _requirements_at(place_below, method, node.exact, default)
        stricter = list(_exact_stricter(rule, below))
        if stricter:
            yield from stricter
        else:
            around = _requirements_at(enclosing, method, node.exact, default)
            yield from _weaker_above(rule, around)


# --- one function for each code


def _method_hole(
    place: Place, around: Place, default: Requirement, *, is_same_path: bool = False
) -> Iterator[Finding]:
    """The rules of a place name methods, and one that they deny is let in around it."""
    if OTHER_METHODS in place:
        return
    first_rule: Rule = next(iter(place.values()))
    path = "/" + first_rule.key.partition("/")[2]
    methods = ", ".join(sorted(place))
    for method in _methods_of_interest(place, around, is_same_path=is_same_path):
        if rule_for_method(place, method) is not None:
            continue
        for requirement in _requirements_at(around, method, place, default):
            if not refuses_everyone(requirement):
                yield make_finding(
                    "method_hole",
                    first_rule,
                    methods=methods,
                    denied=method or "every other method",
                    requirement=requirement,
                    path=path,
                )


def _methods_of_interest(place: Place, around: Place, *, is_same_path: bool) -> Iterable[str]:
    """Return the methods that callers probably use at a place, so that a denial is a surprise.

    A place that names methods usually lists what it serves, and most of what is written can be
    read. A place that only opens a method to everyone, such as `POST /login`, lists everything.
    Route coverage knows the routes and finds the other holes.
    """
    if is_same_path:
        return tuple(around)
    if all(admits_everyone(rule.requirement) for rule in place.values()):
        return ()
    return ("GET",)


def _weaker_above(rule: Rule, around: Iterable[Requirement]) -> Iterator[Finding]:
    """The place around a rule lets everyone in, and the rule does not."""
    for requirement in around:
        if _opens(requirement, rule):
            yield make_finding("weaker_above", rule, requirement=requirement)


def _exact_stricter(rule: Rule, below: Iterable[Requirement]) -> Iterator[Finding]:
    """The paths below an exact rule let everyone in, and the rule does not."""
    for requirement in below:
        if _opens(requirement, rule):
            yield make_finding("exact_stricter", rule, requirement=requirement)


def _tail_stricter(
    rule: Rule, before: Iterable[Requirement], hierarchy: ScopeHierarchy, *, is_written: bool
) -> Iterator[Finding]:
    """The path before a tail, with or without a slash, lets callers in whom the rule refuses.

    Some frameworks take that path for an empty tail. If its author wrote a rule for it, only one
    that lets everyone in is a finding.
    """
    for requirement in before:
        is_weaker = not implies(requirement, rule.requirement, hierarchy)
        if _opens(requirement, rule) or (is_weaker and not is_written):
            path = "/" + rule.key.partition("/")[2].rpartition("/")[0]
            yield make_finding("tail_stricter", rule, requirement=requirement, path=path)


def _unreachable(rule: Rule, node: Node) -> Iterator[Finding]:
    """Other rules cover everything that a rule covers, so it never decides."""
    if _is_covered_from_below(node):
        yield make_finding("unreachable", rule)


def _any_issuer(rules: Sequence[Rule]) -> Iterator[Finding]:
    """A scope suffices, whichever of the trusted issuers granted it."""
    for rule in rules:
        alternatives = _alternatives(enforced_part(rule.requirement))
        if _Alternative(names_scope=True, names_issuer=False) in alternatives:
            yield make_finding("any_issuer", rule)


# --- what the checks are made of


class _Alternative(NamedTuple):
    """One way to satisfy a requirement: does it need a scope, and does it need an issuer?"""

    names_scope: bool
    names_issuer: bool


def _opens(requirement: Requirement, rule: Rule) -> bool:
    """Tell whether a requirement lets everyone in, and a rule does not."""
    return admits_everyone(requirement) and not admits_everyone(rule.requirement)


def _has_rule(root: Node, path: PatternPath) -> bool:
    """Tell whether a rule is written for exactly this path, which leads to a node."""
    node = root
    for segment in path:
        node = node.children[segment]
    return bool(node.exact or node.subtree)


def _without_repeats(results: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the first finding of each code for each rule."""
    first: dict[tuple[str, str], Finding] = {}
    for finding in results:
        first.setdefault((finding.code, finding.rule), finding)
    return tuple(first.values())


def _nodes_below(node: Node) -> Iterator[Node]:
    """Yield a node and all nodes below it, parents first."""
    # Without recursion, because the tree is as deep as the longest pattern.
    pending = [node]
    while pending:
        current = pending.pop()
        yield current
        pending += reversed(current.children.values())


def _enclosing_place(root: Node, node: Node) -> Place:
    """Return the innermost subtree around all paths of a node, apart from its own.

    The place is empty where there is none.
    """
    enclosing: Place = {}
    nodes = [root]
    for depth in range(len(node.path) + 1):
        if depth > 0:
            nodes = step(nodes, node.path[depth - 1])
        for candidate in reversed(nodes):
            if candidate is not node and candidate.subtree:
                enclosing = candidate.subtree
    return enclosing


def _unnamed_path(path: PatternPath) -> tuple[str, ...]:
    """Return a path of a pattern, with values that no other pattern names."""
    return tuple(_UNNAMED_SEGMENT if segment is PARAMETER else segment for segment in path)


def _requirements_at(
    place: Place, method: str, inner: Place, default: Requirement
) -> list[Requirement]:
    """Return what a place requires for the methods of one rule at an inner place.

    For `OTHER_METHODS`, these are all methods that the inner place does not name.
    """
    if not place:
        return [default]
    if method == OTHER_METHODS:
        return [
            rule.requirement
            for outer_method, rule in place.items()
            if outer_method == OTHER_METHODS or outer_method not in inner
        ]
    rule = rule_for_method(place, method)
    if rule is None:
        return [NO_RULE]
    return [rule.requirement]


def _is_covered_from_below(node: Node) -> bool:
    """Tell whether other rules cover everything that the node's subtree covers.

    They do, if one rule covers the path itself, and others every path below it.
    """
    current: Node | None = node
    while current is not None and current.exact:
        current = current.children.get(PARAMETER)
        if current is not None and current.subtree:
            return True
    return False


def _alternatives(requirement: Requirement) -> set[_Alternative]:
    """Return the ways to satisfy a requirement."""
    if isinstance(requirement, AnyOf):
        return set().union(*map(_alternatives, requirement.parts))
    if isinstance(requirement, AllOf):
        first, *others = map(_alternatives, requirement.parts)
        for other in others:
            first = {_both(one, two) for one in first for two in other}
        return first
    is_issuer = isinstance(requirement, IssuedBy)
    return {_Alternative(names_scope=bool(scopes_of(requirement)), names_issuer=is_issuer)}


def _both(one: _Alternative, other: _Alternative) -> _Alternative:
    return _Alternative(
        names_scope=one.names_scope or other.names_scope,
        names_issuer=one.names_issuer or other.names_issuer,
    )
