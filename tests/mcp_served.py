"""An MCP server behind `ToolAuthorizer`, for real WSGI servers: it answers with what reached it."""

from __future__ import annotations

import hashlib
import json
import os
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication

from jwt_wsgi import Issuer, StaticJWKS, protect, scope
from jwt_wsgi.mcp import ToolAuthorizer

#: Where the parent process leaves `{"issuer": …, "audience": …, "jwks": …}`.
TRUST = "MCP_TRUST"
MAX_BYTES = 100_000


def server(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    """Answer with the hash of the body that can be read, its length, and the length that was said."""
    body = environ["wsgi.input"].read()
    said = environ.get("CONTENT_LENGTH")
    start_response(
        "200 OK", [("Content-Type", "application/json"), ("X-Process", str(os.getpid()))]
    )
    return [json.dumps([hashlib.sha256(body).hexdigest(), len(body), said]).encode()]


def _issuer() -> Issuer:
    trust = json.loads(os.environ[TRUST])
    keys = StaticJWKS(trust["jwks"])
    return Issuer(trust["issuer"], audience=trust["audience"], keys=keys, algorithms=["ES256"])


def _application() -> WSGIApplication:
    layer = ToolAuthorizer(
        server,
        {"search": scope("files:read"), "delete_*": scope("files:delete")},
        path="/mcp",
        max_bytes=MAX_BYTES,
    )
    return protect(layer, issuer=_issuer(), rules={"/mcp": scope("mcp")})


#: The tests import this module too, without the trust.
application = _application() if TRUST in os.environ else None
