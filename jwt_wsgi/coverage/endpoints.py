"""The endpoints of one route: which rules may decide them, and whether these rules fit. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

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
from jwt_wsgi.policy.policy import Policy, Rule
from jwt_wsgi.policy.reporting import ReportOnly
from jwt_wsgi.policy.tree import OTHER_METHODS, Node, innermost

#: Stands for every method that neither the route nor a rule for its paths names. No rule can
#: name it.
EVERY_OTHER = "*"
_MAX_SHOWN = 3


class Decision(NamedTuple):
    """One way in which a policy may decide an endpoint.

    `rule` is None where no rule decides. `requirement` is then the default, or a denial.
    """

    rule: Rule | None
    requirement: Requirement

    def __str__(self) -> str:
        if self.rule is not None:
            return self.rule.key
        if self.requirement is NO_RULE:
            return "no rule"
        return "the default"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route and method of the application.

    Args:
        path: The route's path, as it is shown.
        method: The method. Of a view that takes any method, `*` stands for all others.
        name: The name of the handler.
        decisions: All ways in which the policy may decide, the weakest first. Different values
            of a parameter may fall under different rules. There are none where the endpoint
            stands outside the policy.
        catch_all: One of the decisions is that of a rule for a shorter path than the route's, or
            of no rule.
        uncertain: The route could not be read with certainty.
        automatic: The framework adds this method by itself.
        remedy: The key of the rule to write, or empty.
    """

    path: str
    method: str
    name: str
    decisions: tuple[Decision, ...]
    catch_all: bool
    uncertain: bool
    automatic: bool
    remedy: str

    @property
    def key(self) -> str:
        """The name of the endpoint for `accept`."""
        return f"{self.method} {self.path}"

    @property
    def rules(self) -> tuple[Rule | None, ...]:
        """The rules that may decide it, the weakest first. None stands for no rule."""
        return tuple(decision.rule for decision in self.decisions)

    @property
    def requirement(self) -> str:
        """The requirements of all decisions as text, the weakest first."""
        if not self.decisions:
            return "nothing"
        texts = dict.fromkeys(repr(decision.requirement) for decision in self.decisions)
        return abbreviate(list(texts), " or ")

    @property
    def covered(self) -> bool:
        """True if rules for its own path decide it, whatever they require.

        A method that the framework added counts with the one that it was added to. Where the
        rules for a path name methods, all others are refused, which is not an oversight for a
        view that takes any method.
        """
        if self.automatic:
            return True
        if self.uncertain or self.catch_all:
            return False
        return self.method == EVERY_OTHER or None not in self.rules


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


class _Outcome(NamedTuple):
    """The decision about one witness."""

    witness: _Witness
    decision: Decision


class RouteChecker:
    """One policy's decisions about routes."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._root = _pattern_tree(policy)

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
            outcomes = self._outcomes(method, reached, shortened)
            yield Endpoint(
                path=route.path,
                method=method,
                name=name,
                decisions=_distinct_decisions(outcomes) if guarded else (),
                catch_all=not guarded or not all(each.witness.has_own_rule for each in outcomes),
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

    def _outcomes(
        self, method: str, reached: list[_Witness], shortened: list[_Witness]
    ) -> list[_Outcome]:
        outcomes = [_Outcome(each, self._decide(each.path, method)) for each in reached]
        for witness in shortened:
            decision = self._decide(witness.path, method)
            # An empty parameter behind a trailing slash: a refusal of everyone opens nothing.
            if decision.requirement not in (DENY, NO_RULE):
                outcomes.append(_Outcome(witness, decision))
        return outcomes

    def _decide(self, path: tuple[str, ...], method: str) -> Decision:
        match = self._policy.decide(path, method)
        return Decision(match.rule, match.requirement)


class _Strength(IntEnum):
    """A rough order of requirements, the weakest first."""

    PUBLIC = 0
    OPTIONAL = 1
    AUTHENTICATED = 2
    MORE = 3
    DENY = 4


def abbreviate(texts: list[str], separator: str) -> str:
    """Return the first of these texts, joined, and the number of the others."""
    shown = separator.join(texts[:_MAX_SHOWN])
    hidden = len(texts) - _MAX_SHOWN
    if hidden > 0:
        return f"{shown} and {hidden} more"
    return shown


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
