"""Revocation on Redis and Valkey: two processes of a deny list, the receiver, the command, outages."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from command_line import run, run_program
from event_makers import RECEIVER, SET_TYPE, Maker
from store_servers import SERVERS, StoreServer, serving
from webtest import TestApp

from jwt_wsgi import AUTHENTICATED, Auth, protect
from jwt_wsgi.revocation import DenyList, EventReceiver
from jwt_wsgi.stores import RedisStore
from jwt_wsgi.testing import Clock, LocalIssuer

ISSUER = "https://issuer.example.com/"


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[StoreServer]:
    with serving(request.param) as started:
        yield started


@pytest.fixture(scope="module")
def local() -> LocalIssuer:
    return LocalIssuer(ISSUER, algorithms=["ES256"])


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def stack(local: LocalIssuer, server: StoreServer) -> TestApp:
    deny = DenyList(RedisStore(server.url), cache_ttl=0)
    rules = {"/": AUTHENTICATED}
    return TestApp(protect(hello, issuer=local.trusted(), rules=rules, is_revoked=deny))


def auth_of(**claims: Any) -> Auth:
    usual = {"jti": "one", "sub": "user-1", "iat": time.time() - 5, "exp": time.time() + 300}
    header = {"alg": "ES256", "kid": "k1"}
    return Auth(f"a.{len(claims)}.c", ISSUER, claims={**usual, **claims}, header=header)


def test_every_denial_holds_in_another_process(server: StoreServer) -> None:
    here = DenyList(RedisStore(server.url), cache_ttl=0)
    assert not here(auth_of())
    denials = [
        (lambda deny: deny.revoke(auth_of(jti="two")), auth_of(jti="two")),
        (lambda deny: deny.revoke_token(ISSUER, "three"), auth_of(jti="three")),
        (lambda deny: deny.revoke_subject(ISSUER, "user-2"), auth_of(sub="user-2")),
        (lambda deny: deny.revoke_session(ISSUER, "s"), auth_of(sid="s")),
        (lambda deny: deny.revoke_client(ISSUER, "c"), auth_of(azp="c")),
    ]
    for write, ended in denials:
        child = os.fork()
        if child == 0:
            write(DenyList(RedisStore(server.url)))
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert here(ended)
        assert not here(auth_of())
    here.revoke_key(ISSUER, "k1")
    assert here(auth_of())
    ttls = [server.control.ttl(key) for key in server.control.keys("jwt-wsgi:*")]
    assert sorted(ttls)[:2] == [-1, -1], "a key is denied for good"
    assert all(500 < ttl <= 86400 + 300 for ttl in sorted(ttls)[2:])
    stored = b" ".join(server.control.keys("*"))
    assert b"user" not in stored
    assert b"issuer" not in stored


def test_an_event_is_noted_once_and_ends_tokens_on_every_stack(
    server: StoreServer, local: LocalIssuer
) -> None:
    outcomes: list[str] = []
    receivers = [
        TestApp(
            EventReceiver(
                local.trusted(),
                DenyList(RedisStore(server.url)),
                audience=RECEIVER,
                on_event=lambda event: outcomes.append(event.outcome),
            )
        )
        for _ in range(2)
    ]
    apis = [stack(local, server) for _ in range(2)]
    headers = local.headers(sub="user-1")
    assert [api.get("/", headers=headers).status_int for api in apis] == [200, 200]
    event = Maker(local, Clock()).event()
    for receiver in receivers:
        assert receiver.post("/", event, content_type=SET_TYPE).status_int == 202
    assert outcomes == ["accepted", "repeated"]
    assert [api.get("/", headers=headers, status=401).status_int for api in apis] == [401, 401]


def test_a_server_that_stops_is_503_and_comes_back(server: StoreServer, local: LocalIssuer) -> None:
    deny = DenyList(RedisStore(server.url, timeout=0.5), cache_ttl=0)
    rules = {"/": AUTHENTICATED}
    api = TestApp(protect(hello, issuer=local.trusted(), rules=rules, is_revoked=deny))
    receiver = TestApp(EventReceiver(local.trusted(), deny, audience=RECEIVER))
    local.authorize(api, sub="user-1")
    assert api.get("/").status_int == 200
    event = Maker(local, Clock()).event()
    server.stop()
    assert api.get("/", status=503).json["reason"] == "store_unavailable"
    answer = receiver.post("/", event, content_type=SET_TYPE, status=503)
    assert int(answer.headers["Retry-After"]) >= 1
    server.start()
    deadline = time.monotonic() + 30
    while receiver.post("/", event, content_type=SET_TYPE, expect_errors=True).status_int != 202:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert api.get("/", status=401).json["reason"] == "token_revoked"


@pytest.mark.slow
def test_the_command_writes_to_the_server(server: StoreServer, local: LocalIssuer) -> None:
    api = stack(local, server)
    token = local.authorize(api, sub="user-1")
    assert api.get("/").status_int == 200
    result = run_program("revoke", "--store", server.url, "--json", stdin=token)
    assert (result.status, result.errors) == (0, "")
    assert result.json["denied"] == "token"
    assert token not in result.output
    assert api.get("/", status=401).json["reason"] == "token_revoked"
    for kind, value in (("subject", "u"), ("session", "s"), ("client", "c"), ("key", "k")):
        words = ("revoke", "--issuer", ISSUER, f"--{kind}", value, "--json")
        answer = run(*words, env={"STORE_URL": server.url})
        assert (answer.status, answer.json["value"]) == (0, value)
    assert len(server.control.keys("jwt-wsgi:*")) == 7


def test_a_command_without_a_server_fails_and_shows_no_password() -> None:
    url = "redis://:secret-password@127.0.0.1:1/0"
    result = run("revoke", "--issuer", ISSUER, "--subject", "u", "--store", url)
    assert result.status == 1
    assert "unavailable" in result.errors
    assert "secret-password" not in result.output + result.errors
    result = run("revoke", "--issuer", ISSUER, "--subject", "u", "--store", "secret-password")
    assert result.status == 2
    assert "secret-password" not in result.output + result.errors


def test_a_request_is_one_round_trip(server: StoreServer) -> None:
    deny = DenyList(RedisStore(server.url), cache_ttl=60)
    auth = auth_of(sid="s", client_id="c")
    assert not deny(auth)
    before = server.control.info("stats")["total_commands_processed"]
    for _ in range(1_000):
        assert not deny(auth)
    assert server.control.info("stats")["total_commands_processed"] - before <= 2
    uncached = DenyList(RedisStore(server.url), cache_ttl=0)
    uncached(auth)
    commands = server.control.info("commandstats")
    before = {name: row["calls"] for name, row in commands.items()}
    for _ in range(100):
        uncached(auth)
    after = {name: row["calls"] for name, row in server.control.info("commandstats").items()}
    rises = {name: calls - before.get(name, 0) for name, calls in after.items()}
    assert {name: rise for name, rise in rises.items() if rise > 2} == {"cmdstat_mget": 100}


def test_the_json_of_a_target_is_one_document(server: StoreServer) -> None:
    words = ("revoke", "--issuer", ISSUER, "--subject", "u", "--store", server.url, "--json")
    expected = {"denied": "subject", "issuer": ISSUER, "value": "u", "written": True}
    assert json.loads(run(*words).output) == expected
