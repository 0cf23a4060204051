"""The tree of all patterns of a policy, and the walk to the innermost place of a path. Pure."""

from itertools import takewhile
from typing import Any, Final

from jwt_wsgi.policy.paths import Segments
from jwt_wsgi.policy.patterns import PARAMETER, Pattern, PatternPath

#: The key, in a place, of the rule for the methods that no other rule of the place names.
OTHER_METHODS: Final = ""

#: The rules with one and the same pattern, by method. An empty one is not a place.
Place = dict[str, Any]


class Node:
    """The patterns that begin with the same segments, which are the node's `path`.

    `children` are the nodes one segment further, by that segment. `subtree` is the place of the
    pattern that ends here and covers everything below, `exact` that of the one with `{$}`.

    Of paths without empty segments, the tail `/a/{name...}` covers the same as `/a/{name}`. So its
    place is the subtree of that node, for which `is_tail` is true.
    """

    __slots__ = ("children", "exact", "is_tail", "path", "subtree")

    def __init__(self, path: PatternPath = ()) -> None:
        self.path = path
        self.children: dict[str | None, Node] = {}
        self.exact: Place = {}
        self.subtree: Place = {}
        self.is_tail = False

    def place_of(self, pattern: Pattern) -> Place:
        """Return the place of a pattern below this node; create the nodes that are missing."""
        node = self
        for segment in pattern.shortest:
            child = node.children.get(segment)
            if child is None:
                child = node.children[segment] = Node((*node.path, segment))
            node = child
        if pattern.exact:
            return node.exact
        node.is_tail = node.is_tail or pattern.tail
        return node.subtree


def rule_for_method(place: Place, method: str) -> Any:
    """Return the rule of a place for a method, or None.

    The rule that names the method comes first, then GET's rule for HEAD, then the rule without
    methods.
    """
    if method in place:
        return place[method]
    if method == "HEAD" and "GET" in place:
        return place["GET"]
    return place.get(OTHER_METHODS)


def step(nodes: list[Node], segment: str | None) -> list[Node]:
    """Return the nodes one segment below these; `PARAMETER` steps to the parameters alone.

    Literals come before parameters. Therefore the first node with a place lies inside the places
    of all the others. If it did not, a rule for the intersection would exist, because the policy
    demands one, and the node of that rule would come first.
    """
    # Plain loops, because every path that is not cached is walked with them.
    literals = []
    parameters = []
    for node in nodes:
        children = node.children
        if segment in children and segment is not PARAMETER:
            literals.append(children[segment])
        if PARAMETER in children:
            parameters.append(children[PARAMETER])
    return literals + parameters


def innermost(root: Node, segments: Segments) -> Place:
    """Return the place that lies inside all other places that cover this path.

    The place is empty where no pattern covers the path.
    """
    place = root.subtree
    nodes = [root]
    for segment in segments:
        nodes = step(nodes, segment)
        if not nodes:
            return place
        for node in nodes:
            if node.subtree:
                place = node.subtree
                break
    for node in nodes:
        if node.exact:
            return node.exact
    return place


def tail_around(root: Node, segments: Segments) -> Place:
    """Return the place of the tail that covers this path; it is empty where no tail does.

    The segments before the tail, and its first one, are not empty. No other pattern lies inside a
    tail, so wherever the application drops empty segments, this place decides.
    """
    nodes = [root]
    for segment in takewhile(bool, segments):
        nodes = step(nodes, segment)
        for node in nodes:
            if node.is_tail:
                return node.subtree
    return {}
