"""Opaque tokens: who is asked about them, how often, and what the answer is worth."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

import pytest
from conftest import Clock
from refusals import reason
from waiting import eventually
from webob import Request, Response
from webob.dec import wsgify
from webtest import TestApp

import jwt_wsgi
from jwt_wsgi import (
    ANY_AUDIENCE,
    AUTHENTICATED,
    OPTIONAL,
    PUBLIC,
    AuthError,
    DPoP,
    InsufficientScope,
    Introspection,
    InvalidToken,
    Issuer,
    StaticJWKS,
    TemporarilyUnavailable,
    TokenExtractor,
    TokenVerifier,
    Verifier,
    claim,
    get_auth,
    issued_by,
    protect,
    scope,
    sender_constrained,
)
from jwt_wsgi.explain import Explainer
from jwt_wsgi.http.fetching import FetchError, Reply
from jwt_wsgi.introspection import ClientSecretBasic, IntrospectionCall
from jwt_wsgi.introspection.answers import AnswerCache
from jwt_wsgi.issuer_registry import IssuerRegistry
from jwt_wsgi.metrics import named
from jwt_wsgi.testing import DPoPKey, LocalIssuer

NOW = 1_800_000_000
NAME = "https://as.example.com/"
AUDIENCE = "https://api.example.com"
ENDPOINT = "https://as.example.com/introspect"


class Server:
    """An introspection endpoint as a function, which counts its calls.

    `fault` is raised, or returned as the body, in place of an answer. `gate` lets calls wait.
    """

    def __init__(self, **answers: Mapping[str, Any]) -> None:
        self.answers: dict[str, Any] = dict(answers)
        self.asked: list[str] = []
        self.fetched: list[str] = []
        self.fault: Any = None
        self.gate: threading.Event | None = None
        self.running = 0
        self.most_running = 0
        self._lock = threading.Lock()

    def __call__(self, url: str, form: bytes | None, headers: Mapping[str, str]) -> Any:
        if form is None:
            self.fetched.append(url)
            return json.dumps({"issuer": NAME, "introspection_endpoint": ENDPOINT}).encode()
        [token] = parse_qs(form.decode())["token"]
        with self._lock:
            self.asked.append(token)
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        try:
            if self.gate is not None:
                assert self.gate.wait(60)
            if isinstance(self.fault, BaseException):
                raise self.fault
            if self.fault is not None:
                return self.fault
            return json.dumps(self.answers.get(token, {"active": False})).encode()
        finally:
            with self._lock:
                self.running -= 1


def active(**members: Any) -> dict[str, Any]:
    usual = {"active": True, "aud": AUDIENCE, "sub": "user-1", "scope": "read", "exp": NOW + 3600}
    return {**usual, **members}


def introspection(server: Server, **options: Any) -> Introspection:
    usual: dict[str, Any] = {
        "issuer": NAME,
        "audience": AUDIENCE,
        "client_auth": ClientSecretBasic("api", "secret"),
        "fetch": server,
    }
    endpoint = options.pop("endpoint", ENDPOINT)
    return Introspection(endpoint, **{**usual, **options})


class Stack:
    """A server, an `Introspection` on a monotonic clock, and a `Verifier` on a wall clock."""

    def __init__(self, *issuers: Any, options: dict[str, Any] | None = None, **more: Any) -> None:
        self.server = Server(good=active(), other=active(aud="https://other.example.com"))
        self.monotonic = Clock(1000.0)
        self.wall = Clock(NOW)
        self.opaque = introspection(self.server, clock=self.monotonic, **(options or {}))
        self.verifier = Verifier([self.opaque, *issuers], clock=self.wall, **more)

    def advance(self, seconds: float) -> None:
        self.monotonic.advance(seconds)
        self.wall.advance(seconds)

    def reason(self, token: Any) -> str | None:
        return reason(self.verifier, token)


@pytest.fixture
def stack() -> Stack:
    return Stack()


def is_revoked_of(*tokens: str) -> Callable[[Any], bool]:
    return lambda auth: auth.token in tokens


# --- what an active token gives


def test_an_active_token_gives_the_answer_as_claims(stack: Stack) -> None:
    auth = stack.verifier.verify("good")
    assert (auth.token, auth.issuer, auth.subject) == ("good", NAME, "user-1")
    assert auth.claims == active()
    assert auth.header == {}
    assert auth.scopes == {"read"}
    assert auth.judged_at == NOW
    assert auth.is_introspected


def test_changing_the_claims_of_one_request_affects_no_other(stack: Stack) -> None:
    stack.verifier.verify("good").claims["sub"] = "somebody"
    assert stack.verifier.verify("good").subject == "user-1"


def test_an_inactive_token_is_an_invalid_one(stack: Stack) -> None:
    with pytest.raises(InvalidToken) as error:
        stack.verifier.verify("unknown")
    assert error.value.reason == "token_inactive"
    assert error.value.is_introspected


def test_the_form_says_which_token_and_who_asks() -> None:
    seen: list[Any] = []

    def fetch(url: str, form: bytes | None, headers: Mapping[str, str]) -> bytes:
        seen.append((url, parse_qs((form or b"").decode()), dict(headers)))
        return b'{"active": false}'

    opaque = introspection(fetch)  # type: ignore[arg-type]
    assert reason(Verifier(opaque), "a+b/c==") == "token_inactive"
    [(url, form, headers)] = seen
    assert url == ENDPOINT
    assert form == {"token": ["a+b/c=="], "token_type_hint": ["access_token"]}
    assert headers["Authorization"].startswith("Basic ")
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert headers["Accept"] == "application/json"


# --- who is asked

LOCAL = LocalIssuer("https://jwt.example.com/", audience=AUDIENCE, algorithms=["ES256"])
SAME_NAME = LocalIssuer(NAME, audience=AUDIENCE, algorithms=["ES256"])
STRANGER = LocalIssuer("https://stranger.example.com/", audience=AUDIENCE, algorithms=["ES256"])


def trusted(local: LocalIssuer, **options: Any) -> Issuer:
    return Issuer(
        local.issuer,
        audience=AUDIENCE,
        keys=StaticJWKS(local.jwks),
        algorithms=["ES256"],
        **options,
    )


def broken(token: str) -> str:
    """Return the token with another signature."""
    return token[:-6] + ("A" if token[-6] != "A" else "B") + token[-5:]


@pytest.mark.parametrize(
    ("issuers", "token", "expected", "is_asked"),
    [
        pytest.param([LOCAL], "good", None, True, id="opaque"),
        pytest.param([LOCAL], "unknown", "token_inactive", True, id="opaque and inactive"),
        pytest.param([LOCAL], "v1.x.y", "token_inactive", True, id="three segments, no JWT"),
        pytest.param([LOCAL], LOCAL.token(expires_in=86400), None, False, id="a JWT of the Issuer"),
        pytest.param(
            [LOCAL],
            broken(LOCAL.token(expires_in=86400)),
            "signature_invalid",
            False,
            id="a forged JWT",
        ),
        pytest.param([LOCAL], LOCAL.expired(), "token_expired", False, id="an expired JWT"),
        pytest.param(
            [LOCAL],
            STRANGER.token(expires_in=86400),
            "issuer_mismatch",
            False,
            id="a stranger's JWT",
        ),
        pytest.param(
            [LOCAL],
            SAME_NAME.token(expires_in=86400),
            "token_inactive",
            True,
            id="a JWT of its name",
        ),
        pytest.param(
            [LOCAL, SAME_NAME],
            SAME_NAME.token(expires_in=86400),
            None,
            False,
            id="an Issuer has its name, too",
        ),
        pytest.param(
            [LOCAL, SAME_NAME],
            broken(SAME_NAME.token(expires_in=86400)),
            "signature_invalid",
            False,
            id="no refusal falls through",
        ),
        pytest.param(
            [], LOCAL.token(expires_in=86400), "issuer_mismatch", False, id="without any Issuer"
        ),
        pytest.param([], LOCAL.token(iss=None), "claim_missing", False, id="a JWT without iss"),
        pytest.param(
            [], SAME_NAME.token(expires_in=86400), "token_inactive", True, id="its name alone"
        ),
        pytest.param([LOCAL], "a b", "token_malformed", False, id="no b64token"),
        pytest.param([LOCAL], "a,b", "token_malformed", False, id="a comma"),
        pytest.param([LOCAL], "é", "token_malformed", False, id="beyond ASCII"),
        pytest.param([LOCAL], "", "token_malformed", False, id="nothing"),
        pytest.param([LOCAL], None, "token_malformed", False, id="no text"),
        pytest.param([LOCAL], "a" * 16385, "token_too_large", False, id="too long"),
        pytest.param([LOCAL], "a" * 16384, "token_inactive", True, id="as long as can be"),
    ],
)
def test_the_shape_and_the_name_decide_who_is_asked(
    issuers: list[LocalIssuer], token: Any, expected: str | None, is_asked: bool
) -> None:
    stack = Stack(*map(trusted, issuers))
    stack.verifier.clock = time.time
    stack.server.answers["good"] = active(exp=time.time() + 100)
    for _ in range(2):
        assert stack.reason(token) == expected
    assert stack.server.asked == ([token] if is_asked else [])


def test_a_jwt_that_the_endpoint_calls_active_gives_the_answer() -> None:
    token = SAME_NAME.token(sub="from the token")
    stack = Stack(trusted(LOCAL))
    stack.server.answers[token] = active(sub="from the answer")
    for _ in range(2):
        auth = stack.verifier.verify(token)
        assert (auth.subject, auth.header, auth.is_introspected) == ("from the answer", {}, True)
    assert stack.server.asked == [token]


def test_a_cached_answer_of_one_verifier_does_not_replace_a_signature_in_another() -> None:
    token = broken(SAME_NAME.token())
    stack = Stack()
    stack.server.answers[token] = active()
    assert stack.reason(token) is None
    other = Verifier([stack.opaque, trusted(SAME_NAME)], clock=stack.wall)
    assert reason(other, token) == "signature_invalid"


def test_a_resolver_that_knows_the_name_comes_first() -> None:
    stack = Stack(lambda name: trusted(SAME_NAME) if name == NAME else None)
    stack.verifier.clock = time.time
    assert stack.reason(SAME_NAME.token()) is None
    assert stack.server.asked == []


@pytest.mark.parametrize(
    ("accepts", "token", "expected"),
    [
        pytest.param(lambda token: token.startswith("at_"), "at_x", "token_inactive", id="ours"),
        pytest.param(lambda token: token.startswith("at_"), "good", "token_malformed", id="others"),
        pytest.param(lambda token: 1 / 0, "good", "token_malformed", id="it raises"),
    ],
)
def test_accepts_refuses_foreign_shapes_without_a_call(
    accepts: Any, token: str, expected: str
) -> None:
    stack = Stack(options={"accepts": accepts})
    assert stack.reason(token) == expected
    assert stack.server.asked == (["at_x"] if token == "at_x" else [])


# --- configuration


def test_a_stack_has_one_introspection_which_may_share_an_issuers_name() -> None:
    server = Server()
    verifier = Verifier([introspection(server), trusted(SAME_NAME)])
    assert verifier.trusted == 1
    assert Verifier([introspection(server), trusted(LOCAL)]).trusted == 2
    assert [issuer.issuer for issuer in verifier.issuers] == [NAME]
    with pytest.raises(ValueError, match="two Introspections"):
        Verifier([introspection(server), introspection(server)])


def test_refusals_name_the_introspection_among_the_issuers() -> None:
    registry = IssuerRegistry([introspection(Server()), trusted(LOCAL)])
    assert registry.names == {NAME, LOCAL.issuer}
    assert registry.description == [NAME, LOCAL.issuer]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        pytest.param({"endpoint": "http://as.example.com/i"}, "endpoint=", id="plain http"),
        pytest.param({"endpoint": "as.example.com"}, "endpoint=", id="no URL"),
        pytest.param({"endpoint": "https://u:p@as.example.com/"}, "endpoint=", id="credentials"),
        pytest.param({"endpoint": None, "issuer": "accounts"}, "issuer=", id="not discoverable"),
        pytest.param({"endpoint": None, "issuer": "http://a.test"}, "issuer=", id="http issuer"),
        pytest.param({"issuer": ""}, "issuer=", id="no issuer"),
        pytest.param({"audience": []}, "audience=", id="no audience"),
        pytest.param({"leeway": 301}, "leeway=", id="leeway"),
        pytest.param({"claims": 1}, "claims=", id="claims"),
        pytest.param({"scope_claim": ()}, "scope_claim", id="scope_claim"),
        pytest.param({"sender_constrained": 1}, "sender_constrained=", id="sender_constrained"),
        pytest.param({"timeout": 0}, "timeout=", id="timeout"),
        pytest.param({"max_bytes": 0}, "max_bytes=", id="max_bytes"),
        pytest.param({"allow_http": "no"}, "allow_http=", id="allow_http"),
        pytest.param({"cache_ttl": -1}, "cache_ttl=", id="cache_ttl"),
        pytest.param({"negative_ttl": float("inf")}, "negative_ttl=", id="negative_ttl"),
        pytest.param({"max_cached": -1}, "max_cached=", id="max_cached"),
        pytest.param({"max_cached": True}, "max_cached=", id="max_cached of another type"),
        pytest.param({"max_concurrent": 0}, "max_concurrent=", id="max_concurrent"),
        pytest.param({"accepts": "x"}, "accepts=", id="accepts"),
        pytest.param({"on_fetch": "x"}, "on_fetch=", id="on_fetch"),
        pytest.param({"headers": {"A": "b"}}, "headers and ca_certs", id="headers beside fetch"),
        pytest.param({"fetch": None, "headers": {"A": "\n"}}, "headers", id="a bad header"),
        pytest.param({"fetch": None, "ca_certs": "/nowhere"}, "ca_certs=", id="ca_certs"),
    ],
)
def test_wrong_options_are_refused_at_construction(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        introspection(Server(), **options)


def test_an_issuer_takes_an_introspection_and_nothing_else() -> None:
    with pytest.raises(ValueError, match="introspect="):
        trusted(LOCAL, introspect=ENDPOINT)
    opaque = introspection(Server())
    assert trusted(LOCAL, introspect=opaque).introspect is opaque


def test_an_endpoint_is_discovered_once_and_again_after_a_failure() -> None:
    stack = Stack(options={"endpoint": None})
    assert stack.reason("good") is None
    assert stack.reason("unknown") == "token_inactive"
    assert stack.server.fetched == ["https://as.example.com/.well-known/openid-configuration"]
    stack.server.fault = ConnectionError()
    assert stack.reason("new") == "introspection_unavailable"
    stack.server.fault = None
    stack.advance(2)
    assert stack.reason("new") == "token_inactive"
    assert len(stack.server.fetched) == 2


def test_metadata_without_an_endpoint_says_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    def fetch(url: str, form: bytes | None, headers: object) -> bytes:
        if "openid" in url:
            raise FetchError("HTTP status 404", status=404)
        return json.dumps({"issuer": NAME}).encode()

    opaque = introspection(fetch, endpoint=None)  # type: ignore[arg-type]
    assert reason(Verifier(opaque), "good") == "introspection_unavailable"
    assert "name the endpoint, Introspection('https://…')" in caplog.text


# --- the cache and its counts


def test_a_thousand_requests_with_one_token_are_one_call(stack: Stack) -> None:
    for _ in range(1000):
        assert stack.reason("good") is None
        assert stack.reason("unknown") == "token_inactive"
    assert stack.server.asked == ["good", "unknown"]


@pytest.mark.parametrize(
    ("token", "ttl"), [("good", 60), ("unknown", 10), ("other", 10)], ids=lambda value: str(value)
)
def test_a_token_is_asked_about_again_after_its_time(stack: Stack, token: str, ttl: float) -> None:
    before = stack.reason(token)
    stack.advance(ttl - 0.001)
    assert stack.reason(token) == before
    assert len(stack.server.asked) == 1
    stack.advance(0.002)
    assert stack.reason(token) == before
    assert len(stack.server.asked) == 2


@pytest.mark.conforms(84)
def test_no_cached_answer_is_used_beyond_exp(stack: Stack) -> None:
    stack.server.answers["good"] = active(exp=NOW + 5)
    assert stack.reason("good") is None
    stack.advance(4.9)
    assert stack.reason("good") is None
    assert stack.server.asked == ["good"]
    stack.server.answers["good"] = {"active": False}
    stack.advance(0.1)
    assert stack.reason("good") == "token_inactive", "its leeway does not help a cached answer"
    assert stack.server.asked == ["good", "good"]


def test_a_revoked_token_ends_within_the_time_of_the_cache(stack: Stack) -> None:
    assert stack.reason("good") is None
    stack.server.answers["good"] = {"active": False}
    stack.advance(59)
    assert stack.reason("good") is None
    stack.advance(1)
    assert stack.reason("good") == "token_inactive"


def test_cache_ttl_of_zero_asks_every_time() -> None:
    stack = Stack(options={"cache_ttl": 0, "negative_ttl": 0})
    for _ in range(3):
        assert stack.reason("good") is None
        assert stack.reason("unknown") == "token_inactive"
    assert len(stack.server.asked) == 6


def test_an_active_token_that_is_refused_costs_one_call(stack: Stack) -> None:
    for _ in range(5):
        with pytest.raises(InvalidToken) as error:
            stack.verifier.verify("other")
        assert error.value.reason == "audience_mismatch"
        assert error.value.expected == [AUDIENCE]
        assert error.value.found == "https://other.example.com"
    assert stack.server.asked == ["other"]


def in_threads(number: int, work: Callable[[int], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work, args=(each,)) for each in range(number)]
    for thread in threads:
        thread.start()
    return threads


def join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


@pytest.mark.parametrize("token", ["good", "unknown", "late"], ids=str)
def test_fifty_threads_with_one_token_share_one_call(token: str) -> None:
    stack = Stack(options={"timeout": 60})
    # An answer that only the leeway saves is not cached, but shared.
    stack.server.answers["late"] = active(exp=NOW - 1)
    stack.server.gate = threading.Event()
    reasons: list[str | None] = []
    barrier = threading.Barrier(51)

    def ask(_: int) -> None:
        barrier.wait(60)
        reasons.append(stack.reason(token))

    threads = in_threads(50, ask)
    barrier.wait(60)
    eventually(lambda: len(waiting_in(stack)) == 49)
    stack.server.gate.set()
    join(threads)
    assert reasons == [None if token != "unknown" else "token_inactive"] * 50
    assert stack.server.asked == [token]


def waiting_in(stack: Stack) -> list[Any]:
    """Return the threads that wait for the answer of another one's call."""
    condition = stack.opaque._calls._lock._conditions[os.getpid()]
    return list(condition._waiters)  # type: ignore[attr-defined]


