"""How a refusal is answered: every verdict's status, challenge and body, and what gets escaped."""

from __future__ import annotations

import dataclasses
import json
from typing import Any
from wsgiref.validate import validator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from webob import Request, Response

from jwt_wsgi import (
    PUBLIC,
    AuthError,
    Forbidden,
    InsufficientAuthentication,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    Issuer,
    KeysUnavailable,
    MissingToken,
    Policy,
    ScopeAuthorizer,
    TokenExtractor,
    TokenVerifier,
    respond,
)
from jwt_wsgi.auth import Auth, Credentials, Possession
from jwt_wsgi.bindings import DPOP
from jwt_wsgi.errors import REASONS
from jwt_wsgi.middleware import responses
from jwt_wsgi.middleware.challenges import (
    ChallengeOptions,
    compose_challenges,
    schemes_for,
    validate_realm,
)
from jwt_wsgi.middleware.responses import answer_auth_errors


def challenge(error: AuthError, realm: str) -> str:
    """Return the only challenge of a refusal where no keys are checked."""
    options = ChallengeOptions(realm)
    offered, used = schemes_for(error, {}, options)
    [value] = compose_challenges(error, offered, used, options)
    return value


def answer(error: AuthError, method: str = "GET", **environ: Any) -> Response:
    request = Request.blank("/", environ, method=method)
    response = request.get_response(validator(respond(error)))
    assert isinstance(response.body, bytes)  # read to its end, as the validator demands
    return response


VERDICTS: list[Any] = [
    ("no token", MissingToken(), 401, 'Bearer realm="api"', None),
    ("no token, scopes", MissingToken(scopes=("a", "b")), 401, 'Bearer realm="api", scope="a b"',
     None),
    ("two tokens", InvalidRequest("several_tokens"), 400,
     ('Bearer realm="api", error="invalid_request", '
     'error_description="More than one set of credentials was sent"'), "invalid_request"),
    ("path", InvalidRequest("path_ambiguous"), 400, None, "invalid_request"),
    ("method", InvalidRequest("method_ambiguous"), 400, None, "invalid_request"),
    ("mount", InvalidRequest("mount_unknown"), 400, None, "invalid_request"),
    ("expired", InvalidToken("token_expired"), 401,
     'Bearer realm="api", error="invalid_token", error_description="The token has expired"',
     "invalid_token"),
    ("scope", InsufficientScope(scopes=["read:a"]), 403,
     ('Bearer realm="api", error="insufficient_scope", '
     'error_description="The token lacks a required scope", scope="read:a"'),
     "insufficient_scope"),
    ("denied", Forbidden(), 403, None, "forbidden"),
    ("step-up", InsufficientAuthentication(acr_values=["phr", "phrh"], max_age=300), 401,
     ('Bearer realm="api", error="insufficient_user_authentication", '
     'error_description="Stronger or more recent authentication is required", '
     'acr_values="phr phrh", max_age="300"'), "insufficient_user_authentication"),
    ("step-up by nothing named", InsufficientAuthentication(), 401,
     ('Bearer realm="api", error="insufficient_user_authentication", '
     'error_description="Stronger or more recent authentication is required"'),
     "insufficient_user_authentication"),
    ("keys", KeysUnavailable(retry_after=2.1), 503, None, "temporarily_unavailable"),
]  # fmt: skip


@pytest.mark.conforms(8, 12, 13, 14, 75, 85)
@pytest.mark.parametrize(
    ("error", "status", "header", "code"),
    [pytest.param(*case, id=name) for name, *case in VERDICTS],
)
def test_each_verdict_has_its_status_headers_and_body(
    error: AuthError, status: int, header: str | None, code: str | None
) -> None:
    response = answer(error)
    assert response.status_int == status
    assert response.headers.get("WWW-Authenticate") == header
    names = ["Content-Type", "Content-Length", "Cache-Control", "WWW-Authenticate", "Retry-After"]
    assert list(response.headers) == [name for name in names if name in response.headers]
    assert response.headers["Content-Length"] == str(len(response.body))
    assert response.headers["Cache-Control"] == "no-store"
    assert response.content_type == "application/json"
    assert response.json.get("error") == code
    assert ("error" in response.json) is (code is not None)
    assert response.json["reason"] == error.reason
    assert response.json["error_description"] == REASONS[error.reason]


@pytest.mark.parametrize(("seconds", "header"), [(0, "1"), (2.1, "3"), (60, "60")])
def test_a_503_has_retry_after(seconds: float, header: str) -> None:
    assert answer(KeysUnavailable(retry_after=seconds)).headers["Retry-After"] == header
    assert "Retry-After" not in answer(Forbidden()).headers


