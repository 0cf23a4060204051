"""The places that every application of the matrix serves, with the rules of a careful author.

Strong and weak places are neighbours on purpose: a protected place below a public one, a public
one below a protected one, a literal beside a parameter, methods that differ.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

from jwt_wsgi import AUTHENTICATED, PUBLIC, scope
from jwt_wsgi.policy.algebra import AtomicCondition, Requirement, leaves

ANY_METHOD = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
READING = ("GET", "HEAD")


class Place(NamedTuple):
    """A handler: its path, its methods, the key of its rule, and the requirement of its rule."""

    path: str
    methods: tuple[str, ...]
    key: str
    demand: Requirement


#: handler -> its place. `{name}` is one segment, `{rest}` one or more.
PLACES = {
    "root": Place("/", ANY_METHOD, "/{$}", PUBLIC),
    "open": Place("/open", ANY_METHOD, "/open", PUBLIC),
    "page": Place("/open/pages/{name}", READING, "/open/pages", PUBLIC),
    "hall": Place("/open/admin", ANY_METHOD, "/open/admin", scope("hall")),
    "files": Place("/open/files/{rest}", READING, "/open/files", scope("files")),
    "cafe": Place("/open/café", READING, "/open/café", scope("menu")),
    "admin": Place("/admin", ANY_METHOD, "/admin", scope("admin")),
    "log": Place("/admin/log", ANY_METHOD, "/admin/log", scope("audit")),
    "help": Place("/admin/help", READING, "/admin/help", PUBLIC),
    "read": Place("/items/{name}", READING, "GET /items/{id}", scope("read")),
    "write": Place("/items/{name}", ("POST",), "POST /items/{id}", scope("write")),
    "new": Place("/items/new", READING, "GET /items/new", scope("create")),
    "notes": Place("/notes", READING, "/notes", PUBLIC),
    "edit": Place("/notes", ("POST",), "POST /notes", scope("edit")),
    "report": Place("/report", READING, "GET /report", AUTHENTICATED),
}

SCOPES = frozenset({"hall", "files", "menu", "admin", "audit", "read", "write", "create", "edit"})


def rules(names: tuple[str, ...] = tuple(PLACES)) -> dict[str, Requirement]:
    """Return the natural policy for these handlers."""
    return {PLACES[name].key: PLACES[name].demand for name in names}


def demanded(name: str) -> frozenset[str]:
    """Return the scopes that a handler's rule asks for."""
    conditions = [leaf for leaf in leaves(PLACES[name].demand) if isinstance(leaf, AtomicCondition)]
    return frozenset(scope for condition in conditions for scope in condition.failure.scopes)


class _Reached(threading.local):
    def __init__(self) -> None:
        self.names: list[str] = []


_reached = _Reached()


def reach(name: str) -> str:
    """Record that a handler runs, and return the text of its answer."""
    _reached.names.append(name)
    return f"this is {name}"


def reached() -> tuple[str, ...]:
    """Return the handlers that ran in this thread since the last call."""
    names = tuple(_reached.names)
    _reached.names.clear()
    return names
