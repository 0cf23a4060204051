"""How a refusal is answered: the challenge, the body and the headers (RFC 6750 §3)."""

import json
import logging
import math
import sys
from collections.abc import Callable, Hashable, Iterable
from http import HTTPStatus
from typing import Any, NamedTuple
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.bindings import DPOP_SCHEME
from jwt_wsgi.callbacks import CallbackFailed, call, deferred_kind
from jwt_wsgi.errors import AuthError, InsufficientAuthentication, TemporarilyUnavailable
from jwt_wsgi.middleware.challenges import (
    ChallengeOptions,
    compose_challenges,
    demanded_scheme,
    options_of,
    schemes_for,
    used_scheme,
)

logger = logging.getLogger("jwt_wsgi.decision")

#: Returns a WSGI application that answers in place of ours, or None for the ordinary answer.
OnError = Callable[[WSGIEnvironment, AuthError], WSGIApplication | None]

_Write = Callable[[bytes], object]
_Header = tuple[str, str]


class _Answer(NamedTuple):
    status: str
    headers: tuple[_Header, ...]
    body: bytes
    offers_dpop: bool


# Reasons are few, and so are the scopes of a policy. An application may invent others, so the cache
# is emptied when it is full.
_ANSWERS: dict[Hashable, _Answer] = {}
_MAX_ANSWERS = 256


def respond(error: AuthError) -> WSGIApplication:
    """Return the WSGI application that answers `error`: status, challenge and a JSON body.

    It reads what the layers left in the environ, the realm, the schemes and the URL of the
    metadata, so that an application or a framework can return it from wherever it caught the error.
    """

    def refusal(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return _send(error, environ, start_response)

    return refusal


def _send(
    error: AuthError, environ: WSGIEnvironment, start_response: StartResponse
) -> Iterable[bytes]:
    options = options_of(environ)
    answer = _answer(error, environ, options)
    headers = list(answer.headers)
    if answer.offers_dpop and options.nonces is not None:
        headers.append(("DPoP-Nonce", options.nonces.issue(options.clock())))
    if isinstance(error, TemporarilyUnavailable):
        headers.append(("Retry-After", str(max(1, math.ceil(error.retry_after)))))
    start_response(answer.status, headers)
    if environ.get("REQUEST_METHOD") == "HEAD":
        return []
    return [answer.body]


def _answer(error: AuthError, environ: WSGIEnvironment, options: ChallengeOptions) -> _Answer:
    """Return status, headers and body, which all refusals with the same content share."""
    # All of the error, the request and the stack that the answer depends on.
    content: tuple[Any, ...] = (
        error.status,
        error.code,
        error.reason,
        error.description,
        error.scopes,
        frozenset(error.demand),
        demanded_scheme(error, environ),
        used_scheme(environ),
        options.realm,
        options.bindings,
        options.demand,
        options.proof_algorithms,
        options.metadata_url,
    )
    if isinstance(error, InsufficientAuthentication):
        content = (*content, error.acr_values, error.max_age)
    answer = _ANSWERS.get(content)
    if answer is None:
        answer = _compose_answer(error, environ, options)
        if len(_ANSWERS) >= _MAX_ANSWERS:
            _ANSWERS.clear()
        _ANSWERS[content] = answer
    return answer


def _compose_answer(
    error: AuthError, environ: WSGIEnvironment, options: ChallengeOptions
) -> _Answer:
    offered, used = schemes_for(error, environ, options)
    challenges = compose_challenges(error, offered, used, options)
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
    headers += [("WWW-Authenticate", challenge) for challenge in challenges]
    status = f"{error.status} {HTTPStatus(error.status).phrase}"
    return _Answer(status, tuple(headers), body, offers_dpop=DPOP_SCHEME in offered)


def refuse(
    error: AuthError,
    environ: WSGIEnvironment,
    start_response: StartResponse,
    on_error: OnError | None,
    ordinary: WSGIApplication | None = None,
) -> Iterable[bytes]:
    """Answer `error`, with the application that the hook returns if it returns one.

    Args:
        error: The refusal.
        environ: The environ of the request.
        start_response: As in PEP 3333.
        on_error: The hook, or None.
        ordinary: The application that answers without a hook; None is that of `respond`.
    """
    replacement = None
    if on_error is not None:
        replacement = _replacement(error, environ, on_error)
    if replacement is not None:
        return replacement(environ, start_response)
    if ordinary is not None:
        return ordinary(environ, start_response)
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
