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
from flask import Flask
from flask import request as flask_request
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
    read_certificate,
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
from jwt_wsgi.sources import bearer, from_header
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
        return LOCAL.token("a", cnf=cnf, expires_in=86400)
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


@pytest.mark.parametrize("rule", ISSUER_RULES)
def test_the_default_of_a_policy_is_answered_as_a_rule_is(rule: str) -> None:
    reports = Reports()
    policy = Policy({"/other": AUTHENTICATED}, default=requirement(RULES[rule]))
    stack = STACKS["both"]
    protected = protect(
        app, issuer=issuer_of(stack), rules=policy, on_decision=reports, **possession_of(stack)
    )
    check_all(protected, RULES[rule], stack, reports)


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


# --- construction


def trusting(**options: Any) -> Issuer:
    return LOCAL.trusted(**options)


CERTIFICATES = {"client_certificate": read_certificate}
PROOFS = {"dpop": DPoP(BASE)}
#: What is wrong, and the options that the error names as its remedy.
NEVER_SATISFIED: list[Any] = [
    ("a rule", {}, {"rules": {"/x": sender_constrained()}}, [PROOFS, CERTIFICATES]),
    ("a rule for DPoP", CERTIFICATES, {"rules": {"/x": DPOP_RULE}}, [PROOFS]),
    ("a rule for certificates", PROOFS, {"rules": {"/x": MTLS_RULE}}, [CERTIFICATES]),
    ("a rule for both", {}, {"rules": {"/x": DPOP_RULE & MTLS_RULE}}, [{**PROOFS, **CERTIFICATES}]),
    ("a rule with a scope", {}, {"rules": {"/x": scope("a") & DPOP_RULE}}, [PROOFS]),
    ("a rule beside what is reported", {},
     {"rules": {"/x": DPOP_RULE & report_only(scope("a"))}}, [PROOFS]),
    ("a rule for certificates where DPoP is required", {"dpop": DPoP(BASE, required=True)},
     {"rules": {"/x": MTLS_RULE}}, [CERTIFICATES]),
    ("the default", {}, {"rules": Policy({}, default=sender_constrained())},
     [PROOFS, CERTIFICATES]),
    ("an issuer", {}, {"issuer": trusting(sender_constrained=True)}, [PROOFS, CERTIFICATES]),
    ("one of two issuers", {},
     {"issuer": [trusting(), LocalIssuer("https://two.example.com/").trusted(
         sender_constrained=True)]}, [PROOFS, CERTIFICATES]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("stack", "wrong", "remedies"), [pytest.param(*row, id=name) for name, *row in NEVER_SATISFIED]
)
def test_what_a_stack_can_never_satisfy_is_refused_with_a_remedy_that_works(
    stack: dict[str, Any], wrong: dict[str, Any], remedies: list[dict[str, Any]]
) -> None:
    options = {"issuer": trusting(), "rules": {"/x": AUTHENTICATED}, **stack, **wrong}
    with pytest.raises(ValueError, match="this stack") as refused:
        protect(app, **options)
    for remedy in remedies:
        assert all(f"{name}=" in str(refused.value) for name in remedy)
        protect(app, **{**options, **remedy})
    # It does not name what the stack already has.
    assert not any(f"{name}=" in str(refused.value) for name in stack)


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(sender_constrained() | scope("a"), id="a scope instead"),
        pytest.param(MTLS_RULE | DPOP_RULE, id="the other binding"),
        pytest.param((MTLS_RULE & scope("a")) | AUTHENTICATED, id="any token"),
        pytest.param(report_only(MTLS_RULE), id="only reported"),
        pytest.param(scope("a") & report_only(MTLS_RULE), id="only reported beside a scope"),
    ],
)
def test_a_rule_with_an_alternative_is_accepted(rule: Any) -> None:
    protect(app, issuer=trusting(), rules={"/x": rule}, **PROOFS)


