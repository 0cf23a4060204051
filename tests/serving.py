"""A WSGI application on a real socket, in this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from waitress.server import create_server


@contextmanager
def served(application: Any, *, threads: int = 4) -> Iterator[int]:
    """The port on which waitress serves it, on both names of loopback."""
    server = create_server(application, host="127.0.0.1", port=0, threads=threads)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield int(server.effective_port)
    finally:
        # In the thread of its loop, which otherwise may be looking at the sockets that are closed.
        server.trigger.pull_trigger(server.close)
        thread.join()
        server.task_dispatcher.shutdown()
