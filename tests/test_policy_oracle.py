"""Random policies, compiled twice: by the package, and by sets of paths that are written out.

The judge (`policies/judge.py`) shares no code with the package.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from itertools import permutations
from random import Random
from typing import Any

import pytest
from measuring import unmeasured
from policies.judge import (
    AMBIGUOUS,
    DENIED,
    FRESH,
    UNCOVERED,
    Decision,
    Judge,
    Path,
    cover,
    shapes_by_cover,
    tail_covers,
    universe,
    without_some_empty,
)
from policies.random_policies import ANY, LITERALS, METHODS, SIZES, Draft, Shape, Written, draft

from jwt_wsgi import AUTHENTICATED, DENY, PUBLIC, Auth, InvalidRequest, Policy, scope
from jwt_wsgi.policy import overlaps, patterns, tree

#: The number of policies and the seed. A longer search sets both.
POLICIES = int(os.environ.get("POLICY_ORACLE_POLICIES", "1000"))
SEED = int(os.environ.get("POLICY_ORACLE_SEED", "0"))

AUTH = Auth(claims={}, header={}, token="a.b.c", issuer="https://issuer.test/")
DEFAULTS = (DENY, PUBLIC, AUTHENTICATED, scope("default"))

Decide = Callable[[Path, str], Decision]


def drafts(number: int, seed: int = SEED) -> Iterator[Draft]:
    return (draft(Random(f"{seed} {index}")) for index in range(number))


def compiled(drawn: Draft, default: Any = PUBLIC) -> Decide:
    """Return the package's decisions; raise the errors of its constructor."""
    requirements = [scope(f"rule-{number}") for number, _ in enumerate(drawn.rules)]
    numbers = {id(requirement): number for number, requirement in enumerate(requirements)}
    policy = Policy(
        [(rule.key, asked) for rule, asked in zip(drawn.rules, requirements, strict=True)],
        default=default,
    )

    def decide(path: Path, method: str) -> Decision:
        # The last slash is dropped, so an empty last segment needs one more.
        path_info = "/" + "/".join(path) + "/" * (path[-1:] == ("",))
        try:
            match = policy.match(
                {
                    "PATH_INFO": path_info.encode().decode("latin-1"),
                    "REQUEST_METHOD": method,
                    "SCRIPT_NAME": "",
                }
            )
        except InvalidRequest:
            return AMBIGUOUS
        if match.rule is not None:
            number = numbers[id(match.requirement)]
            assert match.rule.key == drawn.rules[number].key
            return Decision(number, tuple(match.params.items()))
        if match.requirement is default:
            return UNCOVERED
        denied = match.refusal(AUTH)
        assert denied is not None
        assert denied.reason == "no_rule"
        return DENIED

    return decide


def disagreement(judge: Judge, decide: Decide, default: Any = PUBLIC) -> str | None:
    """Return the first path and method that the two decide differently, as text."""
    for path in judge.paths:
        for method in METHODS:
            expected, found = judge.decide(path, method), decide(path, method)
            if default is DENY and expected == UNCOVERED:
                expected = DENIED
            if found != expected:
                return f"{method} /{'/'.join(path)}: {found}, and not {expected}; {[r.key for r in judge.rules]}"
    for path in judge.odd_paths:
        expected, found = judge.decide(path, "HEAD"), decide(path, "HEAD")
        if found != expected:
            return f"HEAD /{'/'.join(path)}: {found}, and not {expected}; {[r.key for r in judge.rules]}"
    return None


def refusal(drawn: Draft) -> str:
    """Return the text of the constructor's error, or an empty one."""
    try:
        compiled(drawn)
    except ValueError as error:
        return str(error)
    return ""


def asked_for(drawn: Draft) -> list[str]:
    """Return the rules that the constructor asks for."""
    said = refusal(drawn)
    listed = re.fullmatch(r"patterns overlap .* where both apply: (.*)", said)
    assert listed or not said, said
    return listed[1].split(", ") if listed else []


def as_rules(keys: list[str], drawn: Draft) -> list[Written]:
    """Return the rules that an error names, found among all that can be written."""
    spelled = {
        Written(
            shape, (), tuple(f"p{i}" for i, said in enumerate(shape.segments, 1) if said == ANY)
        ).key: shape
        for shape in shapes_by_cover(drawn.literals, drawn.depth).values()
    }
    return [Written(spelled[key], (), tuple(re.findall(r"\{(\w+)\}", key))) for key in keys]


