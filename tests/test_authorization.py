"""The third layer, `guard` and `require`: who reaches the app, and how the others are answered."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import flask
import pytest
from callers import auth
from environs import environ

from jwt_wsgi import (
    AUTHENTICATED,
    DENY,
    OPTIONAL,
    PUBLIC,
    Auth,
    AuthError,
    Forbidden,
    InsufficientScope,
    InvalidToken,
    MissingToken,
    Policy,
    ScopeAuthorizer,
    guard,
    require,
    respond,
    scope,
)
from jwt_wsgi.errors import KeysUnavailable
from jwt_wsgi.middleware.decisions import Decision
from jwt_wsgi.policy.algebra import Condition, Request, Requirement

RULES: dict[str, Requirement] = {
    "/public": PUBLIC,
    "/optional": OPTIONAL,
    "/private": AUTHENTICATED,
    "GET /users/{id}": scope("read:users"),
    "/denied": DENY,
}
NOT_OURS = RuntimeError("the app's own")


class Answered(NamedTuple):
    """What a server saw: every call of `start_response`, and what the application returned."""

    starts: list[tuple[Any, ...]]
    returned: Any

    @property
    def status(self) -> int:
        return int(self.starts[-1][0][:3])

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.starts[-1][1])

    @property
    def reason(self) -> str:
        return str(json.loads(b"".join(self.returned))["reason"])


def write(chunk: bytes) -> None:
    """The server's own `write`, for the few apps that still want it."""


def answer(application: Any, environ: dict[str, Any]) -> Answered:
    starts: list[tuple[Any, ...]] = []

    def start_response(*arguments: Any) -> Callable[[bytes], None]:
        starts.append(arguments)
        return write

    return Answered(starts, application(environ, start_response))


def environ_of(path: str, caller: Auth | None = None, **more: Any) -> dict[str, Any]:
    if caller is not None:
        more["jwt_wsgi.auth"] = caller
    return environ(path, **more)


BODY = [b"hello"]


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    assert start_response("200 OK", [("Content-Type", "text/plain")]) is write
    return BODY


def fails_if_called(environ: dict[str, Any], start_response: Any) -> Any:
    raise AssertionError("a refused request reached the app")


@pytest.mark.parametrize(
    ("path", "caller"),
    [
        ("/public", None),
        ("/optional", None),
        ("/optional", auth()),
        ("/private", auth()),
        ("/users/7", auth("read:users")),
    ],
)
def test_an_allowed_request_gets_the_apps_own_answer(path: str, caller: Auth | None) -> None:
    answered = answer(ScopeAuthorizer(app, Policy(RULES)), environ_of(path, caller))
    assert answered.starts == [("200 OK", [("Content-Type", "text/plain")])]
    assert answered.returned is BODY


REFUSED = [
    ("/private", None, 401, "missing_token", 'Bearer realm="api"'),
    ("/users/7", None, 401, "missing_token", 'Bearer realm="api", scope="read:users"'),
    ("/other", None, 401, "missing_token", 'Bearer realm="api"'),
    ("/denied", auth(), 403, "denied", None),
    ("/other", auth(), 403, "no_rule", None),
    ("/private/../x", auth(), 400, "path_ambiguous", None),
    ("/public//x", None, 400, "path_ambiguous", None),
]


@pytest.mark.parametrize(("path", "caller", "status", "reason", "challenge"), REFUSED)
def test_a_refused_request_does_not_reach_the_app(
    path: str, caller: Auth | None, status: int, reason: str, challenge: str | None
) -> None:
    layer = ScopeAuthorizer(fails_if_called, Policy(RULES))
    answered = answer(layer, environ_of(path, caller))
    assert (answered.status, answered.reason) == (status, reason)
    assert answered.headers.get("WWW-Authenticate") == challenge
    assert answered.headers["Cache-Control"] == "no-store"


