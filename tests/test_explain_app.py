"""`Explainer.of` and the running application: one verdict always, whatever the layers stand in."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import cherrypy
import django_settings  # noqa: F401 (it configures)
import falcon
import pytest
from bottle import Bottle
from differential.breaking import build, recipe
from differential.judges import AUDIENCE, ISSUER, LEEWAY, NOW
from differential.keyrings import HONEST_SIGNERS, SECRET, keyring
from django.core.wsgi import get_wsgi_application
from environs import full_environ
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st
from pyramid.config import Configurator
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from jwt_wsgi import (
    AUTHENTICATED,
    DENY,
    OPTIONAL,
    PUBLIC,
    CrossOrigin,
    InvalidToken,
    Issuer,
    Policy,
    ScopeAuthorizer,
    StaticJWKS,
    TokenExtractor,
    TokenVerifier,
    Verifier,
    claim,
    path_param,
    protect,
    report_only,
    scope,
)
from jwt_wsgi.explain import Explainer, Explanation, Step
from jwt_wsgi.explain.advice import ADVICE
from jwt_wsgi.jose import KeySet
from jwt_wsgi.testing import LocalIssuer

RULES = {
    "/public": PUBLIC,
    "/optional": OPTIONAL,
    "/private": AUTHENTICATED,
    "/scoped": scope("read:a"),
    "/watched": report_only(scope("read:b")),
    "GET /items/{id}": claim("sub", path_param("id")),
}
PATHS = ["/public", "/optional", "/private", "/scoped", "/watched", "/items/7", "/a//b", "/none"]


class Told:
    """Where the decisions of a running stack go: its reasons, and its rules."""

    def __init__(self) -> None:
        self.decisions: list[Any] = []

    def __call__(self, environ: Any, decision: Any) -> None:
        self.decisions.append(decision)


def reached(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Be the innermost application. The path is noted: the status of a framework may be 404."""
    reached.calls.append(environ["PATH_INFO"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]


reached.calls = []


@cache
def issuer() -> Issuer:
    keys = keyring(next(iter(rings())))
    return Issuer(
        ISSUER,
        audience=AUDIENCE,
        algorithms=keys.algorithms,
        leeway=LEEWAY,
        keys=StaticJWKS(KeySet.from_jwks(keys.jwks)),
    )


def rings() -> list[str]:
    """Return the key rings of published keys."""
    names = dict.fromkeys(ring for ring, _ in HONEST_SIGNERS)
    return [name for name in names if {*keyring(name).algorithms}.isdisjoint(SECRET)]


def guarded(app: Any, told: Told, **options: Any) -> Any:
    return protect(
        app, issuer=issuer(), rules=RULES, on_decision=told, clock=lambda: NOW, **options
    )


def in_flask(told: Told) -> Any:
    app = Flask("shop", static_folder=None)
    app.wsgi_app = guarded(reached, told)
    return app


class Around:
    """A middleware that keeps what it wraps in an attribute."""

    def __init__(self, application: Any) -> None:
        self.application = application

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.application(environ, start_response)


def function_around(inner: Any) -> Any:
    """Return a middleware as a function, as tutorials write it."""

    def middleware(environ: Any, start_response: Any) -> Any:
        return inner(environ, start_response)

    return middleware


def in_cherrypy_tree(told: Told) -> Any:
    tree = cherrypy._cptree.Tree()
    tree.graft(guarded(reached, told), "/shop")
    tree.graft(function_around(reached), "/open")
    return tree


def by_hand(told: Told) -> Any:
    policy = Policy(RULES, mounts=["", "/m"])
    verifier = Verifier(issuer(), clock=lambda: NOW)
    authorizer = ScopeAuthorizer(reached, policy, on_decision=told, realm="mine")
    layer = TokenVerifier(
        Around(authorizer),
        verifier,
        allow_anonymous=True,
        exempt=lambda environ: environ["PATH_INFO"] == "/none",
        report_only=policy.reports_only,
        on_decision=told,
        realm="mine",
    )
    return TokenExtractor(layer, get_token=bearer_or_refusal)


def bearer_or_refusal(environ: Any) -> Any:
    header = environ.get("HTTP_AUTHORIZATION", "")
    if header.startswith("Bearer !"):
        raise InvalidToken("token_revoked")
    return header.removeprefix("Bearer ") or None


def without_authorizer(told: Told) -> Any:
    layer = TokenVerifier(reached, issuer(), on_decision=told, clock=lambda: NOW)
    return TokenExtractor(layer)


def teapot(environ: Any, start_response: Any) -> Any:
    start_response("418 I'm a teapot", [])
    return [b"short"]


#: The places of a stack: how the application is built, and the path in front of that of the rules.
PLACES: dict[str, tuple[Callable[[Told], Any], str]] = {
    "plain": (lambda told: guarded(reached, told), ""),
    "flask": (in_flask, ""),
    "around flask": (lambda told: guarded(Flask("x", static_folder=None), told), ""),
    "django": (lambda told: guarded(get_wsgi_application(), told), ""),
    "pyramid": (lambda told: guarded(Configurator().make_wsgi_app(), told), ""),
    "falcon": (lambda told: guarded(falcon.App(), told), ""),
    "bottle": (lambda told: guarded(Bottle(), told), ""),
    "cherrypy tree": (in_cherrypy_tree, "/shop"),
    "cherrypy tree, elsewhere": (in_cherrypy_tree, "/open"),
    "around cherrypy": (lambda told: guarded(cherrypy._cptree.Tree(), told), ""),
    "a class around": (lambda told: Around(guarded(reached, told)), ""),
    "a function around": (lambda told: function_around(guarded(reached, told)), ""),
    "a bound method": (lambda told: Around(guarded(reached, told)).__call__, ""),
    "cors": (lambda told: CrossOrigin(guarded(reached, told), origins=["https://a.example"]), ""),
    "proxy fix": (lambda told: ProxyFix(guarded(reached, told), x_prefix=1), ""),
    "dispatcher": (
        lambda told: DispatcherMiddleware(guarded(reached, told), {"/m": reached}),
        "",
    ),
    "dispatcher, elsewhere": (
        lambda told: DispatcherMiddleware(guarded(reached, told), {"/m": reached}),
        "/m",
    ),
    "mount": (
        lambda told: DispatcherMiddleware(
            reached, {"/m": protect(reached, issuer=issuer(), rules=Policy(RULES, mounts=["/m"]),
                                    on_decision=told, clock=lambda: NOW)}
        ),
        "/m",
    ),
    "by hand": (by_hand, ""),
    "no authorizer": (without_authorizer, ""),
    "authorizer": (lambda told: ScopeAuthorizer(reached, RULES, on_decision=told), ""),
    "on_error": (lambda told: guarded(reached, told, on_error=lambda *_: teapot, realm="r"), ""),
    "report only": (
        lambda told: protect(reached, issuer=issuer(), rules=Policy(RULES, report_only=True),
                             on_decision=told, clock=lambda: NOW),
        "",
    ),
}  # fmt: skip


@cache
def place(name: str) -> tuple[Any, Explainer, Told, Told]:
    """Return an application, the explainer of another one like it, and where each one's decisions go."""
    build_app, _ = PLACES[name]
    told = Told()
    untold = Told()
    return build_app(told), Explainer.of(build_app(untold)), told, untold


def respond(app: Any, environ: dict[str, Any]) -> tuple[int, tuple[Any, ...], bytes]:
    started: list[Any] = []
    body = app(environ, lambda *start: started.append(start) or print)
    octets = b"".join(body)
    getattr(body, "close", lambda: None)()
    status, headers = started[-1][:2]
    return int(status[:3]), tuple(headers), octets


def compare(name: str, request: dict[str, Any]) -> Explanation:
    """Assert that the explanation says what the running application does; return it."""
    app, explainer, told, untold = place(name)
    told.decisions.clear()
    reached.calls.clear()
    explanation = explainer.explain(dict(request))
    assert untold.decisions == [], "an explanation is no decision"
    assert reached.calls == [], "the application is not called"
    answer = respond(app, dict(request))
    errors = [decision.error for decision in told.decisions if decision.error]
    would_be = [decision.would_be for decision in told.decisions if decision.would_be]
    rules = [decision.rule for decision in told.decisions if decision.rule]
    if explanation.refusal is None:
        assert errors == []
        assert explanation.reason is None
    else:
        assert explanation.refusal == answer
        assert reached.calls == []
        if answer[1] and ("Content-Type", "application/json") in answer[1] and answer[2]:
            assert json.loads(answer[2])["reason"] == explanation.reason
    if errors:
        assert explanation.reason == errors[0].reason
        assert [step.passed for step in explanation.steps].count(False) == 1
        assert explanation.advice
    assert explanation.would_be == (would_be[0].reason if would_be else None)
    for key in rules:
        assert (explanation.rule or "").startswith(f"{key}: ")
    return explanation


def drawn(chance: int) -> str:
    """Return a token of the differential tests, signed by the ring of these applications."""
    random = Random(chance)
    while (found := recipe(random)).signer[0] != rings()[0]:
        pass
    return build(found).encode("utf-8", "surrogatepass").decode("latin-1")


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**64 - 1), st.sampled_from(PATHS))
def test_explanation_and_running_application_agree_on_any_token_f2(chance: int, path: str) -> None:
    token = drawn(chance)
    for name, (_, prefix) in PLACES.items():
        sent = {"AUTHORIZATION": f"Bearer {token}"}
        compare(name, full_environ("GET", prefix + path, "", "", sent))


