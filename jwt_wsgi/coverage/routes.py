"""What a route stands for: segments that are written, segments that a request fills in, and what is beneath.

Where a pattern cannot be read with certainty, its route stands for more paths than
it matches, never for fewer: everything beneath what is certain.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from jwt_wsgi.policy.paths import CONTROL
from jwt_wsgi.policy.tree import Node, step

#: A segment that no policy can name: its patterns refuse it as another router's spelling.
UNNAMED = "*"
ONE_SEGMENT, ONE_SEGMENT_OR_NONE, ANY_DEPTH = "[^/]+", "[^/]*", ".*"

# Regular expressions that certainly match no slash. A range between letters or digits holds
# none; a negated class holds none where it names the slash. A dot, \D and \W might.
_POSITIVE = r"\[-?(?:[A-Za-z0-9](?:-[A-Za-z0-9])?|[_.@~+]|\\[dw.-])+-?\]"
_CLASS = rf"(?:\\[dw]|{_POSITIVE}|\[\^[^\]\\\[]*/[^\]\\\[]*\])"
_TIMES = r"(?:[*+?]\??|\{\d+(?:,\d*)?\})?"
_ATOM = rf"(?:{_CLASS}|\\[.@_-]|[\w~@ %,;=!-])"
_ATOMS = rf"(?:{_ATOM}{_TIMES})+"
_NESTED = rf"(?:(?:{_ATOM}|\((?:\?:)?{_ATOMS}(?:\|{_ATOMS})*\)){_TIMES})+"
_NO_SLASH = rf"{_NESTED}(?:\|{_NESTED})*"
_OPEN = r"(?:\[\^/\])?\.[*+]\??"
_WITHOUT_SLASH, _AT_ANY_DEPTH = re.compile(_NO_SLASH), re.compile(_OPEN)

_TOKEN = re.compile(
    rf"(?P<literal>\\[./@_+-]|[\w/~@ %,;=!-])(?![*+?{{])"
    rf"|\((?:\?P<(?P<name>\w+)>|\?:)?(?P<group>{_NO_SLASH}|{_OPEN})\)(?![*+?{{])"
    rf"|(?P<bare>{_CLASS}{_TIMES}|{_OPEN})"
)


class Piece(NamedTuple):
    """A part of a route that a request fills in, and the regular expression that it matches."""

    name: str
    regex: str = ONE_SEGMENT


Pieces = tuple[str | Piece, ...]


class Parameter(NamedTuple):
    """A segment that a request fills in, and what the whole of it must match."""

    shown: str
    fits: re.Pattern[str] | None = None

    def may_be(self, value: str) -> bool:
        """Whether a request can fill in this value."""
        return self.fits is None or self.fits.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Route:
    """The paths of one route. `path` is how it is shown.

    A rule names it whose pattern has `depth` segments or more. `deep`: everything
    beneath its segments too; `beneath`: and not they themselves. `uncertain`: it
    could not be read, and stands for more than it matches.
    """

    path: str
    segments: tuple[str | Parameter, ...]
    depth: int
    deep: bool = False
    beneath: bool = False
    uncertain: bool = False

    @property
    def shortened(self) -> "Route | None":
        """Where the last segment may be empty: the route without it, for a trailing slash is dropped."""
        last = self.segments[-1] if self.segments else ""
        if self.deep or isinstance(last, str) or not last.may_be(""):
            return None
        return Route(self.path, self.segments[:-1], self.depth - 1)

    @property
    def key(self) -> str:
        """The pattern of the rule that names this route."""
        names = (
            s
            if isinstance(s, str)
            else s.shown
            if re.fullmatch(r"\{[A-Za-z_]\w*\}", s.shown, re.ASCII)
            else f"{{p{i}}}"
            for i, s in enumerate(self.segments, 1)
        )
        return "/" + "/".join(names)


def assemble(pieces: Pieces, *, certain: bool = True, spelling: str = "") -> Route:
    """The route that these pieces make; `spelling` is how it is shown where it is uncertain."""
    whole: list[Pieces] = []
    segment: Pieces = ()
    deep: Piece | None = None
    for piece in pieces:
        if isinstance(piece, Piece) and not _WITHOUT_SLASH.fullmatch(piece.regex):
            deep = piece
            break
        first, *others = piece.split("/") if isinstance(piece, str) else (piece,)
        segment += (first,)
        for other in others:
            whole.append(segment)
            segment = (other,)
    # What is shared with a part that may hold slashes is no segment that a rule could name.
    certain = certain and (
        deep is None or (not any(segment) and _AT_ANY_DEPTH.fullmatch(deep.regex) is not None)
    )
    shown = _shown(pieces) if certain or not spelling else spelling
    # One trailing slash is no segment.
    read = whole[1:] if deep or not certain or not any(segment) else [*whole[1:], segment]
    segments = tuple(map(_segment, read))
    for i, written in enumerate(segments):
        # No request that the policy lets through is spelled like that.
        if written in ("", ".", "..") or (isinstance(written, str) and CONTROL.search(written)):
            return Route(spelling or shown, segments[:i], i, deep=True, uncertain=True)
    if deep is None:
        return Route(shown, segments, len(segments), deep=not certain, uncertain=not certain)
    behind = _shown(pieces[pieces.index(deep) + 1 :]).rstrip("/")
    depth = len(segments) + (1 + behind.count("/") if behind else 0)
    beneath = certain and re.fullmatch(deep.regex, "") is None
    return Route(shown, segments, depth, deep=True, beneath=beneath, uncertain=not certain)


def _segment(pieces: Pieces) -> str | Parameter:
    shown = _shown(pieces)
    filled = [piece for piece in pieces if isinstance(piece, Piece)]
    if not filled:
        return shown
    if [piece.regex for piece in filled] == [ONE_SEGMENT] and shown == f"{{{filled[0].name}}}":
        return Parameter(shown)
    parts = (
        re.escape(piece) if isinstance(piece, str) else f"(?:{piece.regex})" for piece in pieces
    )
    return Parameter(shown, re.compile("".join(parts)))


def _shown(pieces: Pieces) -> str:
    return "".join(
        piece
        if isinstance(piece, str)
        else f"{{{piece.name}{'' if _WITHOUT_SLASH.fullmatch(piece.regex) else '...'}}}"
        for piece in pieces
    )


def read_regex(regex: str) -> tuple[Pieces, bool]:
    """The pieces of a regular expression without its anchors, and whether they are all of it."""
    pieces: list[str | Piece] = []
    position = 0
    while position < len(regex):
        token = _TOKEN.match(regex, position)
        if token is None:
            # An alternative makes what stands before it uncertain too.
            return ((), False) if "|" in regex[position:] else (tuple(pieces), False)
        if token["literal"]:
            pieces.append(token["literal"][-1])
        else:
            pieces.append(Piece(token["name"] or f"p{position}", token["group"] or token["bare"]))
        position = token.end()
    return tuple(pieces), True


def witnesses(route: Route, root: Node) -> Iterator[tuple[str, ...]]:
    """For every way in which the policy can tell paths of this route apart, one path.

    `root` is the tree of the policy's patterns. A segment that no pattern names
    there stands for all that none names.
    """
    walks: list[tuple[tuple[str, ...], list[Node]]] = [((), [root])]
    for segment in route.segments:
        walks = [
            ((*path, value), step(branches, value))
            for path, branches in walks
            for value in ([segment] if isinstance(segment, str) else _values(branches, segment))
        ]
    reached = deque(walks)
    while reached:
        path, branches = reached.popleft()
        if not (route.beneath and len(path) == len(route.segments)):
            yield path
        if route.deep and (branches or len(path) == len(route.segments)):
            reached += [
                ((*path, value), step(branches, value))
                for value in _values(branches, Parameter(""))
            ]


def _values(branches: list[Node], parameter: Parameter) -> list[str]:
    named = sorted(
        {name for node in branches for name in node.children if name and parameter.may_be(name)}
    )
    return [*named, UNNAMED]
