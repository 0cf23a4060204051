"""The keys of rules, parsed into methods and a path pattern. Pure."""

from typing import Final, NamedTuple

from jwt_wsgi.policy.paths import METHOD
from jwt_wsgi.policy.spellings import (
    PARAMETER_NAME,
    SEPARATORS_OF_METHODS,
    TAIL_NAME,
    check_path,
    check_segment,
)

_END_MARK = "{$}"

#: Stands for `{name}` among the segments of a pattern: it matches any one segment.
PARAMETER: Final = None
#: A segment that no pattern can name, because it is refused as another router's spelling.
UNNAMED: Final = "*"
#: The segments of a pattern: literals, and `PARAMETER`.
PatternPath = tuple[str | None, ...]


class Pattern(NamedTuple):
    """The paths that a rule covers.

    `exact` patterns end with `{$}` and cover their path alone. `tail` patterns end with
    `{name...}`, which is not among the segments. They cover every path below their segments, even
    if it contains empty segments, but not the path of the segments itself. All others cover their
    path and every path below it.
    """

    segments: PatternPath
    exact: bool
    tail: bool = False

    @property
    def shortest(self) -> PatternPath:
        """The segments of the shortest paths that it covers."""
        if self.tail:
            return (*self.segments, PARAMETER)
        return self.segments

    def __str__(self) -> str:
        parts = []
        for position, segment in enumerate(self.segments, start=1):
            if segment is PARAMETER:
                parts.append(f"{{p{position}}}")
            else:
                parts.append(segment)
        if self.exact:
            parts.append(_END_MARK)
        if self.tail:
            parts.append("{rest...}")
        return "/" + "/".join(parts)


class ParsedKey(NamedTuple):
    """The parts of a rule's key.

    A key without methods stands for every method. `names` are those of the parameters, in order.
    The name of a tail is not among them, because a tail has no value.
    """

    methods: tuple[str, ...]
    pattern: Pattern
    names: tuple[str, ...]


def parse(key: str) -> ParsedKey:
    """Parse a key such as `"GET,HEAD /users/{id}"`; raise `ValueError` with the remedy."""
    methods, path = _split_key(key)
    _check_methods(key, methods)
    check_path(key, path)
    parts = path.split("/")
    exact = parts[-1] == _END_MARK
    tail = TAIL_NAME.fullmatch(parts[-1])
    if exact or tail or parts[-1] == "":
        parts.pop()
    for position in range(len(parts)):
        check_segment(key, parts, position)
    segments: list[str | None] = []
    names: list[str] = []
    for part in parts:
        parameter = PARAMETER_NAME.fullmatch(part)
        if parameter is None:
            segments.append(part)
        else:
            segments.append(PARAMETER)
            names.append(parameter[1])
    if len(set(names)) != len(names) or (tail is not None and tail[1] in names):
        raise ValueError(f"rule {key!r}: names a parameter twice")
    pattern = Pattern(tuple(segments), exact, tail is not None)
    return ParsedKey(methods, pattern, tuple(names))


def tail_name(key: str) -> str | None:
    """Return the name of the tail with which a well-formed key ends, or None."""
    tail = TAIL_NAME.search(key)
    if tail is None:
        return None
    return tail[1]


def _split_key(key: object) -> tuple[tuple[str, ...], str]:
    """Return the methods of a key, and its path without the leading slash."""
    if isinstance(key, str) and "/" in key:
        before, _, path = key.partition("/")
        if not before:
            return (), path
        if before.endswith(" ") and before.count(" ") == 1:
            return tuple(before[:-1].split(",")), path
        if before.endswith(":") and path.startswith("/"):
            raise ValueError(
                f"rule {key!r}: names a host; rules judge paths: "
                f"write {'/' + path[1:].partition('/')[2]!r}"
            )
    raise ValueError(
        f"rule {key!r}: write a path with its first slash, or methods, one space and a path: "
        "'GET,HEAD /users/{id}'"
    )


def _check_methods(key: str, methods: tuple[str, ...]) -> None:
    for method in methods:
        if SEPARATORS_OF_METHODS.search(method):
            raise ValueError(
                f"rule {key!r}: {method!r} is not a method; write commas between methods, "
                "'GET,POST /a', and no method for all of them, '/a'"
            )
        if not METHOD.fullmatch(method) or methods.count(method) > 1:
            raise ValueError(
                f"rule {key!r}: {method!r} is not an upper-case method, or is named twice"
            )
