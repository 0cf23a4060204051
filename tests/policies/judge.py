"""The judge: what a set of rules means, by enumeration. Slow, and simple enough to be believed.

It writes out every path of a small universe, and for every shape the set of the paths that it covers. All else
is said in these sets: inside is subset, overlap is a common path, innermost is the set within all the others.
"""

from __future__ import annotations

from functools import cache, cached_property
from itertools import combinations, product
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


#: No rule covers the path, so the default holds; or the innermost place has no rule for the method.
UNCOVERED, DENIED = Decision(None), Decision(-1)


@cache
def universe(literals: tuple[str, ...], depth: int) -> tuple[Path, ...]:
    """Every path, one step deeper than any shape: that tells a subtree from its top alone."""
    return tuple(
        path for length in range(depth + 2) for path in product((*literals, FRESH), repeat=length)
    )


@cache
def cover(shape: Shape, literals: tuple[str, ...], depth: int) -> Cover:
    """The paths that it covers."""
    length = len(shape.segments)
    return frozenset(
        path
        for path in universe(literals, depth)
        if (len(path) == length or (len(path) > length and not shape.ends))
        and all(said in (ANY, segment) for said, segment in zip(shape.segments, path, strict=False))
    )


@cache
def shapes_by_cover(literals: tuple[str, ...], depth: int) -> dict[Cover, Shape]:
    """Every shape there is, by what it covers; no two cover the same."""
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
    """What the rules of one draft mean."""

    def __init__(self, draft: Draft) -> None:
        self.literals, self.depth = draft.literals, draft.depth
        self.paths = universe(self.literals, self.depth)
        self.rules = draft.rules
        self.covers = [self.covered_by(rule) for rule in draft.rules]

    def covered_by(self, rule: Written) -> Cover:
        return cover(rule.shape, self.literals, self.depth)

    def missing(self) -> set[Shape]:
        """The intersections that no rule covers exactly, of rules that overlap with neither inside the other."""
        return set(
            map(shapes_by_cover(self.literals, self.depth).__getitem__, _open(set(self.covers)))
        )

    def settled(self) -> set[Shape]:
        """The places that there are when everything missing was added, and what that lacks in its turn."""
        covers = set(self.covers)
        while lacking := _open(covers):
            covers |= lacking
        return {shapes_by_cover(self.literals, self.depth)[each] for each in covers}

    @cached_property
    def places(self) -> dict[Path, list[int]]:
        """The numbers of the rules at the innermost place that covers a path, for every path that one covers."""
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
        """The innermost place decides alone; what it says nothing about is denied."""
        if path not in self.places:
            return UNCOVERED
        place = self.places[path]
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
            segment for said, segment in zip(rule.shape.segments, path, strict=False) if said == ANY
        ]
        return Decision(number, tuple(zip(rule.names, values, strict=True)))


def _open(covers: set[Cover]) -> set[Cover]:
    crossing = {
        one & other
        for one, other in combinations(covers, 2)
        if one & other and not (one <= other or other <= one)
    }
    return crossing - covers
