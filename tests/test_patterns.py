"""Patterns: their syntax, their overlaps, and the innermost one of several.

The properties compare the compiled tree with sets of paths, enumerated.
"""

from __future__ import annotations

import itertools
import json
import pathlib
import re
import time
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

from jwt_wsgi import AUTHENTICATED, Policy
from jwt_wsgi.policy.patterns import Pattern, parse
from jwt_wsgi.policyfile import parse_policy

WELL_FORMED = [
    ("/", (), (), False, ()),
    ("/{$}", (), (), True, ()),
    ("/a", (), ("a",), False, ()),
    ("/a/", (), ("a",), False, ()),
    ("/a/{$}", (), ("a",), True, ()),
    ("/users/{id}/x/{_n1}", (), ("users", None, "x", None), False, ("id", "_n1")),
    ("/{id}/{$}", (), (None,), True, ("id",)),
    ("/{userId}/{_X}", (), (None, None), False, ("userId", "_X")),
    ("GET /a", ("GET",), ("a",), False, ()),
    ("GET,M-SEARCH /{x}", ("GET", "M-SEARCH"), (None,), False, ("x",)),
    ("/a b", (), ("a b",), False, ()),
    ("/é/🔑", (), ("é", "🔑"), False, ()),
    ("/100%/%zz/%2", (), ("100%", "%zz", "%2"), False, ()),
    ("/a;v=1/d:e/+", (), ("a;v=1", "d:e", "+"), False, ()),
    # Honest identifiers that resemble syntax.
    ("/+api", (), ("+api",), False, ()),
    ("/$metadata/$count", (), ("$metadata", "$count"), False, ()),
    ("/@me/~user", (), ("@me", "~user"), False, ()),
    ("/Products(1)/Name", (), ("Products(1)", "Name"), False, ()),
    ("/a,b;c=d", (), ("a,b;c=d",), False, ()),
    ("/x.json/.well-known", (), ("x.json", ".well-known"), False, ()),
    ("/urn:isbn:1/v1:batch", (), ("urn:isbn:1", "v1:batch"), False, ()),
    ("/c++/it's/a&b=c/x!/-", (), ("c++", "it's", "a&b=c", "x!", "-"), False, ()),
    ("/main...dev/100%sure", (), ("main...dev", "100%sure"), False, ()),
]

TAILS = [
    ("/{rest...}", (), (), ()),
    ("/render/{url...}", (), ("render",), ()),
    ("GET,HEAD /users/{id}/files/{_p1...}", ("GET", "HEAD"), ("users", None, "files"), ("id",)),
]


@pytest.mark.parametrize(
    ("key", "methods", "segments", "exact", "names"),
    [pytest.param(*w, id=w[0]) for w in WELL_FORMED],
)
def test_a_key_is_methods_and_a_pattern(
    key: str, methods: Any, segments: Any, exact: bool, names: Any
) -> None:
    assert parse(key) == (methods, Pattern(segments, exact), names)


@pytest.mark.parametrize(
    ("key", "methods", "segments", "names"),
    [pytest.param(*case, id=f"U28 {case[0]}") for case in TAILS],
)
def test_a_key_may_end_with_a_tail(key: str, methods: Any, segments: Any, names: Any) -> None:
    pattern = Pattern(segments, exact=False, tail=True)
    assert parse(key) == (methods, pattern, names)
    assert parse(str(pattern)).pattern == pattern


BEGIN = "one space and a path: 'GET,HEAD /users/{id}'"
NO_METHOD, BARE = "is not an upper-case method", "a segment that no request may hold"
WHOLE = "a parameter is a whole segment, {$} and {name...} stand at the end only"
LITERAL = "write literal text, or {name} for any one segment; a rule covers everything below"
BELOW = "covers everything below it"
PATHS_ONLY = "rules judge paths, not queries"
ONE_SEGMENT = "for any one segment, and nothing for the paths below"

