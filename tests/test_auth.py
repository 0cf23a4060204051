"""The values that the layers leave in the environ, and the requests that carry it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import flask
import pytest
import webob
import werkzeug

from jwt_wsgi import AUTHENTICATED, Auth, InsufficientScope, get_auth, require, scope
from jwt_wsgi.auth import (
    AUTH_KEY,
    CREDENTIALS_KEY,
    OFFERED_KEY,
    REALM_KEY,
    RULE_KEY,
    Credentials,
    environ_of,
)
from jwt_wsgi.testing import LocalIssuer

AUTH = Auth(
    claims={"sub": "user-1"},
    header={"alg": "RS256"},
    token="header.payload.signature",
    issuer="https://issuer.test/",
    scopes=frozenset({"write:a", "read:a"}),
)
ENVIRON: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", AUTH_KEY: AUTH}

CARRIERS = {
    "a WSGI environ": ENVIRON,
    "a WebOb request": webob.Request(ENVIRON),
    "a Werkzeug request": werkzeug.Request(ENVIRON),
    "a Flask request": flask.Request(ENVIRON),
    "an object with .META": SimpleNamespace(META=ENVIRON),
    "an object with .env": SimpleNamespace(env=ENVIRON),
    "an object whose .environ is something else": SimpleNamespace(environ=None, META=ENVIRON),
}

OTHERS = {
    "None": None,
    "text": "GET /",
    "pairs": [("PATH_INFO", "/")],
    "an object": SimpleNamespace(),
    "an object with another .environ": SimpleNamespace(environ=lambda: ENVIRON),
}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_get_auth_accepts_every_carrier(carrier: str) -> None:
    assert environ_of(CARRIERS[carrier]) is ENVIRON
    assert get_auth(CARRIERS[carrier]) is AUTH
    assert require(CARRIERS[carrier], scope("read:a")) is AUTH
    with pytest.raises(InsufficientScope):
        require(CARRIERS[carrier], scope("admin"))


def test_get_auth_accepts_flasks_current_request() -> None:
    with flask.Flask("app").test_request_context("/", environ_overrides={AUTH_KEY: AUTH}):
        assert get_auth(flask.request) is AUTH


@pytest.mark.parametrize("other", OTHERS)
def test_an_object_without_an_environ_is_a_type_error(other: str) -> None:
    with pytest.raises(TypeError) as raised:
        get_auth(OTHERS[other])
    kind = type(OTHERS[other]).__name__
    assert (
        str(raised.value)
        == f"{kind} is not a WSGI environ, and has none as .environ, .META or .env"
    )
    with pytest.raises(TypeError, match="is not a WSGI environ"):
        require(OTHERS[other], AUTHENTICATED)


@pytest.mark.parametrize(
    "environ",
    [
        pytest.param({}, id="nothing"),
        pytest.param({AUTH_KEY: None}, id="None"),
        pytest.param({AUTH_KEY: "user-1"}, id="text"),
        pytest.param({AUTH_KEY: {"sub": "user-1"}}, id="claims"),
        pytest.param({"HTTP_JWT_WSGI.AUTH": AUTH}, id="a header of that name"),
    ],
)
def test_get_auth_returns_nothing_but_an_auth(environ: dict[str, Any]) -> None:
    assert get_auth(environ) is None


@pytest.mark.parametrize("key", [CREDENTIALS_KEY, OFFERED_KEY, AUTH_KEY, RULE_KEY, REALM_KEY])
def test_no_client_header_can_produce_an_environ_key(key: str) -> None:
    assert key.startswith("jwt_wsgi.")
    assert key != key.upper()


@pytest.mark.parametrize(
    ("claims", "subject"),
    [
        ({"sub": "user-1"}, "user-1"),
        ({"sub": ""}, ""),
        ({"sub": 7}, None),
        ({"sub": None}, None),
        ({}, None),
    ],
)
def test_the_subject_is_a_string_or_none(claims: dict[str, Any], subject: str | None) -> None:
    auth = Auth(claims=claims, header={}, token="a.b.c", issuer="https://issuer.test/")
    assert auth.subject == subject
    assert auth.scopes == frozenset()


def test_an_auth_has_fixed_attributes() -> None:
    assert AUTH.claims == {"sub": "user-1"}
    assert AUTH.header == {"alg": "RS256"}
    assert AUTH.token == "header.payload.signature"
    assert AUTH.issuer == "https://issuer.test/"
    assert AUTH.scopes == {"read:a", "write:a"}
    assert AUTH.judged_at is None
    with pytest.raises(AttributeError):
        AUTH.role = "admin"  # type: ignore[attr-defined]


def test_the_repr_of_an_auth_does_not_show_the_token() -> None:
    assert repr(AUTH) == (
        "Auth(issuer='https://issuer.test/', subject='user-1', scopes=['read:a', 'write:a'])"
    )


def test_the_repr_of_credentials_does_not_show_the_token() -> None:
    assert Credentials("Bearer", "a.b.c") == ("Bearer", "a.b.c", None)
    for credentials in (Credentials("Bearer", "a.b.c"), Credentials("Bearer", "a.b.c", "d.e.f")):
        assert f"{credentials}" == "Credentials(scheme='Bearer', token=…)"


def test_claims_and_header_are_read_from_the_token_on_first_use(local: LocalIssuer) -> None:
    token = local.token("read:a", name="Zoë", nested={"a": [1, None]})
    auth = Auth(token=token, issuer=local.issuer)
    assert (auth._claims, auth._header) == (None, None)
    assert auth.claims["name"] == "Zoë"
    assert auth.claims["nested"] == {"a": [1, None]}
    assert auth.header == {"alg": "RS256", "typ": "at+jwt", "kid": local.key().kid}
    auth.claims["name"] = "changed"
    assert auth.claims["name"] == "changed"
    assert auth.subject == "user-1"
    assert Auth(token=token, issuer=local.issuer).claims["name"] == "Zoë"