def test_threads_that_share_a_call_share_its_failure() -> None:
    stack = Stack(options={"timeout": 60})
    stack.server.gate = threading.Event()
    stack.server.fault = ConnectionError()
    reasons: list[str | None] = []
    threads = in_threads(10, lambda _: reasons.append(stack.reason("good")))
    eventually(lambda: len(waiting_in(stack)) == 9)
    stack.server.gate.set()
    join(threads)
    assert reasons == ["introspection_unavailable"] * 10
    assert stack.server.asked == ["good"]


def test_nothing_is_kept_of_calls_that_have_ended(stack: Stack) -> None:
    for number in range(50):
        stack.reason(f"token{number}")
    stack.server.fault = ConnectionError()
    stack.reason("last")
    assert stack.opaque._calls._flights == {}
    assert stack.opaque.status().in_flight == 0


# --- bounds and failures


def test_a_flood_of_invented_tokens_takes_half_of_the_places_and_evicts_nothing() -> None:
    stack = Stack(options={"timeout": 60, "max_cached": 50, "negative_ttl": 3600})
    for number in range(20):
        stack.server.answers[f"good{number}"] = active()
        assert stack.reason(f"good{number}") is None
    for number in range(1000):
        assert stack.reason(f"before{number}") == "token_inactive"
    calls = len(stack.server.asked)
    assert [stack.reason(f"good{number}") for number in range(20)] == [None] * 20
    assert len(stack.server.asked) == calls, "the good ones are still cached"

    stack.advance(60)
    stack.server.gate = threading.Event()
    stack.server.most_running = 0
    flood = in_threads(30, lambda number: stack.reason(f"invented{number}") and None)
    eventually(lambda: stack.server.running == 4 and len(waiting_in(stack)) == 26)
    known = in_threads(4, lambda number: stack.reason(f"good{number}") and None)
    eventually(lambda: stack.server.running == 8)
    assert {token[:4] for token in stack.server.asked[-4:]} == {"good"}
    stack.server.gate.set()
    join([*flood, *known])
    assert stack.server.most_running == 8


