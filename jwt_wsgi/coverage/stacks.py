"""From the outermost WSGI application to the route tables: layers, middleware and mounts."""

from collections.abc import Iterator
from typing import Any

from jwt_wsgi.coverage.django import django, static_files
from jwt_wsgi.coverage.frameworks import READERS, Found, flask, is_a, is_router, router
from jwt_wsgi.coverage.routes import ANY_DEPTH, Piece
from jwt_wsgi.middleware.authorization import ScopeAuthorizer
from jwt_wsgi.policy.policy import Policy

_SUPPORTED = (
    "Flask, Django, Pyramid, Bottle, Falcon, or an object with a mapping `routes` of exact paths"
)
_MIDDLEWARE = "werkzeug.middleware"
# These hand every request on as they find it, or change nothing that a policy reads.
_TRANSPARENT = tuple(
    f"{_MIDDLEWARE}.{name}"
    for name in ("proxy_fix.ProxyFix", "profiler.ProfilerMiddleware", "lint.LintMiddleware")
) + tuple(
    f"jwt_wsgi.middleware.{name}"
    for name in ("extraction.TokenExtractor", "verification.TokenVerifier")
)
_INNER = ("app", "wsgi_app", "application", "_app", "wrapped_app")


#: The policies met on the way inwards, each with the mount at which it stands.
Guards = tuple[tuple[str, Policy], ...]


class Unreadable(TypeError):
    """An application that tells nothing of its routes."""


def routes_of(app: Any, policy: Policy, urlconf: Any = None) -> list[tuple[Found, bool]]:
    """Every route that `app` can be found to have, and whether `policy` stands in front of it.

    Where no authorizer is met at all, it is taken to stand in front of `app`. Raises
    `TypeError` for what cannot be read, `ValueError` where there is no route, or
    where the policy stands nowhere, or inside a mount.
    """
    found = list(_read(app, urlconf, (), ""))
    if not found:
        raise ValueError(
            f"{_of(app)} has no route: give coverage() the application when all its routes are there"
        )
    if not any(route.guards for route in found):
        return [(route, True) for route in found]
    at = {mount for route in found for mount, guard in route.guards if _same(guard, policy)}
    if not at:
        raise ValueError(
            f"{_of(app)} is guarded by another policy than the one given: give coverage() the same rules, "
            "or the application without its layers"
        )
    if at != {""}:
        mounts = ", ".join(sorted(at - {""}))
        raise ValueError(
            f"the policy stands inside {mounts} and sees no more than what follows: give that application"
        )
    return [(route, any(_same(guard, policy) for _, guard in route.guards)) for route in found]


def _read(app: Any, urlconf: Any, guards: Guards, prefix: str) -> Iterator[Found]:
    if isinstance(app, ScopeAuthorizer):
        yield from _read(app.app, urlconf, (*guards, (prefix, app.policy)), prefix)
    elif is_a(app, *_TRANSPARENT):
        yield from _read(app.app, urlconf, guards, prefix)
    elif getattr(app, "__name__", None) == "__call__" and hasattr(app, "__self__"):
        yield from _read(app.__self__, urlconf, guards, prefix)
    elif is_a(app, "flask.app.Flask"):
        # Whatever was put in front of it since.
        yield from _read(app.wsgi_app, urlconf, guards, prefix)
    elif is_a(app, f"{_MIDDLEWARE}.dispatcher.DispatcherMiddleware"):
        yield from _mounts(app, urlconf, guards, prefix)
    elif is_a(app, f"{_MIDDLEWARE}.shared_data.SharedDataMiddleware"):
        yield from _placed(_shared(app), guards, prefix)
        yield from _read(app.app, urlconf, guards, prefix)
    elif is_a(app, "django.contrib.staticfiles.handlers.StaticFilesHandler"):
        yield from _placed(static_files(app), guards, prefix)
        yield from _read(app.application, urlconf, guards, prefix)
    elif (table := _table(app, urlconf)) is not None:
        yield from _placed(table, guards, prefix)
    else:
        yield from _through(app, urlconf, guards, prefix)


def _table(app: Any, urlconf: Any) -> Iterator[Found] | None:
    if is_a(app, "django.core.handlers.wsgi.WSGIHandler"):
        return django(urlconf)
    if is_a(app, "werkzeug.exceptions.HTTPException"):
        return iter(())
    if getattr(app, "__name__", None) == "wsgi_app" and is_a(
        getattr(app, "__self__", None), "flask.app.Flask"
    ):
        return flask(app.__self__)
    for name, reader in READERS.items():
        if is_a(app, name):
            return reader(app)
    return router(app) if is_router(app) else None


def _through(app: Any, urlconf: Any, guards: Guards, prefix: str) -> Iterator[Found]:
    """The routes behind a middleware that nothing is known of, and that it may answer anything by itself."""
    inner = next(
        (getattr(app, name) for name in _INNER if callable(getattr(app, name, None))), None
    )
    if inner is None:
        raise Unreadable(
            f"coverage() cannot read the routes of {_of(app)}: give it {_SUPPORTED}, or what wraps one of them"
        )
    yield from _placed(iter([_anything(app)]), guards, prefix)
    yield from _read(inner, urlconf, guards, prefix)


def _mounts(app: Any, urlconf: Any, guards: Guards, prefix: str) -> Iterator[Found]:
    """A main application and those at their prefixes; one that cannot be read is everything beneath its own."""
    for mount, mounted in (("", app.app), *app.mounts.items()):
        try:
            yield from list(_read(mounted, urlconf, guards, prefix + mount))
        except Unreadable:
            yield from _placed(iter([_anything(mounted)]), guards, prefix + mount)


def _placed(table: Iterator[Found], guards: Guards, prefix: str) -> Iterator[Found]:
    for found in table:
        pieces, spelling = (prefix, *found.pieces), found.spelling and prefix + found.spelling
        yield found._replace(pieces=pieces, spelling=spelling, guards=guards)


def _shared(app: Any) -> Iterator[Found]:
    for path, _ in app.exports:
        yield Found((path.rstrip("/") + "/", Piece("path", ANY_DEPTH)), None, "shared data")


def _anything(app: Any) -> Found:
    what = getattr(app, "__name__", type(app).__qualname__)
    return Found(("/",), None, _of(app), certain=False, spelling=f"/{{{what}...}}")


def _same(one: Policy, other: Policy) -> bool:
    compared = ("rules", "_default", "_mounts", "_allow_vhm_root")
    return one is other or all(getattr(one, name) == getattr(other, name) for name in compared)


def _of(app: Any) -> str:
    kind = type(app)
    return f"{kind.__module__}.{getattr(app, '__qualname__', kind.__qualname__)}"
