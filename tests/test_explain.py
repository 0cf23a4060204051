"""The explanation and the stack: one verdict always, and the walk leads to it."""

from __future__ import annotations

import json
import logging
from functools import cache
from random import Random
from typing import Any

import differential.breaking_bytes  # noqa: F401 (it adds to the ways of breaking)
import pytest
from conftest import Clock
from differential.breaking import build, recipe
from differential.judges import AUDIENCE, ISSUER, LEEWAY, NOW
from differential.keyrings import SECRET, keyring
from environs import full_environ, octets, paths
from hypothesis import given, settings
from hypothesis import strategies as st

from jwt_wsgi import (
    ANY_AUDIENCE,
    AUTHENTICATED,
    OPTIONAL,
    PUBLIC,
    InvalidToken,
    Issuer,
    KeysUnavailable,
    Policy,
    RemoteJWKS,
    StaticJWKS,
    claim,
    protect,
    report_only,
    scope,
)
from jwt_wsgi.explain import Explainer, Explanation, Step
from jwt_wsgi.jose import KeySet
from jwt_wsgi.sources import bearer, from_cookie, from_header
from jwt_wsgi.testing import LocalIssuer

RULES = {
    "/public": PUBLIC,
    "/optional": OPTIONAL,
    "/private": AUTHENTICATED,
    "/scoped": scope("read:a"),
    "/watched": report_only(scope("read:b")),
    "/half": scope("read:a") & report_only(scope("read:b")),
    "GET /items/{id}": scope("write:a"),
}
TOKEN_STEPS = [
    "form", "algorithm", "payload", "issuer", "issuer's algorithm", "type", "key", "signature", "audience", "claims",
    "expiry", "not before", "age", "possession", "predicates",
]  # fmt: skip
STEPS = ["credentials", *TOKEN_STEPS, "path", "rule"]


def environ(
    path: str = "/scoped", token: str | None = None, method: str = "GET", **more: str
) -> dict[str, Any]:
    sent = {} if token is None else {"AUTHORIZATION": f"Bearer {token}"}
    return full_environ(method, path, "", "", {**sent, **more})


def answer(stack: Any, request: dict[str, Any]) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    started: list[Any] = []
    body = stack(request, lambda *start: started.append(start) or print)
    [(status, headers)] = started
    return int(status[:3]), tuple(headers), b"".join(body)


def agrees(
    explanation: Explanation, stack: Any, request: dict[str, Any], reasons: list[str | None]
) -> None:
    """The explanation says what the stack does: the very response, or that the application is reached."""
    reached.clear()
    reasons.clear()
    said = answer(stack, request)
    assert (explanation.refusal is None) is bool(reached)
    if explanation.refusal is not None:
        assert explanation.refusal == said
        assert explanation.reason == reasons[-1]
        assert request["REQUEST_METHOD"] == "HEAD" or json.loads(said[2])["reason"] == reasons[-1]
        # A refusal has a step that says why: the only one that failed.
        assert [step.passed for step in explanation.steps].count(False) == 1
    else:
        assert explanation.reason is None
        assert (explanation.failed is None) is (explanation.would_be is None)


reached: list[str] = []


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    reached.append(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]


Stacks = tuple[Explainer, Any, list[Any]]


def stacks(issuers: Any, rules: Any = None, **options: Any) -> Stacks:
    """An explainer, the stack that it explains, and where that one's reasons go."""
    reasons: list[Any] = []
    told = {"on_decision": lambda environ, decision: reasons.append(decision.reason)}
    policy = RULES if rules is None else rules
    return (
        Explainer(issuers, policy, **options),
        protect(application, issuer=issuers, rules=policy, **told, **options),
        reasons,
    )


# --- one verdict


@cache
def of_the_ring(ring: str) -> Stacks:
    keys = keyring(ring)
    symmetric = not {*keys.algorithms}.isdisjoint(SECRET)
    source = StaticJWKS(KeySet.from_jwks(keys.jwks, symmetric=symmetric))
    issuer = Issuer(
        ISSUER, audience=AUDIENCE, algorithms=keys.algorithms, leeway=LEEWAY, keys=source
    )
    return stacks(issuer, clock=lambda: NOW)


