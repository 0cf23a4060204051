"""The keys of rules, parsed into methods and a path pattern. Pure."""

import re
from typing import Final, NamedTuple

from jwt_wsgi.policy.paths import CONTROL, METHOD

_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PERCENT_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
# The syntax of other routers. Taken literally, it would match nothing, and nobody would notice.
_FOREIGN_SYNTAX = re.compile(r"\*{1,2}|:.+|<.*>")
_END_MARK = "{$}"

#: Stands for `{name}` among the segments of a pattern: it matches any one segment.
PARAMETER: Final = None
#: The segments of a pattern: literals, and `PARAMETER`.
PatternPath = tuple[str | None, ...]


class Pattern(NamedTuple):
    """The paths that a rule covers.

    `exact` patterns end with `{$}` and cover their path alone. All others also cover every path
    below it.
    """

    segments: PatternPath
    exact: bool

    def __str__(self) -> str:
        parts = []
        for position, segment in enumerate(self.segments, start=1):
            if segment is PARAMETER:
                parts.append(f"{{p{position}}}")
            else:
                parts.append(segment)
        if self.exact:
            parts.append(_END_MARK)
        return "/" + "/".join(parts)


class ParsedKey(NamedTuple):
    """The parts of a rule's key.

    A key without methods stands for every method. `names` are those of the parameters, in order.
    """

    methods: tuple[str, ...]
    pattern: Pattern
    names: tuple[str, ...]


def parse(key: str) -> ParsedKey:
    """Parse a key such as `"GET,HEAD /users/{id}"`; raise `ValueError` with the remedy."""
    methods, path = _split_key(key)
    _check_methods(key, methods)
    parts = path.split("/")
    exact = parts[-1] == _END_MARK
    if exact or parts[-1] == "":
        parts.pop()
    for part in parts:
        _check_part(key, part)
    segments: list[str | None] = []
    names: list[str] = []
    for part in parts:
        parameter = _PARAMETER.fullmatch(part)
        if parameter is None:
            segments.append(part)
        else:
            segments.append(PARAMETER)
            names.append(parameter[1])
    if len(set(names)) != len(names):
        raise ValueError(f"rule {key!r}: names a parameter twice")
    return ParsedKey(methods, Pattern(tuple(segments), exact), tuple(names))


def _split_key(key: object) -> tuple[tuple[str, ...], str]:
    """Return the methods of a key, and its path without the leading slash."""
    if isinstance(key, str) and "/" in key:
        before, _, path = key.partition("/")
        if not before:
            return (), path
        if before.endswith(" ") and before.count(" ") == 1:
            return tuple(before[:-1].split(",")), path
    raise ValueError(
        f"rule {key!r}: write a path, or methods, one space and a path: 'GET,HEAD /users/{{id}}'"
    )


def _check_methods(key: str, methods: tuple[str, ...]) -> None:
    for method in methods:
        if not METHOD.fullmatch(method) or methods.count(method) > 1:
            raise ValueError(
                f"rule {key!r}: {method!r} is not an upper-case method, or is named twice"
            )


def _check_part(key: str, part: str) -> None:
    """Raise `ValueError` for a segment that would match nothing, or not what its author means."""
    if part in ("", ".", "..") or CONTROL.search(part):
        raise ValueError(f"rule {key!r}: {part!r} is a segment that no request may hold")
    if _PERCENT_ESCAPE.search(part):
        raise ValueError(f"rule {key!r}: {part!r}; patterns are written decoded")
    if ("{" in part or "}" in part) and not _PARAMETER.fullmatch(part):
        raise ValueError(
            f"rule {key!r}: {part!r}; a parameter is a whole segment, {{$}} stands at the end only"
        )
    if _FOREIGN_SYNTAX.fullmatch(part):
        raise ValueError(
            f"rule {key!r}: {part!r} is another router's spelling; write {{name}} for one "
            "segment, and nothing for the paths below: they are covered already"
        )
