"""Requests as a WSGI server hands them to an application (PEP 3333)."""

from __future__ import annotations

import io
import sys
from typing import Any

from hypothesis import strategies as st

#: Text as servers pass it: one character an octet.
octets = st.text(st.characters(max_codepoint=255), max_size=60)
_segments = st.sampled_from(
    ["", "/", "/public", "/private", "/scoped", "/..", "/.", "/x", "/\xff", "/\xc3\xa9", "/%2e"]
)
#: Values of PATH_INFO: segments that the tests have rules for, and arbitrary octets.
paths = st.lists(_segments, max_size=5).map("".join) | octets


def on_the_wire(path: str) -> str:
    """Return what a server puts into PATH_INFO for this path: its UTF-8 octets, as latin-1."""
    return path.encode("utf-8", "surrogatepass").decode("latin-1")


def environ(path: str = "/", method: str = "GET", **more: Any) -> dict[str, Any]:
    """Return the three keys that a policy reads, and `more`."""
    return {"REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": on_the_wire(path), **more}


def full_environ(
    method: str, path_info: str, script_name: str, query: str, headers: dict[str, str]
) -> dict[str, Any]:
    """Return every key that PEP 3333 asks for, and `HTTP_` keys for the headers."""
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": script_name,
        "PATH_INFO": path_info,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **{f"HTTP_{name}": value for name, value in headers.items()},
    }
