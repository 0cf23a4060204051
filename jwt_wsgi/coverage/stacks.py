"""The way from the outermost WSGI application to the route tables: layers, middleware, mounts."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from jwt_wsgi.coverage.django import django, static_files
from jwt_wsgi.coverage.frameworks import READERS, FrameworkRoute, flask, is_router, router
from jwt_wsgi.coverage.openapi import openapi
from jwt_wsgi.coverage.routes import ANY_DEPTH, Variable
from jwt_wsgi.middleware.authorization import ScopeAuthorizer
from jwt_wsgi.nesting import DISPATCHER, entry_of, is_a, wrapped_app
from jwt_wsgi.policy.openapi import is_document
from jwt_wsgi.policy.policy import Policy

_SUPPORTED = (
    "Flask, Django, Pyramid, Bottle, Falcon, an object with a mapping `routes` of exact paths, "
    "or an OpenAPI 3 document"
)
_WERKZEUG = "werkzeug.middleware"
# These hand every request on as it is, or change nothing that a policy reads.
_TRANSPARENT = (
    f"{_WERKZEUG}.proxy_fix.ProxyFix",
    f"{_WERKZEUG}.profiler.ProfilerMiddleware",
    f"{_WERKZEUG}.lint.LintMiddleware",
    "jwt_wsgi.middleware.extraction.TokenExtractor",
    "jwt_wsgi.middleware.resource_metadata.ResourceMetadata",
    "jwt_wsgi.middleware.verification.TokenVerifier",
    "jwt_wsgi.mcp.tool_authorizer.ToolAuthorizer",
)


class Unreadable(TypeError):
    """An application whose routes cannot be read."""


class GuardedRoute(NamedTuple):
    """A route, and whether the policy in question stands in front of it."""

    route: FrameworkRoute
    guarded: bool


class _Position(NamedTuple):
    """The way to an application inside the stack.

    `prefix` is the path of the mount. `guards` are the policies that were met, each with the
    mount at which it stands. `urlconf` is the caller's, for Django.
    """

    prefix: str
    guards: tuple[tuple[str, Policy], ...]
    urlconf: Any


def routes_of(app: Any, policy: Policy, urlconf: Any = None) -> list[GuardedRoute]:
    """Return every route of `app` that can be read.

    Without any authorizer in the stack, the policy is taken to stand in front of `app`.

    Raises `TypeError` for an application that cannot be read. Raises `ValueError` for one without
    routes, and where the policy does not stand in the stack, or only inside a mount.
    """
    if is_document(app):
        return [GuardedRoute(route, True) for route in openapi(app, policy)]
    routes = list(_read(app, _Position("", (), urlconf)))
    if not routes:
        raise ValueError(
            f"{_name_of(app)} has no route: give coverage() the application when all its routes "
            "are there"
        )
    if not any(route.guards for route in routes):
        return [GuardedRoute(route, True) for route in routes]
    _check_mounts(app, policy, routes)
    return [GuardedRoute(route, _is_guarded(route, policy)) for route in routes]


def _check_mounts(app: Any, policy: Policy, routes: list[FrameworkRoute]) -> None:
    """Raise `ValueError` unless the policy stands at the root, where it sees whole paths."""
    mounts = {
        mount for route in routes for mount, guard in route.guards if guard.same_rules(policy)
    }
    if not mounts:
        raise ValueError(
            f"{_name_of(app)} is guarded by another policy than the one given: give coverage() "
            "the same rules, or the application without its layers"
        )
    if mounts != {""}:
        inner = ", ".join(sorted(mounts - {""}))
        raise ValueError(
            f"the policy stands inside {inner} and sees no more than what follows: "
            "give that application"
        )


def _is_guarded(route: FrameworkRoute, policy: Policy) -> bool:
    return any(guard.same_rules(policy) for _, guard in route.guards)


def _read(app: Any, position: _Position) -> Iterator[FrameworkRoute]:
    """Yield the routes of an application, and of those inside it."""
    entry = entry_of(app)
    if entry is not app:
        # Middleware may have been put in front of a Flask application.
        yield from _read(entry, position)
    elif isinstance(app, ScopeAuthorizer):
        guards = (*position.guards, (position.prefix, app.policy))
        yield from _read(app.app, position._replace(guards=guards))
    elif is_a(app, *_TRANSPARENT):
        yield from _read(wrapped_app(app), position)
    elif is_a(app, DISPATCHER):
        yield from _read_mounts(app, position)
    elif is_a(app, f"{_WERKZEUG}.shared_data.SharedDataMiddleware"):
        yield from _at_position(_shared_data(app), position)
        yield from _read(app.app, position)
    elif is_a(app, "django.contrib.staticfiles.handlers.StaticFilesHandler"):
        yield from _at_position(static_files(app), position)
        yield from _read(app.application, position)
    else:
        yield from _read_innermost(app, position)


def _read_innermost(app: Any, position: _Position) -> Iterator[FrameworkRoute]:
    table = _route_table(app, position.urlconf)
    if table is not None:
        yield from _at_position(table, position)
    else:
        yield from _read_unknown(app, position)


def _route_table(app: Any, urlconf: Any) -> Iterator[FrameworkRoute] | None:
    """Return the routes of a framework's application; None for anything else."""
    if is_a(app, "django.core.handlers.wsgi.WSGIHandler"):
        return django(urlconf)
    if is_a(app, "werkzeug.exceptions.HTTPException"):
        return iter(())
    if getattr(app, "__name__", None) == "wsgi_app":
        owner = getattr(app, "__self__", None)
        if is_a(owner, "flask.app.Flask"):
            return flask(owner)
    for name, reader in READERS.items():
        if is_a(app, name):
            return reader(app)
    if is_router(app):
        return router(app)
    return None


