"""Layer 1: what a request offers, that nothing is refused by finding it, and what the log says of it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webob import Request

from jwt_wsgi import (
    AUTHENTICATED,
    OPTIONAL,
    PUBLIC,
    Credentials,
    Forbidden,
    InvalidRequest,
    Issuer,
    TokenExtractor,
    TokenVerifier,
    guard,
    protect,
    report_only,
    scope,
)
from jwt_wsgi.middleware.authorization_header import describe_authorization, parse_authorization
from jwt_wsgi.middleware.decisions import Decision
from jwt_wsgi.sources import bearer, from_cookie, from_header
from jwt_wsgi.testing import LocalIssuer


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [repr(environ.get("jwt_wsgi.credentials")).encode()]


@pytest.mark.conforms(1, 2)
@pytest.mark.parametrize(
    ("header", "token"),
    [
        pytest.param("Bearer tok", "tok", id="plain"),
        pytest.param("bEaReR tok", "tok", id="any case"),
        pytest.param("Bearer    tok", "tok", id="several spaces"),
        pytest.param(" \tBearer tok \t", "tok", id="white space around the value"),
        pytest.param("Bearer !#$%&'()*+-./:;<=>?@[]^_`{|}~\"\\", None, id="any visible ASCII"),
    ],
)
def test_a_bearer_token_is_extracted(header: str, token: str | None) -> None:
    expected = header.split(" ", 1)[1] if token is None else token
    assert parse_authorization(header) == Credentials("Bearer", expected)


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "wrong",
        "Basic Zm9v",
        "Basic x, Bearer y",
        "Bearerx tok",
        "DPoP tok",
        "=Bearer tok",
        '"Bearer" tok',
        "tok Bearer",
        "Bäarer tok",
    ],
)
def test_another_scheme_or_none_is_no_token(header: str) -> None:
    assert parse_authorization(header) is None


@pytest.mark.conforms(3, 4)
@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("Bearer", "malformed_header"),
        ("Bearer ", "malformed_header"),
        ("Bearer a b", "malformed_header"),
        ("Bearer\ttok", "malformed_header"),
        ("Bearer  \ttok", "malformed_header"),
        ("Bearer tök", "malformed_header"),
        ("Bearer tok\n", "malformed_header"),
        ("Bearer tok\x00", "malformed_header"),
        ("Bearer tok\x7f", "malformed_header"),
        ("Bearer a, Bearer b", "several_tokens"),
        ("Bearer a,Bearer b", "several_tokens"),
        ("Bearer a,b", "several_tokens"),
        ("Bearer a, Basic b", "several_tokens"),
        (", Bearer a", "several_tokens"),
        ("Bearer, Basic x", "several_tokens"),
    ],
)
def test_a_bearer_header_that_is_not_one_token_is_refused(header: str, reason: str) -> None:
    found = parse_authorization(header)
    assert isinstance(found, InvalidRequest)
    assert found.reason == reason


@given(st.text(st.characters(max_codepoint=255)))
def test_any_header_gives_credentials_a_refusal_or_nothing(header: str) -> None:
    found = parse_authorization(header)
    if isinstance(found, Credentials):
        assert found.token in header
        assert found.token.isascii()
        assert not set(found.token) & set(" ,\t\r\n")


def ask(layer: TokenExtractor, **environ: Any) -> str:
    return Request.blank("/", environ).get_response(layer).text


def test_the_layer_passes_every_request_on_with_its_finding() -> None:
    layer = TokenExtractor(app)
    assert ask(layer, HTTP_AUTHORIZATION="Bearer tok") == "Credentials(scheme='Bearer', token=…)"
    assert "InvalidRequest" in ask(layer, HTTP_AUTHORIZATION="Bearer")
    assert ask(layer) == "None"


def test_credentials_of_an_outer_layer_are_cleared() -> None:
    smuggled = {"jwt_wsgi.credentials": Credentials("Bearer", "smuggled")}
    assert ask(TokenExtractor(app), **smuggled) == "None"


@pytest.mark.parametrize("token", ["a b", "a,b", "Bearer t"])
def test_a_token_from_get_token_is_not_checked_here(token: str) -> None:
    seen: list[object] = []

    def record(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ["jwt_wsgi.credentials"])
        return app(environ, start_response)

    ask(TokenExtractor(record, get_token=lambda environ: token))
    assert seen == [Credentials("Bearer", token)]


def test_get_token_may_return_none() -> None:
    layer = TokenExtractor(app, get_token=lambda environ: None)
    assert ask(layer, HTTP_AUTHORIZATION="Bearer tok") == "None"


def test_get_token_must_return_text() -> None:
    layer = TokenExtractor(app, get_token=lambda environ: b"tok")
    with pytest.raises(TypeError, match="get_token returned bytes; return str or None"):
        ask(layer)


def test_an_auth_error_of_get_token_is_answered() -> None:
    def refuse(environ: dict[str, Any]) -> str:
        raise Forbidden

    response = Request.blank("/").get_response(TokenExtractor(app, get_token=refuse))
    assert response.status_int == 403


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"app": None}, "app=None", id="no application"),
        pytest.param({"app": app, "get_token": "x"}, "get_token='x'", id="no callable"),
        pytest.param({"app": app, "token_sources": []}, "token_sources is empty", id="no source"),
        pytest.param(
            {"app": app, "token_sources": [bearer], "get_token": lambda environ: None},
            r"token_sources=\[bearer\] beside get_token: leave out one of them",
            id="sources beside get_token",
        ),
    ],
)
def test_wrong_configuration_fails_at_construction(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TokenExtractor(arguments.pop("app"), **arguments)


# --- several places (F12)


def found_by(layer: TokenExtractor, **environ: Any) -> Any:
    """Return what the layer leaves for the next one."""
    request = Request.blank("/", environ)
    request.get_response(layer)
    return request.environ.get("jwt_wsgi.credentials")


SOURCES = [bearer, from_header("X-Token"), from_cookie("s")]


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"HTTP_AUTHORIZATION": "Bearer t"}, "t", id="Bearer"),
        pytest.param({"HTTP_X_TOKEN": "t"}, "t", id="the header"),
        pytest.param({"HTTP_COOKIE": "s=t"}, "t", id="the cookie"),
        pytest.param({"HTTP_COOKIE": "s=", "HTTP_X_TOKEN": ""}, None, id="an empty cookie and header"),
        pytest.param({"HTTP_AUTHORIZATION": "Basic Zm9v", "HTTP_COOKIE": "s=t"}, "t", id="Basic beside the cookie"),
        pytest.param({"HTTP_AUTHORIZATION": "Bearer t", "HTTP_X_TOKEN": "t", "HTTP_COOKIE": "s=t"}, "t", id="one token in all places"),
        pytest.param({"HTTP_AUTHORIZATION": "Bearer t", "HTTP_COOKIE": "s=u"}, "several_tokens", id="another in the cookie"),
        pytest.param({"HTTP_AUTHORIZATION": "Bearer", "HTTP_COOKIE": "s=t"}, "malformed_header", id="Bearer alone beside the cookie"),
        pytest.param({"HTTP_AUTHORIZATION": "Bearer a b", "HTTP_X_TOKEN": "t"}, "malformed_header", id="Bearer and two words beside the header"),
        pytest.param({"HTTP_AUTHORIZATION": "Bearer t, Bearer t", "HTTP_COOKIE": "s=t"}, "several_tokens", id="Bearer twice beside the cookie"),
        pytest.param({"HTTP_AUTHORIZATION": "Bearer t", "HTTP_COOKIE": "s=t; s=t"}, "several_tokens", id="the cookie twice beside Bearer"),
        pytest.param({"REQUEST_METHOD": "POST", "HTTP_COOKIE": "s=t"}, "cross_site", id="a cookie that changes something"),
        pytest.param({"REQUEST_METHOD": "POST", "HTTP_COOKIE": "s=t", "HTTP_AUTHORIZATION": "Bearer t"}, "t", id="Bearer beside that cookie"),
        pytest.param({"REQUEST_METHOD": "POST", "HTTP_COOKIE": "s=t", "HTTP_X_TOKEN": "t"}, "cross_site", id="a header beside that cookie"),
    ],
)  # fmt: skip
def test_all_sources_of_a_request_are_read_f12(
    headers: dict[str, str], outcome: str | None
) -> None:
    found = found_by(TokenExtractor(app, token_sources=SOURCES), **headers)
    if isinstance(found, Credentials):
        assert found == Credentials("Bearer", str(outcome))
    else:
        assert (found and found.reason) == outcome


@pytest.mark.parametrize(
    "header", ["", "Bearer t", "Bearer", "Basic x", "t", "Bearer a,b", "JWT t"]
)
def test_bearer_alone_is_the_default_f12(header: str) -> None:
    def outcome(layer: TokenExtractor) -> tuple[Any, Any]:
        request = Request.blank("/", environ={"HTTP_AUTHORIZATION": header})
        request.get_response(layer)
        found = request.environ.get("jwt_wsgi.credentials")
        return (
            found if not isinstance(found, InvalidRequest) else (found.reason, found.found),
            request.environ.get("jwt_wsgi.offered"),
        )

    default = TokenExtractor(app)
    assert default.token_sources == (bearer,)
    # A header that nobody sends keeps the layer from taking its short cut.
    beside = TokenExtractor(app, token_sources=[bearer, from_header("X-None")])
    credentials, offered = outcome(beside)
    if offered is not None:
        offered = offered.removesuffix(", no header X-None")
    assert (credentials, offered) == outcome(default)


def test_authorization_is_not_read_where_it_is_no_source_f12() -> None:
    layer = TokenExtractor(app, token_sources=[from_cookie("s")])
    assert found_by(layer, HTTP_AUTHORIZATION="Bearer") is None
    assert found_by(layer, HTTP_AUTHORIZATION="Bearer u", HTTP_COOKIE="s=t").token == "t"


# --- cookies behind the whole stack (F12)

PLACES = {
    "/public": PUBLIC,
    "/optional": OPTIONAL,
    "/private": AUTHENTICATED,
    "/scoped": scope("a"),
    "/watched": report_only(AUTHENTICATED),
}


def stack(trusted: Issuer, decisions: list[Decision] | None = None, **options: Any) -> Any:
    """Return `protect` with a cookie as a source; the decisions go into the list."""
    seen = [] if decisions is None else decisions
    return protect(
        app,
        issuer=trusted,
        rules=PLACES,
        on_decision=lambda environ, decision: seen.append(decision),
        **{"token_sources": [bearer, from_cookie("s")], **options},
    )


def call(layer: Any, path: str, method: str = "GET", **headers: str) -> tuple[int, str | None]:
    request = Request.blank(path, environ={"REQUEST_METHOD": method, **headers})
    response = request.get_response(layer)
    return response.status_int, None if response.status_int == 200 else response.json["reason"]


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        pytest.param("/public", (200, None), id="PUBLIC"),
        pytest.param("/optional", (403, "cross_site"), id="OPTIONAL"),
        pytest.param("/private", (403, "cross_site"), id="AUTHENTICATED"),
        pytest.param("/scoped", (403, "cross_site"), id="a scope"),
        pytest.param("/elsewhere", (403, "cross_site"), id="no rule"),
        pytest.param("/watched", (200, None), id="report-only"),
    ],
)
def test_a_cookie_of_another_site_is_refused_where_tokens_count_f12(
    path: str, outcome: tuple[int, str | None], local: LocalIssuer, trusted: Issuer
) -> None:
    decisions: list[Decision] = []
    layer = stack(trusted, decisions)
    cookie = {"HTTP_COOKIE": f"s={local.token('a')}", "HTTP_SEC_FETCH_SITE": "cross-site"}
    assert call(layer, path, "POST", **cookie) == outcome
    would_be = [decision.would_be.reason for decision in decisions if decision.would_be]
    assert would_be == (["cross_site", "missing_token"] if path == "/watched" else [])
    same = cookie | {"HTTP_SEC_FETCH_SITE": "same-origin"}
    assert call(layer, path, "POST", **same)[0] == (403 if path == "/elsewhere" else 200)


def test_a_refused_cookie_is_answered_without_a_challenge_and_never_cached_f12(
    local: LocalIssuer, trusted: Issuer
) -> None:
    request = Request.blank("/private", {"REQUEST_METHOD": "POST"})
    request.headers["Cookie"] = f"s={local.token()}"
    response = request.get_response(stack(trusted))
    assert response.json == {
        "error": "forbidden",
        "error_description": "A cookie does not authorize a request that another site may have caused",
        "reason": "cross_site",
    }
    assert "WWW-Authenticate" not in response.headers
    assert response.headers["Cache-Control"] == "no-store"


def test_exempt_requests_pass_with_a_cookie_of_another_site_f12(
    local: LocalIssuer, trusted: Issuer
) -> None:
    verifier = TokenVerifier(app, trusted, exempt=lambda environ: True)
    layer = TokenExtractor(verifier, token_sources=[from_cookie("s")])
    assert call(layer, "/", "POST", HTTP_COOKIE=f"s={local.token()}") == (200, None)
    closed = TokenExtractor(TokenVerifier(app, trusted), token_sources=[from_cookie("s")])
    assert call(closed, "/", "POST", HTTP_COOKIE=f"s={local.token()}") == (403, "cross_site")


def test_protect_takes_sources_and_not_get_token_beside_them_f12(
    local: LocalIssuer, trusted: Issuer
) -> None:
    layer = stack(trusted, token_sources=[from_header("X-Token")])
    assert call(layer, "/private", HTTP_X_TOKEN=local.token()) == (200, None)
    assert call(layer, "/private", HTTP_AUTHORIZATION=f"Bearer {local.token()}")[0] == 401
    with pytest.raises(ValueError, match="beside get_token"):
        stack(trusted, get_token=lambda environ: None)


@given(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255)))
def test_any_headers_are_answered_and_no_credentials_are_noted_f12(
    header: str, cookie: str
) -> None:
    layer = TokenExtractor(app, token_sources=SOURCES)
    environ = {
        "REQUEST_METHOD": "POST",
        "HTTP_AUTHORIZATION": header,
        "HTTP_X_TOKEN": header,
        "HTTP_COOKIE": f"s={cookie}",
    }
    b"".join(layer(environ, lambda *_: None))
    found = environ.get("jwt_wsgi.credentials")
    assert found is None or isinstance(found, Credentials | InvalidRequest | Forbidden)


# --- what came instead of a token (D1, D9, D10)

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("header", "words"),
    [
        pytest.param("", "no Authorization header", id="no header"),
        pytest.param(" \t", "an empty Authorization header", id="white space"),
        pytest.param(JWT, "Authorization without a scheme", id="a token alone"),
        pytest.param("Basic", "Authorization without a scheme", id="one word"),
        pytest.param(f"JWT {JWT}", "Authorization with the scheme JWT", id="JWT"),
        pytest.param("Token secret", "Authorization with the scheme Token", id="Token"),
        pytest.param("Basic Zm9vOmJhcg==", "Authorization with the scheme Basic", id="Basic"),
        pytest.param("AWS4-HMAC-SHA256 C=a, S=b", "Authorization with the scheme AWS4-HMAC-SHA256", id="AWS"),
        pytest.param("Basic secret, Bearer secret", "Authorization with the scheme Basic, and Bearer after a comma", id="Basic, then Bearer"),
        pytest.param("Basic secret,\tBEARER secret", "Authorization with the scheme Basic, and Bearer after a comma", id="Basic, then BEARER"),
        pytest.param("Basic secret, Bearersecret", "Authorization with the scheme Basic", id="Basic, then another"),
        pytest.param(f"{JWT} Bearer", "Authorization with the scheme Bearer after the token", id="the wrong order"),
        pytest.param("secret bearer", "Authorization with the scheme Bearer after the token", id="the wrong order, short"),
        pytest.param(f"{JWT} {JWT}", "Authorization without the name of a scheme", id="two tokens"),
        pytest.param("x" * 21 + " secret", "Authorization without the name of a scheme", id="a long word"),
        pytest.param('"Bearer secret"', "Authorization without the name of a scheme", id="quotes"),
        pytest.param("B\xe4rer secret", "Authorization without the name of a scheme", id="not ASCII"),
        pytest.param("a\nb secret", "Authorization with the scheme a", id="a line end"),
        pytest.param("7eb secret", "Authorization without the name of a scheme", id="a digit first"),
    ],
)  # fmt: skip
def test_the_note_names_the_scheme_and_nothing_else_d1(header: str, words: str) -> None:
    assert describe_authorization(header) == words


@given(st.text(st.characters(max_codepoint=255)))
def test_a_note_is_short_and_printable_for_any_header_d1(header: str) -> None:
    note = describe_authorization(header)
    assert note.isascii()
    assert note.isprintable()
    assert len(note) < 100


LINES = [
    pytest.param({}, "/private", "expected None, found 'no Authorization header'", id="no header"),
    pytest.param({"HTTP_AUTHORIZATION": JWT}, "/private", "found 'Authorization without a scheme'", id="no scheme"),
    pytest.param({"HTTP_AUTHORIZATION": "JWT secret"}, "/private", "found 'Authorization with the scheme JWT'", id="JWT"),
    pytest.param({"HTTP_AUTHORIZATION": "Token secret"}, "/optional-not", "no rule covers it', found 'Authorization with the scheme Token'", id="Token, no rule d10"),
    pytest.param({}, "/elsewhere", "(rule None, expected 'nobody passes: no rule covers it', found 'no Authorization header'", id="no rule d10"),
    pytest.param({"HTTP_AUTHORIZATION": "Bearer secret more"}, "/private", "expected 'Bearer and one token', found 'Bearer and other characters than a token has'", id="two words"),
    pytest.param({"HTTP_AUTHORIZATION": "Bearer"}, "/private", "found 'Bearer and nothing'", id="Bearer alone"),
    pytest.param({"HTTP_AUTHORIZATION": "Bearer secret,secret"}, "/private", "expected 'one token', found 'a comma in Authorization'", id="a comma"),
]  # fmt: skip


@pytest.mark.parametrize(("headers", "path", "words"), LINES)
def test_the_log_line_says_what_came_and_the_answer_does_not_d1(
    headers: dict[str, str],
    path: str,
    words: str,
    trusted: Issuer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    decisions: list[Decision] = []
    layer = protect(
        app,
        issuer=trusted,
        rules=PLACES,
        on_decision=lambda environ, decision: decisions.append(decision),
    )
    with caplog.at_level(logging.INFO, "jwt_wsgi.decision"):
        response = Request.blank(path, headers).get_response(layer)
    [record] = caplog.records
    assert words in record.getMessage()
    assert "secret" not in record.getMessage()
    assert decisions[-1].error is not None
    assert str(decisions[-1].error.found) in words
    assert "scheme" not in response.text
    assert "no rule" not in response.text
    assert set(response.json) <= {"error", "error_description", "reason"}


def test_an_anonymous_request_without_a_rule_is_answered_as_one_with_a_rule_d10(
    trusted: Issuer,
) -> None:
    layer = protect(app, issuer=trusted, rules=PLACES)
    answers = [Request.blank(path).get_response(layer) for path in ("/private", "/elsewhere")]
    assert answers[0].status == answers[1].status == "401 Unauthorized"
    assert answers[0].body == answers[1].body
    assert answers[0].headerlist == answers[1].headerlist


def test_guard_and_a_verifier_alone_say_what_came_too_d1(
    trusted: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jwt_wsgi.decision")
    for layer in (
        TokenExtractor(guard(AUTHENTICATED)(app)),
        TokenExtractor(TokenVerifier(app, trusted)),
        TokenExtractor(TokenVerifier(app, trusted), token_sources=SOURCES),
    ):
        assert Request.blank("/").get_response(layer).status_int == 401
    found = [record.getMessage().partition("found ")[2] for record in caplog.records]
    assert found == [
        "'no Authorization header')",
        "'no Authorization header')",
        "'no Authorization header, no header X-Token, no cookie s')",
    ]


def test_a_note_of_an_outer_layer_is_cleared_d1() -> None:
    request = Request.blank("/", {"HTTP_AUTHORIZATION": "Bearer t", "jwt_wsgi.offered": "smuggled"})
    request.get_response(TokenExtractor(app))
    assert "jwt_wsgi.offered" not in request.environ


def test_a_note_about_other_places_does_not_explain_a_bad_token_d1(trusted: Issuer) -> None:
    decisions: list[Decision] = []
    call(stack(trusted, decisions), "/private", HTTP_AUTHORIZATION="Bearer a.b!.c")
    [decision] = decisions
    assert decision.error is not None
    assert "cookie" not in str(decision.error.found)


@pytest.mark.parametrize(
    ("returned", "path", "outcome", "found"),
    [
        pytest.param("", "/optional", (200, None), None, id="empty at OPTIONAL"),
        pytest.param("", "/private", (401, "missing_token"), "get_token returned an empty text", id="empty"),
        pytest.param(None, "/private", (401, "missing_token"), "get_token returned None", id="None"),
        pytest.param("Bearer {token}", "/private", (401, "token_malformed"), "get_token returned the scheme Bearer with the token", id="with the scheme"),
        pytest.param("bearer\tx", "/optional", (401, "token_malformed"), "get_token returned the scheme Bearer with the token", id="in lower case"),
        pytest.param("{token}\n", "/private", (401, "token_malformed"), "get_token returned a text with white space", id="with a line end"),
        pytest.param("{token}", "/private", (200, None), None, id="the token"),
    ],
)  # fmt: skip
def test_the_log_says_what_get_token_returned_d9(
    returned: str | None,
    path: str,
    outcome: Any,
    found: str | None,
    local: LocalIssuer,
    trusted: Issuer,
) -> None:
    token = None if returned is None else returned.format(token=local.token())
    decisions: list[Decision] = []
    layer = stack(trusted, decisions, get_token=lambda environ: token, token_sources=None)
    assert call(layer, path) == outcome
    error = decisions[-1].error
    assert (error and error.found) == found


def test_the_log_names_the_padding_of_a_token_d9(local: LocalIssuer, trusted: Issuer) -> None:
    header, payload, signature = local.token().split(".")
    # The segments as AWS ALB writes them (RFC 4648 §3.2).
    padded = ".".join(each + "=" * (-len(each) % 4) for each in (header, payload, signature))
    assert "=" in padded
    decisions: list[Decision] = []
    layer = stack(trusted, decisions)
    assert call(layer, "/private", HTTP_AUTHORIZATION=f"Bearer {padded}") == (
        401,
        "token_malformed",
    )
    error = decisions[-1].error
    assert error is not None
    assert error.found == "base64url with padding (=)"
