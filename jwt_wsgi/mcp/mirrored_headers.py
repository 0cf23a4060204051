"""The headers that repeat parts of a message: `Mcp-Method` and `Mcp-Name`. Pure.

Proxies may route and filter by them, so a header that contradicts the body is refused (MCP
2026-07-28, "Streamable HTTP", "Server Validation"; SEP-2243). A message without them is not: the
clients of earlier revisions send none.
"""

import base64
import binascii
import re
from typing import Final

from jwt_wsgi.errors import InvalidRequest
from jwt_wsgi.mcp.messages import Message, MessageId, MessageRefused

#: The code of `HeaderMismatch` (MCP 2026-07-28, "Server Validation").
HEADER_MISMATCH: Final = -32020

#: The parameter that `Mcp-Name` repeats, by method (SEP-2243; SEP-2663 for tasks).
_NAMED_BY: Final = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
    "resources/subscribe": "uri",
    "resources/unsubscribe": "uri",
    "tasks/get": "taskId",
    "tasks/update": "taskId",
    "tasks/cancel": "taskId",
}
# The marks are case-sensitive (MCP 2026-07-28, "Value Encoding").
_ENCODED: Final = re.compile(r"=\?base64\?(.*)\?=", re.DOTALL)


def check_headers(message: Message | None, method: str | None, name: str | None) -> None:
    """Check that the headers say what the message says.

    A header that is sent twice is joined by the server with a comma, and so differs.

    Args:
        message: The message, or None for a request without a body. It has none of these headers.
        method: The header `Mcp-Method`, or None without it.
        name: The header `Mcp-Name`, or None without it.

    Raises:
        MessageRefused: One of them contradicts the message (`message_mismatch`).
    """
    if message is None:
        if method is not None or name is not None:
            raise _mismatch("neither Mcp-Method nor Mcp-Name, without a message", None)
        return
    if method is not None and not _repeats(method, message.method):
        raise _mismatch("Mcp-Method as in the message", message.id)
    if name is None or message.method not in _NAMED_BY:
        return
    if not _repeats(name, message.params.get(_NAMED_BY[message.method])):
        raise _mismatch("Mcp-Name as in the message", message.id)


def _repeats(header: str, value: object) -> bool:
    return isinstance(value, str) and _decode(header) == value


def _decode(value: str) -> str | None:
    """Return the text of a header; None if it is encoded, and not as it must be."""
    match = _ENCODED.fullmatch(value)
    if match is None:
        return value
    try:
        octets = base64.b64decode(match[1], validate=True)
        text = octets.decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    # One text for each value: other padding or other last bits are refused.
    if base64.b64encode(octets).decode("ascii") != match[1]:
        return None
    return text


def _mismatch(expected: str, message_id: MessageId) -> MessageRefused:
    error = InvalidRequest("message_mismatch", expected=expected, found="another value")
    return MessageRefused(error, HEADER_MISMATCH, message_id)
