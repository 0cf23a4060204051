"""What every application with tails serves, the rules of its author, and the folders on disk.

A handler that serves files joins what follows its path to a folder, as many applications do, and
checks nothing. Whatever it reads outside of that folder counts as the handler `outside`, which
nobody may reach.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jwt_wsgi import DENY, PUBLIC, scope
from jwt_wsgi.policy.algebra import Requirement
from matrix.places import reach


class Place(NamedTuple):
    """A handler: its path, where `{rest}` is what a tail covers, and its rule."""

    path: str
    key: str
    demand: Requirement


#: Weak and strong places are neighbours: a strong tail below a public place, a public tail beside
#: a strong place, and a tail behind a parameter.
TAIL_PLACES = {
    "root": Place("/", "/{$}", PUBLIC),
    "open": Place("/open", "/open", PUBLIC),
    "hall": Place("/open/admin", "/open/admin", scope("hall")),
    "render": Place("/open/render/{rest}", "/open/render/{url...}", scope("render")),
    "files": Place("/files/{rest}", "/files/{path...}", scope("files")),
    "static": Place("/static/{rest}", "/static/{path...}", PUBLIC),
    "keys": Place("/users/{name}/keys/{rest}", "/users/{id}/keys/{key...}", scope("keys")),
    "user": Place("/users/{name}", "/users/{id}/{$}", PUBLIC),
    "admin": Place("/admin", "/admin", scope("admin")),
    "log": Place("/admin/log", "/admin/log", scope("audit")),
}
SCOPES = frozenset({"hall", "render", "files", "keys", "admin", "audit"})
#: A tail does not cover its own path, which some handlers take with an empty rest. Where a weaker
#: rule lies around, a careful author writes one for the path, too.
RULES = {place.key: place.demand for place in TAIL_PLACES.values()} | {
    "/open/render": scope("render")
}
#: handler -> the requirement of its rule; nobody may read outside of the folders.
DEMANDS = {name: place.demand for name, place in TAIL_PLACES.items()} | {"outside": DENY}

STATIC, SECRET = b"a static file", b"a secret"
# What a real file outside of the folders begins with, /etc/passwd.
_SYSTEM = b"root:"


@cache
def public_folder() -> str:
    """Return a folder of files; a secret lies beside it, and in a folder with a longer name."""
    # The folder is needed as long as the process lives, whatever process it is.
    outer = Path(_kept().name)
    public = outer / "public"
    for folder in (public / "sub", outer / "public-private"):
        folder.mkdir(parents=True)
    for file in (public / "a.txt", public / "sub" / "b.txt"):
        file.write_bytes(STATIC)
    for file in (outer / "secret.txt", outer / "public-private" / "secret.txt"):
        file.write_bytes(SECRET)
    return str(public)


@cache
def _kept() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="tails-")


def answer(name: str, rest: str = "") -> str:
    """Run a handler: record it, and what it reads outside of its folder."""
    reach(name)
    if name in ("files", "keys") and not _is_inside(_joined(rest)):
        reach("outside")
    return f"this is {name}"


def _joined(rest: str) -> str:
    # Not `/` of pathlib: this is what the applications do that a tail has to be safe for.
    return os.path.join(public_folder(), rest)  # noqa: PTH118


def _is_inside(path: str) -> bool:
    """Return whether a file is in the folder, or is not a file that can be read."""
    try:
        Path(path).read_bytes()
    except (OSError, ValueError):
        return True
    return os.path.realpath(path).startswith(os.path.realpath(public_folder()) + os.sep)


def watched(app: Any) -> Any:
    """Return an application that records which kind of file the framework itself serves."""

    def application(environ: Any, start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "HEAD":
            # Some frameworks open a file for HEAD, and do not close it.
            environ["REQUEST_METHOD"] = "GET"
        body = app(environ, start_response)
        try:
            content = b"".join(body)
        finally:
            if hasattr(body, "close"):
                body.close()
        if STATIC in content:
            reach("static")
        if SECRET in content or _SYSTEM in content:
            reach("outside")
        return [content]

    return application