def objection(drawn: Draft, default: Any = PUBLIC) -> str | None:
    """Return the first mistake in the package's reading of a draft, or None."""
    keys = [rule.key for rule in drawn.rules]
    judge = Judge(drawn)
    if intrusions := judge.intrusions():
        return intrusion_objection(drawn, intrusions)
    missing, named = judge.missing(), asked_for(drawn)
    if bool(named) != bool(missing):
        return f"the error asks for {named}, but {missing or 'nothing'} is missing; {keys}"
    settled = judge.settled() if missing else None
    while named:
        added = {rule.shape for rule in as_rules(named, drawn)}
        if len(named) != len(added) or len(named) > 10:
            return f"the error is too long or says things twice: {named}; {keys}"
        if not (added <= settled and added.isdisjoint({rule.shape for rule in drawn.rules})):
            return f"the error asks for {named}, which is not all missing; {keys}"
        if len(named) < 10 and not judge.missing() <= added:
            return f"the error asks for {named} and forgets some of {judge.missing()}; {keys}"
        drawn = drawn._replace(rules=(*drawn.rules, *as_rules(named, drawn)))
        judge, named = Judge(drawn), asked_for(drawn)
    if settled is not None and {without_tail(rule.shape) for rule in drawn.rules} != settled:
        return f"adding what was asked for ends elsewhere: {[rule.key for rule in drawn.rules]}"
    return disagreement(judge, compiled(drawn, default), default)


def without_tail(shape: Shape) -> Shape:
    """Return the shape without a tail that covers the same paths without empty segments."""
    if shape.tail:
        return Shape((*shape.segments, ANY), ends=False)
    return shape


INTRUSION = re.compile(
    r"rule '(?P<tail>.*?)': '(?P<other>.*)' shares paths with this tail, and no other rule may .*"
)
SAME_PLACE = re.compile(
    r"rule '.*': (covers what '.*' covers, and one of the two is a tail; .*"
    r"|'.*' says already what holds there; keep one)"
)


def intrusion_objection(drawn: Draft, intrusions: set[tuple[Shape, Shape]]) -> str | None:
    """Return the mistake in the error about a tail, or None."""
    said = refusal(drawn)
    keys = [rule.key for rule in drawn.rules]
    if SAME_PLACE.fullmatch(said):
        alike = [pair for pair in intrusions if without_tail(pair[0]) == without_tail(pair[1])]
        return None if alike else f"no two are one place: {said}; {keys}"
    named = INTRUSION.fullmatch(said)
    if named is None:
        return f"a tail is not alone, and the error is {said!r}; {keys}"
    tails = {rule.shape for rule in drawn.rules if rule.key == named["tail"]}
    # The intersection of several patterns around it may be named instead of one of them.
    if not {tail for tail, _ in intrusions} >= tails or not tails:
        return f"the tail shares paths with no other: {said}; {keys}"
    return None


@pytest.mark.slow
def test_every_policy_is_refused_or_decides_as_enumeration_says() -> None:
    refused = 0
    intruded = 0
    tailed = 0
    with unmeasured():
        for index, drawn in enumerate(drafts(POLICIES)):
            said = objection(drawn, DEFAULTS[index % len(DEFAULTS)])
            assert said is None, f"policy {index}: {said}"
            judge = Judge(drawn)
            intruded += bool(judge.intrusions())
            refused += bool(not judge.intrusions() and judge.missing())
            tailed += bool(not judge.intrusions() and any(rule.shape.tail for rule in drawn.rules))
    print(f"{refused} with missing rules, {intruded} with rules in tails, {tailed} with good tails")
    # The random policies contain enough of each.
    assert POLICIES / 10 <= refused <= POLICIES * 9 / 10
    assert intruded >= POLICIES / 20
    assert tailed >= POLICIES / 20


@pytest.mark.slow
def test_a_path_stays_under_its_rule_whichever_empty_segments_are_dropped_u28() -> None:
    checked = 0
    for drawn in drafts(300):
        judge = Judge(drawn)
        if judge.intrusions() or judge.missing():
            continue
        decide = compiled(drawn)
        for path in judge.odd_paths:
            decision = decide(path, "GET")
            if decision != AMBIGUOUS:
                assert {decide(each, "GET") for each in without_some_empty(path)} == {decision}
                checked += 1
    assert checked > 1_000


def parted_by_an_end_mark(judge: Judge) -> bool:
    """Return whether ending one of two unsettled overlapping places with `{$}` parts them."""
    shapes = {rule.shape: judge.covered_by(rule) for rule in judge.rules}
    for one, other in permutations(shapes, 2):
        both = shapes[one] & shapes[other]
        lacking = both and both not in (shapes[one], shapes[other], *judge.covers)
        if (
            lacking
            and not cover(one._replace(ends=True), judge.literals, judge.depth) & shapes[other]
        ):
            return True
    return False