def _read_unknown(app: Any, position: _Position) -> Iterator[FrameworkRoute]:
    """Yield the routes behind an unknown middleware, which may also answer any path itself."""
    wrapped = wrapped_app(app)
    if wrapped is None:
        raise Unreadable(
            f"coverage() cannot read the routes of {_name_of(app)}: give it {_SUPPORTED}, "
            "or what wraps one of them"
        )
    yield from _at_position(iter([_catch_all(app)]), position)
    yield from _read(wrapped, position)


def _read_mounts(app: Any, position: _Position) -> Iterator[FrameworkRoute]:
    """Yield the routes of a dispatcher's main application, and of those at its mounts.

    A mounted application that cannot be read is taken to answer every path below its mount.
    """
    for mount, mounted in (("", app.app), *app.mounts.items()):
        inner = position._replace(prefix=position.prefix + mount)
        try:
            routes = list(_read(mounted, inner))
        except Unreadable:
            routes = list(_at_position(iter([_catch_all(mounted)]), inner))
        yield from routes


def _at_position(table: Iterator[FrameworkRoute], position: _Position) -> Iterator[FrameworkRoute]:
    """Yield routes with the prefix of their mount, and with the policies in front of them."""
    for route in table:
        spelling = route.spelling
        if spelling:
            spelling = position.prefix + spelling
        yield route._replace(
            parts=(position.prefix, *route.parts), spelling=spelling, guards=position.guards
        )


def _shared_data(app: Any) -> Iterator[FrameworkRoute]:
    for path, _ in app.exports:
        parts = (path.rstrip("/") + "/", Variable("path", ANY_DEPTH))
        yield FrameworkRoute(parts, None, "shared data")


def _catch_all(app: Any) -> FrameworkRoute:
    """Return an uncertain route for an application that may answer any path."""
    kind = getattr(app, "__name__", type(app).__qualname__)
    return FrameworkRoute(("/",), None, _name_of(app), certain=False, spelling=f"/{{{kind}...}}")


def _name_of(app: Any) -> str:
    kind = type(app)
    return f"{kind.__module__}.{getattr(app, '__qualname__', kind.__qualname__)}"
