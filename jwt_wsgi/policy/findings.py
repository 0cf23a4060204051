"""The findings of the linter, and their closed list of codes. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from jwt_wsgi.policy.rules import Rule

#: The place of a finding that is about the issuers' option of this name.
_OPTION: Final = "scope_implies"


class Finding(NamedTuple):
    """One doubt about a rule.

    `code` is one of `CODES` and stable. `rule` is the rule's key, as it is written, or
    `scope_implies` for a doubt about that option. `problem` and `remedy` are for people.
    """

    code: str
    rule: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        place = self.rule if self.rule == _OPTION else f"rule {self.rule!r}"
        return f"{self.code}: {place} {self.problem}; {self.remedy}"


#: A finding that is intended: its code and the key of its rule.
Acceptance = tuple[str, str]


class CodeText(NamedTuple):
    """The text of one code: templates for `str.format`."""

    problem: str
    remedy: str


#: The closed list of codes.
CODES: Final[Mapping[str, CodeText]] = {
    "method_hole": CodeText(
        problem="names {methods}, and {denied} is denied there, although {requirement} holds "
        "around it",
        remedy="write a rule {path!r} for the others, DENY if that is intended",
    ),
    "weaker_above": CodeText(
        problem="lies within a place that lets everyone in, {requirement}",
        remedy="a spelling that only the application takes for this path gets there; "
        "require a token around it, and open only the paths that are public",
    ),
    "unreachable": CodeText(
        problem="never decides: other rules cover all of it", remedy="leave it out"
    ),
    "exact_stricter": CodeText(
        problem="covers its path alone, and the paths below it let everyone in, {requirement}",
        remedy="leave {{$}} out, or write a rule for the paths below",
    ),
    "tail_stricter": CodeText(
        problem="covers what is below its path, and the path itself asks for something else, "
        "{requirement}",
        remedy="write a rule {path!r} that asks for as much, because some applications take it for "
        "an empty tail",
    ),
    "parameter_names": CodeText(
        problem="calls {{{name}}} what {other_rule!r} calls {{{other_name}}}", remedy="use one name"
    ),
    "any_issuer": CodeText(
        problem="asks for a scope that any of the trusted issuers can grant",
        remedy="add & issued_by(...) where only one of them may",
    ),
    "redundant_scope": CodeText(
        problem="asks for {scope!r} beside {implying!r}, which implies it",
        remedy="leave out scope({scope!r}), which no token with {implying!r} lacks",
    ),
    "needless_alternative": CodeText(
        problem="has the alternative {alternative}, and every token that satisfies it satisfies "
        "{requirement} as well",
        remedy="leave out {alternative}, or ask for it alone if less must not suffice",
    ),
    "unnamed_scope": CodeText(
        problem="lets scopes imply {names}, which no rule names",
        remedy="correct the spelling or the direction ({{'admin': ['read']}} lets admin imply "
        "read), or leave the scope out; accept this finding if handlers or tools ask for it",
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
    "stale_acceptance": CodeText(
        problem="has no finding {code!r}, which accept names",
        remedy="remove {acceptance!r} from accept",
    ),
}


_ACCEPT_REMEDY = "write a list of pairs of a code and a rule, such as ('weaker_above', '/admin')"

#: The codes that can be accepted. A stale acceptance is removed instead.
ACCEPTABLE_CODES: Final = tuple(code for code in CODES if code != "stale_acceptance")
#: The codes whose findings depend on the option `scope_implies` of the issuers.
HIERARCHY_CODES: Final = frozenset({"redundant_scope", "needless_alternative", "unnamed_scope"})


def make_finding(code: str, rule: Rule, **details: object) -> Finding:
    """Return a finding about a rule; `details` fill in the texts of the code."""
    return _make_finding(code, rule.key, details)


def make_hierarchy_finding(code: str, **details: object) -> Finding:
    """Return a finding about the option `scope_implies`; `details` fill in the texts."""
    return _make_finding(code, _OPTION, details)


def without_accepted(
    results: Iterable[Finding], accepted: Collection[Acceptance], possible: Iterable[Finding]
) -> tuple[Finding, ...]:
    """Return the findings that are not accepted, and one for each acceptance that is stale.

    Args:
        results: All findings.
        accepted: The findings that are intended.
        possible: The findings that there would be with several issuers. An acceptance of one of
            them is not stale.
    """
    remaining = [finding for finding in results if (finding.code, finding.rule) not in accepted]
    existing = {(finding.code, finding.rule) for finding in possible}
    for acceptance in accepted:
        if acceptance not in existing:
            code, key = acceptance
            details = {"code": code, "acceptance": acceptance}
            remaining.append(_make_finding("stale_acceptance", key, details))
    return tuple(remaining)


def validate_accept(accept: object, keys: Collection[str]) -> tuple[Acceptance, ...]:
    """Return the acceptances without repeats.

    Args:
        accept: Pairs of a code and the key of a rule.
        keys: The keys of the policy's rules.

    Raises:
        ValueError: It is not such a list, or a code or a rule is unknown.
    """
    if isinstance(accept, str | Mapping) or not isinstance(accept, Iterable):
        raise ValueError(f"accept={accept!r}: {_ACCEPT_REMEDY}")
    return tuple(dict.fromkeys(_validate_acceptance(pair, keys) for pair in accept))


def _validate_acceptance(pair: object, keys: Collection[str]) -> Acceptance:
    match pair:
        case (str(code), str(key)):
            pass
        case _:
            raise ValueError(f"accept={pair!r}: {_ACCEPT_REMEDY}")
    if code not in ACCEPTABLE_CODES:
        raise ValueError(
            f"accept={(code, key)!r}: {code!r} is not a code that can be accepted; choose from "
            f"{', '.join(ACCEPTABLE_CODES)}"
        )
    if key not in keys and (code, key) != ("unnamed_scope", _OPTION):
        raise ValueError(
            f"accept={(code, key)!r}: there is no rule {key!r}; write the rule's key as in rules, "
            "or remove this pair"
        )
    return code, key


def _make_finding(code: str, key: str, details: Mapping[str, object]) -> Finding:
    text = CODES[code]
    return Finding(code, key, text.problem.format(**details), text.remedy.format(**details))
