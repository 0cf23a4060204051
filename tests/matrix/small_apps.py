"""Bottle, Falcon, WebOb without a framework, and the router of the sample."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import bottle
import falcon
from webob import Request, Response

import app as sample
from matrix.places import ANY_METHOD, PLACES, reach


def bottle_app() -> bottle.Bottle:
    """Return a Bottle application, which rewrites `PATH_INFO` on its way in."""
    app = bottle.Bottle()
    for name, place in PLACES.items():
        path = place.path.replace("{name}", "<name>").replace("{rest}", "<rest:path>")
        method = (
            "ANY"
            if place.methods == ANY_METHOD
            else [each for each in place.methods if each != "HEAD"]
        )
        app.route(path, method, _view(name))
    return app


def _view(name: str) -> Callable[..., str]:
    def view(**_: Any) -> str:
        return reach(name)

    return view


def falcon_app(*, strip_trailing_slash: bool = False) -> falcon.App[Any, Any]:
    """Return a Falcon application, with its option for trailing slashes."""
    app = falcon.App()
    app.req_options.strip_url_path_trailing_slash = strip_trailing_slash
    for path in dict.fromkeys(place.path for place in PLACES.values()):
        resource = type("Resource", (), {})()
        for name, place in PLACES.items():
            if place.path == path:
                for method in place.methods:
                    setattr(resource, f"on_{method.lower()}", _responder(name))
        app.add_route(path.replace("{rest}", "{rest:path}"), resource)
    return app


def _responder(name: str) -> Callable[..., None]:
    def respond(_request: falcon.Request, response: falcon.Response, **_: Any) -> None:
        response.text = reach(name)

    return respond


def _answer(name: str) -> WSGIApplication:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return Response(reach(name))(environ, start_response)

    return answer


def webob_app() -> WSGIApplication:
    """Return a router of regular expressions over WebOb's decoded `path_info`; the first wins."""
    order = sorted(PLACES, key=lambda name: "{" in PLACES[name].path)
    patterns = [
        (
            re.compile(
                PLACES[name].path.replace("{name}", "[^/]+").replace("{rest}", ".+"), re.DOTALL
            ),
            name,
        )
        for name in order
    ]

    def router(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        for pattern, name in patterns:
            methods = PLACES[name].methods
            if pattern.fullmatch(request.path_info) and (
                methods == ANY_METHOD or request.method in methods
            ):
                return Response(reach(name))(environ, start_response)
        return Response(status=404)(environ, start_response)

    return router


def webob_popping_app() -> WSGIApplication:
    """Return a router by `path_info_pop`, which skips empty segments and sets `SCRIPT_NAME`."""

    def router(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        walked = []
        while (segment := request.path_info_pop()) is not None:
            walked += [segment] if segment else []
        for name in sorted(PLACES, key=lambda name: "{" in PLACES[name].path):
            methods = PLACES[name].methods
            if _fits(PLACES[name].path, walked) and (
                methods == ANY_METHOD or request.method in methods
            ):
                return Response(reach(name))(environ, start_response)
        return Response(status=404)(environ, start_response)

    return router


def _fits(path: str, walked: list[str]) -> bool:
    wanted = [segment for segment in path.split("/") if segment]
    if wanted[-1:] == ["{rest}"]:
        return len(walked) >= len(wanted) and walked[: len(wanted) - 1] == wanted[:-1]
    return len(walked) == len(wanted) and all(
        want in ("{name}", found) for want, found in zip(wanted, walked, strict=True)
    )


#: The places that the sample's router can serve: exact paths, methods that read.
SAMPLE = ("root", "open", "hall", "cafe", "admin", "log", "help", "new", "notes", "report")


def sample_app() -> sample.Router:
    """Return the `Router` of `app.py`."""
    return sample.Router({PLACES[name].path.rstrip("/"): _answer(name) for name in SAMPLE})
