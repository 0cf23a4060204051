"""An application of each framework with all its ways of routing. Handlers return their names."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple
from wsgiref.util import setup_testing_defaults

import bottle
import django_settings  # noqa: F401 (it configures)
import falcon
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.test import override_settings
from django.urls import include, path, re_path
from django.views import View
from flask import Blueprint, Flask
from flask.views import MethodView
from pyramid.config import Configurator
from pyramid.response import Response
from werkzeug.routing import BaseConverter

import app as sample

#: The header of an answer with the name of the handler.
HEADER = "X-Handler"


class Framework(NamedTuple):
    """An application, with further options for `coverage`."""

    app: Any
    options: dict[str, Any]

    def running(self) -> AbstractContextManager[Any]:
        """Return a context in which Django uses the URLconf of this application."""
        return (
            override_settings(ROOT_URLCONF=self.options["urlconf"])
            if self.options
            else nullcontext()
        )

    def handler(self, path_info: str, method: str) -> str | None:
        """Return the name of the handler that answers, or None."""
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path_info.encode().decode("latin-1"),
        }
        setup_testing_defaults(environ)
        seen: list[Any] = []
        body = self.app(environ, lambda status, headers, exc_info=None: seen.append(dict(headers)))
        getattr(body, "close", lambda: None)()
        found: str | None = {name.title(): value for name, value in seen[-1].items()}.get(HEADER)
        return found


# --- Flask


class EitherOr(BaseConverter):
    regex = "me|you"


class Two(BaseConverter):
    regex = "[a-z]+/[a-z]+"


def flask_app() -> Framework:
    app = Flask("shop", static_folder=None)
    app.url_map.converters.update(either=EitherOr, two=Two)

    def add(to: Any, rule: str, name: str, prefix: str = "", **options: Any) -> None:
        view = lambda **_: ("", 200, {HEADER: prefix + name})  # noqa: E731
        to.add_url_rule(rule, name, view, **options)

    add(app, "/", "root")
    add(app, "/users", "users", methods=["GET", "POST"])
    add(app, "/users/me", "me")
    add(app, "/users/<id>", "user", methods=["GET", "DELETE"])
    add(app, "/users/<int:id>/posts/", "posts")
    add(app, "/either/<either:who>", "either")
    add(app, "/two/<two:both>", "two")
    add(app, "/any/<any(me, b):who>/x", "any")
    add(app, "/files/<path:rest>", "files")
    add(app, "/files/<path:rest>/edit", "edit", methods=["POST"])
    add(app, "/x-<id>.json", "mixed")
    add(app, "/head", "head", methods=["HEAD"])
    add(app, "/options", "options", methods=["OPTIONS"])
    api = Blueprint("api", "api", url_prefix="/api/<tenant>")
    add(api, "/things", "things", "api.")
    app.register_blueprint(api)

    class Item(MethodView):
        def get(self, **_: Any) -> Any:
            return "", 200, {HEADER: "item"}

        put = get

    app.add_url_rule("/items/<string(length=2):id>", view_func=Item.as_view("item"))
    return Framework(app, {})


# --- Django


def named(name: str) -> Callable[..., HttpResponse]:
    return lambda request, *args, **kwargs: HttpResponse(headers={HEADER: name})


class Article(View):
    def get(self, request: Any, **_: Any) -> HttpResponse:
        return HttpResponse(headers={HEADER: "article"})

    patch = get


class HeadOnly(Article):
    http_method_names = ("head",)

    def get(self, request: Any, **_: Any) -> HttpResponse:
        return HttpResponse(headers={HEADER: "head-only"})


class PostOnly(View):
    def post(self, request: Any, **_: Any) -> HttpResponse:
        return HttpResponse(headers={HEADER: "post-only"})


class Dispatching(View):
    def dispatch(self, request: Any, *args: Any, **_: Any) -> HttpResponse:
        return HttpResponse(headers={HEADER: "dispatching"})


INNER = [
    path("", named("inner-root"), name="inner-root"),
    path("<slug:name>/", named("inner-slug"), name="inner-slug"),
    re_path(r"^old/(?P<id>\d+)/?$", named("inner-old"), name="inner-old"),
]
URLS = (
    path("", named("root"), name="root"),
    path("users/me", named("me"), name="me"),
    path("users/<id>", named("user"), name="user"),
    path("users/<int:id>/", named("user-slash"), name="user-slash"),
    path("articles/<uuid:id>", Article.as_view(), name="article"),
    path("articles/<id>", Article.as_view(), name="article-any"),
    path("head-only", HeadOnly.as_view(), name="head-only"),
    path("post-only", PostOnly.as_view(), name="post-only"),
    path("dispatching", Dispatching.as_view(), name="dispatching"),
    path("files/<path:rest>", named("files"), name="files"),
    path("a/<path:rest>/b", named("edit"), name="edit"),
    path("x-<int:id>.json", named("mixed"), name="mixed"),
    path("inner/", include(INNER)),
    path("pre<slug:a>/", include([path("b", named("b-within"), name="b-within")])),
    re_path(r"^re/(?P<year>[0-9]{4})/$", named("re-year"), name="re-year"),
    re_path(r"^re/(me|you)$", named("re-either"), name="re-either"),
    re_path(r"^empty/(\d*)$", named("re-empty"), name="re-empty"),
    re_path(r"loose$", named("re-loose"), name="re-loose"),
    re_path(r"^open", named("re-open"), name="re-open"),
    re_path(r"^one$|^two", named("re-either-or"), name="re-either-or"),
    re_path(r"^(?i:CASE)$", named("re-case"), name="re-case"),
    re_path(r"^b/?c$", named("re-maybe"), name="re-maybe"),
    re_path(r"^dots/(.+)/b$", named("re-dots"), name="re-dots"),
)


def django_app() -> Framework:
    handler = get_wsgi_application()
    # A log line for each 404 would hide the message of a failing test.
    logging.getLogger("django.request").setLevel(logging.CRITICAL)
    return Framework(handler, {"urlconf": URLS})


# --- Pyramid


def pyramid_app() -> Framework:
    config = Configurator()

    def add(pattern: str, name: str, view: dict[str, Any] | None = None, **options: Any) -> None:
        config.add_route(name, pattern, **options)
        answer = lambda request: Response(headers={HEADER: name})  # noqa: E731
        if view is not None:
            config.add_view(answer, route_name=name, **view)

    add("/", "root", {})
    add("/nothing", "nothing")
    add("users", "users", {"request_method": "GET"})
    add("/users/me", "me", {"request_method": ("PUT", "GET")})
    add("/users/{id}", "user", {}, request_method=("GET", "DELETE"))
    add(r"/users/{id:\d{1,2}}/posts", "posts", {"request_method": "GET"}, request_method=("HEAD",))
    add("/old/:id/x", "old", {})
    add("/files/*rest", "files", {})
    add("/a/{rest:.*}/b", "edit", {})
    add("/x-{id}.json", "mixed", {})
    add(r"/empty/{id:\d*}", "empty", {})
    add("/either/{who:me|you}", "either", {})
    add("/odd/{who:(?!b).+}", "odd", {})
    with config.route_prefix_context("/inner/{tenant}"):
        add("/x", "inner", {})
    return Framework(config.make_wsgi_app(), {})


# --- Bottle


def bottle_app() -> Framework:
    app, inner = bottle.Bottle(), bottle.Bottle()

    def add(to: bottle.Bottle, rule: str, name: str, method: Any = "GET") -> None:
        def view(**_: Any) -> bottle.HTTPResponse:
            return bottle.HTTPResponse(headers={HEADER: name})

        to.route(rule, method, view, name=name)

    add(app, "/", "root")
    add(app, "/users", "users", ["GET", "POST"])
    add(app, "/users/me", "me")
    add(app, "/users/<id>", "user", "ANY")
    add(app, "/users/<id:int>/posts/", "posts")
    add(app, "/files/<rest:path>", "files")
    add(app, "/a/<rest:path>/b", "edit", "POST")
    add(app, "/x-<id>.json", "mixed")
    add(app, "/re/<id:re:[a-z]+>", "re")
    add(app, "/odd/<id:re:(?!me).+>", "odd")
    add(app, "/empty/<id:re:[a-z]*>", "empty")
    add(inner, "/", "inner-root")
    add(inner, "/<id>", "inner")
    app.mount("/inner/", inner)
    return Framework(app, {})


# --- Falcon


class Resource:
    def on_get(self, request: falcon.Request, response: falcon.Response, **_: Any) -> None:
        response.set_header(HEADER, type(self).__name__)

    on_put_item = on_get


class Digits:
    """A converter that is not one of Falcon's classes."""

    def convert(self, value: str) -> str | None:
        return value if value.isdigit() else None


