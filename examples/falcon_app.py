"""Falcon behind jwt-wsgi.

In a clone, install what it needs with `pip install '.[app]' falcon`. Then run
`ISSUER=https://… AUDIENCE=https://… python examples/falcon_app.py`.
"""

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
        auth = require(req, scope("delete:messages"))
        resp.text = f"deleted for {auth.subject}"


def answer_auth_error(req, resp, error, params):
    """Answer the AuthError of a resource, for which Falcon would answer 500."""
    resp.status, headers, resp.data = call(respond(error), req.env)
    resp.set_headers(headers)


def call(app, environ):
    """Call a WSGI application and return the status, headers and body of its answer."""
    start = {}

    def start_response(status, headers, exc_info=None):
        start.update(status=status, headers=headers)

    body = b"".join(app(environ, start_response))
    return start["status"], start["headers"], body


def not_found(environ, error):
    """Answer 404 if no rule matches. None means the usual answer."""
    if error.reason == "no_rule":
        return missing
    return None


def missing(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"nothing here"]


def application(issuer, audience):
    """Return the Falcon application behind the layers."""
    app = falcon.App()
    app.add_route("/public", Public())
    app.add_route("/private", Private())
    app.add_route("/messages", Messages())
    app.add_error_handler(AuthError, answer_auth_error)
    return protect(app, issuer=issuer, audience=audience, rules=RULES, on_error=not_found)


if __name__ == "__main__":
    import logging

    from waitress import serve

    logging.basicConfig(level=logging.INFO)  # says where it listens, and why it refuses
    listen = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
    print(f"Try: curl -i http://{listen}/public", flush=True)
    serve(application(os.environ["ISSUER"], os.environ["AUDIENCE"]), listen=listen)
