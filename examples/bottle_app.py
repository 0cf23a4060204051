"""Bottle behind jwt-wsgi: `ISSUER=https://… AUDIENCE=https://… python examples/bottle_app.py`."""

import os

from bottle import Bottle, HTTPResponse, request

from jwt_wsgi import AUTHENTICATED, PUBLIC, AuthError, get_auth, protect, require, respond, scope

RULES = {"/public": PUBLIC, "/private": AUTHENTICATED, "/messages": scope("read:messages")}


def refusals(callback):
    """A plugin that answers an AuthError, because Bottle would turn it into a 500."""

    def answered(*arguments, **named):
        try:
            return callback(*arguments, **named)
        except AuthError as error:
            start = []
            body = b"".join(respond(error)(request.environ, lambda *given: start.extend(given)))
            return HTTPResponse(body, start[0], dict(start[1]))

    return answered


def not_found(environ, error):
    """Answer 404 if no rule covers the path, and keep all other responses."""
    return missing if error.reason == "no_rule" else None


def missing(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"nothing here"]


def delete():
    auth = require(request.environ, scope("delete:messages"))
    return f"deleted for {auth.subject}"


def application(issuer, audience):
    """Return the Bottle application behind the layers."""
    app = Bottle()
    app.install(refusals)
    app.get("/public", callback=lambda: "hello, whoever you are")
    app.get("/private", callback=lambda: f"hello {get_auth(request.environ).subject}")
    app.get("/messages", callback=lambda: "your messages")
    app.delete("/messages", callback=delete)
    return protect(app, issuer=issuer, audience=audience, rules=RULES, on_error=not_found)


if __name__ == "__main__":
    from waitress import serve

    listen = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
    serve(application(os.environ["ISSUER"], os.environ["AUDIENCE"]), listen=listen)
