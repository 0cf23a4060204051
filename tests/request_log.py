"""A record of the requests that servers answer, in a file that several processes share."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

#: The members of queries, forms and registrations that tests read; codes and tokens are left out.
MEMBERS = (
    "client_id",
    "code_challenge_method",
    "grant_type",
    "grant_types",
    "redirect_uris",
    "resource",
    "response_type",
    "scope",
    "token_endpoint_auth_method",
)
_FORM = "application/x-www-form-urlencoded"
_JSON = "application/json"


class RequestLog:
    """A WSGI layer that appends one line of JSON for each request when its answer begins.

    Args:
        app: The application.
        server: The name of the server in the lines.
        log: The file, which other processes may append to.
    """

    def __init__(self, app: Any, server: str, log: Path) -> None:
        self.app = app
        self.server = server
        self.log = log

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        entry = self._request(environ, body)

        def record(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            self._append({**entry, "status": int(status[:3]), "challenges": _challenges(headers)})
            return start_response(status, headers, *rest)

        return self.app(environ, record)

    def _request(self, environ: dict[str, Any], body: bytes) -> dict[str, Any]:
        message = _message(environ, body)
        return {
            "server": self.server,
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "protocol_version": environ.get("HTTP_MCP_PROTOCOL_VERSION"),
            "has_token": "HTTP_AUTHORIZATION" in environ,
            "rpc": message.get("method"),
            "tool": _tool(message),
            "members": _members(environ, message),
        }

    def _append(self, entry: dict[str, Any]) -> None:
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def entries(log: Path) -> list[dict[str, Any]]:
    """Return the lines of a file, in the order of the answers."""
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()]


def _challenges(headers: list[tuple[str, str]]) -> list[str]:
    return [value for name, value in headers if name.lower() == "www-authenticate"]


def _message(environ: dict[str, Any], body: bytes) -> dict[str, Any]:
    if not environ.get("CONTENT_TYPE", "").startswith(_JSON) or not body:
        return {}
    message: dict[str, Any] = json.loads(body)
    return message


def _tool(message: dict[str, Any]) -> Any:
    if message.get("method") != "tools/call":
        return None
    return message["params"]["name"]


def _members(environ: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    parameters: dict[str, Any] = dict(parse_qs(environ.get("QUERY_STRING", "")))
    if environ.get("CONTENT_TYPE", "").startswith(_FORM):
        form = environ["wsgi.input"].getvalue().decode("ascii")
        parameters.update(parse_qs(form))
    parameters.update(message)
    return {name: parameters[name] for name in MEMBERS if name in parameters}