@pytest.mark.conforms(14)
def test_a_missing_scope_is_named_in_a_challenge_of_the_layers_realm() -> None:
    layer = ScopeAuthorizer(fails_if_called, Policy(RULES), realm="billing")
    answered = answer(layer, environ_of("/users/7", auth("write:users")))
    assert answered.status == 403
    challenge = answered.headers["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="billing", error="insufficient_scope"')
    assert challenge.endswith('scope="read:users"')


def test_only_a_verified_auth_counts() -> None:
    layer = ScopeAuthorizer(fails_if_called, Policy(RULES))
    forged = environ_of("/private", **{"jwt_wsgi.auth": "admin", "REMOTE_USER": "admin"})
    assert answer(layer, forged).reason == "missing_token"


def test_the_app_finds_the_rule_that_decided_and_cannot_change_it() -> None:
    request = environ_of("/users/7", auth("read:users"))
    answer(ScopeAuthorizer(app, Policy(RULES)), request)
    match = request["jwt_wsgi.rule"]
    assert match.rule.key == "GET /users/{id}"
    assert match.params == {"id": "7"}
    with pytest.raises(TypeError):
        match.params["id"] = "8"
    with pytest.raises(AttributeError):
        match.params = {"id": "8"}


@pytest.mark.parametrize("path", ["/..", "/other"])
def test_a_rule_of_an_outer_layer_is_cleared(path: str) -> None:
    stale = Policy({"/": PUBLIC}).match(environ_of("/"))
    request = environ_of(path, **{"jwt_wsgi.rule": stale})
    answer(ScopeAuthorizer(fails_if_called, Policy(RULES)), request)
    assert request.get("jwt_wsgi.rule") != stale


def test_everything_else_in_the_environ_is_left_alone() -> None:
    request = environ_of("/private/", auth(), **{"wsgi.input": object(), "REMOTE_USER": "x"})
    before = dict(request)
    answer(ScopeAuthorizer(app, Policy(RULES)), request)
    assert request.keys() - before.keys() == {
        "jwt_wsgi.rule",
        "jwt_wsgi.realm",
        "jwt_wsgi.challenge",
    }
    assert {key: request[key] for key in before} == before


ASKS_A = Policy({"/": scope("a")})
LAYERS: dict[str, Callable[..., Any]] = {
    "ScopeAuthorizer": lambda app, **hooks: ScopeAuthorizer(app, ASKS_A, **hooks),
    "guard": lambda app, **hooks: guard(scope("a"), **hooks)(app),
    "guard inside ScopeAuthorizer": lambda app, **hooks: ScopeAuthorizer(
        guard(AUTHENTICATED)(app), ASKS_A, **hooks
    ),
}
every_layer = pytest.mark.parametrize("layer", LAYERS)


@pytest.mark.conforms(86)
@every_layer
def test_the_apps_iterable_is_returned_unchanged(layer: str) -> None:
    answered = answer(LAYERS[layer](app), environ_of("/", auth("a")))
    assert answered.returned is BODY


def raising(error: BaseException, *, started: bool) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> Any:
        if started:
            start_response("200 OK", [("Content-Type", "text/plain")])
        raise error

    return application


ERRORS = [
    InsufficientScope(scopes=["write:a"]),
    MissingToken(),
    InvalidToken("token_revoked"),
    KeysUnavailable(),
]


@pytest.mark.conforms(88)
@every_layer
@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.reason)
def test_an_auth_error_after_start_response_is_answered_with_exc_info(
    layer: str, error: AuthError, started: bool
) -> None:
    answered = answer(LAYERS[layer](raising(error, started=started)), environ_of("/", auth("a")))
    assert (answered.status, answered.reason) == (error.status, error.reason)
    assert len(answered.starts) == 1 + started
    assert [arguments[2][:2] for arguments in answered.starts if arguments[2:]] == [
        (type(error), error)
    ] * started


