"""The rules for tools: which requirement guards which tool. Pure."""

from typing import Final, NamedTuple

from jwt_wsgi.auth import Auth
from jwt_wsgi.bindings import require_both
from jwt_wsgi.errors import AuthError
from jwt_wsgi.jose.kept_claims import ClaimRead
from jwt_wsgi.policy.access import claim_reads
from jwt_wsgi.policy.algebra import DENY, NO_RULE, PUBLIC, Condition, Requirement
from jwt_wsgi.policy.policy import Match
from jwt_wsgi.policy.refusals import refusal_of
from jwt_wsgi.policy.reporting import ReportOnly
from jwt_wsgi.policy.rules import Rules, rule_pairs, validate_rule_requirement
from jwt_wsgi.policy.shortfall import Distance, combine_shortfalls

_STAR: Final = "*"


class ToolRule(NamedTuple):
    """The rule that decides a call.

    Attributes:
        key: The name or the pattern as it is written, or None for the default.
        requirement: The requirement.
    """

    key: str | None
    requirement: Requirement


class ToolRules:
    """The rules for the tools of a server.

    A name is compared exactly. A pattern ends with `*` and covers all names that begin as it does.
    The rule of the exact name decides, then that of the longest pattern, then the default.

    Args:
        rules: A mapping of names and patterns to requirements, or pairs of them.
        default: The requirement for tools that no rule covers.

    Raises:
        ValueError: For invalid arguments. The text names the rule and the remedy.
    """

    def __init__(self, rules: Rules, default: Requirement) -> None:
        self._exact: dict[str, ToolRule] = {}
        self._prefixes: dict[str, ToolRule] = {}
        for key, requirement in _pairs(rules):
            self._add(key, _validate(requirement, f"tool {key!r}"))
        self._longest = max(map(len, self._prefixes), default=-1)
        validated = _validate(default, "default")
        # The reason of the refusal is then `no_rule`, and not `denied`.
        self._default = ToolRule(None, NO_RULE if validated is DENY else validated)

    @property
    def claim_reads(self) -> tuple[ClaimRead, ...]:
        """The claims that the rules read, each once."""
        rules = (*self._exact.values(), *self._prefixes.values(), self._default)
        return claim_reads(rule.requirement for rule in rules)

    def decide(self, name: str) -> ToolRule:
        """Return the rule that decides a call.

        Args:
            name: The tool's name.
        """
        rule = self._exact.get(name)
        if rule is not None:
            return rule
        for length in range(min(len(name), self._longest), -1, -1):
            rule = self._prefixes.get(name[:length])
            if rule is not None:
                return rule
        return self._default

    def _add(self, key: object, requirement: Requirement) -> None:
        if not isinstance(key, str) or not key:
            raise ValueError(f"tool {key!r}: write the tool's name")
        name = key.removesuffix(_STAR)
        if _STAR in name:
            raise ValueError(
                f"tool {key!r}: '*' stands at the end of a name only; write a rule for each name"
            )
        place = self._exact if name == key else self._prefixes
        if name in place:
            raise ValueError(f"tool {key!r}: has a rule already; keep one")
        place[name] = ToolRule(key, requirement)


def tool_refusal(
    requirement: Requirement, auth: Auth | None, match: Match | None
) -> AuthError | None:
    """Return the error to refuse a call with, or None where the caller may call the tool.

    The refusal names the scopes of the path's rule as well. A client that is told the tool's alone
    requests a token with these, and the path's rule then refuses it.

    Args:
        requirement: The requirement of the tool.
        auth: The caller's verified token, or None without one.
        match: The decision of the policy about the path, or None without a policy.
    """
    if match is None:
        match = Match(None, PUBLIC)
    request = match.request
    error = requirement.refusal(auth, request)
    demanded = _condition_of(requirement)
    around = _condition_of(match.requirement)
    if error is None or demanded is None or around is None:
        return error
    outer = around.shortfall(auth, request)
    if auth is None or outer.distance is not Distance.MET:
        # The policy only reports what it refuses, so its scopes are not needed.
        return error
    combined = combine_shortfalls([outer, demanded.shortfall(auth, request)])
    error = refusal_of(demanded, combined, auth)
    error.demand = require_both(around.demand, demanded.demand)
    return error


def tool_would_be(
    requirement: Requirement, auth: Auth | None, match: Match | None
) -> AuthError | None:
    """Return the refusal that the requirement of a tool only reports, or None.

    Args:
        requirement: The requirement of the tool.
        auth: The caller's verified token, or None without one.
        match: The decision of the policy about the path, or None without a policy.
    """
    if not isinstance(requirement, ReportOnly):
        return None
    return tool_refusal(requirement.watched, auth, match)


def _condition_of(requirement: Requirement) -> Condition | None:
    """Return the condition that a requirement enforces, or None."""
    if isinstance(requirement, ReportOnly):
        requirement = requirement.enforced
    return requirement if isinstance(requirement, Condition) else None


def _pairs(rules: Rules) -> list[tuple[str, Requirement]]:
    try:
        return list(rule_pairs(rules))
    except ValueError:
        raise ValueError(f"tools={rules!r}: write a mapping of names to requirements") from None


def _validate(requirement: object, where: str) -> Requirement:
    validated = validate_rule_requirement(requirement, where, ())
    if validated is PUBLIC:
        raise ValueError(
            f"{where}: PUBLIC does not look at tokens, but they are checked before the tool is "
            "known; write OPTIONAL to let every caller of the path pass"
        )
    return validated
