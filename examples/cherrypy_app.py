"""CherryPy behind jwt-wsgi: `ISSUER=… AUDIENCE=… python examples/cherrypy_app.py`."""

import os
import sys

import cherrypy

from jwt_wsgi import AUTHENTICATED, PUBLIC, AuthError, get_auth, protect, require, respond, scope

RULES = {"/public": PUBLIC, "/private": AUTHENTICATED, "/messages": scope("read:messages")}


class Api:
    @cherrypy.expose
    def public(self):
        return "hello, whoever you are"

    @cherrypy.expose
    def private(self):
        return f"hello {get_auth(cherrypy.request.wsgi_environ).subject}"

    @cherrypy.expose
    def messages(self):
        if cherrypy.request.method == "DELETE":
            auth = require(cherrypy.request.wsgi_environ, scope("delete:messages"))
            return f"deleted for {auth.subject}"
        return "your messages"


def refused():
    """Answer an AuthError, because CherryPy would turn it into a 500."""
    error, start, answer = sys.exc_info()[1], [], cherrypy.response
    if isinstance(error, AuthError):
        answer.body = respond(error)(
            cherrypy.request.wsgi_environ, lambda *given: start.extend(given)
        )
        answer.status = start[0]
        answer.headers.update(dict(start[1]))
    else:
        cherrypy.HTTPError(500).set_response()


def not_found(environ, error):
    """Answer 404 if no rule covers the path, and keep all other responses."""
    return missing if error.reason == "no_rule" else None


def missing(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"nothing here"]


def application(issuer, audience):
    """Return the CherryPy application behind the layers."""
    app = cherrypy.Application(Api(), config={"/": {"request.error_response": refused}})
    return protect(app, issuer=issuer, audience=audience, rules=RULES, on_error=not_found)


if __name__ == "__main__":
    from waitress import serve

    listen = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
    serve(application(os.environ["ISSUER"], os.environ["AUDIENCE"]), listen=listen)
