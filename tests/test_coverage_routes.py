"""Routes: how patterns are read, and that a route stands for all paths that it matches."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jwt_wsgi import AUTHENTICATED, OPTIONAL, PUBLIC, InvalidRequest, Policy, scope
from jwt_wsgi.coverage import CoveredBy
from jwt_wsgi.coverage.checker import RouteChecker
from jwt_wsgi.coverage.routes import Route, Variable, VariableSegment, assemble, read_regex
from jwt_wsgi.policy.policy import Rule

ROUTES = [
    # parts, text, segments, depth, extent
    (("/",), "/", [], 0, "exactly"),
    (("/a/b",), "/a/b", ["a", "b"], 2, "exactly"),
    (("/a/b/",), "/a/b/", ["a", "b"], 2, "exactly"),
    (("/a/", Variable("id"), "/b"), "/a/{id}/b", ["a", "{id}", "b"], 3, "exactly"),
    (("/a/", Variable("id", r"\d+"), ".json"), "/a/{id}.json", ["a", "{id}.json"], 2, "exactly"),
    (("/a/", Variable("rest", ".*")), "/a/{rest...}", ["a"], 1, "deep"),
    (("/a/", Variable("rest", ".+")), "/a/{rest...}", ["a"], 1, "below_only"),
    (("/a/", Variable("rest", "[^/].*?"), "/"), "/a/{rest...}/", ["a"], 1, "below_only"),
    (("/a/", Variable("rest", ".+"), "/b/c"), "/a/{rest...}/b/c", ["a"], 4, "below_only"),
    (("/a/x-", Variable("rest", ".*")), "/a/x-{rest...}", ["a"], 1, "uncertain"),
    (("/a/", Variable("x", "(?!b).+")), "/a/{x...}", ["a"], 1, "uncertain"),
    (("/a/", Variable("x", "a/b"), "/c"), "/a/{x...}/c", ["a"], 3, "uncertain"),
    (("/a//b",), "/a//b", ["a"], 1, "uncertain"),
    (("/a/../b",), "/a/../b", ["a"], 1, "uncertain"),
    (("/a/./b",), "/a/./b", ["a"], 1, "uncertain"),
    (("/a/\n",), "/a/\n", ["a"], 1, "uncertain"),
]


def shown(route: Route) -> list[str]:
    return [
        segment.text if isinstance(segment, VariableSegment) else segment
        for segment in route.segments
    ]


@pytest.mark.parametrize(
    ("parts", "path", "segments", "depth", "extent"),
    [pytest.param(*r, id=ascii(r[1])) for r in ROUTES],
)
def test_parts_make_a_route(
    parts: Any, path: str, segments: list[str], depth: int, extent: str
) -> None:
    route = assemble(parts)
    assert (route.path, shown(route), route.depth) == (path, segments, depth)
    said = {"deep": route.deep, "below_only": route.below_only, "uncertain": route.uncertain}
    expected = {
        "exactly": [],
        "deep": ["deep"],
        "below_only": ["deep", "below_only"],
        "uncertain": ["deep", "uncertain"],
    }
    assert [name for name, is_so in said.items() if is_so] == expected[extent]


def test_an_uncertain_route_is_shown_as_written_and_ends_at_whole_segments() -> None:
    route = assemble(("/a/b/c",), certain=False, spelling="/a/b/c(?:x|/y)")
    assert (route.path, shown(route), route.deep, route.uncertain) == (
        "/a/b/c(?:x|/y)",
        ["a", "b"],
        True,
        True,
    )


# Regular expressions that match one segment, and others that may match more.
ONE = [
    r"\d+",
    r"[0-9]+",
    r"-?\d+",
    r"[^/]+",
    r"[^/]{2}",
    r"[^/.]+",
    r"\w+",
    r"[a-z]{1,3}",
    r"[-a-zA-Z0-9_]+",
    r"[\w.-]+",
]
ONE += [
    r"[0-9a-f]{8}-[0-9a-f]{4}",
    r"(?:a|b)",
    "me|you",
    r"(?:a|b)+x?",
    r"\d*",
    r"-?[\d.]+",
    r"[A-Z]+?",
    r"\d+\.\d+",
    r"v\d",
]
MORE = [
    ".",
    "a.c",
    r"\D+",
    r"\W",
    r"\S+",
    "[^a]+",
    "[.-0]",
    "[+-9]",
    "[!-~]",
    "a/b",
    "(?:a/b|c)",
    r"[a/]+",
    "(?=x)y",
    r"(?P<n>a)",
]
MORE += [
    "(?i:a)",
    r"[^\d]+",
    r"[^]/]",
    "(?s:.)",
    r"\x2f",
    "[",
    "(",
    "a(b",
    r"[\w-z]",
    r"(a)\1",
    "[^-/",
    r"[\s\S]",
    "^a",
    "a$",
    "a|.*",
]


@pytest.mark.parametrize("regex", ONE)
def test_an_expression_without_a_slash_is_one_segment(regex: str) -> None:
    route = assemble(("/", Variable("x", regex)))
    assert (shown(route), route.deep) == (["{x}"], False)


@pytest.mark.parametrize("regex", MORE)
def test_any_other_expression_may_match_slashes(regex: str) -> None:
    route = assemble(("/", Variable("x", regex)))
    assert (shown(route), route.deep, route.uncertain) == ([], True, True)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([*r"\[](){}^-/.*+?|:", "d", "w", "D", "S", "a", "0", "9", "z", "1"]),
        max_size=8,
    ).map("".join)
)
def test_an_expression_taken_for_one_segment_matches_no_slash(regex: str) -> None:
    try:
        compiled = re.compile(f"(?:{regex})")
    except (re.error, FutureWarning):
        assume(False)
    route = assemble(("/", Variable("x", regex)))
    if route.deep:
        return
    for text in ("/", "a/", "/a", "a/b", "0/", "/0", "//", "-/", "./", "/1", "9/9"):
        assert not compiled.fullmatch(text)


READ = [
    ("users/", ["users"], True),
    (r"users/(?P<id>\d+)/", ["users", "{id}"], True),
    (r"users/(\d+)/x\.y", ["users", "{p6}", "x.y"], True),
    (r"users/\d+", ["users", "{p6}"], True),
    (r"re/(me|you)", ["re", "{p3}"], True),
    (r"a/b+", ["a"], False),
    (r"a/bc?", ["a"], False),
    (r"a/b/?c", ["a"], False),
    (r"a/(b/)?c", ["a"], False),
    (r"a/b(?:c|/d)", [], False),
    (r"a/b|c", [], False),
    (r"a/b(x)*|c", [], False),
    (r"(?i)a/b", [], False),
    (r"a/(?i:b)", ["a"], False),
    (r"a/b{2}", ["a"], False),
    (r"a/\Bb", ["a"], False),
    (r"a/b$c", ["a"], False),
    ("a/b\\", ["a"], False),
]


@pytest.mark.parametrize(("regex", "segments", "whole"), READ, ids=[regex for regex, *_ in READ])
def test_a_regular_expression_is_read_as_far_as_it_is_plain(
    regex: str, segments: list[str], whole: bool
) -> None:
    parts, certain = read_regex(regex)
    route = assemble(("/", *parts), certain=certain)
    assert (shown(route), certain, route.uncertain) == (segments, whole, not whole)


KEYS = [
    (("/a/", Variable("id"), "/b"), "/a/{id}/b"),
    (("/a/", Variable("id", r"\d+"), "-", Variable("k")), "/a/{p2}"),
    (("/a/", Variable("é")), "/a/{p2}"),
    (("/",), "/"),
]


@pytest.mark.parametrize(("parts", "key"), KEYS, ids=[key for _, key in KEYS])
def test_the_remedy_is_a_key_that_a_policy_takes(parts: Any, key: str) -> None:
    (endpoint,) = RouteChecker(Policy({})).endpoints(assemble(parts), {"GET": False}, "name")
    assert endpoint.remedy == f"GET {key}"
    (again,) = RouteChecker(Policy({endpoint.remedy: PUBLIC})).endpoints(
        assemble(parts), {"GET": False}, "name"
    )
    assert again.covered


@pytest.mark.parametrize("literal", ["/a/:b", "/a/*", "/a/100%25", "/a/{b"])
def test_a_route_without_a_pattern_has_no_remedy(literal: str) -> None:
    (endpoint,) = RouteChecker(Policy({})).endpoints(assemble((literal,)), {"GET": False}, "name")
    assert (endpoint.remedy, endpoint.covered) == ("", False)


# --- routes against policies: random paths of a route are decided as its report says

VALUES = ["a", "b", "7", "12", "z", "a-b", "7.json"]
REGEXES = {
    "[^/]+": VALUES,
    r"\d+": ["7", "12"],
    r"[a-z]+": ["a", "b", "z"],
    "a|7": ["a", "7"],
    r"[^/]*": [*VALUES, ""],
    ".*": [*VALUES, "", "a/b", "7/a/z", "b/b/b/b"],
    ".+": [*VALUES, "a/b", "z/7/a", "b/b/b/b"],
    "(?!q).*": [*VALUES, "", "a/b", "a/a/a"],
}
route_parts = st.lists(
    st.one_of(
        st.sampled_from(["a", "b", "7", "/", "/a/", "/b/", "/7/", "-", ".json"]),
        st.sampled_from(list(REGEXES)).map(lambda regex: Variable("x", regex)),
    ),
    max_size=6,
).map(lambda run: ("/", *run))
keys = st.tuples(
    st.sampled_from(["", "", "GET ", "POST ", "HEAD ", "GET,PUT "]),
    st.lists(st.sampled_from(["a", "b", "7", "{p}", "a-b", "7.json"]), max_size=4),
    st.sampled_from(["", "/{$}", "/{rest...}"]),
)


def key_of(parts: tuple[str, list[str], str]) -> str:
    methods, segments, end = parts
    named = [f"{{p{i}}}" if segment == "{p}" else segment for i, segment in enumerate(segments)]
    return methods + "/" + "/".join(named) + (end if named else end.lstrip("/"))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    chosen = dict.fromkeys(map(key_of, draw(st.lists(keys, max_size=7))))
    rules = [(key, draw(st.sampled_from([PUBLIC, AUTHENTICATED, scope("s")]))) for key in chosen]
    default = draw(st.sampled_from([{}, {"default": AUTHENTICATED}]))
    try:
        return Policy(rules, **default)
    except ValueError:
        assume(False)
        raise


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(
    route_parts,
    st.booleans(),
    policies(),
    st.sampled_from([{"GET": False, "PUT": False, "HEAD": True}, None]),
    st.data(),
)
def test_the_report_has_the_rule_that_decides_a_path_of_a_route(
    route: Any, certain: bool, policy: Policy, methods: Any, data: Any
) -> None:
    endpoints = list(
        RouteChecker(policy).endpoints(assemble(route, certain=certain), methods, "name")
    )
    by_method = {endpoint.method: endpoint for endpoint in endpoints}
    for _ in range(4):
        path = "".join(
            p if isinstance(p, str) else data.draw(st.sampled_from(REGEXES[p.regex])) for p in route
        )
        # An uncertain pattern also matches other paths below.
        path += "" if certain else data.draw(st.sampled_from(["", "/a", "b", "/7/b"]))
        method = data.draw(
            st.sampled_from(["GET", "HEAD", "PUT", *([] if methods else ["POST", "PURGE"])])
        )
        try:
            match = policy.match({"PATH_INFO": path, "REQUEST_METHOD": method})
        except InvalidRequest:
            continue
        endpoint = by_method.get(method) or by_method["*"]
        refused = match.rule is None and repr(match.requirement) == "DENY"
        assert match.rule in endpoint.rules or (refused and path.endswith("/"))
        if endpoint.automatic or endpoint.uncertain:
            continue
        if match.rule is None:
            is_named = endpoint.method != "*" and not path.endswith("/")
            assert endpoint.covered_by is CoveredBy.NO_RULE or not is_named
        else:
            # Its own rule means that the rule is not written for a shorter path.
            length = length_of(match.rule)
            own_length = assemble(route).depth - path.endswith("/")
            assert not endpoint.has_own_rule or length >= own_length
            is_open = match.rule.key.endswith(" /") or match.rule.key == "/"
            is_weak = match.requirement in (PUBLIC, OPTIONAL, AUTHENTICATED)
            assert not (endpoint.covered and is_open and is_weak) or own_length <= 0


def length_of(rule: Rule) -> int:
    """Return the number of segments of a rule's shortest path."""
    names = rule.key.partition("/")[2].removesuffix("{$}").strip("/")
    return len(names.split("/")) if names else 0
