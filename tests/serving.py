"""A WSGI application on a real socket, in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from typing import Any

from waitress.server import create_server


@contextmanager
def served(application: Any, *, threads: int = 4) -> Iterator[int]:
    """Serve an application with waitress, and yield the port."""
    server = create_server(application, host="127.0.0.1", port=0, threads=threads)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield int(server.effective_port)
    finally:
        # First those who answer, then the loop, from within: nobody writes to what is closed.
        server.task_dispatcher.shutdown(timeout=60)
        _close(server)
        thread.join(timeout=60)
        assert not thread.is_alive()


@contextmanager
def running(server: BaseServer) -> Iterator[None]:
    """Let a server of the standard library serve in a thread, and close it at the end."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _close(server: Any) -> None:
    """In the thread of the loop, which otherwise may be looking at the sockets that are closed."""
    pulled = threading.Lock()

    def close() -> None:
        # An earlier pull may wake the loop before this one has written to the pipe that is closed here.
        with pulled:
            server.close()

    with pulled:
        server.trigger.pull_trigger(close)