def test_the_challenge_has_the_realm_of_the_stack() -> None:
    response = answer(MissingToken(), **{"jwt_wsgi.realm": "billing"})
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="billing"'


def test_a_demand_that_an_application_writes_as_a_set_is_answered() -> None:
    error = InvalidToken("token_revoked")
    error.demand = {frozenset({"dpop"})}  # type: ignore[assignment]
    options = ChallengeOptions(bindings=frozenset({"dpop"}))
    response = answer(error, **{"jwt_wsgi.challenge": options})
    assert response.headers["WWW-Authenticate"].startswith("DPoP ")


@pytest.mark.conforms(87)
def test_a_refusal_of_head_has_no_body() -> None:
    response = answer(MissingToken(), method="HEAD")
    assert response.body == b""
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize("realm", ["", "ä", "a\r\nb", "\x7f", None, 7])
def test_a_realm_that_no_header_can_hold_is_refused(realm: Any) -> None:
    with pytest.raises(ValueError, match="realm="):
        validate_realm(realm)


def parameters(header: str) -> list[tuple[str, str]]:
    """An independent reading of RFC 9110 §11.2: names and unescaped quoted strings."""
    found, rest = [], header.removeprefix("Bearer ")
    while rest:
        name, _, rest = rest.partition('="')
        value = ""
        while not rest.startswith('"'):
            rest = rest.removeprefix("\\")
            value, rest = value + rest[0], rest[1:]
        found.append((name, value))
        rest = rest[1:].removeprefix(", ")
    return found


@pytest.mark.conforms(9, 10)
@given(
    realm=st.text(),
    description=st.text(),
    scopes=st.lists(st.text(min_size=1)),
    acr=st.lists(st.text()),
)
def test_no_text_adds_a_parameter_or_a_header_line(
    realm: str, description: str, scopes: list[str], acr: list[str]
) -> None:
    error = InsufficientAuthentication(description=description, scopes=scopes, acr_values=acr)
    header = challenge(error, realm)
    assert all(" " <= character <= "~" for character in header)
    names = [name for name, _ in parameters(header)]
    allowed = ["realm", "error", "error_description", "scope", "acr_values"]
    assert names == [name for name in allowed if name in names]
    text = dict(parameters(header))["error_description"]
    assert not set(text) & set('"\\')


@pytest.mark.conforms(11)
def test_invalid_scope_names_are_left_out() -> None:
    header = challenge(MissingToken(scopes=['a"b', "good", "a b", "", "ü", "x\n"]), "api")
    assert header == 'Bearer realm="api", scope="good"'


def test_text_that_a_header_cannot_hold_is_quoted_or_left_out() -> None:
    error = InvalidToken("token_expired", description='say "no"\r\n to C:\\ and é')
    told = """error="invalid_token", error_description="say 'no' to C:/ and \""""
    assert challenge(error, 'a "b" \\') == f'Bearer realm="a \\"b\\" \\\\", {told}'


def test_a_custom_description_is_sent() -> None:
    error = Forbidden("denied", description="Not on a Sunday")
    assert answer(error).json["error_description"] == "Not on a Sunday"


class Iterable:
    """A body that must be handed on as it is."""

    def __iter__(self) -> Any:
        return iter([b"x"])


@pytest.mark.conforms(86)
def test_the_apps_iterable_is_returned_unchanged() -> None:
    body = Iterable()
    assert answer_auth_errors(lambda environ, start: body)({}, lambda *_: lambda _: None) is body


def test_answer_auth_errors_wraps_an_app_but_not_a_layer(trusted: Issuer) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        raise AssertionError

    assert answer_auth_errors(app) is not app
    for layer in (
        TokenExtractor(app),
        TokenVerifier(app, trusted),
        ScopeAuthorizer(app, Policy({"/": PUBLIC})),
    ):
        assert answer_auth_errors(layer) is layer


@pytest.mark.conforms(88)
def test_a_response_that_was_started_is_replaced_with_exc_info() -> None:
    starts: list[tuple[Any, ...]] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        raise Forbidden("denied")

    body = answer_auth_errors(app)(
        {"REQUEST_METHOD": "GET"}, lambda *arguments: starts.append(arguments)
    )
    assert json.loads(b"".join(body))["reason"] == "denied"
    assert [start[0] for start in starts] == ["200 OK", "403 Forbidden"]
    assert starts[1][2][0] is Forbidden


