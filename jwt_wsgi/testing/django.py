"""A Django test client that sends requests through the whole WSGI application.

Django's own client calls the views directly, so that no WSGI middleware sees the request.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.types import WSGIApplication

from django.core.handlers.wsgi import WSGIRequest  # type: ignore[import-untyped]
from django.core.signals import request_finished, request_started  # type: ignore[import-untyped]
from django.db import close_old_connections  # type: ignore[import-untyped]
from django.http import HttpResponse  # type: ignore[import-untyped]
from django.test import Client as DjangoClient  # type: ignore[import-untyped]


class Client(DjangoClient):  # type: ignore[misc]
    """Django's test client for a deployed application, middleware included.

    It does what Django's client does, with one difference: CSRF checks take place, as in
    production.

    Args:
        application: The WSGI application (PEP 3333), such as `application` in wsgi.py.
        headers: Headers that every request has.
        **options: The other options of Django's client, except `enforce_csrf_checks`.

    Raises:
        ValueError: `application` is not callable, or `enforce_csrf_checks` is among the options.
    """

    def __init__(
        self, application: WSGIApplication, *, headers: dict[str, str] | None = None, **options: Any
    ) -> None:
        if not callable(application):
            raise ValueError(f"application={application!r}: write what wsgi.py calls application")
        if "enforce_csrf_checks" in options:
            raise ValueError("enforce_csrf_checks: leave it out, exempt the view (csrf_exempt)")
        super().__init__(headers=headers, **options)
        self.handler = _Handler(application)


class _Handler:
    """A handler for Django's client that calls a WSGI application."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application

    def __call__(self, environ: dict[str, Any]) -> Any:
        starts: list[tuple[str, list[tuple[str, str]]]] = []
        chunks: list[bytes] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], exc_info: Any = None
        ) -> Callable[..., object]:
            # After an error the application starts its response again. The last start counts.
            del exc_info
            starts.append((status, headers))
            return chunks.append

        with _keep_connections_open():
            body = self._application(environ, start_response)
            try:
                chunks.extend(body)
            finally:
                if hasattr(body, "close"):
                    body.close()
        status, headers = starts[-1]
        return _response(status, headers, b"".join(chunks), environ)


def _response(
    status: str, headers: list[tuple[str, str]], content: bytes, environ: dict[str, Any]
) -> Any:
    code, _, reason = status.partition(" ")
    if environ["REQUEST_METHOD"] == "HEAD" or code in ("204", "304"):
        content = b""  # as a server does (RFC 9110 §6.4.1)
    response = HttpResponse(content, status=int(code), reason=reason)
    # Django invents a type. The response has the application's own, or none.
    del response["Content-Type"]
    for name, value in headers:
        if name.lower() == "set-cookie":
            response.cookies.load(value)
        elif name in response:
            # Django holds one value for a name. A list is equivalent (RFC 9110 §5.3).
            response[name] = f"{response[name]}, {value}"
        else:
            response[name] = value
    response.wsgi_request = WSGIRequest(environ)
    return response


@contextmanager
def _keep_connections_open() -> Iterator[None]:
    """Keep database connections open at the end of a request, as Django's own client does.

    The test's transaction needs its connection after the request.
    """
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    try:
        yield
    finally:
        for signal in signals:
            signal.connect(close_old_connections)
