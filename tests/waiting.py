"""Waiting for what happens in another thread or process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: Seconds that anything may take on a busy machine.
PATIENCE = 60.0


def eventually(condition: Callable[[], object], *, pause: float = 0.002) -> None:
    """Wait until `condition()` is true; fail after `PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not within {PATIENCE:.0f} seconds"
        time.sleep(pause)


def idle() -> None:
    """Wait until no thread of this process fetches keys."""
    eventually(lambda: all(thread.name != "jwt_wsgi.jwks" for thread in threading.enumerate()))
