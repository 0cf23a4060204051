"""Any message to an MCP server, through `ToolAuthorizer`: no server runs a tool that was not judged.

An input is a line with the headers `Content-Type`, `Mcp-Method` and `Mcp-Name`, separated by tabs, and
then the body. A header that is a hyphen is not sent.
"""

from __future__ import annotations

import io
import json
from typing import Any

import tolerant_servers
from callers import auth
from environs import full_environ

from jwt_wsgi import DENY, scope
from jwt_wsgi.auth import AUTH_KEY
from jwt_wsgi.mcp import ToolAuthorizer

_TOOLS = {"search": scope("files:read"), "delete_*": scope("files:delete"), "closed": DENY}
_CALLER = auth("files:read")
_MAY_CALL = {"search"}
_STATUSES = {"200", "400", "403", "415"}
_FIELDS = ("CONTENT_TYPE", "HTTP_MCP_METHOD", "HTTP_MCP_NAME")

_received: list[dict[str, Any]] = []


def _server(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    _received.append(environ)
    start_response("200 OK", [])
    return [b""]


LAYER = ToolAuthorizer(_server, _TOOLS)


def request_of(octets: bytes) -> dict[str, Any]:
    """Return the request that an input stands for."""
    line, _, body = octets.partition(b"\n")
    environ = full_environ("POST", "/mcp", "", "", {})
    environ |= {"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), AUTH_KEY: _CALLER}
    for name, value in zip(_FIELDS, line.split(b"\t"), strict=False):
        if value != b"-":
            environ[name] = value.decode("latin-1")
    return environ


def one_input(octets: bytes) -> None:
    environ = request_of(octets)
    body = octets.partition(b"\n")[2]
    _received.clear()
    answers: list[str] = []
    answer = b"".join(LAYER(environ, lambda status, _: answers.append(status[:3])))
    [status] = answers
    assert status in _STATUSES
    if status in ("400", "415"):
        assert json.loads(answer)["error"]["data"]["reason"]
    assert bool(_received) == (status == "200")
    for received in _received:
        assert received["wsgi.input"].getvalue() == body
        assert received["CONTENT_LENGTH"] == str(len(body))
        assert tolerant_servers.tools_run(received) <= _MAY_CALL
