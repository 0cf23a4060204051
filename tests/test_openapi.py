"""OpenAPI documents: the security that rules give to operations, and documents as route tables."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import recipe_pages
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate

from jwt_wsgi import (
    AUTHENTICATED,
    DENY,
    OPTIONAL,
    PUBLIC,
    Policy,
    acr,
    claim,
    has,
    permission,
    report_only,
    scope,
    sender_constrained,
)
from jwt_wsgi.coverage import CoveredBy, assert_covered, coverage
from jwt_wsgi.policy.openapi_scopes import MAX_ALTERNATIVES, scope_alternatives
from jwt_wsgi.policy.requirements import Requirement

PAGE = "how-to/openapi.md"
ANSWERS = {"responses": {"200": {"description": "ok"}}}
A, B, C = scope("a"), scope("b"), scope("c")


def document(*keys: str, version: str = "3.0.3", **members: Any) -> dict[str, Any]:
    """Return a document with operations such as `"GET /users/{id}"`."""
    paths: dict[str, Any] = {}
    for key in keys:
        method, path = key.split(" ")
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        parameters = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in names
        ]
        operation = {"operationId": key, "parameters": parameters, **copy.deepcopy(ANSWERS)}
        paths.setdefault(path, {})[method.lower()] = operation
    info = {"title": "Shop", "version": "1"}
    return {"openapi": version, "info": info, "paths": paths, **members}


def security(result: dict[str, Any]) -> dict[str, Any]:
    """Return the security of each operation, by its key."""
    return {
        f"{method.upper()} {path}": operation["security"]
        for path, item in result["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict)
    }


def only_security(requirement: Requirement) -> Any:
    result = Policy({"/a": requirement}).openapi(document("GET /a"), scheme="s")
    validate(result)
    return security(result)["GET /a"]


# --- the security of a requirement

SECURITY = [
    ("PUBLIC", PUBLIC, []),
    ("OPTIONAL", OPTIONAL, [{}, {"s": []}]),
    ("report_only", report_only(A), [{}, {"s": []}]),
    ("a scope beside report_only", A & report_only(B), [{"s": ["a"]}]),
    ("AUTHENTICATED", AUTHENTICATED, [{"s": []}]),
    ("DENY", DENY, [{"s": []}]),
    ("a scope", A, [{"s": ["a"]}]),
    ("several scopes", scope("b", "a"), [{"s": ["b", "a"]}]),
    ("and", A & B & A, [{"s": ["a", "b"]}]),
    ("or", A | B, [{"s": ["a"]}, {"s": ["b"]}]),
    ("or, twice the same", A | B | scope("a"), [{"s": ["a"]}, {"s": ["b"]}]),
    ("and over or", C & (A | B), [{"s": ["c", "a"]}, {"s": ["c", "b"]}]),
    ("or over and", (A & B) | C, [{"s": ["a", "b"]}, {"s": ["c"]}]),
    ("any token or a scope", A | AUTHENTICATED, [{"s": ["a"]}, {"s": []}]),
    ("a claim", claim("org", "acme"), [{"s": []}]),
    ("a scope and a claim", A & claim("org", "acme"), [{"s": ["a"]}]),
    ("a bound token", sender_constrained(), [{"s": []}]),
    ("a scope and a bound token", A & sender_constrained("dpop"), [{"s": ["a"]}]),
    ("a scope or a bound token", A | sender_constrained("mtls"), [{"s": ["a"]}, {"s": []}]),
    ("a permission", permission("write"), [{"s": []}]),
    ("a role and a login", has("roles", "admin") & acr("phr"), [{"s": []}]),
]


@pytest.mark.parametrize(
    ("requirement", "expected"), [pytest.param(*row[1:], id=row[0]) for row in SECURITY]
)
def test_an_operation_has_the_security_of_its_rule_f15(
    requirement: Requirement, expected: Any
) -> None:
    assert only_security(requirement) == expected


def test_too_many_alternatives_leave_what_all_of_them_need() -> None:
    many = C & (A | B)
    for number in range(7):
        many = many & (scope(f"x{number}") | (scope(f"y{number}") & scope("z")))
    assert scope_alternatives(many) == [("c",)]
    wide = A
    for number in range(MAX_ALTERNATIVES):
        wide = wide | (A & scope(f"x{number}"))
    assert scope_alternatives(wide) == [("a",)]
    assert scope_alternatives(C & (wide | (A & B) | (B & C))) == [("c",)]
    assert scope_alternatives((A & B) | (B & C) | (wide & C)) == [()]


conditions = st.recursive(
    st.sampled_from([A, B, C, AUTHENTICATED, claim("x", 1)]),
    lambda inner: st.tuples(inner, inner, st.booleans()).map(
        lambda drawn: drawn[0] & drawn[1] if drawn[2] else drawn[0] | drawn[1]
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(conditions, st.sets(st.sampled_from("abc")))
def test_scopes_that_satisfy_a_rule_satisfy_its_security(rule: Any, granted: set[str]) -> None:
    from callers import auth

    from jwt_wsgi.policy.access import Request

    caller = auth(" ".join(granted), x=1)
    passes = rule.refusal(caller, Request()) is None
    is_documented = any(granted.issuperset(scopes) for scopes in scope_alternatives(rule))
    # The claim of this caller has its value, so scopes alone decide.
    assert passes is is_documented


# --- the operations of a document

RULES = {
    "/": DENY,
    "/a": A,
    "GET /a": PUBLIC,
    "/users/{id}": B,
    "/users/me": AUTHENTICATED,
    "/v1/a": C,
    "/files/{rest...}": OPTIONAL,
}
PUBLIC_, A_, B_, C_, TOKEN = [], [{"s": ["a"]}], [{"s": ["b"]}], [{"s": ["c"]}], [{"s": []}]
OPERATIONS = [
    ("a path", document("GET /a", "POST /a"), {"GET /a": PUBLIC_, "POST /a": A_}),
    ("HEAD", document("HEAD /a"), {"HEAD /a": PUBLIC_}),
    ("below a rule", document("PUT /a/{x}/y"), {"PUT /a/{x}/y": A_}),
    ("a trailing slash", document("PUT /a/"), {"PUT /a/": A_}),
    ("a variable", document("GET /users/{id}"), {"GET /users/{id}": B_}),
    ("a part of a segment", document("GET /users/x-{id}"), {"GET /users/x-{id}": B_}),
    ("a value of a variable", document("GET /users/me"), {"GET /users/me": TOKEN}),
    ("an encoded path", document("GET /users/m%65"), {"GET /users/m%65": TOKEN}),
    ("the root", document("GET /"), {"GET /": TOKEN}),
    ("a tail", document("GET /files/x//y"), {"GET /files/x//y": [{}, {"s": []}]}),
    ("a server", document("GET /a", servers=[{"url": "https://x.test/v1"}]), {"GET /a": C_}),
    ("a relative server", document("GET /a", servers=[{"url": "/v1/"}]), {"GET /a": C_}),
    (
        "a variable of a server",
        document(
            "GET /a",
            servers=[{"url": "https://x.test/{base}", "variables": {"base": {"default": "v1"}}}],
        ),
        {"GET /a": C_},
    ),
    (
        "two servers with one path",
        document("GET /a", servers=[{"url": "https://x.test/v1"}, {"url": "https://y.test/v1/"}]),
        {"GET /a": C_},
    ),
    ("a mount", document("GET /a", servers=[{"url": "https://x.test/shop"}]), {"GET /a": PUBLIC_}),
    ("no path", document(), {}),
]


@pytest.mark.parametrize(
    ("source", "expected"), [pytest.param(*row[1:], id=row[0]) for row in OPERATIONS]
)
@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_each_operation_is_compared_with_the_rules(
    source: dict[str, Any], expected: Any, version: str
) -> None:
    source = {**source, "openapi": version}
    before = copy.deepcopy(source)
    result = Policy(RULES, mounts=["", "/shop"]).openapi(source, scheme="s")
    assert security(result) == expected
    assert source == before


def test_the_servers_of_a_path_or_an_operation_come_first() -> None:
    source = document("GET /a", "POST /a", servers=[{"url": "/elsewhere"}])
    source["paths"]["/a"]["servers"] = [{"url": "/v1"}]
    source["paths"]["/a"]["post"]["servers"] = [{"url": "/"}]
    result = Policy(RULES).openapi(source, scheme="s")
    assert security(result)["GET /a"] == C_
    assert security(result)["POST /a"] == A_


def test_a_base_path_replaces_the_servers() -> None:
    source = document("GET /a", servers=[{"url": "/x"}, {"url": "/y"}])
    assert security(Policy(RULES).openapi(source, scheme="s", base_path="/v1"))["GET /a"] == C_


def test_other_members_of_the_document_stay() -> None:
    source = document("GET /a", tags=[{"name": "t"}], security=[{"key": []}])
    source["paths"]["/a"]["summary"] = "s"
    source["paths"]["/a"]["get"]["security"] = [{"key": []}]
    source["components"] = {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "K"}}
    }
    result = Policy(RULES).openapi(source, scheme="s")
    validate(result)
    assert result["tags"] == [{"name": "t"}]
    assert result["paths"]["/a"]["summary"] == "s"
    assert result["paths"]["/a"]["get"]["security"] == []
    assert set(result["components"]["securitySchemes"]) == {"key", "s"}


# --- the security scheme

CODE = {"authorizationUrl": "https://i.test/authorize", "tokenUrl": "https://i.test/token"}
OIDC = {
    "type": "openIdConnect",
    "openIdConnectUrl": "https://i.test/.well-known/openid-configuration",
}


def schemes(source: dict[str, Any], **options: Any) -> Any:
    result = Policy({"/a": A, "/b": B}).openapi(source, **options)
    validate(result)
    return result["components"]["securitySchemes"]


@pytest.mark.parametrize("issuer", ["https://i.test/", "https://i.test"])
def test_an_issuer_makes_a_scheme_of_openid_connect(issuer: str) -> None:
    assert schemes(document("GET /a"), issuer=issuer) == {"openIdConnect": OIDC}


def test_flows_make_a_scheme_of_oauth2_with_the_scopes_of_the_rules() -> None:
    flows = {"authorizationCode": {**CODE, "scopes": {"a": "Read all", "other": "x"}}}
    before = copy.deepcopy(flows)
    (made,) = schemes(document("GET /a", "PUT /b"), flows=flows).values()
    assert made["type"] == "oauth2"
    assert made["flows"]["authorizationCode"]["scopes"] == {"a": "Read all", "other": "x", "b": ""}
    assert flows == before


def test_the_scheme_of_the_document_is_used_f15() -> None:
    own = {
        "type": "oauth2",
        "flows": {"clientCredentials": {"tokenUrl": "https://i.test/t", "scopes": {}}},
    }
    source = document("GET /a", components={"securitySchemes": {"mine": own}})
    assert schemes(source)["mine"]["flows"]["clientCredentials"]["scopes"] == {"a": ""}
    assert security(Policy({"/a": A}).openapi(source))["GET /a"] == [{"mine": ["a"]}]


def test_without_a_scheme_one_of_oauth2_is_added_f15() -> None:
    assert schemes(document("GET /a")) == {"oauth2": {"type": "oauth2", "flows": {}}}


def test_one_of_several_schemes_is_named() -> None:
    both = {"one": OIDC, "two": OIDC, "key": {"type": "apiKey", "in": "header", "name": "K"}}
    source = document("GET /a", components={"securitySchemes": both})
    policy = Policy({"/a": A})
    assert security(policy.openapi(source, scheme="two"))["GET /a"] == [{"two": ["a"]}]
    assert "oauth2" in policy.openapi(source)["components"]["securitySchemes"]
    with pytest.raises(ValueError, match="scheme='key'"):
        policy.openapi(source, scheme="key")


# --- documents that cannot be read

ITEM = {"get": ANSWERS}
WRONG = [
    ("no mapping", [], "openapi is None"),
    ("Swagger 2.0", {"swagger": "2.0"}, "openapi is None"),
    ("another version", {"openapi": "4.0.0"}, "'4.0.0'"),
    ("a number", {"openapi": 3.0}, "3.0"),
    ("paths", {"openapi": "3.0.3", "paths": []}, "paths is not an object"),
    ("a path", {"openapi": "3.0.3", "paths": {"a": ITEM}}, "paths['a']"),
    ("an item", {"openapi": "3.0.3", "paths": {"/a": []}}, "paths['/a']"),
    ("an operation", {"openapi": "3.0.3", "paths": {"/a": {"get": []}}}, "['get']"),
    ("a reference", {"openapi": "3.1.0", "paths": {"/a": {"$ref": "#/x"}}}, "$ref"),
    ("a path with //", {"openapi": "3.0.3", "paths": {"/a//b": ITEM}}, "'/a//b'"),
    (
        "two servers",
        {"openapi": "3.0.3", "servers": [{"url": "/x"}, {"url": "/y"}], "paths": {"/a": ITEM}},
        "base_path",
    ),
    ("servers", {"openapi": "3.0.3", "servers": {"url": "/x"}, "paths": {"/a": ITEM}}, "servers"),
    (
        "a variable without a default",
        {"openapi": "3.0.3", "servers": [{"url": "/{x}"}], "paths": {"/a": ITEM}},
        "{x}",
    ),
    ("components", {"openapi": "3.0.3", "paths": {"/a": ITEM}, "components": []}, "components"),
    ("a number for a path", {"openapi": "3.0.3", "paths": {5: ITEM}}, "paths[5]"),
    ("dots", {"openapi": "3.0.3", "paths": {"/public/../a": ITEM}}, "'/public/../a'"),
    ("encoded dots", {"openapi": "3.0.3", "paths": {"/x%2f%2e%2e/a": ITEM}}, "plain path"),
    ("a control character", {"openapi": "3.0.3", "paths": {"/a%00": ITEM}}, "plain path"),
    ("no UTF-8", {"openapi": "3.0.3", "paths": {"/a%FF": ITEM}}, "plain path"),
    ("two slashes", {"openapi": "3.0.3", "paths": {"//": ITEM}}, "'//'"),
    (
        "dots of a server",
        {"openapi": "3.0.3", "servers": [{"url": "/x/.."}], "paths": {"/a": ITEM}},
        "plain path",
    ),
    (
        "a server with two paths",
        {
            "openapi": "3.0.3",
            "servers": [{"url": "/{v}", "variables": {"v": {"default": "a", "enum": ["a", "b"]}}}],
            "paths": {"/a": ITEM},
        },
        "base_path",
    ),
    (
        "a server with too many URLs",
        {
            "openapi": "3.0.3",
            "servers": [{"url": "/{v}", "variables": {"v": {"enum": ["a"] * 101}}}],
            "paths": {"/a": ITEM},
        },
        "too many",
    ),
    (
        "another method",
        {"openapi": "3.2.0", "paths": {"/a": {"additionalOperations": {"COPY": []}}}},
        "['copy']",
    ),
    (
        "schemes",
        {"openapi": "3.0.3", "paths": {}, "components": {"securitySchemes": []}},
        "securitySchemes",
    ),
]


@pytest.mark.parametrize(("source", "named"), [pytest.param(*row[1:], id=row[0]) for row in WRONG])
def test_a_document_that_cannot_be_read_is_an_error(source: Any, named: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the text is compared below)
        Policy(RULES).openapi(source)
    assert named in str(error.value)


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("depth", [201, 900])
def test_a_document_that_is_nested_too_deep_is_an_error(depth: int) -> None:
    with pytest.raises(ValueError, match="nested more than 200 deep"):
        Policy(RULES).openapi(document("GET /a", **{"x-deep": nested(depth)}))
    itself = document("GET /a")
    itself["x-self"] = itself
    with pytest.raises(ValueError, match="contains itself"):
        Policy(RULES).openapi(itself)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        pytest.param({"issuer": 5}, "issuer=5", id="an issuer that is no text"),
        pytest.param({"scheme": ["x"]}, "scheme=", id="a scheme that is no text"),
        pytest.param({"base_path": 5}, "base_path=5", id="a base path that is no text"),
        pytest.param({"flows": {"implicit": {"scopes": "x"}}}, "scopes", id="scopes of a flow"),
    ],
)
def test_a_wrong_option_is_named_in_the_error(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 (the text is compared below)
        Policy({"/a": A}).openapi(document("GET /a"), **options)
    assert named in str(error.value)


def test_null_members_count_as_absent() -> None:
    source = document("GET /a", components={"securitySchemes": None})
    flows = {"implicit": {"scopes": None}}
    made = Policy({"/a": A}).openapi(source, flows=flows)
    assert made["components"]["securitySchemes"]["oauth2"]["flows"]["implicit"]["scopes"] == {
        "a": ""
    }
    assert Policy({"/a": A}).openapi({**source, "components": None})["components"]


# --- documents whose operations are the same objects, as YAML aliases make them


def test_a_shared_operation_gets_the_security_of_each_of_its_paths() -> None:
    operation = {"responses": {}}
    policy = Policy({"/public": PUBLIC, "/private": A})
    for order in (["/private", "/public"], ["/public", "/private"]):
        for item in ({"get": operation}, {"get": dict(operation)}):
            source = {"openapi": "3.1.0", "paths": dict.fromkeys(order, item)}
            assert security(policy.openapi(source, scheme="s")) == {
                "GET /public": PUBLIC_,
                "GET /private": A_,
            }
            assert operation == {"responses": {}}


def test_methods_of_their_own_have_a_security_too() -> None:
    source = document("GET /a", version="3.2.0")
    source["paths"]["/a"]["additionalOperations"] = {"COPY": {"security": [], **ANSWERS}}
    source["paths"]["/a"]["query"] = {**ANSWERS}
    item = Policy(RULES).openapi(source, scheme="s")["paths"]["/a"]
    assert (item["query"]["security"], item["get"]["security"]) == (A_, PUBLIC_)
    assert item["additionalOperations"]["COPY"]["security"] == A_
    assert "COPY /a" in [endpoint.key for endpoint in coverage(source, Policy(RULES))]


def test_the_values_of_a_host_need_no_base_path() -> None:
    variables = {"region": {"default": "eu", "enum": ["eu", "us"]}}
    source = document(
        "GET /a", servers=[{"url": "https://{region}.x.test/v1", "variables": variables}]
    )
    assert security(Policy(RULES).openapi(source, scheme="s"))["GET /a"] == C_


MEMBERS = (
    "get /a servers url variables enum default flows scopes type $ref security securitySchemes "
    "components paths additionalOperations oauth2"
)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(0, 9), st.sampled_from(["/a", "x", "3.0.3"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(MEMBERS.split()), inner, max_size=4),
    ),
    max_leaves=12,
)


@settings(max_examples=500, deadline=None)
@given(json_values, json_values, json_values, st.booleans())
def test_any_document_is_read_or_refused_with_a_value_error(
    paths: Any, components: Any, servers: Any, names_issuer: bool
) -> None:
    source = {"openapi": "3.1.0", "paths": paths, "components": components, "servers": servers}
    before = copy.deepcopy(source)
    options: dict[str, Any] = {"issuer": "https://i.test/"} if names_issuer else {}
    for read in (
        lambda: Policy(RULES).openapi(source, **options),
        lambda: coverage(source, Policy(RULES)),
    ):
        with contextlib.suppress(ValueError):
            read()
    assert source == before


def test_wrong_options_are_errors() -> None:
    with pytest.raises(ValueError, match="issuer beside flows"):
        Policy(RULES).openapi(document(), issuer="https://i.test/", flows={})
    with pytest.raises(ValueError, match=r"flows\['implicit'\]"):
        Policy(RULES).openapi(document(), flows={"implicit": []})


# --- a document as a route table

COVERED = document("GET /a", "POST /users/{id}", "GET /free", "PUT /users/x-{id}.json")


def test_a_document_is_a_route_table_f15() -> None:
    rules = {"/a": PUBLIC, "/users/{id}": B, "/gone": DENY}
    report = coverage(COVERED, Policy(rules))
    assert {endpoint.key: endpoint.covered_by for endpoint in report} == {
        "GET /a": CoveredBy.OWN_RULE,
        "POST /users/{id}": CoveredBy.OWN_RULE,
        "PUT /users/x-{id}.json": CoveredBy.OWN_RULE,
        "GET /free": CoveredBy.NO_RULE,
    }
    assert [endpoint.name for endpoint in report][:1] == ["GET /a"]
    assert [rule.key for rule in report.unmatched_rules] == ["/gone"]
    with pytest.raises(AssertionError, match="GET /free"):
        assert_covered(COVERED, Policy(rules))


def test_a_mounted_document_is_compared_without_its_mount() -> None:
    source = document("GET /a", servers=[{"url": "https://x.test/shop"}])
    assert_covered(source, Policy({"/a": A}, mounts=["/shop"]))
    with pytest.raises(AssertionError, match="GET /shop/a"):
        assert_covered(source, Policy({"/a": A}))


def test_a_document_without_operations_is_an_error() -> None:
    with pytest.raises(ValueError, match="no operation"):
        coverage(document(), Policy({}))


# --- the recipes of the page


def test_the_document_of_flask_smorest_has_the_security_of_the_rules_f15() -> None:
    page = recipe_pages.run(PAGE)
    made = page["shop"].test_client().get("/openapi.json").get_json()
    validate(made)
    assert security(made) == {
        "GET /orders/": [{"oauth2": []}],
        "GET /orders/{id}": [{"oauth2": ["read:orders"]}],
        "PATCH /orders/{id}": [{"oauth2": ["write:orders"]}, {"oauth2": ["admin"]}],
    }
    (flow,) = made["components"]["securitySchemes"]["oauth2"]["flows"].values()
    assert flow["scopes"] == {"read:orders": "Read the orders", "write:orders": "", "admin": ""}
    assert_covered(page["api"].spec.to_dict(), page["policy"])


DRF_PROGRAM = """
import json, sys
import django
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
from webtest import TestApp
from rules import POLICY
from jwt_wsgi.coverage import assert_covered
client = TestApp(application)
made = client.get("/schema/", headers={"Host": "localhost"}).json
assert_covered(made, POLICY)
json.dump(made, sys.stdout)
"""


@pytest.mark.slow
def test_the_document_of_drf_spectacular_has_the_security_of_the_rules_f15(tmp_path: Path) -> None:
    recipe_pages.write_files(PAGE, tmp_path)
    configuration = tmp_path / "settings.py"
    configuration.write_text(configuration.read_text() + '\nALLOWED_HOSTS = ["localhost"]\n')
    root = str(Path(__file__).resolve().parent.parent)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path), root, *sys.path]),
        "DJANGO_SETTINGS_MODULE": "settings",
    }
    ended = subprocess.run(
        [sys.executable, "-c", DRF_PROGRAM],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    made = json.loads(ended.stdout)
    validate(made)
    assert security(made) == {
        "GET /orders/": [{"openIdConnect": []}],
        "GET /orders/{id}/": [{"openIdConnect": ["read:orders"]}],
        "PATCH /orders/{id}/": [{"openIdConnect": ["write:orders"]}],
        "GET /schema/": [],
    }