READY, WITH_CERTIFICATES = Verifier(trusting()), Verifier(trusting(), client_certificates=True)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        pytest.param(lambda: TokenVerifier(app, READY, **PROOFS), "dpop=", id="dpop beside ready"),
        pytest.param(
            lambda: protect(app, issuer=READY, rules={}, **PROOFS), "dpop=", id="protect, dpop"
        ),
        pytest.param(
            lambda: TokenVerifier(app, READY, **CERTIFICATES),
            "client_certificates=True",
            id="a certificate that the verifier never sees",
        ),
        pytest.param(
            lambda: TokenVerifier(app, WITH_CERTIFICATES),
            "client_certificate=",
            id="no source of certificates",
        ),
        pytest.param(lambda: sender_constrained("tls"), "'dpop', 'mtls'", id="another binding"),
        pytest.param(lambda: sender_constrained([]), "'dpop', 'mtls'", id="a list"),  # type: ignore[arg-type]
        pytest.param(
            lambda: trusting(sender_constrained=1), "sender_constrained=1", id="not a bool"
        ),
        pytest.param(
            lambda: trusting(sender_constrained=True, accept_unproven_binding=True),
            "accept_unproven_binding=True beside sender_constrained=True",
            id="demanded and waived",
        ),
        pytest.param(
            lambda: Verifier(trusting(), dpop=BASE),  # type: ignore[arg-type]
            "DPoP\\(",
            id="a URL for dpop",
        ),
        pytest.param(
            lambda: Verifier(trusting(), client_certificates=read_certificate),  # type: ignore[arg-type]
            "write True or False",
            id="a callable for client_certificates",
        ),
        pytest.param(
            lambda: TokenExtractor(app, dpop=DPoP(BASE)),  # type: ignore[arg-type]
            "write True or False",
            id="a DPoP for the extractor",
        ),
    ],
)
def test_wrong_configuration_fails_at_construction(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_a_ready_verifier_with_possession_serves_protect() -> None:
    judge = Verifier(trusting(), dpop=DPoP(BASE), client_certificates=True)
    protected = protect(app, issuer=judge, rules={"/x": DPOP_RULE & MTLS_RULE}, **CERTIFICATES)
    sent = Sent("DPoP", "good", "good")
    assert request(TOKENS["both"][1], sent).get_response(protected).text == "dpop mtls"


# --- several issuers

BOUND_ISSUER = LocalIssuer("https://bound.example.com/", algorithms=("ES256",))
OPEN_ISSUER = LocalIssuer("https://open.example.com/", algorithms=("ES256",))


def resolve(name: str) -> Issuer | None:
    if name == BOUND_ISSUER.issuer:
        return BOUND_ISSUER.trusted(sender_constrained=True)
    return OPEN_ISSUER.trusted() if name == OPEN_ISSUER.issuer else None


@pytest.mark.parametrize(
    "issuers",
    [
        pytest.param(
            [BOUND_ISSUER.trusted(sender_constrained=True), OPEN_ISSUER.trusted()], id="configured"
        ),
        pytest.param(resolve, id="a resolver"),
        pytest.param([OPEN_ISSUER.trusted(), resolve], id="one of each"),
    ],
)
def test_each_issuer_has_its_own_rules(issuers: Any) -> None:
    protected = protect(app, issuer=issuers, rules={"/x": AUTHENTICATED}, dpop=DPoP(BASE))

    def asked(token: str, sent: Sent) -> tuple[str, str]:
        response = request(token, sent).get_response(protected)
        told = response.text if response.status_int == 200 else response.json["reason"]
        return told, " ".join(each.scheme for each in challenges(response))

    assert asked(OPEN_ISSUER.token(), BEARER) == ("unbound", "")
    assert asked(BOUND_ISSUER.token(), BEARER) == ("token_not_bound", "DPoP")
    assert asked(OPEN_ISSUER.token(cnf=KEY), WITH_PROOF) == ("dpop", "")
    assert asked(BOUND_ISSUER.token(cnf=KEY), WITH_PROOF) == ("dpop", "")
    assert asked(BOUND_ISSUER.token(cnf=KEY, aud="other"), WITH_PROOF) == (
        "audience_mismatch",
        "DPoP",
    )
    # The issuer of a verified token narrows the offer, also before its claims are good.
    assert asked(BOUND_ISSUER.token(aud="other"), BEARER) == ("audience_mismatch", "DPoP")
    assert asked(OPEN_ISSUER.token(aud="other"), BEARER) == ("audience_mismatch", "Bearer DPoP")
    assert asked("", Sent()) == ("missing_token", "Bearer DPoP")


def test_an_issuer_of_a_resolver_that_the_stack_cannot_satisfy_is_503(
    caplog: pytest.LogCaptureFixture,
) -> None:
    protected = protect(app, issuer=resolve, rules={"/x": AUTHENTICATED})
    with caplog.at_level(logging.ERROR):
        response = request(BOUND_ISSUER.token(), BEARER).get_response(protected)
    assert (response.status_int, response.json["reason"]) == (503, "keys_unavailable")
    assert "sender_constrained=True" in caplog.text
    assert request(OPEN_ISSUER.token(), BEARER).get_response(protected).text == "unbound"


# --- inside an application


def flask_app() -> Any:
    flask = Flask("possession")

    @flask.errorhandler(AuthError)
    def refused(error: AuthError) -> Any:
        return respond(error)

    @flask.get("/required")
    def required() -> str:
        return " ".join(sorted(require(flask_request, DPOP_RULE).possession.bindings))

    return flask


GUARDED: dict[str, Callable[[], Any]] = {
    "require and respond in Flask": lambda: flask_app().wsgi_app,
    "guard": lambda: guard(DPOP_RULE)(app),
}


@pytest.mark.parametrize("inner", GUARDED)
def test_guard_and_require_answer_with_the_challenges_of_the_stack(inner: str) -> None:
    layer = TokenVerifier(
        GUARDED[inner](), trusting(), allow_anonymous=True, realm="pay", **PROOFS, **CERTIFICATES
    )
    protected = TokenExtractor(layer, dpop=True)
    good = request(TOKENS["jkt"][1], WITH_PROOF, "/required").get_response(protected)
    assert (good.status_int, good.text) == (200, "dpop")
    for token, sent, reason in (
        ("unbound", BEARER, "token_not_bound"),
        ("unbound", Sent(), "missing_token"),
        ("x5t", BEARER_CERTIFICATE, "token_not_bound"),
    ):
        response = request(TOKENS[token][1], sent, "/required").get_response(protected)
        assert (response.status_int, response.json["reason"]) == (401, reason)
        [challenge] = challenges(response)
        assert (challenge.scheme, challenge.parameters["realm"]) == ("DPoP", "pay")
        assert "ES256" in challenge.parameters["algs"].split()
        assert ("error" in challenge.parameters) is (reason != "missing_token")


def test_without_a_verifier_in_front_only_bearer_is_offered() -> None:
    layers: list[Any] = [
        ScopeAuthorizer(app, Policy({"/x": sender_constrained()})),
        guard(sender_constrained())(app),
        TokenExtractor(ScopeAuthorizer(app, Policy({"/x": DPOP_RULE})), dpop=True),
    ]
    for layer in layers:
        response = request(TOKENS["jkt"][1], WITH_PROOF).get_response(layer)
        assert (response.status_int, response.json["reason"]) == (401, "missing_token")
        assert [each.scheme for each in challenges(response)] == ["Bearer"]


def test_an_inner_stack_answers_with_its_own_challenges() -> None:
    inner = protect(
        app, issuer=trusting(), rules={"/x/in": DPOP_RULE}, realm="inner", dpop=DPoP(BASE)
    )
    outer = protect(inner, issuer=trusting(), rules={"/x": AUTHENTICATED}, realm="outer")
    response = request(LOCAL.token(), BEARER, "/x/in").get_response(outer)
    [challenge] = challenges(response)
    assert (challenge.scheme, challenge.parameters["realm"]) == ("DPoP", "inner")
    [challenge] = challenges(request("", Sent(), "/x/in").get_response(outer))
    assert (challenge.scheme, challenge.parameters["realm"]) == ("Bearer", "outer")


def test_a_proof_serves_one_stack_of_two_with_the_same_store() -> None:
    store = MemoryStore()
    rules = {"/x": AUTHENTICATED}
    inner = protect(app, issuer=trusting(), rules=rules, dpop=DPoP(BASE, replay=store))
    separate = protect(inner, issuer=trusting(), rules=rules, dpop=DPoP(BASE))
    shared = protect(inner, issuer=trusting(), rules=rules, dpop=DPoP(BASE, replay=store))
    token = TOKENS["jkt"][1]
    assert request(token, WITH_PROOF).get_response(separate).text == "dpop"
    assert request(token, WITH_PROOF).get_response(shared).json["reason"] == "proof_replayed"


def test_an_outer_layer_sees_nothing_of_a_public_path() -> None:
    class Forbidding(MemoryStore):
        def add(self, *arguments: Any, **options: Any) -> bool:
            raise AssertionError("the store was asked")

    protected = protect(
        app, issuer=trusting(), rules={"/x": PUBLIC}, dpop=DPoP(BASE, replay=Forbidding())
    )
    assert request(TOKENS["jkt"][1], WITH_PROOF).get_response(protected).text == "anonymous"


# --- report-only


class CountingStore(MemoryStore):
    """A store that counts what is added."""

    def __init__(self) -> None:
        super().__init__()
        self.added = 0

    def add(self, *arguments: Any, **options: Any) -> bool:
        self.added += 1
        return super().add(*arguments, **options)


@pytest.mark.parametrize(
    ("sent", "caller", "reasons", "added"),
    [
        pytest.param(WITH_PROOF, "dpop", [], 1, id="a good proof is used up"),
        pytest.param(Sent("DPoP"), "anonymous", ["proof_missing", "missing_token"], 0, id="none"),
        pytest.param(
            Sent("DPoP", "for another request"),
            "anonymous",
            ["proof_mismatch", "missing_token"],
            0,
            id="for another request",
        ),
    ],
)
def test_report_only_passes_bad_evidence_and_uses_up_good_proofs(
    sent: Sent, caller: str, reasons: list[str], added: int
) -> None:
    reports, store = Reports(), CountingStore()
    protected = protect(
        app,
        issuer=trusting(),
        rules=Policy({"/x": DPOP_RULE}, report_only=True),
        dpop=DPoP(BASE, replay=store),
        on_decision=reports,
    )
    made = request(TOKENS["jkt"][1], sent)
    assert made.copy().get_response(protected).text == caller
    assert (reports.reasons, store.added) == (reasons, added)
    if added:
        # A replay is reported, and passes without its caller.
        assert made.copy().get_response(protected).text == "anonymous"
        assert reports.reasons == ["proof_replayed", "missing_token"]


# --- the verifier outside WSGI

URL = f"{BASE}/x"
PROVING = Verifier(trusting(), dpop=DPoP(BASE, replay=None), client_certificates=True)


def outcome(judge: Verifier, token: str, **evidence: Any) -> str:
    """Return the bindings that were proven, or the reason of the refusal."""
    try:
        return " ".join(sorted(judge.verify(token, **evidence).possession.bindings)) or "unbound"
    except AuthError as error:
        return error.reason


def proven(token: str, key: DPoPKey = KEY, **changes: Any) -> dict[str, Any]:
    return {"proof": key.proof("GET", URL, token, **changes), "method": "GET", "url": URL}


OUTSIDE: list[Any] = [
    ("unbound", "unbound", {}, "unbound"),
    ("unbound with a proof", "unbound", proven, "token_not_bound"),
    ("unbound with a certificate", "unbound", {"certificate": CERTIFICATE.der}, "unbound"),
    ("jkt alone", "jkt", {}, "token_bound"),
    ("jkt with a certificate", "jkt", {"certificate": CERTIFICATE.der}, "token_bound"),
    ("jkt with its proof", "jkt", proven, "dpop"),
    ("jkt with a proof of another key", "jkt", lambda token: proven(token, OTHER_KEY),
     "binding_mismatch"),
    ("jkt, another method", "jkt", lambda token: {**proven(token), "method": "POST"},
     "proof_mismatch"),
    ("jkt, another URL", "jkt", lambda token: {**proven(token), "url": f"{BASE}/y"},
     "proof_mismatch"),
    ("jkt, a URL of another API", "jkt",
     lambda token: {**proven(token, htu="https://evil.example.com/x"),
                    "url": "https://evil.example.com/x"}, "proof_mismatch"),
    ("jkt, a query", "jkt", lambda token: {**proven(token), "url": f"{URL}?a=1"}, "dpop"),
    ("jkt, an empty proof", "jkt", lambda token: {**proven(token), "proof": ""}, "proof_missing"),
    ("x5t alone", "x5t", {}, "token_bound"),
    ("x5t with its certificate", "x5t", {"certificate": CERTIFICATE.der}, "mtls"),
    ("x5t with another certificate", "x5t", {"certificate": OTHER_CERTIFICATE.der},
     "binding_mismatch"),
    ("both, proven", "both", lambda token: {**proven(token), "certificate": CERTIFICATE.der},
     "dpop mtls"),
    ("both, one proven", "both", proven, "token_bound"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("token", "evidence", "expected"), [pytest.param(*row, id=name) for name, *row in OUTSIDE]
)
def test_evidence_is_judged_outside_wsgi(token: str, evidence: Any, expected: str) -> None:
    text = TOKENS[token][1]
    given = evidence(text) if callable(evidence) else evidence
    assert outcome(PROVING, text, **given) == expected
    # Without possession, every bound token is refused as before, whatever comes with it.
    plain = outcome(READY, text, **given)
    if token != "unbound":
        assert plain == (
            "token_not_bound" if token == "x5t" and "proof" in given else "token_bound"
        )


def test_a_replay_is_refused_outside_wsgi() -> None:
    judge = Verifier(trusting(), dpop=DPoP(BASE))
    token = TOKENS["jkt"][1]
    evidence = proven(token)
    assert [outcome(judge, token, **evidence) for _ in range(2)] == ["dpop", "proof_replayed"]
    unchecked = Verifier(trusting(), dpop=DPoP(BASE, replay=None))
    assert [outcome(unchecked, token, **evidence) for _ in range(2)] == ["dpop", "dpop"]


def test_a_store_that_cannot_be_reached_is_503_outside_wsgi_too() -> None:
    class Unreachable(MemoryStore):
        def add(self, *arguments: Any, **options: Any) -> bool:
            raise StoreUnavailable("gone")

    judge = Verifier(trusting(), dpop=DPoP(BASE, replay=Unreachable()))
    token = TOKENS["jkt"][1]
    assert outcome(judge, token, **proven(token)) == "store_unavailable"


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param({"proof": "a.b.c"}, id="no method and no URL"),
        pytest.param({"proof": "a.b.c", "method": "GET"}, id="no URL"),
        pytest.param({"proof": b"a.b.c", "method": "GET", "url": URL}, id="bytes"),
        pytest.param({"certificate": CERTIFICATE.pem}, id="a PEM"),
    ],
)
def test_evidence_of_another_form_is_a_value_error(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"proof|certificate"):
        PROVING.verify(TOKENS["jkt"][1], **arguments)


