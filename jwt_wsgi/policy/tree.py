"""The tree that patterns make, and the walk to the innermost place of a path. Pure."""

from typing import Any

from jwt_wsgi.policy.paths import Segments

#: What holds at one place, by method; None stands for every other method. Empty, it is no place.
Place = dict[str | None, Any]


class Node:
    """One step of the tree of patterns, with the places that end here.

    `children` are the steps after it by their segments; None is the parameter.
    """

    __slots__ = ("children", "exact", "path", "subtree")

    def __init__(self, path: tuple[str | None, ...] = ()) -> None:
        self.path = path
        self.children: dict[str | None, Node] = {}
        self.exact: Place = {}
        self.subtree: Place = {}

    def reach(self, path: tuple[str | None, ...]) -> "Node":
        """The node at `path`, grown where it is not there yet."""
        node = self
        for segment in path:
            node = node.children.setdefault(segment, Node((*node.path, segment)))
        return node


def decider(place: Place, method: str) -> Any:
    """The rule that decides at a place: the one that names the method (HEAD takes GET's), else the one without."""
    return place.get(method) or (place.get("GET") if method == "HEAD" else None) or place.get(None)


def step(branches: list[Node], segment: str | None) -> list[Node]:
    """The branches one segment on, literals first; None is a segment that no literal names.

    What stands first is thereby inside whatever overlaps with it, since the
    overlaps that it is not inside of are settled by a rule that stands before it.
    """
    # Loops, for this is walked for every path that is not remembered.
    literals, parameters = [], []
    for branch in branches:
        children = branch.children
        if segment in children and segment is not None:
            literals.append(children[segment])
        if None in children:
            parameters.append(children[None])
    return literals + parameters


def innermost(root: Node, segments: Segments) -> Place:
    """The place whose cover of this path lies inside every other's, or an empty one."""
    best, branches = root.subtree, [root]
    for segment in segments:
        branches = step(branches, segment)
        if not branches:
            return best
        for node in branches:
            if node.subtree:
                best = node.subtree
                break
    return next((node.exact for node in branches if node.exact), best)
