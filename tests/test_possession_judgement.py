"""The judgement of possession: every binding of a token is proven, or the request is refused."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from client_tls import Authority
from dpop_proofs import digest
from test_possession_proof import KEY, NOW, OTHER, TOKEN, proof

from jwt_wsgi import AuthError, DPoP
from jwt_wsgi.auth import Possession
from jwt_wsgi.bindings import BOUND, DPOP, MTLS, UNBOUND
from jwt_wsgi.errors import InvalidProof, InvalidToken, TemporarilyUnavailable
from jwt_wsgi.possession.confirmation import Confirmation, read_confirmation
from jwt_wsgi.possession.evidence import NO_EVIDENCE, Evidence, WSGITarget
from jwt_wsgi.possession.judgement import BindingRules, PossessionJudge, Proven
from jwt_wsgi.possession.replay import UsedProof

BASE = "https://api.example.com"
CLIENT, STRANGER = (Authority("clients").issue(name).der for name in ("client", "stranger"))
X5T = digest(CLIENT)


def bound(cnf: dict[str, str]) -> Confirmation:
    confirmation = read_confirmation({"cnf": cnf})
    assert confirmation is not None
    return confirmation


KINDS = {
    "an unbound token": None,
    "a key's token": bound({"jkt": KEY.thumbprint}),
    "a certificate's token": bound({"x5t#S256": X5T}),
    "a token of both": bound({"jkt": KEY.thumbprint, "x5t#S256": X5T}),
}
STACKS = {
    "plain": (None, False),
    "DPoP": (DPoP(BASE), False),
    "DPoP alone": (DPoP(BASE, required=True), False),
    "certificates": (None, True),
    "both": (DPoP(BASE), True),
    "both, DPoP alone": (DPoP(BASE, required=True), True),
}
RULES = {
    "default": BindingRules(),
    "sender-constrained": BindingRules(sender_constrained=True),
    "unproven accepted": BindingRules(accept_unproven=True),
}


def evidence(scheme: str = "Bearer", text: str | None = None, der: bytes | None = None) -> Evidence:
    return Evidence(scheme, text, "GET", WSGITarget("", "/orders"), lambda: der)


SENT = {
    "Bearer": evidence(),
    "Bearer and a certificate": evidence(der=CLIENT),
    "Bearer and another certificate": evidence(der=STRANGER),
    "a proof": evidence("DPoP", proof()),
    "a proof and a certificate": evidence("DPoP", proof(), CLIENT),
    "a proof and another certificate": evidence("DPoP", proof(), STRANGER),
    "another key's proof": evidence("DPoP", proof(OTHER), CLIENT),
    "a bad proof": evidence("DPoP", proof(htm="PUT"), CLIENT),
    "no proof": evidence("DPoP", None, CLIENT),
}


def judge(
    stack: str, kind: str, sent: str | Evidence, rules: str | BindingRules = "default"
) -> Proven:
    dpop, client_certificates = STACKS[stack]
    judge = PossessionJudge(dpop, client_certificates=client_certificates)
    rules = RULES[rules] if isinstance(rules, str) else rules
    sent = SENT[sent] if isinstance(sent, str) else sent
    return judge.judge(TOKEN, KINDS[kind], sent, rules, NOW)


def proven_bindings(stack: str, kind: str, sent: str, rules: str) -> set[str] | None:
    """Return the bindings that a request proves, or None if it must be refused.

    This is the specification, and not how the judge goes about it.
    """
    dpop, checks_certificates = STACKS[stack]
    checked = {DPOP} if dpop is not None else set()
    checked |= {MTLS} if checks_certificates else set()
    bound = KINDS[kind].bindings if KINDS[kind] is not None else set()
    good = {DPOP} if sent in ("a proof", "a proof and a certificate", "a proof and another certificate") else set()  # fmt: skip
    if sent.endswith("a certificate") or sent in ("another key's proof", "a bad proof", "no proof"):
        good = good | {MTLS}
    under_dpop = SENT[sent].scheme == "DPoP"
    if under_dpop is not (DPOP in bound and DPOP in checked):
        return None
    if dpop is not None and dpop.required and DPOP not in bound:
        return None
    if bound & checked - good:
        return None
    if bound - checked and rules != "unproven accepted":
        return None
    if rules == "sender-constrained" and not bound & checked:
        return None
    return bound & checked


CASES = list(product(STACKS, KINDS, SENT, RULES))


@pytest.mark.conforms(70)
def test_every_understood_member_of_cnf_is_proven_or_the_request_refused() -> None:
    accepted = 0
    for case in CASES:
        expected = proven_bindings(*case)
        if expected is None:
            with pytest.raises(AuthError):
                judge(*case)
            continue
        proven = judge(*case)
        assert proven.possession == Possession(frozenset(expected)), case
        assert (proven.used_proof == UsedProof(KEY.thumbprint, "1")) is (DPOP in expected), case
        accepted += 1
    assert 50 < accepted < len(CASES) / 2


TOKEN_BOUND, NOT_BOUND = (InvalidToken, "token_bound"), (InvalidToken, "token_not_bound")
OTHER_KEY = (InvalidToken, "binding_mismatch")
REASONS: dict[str, tuple[tuple[str, str, str, str], tuple[type, str]]] = {
    "a key's token as Bearer": (("DPoP", "a key's token", "Bearer", "default"), TOKEN_BOUND),
    "a key's token as Bearer, with a certificate": (
        ("both", "a key's token", "Bearer and a certificate", "default"), TOKEN_BOUND),
    "a key's token at a plain stack": (("plain", "a key's token", "Bearer", "default"), TOKEN_BOUND),
    "an unbound token under DPoP": (("DPoP", "an unbound token", "a proof", "default"), NOT_BOUND),
    "a certificate's token under DPoP": (
        ("both", "a certificate's token", "a proof and a certificate", "default"), NOT_BOUND),
    "an unbound token at DPoP alone": (
        ("DPoP alone", "an unbound token", "Bearer", "default"), NOT_BOUND),
    "a certificate's token at DPoP alone": (
        ("both, DPoP alone", "a certificate's token", "Bearer and a certificate", "default"), NOT_BOUND),
    "no certificate": (("certificates", "a certificate's token", "Bearer", "default"), TOKEN_BOUND),
    "another certificate": (
        ("certificates", "a certificate's token", "Bearer and another certificate", "default"), OTHER_KEY),
    "a certificate's token at DPoP": (
        ("DPoP", "a certificate's token", "Bearer", "default"), TOKEN_BOUND),
    "a token of both without its certificate": (
        ("both", "a token of both", "a proof", "default"), TOKEN_BOUND),
    "a token of both with another certificate": (
        ("both", "a token of both", "a proof and another certificate", "default"), OTHER_KEY),
    "a token of both with another key": (
        ("both", "a token of both", "another key's proof", "default"), OTHER_KEY),
    "another key": (("DPoP", "a key's token", "another key's proof", "default"), OTHER_KEY),
    "a bad proof": (("DPoP", "a key's token", "a bad proof", "default"), (InvalidProof, "proof_mismatch")),
    "no proof": (("DPoP", "a key's token", "no proof", "default"), (InvalidProof, "proof_missing")),
    "an unbound token of a strict issuer": (
        ("both", "an unbound token", "Bearer", "sender-constrained"), NOT_BOUND),
    "a scheme that nobody checks": (("plain", "an unbound token", "a proof", "default"), NOT_BOUND),
    "a bad proof where unproven tokens pass": (
        ("DPoP", "a key's token", "a bad proof", "unproven accepted"), (InvalidProof, "proof_mismatch")),
    "another certificate where unproven tokens pass": (
        ("certificates", "a certificate's token", "Bearer and another certificate", "unproven accepted"), OTHER_KEY),
}  # fmt: skip


@pytest.mark.conforms(70, 73)
@pytest.mark.parametrize(("case", "expected"), REASONS.values(), ids=REASONS)
def test_a_refusal_has_its_reason(
    case: tuple[str, str, str, str], expected: tuple[type, str]
) -> None:
    with pytest.raises(AuthError) as caught:
        judge(*case)
    assert (type(caught.value), caught.value.reason) == expected
    shown = f"{caught.value} {caught.value.expected} {caught.value.found}"
    assert X5T not in shown
    assert KEY.thumbprint not in shown


@pytest.mark.conforms(74)
def test_the_thumbprint_is_the_hash_of_the_der() -> None:
    assert judge("certificates", "a certificate's token", "Bearer and a certificate").possession.bindings == {MTLS}  # fmt: skip
    for other in (CLIENT + b"\0", CLIENT[:-1], b"", STRANGER):
        with pytest.raises(InvalidToken, match="binding_mismatch"):
            judge("certificates", "a certificate's token", evidence(der=other))


SPELLINGS = {"padded": X5T + "=", "another case": X5T.swapcase(), "hexadecimal": CLIENT.hex()[:64]}


@pytest.mark.parametrize("thumbprint", SPELLINGS.values(), ids=SPELLINGS)
def test_the_thumbprint_of_a_certificate_has_one_spelling(thumbprint: str) -> None:
    judge = PossessionJudge(None, client_certificates=True)
    with pytest.raises(InvalidToken, match="binding_mismatch"):
        judge.judge(
            TOKEN, bound({"x5t#S256": thumbprint}), evidence(der=CLIENT), BindingRules(), NOW
        )


def test_the_certificate_is_read_only_for_a_token_that_is_bound_to_one() -> None:
    def unavailable() -> bytes | None:
        raise TemporarilyUnavailable("certificate_unavailable")

    sent = evidence("DPoP", proof())._replace(certificate=unavailable)
    assert judge("both", "a key's token", sent).possession.bindings == {DPOP}
    with pytest.raises(TemporarilyUnavailable):
        judge("both", "a token of both", sent)


def test_a_request_that_cannot_have_a_certificate_has_none() -> None:
    with pytest.raises(InvalidToken, match="token_bound"):
        judge("certificates", "a certificate's token", NO_EVIDENCE)


BLANKS = {"blanks": f" \t{proof()} ", "nothing but blanks": " \t ", "empty": ""}


@pytest.mark.parametrize("text", BLANKS.values(), ids=BLANKS)
def test_blanks_around_a_proof_are_no_part_of_it(text: str) -> None:
    sent = evidence("DPoP", text)
    if text.strip():
        assert judge("DPoP", "a key's token", sent).possession.bindings == {DPOP}
    else:
        with pytest.raises(InvalidProof, match="proof_missing"):
            judge("DPoP", "a key's token", sent)


def test_the_proof_is_judged_for_this_method_and_target() -> None:
    sent = evidence("DPoP", proof())
    for other in (
        sent._replace(method="PUT"),
        sent._replace(target=WSGITarget("/v1", "/orders")),
        sent._replace(target=WSGITarget("", "/Orders")),
    ):
        with pytest.raises(InvalidProof, match="proof_mismatch"):
            judge("DPoP", "a key's token", other)


def test_an_issuer_can_narrow_the_algorithms_of_proofs() -> None:
    sent = evidence("DPoP", proof())
    for names, is_good in (({"ES256"}, True), ({"PS256"}, False), (set(), False)):
        rules = BindingRules(proof_algorithms=frozenset(names))
        if is_good:
            assert judge("DPoP", "a key's token", sent, rules).used_proof is not None
        else:
            with pytest.raises(InvalidProof, match="proof_algorithm_not_allowed"):
                judge("DPoP", "a key's token", sent, rules)


def test_demands_follow_from_the_options() -> None:
    expected: dict[str, Any] = {
        "plain": (set(), UNBOUND),
        "DPoP": ({DPOP}, UNBOUND),
        "DPoP alone": ({DPOP}, {frozenset({DPOP})}),
        "certificates": ({MTLS}, UNBOUND),
        "both": ({DPOP, MTLS}, UNBOUND),
        "both, DPoP alone": ({DPOP, MTLS}, {frozenset({DPOP})}),
    }
    for name, (dpop, client_certificates) in STACKS.items():
        judge = PossessionJudge(dpop, client_certificates=client_certificates)
        assert (judge.bindings, judge.demand) == expected[name]
    assert BindingRules().demand == UNBOUND
    assert BindingRules(sender_constrained=True).demand == BOUND


def test_evidence_that_a_token_does_not_need_is_ignored() -> None:
    nonsense = evidence(text="nonsense", der=b"nonsense")
    for stack in ("plain", "DPoP", "certificates", "both"):
        assert judge(stack, "an unbound token", nonsense) == Proven()
    sent = evidence("DPoP", proof(), b"nonsense")
    assert judge("both", "a key's token", sent).possession.bindings == {DPOP}