def test_requests_queue_no_longer_than_the_timeout() -> None:
    stack = Stack(options={"timeout": 0.2, "max_concurrent": 1})
    stack.server.gate = threading.Event()
    first = in_threads(1, lambda _: stack.reason("first") and None)
    eventually(lambda: stack.server.running == 1)
    for token in ("second", "first"):
        started = time.monotonic()
        with pytest.raises(TemporarilyUnavailable) as error:
            stack.verifier.verify(token)
        assert 0.15 < time.monotonic() - started < 30
        assert (error.value.reason, error.value.retry_after) == ("introspection_unavailable", 1)
    stack.server.gate.set()
    join(first)
    assert stack.server.asked == ["first"]


FAILURES = {
    "time-out": FetchError("late", outcome="timeout"),
    "no connection": FetchError("refused", outcome="unreachable"),
    "500": FetchError("HTTP status 500", status=500, outcome="http_status"),
    "503": FetchError("HTTP status 503", status=503, outcome="http_status"),
    "429": FetchError("HTTP status 429", status=429, outcome="http_status"),
    "407": FetchError("HTTP status 407", status=407, outcome="http_status"),
    "408": FetchError("HTTP status 408", status=408, outcome="http_status"),
    "302": FetchError("HTTP status 302", status=302, outcome="http_status"),
    "401": FetchError("HTTP status 401", status=401, outcome="http_status"),
    "403": FetchError("HTTP status 403", status=403, outcome="http_status"),
    "another exception": RuntimeError("hidden"),
    "no JSON": b"<html>",
    "active as text": b'{"active": "true"}',
    "no answer": b"{}",
    "a list": b"[true]",
    "too large": b'{"active": false}' + b" " * 600_000,
    "text in place of bytes": '{"active": false}',
    "None": Reply(None),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("fault", FAILURES.values(), ids=FAILURES)
def test_a_failing_endpoint_is_503_and_what_is_cached_stays_good(fault: Any) -> None:
    stack = Stack()
    assert stack.reason("good") is None
    assert stack.reason("unknown") == "token_inactive"
    stack.server.fault = fault
    with pytest.raises(TemporarilyUnavailable) as error:
        stack.verifier.verify("new")
    assert (error.value.reason, error.value.status) == ("introspection_unavailable", 503)
    assert error.value.retry_after >= 1
    assert stack.reason("good") is None
    assert stack.reason("unknown") == "token_inactive"
    calls = len(stack.server.asked)
    assert stack.reason("newer") == "introspection_unavailable"
    assert len(stack.server.asked) == calls, "nobody asks during the pause"
    stack.server.fault = None
    stack.advance(1.3)
    assert stack.reason("new") == "token_inactive"
    status = stack.opaque.status()
    assert (status.usable, status.failures) == (True, 1)
    assert status.last_error
    assert "hidden" not in status.last_error


@pytest.mark.parametrize("status", [400, 402, 404, 405, 410, 413, 415, 422, 451], ids=str)
def test_any_other_4xx_concerns_the_token_alone(stack: Stack, status: int) -> None:
    stack.server.fault = FetchError(f"HTTP status {status}", status=status, outcome="http_status")
    for _ in range(2):
        with pytest.raises(InvalidToken) as error:
            stack.verifier.verify("odd")
        assert error.value.reason == "token_inactive"
        assert str(status) in str(error.value.found)
    stack.server.fault = None
    assert stack.reason("good") is None, "there is no pause"
    assert stack.server.asked == ["odd", "good"]


@pytest.mark.parametrize("status", [401, 403], ids=str)
def test_a_refused_client_is_an_error_in_the_log_that_says_so(
    stack: Stack, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    stack.server.fault = FetchError(f"HTTP status {status}", status=status)
    for _ in range(5):
        assert stack.reason("good") == "introspection_unavailable"
    [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.name == "jwt_wsgi.introspection"
    assert "a mistake of the configuration: correct client_auth" in record.getMessage()
    assert str(status) in record.getMessage()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b'{"error": "invalid_client"}', "introspection_unavailable", id="the client"),
        pytest.param(
            b'{"error": "unauthorized_client"}', "introspection_unavailable", id="its rights"
        ),
        pytest.param(b'{"error": "invalid_request"}', "token_inactive", id="the token"),
        pytest.param(b'{"error": 1}', "token_inactive", id="a number"),
        pytest.param(b"<html>", "token_inactive", id="HTML"),
        pytest.param(b"", "token_inactive", id="nothing"),
        pytest.param(None, "token_inactive", id="no bytes"),
    ],
)
def test_a_400_is_about_the_client_where_its_error_says_so(
    stack: Stack, body: Any, expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    stack.server.fault = FetchError("HTTP status 400", status=400, body=body)
    assert stack.reason("good") == expected
    assert ("correct client_auth" in caplog.text) is (expected != "token_inactive")


def test_failures_back_off_up_to_thirty_seconds(stack: Stack) -> None:
    stack.server.fault = ConnectionError()
    pauses = []
    for _ in range(7):
        stack.reason("good")
        pause = stack.opaque.status().next_attempt
        pauses.append(pause)
        stack.advance(pause + 0.01)
    assert len(stack.server.asked) == 7
    for pause, expected in zip(pauses, [1, 2, 4, 8, 16, 30, 30], strict=True):
        assert 0.79 * expected <= pause <= 1.21 * expected


def test_whoever_queues_leaves_when_the_pause_begins() -> None:
    stack = Stack(options={"timeout": 60, "max_concurrent": 1})
    stack.server.gate = threading.Event()
    stack.server.fault = ConnectionError()
    reasons: list[str | None] = []
    threads = in_threads(5, lambda number: reasons.append(stack.reason(f"t{number}")))
    eventually(lambda: stack.server.running == 1 and len(waiting_in(stack)) == 4)
    started = time.monotonic()
    stack.server.gate.set()
    join(threads)
    assert time.monotonic() - started < 30
    assert reasons == ["introspection_unavailable"] * 5
    assert len(stack.server.asked) == 1


class Timeout(BaseException):
    """As gevent.Timeout: no `Exception`."""


@pytest.mark.parametrize("kind", [Timeout, SystemExit, KeyboardInterrupt], ids=lambda k: k.__name__)
def test_an_exception_that_is_no_exception_is_a_failure_and_raised_again(
    stack: Stack, kind: type[BaseException]
) -> None:
    stack.server.fault = kind()
    with pytest.raises(kind):
        stack.verifier.verify("good")
    status = stack.opaque.status()
    assert (status.failures, status.in_flight, status.usable) == (1, 0, False)
    assert stack.reason("good") == "introspection_unavailable"
    stack.server.fault = None
    stack.advance(1.3)
    assert stack.reason("good") is None


def test_a_call_that_began_late_says_nothing_about_the_endpoint() -> None:
    stack = Stack(options={"timeout": 0.4, "max_concurrent": 1})
    stack.server.gate = threading.Event()
    first = in_threads(1, lambda _: stack.reason("first") and None)
    eventually(lambda: stack.server.running == 1)
    reasons: list[str | None] = []
    second = in_threads(1, lambda _: reasons.append(stack.reason("second")))
    eventually(lambda: len(waiting_in(stack)) == 1)
    time.sleep(0.3)

    class CutShort(Server):
        def __call__(self, url: str, form: bytes | None, headers: Mapping[str, str]) -> Any:
            raise FetchError("late", outcome="timeout")

    stack.opaque._calls._endpoint._send = CutShort()
    stack.server.gate.set()
    join([*first, *second])
    assert reasons == ["introspection_unavailable"]
    status = stack.opaque.status()
    assert (status.failures, status.next_attempt, status.in_flight) == (0, 0, 0)


def test_a_call_that_never_ends_gives_its_place_back(stack: Stack) -> None:
    stack.server.gate = threading.Event()
    threads = in_threads(1, lambda _: stack.reason("good") and None)
    eventually(lambda: stack.server.running == 1)
    stack.advance(20)
    assert stack.opaque.status().in_flight == 1
    assert stack.reason("good") == "introspection_unavailable", "it counts as failed"
    assert stack.opaque.status().in_flight == 0
    stack.advance(1.3)
    lost = stack.server.gate
    stack.server.gate = None
    assert stack.reason("good") is None
    lost.set()
    join(threads)
    assert stack.opaque.status().successes == 2


def test_a_fork_forgets_the_calls_of_its_parent() -> None:
    stack = Stack(options={"max_concurrent": 1, "timeout": 20})
    stack.server.gate = threading.Event()
    threads = in_threads(1, lambda _: stack.reason("good") and None)
    eventually(lambda: stack.server.running == 1)
    with stack.opaque._calls._lock:
        child = os.fork()
        if child == 0:
            # The parent's lock is held, and its call runs: neither may matter here.
            stack.server.gate = None
            stack.server._lock = threading.Lock()
            os._exit(0 if stack.reason("good") is None else 1)
    stack.server.gate.set()
    join(threads)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_another_process_has_no_call_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Stack(options={"max_concurrent": 1, "timeout": 20})
    stack.server.gate = threading.Event()
    threads = in_threads(1, lambda _: stack.reason("good") and None)
    eventually(lambda: stack.server.running == 1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: -1)
        status = stack.opaque.status()
    assert (status.in_flight, status.attempts) == (0, 1)
    stack.server.gate.set()
    join(threads)


def test_an_answer_that_arrives_meanwhile_saves_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Stack()
    is_known = AnswerCache.is_known
    nested: list[str | None] = []

    def ask_meanwhile(cache: AnswerCache, digest: str) -> bool:
        if not nested:
            nested.append("begun")
            nested.append(stack.reason("good"))
        return is_known(cache, digest)

    monkeypatch.setattr(AnswerCache, "is_known", ask_meanwhile)
    assert stack.reason("good") is None
    assert nested == ["begun", None]
    assert stack.server.asked == ["good"]


# --- status, warm-up and hooks


def test_warm_up_asks_about_a_random_token(stack: Stack) -> None:
    assert stack.opaque.status() == (False, None, 0, 0, 0, 0, 0)
    assert stack.opaque.warm_up().usable
    assert stack.opaque.warm_up().attempts == 2
    first, second = stack.server.asked
    assert first != second
    assert len(first) == 43


def test_warm_up_does_not_raise_and_tells_of_a_wrong_url(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    stack.server.fault = FetchError("HTTP status 404", status=404)
    stack.opaque.warm_up()
    assert "check its URL" in caplog.text
    stack.server.fault = ConnectionError("hidden")
    status = stack.opaque.warm_up()
    assert (status.usable, status.last_error) == (False, "the fetch raised ConnectionError")


def test_every_call_is_announced_with_its_outcome() -> None:
    events: list[IntrospectionCall] = []
    stack = Stack(options={"on_fetch": events.append})
    for token in ("good", "unknown", "other", "good"):
        stack.reason(token)
    stack.server.fault = FetchError("late", outcome="timeout")
    stack.reason("new")
    assert [(event.outcome, event.active) for event in events] == [
        ("ok", True),
        ("ok", False),
        ("ok", True),
        ("timeout", None),
    ]
    assert {event.location for event in events} == {ENDPOINT}


@pytest.mark.parametrize("fails", [False, True], ids=["after an answer", "after a failure"])
def test_a_hook_that_raises_changes_nothing(fails: bool, caplog: pytest.LogCaptureFixture) -> None:
    def hook(event: IntrospectionCall) -> None:
        raise RuntimeError("hidden")

    stack = Stack(options={"on_fetch": hook})
    if fails:
        stack.server.fault = ConnectionError()
    assert stack.reason("good") == ("introspection_unavailable" if fails else None)
    assert "on_fetch raised RuntimeError; the answer is not affected" in caplog.text
    assert "hidden" not in caplog.text


def test_the_return_of_the_endpoint_is_logged(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jwt_wsgi.introspection")
    stack.server.fault = ConnectionError()
    stack.reason("good")
    stack.server.fault = None
    stack.advance(1.3)
    stack.reason("good")
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "cached answers stay good" in caplog.messages[0]
    assert "answers again" in caplog.messages[1]


# --- what is judged for each request


def test_times_are_judged_for_each_request() -> None:
    stack = Stack(options={"leeway": 0})
    stack.server.answers["soon"] = active(nbf=NOW + 5)
    assert stack.reason("soon") == "token_not_yet_valid"
    stack.advance(10)
    assert stack.reason("soon") is None


def test_predicates_are_judged_for_each_request() -> None:
    plans = {"gold"}
    stack = Stack(options={"claims": {"plan": lambda plan: plan in plans}})
    stack.server.answers["good"] = active(plan="gold")
    assert stack.reason("good") is None
    plans.clear()
    assert stack.reason("good") == "claim_mismatch"
    assert stack.server.asked == ["good"], "the answer stays cached"


def test_revocation_is_asked_on_cached_answers() -> None:
    revoked: set[str] = set()
    stack = Stack(is_revoked=lambda auth: auth.token in revoked)
    assert stack.reason("good") is None
    revoked.add("good")
    assert stack.reason("good") == "token_revoked"
    assert stack.server.asked == ["good"]


@pytest.mark.parametrize(
    "raised",
    [TemporarilyUnavailable("store_unavailable"), InsufficientScope(scopes=["a"])],
    ids=str,
)
def test_a_refusal_that_is_revoked_raises_is_the_answer(
    raised: AuthError, caplog: pytest.LogCaptureFixture
) -> None:
    def is_revoked(auth: Any) -> bool:
        raise raised

    stack = Stack(is_revoked=is_revoked)
    for _ in range(2):
        assert stack.reason("good") == raised.reason
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


# --- bound tokens

BASE = "https://api.example.com"


@pytest.mark.parametrize(
    ("proves", "expected"),
    [("the key", None), ("another key", "binding_mismatch"), ("nothing", "token_bound")],
    ids=lambda value: str(value),
)
def test_an_opaque_token_is_bound_by_dpop(proves: str, expected: str | None) -> None:
    key = DPoPKey()
    stack = Stack(dpop=DPoP(BASE))
    stack.verifier.clock = time.time
    members = {"cnf": {"jkt": key.thumbprint}, "token_type": "DPoP", "exp": time.time() + 100}
    stack.server.answers["good"] = active(**members)
    prover = DPoPKey() if proves == "another key" else key

    def verify() -> Any:
        evidence: dict[str, Any] = {}
        if proves != "nothing":
            url = f"{BASE}/x"
            evidence = {"proof": prover.proof("GET", url, "good"), "method": "GET", "url": url}
        return stack.verifier.verify("good", **evidence)

    for _ in range(2):
        if expected is None:
            assert verify().possession.bindings == {"dpop"}
            continue
        with pytest.raises(InvalidToken) as error:
            verify()
        assert (error.value.reason, error.value.token_scheme) == (expected, "DPoP")
    assert stack.server.asked == ["good"]


def test_a_certificate_may_bind_an_opaque_token() -> None:
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509 import load_pem_x509_certificate
    from trustme import CA

    pem = CA().issue_cert("client.example.com").cert_chain_pems[0].bytes()
    der = load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    local = LocalIssuer(algorithms=["ES256"])
    token = local.opaque_token(cnf=der)
    verifier = Verifier(local.introspection(), client_certificates=True)
    assert verifier.verify(token, certificate=der).possession.bindings == {"mtls"}
    assert reason(verifier, token) == "token_bound"


def test_a_stack_without_possession_refuses_bound_opaque_tokens(stack: Stack) -> None:
    stack.server.answers["good"] = active(cnf={"jkt": "x"})
    assert stack.reason("good") == "token_bound"


def test_sender_constrained_refuses_unbound_opaque_tokens() -> None:
    with pytest.raises(ValueError, match=r"Introspection\('https://as.example.com/', sender_"):
        Stack(options={"sender_constrained": True})
    stack = Stack(options={"sender_constrained": True}, dpop=DPoP(BASE))
    assert stack.reason("good") == "token_not_bound"


def test_an_introspection_widens_what_challenges_offer() -> None:
    fapi = Issuer(LOCAL.issuer, audience=AUDIENCE, keys=StaticJWKS(LOCAL.jwks), profile="fapi2")
    both = Stack(fapi, dpop=DPoP(BASE), is_revoked=is_revoked_of())
    assert frozenset() in both.verifier.demand
    assert "RS256" in both.verifier.proof_algorithms


# --- a JWT, and the endpoint as well


@pytest.fixture
def both() -> tuple[Verifier, Server, Introspection]:
    server = Server()
    opaque = introspection(server, issuer=LOCAL.issuer, audience="https://nobody.example.com")
    return Verifier(trusted(LOCAL, introspect=opaque)), server, opaque


def test_the_endpoint_is_asked_as_well_and_the_own_claims_count(
    both: tuple[Verifier, Server, Introspection],
) -> None:
    verifier, server, _ = both
    token = LOCAL.token("write", sub="from the token")
    server.answers[token] = active(sub="from the answer", exp=time.time() + 100)
    for _ in range(3):
        auth = verifier.verify(token)
        assert (auth.subject, auth.scopes, auth.is_introspected) == (
            "from the token",
            {"write"},
            False,
        )
        assert auth.header["alg"] == "ES256"
    assert server.asked == [token]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param({"active": False}, "token_inactive", id="inactive"),
        pytest.param({"active": "true"}, "introspection_unavailable", id="nonsense"),
        pytest.param({"active": True}, None, id="nothing else"),
        pytest.param({"active": True, "iss": "https://x.test"}, None, id="another iss"),
        pytest.param(
            {"active": True, "aud": "https://nobody.example.com", "exp": 1000},
            "token_expired",
            id="expired",
        ),
    ],
)
def test_the_endpoint_ends_a_jwt(
    both: tuple[Verifier, Server, Introspection], answer: Any, expected: str | None
) -> None:
    verifier, server, _ = both
    token = LOCAL.token()
    server.answers[token] = answer
    assert reason(verifier, token) == expected


def test_a_bad_jwt_costs_no_call(both: tuple[Verifier, Server, Introspection]) -> None:
    verifier, server, _ = both
    for token in (broken(LOCAL.token()), LOCAL.expired(), LOCAL.token(aud="x"), "opaque"):
        assert reason(verifier, token) not in (None, "token_inactive")
    assert server.asked == []


def test_jwts_whose_signature_is_good_are_no_invented_tokens() -> None:
    server = Server()
    opaque = introspection(server, max_concurrent=2, timeout=60)
    verifier = Verifier([opaque, trusted(LOCAL, introspect=opaque)])
    server.gate = threading.Event()
    flood = in_threads(4, lambda number: reason(verifier, f"invented{number}") and None)
    eventually(lambda: server.running == 1)
    honest = in_threads(1, lambda _: reason(verifier, LOCAL.token()) and None)
    eventually(lambda: server.running == 2)
    assert server.asked[1].startswith("eyJ")
    server.gate.set()
    join([*flood, *honest])


def test_a_jwt_ends_within_the_time_of_the_cache() -> None:
    server = Server()
    monotonic = Clock(0.0)
    opaque = introspection(server, clock=monotonic)
    verifier = Verifier(trusted(LOCAL, introspect=opaque))
    token = LOCAL.token()
    server.answers[token] = {"active": True, "aud": AUDIENCE}
    assert reason(verifier, token) is None
    server.answers[token] = {"active": False}
    monotonic.advance(59)
    assert reason(verifier, token) is None
    monotonic.advance(1)
    assert reason(verifier, token) == "token_inactive"


def test_introspection_counts_as_the_revocation_of_fapi() -> None:
    options: dict[str, Any] = {
        "audience": AUDIENCE,
        "keys": StaticJWKS(LOCAL.jwks),
        "profile": "fapi2",
    }
    opaque = introspection(Server())
    assert Verifier(Issuer(LOCAL.issuer, introspect=opaque, **options), dpop=DPoP(BASE))
    with pytest.raises(ValueError, match="introspect=Introspection"):
        Verifier(Issuer(LOCAL.issuer, **options), dpop=DPoP(BASE))
    with pytest.raises(ValueError, match="introspect=Introspection"):
        Verifier([opaque, Issuer(LOCAL.issuer, **options)], dpop=DPoP(BASE))


# --- through the layers


@wsgify
def who(request: Request) -> Response:
    auth = get_auth(request)
    return Response(json={"subject": None if auth is None else auth.subject})


def api(stack: Stack, **options: Any) -> TestApp:
    rules = {
        "/public": PUBLIC,
        "/optional": OPTIONAL,
        "/private": AUTHENTICATED,
        "/read": scope("read"),
        "/write": scope("write"),
        "/ours": issued_by(NAME) & claim("sub", "user-1"),
    }
    return TestApp(protect(who, issuer=stack.verifier, rules=rules, **options))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/private", "good", 200),
        ("/read", "good", 200),
        ("/ours", "good", 200),
        ("/write", "good", 403),
        ("/private", "unknown", 401),
        ("/optional", "unknown", 401),
        ("/optional", "good", 200),
        ("/public", "unknown", 200),
    ],
)
def test_rules_judge_opaque_tokens_like_any_other(
    stack: Stack, path: str, token: str, status: int
) -> None:
    answer = api(stack).get(path, headers=bearer(token), status=status)
    if status == 401:
        assert answer.json["reason"] == "token_inactive"
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    if path == "/public":
        assert stack.server.asked == [], "nothing is asked on public paths"


