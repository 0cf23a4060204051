"""Tokens that are bound to a key: every rule, stack, token and request, against an oracle."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from possession_oracle import CODES, Answer, Rule, Sent, Stack, Token, answer, is_satisfiable
from possession_stacks import (
    BASE,
    CERTIFICATE,
    CERTIFICATE_KEY,
    KEY,
    LOCAL,
    OTHER_CERTIFICATE,
    OTHER_KEY,
    app,
    challenges,
    issuer_of,
    possession_of,
    request,
    requirement,
)
from webob import Request as WebObRequest
from webob import Response

from jwt_wsgi import (
    AUTHENTICATED,
    OPTIONAL,
    PUBLIC,
    AuthError,
    DPoP,
    Issuer,
    KeysUnavailable,
    Policy,
    ScopeAuthorizer,
    TokenExtractor,
    TokenVerifier,
    Verifier,
    acr,
    get_auth,
    guard,
    protect,
    report_only,
    require,
    respond,
    scope,
    sender_constrained,
)
from jwt_wsgi.middleware.decisions import Decision
from jwt_wsgi.stores import MemoryStore, StoreUnavailable
from jwt_wsgi.testing import DPoPKey, LocalIssuer
from jwt_wsgi.testing.confirmation import confirmation

EITHER, DPOP, MTLS = ("bound", "either"), ("bound", "dpop"), ("bound", "mtls")
DPOP_RULE, MTLS_RULE = sender_constrained("dpop"), sender_constrained("mtls")
A, B = ("scope", "a"), ("scope", "b")

RULES: dict[str, Rule] = {
    "PUBLIC": ("PUBLIC",),
    "OPTIONAL": ("OPTIONAL",),
    "AUTHENTICATED": ("AUTHENTICATED",),
    "DENY": ("DENY",),
    "a granted scope": A,
    "a scope that is lacking": B,
    "either": EITHER,
    "dpop": DPOP,
    "mtls": MTLS,
    "scope and either": ("and", A, EITHER),
    "lacking scope and either": ("and", B, EITHER),
    "lacking scope and mtls": ("and", B, MTLS),
    "lacking scope or either": ("or", B, EITHER),
    "either or scope": ("or", EITHER, A),
    "dpop or mtls": ("or", DPOP, MTLS),
    "dpop and mtls": ("and", DPOP, MTLS),
    "dpop and scope, or mtls": ("or", ("and", DPOP, B), MTLS),
    "reported alone": ("report", EITHER),
    "reported beside a scope": ("report", EITHER, A),
    "reported beside dpop": ("report", B, DPOP),
}
STACKS = {
    "no keys": Stack(),
    "dpop": Stack(dpop=True),
    "dpop required": Stack(dpop=True, required=True),
    "certificates": Stack(mtls=True),
    "both": Stack(dpop=True, mtls=True),
    "both, dpop required": Stack(dpop=True, required=True, mtls=True),
}
JKT, X5T = frozenset({"dpop"}), frozenset({"mtls"})

X5T_MEMBER = confirmation(CERTIFICATE.der)

CNFS: dict[str, tuple[Token, Any]] = {
    "unbound": (Token(), None),
    "jkt": (Token(JKT), {"jkt": KEY.thumbprint}),
    "x5t": (Token(X5T), X5T_MEMBER),
    "both": (Token(JKT | X5T), {"jkt": KEY.thumbprint, **X5T_MEMBER}),
    "jkt and an extra member": (Token(JKT), {"jkt": KEY.thumbprint, "kid": "1"}),
    "x5t and an extra member": (Token(X5T), {**X5T_MEMBER, "jwk": {}}),
    "another kind": (Token(is_understood=False), {"kid": "1"}),
    "empty": (Token(is_understood=False), {}),
    "jkt null": (Token(is_understood=False), {"jkt": None}),
    "x5t null beside jkt": (Token(is_understood=False), {"jkt": KEY.thumbprint, "x5t#S256": None}),
    "a text": (Token(is_understood=False), "jkt"),
}
SENT = [Sent()] + [
    Sent(scheme, proof, certificate)
    for (scheme, proof), certificate in product(
        [
            ("Bearer", "none"),
            ("Bearer", "good"),
            ("DPoP", "good"),
            ("DPoP", "none"),
            ("DPoP", "of another key"),
            ("DPoP", "for another request"),
        ],
        ["none", "good", "wrong", "raises"],
    )
]


def token_of(cnf: Any) -> str:
    """Return a token with the scope `a` and this claim `cnf`, which need not be a good one."""
    if cnf is None or isinstance(cnf, dict):
        return LOCAL.token("a", cnf=cnf)
    # `cnf=` takes a key, a certificate or an object; no issuer would write another claim.
    now = int(time.time())
    claims = {"iss": LOCAL.issuer, "aud": LOCAL.audience, "sub": "user-1", "cnf": cnf}
    return LOCAL.sign(json.dumps({**claims, "iat": now, "exp": now + 300}).encode())


TOKENS = {name: (token, token_of(cnf)) for name, (token, cnf) in CNFS.items()}


class Reports:
    """The reasons that a stack only reported."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def __call__(self, environ: Any, decision: Decision) -> None:
        if decision.would_be is not None:
            self.reasons.append(decision.would_be.reason)


