"""The judge: the meaning of a set of rules, by enumeration. Slow, and simple enough to be trusted.

It writes out every path of a small universe, and for every shape the set of the paths that it
covers. Everything else follows from these sets: a pattern lies inside another if its set is a
subset, two overlap if their sets do, and the innermost one is the smallest set.

Paths with empty segments are a universe of their own. Only tails cover any of them.
"""

from __future__ import annotations

from functools import cache, cached_property
from itertools import combinations, permutations, product
from typing import NamedTuple

from policies.random_policies import ANY, Draft, Shape, Written

Path = tuple[str, ...]
Cover = frozenset[Path]
#: A segment that no rule names, and that begins as some of them do.
FRESH = "abc"


class Decision(NamedTuple):
    """The number of the rule that decides, and the parameters; no number where no rule does."""

    rule: int | None
    params: tuple[tuple[str, str], ...] = ()


#: The path can be read in two ways, and is refused.
AMBIGUOUS = Decision(-2)
#: No rule covers the path, so the default holds; or the innermost place has no rule for the method.
UNCOVERED, DENIED = Decision(None), Decision(-1)


@cache
def universe(literals: tuple[str, ...], depth: int) -> tuple[Path, ...]:
    """Return every path, one segment deeper than any shape, to tell `/a` from `/a/{$}`."""
    return tuple(
        path for length in range(depth + 2) for path in product((*literals, FRESH), repeat=length)
    )


@cache
def with_empty_segments(literals: tuple[str, ...], depth: int) -> tuple[Path, ...]:
    """Return paths with one empty segment at every place, or with several."""
    paths = [path for path in universe(literals, depth) if len(path) <= depth]
    once = [_with_empty(path, at) for path in paths for at in range(len(path) + 1)]
    short = [path for path in once if len(path) <= 3]
    twice = [_with_empty(path, at) for path in short for at in range(len(path) + 1)]
    return tuple(dict.fromkeys(once + twice))


def _with_empty(path: Path, at: int) -> Path:
    return (*path[:at], "", *path[at:])


def tail_covers(shape: Shape, path: Path) -> bool:
    """Return whether a tail covers this path: what stands before it fits, and more follows.

    No segment before the tail is empty, and neither is its first one.
    """
    length = len(shape.segments)
    if not shape.tail or len(path) <= length or "" in path[: length + 1]:
        return False
    return all(
        written in (ANY, segment) for written, segment in zip(shape.segments, path, strict=False)
    )


def without_some_empty(path: Path) -> set[Path]:
    """Return every path that is left when an application drops some empty segments, or all."""
    left: set[Path] = {()}
    for segment in path:
        longer = {(*before, segment) for before in left}
        left = longer | left if segment == "" else longer
    return left


@cache
def cover(shape: Shape, literals: tuple[str, ...], depth: int) -> Cover:
    """Return the paths without empty segments that a shape covers."""
    if shape.tail:
        return frozenset(path for path in universe(literals, depth) if tail_covers(shape, path))
    length = len(shape.segments)
    return frozenset(
        path
        for path in universe(literals, depth)
        if (len(path) == length or (len(path) > length and not shape.ends))
        and all(
            written in (ANY, segment)
            for written, segment in zip(shape.segments, path, strict=False)
        )
    )


@cache
def shapes_by_cover(literals: tuple[str, ...], depth: int) -> dict[Cover, Shape]:
    """Return every shape without a tail by the paths that it covers; no two cover the same."""
    shapes = [
        Shape(segments, ends)
        for length in range(depth + 1)
        for segments in product((*literals, ANY), repeat=length)
        for ends in (False, True)
    ]
    by_cover = {cover(shape, literals, depth): shape for shape in shapes}
    assert len(by_cover) == len(shapes)
    return by_cover


class Judge:
    """The meaning of the rules of one draft."""

    def __init__(self, draft: Draft) -> None:
        self.literals, self.depth = draft.literals, draft.depth
        self.paths = universe(self.literals, self.depth)
        self.odd_paths = with_empty_segments(self.literals, self.depth)
        self.rules = draft.rules
        self.covers = [self.covered_by(rule) for rule in draft.rules]

    def covered_by(self, rule: Written) -> Cover:
        return cover(rule.shape, self.literals, self.depth)

    def intrusions(self) -> set[tuple[Shape, Shape]]:
        """Return the tails, each with a shape that shares paths with it and is not around it."""
        covers = {rule.shape: self.covered_by(rule) for rule in self.rules}
        return {
            (tail, other)
            for tail, other in permutations(covers, 2)
            if tail.tail
            and covers[tail] & covers[other]
            and not (covers[tail] < covers[other] and not other.tail)
        }

    def missing(self) -> set[Shape]:
        """Return the missing intersections of rules that overlap with neither inside the other."""
        return set(
            map(shapes_by_cover(self.literals, self.depth).__getitem__, _open(set(self.covers)))
        )

    def settled(self) -> set[Shape]:
        """Return all places after all missing intersections are added, including those of added ones."""
        covers = set(self.covers)
        while lacking := _open(covers):
            covers |= lacking
        return {shapes_by_cover(self.literals, self.depth)[each] for each in covers}

    @cached_property
    def places(self) -> dict[Path, list[int]]:
        """The numbers of the rules at the innermost place, for every path that a rule covers."""
        places: dict[Path, list[int]] = {}
        for path in self.paths:
            covering = {each for each in self.covers if path in each}
            if covering:
                (innermost,) = [
                    each for each in covering if all(each <= other for other in covering)
                ]
                places[path] = [
                    number for number, each in enumerate(self.covers) if each == innermost
                ]
        return places

    def decide(self, path: Path, method: str) -> Decision:
        """Return the decision of the innermost place; a method that it does not name is denied."""
        if "" in path:
            place = [n for n, rule in enumerate(self.rules) if tail_covers(rule.shape, path)]
            if not place:
                return AMBIGUOUS
        elif path in self.places:
            place = self.places[path]
        else:
            return UNCOVERED
        for name in (method, "GET") if method == "HEAD" else (method,):
            for number in place:
                if name in self.rules[number].methods:
                    return self.decided_by(number, path)
        for number in place:
            if not self.rules[number].methods:
                return self.decided_by(number, path)
        return DENIED

    def decided_by(self, number: int, path: Path) -> Decision:
        rule = self.rules[number]
        values = [
            segment
            for written, segment in zip(rule.shape.segments, path, strict=False)
            if written == ANY
        ]
        return Decision(number, tuple(zip(rule.names, values, strict=True)))


def _open(covers: set[Cover]) -> set[Cover]:
    crossing = {
        one & other
        for one, other in combinations(covers, 2)
        if one & other and not (one <= other or other <= one)
    }
    return crossing - covers
