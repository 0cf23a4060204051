"""Rules about the request: a claim is compared with a part of the path."""

from __future__ import annotations

from typing import Any

import pytest
from callers import auth
from webob import Request, Response
from webob.dec import wsgify
from webtest import TestApp

from jwt_wsgi import (
    AUTHENTICATED,
    Issuer,
    Policy,
    claim,
    guard,
    has,
    path_param,
    protect,
    report_only,
    scope,
)
from jwt_wsgi.middleware.decisions import Decision
from jwt_wsgi.policy.algebra import Request as Asked
from jwt_wsgi.testing import LocalIssuer

OWNER, ORG = claim("sub", path_param("id")), claim("org", path_param("org"))


@pytest.mark.parametrize(
    ("requirement", "claims", "params", "met"),
    [
        pytest.param(OWNER, {"sub": "7"}, {"id": "7"}, True, id="the same"),
        pytest.param(OWNER, {"sub": "7"}, {"id": "8"}, False, id="another"),
        pytest.param(OWNER, {"sub": "a"}, {"id": "A"}, False, id="another case"),
        pytest.param(OWNER, {"sub": 7}, {"id": "7"}, False, id="a number is not text"),
        pytest.param(OWNER, {"sub": ["7"]}, {"id": "7"}, False, id="a list"),
        pytest.param(OWNER, {}, {"id": "7"}, False, id="no claim"),
        pytest.param(OWNER, {"sub": "7"}, {}, False, id="no parameter"),
        pytest.param(OWNER, {}, {}, False, id="neither"),
        pytest.param(OWNER, {"sub": None}, {}, False, id="null, no parameter"),
        pytest.param(
            has("orgs", path_param("org")),
            {"orgs": [None]},
            {},
            False,
            id="null in a list, no parameter",
        ),
        pytest.param(OWNER, {"sub": "id"}, {"name": "id"}, False, id="another parameter"),
        pytest.param(
            has("orgs", path_param("org")), {"orgs": ["a", "b"]}, {"org": "b"}, True, id="in a list"
        ),
        pytest.param(
            has("orgs", path_param("org")), {"orgs": "a b"}, {"org": "b"}, True, id="in a string"
        ),
        pytest.param(
            has("orgs", path_param("org")), {"orgs": ["a"]}, {"org": "b"}, False, id="not in a list"
        ),
        pytest.param(
            has("orgs", path_param("org")), {"orgs": ["a"]}, {}, False, id="a list, no parameter"
        ),
        pytest.param(
            has("orgs", path_param("a"), "x"),
            {"orgs": ["1", "x"]},
            {"a": "1"},
            True,
            id="beside a value",
        ),
        pytest.param(
            OWNER & ORG, {"sub": "7", "org": "a"}, {"id": "7", "org": "a"}, True, id="two, both met"
        ),
        pytest.param(
            OWNER & ORG,
            {"sub": "7", "org": "a"},
            {"id": "7", "org": "b"},
            False,
            id="two, the second lacks",
        ),
        pytest.param(
            OWNER & ORG,
            {"sub": "7", "org": "a"},
            {"id": "8", "org": "a"},
            False,
            id="two, the first lacks",
        ),
        pytest.param(
            OWNER | ORG,
            {"sub": "7", "org": "a"},
            {"id": "7", "org": "b"},
            True,
            id="one of two, the first",
        ),
        pytest.param(
            OWNER | ORG,
            {"sub": "7", "org": "a"},
            {"id": "8", "org": "a"},
            True,
            id="one of two, the second",
        ),
        pytest.param(
            claim(("a", "b"), path_param("x")),
            {"a": {"b": "1"}},
            {"x": "1"},
            True,
            id="a nested claim",
        ),
    ],
)
def test_a_path_parameter_is_compared_as_text(
    requirement: Any, claims: dict[str, Any], params: dict[str, str], met: bool
) -> None:
    assert (requirement.refusal(auth(**claims), Asked(params)) is None) is met