def by_hand(stack: Stack, rules: Any, on_decision: Any = None) -> Any:
    """Return the layers composed by hand, as the documentation of `protect` says."""
    policy = rules if isinstance(rules, Policy) else Policy(rules)
    inner = ScopeAuthorizer(app, policy, on_decision=on_decision)
    verifier = TokenVerifier(
        inner,
        issuer_of(stack),
        allow_anonymous=True,
        exempt=policy.is_public,
        report_only=policy.reports_only,
        scopes_asked=policy.scopes_asked,
        possession_asked=policy.possession_asked,
        on_decision=on_decision,
        **possession_of(stack),
    )
    return TokenExtractor(verifier, dpop=stack.dpop)


def check(response: Response, expected: Answer, where: object) -> None:
    """Compare a response with the oracle's answer."""
    if expected.caller is not None:
        assert (response.status_int, response.text) == (200, expected.caller), where
        return
    reason = response.json["reason"]
    assert (response.status_int, reason) in expected.refusals, where
    code = CODES[reason]
    assert response.json.get("error") == code, where
    sent = challenges(response)
    if code in ("forbidden", "temporarily_unavailable"):
        assert sent == [], where
        return
    assert tuple(each.scheme for each in sent) == expected.offered, where
    for challenge in sent:
        is_blamed = code is not None and challenge.scheme in expected.erroneous
        assert challenge.parameters.get("error") == (code if is_blamed else None), where
        assert challenge.parameters.get("scope", "") == " ".join(expected.scopes), where
        assert challenge.parameters["realm"] == "api", where
        assert ("algs" in challenge.parameters) is (challenge.scheme == "DPoP"), where


def check_all(protected: Any, rule: Rule, stack: Stack, reports: Reports) -> None:
    for (name, (token, text)), sent in product(TOKENS.items(), SENT):
        expected = answer(rule, stack, token, sent, frozenset({"a"}))
        reports.reasons.clear()
        response = request(text, sent).get_response(protected)
        where = (name, sent, expected)
        check(response, expected, where)
        assert len(reports.reasons) == len(expected.reported), where
        for reason, accepted in zip(reports.reasons, expected.reported, strict=True):
            assert reason in accepted, where


@pytest.mark.conforms(70)
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("rule", RULES)
def test_every_request_is_answered_as_the_specification_says(rule: str, stack: str) -> None:
    reports = Reports()
    checks_keys, rules = STACKS[stack], {"/x": requirement(RULES[rule])}
    if is_satisfiable(RULES[rule], checks_keys):
        protected = protect(
            app,
            issuer=issuer_of(checks_keys),
            rules=rules,
            on_decision=reports,
            **possession_of(checks_keys),
        )
    else:
        # `protect` refuses it; composed by hand, the layers must be safe all the same.
        protected = by_hand(checks_keys, rules, reports)
    check_all(protected, RULES[rule], checks_keys, reports)


ISSUER_RULES = {
    name: RULES[name] for name in ("OPTIONAL", "AUTHENTICATED", "either", "dpop", "reported alone")
}


