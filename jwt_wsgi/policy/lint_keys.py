"""The checks of the linter that look at the keys of rules: methods, names and text. Pure."""

import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from jwt_wsgi.policy.findings import Finding, make_finding
from jwt_wsgi.policy.implication import refuses_everyone
from jwt_wsgi.policy.patterns import PatternPath, parse
from jwt_wsgi.policy.rules import Rule

#: The methods of the HTTP Method Registry (RFC 9110 §16.1.1),
#: https://www.iana.org/assignments/http-methods/, without the reserved `*`.
_REGISTRY = """
    ACL BASELINE-CONTROL BIND CHECKIN CHECKOUT CONNECT COPY DELETE GET HEAD LABEL LINK LOCK MERGE
    MKACTIVITY MKCALENDAR MKCOL MKREDIRECTREF MKWORKSPACE MOVE OPTIONS ORDERPATCH PATCH POST PRI
    PROPFIND PROPPATCH PUT QUERY REBIND REPORT SEARCH TRACE UNBIND UNCHECKOUT UNLINK UNLOCK UPDATE
    UPDATEREDIRECTREF VERSION-CONTROL
"""
REGISTERED_METHODS: Final = frozenset(_REGISTRY.split())
#: RFC 4918 §9.8 and §9.9: the header `Destination` names the path that is written.
_METHODS_WITH_DESTINATION: Final = frozenset({"COPY", "MOVE"})


def check_keys(rules: Sequence[Rule]) -> Iterator[Finding]:
    """Yield the findings about the keys of these rules, in their order."""
    for rule in rules:
        yield from _unknown_method(rule)
        yield from _second_resource(rule)
        yield from _decomposed_text(rule)
    yield from _parameter_names(rules)


def _unknown_method(rule: Rule) -> Iterator[Finding]:
    """A rule names a method that is not in the registry."""
    unknown = [name for name in parse(rule.key).methods if name not in REGISTERED_METHODS]
    if unknown:
        yield make_finding("unknown_method", rule, methods=", ".join(unknown))


def _second_resource(rule: Rule) -> Iterator[Finding]:
    """A rule allows a method whose request names a second path."""
    names = [name for name in parse(rule.key).methods if name in _METHODS_WITH_DESTINATION]
    if names and not refuses_everyone(rule.requirement):
        yield make_finding("second_resource", rule, methods=", ".join(names))


def _decomposed_text(rule: Rule) -> Iterator[Finding]:
    """A rule looks like another text, of other characters, which clients send."""
    composed = unicodedata.normalize("NFC", rule.key)
    if composed != rule.key:
        yield make_finding("decomposed_text", rule, key=composed)


def _parameter_names(rules: Sequence[Rule]) -> Iterator[Finding]:
    """Two rules have different names for the parameter at one place of the path."""
    first_uses: dict[PatternPath, _ParameterUse] = {}
    for rule in rules:
        segments = parse(rule.key).pattern.segments
        for name, position in rule.parameters:
            use = _ParameterUse(name, rule)
            first = first_uses.setdefault(segments[: position + 1], use)
            if first.name != name:
                yield make_finding(
                    "parameter_names",
                    rule,
                    name=name,
                    other_rule=first.rule.key,
                    other_name=first.name,
                )


class _ParameterUse(NamedTuple):
    """The name that a rule gives to a parameter."""

    name: str
    rule: Rule
