"""The findings of the linter, and their closed list of codes. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from jwt_wsgi.policy.rules import Rule


class Finding(NamedTuple):
    """One doubt about a rule.

    `code` is one of `CODES` and stable. `rule` is the rule's key, as it is written. `problem`
    and `remedy` are for people.
    """

    code: str
    rule: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.code}: rule {self.rule!r} {self.problem}; {self.remedy}"


class CodeText(NamedTuple):
    """The text of one code: templates for `str.format`."""

    problem: str
    remedy: str


#: The closed list of codes.
CODES: Final[Mapping[str, CodeText]] = {
    "method_hole": CodeText(
        problem="names {methods}, and every other method is denied there",
        remedy="write a rule {path!r} for the others, DENY where that is meant",
    ),
    "weaker_above": CodeText(
        problem="lies within a place that asks for less, {requirement}",
        remedy="a spelling that only the application takes for this path gets there; "
        "ask for as much around it",
    ),
    "unreachable": CodeText(
        problem="never decides: other rules cover all of it", remedy="leave it out"
    ),
    "exact_stricter": CodeText(
        problem="covers its path alone, and the paths below it ask for less, {requirement}",
        remedy="leave {{$}} out, or write a rule for the paths below",
    ),
    "tail_stricter": CodeText(
        problem="covers what is below its path, and the path itself asks for less, {requirement}",
        remedy="write a rule {path!r} too, because some applications take it for an empty tail",
    ),
    "parameter_names": CodeText(
        problem="calls {{{name}}} what {other_rule!r} calls {{{other_name}}}", remedy="use one name"
    ),
    "any_issuer": CodeText(
        problem="asks for a scope that any of the trusted issuers can grant",
        remedy="add & issued_by(...) where only one of them may",
    ),
    "unknown_method": CodeText(
        problem="names {methods}, which no HTTP method of the IANA registry is called",
        remedy="write the methods as clients send them, and none where all are meant",
    ),
    "second_resource": CodeText(
        problem="allows {methods}, which names a second path, and a policy judges one",
        remedy="the application has to ask the policy for the second path too: see "
        "'One request, two resources' in the documentation",
    ),
    "decomposed_text": CodeText(
        problem="is written in decomposed Unicode, and most clients send composed text (NFC)",
        remedy="write {key!r}, or a rule for each",
    ),
}


def make_finding(code: str, rule: Rule, **details: object) -> Finding:
    """Return a finding about a rule; `details` fill in the texts of the code."""
    text = CODES[code]
    return Finding(code, rule.key, text.problem.format(**details), text.remedy.format(**details))