def no_token_in(steps: tuple[Step, ...], token: str) -> None:
    said = repr(steps)
    for segment in token.split("."):
        assert len(segment) < 12 or segment[:12] not in said


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(
    st.integers(0, 2**64 - 1),
    st.sampled_from(["/private", "/scoped", "/watched", "/public", "/optional", "/a//b"]),
)
def test_the_verdict_on_any_token_is_the_stacks(chance: int, path: str) -> None:
    random = Random(chance)
    for drawn in (recipe(random) for _ in range(10)):
        token = build(drawn).encode("utf-8", "surrogatepass").decode("latin-1")
        explainer, stack, reasons = of_the_ring(drawn.signer[0])
        explanation = explainer.explain(environ(path, token))
        agrees(explanation, stack, environ(path, token), reasons)
        no_token_in(explanation.steps, token)
        assert [step.name for step in explanation.steps] == STEPS
        for step in explanation.steps:
            assert (step.found or "").isascii() or "…" in (step.found or "")
            assert len(step.found or "") < 200


LOCAL = LocalIssuer(algorithms=("ES256",))
TRUSTED = Issuer(
    LOCAL.issuer, audience=LOCAL.audience, keys=StaticJWKS(LOCAL.jwks), algorithms=["ES256"]
)
USUAL = stacks(TRUSTED)
WATCHING = stacks(TRUSTED, Policy(RULES, report_only=True))
GOOD = LOCAL.token("read:a", expires_in=86400)


@settings(max_examples=400, deadline=None)
@given(
    which=st.sampled_from([USUAL, WATCHING]),
    method=st.sampled_from(["GET", "HEAD", "OPTIONS"]) | octets,
    path=paths | st.sampled_from(["/watched", "/half", "/items/7"]),
    authorization=st.none()
    | octets
    | st.sampled_from([f"Bearer {GOOD}", "Bearer", "Bearer a b", "Basic x", "Bearer x"]),
    script=st.just("") | octets,
    vhm=st.booleans(),
)
def test_the_verdict_on_any_request_is_the_stacks(
    which: Stacks, method: str, path: str, authorization: str | None, script: str, vhm: bool
) -> None:
    explainer, stack, reasons = which
    sent = {} if authorization is None else {"AUTHORIZATION": authorization}
    sent |= {"X_VHM_ROOT": "/"} if vhm else {}
    explanation = explainer.explain(full_environ(method, path, script, "", sent))
    agrees(explanation, stack, full_environ(method, path, script, "", sent), reasons)
    assert [step.name for step in explanation.steps] == STEPS


# --- the walk


def tampered(token: str) -> str:
    head, _, signature = token.rpartition(".")
    return f"{head}.{signature[::-1].translate(str.maketrans('AQgw', 'BRhx'))[:-1]}A"


