"""The pages on Flask-RESTful, Flask-RESTX and the decorator: what they warn of is true."""

from __future__ import annotations

from typing import Any

import flask_restful
import flask_restx
import pytest
import recipe_pages
from flask import Blueprint, Flask

from jwt_wsgi import AUTHENTICATED, OPTIONAL, PUBLIC, protect, require, scope
from jwt_wsgi.testing import LocalIssuer

RESTFUL = recipe_pages.run("frameworks/flask-restful.md")
DECORATOR = recipe_pages.run("how-to/decorator.md")
requires = DECORATOR["requires"]
PACKAGES = {"restful": flask_restful, "restx": flask_restx}
APIS = {"restful": RESTFUL["RestfulApi"], "restx": RESTFUL["RestxApi"]}
MODES: dict[str, dict[str, bool]] = {
    "production": {},
    "propagating": {"PROPAGATE_EXCEPTIONS": True},
    "not propagating": {"PROPAGATE_EXCEPTIONS": False},
    "testing": {"TESTING": True},
    "debug": {"DEBUG": True},
}


def resource(package: str) -> Any:
    class Note(PACKAGES[package].Resource):  # type: ignore[misc]
        def get(self) -> dict[str, str]:
            return {"reader": require(RESTFUL["request"], scope("read")).subject or ""}

        def put(self) -> None:
            raise KeyError("a mistake of the application")

    return Note


def api_app(api: Any, package: str, config: dict[str, bool], on: str = "app") -> Flask:
    app = Flask("notes")
    app.config.update(config)
    RESTFUL["answer_auth_errors"](app)
    # RESTX would add its documentation at the root.
    options: dict[str, Any] = {"serve_challenge_on_401": True}
    if package == "restx":
        options["doc"] = False
    place: Any = app if on == "app" else Blueprint("notes", "notes")
    api(place, **options).add_resource(resource(package), "/note")
    if on == "blueprint":
        app.register_blueprint(place)
    return app


def protected(app: Flask, local: LocalIssuer, rule: Any = AUTHENTICATED) -> Any:
    app.wsgi_app = protect(app.wsgi_app, issuer=local.trusted(), rules={"/": rule})  # type: ignore[method-assign]
    return app.test_client()


@pytest.mark.parametrize("on", ["app", "blueprint"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("package", PACKAGES)
def test_require_answers_with_its_challenge_f6(
    package: str, mode: str, on: str, local: LocalIssuer
) -> None:
    client = protected(api_app(APIS[package], package, MODES[mode], on), local, OPTIONAL)
    missing = client.get("/note")
    assert missing.status_code == 401
    assert missing.headers.getlist("WWW-Authenticate") == ['Bearer realm="api", scope="read"']
    local.authorize(client, scope="openid")
    refused = client.get("/note")
    assert refused.status_code == 403
    assert refused.json["reason"] == "insufficient_scope"
    [challenge] = refused.headers.getlist("WWW-Authenticate")
    assert 'error="insufficient_scope"' in challenge
    local.authorize(client, scope="read", sub="ada")
    assert client.get("/note").json == {"reader": "ada"}


@pytest.mark.parametrize("package", PACKAGES)
def test_without_the_recipe_a_refusal_is_a_500_f6(package: str, local: LocalIssuer) -> None:
    """The reason for the page. If this fails, the page may be shorter."""
    client = protected(api_app(PACKAGES[package].Api, package, {}), local)
    local.authorize(client, scope="openid")
    assert client.get("/note").status_code == 500


@pytest.mark.parametrize("package", PACKAGES)
def test_other_exceptions_are_still_the_api_s_f6(package: str, local: LocalIssuer) -> None:
    client = protected(api_app(APIS[package], package, {}), local)
    local.authorize(client, scope="openid")
    answer = client.put("/note")
    assert (answer.status_code, answer.json) == (500, {"message": "Internal Server Error"})
    assert client.delete("/note").status_code == 405


@pytest.mark.parametrize("package", PACKAGES)
def test_a_resource_takes_the_decorator_for_all_its_methods_f6(
    package: str, local: LocalIssuer
) -> None:
    app = Flask("notes")
    RESTFUL["answer_auth_errors"](app)
    kind = type("Note", (PACKAGES[package].Resource,), {
        "method_decorators": [requires(scope("read"))],
        "get": lambda self: {"read": True},
    })  # fmt: skip
    APIS[package](app).add_resource(kind, "/note")
    client = protected(app, local)
    local.authorize(client, scope="openid")
    assert client.get("/note").json["reason"] == "insufficient_scope"
    local.authorize(client, scope="read")
    assert client.get("/note").json == {"read": True}


def test_the_documentation_of_restx_needs_no_token_f6(local: LocalIssuer) -> None:
    client = RESTFUL["restx_app"](local.trusted()).test_client()
    for path in ("/docs", "/swagger.json", "/swaggerui/swagger-ui.css"):
        answer = client.get(path)
        assert answer.status_code == 200
        answer.close()
    assert client.get("/notes/7").status_code == 401


# --- the decorator


def flask_app() -> Flask:
    app = Flask("decorated")
    app.register_error_handler(DECORATOR["AuthError"], DECORATOR["answer_auth_error"])
    return app


def test_the_decorator_keeps_the_name_and_the_docstring_of_a_view() -> None:
    view = requires(scope("a"))(flask_app)
    assert (view.__name__, view.__wrapped__) == ("flask_app", flask_app)


@pytest.mark.parametrize("nothing", [PUBLIC, OPTIONAL, "scope"], ids=["PUBLIC", "OPTIONAL", "text"])
def test_the_decorator_refuses_what_asks_for_nothing_at_once(nothing: Any) -> None:
    with pytest.raises(ValueError, match="require"):
        requires(nothing)


def test_the_decorator_works_on_an_async_view(local: LocalIssuer) -> None:
    app = flask_app()

    async def page() -> str:
        return "read"

    app.add_url_rule("/", view_func=requires(scope("read"))(page))
    client = protected(app, local)
    local.authorize(client, scope="openid")
    assert client.get("/").status_code == 403
    local.authorize(client, scope="read")
    assert client.get("/").text == "read"


def test_the_decorator_above_the_route_checks_nothing(local: LocalIssuer) -> None:
    """The first warning of the page."""
    app = flask_app()
    requires(scope("read"))(app.get("/")(lambda: "read"))
    client = protected(app, local)
    local.authorize(client, scope="openid")
    assert client.get("/").text == "read"


def test_the_decorator_below_a_public_rule_refuses_everyone(local: LocalIssuer) -> None:
    app = flask_app()
    app.add_url_rule("/", view_func=requires(scope("read"))(lambda: "read"))
    client = protected(app, local, PUBLIC)
    local.authorize(client, scope="read")
    assert client.get("/").json["reason"] == "missing_token"
