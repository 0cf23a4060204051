"""The keys of rules, parsed into methods and a path pattern. Pure."""

import re
from typing import NamedTuple

from jwt_wsgi.policy.paths import CONTROL, METHOD

_PARAMETER = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
# Other routers' spellings; taken literally they would match nothing, silently.
_FOREIGN = re.compile(r"\*{1,2}|:.+|<.*>")
_END = "{$}"


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
        raise ValueError(
            f"rule {key!r}: write a path, or methods, one space and a path: 'GET,HEAD /users/{{id}}'"
        )
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
            raise ValueError(
                f"rule {key!r}: {part!r}; a parameter is a whole segment, {{$}} stands at the end only"
            )
        if _FOREIGN.fullmatch(part):
            remedy = "write {name} for one segment, and nothing for what is beneath: that is covered already"
            raise ValueError(f"rule {key!r}: {part!r} is another router's spelling; {remedy}")
