"""A small HTTP server on loopback for the documents of a `LocalIssuer`."""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that closes the connection early is not an error of the server.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def serve_documents(read: Callable[[str], bytes], port: int) -> Iterator[str]:
    """Serve JSON documents on 127.0.0.1 while the block runs, and yield the base URL.

    Args:
        read: Returns the document at a path. `LookupError` becomes the status 404, and
            `ConnectionError` 503.
        port: The port; 0 is any free one.
    """
    server = _Server(("127.0.0.1", port), _handler_class(read))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler_class(read: Callable[[str], bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                body = read(self.path)
            except LookupError:
                self._send(404, b"{}")
            except ConnectionError:
                self._send(503, b"{}")
            else:
                self._send(200, body)

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing, so that the output of a test is its own."""

    return Handler