# --- what the application sees


@pytest.mark.parametrize(
    ("token", "sent", "auth_type"),
    [
        ("unbound", BEARER, "Bearer"),
        ("x5t", BEARER_CERTIFICATE, "Bearer"),
        ("jkt", WITH_PROOF, "DPoP"),
        ("both", Sent("DPoP", "good", "good"), "DPoP"),
    ],
)
def test_auth_type_is_the_scheme_of_the_token(token: str, sent: Sent, auth_type: str) -> None:
    seen: list[Any] = []

    def recording(environ: dict[str, Any], start_response: Any) -> Any:
        seen.append((environ.get("REMOTE_USER"), environ.get("AUTH_TYPE")))
        return app(environ, start_response)

    protected = protect(
        recording,
        issuer=trusting(),
        rules={"/x": OPTIONAL},
        remote_user=lambda auth: auth.subject or "",
        **PROOFS,
        **CERTIFICATES,
    )
    request(TOKENS[token][1], sent).get_response(protected)
    request("", Sent()).get_response(protected)
    assert seen == [("user-1", auth_type), (None, None)]


def test_a_step_up_offers_the_scheme_of_the_proven_token() -> None:
    protected = protect(app, issuer=trusting(), rules={"/x": acr("phr")}, **PROOFS, **CERTIFICATES)
    for token, sent, scheme in (
        ("jkt", WITH_PROOF, ["DPoP"]),
        ("x5t", BEARER_CERTIFICATE, ["Bearer"]),
        ("unbound", BEARER, ["Bearer", "DPoP"]),
    ):
        response = request(TOKENS[token][1], sent).get_response(protected)
        assert response.json["error"] == "insufficient_user_authentication"
        sent_challenges = challenges(response)
        assert [each.scheme for each in sent_challenges] == scheme
        assert {each.parameters["acr_values"] for each in sent_challenges} == {"phr"}


