"""An endpoint for keys on loopback that fails on command and counts its requests."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

#: The paths of the two documents.
JWKS = "/.well-known/jwks.json"
DISCOVERY = "/.well-known/openid-configuration"
#: Seconds that a slow answer takes.
SLOW = 2.0


class _QuietServer(ThreadingHTTPServer):
    """A server that says nothing of clients that hang up."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Print nothing."""


class KeyServer:
    """The endpoint. A context manager.

    Attributes:
        keys: The published keys.
        mode: "fine", "down" (status 503), "slow", "garbage" (HTML with status 200), or "empty" (a
            set without keys).
        requests: The number of requests by path.
        strays: The number of requests for other paths; `reset` leaves it alone.
    """

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.keys: list[dict[str, Any]] = []
        self.mode = "fine"
        self.requests: Counter[str] = Counter()
        self.strays = 0
        self._server = _QuietServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, path: str = JWKS) -> str:
        """Return the URL of a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{path}"

    def reset(self, *keys: dict[str, Any]) -> None:
        """Publish these keys, fail no more, and count from 0."""
        self.keys = list(keys)
        self.mode = "fine"
        self.requests = Counter()

    def count(self, path: str) -> None:
        """Count a request."""
        self.requests[path] += 1
        if path not in (JWKS, DISCOVERY):
            self.strays += 1

    def document(self, path: str) -> bytes:
        """Return the document at a path."""
        if path == DISCOVERY:
            return json.dumps({"issuer": self.issuer, "jwks_uri": self.issuer[:-1] + JWKS}).encode()
        if self.mode == "garbage":
            return b"<!doctype html><title>Maintenance</title>"
        if self.mode == "empty":
            return b'{"keys": []}'
        return json.dumps({"keys": self.keys}).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.count(self.path)
                if site.mode == "slow":
                    time.sleep(SLOW)
                body = site.document(self.path)
                self.send_response(503 if site.mode == "down" else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        return Handler
