"""The oracle: the protected application must guard the handlers that the bare one reaches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any, NamedTuple
from zlib import crc32

from jwt_wsgi import Auth, Policy, ScopeAuthorizer
from jwt_wsgi.errors import InvalidRequest
from jwt_wsgi.policy.requirements import Request
from matrix.apps import APPS
from matrix.places import PLACES, SCOPES, demanded, reached, rules
from matrix.requests import Spelled
from matrix.spellings import Plain, spelling
from matrix.weakened import WEAKENED


def caller(scopes: frozenset[str]) -> Auth:
    """Return a caller with exactly these scopes."""
    return Auth(
        claims={"sub": "user-1"}, header={}, token="", issuer="https://issuer.test/", scopes=scopes
    )


NOBODY, WITHOUT_SCOPES = None, caller(frozenset())


@cache
def callers(name: str) -> tuple[tuple[Auth | None, ...], Auth | None]:
    """Return callers whom a handler's rule refuses, and one with exactly the right scopes."""
    asked = demanded(name)
    candidates = (NOBODY, WITHOUT_SCOPES, caller(SCOPES - asked))
    refused = tuple(each for each in candidates if trespasses((name,), each))
    right = caller(asked)
    assert not trespasses((name,), right)
    return refused, right


def run(application: Any, environ: dict[str, Any]) -> tuple[str, ...]:
    """Return the handlers that a request reaches, also where the application then fails."""
    reached()
    try:
        body = application(environ, lambda *_: _nowhere)
        try:
            for _ in body:
                pass
        finally:
            if hasattr(body, "close"):
                body.close()
    except Exception as error:
        # A bare framework may fail on an odd environ. This package may not.
        if "jwt_wsgi" in _raised_in(error):
            raise
    return reached()


def _raised_in(error: BaseException) -> str:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return "" if traceback is None else traceback.tb_frame.f_globals.get("__name__", "")


def _nowhere(_octets: bytes) -> None:
    """Discard the octets, as the `write` of a server."""


@dataclass
class Campaign:
    """The results of many requests to one application."""

    requests: int = 0
    bypasses: list[str] = field(default_factory=list)
    #: handler -> requests that reached it bare, and through the policy with the right scopes.
    bare: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    #: weakened matcher -> bypasses that it would have had, and an example that was tried.
    weakened: Counter[str] = field(default_factory=Counter)
    caught: dict[str, str] = field(default_factory=dict)


def drawn(app: str, chance: int) -> Spelled:
    """Return the request of this seed for this application."""
    return spelling(Random(crc32(app.encode()) << 64 | chance), _plain(app))


@cache
def _plain(app: str) -> Plain:
    return tuple(APPS[app].plain().values())


@cache
def campaign(app: str, number: int, first: int) -> Campaign:
    """Check `number` requests, from seed `first` on."""
    application, written = APPS[app].make(), rules(APPS[app].names)
    protected = ScopeAuthorizer(application, Policy(written))
    weak = {name: matcher(written) for name, matcher in WEAKENED.items()}
    result = Campaign()
    for chance in range(first, first + number):
        request = drawn(app, chance)
        handlers = run(application, request.environ())
        result.bare.update(handlers)
        said = f"{app!r}, chance {chance}: {request}"
        result.bypasses += [
            f"{said} {how}" for how in _judge(request, handlers, protected, result.passed)
        ]
        for name, policy in weak.items():
            around = _around(policy, request, handlers)
            if around is not None:
                result.weakened[name] += 1
                # Decisions alone are counted. The whole layer is tried once.
                if name not in result.caught and trespasses(
                    run(ScopeAuthorizer(application, policy), request.environ(around.auth)),
                    around.auth,
                ):
                    result.caught[name] = said
    result.requests = number
    return result


def _judge(
    request: Spelled, handlers: tuple[str, ...], protected: Any, passed: Counter[str]
) -> Iterator[str]:
    """Yield the ways in which a request gets around the policy; count handlers in `passed`."""
    for auth in dict.fromkeys(auth for name in handlers for auth in callers(name)[0]) or (NOBODY,):
        through = run(protected, request.environ(auth))
        if trespasses(through, auth) or not set(through) <= set(handlers):
            yield f"reached {through} with {auth}"
    for name in handlers:
        right = callers(name)[1]
        through = run(protected, request.environ(right))
        if trespasses(through, right):
            yield f"reached {through} with {right}"
        passed.update({name} & {*through})


def trespasses(handlers: tuple[str, ...], auth: Auth | None) -> bool:
    """Return whether the own rule of one of these handlers refuses this caller."""
    return any(PLACES[name].demand.refusal(auth, Request()) is not None for name in handlers)


class Around(NamedTuple):
    """A caller whom a matcher wrongly lets pass."""

    auth: Auth | None


def _around(policy: Policy, request: Spelled, handlers: tuple[str, ...]) -> Around | None:
    refused = [auth for name in handlers for auth in callers(name)[0]]
    if not refused:
        return None
    try:
        match = policy.match(request.environ())
    except InvalidRequest:
        return None
    return next((Around(auth) for auth in refused if match.refusal(auth) is None), None)