def test_the_auth_tells_what_was_proven() -> None:
    seen: list[Any] = []

    def recording(environ: dict[str, Any], start_response: Any) -> Any:
        seen.append(get_auth(environ))
        return app(environ, start_response)

    protected = protect(recording, issuer=trusting(), rules={"/x": OPTIONAL}, **PROOFS)
    request(TOKENS["jkt"][1], WITH_PROOF).get_response(protected)
    [auth] = seen
    assert (auth.possession.bindings, auth.possession.nonce_age) == ({"dpop"}, None)


def test_a_certificate_callback_that_returns_no_bytes_is_503(
    caplog: pytest.LogCaptureFixture,
) -> None:
    protected = protect(app, issuer=trusting(), rules={"/x": AUTHENTICATED}, **CERTIFICATES)
    made = request(TOKENS["x5t"][1], BEARER)
    made.environ[CERTIFICATE_KEY] = CERTIFICATE.pem
    response = made.get_response(protected)
    assert (response.status_int, response.json["reason"]) == (503, "certificate_unavailable")
    assert response.headers["Retry-After"] == "1"
    assert "BEGIN" not in caplog.text


# --- the scheme DPoP, which only the header Authorization carries


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        pytest.param({"get_token": lambda environ: None}, "leave it out", id="get_token"),
        pytest.param(
            {"token_sources": [from_header("X-Token")]}, "add bearer", id="another header"
        ),
    ],
)
@pytest.mark.parametrize(
    ("rule", "required"),
    [
        pytest.param(sender_constrained("dpop"), False, id="a rule"),
        pytest.param(scope("a"), True, id="the stack"),
    ],
)
def test_a_stack_that_never_reads_authorization_demands_no_dpop(
    options: dict[str, Any], remedy: str, rule: Any, required: bool
) -> None:
    def build(**more: Any) -> Any:
        return protect(
            lambda *_: [],
            issuer=LocalIssuer().trusted(),
            rules={"/open": PUBLIC, "/": rule},
            dpop=DPoP("https://api.example.com", required=required),
            **more,
        )

    with pytest.raises(ValueError, match=remedy):
        build(**options)
    assert build(token_sources=[bearer, from_header("X-Token")])
    assert build()


def test_an_extractor_in_front_of_a_verifier_of_proofs_reads_their_scheme() -> None:
    layer = TokenVerifier(
        lambda *_: [], LocalIssuer().trusted(), dpop=DPoP("https://api.example.com")
    )
    with pytest.raises(ValueError, match="write TokenExtractor"):
        TokenExtractor(layer)
    assert TokenExtractor(layer, dpop=True)
    assert TokenExtractor(layer, get_token=lambda environ: None)
