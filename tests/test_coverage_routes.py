"""What a route stands for: how patterns are read, and that a route never stands for less than it matches."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jwt_wsgi import AUTHENTICATED, PUBLIC, InvalidRequest, Policy, scope
from jwt_wsgi.coverage.endpoints import Judge
from jwt_wsgi.coverage.routes import Parameter, Piece, Route, assemble, read_regex

ROUTES = [
    # pieces, shown as, segments, depth, deep, beneath, uncertain
    (("/",), "/", [], 0, "exactly"),
    (("/a/b",), "/a/b", ["a", "b"], 2, "exactly"),
    (("/a/b/",), "/a/b/", ["a", "b"], 2, "exactly"),
    (("/a/", Piece("id"), "/b"), "/a/{id}/b", ["a", "{id}", "b"], 3, "exactly"),
    (("/a/", Piece("id", r"\d+"), ".json"), "/a/{id}.json", ["a", "{id}.json"], 2, "exactly"),
    (("/a/", Piece("rest", ".*")), "/a/{rest...}", ["a"], 1, "deep"),
    (("/a/", Piece("rest", ".+")), "/a/{rest...}", ["a"], 1, "beneath"),
    (("/a/", Piece("rest", "[^/].*?"), "/"), "/a/{rest...}/", ["a"], 1, "beneath"),
    (("/a/", Piece("rest", ".+"), "/b/c"), "/a/{rest...}/b/c", ["a"], 4, "beneath"),
    (("/a/x-", Piece("rest", ".*")), "/a/x-{rest...}", ["a"], 1, "uncertain"),
    (("/a/", Piece("x", "(?!b).+")), "/a/{x...}", ["a"], 1, "uncertain"),
    (("/a/", Piece("x", "a/b"), "/c"), "/a/{x...}/c", ["a"], 3, "uncertain"),
    (("/a//b",), "/a//b", ["a"], 1, "uncertain"),
    (("/a/../b",), "/a/../b", ["a"], 1, "uncertain"),
    (("/a/./b",), "/a/./b", ["a"], 1, "uncertain"),
    (("/a/\n",), "/a/\n", ["a"], 1, "uncertain"),
]


def shown(route: Route) -> list[str]:
    return [
        segment.shown if isinstance(segment, Parameter) else segment for segment in route.segments
    ]


@pytest.mark.parametrize(
    ("pieces", "path", "segments", "depth", "extent"),
    [pytest.param(*r, id=ascii(r[1])) for r in ROUTES],
)
def test_pieces_make_a_route(
    pieces: Any, path: str, segments: list[str], depth: int, extent: str
) -> None:
    route = assemble(pieces)
    assert (route.path, shown(route), route.depth) == (path, segments, depth)
    said = {"deep": route.deep, "beneath": route.beneath, "uncertain": route.uncertain}
    expected = {
        "exactly": [],
        "deep": ["deep"],
        "beneath": ["deep", "beneath"],
        "uncertain": ["deep", "uncertain"],
    }
    assert [name for name, is_so in said.items() if is_so] == expected[extent]


def test_what_is_uncertain_is_shown_as_it_is_written_and_ends_at_what_is_whole() -> None:
    route = assemble(("/a/b/c",), certain=False, spelling="/a/b/c(?:x|/y)")
    assert (route.path, shown(route), route.deep, route.uncertain) == (
        "/a/b/c(?:x|/y)",
        ["a", "b"],
        True,
        True,
    )


# Regular expressions, and how much of each is a segment.
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
    route = assemble(("/", Piece("x", regex)))
    assert (shown(route), route.deep) == (["{x}"], False)


@pytest.mark.parametrize("regex", MORE)
def test_any_other_may_hold_slashes(regex: str) -> None:
    route = assemble(("/", Piece("x", regex)))
    assert (shown(route), route.deep, route.uncertain) == ([], True, True)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from([*r"\[](){}^-/.*+?|:", "d", "w", "D", "S", "a", "0", "9", "z", "1"]),
        max_size=8,
    ).map("".join)
)
def test_whatever_is_taken_for_one_segment_matches_no_slash(regex: str) -> None:
    try:
        compiled = re.compile(f"(?:{regex})")
    except (re.error, FutureWarning):
        assume(False)
    route = assemble(("/", Piece("x", regex)))
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
    pieces, certain = read_regex(regex)
    route = assemble(("/", *pieces), certain=certain)
    assert (shown(route), certain, route.uncertain) == (segments, whole, not whole)


KEYS = [
    (("/a/", Piece("id"), "/b"), "/a/{id}/b"),
    (("/a/", Piece("id", r"\d+"), "-", Piece("k")), "/a/{p2}"),
    (("/a/", Piece("é")), "/a/{p2}"),
    (("/",), "/"),
]


@pytest.mark.parametrize(("pieces", "key"), KEYS, ids=[key for _, key in KEYS])
def test_the_remedy_is_a_key_that_a_policy_takes(pieces: Any, key: str) -> None:
    (endpoint,) = Judge(Policy({})).endpoints(assemble(pieces), {"GET": False}, "name")
    assert endpoint.remedy == f"GET {key}"
    (again,) = Judge(Policy({endpoint.remedy: PUBLIC})).endpoints(
        assemble(pieces), {"GET": False}, "name"
    )
    assert again.covered


@pytest.mark.parametrize("literal", ["/a/:b", "/a/*", "/a/100%25", "/a/{b"])
def test_there_is_no_remedy_where_no_pattern_says_it(literal: str) -> None:
    (endpoint,) = Judge(Policy({})).endpoints(assemble((literal,)), {"GET": False}, "name")
    assert (endpoint.remedy, endpoint.covered) == ("", False)


# --- Routes against policies: paths of a route, drawn, are decided as its report says.

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
pieces = st.lists(
    st.one_of(
        st.sampled_from(["a", "b", "7", "/", "/a/", "/b/", "/7/", "-", ".json"]),
        st.sampled_from(list(REGEXES)).map(lambda regex: Piece("x", regex)),
    ),
    max_size=6,
).map(lambda run: ("/", *run))
keys = st.tuples(
    st.sampled_from(["", "", "GET ", "POST ", "HEAD ", "GET,PUT "]),
    st.lists(st.sampled_from(["a", "b", "7", "{p}", "a-b", "7.json"]), max_size=4),
    st.sampled_from(["", "/{$}"]),
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
    pieces,
    st.booleans(),
    policies(),
    st.sampled_from([{"GET": False, "PUT": False, "HEAD": True}, None]),
    st.data(),
)
def test_what_decides_a_path_of_a_route_is_in_its_report(
    route: Any, certain: bool, policy: Policy, methods: Any, data: Any
) -> None:
    endpoints = list(Judge(policy).endpoints(assemble(route, certain=certain), methods, "name"))
    by_method = {endpoint.method: endpoint for endpoint in endpoints}
    for _ in range(4):
        path = "".join(
            p if isinstance(p, str) else data.draw(st.sampled_from(REGEXES[p.regex])) for p in route
        )
        # What an uncertain pattern also matches: something else beneath.
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
        if (
            endpoint.covered
            and not endpoint.automatic
            and match.rule is not None
            and not endpoint.uncertain
        ):
            # Covered means that the rule is not written for a shorter path.
            names = match.rule.key.partition("/")[2].removesuffix("{$}").strip("/")
            length = len(names.split("/")) if names else 0
            assert length >= assemble(route).depth - path.endswith("/")
