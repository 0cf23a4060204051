"""One bounded GET over real HTTP: TLS, proxies, lifetimes, and bad replies."""

from __future__ import annotations

import base64
import json
import socket
import socketserver
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from conftest import Clock
from waiting import idle

from jwt_wsgi import KeysUnavailable, RemoteJWKS
from jwt_wsgi.http.client import Fetcher
from jwt_wsgi.http.fetching import FetchError
from jwt_wsgi.http.resolving import Resolver
from jwt_wsgi.testing import SigningKey

KEY = SigningKey("ES256", "a").jwk or {}


def jwks(**members: Any) -> bytes:
    return json.dumps({"keys": [{**KEY, **members}]}).encode()


def http(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    """Return a whole reply; `Cache_Control="…"` is a header."""
    usual = {"Content-Length": str(len(body)), "Connection": "close"}
    extra = {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [
        f"HTTP/1.1 {status}",
        *(f"{name}: {value}" for name, value in {**usual, **extra}.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Server(socketserver.ThreadingTCPServer):
    """A server on loopback that answers with `answer`: a reply, or a function of the socket.

    `requests` are the heads that arrived, `connections` their sockets.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: bytes | Callable[[socket.socket], None]) -> None:
        super().__init__(("127.0.0.1", 0), None)
        self.answer = answer
        self.requests: list[str] = []
        self.connections: list[socket.socket] = []

    @property
    def port(self) -> int:
        return self.server_address[1]

    def url(self, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}/jwks"

    def finish_request(self, request: Any, client_address: object) -> None:
        self.connections.append(request)
        answer: object = b"keep-alive"
        while (
            isinstance(answer, bytes) and b"keep-alive" in answer and (head := read_head(request))
        ):
            self.requests.append(head)
            answer = self.answer
            answer(request) if callable(answer) else request.sendall(answer)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that hang up: many of these tests make them do so."""


def read_head(connection: socket.socket) -> str:
    head = b""
    while not head.endswith(b"\r\n\r\n") and (piece := connection.recv(1)):
        head += piece
    return head.decode("latin-1")


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers, with TLS if a context is passed, and stop them at the end."""
    with ExitStack() as stack:

        def start(
            answer: bytes | Callable[[socket.socket], None], tls: ssl.SSLContext | None = None
        ) -> Server:
            return stack.enter_context(running(Server(answer), tls))

        yield start


@contextmanager
def running(server: Server, tls: ssl.SSLContext | None) -> Iterator[Server]:
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        for connection in server.connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        idle()


def fetcher(**options: Any) -> Fetcher:
    return Fetcher(**{"timeout": 2.0, "max_bytes": 65536, **options})


# --- the request -------------------------------------------------------------------------------


def test_construction_opens_no_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        RemoteJWKS(f"http://127.0.0.1:{listening.getsockname()[1]}/jwks")
        with pytest.raises(BlockingIOError):
            listening.accept()


def test_the_request_accepts_unencoded_json_and_has_the_configured_headers(
    serve: Callable[..., Server],
) -> None:
    server = serve(http(jwks()))
    fetcher(headers={"X-Tenant": "one"})(server.url())
    lines = [line.lower() for line in server.requests[0].splitlines()]
    assert lines[0] == "get /jwks http/1.1"
    assert {
        "accept: application/json, application/jwk-set+json",
        "accept-encoding: identity",
        "user-agent: jwt-wsgi",
        "x-tenant: one",
    } <= {*lines}


def sent(server: Server, name: str) -> list[str]:
    """Return the values of a header, by any spelling of its name, in the last request."""
    fields = [line.partition(":") for line in server.requests[-1].splitlines()[1:]]
    return [value.strip() for field, _, value in fields if field.lower() == name.lower()]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("accept", "application/jwk-set+json", id="U26 accept in lower case"),
        pytest.param("ACCEPT", "*/*", id="U26 accept in capitals"),
        pytest.param("Accept", "*/*", id="U26 accept"),
        pytest.param("accept-encoding", "identity;q=1", id="U26 accept-encoding"),
        pytest.param("user-agent", "api/1.0", id="U26 user-agent"),
        pytest.param("USER-AGENT", "api/1.0", id="U26 user-agent in capitals"),
        pytest.param("host", "keys.internal", id="U26 host"),
        pytest.param("x-tenant", "one", id="U26 no default"),
    ],
)
def test_a_header_of_the_user_replaces_the_default_one_whatever_its_case(
    name: str, value: str, serve: Callable[..., Server]
) -> None:
    server = serve(http(jwks()))
    fetcher(headers={name: value})(server.url())
    assert sent(server, name) == [value]
    for default in ("accept", "accept-encoding", "user-agent", "host"):
        assert len(sent(server, default)) == 1


@pytest.mark.parametrize("name", ["accept", "Accept", "host", "user-agent"])
def test_a_proxy_receives_one_header_of_each_name_u26(
    name: str, proxied: Callable[[str], None], serve: Callable[..., Server]
) -> None:
    proxy = serve(http(jwks()))
    proxied(f"http://127.0.0.1:{proxy.port}")
    fetcher(headers={name: "x"})(f"http://{ELSEWHERE}/jwks")
    assert sent(proxy, name) == ["x"]


def test_a_tenants_host_receives_the_host_header_of_the_user_u26(
    authority: trustme.CA, roots: Path, serve: Callable[..., Server]
) -> None:
    server = serve(http(jwks()), certified(authority, "localhost"))
    resolver = Resolver(is_public=lambda address: True)
    fetch = fetcher(
        headers={"host": "one.test"}, ca_certs=roots, public_only=True, resolver=resolver
    )
    fetch(server.url("localhost", "https"))
    assert sent(server, "host") == ["one.test"]


def test_headers_are_read_at_each_fetch_from_a_callable_u26(serve: Callable[..., Server]) -> None:
    server = serve(http(jwks()))
    tokens = iter(["one", "two"])
    fetch = fetcher(headers=lambda: {"authorization": f"Bearer {next(tokens)}"})
    for token in ("one", "two"):
        fetch(server.url())
        assert sent(server, "Authorization") == [f"Bearer {token}"]


def raise_a_secret() -> Any:
    raise RuntimeError("hidden")


async def later() -> dict[str, str]:
    return {}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(raise_a_secret, id="U26 an exception"),
        pytest.param(lambda: None, id="U26 None"),
        pytest.param(lambda: "hidden", id="U26 text"),
        pytest.param(lambda: [("Authorization", "hidden")], id="U26 a list"),
        pytest.param(lambda: {"Authorization": "hidden\r\nX: y"}, id="U26 two lines"),
        pytest.param(lambda: {"Authorization": b"hidden"}, id="U26 bytes"),
        pytest.param(lambda: {"hidden value": "Authorization"}, id="U26 an invalid name"),
        pytest.param(lambda: {"A": "hidden", "a": "hidden"}, id="U26 one name twice"),
        pytest.param(lambda: later(), id="U26 an awaitable"),
    ],
)
def test_a_callable_without_valid_headers_fails_the_fetch_and_is_not_logged(
    headers: Any, serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(http(jwks()))
    outcomes = []
    source = RemoteJWKS(
        server.url(), headers=headers, on_fetch=lambda fetched: outcomes.append(fetched.outcome)
    )
    status = source.warm_up()
    idle()
    assert (status.usable, status.failures, outcomes) == (False, 1, ["fetcher_raised"])
    assert str(status.last_error).startswith("headers ")
    assert server.requests == []
    assert "no keys are held yet; requests get 503" in caplog.text
    assert "hidden" not in caplog.text + str(status.last_error)


def test_a_mapping_that_became_invalid_is_a_failed_fetch_u26(serve: Callable[..., Server]) -> None:
    server = serve(http(jwks()))
    headers = {"Authorization": "Bearer one"}
    fetch = fetcher(headers=headers)
    headers["authorization"] = "Bearer two"
    with pytest.raises(FetchError, match="headers are not valid"):
        fetch(server.url())
    assert server.requests == []


def test_one_connection_serves_several_fetches(serve: Callable[..., Server]) -> None:
    server = serve(http(jwks(), Connection="keep-alive"))
    fetch = fetcher()
    assert [fetch(server.url()).body for _ in range(3)] == [jwks()] * 3
    assert (len(server.requests), len(server.connections)) == (3, 1)


FORKING = """
import os, sys
from jwt_wsgi.http.client import Fetcher

fetch, url = Fetcher(20.0, 65536), sys.argv[1]
fetch(url)
child = os.fork()
if child:
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
fetch(url)
sys.exit(0 if not child else status)
"""


def test_a_fork_after_the_first_fetch_shares_no_connection(serve: Callable[..., Server]) -> None:
    server = serve(http(jwks(), Connection="keep-alive"))
    command = [sys.executable, "-c", FORKING, server.url()]
    forked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (forked.returncode, forked.stderr) == (0, "")
    assert (len(server.requests), len(server.connections)) == (3, 2)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"headers": "Authorization"}, id="text"),
        pytest.param({"headers": {"Authorization": "Bearer hidden\n"}}, id="a line end"),
        pytest.param({"headers": {"Two words": "x"}}, id="a name of two words"),
        pytest.param({"headers": {"X-Number": 1}}, id="a number as a value"),
        pytest.param({"headers": {1: "x"}}, id="a number as a name"),
        pytest.param({"headers": {"X-One": "hidden", "x-one": "hidden"}}, id="U26 one name twice"),
        pytest.param({"headers": later}, id="F13 a coroutine function"),
        pytest.param({"headers": [("X-One", "hidden")]}, id="a list of pairs"),
        pytest.param({"ca_certs": "/nowhere/roots.pem"}, id="a file that is not there"),
        pytest.param({"ca_certs": __file__}, id="a file without certificates"),
        pytest.param({"ca_certs": 5}, id="a number as a file"),
    ],
)
def test_invalid_headers_and_roots_are_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(options))}") as refusal:
        RemoteJWKS("https://issuer.test/jwks", **options)
    assert "hidden" not in str(refusal.value)


# --- the lifetime ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "granted"),
    [
        ({}, None),
        ({"Cache_Control": "public"}, None),
        ({"Cache_Control": "max-age=300"}, 300),
        ({"Cache_Control": 'public, MAX-AGE = "300"'}, 300),
        ({"Cache_Control": "s-maxage=900"}, None),
        ({"Cache_Control": "s-maxage=900, max-age=300"}, 300),
        ({"Cache_Control": "max-age=soon"}, None),
        ({"Cache_Control": "max-age=-5"}, None),
        ({"Cache_Control": "no-store"}, 0),
        ({"Cache_Control": "max-age=300, no-cache"}, 0),
        ({"Cache_Control": "max-age=300", "Age": "100"}, 200),
        ({"Cache_Control": "max-age=300", "Age": "400"}, 0),
        ({"Cache_Control": "max-age=300", "Age": "later"}, 300),
        ({"Cache_Control": "max-age=300", "Age": "9" * 5000}, 300),
        ({"Age": "100"}, None),
    ],
    ids=lambda value: str(value)[:50],
)
def test_the_lifetime_is_max_age_less_the_age_of_the_reply(
    headers: dict[str, str], granted: float | None, serve: Callable[..., Server]
) -> None:
    assert fetcher()(serve(http(**headers)).url()).max_age == granted


# --- bad replies -------------------------------------------------------------------------------


DATED = {"Date": "Wed, 25 Nov 2026 12:00:00 GMT"}


def test_a_document_has_the_headers_of_its_reply(serve: Callable[..., Server]) -> None:
    reply = fetcher()(serve(http(jwks(), **DATED)).url())
    assert (reply.body, reply.headers["date"]) == (jwks(), DATED["Date"])


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param(http(b"", "503 Service Unavailable", **DATED), id="a status"),
        pytest.param(http(b"", Content_Encoding="gzip", **DATED), id="an encoded reply"),
        pytest.param(http(b" " * 65537, **DATED), id="too many bytes"),
    ],
)
def test_a_failure_has_the_headers_of_the_reply_if_there_was_one(
    refused: bytes, serve: Callable[..., Server]
) -> None:
    with pytest.raises(FetchError) as raised:
        fetcher()(serve(refused).url())
    assert raised.value.headers["date"] == DATED["Date"]


def test_a_failure_without_a_reply_has_no_headers(serve: Callable[..., Server]) -> None:
    with pytest.raises(FetchError) as raised:
        fetcher()(serve(b"").url())
    assert dict(raised.value.headers) == {}


def forever(connection: socket.socket) -> None:
    connection.sendall(http(b"", Content_Length="99999999999"))
    while True:
        connection.sendall(b" " * 65536)


BAD: dict[str, object] = {
    "500": http(jwks(), "500 Internal Server Error"),
    "404": http(jwks(), "404 Not Found"),
    "206": http(jwks(), "206 Partial Content"),
    "204": http(b"", "204 No Content"),
    "gzip": http(jwks(), Content_Encoding="gzip"),
    "an unknown encoding": http(jwks(), Content_Encoding="x-bomb"),
    "an endless body": forever,
    "half a body": http(jwks()[:40], Content_Length=str(len(jwks()))),
    "no HTTP": b"SSH-2.0-nothing\r\n\r\n",
    "silence": b"",
    "HTML": http(b"<!doctype html><title>Sign in</title>", Content_Type="text/html"),
    "an empty body": http(b""),
    "garbage": http(b"\x00\xff\xfe"),
    "not an object": http(b"[]"),
    "no keys": http(b"{}"),
    "an empty set": http(b'{"keys": []}'),
    "keys of a wrong type": http(b'{"keys": {"kid": "a"}}'),
    "a member twice": http(b'{"keys": [], "keys": []}'),
    "only keys for encryption": http(jwks(use="enc")),
    "only private keys": http(jwks(d="AA")),
    "too many keys": http(json.dumps({"keys": [KEY] * 101}).encode()),
    "too many bytes": http(jwks() + b" " * 524288),
    "deep JSON": http(b'{"keys": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_reply_never_replaces_a_good_set(
    bad: Any, serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    server = serve(http(jwks()))
    source = RemoteJWKS(server.url(), clock=clock, timeout=0.5)
    assert source.find("a", "ES256")
    good = source.held()
    server.answer = bad
    clock.advance(541)
    source.held()
    idle()
    assert len(server.requests) == 2
    assert source.held() is good
    assert "the last good keys stay" in caplog.text
    with pytest.raises(KeysUnavailable):
        source.find("b", "ES256")


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_first_reply_is_refused_and_the_next_good_one_is_used(
    bad: Any, serve: Callable[..., Server]
) -> None:
    clock = Clock()
    server = serve(bad)
    source = RemoteJWKS(server.url(), clock=clock, timeout=0.5)
    with pytest.raises(KeysUnavailable):
        source.find("a", "ES256")
    assert source.held() is None
    idle()
    server.answer = http(jwks())
    clock.advance(1.3)
    assert source.find("a", "ES256")


def test_an_endless_body_is_aborted_as_soon_as_it_is_too_long(serve: Callable[..., Server]) -> None:
    with pytest.raises(FetchError, match="more than 65536 bytes"):
        fetcher()(serve(forever).url())


@pytest.mark.parametrize(
    "status", ["301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect"]
)
def test_a_redirect_is_not_followed(status: str, serve: Callable[..., Server]) -> None:
    target = serve(http(jwks()))
    server = serve(http(jwks(), status, Location=target.url()))
    with pytest.raises(FetchError, match=status[:3]) as refusal:
        fetcher()(server.url())
    assert refusal.value.status == int(status[:3])
    assert target.requests == []


@pytest.mark.parametrize(
    ("location", "quoted"),
    [
        pytest.param("http://10.0.0.1/keys", "to 'http://10.0.0.1/keys', which", id="another host"),
        pytest.param("/x\x1b[2J\xe4", r"to '/x\x1b[2J\xe4', which", id="escaped"),
        pytest.param("/" + "x" * 5000, "to '/" + "x" * 198 + ", which", id="cut"),
    ],
)
def test_the_reason_names_where_a_redirect_points(
    location: str, quoted: str, serve: Callable[..., Server]
) -> None:
    lines = [
        "HTTP/1.1 302 Found",
        "Content-Length: 0",
        "Connection: close",
        f"Location: {location}",
    ]
    server = serve("\r\n".join([*lines, "", ""]).encode("latin-1"))
    with pytest.raises(FetchError) as refusal:
        fetcher()(server.url())
    reason = f"HTTP status 302, a redirect {quoted} is not followed: "
    assert str(refusal.value).startswith(reason)


@pytest.mark.parametrize(
    "status", ["302 Found", "304 Not Modified", "400 Bad Request"], ids=lambda text: text[:3]
)
def test_the_reason_is_the_status_alone_where_nothing_is_pointed_at(
    status: str, serve: Callable[..., Server]
) -> None:
    with pytest.raises(FetchError, match=f"^HTTP status {status[:3]}$"):
        fetcher()(serve(http(b"", status)).url())


@pytest.mark.parametrize(
    ("encoding", "quoted"),
    [
        pytest.param("gzip", "'gzip'", id="compressed"),
        pytest.param("identity, br", "'identity, br'", id="a list"),
        pytest.param("x" * 500, "'" + "x" * 99, id="cut"),
    ],
)
def test_the_reason_names_the_encoding_of_an_encoded_reply(
    encoding: str, quoted: str, serve: Callable[..., Server]
) -> None:
    with pytest.raises(FetchError) as refusal:
        fetcher()(serve(http(jwks(), Content_Encoding=encoding)).url())
    expected = f"the reply has the encoding {quoted}, and only identity is accepted: "
    assert str(refusal.value).startswith(expected)


@pytest.mark.parametrize("encoding", ["identity", "IDENTITY", ""])
def test_a_reply_that_is_marked_as_not_encoded_is_accepted(
    encoding: str, serve: Callable[..., Server]
) -> None:
    server = serve(http(jwks(), Content_Encoding=encoding))
    assert fetcher()(server.url()).body == jwks()


def test_a_reply_at_the_bounds_is_accepted(serve: Callable[..., Server]) -> None:
    source = RemoteJWKS(serve(http(jwks())).url(), max_bytes=len(jwks()), max_keys=1)
    assert source.find("a", "ES256")


def test_a_closed_port_is_a_failed_fetch() -> None:
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    with pytest.raises(FetchError):
        fetcher()(f"http://127.0.0.1:{port}/jwks")


# --- slow servers ------------------------------------------------------------------------------


def dripping(prefix: bytes) -> Callable[[socket.socket], None]:
    """Return an answer that sends `prefix`, then a byte every 20 ms until the client hangs up."""

    def drip(connection: socket.socket) -> None:
        connection.sendall(prefix)
        while True:
            connection.sendall(b"a")
            time.sleep(0.02)

    return drip


def silent(connection: socket.socket) -> None:
    connection.recv(1)


SLOW = {
    "silence": silent,
    "a dripping status line": dripping(b""),
    "dripping headers": dripping(b"HTTP/1.1 200 OK\r\nX-Slow: "),
    "a dripping body": dripping(http(b"", Content_Length="99999")),
}


@pytest.mark.parametrize("slow", SLOW.values(), ids=SLOW.keys())
def test_a_request_waits_for_a_slow_server_until_the_time_out_only(
    slow: Any, serve: Callable[..., Server]
) -> None:
    server = serve(slow)
    source = RemoteJWKS(server.url(), timeout=0.2)
    started = time.monotonic()
    with pytest.raises(KeysUnavailable):
        source.find("a", "ES256")
    assert time.monotonic() - started < 5


def test_a_dripping_body_is_aborted_at_the_time_out(serve: Callable[..., Server]) -> None:
    with pytest.raises(FetchError, match=r"not complete within 0\.2 s"):
        fetcher(timeout=0.2)(serve(SLOW["a dripping body"]).url())


# --- TLS ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def roots(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "roots.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


def certified(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.mark.parametrize("as_text", [True, False], ids=["text", "path"])
def test_a_server_is_trusted_by_the_configured_roots(
    as_text: bool, authority: trustme.CA, roots: Path, serve: Callable[..., Server]
) -> None:
    server = serve(http(jwks()), certified(authority, "localhost"))
    source = RemoteJWKS(server.url("localhost", "https"), ca_certs=str(roots) if as_text else roots)
    assert source.find("a", "ES256")


@pytest.mark.parametrize(
    ("name", "trusted"),
    [
        pytest.param("localhost", False, id="unknown roots"),
        pytest.param("other.test", True, id="another name"),
    ],
)
def test_a_server_without_a_valid_certificate_receives_no_request(
    name: str, trusted: bool, authority: trustme.CA, roots: Path, serve: Callable[..., Server]
) -> None:
    server = serve(http(jwks()), certified(authority, name))
    with pytest.raises(FetchError, match="the certificate of localhost"):
        fetcher(ca_certs=roots if trusted else None)(server.url("localhost", "https"))
    assert server.requests == []


# --- proxies -----------------------------------------------------------------------------------

ELSEWHERE = "keys.issuer.test"


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Set a proxy for http and https in the environment, and remove all exemptions."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def through(proxy: str) -> None:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        monkeypatch.setenv("HTTPS_PROXY", proxy)

    return through


def tunnel(tls: ssl.SSLContext) -> Callable[[socket.socket], None]:
    """Return the answer of a proxy to CONNECT, and of the issuer behind it."""

    def speak(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with tls.wrap_socket(connection, server_side=True) as inner:
            read_head(inner)
            inner.sendall(http(jwks()))

    return speak


def first_line(server: Server) -> str:
    return server.requests[0].splitlines()[0]


@pytest.mark.parametrize("scheme", ["http://", ""], ids=["with scheme", "without scheme"])
def test_http_goes_through_the_proxy_of_the_environment(
    scheme: str, proxied: Callable[[str], None], serve: Callable[..., Server]
) -> None:
    proxy = serve(http(jwks()))
    proxied(f"{scheme}127.0.0.1:{proxy.port}")
    assert fetcher()(f"http://{ELSEWHERE}/jwks").body == jwks()
    assert first_line(proxy) == f"GET http://{ELSEWHERE}/jwks HTTP/1.1"


def test_https_is_tunnelled_and_the_certificate_of_the_issuer_is_checked(
    authority: trustme.CA, roots: Path, proxied: Callable[[str], None], serve: Callable[..., Server]
) -> None:
    proxy = serve(tunnel(certified(authority, ELSEWHERE)))
    proxied(f"http://127.0.0.1:{proxy.port}")
    assert fetcher(ca_certs=roots)(f"https://{ELSEWHERE}/jwks").body == jwks()
    # http.client uses HTTP 1.0 here before Python 3.12.
    assert first_line(proxy).startswith(f"CONNECT {ELSEWHERE}:443 HTTP/1.")


def test_a_proxy_receives_the_credentials_of_its_url(
    proxied: Callable[[str], None], serve: Callable[..., Server]
) -> None:
    proxy = serve(http(jwks()))
    proxied(f"http://user:p%40ss@127.0.0.1:{proxy.port}")
    fetcher()(f"http://{ELSEWHERE}/jwks")
    credentials = base64.b64encode(b"user:p@ss").decode()
    assert f"proxy-authorization: basic {credentials}".lower() in proxy.requests[0].lower()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_no_proxy_is_used_for_loopback(
    host: str, proxied: Callable[[str], None], serve: Callable[..., Server]
) -> None:
    proxy, server = serve(http(b"")), serve(http(jwks()))
    proxied(f"http://127.0.0.1:{proxy.port}")
    assert fetcher()(server.url(host)).body == jwks()
    assert proxy.requests == []


# 0.0.0.0 reaches this machine, but is not treated as loopback.
@pytest.mark.parametrize("exempt", [True, False], ids=["exempt", "not exempt"])
def test_no_proxy_is_used_for_a_host_that_the_environment_exempts(
    exempt: bool,
    proxied: Callable[[str], None],
    serve: Callable[..., Server],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy, server = serve(http(b"by proxy")), serve(http(jwks()))
    proxied(f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", "0.0.0.0" if exempt else "other.test")
    assert fetcher()(server.url("0.0.0.0")).body == (jwks() if exempt else b"by proxy")
