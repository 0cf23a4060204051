"""The place of an MCP server in an application: the requests whose bodies are judged. Pure."""

from collections.abc import Mapping
from typing import Any

from jwt_wsgi.errors import InvalidRequest
from jwt_wsgi.policy.paths import Segments, canonical
from jwt_wsgi.policy.patterns import parse


class Place:
    """A path and everything below it.

    A path that can be read in more than one way counts as inside, because the application may
    route it there. A policy in front refuses nearly all of these.

    Args:
        path: A literal path, written like the path of a rule.

    Raises:
        ValueError: `path` is anything else.
    """

    def __init__(self, path: str) -> None:
        self._segments = _literal_segments(path)

    @property
    def path(self) -> str:
        """The path as servers hand it over: its octets as Latin-1, empty at the root."""
        text = "".join(f"/{segment}" for segment in self._segments)
        return text.encode("utf-8").decode("latin-1")

    def covers(self, environ: Mapping[str, Any]) -> bool:
        """Return whether a request is inside.

        Both what follows the mount and the path with the mount count.

        Args:
            environ: A WSGI environ. It is not changed.
        """
        # Pyramid's traversal begins elsewhere.
        if "HTTP_X_VHM_ROOT" in environ:
            return True
        mount = environ.get("SCRIPT_NAME", "")
        path = environ.get("PATH_INFO", "")
        return self._covers_path(path) or (mount != "" and self._covers_path(mount + path))

    def _covers_path(self, path: str) -> bool:
        try:
            segments = canonical(path, keep_empty=True)
        except InvalidRequest:
            return True
        # Routers may ignore empty segments.
        named = tuple(segment for segment in segments if segment)
        return named[: len(self._segments)] == self._segments


def _literal_segments(path: object) -> Segments:
    if not isinstance(path, str):
        raise ValueError(f"path={path!r}: write a literal path, such as '/mcp'")
    try:
        methods, pattern, names = parse(path)
    except ValueError as error:
        raise ValueError(f"path={path!r}: write a literal path, such as '/mcp' ({error})") from None
    if methods or names or pattern.exact or pattern.tail:
        raise ValueError(
            f"path={path!r}: write a literal path, such as '/mcp', without methods and parameters; "
            "everything below it is judged, too"
        )
    return tuple(segment for segment in pattern.segments if segment is not None)
