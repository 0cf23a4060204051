"""Routes: the segments of a path that are fixed, those that a request fills in, and what follows.

Where a pattern cannot be read with certainty, its route stands for more paths than the pattern
matches, never for fewer: everything below the part that is certain.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from jwt_wsgi.policy.paths import CONTROL
from jwt_wsgi.policy.patterns import UNNAMED
from jwt_wsgi.policy.tree import Node, step

# The regular expressions of variables that every framework has.
ONE_SEGMENT = "[^/]+"
ONE_SEGMENT_OR_NONE = "[^/]*"
ANY_DEPTH = ".*"

# Regular expressions that certainly match no slash. A range between letters or digits contains
# none. A negated class contains none if it names the slash. A dot, \D and \W might.
_POSITIVE = r"\[-?(?:[A-Za-z0-9](?:-[A-Za-z0-9])?|[_.@~+]|\\[dw.-])+-?\]"
_CLASS = rf"(?:\\[dw]|{_POSITIVE}|\[\^[^\]\\\[]*/[^\]\\\[]*\])"
_TIMES = r"(?:[*+?]\??|\{\d+(?:,\d*)?\})?"
_ATOM = rf"(?:{_CLASS}|\\[.@_-]|[\w~@ %,;=!-])"
_ATOMS = rf"(?:{_ATOM}{_TIMES})+"
_NESTED = rf"(?:(?:{_ATOM}|\((?:\?:)?{_ATOMS}(?:\|{_ATOMS})*\)){_TIMES})+"
_NO_SLASH = rf"{_NESTED}(?:\|{_NESTED})*"
_OPEN = r"(?:\[\^/\])?\.[*+]\??"
_WITHOUT_SLASH = re.compile(_NO_SLASH)
_AT_ANY_DEPTH = re.compile(_OPEN)

_TOKEN = re.compile(
    rf"(?P<literal>\\[./@_+-]|[\w/~@ %,;=!-])(?![*+?{{])"
    rf"|\((?:\?P<(?P<name>\w+)>|\?:)?(?P<group>{_NO_SLASH}|{_OPEN})\)(?![*+?{{])"
    rf"|(?P<bare>{_CLASS}{_TIMES}|{_OPEN})"
)
_PARAMETER_NAME = re.compile(r"\{[A-Za-z_]\w*\}", re.ASCII)


class Variable(NamedTuple):
    """A part of a route that a request fills in, and the regular expression that it matches."""

    name: str
    regex: str = ONE_SEGMENT

    @property
    def may_contain_slash(self) -> bool:
        """True unless the expression certainly matches no slash."""
        return _WITHOUT_SLASH.fullmatch(self.regex) is None

    @property
    def text(self) -> str:
        """The variable in the path of a route, as it is shown."""
        if self.may_contain_slash:
            return f"{{{self.name}...}}"
        return f"{{{self.name}}}"


#: A route as its framework writes it: literal text, slashes included, and variables.
RouteParts = tuple[str | Variable, ...]


class VariableSegment(NamedTuple):
    """A segment that a request fills in. `regex` is what all of it must match, if anything."""

    text: str
    regex: re.Pattern[str] | None = None

    def accepts(self, value: str) -> bool:
        """Return whether a request can fill in this value."""
        return self.regex is None or self.regex.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Route:
    """The paths of one route.

    Args:
        path: How the route is shown.
        segments: The segments that could be read.
        depth: The number of segments that the pattern of a rule for this route has at least.
        deep: The paths below the segments belong to the route, too.
        below_only: Of a deep route, the paths below the segments belong to it, and the path of
            the segments itself does not.
        uncertain: The route could not be read, and stands for more paths than it matches.
    """

    path: str
    segments: tuple[str | VariableSegment, ...]
    depth: int
    deep: bool = False
    below_only: bool = False
    uncertain: bool = False

    @property
    def shortened(self) -> "Route | None":
        """The route without its last segment, if that segment may be empty.

        The policy drops one trailing slash, so a request with an empty last segment is decided
        as if it were shorter.
        """
        if self.deep or not self.segments:
            return None
        last = self.segments[-1]
        if isinstance(last, str) or not last.accepts(""):
            return None
        return Route(self.path, self.segments[:-1], self.depth - 1)

    @property
    def key(self) -> str:
        """The pattern of a rule for this route."""
        names = []
        for position, segment in enumerate(self.segments, start=1):
            if isinstance(segment, str):
                names.append(segment)
            elif _PARAMETER_NAME.fullmatch(segment.text):
                names.append(segment.text)
            else:
                names.append(f"{{p{position}}}")
        return "/" + "/".join(names)


class _Division(NamedTuple):
    """A route, divided at its slashes up to the first variable that may contain slashes.

    `segments` are the whole segments, `unfinished` is what follows the last slash, `tail` that
    variable, and `after_tail` everything behind it.
    """

    segments: list[RouteParts]
    unfinished: RouteParts
    tail: Variable | None
    after_tail: RouteParts


def assemble(parts: RouteParts, *, certain: bool = True, spelling: str = "") -> Route:
    """Return the route that these parts make.

    Args:
        parts: The parts that could be read.
        certain: False if the route has other parts, which could not be read.
        spelling: How the route is shown if it is uncertain.
    """
    division = _divide(parts)
    certain = certain and _is_certain(division)
    text = _text_of(parts)
    if not certain and spelling:
        text = spelling
    whole = division.segments
    # A trailing slash is not followed by a segment.
    if certain and division.tail is None and any(division.unfinished):
        whole = [*whole, division.unfinished]
    segments = tuple(map(_segment, whole))
    for position, segment in enumerate(segments):
        if _is_refused(segment):
            # The policy refuses this spelling. Others, which the framework accepts, are unknown.
            return Route(spelling or text, segments[:position], position, deep=True, uncertain=True)
    if division.tail is None:
        return Route(text, segments, len(segments), deep=not certain, uncertain=not certain)
    return Route(
        text,
        segments,
        len(segments) + _depth_behind(division.after_tail),
        deep=True,
        below_only=certain and re.fullmatch(division.tail.regex, "") is None,
        uncertain=not certain,
    )


def read_regex(regex: str) -> tuple[RouteParts, bool]:
    """Return the parts of a regular expression without its anchors, and whether they are all."""
    parts: list[str | Variable] = []
    position = 0
    while position < len(regex):
        token = _TOKEN.match(regex, position)
        if token is None:
            if "|" in regex[position:]:
                # The text before an alternative belongs to its first branch alone.
                return (), False
            return tuple(parts), False
        if token["literal"]:
            parts.append(token["literal"][-1])
        else:
            name = token["name"] or f"p{position}"
            parts.append(Variable(name, token["group"] or token["bare"]))
        position = token.end()
    return tuple(parts), True


def witnesses(route: Route, root: Node) -> Iterator[tuple[str, ...]]:
    """Yield one path of the route for every way in which a policy can tell its paths apart.

    In these paths, `UNNAMED` stands for all values that no pattern names there.

    Args:
        route: The route.
        root: The tree of the policy's patterns.
    """
    walks: list[tuple[tuple[str, ...], list[Node]]] = [((), [root])]
    for segment in route.segments:
        walks = [
            ((*path, value), step(nodes, value))
            for path, nodes in walks
            for value in _values(nodes, segment)
        ]
    queue = deque(walks)
    while queue:
        path, nodes = queue.popleft()
        is_top = len(path) == len(route.segments)
        if not (route.below_only and is_top):
            yield path
        # Below the last node, the policy tells nothing apart.
        if route.deep and (nodes or is_top):
            queue.extend(
                ((*path, value), step(nodes, value))
                for value in _values(nodes, VariableSegment(""))
            )


def _values(nodes: list[Node], segment: str | VariableSegment) -> list[str]:
    """Return the values of a segment that the policy can tell apart below these nodes."""
    if isinstance(segment, str):
        return [segment]
    literals = {name for node in nodes for name in node.children if name is not None}
    return [*sorted(filter(segment.accepts, literals)), UNNAMED]


def _divide(parts: RouteParts) -> _Division:
    segments: list[RouteParts] = []
    unfinished: RouteParts = ()
    for position, part in enumerate(parts):
        if isinstance(part, Variable):
            if part.may_contain_slash:
                # The first segment is the empty one before the leading slash.
                return _Division(segments[1:], unfinished, part, parts[position + 1 :])
            unfinished += (part,)
            continue
        first, *others = part.split("/")
        unfinished += (first,)
        for other in others:
            segments.append(unfinished)
            unfinished = (other,)
    return _Division(segments[1:], unfinished, None, ())


def _is_certain(division: _Division) -> bool:
    """Tell whether the tail, if there is one, begins a segment and matches everything below."""
    if division.tail is None:
        return True
    # A rule cannot name a segment that is shared with a variable that may contain slashes.
    if any(division.unfinished):
        return False
    return _AT_ANY_DEPTH.fullmatch(division.tail.regex) is not None


def _is_refused(segment: str | VariableSegment) -> bool:
    """Tell whether the policy refuses every request with this segment."""
    if not isinstance(segment, str):
        return False
    return segment in ("", ".", "..") or CONTROL.search(segment) is not None


def _depth_behind(after_tail: RouteParts) -> int:
    """Return how many segments a tail and the parts behind it have at least, if there are any."""
    text = _text_of(after_tail).rstrip("/")
    if not text:
        return 0
    return 1 + text.count("/")


def _segment(parts: RouteParts) -> str | VariableSegment:
    text = _text_of(parts)
    variables = [part for part in parts if isinstance(part, Variable)]
    if not variables:
        return text
    is_whole = text == variables[0].text
    if is_whole and len(variables) == 1 and variables[0].regex == ONE_SEGMENT:
        return VariableSegment(text)
    return VariableSegment(text, re.compile("".join(map(_regex_of, parts))))


def _regex_of(part: str | Variable) -> str:
    if isinstance(part, str):
        return re.escape(part)
    return f"(?:{part.regex})"


def _text_of(parts: RouteParts) -> str:
    return "".join(part if isinstance(part, str) else part.text for part in parts)
