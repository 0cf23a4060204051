"""Django behind jwt-wsgi.

In a clone, install what it needs with `pip install '.[app]' django`. Then run
`ISSUER=https://… AUDIENCE=https://… python examples/django_app.py`.
"""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from django.utils.deprecation import MiddlewareMixin
from django.views.decorators.http import require_http_methods, require_safe

from jwt_wsgi import AUTHENTICATED, PUBLIC, AuthError, get_auth, protect, require, respond, scope

RULES = {"/public": PUBLIC, "/private": AUTHENTICATED, "/messages": scope("read:messages")}


class Refusals(MiddlewareMixin):
    """A middleware that answers the AuthError of a view, for which Django would answer 500."""

    def process_exception(self, request, error):
        if not isinstance(error, AuthError):
            return None
        status, headers, body = call(respond(error), request.META)
        return HttpResponse(body, status=int(status.split()[0]), headers=dict(headers))


def call(app, environ):
    """Call a WSGI application and return the status, headers and body of its answer."""
    start = {}

    def start_response(status, headers, exc_info=None):
        start.update(status=status, headers=headers)

    body = b"".join(app(environ, start_response))
    return start["status"], start["headers"], body


@require_safe
def public(request):
    return HttpResponse("hello, whoever you are")


@require_safe
def private(request):
    return HttpResponse(f"hello {get_auth(request).subject}")


@require_http_methods(["GET", "HEAD", "DELETE"])
def messages(request):
    if request.method == "DELETE":
        auth = require(request, scope("delete:messages"))
        return HttpResponse(f"deleted for {auth.subject}")
    return HttpResponse("your messages")


urlpatterns = [path("public", public), path("private", private), path("messages", messages)]


def not_found(environ, error):
    """Answer 404 if no rule matches. None means the usual answer."""
    if error.reason == "no_rule":
        return missing
    return None


def missing(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"nothing here"]


def application(issuer, audience):
    """Return the application, as the project's `wsgi.py` does."""
    return protect(
        get_wsgi_application(), issuer=issuer, audience=audience, rules=RULES, on_error=not_found
    )


if __name__ == "__main__":
    import logging

    from waitress import serve

    logging.basicConfig(level=logging.INFO)  # says where it listens, and why it refuses
    settings.configure(
        ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"], MIDDLEWARE=[f"{__name__}.Refusals"]
    )
    listen = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
    print(f"Try: curl -i http://{listen}/public", flush=True)
    serve(application(os.environ["ISSUER"], os.environ["AUDIENCE"]), listen=listen)
