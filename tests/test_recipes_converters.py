"""The page on converting routers: each framework reads what its table says, and no remedy leaks.

Every application answers with the number of the user that it reads.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import quote

import bottle
import django_settings  # noqa: F401 (it configures)
import falcon
import pytest
import recipe_pages
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.test import override_settings
from django.urls import path
from flask import Flask, request
from pyramid.config import Configurator
from pyramid.httpexceptions import HTTPNotFound
from pyramid.response import Response
from webtest import TestApp

from jwt_wsgi import AUTHENTICATED, claim, path_param, protect
from jwt_wsgi.testing import LocalIssuer

PAGE = "how-to/converting-routers.md"
RECIPE = recipe_pages.run(PAGE)
#: Texts that may be the number 7, and 7 itself.
SPELLINGS = ("7", "007", "+7", "-7", "0_7", "7_", "\u0667", "\uff17", "0\u0667", " 7", "7 ", "7.0", "0x7", "7e0", "\u00b2")  # fmt: skip
PREFIXED = {"007"}
DIGITS = {*PREFIXED, "\u0667", "\uff17", "0\u0667"}
WHATEVER_INT_TAKES = {*DIGITS, "+7", "0_7"}


def flask_app() -> Any:
    app = Flask("users")
    app.add_url_rule("/users/<int:number>", "user", lambda number: f"user {number}")
    return app.wsgi_app


URLS = (path("users/<int:number>", lambda request, number: HttpResponse(f"user {number}")),)


def pyramid_app() -> Any:
    def user(request: Any) -> Response:
        try:
            return Response(f"user {int(request.matchdict['id'])}")
        except ValueError:
            raise HTTPNotFound from None

    config = Configurator()
    config.add_route("user", "/users/{id}")
    config.add_view(user, route_name="user")
    return config.make_wsgi_app()


def bottle_app() -> Any:
    app = bottle.Bottle()
    app.route("/users/<number:int>", "GET", lambda number: f"user {number}")
    return app


class User:
    def on_get(self, request: falcon.Request, response: falcon.Response, number: int) -> None:
        response.text = f"user {number}"


def falcon_app() -> Any:
    app = falcon.App()
    app.add_route("/users/{number:int}", User())
    return app


#: The application of each framework, and the texts other than 7 for which it reads user 7.
FRAMEWORKS: dict[str, tuple[Callable[[], Any], set[str]]] = {
    "Flask": (flask_app, DIGITS),
    "Django": (get_wsgi_application, PREFIXED),
    "Falcon": (falcon_app, WHATEVER_INT_TAKES),
    "Bottle": (bottle_app, DIGITS),
    "Pyramid": (pyramid_app, {*WHATEVER_INT_TAKES, " 7", "7 "}),
}


def running(framework: str) -> AbstractContextManager[Any]:
    return override_settings(ROOT_URLCONF=URLS) if framework == "Django" else nullcontext()


def readers(framework: str, rule: Any, local: LocalIssuer) -> set[str]:
    """Return the subjects who read user 7 by writing their own subject into the path."""
    make, _ = FRAMEWORKS[framework]
    found = set()
    with running(framework):
        app = protect(make(), issuer=local.trusted(), rules={"/users/{id}": rule})
        for subject in SPELLINGS:
            headers = local.headers(sub=subject)
            answer = TestApp(app).get(f"/users/{quote(subject)}", headers=headers, status="*")
            assert answer.status_int in (200, 403, 404)
            if answer.text == "user 7":
                found.add(subject)
    return found


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_converting_router_reads_another_user_f14(framework: str, local: LocalIssuer) -> None:
    """The problem that the page describes. If this fails, correct its table."""
    _, others = FRAMEWORKS[framework]
    assert readers(framework, RECIPE["owner"], local) == {"7", *others}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_rule_with_one_spelling_lets_only_the_owner_read_f14(
    framework: str, local: LocalIssuer
) -> None:
    assert readers(framework, RECIPE["owner_by_number"], local) == {"7"}


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_table_of_the_page_names_the_spellings_f14(framework: str) -> None:
    _, others = FRAMEWORKS[framework]
    [row] = [
        line
        for line in recipe_pages.text_of(PAGE).splitlines()
        if line.startswith(f"| {framework} |")
    ]
    cell = row.split("|")[3]
    for spelling in ("007", "+7", "0_7", "\u0667"):
        assert (f"`{spelling}`" in cell) is (spelling in others), spelling
    assert ("space" in cell) is (" 7" in others)


@pytest.mark.parametrize("subject", SPELLINGS, ids=ascii)
def test_the_view_compares_after_the_conversion_f14(subject: str, local: LocalIssuer) -> None:
    app = Flask("users")

    @app.get("/users/<int:number>")
    def user(number: int) -> str:
        RECIPE["check_owner"](request, number)
        return f"user {number}"

    app.config["PROPAGATE_EXCEPTIONS"] = True  # so that the layers answer the refusal
    guarded = protect(app.wsgi_app, issuer=local.trusted(), rules={"/users/{id}": AUTHENTICATED})
    for spelling in SPELLINGS:
        headers = local.headers(sub=subject)
        answer = TestApp(guarded).get(f"/users/{quote(spelling)}", headers=headers, status="*")
        assert (answer.text == "user 7") is (subject == "7" and spelling in {"7", *DIGITS})


@pytest.mark.parametrize("subject", SPELLINGS, ids=ascii)
def test_a_route_of_text_reads_the_text_of_the_rule_f14(subject: str, local: LocalIssuer) -> None:
    rules = {"/users/{id}": RECIPE["owner"]}
    app = TestApp(protect(RECIPE["by_text"].wsgi_app, issuer=local.trusted(), rules=rules))
    answer = app.get(f"/users/{quote(subject)}", headers=local.headers(sub=subject))
    assert (answer.text == "Ada's letters") is (subject == "7")


def is_uuid(subject: object) -> bool:
    """Return whether a subject is a UUID as Python writes it: the advice of the page."""
    try:
        return str(uuid.UUID(str(subject))) == subject
    except ValueError:
        return False


@pytest.mark.parametrize(
    "spelled",
    [
        str,
        lambda text: text.upper(),
        lambda text: text.replace("-", ""),
        lambda text: f"{{{text}}}",
    ],
    ids=["F14 as written", "F14 in capitals", "F14 without hyphens", "F14 in braces"],
)
def test_a_uuid_has_one_spelling_f14(spelled: Callable[[str], str], local: LocalIssuer) -> None:
    """Flask and Falcon read one UUID from several texts."""
    number = "0a1b2c3d-0000-4000-8000-00000000000f"
    flask, api = Flask("users"), falcon.App()
    flask.add_url_rule("/users/<uuid:number>", "user", lambda number: f"user {number}")
    api.add_route("/users/{number:uuid}", User())
    subject = spelled(number)
    rule = claim("sub", path_param("id")) & claim("sub", is_uuid)
    reached = []
    for app in (flask.wsgi_app, api):
        open_app = TestApp(app)
        reached.append(
            open_app.get(f"/users/{quote(subject)}", status="*").text == f"user {number}"
        )
        guarded = TestApp(protect(app, issuer=local.trusted(), rules={"/users/{id}": rule}))
        answer = guarded.get(
            f"/users/{quote(subject)}", headers=local.headers(sub=subject), status="*"
        )
        assert (answer.text == f"user {number}") is (subject == number)
    is_plain = "-" in subject and not subject.startswith("{")
    assert reached == [is_plain, True]
