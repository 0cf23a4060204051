"""A Django test client that goes through the whole WSGI application, with what stands in front of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.types import WSGIApplication

from django.core.handlers.wsgi import WSGIRequest  # type: ignore[import-untyped]
from django.core.signals import request_finished, request_started  # type: ignore[import-untyped]
from django.db import close_old_connections  # type: ignore[import-untyped]
from django.http import HttpResponse  # type: ignore[import-untyped]
from django.test import Client as DjangoClient  # type: ignore[import-untyped]

from jwt_wsgi.options import must


class Client(DjangoClient):  # type: ignore[misc]
    """Django's test client, for an application as it is deployed: `Client(wsgi.application)`.

    Django's own calls the views without the application around them, so that it
    meets no WSGI middleware. This one asks `application` (PEP 3333), and all that
    is Django's is as usual, but for CSRF checks: they are done, as when deployed.
    `headers` go with every request. Raises `ValueError` for what is no application.
    """

    def __init__(
        self, application: WSGIApplication, *, headers: dict[str, str] | None = None, **options: Any
    ) -> None:
        must(
            callable(application),
            f"application={application!r}: write what wsgi.py calls application",
        )
        must(
            "enforce_csrf_checks" not in options,
            "enforce_csrf_checks: leave it out, exempt the view (csrf_exempt)",
        )
        super().__init__(headers=headers, **options)
        self.handler = _Handler(application)


class _Handler:
    """Django's requests in, the responses of a WSGI application out."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any]) -> Any:
        started: list[tuple[str, list[tuple[str, str]]]] = []
        written: list[bytes] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[..., object]:
            del exc_info  # a response that was begun and is answered anew: the last one counts
            started.append((status, headers))
            return written.append

        with _connections_kept():
            body = self._application(environ, start_response)
            try:
                written.extend(body)
            finally:
                getattr(body, "close", lambda: None)()
        return _response(*started[-1], b"".join(written), environ)


def _response(
    status: str, headers: list[tuple[str, str]], content: bytes, environ: dict[str, Any]
) -> Any:
    code, _, reason = status.partition(" ")
    if environ["REQUEST_METHOD"] == "HEAD" or code in ("204", "304"):
        content = b""  # as a server does (RFC 9110 §6.4.1)
    response = HttpResponse(content, status=int(code), reason=reason)
    del response["Content-Type"]  # the application's own, or none
    for name, value in headers:
        if name.lower() == "set-cookie":
            response.cookies.load(value)
        else:
            # Django holds a name once; a list of values says the same (RFC 9110 §5.3).
            response[name] = f"{response[name]}, {value}" if name in response else value
    response.wsgi_request = WSGIRequest(environ)
    return response


@contextmanager
def _connections_kept() -> Iterator[None]:
    """As in Django's own client, the end of a request closes no connection of the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in (request_started, request_finished):
            signal.connect(close_old_connections)
