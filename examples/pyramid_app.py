"""Pyramid behind jwt-wsgi: `ISSUER=https://… AUDIENCE=https://… python examples/pyramid_app.py`."""

import os

from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response

from jwt_wsgi import AUTHENTICATED, PUBLIC, AuthError, get_auth, protect, require, respond, scope

RULES = {"/public": PUBLIC, "/private": AUTHENTICATED, "/messages": scope("read:messages")}


def public(request):
    return Response("hello, whoever you are")


def private(request):
    return Response(f"hello {get_auth(request).subject}")


def messages(request):
    return Response("your messages")


def delete(request):
    auth = require(request, scope("delete:messages"))
    return Response(f"deleted for {auth.subject}")


def refused(error, request):
    """Answer an AuthError that a view raised."""
    return request.get_response(respond(error))


def not_found(environ, error):
    """Answer 404 if no rule covers the path, and keep all other responses."""
    return HTTPNotFound("nothing here") if error.reason == "no_rule" else None


def application(issuer, audience):
    """Return the Pyramid application behind the layers."""
    config = Configurator()
    for view, method in ((public, "GET"), (private, "GET"), (messages, "GET"), (delete, "DELETE")):
        place = "messages" if view is delete else view.__name__
        config.add_route(view.__name__, f"/{place}", request_method=method)
        config.add_view(view, route_name=view.__name__)
    # Without this view, an exception view for Exception would catch the error before the layers.
    config.add_exception_view(refused, context=AuthError)
    return protect(
        config.make_wsgi_app(), issuer=issuer, audience=audience, rules=RULES, on_error=not_found
    )


if __name__ == "__main__":
    from waitress import serve

    listen = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
    serve(application(os.environ["ISSUER"], os.environ["AUDIENCE"]), listen=listen)