def test_a_match_knows_its_parameters() -> None:
    match = Policy({"/users/{id}": OWNER}).match({"REQUEST_METHOD": "GET", "PATH_INFO": "/users/7"})
    assert match.refusal(auth(sub="7")) is None
    assert match.refusal(auth(sub="8")) is not None


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (
            {"/users/{id}": claim("sub", path_param("user"))},
            r"rule '/users/\{id\}': .* path parameter \{user\}",
        ),
        ({"/users": OWNER}, r"asks for a path parameter \{id\} that the pattern does not have"),
        (
            {"/users/{id}": scope("a") | (AUTHENTICATED & has("x", path_param("y")))},
            r"path parameter \{y\}",
        ),
        ({"/users/{id}": report_only(claim("sub", path_param("y")))}, r"path parameter \{y\}"),
    ],
)
def test_a_parameter_that_the_pattern_lacks_is_an_error_at_construction(
    rules: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Policy(rules)


def test_the_default_has_no_parameters() -> None:
    with pytest.raises(
        ValueError, match=r"default: claim\('sub', path_param\('id'\)\) asks for a path parameter"
    ):
        Policy({}, default=OWNER)


@pytest.mark.parametrize("name", ["", "a b", "1a", None, "{id}"])
def test_a_name_that_no_pattern_can_have_is_refused(name: Any) -> None:
    with pytest.raises(ValueError, match="write the name that the rule's key has"):
        path_param(name)


def test_it_prints_as_it_is_written() -> None:
    assert (
        str(OWNER | has("x", path_param("y")))
        == "claim('sub', path_param('id')) | has('x', path_param('y'))"
    )


@wsgify
def app(request: Request) -> Response:
    return Response(json={"params": dict(request.environ["jwt_wsgi.rule"].params)})


@pytest.fixture
def api(local: LocalIssuer, trusted: Issuer) -> TestApp:
    return TestApp(protect(app, issuer=trusted, rules={"/users/{id}": OWNER | scope("admin")}))


@pytest.mark.parametrize(
    ("path", "token", "status"),
    [
        ("/users/user-1", {}, 200),
        ("/users/user-1/avatar", {}, 200),
        ("/users/user-1/", {}, 200),
        ("/users/user%2D1", {}, 200),
        ("/users/user-2", {}, 403),
        ("/users/user-2/user-1", {}, 403),
        ("/users/user-2", {"scope": "admin"}, 200),
        ("/users/zo%C3%AB", {"sub": "zoë"}, 200),
    ],
)
def test_the_owner_and_the_admin_get_in(
    api: TestApp, local: LocalIssuer, path: str, token: dict[str, Any], status: int
) -> None:
    local.authorize(api, **token)
    answered = api.get(path, status=status)
    if status == 200:
        assert answered.json["params"].keys() == {"id"}
    else:
        assert answered.json["reason"] == "insufficient_scope"


@pytest.mark.parametrize(
    "rule", [OWNER & report_only(scope("admin")), report_only(scope("admin")) & OWNER], ids=repr
)
def test_the_enforced_part_beside_a_report_knows_the_parameters(
    local: LocalIssuer, trusted: Issuer, rule: Any
) -> None:
    api = TestApp(protect(app, issuer=trusted, rules={"/users/{id}": rule}))
    local.authorize(api)
    assert api.get("/users/user-1").json == {"params": {"id": "user-1"}}
    assert api.get("/users/user-2", status=403).json["reason"] == "claim_forbidden"


def test_a_report_knows_the_parameters_too(local: LocalIssuer, trusted: Issuer) -> None:
    reasons: list[str | None] = []

    def on_decision(environ: Any, decision: Decision) -> None:
        reasons.append(decision.would_be and decision.would_be.reason)

    rules = {"/users/{id}": report_only(OWNER)}
    api = TestApp(protect(app, issuer=trusted, rules=rules, on_decision=on_decision))
    local.authorize(api)
    for name in ("user-1", "user-2"):
        api.get(f"/users/{name}")
    assert reasons == [None, "claim_forbidden"]


def test_a_guard_asks_by_the_rule_that_the_policy_matched(
    local: LocalIssuer, trusted: Issuer
) -> None:
    rules = {"/users/{id}": AUTHENTICATED, "/other/{name}": AUTHENTICATED}
    api = TestApp(protect(guard(OWNER)(app), issuer=trusted, rules=rules))
    local.authorize(api)
    assert api.get("/users/user-1").json == {"params": {"id": "user-1"}}
    assert api.get("/users/user-2", status=403).json["reason"] == "claim_forbidden"
    assert api.get("/other/user-1", status=403).json["reason"] == "claim_forbidden"
