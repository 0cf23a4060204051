"""Step-up authentication: `acr` and `fresh`, and the challenges that name them (RFC 9470)."""

from __future__ import annotations

from typing import Any

import pytest
from callers import NOW, auth
from conftest import Clock
from webob import Request, Response
from webob.dec import wsgify
from webtest import TestApp

from jwt_wsgi import (
    AUTHENTICATED,
    Auth,
    InsufficientAuthentication,
    Issuer,
    StaticJWKS,
    acr,
    claim,
    fresh,
    protect,
    require,
    scope,
)
from jwt_wsgi.policy.algebra import Request as Asked
from jwt_wsgi.testing import LocalIssuer

A, ACME, PHR, FRESH = scope("a"), claim("org", "acme"), acr("phr"), fresh(300)


@pytest.mark.parametrize(
    ("claims", "met"),
    [
        pytest.param({"acr": "phr"}, True, id="the one"),
        pytest.param({"acr": "phrh"}, True, id="the other"),
        pytest.param({"acr": "urn:basic"}, False, id="a third"),
        pytest.param({"acr": "PHR"}, False, id="another case"),
        pytest.param({"acr": "phr phrh"}, False, id="two in one string"),
        pytest.param({"acr": ["phr"]}, False, id="a list"),
        pytest.param({"acr": {"phr": 1}}, False, id="an object"),
        pytest.param({"acr": None}, False, id="null"),
        pytest.param({"acr": 0}, False, id="a number"),
        pytest.param({}, False, id="absent"),
        pytest.param({"amr": "phr"}, False, id="another claim"),
    ],
)
def test_acr_is_one_of_the_contexts(claims: dict[str, Any], met: bool) -> None:
    assert (acr("phr", "phrh").refusal(auth(**claims), Asked()) is None) is met


@pytest.mark.parametrize(
    ("auth_time", "met"),
    [
        pytest.param(NOW, True, id="now"),
        pytest.param(NOW - 300, True, id="just within"),
        pytest.param(int(NOW) - 300, True, id="a whole number"),
        pytest.param(NOW - 300.5, False, id="just too long ago"),
        pytest.param(0, False, id="long ago"),
        pytest.param(NOW + 5, True, id="a clock that is ahead"),
        pytest.param(NOW + 301, False, id="far to come"),
        pytest.param(2**53, False, id="beyond all dates"),
        pytest.param(10**400, False, id="beyond all floats"),
        pytest.param(str(int(NOW)), False, id="text"),
        pytest.param(True, False, id="a boolean"),
        pytest.param([NOW], False, id="a list"),
        pytest.param(None, False, id="null"),
    ],
)
def test_fresh_is_a_date_within_the_seconds(auth_time: Any, met: bool) -> None:
    assert (FRESH.refusal(auth(auth_time=auth_time), Asked()) is None) is met


def test_fresh_accepts_one_second() -> None:
    assert fresh(1).refusal(auth(auth_time=NOW - 1), Asked()) is None
    assert fresh(1).refusal(auth(auth_time=NOW - 1.5), Asked()) is not None


def test_without_auth_time_or_judged_at_nothing_is_fresh() -> None:
    assert FRESH.refusal(auth(), Asked()) is not None
    made_by_hand = Auth(claims={"auth_time": NOW}, header={}, token="", issuer="")
    assert FRESH.refusal(made_by_hand, Asked()) is not None


STEP = "insufficient_authentication"
#: requirement, caller, reason; then the scopes, contexts and age that the refusal names.
NAMED: list[Any] = [
    (PHR, auth(), STEP, ((), ("phr",), None)),
    (acr("phr", "phrh", "phr"), auth(), STEP, ((), ("phr", "phrh"), None)),
    (FRESH, auth(), STEP, ((), (), 300)),
    (PHR & FRESH, auth(acr="phr"), STEP, ((), ("phr",), 300)),
    (FRESH & PHR, auth(acr="phr"), STEP, ((), ("phr",), 300)),
    (FRESH & fresh(60) & fresh(900), auth(), STEP, ((), (), 60)),
    (A & PHR, auth("a"), STEP, (("a",), ("phr",), None)),
    (A & PHR, auth(), STEP, (("a",), ("phr",), None)),
    (A & PHR, auth(acr="phr"), "insufficient_scope", (("a",), (), None)),
    (A | PHR, auth(), "insufficient_scope", (("a",), (), None)),
    (ACME | PHR, auth(), STEP, ((), ("phr",), None)),
    (PHR | ACME, auth(), STEP, ((), ("phr",), None)),
    (ACME & PHR, auth(acr="phr"), "claim_forbidden", ((), (), None)),
    (ACME & PHR, auth(), "claim_forbidden", ((), (), None)),
    ((A & ACME) | PHR, auth(), STEP, ((), ("phr",), None)),
    (PHR, None, "missing_token", ((), (), None)),
    (PHR & A, None, "missing_token", (("a",), (), None)),
    (PHR | (A & ACME), None, "missing_token", (("a",), (), None)),
    (PHR | A, None, "missing_token", (("a",), (), None)),
    (AUTHENTICATED & PHR, None, "missing_token", ((), (), None)),
]


