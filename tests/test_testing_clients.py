"""`authorize` and `headers` for test clients of frameworks, and the Django client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import django_settings  # noqa: F401 (it configures Django)
import falcon.testing
import pytest
import requests
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.test import Client as DjangoClient
from django.test import override_settings
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from flask import Flask
from webtest import TestApp

from jwt_wsgi import PUBLIC, get_auth, protect, scope
from jwt_wsgi.testing import Clock, LocalIssuer
from jwt_wsgi.testing.django import Client

RULES = {"/open": PUBLIC, "/": scope("a")}


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(sorted(getattr(get_auth(environ), "scopes", ()))).encode()]


@pytest.fixture
def protected(jwt_issuer: LocalIssuer, jwt_clock: Clock) -> Any:
    def around(wrapped: Any) -> Any:
        return protect(wrapped, issuer=jwt_issuer.trusted(), rules=RULES, clock=jwt_clock)

    return around


# --- authorize


def test_webtest(protected: Any, jwt_issuer: LocalIssuer) -> None:
    client = TestApp(protected(app))
    assert client.get("/", status=401)
    token = jwt_issuer.authorize(client, scope="b a", org="acme")
    assert client.authorization == ("Bearer", token)
    assert client.get("/").text == "a b"


def test_flask(protected: Any, jwt_issuer: LocalIssuer) -> None:
    flask = Flask("orders")
    flask.wsgi_app = protected(app)  # type: ignore[method-assign]
    client = flask.test_client()
    assert client.get("/").status_code == 401
    jwt_issuer.authorize(client, scope="a")
    assert client.get("/").text == "a"
    jwt_issuer.authorize(client, scope="b")
    assert client.get("/").status_code == 403
    assert flask.test_client().get("/").status_code == 401


def test_falcon_uses_headers(protected: Any, jwt_issuer: LocalIssuer) -> None:
    client = falcon.testing.TestClient(protected(app), headers=jwt_issuer.headers("a"))
    assert client.simulate_get("/").text == "a"
    assert client.simulate_get("/", headers=jwt_issuer.headers("b")).status_code == 403


def test_a_session_of_requests(jwt_issuer: LocalIssuer) -> None:
    with requests.Session() as session:
        token = jwt_issuer.authorize(session, scope="a")
        assert session.headers["Authorization"] == f"Bearer {token}"


class Bare:
    headers = ()


@pytest.mark.parametrize(
    "client", [falcon.testing.TestClient(app), Bare(), None], ids=lambda c: type(c).__name__
)
def test_a_client_that_cannot_hold_a_token_is_refused_with_a_remedy(
    client: Any, jwt_issuer: LocalIssuer
) -> None:
    with pytest.raises(
        ValueError, match=rf"authorize\({type(client).__name__}\): .*headers=issuer.headers"
    ):
        jwt_issuer.authorize(client)


# --- Django


def whoami(request: Any) -> HttpResponse:
    return JsonResponse({"subject": get_auth(request).subject})  # type: ignore[union-attr]


@csrf_exempt
def order(request: Any) -> HttpResponse:
    response = JsonResponse({"sent": request.body.decode()}, status=201)
    response.set_cookie("a", "1", httponly=True)
    response.set_cookie("b", "2")
    return response


def form(request: Any) -> HttpResponse:
    return HttpResponse("saved")


def broken(request: Any) -> HttpResponse:
    raise ZeroDivisionError("broken")


def stream(request: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse([b"one ", b"two"], headers={"Vary": "Accept"})


urlpatterns = [path(view.__name__, view) for view in (whoami, order, form, broken, stream)]
CSRF = "django.middleware.csrf.CsrfViewMiddleware"


@pytest.fixture
def django() -> Iterator[Any]:
    with override_settings(ROOT_URLCONF=__name__, MIDDLEWARE=[CSRF]):
        yield get_wsgi_application()


def test_djangos_own_client_bypasses_the_middleware_and_this_one_does_not(
    django: Any, protected: Any
) -> None:
    assert DjangoClient().post("/form").content == b"saved"
    answer = Client(protected(django)).post("/form")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="api", scope="a"'
    assert answer.json()["reason"] == "missing_token"


def test_the_features_of_djangos_client_work(
    django: Any, protected: Any, jwt_issuer: LocalIssuer
) -> None:
    client = Client(protected(django))
    jwt_issuer.authorize(client, scope="a")
    answer = client.get("/whoami")
    assert answer.json() == {"subject": "user-1"}
    assert answer.resolver_match.func is whoami
    assert get_auth(answer.wsgi_request).scopes == {"a"}  # type: ignore[union-attr]
    answer = client.post("/order", {"a": 1}, content_type="application/json")
    assert (answer.status_code, answer.reason_phrase, answer.json()) == (
        201,
        "Created",
        {"sent": '{"a": 1}'},
    )
    assert {name: cookie.value for name, cookie in client.cookies.items()} == {"a": "1", "b": "2"}
    assert answer.cookies["a"]["httponly"] is True


def test_headers_are_sent_with_every_request(
    django: Any, protected: Any, jwt_issuer: LocalIssuer
) -> None:
    client = Client(protected(django), headers=jwt_issuer.headers("a"))
    assert client.get("/whoami").status_code == 200
    assert client.get("/whoami", headers=jwt_issuer.headers("b")).status_code == 403


def test_csrf_checks_take_place(django: Any, protected: Any, jwt_issuer: LocalIssuer) -> None:
    client = Client(protected(django), headers=jwt_issuer.headers("a"))
    assert client.post("/form").status_code == 403
    assert client.post("/order").status_code == 201


def test_an_exception_of_a_view_reaches_the_test(
    django: Any, protected: Any, jwt_issuer: LocalIssuer
) -> None:
    headers = jwt_issuer.headers("a")
    with pytest.raises(ZeroDivisionError, match="broken"):
        Client(protected(django), headers=headers).get("/broken")
    assert (
        Client(protected(django), headers=headers, raise_request_exception=False)
        .get("/broken")
        .status_code
        == 500
    )


def test_a_stream_is_closed_and_headers_of_one_name_are_joined(django: Any) -> None:
    closed: list[int] = []

    class Body:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def __iter__(self) -> Iterator[bytes]:
            return iter(self.inner)

        def close(self) -> None:
            closed.append(1)
            self.inner.close()

    def varying(environ: dict[str, Any], start_response: Any) -> Any:
        def more(status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Any:
            return start_response(status, [*headers, ("Vary", "Origin")], *exc_info)

        return Body(django(environ, more))

    answer = Client(varying).get("/stream")
    assert (answer.content, answer.headers["Vary"], closed) == (b"one two", "Accept, Origin", [1])


def test_written_bytes_come_first_and_no_content_type_is_invented() -> None:
    def writing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])(b"written ")
        return [b"and answered"]

    answer = Client(writing).get("/form")
    assert (answer.status_code, answer.content) == (200, b"written and answered")
    assert "Content-Type" not in answer.headers


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Fresh")]
)
def test_responses_that_must_not_have_a_body_have_none(method: str, status: str) -> None:
    def answering(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(status, [("Content-Length", "4")])
        return [b"body"]

    answer = Client(answering).generic(method, "/form")
    assert (answer.content, answer.headers["Content-Length"]) == (b"", "4")


def test_database_connections_stay_open_only_for_requests_of_the_client(django: Any) -> None:
    def connected() -> list[bool]:
        return [
            any(receiver[1]() is close_old_connections for receiver in signal.receivers)
            for signal in (request_started, request_finished)
        ]

    seen: list[list[bool]] = []

    def looking(environ: dict[str, Any], start_response: Any) -> Any:
        seen.append(connected())
        return django(environ, start_response)

    assert Client(looking).get("/stream").status_code == 200
    assert (seen, connected()) == ([[False, False]], [True, True])


def test_a_client_without_an_application_is_refused() -> None:
    with pytest.raises(ValueError, match=r"application=None: write what wsgi.py calls application"):
        Client(None)  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match=r"enforce_csrf_checks: leave it out, exempt the view \(csrf_exempt\)"
    ):
        Client(app, enforce_csrf_checks=False)