HEADERS = [
    {},
    {"AUTHORIZATION": "Bearer a b"},
    {"AUTHORIZATION": "Bearer !"},
    {"AUTHORIZATION": "Basic x"},
    {"ORIGIN": "https://a.example", "ACCESS_CONTROL_REQUEST_METHOD": "GET"},
    {"ORIGIN": "https://b.example", "ACCESS_CONTROL_REQUEST_METHOD": "GET"},
    {"X_FORWARDED_PREFIX": "/evil"},
    {"X_VHM_ROOT": "/"},
]


@pytest.mark.parametrize("name", PLACES)
def test_explanation_and_running_application_agree_on_any_request_f2(name: str) -> None:
    _, prefix = PLACES[name]
    for path in [*PATHS, "", "/"]:
        for method in ("GET", "HEAD", "OPTIONS", "get"):
            for sent in HEADERS:
                compare(name, full_environ(method, prefix + path, "", "", dict(sent)))


# --- what it says of the way to the layers


def test_middleware_that_is_not_called_is_named_f2() -> None:
    told = Told()
    module = __name__
    assert Explainer.of(guarded(reached, told)).passed_over == ()
    assert Explainer.of(ProxyFix(guarded(reached, told))).passed_over == ()
    assert Explainer.of(LintMiddleware(guarded(reached, told))).passed_over == ()
    assert Explainer.of(Around(function_around(guarded(reached, told)))).passed_over == (
        f"{module}.function_around.<locals>.middleware",
        f"{module}.Around",
    )
    assert Explainer.of(by_hand(told)).passed_over == (f"{module}.Around",)


