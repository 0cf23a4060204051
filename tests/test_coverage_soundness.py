"""A report names every rule that can decide what a framework runs.

Requests go through the real frameworks. The report must have a row for the handler that answers
and the method, and the row must name the rule that decides.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from functools import cache
from typing import Any

import pytest
from environs import environ
from framework_apps import FRAMEWORKS, Framework
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jwt_wsgi import AUTHENTICATED, PUBLIC, InvalidRequest, Policy, scope
from jwt_wsgi.coverage import Endpoint, coverage
from jwt_wsgi.policy.algebra import NO_RULE, Requirement

pytestmark = pytest.mark.slow

each_framework = pytest.mark.parametrize("name", FRAMEWORKS)

# Segments that the routes name, that their parameters take or refuse, and the empty one.
WORDS = (
    "users",
    "me",
    "7",
    "abc",
    "posts",
    "files",
    "a",
    "b",
    "x",
    "x-7.json",
    "a-b",
    "inner",
    "re",
    "old",
    "odd",
)
MORE = (
    "empty",
    "either",
    "two",
    "one",
    "any",
    "items",
    "ab",
    "2024",
    "loose",
    "open",
    "opening",
    "api",
    "things",
)
LAST = (
    "you",
    "dots",
    "bc",
    "Case",
    "CASE",
    "articles",
    "prea",
    "edit",
    "digits",
    "older",
    "12345678-1234-1234-1234-123456789abc",
)
ALSO = ("head", "head-only", "post-only", "options", "dispatching", "nothing")
SEGMENTS = (*WORDS, *MORE, *LAST, *ALSO)
HEADS = (
    "users",
    "files",
    "a",
    "inner",
    "any",
    "api",
    "posts",
    "two",
    "dots",
    "old",
    "re",
    "empty",
    "either",
    "odd",
)
HEADS += ("items", "articles", "b", "digits", "older", "prea")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PURGE")


@cache
def framework(name: str) -> Framework:
    return FRAMEWORKS[name]()


@cache
def answered(name: str) -> dict[tuple[str, str], str]:
    """Return the handlers by path and method, of all paths up to depth two and many deeper ones."""
    deeper = ("me", "7", "b", "ab", "a", "things", "x", "posts", "edit")
    chosen = [(), *((one,) for one in SEGMENTS), *itertools.product(HEADS, SEGMENTS)]
    chosen += [
        *itertools.product(HEADS, deeper[:5], deeper),
        *itertools.product(("files", "a"), deeper[:2], ("7",), deeper),
    ]
    chosen += [("inner", "old", number) for number in ("7", "b")]
    found = {}
    with framework(name).running():
        for path in ("/" + "/".join(path) + end for path in chosen for end in ("", "/")):
            handled = framework(name).handler(path, "GET")
            # A path without a handler for GET seldom has one for other methods.
            others = () if path.endswith("/") else ("HEAD", "POST", "PUT")
            for method in METHODS if handled or path.count("/") < 2 else others:
                handler = handled if method == "GET" else framework(name).handler(path, method)
                if handler is not None:
                    found[path, method] = handler
    return found


def by_handler(name: str, policy: Policy) -> dict[tuple[str, str], list[Endpoint]]:
    rows: dict[tuple[str, str], list[Endpoint]] = defaultdict(list)
    app, options = framework(name)
    for endpoint in coverage(app, policy, **options):
        # The same class may stand behind two routes, under one name.
        rows[endpoint.name.removesuffix("-any"), endpoint.method].append(endpoint)
    return rows


def deciding(policy: Policy, path: str, method: str) -> Any:
    return policy.match(environ(path, method))


def check(name: str, policy: Policy) -> int:
    rows = by_handler(name, policy)
    checked = 0
    for (path, method), handler in answered(name).items():
        try:
            match = deciding(policy, path, method)
        except InvalidRequest:
            continue
        listed = rows[handler, method] or rows[handler, "*"]
        assert listed, f"{method} {path} runs {handler}, which has no row"
        keys = {rule and rule.key for endpoint in listed for rule in endpoint.rules}
        held = (match.rule and match.rule.key) in keys
        # A trailing slash with an empty parameter may be refused for everyone, which opens nothing.
        assert held or (path.endswith("/") and match.requirement is NO_RULE), (
            method,
            path,
            handler,
            keys,
            match,
        )
        checked += 1
    return checked


SHAPES = [
    "/",
    "/{$}",
    "/{p}",
    "/users",
    "/users/{$}",
    "/users/{id}",
    "/users/me",
    "/users/me/{$}",
    "/users/{id}/posts",
]
SHAPES += [
    "/files",
    "/files/{$}",
    "/files/{x}",
    "/files/a/b",
    "/a",
    "/a/b",
    "/a/{x}/b",
    "/inner/{x}",
    "/inner/me/{$}",
]
SHAPES += [
    "/re",
    "/re/me",
    "/either/you",
    "/either/b",
    "/loose",
    "/users/loose",
    "/open/{x}",
    "/opening",
    "/CASE",
    "/x-7.json",
]
SHAPES += [
    "/any/{x}",
    "/any/me/x",
    "/empty",
    "/empty/{$}",
    "/empty/{x}",
    "/old/{x}",
    "/old/7/x",
    "/one/{$}",
    "/two",
    "/two/a",
]
SHAPES += [
    "/api/{t}/things",
    "/api/b",
    "/posts/{x}",
    "/posts/7",
    "/items/ab",
    "/x-{$}".replace("{$}", "abc.json"),
    "/odd/me",
]
SHAPES += ["/files/{rest...}", "/a/{rest...}", "/users/{id}/{rest...}", "/{rest...}"]
PREFIXES = ["", "", "GET ", "POST ", "HEAD ", "GET,DELETE ", "OPTIONS ", "PURGE "]


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    keys = draw(
        st.lists(
            st.tuples(st.sampled_from(PREFIXES), st.sampled_from(SHAPES)), max_size=12, unique=True
        )
    )
    asked: list[Requirement] = [PUBLIC, AUTHENTICATED, scope("a"), scope("b") | AUTHENTICATED]
    rules = [(prefix + shape, draw(st.sampled_from(asked))) for prefix, shape in keys]
    default = draw(st.sampled_from([None, AUTHENTICATED]))
    try:
        return Policy(rules) if default is None else Policy(rules, default=default)
    except ValueError:
        assume(False)
        raise


@each_framework
def test_the_frameworks_run_every_handler_that_is_listed(name: str) -> None:
    """Otherwise, the property below would not test them."""
    rows = by_handler(name, Policy({"/": AUTHENTICATED}))
    ran = set(answered(name).values())
    assert ran == {handler for handler, _ in rows}


@each_framework
@settings(max_examples=30, deadline=None)
@given(policy=policies())
def test_the_report_has_the_rule_that_decides_a_request(name: str, policy: Policy) -> None:
    assert check(name, policy) >= 10
