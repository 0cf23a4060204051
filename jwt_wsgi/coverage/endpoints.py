"""The judgement of one route: which rules may decide it, and whether they are written for it. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

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
    ReportOnly,
    Requirement,
)
from jwt_wsgi.policy.patterns import Pattern, parse
from jwt_wsgi.policy.policy import Policy, Rule
from jwt_wsgi.policy.tree import Node, innermost

#: Stands for every method that neither the route nor a rule for its paths names.
EVERY_OTHER = "*"
_SHOWN = 3


class Decision(NamedTuple):
    """What may decide an endpoint: a rule, or None and what holds where no rule says it."""

    rule: Rule | None
    requirement: Requirement

    def __str__(self) -> str:
        if self.rule is not None:
            return self.rule.key
        return "no rule" if self.requirement is NO_RULE else "the default"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route and method of the application.

    `method` is `*` for every other one of a view that takes any. `decisions`: all
    that may decide, the weakest first; different values of a parameter may fall
    under different rules. There is none where the endpoint stands outside the
    policy. `catch_all`: one of them is written for a shorter path than the route's,
    or is no rule. `uncertain`: the route could not be read with certainty.
    `automatic`: the framework adds this method by itself. `remedy` is the key of
    the rule to write, or empty.
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
        """How `accept` names it."""
        return f"{self.method} {self.path}"

    @property
    def rules(self) -> tuple[Rule | None, ...]:
        """The rules that may decide it, weakest first; None is no rule."""
        return tuple(decision.rule for decision in self.decisions)

    @property
    def requirement(self) -> str:
        """What it takes to get in, weakest first."""
        asked = dict.fromkeys(repr(decision.requirement) for decision in self.decisions)
        return few(list(asked), " or ") if asked else "nothing"

    @property
    def covered(self) -> bool:
        """Whether rules for its own path decide it, whatever they ask.

        A method that the framework added counts with the one it was added to. Where
        the rules for a path name methods, all others are refused, which is no
        oversight for a view that takes any.
        """
        if self.automatic:
            return True
        if self.uncertain or self.catch_all:
            return False
        return self.method == EVERY_OTHER or None not in self.rules


class Judge:
    """Asks one policy about routes."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._root = _places(policy)
        named = {method for rule in policy.rules for method in parse(rule.key).methods}
        self._unnamed = next(
            method for method in (EVERY_OTHER * i for i in count(1)) if method not in named
        )

    def endpoints(
        self, route: Route, methods: Methods, name: str, *, guarded: bool = True
    ) -> Iterator[Endpoint]:
        """One for each method; None as `methods` is every one. Not `guarded`, no rule decides."""
        reached = [(path, place, route.depth) for path, place in self._reached(route)]
        # A trailing slash behind which a parameter is empty: where it is refused, nobody gets in.
        shorter = route.shortened
        shortened = (
            [] if shorter is None else [(*each, shorter.depth) for each in self._reached(shorter)]
        )
        every = _every(place for _, place, _ in reached + shortened)
        for method, automatic in (every if methods is None else methods).items():
            decided = [
                (place, depth, self._decision(path, method)) for path, place, depth in reached
            ]
            also = (
                (place, depth, self._decision(path, method)) for path, place, depth in shortened
            )
            decided += [each for each in also if each[2].requirement not in (DENY, NO_RULE)]
            distinct = {
                (str(decision), id(decision.requirement)): decision for _, _, decision in decided
            }
            yield Endpoint(
                route.path,
                method,
                name,
                tuple(sorted(distinct.values(), key=lambda each: _strength(each.requirement)))
                if guarded
                else (),
                not guarded or any(_length(place) < depth for place, depth, _ in decided),
                route.uncertain,
                automatic,
                _remedy(route, method),
            )

    def _reached(self, route: Route) -> list[tuple[tuple[str, ...], dict[Any, Pattern]]]:
        return [(path, innermost(self._root, path)) for path in witnesses(route, self._root)]

    def _decision(self, path: tuple[str, ...], method: str) -> Decision:
        match = self._policy.decide(path, self._unnamed if method == EVERY_OTHER else method)
        return Decision(match.rule, match.requirement)


def _places(policy: Policy) -> Node:
    """The tree of the policy's places, each with its pattern under the methods that it names."""
    root = Node()
    for rule in policy.rules:
        methods, pattern, _ = parse(rule.key)
        node = root.reach(pattern.segments)
        (node.exact if pattern.exact else node.subtree).update(
            dict.fromkeys(methods or (None,), pattern)
        )
    return root


def _remedy(route: Route, method: str) -> str:
    key = route.key if method == EVERY_OTHER else f"{method} {route.key}"
    try:
        parse(key)
    except ValueError:
        return ""
    return key if len(route.segments) == route.depth else ""


def _length(place: dict[Any, Pattern]) -> int:
    return next((len(pattern.segments) for pattern in place.values()), -1)


def _every(places: Iterable[dict[Any, Pattern]]) -> dict[str, bool]:
    named = {method for place in places for method in place if method is not None}
    named |= {"HEAD"} if "GET" in named else set()
    return {**dict.fromkeys(sorted(named), True), EVERY_OTHER: False}


def _strength(requirement: Requirement) -> int:
    """How much a requirement asks, roughly."""
    if isinstance(requirement, ReportOnly):
        return _strength(requirement.enforced)
    if isinstance(requirement, AnyOf | AllOf):
        return (min if isinstance(requirement, AnyOf) else max)(map(_strength, requirement.parts))
    order = [PUBLIC, OPTIONAL, AUTHENTICATED]
    found = [i for i, each in enumerate(order) if each is requirement]
    return found[0] if found else len(order) + isinstance(requirement, Access)


def few(texts: list[str], join: str) -> str:
    """The first of these texts, and how many more there are."""
    more = f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else ""
    return join.join(texts[:_SHOWN]) + more
