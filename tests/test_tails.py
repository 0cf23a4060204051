"""Tails: `{name...}` at the end of a pattern covers what is below, empty segments included."""

from __future__ import annotations

from typing import Any

import pytest
from counting import calls

from jwt_wsgi import (
    AUTHENTICATED,
    DENY,
    PUBLIC,
    Auth,
    InvalidRequest,
    Issuer,
    Policy,
    StaticJWKS,
    claim,
    has,
    path_param,
    scope,
)
from jwt_wsgi.explain import Explainer
from jwt_wsgi.policyfile import parse_policy
from jwt_wsgi.testing import LocalIssuer

A, B, C = scope("a"), scope("b"), scope("c")
OWNER = claim("sub", path_param("id"))

RULES = {
    "/": PUBLIC,
    "/render": A,
    "/render/{url...}": B,
    "/files/{$}": A,
    "/files/{path...}": B,
    "/users/{id}/files/{path...}": OWNER,
    "/users/{id}/{$}": A,
    "GET /m/{x...}": A,
    "POST,PUT /m/{y...}": B,
    "GET /n/{x...}": A,
    "HEAD /n/{x...}": B,
    "/n/{x...}": DENY,
    "/{x}/{y}": C,
}
POLICY = Policy(RULES)

DOT, EMPTY, UTF8 = "no dot segment", "no empty segment", "UTF-8"
CONTROL = "no control character"

DECIDED = [
    ("GET /render/https://example.com/page", "/render/{url...}"),
    ("GET /render/https://example.com/", "/render/{url...}"),
    ("GET /render/a", "/render/{url...}"),
    ("GET /render/a/", "/render/{url...}"),
    ("GET /render/a//", "/render/{url...}"),
    ("GET /render/a///b//c///", "/render/{url...}"),
    ("GET /render/https:/example.com/page", "/render/{url...}"),
    ("GET /render/caf\xc3\xa9//x", "/render/{url...}"),
    ("GET /render/.../..a//.b", "/render/{url...}"),
    ("GET /render/a;v=1//b\\c//%2F", "/render/{url...}"),
    ("GET /render", "/render"),
    ("GET /render/", "/render"),
    ("GET /files", "/files/{$}"),
    ("GET /files/", "/files/{$}"),
    ("GET /files/backup//2024/dump.sql", "/files/{path...}"),
    ("GET /users/7/files/a//b", "/users/{id}/files/{path...}"),
    ("GET /users/7/files", "/{x}/{y}"),
    ("GET /users/7", "/users/{id}/{$}"),
    ("GET /users/7/posts", "/{x}/{y}"),
    ("GET /m/a//b", "GET /m/{x...}"),
    ("HEAD /m/a//b", "GET /m/{x...}"),
    ("PUT /m/a//b", "POST,PUT /m/{y...}"),
    ("PATCH /m/a//b", None),
    ("HEAD /n/a//b", "HEAD /n/{x...}"),
    ("GET /n/a//b", "GET /n/{x...}"),
    ("OPTIONS /n/a//b", "/n/{x...}"),
    ("GET /m", "/"),
    ("GET /other/a/b", "/{x}/{y}"),
]


@pytest.mark.parametrize(("request_line", "key"), [pytest.param(*d, id=ascii(f"U28 {d[0]}")) for d in DECIDED])  # fmt: skip
def test_a_path_in_a_tail_is_decided_by_its_rule(request_line: str, key: str | None) -> None:
    method, _, path = request_line.partition(" ")
    # The second time, the match may come from the cache.
    for _ in range(2):
        match = POLICY.match(environ(path, method))
        assert (match.rule and match.rule.key) == key


