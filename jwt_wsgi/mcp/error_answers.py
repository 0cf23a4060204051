"""Refusals of messages as JSON-RPC errors (JSON-RPC 2.0 §5.1)."""

import json
from collections.abc import Iterable
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.mcp.messages import MessageRefused


def error_answer(refused: MessageRefused) -> WSGIApplication:
    """Return the WSGI application that answers a refused message.

    Its body is a JSON-RPC error, whose `data.reason` is the reason of the refusal. It holds nothing
    of the message but its `id`.

    Args:
        refused: The refusal.
    """
    error = refused.error
    members = {
        "jsonrpc": "2.0",
        "id": refused.message_id,
        "error": {
            "code": refused.code,
            "message": error.description,
            "data": {"reason": error.reason},
        },
    }
    body = f"{json.dumps(members)}\n".encode("ascii")
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(f"{error.status} {HTTPStatus(error.status).phrase}", list(headers))
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]

    return answer
