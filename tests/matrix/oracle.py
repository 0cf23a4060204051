"""The oracle: what the bare application reaches is what the protected one must have guarded."""

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
    """A caller of exactly these rights."""
    return Auth(
        claims={"sub": "user-1"}, header={}, token="", issuer="https://issuer.test/", scopes=scopes
    )


NOBODY, WITHOUT_SCOPES = None, caller(frozenset())


@cache
def callers(name: str) -> tuple[tuple[Auth | None, ...], Auth | None]:
    """Whom a handler's rule refuses, and one whom it lets pass: with nothing more than it asks for."""
    asked = demanded(name)
    candidates = (NOBODY, WITHOUT_SCOPES, caller(SCOPES - asked))
    refused = tuple(each for each in candidates if trespasses((name,), each))
    right = caller(asked)
    assert not trespasses((name,), right)
    return refused, right


def run(application: Any, environ: dict[str, Any]) -> tuple[str, ...]:
    """The handlers that this request reaches; an application that fails has reached what it has."""
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
        # What a bare framework raises for an odd environ is a 500 of its own; nothing of ours may.
        if "jwt_wsgi" in _raised_in(error):
            raise
    return reached()


def _raised_in(error: BaseException) -> str:
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    return "" if traceback is None else traceback.tb_frame.f_globals.get("__name__", "")


def _nowhere(_octets: bytes) -> None:
    """The `write` of a server that throws everything away."""


@dataclass
class Campaign:
    """What came of many requests to one application."""

    requests: int = 0
    bypasses: list[str] = field(default_factory=list)
    #: handler -> requests that reached it bare, and through the policy with the right scopes.
    bare: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    #: weakened matcher -> bypasses that it would have had, and an example that was tried.
    weakened: Counter[str] = field(default_factory=Counter)
    caught: dict[str, str] = field(default_factory=dict)


def drawn(app: str, chance: int) -> Spelled:
    """The request of this chance for this application."""
    return spelling(Random(crc32(app.encode()) << 64 | chance), _plain(app))


@cache
def _plain(app: str) -> Plain:
    return tuple(APPS[app].plain().values())


@cache
def campaign(app: str, number: int, first: int) -> Campaign:
    """Judge `number` requests, from chance `first` on."""
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
                # The decision alone is counted; that it is one is tried once, with the whole layer.
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
    """How this request gets around the policy; `passed` counts what the right caller reached."""
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
    """Whether one of these handlers' own rules refuses this caller."""
    return any(PLACES[name].demand.refusal(auth, Request()) is not None for name in handlers)


class Around(NamedTuple):
    """A caller whom a matcher lets pass and should not."""

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
