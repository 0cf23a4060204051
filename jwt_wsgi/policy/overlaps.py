"""The overlaps of patterns that no order of precedence could settle. Pure."""

from itertools import islice, zip_longest

from jwt_wsgi.policy.patterns import Pattern
from jwt_wsgi.policy.tree import Node, step

_MAX_REPORTED = 10


def missing_intersections(root: Node) -> dict[Pattern, bool]:
    """The rules that must be written before these patterns are unambiguous, ten at most.

    True for those that `{$}` on a shallower pattern makes unnecessary.

    Two patterns that overlap with neither inside the other leave open which one
    decides what both cover; a rule for exactly their intersection settles it.
    Walks every branch alone, and together the branches that share a path, with the
    intersection of the subtrees that cover it so far.
    """
    missing: dict[Pattern, bool] = {}
    walks: list[tuple[list[Node], tuple[str | None, ...] | None]] = [([root], None)]
    while walks and len(missing) < _MAX_REPORTED:
        branches, cover = walks.pop()
        subtrees = [node for node in branches if node.subtree]
        exacts = [node for node in branches if node.exact]
        if subtrees:
            cover = _meet(cover, subtrees)
            if all(node.path != cover for node in subtrees):
                missing[Pattern(cover, exact=False)] = cover != _meet(None, subtrees)
        if exacts and all(node.path != _meet(cover, exacts) for node in exacts):
            both = _meet(cover, exacts)
            missing[Pattern(both, exact=True)] = both != _meet(None, exacts + subtrees)
        if len(branches) == 1:
            walks.extend(([child], cover) for child in branches[0].children.values())
        walks.extend((shared, cover) for shared in _shared(branches, cover))
    return dict(islice(missing.items(), _MAX_REPORTED))


def _shared(branches: list[Node], cover: tuple[str | None, ...] | None) -> list[list[Node]]:
    """The steps that more than one branch leaves, and those that leave the cover.

    All others stay in one branch, which is walked alone. So a branch with thousands
    of children costs its neighbours nothing that they do not share with it.
    """
    *smaller, largest = sorted(branches, key=lambda node: len(node.children))
    if (
        not smaller
        or _meet(cover, [largest]) != largest.path
        or any(None in node.children for node in smaller)
    ):
        smaller = branches
    steps = [
        step(branches, segment)
        for segment in dict.fromkeys(name for node in smaller for name in node.children)
    ]
    return [
        nodes
        for nodes in steps
        if len(nodes) > 1 or (len(branches) > 1 and _meet(cover, nodes) != nodes[0].path)
    ]


def _meet(cover: tuple[str | None, ...] | None, nodes: list[Node]) -> tuple[str | None, ...]:
    """The intersection of a shorter cover and of the places at these nodes."""
    paths = [node.path for node in nodes] + ([] if cover is None else [cover])
    return tuple(next(filter(None, segments), None) for segments in zip_longest(*paths))