OTHER = LocalIssuer(algorithms=("ES256",))
WALKS = [
    pytest.param(lambda: GOOD, "/scoped", None, None, id="a good token"),
    pytest.param(lambda: None, "/public", None, None, id="public"),
    pytest.param(lambda: None, "/scoped", "rule", "no token", id="no token"),
    pytest.param(
        lambda: LOCAL.token("openid"), "/scoped", "rule", "scopes ['openid']", id="not the scope"
    ),
    pytest.param(lambda: GOOD, "/nowhere", "rule", "scopes ['read:a']", id="no rule"),
    pytest.param(lambda: GOOD, "/a//b", "path", "path_ambiguous", id="an ambiguous path"),
    pytest.param(
        lambda: "a b", "/scoped", "credentials", "malformed_header", id="a malformed header"
    ),
    pytest.param(lambda: "x", "/scoped", "form", "token_malformed", id="no JWS"),
    pytest.param(lambda: "x" * 20000, "/scoped", "form", "token_too_large: 20000", id="too large"),
    pytest.param(
        lambda: LOCAL.token(header={"alg": "none"}),
        "/scoped",
        "algorithm",
        "algorithm_not_allowed: 'none'",
        id="none",
    ),
    pytest.param(
        lambda: LOCAL.sign(b"[]"),
        "/scoped",
        "payload",
        "token_malformed: 'not a JSON object'",
        id="a list",
    ),
    pytest.param(
        lambda: LOCAL.token(iss="https://x/"),
        "/scoped",
        "issuer",
        "issuer_mismatch: 'https://x/'",
        id="another issuer",
    ),
    pytest.param(
        lambda: LOCAL.token(header={"typ": "x"}),
        "/scoped",
        "type",
        "type_mismatch: 'x'",
        id="another type",
    ),
    pytest.param(
        lambda: LOCAL.token(header={"kid": "x"}),
        "/scoped",
        "key",
        "kid_unknown: 'x'",
        id="an unknown key",
    ),
    pytest.param(
        lambda: OTHER.token(header={"kid": LOCAL.key().kid}),
        "/scoped",
        "signature",
        "signature_invalid: ",
        id="forged",
    ),
    pytest.param(
        lambda: LOCAL.token(aud="x"),
        "/scoped",
        "audience",
        "audience_mismatch: 'x'",
        id="another audience",
    ),
    pytest.param(
        lambda: LOCAL.token(aud=7),
        "/scoped",
        "audience",
        "claim_malformed: 7",
        id="an odd audience",
    ),
    pytest.param(
        lambda: LOCAL.token(cnf={}),
        "/scoped",
        "claims",
        "token_bound: 'cnf with []'",
        id="no key in cnf",
    ),
    pytest.param(
        lambda: LOCAL.token(cnf={"jkt": "x"}),
        "/scoped",
        "possession",
        "token_bound: ",
        id="bound to a key",
    ),
    pytest.param(
        lambda: LOCAL.token(exp="x"), "/scoped", "claims", "claim_malformed: 'x'", id="an odd date"
    ),
    pytest.param(
        lambda: LOCAL.token(expires_in=-3600), "/scoped", "expiry", "token_expired: ", id="expired"
    ),
    pytest.param(
        lambda: LOCAL.token(nbf=2**52),
        "/scoped",
        "not before",
        "token_not_yet_valid: ",
        id="not yet",
    ),
]


@pytest.mark.parametrize(("token", "path", "failing", "found"), WALKS)
def test_the_steps_end_at_the_check_that_fails(token, path, failing, found):
    explainer, stack, reasons = USUAL
    explanation = explainer.explain(environ(path, token()))
    agrees(explanation, stack, environ(path, token()), reasons)
    failed = explanation.failed
    assert (failed and failed.name) == failing
    assert failed is None or (failed.found or "").startswith(found)
    if failing is not None:
        marks = [step.passed for step in explanation.steps]
        at = STEPS.index(failing)
        assert False not in marks[:at]
        assert set(marks[at + 1 :]) <= {None}


def test_a_good_token_passes_every_step_and_each_shows_its_finding():
    steps = {step.name: step for step in USUAL[0].explain(environ("/scoped", GOOD)).steps}
    assert {step.passed for step in steps.values()} == {True}
    assert steps["algorithm"] == Step("algorithm", True, "ES256", "'ES256'")
    assert steps["issuer"].found == repr(LOCAL.issuer)
    assert steps["type"] == Step("type", True, "jwt", "'at+jwt'")
    assert steps["audience"] == Step("audience", True, LOCAL.audience, repr(LOCAL.audience))
    assert steps["age"].expected == "any"
    assert steps["rule"] == Step("rule", True, "/scoped: scope('read:a')", "scopes ['read:a']")


def test_a_public_path_has_no_token_steps():
    steps = USUAL[0].explain(environ("/public", "x")).steps
    assert steps[0] == Step(
        "credentials", None, "Bearer and one token", "not looked at, the rule is PUBLIC"
    )
    assert [step.name for step in steps if step.passed is not None] == ["path", "rule"]


def test_a_path_without_a_rule_shows_the_default():
    assert USUAL[0].explain(environ("/nowhere")).failed == Step(
        "rule", False, "otherwise: DENY", "no token"
    )


def test_a_rule_that_only_reports_fails_its_step_and_passes_the_request():
    explanation = USUAL[0].explain(environ("/half", GOOD))
    assert (explanation.refusal, explanation.reason, explanation.would_be) == (
        None,
        None,
        "insufficient_scope",
    )
    assert explanation.failed is explanation.steps[-1]
    bad = USUAL[0].explain(environ("/watched", "x"))
    assert [step.name for step in bad.steps if step.passed is False] == ["form", "rule"]
    assert (bad.refusal, bad.would_be) == (None, "token_malformed")


