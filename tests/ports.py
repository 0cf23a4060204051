"""Ports for servers that have to be told one, and the question whether one listens."""

from __future__ import annotations

import os
import random
import socket

# Below the range from which a system gives ports to clients and to servers that ask for any (32768 and
# above on Linux), so that nobody takes a port between its choice and its use; and each of the processes
# that run the tests has ports of its own.
_FIRST = 20_000
_EACH = 1_000
_WORKERS = 10


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on now; use it soon."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    first = _FIRST + worker * _EACH
    while True:
        port = random.randrange(first, first + _EACH)
        if _is_free(port):
            return port


def _is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def listens(port: int) -> bool:
    """Return True if somebody listens on this port of 127.0.0.1."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