def test_a_failing_endpoint_is_answered_with_retry_after(stack: Stack) -> None:
    stack.server.fault = FetchError("busy", status=429, retry_after=7)
    answer = api(stack).get("/private", headers=bearer("good"), status=503)
    assert answer.json["reason"] == "introspection_unavailable"
    assert answer.json["error"] == "temporarily_unavailable"
    assert answer.headers["Retry-After"] == "7"
    assert "WWW-Authenticate" not in answer.headers


def test_protect_takes_an_introspection_beside_issuers_and_urls() -> None:
    local = LocalIssuer(algorithms=["ES256"], audience=AUDIENCE)
    protected = TestApp(
        protect(
            who,
            issuer=[local.introspection(), trusted(LOCAL), "https://third.example.com/"],
            audience=AUDIENCE,
            rules={"/": AUTHENTICATED},
        )
    )
    for token in (local.opaque_token(sub="a"), LOCAL.token(sub="a")):
        assert protected.get("/", headers=bearer(token)).json == {"subject": "a"}
    protected.get("/", headers=bearer("invented"), status=401)
    alone = protect(who, issuer=local.introspection(), rules={"/": AUTHENTICATED})
    TestApp(alone).get("/", headers=bearer(local.opaque_token()), status=200)


def test_the_layers_by_hand_take_an_introspection() -> None:
    local = LocalIssuer(algorithms=["ES256"])
    app = TestApp(TokenExtractor(TokenVerifier(who, local.introspection())))
    app.get("/", headers=bearer(local.opaque_token()), status=200)
    app.get("/", headers=bearer("invented"), status=401)


