"""Wrong ways of matching that look right. The same requests must get around each of them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from jwt_wsgi import PUBLIC, InvalidRequest, Policy
from jwt_wsgi.policy.paths import CONTROL, METHOD, Segments, canonical
from jwt_wsgi.policy.policy import Match
from jwt_wsgi.policy.requirements import Requirement

Rules = Mapping[str, Requirement]
Reading = Callable[[str], Segments]

#: A segment that no pattern has, because patterns contain no control characters.
UNNAMED = "\0"
#: The clauses of the path rule that one reading can leave out.
CLAUSES = frozenset({"UTF-8", "control", "empty", "dot"})


class Weakened(Policy):
    """The policy with another reading of the path, or without one of the checks before it."""

    def __init__(
        self,
        rules: Rules,
        *,
        reading: Reading = canonical,
        any_mount: bool = False,
        any_root: bool = False,
        any_method: bool = False,
        preflights: bool = False,
    ) -> None:
        super().__init__(rules, allow_vhm_root=any_root)
        self.reading = reading
        self.any_mount = any_mount
        self.any_method = any_method
        self.preflights = preflights

    def match(self, environ: Mapping[str, Any]) -> Match:
        if not self.any_mount and environ["SCRIPT_NAME"] not in self.mounts:
            raise InvalidRequest("mount_unknown")
        if "HTTP_X_VHM_ROOT" in environ and not self.allow_vhm_root:
            raise InvalidRequest("path_ambiguous")
        method = environ["REQUEST_METHOD"]
        if not self.any_method and not METHOD.fullmatch(method):
            raise InvalidRequest("method_ambiguous")
        if self.preflights and method == "OPTIONS":
            return Match(None, PUBLIC)
        # A reading that keeps empty segments takes them for names, which no rule has.
        segments = self.reading(environ["PATH_INFO"])
        return self.decide(tuple(segment or UNNAMED for segment in segments), method)


def exact(rules: Rules) -> dict[str, Requirement]:
    """Return exact templates; public places stay open with everything below."""
    wide = ("/open/files", "/{$}")
    return {
        key if demand is PUBLIC or key.endswith(wide) else key + "/{$}": demand
        for key, demand in rules.items()
    }


def _decoded(path_info: str) -> str:
    return path_info.encode("latin-1", "replace").decode("utf-8", "replace")


def _split(path: str) -> Segments:
    return tuple(path.removeprefix("/").split("/")) if path not in ("", "/") else ()


def raw(path_info: str) -> Segments:
    """Return the path as it is."""
    return _split(_decoded(path_info))


def normalized(path_info: str) -> Segments:
    """Return the path after `posixpath.normpath`."""
    return _split(posixpath.normpath(_decoded(path_info) or "/"))


def collapsed(path_info: str) -> Segments:
    """Return the path without empty and single-dot segments."""
    return tuple(segment for segment in _decoded(path_info).split("/") if segment not in ("", "."))


def without(*clauses: str, path_info: str) -> Segments:
    """Return the canonical reading without some of its clauses."""
    try:
        path = path_info.encode("latin-1").decode("utf-8")
    except UnicodeError:
        if "UTF-8" not in clauses:
            raise InvalidRequest("path_ambiguous") from None
        path = _decoded(path_info)
    if path in ("", "/"):
        return ()
    segments = tuple((path[1:-1] if path.endswith("/") else path[1:]).split("/"))
    refused = (
        not path.startswith("/")
        or ("control" not in clauses and CONTROL.search(path))
        or ("empty" not in clauses and "" in segments)
        or ("dot" not in clauses and not {".", ".."}.isdisjoint(segments))
    )
    if refused:
        raise InvalidRequest("path_ambiguous")
    return segments


def _beginning(patterns: tuple[re.Pattern[str], ...], path_info: str) -> Segments:
    found = [
        match[0] for match in (pattern.match(_decoded(path_info)) for pattern in patterns) if match
    ]
    return _split(max(found, key=len, default="/nowhere"))


def beginning(rules: Rules) -> Policy:
    """Return a policy that matches by `startswith`, the longest first."""
    keys = [key.rpartition(" ")[2] for key in rules]
    texts = (
        "/".join("[^/]+" if part[:1] == "{" else re.escape(part) for part in key.split("/"))
        for key in keys
    )
    patterns = (
        re.compile(text + r"\Z" * key.endswith("{$}"))
        for key, text in zip(keys, texts, strict=True)
    )
    return Weakened(rules, reading=partial(_beginning, tuple(patterns)))


def _clause(name: str) -> Callable[[Rules], Policy]:
    def reading(path_info: str) -> Segments:
        return without(name, path_info=path_info)

    return partial(Weakened, reading=reading)


#: name -> a policy for the same rules that decides in this way.
WEAKENED: dict[str, Callable[[Rules], Policy]] = {
    "PATH_INFO ==": lambda rules: Weakened(exact(rules), reading=raw),
    "startswith": beginning,
    "normpath, then prefix": partial(Weakened, reading=normalized),
    "// and . collapsed, then prefix": partial(Weakened, reading=collapsed),
    "canonical, exact templates": lambda rules: Weakened(exact(rules)),
    "without the empty-segment clause": _clause("empty"),
    "without the dot clause": _clause("dot"),
    "without the control-character clause": _clause("control"),
    "without strict UTF-8": _clause("UTF-8"),
    "without the mount clause": partial(Weakened, any_mount=True),
    "without the X-Vhm-Root clause": partial(Weakened, any_root=True),
    "without the method clause": partial(Weakened, any_method=True),
    "preflights exempted": partial(Weakened, preflights=True),
}