MALFORMED = [
    ("", BEGIN),
    ("a", BEGIN),
    ("GET", BEGIN),
    ("GET a", BEGIN),
    ("GET/a", BEGIN),
    ("GET  /a", BEGIN),
    ("GET, POST /a", BEGIN),
    ("GET POST /a", BEGIN),
    ("GET\t/a", BEGIN),
    ("https://example.com/a", "names a host; rules judge paths: write '/a'"),
    ("GET https://example.com/a", "names a host; rules judge paths: write '/a'"),
    ("example.com/a", BEGIN),
    ("^/a", BEGIN),
    (" /a", f"'' {NO_METHOD}"),
    ("get /a", f"'get' {NO_METHOD}"),
    ("GET,Post /a", f"'Post' {NO_METHOD}"),
    ("GET, /a", f"'' {NO_METHOD}"),
    ("GET,GET /a", "named twice"),
    ("//", BARE),
    ("//a", BARE),
    ("/a//b", BARE),
    ("/a//", BARE),
    ("/a//{$}", BARE),
    ("/.", BARE),
    ("/a/../b", BARE),
    ("/a%20b", "'a%20b'; patterns are written decoded"),
    ("/a/%2F", "'%2F'; patterns are written decoded"),
    ("/a/%e2", "'%e2'; patterns are written decoded"),
    ("/a\nb", BARE),
    ("/a\x85", BARE),
    ("/a\u2028", BARE),
    ("/{id}.json", WHOLE),
    ("/x{id}", WHOLE),
    ("/{a}{b}", WHOLE),
    ("/{}", WHOLE),
    ("/{1a}", WHOLE),
    ("/{a-b}", WHOLE),
    ("/{id:int}", WHOLE),
    ("/{*rest}", WHOLE),
    ("/a{$}", WHOLE),
    ("/{$}/a", WHOLE),
    ("/{$}/", WHOLE),
    ("/{$}/{$}", WHOLE),
    ("/{id", WHOLE),
    ("/id}", WHOLE),
    ("/{id}/{id}", "names a parameter twice"),
]