def falcon_app() -> Framework:
    app = falcon.App()
    app.router_options.converters["digits"] = Digits

    def add(template: str, name: str, **options: Any) -> None:
        app.add_route(template, type(name, (Resource,), {})(), **options)

    add("/", "Root")
    add("/users", "Users")
    add("/users/{id}", "User")
    add("/users/me", "Me", suffix="item")
    add("/posts/{id:int}/x", "Post")
    add("/older/{id:int(min=3)}", "Posts")
    add("/digits/{id:digits}", "Digit")
    add("/x-{id}.json", "Mixed")
    add("/a/{x}-{y}", "Pair")
    add("/files/{rest:path}", "Files")

    def sink(request: falcon.Request, response: falcon.Response, **_: Any) -> None:
        response.set_header(HEADER, "sink")

    def drain(request: falcon.Request, response: falcon.Response, **_: Any) -> None:
        response.set_header(HEADER, "drain")

    app.add_sink(sink, "/inner")
    app.add_sink(drain, re.compile(r"/(re|old)/(?P<x>.)"))
    return Framework(app, {})


# --- the sample's router


def router_app() -> Framework:
    def answering(name: str) -> Any:
        def handler(environ: Any, start_response: Any) -> list[bytes]:
            start_response("200 OK", [(HEADER, name)])
            return []

        handler.__qualname__ = name
        return handler

    paths = ("", "/users", "/users/me", "/files/a")
    return Framework(sample.Router({p: answering(f"at {p}") for p in paths}), {})


FRAMEWORKS: dict[str, Callable[[], Framework]] = {
    "flask": flask_app,
    "django": django_app,
    "pyramid": pyramid_app,
    "bottle": bottle_app,
    "falcon": falcon_app,
    "router": router_app,
}
