"""Random policies as plain values. Knows neither the package nor the judge.

A shape is its segments, `ANY` for a parameter, and how it ends: there (`{$}`), with a tail
(`{rest...}`), or not at all.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

ANY = "*"
#: The methods of requests. Rules name all but the last.
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PUT")
#: Literals that are prefixes of one another, are not ASCII, or look like other syntax.
LITERALS = ("a", "ab", "é", "a;v=1", "b.c")


class Shape(NamedTuple):
    """A pattern without the names of its parameters."""

    segments: tuple[str, ...]
    ends: bool
    tail: bool = False


class Written(NamedTuple):
    """One rule: its shape, its methods (none means all others) and its parameters' names, in order."""

    shape: Shape
    methods: tuple[str, ...]
    names: tuple[str, ...]
    slash: bool = False

    @property
    def key(self) -> str:
        """The rule's key, as an author writes it."""
        names = iter(self.names)
        parts = [
            f"{{{next(names)}}}" if segment == ANY else segment for segment in self.shape.segments
        ]
        end = ["{$}"] * self.shape.ends + ["{rest...}"] * self.shape.tail
        path = "/" + "/".join(parts + end)
        slash = "/" if self.slash and not end and parts else ""
        return f"{','.join(self.methods)}{' ' * bool(self.methods)}{path}{slash}"


class Draft(NamedTuple):
    """A policy's rules, the literals they are made of, and how deep they may go."""

    rules: tuple[Written, ...]
    literals: tuple[str, ...]
    depth: int


#: The number of literals and the depth. Each makes a universe of a few hundred paths.
SIZES = ((1, 4), (2, 3), (2, 3), (2, 3), (3, 3), (2, 4), (5, 2))


def draft(random: Random) -> Draft:
    """Return a policy of a few places or of a dozen and more, some with several rules."""
    number, depth = random.choice(SIZES)
    literals = tuple(random.sample(LITERALS, number))
    shapes: list[Shape] = []
    for _ in range(random.randint(1, random.choice((3, 6, 9, 14)))):
        shapes.append(_shape(random, shapes, literals, depth))
    if random.random() < 0.4:
        shapes += _crossings(random, shapes)
    if random.random() < 0.4:
        shapes = _with_tails(random, shapes, depth)
    random.shuffle(shapes)
    rules = [rule for shape in dict.fromkeys(shapes) for rule in _rules(random, shape)]
    random.shuffle(rules)
    return Draft(tuple(rules), literals, depth)


def _shape(random: Random, shapes: list[Shape], literals: tuple[str, ...], depth: int) -> Shape:
    """Return a new shape, or one below, beside or with the other end of a shape that exists."""
    segments = [random.choice((*literals, ANY, ANY)) for _ in range(random.randint(0, depth))]
    if shapes and random.random() < 0.6:
        segments = list(random.choice(shapes).segments)
        if len(segments) < depth and random.random() < 0.5:
            segments.append(random.choice((*literals, ANY)))
        elif segments:
            segments[random.randrange(len(segments))] = random.choice((*literals, ANY))
    return Shape(tuple(segments), random.random() < 0.35)


def _crossings(random: Random, shapes: list[Shape]) -> list[Shape]:
    """Return the intersections of overlapping shapes, sometimes without one of them."""
    met: list[Shape] = []
    everything = list(shapes)
    for one in everything:
        for other in shapes:
            deep, flat = sorted((one, other), key=lambda shape: len(shape.segments), reverse=True)
            padded = flat.segments + (ANY,) * (len(deep.segments) - len(flat.segments))
            pairs = list(zip(deep.segments, padded, strict=True))
            if (
                any(ANY not in pair and pair[0] != pair[1] for pair in pairs)
                or len(everything) > 40
            ):
                continue
            both = Shape(
                tuple(theirs if ours == ANY else ours for ours, theirs in pairs),
                one.ends or other.ends,
            )
            if both not in everything:
                everything.append(both)
                met.append(both)
    random.shuffle(met)
    return met[: len(met) - random.choice((0, 0, 1))] if met else met


def _with_tails(random: Random, shapes: list[Shape], depth: int) -> list[Shape]:
    """Return some of the shapes as tails, mostly without the others that share paths with them."""
    changed = [
        Shape(shape.segments[: random.randrange(depth)], ends=False, tail=True)
        if random.random() < 0.3
        else shape
        for shape in shapes
    ]
    if random.random() < 0.2:
        return changed
    kept: list[Shape] = []
    for shape in sorted(changed, key=lambda shape: not shape.tail):
        tails = [each for each in kept if each.tail]
        if random.random() < 0.03 or not any(_shares(tail, shape) for tail in tails):
            kept.append(shape)
    return kept


def _shares(tail: Shape, other: Shape) -> bool:
    """Return whether two shapes share paths, and `other` is not one that contains the tail."""
    inside = (*tail.segments, ANY)
    pairs = list(zip(inside, other.segments, strict=False))
    apart = any(ANY not in pair and pair[0] != pair[1] for pair in pairs)
    if apart or (other.ends and len(other.segments) < len(inside)):
        return False
    contains = all(theirs in (ANY, ours) for ours, theirs in pairs)
    return other.tail or other.ends or len(other.segments) > len(tail.segments) or not contains


def _rules(random: Random, shape: Shape) -> list[Written]:
    """Return the rules of one place; no method is named twice, and each rule has its own names."""
    methods = random.sample(METHODS[:-1], random.randint(0, 3))
    groups: list[tuple[str, ...]] = []
    while methods:
        size = random.randint(1, len(methods))
        groups.append(tuple(methods[:size]))
        methods = methods[size:]
    if not groups or random.random() < 0.5:
        groups.append(())
    wanted = shape.segments.count(ANY)
    return [
        Written(
            shape,
            group,
            tuple(random.sample(["id", "name", "x", "_y", "n1"], wanted)),
            random.random() < 0.2,
        )
        for group in groups
    ]