def test_dpop_and_rules_reach_opaque_tokens() -> None:
    local = LocalIssuer(algorithms=["ES256"])
    key = DPoPKey()
    app = TestApp(
        protect(
            who,
            issuer=local.introspection(),
            rules={"/": sender_constrained()},
            dpop=DPoP("http://localhost"),
        )
    )
    token = local.opaque_token(cnf=key)
    proof = key.proof("GET", "http://localhost/", token)
    headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
    app.get("/", headers=headers, status=200)
    assert app.get("/", headers=headers, status=401).json["reason"] == "proof_replayed"
    assert app.get("/", headers=bearer(token), status=401).json["reason"] == "token_bound"


def test_no_hint_calls_an_opaque_token_a_mistake(
    stack: Stack, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jwt_wsgi.decision")
    for token in ("other", "unknown"):
        api(stack).get("/private", headers=bearer(token), status=401)
    assert {getattr(record, "hint", None) for record in caplog.records} == {None}
    assert "good" not in caplog.text


# --- explained


def explained(stack: Stack, token: str, **options: Any) -> Any:
    app = protect(who, issuer=stack.verifier, rules={"/": AUTHENTICATED}, **options)
    request = Request.blank("/", headers=bearer(token))
    return Explainer.of(app).explain(request.environ)


@pytest.mark.parametrize(
    ("token", "failed", "advice"),
    [
        pytest.param("good", None, None, id="good"),
        pytest.param("unknown", "introspection", "client_auth", id="inactive"),
        pytest.param("other", "audience", "audience", id="another audience"),
        pytest.param("refresh", "type", "access token", id="a refresh token"),
        pytest.param("named", "issuer", "issuer", id="another issuer"),
        pytest.param("expired", "expiry", "new token", id="expired"),
        pytest.param("odd", "claims", "form", id="a malformed claim"),
        pytest.param("foreign", "form", "as the issuer", id="not accepted"),
        pytest.param("a", "form", "as the issuer", id="a JWT in form only"),
    ],
)
def test_explain_walks_through_the_answer(token: str, failed: str | None, advice: str) -> None:
    stack = Stack(options={"accepts": lambda token: token not in ("foreign", "a")})
    stack.server.answers |= {
        "refresh": active(token_type="refresh_token"),
        "named": active(iss="https://x.test/"),
        "expired": active(exp=NOW - 100),
        "odd": active(sub=1),
    }
    for _ in range(2):
        explanation = explained(stack, token)
        assert (explanation.failed and explanation.failed.name) == failed
        names = [step.name for step in explanation.steps]
        assert names[1:7] == ["form", "introspection", "type", "issuer", "audience", "claims"]
        assert "signature" not in names
        assert explanation.issuer is stack.opaque
        if failed is not None:
            assert advice in explanation.advice
    assert len(stack.server.asked) <= 1


def test_explain_names_the_step_that_asks_about_a_jwt(
    both: tuple[Verifier, Server, Introspection],
) -> None:
    verifier, server, _ = both
    good, bad = LOCAL.token(), LOCAL.token()
    server.answers[good] = {"active": True, "aud": "https://nobody.example.com"}
    app = protect(who, issuer=verifier, rules={"/": AUTHENTICATED})
    explainer = Explainer.of(app)
    for token, passed in ((good, True), (bad, False)):
        explanation = explainer.explain(Request.blank("/", headers=bearer(token)).environ)
        [step] = [each for each in explanation.steps if each.name == "introspection"]
        assert step.passed is passed
        names = [each.name for each in explanation.steps]
        assert names.index("signature") < names.index("introspection") < names.index("rule")


def test_explain_tells_of_an_endpoint_that_is_down(stack: Stack) -> None:
    stack.server.fault = ConnectionError()
    explanation = explained(stack, "good")
    assert explanation.failed.name == "introspection"
    assert explanation.reason == "introspection_unavailable"
    assert "jwt_wsgi.introspection" in explanation.advice


# --- the test kit's endpoint


def test_the_local_issuer_answers_about_its_tokens() -> None:
    clock = Clock()
    local = LocalIssuer(algorithms=["ES256"], clock=clock)
    opaque = local.introspection(negative_ttl=0, cache_ttl=0)
    verifier = Verifier(opaque, clock=clock)
    token = local.opaque_token("read", sub="a", expires_in=10)
    assert verifier.verify(token).scopes == {"read"}
    assert reason(verifier, local.token()) is None, "its JWTs are active, too"
    assert reason(verifier, "invented") == "token_inactive"
    local.revoke(token)
    assert reason(verifier, token) == "token_inactive"
    late = local.opaque_token(expires_in=10)
    clock.advance(60)
    assert reason(verifier, late) == "token_inactive"


def test_the_local_issuers_faults_reach_its_endpoint() -> None:
    local = LocalIssuer(algorithms=["ES256"])
    token = local.opaque_token()
    with local.outage():
        assert reason(Verifier(local.introspection()), token) == "introspection_unavailable"
    with local.answering(b"[]"):
        assert reason(Verifier(local.introspection()), token) == "introspection_unavailable"
    with local.slow(0.05):
        assert reason(Verifier(local.introspection()), token) is None
    wrong = local.introspection(client_auth=ClientSecretBasic("api", "wrong"))
    assert reason(Verifier(wrong), token) == "introspection_unavailable"
    assert wrong.status().last_error == "HTTP status 401"
    discovered = local.introspection(endpoint=None)
    assert reason(Verifier(discovered), token) is None


def test_any_audience_needs_a_token_type() -> None:
    stack = Stack(options={"audience": ANY_AUDIENCE})
    assert stack.reason("good") == "claim_missing"
    stack.server.answers["typed"] = active(token_type="Bearer")
    assert stack.reason("typed") is None


def test_an_introspection_names_an_issuer_for_the_labels_of_metrics(stack: Stack) -> None:
    assert named([stack.opaque, "https://jwt.example.com/"]) == {NAME, "https://jwt.example.com/"}
    assert named(stack.opaque) == {NAME}


def test_introspection_stands_at_the_top_of_the_package() -> None:
    assert jwt_wsgi.Introspection is Introspection
    assert jwt_wsgi.introspection.Introspection is Introspection
    assert "Introspection" in jwt_wsgi.__all__