@pytest.mark.parametrize("stack", [name for name in STACKS if name != "no keys"])
@pytest.mark.parametrize("rule", ISSUER_RULES)
def test_an_issuer_demands_bound_tokens_under_every_rule(rule: str, stack: str) -> None:
    constrained = replace(STACKS[stack], constrained=True)
    reports = Reports()
    protected = by_hand(constrained, {"/x": requirement(RULES[rule])}, reports)
    check_all(protected, RULES[rule], constrained, reports)


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("rule", ISSUER_RULES)
def test_accepting_unproven_bindings_waives_only_what_the_stack_cannot_check(
    rule: str, stack: str
) -> None:
    accepting = replace(STACKS[stack], accepting=True)
    reports = Reports()
    protected = by_hand(accepting, {"/x": requirement(RULES[rule])}, reports)
    check_all(protected, RULES[rule], accepting, reports)


# --- the rows that a reader should know, written by hand

BEARER, WITH_PROOF = Sent("Bearer"), Sent("DPoP", "good")
BEARER_CERTIFICATE = Sent("Bearer", certificate="good")
IMPORTANT: list[Any] = [
    ("jkt as Bearer is refused", "AUTHENTICATED", "dpop", "jkt", BEARER, 401, "token_bound",
     "DPoP!"),
    ("jkt where nothing is checked", "AUTHENTICATED", "no keys", "jkt", BEARER, 401,
     "token_bound", "Bearer!"),
    ("the scheme DPoP where nothing is checked", "AUTHENTICATED", "no keys", "jkt", WITH_PROOF,
     401, "missing_token", "Bearer"),
    ("jkt with its proof", "AUTHENTICATED", "dpop", "jkt", WITH_PROOF, 200, "dpop", ""),
    ("a proof of another key", "AUTHENTICATED", "dpop", "jkt", Sent("DPoP", "of another key"),
     401, "binding_mismatch", "DPoP!"),
    ("no proof", "AUTHENTICATED", "dpop", "jkt", Sent("DPoP"), 401, "proof_missing", "DPoP!"),
    ("OPTIONAL demands the proof", "OPTIONAL", "dpop", "jkt", Sent("DPoP"), 401, "proof_missing",
     "DPoP!"),
    ("PUBLIC reads nothing", "PUBLIC", "dpop", "jkt", Sent("DPoP"), 200, "anonymous", ""),
    ("unbound as Bearer", "AUTHENTICATED", "dpop", "unbound", BEARER, 200, "unbound", ""),
    ("a DPoP header beside unbound Bearer", "AUTHENTICATED", "dpop", "unbound",
     Sent("Bearer", "of another key"), 200, "unbound", ""),
    ("unbound under DPoP", "AUTHENTICATED", "dpop", "unbound", WITH_PROOF, 401,
     "token_not_bound", "Bearer DPoP!"),
    ("unbound where DPoP is required", "AUTHENTICATED", "dpop required", "unbound", BEARER, 401,
     "token_not_bound", "DPoP!"),
    ("x5t travels as Bearer", "AUTHENTICATED", "certificates", "x5t", BEARER_CERTIFICATE, 200,
     "mtls", ""),
    ("x5t under DPoP", "AUTHENTICATED", "both", "x5t", Sent("DPoP", "good", "good"), 401,
     "token_not_bound", "Bearer!"),
    ("x5t with a wrong certificate", "AUTHENTICATED", "certificates", "x5t",
     Sent("Bearer", certificate="wrong"), 401, "binding_mismatch", "Bearer!"),
    ("x5t without a certificate", "AUTHENTICATED", "certificates", "x5t", BEARER, 401,
     "token_bound", "Bearer!"),
    ("a certificate that cannot be read", "AUTHENTICATED", "certificates", "x5t",
     Sent("Bearer", certificate="raises"), 503, "certificate_unavailable", ""),
    ("a certificate that nobody asks for", "AUTHENTICATED", "certificates", "unbound",
     Sent("Bearer", certificate="raises"), 200, "unbound", ""),
    ("both, proven", "dpop and mtls", "both", "both", Sent("DPoP", "good", "good"), 200,
     "dpop mtls", ""),
    ("both, one proven", "AUTHENTICATED", "both", "both", WITH_PROOF, 401, "token_bound", "DPoP!"),
    ("both, one checked", "AUTHENTICATED", "dpop", "both", WITH_PROOF, 401, "token_bound",
     "DPoP!"),
    ("an extra member", "AUTHENTICATED", "dpop", "jkt and an extra member", WITH_PROOF, 200,
     "dpop", ""),
    ("another kind of cnf", "AUTHENTICATED", "both", "another kind", WITH_PROOF, 401,
     "token_bound", "Bearer DPoP!"),
    ("a rule for bound tokens, unbound", "scope and either", "dpop", "unbound", BEARER, 401,
     "token_not_bound", "DPoP!"),
    ("a rule for bound tokens, no token", "scope and either", "dpop", "unbound", Sent(), 401,
     "missing_token", "DPoP"),
    ("no token, both schemes", "AUTHENTICATED", "dpop", "unbound", Sent(), 401, "missing_token",
     "Bearer DPoP"),
    ("mtls alone narrows to Bearer", "mtls", "both", "unbound", Sent(), 401, "missing_token",
     "Bearer"),
    ("a scope beside a proven key", "a scope that is lacking", "dpop", "jkt", WITH_PROOF, 403,
     "insufficient_scope", "DPoP!"),
    ("a bad proof that is only reported", "reported alone", "dpop", "jkt", Sent("DPoP"), 200,
     "anonymous", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "stack", "token", "sent", "status", "outcome", "offered"),
    [pytest.param(*row, id=name) for name, *row in IMPORTANT],
)
def test_an_important_row(
    rule: str, stack: str, token: str, sent: Sent, status: int, outcome: str, offered: str
) -> None:
    checks_keys = STACKS[stack]
    protected = by_hand(checks_keys, {"/x": requirement(RULES[rule])})
    response = request(TOKENS[token][1], sent).get_response(protected)
    told = response.text if status == 200 else response.json["reason"]
    lines = [
        f"{each.scheme}{'!' if 'error' in each.parameters else ''}" for each in challenges(response)
    ]
    assert (response.status_int, told, " ".join(lines)) == (status, outcome, offered)


