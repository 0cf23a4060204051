"""Plain WSGI behind jwt-wsgi.

In a clone, install what it needs with `pip install '.[app]'`. Then run
`ISSUER=https://… AUDIENCE=https://… python examples/plain.py`.
"""

import os

from jwt_wsgi import AUTHENTICATED, PUBLIC, get_auth, protect, require, scope

RULES = {"/public": PUBLIC, "/private": AUTHENTICATED, "/messages": scope("read:messages")}


def public(environ):
    return "hello, whoever you are"


def private(environ):
    return f"hello {get_auth(environ).subject}"


def messages(environ):
    return "your messages"


def delete(environ):
    # The layers answer an AuthError that the application raises.
    auth = require(environ, scope("delete:messages"))
    return f"deleted for {auth.subject}"


ROUTES = {
    "/public": {"GET": public, "HEAD": public},
    "/private": {"GET": private, "HEAD": private},
    "/messages": {"GET": messages, "HEAD": messages, "DELETE": delete},
}


def api(environ, start_response):
    """Answer exactly the paths and methods in ROUTES: other paths with 404, other methods with 405.

    A rule covers everything below its path, so a handler for "all other paths" would also answer
    below `/public`, where the rule asks for nothing.
    """
    methods = ROUTES.get(environ["PATH_INFO"])
    if methods is None:
        return missing(environ, start_response)
    handler = methods.get(environ["REQUEST_METHOD"])
    if handler is None:
        start_response("405 Method Not Allowed", [("Allow", ", ".join(methods))])
        return []
    text = handler(environ)
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8")])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [text.encode()]


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
