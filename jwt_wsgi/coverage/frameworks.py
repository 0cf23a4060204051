"""The route tables of the frameworks, each read by its framework's own names.

No framework is imported before an application of it is given. A table says which paths and
methods reach code of the application. It does not contain what a framework decides while it
runs, such as a `urlconf` on a Django request.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from jwt_wsgi.coverage.routes import (
    ANY_DEPTH,
    ONE_SEGMENT,
    ONE_SEGMENT_OR_NONE,
    RouteParts,
    Variable,
    read_regex,
)

#: Upper-case methods, each with whether the framework added it by itself; None is every method.
Methods = Mapping[str, bool] | None


class FrameworkRoute(NamedTuple):
    """A route as its framework's table has it.

    `parts` are those that could be read; `certain` is true if they are all. `name` is the
    handler's name and `spelling` how the framework writes the route. `guards` are the policies
    in front of it, each with the mount at which it stands.
    """

    parts: RouteParts
    methods: Methods
    name: str
    certain: bool = True
    spelling: str = ""
    guards: tuple[tuple[str, Any], ...] = ()


def _with_head(methods: Iterable[str]) -> dict[str, bool]:
    """Return an author's methods, with the HEAD that a framework adds to GET."""
    table = dict.fromkeys(sorted(methods), False)
    if "GET" in table:
        table.setdefault("HEAD", True)
    return table


def flask(app: Any) -> Iterator[FrameworkRoute]:
    """Yield the URL map of a Flask application, blueprints and static files included."""
    for rule in app.url_map.iter_rules():
        if not rule.build_only:
            parts, certain = _werkzeug_parts(rule)
            yield FrameworkRoute(parts, _flask_methods(rule), rule.endpoint, certain, rule.rule)


def _flask_methods(rule: Any) -> Methods:
    if rule.methods is None:
        return None
    methods = dict.fromkeys(sorted(rule.methods), False)
    # Werkzeug adds HEAD to GET, and Flask answers OPTIONS where no view asked for it.
    if "HEAD" in methods:
        methods["HEAD"] = "GET" in methods
    if "OPTIONS" in methods:
        methods["OPTIONS"] = bool(getattr(rule, "provide_automatic_options", False))
    return methods


def _werkzeug_parts(rule: Any) -> tuple[RouteParts, bool]:
    parts: list[str | Variable] = []
    # What a rule is taken apart into has no public name. The host stands before the first bar.
    is_host = True
    for is_variable, text in rule._trace:  # noqa: SLF001
        if is_host:
            is_host = is_variable or text != "|"
        elif is_variable:
            parts.append(Variable(text, rule._converters[text].regex))  # noqa: SLF001
        else:
            parts.append(text)
    return tuple(parts), not is_host


def bottle(app: Any) -> Iterator[FrameworkRoute]:
    """Yield the routes of a Bottle application; a WSGI mount is everything below its path."""
    for route in app.routes:
        methods = None
        if route.method not in ("ANY", "PROXY"):
            methods = _with_head([route.method])
        yield FrameworkRoute(
            parts=_bottle_parts(app.router, route.rule),
            methods=methods,
            name=route.name or _name_of(route.callback),
            # A mounted application has a route table of its own.
            certain=route.method != "PROXY",
            spelling=route.rule,
        )


def _bottle_parts(router: Any, rule: str) -> RouteParts:
    parts: list[str | Variable] = []
    for number, (name, kind, configuration) in enumerate(router._itertokens(rule)):  # noqa: SLF001
        if kind is None:
            parts.append(name)
        elif kind == "default":
            parts.append(Variable(name or f"p{number}", router.default_pattern))
        else:
            regex, *_ = router.filters[kind](configuration)
            parts.append(Variable(name or f"p{number}", regex))
    return tuple(parts)


def falcon(app: Any) -> Iterator[FrameworkRoute]:
    """Yield the resources, sinks and static routes of a Falcon application."""
    from falcon import inspect

    for route in inspect.inspect_routes(app):
        parts = _falcon_parts(route.path, app.router_options.converters)
        yield FrameworkRoute(parts, _falcon_methods(route), route.class_name)
    for sink in inspect.inspect_sinks(app):
        # It is a prefix of the text, and not of segments. The rest of the path is unknown.
        parts, _ = read_regex(sink.prefix.removeprefix("^"))
        yield FrameworkRoute(parts, None, sink.name, certain=False, spelling=sink.prefix)
    for static in inspect.inspect_static_routes(app):
        parts = (static.prefix.rstrip("/") + "/", Variable("path", ANY_DEPTH))
        yield FrameworkRoute(parts, None, "static")


def _falcon_methods(route: Any) -> dict[str, bool]:
    return {
        method.method: method.internal
        for method in route.methods
        if not method.internal or method.method == "OPTIONS"
    }


_FALCON_FIELD = re.compile(r"\{(?P<name>[^}:]*)(?::(?P<converter>[^}(]*)[^}]*)?\}")


