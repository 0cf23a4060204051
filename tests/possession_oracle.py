"""The answer that a request with a bound token deserves, worked out from the specification alone.

It imports nothing of the package, so that a mistake there is not repeated here. Where a request
fails for several reasons and no standard orders them, the oracle names all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

Alternatives = frozenset[frozenset[str]]
NOTHING: Alternatives = frozenset({frozenset()})
EITHER: Alternatives = frozenset({frozenset({"dpop"}), frozenset({"mtls"})})

#: The protocol's error code of each reason.
CODES = {
    "missing_token": None,
    "token_bound": "invalid_token",
    "token_not_bound": "invalid_token",
    "binding_mismatch": "invalid_token",
    "proof_missing": "invalid_dpop_proof",
    "proof_mismatch": "invalid_dpop_proof",
    "insufficient_scope": "insufficient_scope",
    "denied": "forbidden",
    "certificate_unavailable": "temporarily_unavailable",
}


@dataclass(frozen=True)
class Stack:
    """A stack: does it check proofs, does it demand them, does it see certificates?"""

    dpop: bool = False
    required: bool = False
    mtls: bool = False
    constrained: bool = False
    accepting: bool = False

    @property
    def bindings(self) -> frozenset[str]:
        return frozenset(
            name for name, is_checked in (("dpop", self.dpop), ("mtls", self.mtls)) if is_checked
        )

    @property
    def demand(self) -> Alternatives:
        own = frozenset({frozenset({"dpop"})}) if self.required else NOTHING
        return both(own, EITHER if self.constrained else NOTHING)


@dataclass(frozen=True)
class Token:
    """A token: the members of `cnf` that are understood, or a `cnf` without any."""

    bindings: frozenset[str] = frozenset()
    is_understood: bool = True

    @property
    def scheme(self) -> str | None:
        """The scheme under which it travels, or None if `cnf` does not tell."""
        if not self.bindings:
            return None
        return "DPoP" if "dpop" in self.bindings else "Bearer"


@dataclass(frozen=True)
class Sent:
    """What a request brings along: its scheme, the proof and the certificate."""

    scheme: str | None = None
    proof: str = "none"
    certificate: str = "none"


#: A rule: ("PUBLIC",), ("OPTIONAL",), ("AUTHENTICATED",), ("DENY",), ("scope", name),
#: ("bound", "either" | "dpop" | "mtls"), ("and", rule, rule), ("or", rule, rule), and
#: ("report", watched) or ("report", watched, enforced).
Rule = tuple[Any, ...]


class Verdict(NamedTuple):
    """The distance of a token from a rule: 0 met, 1 more scopes, 2 a bound token; and scopes."""

    distance: int
    scopes: tuple[str, ...] = ()


@dataclass
class Answer:
    """The answer: one of several statuses and reasons, and what its challenges say."""

    refusals: set[tuple[int, str]] = field(default_factory=set)
    caller: str | None = None
    offered: tuple[str, ...] = ()
    erroneous: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    reported: list[set[str]] = field(default_factory=list)


def both(first: Alternatives, second: Alternatives) -> Alternatives:
    return frozenset(one | other for one, other in product(first, second))


def demand_of(rule: Rule) -> Alternatives:
    """The keys that a rule demands, as alternatives."""
    match rule:
        case ("bound", "either"):
            return EITHER
        case ("bound", name):
            return frozenset({frozenset({name})})
        case ("and", one, other):
            return both(demand_of(one), demand_of(other))
        case ("or", one, other):
            return demand_of(one) | demand_of(other)
        case ("report", _, enforced):
            return demand_of(enforced)
    return NOTHING


def is_satisfiable(rule: Rule, stack: Stack) -> bool:
    """A stack that sees the keys of one alternative can satisfy the rule."""
    return any(keys <= stack.bindings for keys in both(demand_of(rule), stack.demand))


def verdict(rule: Rule, scopes: frozenset[str], bindings: frozenset[str]) -> Verdict:
    match rule:
        case ("scope", name):
            return Verdict(0 if name in scopes else 1, (name,))
        case ("bound", "either"):
            return Verdict(0 if bindings else 2)
        case ("bound", name):
            return Verdict(0 if name in bindings else 2)
        case ("and", one, other):
            first, second = verdict(one, scopes, bindings), verdict(other, scopes, bindings)
            return Verdict(
                max(first.distance, second.distance),
                tuple(dict.fromkeys(first.scopes + second.scopes)),
            )
        case ("or", one, other):
            first, second = verdict(one, scopes, bindings), verdict(other, scopes, bindings)
            if second.distance < first.distance:
                return second
            if first.distance == second.distance == 2 and not first.scopes:
                return second
            return first
    return Verdict(0)


def token_failures(stack: Stack, token: Token, sent: Sent) -> set[tuple[int, str]]:
    """Everything that is wrong with the token and its evidence."""
    if not token.is_understood:
        return {(401, "token_bound")}
    to_prove = token.bindings
    if stack.accepting:
        to_prove &= stack.bindings
    failures: set[tuple[int, str]] = set()
    is_dpop = sent.scheme == "DPoP"
    if "dpop" in to_prove and not is_dpop:
        failures.add((401, "token_bound"))
    if "dpop" not in token.bindings and (is_dpop or stack.required):
        failures.add((401, "token_not_bound"))
    if to_prove - stack.bindings:
        failures.add((401, "token_bound"))
    if stack.constrained and not to_prove:
        failures.add((401, "token_not_bound"))
    if "mtls" in to_prove & stack.bindings:
        failures |= {
            "good": set(),
            "wrong": {(401, "binding_mismatch")},
            "none": {(401, "token_bound")},
            "raises": {(503, "certificate_unavailable")},
        }[sent.certificate]
    if "dpop" in to_prove & stack.bindings and is_dpop:
        failures |= {
            "good": set(),
            "of another key": {(401, "binding_mismatch")},
            "for another request": {(401, "proof_mismatch")},
            "none": {(401, "proof_missing")},
        }[sent.proof]
    return failures


def offered_schemes(rule: Rule, stack: Stack, token: Token | None) -> tuple[str, ...]:
    """The schemes that can satisfy rule and stack, narrowed by a verified token."""
    schemes = _schemes(both(demand_of(rule), stack.demand), stack)
    if not schemes:
        schemes = _schemes(stack.demand, stack) or {"Bearer"}
    if token is not None and token.scheme in schemes:
        schemes = {token.scheme}
    return tuple(name for name in ("Bearer", "DPoP") if name in schemes)


def _schemes(demand: Alternatives, stack: Stack) -> set[str]:
    schemes: set[str] = set()
    for keys in demand:
        if not keys <= stack.bindings:
            continue
        if "dpop" in keys:
            schemes.add("DPoP")
        elif keys or not stack.dpop:
            schemes.add("Bearer")
        else:
            schemes |= {"Bearer", "DPoP"}
    return schemes


def answer(rule: Rule, stack: Stack, token: Token, sent: Sent, scopes: frozenset[str]) -> Answer:
    """The answer to one request."""
    watched = None
    if rule[0] == "report":
        watched = rule[1]
        rule = rule[2] if len(rule) == 3 else ("OPTIONAL",)
    if rule == ("PUBLIC",):
        return Answer(caller="anonymous")
    reads = sent.scheme == "Bearer" or (sent.scheme == "DPoP" and stack.dpop)
    reported: list[set[str]] = []
    bindings: frozenset[str] | None = None
    if reads:
        failures = token_failures(stack, token, sent)
        if failures and not (watched is not None and rule == ("OPTIONAL",)):
            names = verdict(rule, frozenset(), frozenset()).scopes
            return _refused(failures, rule, stack, token, sent, names)
        if failures:
            reported.append({reason for _, reason in failures})
        else:
            bindings = token.bindings & stack.bindings
    if watched is not None:
        refusal = _rule_refusal(watched, bindings, scopes)
        if refusal is not None:
            reported.append({refusal[1]})
    refusal = _rule_refusal(rule, bindings, scopes)
    if refusal is None:
        caller = "anonymous" if bindings is None else " ".join(sorted(bindings)) or "unbound"
        return Answer(caller=caller, reported=reported)
    status, reason, names = refusal
    known = token if bindings is not None else None
    used = sent if reads else Sent()
    return _refused({(status, reason)}, rule, stack, known, used, names)


def _rule_refusal(
    rule: Rule, bindings: frozenset[str] | None, scopes: frozenset[str]
) -> tuple[int, str, tuple[str, ...]] | None:
    if rule in (("OPTIONAL",), ("PUBLIC",)):
        return None
    if bindings is None:
        return 401, "missing_token", verdict(rule, frozenset(), frozenset()).scopes
    if rule == ("DENY",):
        return 403, "denied", ()
    distance, names = verdict(rule, scopes, bindings)
    return {0: None, 1: (403, "insufficient_scope", names), 2: (401, "token_not_bound", names)}[
        distance
    ]


def _refused(
    refusals: set[tuple[int, str]],
    rule: Rule,
    stack: Stack,
    token: Token | None,
    sent: Sent,
    scopes: tuple[str, ...],
) -> Answer:
    """The challenges of a refusal. A 403 has one, of the scheme used; 403 denied and 503 none."""
    known = token if token is not None and token.is_understood else None
    offered = offered_schemes(rule, stack, known)
    if any(status == 403 for status, _ in refusals):
        offered = (sent.scheme or "Bearer",)
    erroneous = (sent.scheme,) if sent.scheme in offered else offered
    return Answer(refusals, None, offered, tuple(filter(None, erroneous)), scopes)