def test_the_end_mark_is_offered_only_where_it_parts_two_that_overlap() -> None:
    remedy = "with {$} if nothing is served below"
    offered = [drawn for drawn in drafts(600) if remedy in refusal(drawn)]
    assert len(offered) > 40
    for drawn in offered:
        assert parted_by_an_end_mark(Judge(drawn)), [rule.key for rule in drawn.rules]


def test_a_method_named_twice_at_one_place_is_refused() -> None:
    for drawn in drafts(200):
        if Judge(drawn).intrusions():
            continue
        random = Random(len(drawn.rules))
        rule = random.choice(drawn.rules)
        again = rule._replace(names=tuple(f"other{i}" for i, _ in enumerate(rule.names)))
        for rules in ((*drawn.rules, again), (again, *drawn.rules)):
            with pytest.raises(ValueError, match="says already what holds there; keep one"):
                compiled(drawn._replace(rules=rules))


# --- the judge itself


@pytest.mark.parametrize("size", sorted(set(SIZES)), ids="{0[0]} literals, {0[1]} deep".format)
def test_a_step_deeper_and_a_fresh_segment_tell_every_two_shapes_apart(
    size: tuple[int, int],
) -> None:
    number, depth = size
    literals = LITERALS[:number]
    assert FRESH not in literals
    assert len(shapes_by_cover(literals, depth)) == sum(
        2 * (number + 1) ** length for length in range(depth + 1)
    )
    assert len(universe(literals, depth)) == sum(
        (number + 1) ** length for length in range(depth + 2)
    )


def test_the_paths_that_a_shape_covers() -> None:
    two = {"literals": ("a",), "depth": 1}
    everything = {(), ("a",), (FRESH,), ("a", "a"), ("a", FRESH), (FRESH, "a"), (FRESH, FRESH)}
    assert cover(Shape((), ends=False), **two) == everything
    assert cover(Shape((), ends=True), **two) == {()}
    assert cover(Shape(("a",), ends=False), **two) == {("a",), ("a", "a"), ("a", FRESH)}
    assert cover(Shape(("a",), ends=True), **two) == {("a",)}
    assert cover(Shape((ANY,), ends=True), **two) == {("a",), (FRESH,)}
    assert cover(Shape((ANY,), ends=False), **two) == everything - {()}
    assert cover(Shape((), ends=False, tail=True), **two) == everything - {()}
    assert cover(Shape(("a",), ends=False, tail=True), **two) == {("a", "a"), ("a", FRESH)}


@pytest.mark.parametrize(
    ("path", "covered"),
    [
        pytest.param(("a", "b", ""), True, id="U28 an empty segment at the end"),
        pytest.param(("a", "b", "", "", "c"), True, id="U28 two in the middle"),
        pytest.param(("a", "", "b"), False, id="U28 the first segment of the tail"),
        pytest.param(("", "a", "b"), False, id="U28 before the tail"),
        pytest.param(("a", ""), False, id="U28 nothing in the tail"),
        pytest.param(("a",), False, id="U28 the path of the tail itself"),
        pytest.param(("b", "b", ""), False, id="U28 another path"),
    ],
)
def test_the_odd_paths_that_a_tail_covers(path: Path, covered: bool) -> None:
    assert tail_covers(Shape(("a",), ends=False, tail=True), path) is covered
    assert tail_covers(Shape((ANY,), ends=False, tail=True), path) is (covered or path[0] == "b")
    assert not tail_covers(Shape(("a",), ends=False), path)


def test_the_paths_that_are_left_when_empty_segments_are_dropped() -> None:
    assert without_some_empty(("a", "", "b", "")) == {
        ("a", "", "b", ""), ("a", "b", ""), ("a", "", "b"), ("a", "b"),
    }  # fmt: skip


# --- mistakes that the judge notices


def covering(judge: Judge, path: Path) -> list[int]:
    return [number for number, covered in enumerate(judge.covers) if path in covered]


def by_method(judge: Judge, place: list[int], method: str) -> int | None:
    """Return the rule of these that decides the method."""
    names = (method, "GET") if method == "HEAD" else (method,)
    named = [n for name in names for n in place if name in judge.rules[n].methods]
    return next(iter(named + [n for n in place if not judge.rules[n].methods]), None)