def test_options_of_the_profile_have_their_own_steps(clock: Clock) -> None:
    local = LocalIssuer(algorithms=("ES256",), clock=clock)
    keys = StaticJWKS(local.jwks)
    options: dict[str, Any] = {
        "audience": ANY_AUDIENCE,
        "algorithms": ["ES256"],
        "max_age": 60,
        "keys": keys,
    }
    issuer = Issuer(local.issuer, claims={"sub": str.islower, "tenant": "acme"}, **options)
    explainer, stack, reasons = stacks(issuer, clock=clock)

    def walked(**claims: Any) -> tuple[Explanation, dict[str, Step]]:
        token = local.token("read:a", **{"tenant": "acme", **claims})
        explanation = explainer.explain(environ(token=token))
        agrees(explanation, stack, environ(token=token), reasons)
        return explanation, {step.name: step for step in explanation.steps}

    explanation, steps = walked()
    assert explanation.failed is None
    assert (steps["audience"].expected, steps["predicates"].expected) == (
        "ANY_AUDIENCE",
        "1 satisfied",
    )
    assert steps["age"] == Step(
        "age",
        True,
        "iat after 2027-01-15T07:59:00Z (1799999940), leeway 30 s",
        "1800000000 (2027-01-15T08:00:00Z, 0 seconds ago)",
    )
    assert walked(iat=clock() - 120)[0].failed.name == "age"
    assert walked(sub="UPPER")[0].failed == Step(
        "predicates", False, "'sub' to satisfy a predicate", "claim_mismatch: 'withheld'"
    )
    assert walked(tenant="other")[0].failed.name == "claims"
    assert walked(tenant=None)[0].failed.found == "claim_missing: absent"
    # Without iat, nbf and aud: a maximum age refuses, and says so.
    assert walked(iat=None)[0].failed.expected == "iat"


def test_not_before_shows_nbf_and_age_shows_seconds_f9() -> None:
    clock = Clock()
    local = LocalIssuer(algorithms=("ES256",), clock=clock)
    issuer = Issuer(
        local.issuer, audience=local.audience, keys=StaticJWKS(local.jwks), algorithms=["ES256"]
    )
    explainer = Explainer(issuer, {"/": AUTHENTICATED}, clock=clock)
    begin = int(clock()) - 500  # before iat
    token = local.token(iat=int(clock()) - 100, nbf=begin)
    steps = {step.name: step for step in explainer.explain(environ(token=token)).steps}
    assert steps["not before"].found.startswith(f"{begin} (")
    assert "8 minutes 20 seconds ago" in steps["not before"].found
    assert "1 minute 40 seconds ago" in steps["age"].found


def test_absent_dates_are_shown_as_absent() -> None:
    token = LOCAL.token("read:a", iat=None, header={"typ": None})
    steps = {step.name: step for step in USUAL[0].explain(environ(token=token)).steps}
    assert [steps[name].found for name in ("not before", "age", "type")] == ["absent"] * 3


@pytest.mark.parametrize(
    ("is_revoked", "reason", "status"),
    [
        pytest.param(lambda auth: False, None, None, id="not revoked"),
        pytest.param(lambda auth: True, "token_revoked", 401, id="revoked"),
        pytest.param(lambda auth: 1 / 0, "revocation_unknown", 503, id="cannot be told"),
    ],
)
def test_revocation_is_asked_once(is_revoked, reason, status):
    asked: list[Any] = []
    explainer, stack, reasons = stacks(
        TRUSTED, is_revoked=lambda auth: asked.append(auth) or is_revoked(auth)
    )
    explanation = explainer.explain(environ(token=GOOD))
    assert len(asked) == 1
    agrees(explanation, stack, environ(token=GOOD), reasons)
    assert (explanation.reason, explanation.refusal and explanation.refusal.status) == (
        reason,
        status,
    )
    step = next(step for step in explanation.steps if step.name == "revocation")
    assert step.passed is (reason is None)
    expired = explainer.explain(environ(token=LOCAL.token(expires_in=-3600)))
    assert [step.passed for step in expired.steps if step.name == "revocation"] == [None]


