"""Text that a pattern must not contain, because another program would read it as syntax. Pure.

A pattern is literal text and `{name}`. The syntax of another router, of a shell or of a regular
expression, taken literally, guards nothing while its author believes that it does. So it is an
error, and the error says what to write instead.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from jwt_wsgi.policy.paths import CONTROL

#: A parameter, `{name}`, and a tail, `{name...}`; each is a whole segment.
PARAMETER_NAME: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
TAIL_NAME: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\.\.\.\}")
#: Characters that RFC 9110 allows in a method and that no method has; other programs separate,
#: negate or match methods with them.
SEPARATORS_OF_METHODS: Final = re.compile(r"[!#$%&'*+^`|~]")

# Most segments: words, joined by dots and hyphens. Nothing in them is syntax.
_ORDINARY = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_PERCENT_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
# Characters that show nothing and come along when text is copied: soft hyphen, zero-width space,
# word joiner, byte order mark, and those that change the direction of the text.
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff\u202a-\u202e\u2066-\u2069]")
# Python's formatting.
_PLACEHOLDER = re.compile(r"%(?:\((\w+)\)[a-z]|[sdir](?![0-9A-Za-z]))")

_COVERED = "a rule covers everything below its path"
_LITERAL = f"write literal text, or {{name}} for any one segment; {_COVERED}"
_AT_ROOT = "a pattern begins at the root and names whole segments"
_NO_ESCAPE = f"nothing is escaped in a pattern: {_LITERAL}"
_NO_QUERY = "rules judge paths, not queries, and every character counts: write a rule for each path"
_WHOLE = "a parameter is a whole segment, {$} and {name...} stand at the end only"


class _Part(NamedTuple):
    """One segment of a pattern, and its place in it."""

    text: str
    above: str
    is_last: bool

    def path(self, segment: str = "") -> str:
        """Return the pattern up to this segment, with another text in its place, in quotes."""
        if not segment:
            return repr(self.above or "/")
        return repr(f"{self.above}/{segment}")


class _Foreign(NamedTuple):
    """Text that is refused, what it seems to be, and the remedy, or a function that words it."""

    text: re.Pattern[str]
    problem: str
    remedy: str | Callable[[_Part, re.Match[str]], str]


def check_path(key: str, path: str) -> None:
    """Raise `ValueError` for text that only the whole path shows."""
    if "[^/]" in path:
        raise ValueError(
            f"rule {key!r}: '[^/]' is a regular expression; write {{name}} for any one segment"
        )


def check_segment(key: str, parts: list[str], position: int) -> None:
    """Raise `ValueError` for a segment that would match nothing, or not what its author means.

    Args:
        key: The rule's key, for the error text.
        parts: The segments of its path, without the end mark and the tail.
        position: The position of the segment among them.
    """
    text = parts[position]
    if text in ("", ".", "..") or CONTROL.search(text):
        raise ValueError(f"rule {key!r}: {text!r} is a segment that no request may hold")
    if _ORDINARY.fullmatch(text) or PARAMETER_NAME.fullmatch(text):
        return
    above = "".join(f"/{part}" for part in parts[:position])
    part = _Part(text, above, position == len(parts) - 1)
    for foreign in _FOREIGN:
        match = foreign.text.search(text)
        if match is not None:
            remedy = foreign.remedy
            if not isinstance(remedy, str):
                remedy = remedy(part, match)
            raise ValueError(f"rule {key!r}: {text!r} {foreign.problem}; {remedy}")
    if _PERCENT_ESCAPE.search(text):
        raise ValueError(f"rule {key!r}: {text!r}; patterns are written decoded")


# --- the remedies


def _for_rest_of_path(part: _Part, match: re.Match[str]) -> str:
    if part.is_last:
        written = part.path(part.text.replace(match[0], ""))
        return f"leave it out: {written} covers everything below it"
    return "write {name} for any one segment"


def _for_one_segment(_: _Part, match: re.Match[str]) -> str:
    name = (match.lastindex and match[1]) or "name"
    return f"write {{{name}}} for any one segment, and nothing for the paths below: {_COVERED}"


def _for_converter(_: _Part, match: re.Match[str]) -> str:
    return f"{_WHOLE}; write {{{match[1]}}} for any one segment; {_COVERED}"


def _for_braced_tail(part: _Part, match: re.Match[str]) -> str:
    if not part.is_last:
        return f"{_WHOLE}; write {{name}} for any one segment"
    return (
        f"{_WHOLE}; {part.path()} covers everything below it; end it with {{{match[1] or 'rest'}"
        "...} only where empty segments must be accepted below it"
    )


def _for_query(part: _Part, match: re.Match[str]) -> str:
    written = part.path(part.text[: match.start()])
    return f"rules judge paths, not queries: write {written}"


def _for_optional_slash(part: _Part, _: re.Match[str]) -> str:
    return f"leave it out: one slash at the end of a path is ignored, write {part.path()}"


def _for_fragment(part: _Part, match: re.Match[str]) -> str:
    written = part.path(part.text[: match.start()])
    return f"clients do not send fragments: write {written}, which covers everything below it"


def _for_end(part: _Part, match: re.Match[str]) -> str:
    if not part.is_last:
        return _LITERAL
    # At the root, and after a segment, the mark is a segment of its own.
    plain = part.text[: match.start()].lstrip("^(")
    written = f"{part.above}/{plain}".rstrip("/") + "/{$}"
    return f"write {written!r} for this path alone"


_ROUTER = "is another router's spelling"
_EXPRESSION = "is a regular expression"

#: In this order, because the first that fits has the best remedy.
_FOREIGN: Final = tuple(
    _Foreign(re.compile(text), problem, remedy)
    for text, problem, remedy in (
        (r"(?<![(*+.)\]])\?(?=\w[^=]*=)", "holds a query", _for_query),
        (r"^\{(\w+)[?!]\}$", "is another router's spelling of a parameter", _for_converter),
        (r"^\{[*+/]+(\w*)\}$", _ROUTER, _for_braced_tail),
        (r"^\{(\w+)(?::(?:path|\.[*+].*)|[*+])\}$", _ROUTER, _for_braced_tail),
        (r"^\{(\w*)(?:\.\.\.|…)\}$", "does not end the pattern", _for_braced_tail),
        (r"^\{(\w+):.*\}$", "is another router's spelling of a parameter", _for_converter),
        (r"[{}]", "holds braces", _WHOLE),
        (r"^(?:\*{1,2}|\*\w+|\(?(?:\?:)?\.[*+]\??\)?\$?|<path:\w+>)$", _ROUTER, _for_rest_of_path),
        (r"^(?:\.{3}|…)|(?:\.{3}|…)$", _ROUTER, _for_rest_of_path),
        (r"^:(\w*)", _ROUTER, _for_one_segment),
        (r"^<(?:[^<>]*:)?(\w+)>$", _ROUTER, _for_one_segment),
        (r"^\?$", _EXPRESSION, _for_optional_slash),
        (r"^[^?(*+.)\]]+\?\w*$", "holds a query, or an optional character", _NO_QUERY),
        (r"#", "holds a fragment, or another router's wildcard", _for_fragment),
        (r"\$\)*$", "ends as a regular expression does", _for_end),
        (r"\^", "begins as a regular expression does", f"{_AT_ROOT}: {_LITERAL}"),
        (r"\\", "holds a backslash, as a regular expression does", _NO_ESCAPE),
        (r"\|", "holds alternatives", "write a rule for each"),
        (r"[\[\]]|[.)]\+|\(\?|\.\*", _EXPRESSION, _LITERAL),
        (r"[*?<>]|[!@+]\(|\(\.?:", "is a shell's or another router's spelling", _LITERAL),
        (_PLACEHOLDER.pattern, "is a placeholder of another program", _for_one_segment),
        (r"^\s|\s$", "begins or ends with a blank", "leave it out"),
        (_INVISIBLE.pattern, "holds a character that is not visible", "leave it out"),
        (r",$", "ends with a comma", "write a rule for each path"),
    )
)
