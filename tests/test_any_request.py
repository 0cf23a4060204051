"""Arbitrary bytes in header, path, method and query: an answer, never a 500, never an echo."""

from __future__ import annotations

import json
from typing import Any
from wsgiref.validate import validator

import pytest
from environs import full_environ, octets, paths
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jwt_wsgi import AUTHENTICATED, OPTIONAL, PUBLIC, Issuer, StaticJWKS, protect, scope
from jwt_wsgi.errors import REASONS
from jwt_wsgi.testing import LocalIssuer

LOCAL = LocalIssuer(algorithms=("ES256",))
TOKEN = LOCAL.token("read:a", expires_in=86400)

headers = st.dictionaries(
    st.sampled_from(
        ["AUTHORIZATION", "HOST", "COOKIE", "X_VHM_ROOT", "X_FORWARDED_PREFIX", "DPOP", "ORIGIN"]
    ),
    octets,
    max_size=3,
)
damaged = st.builds(
    lambda text, at, n: text[: at % len(text)] + n + text[at % len(text) + 1 :],
    st.just(TOKEN),
    st.integers(0, len(TOKEN)),
    st.text(st.characters(max_codepoint=255), max_size=2),
)
authorizations = (
    octets
    | st.builds("{} {}".format, st.sampled_from(["Bearer", "bearer", "Basic", "Bearer "]), octets)
    | damaged.map("Bearer {}".format)
    | st.just(f"Bearer {TOKEN}")
)

answered: list[str] = []


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    answered.append(environ["jwt_wsgi.rule"].rule.key)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]


STACK = protect(
    app,
    issuer=Issuer(
        LOCAL.issuer, audience=LOCAL.audience, keys=StaticJWKS(LOCAL.jwks), algorithms=["ES256"]
    ),
    rules={
        "/public": PUBLIC,
        "/optional": OPTIONAL,
        "/private": AUTHENTICATED,
        "/scoped": scope("read:a"),
        "GET /items/{id}": scope("write:a"),
    },
)


#: What every answer may say by itself; chance draws from the words of the program, too.
OURS = " ".join((
    "Content-Type application/json Content-Length Cache-Control no-store WWW-Authenticate Retry-After Bearer realm",
    "error error_description reason invalid_request invalid_token insufficient_scope forbidden",
    *REASONS,
    *REASONS.values(),
))  # fmt: skip


def call(application: Any, given_environ: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    started: list[Any] = []
    answered.clear()
    body = application(given_environ, lambda *arguments: started.append(arguments) or print)
    content = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    [(status, sent)] = started
    return int(status[:3]), dict(sent), content


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "OPTIONS", "HEAD"]) | octets,
    path=paths,
    script=st.just("") | octets,
    query=octets,
    sent=headers,
    authorization=st.none() | authorizations,
)
@example("GET", "/private", "", "", {}, f"Bearer {TOKEN}")
@example("GET", "/public", "", f"access_token={TOKEN}", {}, f"Bearer {TOKEN}.x")
def test_every_request_is_answered_and_no_token_is_echoed(
    method: str, path: str, script: str, query: str, sent: dict[str, str], authorization: str | None
) -> None:
    if authorization is not None:
        sent = {**sent, "AUTHORIZATION": authorization}
    status, answer, content = call(STACK, full_environ(method, path, script, query, sent))
    assert status in (200, 400, 401, 403)
    assert (status == 200) is bool(answered)
    if status != 200:
        assert method == "HEAD" or json.loads(content)["reason"]
        assert answer["Cache-Control"] == "no-store"
        said = repr(answer) + content.decode()
        for part in (authorization or "").partition(" ")[2].split("."):
            assert len(part) < 9 or part not in said or part in OURS
    # Whatever reached the app was public, or carried the one good token.
    elif answered != ["/public"] and answered != ["/optional"]:
        assert TOKEN in (authorization or "")


@pytest.mark.conforms(85)
@settings(max_examples=100, deadline=None)
@given(path=paths, authorization=authorizations)
def test_the_pep_3333_validator_accepts_the_stack(path: str, authorization: str) -> None:
    request = full_environ("GET", path if path.startswith("/") else "/", "", "", {})
    request["HTTP_AUTHORIZATION"] = authorization
    assert call(validator(STACK), request)[0] in (200, 400, 401, 403)


@pytest.mark.parametrize("missing", ["PATH_INFO", "SCRIPT_NAME", "REQUEST_METHOD"])
def test_a_key_that_a_server_leaves_out_never_causes_a_500(missing: str) -> None:
    request = full_environ("GET", "/private", "", "", {"AUTHORIZATION": f"Bearer {TOKEN}"})
    del request[missing]
    assert call(STACK, request)[0] in (200, 400, 403)
