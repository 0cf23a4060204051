"""The check of one route: the rules that may decide its endpoints, and how they fit. Pure."""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from jwt_wsgi.coverage.endpoints import EVERY_OTHER, CoveredBy, Decision, Endpoint
from jwt_wsgi.coverage.frameworks import Methods
from jwt_wsgi.coverage.routes import Route, witnesses
from jwt_wsgi.policy.algebra import (
    AUTHENTICATED,
    DENY,
    NO_RULE,
    OPTIONAL,
    PUBLIC,
    Access,
    AllOf,
    AnyOf,
    Requirement,
)
from jwt_wsgi.policy.patterns import Pattern, parse
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.policy.reporting import ReportOnly
from jwt_wsgi.policy.tree import OTHER_METHODS, Node, innermost


class _Witness(NamedTuple):
    """A path that stands for others of a route.

    `pattern` is that of the rules that decide it, or None without any. `methods` are those that
    the rules name. `depth` is the number of segments that a rule for the route has at least.
    """

    path: tuple[str, ...]
    pattern: Pattern | None
    methods: frozenset[str]
    depth: int

    @property
    def has_own_rule(self) -> bool:
        """True if its rules are written for the route, and not for a shorter path."""
        return self.pattern is not None and len(self.pattern.shortest) >= self.depth

    @property
    def has_catch_all(self) -> bool:
        """True if its rules name no segment, and are written for a shorter path."""
        if self.pattern is None or self.has_own_rule:
            return False
        return all(segment is None for segment in self.pattern.shortest)


class _Outcome(NamedTuple):
    """The decision about one witness and method."""

    witness: _Witness
    method: str
    decision: Decision

    @property
    def has_rule(self) -> bool:
        """True if a rule decides, or refuses because it names other methods on purpose."""
        if self.decision.rule is not None:
            return True
        has_pattern = self.witness.pattern is not None and not self.witness.has_catch_all
        return self.method == EVERY_OTHER and has_pattern

    @property
    def is_catch_all(self) -> bool:
        """True if a rule that names no segment decides, and requires no more than a valid token."""
        if self.decision.rule is None or not self.witness.has_catch_all:
            return False
        return _decision_strength(self.decision) <= _Strength.AUTHENTICATED


class RouteChecker:
    """One policy's decisions about routes.

    Attributes:
        matched: The keys of the rules that decided a path of a guarded route.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._root = _pattern_tree(policy)
        self.matched: set[str] = set()

    def endpoints(
        self, route: Route, methods: Methods, name: str, *, guarded: bool = True
    ) -> Iterator[Endpoint]:
        """Yield an endpoint for each method of a route.

        Args:
            route: The route.
            methods: Its methods, each with whether the framework adds it; None for every method.
            name: The name of the handler.
            guarded: False if the route stands outside the policy.
        """
        reached = self._witnesses(route)
        shortened = [] if route.shortened is None else self._witnesses(route.shortened)
        if methods is None:
            methods = _every_method(reached + shortened)
        for method, automatic in methods.items():
            outcomes = [self._outcome(witness, method) for witness in reached]
            # An empty parameter behind a trailing slash: a refusal of everyone opens nothing.
            beside = [self._outcome(witness, method) for witness in shortened]
            opening = [each for each in beside if each.decision.requirement not in (DENY, NO_RULE)]
            if guarded:
                self._note_matched(outcomes + beside)
            outcomes += opening
            yield Endpoint(
                path=route.path,
                method=method,
                name=name,
                decisions=_distinct_decisions(outcomes) if guarded else (),
                covered_by=_covered_by(outcomes) if guarded else CoveredBy.NO_RULE,
                catch_all=guarded and any(each.is_catch_all for each in outcomes),
                uncertain=route.uncertain,
                automatic=automatic,
                remedy=_remedy(route, method),
            )

    def _witnesses(self, route: Route) -> list[_Witness]:
        found = []
        for path in witnesses(route, self._root):
            place = innermost(self._root, path)
            pattern = next(iter(place.values()), None)
            methods = frozenset(place) - {OTHER_METHODS}
            found.append(_Witness(path, pattern, methods, route.depth))
        return found

    def _outcome(self, witness: _Witness, method: str) -> _Outcome:
        match = self._policy.decide(witness.path, method)
        return _Outcome(witness, method, Decision(match.rule, match.requirement))

    def _note_matched(self, outcomes: Iterable[_Outcome]) -> None:
        rules = [outcome.decision.rule for outcome in outcomes]
        self.matched.update(rule.key for rule in rules if rule is not None)


class _Strength(IntEnum):
    """A rough order of requirements, the weakest first."""

    PUBLIC = 0
    OPTIONAL = 1
    AUTHENTICATED = 2
    MORE = 3
    DENY = 4


def _pattern_tree(policy: Policy) -> Node:
    """Return the tree of the policy's patterns; its places contain patterns instead of rules."""
    root = Node()
    for rule in policy.rules:
        methods, pattern, _ = parse(rule.key)
        place = root.place_of(pattern)
        for method in methods or (OTHER_METHODS,):
            place[method] = pattern
    return root


def _every_method(found: Iterable[_Witness]) -> dict[str, bool]:
    """Return the methods that the rules for these paths name, and `EVERY_OTHER`."""
    names = {method for witness in found for method in witness.methods}
    if "GET" in names:
        names.add("HEAD")
    return {**dict.fromkeys(sorted(names), True), EVERY_OTHER: False}


def _covered_by(outcomes: Iterable[_Outcome]) -> CoveredBy:
    if not all(outcome.has_rule for outcome in outcomes):
        return CoveredBy.NO_RULE
    if all(outcome.witness.has_own_rule for outcome in outcomes):
        return CoveredBy.OWN_RULE
    return CoveredBy.UNDER_A_RULE


def _distinct_decisions(outcomes: Iterable[_Outcome]) -> tuple[Decision, ...]:
    """Return the different decisions, the weakest first."""
    # By identity, because requirements with lists or objects in them have no hash.
    distinct = {
        (str(outcome.decision), id(outcome.decision.requirement)): outcome.decision
        for outcome in outcomes
    }
    return tuple(sorted(distinct.values(), key=_decision_strength))


def _decision_strength(decision: Decision) -> _Strength:
    return _strength(decision.requirement)


def _strength(requirement: Requirement) -> _Strength:
    if isinstance(requirement, ReportOnly):
        return _strength(requirement.enforced)
    if isinstance(requirement, AnyOf):
        return min(map(_strength, requirement.parts))
    if isinstance(requirement, AllOf):
        return max(map(_strength, requirement.parts))
    if requirement is PUBLIC:
        return _Strength.PUBLIC
    if requirement is OPTIONAL:
        return _Strength.OPTIONAL
    if requirement is AUTHENTICATED:
        return _Strength.AUTHENTICATED
    if isinstance(requirement, Access):
        return _Strength.DENY
    return _Strength.MORE


def _remedy(route: Route, method: str) -> str:
    """Return the key of a rule for this endpoint alone, or nothing if no key can say it."""
    if len(route.segments) != route.depth:
        return ""
    key = route.key if method == EVERY_OTHER else f"{method} {route.key}"
    try:
        parse(key)
    except ValueError:
        return ""
    return key