def test_a_token_from_get_token_is_explained_too():
    explainer, stack, reasons = stacks(
        TRUSTED, get_token=lambda environ: environ.get("HTTP_COOKIE")
    )
    for request in (environ(COOKIE=GOOD), environ(COOKIE="x"), environ(COOKIE=""), environ()):
        agrees(explainer.explain(request), stack, request, reasons)


@pytest.mark.parametrize(
    "refusal", [InvalidToken("token_revoked"), KeysUnavailable()], ids=lambda error: error.reason
)
def test_a_refusal_of_get_token_fails_the_credentials_step(refusal):
    def get_token(environ):
        raise refusal

    explanation = Explainer(TRUSTED, RULES, get_token=get_token).explain(environ("/public"))
    assert explanation.failed == Step(
        "credentials", False, "a token from get_token", refusal.reason
    )
    assert (explanation.reason, explanation.refusal.status) == (refusal.reason, refusal.status)
    assert [step.passed for step in explanation.steps[1:]] == [None] * (len(STEPS) - 1)


def test_tokens_from_all_sources_are_explained_f12() -> None:
    explainer, stack, reasons = stacks(
        TRUSTED, token_sources=[bearer, from_header("X-Token"), from_cookie("s")]
    )
    requests = {
        None: environ(),
        "bearer": environ(token=GOOD),
        "header": environ(X_TOKEN=GOOD),
        "cookie": environ(COOKIE=f"a=1; s={GOOD}"),
        "same": environ(token=GOOD, COOKIE=f"s={GOOD}"),
        "several": environ(token=GOOD, X_TOKEN="x"),
        "cross": environ(method="POST", COOKIE=f"s={GOOD}"),
        "public": environ("/public", method="POST", COOKIE=f"s={GOOD}"),
    }
    found = {}
    for name, request in requests.items():
        explanation = explainer.explain(request)
        agrees(explanation, stack, request, reasons)
        [step] = [step for step in explanation.steps if step.name == "credentials"]
        assert step.expected == (
            "Bearer and one token, or a token in the header X-Token, or a token in the cookie s"
        )
        found[name] = (step.passed, step.found)
    assert found == {
        None: (None, "no token: no Authorization header, no header X-Token, no cookie s"),
        **dict.fromkeys(("bearer", "header", "cookie", "same"), (True, None)),
        "several": (
            False,
            "several_tokens: 'different tokens in Authorization and the header X-Token'",
        ),
        "cross": (False, "cross_site: 'Sec-Fetch-Site absent, Origin absent'"),
        "public": (None, "not looked at, the rule is PUBLIC"),
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"token_sources": []}, "token_sources is empty", id="none"),
        pytest.param(
            {"token_sources": [bearer], "get_token": lambda environ: None},
            "beside get_token",
            id="beside get_token",
        ),
    ],
)
def test_wrong_sources_fail_at_construction_f12(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Explainer(TRUSTED, RULES, **options)


def test_the_credentials_step_says_what_came_instead_d1() -> None:
    request = environ()
    request["HTTP_AUTHORIZATION"] = "JWT secret"
    step = USUAL[0].explain(request).steps[0]
    assert step.found == "no token: Authorization with the scheme JWT"


# --- what it costs, and what it leaves alone


def test_unavailable_keys_are_asked_for_once():
    local = LocalIssuer(algorithms=("ES256",))
    local.available = False
    issuer = Issuer(
        local.issuer,
        audience=local.audience,
        algorithms=["ES256"],
        keys=RemoteJWKS(local.jwks_uri, fetch=local.fetch),
    )
    explanation = Explainer(issuer, RULES).explain(environ(token=local.token()))
    assert (explanation.reason, explanation.failed.name) == ("keys_unavailable", "key")
    assert len(local.requests) == 1


class Changing:
    """A key source that has other keys each time it is asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def held(self) -> Any:
        return None

    def find(self, kid: Any, alg: str) -> Any:
        return self.answers.pop(0)


@pytest.mark.parametrize("good", [True, False], ids=["the right key first", "a wrong key first"])
def test_the_steps_come_from_the_verification_that_gave_the_verdict(good: bool) -> None:
    # A second look at the keys would come to the other end.
    [right] = StaticJWKS(LOCAL.jwks).find(None, "ES256")
    [wrong] = StaticJWKS(OTHER.jwks).find(None, "ES256")
    answers = [(right,), (wrong,)] if good else [(wrong,), (right,)]
    keys = Changing(*answers)
    issuer = Issuer(LOCAL.issuer, audience=LOCAL.audience, keys=keys, algorithms=["ES256"])
    explanation = Explainer(issuer, RULES).explain(environ(token=GOOD))
    assert len(keys.answers) == 1
    assert (explanation.refusal is None) is good
    failed = explanation.failed
    assert (None if failed is None else failed.name) == (None if good else "signature")


def test_the_refusal_is_the_answer_of_on_error():
    def teapot(environ, start_response):
        start_response("418 I'm a teapot", [("Content-Type", "text/plain")])
        return [b"short ", b"and stout"]

    explanation = Explainer(TRUSTED, RULES, on_error=lambda environ, error: teapot).explain(
        environ()
    )
    assert explanation.refusal == (418, (("Content-Type", "text/plain"),), b"short and stout")
    assert explanation.reason == "missing_token"


def test_the_environ_is_unchanged_and_its_keys_are_not_trusted():
    request = environ("/private")
    request["jwt_wsgi.rule"] = request["jwt_wsgi.auth"] = request["jwt_wsgi.explain.reached"] = (
        "from outside"
    )
    before = dict(request)
    assert USUAL[0].explain(request).reason == "missing_token"
    bad = {**request, "HTTP_AUTHORIZATION": "Bearer x"}
    # F11: the rule is shown, although the token is refused before it is asked.
    assert USUAL[0].explain(bad).steps[-1] == Step(
        "rule", None, "/private: AUTHENTICATED", "not asked"
    )
    assert request == before


def test_an_explanation_is_logged_without_the_token(caplog):
    caplog.set_level(logging.DEBUG)
    USUAL[0].explain(environ(token=tampered(GOOD)))
    assert "signature_invalid" in caplog.text
    assert GOOD.split(".")[1] not in caplog.text


def test_several_issuers_are_trusted_as_in_the_stack():
    other = LocalIssuer("https://other.test/", audience=LOCAL.audience, algorithms=("ES256",))
    issuers = [
        TRUSTED,
        Issuer(
            other.issuer, audience=other.audience, keys=StaticJWKS(other.jwks), algorithms=["ES256"]
        ),
    ]
    explainer, stack, reasons = stacks(issuers, {"/": claim("iss", other.issuer)})
    for token in (LOCAL.token(), other.token(), OTHER.token(iss=other.issuer)):
        agrees(explainer.explain(environ("/", token)), stack, environ("/", token), reasons)
    assert (
        Explainer(iter(issuers), RULES).explain(environ(token=other.token("read:a"))).refusal
        is None
    )


def test_an_algorithm_of_another_issuer_fails_its_own_step() -> None:
    local = LocalIssuer("https://one.test/", audience=LOCAL.audience, algorithms=("ES256",))
    other = LocalIssuer("https://other.test/", audience=LOCAL.audience, algorithms=("EdDSA",))
    explainer, stack, reasons = stacks([local.trusted(), other.trusted()])
    request = environ(token=other.token("read:a", iss=local.issuer))
    explanation = explainer.explain(request)
    agrees(explanation, stack, request, reasons)
    assert explanation.failed is not None
    assert explanation.failed.name == "issuer's algorithm"


@pytest.mark.parametrize(
    ("issuers", "complaint"),
    [
        pytest.param(
            "https://issuer.test/", "write the Issuer that the application uses", id="a URL"
        ),
        pytest.param([], "issuers is empty", id="none"),
        pytest.param([7], "issuers holds 7", id="a number"),
    ],
)
def test_wrong_configuration_fails_at_construction(issuers, complaint):
    with pytest.raises(ValueError, match=complaint):
        Explainer(issuers, RULES)


def test_an_unknown_option_is_a_type_error():
    with pytest.raises(TypeError):
        Explainer(TRUSTED, RULES, realms="x")
