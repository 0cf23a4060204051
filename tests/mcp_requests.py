"""Requests to an MCP server, as a WSGI server hands them over."""

from __future__ import annotations

import io
import json
from typing import Any

from environs import full_environ

JSON = "application/json"


def request(
    body: bytes | None, method: str = "POST", path: str = "/mcp", **more: Any
) -> dict[str, Any]:
    """Return a request with a body and its length; `more` replaces keys, and None removes them."""
    environ = full_environ(method, path, "", "", {})
    if body is not None:
        environ |= {
            "CONTENT_LENGTH": str(len(body)),
            "CONTENT_TYPE": JSON,
            "wsgi.input": io.BytesIO(body),
        }
    environ |= more
    return {name: value for name, value in environ.items() if value is not None}


def message(method: str = "tools/call", *, message_id: Any = 1, **params: Any) -> bytes:
    return json.dumps(
        {"jsonrpc": "2.0", "id": message_id, "method": method, "params": params}
    ).encode()


def call(name: str = "search", **more: Any) -> dict[str, Any]:
    return request(message(name=name), **more)