REFUSED = [
    ("/render//etc/passwd", EMPTY),
    ("/render//", EMPTY),
    ("/render//https://example.com", EMPTY),
    ("//render/a", EMPTY),
    ("/users//files/a", EMPTY),
    ("/users/7//files/a", EMPTY),
    ("/users/7/files//a", EMPTY),
    ("/users/7/files//", EMPTY),
    ("/m//", EMPTY),
    ("/other//a", EMPTY),
    ("/other/a//", EMPTY),
    ("//", EMPTY),
    ("///", EMPTY),
    ("/render/../admin", DOT),
    ("/render/a/../../admin", DOT),
    ("/render/a//../../admin", DOT),
    ("/render/a//..", DOT),
    ("/render/a/./b", DOT),
    ("/render/.", DOT),
    ("/render/..//", DOT),
    ("/render/a//\x00", CONTROL),
    ("/render/a//b\n", CONTROL),
    ("/render/a//\xe2\x80\xa8", CONTROL),
    ("/render/a//\xff", UTF8),
    ("/render/a//\xc0\xae\xc0\xae", UTF8),
    ("render/a//b", "a leading slash"),
    ("http://render/a//b", "a leading slash"),
]


@pytest.mark.parametrize(
    ("path", "expected"), [pytest.param(*case, id=ascii(f"U28 {case[0]}")) for case in REFUSED]
)
def test_any_other_path_with_two_readings_is_refused(path: str, expected: str) -> None:
    for _ in range(2):
        with pytest.raises(InvalidRequest) as refused:
            POLICY.match(environ(path))
        assert (refused.value.reason, refused.value.expected) == ("path_ambiguous", expected)
        assert not POLICY.is_public(environ(path))


@pytest.mark.parametrize("path", [path for path, expected in REFUSED if expected == EMPTY])
def test_without_tails_every_empty_segment_is_refused_u28(path: str) -> None:
    with pytest.raises(InvalidRequest, match="path_ambiguous"):
        Policy({"/": PUBLIC}).match(environ(path))


def environ(path: str, method: str = "GET") -> dict[str, Any]:
    return {"REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": ""}


TOGETHER = [
    (["/t/{x...}", "/t", "/t/{$}", "/", "/{a}", "/{a}/{b}"], None),
    (["/t/{x...}", "/{a}/{$}", "/u/{b}/c"], None),
    (["/{a}/t/{x...}", "/b/{c}/{$}", "/b/{$}"], None),
    (["/{x...}", "/", "/{$}"], None),
    (["/t/{x...}", "/u/{x...}", "/t2/{y...}"], None),
    (["GET /t/{x...}", "POST /t/{y...}", "/t/{z...}"], None),
    (["/t/{x...}", "/t/a"], "/t/a"),
    (["/t/{x...}", "/t/a/{$}"], "/t/a/{$}"),
    (["/t/{x...}", "/t/a/b/{c}"], "/t/a/b/{p4}"),
    (["/t/{x...}", "/t/{a}/b"], "/t/{p2}/b"),
    (["/t/{x...}", "/{a}/b"], "/{p1}/b"),
    (["/t/{x...}", "/{a}/b/{$}"], "/{p1}/b/{$}"),
    (["/t/{x...}", "/{a}/{b}/{$}"], "/{p1}/{p2}/{$}"),
    (["/t/{x...}", "/{a}/{b}/c"], "/{p1}/{p2}/c"),
    (["/t/{x...}", "/{a}/{x...}"], "/{p1}/{rest...}"),
    (["/t/{x...}", "/t/a/{x...}"], "/t/a/{rest...}"),
    (["/{a}/{x...}", "/t"], "/t"),
    (["/{a}/t/{x...}", "/b/{c}"], "/b/{p2}"),
    (["/{x...}", "/a"], "/a"),
    (["/{x...}", "/{a}/{$}"], "/{p1}/{$}"),
]


@pytest.mark.parametrize(("keys", "other"), [pytest.param(*t, id="U28 " + " ".join(t[0])) for t in TOGETHER])  # fmt: skip
def test_no_other_rule_may_decide_inside_a_tail(keys: list[str], other: str | None) -> None:
    for order in (keys, keys[::-1]):
        rules = dict.fromkeys(order, AUTHENTICATED)
        if other is None:
            Policy(rules)
            continue
        with pytest.raises(ValueError, match="no other rule may decide inside a tail") as refused:
            Policy(rules)
        assert f"'{other}' shares paths with this tail" in str(refused.value)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param("GET /t/{x...}", "POST /t/{x}", id="U28 other methods"),
        pytest.param("/t/{x...}", "/t/{x}", id="U28 the same methods"),
        pytest.param("/t/{x...}", "/t/{y...}", id="U28 another name"),
    ],
)
def test_two_rules_for_one_tail_are_refused(first: str, second: str) -> None:
    for pair in ((first, second), (second, first)):
        with pytest.raises(ValueError, match=r"keep one|one of the two is a tail; end both with"):
            Policy(dict.fromkeys(pair, AUTHENTICATED))


