"""A client that loads a server if wrk is missing.

It uses keep-alive connections with one request at a time on each. `python -m benchmarks.client`
reads a job as one line of JSON from standard input, and writes one: the number of answers, the
seconds, and the number of refusals.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

END_OF_HEAD = b"\r\n\r\n"


class Connection:
    """A keep-alive connection with one request at a time."""

    def __init__(self, port: int, timeout: float = 10.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def send(self, request: bytes) -> None:
        self.socket.sendall(request)

    def receive(self) -> int | None:
        """Read once; return the status of the answer, or None if more of it must arrive.

        Raises:
            ConnectionError: The server closed the connection.
        """
        chunk = self.socket.recv(65536)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        self._received += chunk
        head, separator, body = self._received.partition(END_OF_HEAD)
        if not separator or not _is_complete(head, body):
            return None
        self._received = b""
        return int(head.split(b" ", 2)[1])


def _is_complete(head: bytes, body: bytes) -> bool:
    headers = head.lower()
    if b"\r\ntransfer-encoding: chunked" in headers:
        return body.endswith(b"0" + END_OF_HEAD)
    _, _, rest = headers.partition(b"\r\ncontent-length:")
    length = rest.partition(b"\r\n")[0] or b"0"
    return len(body) >= int(length)


def load(
    port: int, path: str, tokens: Sequence[str], *, seconds: float, connections: int, body: str = ""
) -> dict[str, float]:
    """Send each token in turn for `seconds`, and return the counts that wrk.lua returns."""
    requests = cycle(request(port, path, token, body) for token in tokens)
    selector = selectors.DefaultSelector()
    open_connections = [Connection(port) for _ in range(connections)]
    answers = 0
    refused = 0
    try:
        for connection in open_connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(next(requests))
        started = time.perf_counter()
        for status in _statuses(selector, requests, started + seconds):
            answers += 1
            if status >= 400:
                refused += 1
        duration = time.perf_counter() - started
    finally:
        for connection in open_connections:
            connection.socket.close()
        selector.close()
    return {"answers": answers, "seconds": duration, "refused": refused, "failed": 0}


def _statuses(
    selector: selectors.BaseSelector, requests: Iterator[bytes], end: float
) -> Iterator[int]:
    while time.perf_counter() < end:
        for ready, _ in selector.select(timeout=1.0):
            connection: Connection = ready.data
            status = connection.receive()
            if status is not None:
                yield status
                connection.send(next(requests))


def request(port: int, path: str, token: str, body: str = "") -> bytes:
    """Return the bytes that wrk sends, too. A request with a body posts it as JSON."""
    lines = [
        f"{'POST' if body else 'GET'} {path} HTTP/1.1",
        f"Authorization: Bearer {token}",
        f"Host: 127.0.0.1:{port}",
    ]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
    return "\r\n".join([*lines, "", body]).encode()


def main(job: Mapping[str, Any]) -> dict[str, float]:
    """Run the load that a job describes."""
    return load(
        job["port"],
        job["path"],
        job["tokens"],
        seconds=job["seconds"],
        connections=job["connections"],
        body=job["body"],
    )


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.readline()))))
