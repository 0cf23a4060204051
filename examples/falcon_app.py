"""Falcon behind jwt-wsgi: `ISSUER=https://… AUDIENCE=https://… python examples/falcon_app.py`."""

import os

import falcon

from jwt_wsgi import AUTHENTICATED, PUBLIC, AuthError, get_auth, protect, require, respond, scope

RULES = {"/public": PUBLIC, "/private": AUTHENTICATED, "/messages": scope("read:messages")}


class Public:
    def on_get(self, req, resp):
        resp.text = "hello, whoever you are"


class Private:
    def on_get(self, req, resp):
        resp.text = f"hello {get_auth(req).subject}"


class Messages:
    def on_get(self, req, resp):
        resp.text = "your messages"

    def on_delete(self, req, resp):
        resp.text = f"deleted for {require(req, scope('delete:messages')).subject}"


def refused(req, resp, error, params):
    """Answer an AuthError, because Falcon would turn it into a 500."""
    start = []
    resp.data = b"".join(respond(error)(req.env, lambda *given: start.extend(given)))
    resp.status = start[0]
    resp.set_headers(start[1])


def not_found(environ, error):
    """Answer 404 if no rule covers the path, and keep all other responses."""
    return missing if error.reason == "no_rule" else None


def missing(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"nothing here"]


def application(issuer, audience):
    app = falcon.App()
    for path, resource in (
        ("/public", Public()),
        ("/private", Private()),
        ("/messages", Messages()),
    ):
        app.add_route(path, resource)
    app.add_error_handler(AuthError, refused)
    return protect(app, issuer=issuer, audience=audience, rules=RULES, on_error=not_found)


if __name__ == "__main__":
    from waitress import serve

    app = application(os.environ["ISSUER"], os.environ["AUDIENCE"])
    serve(app, listen=f"127.0.0.1:{os.environ.get('PORT', '8000')}")
