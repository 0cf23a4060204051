"""What an author of rules may not have meant: findings as values. Pure, and no request passes through it."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from jwt_wsgi.policy.algebra import (
    AUTHENTICATED,
    NO_RULE,
    Access,
    AllOf,
    AnyOf,
    AtomicCondition,
    Condition,
    ReportOnly,
    Requirement,
)
from jwt_wsgi.policy.patterns import parse
from jwt_wsgi.policy.requirements import IssuedBy, scope
from jwt_wsgi.policy.tree import Node, Place, decider, innermost, step

# A segment that no pattern names, since none may hold a control character.
_FRESH = "\0"


class Finding(NamedTuple):
    """One doubt about a rule: `code` is stable, `rule` the rule's key as it is written."""

    code: str
    rule: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.code}: rule {self.rule!r} {self.problem}; {self.remedy}"


def findings(
    root: Node, rules: Sequence[Any], default: Requirement, issuers: int
) -> tuple[Finding, ...]:
    """All doubts about `rules` and the tree that they make, one of a code for each rule.

    `default` is what no rule covers asks for, `issuers` how many are trusted.
    """
    found = [finding for node in _nodes(root) for finding in _of_node(root, node, default)]
    found += [*_names(rules), *(_grants(rules) if issuers > 1 else ())]
    once: dict[tuple[str, str], Finding] = {}
    for finding in found:
        once.setdefault((finding.code, finding.rule), finding)
    return tuple(once.values())


def implies(one: Requirement, other: Requirement) -> bool:
    """Whether whoever satisfies `one` satisfies `other`, as far as their form shows it."""
    one, other = _enforced(one), _enforced(other)
    if isinstance(one, Access) or isinstance(other, Access):
        nobody = isinstance(one, Access) and one.reason is not None
        return nobody or (isinstance(other, Access) and other.reason is None)
    if isinstance(other, AllOf) or len(_scopes(other)) > 1:
        return all(implies(one, part) for part in other.parts or map(scope, _scopes(other)))
    if isinstance(one, AnyOf):
        return all(implies(part, other) for part in one.parts)
    if any(implies(part, other) for part in _flat(one)) or any(
        implies(one, part) for part in _flat(other)
    ):
        return True
    of_any_token = other is AUTHENTICATED and isinstance(one, Condition)
    return of_any_token or one == other or bool(set(_scopes(other)) & set(_scopes(one)))


def _flat(requirement: Requirement) -> list[Requirement]:
    """The parts of a combination, and of those within it that are of its kind: pairs would multiply."""
    kind = type(requirement)
    return [
        each
        for part in requirement.parts
        for each in (_flat(part) if type(part) is kind else [part])
    ]


def _scopes(requirement: Requirement) -> tuple[str, ...]:
    return requirement.lacking.scopes if isinstance(requirement, AtomicCondition) else ()


def _enforced(requirement: Requirement) -> Requirement:
    return requirement.enforced if isinstance(requirement, ReportOnly) else requirement


def _nodes(root: Node) -> Iterator[Node]:
    yield root
    for below in root.children.values():
        yield from _nodes(below)


def _covers(root: Node, node: Node) -> list[Place]:
    """The subtrees that cover all of this node's path, its own among them: the outermost first."""
    branches, covers = [root], [root.subtree]
    for segment in node.path:
        branches = step(branches, segment)
        covers += [branch.subtree for branch in reversed(branches)]
    return [place for place in covers if place]


def _of_node(root: Node, node: Node, default: Requirement) -> Iterator[Finding]:
    covers = _covers(root, node)
    if node.subtree:
        yield from _method_hole(node.subtree)
        outer = [{}, *covers][-2]
        for method, rule in node.subtree.items():
            yield from _weaker("weaker_above", rule, _asked(outer, method, node.subtree, default))
            if _settled_beneath(node):
                yield Finding(
                    "unreachable",
                    rule.key,
                    "never decides: other rules cover all of it",
                    "leave it out",
                )
    if node.exact:
        yield from _method_hole(node.exact)
        beneath = innermost(root, (*(segment or _FRESH for segment in node.path), _FRESH))
        for method, rule in node.exact.items():
            stricter = [
                *_weaker("exact_stricter", rule, _asked(beneath, method, node.exact, default))
            ]
            yield from stricter or _weaker(
                "weaker_above", rule, _asked([{}, *covers][-1], method, node.exact, default)
            )


def _settled_beneath(node: Node) -> bool:
    """Whether nothing that the node's subtree covers is left to it."""
    below = node.children.get(None)
    return (
        bool(node.exact) and below is not None and (bool(below.subtree) or _settled_beneath(below))
    )


def _asked(
    place: Place, method: str | None, within: Place, default: Requirement
) -> list[Requirement]:
    """What a place asks of this method; where it is None, of every method that the place within does not name."""
    if not place:
        return [default]
    others = [rule for named, rule in place.items() if named is None or named not in within]
    rules = others if method is None else [decider(place, method)]
    return [NO_RULE if rule is None else rule.requirement for rule in rules]


_WEAKER = {
    "weaker_above": (
        "lies within a place that asks for less, {}",
        "a spelling that only the application takes for this path gets there; ask for as much around it",
    ),
    "exact_stricter": (
        "covers its path alone, and beneath it less is asked, {}",
        "leave {$} out, or write the rule for what is beneath",
    ),
}


def _weaker(code: str, rule: Any, around: list[Requirement]) -> Iterator[Finding]:
    for asked in around:
        if not implies(asked, rule.requirement):
            problem, remedy = _WEAKER[code]
            yield Finding(code, rule.key, problem.format(asked), remedy)


def _method_hole(place: Place) -> Iterator[Finding]:
    if None not in place:
        methods = ", ".join(sorted(method for method in place if method))
        rule = next(iter(place.values()))
        path = "/" + rule.key.partition("/")[2]
        remedy = f"write a rule {path!r} for the others, DENY where that is meant"
        yield Finding(
            "method_hole",
            rule.key,
            f"names {methods}, and every other method is denied there",
            remedy,
        )


def _names(rules: Sequence[Any]) -> Iterator[Finding]:
    first: dict[tuple[str | None, ...], tuple[str, str]] = {}
    for rule in rules:
        segments = parse(rule.key).pattern.segments
        for name, position in rule.parameters:
            known, key = first.setdefault(segments[: position + 1], (name, rule.key))
            if known != name:
                problem = f"calls {{{name}}} what {key!r} calls {{{known}}}"
                yield Finding("parameter_names", rule.key, problem, "use one name")


def _grants(rules: Sequence[Any]) -> Iterator[Finding]:
    for rule in rules:
        if (True, False) in _ways(_enforced(rule.requirement)):
            problem = "asks for a scope that any of the trusted issuers can grant"
            yield Finding(
                "any_issuer", rule.key, problem, "add & issued_by(...) where only one of them may"
            )


def _ways(requirement: Requirement) -> set[tuple[bool, bool]]:
    """For each way of satisfying it: whether a scope is among what it asks, and whether an issuer is."""
    if isinstance(requirement, AnyOf):
        return {way for part in requirement.parts for way in _ways(part)}
    if isinstance(requirement, AllOf):
        left, right = map(_ways, requirement.parts)
        return {(a or c, b or d) for a, b in left for c, d in right}
    return {(_scopes(requirement) != (), isinstance(requirement, IssuedBy))}
