"""How a refusal is answered: one compiler for challenges, one for bodies (RFC 6750 §3)."""

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
from jwt_wsgi.options import must

#: What an error hook answers: a WSGI application, or None for the ordinary answer.
OnError = Callable[[WSGIEnvironment, AuthError], WSGIApplication | None]

_Write = Callable[[bytes], object]

_Answer = tuple[str, tuple[tuple[str, str], ...], bytes]

# Reasons are few, and so are the scopes of a policy; what an application makes up beyond that is not kept.
_ANSWERS: dict[tuple[object, ...], _Answer] = {}
_MAX_ANSWERS = 256

_REALM = re.compile(r"[ -~]+")
_SCOPE = re.compile(r"[!#-\[\]-~]+")
_NOT_PRINTABLE = re.compile(r"[^ -~]")
_QUOTED_PAIR = re.compile(r'(["\\])')

# The path or the method is at fault, so no credentials would help.
_UNCHALLENGED = frozenset({"path_ambiguous", "method_ambiguous", "mount_unknown"})


def validate_realm(realm: str) -> str:
    """`realm`, if it can stand in a header; `ValueError` otherwise."""
    fits = isinstance(realm, str) and _REALM.fullmatch(realm) is not None
    must(fits, f"realm={realm!r}: write printable ASCII, such as 'api'")
    return realm


def challenge(error: AuthError, realm: str) -> str | None:
    """The `WWW-Authenticate` of a refusal, or None where credentials would not help.

    Whatever reaches it is quoted, and stripped of what a header or the parameter
    must not hold, so no text makes another parameter or another line.
    """
    if error.code in ("forbidden", "temporarily_unavailable") or error.reason in _UNCHALLENGED:
        return None
    # RFC 6750 §3 allows neither quote nor backslash in a description.
    description = error.description.replace('"', "'").replace("\\", "/")
    parameters = [
        ("realm", realm),
        ("error", error.code),
        ("error_description", error.code and description),
        ("scope", " ".join(name for name in error.scopes if _SCOPE.fullmatch(name))),
    ]
    if isinstance(error, InsufficientAuthentication):
        max_age = None if error.max_age is None else str(error.max_age)
        parameters += [("acr_values", " ".join(error.acr_values)), ("max_age", max_age)]
    return "Bearer " + ", ".join(f"{name}={_quoted(value)}" for name, value in parameters if value)


def respond(error: AuthError) -> WSGIApplication:
    """The WSGI application that answers `error`: status, challenge and a JSON body.

    It reads the realm that the layers left in the environ, so an app or a
    framework may return it from wherever it caught the error.
    """

    def refusal(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return _send(error, environ, start_response)

    return refusal


def _send(
    error: AuthError, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    status, fixed, body = _answer(error, environ.get(REALM_KEY, "api"))
    headers = [*fixed]
    if isinstance(error, KeysUnavailable):
        headers.append(("Retry-After", str(max(1, math.ceil(error.retry_after)))))
    start_response(status, headers)
    return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]


def _answer(error: AuthError, realm: str) -> _Answer:
    """Status, headers and body: written once for all refusals that say the same."""
    said: tuple[object, ...] = (
        error.status, error.code, error.reason, error.description, error.scopes, type(error), realm,
    )  # fmt: skip
    if isinstance(error, InsufficientAuthentication):
        said += (error.acr_values, error.max_age)
    answer = _ANSWERS.get(said)
    if answer is None:
        answer = _written(error, realm)
        if len(_ANSWERS) < _MAX_ANSWERS:
            _ANSWERS[said] = answer
    return answer


def _written(error: AuthError, realm: str) -> _Answer:
    named = {} if error.code is None else {"error": error.code}
    body = json.dumps(
        {**named, "error_description": error.description, "reason": error.reason}
    ).encode("ascii")
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    header = challenge(error, realm)
    if header is not None:
        headers.append(("WWW-Authenticate", header))
    return f"{error.status} {HTTPStatus(error.status).phrase}", tuple(headers), body


def refuse(
    error: AuthError,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    on_error: OnError | None,
) -> Iterable[bytes]:
    """Answer `error`, by the hook's application where it gives one."""
    replacement = None if on_error is None else on_error(environ, error)
    return (
        _send(error, environ, start_response)
        if replacement is None
        else replacement(environ, start_response)
    )


def answer_auth_errors(app: WSGIApplication, on_error: OnError | None = None) -> WSGIApplication:
    """`app`, whose own answers stay untouched, while an `AuthError` that it raises is answered.

    A layer (a class that says `answers_refusals`) does so itself, and is returned as it is.
    """
    if getattr(type(app), "answers_refusals", False):
        return app

    def answered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        called = False

        def start(*arguments: Any) -> _Write:
            nonlocal called
            called = True
            return start_response(*arguments)

        try:
            return app(environ, start)
        except AuthError as error:
            # PEP 3333: a response that was started already is replaced with `exc_info`.
            again = (sys.exc_info(),) if called else ()
            return refuse(
                error,
                environ,
                lambda *given: start_response(*given[:2], *(again or given[2:])),
                on_error,
            )

    return answered


def _quoted(text: str) -> str:
    return '"' + _QUOTED_PAIR.sub(r"\\\1", _NOT_PRINTABLE.sub("", text)) + '"'