def ranked(order: Callable[[Shape], Any]) -> Callable[[Judge], Decide]:
    """Return a matcher that takes the first place in an order of its own."""

    def matcher(judge: Judge) -> Decide:
        def decide(path: Path, method: str) -> Decision:
            found = covering(judge, path)
            if not found:
                return UNCOVERED
            best = min((judge.rules[number].shape for number in found), key=order)
            number = by_method(judge, [n for n in found if judge.rules[n].shape == best], method)
            return DENIED if number is None else judge.decided_by(number, path)

        return decide

    return matcher


def first_match(judge: Judge) -> Decide:
    def decide(path: Path, method: str) -> Decision:
        found = covering(judge, path)
        fits = [n for n in found if by_method(judge, [n], method) is not None]
        return judge.decided_by(fits[0], path) if fits else DENIED if found else UNCOVERED

    return decide


def falling_through(judge: Judge) -> Decide:
    """Look for a method that the innermost place does not name in the places around it."""

    def decide(path: Path, method: str) -> Decision:
        found = sorted(covering(judge, path), key=lambda number: len(judge.covers[number]))
        for number in found:
            place = [n for n in found if judge.covers[n] == judge.covers[number]]
            if (rule := by_method(judge, place, method)) is not None:
                return judge.decided_by(rule, path)
        return DENIED if found else UNCOVERED

    return decide


def with_method(change: Callable[[Judge, Path, str], str]) -> Callable[[Judge], Decide]:
    """Return the judge's own decision for another method."""
    return lambda judge: lambda path, method: judge.decide(path, change(judge, path, method))


def below_the_end(judge: Judge) -> Decide:
    """Ignore `{$}`: a pattern that ends with it covers the paths below."""
    wide = [
        judge.covered_by(rule._replace(shape=rule.shape._replace(ends=False)))
        for rule in judge.rules
    ]

    def decide(path: Path, method: str) -> Decision:
        found = [number for number, covered in enumerate(wide) if path in covered]
        if not found:
            return UNCOVERED
        smallest = min((wide[number] for number in found), key=len)
        number = by_method(judge, [n for n in found if wide[n] == smallest], method)
        return DENIED if number is None else judge.decided_by(number, path)

    return decide


def named_by_another(judge: Judge) -> Decide:
    """Name the parameters as in the first rule of the place."""

    def decide(path: Path, method: str) -> Decision:
        number, params = judge.decide(path, method)
        names = judge.rules[judge.places[path][0]].names if path in judge.places else ()
        if not params or "" in path:
            return Decision(number, params)
        return Decision(number, tuple(zip(names, (value for _, value in params), strict=True)))

    return decide


def empty_accepted(accepts: Callable[[Shape, Path], bool]) -> Callable[[Judge], Decide]:
    """Return a matcher with another idea of the paths with empty segments that a rule covers."""

    def matcher(judge: Judge) -> Decide:
        def decide(path: Path, method: str) -> Decision:
            if "" not in path:
                return judge.decide(path, method)
            place = [n for n, rule in enumerate(judge.rules) if accepts(rule.shape, path)]
            number = by_method(judge, place, method)
            if number is None:
                return DENIED if place else AMBIGUOUS
            return Decision(number, judge.decided_by(number, path).params)

        return decide

    return matcher


def collapsed(path: Path) -> Path:
    return tuple(segment for segment in path if segment)


def _filled(path: Path, at: int) -> Path:
    """Return the path with text in the place of an empty segment."""
    return tuple(segment or ("x" if place == at else "") for place, segment in enumerate(path))


def own_path_too(judge: Judge) -> Decide:
    """Let a tail cover the path before it."""

    def decide(path: Path, method: str) -> Decision:
        for number, rule in enumerate(judge.rules):
            if rule.shape.tail and len(path) == len(rule.shape.segments):
                written = zip(rule.shape.segments, path, strict=True)
                if all(segment in (ANY, theirs) for segment, theirs in written):
                    return Decision(number)
        return judge.decide(path, method)

    return decide


