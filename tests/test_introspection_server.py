"""Introspection over real sockets: Authlib's endpoint, and one that fails on command."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from fault_server import BAD, ENDPOINT, SLOW, FaultServer, read_form
from introspection_server import API_ID, AUDIENCE, CLIENT_ID, SECRET
from ports import free_port
from processes import running
from refusals import reason

from jwt_wsgi import Introspection, TemporarilyUnavailable, Verifier
from jwt_wsgi.http.client import Fetcher
from jwt_wsgi.http.fetching import FetchError
from jwt_wsgi.introspection import (
    BearerToken,
    ClientAuthentication,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJWT,
)
from jwt_wsgi.testing import LocalIssuer, SigningKey

TESTS = Path(__file__).resolve().parent
KEY = SigningKey("RS256")
#: The client's name and secret as RFC 6749 §2.3.1 encodes them.
BASIC = (CLIENT_ID, quote(SECRET, safe=""))


# --- Authlib


@pytest.fixture(scope="module")
def authlib(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, str(TESTS / "introspection_server.py"), str(port)]
    environment = {"API_PUBLIC_KEY": KEY.pem.decode()}
    with running(command, port, tmp_path_factory.mktemp("authlib"), environment):
        yield f"http://127.0.0.1:{port}/"


class Server:
    """Authlib's server, as its client and the API see it."""

    def __init__(self, url: str) -> None:
        self.url = url

    def token(self, scope: str = "read") -> str:
        answer = requests.post(
            f"{self.url}token",
            auth=BASIC,
            data={"grant_type": "client_credentials", "scope": scope},
            timeout=30,
        )
        print(answer.status_code, answer.text)
        return answer.json()["access_token"]

    def revoke(self, token: str) -> None:
        requests.post(
            f"{self.url}revoke", auth=BASIC, data={"token": token}, timeout=30
        ).raise_for_status()

    @property
    def calls(self) -> int:
        return requests.get(f"{self.url}calls", timeout=30).json()["introspection"]

    def introspection(self, client_auth: ClientAuthentication, **options: Any) -> Introspection:
        usual = {"issuer": self.url, "audience": AUDIENCE, "timeout": 30}
        return Introspection(
            options.pop("endpoint", f"{self.url}introspect"),
            client_auth=client_auth,
            **{**usual, **options},
        )


@pytest.fixture
def server(authlib: str) -> Server:
    return Server(authlib)


CLIENTS = {
    "Basic": ClientSecretBasic(API_ID, SECRET),
    "Post": ClientSecretPost(API_ID, SECRET),
    "PrivateKeyJWT": PrivateKeyJWT(API_ID, KEY.private, algorithm="RS256"),
}


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("endpoint", ["named", "discovered"])
def test_authlib_answers_about_its_opaque_tokens(
    server: Server, client: str, endpoint: str
) -> None:
    options = {} if endpoint == "named" else {"endpoint": None}
    verifier = Verifier(server.introspection(CLIENTS[client], **options))
    token = server.token("read write")
    auth = verifier.verify(token)
    assert (auth.subject, auth.scopes) == (CLIENT_ID, {"read", "write"})
    assert auth.claims["active"] is True
    assert reason(verifier, "invented") == "token_inactive"


@pytest.mark.slow
def test_authlib_ends_a_token_within_the_time_of_the_cache(server: Server) -> None:
    verifier = Verifier(server.introspection(CLIENTS["Post"], cache_ttl=0.3))
    token = server.token()
    assert reason(verifier, token) is None
    server.revoke(token)
    time.sleep(0.3)
    assert reason(verifier, token) == "token_inactive"


@pytest.mark.slow
@pytest.mark.parametrize(
    "client",
    [
        pytest.param(ClientSecretBasic(API_ID, "wrong"), id="a wrong secret"),
        pytest.param(ClientSecretPost("nobody", SECRET), id="an unknown client"),
        pytest.param(BearerToken(lambda: "token"), id="a way that it does not know"),
        pytest.param(
            PrivateKeyJWT(API_ID, SigningKey("RS256").private, algorithm="RS256"), id="another key"
        ),
    ],
)
def test_authlib_refuses_other_clients_and_the_log_says_so(
    server: Server, client: ClientAuthentication, caplog: pytest.LogCaptureFixture
) -> None:
    opaque = server.introspection(client)
    assert reason(Verifier(opaque), server.token()) == "introspection_unavailable"
    assert "a mistake of the configuration: correct client_auth" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.slow