def page(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("403 Forbidden", [("X-Page", "1")])
    return BODY


@pytest.mark.parametrize("layer", ["ScopeAuthorizer", "guard"])
@pytest.mark.parametrize("started", [False, True])
def test_a_response_of_on_error_is_started_with_exc_info_too(layer: str, started: bool) -> None:
    application = raising(Forbidden(), started=started)
    outer = LAYERS[layer](application, on_error=lambda environ, error: page)
    answered = answer(outer, environ_of("/", auth("a")))
    assert (answered.headers, answered.returned) == ({"X-Page": "1"}, BODY)
    assert [len(arguments) for arguments in answered.starts] == ([2, 3] if started else [2])


@pytest.mark.conforms(88)
@every_layer
@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("error", [NOT_OURS, KeyboardInterrupt(), SystemExit(3)], ids=repr)
def test_every_other_exception_passes_through(
    layer: str, error: BaseException, started: bool
) -> None:
    with pytest.raises(type(error)) as passed:
        answer(LAYERS[layer](raising(error, started=started)), environ_of("/", auth("a")))
    assert passed.value is error


def hesitant(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    try:
        raise NOT_OURS
    except RuntimeError:
        start_response("500 Internal Server Error", [], sys.exc_info())
    return BODY


@pytest.mark.parametrize("layer", ["ScopeAuthorizer", "guard"])
@pytest.mark.parametrize(
    "application", [hesitant, raising(Forbidden(), started=False)], ids=["app", "replacement"]
)
def test_an_exc_info_of_the_response_reaches_the_server(layer: str, application: Any) -> None:
    outer = LAYERS[layer](application, on_error=lambda environ, error: hesitant)
    answered = answer(outer, environ_of("/", auth("a")))
    assert answered.returned is BODY
    assert answered.starts[1][2][1] is NOT_OURS


@every_layer
def test_on_error_may_replace_the_answer(layer: str) -> None:
    request = environ_of("/", auth("b"))

    def hook(seen: dict[str, Any], error: AuthError) -> Any:
        assert seen is request
        return page if error.scopes == ("a",) else None

    answered = answer(LAYERS[layer](fails_if_called, on_error=hook), request)
    assert (answered.headers, answered.returned) == ({"X-Page": "1"}, BODY)


def grants(environ: dict[str, Any], error: AuthError) -> None:
    """A hook that does what it can to let the caller in, and leaves the answer as it is."""
    environ["jwt_wsgi.auth"] = auth("a")
    error.scopes = ()


@every_layer
def test_on_error_never_replaces_the_decision(layer: str) -> None:
    answered = answer(LAYERS[layer](fails_if_called, on_error=grants), environ_of("/"))
    assert (answered.status, answered.reason) == (401, "missing_token")


@every_layer
def test_an_on_error_that_raises_leaves_the_ordinary_answer(layer: str) -> None:
    def explode(environ: dict[str, Any], error: AuthError) -> None:
        raise NOT_OURS

    answered = answer(LAYERS[layer](fails_if_called, on_error=explode), environ_of("/"))
    assert (answered.status, answered.reason) == (401, "missing_token")


@pytest.mark.parametrize(
    ("path", "caller", "expected"),
    [
        ("/public", None, (None, "/public")),
        ("/private", auth(), (None, "/private")),
        ("/private", None, ("missing_token", "/private")),
        ("/users/7", auth(), ("insufficient_scope", "GET /users/{id}")),
        ("/other", auth(), ("no_rule", None)),
        ("/..", auth(), ("path_ambiguous", None)),
    ],
)
def test_on_decision_is_called_for_every_decision(
    path: str, caller: Auth | None, expected: tuple[str | None, str | None]
) -> None:
    told: list[tuple[dict[str, Any], Decision]] = []
    layer = ScopeAuthorizer(app, Policy(RULES), on_decision=lambda *both: told.append(both))
    request = environ_of(path, caller)
    answer(layer, request)
    [(seen, decision)] = told
    assert seen is request
    assert (decision.reason, decision.rule) == expected
    assert decision.auth is caller


def test_a_guard_calls_on_decision_for_every_decision() -> None:
    told: list[tuple[dict[str, Any], Decision]] = []
    guarded = guard(scope("a"), on_decision=lambda *both: told.append(both))(app)
    requests = [environ_of("/", auth("a")), environ_of("/", auth("b"))]
    for request in requests:
        answer(guarded, request)
    assert all(seen is request for (seen, _), request in zip(told, requests, strict=True))
    assert [(decision.reason, decision.auth) for _, decision in told] == [
        (None, requests[0]["jwt_wsgi.auth"]),
        ("insufficient_scope", requests[1]["jwt_wsgi.auth"]),
    ]


@pytest.mark.parametrize(
    ("path", "lines"),
    [
        ("/public", []),
        (
            "/private",
            [
                "'GET' '/private' refused: 401 missing_token (rule /private, expected None, found None)"
            ],
        ),
    ],
)
def test_a_refusal_is_logged_without_a_hook(
    path: str, lines: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "jwt_wsgi.decision"):
        answer(ScopeAuthorizer(app, Policy(RULES)), environ_of(path))
    assert [
        record.getMessage() for record in caplog.records if record.name == "jwt_wsgi.decision"
    ] == lines


@pytest.mark.parametrize(("path", "status"), [("/public", 200), ("/private", 401)])
@pytest.mark.parametrize("raised", [NOT_OURS, InvalidToken(), None], ids=repr)
def test_on_decision_cannot_change_the_decision(
    path: str, status: int, raised: Exception | None
) -> None:
    def observe(environ: dict[str, Any], decision: Decision) -> bool:
        if raised is not None:
            raise raised
        return decision.error is not None

    layer = ScopeAuthorizer(app, Policy(RULES), on_decision=observe)
    assert answer(layer, environ_of(path)).status == status


class Owner(Condition):
    """The token's subject is the `id` of the path."""

    def shortfall(self, auth: Auth | None, request: Request) -> Any:
        met = auth is not None and auth.subject == request.params.get("id")
        return (AUTHENTICATED if met else scope("admin")).shortfall(auth, request)


def test_guard_and_require_see_the_parameters_of_the_rule_that_decided() -> None:
    def handler(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        assert require(environ, Owner()).subject == "7"
        return app(environ, start_response)

    policy = Policy({"/users/{id}": AUTHENTICATED})
    layer = ScopeAuthorizer(guard(Owner())(handler), policy)
    assert answer(layer, environ_of("/users/7", auth(sub="7"))).returned is BODY
    assert answer(layer, environ_of("/users/8", auth(sub="7"))).reason == "insufficient_scope"
    assert answer(guard(Owner())(app), environ_of("/users/7", auth(sub="7"))).status == 403


def test_require_returns_the_auth_or_raises_the_refusal() -> None:
    caller = auth("read:a")
    assert require(environ_of("/", caller), AUTHENTICATED) is caller
    assert require(environ_of("/", caller), scope("read:a")) is caller
    with pytest.raises(InsufficientScope) as lacking:
        require(environ_of("/", caller), scope("write:a"))
    assert lacking.value.scopes == ("write:a",)
    with pytest.raises(Forbidden, match="denied"):
        require(environ_of("/", caller), DENY)
    with pytest.raises(MissingToken) as missing:
        require(environ_of("/"), scope("read:a"))
    assert missing.value.scopes == ("read:a",)


def test_respond_in_a_framework_gives_the_layers_answer() -> None:
    site = flask.Flask("site")
    site.register_error_handler(AuthError, respond)
    site.add_url_rule("/a", view_func=lambda: str(require(flask.request, scope("a")).subject))
    site.wsgi_app = ScopeAuthorizer(site.wsgi_app, {"/a": AUTHENTICATED}, realm="site")  # type: ignore[method-assign]
    client = site.test_client()
    lacking = client.get("/a", environ_overrides={"jwt_wsgi.auth": auth("b")})
    assert (lacking.status_code, lacking.get_json()["reason"]) == (403, "insufficient_scope")
    assert lacking.headers["WWW-Authenticate"].startswith('Bearer realm="site", error="insuff')
    good = client.get("/a", environ_overrides={"jwt_wsgi.auth": auth("a", sub="user-1")})
    assert good.text == "user-1"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ScopeAuthorizer(None, ASKS_A), r"app=None: write a callable"),
        (lambda: ScopeAuthorizer("app", ASKS_A), r"app='app': write a callable"),
        (lambda: ScopeAuthorizer(app, ASKS_A, on_error=1), r"on_error=1: write a callable"),
        (lambda: ScopeAuthorizer(app, ASKS_A, on_decision=""), r"on_decision='': write a call"),
        (lambda: ScopeAuthorizer(app, ASKS_A, realm=""), r"realm='': write printable ASCII"),
        (
            lambda: ScopeAuthorizer(app, {"/a": "read:a"}),
            r"rule '/a': 'read:a' is not a requirement",
        ),
        (lambda: ScopeAuthorizer(app, None), r"rules=None: write a mapping"),
        (lambda: guard("read:a"), r"guard: 'read:a' is not a requirement"),
        (
            lambda: guard(PUBLIC),
            r"guard\(PUBLIC\) asks for nothing; leave it out, or AUTHENTICATED",
        ),
        (lambda: guard(OPTIONAL), r"guard\(OPTIONAL\) asks for nothing"),
        (lambda: guard(AUTHENTICATED, on_error=1), r"on_error=1: write a callable"),
        (lambda: guard(AUTHENTICATED, on_decision=1), r"on_decision=1: write a callable"),
        (lambda: guard(AUTHENTICATED)(None), r"app=None: write a callable"),
        (lambda: require(environ_of("/"), PUBLIC), r"require\(PUBLIC\) asks for nothing"),
        (lambda: require(environ_of("/"), OPTIONAL), r"require\(OPTIONAL\) asks for nothing"),
        (lambda: require(environ_of("/"), "a"), r"require: 'a' is not a requirement"),
    ],
)
def test_wrong_configuration_is_a_value_error(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message):
        make()
