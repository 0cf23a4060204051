"""The search for overlaps of patterns that no order of precedence settles. Pure.

`/users/{id}/avatar` and `/users/admin` both cover `/users/admin/avatar`, and neither lies inside
the other. Whichever of the two decided there, some author would be surprised. A rule for exactly
their intersection, `/users/admin/avatar`, settles it.
"""

from itertools import zip_longest
from typing import NamedTuple

from jwt_wsgi.policy.patterns import PARAMETER, Pattern, PatternPath
from jwt_wsgi.policy.tree import Node, step

_MAX_REPORTED = 10


class _Walk(NamedTuple):
    """The nodes that the same paths reach, and the intersection of the subtrees around them."""

    nodes: list[Node]
    cover: PatternPath | None


def missing_intersections(root: Node) -> dict[Pattern, bool]:
    """Return the patterns of the rules that must be added, ten at most.

    The value is true where ending a shallower pattern with `{$}` would make the rule unnecessary.

    The search walks down from the root. It follows each node alone, and together the nodes that
    the same paths reach.
    """
    missing: dict[Pattern, bool] = {}
    walks = [_Walk([root], None)]
    while walks and len(missing) < _MAX_REPORTED:
        nodes, cover = walks.pop()
        subtrees = [node for node in nodes if node.subtree]
        exacts = [node for node in nodes if node.exact]
        if subtrees:
            cover = _intersection(cover, subtrees)
            if cover not in [node.path for node in subtrees]:
                pattern = Pattern(cover, exact=False)
                missing[pattern] = cover != _intersection(None, subtrees)
        if exacts:
            overlap = _intersection(cover, exacts)
            if overlap not in [node.path for node in exacts]:
                pattern = Pattern(overlap, exact=True)
                missing[pattern] = overlap != _intersection(None, exacts + subtrees)
        walks += _walks_below(nodes, cover)
    # The last step may have found two.
    return dict(list(missing.items())[:_MAX_REPORTED])


def _walks_below(nodes: list[Node], cover: PatternPath | None) -> list[_Walk]:
    walks = [_Walk(group, cover) for group in _steps_to_search(nodes, cover)]
    if len(nodes) == 1:
        alone = [_Walk([child], cover) for child in nodes[0].children.values()]
        return alone + walks
    return walks


def _steps_to_search(nodes: list[Node], cover: PatternPath | None) -> list[list[Node]]:
    """Return the steps down from these nodes that may lead to an overlap.

    A step may, if it reaches several nodes, or if it reaches a node that does not lie inside the
    cover. Every other step stays below one node, which is followed alone.
    """
    steps = [step(nodes, segment) for segment in _segments_to_search(nodes, cover)]
    return [
        reached
        for reached in steps
        if len(reached) > 1 or (len(nodes) > 1 and _intersection(cover, reached) != reached[0].path)
    ]


def _segments_to_search(nodes: list[Node], cover: PatternPath | None) -> dict[str | None, None]:
    """Return the segments to step to, in order and without repeats.

    The children of the largest node are left out where they cannot overlap with anything, so that
    a node with thousands of children costs its neighbours nothing.
    """
    by_size = sorted(nodes, key=_number_of_children)
    largest = by_size.pop()
    if _all_children_matter(largest, by_size, cover):
        by_size = nodes
    return dict.fromkeys(segment for node in by_size for segment in node.children)


def _all_children_matter(largest: Node, others: list[Node], cover: PatternPath | None) -> bool:
    if not others or _intersection(cover, [largest]) != largest.path:
        return True
    return any(PARAMETER in node.children for node in others)


def _number_of_children(node: Node) -> int:
    return len(node.children)


def _intersection(cover: PatternPath | None, nodes: list[Node]) -> PatternPath:
    """Return the pattern of the paths that the cover and all these nodes have in common.

    A shorter pattern also covers what is below, as if parameters followed its last segment.
    """
    paths = [node.path for node in nodes]
    if cover is not None:
        paths.append(cover)
    if len(paths) == 1:
        return paths[0]
    return tuple(map(_narrowest, zip_longest(*paths, fillvalue=PARAMETER)))


def _narrowest(segments: tuple[str | None, ...]) -> str | None:
    """Return the literal among these segments, of which overlapping patterns have one at most."""
    for segment in segments:
        if segment is not PARAMETER:
            return segment
    return PARAMETER
