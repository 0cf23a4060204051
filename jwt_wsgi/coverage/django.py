"""The URLconf of a Django project, with everything that it includes."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from jwt_wsgi.coverage.frameworks import FrameworkRoute, Methods
from jwt_wsgi.coverage.routes import ANY_DEPTH, RouteParts, Variable, read_regex
from jwt_wsgi.nesting import is_a

_RESOLVERS = "django.urls.resolvers"
_CONVERTED = re.compile(r"<(?:[^>:]+:)?([^>]+)>")


class _Prefix(NamedTuple):
    """The patterns that lead to a list of patterns: their parts, and how they are written.

    `certain` is true if these are all parts.
    """

    parts: RouteParts
    certain: bool
    spelling: str


def django(urlconf: Any) -> Iterator[FrameworkRoute]:
    """Yield the patterns of a URLconf.

    `urlconf` is a module or its name, a list of patterns, or None for that of the settings.
    """
    from django.urls import get_resolver  # type: ignore[import-untyped]

    if isinstance(urlconf, list):
        urlconf = tuple(urlconf)
    yield from _routes_below(get_resolver(urlconf), _Prefix(("/",), True, "/"))


def static_files(handler: Any) -> Iterator[FrameworkRoute]:
    """Yield the paths that Django's handler of static files answers by itself."""
    url = urlsplit(handler.get_base_url())
    if not url.netloc:
        yield FrameworkRoute(
            parts=(url.path, Variable("path", ANY_DEPTH)),
            methods=None,
            name="static files",
            certain=url.path.endswith("/"),
            spelling=url.path,
        )


def _routes_below(resolver: Any, prefix: _Prefix) -> Iterator[FrameworkRoute]:
    for entry in resolver.url_patterns:
        is_leaf = not hasattr(entry, "url_patterns")
        parts, is_whole = _parts_of(entry.pattern, is_leaf=is_leaf)
        path = _Prefix(
            # After an uncertain part, the position of the others in the path is unknown.
            parts=(*prefix.parts, *parts) if prefix.certain else prefix.parts,
            certain=prefix.certain and is_whole,
            spelling=prefix.spelling + str(entry.pattern),
        )
        if is_leaf:
            yield FrameworkRoute(
                parts=path.parts,
                methods=_methods(entry.callback),
                name=entry.name or entry.lookup_str,
                certain=path.certain,
                spelling=path.spelling,
            )
        else:
            yield from _routes_below(entry, path)


def _parts_of(pattern: Any, *, is_leaf: bool) -> tuple[RouteParts, bool]:
    """Return the parts of a pattern that could be read, and whether they are all."""
    if is_a(pattern, f"{_RESOLVERS}.RoutePattern") and isinstance(pattern._route, str):  # noqa: SLF001
        return _route_parts(pattern), True
    if is_a(pattern, f"{_RESOLVERS}.RegexPattern") and isinstance(pattern._regex, str):  # noqa: SLF001
        return _regex_parts(pattern._regex, is_leaf=is_leaf)  # noqa: SLF001
    # A prefix or a text that depends on the language.
    return (), False


def _route_parts(pattern: Any) -> RouteParts:
    route = str(pattern)
    parts: list[str | Variable] = []
    position = 0
    for variable in _CONVERTED.finditer(route):
        name = variable[1]
        parts.append(route[position : variable.start()])
        parts.append(Variable(name, pattern.converters[name].regex))
        position = variable.end()
    return (*parts, route[position:])


def _regex_parts(regex: str, *, is_leaf: bool) -> tuple[RouteParts, bool]:
    if not regex.startswith("^"):
        return (), False
    anchored = regex[1:]
    body = anchored.removesuffix("$").removesuffix(r"\Z")
    has_end = body != anchored
    if body.endswith("/?"):
        # The policy drops one trailing slash, so it makes no difference that it is optional.
        body = body.removesuffix("/?") + "/"
    parts, is_whole = read_regex(body)
    return parts, is_whole and (has_end or not is_leaf)


def _methods(view: Any) -> Methods:
    """Return the methods of a class-based view that dispatches as Django's does.

    Any other view takes every method.
    """
    cls = getattr(view, "view_class", None)
    if cls is None or not _dispatches_by_name(cls):
        return None
    options = getattr(view, "view_initkwargs", {})
    names = options.get("http_method_names", cls.http_method_names)
    return _methods_by_name(cls, names)


def _dispatches_by_name(cls: Any) -> bool:
    from django.views import View  # type: ignore[import-untyped]

    return issubclass(cls, View) and cls.dispatch is View.dispatch and cls.setup is View.setup


def _methods_by_name(cls: Any, names: list[str]) -> dict[str, bool]:
    from django.views import View

    methods = {name.upper(): False for name in names if hasattr(cls, name)}
    if "options" in names:
        methods["OPTIONS"] = cls.options is View.options
    if "head" in names and hasattr(cls, "get"):
        methods.setdefault("HEAD", "GET" in methods)
    return methods
