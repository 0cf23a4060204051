"""How a refusal is answered: one compiler for challenges, one for bodies (RFC 6750 §3)."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.auth import REALM_KEY
from jwt_wsgi.errors import AuthError, InsufficientAuthentication, KeysUnavailable

#: What an error hook answers: a WSGI application, or None for the ordinary answer.
OnError = Callable[[WSGIEnvironment, AuthError], WSGIApplication | None]

_DEFAULT_REALM = "api"
_REALM = re.compile(r"[ -~]+")
_SCOPE = re.compile(r"[!#-\[\]-~]+")
_NOT_PRINTABLE = re.compile(r"[^ -~]")
_QUOTED_PAIR = re.compile(r'(["\\])')

# The path or the method is at fault, so no credentials would help.
_UNCHALLENGED = frozenset({"path_ambiguous", "method_ambiguous", "mount_unknown"})


def checked_realm(realm: str) -> str:
    """`realm`, if it can stand in a header; `ValueError` otherwise."""
    if not isinstance(realm, str) or not _REALM.fullmatch(realm):
        raise ValueError(f"realm={realm!r}: write printable ASCII, such as 'api'")
    return realm


def challenge(error: AuthError, realm: str) -> str | None:
    """The `WWW-Authenticate` of a refusal, or None where credentials would not help.

    Whatever reaches it is quoted, and stripped of what a header or the parameter
    must not hold, so no text makes another parameter or another line.
    """
    if error.code in ("forbidden", "temporarily_unavailable") or error.reason in _UNCHALLENGED:
        return None
    parameters = [f"realm={_quoted(realm)}"]
    if error.code is not None:
        parameters.append(f"error={_quoted(error.code)}")
        # RFC 6750 §3 allows neither quote nor backslash in a description.
        description = error.description.replace('"', "'").replace("\\", "/")
        parameters.append(f"error_description={_quoted(description)}")
    scopes = [name for name in error.scopes if _SCOPE.fullmatch(name)]
    if scopes:
        parameters.append(f"scope={_quoted(' '.join(scopes))}")
    if isinstance(error, InsufficientAuthentication):
        if error.acr_values:
            parameters.append(f"acr_values={_quoted(' '.join(error.acr_values))}")
        if error.max_age is not None:
            parameters.append(f"max_age={_quoted(str(error.max_age))}")
    return "Bearer " + ", ".join(parameters)


def respond(error: AuthError) -> WSGIApplication:
    """The WSGI application that answers `error`: status, challenge and a JSON body.

    It reads the realm that the layers left in the environ, so an app or a
    framework may return it from wherever it caught the error.
    """

    def refusal(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body = _body(error)
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "no-store"),
        ]
        header = challenge(error, environ.get(REALM_KEY, _DEFAULT_REALM))
        if header is not None:
            headers.append(("WWW-Authenticate", header))
        if isinstance(error, KeysUnavailable):
            headers.append(("Retry-After", str(max(1, math.ceil(error.retry_after)))))
        start_response(f"{error.status} {HTTPStatus(error.status).phrase}", headers)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]

    return refusal


def refuse(
    error: AuthError,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    on_error: OnError | None,
) -> Iterable[bytes]:
    """Answer `error`, by the hook's application where it gives one."""
    replacement = None if on_error is None else on_error(environ, error)
    application = respond(error) if replacement is None else replacement
    return application(environ, start_response)


def call(
    app: WSGIApplication,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    on_error: OnError | None,
) -> Iterable[bytes]:
    """The app's own answer, untouched; an `AuthError` that it raises is answered here."""
    start = start_response if isinstance(start_response, _Start) else _Start(start_response)
    try:
        return app(environ, start)
    except AuthError as error:
        return refuse(error, environ, start.over(sys.exc_info()), on_error)


class _Start:
    """A `start_response` that knows whether it was called; the layers share one."""

    __slots__ = ("_called", "_start_response")

    def __init__(self, start_response: StartResponse) -> None:
        self._start_response = start_response
        self._called = False

    def __call__(self, *arguments: Any) -> Callable[[bytes], object]:
        self._called = True
        return self._start_response(*arguments)

    def over(self, exc_info: Any) -> StartResponse:
        """PEP 3333: a response that was started already is replaced with `exc_info`."""
        if not self._called:
            return self

        def restart(status: str, headers: list[tuple[str, str]], _: Any = None, /) -> Any:
            return self._start_response(status, headers, exc_info)

        return restart


def _body(error: AuthError) -> bytes:
    members = {"error_description": error.description, "reason": error.reason}
    if error.code is not None:
        members = {"error": error.code, **members}
    return json.dumps(members).encode("ascii")


def _quoted(text: str) -> str:
    return '"' + _QUOTED_PAIR.sub(r"\\\1", _NOT_PRINTABLE.sub("", text)) + '"'