def test_equal_answers_are_formatted_once_and_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[AuthError] = []
    monkeypatch.setattr(responses, "_ANSWERS", {})
    monkeypatch.setattr(responses, "_MAX_ANSWERS", 2)
    real = responses._compose_answer

    def counted(error: AuthError, *arguments: Any) -> Any:
        written.append(error)
        return real(error, *arguments)

    monkeypatch.setattr(responses, "_compose_answer", counted)

    def answered(
        error: AuthError, realm: str = "api"
    ) -> tuple[str, list[tuple[str, str]], list[bytes]]:
        given: list[Any] = []
        body = respond(error)({"jwt_wsgi.realm": realm}, lambda *arguments: given.append(arguments))  # type: ignore[arg-type]
        ((status, headers),) = given
        return status, headers, list(body)

    first = answered(InsufficientScope(scopes=["a"]))
    first[1].append(("X-Of", "this request"))
    assert answered(InsufficientScope(scopes=["a"], found="another"))[1] == first[1][:-1]
    assert len(written) == 1
    # Whatever the answer says makes another one. The cache is emptied before it exceeds its bound.
    assert answered(InsufficientScope(scopes=["b"]))[1] != first[1][:-1]
    assert (len(written), len(responses._ANSWERS)) == (2, 2)
    for _ in range(2):
        assert 'realm="other"' in str(answered(InsufficientScope(scopes=["a"]), "other"))
        assert (len(written), len(responses._ANSWERS)) == (3, 1)
    assert answered(InsufficientScope(scopes=["a"]))[1] == first[1][:-1]
    assert (len(written), len(responses._ANSWERS)) == (4, 2)


BEARER_CREDENTIALS = Credentials("Bearer", "x")
BOUND_AUTH = Auth("x", "https://issuer.test/", claims={}, possession=Possession(frozenset({DPOP})))
DEMANDS_DPOP = frozenset({frozenset({DPOP})})

#: What two refusals differ in: the changes of the error, of the options, and of the environ.
DIFFERENCES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "the keys that the rule demands": ({"demand": DEMANDS_DPOP}, {}, {}),
    "the scheme of the token": ({"token_scheme": "DPoP"}, {}, {}),
    "the scheme of the auth": ({}, {}, {"jwt_wsgi.auth": BOUND_AUTH}),
    "the scheme of the request": ({}, {}, {"jwt_wsgi.credentials": BEARER_CREDENTIALS}),
    "the reason": ({"reason": "token_not_yet_valid"}, {}, {}),
    "the status": ({"status": 403}, {}, {}),
    "the code": ({"code": "invalid_request"}, {}, {}),
    "the realm": ({}, {"realm": "other"}, {}),
    "the realm of the environ": ({}, {}, {"jwt_wsgi.realm": "other"}),
    "the keys that the stack checks": ({}, {"bindings": frozenset()}, {}),
    "the keys that the stack demands": ({}, {"demand": DEMANDS_DPOP}, {}),
    "the algorithms of proofs": ({}, {"proof_algorithms": ("EdDSA",)}, {}),
    "the URL of the metadata": ({}, {"metadata_url": "https://api.test/m"}, {}),
}


def refused_with(
    error_changes: dict[str, Any], options_changes: dict[str, Any], environ: dict[str, Any]
) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return the answer of a stack that checks DPoP proofs to a token that has expired."""
    error = InvalidToken("token_expired")
    for name, value in error_changes.items():
        setattr(error, name, value)
    checks_dpop = ChallengeOptions(bindings=frozenset({DPOP}), proof_algorithms=("ES256",))
    options = dataclasses.replace(checks_dpop, **options_changes)
    response = answer(error, **{"jwt_wsgi.challenge": options, **environ})
    return response.status, list(response.headers.items()), response.body


@pytest.mark.parametrize("changes", DIFFERENCES.values(), ids=DIFFERENCES)
def test_refusals_share_no_answer_where_anything_differs(
    changes: tuple[dict[str, Any], dict[str, Any], dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(responses, "_ANSWERS", {})
    right = refused_with(*changes)
    responses._ANSWERS.clear()
    usual = refused_with({}, {}, {})
    assert right != usual
    assert refused_with(*changes) == right
    assert refused_with({}, {}, {}) == usual


@pytest.mark.parametrize(
    "changed",
    [
        {"scopes": ["b"]},
        {"acr_values": ["x"]},
        {"max_age": 2},
        {"description": "Another"},
        {"reason": "denied"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_different_step_ups_have_different_answers(changed: dict[str, Any]) -> None:
    said: dict[str, Any] = {"scopes": ["a"], "acr_values": ["phr"], "max_age": 1}
    one, other = (
        answer(InsufficientAuthentication(**said)),
        answer(InsufficientAuthentication(**{**said, **changed})),
    )
    assert (one.headers["WWW-Authenticate"], one.body) != (
        other.headers["WWW-Authenticate"],
        other.body,
    )
