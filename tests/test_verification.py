"""Layer 2: credentials become an Auth or a refusal, and what the environ holds afterwards."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import pytest
from webob import Request, Response
from webob.dec import wsgify

from jwt_wsgi import (
    Auth,
    AuthError,
    Credentials,
    Forbidden,
    InvalidRequest,
    Issuer,
    TokenVerifier,
    Verifier,
    get_auth,
)
from jwt_wsgi.bindings import BOUND, UNBOUND
from jwt_wsgi.middleware.demands import demanded_possession, demanded_scopes
from jwt_wsgi.testing import LocalIssuer


@wsgify
def app(request: Request) -> Response:
    """What the app sees of the caller."""
    auth = get_auth(request)
    return Response(
        json={
            "subject": None if auth is None else auth.subject,
            "user": request.environ.get("REMOTE_USER"),
            "type": request.environ.get("AUTH_TYPE"),
            "realm": request.environ["jwt_wsgi.realm"],
        }
    )


def ask(layer: TokenVerifier, found: object = None, **environ: Any) -> Response:
    if found is not None:
        environ["jwt_wsgi.credentials"] = found
    return Request.blank("/", environ).get_response(layer)


def good(local: LocalIssuer, **claims: Any) -> Credentials:
    return Credentials("Bearer", local.token(**claims))


def test_a_good_token_becomes_an_auth(local: LocalIssuer, trusted: Issuer) -> None:
    assert ask(TokenVerifier(app, trusted), good(local)).json["subject"] == "user-1"


@pytest.mark.parametrize("wrap", [lambda i: i, lambda i: [i], Verifier], ids=["one", "list", "own"])
def test_the_layer_takes_an_issuer_several_or_a_verifier(
    local: LocalIssuer, trusted: Issuer, wrap: Any
) -> None:
    assert ask(TokenVerifier(app, wrap(trusted)), good(local)).status_int == 200


def test_the_layers_own_clock_is_used(local: LocalIssuer, trusted: Issuer) -> None:
    layer = TokenVerifier(app, trusted, clock=lambda: time.time() + 86_400)
    assert ask(layer, good(local)).json["reason"] == "token_expired"


def test_without_credentials_the_layer_refuses_by_itself(trusted: Issuer) -> None:
    assert ask(TokenVerifier(app, trusted)).json["reason"] == "missing_token"


def test_anonymous_requests_pass_where_allowed_and_bad_tokens_do_not(
    local: LocalIssuer, trusted: Issuer
) -> None:
    layer = TokenVerifier(app, trusted, allow_anonymous=True)
    assert ask(layer).json["subject"] is None
    assert ask(layer, good(local, expires_in=-60)).status_int == 401
    assert ask(layer, InvalidRequest("several_tokens")).status_int == 400


def test_an_exempt_request_has_no_auth_even_with_a_token(
    local: LocalIssuer, trusted: Issuer
) -> None:
    layer = TokenVerifier(app, trusted, exempt=lambda environ: True)
    for found in (None, good(local), Credentials("Bearer", "x"), InvalidRequest()):
        assert ask(layer, found).json["subject"] is None


def test_an_auth_from_outside_is_cleared_even_where_exempt(trusted: Issuer) -> None:
    smuggled = Auth(claims={"sub": "smuggled"}, header={}, token="", issuer="")
    for options in ({"exempt": lambda environ: True}, {"allow_anonymous": True}):
        layer = TokenVerifier(app, trusted, **options)
        assert ask(layer, **{"jwt_wsgi.auth": smuggled}).json["subject"] is None


@pytest.mark.parametrize("verifier", [False, True], ids=["issuer", "verifier"])
def test_revocation_is_asked_for_every_good_token(
    local: LocalIssuer, trusted: Issuer, verifier: bool
) -> None:
    asked: list[str | None] = []

    def is_revoked(auth: Auth) -> bool:
        asked.append(auth.subject)
        return len(asked) > 1

    if verifier:
        layer = TokenVerifier(app, Verifier(trusted, is_revoked=is_revoked))
    else:
        layer = TokenVerifier(app, trusted, is_revoked=is_revoked)
    credentials = good(local)
    assert ask(layer, credentials).status_int == 200
    assert ask(layer, credentials).json["reason"] == "token_revoked"
    assert asked == ["user-1", "user-1"]


def test_remote_user_is_left_alone_unless_asked_for(local: LocalIssuer, trusted: Issuer) -> None:
    seen = ask(TokenVerifier(app, trusted), good(local), REMOTE_USER="other", AUTH_TYPE="Basic")
    assert (seen.json["user"], seen.json["type"]) == ("other", "Basic")


@pytest.mark.parametrize(
    ("name", "user"),
    [
        pytest.param("alice", "alice", id="a name"),
        pytest.param("zoë", "zoë".encode().decode("latin-1"), id="UTF-8 in latin-1"),
        pytest.param("", None, id="empty"),
        pytest.param("a\nb", None, id="a line end"),
        pytest.param("a\x00", None, id="a control character"),
        pytest.param("\ud800", None, id="a lone surrogate"),
        pytest.param(None, None, id="no text"),
        pytest.param(7, None, id="a number"),
    ],
)
def test_remote_user_sets_a_printable_name_and_clears_the_rest(
    local: LocalIssuer, trusted: Issuer, name: Any, user: str | None
) -> None:
    layer = TokenVerifier(app, trusted, remote_user=lambda auth: name)
    seen = ask(layer, good(local), REMOTE_USER="other", AUTH_TYPE="Basic").json
    assert (seen["user"], seen["type"]) == (user, user and "Bearer")


def test_remote_user_is_cleared_for_anonymous_and_exempt_requests(trusted: Issuer) -> None:
    for options in ({"exempt": lambda environ: True}, {"allow_anonymous": True}):
        layer = TokenVerifier(app, trusted, remote_user=lambda auth: "x", **options)
        seen = ask(layer, REMOTE_USER="other", AUTH_TYPE="Basic").json
        assert (seen["user"], seen["type"]) == (None, None)


def test_a_remote_user_callback_that_raises_sets_no_name(
    local: LocalIssuer, trusted: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(auth: Auth) -> str:
        raise KeyError(auth.token)

    credentials = good(local)
    seen = ask(TokenVerifier(app, trusted, remote_user=explode), credentials)
    assert seen.json["user"] is None
    record = (
        "jwt_wsgi.verification",
        logging.ERROR,
        "remote_user raised KeyError; REMOTE_USER stays unset",
    )
    assert caplog.record_tuples == [record]
    assert credentials.token not in caplog.text


@pytest.mark.conforms(88)
def test_an_auth_error_of_the_app_is_answered_and_others_pass_through(
    local: LocalIssuer, trusted: Issuer
) -> None:
    def raising(error: Exception) -> Any:
        def inner(environ: Any, start_response: Any) -> Any:
            raise error

        return inner

    refusing = TokenVerifier(raising(Forbidden("denied")), trusted)
    assert ask(refusing, good(local)).json["reason"] == "denied"
    replacing = TokenVerifier(
        raising(Forbidden("denied")), trusted, on_error=lambda *_: Response(status=418)
    )
    assert ask(replacing, good(local)).status_int == 418
    failing = TokenVerifier(raising(ZeroDivisionError()), trusted)
    with pytest.raises(ZeroDivisionError):
        ask(failing, good(local))


def test_hooks_may_change_the_answer_but_not_the_decision(
    local: LocalIssuer, trusted: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str | None] = []

    def on_error(environ: Any, error: AuthError) -> Any:
        return Response(status=418) if error.reason == "token_expired" else None

    layer = TokenVerifier(
        app,
        trusted,
        realm='the "api"',
        on_error=on_error,
        on_decision=lambda environ, decision: told.append(decision.reason),
    )
    with caplog.at_level(logging.INFO, "jwt_wsgi.decision"):
        expired = good(local, expires_in=-60)
        assert ask(layer, expired).status_int == 418
        malformed = ask(layer, Credentials("Bearer", "x"))
    assert malformed.headers["WWW-Authenticate"].startswith('Bearer realm="the \\"api\\"", ')
    assert told == ["token_expired", "token_malformed"]
    assert "refused: 401 token_expired" in caplog.text
    assert expired.token not in caplog.text


def test_a_refusal_is_logged_without_a_hook(
    trusted: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "jwt_wsgi.decision"):
        answered = ask(TokenVerifier(app, trusted))
    assert answered.headers["WWW-Authenticate"] == 'Bearer realm="api"'
    line = "'GET' '/' refused: 401 missing_token (rule None, expected None, found None)"
    assert [record.getMessage() for record in caplog.records] == [line]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"exempt": "/public"}, "exempt='/public'"),
        ({"report_only": True}, "report_only=True"),
        ({"is_revoked": True}, "is_revoked=True"),
        ({"remote_user": "sub"}, "remote_user='sub'"),
        ({"on_error": 1}, "on_error=1"),
        ({"on_decision": 1}, "on_decision=1"),
        ({"realm": "a\nb"}, "realm="),
        ({"realm": ""}, "realm="),
    ],
)
def test_wrong_configuration_fails_at_construction(
    trusted: Issuer, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        TokenVerifier(app, trusted, **options)


@pytest.mark.parametrize("wrapped", [None, "app"])
def test_the_wrapped_app_must_be_callable(trusted: Issuer, wrapped: Any) -> None:
    with pytest.raises(ValueError, match=f"^app={wrapped!r}: write a callable"):
        TokenVerifier(wrapped, trusted)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        pytest.param("yes", 200, id="a text"),
        pytest.param(1, 200, id="a number"),
        pytest.param("", 401, id="an empty text"),
        pytest.param(None, 401, id="nothing"),
        pytest.param(NotImplemented, 401, id="not implemented"),
    ],
)
def test_the_truth_of_what_exempt_returns_counts(
    answer: object, status: int, trusted: Issuer
) -> None:
    assert ask(TokenVerifier(app, trusted, exempt=lambda environ: answer)).status_int == status


@pytest.mark.parametrize(
    "demanded", [None, 7, "read", ["read", 7]], ids=["None", "a number", "one text", "a list"]
)
def test_a_challenge_omits_what_a_callback_does_not_say_in_a_list(demanded: Any) -> None:
    layer = TokenVerifier(
        lambda *_: [],
        LocalIssuer().trusted(),
        scopes_asked=lambda environ: demanded,
        possession_asked=lambda environ: demanded,
    )
    answers: list[Any] = []
    layer({"REQUEST_METHOD": "GET"}, lambda *answer: answers.append(answer))
    [(status, headers)] = answers
    assert status == "401 Unauthorized"
    challenge = dict(headers)["WWW-Authenticate"]
    assert ('scope="read"' in challenge) is isinstance(demanded, list)


BOTH_KEYS = frozenset({"dpop", "mtls"})

#: What a callback returns, and the scopes and the keys that are taken from it.
DEMANDED: dict[str, tuple[Callable[[], Any], tuple[str, ...], frozenset[frozenset[str]]]] = {
    "a tuple": (lambda: ("b", "a"), ("b", "a"), UNBOUND),
    "a tuple with another member": (lambda: ("a", 7, "b"), ("a", "b"), UNBOUND),
    "a list": (lambda: ["a", None], ("a",), UNBOUND),
    "a set of sets": (lambda: frozenset({BOTH_KEYS}), (), frozenset({BOTH_KEYS})),
    "a list of sets": (lambda: [BOTH_KEYS, "a"], ("a",), frozenset({BOTH_KEYS})),
    "nothing": (tuple, (), UNBOUND),
    "one text": (lambda: "read", (), UNBOUND),
    "None": (lambda: None, (), UNBOUND),
    "a generator": (lambda: (name for name in ("a", "b")), (), UNBOUND),
    "an error": (lambda: 1 / 0, (), UNBOUND),
}


@pytest.mark.parametrize("row", DEMANDED.values(), ids=DEMANDED)
def test_a_rule_demands_what_the_callback_says_of_the_right_type(
    row: tuple[Callable[[], Any], tuple[str, ...], frozenset[frozenset[str]]],
) -> None:
    returns, scopes, keys = row
    scopes_of = demanded_scopes(lambda environ: returns())
    keys_of = demanded_possession(lambda environ: returns())
    assert scopes_of is not None
    assert keys_of is not None
    assert scopes_of({}) == scopes
    assert keys_of({}) == keys


def test_a_refusal_whose_demand_is_a_set_is_answered(trusted: Issuer) -> None:
    refusal = InvalidRequest("malformed_header")
    refusal.demand = {frozenset({"mtls"})}  # type: ignore[assignment]
    layer = TokenVerifier(app, trusted, possession_asked=lambda environ: BOUND)
    assert ask(layer, refusal).status_int == 400
