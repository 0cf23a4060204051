"""CherryPy behind jwt-wsgi.

In a clone, install what it needs with `pip install '.[app]' cherrypy`. Then run
`ISSUER=https://… AUDIENCE=https://… python examples/cherrypy_app.py`.
"""

import os
import sys

import cherrypy

from jwt_wsgi import AUTHENTICATED, PUBLIC, AuthError, get_auth, protect, require, respond, scope

RULES = {"/public": PUBLIC, "/private": AUTHENTICATED, "/messages": scope("read:messages")}


class Api:
    @cherrypy.expose
    @cherrypy.tools.allow(methods=["GET", "HEAD"])
    def public(self):
        return "hello, whoever you are"

    @cherrypy.expose
    @cherrypy.tools.allow(methods=["GET", "HEAD"])
    def private(self):
        return f"hello {get_auth(cherrypy.request.wsgi_environ).subject}"

    @cherrypy.expose
    @cherrypy.tools.allow(methods=["GET", "HEAD", "DELETE"])
    def messages(self):
        if cherrypy.request.method == "DELETE":
            auth = require(cherrypy.request.wsgi_environ, scope("delete:messages"))
            return f"deleted for {auth.subject}"
        return "your messages"


def answer_auth_error():
    """Answer the AuthError of a handler, for which CherryPy would answer 500."""
    error = sys.exc_info()[1]
    if not isinstance(error, AuthError):
        cherrypy.HTTPError(500).set_response()
        return
    status, headers, body = call(respond(error), cherrypy.request.wsgi_environ)
    cherrypy.response.status = status
    cherrypy.response.headers.update(dict(headers))
    cherrypy.response.body = [body]


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
    """Return the CherryPy application behind the layers."""
    app = cherrypy.Application(Api(), config={"/": {"request.error_response": answer_auth_error}})
    return protect(app, issuer=issuer, audience=audience, rules=RULES, on_error=not_found)


if __name__ == "__main__":
    import logging

    from waitress import serve

    logging.basicConfig(level=logging.INFO)  # says where it listens, and why it refuses
    listen = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
    print(f"Try: curl -i http://{listen}/public", flush=True)
    serve(application(os.environ["ISSUER"], os.environ["AUDIENCE"]), listen=listen)
