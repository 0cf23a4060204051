"""The canonical path: one reading, or none. Pure.

A policy keyed by path is worth its agreement with the router behind it, so what
two programs could read in two ways is refused instead of repaired.
"""

import re

from jwt_wsgi.errors import InvalidRequest

# C0, DEL, C1 and the two Unicode line ends.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# RFC 9110 §9.1: a method is a token, and case-sensitive.
METHOD = re.compile(r"[A-Z0-9!#$%&'*+.^_`|~-]+")

Segments = tuple[str, ...]


def canonical(path_info: str) -> Segments:
    """The segments of a `PATH_INFO`; one trailing slash is dropped, and `/` has none.

    Raises `InvalidRequest` for what routers and servers may read differently.
    """
    # Printable ASCII, which nearly every path is, means itself and holds no control character.
    path = path_info if path_info.isascii() and path_info.isprintable() else _decoded(path_info)
    if path in ("", "/"):
        return ()
    if not path.startswith("/"):
        raise InvalidRequest("path_ambiguous", expected="a leading slash")
    segments = tuple((path[1:-1] if path.endswith("/") else path[1:]).split("/"))
    if "" in segments:
        raise InvalidRequest("path_ambiguous", expected="no empty segment")
    if "." in segments or ".." in segments:
        raise InvalidRequest("path_ambiguous", expected="no dot segment")
    return segments


def _decoded(path_info: str) -> str:
    """What a `PATH_INFO` is that is not plain ASCII (PEP 3333 hands over octets as Latin-1)."""
    try:
        path = path_info.encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise InvalidRequest("path_ambiguous", expected="UTF-8") from None
    if CONTROL.search(path):
        raise InvalidRequest("path_ambiguous", expected="no control character")
    return path
