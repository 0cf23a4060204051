"""A key endpoint in its own process that fails on command and counts its requests.

It is an introspection endpoint, too: `publish_answers` gives the answers to forms, by their tokens.

`FaultServer` starts and controls it over a socket, with one JSON object per line. `FAULTS`
are the ways to fail. `python tests/fault_server.py FOLDER SECONDS` is the process itself.
It leaves the root certificate of its TLS ports in FOLDER.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import socket
import socketserver
import ssl
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs

import trustme

LISTENERS = ("plain", "elsewhere", "trusted", "expired", "untrusted")
METADATA = "/.well-known/openid-configuration"
SECONDS_BETWEEN_DRIPS = 0.02
SECONDS_LATE = 0.4
RETRY_AFTER = 45


class Exchange:
    """One request: the document published at its path, and the connection for the answer."""

    def __init__(
        self,
        connection: socket.socket,
        body: bytes,
        elsewhere: str,
        retry_after: int,
        released: threading.Event,
    ) -> None:
        self.connection = connection
        self.body = body
        self.released = released
        self.elsewhere = elsewhere
        self.retry_after = retry_after

    def head(self, length: int, status: str = "200 OK", **headers: object) -> bytes:
        fields = {
            "Content-Type": "application/json",
            "Content-Length": length,
            "Connection": "close",
        }
        fields.update({name.replace("_", "-"): value for name, value in headers.items()})
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in fields.items())]
        return "\r\n".join([*lines, "", ""]).encode()

    def answer(self, body: bytes, status: str = "200 OK", **headers: object) -> None:
        self.connection.sendall(self.head(len(body), status, **headers) + body)

    def drip(self, piece: bytes) -> None:
        """Send `piece` again and again until the server releases its callers."""
        while not self.released.wait(SECONDS_BETWEEN_DRIPS):
            self.connection.sendall(piece)

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def fine(to: Exchange) -> None:
    to.answer(to.body)


def late(to: Exchange) -> None:
    to.released.wait(SECONDS_LATE)
    to.answer(to.body)


def late_404(to: Exchange) -> None:
    to.released.wait(SECONDS_LATE)
    to.answer(b"{}", "404 Not Found")


def hang_up(to: Exchange) -> None:
    to.reset()


def hang_before_headers(to: Exchange) -> None:
    to.released.wait()
    to.answer(to.body)


def hang_after_headers(to: Exchange) -> None:
    to.connection.sendall(to.head(len(to.body)))
    to.released.wait()
    to.connection.sendall(to.body)


def drip_headers(to: Exchange) -> None:
    to.connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    to.drip(b"a")
    to.connection.sendall(b"\r\n" + to.head(len(to.body)).partition(b"\r\n")[2] + to.body)


def drip_body(to: Exchange) -> None:
    to.connection.sendall(to.head(len(to.body) + 100_000))
    room = iter(range(100_000))
    while not to.released.wait(SECONDS_BETWEEN_DRIPS):
        next(room)
        to.connection.sendall(b" ")
    to.connection.sendall(to.body + b" " * len(list(room)))


def reset_mid_body(to: Exchange) -> None:
    to.connection.sendall(to.head(len(to.body)) + to.body[: len(to.body) // 2])
    to.reset()


def status_500(to: Exchange) -> None:
    to.answer(to.body, "500 Internal Server Error")


def status_429(to: Exchange) -> None:
    to.answer(to.body, "429 Too Many Requests", Retry_After=to.retry_after)


def redirect_to_a_file(to: Exchange) -> None:
    to.answer(to.body, "301 Moved Permanently", Location="file:///etc/passwd")


def redirect_elsewhere(to: Exchange) -> None:
    to.answer(to.body, "301 Moved Permanently", Location=to.elsewhere)


def html(to: Exchange) -> None:
    to.answer(b"<!doctype html><title>Sign in</title>", Content_Type="text/html")


def empty_set(to: Exchange) -> None:
    to.answer(b'{"keys": []}')


def too_large(to: Exchange) -> None:
    to.answer(to.body + b" " * (600 * 1024 - len(to.body)))


def compressed(to: Exchange) -> None:
    to.answer(gzip.compress(to.body), Content_Encoding="gzip")


def many_keys(to: Exchange) -> None:
    keys = json.loads(to.body)["keys"]
    to.answer(json.dumps({"keys": keys + [{"kty": "EC"}] * (10_000 - len(keys))}).encode())


def deep_json(to: Exchange) -> None:
    to.answer(to.body[:-1] + b', "deep": ' + b"[" * 2000 + b"]" * 2000 + b"}")


def status_400(to: Exchange) -> None:
    to.answer(b'{"error": "invalid_request"}', "400 Bad Request")


def status_401(to: Exchange) -> None:
    to.answer(b'{"error": "invalid_client"}', "401 Unauthorized")


def status_403(to: Exchange) -> None:
    to.answer(b"{}", "403 Forbidden")


def status_503(to: Exchange) -> None:
    to.answer(b"{}", "503 Service Unavailable", Retry_After=to.retry_after)


def active_as_text(to: Exchange) -> None:
    to.answer(b'{"active": "true"}')


def length_too_long(to: Exchange) -> None:
    to.connection.sendall(to.head(len(to.body) + 10) + to.body)


def length_too_short(to: Exchange) -> None:
    to.connection.sendall(to.head(len(to.body) - 10) + to.body)


#: The faults by name. A slow reply makes its caller wait.
SLOW: dict[str, Callable[[Exchange], None]] = {
    each.__name__: each
    for each in (hang_before_headers, hang_after_headers, drip_headers, drip_body)
}
BAD: dict[str, Callable[[Exchange], None]] = {
    each.__name__: each
    for each in (
        hang_up, reset_mid_body, status_500, status_429, redirect_to_a_file, redirect_elsewhere, html, empty_set,
        too_large, compressed, many_keys, deep_json, length_too_long, length_too_short,
    )
}  # fmt: skip
#: The ways of an introspection endpoint alone.
ENDPOINT: dict[str, Callable[[Exchange], None]] = {
    each.__name__: each for each in (status_400, status_401, status_403, status_503, active_as_text)
}
#: The port is closed, so the kernel refuses connections.
REFUSE = "refuse"
FAULTS = {"fine": fine, "late": late, "late_404": late_404, **SLOW, **BAD, **ENDPOINT}


# --- the process


class Listener(threading.Thread):
    """A thread that accepts on one port, with TLS if there is a context."""

    def __init__(self, name: str, site: Site, tls: ssl.SSLContext | None) -> None:
        super().__init__(daemon=True)
        self.site = site
        self.label = name
        self.tls = tls
        if tls is not None:
            tls.sni_callback = self.count_name
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        # Bound by number, because only then a socket that is shut down keeps its port.
        self.socket = socket.create_server(("127.0.0.1", self.port), backlog=512)
        self.opened = threading.Event()
        self.opened.set()

    def refuse(self) -> None:
        # On Linux the kernel refuses from here on, and the socket can listen again.
        self.opened.clear()
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def accept_again(self) -> None:
        if not self.opened.is_set():
            self.socket.listen(512)
            self.opened.set()

    def run(self) -> None:
        while True:
            self.opened.wait()
            with suppress(OSError):
                connection, _ = self.socket.accept()
                threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def count_name(self, connection: object, name: str | None, context: object) -> None:
        self.site.count(f"{self.label} named {name}")

    def serve(self, connection: socket.socket) -> None:
        self.site.count(f"{self.label} connections")
        with suppress(OSError), connection:
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection:
                self.site.exchange(connection, self.label)


class Site:
    """The published documents, the faults of their paths, and the counts of requests."""

    def __init__(self, folder: Path, retry_after: int) -> None:
        self.retry_after = retry_after
        self.published: dict[str, bytes] = {}
        self.answers: dict[str, dict[str, object]] = {}
        self.faults: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.released = threading.Event()
        contexts = certified(folder)
        self.listeners = {name: Listener(name, self, contexts.get(name)) for name in LISTENERS}

    def count(self, what: str) -> None:
        with self.lock:
            self.counts[what] += 1

    def exchange(self, connection: socket.socket, listener: str) -> None:
        received = b""
        while b"\r\n\r\n" not in received and (piece := connection.recv(65536)):
            received += piece
        head, end, rest = received.partition(b"\r\n\r\n")
        if not end:
            return
        method, path = head.decode("latin-1").split(" ")[:2]
        self.count(f"{listener} {path}")
        body = self.published.get(path)
        if method == "POST" and path in self.answers:
            body = self.answer(path, read_form(connection, head, rest))
        elsewhere = f"http://127.0.0.1:{self.listeners['elsewhere'].port}{path}"
        to = Exchange(connection, body or b"{}", elsewhere, self.retry_after, self.released)
        if body is None:
            to.answer(b"{}", "404 Not Found")
        else:
            FAULTS[self.faults.get(path, "fine")](to)

    def answer(self, path: str, form: dict[str, list[str]]) -> bytes:
        [token] = form["token"]
        return json.dumps(self.answers[path].get(token, {"active": False})).encode()

    def obey(self, order: dict[str, Any]) -> Any:
        return getattr(self, f"do_{order.pop('do')}")(**order)

    def do_publish(self, path: str, document: dict[str, Any] | str) -> None:
        text = document if isinstance(document, str) else json.dumps(document)
        self.published[path] = text.encode()

    def do_publish_answers(self, path: str, answers: dict[str, object]) -> None:
        self.answers[path] = answers

    def do_fail(self, path: str, fault: str) -> None:
        self.do_release()
        plain = self.listeners["plain"]
        if fault == REFUSE:
            plain.refuse()
        else:
            plain.accept_again()
            self.faults[path] = fault

    def do_release(self) -> None:
        """Let the hanging requests continue; later ones hang again."""
        self.released.set()
        self.released = threading.Event()

    def do_reset(self) -> None:
        self.do_release()
        self.listeners["plain"].accept_again()
        self.published = {}
        self.answers = {}
        self.faults = {}
        self.counts = Counter()

    def do_counts(self) -> dict[str, int]:
        with self.lock:
            return dict(self.counts)


def read_form(connection: socket.socket, head: bytes, body: bytes) -> dict[str, list[str]]:
    """Return the form of a request, of whose body the beginning was received with the head."""
    lengths = [
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    while len(body) < lengths[0] and (piece := connection.recv(65536)):
        body += piece
    return parse_qs(body.decode("ascii"))


def certified(folder: Path) -> dict[str, ssl.SSLContext]:
    """Return a context for each TLS port; write the trusted root into `folder`."""
    authority = trustme.CA()
    stranger = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "roots.pem"))
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    certificates = {
        "trusted": authority.issue_cert("localhost"),
        "expired": authority.issue_cert(
            "localhost", not_before=past, not_after=past + dt.timedelta(days=1)
        ),
        "untrusted": stranger.issue_cert("localhost"),
    }
    contexts = {name: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) for name in certificates}
    for name, certificate in certificates.items():
        certificate.configure_cert(contexts[name])
    return contexts


def main(folder: Path, retry_after: int) -> None:
    site = Site(folder, retry_after)

    class Control(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for line in self.rfile:
                self.wfile.write(json.dumps(site.obey(json.loads(line))).encode() + b"\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Control) as control:
        control.daemon_threads = True
        for listener in site.listeners.values():
            listener.start()
        ports = {name: listener.port for name, listener in site.listeners.items()}
        print(json.dumps({"control": control.server_address[1], **ports}), flush=True)
        threading.Thread(target=control.serve_forever, args=(0.05,), daemon=True).start()
        # The process ends when its parent closes this pipe or ends.
        sys.stdin.read()


# --- the client


class FaultServer:
    """The process, as tests control it. A context manager.

    `retry_after` is the `Retry-After` of its 429 replies, in seconds.
    """

    def __init__(self, folder: Path, retry_after: int = RETRY_AFTER) -> None:
        self.roots = folder / "roots.pem"
        command = [sys.executable, __file__, str(folder), str(retry_after)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.ports: dict[str, int] = json.loads(self._process.stdout.readline())
        self._control = socket.create_connection(("127.0.0.1", self.ports["control"]), timeout=60)
        self._answers = self._control.makefile("r")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._answers.close()
        self._control.close()
        self._process.communicate(timeout=60)

    def _tell(self, **order: Any) -> Any:
        self._control.sendall(json.dumps(order).encode() + b"\n")
        return json.loads(self._answers.readline())

    def url(self, listener: str = "plain", path: str = "/jwks") -> str:
        scheme, host = (
            ("https", "localhost") if listener in LISTENERS[2:] else ("http", "127.0.0.1")
        )
        return f"{scheme}://{host}:{self.ports[listener]}{path}"

    def publish(self, document: dict[str, Any] | str, path: str = "/jwks") -> None:
        """Publish a document: an object as JSON, or a text."""
        self._tell(do="publish", path=path, document=document)

    def publish_answers(self, answers: dict[str, Any], path: str = "/introspect") -> None:
        """Answer forms by their token; a token that is not among `answers` is not active."""
        self._tell(do="publish_answers", path=path, answers=answers)

    def fail(self, fault: str, path: str = "/jwks") -> None:
        """Answer with this fault from now on; release the hanging requests first."""
        self._tell(do="fail", path=path, fault=fault)

    def release(self) -> None:
        """Let the hanging requests continue and receive the document."""
        self._tell(do="release")

    def reset(self) -> None:
        self._tell(do="reset")

    def counted(self, path: str = "/jwks", listener: str = "plain") -> int:
        """Return the number of requests for `path` at this listener."""
        counts: dict[str, int] = self._tell(do="counts")
        return counts.get(f"{listener} {path}", 0)

    def connections(self, listener: str = "plain") -> int:
        """Return the number of connections to this listener, with or without a request."""
        return self.counted("connections", listener)

    def named(self, name: str, listener: str = "trusted") -> int:
        """Return the number of TLS handshakes at this listener that named this server."""
        return self.counted(f"named {name}", listener)


class BlackHole:
    """An address that answers nothing: a socket whose queue of connections is full."""

    def __init__(self, address: str, port: int) -> None:
        self._socket = socket.create_server((address, port), backlog=0)
        self._queue = [socket.socket() for _ in range(4)]
        for waiting in self._queue:
            waiting.setblocking(False)
            waiting.connect_ex((address, port))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for waiting in (*self._queue, self._socket):
            waiting.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
