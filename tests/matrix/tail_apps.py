"""Applications of each framework that serve files and addresses from the tail of a path."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import bottle
import cherrypy
import falcon
from django.http import HttpResponse
from django.urls import path, re_path
from django.views.static import serve
from flask import Flask
from pyramid.config import Configurator
from pyramid.response import Response as PyramidResponse
from webob import Request, Response
from webob.static import DirectoryApp

from matrix.django_apps import django_app
from matrix.pyramid_apps import Resource
from matrix.requests import on_the_wire
from matrix.tail_places import TAIL_PLACES, answer, public_folder, watched

#: The handlers apart from the framework's own for files, literal paths before parameters.
OWN = sorted((name for name in TAIL_PLACES if name != "static"), key=lambda name: "{" in TAIL_PLACES[name].path)  # fmt: skip


def _template(name: str, parameter: str, rest: str) -> str:
    return TAIL_PLACES[name].path.replace("{name}", parameter).replace("{rest}", rest)


def flask_app(*, merge_slashes: bool = True, strict_slashes: bool = True) -> Any:
    app = Flask(__name__, static_folder=public_folder(), static_url_path="/static")
    app.url_map.merge_slashes = merge_slashes
    app.url_map.strict_slashes = strict_slashes
    for name in OWN:
        app.add_url_rule(_template(name, "<name>", "<path:rest>"), name, _view(name))
    return watched(app)


def _view(name: str) -> Callable[..., str]:
    def view(rest: str = "", **_: Any) -> str:
        return answer(name, rest)

    return view


def django_paths() -> Any:
    patterns = [
        path(_template(name, "<str:name>", "<path:rest>").lstrip("/"), _django_view(name))
        for name in OWN
    ]
    static = path("static/<path:path>", serve, {"document_root": public_folder()})
    return watched(django_app((*patterns, static)))


def django_expressions() -> Any:
    patterns = [
        re_path(
            "^" + _template(name, "(?P<name>[^/]+)", "(?P<rest>.*)").lstrip("/") + "$",
            _django_view(name),
        )
        for name in OWN
    ]
    static = re_path("^static/(?P<path>.*)$", serve, {"document_root": public_folder()})
    return watched(django_app((*patterns, static)))


def _django_view(name: str) -> Callable[..., HttpResponse]:
    def view(_request: Any, rest: str = "", **_: Any) -> HttpResponse:
        return HttpResponse(answer(name, rest))

    return view


def pyramid_routes(*, rest: str = "{rest:.*}") -> Any:
    with Configurator() as config:
        config.add_static_view("static", path=public_folder())
        for name in OWN:
            config.add_route(name, _template(name, "{name}", "REST").replace("/REST", "/" + rest))
            config.add_view(_pyramid_view(name), route_name=name)
        return watched(config.make_wsgi_app())


def _pyramid_view(name: str) -> Callable[..., PyramidResponse]:
    def view(_context: Any, request: Any) -> PyramidResponse:
        rest = request.matchdict.get("rest", "")
        return PyramidResponse(answer(name, rest if isinstance(rest, str) else "/".join(rest)))

    return view


class Tail(Resource):
    """A resource that takes every segment below it, and remembers them."""

    def __init__(self, handler: str, segments: tuple[str, ...] = ()) -> None:
        self.handler = handler
        self.segments = segments

    def __getitem__(self, name: str) -> Tail:
        return Tail(self.handler, (*self.segments, name))


class Leaf(Resource):
    """A resource that is a handler, with children."""

    def __init__(self, handler: str, **children: Resource) -> None:
        super().__init__(**children)
        self.handler = handler
        self.segments: tuple[str, ...] = ()


class Users(Resource):
    def __getitem__(self, name: str) -> Resource:
        return Leaf("user", keys=Tail("keys"))


def pyramid_traversal() -> Any:
    tree = Leaf(
        "root",
        open=Leaf("open", admin=Leaf("hall"), render=Tail("render")),
        files=Tail("files"),
        users=Users(),
        admin=Leaf("admin", log=Leaf("log")),
    )

    def view(context: Any, _request: Any) -> PyramidResponse:
        return PyramidResponse(answer(context.handler, "/".join(context.segments)))

    with Configurator(root_factory=lambda _request: tree) as config:
        config.add_static_view("static", path=public_folder())
        config.add_view(view, context=Tail)
        config.add_view(view, context=Leaf)
        return watched(config.make_wsgi_app())


def bottle_app() -> Any:
    app = bottle.Bottle()
    for name in OWN:
        app.route(_template(name, "<name>", "<rest:path>"), "GET", _view(name))
    app.route(
        "/static/<rest:path>", "GET", lambda rest: bottle.static_file(rest, root=public_folder())
    )
    return watched(app)


def falcon_app() -> Any:
    app: falcon.App[Any, Any] = falcon.App()
    app.add_static_route("/static", public_folder())
    for name in OWN:
        resource = type("Resource", (), {"on_get": _responder(name)})()
        app.add_route(_template(name, "{name}", "{rest:path}"), resource)
    return watched(app)


def _responder(name: str) -> Callable[..., None]:
    def respond(
        _self: Any, _request: Any, response: falcon.Response, rest: str = "", **_: Any
    ) -> None:
        response.text = answer(name, rest)

    return respond


class CherryNode:
    """A page with pages below it; a tail takes all other segments."""

    def __init__(self, handler: str, *, tail: bool = False, **children: Any) -> None:
        for name, child in children.items():
            setattr(self, name, child)

        def page(*segments: str, **_: str) -> bytes:
            return answer(handler, "/".join(segments)).encode()

        def leaf(**_: str) -> bytes:
            return answer(handler).encode()

        if tail:
            self.default = cherrypy.expose(page)
        else:
            self.index = cherrypy.expose(leaf)


class CherryUsers:
    def _cp_dispatch(self, vpath: list[str]) -> Any:
        vpath.pop(0)
        return CherryNode("user", keys=CherryNode("keys", tail=True))


def cherrypy_app() -> Any:
    root = CherryNode(
        "root",
        open=CherryNode("open", admin=CherryNode("hall"), render=CherryNode("render", tail=True)),
        files=CherryNode("files", tail=True),
        users=CherryUsers(),
        admin=CherryNode("admin", log=CherryNode("log")),
    )
    static = {"tools.staticdir.on": True, "tools.staticdir.dir": public_folder()}
    tree = cherrypy._cptree.Tree()
    application = tree.mount(root, "", {"/": {"request.show_tracebacks": False}, "/static": static})
    for log in (application.log, cherrypy.log):
        log.screen = False
        log.access_log.disabled = True
        log.error_log.disabled = True
    return watched(application)


def webob_app() -> Any:
    """Return a router of regular expressions over WebOb's decoded path."""
    return watched(_routing(lambda request: request.path_info))


