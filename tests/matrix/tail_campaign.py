"""Random requests near tails, and the judgement: who reaches what, bare and protected."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any
from zlib import crc32

from jwt_wsgi import Auth, Policy, ScopeAuthorizer
from jwt_wsgi.errors import InvalidRequest
from jwt_wsgi.policy import tree
from jwt_wsgi.policy.algebra import Requirement
from jwt_wsgi.policy.paths import Segments, canonical
from jwt_wsgi.policy.policy import Match
from jwt_wsgi.policy.requirements import Request
from matrix.oracle import caller, run
from matrix.requests import Spelled, on_the_wire
from matrix.spellings import CHANGES
from matrix.tail_apps import TAIL_APPS
from matrix.tail_places import DEMANDS, RULES, SCOPES, TAIL_PLACES
from matrix.weakened import without

#: Files, addresses, ways out of the folder, and ways to other places.
TAIL_VALUES = (
    "a.txt", "sub/b.txt", "sub//b.txt", "sub///b.txt", "a.txt/", "a.txt//", "", "/", "x", "é//ü",
    "https://example.com/page", "http://example.com//a//", "https:/example.com", "//example.com/",
    "/etc/passwd", "//etc/passwd", "x//etc/passwd", "etc/passwd", "sub//../../../../../../etc/passwd",
    "../secret.txt", "sub/../../secret.txt", "x/..//../secret.txt", "..//secret.txt", "sub//..//../secret.txt",
    "../public-private/secret.txt", "....//secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "./a.txt",
    "sub\\..\\..\\secret.txt", "..;/secret.txt", ".//../secret.txt", "~root", "-private/secret.txt",
    "../../admin/log", "../admin", "x/../../admin/log", "a//../../admin", "..//..//admin//log", "../open",
    "http://x/../../../admin", "x//../../open", "../../../admin/log", "//admin/log", "x///../admin", "admin",
)  # fmt: skip
#: The number of requests of a campaign that the weakened policies get, too.
ENOUGH_FOR_WEAKENED = 10_000
METHODS = ("GET",) * 8 + ("HEAD", "POST", "OPTIONS", "get")


def request_near_tails(app: str, chance: int) -> Spelled:
    """Return the request of this seed for this application."""
    random = Random(crc32(app.encode()) << 64 | chance)
    path = random.choice(tuple(TAIL_PLACES.values())).path
    path = path.replace("{name}", random.choice(("7", "admin", "a.b", "é")))
    path = on_the_wire(path.replace("{rest}", random.choice(TAIL_VALUES)))
    for _ in range(random.choice((0, 0, 1, 1, 1, 2, 3))):
        change = _doubled_slash if random.random() < 0.4 else random.choice(CHANGES)
        path = change(random, path)
    script_name = ""
    if random.random() < 0.03 and "/" in path[1:]:
        at = path.index("/", 1)
        script_name, path = path[:at], path[at:]
    return Spelled(random.choice(METHODS), path, script_name)


def _doubled_slash(random: Random, path: str) -> str:
    places = [at for at, character in enumerate(path) if character == "/"] or [0]
    at = random.choice(places)
    return path[:at] + "/" * random.choice((1, 1, 2)) + path[at:]


@dataclass
class TailCampaign:
    """The results of many requests to one application."""

    requests: int = 0
    bypasses: list[str] = field(default_factory=list)
    #: handler -> requests that reached it bare, and through the policy by some caller.
    bare: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)
    #: handler -> requests with empty segments that reached it through the policy.
    passed_with_empty: Counter[str] = field(default_factory=Counter)
    #: weakened policy -> requests that got around it.
    weakened: Counter[str] = field(default_factory=Counter)


@cache
def _callers(handlers: frozenset[str]) -> tuple[Auth | None, ...]:
    """Return callers without a token, without scopes, with all but one scope, and with all."""
    needed = {name for handler in handlers for name in _scopes(DEMANDS[handler])}
    lacking = tuple(caller(SCOPES - {name}) for name in sorted(needed))
    return (None, caller(frozenset()), *lacking, caller(SCOPES))


def _scopes(demand: Requirement) -> tuple[str, ...]:
    failure = getattr(demand, "failure", None)
    return failure.scopes if failure is not None else ()


def is_refused(handler: str, auth: Auth | None) -> bool:
    """Return whether the own rule of a handler refuses this caller."""
    return DEMANDS[handler].refusal(auth, Request()) is not None


@cache
def tail_campaign(app: str, number: int, first: int) -> TailCampaign:
    """Check `number` requests, from seed `first` on."""
    application = TAIL_APPS[app]()
    protected = ScopeAuthorizer(application, Policy(RULES))
    weak = {
        name: (policy(RULES), ScopeAuthorizer(application, policy(RULES)))
        for name, policy in WEAKENED_TAILS.items()
    }
    result = TailCampaign(number)
    for chance in range(first, first + number):
        request = request_near_tails(app, chance)
        handlers = run(application, request.environ())
        result.bare.update(handlers)
        result.bypasses += [
            f"{app!r}, chance {chance}: {request} {how}"
            for how in _judge(app, request, handlers, protected, result)
        ]
        if chance - first >= ENOUGH_FOR_WEAKENED:
            continue
        for name, (policy, layer) in weak.items():
            result.weakened[name] += _gets_around(request, handlers, policy, layer)
    return result


def decodes_again(app: str, request: Spelled) -> bool:
    """Return whether an application makes slashes of `%2F`, after the policy judged the path.

    CherryPy does. It is a known limit, with a test of its own.
    """
    return app == "cherrypy" and "%2F" in request.path_info


def _judge(
    app: str, request: Spelled, handlers: tuple[str, ...], protected: Any, result: TailCampaign
) -> Iterator[str]:
    """Yield the ways in which a request gets around the policy; count the handlers reached."""
    passed: set[str] = set()
    for auth in _callers(frozenset(handlers)):
        through = run(protected, request.environ(auth))
        if decodes_again(app, request):
            through = tuple(name for name in through if name != "outside")
        passed.update(through)
        if not set(through) <= set(handlers) or any(is_refused(each, auth) for each in through):
            yield f"reached {through} with {auth}"
    result.passed.update(passed)
    if "//" in request.path_info:
        result.passed_with_empty.update(passed)


def _gets_around(request: Spelled, handlers: tuple[str, ...], policy: Policy, layer: Any) -> bool:
    """Return whether a weakened policy lets a caller reach a handler that refuses the caller."""
    for auth in _callers(frozenset(handlers)):
        if not any(is_refused(each, auth) for each in handlers):
            continue
        try:
            if policy.match(request.environ()).refusal(auth) is not None:
                continue
        except InvalidRequest:
            return False
        if any(is_refused(each, auth) for each in run(layer, request.environ(auth))):
            return True
    return False


class WeakTails(Policy):
    """The policy with another idea of the paths that lie in a tail.

    `reading` makes the segments of a path; `in_tail` returns the segments to look for a tail
    with, where some are empty, or dots.
    """

    reading: Callable[[str], Segments]
    in_tail: Callable[[Segments], Segments]

    def match(self, environ: Mapping[str, Any]) -> Match:
        if environ["SCRIPT_NAME"] or "HTTP_X_VHM_ROOT" in environ:
            raise InvalidRequest("mount_unknown")
        if not environ["REQUEST_METHOD"].isupper():
            raise InvalidRequest("method_ambiguous")
        segments = type(self).reading(environ["PATH_INFO"])
        return self.decide(segments, environ["REQUEST_METHOD"])

    def decide(self, segments: Segments, method: str) -> Match:
        if {"", ".", ".."}.isdisjoint(segments):
            return super().decide(segments, method)
        judged = type(self).in_tail(segments)
        if not tree.tail_around(self._root, judged):
            raise InvalidRequest("path_ambiguous")
        return super().decide(judged, method)


def _kept(path_info: str) -> Segments:
    return canonical(path_info, keep_empty=True)


def _with_dots(path_info: str) -> Segments:
    return without("dot", "empty", path_info=path_info)


def _named(segments: Segments) -> Segments:
    return tuple(segment or "x" for segment in segments)


def _without_dots(segments: Segments) -> Segments:
    # A dot before the tail stays what it is.
    return segments


def _collapsed(segments: Segments) -> Segments:
    return tuple(filter(None, segments))


class EmptyFirst(WeakTails):
    """An empty segment may begin a tail."""

    reading = staticmethod(_kept)
    in_tail = staticmethod(_named)


class EmptyBefore(WeakTails):
    """Empty segments before a tail are dropped."""

    reading = staticmethod(_kept)
    in_tail = staticmethod(_collapsed)


class DotsInside(WeakTails):
    """A tail may contain dot segments."""

    reading = staticmethod(_with_dots)
    in_tail = staticmethod(_without_dots)


class EmptyAnywhere(WeakTails):
    """Empty segments are accepted everywhere, as names."""

    reading = staticmethod(_kept)

    def decide(self, segments: Segments, method: str) -> Match:
        return Policy.decide(self, _named(segments), method)


WEAKENED_TAILS: dict[str, Callable[[Any], Policy]] = {
    "an empty segment may begin a tail": EmptyFirst,
    "empty segments before a tail are dropped": EmptyBefore,
    "a tail may contain dot segments": DotsInside,
    "empty segments are accepted everywhere": EmptyAnywhere,
}
