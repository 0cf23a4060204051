"""The store on Redis behind a whole stack: what it holds, how `check` warns, and the race for one proof."""

from __future__ import annotations

import collections
import contextlib
import json
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from command_line import run
from environs import environ
from ports import free_port
from processes import running
from replay_app import AUDIENCE, ISSUER, hello
from store_servers import REDIS, SERVERS, StoreServer, needs_redis, serving
from waiting import eventually

from jwt_wsgi import AUTHENTICATED, DPoP, protect
from jwt_wsgi.revocation import DenyList
from jwt_wsgi.stores import RedisStore
from jwt_wsgi.testing import DPoPKey, LocalIssuer

LOCAL = LocalIssuer(ISSUER, audience=AUDIENCE, algorithms=("ES256",))


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> Iterator[StoreServer]:
    with serving(request.param) as server:
        yield server


def status_of(app: Any, token: str, proof: str) -> str:
    """Return the status with which an application answers a request with a proof."""
    statuses: list[str] = []
    headers = {"HTTP_AUTHORIZATION": f"DPoP {token}", "HTTP_DPOP": proof}
    app(environ("/", **headers), lambda status, *rest: statuses.append(status))
    return statuses[-1]


def protected(store: RedisStore) -> Any:
    return protect(
        hello, issuer=LOCAL.trusted(), rules={"/": AUTHENTICATED}, dpop=DPoP(AUDIENCE, replay=store)
    )


def test_a_proof_passes_one_of_two_stacks_and_leaves_only_a_hash(server: StoreServer) -> None:
    server.control.flushall()
    stacks = [protected(RedisStore(server.url, timeout=30)) for _ in range(2)]
    key = DPoPKey()
    token = LOCAL.token(cnf=key)
    proof = key.proof("GET", f"{AUDIENCE}/", token, jti="the-identifier")
    assert [status_of(app, token, proof)[:3] for app in (*stacks, *stacks)] == ["200"] + ["401"] * 3
    [mark] = server.control.keys("*")
    assert re.fullmatch(rb"jwt-wsgi:[\w-]{43}", mark)
    for text in (*token.split("."), *proof.split("."), key.thumbprint, "the-identifier"):
        assert text.encode() not in mark
    assert server.control.get(mark) == b""
    assert 355 < server.control.ttl(mark) <= 361


def test_a_proof_is_answered_with_503_while_the_store_is_down() -> None:
    with serving("valkey") as server:
        app = protected(RedisStore(server.url, timeout=30))
        key = DPoPKey()
        token = LOCAL.token(cnf=key)
        server.stop()
        assert status_of(app, token, key.proof("GET", f"{AUDIENCE}/", token))[:3] == "503"


@pytest.mark.parametrize(("cache_ttl", "count"), [(0, 20), (3600, 1)], ids=["uncached", "cached"])
def test_a_deny_list_asks_the_server_once_for_a_request_or_not_at_all(
    server: StoreServer, cache_ttl: float, count: int
) -> None:
    deny = DenyList(RedisStore(server.url, timeout=30), cache_ttl=cache_ttl)
    app = protect(hello, issuer=LOCAL.trusted(), rules={"/": AUTHENTICATED}, is_revoked=deny)
    token = LOCAL.token(sub="ada", sid="one", azp="client")
    # The first connection makes itself known.
    deny.revoke_subject(ISSUER, "bob")
    server.control.config_resetstat()
    statuses: list[str] = []
    for _ in range(20):
        headers = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
        app(environ("/", **headers), lambda status, *rest: statuses.append(status[:3]))
    calls = {
        name: values["calls"]
        for name, values in server.control.info("commandstats").items()
        if name not in ("cmdstat_info", "cmdstat_config|resetstat")
    }
    assert statuses == ["200"] * 20
    assert calls == {"cmdstat_mget": count}


# --- the command `check`


STACK = """
from jwt_wsgi import AUTHENTICATED, DPoP, Issuer, StaticJWKS, protect
from jwt_wsgi.stores import RedisStore

def hello(environ, start_response):
    raise SystemExit("the application is never called")

issuer = Issuer({issuer!r}, audience={audience!r}, algorithms=["ES256"], keys=StaticJWKS("jwks.json"))
app = protect(
    hello, issuer=issuer, rules={{"/": AUTHENTICATED}}, dpop=DPoP({audience!r}, replay={replay})
)
"""


