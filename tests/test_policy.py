"""The compiled policy: which rule decides a request, and which policies are invalid."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from environs import environ
from hypothesis import given, settings
from hypothesis import strategies as st

from jwt_wsgi import (
    AUTHENTICATED,
    DENY,
    OPTIONAL,
    PUBLIC,
    Auth,
    InvalidRequest,
    Policy,
    claim,
    scope,
    sender_constrained,
)
from jwt_wsgi.bindings import UNBOUND
from jwt_wsgi.policy.algebra import Requirement
from jwt_wsgi.policy.policy import Match

AUTH = Auth(claims={}, header={}, token="a.b.c", issuer="https://issuer.test/")


def deciding(rules: Any, path: str, method: str = "GET") -> str | None:
    """The key of the rule that decides."""
    rule = Policy(rules).match(environ(path, method)).rule
    return None if rule is None else rule.key


def reason_against(match: Match, auth: Auth | None = AUTH) -> str | None:
    error = match.refusal(auth)
    return None if error is None else error.reason


def rules(*keys: str) -> dict[str, Requirement]:
    return dict.fromkeys(keys, AUTHENTICATED)


CATALOGUE = rules(
    "/{$}",
    "/files",
    "/files/{name}/{$}",
    "/files/{name}/history",
    "/files/index",
    "/files/index/{$}",
    "/files/index/history",
    "/users/{id}",
    "/users/me",
    "/users/me/{$}",
    "/café/{x}",
    "/a;v=1",
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", "/{$}"),
        ("", "/{$}"),
        ("/x", None),
        ("/file", None),
        ("/files", "/files"),
        ("/files/", "/files"),
        ("/filesystem", None),
        ("/Files", None),
        ("/files/a", "/files/{name}/{$}"),
        ("/files/a/", "/files/{name}/{$}"),
        ("/files/a/b", "/files"),
        ("/files/a/b/c/d/e", "/files"),
        ("/files/a/history", "/files/{name}/history"),
        ("/files/a/history/1", "/files/{name}/history"),
        ("/files/index", "/files/index/{$}"),
        ("/files/index/x", "/files/index"),
        ("/files/index/history/1", "/files/index/history"),
        ("/users", None),
        ("/users/7", "/users/{id}"),
        ("/users/7/a/b", "/users/{id}"),
        ("/users/me", "/users/me/{$}"),
        ("/users/me/a", "/users/me"),
        ("/users/{id}", "/users/{id}"),
        ("/café/au/lait", "/café/{x}"),
        ("/a;v=1/b", "/a;v=1"),
        ("/a;v=2", None),
        ("/{$}", None),
    ],
)
def test_a_rule_covers_its_subtree_and_the_innermost_decides(
    path: str, expected: str | None
) -> None:
    assert deciding(CATALOGUE, path) == expected
    assert deciding(dict(reversed(CATALOGUE.items())), path) == expected


METHODS = rules(
    "/a", "GET /a", "GET,POST /b", "HEAD /b/c", "PUT /b/c", "GET /b/c", "HEAD /d", "GET /e/{$}"
)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        pytest.param("GET", "/a/x", "GET /a", id="the rule that names the method"),
        pytest.param("POST", "/a", "/a", id="otherwise the place's rule without methods"),
        pytest.param("POST", "/b/x", "GET,POST /b", id="one rule, two methods"),
        pytest.param("DELETE", "/b", None, id="otherwise denied"),
        pytest.param("POST", "/b/c", None, id="nothing falls through to a shallower place"),
        pytest.param("GET", "/e/x", None, id="nothing falls through to an exact place above"),
        pytest.param("HEAD", "/a", "GET /a", id="HEAD takes GET's rule"),
        pytest.param("HEAD", "/b/x", "GET,POST /b", id="HEAD takes GET's rule for several methods"),
        pytest.param("HEAD", "/b/c", "HEAD /b/c", id="HEAD has its own rule"),
        pytest.param("GET", "/d", None, id="GET does not take HEAD's rule"),
        pytest.param("OPTIONS", "/a", "/a", id="OPTIONS like any other: no method named"),
        pytest.param("OPTIONS", "/b", None, id="OPTIONS like any other: others named"),
        pytest.param("BREW", "/a", "/a", id="a custom method"),
        pytest.param("BREW", "/b", None, id="a custom method that no rule names"),
    ],
)
def test_the_innermost_place_decides_alone_by_method(
    method: str, path: str, expected: str | None
) -> None:
    assert deciding(METHODS, path, method) == expected


def test_head_does_not_bypass_a_stricter_get_rule() -> None:
    policy = Policy({"GET /a": scope("read:a"), "/a": PUBLIC})
    assert reason_against(policy.match(environ("/a", "HEAD"))) == "insufficient_scope"
    assert not policy.is_public(environ("/a", "HEAD"))
    assert policy.is_public(environ("/a", "POST"))


@pytest.mark.parametrize(
    ("policy", "path", "anonymous", "authenticated"),
    [
        pytest.param(Policy({}), "/", "missing_token", "no_rule", id="no rules at all"),
        pytest.param(Policy({"/a": PUBLIC}), "/b", "missing_token", "no_rule", id="no rule"),
        pytest.param(
            Policy({"GET /": PUBLIC}), "/", "missing_token", "no_rule", id="none for POST"
        ),
        pytest.param(
            Policy({}, default=DENY), "/", "missing_token", "no_rule", id="the default spelled"
        ),
        pytest.param(Policy({"/": DENY}), "/b", "missing_token", "denied", id="denied by rule"),
        pytest.param(Policy({"/": AUTHENTICATED}), "/b", "missing_token", None, id="said so"),
        pytest.param(
            Policy({}, default=AUTHENTICATED), "/", "missing_token", None, id="another default"
        ),
        pytest.param(Policy({}, default=PUBLIC), "/", None, None, id="all public by default"),
        pytest.param(
            Policy({"GET /": PUBLIC}, default=PUBLIC),
            "/",
            "missing_token",
            "no_rule",
            id="the default does not hold for a method that a place lacks",
        ),
    ],
)
def test_requests_that_match_no_rule_are_denied(
    policy: Policy, path: str, anonymous: str | None, authenticated: str | None
) -> None:
    match = policy.match(environ(path, "POST"))
    assert (reason_against(match, None), reason_against(match)) == (anonymous, authenticated)


@pytest.mark.parametrize(
    ("key", "path", "params"),
    [
        ("/users/{id}", "/users/7", {"id": "7"}),
        ("/users/{id}", "/users/7/x", {"id": "7"}),
        ("/{a}/x/{b}/{$}", "/1/x/2/", {"a": "1", "b": "2"}),
        ("/{name}", "/é 🔑;v=1%2F", {"name": "é 🔑;v=1%2F"}),
        ("/users", "/users/7", {}),
    ],
)
def test_parameters_are_decoded_segments(key: str, path: str, params: dict[str, str]) -> None:
    assert Policy({key: AUTHENTICATED}).match(environ(path)).params == params


def test_a_place_keeps_each_rules_own_parameter_names() -> None:
    policy = Policy({"GET /users/{id}": AUTHENTICATED, "PUT /users/{name}": AUTHENTICATED})
    assert policy.match(environ("/users/7", "GET")).params == {"id": "7"}
    assert policy.match(environ("/users/7", "PUT")).params == {"name": "7"}


@pytest.mark.parametrize("path", ["/users/7", "/other"], ids=["a rule", "no rule"])
def test_a_match_is_immutable(path: str) -> None:
    match: Any = Policy({"/users/{id}": AUTHENTICATED}).match(environ(path))
    for name in ("rule", "requirement", "params"):
        with pytest.raises(AttributeError):
            setattr(match, name, None)
    with pytest.raises(TypeError):
        match.params["id"] = "8"
    if match.rule is not None:
        for name in ("key", "requirement", "parameters"):
            with pytest.raises(AttributeError):
                setattr(match.rule, name, PUBLIC)


def test_a_policy_does_not_change_with_the_mapping_it_was_made_of() -> None:
    written: dict[str, Requirement] = {"/a": DENY}
    policy = Policy(written)
    written["/a"] = PUBLIC
    assert not policy.is_public(environ("/a"))


@pytest.mark.parametrize(
    ("mounts", "script_name"),
    [(("",), ""), (["/app"], "/app"), (("", "/app"), "/app"), ({"/a/b"}, "/a/b")],
    ids=repr,
)
def test_below_a_configured_mount_path_info_decides(mounts: Any, script_name: str) -> None:
    policy = Policy({"/a": PUBLIC}, mounts=mounts)
    assert policy.is_public(environ("/a", SCRIPT_NAME=script_name))
    assert not policy.is_public(environ("/app/a", SCRIPT_NAME=script_name))


@pytest.mark.parametrize("script_name", ["/app", "/", "/App", "/mine/", "/mine/x", "mine", "\xff"])
def test_an_unknown_mount_is_refused(script_name: str) -> None:
    policy = Policy({"/": PUBLIC}, mounts=["", "/mine"])
    with pytest.raises(InvalidRequest, match="mount_unknown") as refused:
        policy.match(environ("/a", SCRIPT_NAME=script_name))
    assert refused.value.status == 400
    assert (refused.value.expected, refused.value.found) == (["", "/mine"], script_name)


@pytest.mark.parametrize("path", ["//a", "/a/../b"])
def test_an_ambiguous_path_asks_for_nothing(path: str) -> None:
    policy = Policy({"/": scope("read") & sender_constrained()})
    assert policy.possession_asked(environ("/a")) == sender_constrained().demand != UNBOUND
    assert policy.scopes_asked(environ("/a")) == ("read",)
    assert policy.possession_asked(environ(path)) == UNBOUND
    assert policy.scopes_asked(environ(path)) == ()


def test_a_policy_for_a_mount_alone_refuses_the_root() -> None:
    policy = Policy({"/": PUBLIC}, mounts=["/app"])
    request = environ("/a")
    assert not policy.is_public(request)
    del request["SCRIPT_NAME"]
    assert not policy.is_public(request)


def test_the_first_unknown_mount_logs_one_error(caplog: pytest.LogCaptureFixture) -> None:
    policy = Policy({"/": PUBLIC}, mounts=["/mine", ""])
    with caplog.at_level(logging.DEBUG):
        policy.is_public(environ("/a"))
        assert caplog.records == []
        for seen in ("/evil\n2026 CRITICAL é" + "x" * 500, "/other"):
            policy.is_public(environ("/a", SCRIPT_NAME=seen))
    [record] = caplog.records
    assert (record.levelno, record.name) == (logging.ERROR, "jwt_wsgi.policy")
    line = record.getMessage()
    assert line.startswith("SCRIPT_NAME '/evil\\n2026 CRITICAL \\xe9xxx")
    assert "Policy(mounts=" in line
    assert "'/mine'" in line
    assert line.isprintable()
    assert "['', '/mine']" in line
    assert "add it to mounts" in line
    assert len(line) < 400


@pytest.mark.parametrize(
    ("requirement", "public"),
    [(PUBLIC, True), (OPTIONAL, False), (AUTHENTICATED, False), (DENY, False)],
    ids=repr,
)
def test_only_public_is_public(requirement: Requirement, public: bool) -> None:
    assert Policy({"/a": requirement}).is_public(environ("/a/b")) is public
    assert Policy({"/b": AUTHENTICATED}, default=requirement).is_public(environ("/a/b")) is public


octets = st.text(st.characters(max_codepoint=0x2030), max_size=12)


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "PATH_INFO": octets | octets.map("/{}".format),
            "SCRIPT_NAME": octets,
            "REQUEST_METHOD": octets,
            "HTTP_X_VHM_ROOT": octets,
        },
    )
)
def test_is_public_never_raises(request: dict[str, Any]) -> None:
    for mounts in ([""], ["/app"]):
        assert Policy({"/": PUBLIC}, mounts=mounts).is_public(request) in (True, False)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("/a", "/a"),
        ("/a", "/a/"),
        ("/a/{x}", "/a/{y}"),
        ("/a/{$}", "/a/{$}"),
        ("GET /a", "POST,GET /a"),
    ],
)
def test_two_rules_for_one_place_are_refused(first: str, second: str) -> None:
    message = f"rule {second!r}: '{first}: PUBLIC' says already what holds there; keep one"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Policy([(first, PUBLIC), (second, DENY)])


SCOPED = scope("a")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"rules": {"/a": "read:a"}},
            r"rule '/a': 'read:a' is not a requirement; write PUBLIC, OPT",
        ),
        ({"rules": {"/a": None}}, r"rule '/a': None is not a requirement"),
        ({"rules": {"/a": scope}}, r"rule '/a': <function scope.*is not a requirement"),
        ({"rules": {}, "default": "DENY"}, r"default: 'DENY' is not a requirement"),
        ({"rules": "/a"}, r"rules='/a': write a mapping of paths to requirements"),
        ({"rules": None}, r"rules=None: write a mapping"),
        ({"rules": 7}, r"rules=7: write a mapping"),
        ({"rules": ["/users"]}, r"rules=\['/users'\]: write a mapping"),
        ({"rules": [("/a",)]}, r"rules=\[\('/a',\)\]: write a mapping"),
        ({"rules": [("/a", SCOPED, 1)]}, r"rules=.*: write a mapping"),
        (
            {"rules": {"/a": PUBLIC}, "accept": "weaker_above"},
            "accept='weaker_above': write a list of pairs",
        ),
        (
            {"rules": {"/a": PUBLIC}, "accept": {"weaker_above": "/a"}},
            "accept=.*: write a list of pairs",
        ),
        ({"rules": {"/a": PUBLIC}, "accept": 1}, "accept=1: write a list of pairs"),
        (
            {"rules": {"/a": PUBLIC}, "accept": [("weaker_above",)]},
            r"accept=\('weaker_above',\): write a list of pairs",
        ),
        (
            {"rules": {"/a": PUBLIC}, "accept": [("weaker_above", None)]},
            "accept=.*None.*: write a list of pairs",
        ),
        (
            {"rules": {"/a": PUBLIC}, "accept": [("weaker", "/a")]},
            "accept=.*: 'weaker' is not a code .*; choose from method_hole, ",
        ),
        (
            {"rules": {"/a": PUBLIC}, "accept": [("stale_acceptance", "/a")]},
            "accept=.*: 'stale_acceptance' is not a code that can be accepted",
        ),
        (
            {"rules": {"/a": PUBLIC}, "accept": [("weaker_above", "/b")]},
            "accept=.*: there is no rule '/b'; write the rule's key",
        ),
        ({"rules": {}, "mounts": "/app"}, r"mounts='/app': write a list of paths .*\('/app',\)"),
        ({"rules": {}, "mounts": []}, r"mounts=\[\]: write a list"),
        ({"rules": {}, "mounts": ["app"]}, r"mounts=\['app'\]: write a list"),
        ({"rules": {}, "mounts": ["", "/app/"]}, r"mounts=\['', '/app/'\]: write a list"),
        ({"rules": {}, "mounts": ["/"]}, r"mounts=\['/'\]: write a list"),
        ({"rules": {}, "mounts": [None]}, r"mounts=\[None\]: write a list"),
        ({"rules": {}, "mounts": None}, r"mounts=None: write a list"),
    ],
)
def test_invalid_policy_arguments_fail_at_construction(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match="^" + message):
        Policy(**arguments)


def test_rules_are_a_mapping_or_pairs_of_any_kind() -> None:
    pairs = [("/a", PUBLIC), ("GET /b", SCOPED)]
    for written in (dict(pairs), pairs, iter(pairs), [list(pair) for pair in pairs]):
        assert [(rule.key, rule.requirement) for rule in Policy(written).rules] == pairs


def test_a_policy_prints_its_rules_as_they_were_written() -> None:
    policy = Policy({"GET /users/{id}": SCOPED & claim("org", 7), "/": DENY})
    assert repr(policy) == "Policy({GET /users/{id}: scope('a') & claim('org', 7), /: DENY})"


def test_the_text_of_a_policy_is_a_table() -> None:
    policy = Policy(
        {"/a": PUBLIC, "GET,HEAD /users/{id}": scope("a") | scope("b")}, default=AUTHENTICATED
    )
    assert str(policy).splitlines() == [
        "/a                    PUBLIC",
        "GET,HEAD /users/{id}  scope('a') | scope('b')",
        "otherwise             AUTHENTICATED",
    ]
    assert str(Policy({})) == "otherwise  DENY"


@pytest.mark.parametrize("key", ["/a", "/a/{x}/{$}"])
def test_matching_does_not_change_the_environ(key: str) -> None:
    request = environ("/a/b")
    before = dict(request)
    Policy({key: PUBLIC}).match(request)
    assert request == before


def test_the_cache_of_matches_is_bounded() -> None:
    policy = Policy({"/a/{x}": PUBLIC})
    again = [policy.match(environ("/a/b")) for _ in range(2)]
    assert again[0] is again[1]
    for number in range(1030):
        assert policy.match(environ(f"/a/{number}")).params == {"x": str(number)}
    assert policy.match(environ("/a/b")) is not again[0]
    assert len(policy._match_cache) == 1030 + 2 - 1024


def test_the_match_of_a_long_path_is_not_cached() -> None:
    policy = Policy({"/a/{x}": PUBLIC})
    long = environ("/a/" + "b" * 300)
    assert policy.match(long).params == {"x": "b" * 300}
    assert policy.match(long) is not policy.match(long)
    assert policy._match_cache == {}


def test_the_match_of_a_long_method_is_not_cached() -> None:
    policy = Policy({"/a/{x}": PUBLIC})
    for method in ("A" * 200, "A" * 300):
        policy.match(environ("/a/" + "b" * 100, method))
    assert policy._match_cache == {}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("path", [(), ("a",), ("a", "b"), ("c",)], ids="/".join)
def test_decide_and_match_agree(path: tuple[str, ...], method: str) -> None:
    policy = Policy(
        {"/{$}": PUBLIC, "GET /a": scope("a"), "/a/{x}": AUTHENTICATED},
        mounts=["/m"],
        default=OPTIONAL,
    )
    asked = policy.match(environ("/" + "/".join(path), method, SCRIPT_NAME="/m"))
    assert policy.decide(path, method) == asked
