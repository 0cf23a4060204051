"""Django behind jwt-wsgi: `ISSUER=https://… AUDIENCE=https://… python examples/django_app.py`."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path
from django.utils.deprecation import MiddlewareMixin

from jwt_wsgi import AUTHENTICATED, PUBLIC, AuthError, get_auth, protect, require, respond, scope

RULES = {"/public": PUBLIC, "/private": AUTHENTICATED, "/messages": scope("read:messages")}


class Refusals(MiddlewareMixin):
    """A middleware that answers an AuthError, because Django would turn it into a 500."""

    def process_exception(self, request, error):
        if not isinstance(error, AuthError):
            return None
        start = []
        body = b"".join(respond(error)(request.META, lambda *given: start.extend(given)))
        return HttpResponse(body, status=int(start[0].split()[0]), headers=dict(start[1]))


def messages(request):
    if request.method == "DELETE":
        return HttpResponse(f"deleted for {require(request, scope('delete:messages')).subject}")
    return HttpResponse("your messages")


urlpatterns = [
    path("public", lambda request: HttpResponse("hello, whoever you are")),
    path("private", lambda request: HttpResponse(f"hello {get_auth(request).subject}")),
    path("messages", messages),
]


def not_found(environ, error):
    """Answer 404 if no rule covers the path, and keep all other responses."""
    return missing if error.reason == "no_rule" else None


def missing(environ, start_response):
    start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
    return [b"nothing here"]


def application(issuer, audience):
    """Return the `application` of the project's `wsgi.py`."""
    return protect(
        get_wsgi_application(), issuer=issuer, audience=audience, rules=RULES, on_error=not_found
    )


if __name__ == "__main__":
    from waitress import serve

    listen = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
    settings.configure(
        ROOT_URLCONF=__name__, ALLOWED_HOSTS=["127.0.0.1"], MIDDLEWARE=[f"{__name__}.Refusals"]
    )
    serve(application(os.environ["ISSUER"], os.environ["AUDIENCE"]), listen=listen)
