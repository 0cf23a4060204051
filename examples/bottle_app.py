"""Bottle behind jwt-wsgi.

In a clone, install what it needs with `pip install '.[app]' bottle`. Then run
`ISSUER=https://… AUDIENCE=https://… python examples/bottle_app.py`.
"""

import os

from bottle import Bottle, HTTPResponse, request

from jwt_wsgi import AUTHENTICATED, PUBLIC, AuthError, get_auth, protect, require, respond, scope

RULES = {"/public": PUBLIC, "/private": AUTHENTICATED, "/messages": scope("read:messages")}


def answer_auth_errors(callback):
    """Answer the AuthError of a handler, for which Bottle would answer 500. This is a plugin."""

    def wrapper(*args, **kwargs):
        try:
            return callback(*args, **kwargs)
        except AuthError as error:
            status, headers, body = call(respond(error), request.environ)
            return HTTPResponse(body, status, dict(headers))

    return wrapper


def call(app, environ):
    """Call a WSGI application and return the status, headers and body of its answer."""
    start = {}

    def start_response(status, headers, exc_info=None):
        start.update(status=status, headers=headers)

    body = b"".join(app(environ, start_response))
    return start["status"], start["headers"], body


def public():
    return "hello, whoever you are"


def private():
    return f"hello {get_auth(request.environ).subject}"


def messages():
    return "your messages"


def delete():
    auth = require(request.environ, scope("delete:messages"))
    return f"deleted for {auth.subject}"


def not_found(environ, error):
    """Answer 404 if no rule matches. None means the usual answer."""
    if error.reason == "no_rule":
        return missing
    return None


def missing(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"nothing here"]


def application(issuer, audience):
    """Return the Bottle application behind the layers."""
    app = Bottle()
    app.install(answer_auth_errors)
    app.get("/public", callback=public)
    app.get("/private", callback=private)
    app.get("/messages", callback=messages)
    app.delete("/messages", callback=delete)
    return protect(app, issuer=issuer, audience=audience, rules=RULES, on_error=not_found)


if __name__ == "__main__":
    import logging

    from waitress import serve

    logging.basicConfig(level=logging.INFO)  # says where it listens, and why it refuses
    listen = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
    print(f"Try: curl -i http://{listen}/public", flush=True)
    serve(application(os.environ["ISSUER"], os.environ["AUDIENCE"]), listen=listen)