@pytest.mark.parametrize(("requirement", "caller", "reason", "named"), NAMED, ids=repr)
def test_a_refusal_names_the_scopes_contexts_and_age_that_help(
    requirement: Any, caller: Auth | None, reason: str, named: Any
) -> None:
    error = requirement.refusal(caller, Asked())
    assert error.reason == reason
    assert (
        error.scopes,
        getattr(error, "acr_values", ()),
        getattr(error, "max_age", None),
    ) == named
    assert isinstance(error, InsufficientAuthentication) is (reason == STEP)


def test_a_refusal_records_the_condition_and_the_actual_acr() -> None:
    error = (PHR & FRESH).refusal(auth(acr="urn:basic"), Asked())
    assert error is not None
    assert (error.expected, error.found) == ("acr('phr') & fresh(300)", "urn:basic")


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: acr(), r"acr\(\) names no authentication context"),
        (lambda: acr("a b"), r"acr\('a b'\): one context is .*; write acr\('a', 'b'\)"),
        (lambda: acr(1), "one context is"),  # type: ignore[arg-type]
        (lambda: fresh(0), r"fresh\(0\): write whole seconds, above 0"),
        (lambda: fresh(-1), "write whole seconds"),
        (lambda: fresh(1.5), "write whole seconds"),  # type: ignore[arg-type]
        (lambda: fresh(True), "write whole seconds"),
    ],
)
def test_missing_or_invalid_arguments_are_a_value_error(write: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write()


@wsgify
def app(request: Request) -> Response:
    if request.path_info == "/asks-itself":
        require(request, acr("phr") & fresh(60))
    return Response(text="done", content_type="text/plain")


@pytest.fixture
def issuer(clock: Clock) -> LocalIssuer:
    return LocalIssuer(algorithms=("ES256",), clock=clock)


@pytest.fixture
def api(issuer: LocalIssuer, clock: Clock) -> TestApp:
    rules = {"/pay": scope("pay") & acr("phr", "phrh") & fresh(300), "/": AUTHENTICATED}
    keys = StaticJWKS(issuer.jwks)
    trusted = Issuer(issuer.issuer, audience=issuer.audience, keys=keys, algorithms=["ES256"])
    return TestApp(protect(app, issuer=trusted, rules=rules, clock=clock))


@pytest.mark.conforms(75)
def test_the_answer_names_contexts_and_age(api: TestApp, issuer: LocalIssuer) -> None:
    issuer.authorize(api, scope="pay", acr="urn:basic", auth_time=issuer.clock() - 10)
    refused = api.get("/pay", status=401)
    assert refused.headers["WWW-Authenticate"] == (
        'Bearer realm="api", error="insufficient_user_authentication", '
        'error_description="Stronger or more recent authentication is required", scope="pay", '
        'acr_values="phr phrh", max_age="300"'
    )
    assert refused.json["error"] == "insufficient_user_authentication"
    assert refused.json["reason"] == STEP


def test_a_login_goes_stale_and_a_new_one_is_fresh_again(
    api: TestApp, issuer: LocalIssuer, clock: Clock
) -> None:
    issuer.authorize(api, scope="pay", acr="phr", auth_time=clock(), expires_in=3600)
    assert api.get("/pay").text == "done"
    clock.advance(300)
    assert api.get("/pay").text == "done"
    clock.advance(1)
    assert api.get("/pay", status=401).json["reason"] == STEP
    assert api.get("/other").text == "done"
    issuer.authorize(api, scope="pay", acr="phr", auth_time=clock())
    assert api.get("/pay").text == "done"


def test_require_in_a_handler_uses_the_same_clock(
    api: TestApp, issuer: LocalIssuer, clock: Clock
) -> None:
    issuer.authorize(api, acr="phr", auth_time=clock())
    assert api.get("/asks-itself").text == "done"
    clock.advance(61)
    refused = api.get("/asks-itself", status=401)
    assert 'acr_values="phr", max_age="60"' in refused.headers["WWW-Authenticate"]