def webob_popping_app() -> Any:
    """Return a router by `path_info_pop`, which skips empty segments; the rest is left as it is."""

    def application(environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        walked: list[str] = []
        while (segment := request.path_info_pop()) is not None:
            walked += [segment] if segment else []
            if walked == ["static"]:
                return DirectoryApp(public_folder())(environ, start_response)
            name = _tail_handler(walked)
            if name is not None:
                text = answer(name, request.path_info[1:])
                return Response(text)(environ, start_response)
        name = _exact_handler(walked)
        response = Response(status=404) if name is None else Response(answer(name))
        return response(environ, start_response)

    return watched(application)


def _tail_handler(walked: list[str]) -> str | None:
    if walked[:1] == ["users"] and walked[2:] == ["keys"]:
        return "keys"
    return {"files": "files", "open/render": "render"}.get("/".join(walked))


def _exact_handler(walked: list[str]) -> str | None:
    if walked[:1] == ["users"] and len(walked) == 2:
        return "user"
    by_path = {TAIL_PLACES[name].path: name for name in OWN}
    return by_path.get("/" + "/".join(walked))


def plain_app(read: Callable[[str], str]) -> Any:
    """Return an application without a framework, which reads the path in its own way."""
    return watched(_routing(lambda request: read(request.path_info)))


def _routing(read: Callable[[Request], str]) -> Any:
    patterns = [
        (re.compile(_template(name, "[^/]+", "(?P<rest>.*)"), re.DOTALL), name)
        for name in (*OWN, "static")
    ]

    def application(environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        path_read = read(request)
        for pattern, name in patterns:
            match = pattern.fullmatch(path_read)
            if match and name == "static":
                request.path_info = "/" + match["rest"]
                return DirectoryApp(public_folder())(environ, start_response)
            if match:
                text = answer(name, match.groupdict().get("rest") or "")
                return Response(text)(environ, start_response)
        return Response(status=404)(environ, start_response)

    return application


def collapsed_once(path_read: str) -> str:
    return path_read.replace("//", "/")


def collapsed(path_read: str) -> str:
    return re.sub("/+", "/", path_read)


def as_wire(path_read: str) -> str:
    """Return the path as text of its octets, as an application that decodes nothing has it."""
    return on_the_wire(path_read)


TAIL_APPS: dict[str, Callable[[], Any]] = {
    "flask": flask_app,
    "flask lax": partial(flask_app, strict_slashes=False),
    "flask slashes kept": partial(flask_app, merge_slashes=False),
    "django path": django_paths,
    "django re_path": django_expressions,
    "pyramid routes": pyramid_routes,
    "pyramid routes, segments": partial(pyramid_routes, rest="*rest"),
    "pyramid traversal": pyramid_traversal,
    "bottle": bottle_app,
    "falcon": falcon_app,
    "cherrypy": cherrypy_app,
    "webob": webob_app,
    "webob path_info_pop": webob_popping_app,
    "plain, collapsed once": partial(plain_app, collapsed_once),
    "plain, collapsed": partial(plain_app, collapsed),
    "plain, normpath": partial(plain_app, posixpath.normpath),
    "plain, not decoded": partial(plain_app, as_wire),
}
