"""Pyramid behind jwt-wsgi.

In a clone, install what it needs with `pip install '.[app]' pyramid`. Then run
`ISSUER=https://… AUDIENCE=https://… python examples/pyramid_app.py`.
"""

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


def answer_auth_error(error, request):
    """Answer the AuthError of a view."""
    return request.get_response(respond(error))


def not_found(environ, error):
    """Answer 404 if no rule matches. None means the usual answer."""
    if error.reason == "no_rule":
        return HTTPNotFound("nothing here")
    return None


def application(issuer, audience):
    """Return the Pyramid application behind the layers."""
    config = Configurator()
    config.add_route("public", "/public")
    config.add_route("private", "/private")
    config.add_route("messages", "/messages")
    config.add_view(public, route_name="public", request_method="GET")
    config.add_view(private, route_name="private", request_method="GET")
    config.add_view(messages, route_name="messages", request_method="GET")
    config.add_view(delete, route_name="messages", request_method="DELETE")
    # Without this view, a view of Exception would take the error before the layers see it.
    config.add_exception_view(answer_auth_error, context=AuthError)
    return protect(
        config.make_wsgi_app(), issuer=issuer, audience=audience, rules=RULES, on_error=not_found
    )


if __name__ == "__main__":
    import logging

    from waitress import serve

    logging.basicConfig(level=logging.INFO)  # says where it listens, and why it refuses
    listen = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
    print(f"Try: curl -i http://{listen}/public", flush=True)
    serve(application(os.environ["ISSUER"], os.environ["AUDIENCE"]), listen=listen)