FOREIGN = [
    # Regular expressions.
    ("/api/.*", f"leave it out: '/api' {BELOW}"),
    ("/api/(.*)", f"leave it out: '/api' {BELOW}"),
    ("/api/.+", f"leave it out: '/api' {BELOW}"),
    ("/api/.*?", f"leave it out: '/api' {BELOW}"),
    ("/api/[^/]+", "write {name} for any one segment"),
    ("/api$", "write '/api/{$}' for this path alone"),
    ("/api/$", "write '/api/{$}' for this path alone"),
    ("/$", "write '/{$}' for this path alone"),
    ("/(api$)", "write '/api/{$}' for this path alone"),
    ("/a$/b", LITERAL),
    ("/^api", f"a pattern begins at the root and names whole segments: {LITERAL}"),
    ("/api/?", "leave it out: one slash at the end of a path is ignored, write '/api'"),
    ("/colou?r", "every character counts: write a rule for each path"),
    ("/a\\d+", f"nothing is escaped in a pattern: {LITERAL}"),
    ("/b\\c", f"nothing is escaped in a pattern: {LITERAL}"),
    ("/a\\.json", f"nothing is escaped in a pattern: {LITERAL}"),
    ("/(?P<id>x)", LITERAL),
    ("/(?:x)", LITERAL),
    ("/a|b", "write a rule for each"),
    ("/(a|b)/c", "write a rule for each"),
    ("/[ab]", LITERAL),
    ("/v.+x", LITERAL),
    ("/(ab)+", LITERAL),
    ("/x.*y", LITERAL),
    # Shells.
    ("/api/*.json", LITERAL),
    ("/a*", LITERAL),
    ("/a/**/b", "write {name} for any one segment"),
    ("/[!a]", LITERAL),
    ("/!(a)", LITERAL),
    ("/@(a)", LITERAL),
    # Other routers.
    ("/a/*", f"leave it out: '/a' {BELOW}"),
    ("/a/**", f"leave it out: '/a' {BELOW}"),
    ("/*", f"leave it out: '/' {BELOW}"),
    ("/a/*/b", "write {name} for any one segment"),
    ("/a/*rest", f"leave it out: '/a' {BELOW}"),
    ("/:id/a", f"write {{id}} {ONE_SEGMENT}"),
    ("/:", f"write {{name}} {ONE_SEGMENT}"),
    ("/:id.json", f"write {{id}} {ONE_SEGMENT}"),
    ("/a(/:id)", f"write {{id}} {ONE_SEGMENT}"),
    ("/users(.:format)", LITERAL),
    ("/<id>", f"write {{id}} {ONE_SEGMENT}"),
    ("/<int:id>", f"write {{id}} {ONE_SEGMENT}"),
    ("/files/<path:rest>", f"leave it out: '/files' {BELOW}"),
    ("/a<b", LITERAL),
    ("/a>b", LITERAL),
    ("/[id]", LITERAL),
    ("/[...slug]", LITERAL),
    ("/{id:int}", "write {id} for any one segment"),
    ("/{id?}", "write {id} for any one segment"),
    ("/a/{rest:path}", f"'/a' {BELOW}; end it with {{rest...}} only where empty segments"),
    ("/a/{rest:.*}", f"'/a' {BELOW}; end it with {{rest...}} only where empty segments"),
    ("/a/{*rest}", f"'/a' {BELOW}; end it with {{rest...}} only where empty segments"),
    ("/a/{rest*}", f"'/a' {BELOW}; end it with {{rest...}} only where empty segments"),
    ("/a/{+rest}", f"'/a' {BELOW}; end it with {{rest...}} only where empty segments"),
    ("/a/{rest:path}/b", "write {name} for any one segment"),
    ("/a/...", f"leave it out: '/a' {BELOW}"),
    ("/a...", f"leave it out: '/a' {BELOW}"),
    ("/a/…", f"leave it out: '/a' {BELOW}"),
    ("/users/%s", f"write {{name}} {ONE_SEGMENT}"),
    ("/users/%(id)s", f"write {{id}} {ONE_SEGMENT}"),
    # What is not part of a path.
    ("/api?x=1", f"{PATHS_ONLY}: write '/api'"),
    ("/?x=1", f"{PATHS_ONLY}: write '/'"),
    ("/{id}?x=1", f"{PATHS_ONLY}: write '/{{id}}'"),
    ("/api?x", PATHS_ONLY),
    ("/api#x", "clients do not send fragments: write '/api'"),
    ("/sensors/#", "clients do not send fragments: write '/sensors'"),
    # Text that looks like another one.
    ("/a ", "begins or ends with a blank; leave it out"),
    ("/ a", "begins or ends with a blank; leave it out"),
    ("/GET /a", "begins or ends with a blank; leave it out"),
    ("/a\xa0", "begins or ends with a blank; leave it out"),
    ("/a\u200bb", "is not visible; leave it out"),
    ("/\ufeffa", "is not visible; leave it out"),
    ("/a\u202eb", "is not visible; leave it out"),
    ("/a,/b", "write a rule for each path"),
    # Tails that are not at the end, or not well-formed.
    ("/{rest...}/a", WHOLE),
    ("/{rest...}/", WHOLE),
    ("/{rest...}/{$}", WHOLE),
    ("/{$}/{rest...}", WHOLE),
    ("/{a...}/{b...}", WHOLE),
    ("/x{rest...}", WHOLE),
    ("/{...}", WHOLE),
    ("/{1a...}", WHOLE),
    ("/{rest..}", WHOLE),
    ("/{rest....}", WHOLE),
    ("/{id}/{id...}", "names a parameter twice"),
    ("//{rest...}", BARE),
    ("/a//{rest...}", BARE),
    # Methods.
    ("* /a", "write commas between methods, 'GET,POST /a', and no method for all of them, '/a'"),
    ("GET|POST /a", "write commas between methods, 'GET,POST /a'"),
    ("GET+POST /a", "write commas between methods, 'GET,POST /a'"),
    ("GET&POST /a", "write commas between methods, 'GET,POST /a'"),
    ("!GET /a", "write commas between methods, 'GET,POST /a'"),
    ("~ /a", "write commas between methods, 'GET,POST /a'"),
    ("^GET$ /a", "write commas between methods, 'GET,POST /a'"),
    ("[GET] /a", NO_METHOD),
    ("GET;POST /a", NO_METHOD),
    ("= /a", NO_METHOD),
]


