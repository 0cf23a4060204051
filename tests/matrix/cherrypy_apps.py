"""CherryPy: a tree of objects, which joins `SCRIPT_NAME` and the path before it looks."""

from __future__ import annotations

from typing import Any

import cherrypy

from matrix.places import PLACES, reach


def cherrypy_app(*, in_a_tree: bool = False) -> Any:
    """Return the application by itself, or the tree that it is mounted in."""
    tree = cherrypy._cptree.Tree()
    application = tree.mount(_root(), "", {"/": {"request.show_tracebacks": False}})
    for log in (application.log, cherrypy.log):
        log.screen = False
        log.access_log.disabled = True
        log.error_log.disabled = True
    return tree if in_a_tree else application


def _page(*names: str) -> Any:
    by_method = {method: name for name in names for method in PLACES[name].methods}

    def page(*_segments: str, **_parameters: str) -> bytes:
        return reach(by_method[cherrypy.request.method]).encode()

    return cherrypy.expose(cherrypy.tools.allow(methods=list(by_method))(page))


def _leaf(*names: str) -> Any:
    """Return a page without segments below it, like a method without arguments."""
    page = _page(*names)

    def leaf(**parameters: str) -> bytes:
        return bytes(page(**parameters))

    return cherrypy.expose(
        cherrypy.tools.allow(methods=[m for n in names for m in PLACES[n].methods])(leaf)
    )


class _Node:
    def __init__(self, **children: Any) -> None:
        for name, child in children.items():
            setattr(self, name, child)


def _root() -> _Node:
    # Handlers with *args take all paths below them, and many applications use that.
    return _Node(
        index=_leaf("root"),
        open=_Node(
            index=_leaf("open"),
            admin=_page("hall"),
            pages=_Node(default=_page("page")),
            files=_Node(default=_page("files")),
            café=_leaf("cafe"),
        ),
        admin=_Node(index=_leaf("admin"), log=_page("log"), help=_leaf("help")),
        items=_Node(default=_page("read", "write"), new=_page("new", "write")),
        notes=_leaf("notes", "edit"),
        report=_leaf("report"),
    )