def test_a_request_that_does_not_come_to_the_layers_has_a_note_f2() -> None:
    outside = compare("dispatcher, elsewhere", full_environ("GET", "/m/x", "", "", {}))
    assert (outside.refusal, outside.rule) == (None, None)
    assert outside.note == "No layer stands in front of this path."
    preflight = compare("cors", full_environ("OPTIONS", "/private", "", "", HEADERS[4]))
    assert (preflight.refusal.status, preflight.reason) == (204, None)
    assert "such as CORS" in preflight.note


def test_the_steps_of_an_incomplete_stack_say_what_is_missing_f2() -> None:
    alone = compare("authorizer", full_environ("GET", "/private", "", "", {"AUTHORIZATION": "x"}))
    assert {step.passed for step in alone.steps[1:-2]} == {None}
    open_ended = compare("no authorizer", full_environ("GET", "/private", "", "", {}))
    absent = "no token: no Authorization header"
    assert open_ended.failed == Step("credentials", False, "Bearer and one token", absent)
    assert open_ended.steps[-1] == Step("rule", None, None, "there is no ScopeAuthorizer")
    unread = Explainer.of(TokenExtractor(reached)).explain(
        full_environ("GET", "/", "", "", {"AUTHORIZATION": "Bearer x"})
    )
    assert unread.steps[0] == Step("credentials", None, "Bearer and one token", "not looked at")
    exempting = TokenVerifier(reached, issuer(), exempt=lambda environ: True)
    malformed = Explainer.of(TokenExtractor(exempting)).explain(
        full_environ("GET", "/", "", "", {"AUTHORIZATION": "Bearer a b"})
    )
    assert malformed.steps[0] == unread.steps[0]


