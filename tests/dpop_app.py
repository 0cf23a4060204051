"""An API that accepts tokens that are bound by DPoP, in this process or under gunicorn.

Paths below /with-nonces demand a nonce, and are a stack of their own.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple
from wsgiref.types import StartResponse, WSGIApplication

from ports import free_port
from processes import running
from serving import served

from jwt_wsgi import AUTHENTICATED, DPoP, DPoPNonces, Issuer, StaticJWKS, get_auth, protect
from jwt_wsgi.testing import LocalIssuer

#: The variable with the options of the API, as JSON.
OPTIONS = "DPOP_APP"
NONCES = DPoPNonces(b"a secret of all the tests, 32 bytes or more")
PATIENCE = 30


def _whoami(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    bindings = sorted(get_auth(environ).possession.bindings)
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({"bindings": bindings}).encode("ascii")]


def build(base_url: str, issuer: str, audience: str, jwks: dict[str, Any]) -> WSGIApplication:
    """Return the API.

    Args:
        base_url: Its public URL.
        issuer: The name of its issuer.
        audience: Its name in tokens.
        jwks: The keys of the issuer.
    """
    trusted = Issuer(issuer, audience=audience, keys=StaticJWKS(jwks))
    stacks = [
        protect(
            _whoami,
            issuer=trusted,
            rules={"/{path...}": AUTHENTICATED},
            dpop=DPoP(base_url, nonces=nonces),
        )
        for nonces in (None, NONCES)
    ]

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        stack = stacks[environ["PATH_INFO"].startswith("/with-nonces")]
        return stack(environ, start_response)

    return application


def from_environment() -> WSGIApplication:
    """Return the API that the variable describes, as gunicorn loads it."""
    return build(**json.loads(os.environ[OPTIONS]))


class Answer(NamedTuple):
    """The answer to a request."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """Return the values of a header, one for each of its lines."""
        return [value for each, value in self.headers if each.lower() == name.lower()]


class Client(NamedTuple):
    """A client of the API, which sends header lines as they are."""

    base_url: str
    port: int

    def send(self, method: str, path: str, headers: list[tuple[str, str]]) -> Answer:
        """Send a request without a body, and return the answer."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.putrequest(method, path)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, response.getheaders(), response.read())
        finally:
            connection.close()


def _options(base_url: str, local: LocalIssuer) -> dict[str, Any]:
    return {
        "base_url": base_url,
        "issuer": local.issuer,
        "audience": local.audience,
        "jwks": local.jwks,
    }


@contextmanager
def under_waitress(local: LocalIssuer, _: Path) -> Iterator[Client]:
    """Serve the API with waitress."""
    stack: list[WSGIApplication] = []

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        return stack[0](environ, start_response)

    with served(application) as port:
        base_url = f"http://127.0.0.1:{port}"
        stack.append(build(**_options(base_url, local)))
        yield Client(base_url, port)


@contextmanager
def under_gunicorn(local: LocalIssuer, folder: Path) -> Iterator[Client]:
    """Serve the API with one worker of gunicorn, whose threads share the store of proofs."""
    port = free_port()
    base_url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", "4"]
    options = {OPTIONS: json.dumps(_options(base_url, local))}
    with running([*command, "dpop_app:from_environment()"], port, folder, options):
        yield Client(base_url, port)


SERVERS = {"waitress": under_waitress, "gunicorn": under_gunicorn}
