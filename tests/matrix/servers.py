"""Real servers in their own processes, and raw requests to them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from installable import needs_pyuwsgi
from ports import free_port

TESTS = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
#: Seconds; generous, for machines that are busy with other things.
START, ANSWER, END = 120, 30, 20

GUNICORN = "-m gunicorn --bind 127.0.0.1:{port} --workers 1 --timeout 120 --log-level critical --worker-class"
COMMANDS = {
    "waitress": "-m matrix.launch waitress {port} {module}",
    "gunicorn sync": GUNICORN + " sync {module}:application",
    "gunicorn gevent": GUNICORN + " gevent {module}:application",
    "cheroot": "-m matrix.launch cheroot {port} {module}",
    "uwsgi": "{bin}/uwsgi --http-socket 127.0.0.1:{port} --module {module} --need-app --die-on-term"
    " --disable-logging --pythonpath {tests} --pythonpath {checkout} --home {home} --buffer-size 65535",
    "wsgiref": "-m matrix.launch wsgiref {port} {module}",
    "werkzeug": "-m matrix.launch werkzeug {port} {module}",
    "granian": "-m granian --interface wsgi --host 127.0.0.1 --port {port} --no-ws --workers 1"
    " --log-level critical {module}:application",
}

#: More servers, which are as these are for everything but their bodies.
VARIANTS = {"gunicorn gthread": GUNICORN + " gthread --threads 4 {module}:application"}


def each_of(names: Iterable[str]) -> pytest.MarkDecorator:
    """Return a mark that gives a test each of these servers as the parameter `server`."""
    marks = {"uwsgi": needs_pyuwsgi}
    rows = [pytest.param(name, marks=marks.get(name, ()), id=name) for name in names]
    return pytest.mark.parametrize("server", rows, indirect=True)


class Answer(NamedTuple):
    """An answer: the status, the handlers that ran, and the body; status 0 without HTTP."""

    status: int
    handlers: tuple[str, ...]
    body: bytes


class Server(NamedTuple):
    """A server that is listening."""

    name: str
    port: int

    def ask(self, line: bytes, headers: dict[str, str]) -> Answer:
        """Send a raw request line, and read until the server closes the connection."""
        head = {"Host": "localhost", "Connection": "close", "Content-Length": "0", **headers}
        fields = b"".join(f"{name}: {value}\r\n".encode("latin-1") for name, value in head.items())
        return self.send(line + b"\r\n" + fields + b"\r\n")

    def send(self, octets: bytes, *, then_ends: bool = False) -> Answer:
        """Send raw bytes, and end the client's side of the connection if it `then_ends`."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER) as connection:
            received = b""
            # A server that refuses before it has read everything may reset the connection.
            with contextlib.suppress(ConnectionError):
                connection.sendall(octets)
                if then_ends:
                    connection.shutdown(socket.SHUT_WR)
                while len(received) < 1_000_000 and (piece := connection.recv(65536)):
                    received += piece
        return _parsed(received)


def _parsed(received: bytes) -> Answer:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    words = first.split(b" ")
    if not words[0].startswith(b"HTTP/") or len(words) < 2:
        return Answer(0, (), received)
    found = [
        value
        for name, _, value in (field.partition(b":") for field in fields)
        if name.lower() == b"x-handler"
    ]
    names = b",".join(found).decode("ascii").replace(" ", "")
    return Answer(int(words[1]), tuple(name for name in names.split(",") if name), body)


@contextlib.contextmanager
def serving(
    name: str, environment: dict[str, str], module: str = "matrix.served"
) -> Iterator[Server]:
    """Start this server with the `application` of a module, and wait until it listens.

    It and its workers are ended whatever happens.
    """
    with tempfile.TemporaryFile() as said:
        for attempt in range(3):
            port = free_port()
            process = _start(name, module, port, environment, said)
            try:
                if _listens(process, port):
                    yield Server(name, port)
                    return
            finally:
                _end(process)
            # Another process may have taken the port in the meantime.
            said.seek(0)
            output = said.read().decode("utf-8", "replace")
            assert attempt < 2, f"{name} does not start:\n{output[-3000:]}"


def _start(
    name: str, module: str, port: int, environment: dict[str, str], said: object
) -> subprocess.Popen[bytes]:
    places = {
        "module": module,
        "port": port,
        "bin": BIN,
        "tests": TESTS,
        "checkout": TESTS.parent,
        "home": BIN.parent,
    }
    words = [word.format(**places) for word in (COMMANDS | VARIANTS)[name].split()]
    command = [sys.executable, *words] if words[0] == "-m" else words
    # A server that is ended by a signal cannot report its test coverage.
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("COV", "PYTEST"))
    }
    paths = {"PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))}
    return subprocess.Popen(
        command,
        env={**kept, **paths, **environment},
        cwd=TESTS,
        stdin=subprocess.DEVNULL,
        stdout=said,  # type: ignore[arg-type]
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _listens(process: subprocess.Popen[bytes], port: int) -> bool:
    until = time.monotonic() + START
    while process.poll() is None and time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the server and its workers, which are one process session."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END if sent == signal.SIGTERM else None)
