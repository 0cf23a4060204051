"""Requests to the measured view, behind each protection of each framework."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from benchmarks import stack
from benchmarks.bare import separated
from benchmarks.measuring import Contender
from benchmarks.views import orders
from benchmarks.views.bare_signature import PARTS
from benchmarks.views.trust import Trust

#: The module of each framework's protections.
MODULES: Mapping[str, str] = {
    "Flask": "benchmarks.views.flask_site",
    "Django": "benchmarks.views.django_site",
    "Django REST framework": "benchmarks.views.rest_site",
}

#: The modules that a framework and its protections need, by the names in the figures.
REQUIRED: Mapping[str, str] = {
    "Flask": "flask",
    "Django": "django",
    "Django REST framework": "rest_framework",
    "PyJWT decorator": "jwt",
    "Authlib": "authlib",
    "Flask-JWT-Extended": "flask_jwt_extended",
    "simplejwt": "rest_framework_simplejwt",
}


def missing(name: str) -> str | None:
    """Return why a framework or a protection cannot be measured here, or None if it can."""
    module = REQUIRED.get(name)
    if module is None or importlib.util.find_spec(module) is not None:
        return None
    return f"{module} is not installed"


def application(framework: str, protection: str, trust: Trust) -> WSGIApplication:
    """Return the view's application behind a protection."""
    protections = importlib.import_module(MODULES[framework]).PROTECTIONS
    app: WSGIApplication = protections[protection](trust)
    return app


class OrderRequests(stack.Requests):
    """Requests that send an order, as a server would make them. Each answer is read to its end."""

    def __init__(self, app: WSGIApplication, *, status: str = stack.ACCEPTED) -> None:
        super().__init__(app, status=status)
        self._body = orders.body()

    def prepare(self, tokens: Sequence[str]) -> Callable[[], None]:
        """Prepare the requests; return the function that sends them."""
        self.statuses.clear()
        environs = [self.environ(token) for token in tokens]
        app = self._app
        start_response = self._start_response

        def run() -> None:
            for environ in environs:
                answer = app(environ, start_response)
                b"".join(answer)
                close = getattr(answer, "close", None)
                if close is not None:
                    close()

        return run

    def environ(self, token: str) -> WSGIEnvironment:
        """Return the environ of the next request."""
        environ = super().environ(token)
        environ |= {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": orders.PATH,
            "REQUEST_URI": orders.PATH,
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(self._body)),
            "wsgi.input": BytesIO(self._body),
            "wsgi.input_terminated": True,
            "wsgi.errors": _NoErrors(),
        }
        if token.count(".") == 2:
            environ[PARTS] = separated(token, "RS256")
        return environ


class _NoErrors:
    """A stream for errors; the measured requests cause none."""

    def write(self, text: str) -> int:
        raise RuntimeError(text)

    def flush(self) -> None:
        """Do nothing."""


def contend(
    tokens: Sequence[str],
    *,
    framework: str,
    protection: str,
    pem: str,
    jwks: Mapping[str, Any],
    warm: Sequence[str] = (),
) -> Contender:
    """Return the contender that sends each token with an order to the protected view.

    Args:
        tokens: The tokens.
        framework: The name of the framework.
        protection: The name of the protection.
        pem: The public key of the issuer as PEM.
        jwks: The key set of the issuer.
        warm: Tokens to send before the measurement.
    """
    requests = OrderRequests(application(framework, protection, Trust(pem, jwks)))
    requests.prepare(warm)()
    requests.check(len(warm))
    return requests.contend(tokens)
