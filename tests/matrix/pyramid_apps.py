"""Pyramid: routes, and traversal, whose walk over resources resolves dots and skips empty segments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response

from matrix.places import ANY_METHOD, PLACES, reach

#: Routes are tried in this order.
ORDER = sorted(PLACES, key=lambda name: "{" in PLACES[name].path)


def _view(name: str) -> Callable[..., Response]:
    def view(_context: Any, _request: Request) -> Response:
        return Response(reach(name))

    return view


def _methods(name: str) -> tuple[str, ...] | None:
    return None if PLACES[name].methods == ANY_METHOD else PLACES[name].methods


def routed() -> Any:
    """Return an application with URL dispatch."""
    with Configurator() as config:
        added = {}
        for name in ORDER:
            path = PLACES[name].path.replace("/{rest}", "/*rest")
            if path not in added:
                added[path] = name
                config.add_route(name, path)
            config.add_view(_view(name), route_name=added[path], request_method=_methods(name))
        return config.make_wsgi_app()


class Resource:
    """A node of the tree: its children, and a class for all others."""

    def __init__(self, *, default: type[Resource] | None = None, **children: Resource) -> None:
        self.children = children
        self.default = default

    def __getitem__(self, name: str) -> Resource:
        found = self.children.get(name) or (self.default and self.default())
        if found is None:
            raise KeyError(name)
        return found


def _classes() -> dict[str, type[Resource]]:
    return {name: type(name.capitalize(), (Resource,), {}) for name in PLACES}


def traversed() -> Any:
    """Return a traversal of a tree of the places; `help` is a named view, the others resources."""
    kinds = _classes()

    class Files(kinds["files"]):  # type: ignore[misc]
        """A file, or a folder of them."""

        def __getitem__(self, name: str) -> Resource:
            return Files()

    tree = kinds["root"](
        open=kinds["open"](
            admin=kinds["hall"](),
            pages=Resource(default=kinds["page"]),
            files=Resource(default=Files),
            café=kinds["cafe"](),
        ),
        admin=kinds["admin"](log=kinds["log"]()),
        items=Resource(default=kinds["read"], new=kinds["new"]()),
        notes=kinds["notes"](),
        report=kinds["report"](),
    )
    contexts = {**kinds, "write": kinds["read"], "edit": kinds["notes"]}
    with Configurator(root_factory=lambda _request: tree) as config:
        for name in PLACES:
            if name != "help":
                config.add_view(_view(name), context=contexts[name], request_method=_methods(name))
        config.add_view(_view("write"), context=kinds["new"], request_method="POST")
        config.add_view(
            _view("help"), context=kinds["admin"], name="help", request_method=_methods("help")
        )
        return config.make_wsgi_app()
