"""Nonces in answers: on every DPoP challenge, and renewed in good responses in time."""

from __future__ import annotations

import sys
from typing import Any
from wsgiref.validate import validator

import pytest
from possession_stacks import BASE, challenges
from webob import Request, Response

from jwt_wsgi import (
    AUTHENTICATED,
    DPoP,
    DPoPNonces,
    KeysUnavailable,
    Policy,
    protect,
    scope,
    sender_constrained,
)
from jwt_wsgi.testing import Clock, DPoPKey, LocalIssuer

NONCES = DPoPNonces(b"0123456789abcdef0123456789abcdef", lifetime=300)
START = 1_800_000_000.0


class Client:
    """A client with a bound token, beside a stack with nonces, on one clock."""

    def __init__(self, app: Any, *, rules: Any = None, **options: Any) -> None:
        self.clock = Clock(START)
        self.issuer = LocalIssuer(algorithms=("ES256",), clock=self.clock)
        self.key = DPoPKey(clock=self.clock)
        self.token = self.issuer.token("a", cnf=self.key, expires_in=3600)
        self.nonce: str | None = None
        self.stack = protect(
            app,
            issuer=self.issuer.trusted(),
            rules=rules or {"/x": AUTHENTICATED},
            dpop=DPoP(BASE, nonces=NONCES),
            clock=self.clock,
            **options,
        )

    def send(self, method: str = "GET", **changes: Any) -> Response:
        request = Request.blank("/x", method=method, base_url=BASE)
        request.headers["Authorization"] = f"DPoP {self.token}"
        proof = self.key.proof(method, f"{BASE}/x", self.token, nonce=self.nonce, **changes)
        request.headers["DPoP"] = proof
        response = request.get_response(validator(self.stack))
        # The validator demands that the body is read.
        assert response.body is not None
        return response

    def obey(self, response: Response) -> None:
        self.nonce = response.headers.get("DPoP-Nonce", self.nonce)


def answering(status: str = "200 OK", *headers: tuple[str, str], body: bytes = b"x") -> Any:
    def app(environ: dict[str, Any], start_response: Any) -> Any:
        sent = [("Content-Type", "text/plain"), *headers]
        if status[:3] == "304":
            sent = list(headers)
        start_response(status, sent)
        return [] if environ["REQUEST_METHOD"] == "HEAD" or status[:3] == "304" else [body]

    return app


def test_a_steady_client_sees_one_challenge_and_no_more() -> None:
    client = Client(answering())
    statuses = []
    for _ in range(40):
        response = client.send()
        statuses.append(response.status_int)
        client.obey(response)
        client.clock.advance(100)
        if client.clock() > START + 3500:
            break
    assert statuses == [401] + [200] * (len(statuses) - 1)
    assert len(statuses) > 30


def test_the_challenge_for_a_nonce_names_its_error_and_hands_one_out() -> None:
    client = Client(answering())
    response = client.send()
    [challenge] = challenges(response)
    assert response.json["error"] == "use_dpop_nonce"
    assert (challenge.scheme, challenge.parameters["error"]) == ("DPoP", "use_dpop_nonce")
    assert NONCES.age(response.headers["DPoP-Nonce"], client.clock(), 0) == 0
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("age", "is_renewed"),
    [(0, False), (150, False), (150.5, True), (300, True)],
    ids=["new", "half its life", "past half its life", "at its end"],
)
def test_a_nonce_is_renewed_past_half_its_life(age: float, is_renewed: bool) -> None:
    client = Client(answering())
    client.nonce = NONCES.issue(client.clock() - age)
    response = client.send()
    assert response.status_int == 200
    assert ("DPoP-Nonce" in response.headers) is is_renewed
    assert response.headers.get("Cache-Control") == ("no-store" if is_renewed else None)
    if is_renewed:
        assert NONCES.age(response.headers["DPoP-Nonce"], client.clock(), 0) == 0


OLD = 200.0


@pytest.mark.parametrize(
    ("status", "headers", "is_renewed"),
    [
        pytest.param("200 OK", [], True, id="200"),
        pytest.param("201 Created", [], True, id="201"),
        pytest.param("206 Partial Content", [], True, id="206"),
        pytest.param("299 Odd", [], True, id="299"),
        pytest.param("300 Multiple Choices", [], False, id="300"),
        pytest.param("304 Not Modified", [], False, id="304"),
        pytest.param("404 Not Found", [], False, id="404"),
        pytest.param("500 Internal Server Error", [], False, id="500"),
        pytest.param("200 OK", [("Cache-Control", "max-age=60")], False, id="a cache"),
        pytest.param("200 OK", [("cache-control", "no-store")], False, id="in lower case"),
        pytest.param("200 OK", [("Expires", "0")], True, id="another header"),
    ],
)
def test_only_answers_below_300_without_cache_control_get_a_nonce(
    status: str, headers: list[tuple[str, str]], is_renewed: bool
) -> None:
    client = Client(answering(status, *headers))
    client.nonce = NONCES.issue(client.clock() - OLD)
    response = client.send()
    assert response.status == status
    assert ("DPoP-Nonce" in response.headers) is is_renewed
    given = [value for name, value in headers if name.lower() == "cache-control"]
    expected = ["no-store"] if is_renewed else given
    assert response.headers.getall("Cache-Control") == expected


