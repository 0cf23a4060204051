"""Django: `path`, slash-ended paths with `APPEND_SLASH`, and anchored `re_path`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django_settings  # noqa: F401 (it configures)
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path
from django.views.decorators.http import require_http_methods

from matrix.places import ANY_METHOD, PLACES, reach

COMMON = "django.middleware.common.CommonMiddleware"

#: Places in an order in which the first match is the right one.
ORDER = sorted(PLACES, key=lambda name: "{" in PLACES[name].path)


def django_app(patterns: tuple[URLPattern, ...], *middleware: str) -> WSGIHandler:
    """Return an application for these patterns; all applications share the settings."""

    class Request(WSGIRequest):
        urlconf = patterns

    class Handler(WSGIHandler):
        request_class = Request

    settings.MIDDLEWARE = list(middleware)
    try:
        return Handler()
    finally:
        settings.MIDDLEWARE = []


def paths(*, slash_ended: bool = False) -> tuple[URLPattern, ...]:
    """Return a `path` for every place."""
    end = "/" if slash_ended else ""
    routes = {name: PLACES[name].path.strip("/") for name in ORDER}
    return tuple(
        path(
            route.replace("{name}", "<str:name>").replace("{rest}", "<path:rest>")
            + (end if route else ""),
            _view(_sharing(route)),
        )
        for route in dict.fromkeys(routes.values())
    )


def anchored() -> tuple[URLPattern, ...]:
    """Return a `re_path` for every place, with an anchor at both ends, as documented by Django."""
    routes = dict.fromkeys(PLACES[name].path.strip("/") for name in ORDER)
    return tuple(
        re_path(
            "^"
            + route.replace("{name}", r"(?P<name>[^/]+)").replace("{rest}", r"(?P<rest>.+)")
            + r"/?$",
            _view(_sharing(route)),
        )
        if route
        else re_path(r"^$", _view(["root"]))
        for route in routes
    )


def _sharing(route: str) -> list[str]:
    return [name for name in PLACES if PLACES[name].path.strip("/") == route]


def _view(names: list[str]) -> Callable[..., HttpResponse]:
    by_method = {method: name for name in names for method in PLACES[name].methods}

    def view(request: HttpRequest, **_: Any) -> HttpResponse:
        # A view for any method has no decorator.
        name = by_method[request.method] if by_method.keys() != {*ANY_METHOD} else names[0]
        return HttpResponse(reach(name))

    return (
        view if by_method.keys() == {*ANY_METHOD} else require_http_methods(list(by_method))(view)
    )
