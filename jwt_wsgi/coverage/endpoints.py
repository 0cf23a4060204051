"""Endpoints: a route and a method of the application, with the rules that may decide them. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from jwt_wsgi.policy.algebra import NO_RULE, Requirement
from jwt_wsgi.policy.policy import Rule

#: Stands for every method that neither the route nor a rule for its paths names. No rule can
#: name it.
EVERY_OTHER: Final = "*"
_MAX_SHOWN = 3


class CoveredBy(StrEnum):
    """The rules that decide an endpoint, in three states.

    `OWN_RULE`: rules for its own path decide all of its requests. `UNDER_A_RULE`: rules decide all
    of them, but a rule for a shorter path decides some. `NO_RULE`: no rule decides some of them,
    so these get the default or a denial, or the endpoint stands outside the policy.
    """

    OWN_RULE = "own rule"
    UNDER_A_RULE = "under a rule"
    NO_RULE = "no rule"


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
        covered_by: The rules that decide it: its own, one for a shorter path, or none.
        catch_all: A rule that names no segment, such as `/`, decides some of its requests, and
            requires no more than a valid token.
        uncertain: The route could not be read with certainty.
        automatic: The framework adds this method by itself.
        remedy: The key of the rule to write, or empty.
    """

    path: str
    method: str
    name: str
    decisions: tuple[Decision, ...]
    covered_by: CoveredBy
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
        """True if rules decide it, and not only a catch-all.

        A catch-all that requires more than a valid token counts as a rule, because nobody passes
        it by accident. A method that the framework added counts with the one that it was added to.
        Where the rules for a path name methods, all others are refused, which is not an oversight
        for a view that takes any method.
        """
        if self.automatic:
            return True
        return not (self.uncertain or self.catch_all or self.covered_by is CoveredBy.NO_RULE)

    @property
    def has_own_rule(self) -> bool:
        """True if rules for its own path decide it, whatever they require."""
        if self.automatic:
            return True
        return self.covered_by is CoveredBy.OWN_RULE and not self.uncertain


def abbreviate(texts: list[str], separator: str) -> str:
    """Return the first of these texts, joined, and the number of the others."""
    shown = separator.join(texts[:_MAX_SHOWN])
    hidden = len(texts) - _MAX_SHOWN
    if hidden > 0:
        return f"{shown} and {hidden} more"
    return shown
