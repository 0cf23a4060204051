"""The request to explain: its parts from arguments, or as it was pasted."""

import io
import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

import click

from jwt_wsgi.auth import Credentials
from jwt_wsgi.bindings import DPOP_SCHEME
from jwt_wsgi.cli.output import keep_secret
from jwt_wsgi.cli.pasted import Pasted
from jwt_wsgi.cli.tokens import Input
from jwt_wsgi.middleware.authorization_header import ACCEPTED_SCHEMES, parse_authorization

_ORIGIN = "http://localhost"
_PORTS = {"http": "80", "https": "443"}
_SEPARATORS = re.compile(r"[;=,\"]")
# These have a place of their own in the environ (PEP 3333).
_CONTENT_HEADERS = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


@dataclass(frozen=True, slots=True)
class Request:
    """The request to explain.

    Attributes:
        method: The method.
        path: The path after the mount, with a query if it has one.
        mount: The path at which the application is mounted.
        origin: The scheme and the host, such as `https://api.example.com`.
        headers: The headers. Their values are secret.
        body: The body.
        source: The place that the token or the request was read from, or None.
    """

    method: str
    path: str
    mount: str
    origin: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    source: str | None

    def __repr__(self) -> str:
        return f"Request({self.method!r}, {self.path!r})"

    @property
    def token_size(self) -> int | None:
        """The size of the token in the header `Authorization` in bytes, or None without one."""
        header = self.environ().get("HTTP_AUTHORIZATION", "")
        credentials = parse_authorization(header, ACCEPTED_SCHEMES[True])
        if not isinstance(credentials, Credentials):
            return None
        return len(credentials.token)

    @property
    def has_proof(self) -> bool:
        """True if the request has a token under the scheme DPoP, and a proof."""
        environ = self.environ()
        header = environ.get("HTTP_AUTHORIZATION", "")
        credentials = parse_authorization(header, ACCEPTED_SCHEMES[True])
        if not isinstance(credentials, Credentials):
            return False
        return credentials.scheme == DPOP_SCHEME and "HTTP_DPOP" in environ

    def environ(self) -> dict[str, Any]:
        """Return the environ that a server makes of the request (PEP 3333)."""
        path, _, query = self.path.partition("?")
        url = urlsplit(self.origin)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": self.mount,
            # Arguments that are not UTF-8 have surrogates in place of their bytes.
            "PATH_INFO": unquote_to_bytes(os.fsencode(path)).decode("latin-1"),
            "QUERY_STRING": query,
            "SERVER_NAME": url.hostname or "localhost",
            "SERVER_PORT": str(url.port or _PORTS.get(url.scheme, "80")),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": url.netloc,
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": url.scheme,
            "wsgi.input": io.BytesIO(self.body),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": True,
        }
        if self.body:
            environ["CONTENT_LENGTH"] = str(len(self.body))
        for name, value in self.headers:
            _set_header(environ, name, value)
        return environ


def request_from(method: str | None, path: str | None, mount: str, given: Input | None) -> Request:
    """Return the request that arguments and input describe together.

    Args:
        method: The argument METHOD, or None.
        path: The argument PATH, or None.
        mount: The value of --mount.
        given: The input, or None for a request without a token.

    Raises:
        click.UsageError: Method and path are missing, or are there twice, or cannot be read.
    """
    pasted = Pasted("a token") if given is None else given.pasted
    if pasted.url is not None:
        if method is not None:
            raise click.UsageError(f"METHOD and PATH: leave them out, {pasted.kind} has its own")
        method = pasted.method
        path = _path_of(pasted.url, mount)
        origin = _origin_of(pasted.url)
    else:
        origin = _ORIGIN
    if method is None or path is None:
        raise click.UsageError(
            "METHOD and PATH: write them, such as GET /api/orders, or give a whole curl command or "
            "request as the input"
        )
    if not path.startswith("/"):
        raise click.UsageError(f"PATH {path!r}: write the part after the host, beginning with /")
    _keep_secret(pasted)
    source = None if given is None else given.source
    return Request(method, path, mount, origin, tuple(pasted.headers), pasted.body, source)


def _keep_secret(pasted: Pasted) -> None:
    """Make sure that no value of a header or of the query is printed."""
    for _, value in pasted.headers:
        keep_secret(_SEPARATORS.sub(" ", value))
    query = (pasted.url or "").partition("?")[2]
    for _, value in parse_qsl(query):
        keep_secret(value)


def _path_of(url: str, mount: str) -> str:
    """Return the path and the query of a URL, without the mount."""
    if url.startswith("/"):
        # The target of a request line. Two slashes at its beginning are not those of a host.
        return url
    parts = urlsplit(url)
    path = parts.path or "/"
    if mount and f"{path}/".startswith(f"{mount}/"):
        path = path[len(mount) :] or "/"
    return f"{path}?{parts.query}" if parts.query else path


def _origin_of(url: str) -> str:
    if url.startswith("/"):
        return _ORIGIN
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _set_header(environ: dict[str, Any], name: str, value: str) -> None:
    """Set a header as servers do: one that is there twice becomes a list (RFC 9110 §5.3)."""
    key = _CONTENT_HEADERS.get(name.lower(), f"HTTP_{name.upper().replace('-', '_')}")
    text = value.encode("utf-8", "surrogateescape").decode("latin-1")
    if key in environ and key not in ("HTTP_HOST", "CONTENT_LENGTH", "CONTENT_TYPE"):
        separator = "; " if key == "HTTP_COOKIE" else ", "
        text = f"{environ[key]}{separator}{text}"
    environ[key] = text