@contextlib.contextmanager
def stack_file(folder: Path, replay: str, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Write a module `stack` with this store into the current folder."""
    text = STACK.format(issuer=ISSUER, audience=AUDIENCE, replay=replay)
    (folder / "stack.py").write_text(text)
    (folder / "jwks.json").write_text(json.dumps(LOCAL.jwks))
    patch.chdir(folder)
    patch.syspath_prepend(str(folder))
    yield
    sys.modules.pop("stack", None)


@pytest.mark.parametrize("policy", ["noeviction", "allkeys-lru"])
def test_check_warns_of_a_server_that_evicts(
    server: StoreServer, policy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.control.config_set("maxmemory-policy", policy)
    with stack_file(tmp_path, f"RedisStore({server.url!r}, timeout=30)", monkeypatch):
        result = run("check", "--app", "stack:app")
        document = run("check", "--app", "stack:app", "--json").json
        offline = run("check", "--app", "stack:app", "--offline", "--json").json
    assert result.status == 0
    is_warned = policy != "noeviction"
    assert ("allkeys-lru" in result.output) == is_warned
    assert len(document["warnings"]) == is_warned
    assert offline["warnings"] == []


@pytest.mark.parametrize("replay", ["None", "__import__('jwt_wsgi.stores').stores.MemoryStore()"])
def test_check_has_no_warning_without_a_shared_store(
    replay: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stack_file(tmp_path, replay, monkeypatch):
        assert run("check", "--app", "stack:app", "--json").json["warnings"] == []


# --- Sentinel


@needs_redis
def test_a_service_of_a_sentinel_is_a_store(tmp_path: Path) -> None:
    assert REDIS is not None
    port = free_port()
    settings = tmp_path / "sentinel.conf"
    bounds: dict[str, Any] = {"socket_timeout": 30, "socket_connect_timeout": 30, "protocol": 2}
    bounds["retry"] = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    with serving("redis") as main:
        settings.write_text(f"port {port}\nsentinel monitor main 127.0.0.1 {main.port} 1\n")
        with running([REDIS, str(settings), "--sentinel"], port, tmp_path):
            sentinel = redis.Sentinel([("127.0.0.1", port)], sentinel_kwargs=bounds)
            store = RedisStore(sentinel.master_for("main", **bounds), timeout=30)
            eventually(lambda: sentinel.sentinels[0].sentinel_masters()["main"]["is_master"])
            assert store.add("a", b"1", 60)
            assert store.get_many(["a"]) == [b"1"]
            assert store.warnings() == []
            assert repr(store) == "<RedisStore of the service main, prefix='jwt-wsgi:'>"
            sentinel.close()


# --- many workers


@contextlib.contextmanager
def gunicorn(folder: Path, store_url: str, *options: str) -> Iterator[int]:
    """Run a gunicorn with four workers, and return its port."""
    port = free_port()
    folder.mkdir()
    (folder / "jwks.json").write_text(json.dumps(LOCAL.jwks))
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "4"]
    variables = {"STORE_URL": store_url, "JWKS": str(folder / "jwks.json")}
    with running([*command, *options, "replay_app:make()"], port, folder, variables):
        yield port


def send_all(ports: list[int], request: bytes, count: int) -> list[bytes]:
    """Send one request on many connections that are all open before, and return the responses."""
    connections = [
        socket.create_connection(("127.0.0.1", ports[number % len(ports)]), timeout=60)
        for number in range(count)
    ]
    for connection in connections:
        connection.sendall(request)
    return [read_all(connection) for connection in connections]


def read_all(connection: socket.socket) -> bytes:
    with connection, connection.makefile("rb") as file:
        return file.read()


def race(ports: list[int], count: int) -> collections.Counter[tuple[str, str]]:
    """Send one new proof many times, and return how many answers have which status and reason."""
    key = DPoPKey()
    token = LOCAL.token(cnf=key)
    proof = key.proof("GET", f"{AUDIENCE}/", token)
    request = (
        f"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
        f"Authorization: DPoP {token}\r\nDPoP: {proof}\r\n\r\n"
    )
    answers: collections.Counter[tuple[str, str]] = collections.Counter()
    workers = set()
    for response in send_all(ports, request.encode(), count):
        head = response.partition(b"\r\n\r\n")[0].decode("latin-1")
        reason = re.search(r"(?mi)^X-Reason: (\S+)", head)
        worker = re.search(r"(?mi)^X-Worker: (\S+)", head)
        assert reason is not None, response
        assert worker is not None, response
        answers[head[9:12], reason[1]] += 1
        workers.add(worker[1])
    assert len(workers) > len(ports)
    return answers


@pytest.mark.slow
def test_one_of_1000_sends_of_a_proof_to_eight_workers_passes(
    server: StoreServer, tmp_path: Path
) -> None:
    with (
        gunicorn(tmp_path / "one", server.url) as one,
        gunicorn(tmp_path / "two", server.url) as two,
    ):
        assert race([one, two], 1000) == {("200", "none"): 1, ("401", "proof_replayed"): 999}


@pytest.mark.slow
def test_one_of_200_sends_of_a_proof_to_gevent_workers_passes(
    server: StoreServer, tmp_path: Path
) -> None:
    with (
        gunicorn(tmp_path / "one", server.url, "--worker-class=gevent") as one,
        gunicorn(tmp_path / "two", server.url, "--worker-class=gevent", "--preload") as two,
    ):
        for _ in range(3):
            assert race([one, two], 200) == {("200", "none"): 1, ("401", "proof_replayed"): 199}