BROKEN_MATCHERS: dict[str, Callable[[Judge], Decide]] = {
    "the first that matches": first_match,
    "the longest pattern": ranked(lambda shape: (-len(shape.segments), shape.segments)),
    "the shortest pattern": ranked(lambda shape: (len(shape.segments), not shape.ends)),
    "a parameter before a literal": ranked(
        lambda shape: (
            [segment != ANY for segment in shape.segments],
            -len(shape.segments),
            not shape.ends,
        )
    ),
    "the most literals": ranked(
        lambda shape: (-sum(segment != ANY for segment in shape.segments), shape)
    ),
    "an end mark after its subtree": ranked(
        lambda shape: (-len(shape.segments), shape.segments.count(ANY), shape.ends)
    ),
    "a method falls through to the place around": falling_through,
    "HEAD never takes GET's rule": with_method(
        lambda _judge, _path, method: "PUT" if method == "HEAD" else method
    ),
    "HEAD always takes GET's rule": with_method(
        lambda _judge, _path, method: "GET" if method == "HEAD" else method
    ),
    "OPTIONS takes GET's rule": with_method(
        lambda _judge, _path, method: "GET" if method == "OPTIONS" else method
    ),
    "an ignored end mark": below_the_end,
    "parameters of another rule at the place": named_by_another,
    "U28 no empty segment in a tail": empty_accepted(lambda _shape, _path: False),
    "U28 an empty segment begins a tail": empty_accepted(
        lambda shape, path: tail_covers(shape, _filled(path, len(shape.segments)))
    ),
    "U28 empty segments before a tail": empty_accepted(
        lambda shape, path: tail_covers(shape, collapsed(path))
    ),
    "U28 empty segments under a rule without a tail": empty_accepted(
        lambda shape, path: not shape.ends and tail_covers(shape._replace(tail=True), path)
    ),
    "U28 a tail that covers its own path": own_path_too,
}


@pytest.mark.parametrize("matcher", BROKEN_MATCHERS.values(), ids=BROKEN_MATCHERS)
def test_a_broken_matcher_is_noticed(matcher: Callable[[Judge], Decide]) -> None:
    judges = [
        judge for judge in map(Judge, drafts(80)) if not judge.intrusions() and not judge.missing()
    ]
    noticed = [judge for judge in judges if disagreement(judge, matcher(judge))]
    assert len(judges) > 20
    assert noticed


def parameters_first(branches: list[Any], segment: str | None) -> list[Any]:
    steps = [branch.children.get(name) for name in (None, segment) for branch in branches]
    return [step for step in steps if step is not None]


def without_the_cover(cover: Any, nodes: list[Any], intersect: Any = overlaps._intersection) -> Any:
    return intersect(None, nodes)


def larger_than(wanted: int, find: Any = overlaps.missing_intersections) -> Callable[[Any], Any]:
    return lambda root: {
        pattern: offer for pattern, offer in find(root).items() if len(pattern.segments) > wanted
    }


def as_subtrees(root: Any, find: Any = overlaps.missing_intersections) -> Any:
    return {pattern._replace(exact=False): offer for pattern, offer in find(root).items()}


def with_what_is_there(root: Any, find: Any = overlaps.missing_intersections) -> Any:
    found = find(root)
    return found and {**found, patterns.Pattern((), exact=False): False}


BROKEN_PACKAGES: dict[str, tuple[str, Any]] = {
    "no overlap is seen": ("missing_intersections", lambda root: {}),
    "a shallow overlap is not seen": ("missing_intersections", larger_than(1)),
    "what is asked for is larger than the intersection": ("missing_intersections", as_subtrees),
    "more is asked for than is missing": ("missing_intersections", with_what_is_there),
    "a shorter cover is forgotten": ("_intersection", without_the_cover),
    "parameters come before literals": ("step", parameters_first),
    "only the branches of the smaller one are walked": (
        "_steps_to_search",
        lambda nodes, cover: [],
    ),
    "all missing rules are listed": ("_MAX_REPORTED", 1000),
    "U28 rules inside a tail are accepted": ("_first_intrusion", lambda root: None),
    "U28 a rule inside a tail seems to be around it": (
        "_is_around",
        lambda pattern, tail: pattern.shortest[: len(tail.path)] == tail.path,
    ),
    "U28 a tail begins with an empty segment": (
        "tail_around",
        lambda root, path, find=tree.tail_around: find(root, tuple(each or "x" for each in path)),
    ),
    "U28 no tail is found": ("tail_around", lambda root, path: {}),
    "the deepest place is not looked at": (
        "innermost",
        lambda root, path, find=tree.innermost: find(root, path[:-1]),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "broken"), BROKEN_PACKAGES.values(), ids=BROKEN_PACKAGES)
def test_a_broken_package_is_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str, broken: Any
) -> None:
    for module in (tree, overlaps):
        if hasattr(module, name):
            monkeypatch.setattr(module, name, broken)
    # Always the same policies: a rare one must be among them, whatever the campaign's seed is.
    assert any(objection(drawn) for drawn in drafts(300, seed=0))
