"""Path patterns, the tree they make, and the overlaps that no order could settle. Pure."""

import re
from itertools import islice, zip_longest
from typing import Any, NamedTuple

from jwt_wsgi.policy.paths import CONTROL, METHOD, Segments

_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
# Other routers' spellings; taken literally they would match nothing, silently.
_FOREIGN = re.compile(r"\*{1,2}|:.+|<.*>")
_END = "{$}"
_MAX_REPORTED = 10


class Pattern(NamedTuple):
    """One place: its segments, None for a parameter, and whether it ends there (`{$}`)."""

    segments: tuple[str | None, ...]
    exact: bool

    def __str__(self) -> str:
        named = [f"{{p{i}}}" if name is None else name for i, name in enumerate(self.segments, 1)]
        return "/" + "/".join(named + [_END] * self.exact)


class ParsedKey(NamedTuple):
    """A rule's key taken apart; no methods means every method. `names` are the parameters'."""

    methods: tuple[str, ...]
    pattern: Pattern
    names: tuple[str, ...]


def parse(key: str) -> ParsedKey:
    """A key such as `"GET,HEAD /users/{id}"`; raises `ValueError` with the remedy."""
    before, slash, after = key.partition("/") if isinstance(key, str) else ("", "", "")
    if not slash or (before and (not before.endswith(" ") or before.count(" ") != 1)):
        raise ValueError(f"rule {key!r}: write a path, or methods, one space and a path: 'GET,HEAD /users/{{id}}'")
    methods = tuple(before[:-1].split(",")) if before else ()
    for method in methods:
        if not METHOD.fullmatch(method) or methods.count(method) > 1:
            raise ValueError(f"rule {key!r}: {method!r} is no upper-case method, or named twice")
    parts = after.split("/")
    exact = parts[-1] == _END
    if exact or parts[-1] == "":
        parts.pop()
    _check_parts(key, parts)
    parameters = [_PARAMETER.fullmatch(part) for part in parts]
    names = tuple(parameter[1] for parameter in parameters if parameter)
    if len(set(names)) != len(names):
        raise ValueError(f"rule {key!r}: names a parameter twice")
    segments = (None if named else part for part, named in zip(parts, parameters, strict=True))
    return ParsedKey(methods, Pattern(tuple(segments), exact), names)


def _check_parts(key: str, parts: list[str]) -> None:
    for part in parts:
        if part in ("", ".", "..") or CONTROL.search(part):
            raise ValueError(f"rule {key!r}: {part!r} is a segment that no request may hold")
        if _ESCAPE.search(part):
            raise ValueError(f"rule {key!r}: {part!r}; patterns are written decoded")
        if ("{" in part or "}" in part) and not _PARAMETER.fullmatch(part):
            raise ValueError(f"rule {key!r}: {part!r}; a parameter is a whole segment, {{$}} stands at the end only")
        if _FOREIGN.fullmatch(part):
            remedy = "write {name} for one segment, and nothing for what is beneath: that is covered already"
            raise ValueError(f"rule {key!r}: {part!r} is another router's spelling; {remedy}")


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
    if not smaller or _meet(cover, [largest]) != largest.path or any(None in node.children for node in smaller):
        smaller = branches
    steps = [step(branches, segment) for segment in dict.fromkeys(name for node in smaller for name in node.children)]
    return [nodes for nodes in steps if len(nodes) > 1 or (len(branches) > 1 and _meet(cover, nodes) != nodes[0].path)]


def _meet(cover: tuple[str | None, ...] | None, nodes: list[Node]) -> tuple[str | None, ...]:
    """The intersection of a shorter cover and of the places at these nodes."""
    paths = [node.path for node in nodes] + ([] if cover is None else [cover])
    return tuple(next(filter(None, segments), None) for segments in zip_longest(*paths))
