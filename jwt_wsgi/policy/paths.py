"""The canonical path: a request path has one reading, or it is refused. Pure.

A policy keyed by path is only as good as its agreement with the router behind it. So a path
that two programs could read differently is refused instead of repaired.
"""

import re
from collections.abc import Iterable

from jwt_wsgi.errors import InvalidRequest

#: The control characters C0, DEL and C1, and the two Unicode line ends.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: RFC 9110 §9.1: a method is a token, and case-sensitive. Lower case is refused here.
METHOD = re.compile(r"[A-Z0-9!#$%&'*+.^_`|~-]+")
# A refused method that the log shows, such as `get`.
_WORD = re.compile(r"[A-Za-z]{1,20}")

_MOUNT = re.compile("|/.*[^/]")

#: A path taken apart at its slashes, decoded.
Segments = tuple[str, ...]


def canonical(path_info: str, *, keep_empty: bool = False) -> Segments:
    """Return the segments of a `PATH_INFO`.

    One trailing slash is dropped. The root and the empty path have no segments.

    Args:
        path_info: The path, its octets as Latin-1 (PEP 3333).
        keep_empty: Return empty segments too, for a caller who knows where they are accepted. By
            default, they are refused.

    Raises:
        InvalidRequest: Routers and servers may read the path differently (`path_ambiguous`).
    """
    # Nearly every path is printable ASCII, which needs no decoding and holds no control character.
    path = path_info
    if not (path_info.isascii() and path_info.isprintable()):
        path = _decode(path_info)
    if path in ("", "/"):
        return ()
    if not path.startswith("/"):
        raise _ambiguous("a leading slash", "a path without one")
    segments = tuple(path[1:].removesuffix("/").split("/"))
    if "" in segments and not keep_empty:
        raise empty_segment(segments)
    if "." in segments or ".." in segments:
        number = _position(segments, (".", ".."))
        raise _ambiguous("no dot segment", f"segment {number} is {segments[number - 1]}")
    return segments


def empty_segment(segments: Segments) -> InvalidRequest:
    """Return the refusal of a path with an empty segment."""
    number = _position(segments, ("",))
    return _ambiguous("no empty segment", f"segment {number} is empty")


def check_method(method: object) -> None:
    """Check that a request method is an upper-case token (RFC 9110 §9.1).

    Raises:
        InvalidRequest: The method is anything else (`method_ambiguous`).
    """
    if isinstance(method, str) and METHOD.fullmatch(method):
        return
    raise InvalidRequest(
        "method_ambiguous", expected="an upper-case method", found=_shown_method(method)
    )


def _shown_method(method: object) -> str:
    """Return a refused method for the log. Only a word may be shown; a token may stand there."""
    if not isinstance(method, str):
        return type(method).__name__
    if _WORD.fullmatch(method):
        return method
    return "withheld, it is not a word of letters"


def _position(segments: Segments, refused: tuple[str, ...]) -> int:
    """Return the number of the first of these segments, counted from 1."""
    return 1 + next(index for index, segment in enumerate(segments) if segment in refused)


def _ambiguous(expected: str, found: str) -> InvalidRequest:
    """Return the refusal. It says which part of the path is refused, and quotes no more of it."""
    return InvalidRequest("path_ambiguous", expected=expected, found=found)


def _decode(path_info: str) -> str:
    """Return a `PATH_INFO` as text; PEP 3333 hands over its octets as Latin-1."""
    try:
        path = path_info.encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise _ambiguous("UTF-8", "bytes that are not UTF-8") from None
    control = CONTROL.search(path)
    if control is not None:
        raise _ambiguous("no control character", f"U+{ord(control[0]):04X}")
    return path


def validate_mounts(mounts: Iterable[str]) -> frozenset[str]:
    """Return the expected values of `SCRIPT_NAME`; raise `ValueError` for anything else."""
    is_list = isinstance(mounts, Iterable) and not isinstance(mounts, str)
    names = frozenset(mounts) if is_list else frozenset()
    if not names or not all(map(_is_mount, names)):
        raise ValueError(
            f"mounts={mounts!r}: write a list of paths as SCRIPT_NAME has them, "
            "such as ('/app',), or ('',)"
        )
    return names


def _is_mount(name: object) -> bool:
    return isinstance(name, str) and _MOUNT.fullmatch(name) is not None
