"""The URLconf of a Django project, with everything it includes."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from jwt_wsgi.coverage.frameworks import Found, Methods, is_a
from jwt_wsgi.coverage.routes import ANY_DEPTH, Piece, Pieces, read_regex

_RESOLVERS = "django.urls.resolvers"
_CONVERTED = re.compile(r"<(?:[^>:]+:)?([^>]+)>")


def django(urlconf: Any) -> Iterator[Found]:
    """The patterns of a URLconf: a module or its name, a list of patterns, None for that of the settings."""
    from django.urls import get_resolver  # type: ignore[import-untyped]

    resolver = get_resolver(tuple(urlconf) if isinstance(urlconf, list) else urlconf)
    yield from _within(resolver, ("/",), True, "/")


def static_files(handler: Any) -> Iterator[Found]:
    """What Django's handler of static files answers by itself."""
    url = urlsplit(handler.get_base_url())
    if not url.netloc:
        certain = url.path.endswith("/")
        yield Found((url.path, Piece("path", ANY_DEPTH)), None, "static files", certain, url.path)


def _within(resolver: Any, pieces: Pieces, certain: bool, spelling: str) -> Iterator[Found]:
    for entry in resolver.url_patterns:
        leaf = not hasattr(entry, "url_patterns")
        more, clear = _pieces(entry.pattern, leaf)
        # What follows something uncertain may stand anywhere beneath.
        reached = (*pieces, *more) if certain else pieces
        spelled = spelling + str(entry.pattern)
        if leaf:
            name = entry.name or entry.lookup_str
            yield Found(reached, _methods(entry.callback), name, certain and clear, spelled)
        else:
            yield from _within(entry, reached, certain and clear, spelled)


def _pieces(pattern: Any, leaf: bool) -> tuple[Pieces, bool]:
    """What a pattern adds to those above it, and whether that is all of it."""
    if is_a(pattern, f"{_RESOLVERS}.RoutePattern") and isinstance(pattern._route, str):  # noqa: SLF001
        return _route_pieces(pattern), True
    if is_a(pattern, f"{_RESOLVERS}.RegexPattern") and isinstance(pattern._regex, str):  # noqa: SLF001
        return _regex_pieces(pattern._regex, leaf)  # noqa: SLF001
    # A prefix or a text that depends on the language.
    return (), False


def _route_pieces(pattern: Any) -> Pieces:
    pieces: list[str | Piece] = []
    route, position = str(pattern), 0
    for found in _CONVERTED.finditer(route):
        pieces += [
            route[position : found.start()],
            Piece(found[1], pattern.converters[found[1]].regex),
        ]
        position = found.end()
    return (*pieces, route[position:])


def _regex_pieces(regex: str, leaf: bool) -> tuple[Pieces, bool]:
    if not regex.startswith("^"):
        return (), False
    body = regex[1:]
    ended = body.removesuffix("$").removesuffix(r"\Z")
    # The policy drops one trailing slash, so it may as well be optional.
    pieces, clear = read_regex(ended.removesuffix("/?") + "/" if ended.endswith("/?") else ended)
    return pieces, clear and (not leaf or ended != body)


def _methods(view: Any) -> Methods:
    """Those of a class-based view that dispatches as Django's does; any other view takes every method."""
    cls = getattr(view, "view_class", None)
    if cls is None:
        return None
    from django.views import View  # type: ignore[import-untyped]

    if (
        not issubclass(cls, View)
        or cls.dispatch is not View.dispatch
        or cls.setup is not View.setup
    ):
        return None
    names = getattr(view, "view_initkwargs", {}).get("http_method_names", cls.http_method_names)
    methods = {name.upper(): False for name in names if hasattr(cls, name)}
    if "options" in names:
        methods["OPTIONS"] = cls.options is View.options
    if "head" in names and hasattr(cls, "get"):
        methods.setdefault("HEAD", "GET" in methods)
    return methods