@pytest.mark.parametrize(("key", "remedy"), MALFORMED, ids=ascii)
def test_a_malformed_key_is_named_with_its_remedy(key: str, remedy: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(f"rule {key!r}: ")) as refused:
        Policy({key: AUTHENTICATED})
    assert remedy in str(refused.value)


@pytest.mark.parametrize(
    ("key", "remedy"),
    [
        pytest.param(*case, id=ascii(f"{'U2' if ' /' in case[0][1:] else 'U1'} {case[0]}"))
        for case in FOREIGN
    ],
)
def test_another_programs_syntax_is_refused_with_its_remedy(key: str, remedy: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(f"rule {key!r}: ")) as refused:
        Policy({key: AUTHENTICATED})
    assert remedy in str(refused.value)
    with pytest.raises(ValueError, match=re.escape(f"policy: rule {key!r}: ")):
        parse_policy(f'[rules]\n{toml_string(key)} = "AUTHENTICATED"')


def test_the_documentation_lists_spellings_that_are_refused_u1() -> None:
    page = pathlib.Path(__file__).parents[1] / "docs" / "policy-reference.md"
    section = (
        page.read_text("utf-8").split("### Spellings that are refused\n")[1].split("\n### ")[0]
    )
    rows = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]
    refused = [key.replace("\\|", "|") for row in rows for key in re.findall("`(.+?)`", row)]
    assert len(refused) >= 20
    for key in refused:
        with pytest.raises(ValueError, match=r"^rule "):
            parse(key)
    honest = re.findall("`(/.+?)`", section.split("Identifiers such as")[1].split("\n")[0])
    assert len(honest) == 8
    for key in honest:
        parse(key)


def toml_string(text: str) -> str:
    """Return a text as a basic string of TOML."""
    return json.dumps(text, ensure_ascii=True)


@pytest.mark.parametrize("sign", "*?^|\\[]<>#", ids="U1 {}".format)
@pytest.mark.parametrize("place", ["{}", "a{}", "{}a", "a{}b", "a.{}", "({})"])
def test_a_sign_of_other_syntax_is_refused_wherever_it_stands(sign: str, place: str) -> None:
    for path in ("/{}", "/x/{}", "/{}/x", "/x/{}/y", "/x/{}/{{$}}", "/x/{}/{{rest...}}"):
        key = path.format(place.format(sign))
        for written in (key, f"GET {key}"):
            with pytest.raises(ValueError, match=re.escape(f"rule {written!r}: ")):
                parse(written)


@pytest.mark.parametrize("key", [None, 7, b"/a", ("GET", "/a")], ids=repr)
def test_a_key_is_a_string(key: Any) -> None:
    with pytest.raises(ValueError, match=re.escape(f"rule {key!r}: write a path")):
        Policy([(key, AUTHENTICATED)])


def missing(*keys: str) -> list[str]:
    """Return the rules that the constructor asks for."""
    try:
        Policy([(key, AUTHENTICATED) for key in keys])
        return []
    except ValueError as error:
        said = str(error)
    listed = re.search(r"where both apply: (.*)$", said)
    assert listed, said
    return listed[1].split(", ")


