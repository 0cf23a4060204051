"""`python -m matrix.launch <server> <port> <module>`: the servers that have no command of their own, on loopback."""

from __future__ import annotations

import importlib
import sys
from wsgiref.simple_server import WSGIRequestHandler, make_server

#: The application of the module that is named last.
application = importlib.import_module(sys.argv[-1]).application


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing, because a line for every request would be noise."""


def wsgiref(port: int) -> None:
    """Serve with the standard library's server."""
    with make_server("127.0.0.1", port, application, handler_class=_Quiet) as server:
        server.serve_forever()


def waitress(port: int) -> None:
    """Serve with Waitress, with one thread more than needed."""
    from waitress import serve

    serve(application, host="127.0.0.1", port=port, threads=2, _quiet=True)


def cheroot(port: int) -> None:
    """Serve with CherryPy's server."""
    from cheroot.wsgi import Server

    Server(("127.0.0.1", port), application, numthreads=2).start()


def werkzeug(port: int) -> None:
    """Serve with Werkzeug's development server."""
    from werkzeug.serving import WSGIRequestHandler as Handler
    from werkzeug.serving import make_server as make

    quiet = type("Quiet", (Handler,), {"log": lambda *_: None})
    make("127.0.0.1", port, application, request_handler=quiet).serve_forever()


if __name__ == "__main__":
    _, chosen, number, _ = sys.argv
    {"wsgiref": wsgiref, "waitress": waitress, "cheroot": cheroot, "werkzeug": werkzeug}[chosen](
        int(number)
    )
