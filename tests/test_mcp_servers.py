"""Bodies through real servers: chunked, announced with `Expect`, too long, cut short."""

from __future__ import annotations

import contextlib
import hashlib
import json
import socket

import pytest
from matrix.servers import COMMANDS, VARIANTS, each_of, serving
from mcp_served import MAX_BYTES, TRUST

from jwt_wsgi.testing import LocalIssuer

pytestmark = pytest.mark.slow

LOCAL = LocalIssuer(algorithms=("ES256",))
TRUSTED = {
    TRUST: json.dumps({"issuer": LOCAL.issuer, "audience": LOCAL.audience, "jwks": LOCAL.jwks})
}
#: These read no chunked bodies, or do not say where they end.
LENGTH_ALONE = {"uwsgi", "wsgiref"}
each_server = each_of([*COMMANDS, *VARIANTS])


@pytest.fixture(scope="module")
def server(request):
    with serving(request.param, TRUSTED, "mcp_served") as listening:
        yield listening


def body(tool="search", size=0):
    members = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}}
    return json.dumps(members).encode().ljust(size)


def chunked(octets, size=7):
    pieces = [octets[start : start + size] for start in range(0, len(octets), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def head(*lines, method=b"POST", scopes="mcp files:read"):
    token = LOCAL.token(scopes, expires_in=86400).encode()
    return b"\r\n".join(
        [
            method + b" /mcp HTTP/1.1",
            b"Host: localhost",
            b"Connection: close",
            b"Authorization: Bearer " + token,
            b"Content-Type: application/json",
            *lines,
            b"\r\n",
        ]
    )


def reason_of(answer):
    members = json.loads(answer.body[answer.body.index(b"{") : answer.body.rindex(b"}") + 1])
    return members.get("reason") or members["error"]["data"]["reason"]


def seen_of(answer):
    """Return what reached the server: the hash and the length of the body."""
    digest, length, said = json.loads(
        answer.body[answer.body.index(b"[") : answer.body.rindex(b"]") + 1]
    )
    assert said in (str(length), None, "")
    return digest, length


def expected(octets):
    return hashlib.sha256(octets).hexdigest(), len(octets)


@pytest.mark.parametrize("size", [0, 70_000, MAX_BYTES], ids=str)
@each_server
def test_a_body_with_a_length_reaches_the_server_byte_for_byte(server, size):
    octets = body(size=size)
    answer = server.send(head(b"Content-Length: %d" % len(octets)) + octets)
    assert answer.status == 200
    assert seen_of(answer) == expected(octets)


@pytest.mark.parametrize("size", [0, 70_000], ids=str)
@each_server
def test_a_chunked_body_is_read_or_needs_a_length(server, size):
    octets = body(size=size)
    answer = server.send(head(b"Transfer-Encoding: chunked") + chunked(octets, 4000))
    if server.name in LENGTH_ALONE:
        assert (answer.status, reason_of(answer)) == (411, "length_required")
    else:
        assert answer.status == 200
        assert seen_of(answer) == expected(octets)


@pytest.mark.parametrize(
    "method", [b"POST", b"GET", b"DELETE", b"OPTIONS", b"PUT"], ids=bytes.decode
)
@pytest.mark.parametrize("framing", ["length", "chunks"])
@each_server
def test_a_tool_does_not_run_without_its_scope_whatever_the_method(server, framing, method):
    octets = body("delete_all")
    lines, sent = [b"Content-Length: %d" % len(octets)], octets
    if framing == "chunks":
        lines, sent = [b"Transfer-Encoding: chunked"], chunked(octets)
    answer = server.send(head(*lines, method=method) + sent)
    statuses = {403}
    if framing == "chunks" and server.name in LENGTH_ALONE:
        statuses = {411}
    assert answer.status in statuses
    assert reason_of(answer) in ("insufficient_scope", "length_required")


@pytest.mark.parametrize("method", [b"GET", b"DELETE", b"OPTIONS"], ids=bytes.decode)
@each_server
def test_a_request_without_a_body_passes(server, method):
    answer = server.send(head(method=method))
    assert answer.status == 200
    assert seen_of(answer) == expected(b"")


@pytest.mark.parametrize("framing", ["length", "chunks"])
@each_server
def test_a_body_beyond_the_bound_is_413(server, framing):
    octets = body(size=MAX_BYTES + 1)
    lines, sent = [b"Content-Length: %d" % len(octets)], octets
    if framing == "chunks":
        lines, sent = [b"Transfer-Encoding: chunked"], chunked(octets, 4000)
    # Werkzeug's server goes on reading after its answer, until the client ends.
    answer = server.send(head(*lines) + sent, then_ends=server.name == "werkzeug")
    if framing == "chunks" and server.name in LENGTH_ALONE:
        assert answer.status == 411
    else:
        # A server may reset the connection while the client is still sending.
        assert answer.status in (413, 0)


@each_server
def test_chunks_that_are_malformed_never_reach_the_server_and_are_no_500(server):
    sent = b'5\r\n{"jso\r\nzz\r\nnrpc\r\n0\r\n\r\n'
    answer = server.send(head(b"Transfer-Encoding: chunked") + sent)
    assert answer.status in (400, 411, 0)


@each_server
def test_a_length_and_chunks_together_never_run_a_tool_that_was_not_judged(server):
    octets = body("delete_all")
    for first, second in ((body(), octets), (octets, body())):
        sent = chunked(second)
        lines = [b"Content-Length: %d" % len(first), b"Transfer-Encoding: chunked"]
        answer = server.send(head(*lines) + first + sent)
        assert answer.status != 200 or seen_of(answer)[0] != expected(octets)[0]
        assert answer.status < 500


@each_server
def test_a_body_that_is_announced_is_read_after_the_answer_100(server):
    octets = body()
    lines = [b"Content-Length: %d" % len(octets), b"Expect: 100-continue"]
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(head(*lines))
        connection.settimeout(3)
        first = b""
        # uWSGI and wsgiref say nothing and wait; the client then sends after a while (RFC 9110 §10.1.1).
        with contextlib.suppress(TimeoutError):
            first = connection.recv(65536)
        connection.settimeout(30)
        connection.sendall(octets)
        received = first
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(65536):
                received += piece
    assert first in (b"", b"HTTP/1.1 100 Continue\r\n\r\n")
    final = received.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert final.split(b" ")[1] == b"200"
    assert hashlib.sha256(octets).hexdigest().encode() in final


@each_server
def test_a_connection_outlives_a_refusal_or_ends(server):
    refused = body("delete_all")
    good = body()
    first = (
        head(b"Content-Length: %d" % len(refused)).replace(b"Connection: close", b"X: y") + refused
    )
    second = head(b"Content-Length: %d" % len(good)) + good
    answer = server.send(first + second)
    assert answer.status == 403
    # The second request is answered, or not at all: never with bytes of the first.
    if b"HTTP/1." in answer.body:
        assert b" 200 " in answer.body
        assert hashlib.sha256(good).hexdigest().encode() in answer.body