OVERLAPS = [
    (["/users/{id}/avatar", "/users/admin"], ["/users/admin/avatar"]),
    (["/users/{id}/avatar", "/users/admin", "/users/admin/avatar"], []),
    (["/users/{id}/avatar", "/users/admin", "/users/admin/{x}"], ["/users/admin/avatar"]),
    (["/users/{id}/avatar", "/users/admin", "/users/admin/avatar/{$}"], ["/users/admin/avatar"]),
    (["/users/{id}/avatar/{$}", "/users/admin"], ["/users/admin/avatar/{$}"]),
    (["/users/{id}/avatar", "/users/me/{$}"], []),
    (["/users/{id}/{$}", "/users/me"], ["/users/me/{$}"]),
    (["/users/{id}/{$}", "/users/me/{$}"], []),
    (["/users/{id}", "/users/me"], []),
    (["/a/{x}", "/{y}/b"], ["/a/b"]),
    (["/a/{x}/{$}", "/{y}/b"], ["/a/b/{$}"]),
    (["/a/{x}/{$}", "/{y}/b/{$}"], ["/a/b/{$}"]),
    (["/a/{x}", "/{y}/b/{$}"], ["/a/b/{$}"]),
    (["/a/{x}", "/{y}/b/c/d"], ["/a/b/c/d"]),
    (["/a/{x}/c/{y}", "/{z}/b"], ["/a/b/c/{p4}"]),
    (["/a/{x}/c", "/a/b/{y}", "/a/{x}"], ["/a/b/c"]),
    (["/{x}/a/{$}", "/b/{y}/c"], []),
    (["/", "/{$}", "/{x}", "/a/{$}"], []),
    (["GET /a/{x}", "POST /{y}/b"], ["/a/b"]),
]


@pytest.mark.parametrize(("keys", "expected"), OVERLAPS, ids=" ".join)
def test_exactly_the_intersection_is_demanded(keys: list[str], expected: list[str]) -> None:
    for order in itertools.permutations(keys):
        assert missing(*order) == expected


def test_all_missing_rules_are_named_at_once_but_ten_at_most() -> None:
    two = ["/a/{x}", "/{y}/b", "/{y}/c"]
    assert sorted(missing(*two)) == ["/a/b", "/a/c"]
    twelve = ["/a/{x}", *(f"/{{y}}/{name}" for name in "bcdefghijklm")]
    assert len(missing(*twelve)) == len(set(missing(*twelve))) == 10
    assert set(missing(*twelve)) < {f"/a/{name}" for name in "bcdefghijklm"}


@pytest.mark.parametrize(
    ("keys", "offered"),
    [
        pytest.param(["/users/{id}/avatar", "/users/admin"], True, id="one is shallower"),
        pytest.param(["/users", "/users/{id}/avatar", "/users/admin"], True, id="below a third"),
        pytest.param(["/{x}/b/{$}", "/a"], True, id="one is shallower, the other ends"),
        pytest.param(["/", "/a/{x}", "/{y}/b"], False, id="both end below a third"),
        pytest.param(["/", "/a/{x}/{$}", "/{y}/b"], False, id="one ends with it already"),
        pytest.param(["/a/{x}", "/{y}/b"], False, id="both end at the same depth"),
        pytest.param(["/a/{x}/{$}", "/{y}/b/{$}"], False, id="both end with it already"),
    ],
)
def test_the_end_mark_is_offered_where_it_helps(keys: list[str], offered: bool) -> None:
    with pytest.raises(ValueError, match="no order of precedence is safe; ") as refused:
        Policy(dict.fromkeys(keys, AUTHENTICATED))
    said = str(refused.value)
    assert ("with {$} if nothing is served below" in said) is offered
    assert ("; add the rules" in said) is not offered


DEVPI = ["/{user}/{index}/+f", "/{user}/{index}/+e", "/{user}/{index}/{project}"]
ENDED: list[Any] = [
    pytest.param(["/{user}/{index}/+f", "/+api"], ["/+api"], id="F7 one"),
    pytest.param([*DEVPI, "/{user}", "/+api", "/+login", "/+me", "/+status"],
                 ["/+api", "/+login", "/+me", "/+status"], id="F7 more missing rules than are listed"),
    pytest.param([*DEVPI, "GET /+api", "POST /+api"], ["GET /+api", "POST /+api"], id="F7 two methods of one path"),
    pytest.param(["/{x}/{y}/c", *(f"/{number}" for number in range(20))],
                 sorted(f"/{number}" for number in range(20)), id="F7 twenty"),
    pytest.param(["/{a}/{b}/{c}/d", "/x", "/{a}/y"], ["/x", "/{a}/y"], id="F7 level by level"),
    pytest.param(["/a", "/b", "/c", "/{x}/{y}/d", "/a/{y}/d", "/b/{y}/d"], ["/c"], id="F7 not what is settled"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "ended"), ENDED)
