"""The route tables of the frameworks, each read by its own names; none is imported before an application of it is here.

A table says which paths and methods reach code of the application. What a
framework decides while it runs (a `urlconf` on a Django request, say) is not in it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from jwt_wsgi.coverage.routes import (
    ANY_DEPTH,
    ONE_SEGMENT,
    ONE_SEGMENT_OR_NONE,
    Piece,
    Pieces,
    read_regex,
)

#: Upper-case methods, each with whether the framework added it by itself; None is every method.
Methods = Mapping[str, bool] | None


class Found(NamedTuple):
    """A route as its framework has it: the pieces that could be read, and whether they are all of it.

    `spelling` is how the framework writes it; `guards` are the policies in front of it, each with its mount.
    """

    pieces: Pieces
    methods: Methods
    name: str
    certain: bool = True
    spelling: str = ""
    guards: tuple[tuple[str, Any], ...] = ()


def is_a(thing: object, *names: str) -> bool:
    """Whether one of its classes is so named, with its module."""
    return any(f"{cls.__module__}.{cls.__qualname__}" in names for cls in type(thing).__mro__)


def _with_head(methods: Iterable[str]) -> dict[str, bool]:
    """What an author asked for, with the HEAD that comes with a GET."""
    asked = dict.fromkeys(sorted(methods), False)
    return {**asked, "HEAD": True} if "GET" in asked and "HEAD" not in asked else asked


def flask(app: Any) -> Iterator[Found]:
    """The URL map of a Flask application, blueprints and static files included."""
    for rule in app.url_map.iter_rules():
        if rule.build_only:
            continue
        methods: Methods = None
        if rule.methods is not None:
            # Werkzeug adds HEAD to GET, and Flask answers OPTIONS where no view asked for it.
            added = {
                "HEAD": "GET" in rule.methods,
                "OPTIONS": bool(getattr(rule, "provide_automatic_options", False)),
            }
            methods = {method: added.get(method, False) for method in sorted(rule.methods)}
        pieces, certain = _werkzeug_pieces(rule)
        yield Found(pieces, methods, rule.endpoint, certain, rule.rule)


def _werkzeug_pieces(rule: Any) -> tuple[Pieces, bool]:
    pieces: list[str | Piece] = []
    # The host stands before the first bar.
    host = True
    for dynamic, text in rule._trace:  # noqa: SLF001 (what the rule was taken apart into has no public name)
        if host:
            host = (dynamic, text) != (False, "|")
        elif not dynamic:
            pieces.append(text)
        else:
            pieces.append(Piece(text, rule._converters[text].regex))  # noqa: SLF001
    return tuple(pieces), not host


def bottle(app: Any) -> Iterator[Found]:
    """The routes of a Bottle application; what it mounts by WSGI is everything beneath."""
    for route in app.routes:
        methods = None if route.method in ("ANY", "PROXY") else _with_head([route.method])
        pieces: list[str | Piece] = []
        for number, (name, kind, configured) in enumerate(app.router._itertokens(route.rule)):  # noqa: SLF001
            if kind is None:
                pieces.append(name)
            elif kind == "default":
                pieces.append(Piece(name or f"p{number}", app.router.default_pattern))
            else:
                pieces.append(Piece(name or f"p{number}", app.router.filters[kind](configured)[0]))
        # A mounted application has a route table of its own, which no rule of this path names.
        certain = route.method != "PROXY"
        yield Found(
            tuple(pieces), methods, route.name or _named(route.callback), certain, route.rule
        )


def falcon(app: Any) -> Iterator[Found]:
    """The resources, sinks and static routes of a Falcon application."""
    from falcon import inspect

    for route in inspect.inspect_routes(app):
        methods = {
            m.method: m.internal for m in route.methods if not m.internal or m.method == "OPTIONS"
        }
        pieces = _falcon_pieces(route.path, app.router_options.converters)
        yield Found(pieces, methods, route.class_name)
    for sink in inspect.inspect_sinks(app):
        # A prefix of the text, and not of segments: what the rest of it is, nobody knows.
        pieces, _ = read_regex(sink.prefix.removeprefix("^"))
        yield Found(pieces, None, sink.name, certain=False, spelling=sink.prefix)
    for static in inspect.inspect_static_routes(app):
        yield Found((static.prefix.rstrip("/") + "/", Piece("path", ANY_DEPTH)), None, "static")


_FIELD = re.compile(r"\{(?P<name>[^}:]*)(?::(?P<converter>[^}(]*)[^}]*)?\}")


def _falcon_pieces(template: str, converters: Mapping[str, Any]) -> Pieces:
    pieces: list[str | Piece] = []
    position = 0
    for field in _FIELD.finditer(template):
        pieces.append(template[position : field.start()])
        position = field.end()
        converter = converters[field["converter"].strip()] if field["converter"] else None
        many = getattr(converter, "CONSUME_MULTIPLE_SEGMENTS", False)
        # A field takes the empty text behind a trailing slash too.
        pieces.append(Piece(field["name"].strip(), ANY_DEPTH if many else ONE_SEGMENT_OR_NONE))
    return (*pieces, template[position:])


_PYRAMID_FIELD = re.compile(r"(\{[_a-zA-Z][^{}]*(?:\{[^{}]*\}[^{}]*)*\})")
_PYRAMID_OLD_FIELD = re.compile(r":([_a-zA-Z]\w*)")
_PYRAMID_REST = re.compile(r"\*(\w*)$")


def pyramid(app: Any) -> Iterator[Found]:
    """The routes of a Pyramid router that have views, and its traversal, from the introspector."""
    introspector = app.registry.introspector
    views = [view["introspectable"] for view in introspector.get_category("views", ())]
    views = [view for view in views if not _is_for_exceptions(view)]
    unrouted = [view for view in views if view["route_name"] is None]
    for introspected in introspector.get_category("routes", ()):
        route = introspected["introspectable"]
        mine = [view for view in views if view["route_name"] == route["name"]]
        mine += unrouted if route["use_global_views"] else []
        if mine and not route["static"]:
            pattern = "/" + route["object"].pattern.removeprefix("/")
            yield Found(
                _pyramid_pieces(pattern),
                _pyramid_methods(route, mine),
                route["name"],
                spelling=pattern,
            )
    for view in unrouted:
        # Any path may lead to it: the tree of resources decides, request by request.
        spelling = f"/{{traverse...}}/{view['name']}"
        yield Found(
            ("/",),
            _pyramid_methods({"request_methods": None}, [view]),
            "traversal",
            False,
            spelling,
        )


def _is_for_exceptions(view: Any) -> bool:
    context = view["context"]
    response = getattr(context, "__name__", None) == "IExceptionResponse"
    return bool(
        view["exception_only"]
        or response
        or (isinstance(context, type) and issubclass(context, Exception))
    )


def _pyramid_methods(route: Any, views: list[Any]) -> Methods:
    by_views = [_asked(view) for view in views]
    methods = (
        None
        if None in by_views
        else _with_head(method for asked in by_views for method in asked or ())
    )
    of_route = _asked(route)
    if of_route is None:
        return methods
    allowed = _with_head(of_route)
    return (
        allowed
        if methods is None
        else {m: added and allowed[m] for m, added in methods.items() if m in allowed}
    )


def _asked(introspected: Any) -> tuple[str, ...] | None:
    """The methods that its predicate names; None where it has none, or one that is turned round."""
    asked = introspected["request_methods"]
    return (asked,) if isinstance(asked, str) else asked if isinstance(asked, tuple) else None


def _pyramid_pieces(pattern: str) -> Pieces:
    if not _PYRAMID_FIELD.search(pattern):
        pattern = _PYRAMID_OLD_FIELD.sub(r"{\1}", pattern)
    rest = _PYRAMID_REST.search(pattern)
    pieces: list[str | Piece] = []
    for part in _PYRAMID_FIELD.split(pattern[: rest.start()] if rest else pattern):
        if _PYRAMID_FIELD.fullmatch(part):
            name, _, regex = part[1:-1].partition(":")
            pieces.append(Piece(name, regex or ONE_SEGMENT))
        else:
            pieces.append(part)
    return (*pieces, Piece(rest[1], ANY_DEPTH)) if rest else tuple(pieces)


def router(app: Any) -> Iterator[Found]:
    """A mapping `routes` of exact paths to WSGI applications, and perhaps `methods`, such as the sample's router."""
    methods = getattr(app, "methods", None)
    for path, handler in app.routes.items():
        yield Found((path,), None if methods is None else _with_head(methods), _named(handler))


def is_router(app: Any) -> bool:
    """Whether it has such a mapping."""
    routes = getattr(app, "routes", None)
    return isinstance(routes, Mapping) and all(
        isinstance(path, str) and path[:1] in ("", "/") for path in routes
    )


def _named(function: Any) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


READERS: dict[str, Callable[[Any], Iterator[Found]]] = {
    "bottle.Bottle": bottle,
    "falcon.app.App": falcon,
    "pyramid.router.Router": pyramid,
}
