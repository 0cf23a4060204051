"""One request as a server would hand it to an application."""

from __future__ import annotations

import io
from typing import Any, NamedTuple

from jwt_wsgi import Auth

_BASE: dict[str, Any] = {
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "80",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "127.0.0.1",
    "CONTENT_LENGTH": "0",
    "HTTP_HOST": "localhost",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "http",
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
}


class Spelled(NamedTuple):
    """The choices of a client or server; `path_info` has the decoded bytes as Latin-1."""

    method: str
    path_info: str
    script_name: str = ""
    query: str = ""
    header: tuple[str, str] | None = None

    def environ(self, auth: Auth | None = None) -> dict[str, Any]:
        """Return a fresh environ, with the auth that a verifier in front would have left."""
        environ = {
            **_BASE,
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": self.script_name,
            "PATH_INFO": self.path_info,
            "QUERY_STRING": self.query,
            "wsgi.input": io.BytesIO(),
            "wsgi.errors": io.StringIO(),
        }
        if self.header is not None:
            environ["HTTP_" + self.header[0].upper().replace("-", "_")] = self.header[1]
        if auth is not None:
            environ["jwt_wsgi.auth"] = auth
        return environ


def on_the_wire(path: str) -> str:
    """Return text as an environ has it (PEP 3333)."""
    return path.encode("utf-8", "surrogatepass").decode("latin-1")
