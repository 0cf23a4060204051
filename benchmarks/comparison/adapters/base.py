"""The form of an adapter, and the calls of WSGI applications."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

#: The body of each handler that needs a token, and of the handler that nobody protected.
PRIVATE = "this is private"
FORGOTTEN = "nobody mentioned this"

#: A WSGI application, without its types: adapters run where only their library is installed.
App = Any


class Profile(NamedTuple):
    """The issuer whose tokens are accepted.

    `jwks_url` is on loopback; `jwks` and `pem` are what it publishes at first.
    """

    issuer: str
    audience: str
    algorithm: str
    scope: str
    jwks: Mapping[str, Any]
    pem: str
    jwks_url: str
    nonce_secret: str = ""


class Answer(NamedTuple):
    """An answer over HTTP. A header's name is in lower case."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: str


class NotOffered(Exception):
    """The library does not offer this."""


class MissingScope(Exception):
    """The token lacks the scope: raised by the adapters of libraries that check no scopes."""


class Adapter:
    """A library, set up as its documentation says.

    Attributes:
        own_errors: The errors that callers are told to catch.
        no_keys: Those of them that say that the keys are unavailable, not that the token is bad.
        frameworks: The names of the frameworks that the library protects.
    """

    own_errors: tuple[type[BaseException], ...] = ()
    no_keys: tuple[type[BaseException], ...] = ()
    frameworks: tuple[str, ...] = ()

    def prepare(self, profile: Profile) -> None:
        """Set the library up for this issuer. Called once."""
        raise NotImplementedError

    def verify(self, token: str, scope: str | None = None) -> None:
        """Accept the token, or raise."""
        raise NotOffered

    def verify_all(self, tokens: Sequence[str], scope: str) -> None:
        """Accept all tokens, which have the scope, or raise."""
        for token in tokens:
            self.verify(token, scope)

    def respond(self, framework: str, request: Mapping[str, Any]) -> Answer:
        """Answer a request to a small application that the library protects."""
        raise NotOffered

    def respond_with_proofs(self, request: Mapping[str, Any]) -> Answer:
        """Answer a request to an application that the library protects with DPoP (RFC 9449)."""
        raise NotOffered


def check_scope(granted: object, scope: str | None) -> None:
    """Check the scope by hand, for libraries that leave this to their users."""
    if scope is not None and (not isinstance(granted, str) or scope not in granted.split()):
        raise MissingScope


def call(app: App, request: Mapping[str, Any]) -> Answer:
    """Call a WSGI application as a server does. An exception is an answer with status 500."""
    environ = environ_of(request)
    started: list[Any] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Callable[[bytes], None]:
        started[:] = [int(status.split(" ")[0]), headers]
        return lambda body: None

    iterable: Any = None
    try:
        iterable = app(environ, start_response)
        body = b"".join(iterable)
    except Exception as error:  # noqa: BLE001 (a server would answer 500)
        return Answer(500, (), type(error).__name__)
    finally:
        if hasattr(iterable, "close"):
            iterable.close()
    headers = [(name.lower(), value) for name, value in started[1]]
    return Answer(started[0], headers, body.decode("utf-8", "replace"))


def environ_of(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the WSGI environ of a request.

    Headers that stand twice are joined by a comma, as servers do (RFC 3875 §4.1.18).
    """
    path, _, query = str(request["path"]).partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.get("method", "GET"),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": request["path"],
        "SERVER_NAME": "api.example.com",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "api.example.com",
        "CONTENT_LENGTH": "0",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.get("headers", ()):
        key = "HTTP_" + name.upper().replace("-", "_")
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ


def flask_app(private: Callable[[Any], Any], scoped: Callable[[Any], Any] | None) -> Any:
    """Return a Flask application: a route for every decorator, and one that nobody protected."""
    import flask

    app = flask.Flask("api", root_path=str(Path(__file__).parent))
    app.add_url_rule("/api/private", "private", private(lambda: PRIVATE))
    if scoped is not None:
        app.add_url_rule("/api/scoped", "scoped", scoped(lambda: PRIVATE))
    app.add_url_rule("/api/forgotten", "forgotten", lambda: FORGOTTEN)
    return app


def as_it_is(view: Any) -> Any:
    """Return the view: the decorator of libraries that protect a whole application."""
    return view
