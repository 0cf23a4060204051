"""A small HTTP server on loopback for the documents of a `LocalIssuer`."""

import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that closes the connection early is not an error of the server.
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


#: Takes the path, the body and the headers of a POST; returns the body of the answer.
AnswerForm = Callable[[str, bytes, Mapping[str, str]], bytes]

#: Bytes of a form that are read at most.
_MAX_FORM_BYTES = 65536


class Unauthorized(Exception):
    """A request whose client is not accepted: 401."""


def _refuse_form(path: str, *_: object) -> bytes:
    raise LookupError(path)


@contextmanager
def serve_documents(
    read: Callable[[str], bytes], port: int, answer_form: AnswerForm = _refuse_form
) -> Iterator[str]:
    """Serve JSON documents on 127.0.0.1 while the block runs, and yield the base URL.

    Args:
        read: Returns the document at a path. `LookupError` becomes the status 404, and
            `ConnectionError` 503.
        port: The port; 0 is any free one.
        answer_form: Returns the answer to a POST. Its exceptions are those of `read`, and
            `Unauthorized` becomes 401. By default nothing takes a POST.
    """
    server = _Server(("127.0.0.1", port), _handler_class(read, answer_form))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler_class(
    read: Callable[[str], bytes], answer_form: AnswerForm
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(lambda: read(self.path))

        def do_POST(self) -> None:
            length = min(int(self.headers.get("Content-Length", "0")), _MAX_FORM_BYTES)
            form = self.rfile.read(length)
            headers = {name.title(): value for name, value in self.headers.items()}
            self._answer(lambda: answer_form(self.path, form, headers))

        def _answer(self, make_body: Callable[[], bytes]) -> None:
            try:
                body = make_body()
            except LookupError:
                self._send(404, b"{}")
            except ConnectionError:
                self._send(503, b"{}")
            except Unauthorized:
                self._send(401, b"{}")
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