def test_the_smallest_remedy_comes_first_and_works(keys: list[str], ended: list[str]) -> None:
    with pytest.raises(ValueError, match="no order of precedence is safe; end ") as refused:
        Policy(dict.fromkeys(keys, AUTHENTICATED))
    listed = ", ".join(map(repr, ended))
    assert f"; end {listed} with {{$}} if nothing is served below, or add" in str(refused.value)
    Policy({f"{key}/{{$}}" if key in ended else key: AUTHENTICATED for key in keys})


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(["/a", "/b", "/{x}/c", "/q/{z}", "/{w}/r"], id="F7 it does not settle all"),
        pytest.param(["/a", "/a/{$}", "/{x}/c"], id="F7 the path has a rule that ends"),
        pytest.param(["/{x}/{y}/c", *(f"/{number}" for number in range(21))], id="F7 there are too many"),
    ],
)  # fmt: skip
def test_keys_to_end_are_not_named_where_that_is_no_smaller_remedy(keys: list[str]) -> None:
    said = r"; end the shallower of two .* below \(or remove it, if that rule exists\), or add"
    with pytest.raises(ValueError, match=said):
        Policy(dict.fromkeys(keys, AUTHENTICATED))


@pytest.mark.slow
def test_a_pattern_may_be_longer_than_the_stack_is_deep_u25() -> None:
    literal = "/a" * 2_000
    parameters = "".join(f"/{{p{number}}}" for number in range(2_100))
    rules = dict.fromkeys((literal, f"{literal}/{{$}}", f"{literal}/b/{{rest...}}"), AUTHENTICATED)
    assert Policy(rules).lint() == ()
    with pytest.raises(ValueError, match="patterns overlap with neither inside the other"):
        Policy({literal: AUTHENTICATED, f"{parameters}/{{$}}": AUTHENTICATED})
    with pytest.raises(ValueError, match="no other rule may decide inside a tail"):
        Policy({**rules, "/a/{rest...}": AUTHENTICATED})
    parts = [f"/{{p{number}}}" for number in range(1_100)]
    every = [f"{''.join(parts[:number])}/{{$}}" for number in range(len(parts))]
    assert Policy(dict.fromkeys([*every, "/"], AUTHENTICATED)).lint() == ()


TEAMS = [f"/teams/{team}/{i}" for i in range(5_000) for team in ("{id}", "mine")]
# Each has its literal in another place, and another end; no two overlap.
DEEP = [
    "/" + "/".join("x" if i == j else f"{{p{j}}}" for j in range(10)) + f"/{i}/{{$}}"
    for i in range(10)
]


@pytest.mark.slow
@pytest.mark.parametrize("keys", [TEAMS, DEEP], ids=["ten thousand", "ten deep ones"])
def test_ten_thousand_patterns_compile_in_seconds(keys: list[str]) -> None:
    begun = time.thread_time()
    Policy(dict.fromkeys(keys, AUTHENTICATED))
    # Far more than it takes, far less than to compare everything with everything.
    assert time.thread_time() - begun < 3


# Pattern -> the paths it covers, as sets: `z` is a segment that no pattern names, and no
# pattern is deeper than 3, so paths of depth 4 tell a subtree from an exact place.
DEPTH = 3
Path = tuple[str, ...]
Shape = tuple[Path, bool]
PATHS = [path for n in range(DEPTH + 2) for path in itertools.product("abz", repeat=n)]


def covers(shape: Shape, path: Path) -> bool:
    written, exact = shape
    fits = all(mine in ("*", its) for mine, its in zip(written, path, strict=False))
    return fits and (len(path) == len(written) if exact else len(path) >= len(written))


SHAPES = [
    (written, exact)
    for n in range(DEPTH + 1)
    for written in itertools.product("ab*", repeat=n)
    for exact in (False, True)
]
COVER = {shape: frozenset(path for path in PATHS if covers(shape, path)) for shape in SHAPES}
BY_COVER = {cover: shape for shape, cover in COVER.items()}