def test_the_order_of_checks_names_the_scopes_of_the_rule_in_every_401() -> None:
    rules = {"/x": scope("pay") & sender_constrained()}
    protected = protect(app, issuer=LOCAL.trusted(), rules=rules, dpop=DPoP(BASE))
    for token, sent in ((TOKENS["jkt"][1], Sent("DPoP")), (TOKENS["unbound"][1], BEARER)):
        [challenge] = challenges(request(token, sent).get_response(protected))
        assert (challenge.scheme, challenge.parameters["scope"]) == ("DPoP", "pay")


def test_an_unverified_binding_does_not_narrow_the_offer() -> None:
    forged = TOKENS["jkt"][1][:-8] + "AAAAAAAA"
    protected = by_hand(STACKS["dpop"], {"/x": AUTHENTICATED})
    response = request(forged, WITH_PROOF).get_response(protected)
    assert response.json["reason"] == "signature_invalid"
    assert [each.scheme for each in challenges(response)] == ["Bearer", "DPoP"]


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Authorization": "Bearer a.b.c, Bearer d.e.f"}, id="two tokens"),
        pytest.param({"Authorization": "DPoP a b"}, id="two words"),
    ],
)
def test_a_400_offers_only_what_the_rule_accepts(headers: dict[str, str]) -> None:
    protected = by_hand(STACKS["both"], {"/x": DPOP_RULE})
    response = WebObRequest.blank("/x", headers=headers).get_response(protected)
    assert response.status_int == 400
    assert [each.scheme for each in challenges(response)] == ["DPoP"]


# --- composed by hand


@pytest.mark.parametrize("stack", [name for name in STACKS if name != "no keys"])
@pytest.mark.parametrize("rule", ["OPTIONAL", "either", "dpop or mtls", "reported alone"])
def test_layers_by_hand_answer_as_protect_does(rule: str, stack: str) -> None:
    checks_keys, rules = STACKS[stack], {"/x": requirement(RULES[rule])}
    options = possession_of(checks_keys)
    in_one_call = protect(app, issuer=issuer_of(checks_keys), rules=rules, **options)
    composed = by_hand(checks_keys, rules)
    for (_, text), sent in product(TOKENS.values(), SENT):
        # Each stack has a replay store of its own, so both may see the same proof.
        made = request(text, sent)
        one, other = made.copy().get_response(in_one_call), made.copy().get_response(composed)
        assert (one.status, one.headerlist, one.body) == (
            other.status,
            other.headerlist,
            other.body,
        )
