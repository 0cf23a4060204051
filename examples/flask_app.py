"""Flask behind jwt-wsgi.

In a clone, install what it needs with `pip install '.[app]' flask`. Then run
`ISSUER=https://… AUDIENCE=https://… python examples/flask_app.py`.
"""

import os

from flask import Flask, request
from werkzeug.exceptions import NotFound

from jwt_wsgi import AUTHENTICATED, PUBLIC, AuthError, get_auth, protect, require, respond, scope

RULES = {"/public": PUBLIC, "/private": AUTHENTICATED, "/messages": scope("read:messages")}


def not_found(environ, error):
    """Answer 404 if no rule matches. None means the usual answer."""
    if error.reason == "no_rule":
        return NotFound("nothing here")
    return None


def application(issuer, audience):
    """Return the Flask application with the layers around its `wsgi_app`."""
    app = Flask(__name__, static_folder=None)

    @app.get("/public")
    def public():
        return "hello, whoever you are"

    @app.get("/private")
    def private():
        return f"hello {get_auth(request).subject}"

    @app.get("/messages")
    def messages():
        return "your messages"

    @app.delete("/messages")
    def delete():
        auth = require(request, scope("delete:messages"))
        return f"deleted for {auth.subject}"

    # Without this handler, Flask answers 500 before the layers see the error.
    @app.errorhandler(AuthError)
    def answer_auth_error(error):
        return app.response_class.from_app(respond(error), request.environ)

    app.wsgi_app = protect(
        app.wsgi_app, issuer=issuer, audience=audience, rules=RULES, on_error=not_found
    )
    return app


if __name__ == "__main__":
    import logging

    from waitress import serve

    logging.basicConfig(level=logging.INFO)  # says where it listens, and why it refuses
    listen = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
    print(f"Try: curl -i http://{listen}/public", flush=True)
    serve(application(os.environ["ISSUER"], os.environ["AUDIENCE"]), listen=listen)