def test_a_token_is_not_the_advice_where_everyone_is_denied_d10() -> None:
    app = protect(reached, issuer=issuer(), rules={"/denied": DENY, "/private": AUTHENTICATED})
    explainer = Explainer.of(app)
    for path, reason in [
        ("/denied", "denied"),
        ("/none", "no_rule"),
        ("/private", "missing_token"),
    ]:
        explanation = explainer.explain(full_environ("GET", path, "", "", {}))
        assert (explanation.reason, explanation.advice) == ("missing_token", ADVICE[reason])


def test_an_ambiguous_path_is_shown_beside_a_bad_token_f11() -> None:
    request = full_environ("GET", "/a//b", "", "", {"AUTHORIZATION": "Bearer x"})
    steps = compare("plain", request).steps
    path = Step("path", None, "no empty segment", "path_ambiguous: 'segment 2 is empty'")
    assert steps[-2:] == (path, Step("rule"))


def test_another_time_can_be_set_f2() -> None:
    local = LocalIssuer(algorithms=("ES256",))
    trusted = Issuer(
        local.issuer, audience=local.audience, keys=StaticJWKS(local.jwks), algorithms=["ES256"]
    )
    app = protect(reached, issuer=trusted, rules=RULES)
    request = full_environ("GET", "/private", "", "", {"AUTHORIZATION": f"Bearer {local.token()}"})
    explanation = Explainer.of(app, clock=lambda: 4e9).explain(request)
    assert (explanation.reason, explanation.issuer) == ("token_expired", trusted)
    assert explanation.failed.expected == "exp after 2096-10-02T07:06:40Z (4000000000), leeway 30 s"
    assert "years" not in (explanation.failed.found or "")
    assert Explainer.of(app).explain(request).refusal is None


class Proxy:
    """An object that raises for every attribute, as a proxy does outside of its context."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError("working outside of application context")

    def __call__(self) -> None: ...


def enclosed() -> Any:
    """Return a function whose closure holds a proxy, a class, nothing, and the application."""
    proxy = Proxy()
    kind = Proxy
    if False:
        empty = None
    app = guarded(reached, Told())
    verifier = app.app

    def middleware(environ: Any, start_response: Any) -> Any:
        return (proxy, kind, lambda: empty, verifier, app)

    return middleware


def test_a_closure_leads_to_its_application_f2() -> None:
    # Only the extractor reads the header; the closure also holds the layer behind it.
    request = full_environ("GET", "/private", "", "", {"AUTHORIZATION": "Bearer x"})
    explanation = Explainer.of(enclosed()).explain(request)
    assert (explanation.reason, explanation.rule) == ("token_malformed", "/private: AUTHENTICATED")


def nested() -> Any:
    return protect(guarded(reached, Told()), issuer=issuer(), rules=RULES)


def cyclic() -> Any:
    around = Around(None)
    around.application = around
    return around


def endless() -> Any:
    app: Any = reached
    for _ in range(900):
        app = Around(app)
    return app


WRONG = [
    pytest.param(lambda: reached, "no layer of jwt-wsgi stands in it", id="no layer"),
    pytest.param(cyclic, "Around: no layer of jwt-wsgi", id="a circle"),
    pytest.param(endless, "no layer", id="many middlewares"),
    pytest.param(lambda: 7, "app=int: not a WSGI application", id="a number"),
    pytest.param(
        nested, "2 stacks .* its own TokenExtractor, at the root and the root", id="nested stacks"
    ),
    pytest.param(
        lambda: DispatcherMiddleware(
            guarded(reached, Told()), {"/a": TokenVerifier(reached, issuer())}
        ),
        "2 stacks are in it, each with its own TokenVerifier, at the root and /a; give",
        id="a stack at each mount",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("app", "message"), WRONG)
def test_an_application_without_one_stack_is_refused_f2(app: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Explainer.of(app())
