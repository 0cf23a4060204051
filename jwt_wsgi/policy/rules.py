"""Rules as they are written, checked against their patterns, and the match of a request. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from jwt_wsgi.auth import Auth
from jwt_wsgi.errors import AuthError
from jwt_wsgi.policy.algebra import (
    AtomicCondition,
    Request,
    Requirement,
    leaves,
    validate_requirement,
)
from jwt_wsgi.policy.patterns import PARAMETER, Pattern, parse, tail_name

Rules = Mapping[str, Requirement] | Iterable[tuple[str, Requirement]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, as it is written.

    Args:
        key: The methods and the pattern, such as `GET /users/{id}`.
        requirement: The requirement that guards these methods and paths.
        parameters: The name of each path parameter, with the position of its segment in the
            path, from 0.
        has_tail: The pattern ends with `{name...}`.
    """

    key: str
    requirement: Requirement
    parameters: tuple[tuple[str, int], ...] = ()
    has_tail: bool = False

    def __str__(self) -> str:
        return f"{self.key}: {self.requirement!r}"


class Match(NamedTuple):
    """The decision of a policy about one request.

    `rule` is the rule that decides, or None where no rule does. `requirement` is the requirement
    that holds: that of the rule, the policy's default, or a denial. `request` is the part of the
    request that requirements may read.
    """

    rule: Rule | None
    requirement: Requirement
    request: Request = Request()

    @property
    def params(self) -> Mapping[str, str]:
        """The path parameters: the text of each `{name}`."""
        return self.request.params

    def refusal(self, auth: Auth | None) -> AuthError | None:
        """Return the error to refuse a caller with, or None where the caller passes.

        Args:
            auth: The caller's verified token, or None without one.
        """
        return self.requirement.refusal(auth, self.request)


class ParsedRule(NamedTuple):
    """A rule, with the methods and the pattern of its key."""

    methods: tuple[str, ...]
    pattern: Pattern
    rule: Rule


def parse_rule(key: str, requirement: object) -> ParsedRule:
    """Return the rule; raise `ValueError` for a malformed key or an unsuitable requirement."""
    methods, pattern, names = parse(key)
    validated = validate_rule_requirement(requirement, f"rule {key!r}", names, tail_name(key))
    rule = Rule(key, validated, _parameter_positions(pattern, names), pattern.tail)
    return ParsedRule(methods, pattern, rule)


def rule_pairs(rules: Rules) -> Iterator[tuple[str, Requirement]]:
    """Yield the keys and requirements of a mapping, or of pairs; raise `ValueError` otherwise."""
    # One after the other: the collector would visit a list of all pairs again and again.
    try:
        pairs = rules.items() if isinstance(rules, Mapping) else rules
        for pair in pairs:
            key, requirement = pair
            yield key, requirement
    except (TypeError, ValueError):
        raise ValueError(f"rules={rules!r}: write a mapping of paths to requirements") from None


def validate_rule_requirement(
    requirement: object, where: str, names: tuple[str, ...], tail: str | None = None
) -> Requirement:
    """Return the requirement; raise `ValueError` if it reads a path parameter not in `names`.

    `where` is the beginning of the error text, such as `rule '/a'`. `tail` is the name of the
    pattern's tail, which is not a parameter.
    """
    validated = validate_requirement(requirement, where)
    for leaf in leaves(validated):
        if not isinstance(leaf, AtomicCondition):
            continue
        for name in leaf.params:
            if name == tail:
                raise ValueError(
                    f"{where}: path_param({name!r}) asks for the tail {{{name}...}}, which has no "
                    "value; compare a parameter before it"
                )
            if name not in names:
                raise ValueError(
                    f"{where}: {validated!r} asks for a path parameter {{{name}}} "
                    "that the pattern does not have"
                )
    return validated


def _parameter_positions(pattern: Pattern, names: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    segments = enumerate(pattern.segments)
    positions = [position for position, segment in segments if segment is PARAMETER]
    return tuple(zip(names, positions, strict=True))
