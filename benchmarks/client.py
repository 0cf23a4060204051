"""The client that loads a server where wrk is missing: keep-alive connections, one request on each at a time.

`python -m benchmarks.client` reads a job as a line of JSON from standard input
and answers with one: how many answers in how many seconds, and how many of
them were refusals.
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
    """One keep-alive connection; `status` is that of the answer that just came in whole."""

    def __init__(self, port: int, timeout: float = 10.0) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""

    def send(self, request: bytes) -> None:
        self.socket.sendall(request)

    def receive(self) -> int | None:
        """The status of the answer, or None where more of it is to come.

        Raises `ConnectionError` where the server hung up.
        """
        octets = self.socket.recv(65536)
        if not octets:
            raise ConnectionError("the server hung up")
        self._received += octets
        head, found, rest = self._received.partition(END_OF_HEAD)
        if not found or not _is_whole(head, rest):
            return None
        self._received = b""
        return int(head.split(b" ", 2)[1])


def _is_whole(head: bytes, rest: bytes) -> bool:
    lowered = head.lower()
    if b"\r\ntransfer-encoding: chunked" in lowered:
        return rest.endswith(b"0" + END_OF_HEAD)
    _, _, length = lowered.partition(b"\r\ncontent-length:")
    return len(rest) >= int(length.partition(b"\r\n")[0] or b"0")


def load(
    port: int, path: str, tokens: Sequence[str], *, seconds: float, connections: int
) -> dict[str, float]:
    """What came of sending each token in turn for so long, in the form that wrk.lua has."""
    requests = cycle(request(port, path, token) for token in tokens)
    selector = selectors.DefaultSelector()
    opened = [Connection(port) for _ in range(connections)]
    try:
        for connection in opened:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.send(next(requests))
        started = time.perf_counter()
        answers = refused = 0
        for status in _answers(selector, requests, started + seconds):
            answers += 1
            refused += status >= 400
        spent = time.perf_counter() - started
    finally:
        for connection in opened:
            connection.socket.close()
        selector.close()
    return {"answers": answers, "seconds": spent, "refused": refused, "failed": 0}


def _answers(
    selector: selectors.BaseSelector, requests: Iterator[bytes], end: float
) -> Iterator[int]:
    while time.perf_counter() < end:
        for ready, _ in selector.select(timeout=1.0):
            connection: Connection = ready.data
            status = connection.receive()
            if status is not None:
                yield status
                connection.send(next(requests))


def request(port: int, path: str, token: str) -> bytes:
    """The same bytes that wrk sends."""
    lines = (
        f"GET {path} HTTP/1.1",
        f"Authorization: Bearer {token}",
        f"Host: 127.0.0.1:{port}",
        "",
        "",
    )
    return "\r\n".join(lines).encode()


def main(job: Mapping[str, Any]) -> dict[str, float]:
    """The load that a job describes."""
    return load(
        job["port"],
        job["path"],
        job["tokens"],
        seconds=job["seconds"],
        connections=job["connections"],
    )


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.readline()))))
