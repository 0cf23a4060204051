"""How a refusal is answered: the challenge, the body and the headers (RFC 6750 §3)."""

import json
import logging
import math
import re
import sys
from collections.abc import Callable, Hashable, Iterable
from http import HTTPStatus
from typing import Any, NamedTuple
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.auth import REALM_KEY
from jwt_wsgi.callbacks import CallbackFailed, call, deferred_kind
from jwt_wsgi.errors import AuthError, InsufficientAuthentication, KeysUnavailable

logger = logging.getLogger("jwt_wsgi.decision")

#: Returns a WSGI application that answers in place of ours, or None for the ordinary answer.
OnError = Callable[[WSGIEnvironment, AuthError], WSGIApplication | None]

_Write = Callable[[bytes], object]
_Header = tuple[str, str]


class _Answer(NamedTuple):
    status: str
    headers: tuple[_Header, ...]
    body: bytes


# Reasons are few, and so are the scopes of a policy. What an application invents beyond this
# number is answered, and not cached.
_ANSWERS: dict[Hashable, _Answer] = {}
_MAX_ANSWERS = 256

_REALM = re.compile(r"[ -~]+")
_SCOPE = re.compile(r"[!#-\[\]-~]+")
_NOT_PRINTABLE = re.compile(r"[^ -~]")
_QUOTED_PAIR = re.compile(r'(["\\])')

# The path or the method is at fault, so no credentials would help.
_WITHOUT_CHALLENGE = frozenset({"path_ambiguous", "method_ambiguous", "mount_unknown"})


def validate_realm(realm: str) -> str:
    """Return `realm` if it can stand in a header; raise `ValueError` otherwise."""
    if not isinstance(realm, str) or _REALM.fullmatch(realm) is None:
        raise ValueError(f"realm={realm!r}: write printable ASCII, such as 'api'")
    return realm


def challenge(error: AuthError, realm: str) -> str | None:
    """Return the `WWW-Authenticate` of a refusal, or None where credentials would not help.

    Every value is quoted, and stripped of characters that a header or the parameter must not
    hold, so no text can add another parameter or another line.
    """
    if error.code in ("forbidden", "temporarily_unavailable"):
        return None
    if error.reason in _WITHOUT_CHALLENGE:
        return None
    parameters = [("realm", realm)]
    if error.code is not None:
        parameters.append(("error", error.code))
        # RFC 6750 §3 allows neither quote nor backslash in a description.
        description = error.description.replace('"', "'").replace("\\", "/")
        parameters.append(("error_description", description))
    scopes = [name for name in error.scopes if _SCOPE.fullmatch(name)]
    parameters.append(("scope", " ".join(scopes)))
    if isinstance(error, InsufficientAuthentication):
        parameters.append(("acr_values", " ".join(error.acr_values)))
        if error.max_age is not None:
            parameters.append(("max_age", str(error.max_age)))
    return "Bearer " + ", ".join(f"{name}={_quoted(value)}" for name, value in parameters if value)


def respond(error: AuthError) -> WSGIApplication:
    """Return the WSGI application that answers `error`: status, challenge and a JSON body.

    It reads the realm that the layers left in the environ, so that an application or a framework
    can return it from wherever it caught the error.
    """

    def refusal(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return _send(error, environ, start_response)

    return refusal


def _send(
    error: AuthError, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    answer = _answer(error, environ.get(REALM_KEY, "api"))
    headers = list(answer.headers)
    if isinstance(error, KeysUnavailable):
        headers.append(("Retry-After", str(max(1, math.ceil(error.retry_after)))))
    start_response(answer.status, headers)
    if environ.get("REQUEST_METHOD") == "HEAD":
        return []
    return [answer.body]


def _answer(error: AuthError, realm: str) -> _Answer:
    """Return status, headers and body, which all refusals with the same content share."""
    content = _content(error, realm)
    answer = _ANSWERS.get(content)
    if answer is None:
        answer = _compose_answer(error, realm)
        if len(_ANSWERS) < _MAX_ANSWERS:
            _ANSWERS[content] = answer
    return answer


def _content(error: AuthError, realm: str) -> Hashable:
    """Return everything of the error that its answer depends on."""
    content = (
        type(error),
        error.status,
        error.code,
        error.reason,
        error.description,
        error.scopes,
        realm,
    )
    if isinstance(error, InsufficientAuthentication):
        return (*content, error.acr_values, error.max_age)
    return content


def _compose_answer(error: AuthError, realm: str) -> _Answer:
    members = {"error_description": error.description, "reason": error.reason}
    if error.code is not None:
        members = {"error": error.code, **members}
    # The newline keeps a shell's prompt off the last line.
    body = f"{json.dumps(members)}\n".encode("ascii")
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    header = challenge(error, realm)
    if header is not None:
        headers.append(("WWW-Authenticate", header))
    status = f"{error.status} {HTTPStatus(error.status).phrase}"
    return _Answer(status, tuple(headers), body)


def refuse(
    error: AuthError,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    on_error: OnError | None,
) -> Iterable[bytes]:
    """Answer `error`, with the application that the hook returns if it returns one."""
    replacement = None
    if on_error is not None:
        replacement = _replacement(error, environ, on_error)
    if replacement is not None:
        return replacement(environ, start_response)
    return _send(error, environ, start_response)


def _replacement(
    error: AuthError, environ: WSGIEnvironment, on_error: OnError
) -> WSGIApplication | None:
    """Return the hook's application; None where it returns none, or fails."""
    try:
        replacement = call(
            on_error,
            environ,
            error,
            name="on_error",
            consequence="the ordinary answer is sent",
            logger=logger,
        )
    except CallbackFailed:
        return None
    if replacement is None:
        return None
    if not callable(replacement) or deferred_kind(replacement) == "coroutine function":
        kind = type(replacement).__name__
        logger.error("on_error returned %s, not a WSGI application; it is ignored", kind)
        return None
    application: WSGIApplication = replacement
    return application


def answer_auth_errors(app: WSGIApplication, on_error: OnError | None = None) -> WSGIApplication:
    """Return an application that answers the `AuthError`s that `app` raises.

    The answers of `app` stay untouched. A layer (a class with `answers_refusals`) answers errors
    itself, and is returned as it is.
    """
    if getattr(type(app), "answers_refusals", False):
        return app

    def answered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        has_started = False

        def start(*arguments: Any) -> _Write:
            nonlocal has_started
            has_started = True
            return start_response(*arguments)

        try:
            return app(environ, start)
        except AuthError as error:
            if has_started:
                return refuse(error, environ, _restarting(start_response), on_error)
            return refuse(error, environ, start_response, on_error)

    return answered


def _restarting(start_response: StartResponse) -> StartResponse:
    """Return a `start_response` that replaces a response that was started (PEP 3333)."""
    exc_info = sys.exc_info()

    def restart(status: str, headers: list[_Header], *_: Any) -> _Write:
        return start_response(status, headers, exc_info)

    return restart


def _quoted(text: str) -> str:
    printable = _NOT_PRINTABLE.sub("", text)
    escaped = _QUOTED_PAIR.sub(r"\\\1", printable)
    return f'"{escaped}"'
