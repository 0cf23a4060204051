"""Plain WSGI behind jwt-wsgi.

In a clone, install what it needs with `pip install '.[app]'`. Then run
`ISSUER=https://… AUDIENCE=https://… python examples/plain.py`.
"""

import os

from jwt_wsgi import AUTHENTICATED, PUBLIC, get_auth, protect, require, scope

RULES = {"/public": PUBLIC, "/private": AUTHENTICATED, "/messages": scope("read:messages")}


def api(environ, start_response):
    """Answer three paths. DELETE /messages needs one scope more than its rule."""
    if environ["PATH_INFO"] == "/public":
        text = "hello, whoever you are"
    elif environ["PATH_INFO"] == "/private":
        text = f"hello {get_auth(environ).subject}"
    elif environ["REQUEST_METHOD"] == "DELETE":
        # The layers answer an AuthError that the application raises.
        auth = require(environ, scope("delete:messages"))
        text = f"deleted for {auth.subject}"
    else:
        text = "your messages"
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [text.encode()]


def not_found(environ, error):
    """Answer 404 if no rule matches. None means the usual answer."""
    if error.reason == "no_rule":
        return missing
    return None


def missing(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"nothing here"]


def application(issuer, audience):
    """Return the application behind the layers."""
    return protect(api, issuer=issuer, audience=audience, rules=RULES, on_error=not_found)


if __name__ == "__main__":
    import logging

    from waitress import serve

    logging.basicConfig(level=logging.INFO)  # says where it listens, and why it refuses
    listen = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
    print(f"Try: curl -i http://{listen}/public", flush=True)
    serve(application(os.environ["ISSUER"], os.environ["AUDIENCE"]), listen=listen)