def _falcon_parts(template: str, converters: Mapping[str, Any]) -> RouteParts:
    parts: list[str | Variable] = []
    position = 0
    for field in _FALCON_FIELD.finditer(template):
        parts.append(template[position : field.start()])
        position = field.end()
        # A field takes the empty text behind a trailing slash too.
        regex = ONE_SEGMENT_OR_NONE
        if field["converter"]:
            converter = converters[field["converter"].strip()]
            if getattr(converter, "CONSUME_MULTIPLE_SEGMENTS", False):
                regex = ANY_DEPTH
        parts.append(Variable(field["name"].strip(), regex))
    return (*parts, template[position:])


_PYRAMID_FIELD = re.compile(r"(\{[_a-zA-Z][^{}]*(?:\{[^{}]*\}[^{}]*)*\})")
_PYRAMID_OLD_FIELD = re.compile(r":([_a-zA-Z]\w*)")
_PYRAMID_REST = re.compile(r"\*(\w*)$")


def pyramid(app: Any) -> Iterator[FrameworkRoute]:
    """Yield the routes with views of a Pyramid router, and its traversal, by introspection."""
    introspector = app.registry.introspector
    all_views = [view["introspectable"] for view in introspector.get_category("views", ())]
    views = [view for view in all_views if not _is_for_exceptions(view)]
    unrouted = [view for view in views if view["route_name"] is None]
    for introspected in introspector.get_category("routes", ()):
        route = introspected["introspectable"]
        route_views = [view for view in views if view["route_name"] == route["name"]]
        if route["use_global_views"]:
            route_views += unrouted
        if route_views and not route["static"]:
            pattern = "/" + route["object"].pattern.removeprefix("/")
            methods = _pyramid_methods(_predicate_methods(route), route_views)
            yield FrameworkRoute(_pyramid_parts(pattern), methods, route["name"], spelling=pattern)
    for view in unrouted:
        # Any path may lead to it: the tree of resources decides, request by request.
        yield FrameworkRoute(
            parts=("/",),
            methods=_pyramid_methods(None, [view]),
            name="traversal",
            certain=False,
            spelling=f"/{{traverse...}}/{view['name']}",
        )


def _is_for_exceptions(view: Any) -> bool:
    context = view["context"]
    if view["exception_only"] or getattr(context, "__name__", None) == "IExceptionResponse":
        return True
    return isinstance(context, type) and issubclass(context, Exception)


def _pyramid_methods(route_methods: Iterable[str] | None, views: list[Any]) -> Methods:
    """Return the methods that both the route and one of its views accept."""
    view_methods = _methods_of_views(views)
    if route_methods is None:
        return view_methods
    allowed = _with_head(route_methods)
    if view_methods is None:
        return allowed
    return {
        method: added and allowed[method]
        for method, added in view_methods.items()
        if method in allowed
    }


def _methods_of_views(views: list[Any]) -> Methods:
    names: list[str] = []
    for view in views:
        methods = _predicate_methods(view)
        if methods is None:
            return None
        names += methods
    return _with_head(names)


def _predicate_methods(introspected: Any) -> tuple[str, ...] | None:
    """Return the methods that a route's or view's predicate names.

    None stands for no predicate, and for one that is negated.
    """
    methods = introspected["request_methods"]
    if isinstance(methods, str):
        return (methods,)
    if isinstance(methods, tuple):
        return methods
    return None


def _pyramid_parts(pattern: str) -> RouteParts:
    if not _PYRAMID_FIELD.search(pattern):
        pattern = _PYRAMID_OLD_FIELD.sub(r"{\1}", pattern)
    rest = _PYRAMID_REST.search(pattern)
    if rest is not None:
        pattern = pattern[: rest.start()]
    parts: list[str | Variable] = []
    for part in _PYRAMID_FIELD.split(pattern):
        if _PYRAMID_FIELD.fullmatch(part):
            name, _, regex = part[1:-1].partition(":")
            parts.append(Variable(name, regex or ONE_SEGMENT))
        else:
            parts.append(part)
    if rest is not None:
        parts.append(Variable(rest[1], ANY_DEPTH))
    return tuple(parts)


def router(app: Any) -> Iterator[FrameworkRoute]:
    """Yield the paths of an object with a mapping `routes`, such as the sample's router.

    The mapping is from exact paths to WSGI applications. The object may have `methods`.
    """
    methods: Methods = None
    if getattr(app, "methods", None) is not None:
        methods = _with_head(app.methods)
    for path, handler in app.routes.items():
        yield FrameworkRoute((path,), methods, _name_of(handler))


def is_router(app: Any) -> bool:
    """Return whether an object has such a mapping."""
    routes = getattr(app, "routes", None)
    return isinstance(routes, Mapping) and all(map(_is_path, routes))


def _is_path(key: object) -> bool:
    return isinstance(key, str) and (key == "" or key.startswith("/"))


def _name_of(function: Any) -> str:
    return str(getattr(function, "__qualname__", type(function).__qualname__))


#: The readers by the full name of the application's class.
READERS: dict[str, Callable[[Any], Iterator[FrameworkRoute]]] = {
    "bottle.Bottle": bottle,
    "falcon.app.App": falcon,
    "pyramid.router.Router": pyramid,
}
