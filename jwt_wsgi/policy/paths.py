"""The canonical path: a request path has one reading, or it is refused. Pure.

A policy keyed by path is only as good as its agreement with the router behind it. So a path
that two programs could read differently is refused instead of repaired.
"""

import re

from jwt_wsgi.errors import InvalidRequest

#: The control characters C0, DEL and C1, and the two Unicode line ends.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
#: RFC 9110 §9.1: a method is a token, and case-sensitive. Lower case is refused here.
METHOD = re.compile(r"[A-Z0-9!#$%&'*+.^_`|~-]+")

#: What is expected of a path that is refused for its empty segments.
NO_EMPTY_SEGMENT = "no empty segment"

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
        raise InvalidRequest("path_ambiguous", expected="a leading slash")
    segments = tuple(path[1:].removesuffix("/").split("/"))
    if "" in segments and not keep_empty:
        raise InvalidRequest("path_ambiguous", expected=NO_EMPTY_SEGMENT)
    if "." in segments or ".." in segments:
        raise InvalidRequest("path_ambiguous", expected="no dot segment")
    return segments


def _decode(path_info: str) -> str:
    """Return a `PATH_INFO` as text; PEP 3333 hands over its octets as Latin-1."""
    try:
        path = path_info.encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise InvalidRequest("path_ambiguous", expected="UTF-8") from None
    if CONTROL.search(path):
        raise InvalidRequest("path_ambiguous", expected="no control character")
    return path
