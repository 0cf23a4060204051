"""Route coverage: the table of each framework, uncovered endpoints, unreadable applications."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import bottle
import falcon
import pytest
from django.conf import settings as django_settings
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from django.urls import path as django_path
from django.utils.functional import lazystr
from flask import Flask
from framework_apps import FRAMEWORKS, named
from pyramid.config import Configurator, not_
from webtest.lint import middleware as linted
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.middleware.profiler import ProfilerMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.middleware.shared_data import SharedDataMiddleware
from werkzeug.routing import Rule

import app as sample
from jwt_wsgi import (
    AUTHENTICATED,
    DENY,
    OPTIONAL,
    PUBLIC,
    Policy,
    ScopeAuthorizer,
    claim,
    guard,
    protect,
    report_only,
    scope,
)
from jwt_wsgi.coverage import CoveredBy, Report, assert_covered, coverage

EMPTY = Policy({})


def listed(report: Report) -> dict[str, str]:
    """Return the name and the marks of each row, by its key."""
    marks = ("automatic", "uncertain")
    return {
        e.key: " ".join([e.name, *(mark for mark in marks if getattr(e, mark))]) for e in report
    }


def of(framework: str, policy: Policy = EMPTY) -> Report:
    app, options = FRAMEWORKS[framework]()
    return coverage(app, policy, **options)


TABLES: dict[str, dict[str, str]] = {
    "flask": {
        "GET /users": "users",
        "HEAD /users": "users automatic",
        "OPTIONS /users": "users automatic",
        "POST /users": "users",
        "DELETE /users/{id}": "user",
        "GET /users/{id}/posts/": "posts",
        "GET /two/<two:both>": "two uncertain",
        "GET /any/{who}/x": "any",
        "GET /files/{rest...}": "files",
        "POST /files/{rest...}/edit": "edit",
        "GET /x-{id}.json": "mixed",
        "HEAD /head": "head",
        "OPTIONS /options": "options",
        "GET /api/{tenant}/things": "api.things",
        "PUT /items/{id}": "item",
    },
    "django": {
        "* /": "root",
        "GET /articles/{id}": "article-any",
        "HEAD /articles/{id}": "article-any automatic",
        "OPTIONS /articles/{id}": "article-any automatic",
        "PATCH /articles/{id}": "article-any",
        "HEAD /head-only": "head-only",
        "POST /post-only": "post-only",
        "* /dispatching": "dispatching",
        "* /files/{rest...}": "files",
        "* /a/{rest...}/b": "edit",
        "* /inner/": "inner-root",
        "* /inner/{name}/": "inner-slug",
        "* /inner/old/{id}/": "inner-old",
        "* /pre{a}/b": "b-within",
        "* /re/{year}/": "re-year",
        "* /re/{p3}": "re-either",
        "* /loose$": "re-loose uncertain",
        "* /^open": "re-open uncertain",
        "* /^one$|^two": "re-either-or uncertain",
        "* /^(?i:CASE)$": "re-case uncertain",
        "* /^b/?c$": "re-maybe uncertain",
        "* /dots/{p5...}/b": "re-dots",
    },
    "pyramid": {
        "* /": "root",
        "GET /users": "users",
        "HEAD /users": "users automatic",
        "PUT /users/me": "me",
        "DELETE /users/{id}": "user",
        "HEAD /users/{id}": "user automatic",
        "HEAD /users/{id}/posts": "posts",
        "* /old/{id}/x": "old",
        "* /files/{rest...}": "files",
        "* /a/{rest...}/b": "edit",
        "* /odd/{who:(?!b).+}": "odd uncertain",
        "* /inner/{tenant}/x": "inner",
    },
    "bottle": {
        "GET /users": "users",
        "HEAD /users": "users automatic",
        "POST /users": "users",
        "* /users/{id}": "user",
        "POST /a/{rest...}/b": "edit",
        "GET /odd/<id:re:(?!me).+>": "odd uncertain",
        "GET /inner/": "inner-root",
        "GET /inner/{id}": "inner",
    },
    "falcon": {
        "GET /users": "Users",
        "OPTIONS /users": "Users automatic",
        "PUT /users/me": "Me",
        "GET /a/{x}-{y}": "Pair",
        "GET /files/{rest...}": "Files",
        "* /inner": "sink uncertain",
        "* /(re|old)/(?P<x>.)": "drain uncertain",
    },
    "router": {"GET ": "at ", "GET /users": "at /users", "HEAD /users": "at /users"},
}
ABSENT = {
    "flask": ["HEAD /options", "POST /users/me", "GET /head"],
    "django": ["GET /head-only", "HEAD /post-only", "POST /articles/{id}", "* /articles/{id}"],
    "pyramid": ["* /nothing", "POST /users/{id}", "GET /users/{id}/posts", "DELETE /users/me"],
    "bottle": ["POST /users/me", "GET /users/{id}"],
    "falcon": ["HEAD /users", "POST /users", "GET /users/me"],
    "router": ["POST /users", "* /users"],
}


@pytest.mark.parametrize("framework", TABLES)
def test_a_route_table_is_listed(framework: str) -> None:
    found = listed(of(framework))
    assert {key: found.get(key) for key in TABLES[framework]} == TABLES[framework]
    assert [key for key in ABSENT[framework] if key in found] == []


def test_a_method_that_flask_adds_is_marked_and_not_uncovered() -> None:
    app = Flask("shop")
    report = coverage(app, EMPTY)
    assert listed(report) == {
        "GET /static/{filename...}": "static",
        "HEAD /static/{filename...}": "static automatic",
        "OPTIONS /static/{filename...}": "static automatic",
    }
    assert [endpoint.key for endpoint in report.uncovered] == ["GET /static/{filename...}"]


def test_build_only_rules_are_left_out_and_rules_may_take_every_method() -> None:
    app = Flask("shop", static_folder=None)
    app.url_map.add(Rule("/built", endpoint="built", build_only=True))
    app.url_map.add(Rule("/every", endpoint="every"))
    assert listed(coverage(app, EMPTY)) == {"* /every": "every"}


@pytest.mark.parametrize(
    "prefix",
    [
        pytest.param("i18n", id="i18n_patterns"),
        pytest.param(lazystr("a/"), id="a translated route"),
    ],
)
def test_django_paths_that_depend_on_the_language_are_uncertain(prefix: Any) -> None:
    from django.conf.urls.i18n import i18n_patterns

    view = django_path("b", named("b"), name="b")
    urls = i18n_patterns(view) if prefix == "i18n" else [django_path(prefix, ([view], None, None))]
    with override_settings(USE_I18N=True):
        (endpoint,) = coverage(WSGIHandler(), Policy({"/b": PUBLIC, "/a/b": PUBLIC}), urlconf=urls)
    assert (endpoint.uncertain, endpoint.covered) == (True, False)
    assert {rule.key if rule else None for rule in endpoint.rules} == {"/b", "/a/b", None}


def test_django_reads_the_urlconf_of_its_settings() -> None:
    urls = (django_path("a", named("a"), name="a"),)
    with override_settings(ROOT_URLCONF=urls):
        assert list(listed(coverage(WSGIHandler(), EMPTY))) == ["* /a"]


@pytest.mark.parametrize(
    ("url", "rows"),
    [("/static/", ["* /static/{path...}", "* /a"]), ("https://cdn.test/s/", ["* /a"])],
)
def test_the_static_files_that_django_serves_are_listed(url: str, rows: list[str]) -> None:
    with override_settings(STATIC_URL=url, DEBUG=True):
        app = StaticFilesHandler(WSGIHandler())
        assert list(listed(coverage(app, EMPTY, urlconf=[django_path("a", named("a"))]))) == rows
    assert django_settings.configured


def test_a_pyramid_traversal_may_be_anywhere() -> None:
    config = Configurator()
    config.add_view(lambda r: None, name="edit", request_method="POST")
    config.add_route("hybrid", "/a/*traverse", use_global_views=True)
    config.add_route("turned", "/turned")
    config.add_view(lambda r: None, route_name="turned", request_method=not_("GET"))
    config.add_static_view("static", "/tmp")
    config.add_notfound_view(lambda r: None)
    assert listed(coverage(config.make_wsgi_app(), EMPTY)) == {
        "POST /a/{traverse...}": "hybrid",
        "* /turned": "turned",
        "* /static/{subpath...}": "__static/",
        "POST /{traverse...}/edit": "traversal uncertain",
    }


def test_wsgi_mounts_and_static_routes_are_everything_below() -> None:
    app = bottle.Bottle()
    app.mount("/other/", sample.router())
    assert listed(coverage(app, EMPTY)) == {
        "* /other/<:re:.*>": "Bottle._mount_wsgi.<locals>.mountpoint_wrapper uncertain"
    }
    served = falcon.App()
    served.add_static_route("/files", "/tmp")
    assert listed(coverage(served, EMPTY)) == {"* /files/{path...}": "static"}


# --- the decisions


def routing(*routes: tuple[str, str], **views: Any) -> Flask:
    app = Flask("shop", static_folder=None)
    for number, (methods, route) in enumerate(routes):
        app.add_url_rule(route, f"v{number}", lambda **_: "", methods=methods.split(","))
    return app


USERS = {"/users/{id}": scope("read"), "/users/me": AUTHENTICATED}
OWN, UNDER, NONE = CoveredBy.OWN_RULE, CoveredBy.UNDER_A_RULE, CoveredBy.NO_RULE
# The route, the rules, the keys that may decide it (weakest first), the requirement, the state, and
# whether it is covered.
DECIDED = [
    (
        "/users/<id>",
        USERS,
        ["/users/me", "/users/{id}"],
        "AUTHENTICATED or scope('read')",
        OWN,
        True,
    ),
    ("/users/<int:id>", USERS, ["/users/{id}"], "scope('read')", OWN, True),
    ("/users/me", USERS, ["/users/me"], "AUTHENTICATED", OWN, True),
    ("/users/me/", USERS, ["/users/me"], "AUTHENTICATED", OWN, True),
    ("/users/me/x", USERS, ["/users/me"], "AUTHENTICATED", UNDER, True),
    ("/users", USERS, [None], "DENY", NONE, False),
    ("/users", {"/users": PUBLIC}, ["/users"], "PUBLIC", OWN, True),
    ("/users", {"/users": DENY}, ["/users"], "DENY", OWN, True),
    ("/users/x/y", {"/users": PUBLIC}, ["/users"], "PUBLIC", UNDER, True),
    ("/users", {"/": AUTHENTICATED}, ["/"], "AUTHENTICATED", UNDER, False),
    ("/users", {"/": PUBLIC}, ["/"], "PUBLIC", UNDER, False),
    ("/users", {"/": OPTIONAL}, ["/"], "OPTIONAL", UNDER, False),
    (
        "/users",
        {"/": scope("a") | AUTHENTICATED},
        ["/"],
        "scope('a') | AUTHENTICATED",
        UNDER,
        False,
    ),
    ("/users", {"/": scope("a")}, ["/"], "scope('a')", UNDER, True),
    ("/users", {"/": DENY}, ["/"], "DENY", UNDER, True),
    ("/users/x", {"/{a}": AUTHENTICATED}, ["/{a}"], "AUTHENTICATED", UNDER, False),
    ("/users/x", {"/{a...}": AUTHENTICATED}, ["/{a...}"], "AUTHENTICATED", UNDER, False),
    ("/users/x/y", {"/{a}/x": AUTHENTICATED}, ["/{a}/x"], "AUTHENTICATED", UNDER, True),
    ("/", {"/": AUTHENTICATED}, ["/"], "AUTHENTICATED", OWN, True),
    ("/", {"/{$}": OPTIONAL}, ["/{$}"], "OPTIONAL", OWN, True),
    ("/users", {"POST /users": PUBLIC}, [None], "DENY", NONE, False),
    ("/users", {"GET /users": PUBLIC}, ["GET /users"], "PUBLIC", OWN, True),
    ("/users", {"POST /users": DENY, "/": PUBLIC}, [None], "DENY", NONE, False),
    (
        "/<path:p>",
        {"/": AUTHENTICATED, "/a": PUBLIC},
        ["/a", "/"],
        "PUBLIC or AUTHENTICATED",
        OWN,
        True,
    ),
    ("/f/<path:p>", {"/f/{$}": PUBLIC, "/f": scope("f")}, ["/f"], "scope('f')", OWN, True),
    (
        "/f/<path:p>",
        {"/f": scope("f"), "/f/{x}/y/{z}": PUBLIC},
        ["/f/{x}/y/{z}", "/f"],
        "PUBLIC or scope('f')",
        OWN,
        True,
    ),
    ("/f/<path:p>", {"/f/{x}": scope("f")}, ["/f/{x}"], "scope('f')", OWN, True),
    ("/f/<path:p>", {"/f/a": scope("f")}, ["/f/a", None], "scope('f') or DENY", NONE, False),
    ("/f/<path:p>/edit", {"/f": scope("f")}, ["/f"], "scope('f')", UNDER, True),
    (
        "/<a>/<b>",
        {"/{a}/x": PUBLIC, "/{a}": scope("a")},
        ["/{a}/x", "/{a}"],
        "PUBLIC or scope('a')",
        UNDER,
        True,
    ),
    (
        "/<a>/<b>",
        {"/{a}/x": scope("a"), "/{a}": AUTHENTICATED},
        ["/{a}", "/{a}/x"],
        "AUTHENTICATED or scope('a')",
        UNDER,
        False,
    ),
    ("/x", {"/{a}": scope("a")}, ["/{a}"], "scope('a')", OWN, True),
    ("/a", {"/a": scope("a") | AUTHENTICATED}, ["/a"], "scope('a') | AUTHENTICATED", OWN, True),
]


@pytest.mark.parametrize(
    ("route", "rules", "deciding", "takes", "covered_by", "covered"),
    [pytest.param(*j, id=f"{j[0]} under {j[1]}") for j in DECIDED],
)
def test_an_endpoint_has_all_rules_that_may_decide_it_f4(
    route: str, rules: Any, deciding: Any, takes: str, covered_by: CoveredBy, covered: bool
) -> None:
    (endpoint,) = [e for e in coverage(routing(("GET", route)), Policy(rules)) if e.method == "GET"]
    assert [rule and rule.key for rule in endpoint.rules] == deciding
    assert endpoint.requirement == takes
    assert (endpoint.covered_by, endpoint.covered) == (covered_by, covered)
    assert endpoint.has_own_rule is (covered_by is OWN)


def test_the_weakest_of_many_rules_is_shown_first() -> None:
    asked = [
        DENY,
        scope("a") & AUTHENTICATED,
        scope("a") | AUTHENTICATED,
        AUTHENTICATED,
        OPTIONAL,
        PUBLIC,
    ]
    report = coverage(
        routing(("GET", "/<a>")), Policy({f"/{i}": each for i, each in enumerate(asked)})
    )
    endpoint = report.endpoints[0]
    assert [rule and rule.key for rule in endpoint.rules] == [
        "/5",
        "/4",
        "/2",
        "/3",
        "/1",
        "/0",
        None,
    ]
    assert endpoint.requirement == "PUBLIC or OPTIONAL or scope('a') | AUTHENTICATED and 3 more"
    assert "/5, /4, /2 and 4 more" in str(report)


def test_a_report_only_rule_is_as_weak_as_its_enforced_part() -> None:
    rules = {"/a": OPTIONAL, "/b": report_only(scope("b")), "/c": scope("c") & report_only(DENY)}
    endpoint = coverage(routing(("GET", "/<x>")), Policy(rules, default=AUTHENTICATED)).endpoints[0]
    assert [rule and rule.key for rule in endpoint.rules] == ["/a", "/b", None, "/c"]


def test_the_default_is_not_a_rule_for_a_path() -> None:
    (endpoint, *_) = coverage(routing(("GET", "/a")), Policy({}, default=AUTHENTICATED))
    assert (endpoint.rules, endpoint.requirement, endpoint.covered) == (
        (None,),
        "AUTHENTICATED",
        False,
    )
    assert "the default" in str(Report((endpoint,)))


def test_a_view_for_every_method_has_a_row_for_each_that_a_rule_names() -> None:
    app = bottle.Bottle()
    app.route("/a", "ANY", lambda: "")
    report = coverage(app, Policy({"GET /a": PUBLIC, "PURGE /a": scope("a"), "PUT /b": DENY}))
    said = {e.key: (e.requirement, e.covered) for e in report}
    assert said.pop("* /a")
    assert said == {
        "GET /a": ("PUBLIC", True),
        "HEAD /a": ("PUBLIC", True),
        "PURGE /a": ("scope('a')", True),
    }


def test_every_other_method_is_covered_where_the_path_has_rules() -> None:
    app = bottle.Bottle()
    app.route("/a", "ANY", lambda: "")
    for rules, covered in (
        ({}, False),
        ({"GET /a": PUBLIC}, True),
        ({"GET /": PUBLIC}, False),
        ({"/a": PUBLIC}, True),
        ({"GET /": PUBLIC, "GET /a": PUBLIC}, True),
    ):
        (other,) = [e for e in coverage(app, Policy(rules)) if e.method == "*"]
        assert other.covered is covered, rules


def test_a_falcon_field_takes_the_empty_text_behind_a_slash() -> None:
    app = falcon.App()
    app.add_route("/users/{id}", type("User", (), {"on_get": lambda self, q, r, **_: None})())
    by_rules = {
        "no rule lets it in": ({"/users/{id}": scope("u")}, ["/users/{id}"], True),
        "its own rule": (
            {"/users/{id}": scope("u"), "/users": PUBLIC},
            ["/users", "/users/{id}"],
            True,
        ),
        "a catch-all": ({"/users/{id}": scope("u"), "/": PUBLIC}, ["/", "/users/{id}"], False),
    }
    for name, (rules, deciding, covered) in by_rules.items():
        endpoint = coverage(app, Policy(rules)).endpoints[0]
        assert [rule and rule.key for rule in endpoint.rules] == deciding, name
        assert endpoint.covered is covered, name


def test_rules_with_values_that_have_no_hash_are_listed_too() -> None:
    policy = Policy({"/a": claim("groups", ["a"]), "/{x}": claim("address", {"a": 1})})
    assert len(coverage(routing(("GET", "/<x>")), policy).endpoints[0].rules) == 2


# --- the stack


def behind(app: Any, policy: Policy) -> Any:
    return protect(
        app, issuer="https://tenant.example.com/", audience="https://api.example.com", rules=policy
    )


RULES = {"/a": AUTHENTICATED, "/api/b": PUBLIC}
POLICY = Policy(RULES)
PLAIN = routing(("GET", "/a"))


class Rewriting:
    """An unknown middleware."""

    def __init__(self, app: Any) -> None:
        self.application = app

    def __call__(self, environ: Any, start_response: Any) -> Any:
        return self.application(environ, start_response)


def replaced(wrap: Callable[[Any], Any]) -> Flask:
    app = routing(("GET", "/a"))
    app.wsgi_app = wrap(app.wsgi_app)  # type: ignore[method-assign]
    return app


def keys(app: Any, policy: Policy = POLICY) -> list[str]:
    return [endpoint.key for endpoint in coverage(app, policy) if not endpoint.automatic]


STACKS: dict[str, tuple[Any, list[str]]] = {
    "the layers": (behind(PLAIN, POLICY), ["GET /a"]),
    "the layers inside Flask": (replaced(lambda app: behind(app, POLICY)), ["GET /a"]),
    "equal rules": (behind(PLAIN, Policy(RULES)), ["GET /a"]),
    "a method of an application": (PLAIN.wsgi_app, ["GET /a"]),
    "its __call__": (PLAIN.__call__, ["GET /a"]),
    "ProxyFix": (ProxyFix(PLAIN), ["GET /a"]),
    "ProfilerMiddleware": (ProfilerMiddleware(PLAIN), ["GET /a"]),
    "LintMiddleware": (LintMiddleware(PLAIN), ["GET /a"]),
    "an unknown middleware": (Rewriting(PLAIN), ["* /{Rewriting...}", "GET /a"]),
    "an unknown middleware inside Flask": (replaced(Rewriting), ["* /{Rewriting...}", "GET /a"]),
    "shared data": (SharedDataMiddleware(PLAIN, {"/s": "/tmp"}), ["* /s/{path...}", "GET /a"]),
    "mounts": (
        DispatcherMiddleware(PLAIN, {"/api": routing(("GET", "/b"))}),
        ["GET /a", "GET /api/b"],
    ),
    "mounts inside Flask": (
        replaced(lambda a: DispatcherMiddleware(a, {"/m": sample.Router({"/x": a})})),
        ["GET /a", "GET /m/x", "HEAD /m/x"],
    ),
    "mounts alone": (
        DispatcherMiddleware(NotFound(), {"/api": routing(("GET", "/b"))}),
        ["GET /api/b"],
    ),
    "a mount that tells nothing": (
        DispatcherMiddleware(PLAIN, {"/m": linted}),
        ["GET /a", "* /m/{middleware...}"],
    ),
}


@pytest.mark.parametrize(("app", "expected"), STACKS.values(), ids=STACKS)
def test_routes_are_found_behind(app: Any, expected: list[str]) -> None:
    assert keys(app) == expected


def test_an_unknown_middleware_is_uncertain() -> None:
    (unknown, *_) = coverage(Rewriting(PLAIN), POLICY)
    assert (unknown.uncertain, unknown.covered) == (True, False)
    (unknown, *_) = coverage(Rewriting(PLAIN), Policy({"/": scope("a")}))
    assert (unknown.covered, unknown.has_own_rule) == (False, False)


@pytest.mark.parametrize(
    ("app", "outside"),
    [
        pytest.param(
            DispatcherMiddleware(behind(PLAIN, POLICY), {"/api": routing(("GET", "/b"))}),
            "GET /api/b",
            id="a mount",
        ),
        pytest.param(
            SharedDataMiddleware(behind(PLAIN, POLICY), {"/a": "/tmp"}),
            "* /a/{path...}",
            id="shared data",
        ),
    ],
)
def test_endpoints_outside_the_policy_are_decided_by_no_rule(app: Any, outside: str) -> None:
    report = coverage(app, POLICY)
    (endpoint,) = report.uncovered
    assert (endpoint.key, endpoint.rules, endpoint.requirement) == (outside, (), "nothing")
    assert "outside the policy" in str(report)
    with pytest.raises(
        AssertionError, match="it stands outside the policy; put the layers in front of it"
    ):
        assert_covered(app, POLICY)


def test_a_policy_inside_a_mount_is_compared_with_what_it_sees() -> None:
    inner = behind(PLAIN, POLICY)
    with pytest.raises(
        ValueError,
        match=r"the policy stands inside /api and sees no more .*: give that application",
    ):
        coverage(DispatcherMiddleware(NotFound(), {"/api": inner}), POLICY)
    assert keys(inner) == ["GET /a"]


@pytest.mark.parametrize(
    "other",
    [Policy({"/a": PUBLIC}), Policy(RULES, default=PUBLIC), Policy(RULES, mounts=["/m"])],
    ids=repr,
)
def test_another_policy_than_the_one_in_front_is_an_error(other: Policy) -> None:
    with pytest.raises(ValueError, match="is guarded by another policy than the one given"):
        coverage(ScopeAuthorizer(PLAIN, other), POLICY)


# --- errors


@pytest.mark.parametrize(
    "app",
    [lambda e, s: [], guard(AUTHENTICATED)(PLAIN), None, object(), {"/a": PLAIN}],
    ids=["a function", "guarded", "none", "an object", "a mapping"],
)
def test_an_unreadable_application_is_an_error_with_the_remedy(app: Any) -> None:
    with pytest.raises(
        TypeError,
        match=r"cannot read the routes of .*: give it Flask, Django, Pyramid, Bottle, Falcon",
    ):
        coverage(app, POLICY)


@pytest.mark.parametrize(
    "app",
    [
        Flask("x", static_folder=None),
        bottle.Bottle(),
        falcon.App(),
        Configurator().make_wsgi_app(),
        sample.Router({}),
        NotFound(),
    ],
    ids=["flask", "bottle", "falcon", "pyramid", "router", "no application"],
)
def test_an_application_without_routes_is_an_error(app: Any) -> None:
    with pytest.raises(ValueError, match="has no route: give coverage"):
        coverage(app, POLICY)
    with pytest.raises(ValueError, match="has no route"):
        assert_covered(app, POLICY)


def test_a_django_project_without_routes_is_an_error() -> None:
    with pytest.raises(ValueError, match="has no route"):
        coverage(WSGIHandler(), POLICY, urlconf=[])


def test_coverage_refuses_rules_instead_of_a_policy() -> None:
    with pytest.raises(TypeError, match=r"dict is not a policy; write Policy\(rules\)"):
        coverage(PLAIN, RULES)  # type: ignore[arg-type]


def test_no_framework_is_imported_until_an_application_of_it_is_here() -> None:
    program = (
        "import sys, jwt_wsgi.coverage\n"
        "print([m for m in ('flask', 'werkzeug', 'django', 'pyramid', 'bottle', 'falcon') if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=True
    )
    assert ran.stdout.strip() == "[]"


# --- the assertion


SHOP = routing(("GET,POST", "/a"), ("GET", "/b/<id>"), ("GET", "/b/<id>/c"), ("GET", "/d"))
SHOP_POLICY = Policy({"GET /a": PUBLIC, "/b/{id}": AUTHENTICATED, "GET /": AUTHENTICATED})


def test_the_assertion_shows_what_is_not_covered_and_the_rule_to_write() -> None:
    with pytest.raises(AssertionError) as failed:
        assert_covered(SHOP, SHOP_POLICY)
    assert str(failed.value) == (
        "no rule decides these endpoints, or only a catch-all:\n\n"
        "endpoint  takes          decided by  covered by               name\n"
        "POST /a   DENY           no rule     no rule                  v0\n"
        "GET /d    AUTHENTICATED  GET /       under a rule  catch-all  v3\n\n"
        "POST /a: write a rule for 'POST /a', or accept it\n"
        "GET /d: write a rule for 'GET /d', or accept it"
    )


def test_exceptions_are_accepted_by_name() -> None:
    assert_covered(SHOP, SHOP_POLICY, accept=["POST /a", "GET /d"])
    with pytest.raises(AssertionError, match="GET /d") as failed:
        assert_covered(SHOP, SHOP_POLICY, accept=["POST /a"])
    assert "POST /a" not in str(failed.value)


def test_a_strict_assertion_wants_a_rule_for_each_path_f4() -> None:
    with pytest.raises(AssertionError, match=r"GET /b/\{id\}/c: write a rule for") as failed:
        assert_covered(SHOP, SHOP_POLICY, strict=True)
    assert "GET /b/{id} " not in str(failed.value)
    assert_covered(SHOP, SHOP_POLICY, accept=["POST /a", "GET /d", "GET /b/{id}/c"], strict=True)


@pytest.mark.parametrize("stale", ["GET /gone", "GET /a", "POST /a/", "post /a", "HEAD /b/{id}/c"])
def test_an_exception_that_names_no_uncovered_endpoint_is_an_error(stale: str) -> None:
    with pytest.raises(AssertionError) as failed:
        assert_covered(SHOP, SHOP_POLICY, accept=["POST /a", "GET /d", stale])
    assert (
        str(failed.value)
        == f"accept names endpoints that are covered or unknown, so remove them: {stale!r}"
    )


def test_one_exception_is_written_in_a_list() -> None:
    with pytest.raises(TypeError, match="write a list of endpoints"):
        assert_covered(SHOP, SHOP_POLICY, accept="POST /a")


def test_uncertain_endpoints_are_refused_unless_accepted() -> None:
    app, options = FRAMEWORKS["falcon"]()
    policy = Policy({"/": AUTHENTICATED})
    uncertain = [e.key for e in coverage(app, policy, **options) if e.uncertain and not e.automatic]
    others = [e.key for e in coverage(app, policy, **options).uncovered if not e.uncertain]
    assert sorted(uncertain) == ["* /(re|old)/(?P<x>.)", "* /inner"]
    with pytest.raises(
        AssertionError,
        match=r"\* /inner: its route cannot be read with certainty; write it plainly",
    ):
        assert_covered(app, policy, accept=others)
    assert_covered(app, policy, accept=[*others, *uncertain])


def test_an_endpoint_without_a_pattern_can_only_be_accepted() -> None:
    app = routing(("GET", "/f/<path:rest>/edit"))
    with pytest.raises(AssertionError, match="no pattern names it alone; accept it"):
        assert_covered(app, Policy({"/f": PUBLIC}), strict=True)
    assert_covered(app, Policy({"/f": PUBLIC}), ["GET /f/{rest...}/edit"], strict=True)


def test_the_sample_is_covered() -> None:
    assert_covered(sample.router(), Policy(sample.RULES))
    report = coverage(sample.router(), Policy(sample.RULES))
    assert len(report) == 6
    assert str(report).splitlines()[:2] == [
        "endpoint                  takes                   decided by           covered by    name",
        "GET /api/public           PUBLIC                  /api/public          own rule      public",
    ]


def test_each_rule_of_the_sample_is_missed() -> None:
    for missing in sample.RULES:
        rules = {key: asked for key, asked in sample.RULES.items() if key != missing}
        with pytest.raises(AssertionError, match=f"write a rule for 'GET {missing}'"):
            assert_covered(sample.router(), Policy(rules))


# --- rules that match no route


UNMATCHED = [
    pytest.param({"/a": PUBLIC}, [], id="each rule decides a route"),
    pytest.param({"/a": PUBLIC, "/gone": PUBLIC}, ["/gone"], id="a path without a route"),
    pytest.param({"GET,PUT /a": PUBLIC}, [], id="one of its methods"),
    pytest.param({"GET /a": PUBLIC, "PUT /a": DENY}, ["PUT /a"], id="a method without a route"),
    pytest.param({"OPTIONS /a": PUBLIC}, [], id="an automatic method"),
    pytest.param({"/a": PUBLIC, "/": DENY}, ["/"], id="a rule that others decide before"),
    pytest.param(
        {"/b/{id}": PUBLIC, "/b/me": DENY}, ["/b/me"], id="a value that the route refuses"
    ),
    pytest.param({"/b/{id}": PUBLIC, "/b/7": DENY}, [], id="a value of a parameter"),
    pytest.param({"/b/{id}/{x}": PUBLIC}, ["/b/{id}/{x}"], id="a deeper path"),
]


@pytest.mark.parametrize(("rules", "unmatched"), UNMATCHED)
def test_rules_that_match_no_route_are_listed_f4(rules: Any, unmatched: list[str]) -> None:
    app = routing(("GET", "/a"))
    if any(key.startswith("/b") for key in rules):
        app = routing(("GET", "/b/<int:id>"))
    report = coverage(app, Policy(rules))
    assert [rule.key for rule in report.unmatched_rules] == unmatched
    assert ("rules that match no route" in str(report)) is bool(unmatched)


def test_a_rule_for_the_empty_value_of_a_parameter_matches_its_route() -> None:
    app = falcon.App()
    app.add_route("/users/{id}", type("User", (), {"on_get": lambda self, q, r, **_: None})())
    report = coverage(app, Policy({"/users/{id}": scope("u"), "/users": DENY}))
    assert report.unmatched_rules == ()


def test_routes_outside_the_policy_match_no_rule() -> None:
    app = DispatcherMiddleware(behind(PLAIN, POLICY), {"/api": routing(("GET", "/b"))})
    assert [rule.key for rule in coverage(app, POLICY).unmatched_rules] == ["/api/b"]


def test_a_rule_for_a_subtree_covers_all_routes_below_it_f4() -> None:
    routes = [("GET,POST", f"/api/2.0/things/{number}/get") for number in range(400)]
    app = routing(*routes, ("GET", "/health"))
    policy = Policy({"/api": AUTHENTICATED, "/health": PUBLIC})
    assert_covered(app, policy)
    assert len(coverage(app, policy).without_own_rule) == 800
