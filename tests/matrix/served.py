"""The WSGI application that real servers serve.

Two headers choose an application of the matrix, bare or protected. No framework knows these
headers. `echo` answers with the environ that the server made.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi import PUBLIC, Issuer, StaticJWKS, protect
from matrix.apps import APPS
from matrix.places import reached, rules

#: The applications served on sockets, one for each way of routing.
SERVED = (
    "flask dispatched",
    "django re_path",
    "pyramid traversal",
    "bottle",
    "cherrypy tree",
    "webob path_info_pop",
)
#: Where the parent process leaves `{"issuer": …, "audience": …, "jwks": …}`.
TRUST = "MATRIX_TRUST"
ECHOED = (
    *("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "HTTP_AUTHORIZATION"),
    *("HTTP_COOKIE", "HTTP_X_TOKEN", "HTTP_SEC_FETCH_SITE", "HTTP_ORIGIN"),
)


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the environ that the server made."""
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({name: environ.get(name) for name in ECHOED}).encode()]


@cache
def bare(name: str) -> WSGIApplication:
    return echo if name == "echo" else APPS[name].make()


@cache
def protected(name: str) -> WSGIApplication:
    trust = json.loads(os.environ[TRUST])
    issuer = Issuer(
        trust["issuer"],
        audience=trust["audience"],
        keys=StaticJWKS(trust["jwks"]),
        algorithms=["ES256"],
    )
    return protect(
        bare(name),
        issuer=issuer,
        rules={"/": PUBLIC} if name == "echo" else rules(APPS[name].names),
    )


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer one request; `X-Handler` names the handlers that ran."""
    name, side = environ.get("HTTP_X_MATRIX_APP", ""), environ.get("HTTP_X_MATRIX_SIDE", "")
    chosen: Callable[..., Any] = {"bare": bare, "protected": protected}[side](name)
    reached()
    answer: list[Any] = []

    def started(
        status: str, headers: list[tuple[str, str]], _error: Any = None
    ) -> Callable[[bytes], object]:
        answer[:] = [status, headers]
        return lambda _octets: None

    body = chosen(environ, started)
    try:
        content = b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()
    status, headers = answer
    length = str(len(content))
    kept = [
        each
        for each in headers
        if each[0].lower() not in ("content-length", "connection", "x-handler")
    ]
    start_response(status, [*kept, ("Content-Length", length), ("X-Handler", ",".join(reached()))])
    return [content]