def key_of(shape: Shape, parameter: str = "p") -> str:
    """Return the key for a shape; parameters are named by their positions."""
    written, exact = shape
    parts = [f"{{{parameter}{i}}}" if s == "*" else s for i, s in enumerate(written, 1)]
    return "/" + "/".join(parts + ["{$}"] * exact)


def unsettled(shapes: Iterable[Shape]) -> Iterator[Shape]:
    """Yield every intersection of two shapes that is not among the shapes."""
    covers_ = {COVER[shape] for shape in shapes}
    for one, other in itertools.combinations(covers_, 2):
        both = one & other
        if both and both not in (one, other) and both not in covers_:
            yield BY_COVER[both]


def settled(shapes: Iterable[Shape]) -> set[Shape]:
    closed = set(shapes)
    while lacking := set(unsettled(closed)):
        closed |= lacking
    return closed


def test_the_enumeration_tells_every_two_patterns_apart() -> None:
    assert len(BY_COVER) == len(SHAPES) == 80


few = st.lists(st.sampled_from(SHAPES), min_size=2, max_size=3, unique=True)
# Two that overlap and something else, which is the rule they lack in about every other case.
crossing = st.builds(
    lambda two, other, repair: list({*two, *(list(unsettled(two)) if repair else [other])}),
    st.lists(st.sampled_from(SHAPES), min_size=2, max_size=2, unique=True),
    st.sampled_from(SHAPES),
    st.booleans(),
)


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(few | crossing)
@example([(("a", "*"), False), (("*", "b"), False), (("a", "b"), True)])
def test_the_constructor_refuses_exactly_the_overlaps_that_enumeration_finds(
    shapes: list[Shape],
) -> None:
    lacking = {key_of(shape) for shape in unsettled(shapes)}
    event(f"{len(lacking)} missing")
    named = set(missing(*map(key_of, shapes)))
    # It may foresee which ones the missing rules will ask for in their turn.
    assert lacking <= named <= set(map(key_of, settled(shapes) - set(shapes)))
    assert bool(named) is bool(lacking)


def test_constructor_and_enumeration_agree_on_every_pair_of_patterns() -> None:
    for two in itertools.combinations(SHAPES, 2):
        assert missing(*map(key_of, two)) == [key_of(shape) for shape in unsettled(two)], two


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(SHAPES), max_size=4, unique=True))
def test_adding_the_rules_that_an_error_names_settles_it(shapes: list[Shape]) -> None:
    keys = [key_of(shape) for shape in shapes]
    for _ in range(len(SHAPES)):
        keys += missing(*keys)
    assert set(keys) == set(map(key_of, settled(shapes)))


def innermost(shapes: Iterable[Shape], path: Path) -> Shape | None:
    """Return the pattern inside all others that cover the path. Slow and obvious."""
    covering = [shape for shape in shapes if path in COVER[shape]]
    inside_all = [one for one in covering if all(COVER[one] <= COVER[other] for other in covering)]
    assert len(inside_all) == bool(covering)
    return inside_all[0] if inside_all else None


drawn = st.lists(st.sampled_from(SHAPES), max_size=6, unique=True)


@settings(max_examples=300, deadline=None)
@given(drawn | drawn.map(settled).map(sorted), st.randoms(use_true_random=False))
def test_the_innermost_pattern_decides_as_a_slow_matcher_says(
    shapes: list[Shape], order: Any
) -> None:
    order.shuffle(shapes)
    try:
        policy = Policy([(key_of(shape), AUTHENTICATED) for shape in shapes])
    except ValueError:
        assume(False)
    for path in PATHS:
        environ = {"PATH_INFO": "/" + "/".join(path), "REQUEST_METHOD": "GET"}
        match = policy.match(environ)
        expected = innermost(shapes, path)
        assert (match.rule and match.rule.key) == (expected and key_of(expected))
        if expected is not None:
            named = enumerate(zip(expected[0], path, strict=False), 1)
            assert match.params == {
                f"p{i}": value for i, (segment, value) in named if segment == "*"
            }
