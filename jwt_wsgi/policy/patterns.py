"""Path patterns, the tree they make, and the overlaps that no order could settle. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from jwt_wsgi.policy.paths import CONTROL, METHOD, Segments, segments_are_plain

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
    if not isinstance(key, str):
        raise ValueError(f"rule {key!r}: the key is a string, such as 'GET /users/{{id}}'")
    before, slash, after = key.partition("/")
    if not slash or (before and (not before.endswith(" ") or before.count(" ") != 1)):
        raise ValueError(
            f"rule {key!r}: write a path that begins with '/', with methods and one "
            "space before it or none, such as 'GET,HEAD /users/{id}'"
        )
    methods = tuple(before[:-1].split(",")) if before else ()
    for method in methods:
        if not METHOD.fullmatch(method):
            raise ValueError(f"rule {key!r}: {method!r} is no upper-case method")
    if len(set(methods)) != len(methods):
        raise ValueError(f"rule {key!r}: names a method twice")
    pattern, names = _parse_path(key, slash + after)
    return ParsedKey(methods, pattern, names)


def _parse_path(key: str, path: str) -> tuple[Pattern, tuple[str, ...]]:
    if CONTROL.search(path):
        raise ValueError(f"rule {key!r}: a control character; no request may hold one")
    if escape := _ESCAPE.search(path):
        raise ValueError(f"rule {key!r}: {escape[0]!r}; patterns are written decoded")
    parts = path[1:].split("/")
    exact = parts[-1] == _END
    if exact or parts[-1] == "":
        parts.pop()
    if "" in parts or not segments_are_plain(tuple(parts)):
        raise ValueError(f"rule {key!r}: an empty or dot segment; no request may hold one")
    segments: list[str | None] = []
    names: list[str] = []
    for part in parts:
        parameter = _PARAMETER.fullmatch(part)
        if parameter:
            names.append(parameter[1])
            segments.append(None)
            continue
        if "{" in part or "}" in part:
            raise ValueError(
                f"rule {key!r}: {part!r}; a parameter is a whole segment, such as "
                "{id}, and {$} stands at the end only"
            )
        if _FOREIGN.fullmatch(part):
            raise ValueError(
                f"rule {key!r}: {part!r} is another router's spelling; write {{name}} for one "
                "segment, and nothing for what is beneath: a rule covers that already"
            )
        segments.append(part)
    if len(set(names)) != len(names):
        raise ValueError(f"rule {key!r}: names a parameter twice")
    return Pattern(tuple(segments), exact), tuple(names)


class Node:
    """One step of the tree of patterns, with the places that end here."""

    __slots__ = ("exact", "literals", "parameter", "subtree")

    def __init__(self) -> None:
        self.literals: dict[str, Node] = {}
        self.parameter: Node | None = None
        self.exact: Any = None
        self.subtree: Any = None

    def reach(self, pattern: Pattern) -> Node:
        """The node of `pattern`, grown where it is not there yet."""
        node = self
        for segment in pattern.segments:
            if segment is None:
                node.parameter = node.parameter or Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment, Node())
        return node

    def child(self, segment: str | None) -> Node | None:
        """The node one step on; None is a parameter."""
        return self.parameter if segment is None else self.literals.get(segment)

    def children(self) -> Iterator[tuple[str | None, Node]]:
        """Every step on."""
        yield from self.literals.items()
        if self.parameter is not None:
            yield None, self.parameter


def innermost(root: Node, segments: Segments) -> Any:
    """The place whose cover of this path lies inside every other's, or None.

    One walk over the segments, in all branches that fit: a deeper cover lies
    inside a shallower one, `{$}` inside the subtree, and, since overlaps are
    settled, literals inside parameters.
    """
    best = root.subtree
    branches = [root]
    for segment in segments:
        # Literal steps first: a branch's place in the list is its specificity.
        branches = [
            step
            for steps in (
                [branch.literals.get(segment) for branch in branches],
                [branch.parameter for branch in branches],
            )
            for step in steps
            if step is not None
        ]
        if not branches:
            return best
        best = _most_literal(branches, best)
    return next((branch.exact for branch in branches if branch.exact is not None), best)


def _most_literal(branches: list[Node], best: Any) -> Any:
    return next((branch.subtree for branch in branches if branch.subtree is not None), best)


def missing_intersections(root: Node) -> list[Pattern]:
    """The rules that must be written before these patterns are unambiguous, ten at most.

    Two patterns that overlap with neither inside the other leave open which one
    decides what both cover; a rule for exactly their intersection settles it.
    """
    missing: dict[Pattern, None] = {}
    for pattern, place in _crossings(root):
        if place is None:
            missing[pattern] = None
            if len(missing) == _MAX_REPORTED:
                break
    return list(missing)


class _Pair(NamedTuple):
    """Two nodes that one path can reach, and the pattern of all the paths that reach both."""

    left: Node
    right: Node
    both: tuple[str | None, ...]
    meeting: Node | None


def _crossings(root: Node) -> Iterator[tuple[Pattern, Any]]:
    """Each intersection of two patterns of different branches, and the place at it or None."""
    pairs = list(_forks(root, ()))
    while pairs:
        pair = pairs.pop()
        if pair.left.exact is not None and pair.right.exact is not None:
            yield Pattern(pair.both, True), pair.meeting and pair.meeting.exact
        if pair.left.subtree is not None:
            yield from _covered(pair.right, pair.both, pair.meeting)
        if pair.right.subtree is not None:
            yield from _covered(pair.left, pair.both, pair.meeting)
        pairs.extend(_steps(pair))


def _forks(node: Node, path: tuple[str | None, ...]) -> Iterator[_Pair]:
    """The pairs that part at a literal beside a parameter, here and below."""
    stack = [(node, path)]
    while stack:
        node, path = stack.pop()
        for segment, child in node.children():
            stack.append((child, (*path, segment)))
            if segment is not None and node.parameter is not None:
                yield _Pair(child, node.parameter, (*path, segment), child)


def _steps(pair: _Pair) -> Iterator[_Pair]:
    """The pairs one segment on."""
    for segment, left in pair.left.children():
        for other in {segment, None} if segment is not None else set(dict(pair.right.children())):
            right = pair.right.child(other)
            if right is not None:
                both = other if segment is None else segment
                meeting = pair.meeting and pair.meeting.child(both)
                yield _Pair(left, right, (*pair.both, both), meeting)


def _covered(
    node: Node, path: tuple[str | None, ...], meeting: Node | None
) -> Iterator[tuple[Pattern, Any]]:
    """Each pattern at `node` and below, moved to `path`, which another branch covers whole."""
    stack = [(node, path, meeting)]
    while stack:
        node, path, meeting = stack.pop()
        if node.exact is not None:
            yield Pattern(path, True), meeting and meeting.exact
        if node.subtree is not None:
            yield Pattern(path, False), meeting and meeting.subtree
        for segment, child in node.children():
            stack.append((child, (*path, segment), meeting and meeting.child(segment)))
