"""What a refused token seems to be: one log line names the mistake and what to do about it."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_wsgi import Issuer, StaticJWKS, protect, scope
from jwt_wsgi.explain import Explainer
from jwt_wsgi.jose.encoding import encode
from jwt_wsgi.jose.hints import KINDS, hint_for
from jwt_wsgi.testing import DPoPKey, LocalIssuer

LOCAL = LocalIssuer(algorithms=("ES256",), audience="https://api.test")
OTHER = LocalIssuer("https://staging.test/", algorithms=("ES256",), audience="https://api.test")
SECRET = LocalIssuer(LOCAL.issuer, algorithms=("HS256",), audience="https://api.test")
RSA = LocalIssuer(LOCAL.issuer, algorithms=("RS256",), audience="https://api.test")
ISSUER = Issuer(
    LOCAL.issuer, audience=LOCAL.audience, keys=StaticJWKS(LOCAL.jwks), algorithms=["ES256"]
)


def app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"in"]


def padded(token: str) -> str:
    return ".".join(part + "=" * (-len(part) % 4) for part in token.split("."))


def graph_token(audience: str) -> str:
    return OTHER.token(aud=audience, header={"nonce": "x"})


def alb_token() -> str:
    header = {"signer": "arn:aws:elasticloadbalancing:x", "client": "app", "exp": 1}
    return OTHER.token(header=header)


#: Tokens that are sent by mistake, and what the log says they are.
TELL_TALES = [
    pytest.param(graph_token("00000003-0000-0000-c000-000000000000"), "microsoft_graph", id="D2 Graph"),
    pytest.param(graph_token("https://graph.microsoft.com"), "microsoft_graph", id="D2 Graph's URL"),
    pytest.param(f"{encode(b'{}')}.a.b.c.d", "encrypted", id="D2 JWE"),
    pytest.param("8xLOxBtZp8", "opaque", id="D2 opaque"),
    pytest.param("a.b", "opaque", id="D2 a part of a token"),
    pytest.param(LOCAL.token(at_hash="x"), "id_token", id="D2 ID token"),
    pytest.param(LOCAL.token(aud="client-1", nonce="x"), "id_token", id="D2 ID token by its nonce"),
    pytest.param(alb_token(), "load_balancer", id="D2 AWS load balancer"),
    pytest.param(padded(LOCAL.token(x="y")) + "=", "padded", id="D9 padded segments"),
    pytest.param(SECRET.token(), "secret_algorithm", id="D2 HS256 at public keys"),
    pytest.param(RSA.token(), "other_algorithm", id="D2 an algorithm that is not allowed"),
    pytest.param(LOCAL.token(header={"alg": "none"}), "unsigned", id="D2 alg none"),
    pytest.param(LOCAL.token(header={"alg": "XS256"}), "unknown_algorithm", id="D2 unknown alg"),
    pytest.param(OTHER.token(), "other_issuer", id="D2 another environment"),
    pytest.param(LOCAL.token(events={}), "security_event", id="D2 a logout token"),
    pytest.param(DPoPKey().proof("GET", "https://a.example/", "t"), "dpop_proof", id="a proof"),
    pytest.param(LOCAL.token(expires_in=-3600), None, id="D2 expired: the reason says it"),
]  # fmt: skip


@pytest.mark.parametrize(("token", "kind"), TELL_TALES)
def test_the_log_line_names_the_mistake_and_the_remedy(
    token: str, kind: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    stack = protect(app, issuer=ISSUER, rules={"/": scope("a")})
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/"}
    statuses: list[str] = []
    with caplog.at_level(logging.INFO, "jwt_wsgi.decision"):
        stack(
            {**environ, "HTTP_AUTHORIZATION": f"Bearer {token}"},
            lambda status, *_: statuses.append(status),
        )
    assert statuses == ["401 Unauthorized"]
    [record] = [record for record in caplog.records if record.name == "jwt_wsgi.decision"]
    assert record.hint == kind  # type: ignore[attr-defined]
    if kind is not None:
        [reason] = [record.reason]  # type: ignore[attr-defined]
        hint = hint_for(token, reason)
        assert hint is not None
        assert f"{hint.meaning} {hint.remedy}" in record.getMessage()
    for segment in token.split("."):
        assert len(segment) < 12 or segment not in caplog.text


@pytest.mark.parametrize(("token", "kind"), TELL_TALES)
def test_an_explanation_carries_the_same_hint(token: str, kind: str | None) -> None:
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/"}
    explanation = Explainer(ISSUER, {"/": scope("a")}).explain(
        {**environ, "HTTP_AUTHORIZATION": f"Bearer {token}"}
    )
    assert (explanation.hint and explanation.hint.kind) == kind


def test_every_kind_is_tried_here_and_stands_in_the_documentation() -> None:
    assert {row.values[1] for row in TELL_TALES} - {None} == set(KINDS)
    page = (Path(__file__).parents[1] / "docs" / "verdicts-and-reasons.md").read_text()
    for kind in KINDS:
        assert f"| `{kind}` |" in page


@given(st.text(max_size=300), st.sampled_from(["token_malformed", "issuer_mismatch", "x"]))
def test_any_text_has_a_hint_or_none_and_it_quotes_nothing(text: str, reason: str) -> None:
    hint = hint_for(text, reason)
    assert hint is None or hint.kind in KINDS


NAMES = st.sampled_from(
    ["alg", "typ", "enc", "signer", "client", "aud", "nonce", "events", "at_hash"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
)


@given(st.dictionaries(NAMES, VALUES, max_size=8))
def test_any_header_and_claims_are_read_without_an_error(members: dict[str, Any]) -> None:
    segment = encode(json.dumps(members).encode("utf-8", "surrogatepass"))
    for reason in ("algorithm_not_allowed", "token_malformed", "audience_mismatch"):
        hint_for(f"{segment}.{segment}.x", reason)
        hint_for(f"{segment}.a.b.c.d", reason)


def test_a_token_above_the_limit_is_not_looked_at() -> None:
    assert hint_for("x" * 20_000, "token_too_large") is None
