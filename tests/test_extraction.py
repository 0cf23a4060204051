"""Layer 1: what an Authorization header offers, and that nothing is refused by finding it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webob import Request

from jwt_wsgi import Credentials, Forbidden, InvalidRequest, TokenExtractor
from jwt_wsgi.middleware.extraction import parse_authorization


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


@pytest.mark.parametrize("token", ["", "a b", "a,b"])
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
    [({"app": None}, "app=None"), ({"app": app, "get_token": "x"}, "get_token='x'")],
)
def test_wrong_configuration_fails_at_construction(arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TokenExtractor(arguments.pop("app"), **arguments)
