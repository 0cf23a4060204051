"""The search for overlaps of patterns that no order of precedence settles. Pure.

`/users/{id}/avatar` and `/users/admin` both cover `/users/admin/avatar`, and neither lies inside
the other. Whichever of the two decided there, some author would be surprised. A rule for exactly
their intersection, `/users/admin/avatar`, settles it.

Inside a tail, such as `/files/{name...}`, nothing settles an overlap: a path with empty segments
has to stay under one rule, whichever of them an application drops.
"""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import NamedTuple

from jwt_wsgi.policy.patterns import PARAMETER, Pattern, PatternPath
from jwt_wsgi.policy.tree import Node, step

_MAX_REPORTED = 10
#: Patterns that are named to be ended with `{$}`. The search for each costs a walk of the tree.
_MAX_ENDED = 20


class _Meeting(NamedTuple):
    """Nodes that the same paths reach.

    `around` is the intersection of the subtrees above them, `cover` that of their own subtrees
    too. Each is None where there is no subtree.
    """

    nodes: list[Node]
    around: PatternPath | None
    cover: PatternPath | None


def check_tails(root: Node) -> None:
    """Raise `ValueError` where another pattern lies inside a tail, or overlaps with it."""
    intrusion = _first_intrusion(root)
    if intrusion is None:
        return
    tail, other = intrusion
    rule = next(iter(tail.subtree.values()))
    plain = Pattern(tail.path[:-1], exact=False)
    remedy = f"write '{plain}', which may have rules below it and accepts no empty segments"
    if len(other.segments) < len(tail.path) and not other.tail:
        remedy = f"end '{other}' with {{$}}, or {remedy}"
    raise ValueError(
        f"rule {rule.key!r}: '{other}' shares paths with this tail, and no other rule may decide "
        f"inside a tail; {remedy}"
    )


def check_overlaps(root: Node) -> None:
    """Raise `ValueError` where patterns overlap with neither inside the other."""
    missing = missing_intersections(root)
    if not missing:
        return
    text = "patterns overlap with neither inside the other, so no order of precedence is safe; "
    keys = _keys_to_end(root, missing)
    if keys:
        text += f"end {', '.join(map(repr, keys))} with {{$}} if nothing is served below, or "
    elif any(missing.values()):
        text += (
            "end the shallower of two with {$} if nothing is served below (or remove it, if that "
            "rule exists), or "
        )
    text += "add the rules that say what holds where both apply: " + ", ".join(map(str, missing))
    raise ValueError(text)


def missing_intersections(root: Node) -> dict[Pattern, bool]:
    """Return the patterns of the rules that must be added, ten at most.

    The value is true where ending a shallower pattern with `{$}` would make the rule unnecessary.
    """
    missing: dict[Pattern, bool] = {}
    for nodes, _, cover in _meetings(root):
        subtrees = [node for node in nodes if node.subtree]
        exacts = [node for node in nodes if node.exact]
        if cover is not None and subtrees and cover not in [node.path for node in subtrees]:
            pattern = Pattern(cover, exact=False)
            missing[pattern] = cover != _intersection(None, subtrees)
        if exacts:
            overlap = _intersection(cover, exacts)
            if overlap not in [node.path for node in exacts]:
                pattern = Pattern(overlap, exact=True)
                missing[pattern] = overlap != _intersection(None, exacts + subtrees)
        if len(missing) >= _MAX_REPORTED:
            break
    # The last step may have found two.
    return dict(list(missing.items())[:_MAX_REPORTED])


def _keys_to_end(root: Node, missing: Mapping[Pattern, bool]) -> list[str]:
    """Return the keys of the rules that settle all overlaps if they end with `{$}`.

    The list is empty if that does not settle all of them, or if they are too many to list.
    """
    ended: list[Node] = []
    tree = root
    still_missing = missing
    while still_missing:
        nodes: list[Node] = []
        for pattern in still_missing:
            nodes += [node for node in _shallow_nodes(tree, pattern) if node not in nodes]
        ended += nodes
        if not nodes or len(ended) > _MAX_ENDED:
            return []
        tree = _with_ended(tree, nodes)
        still_missing = missing_intersections(tree)
    return sorted({rule.key for node in ended for rule in node.subtree.values()})