def test_head_gets_a_nonce_as_get_does() -> None:
    client = Client(answering())
    client.nonce = NONCES.issue(client.clock() - OLD)
    response = client.send("HEAD")
    assert (response.status_int, response.body) == (200, b"")
    assert "DPoP-Nonce" in response.headers


def test_a_response_that_is_replaced_passes_exc_info_on() -> None:
    starts: list[tuple[Any, ...]] = []

    def failing(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            raise RuntimeError("late")
        except RuntimeError:
            start_response("500 Internal Server Error", [], sys.exc_info())
        return [b""]

    client = Client(failing)
    client.nonce = NONCES.issue(client.clock() - OLD)
    request = Request.blank("/x", base_url=BASE)
    request.headers["Authorization"] = f"DPoP {client.token}"
    request.headers["DPoP"] = client.key.proof("GET", f"{BASE}/x", client.token, client.nonce)

    def start(*arguments: Any) -> Any:
        starts.append(arguments)
        return lambda octets: None

    assert list(client.stack(request.environ, start)) == [b""]
    (first, second) = starts
    assert "DPoP-Nonce" in dict(first[1])
    assert (second[0], "DPoP-Nonce" in dict(second[1])) == ("500 Internal Server Error", False)
    assert second[2][0] is RuntimeError


def test_what_start_response_returns_is_handed_on() -> None:
    def writing(environ: dict[str, Any], start_response: Any) -> Any:
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"written")
        return [b""]

    client = Client(writing)
    client.nonce = NONCES.issue(client.clock() - OLD)
    response = client.send()
    assert (response.body, "DPoP-Nonce" in response.headers) == (b"written", True)


def test_a_bearer_token_gets_no_nonce() -> None:
    client = Client(answering())
    request = Request.blank("/x", base_url=BASE)
    request.headers["Authorization"] = f"Bearer {client.issuer.token()}"
    response = request.get_response(client.stack)
    assert (response.status_int, "DPoP-Nonce" in response.headers) == (200, False)


# --- refusals

TWO_TOKENS = {"Authorization": "DPoP a.b.c, DPoP d.e.f"}


@pytest.mark.parametrize(
    ("headers", "rules", "status"),
    [
        pytest.param({}, AUTHENTICATED, 401, id="401 without a token"),
        pytest.param({}, sender_constrained(), 401, id="401 of a rule"),
        pytest.param(TWO_TOKENS, AUTHENTICATED, 400, id="400"),
        pytest.param({"Authorization": "Bearer a.b.c"}, AUTHENTICATED, 401, id="401 of a token"),
    ],
)
def test_every_dpop_challenge_has_a_nonce(headers: dict[str, str], rules: Any, status: int) -> None:
    client = Client(answering(), rules={"/x": rules})
    response = Request.blank("/x", headers=headers).get_response(client.stack)
    assert response.status_int == status
    assert "DPoP" in [challenge.scheme for challenge in challenges(response)]
    assert NONCES.age(response.headers["DPoP-Nonce"], client.clock(), 0) == 0


def test_a_403_under_dpop_has_a_nonce_and_one_under_bearer_has_none() -> None:
    client = Client(answering(), rules={"/x": scope("b")})
    client.nonce = NONCES.issue(client.clock())
    response = client.send()
    assert (response.status_int, "DPoP-Nonce" in response.headers) == (403, True)
    request = Request.blank("/x", base_url=BASE)
    request.headers["Authorization"] = f"Bearer {client.issuer.token('a')}"
    response = request.get_response(client.stack)
    assert (response.status_int, "DPoP-Nonce" in response.headers) == (403, False)


def test_an_answer_without_a_challenge_has_no_nonce() -> None:
    def failing(environ: dict[str, Any], start_response: Any) -> Any:
        raise KeysUnavailable

    client = Client(failing)
    client.nonce = NONCES.issue(client.clock())
    response = client.send()
    assert (response.status_int, "DPoP-Nonce" in response.headers) == (503, False)


def test_a_wrong_proof_is_told_before_its_nonce() -> None:
    client = Client(answering())
    response = client.send(htm="POST")
    assert (response.json["reason"], "DPoP-Nonce" in response.headers) == ("proof_mismatch", True)


def test_nested_stacks_hand_out_one_nonce() -> None:
    client = Client(answering())
    inner = client.stack
    client.stack = protect(
        inner,
        issuer=client.issuer.trusted(),
        rules=Policy({"/x": AUTHENTICATED}),
        dpop=DPoP(BASE, nonces=NONCES),
        clock=client.clock,
    )
    client.nonce = NONCES.issue(client.clock() - OLD)
    response = client.send()
    assert response.status_int == 200
    assert len(response.headers.getall("DPoP-Nonce")) == 1
    assert response.headers.getall("Cache-Control") == ["no-store"]