def test_a_thousand_requests_of_fifty_threads_are_one_call_of_authlib(server: Server) -> None:
    verifier = Verifier(server.introspection(CLIENTS["Post"]))
    token = server.token()
    before = server.calls
    reasons: list[str | None] = []
    threads = [
        threading.Thread(target=lambda: reasons.extend(reason(verifier, token) for _ in range(20)))
        for _ in range(50)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert reasons == [None] * 1000
    assert server.calls - before == 1


# --- an endpoint that fails on command


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    with FaultServer(tmp_path_factory.mktemp("faults")) as faults:
        yield faults


@pytest.fixture
def faults(started: FaultServer) -> FaultServer:
    started.reset()
    started.publish_answers({"good": {"active": True, "aud": AUDIENCE, "sub": "a"}})
    started.publish("{}", path="/introspect")
    return started


def at(faults: FaultServer, listener: str = "plain", **options: Any) -> Introspection:
    return Introspection(
        faults.url(listener, "/introspect"),
        issuer="https://as.example.com/",
        audience=AUDIENCE,
        client_auth=ClientSecretBasic("api", "secret"),
        **{"timeout": 30, **options},
    )


def test_a_form_is_posted_and_answered_over_a_socket(faults: FaultServer) -> None:
    verifier = Verifier(at(faults))
    assert verifier.verify("good").subject == "a"
    assert reason(verifier, "bad+/~.-_==") == "token_inactive"
    assert faults.counted("/introspect") == 2


#: What a bad answer means; the others are a failure of the endpoint.
ABOUT_THE_TOKEN = {"status_400": "token_inactive"}
#: Bad key sets that are good answers.
GOOD_ANSWERS = {"empty_set", "many_keys"}


@pytest.mark.parametrize("fault", sorted((BAD | ENDPOINT).keys() - GOOD_ANSWERS - {"deep_json"}))
def test_a_bad_answer_is_no_verdict(faults: FaultServer, fault: str) -> None:
    opaque = at(faults)
    verifier = Verifier(opaque)
    assert reason(verifier, "good") is None
    faults.fail(fault, "/introspect")
    expected = ABOUT_THE_TOKEN.get(fault, "introspection_unavailable")
    assert reason(verifier, "new") == expected
    assert reason(verifier, "good") is None, "what is cached stays good"
    assert faults.counted("/introspect") == 2
    assert faults.counted("/introspect", "elsewhere") == 0, "no redirect is followed"
    assert opaque.status().failures == (0 if fault in ABOUT_THE_TOKEN else 1)


def test_retry_after_is_the_servers_up_to_thirty_seconds(faults: FaultServer) -> None:
    verifier = Verifier(at(faults))
    faults.fail("status_429", "/introspect")
    with pytest.raises(TemporarilyUnavailable) as error:
        verifier.verify("good")
    assert 29 < error.value.retry_after <= 30, "it asked for 45"


@pytest.mark.parametrize("fault", sorted(SLOW))
def test_a_slow_answer_is_given_up_in_time(faults: FaultServer, fault: str) -> None:
    verifier = Verifier(at(faults, timeout=0.3))
    faults.fail(fault, "/introspect")
    started = time.monotonic()
    assert reason(verifier, "good") == "introspection_unavailable"
    assert time.monotonic() - started < 20
    faults.release()


def test_a_refused_connection_is_no_verdict(faults: FaultServer) -> None:
    opaque = at(faults)
    faults.fail("refuse", "/introspect")
    assert reason(Verifier(opaque), "good") == "introspection_unavailable"
    assert "refuses connections" in (opaque.status().last_error or "")


@pytest.mark.parametrize(
    ("listener", "expected"),
    [
        ("trusted", None),
        ("untrusted", "introspection_unavailable"),
        ("expired", "introspection_unavailable"),
    ],
)
def test_the_endpoints_certificate_is_checked(
    faults: FaultServer, listener: str, expected: str | None
) -> None:
    opaque = at(faults, listener, ca_certs=faults.roots)
    assert reason(Verifier(opaque), "good") == expected


def test_the_users_headers_are_sent_beside_the_own_ones() -> None:
    local = LocalIssuer(algorithms=["ES256"])
    seen: list[dict[str, str]] = []
    answer_form = local.answer_form

    def record(path: str, form: bytes, headers: Any) -> bytes:
        seen.append(dict(headers))
        return answer_form(path, form, headers)

    local.answer_form = record  # type: ignore[method-assign]
    with local.serve():
        headers = {"X-Tenant": "a", "authorization": "Bearer of-a-gateway", "accept": "text/plain"}
        opaque = local.introspection(fetch=None, headers=headers)
        assert reason(Verifier(opaque), local.opaque_token()) is None
    assert seen[0]["X-Tenant"] == "a"
    assert seen[0]["Authorization"].startswith("Basic ")
    assert seen[0]["Accept"] == "application/json"


class Closing:
    """A server that answers each connection once, and closes it at the next request.

    With `answers` of 0 it closes every connection without an answer.
    """

    BODY = b'{"active": false}'

    def __init__(self, answers: int = 1) -> None:
        self.answers = answers
        self.connections = 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/introspect"
        self.current = self.socket
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections += 1
            self.current = connection
            with connection, suppress(OSError):
                for _ in range(self.answers):
                    self.read_request(connection)
                    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.BODY)}\r\n\r\n"
                    connection.sendall(head.encode() + self.BODY)
                self.read_request(connection)

    def read_request(self, connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received and (piece := connection.recv(65536)):
            received += piece
        head, end, rest = received.partition(b"\r\n\r\n")
        if end:
            read_form(connection, head, rest)

    def __enter__(self) -> Closing:
        return self

    def __exit__(self, *_: object) -> None:
        for each in (self.socket, self.current):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(30)


def asked_at(url: str) -> Introspection:
    return Introspection(
        url,
        issuer="https://as.example.com/",
        audience=AUDIENCE,
        client_auth=ClientSecretBasic("api", "secret"),
        timeout=30,
    )


def test_a_kept_connection_that_the_server_closes_costs_nobody_an_answer() -> None:
    with Closing() as closing:
        opaque = asked_at(closing.url)
        verifier = Verifier(opaque)
        for number in range(4):
            assert reason(verifier, f"token{number}") == "token_inactive"
        assert closing.connections == 4
        assert opaque.status().failures == 0


def test_a_new_connection_without_an_answer_is_a_failure_at_once() -> None:
    with Closing(answers=0) as closing:
        assert reason(Verifier(asked_at(closing.url)), "token") == "introspection_unavailable"
        assert closing.connections == 1


def test_one_deadline_covers_several_requests_of_a_sender() -> None:
    local = LocalIssuer(algorithms=["ES256"])
    with local.serve(), local.slow(0.2):
        send = Fetcher(timeout=30, max_bytes=1000).begin_sending(0.3)
        assert send(local.jwks_uri, None, {})
        with pytest.raises(FetchError) as error:
            send(local.jwks_uri, None, {})
    assert error.value.outcome == "timeout"


GEVENT = """
import gevent.monkey
gevent.monkey.patch_all()
import gevent, sys
from jwt_wsgi import Introspection, Verifier, AuthError
from jwt_wsgi.introspection import ClientSecretBasic

opaque = Introspection(
    sys.argv[1], issuer="https://as.example.com/", audience="https://api.example.com",
    client_auth=ClientSecretBasic("api", "secret"), timeout=30,
)
verifier = Verifier(opaque)

def ask(token):
    try:
        return verifier.verify(token).subject
    except AuthError as error:
        return error.reason

def ended():
    try:
        with gevent.Timeout(0.2):
            ask("slow")
    except gevent.Timeout:
        return "ended"

jobs = [gevent.spawn(ask, "good") for _ in range(50)]
gevent.joinall(jobs, timeout=30)
print(sorted({job.value for job in jobs}), opaque.status().attempts, flush=True)
print(sys.stdin.readline().strip())
print(ended(), opaque.status().failures, ask("good"), ask("other"))
"""


@pytest.mark.slow
def test_greenlets_share_a_call_and_may_be_ended(faults: FaultServer) -> None:
    faults.fail("late", "/introspect")
    environment = {**os.environ, "PYTHONPATH": str(TESTS.parent)}
    with subprocess.Popen(
        [sys.executable, "-c", GEVENT, faults.url(path="/introspect")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "['a'] 1\n"
            faults.fail("hang_before_headers", "/introspect")
            printed, _ = process.communicate("go\n", timeout=60)
        finally:
            # Popen would wait for a process that hangs.
            process.kill()
    assert printed == "go\nended 1 a introspection_unavailable\n"
    faults.release()