def _shallow_nodes(root: Node, missing: Pattern) -> list[Node]:
    """Return the nodes whose subtrees overlap with a deeper pattern around a missing rule."""
    nodes = [root]
    walked = [root]
    for segment in missing.segments:
        nodes = step(nodes, segment)
        walked += nodes
    written = [node for node in walked if node.subtree or node.exact]
    paths = {node.path for node in written}
    return [node for node in written if _can_end(node) and _is_unsettled(node, written, paths)]


def _can_end(node: Node) -> bool:
    """Tell whether the rules of a node's subtree may end with `{$}` instead."""
    return bool(node.subtree) and not node.exact and not node.is_tail


def _is_unsettled(node: Node, others: list[Node], paths: set[PatternPath]) -> bool:
    """Tell whether a node overlaps with a deeper one, and no rule has the paths of both."""
    return any(
        len(other.path) > len(node.path) and _meet(node.path, other.path) not in paths
        for other in others
    )


def _with_ended(root: Node, ended: list[Node]) -> Node:
    """Return the tree of the same patterns, with the subtrees of some nodes ended with `{$}`."""
    changed = Node()
    pending = [root]
    while pending:
        node = pending.pop()
        pending += node.children.values()
        is_ended = node in ended
        if node.exact or is_ended:
            changed.place_of(Pattern(node.path, exact=True)).update(node.exact or node.subtree)
        if node.subtree and not is_ended:
            changed.place_of(Pattern(node.path, exact=False)).update(node.subtree)
    return changed


def _first_intrusion(root: Node) -> tuple[Node, Pattern] | None:
    """Return a tail and a pattern that shares paths with it, unless all of the tail lies inside.

    Returns None where the tails share paths with no pattern but those around them.
    """
    for nodes, around, _ in _meetings(root):
        for tail in nodes:
            if not tail.is_tail:
                continue
            if around is not None and _intersection(around, [tail]) != tail.path:
                return tail, Pattern(around, exact=False)
            for node in nodes:
                for pattern in _patterns_from(node):
                    if not _is_around(pattern, tail):
                        return tail, pattern
    return None


def _patterns_from(node: Node) -> Iterator[Pattern]:
    """Yield the patterns of a node, and those of one branch below it.

    None of the patterns below is around a tail, so it is enough to know one.
    """
    current: Node | None = node
    while current is not None:
        if current.is_tail:
            yield Pattern(current.path[:-1], exact=False, tail=True)
        elif current.subtree:
            yield Pattern(current.path, exact=False)
        if current.exact:
            yield Pattern(current.path, exact=True)
        current = next(iter(current.children.values()), None)


def _is_around(pattern: Pattern, tail: Node) -> bool:
    """Tell whether a pattern that shares paths with a tail contains all of it, or is the tail."""
    if pattern.shortest == tail.path:
        return pattern.tail
    return not (pattern.exact or pattern.tail) and _meet(pattern.segments, tail.path) == tail.path


def _meetings(root: Node) -> Iterator[_Meeting]:
    """Yield the nodes of the tree: each alone, and together those that the same paths reach."""
    pending: list[tuple[list[Node], PatternPath | None]] = [([root], None)]
    while pending:
        nodes, around = pending.pop()
        cover = around
        subtrees = [node for node in nodes if node.subtree]
        if subtrees:
            cover = _intersection(around, subtrees)
        yield _Meeting(nodes, around, cover)
        if len(nodes) == 1:
            pending += [([child], cover) for child in nodes[0].children.values()]
        pending += [(reached, cover) for reached in _steps_to_search(nodes, cover)]


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
    return _meet(*paths)


def _meet(*paths: PatternPath) -> PatternPath:
    return tuple(map(_narrowest, zip_longest(*paths, fillvalue=PARAMETER)))


def _narrowest(segments: tuple[str | None, ...]) -> str | None:
    """Return the literal among these segments, of which overlapping patterns have one at most."""
    for segment in segments:
        if segment is not PARAMETER:
            return segment
    return PARAMETER