def test_the_remedies_of_an_intrusion_are_policies_u28() -> None:
    with pytest.raises(ValueError, match=r"end '/t' with {\$}, or write '/{p1}', which may have"):
        Policy({"/{a}/{x...}": A, "/t": B})
    Policy({"/{a}/{x...}": A, "/t/{$}": B})
    Policy({"/{a}": A, "/t": B})


@pytest.mark.parametrize("value", [OWNER, has("orgs", path_param("id")) & A], ids=str)
def test_a_tail_has_no_value_u28(value: Any) -> None:
    with pytest.raises(ValueError, match=r"path_param\('id'\) asks for the tail {id\.\.\.}"):
        Policy({"/users/{id...}": value})


def test_a_parameter_before_a_tail_has_its_value_u28() -> None:
    match = POLICY.match(environ("/users/7/files/a//b"))
    assert match.params == {"id": "7"}
    assert match.refusal(auth(sub="7")) is None
    assert match.refusal(auth(sub="a")) is not None


def auth(**claims: Any) -> Auth:
    return Auth(claims=claims, header={}, token="", issuer="https://issuer.test/")


def test_decide_knows_tails_too_u28() -> None:
    rule = POLICY.decide(("render", "https:", "", "example.com"), "GET").rule
    assert rule is not None
    assert (rule.key, rule.has_tail) == ("/render/{url...}", True)
    for segments in (("render", "", "a"), ("", "render", "a"), ("other", "a", "")):
        with pytest.raises(InvalidRequest, match="path_ambiguous"):
            POLICY.decide(segments, "GET")


def test_a_policy_with_tails_is_printed_and_read_again_u28() -> None:
    lines = [f'"{key}" = """{requirement}"""' for key, requirement in RULES.items()]
    read = parse_policy("\n".join(["[rules]", *lines]))
    assert str(read) == str(POLICY)
    assert "/render/{url...}" in str(read)
    assert read.same_rules(POLICY)


def test_an_explanation_names_the_rule_of_a_tail_u28(local: LocalIssuer) -> None:
    issuer = Issuer(local.issuer, audience=local.audience, keys=StaticJWKS(local.jwks))
    explainer = Explainer(issuer, {"/render/{url...}": PUBLIC})
    steps = {step.name: step for step in explainer.explain(environ("/render/a//b")).steps}
    assert steps["path"].passed
    assert steps["rule"].passed
    assert steps["rule"].expected == "/render/{url...}: PUBLIC"
    explanation = explainer.explain(environ("/render//a"))
    assert explanation.reason == "path_ambiguous"
    assert explanation.failed is not None
    assert explanation.failed.expected == EMPTY


def test_a_tail_costs_other_paths_nothing_u28() -> None:
    plain = {"/": PUBLIC, "/a/{id}": A, "/b": B}
    policies = [Policy(plain), Policy({**plain, "/render/{url...}": A})]
    for path in ("/a/7/x", "/b", "/c/d/e/f", "/" + "long" * 100):
        costs = {cost(policy, path) for policy in policies}
        assert len(costs) == 1


def cost(policy: Policy, path: str) -> int:
    """Return the number of calls for one match."""
    return calls(lambda: policy.match(environ(path)))


def test_the_cost_of_a_path_in_a_tail_is_independent_of_its_length_u28() -> None:
    policy = Policy({"/render/{url...}": A})
    # Both are too long for the cache.
    short, long = (cost(policy, "/render/a" + "//b" * number) for number in (200, 2_000))
    assert short == long < 60


def test_many_tails_are_checked_in_time_linear_in_their_number_u28() -> None:
    def work(number: int) -> int:
        keys = [f"/{{tenant}}/files-{i}/{{rest...}}" for i in range(number)]
        keys += [f"/tenant-{i}/own-{i}/{{$}}" for i in range(number)]
        return calls(lambda: Policy(dict.fromkeys(keys, AUTHENTICATED)))

    assert work(1_000) <= 12 * work(100)
