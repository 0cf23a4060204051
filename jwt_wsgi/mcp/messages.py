"""Messages of MCP: the body of a request, judged as JSON-RPC 2.0 before a server reads it. Pure.

Servers are tolerant: they take the last of two members, read UTF-16, or ignore case. So whatever
two readers could understand differently is refused, and the tool that was judged is the tool that
runs.
"""

import unicodedata
from typing import Any, Final, NamedTuple

from jwt_wsgi.errors import AuthError, InvalidRequest
from jwt_wsgi.jose.strict_json import read_object

#: The method that calls a tool (MCP 2026-07-28, "Tools").
TOOLS_CALL: Final = "tools/call"
#: The codes of JSON-RPC 2.0 §5.1.
PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600

#: The `id` of a message; None for a message without one, or with one that cannot be read.
MessageId = str | int | None

#: The members of JSON-RPC messages (JSON-RPC 2.0 §4 and §5).
_MEMBERS: Final = frozenset({"jsonrpc", "method", "params", "id", "result", "error"})
_TOOL_NAME: Final = "name"
#: The length of the longest known name; folding makes no text shorter, but for blanks around it.
_LONGEST_NAME: Final = max(map(len, (*_MEMBERS, _TOOL_NAME, TOOLS_CALL)))
#: Characters of an `id` above which a refusal does not repeat it.
_MAX_ID_CHARACTERS: Final = 200


class MessageRefused(Exception):
    """A message that is refused, and the JSON-RPC error that says so.

    Args:
        error: The refusal.
        code: The code of the JSON-RPC error.
        message_id: The `id` of the message, or None if it could not be read.
    """

    def __init__(self, error: AuthError, code: int, message_id: MessageId = None) -> None:
        super().__init__(error.reason)
        self.error = error
        self.code = code
        self.message_id = message_id


class Message(NamedTuple):
    """A message that can be read in one way alone.

    Attributes:
        method: The method, or None for a response.
        params: The parameters; empty where there are none, or where they are a list.
        tool: The name of the tool that it calls, or None if it calls none.
        id: The `id`, or None. It is None for an `id` that is too long to be repeated, too.
    """

    method: str | None
    params: dict[str, Any]
    tool: str | None
    id: MessageId


def read_message(body: bytes) -> Message:
    """Return the one JSON-RPC message that a body holds.

    Args:
        body: The body of the request.

    Raises:
        MessageRefused: It is anything else (`message_malformed`).
    """
    try:
        members = read_object(body)
    except ValueError as error:
        is_batch = body.lstrip(b" \t\r\n").startswith(b"[")
        code = INVALID_REQUEST if is_batch else PARSE_ERROR
        raise MessageRefused(_malformed("one JSON object", str(error)), code) from None
    message_id = _readable_id(members)
    try:
        return _message_of(members, message_id)
    except InvalidRequest as error:
        raise MessageRefused(error, INVALID_REQUEST, message_id) from None


def _message_of(members: dict[str, Any], message_id: MessageId) -> Message:
    _check_spelling(members, _MEMBERS, "the message")
    if members.get("jsonrpc") != "2.0":
        raise _malformed("jsonrpc with the value 2.0", "another version, or none")
    if "method" not in members:
        _check_response(members)
        return Message(None, {}, None, message_id)
    if "result" in members or "error" in members:
        raise _malformed("a request or a response", "the members of both")
    if "id" in members and not _is_id(members["id"]):
        raise _malformed("an id that is a string or an integer", "another id")
    method = members["method"]
    _check_method(method)
    params = _params_of(members)
    tool = _tool_of(params) if method == TOOLS_CALL else None
    return Message(method, params, tool, message_id)


def _check_response(members: dict[str, Any]) -> None:
    """Check a message without a method, which must be a response (JSON-RPC 2.0 §5)."""
    if "params" in members or ("result" in members) == ("error" in members):
        raise _malformed("a method, a result or an error", "none of them, or several")
    # The error about a request that could not be read has the id null.
    is_unknown = "error" in members and "id" in members and members["id"] is None
    if not is_unknown and not _is_id(members.get("id")):
        raise _malformed("an id that is a string or an integer", "another id, or none")


def _check_method(method: object) -> None:
    if not isinstance(method, str):
        raise _malformed("a method that is a string", "another method")
    if method != TOOLS_CALL and _folded(method) == TOOLS_CALL:
        raise _malformed("tools/call in lower case", "another spelling of it")


def _params_of(members: dict[str, Any]) -> dict[str, Any]:
    params = members.get("params", {})
    if isinstance(params, dict):
        return params
    # JSON-RPC 2.0 §4.2 allows parameters by position, which have no name.
    if isinstance(params, list):
        return {}
    raise _malformed("params that are an object", "other params")


def _tool_of(params: dict[str, Any]) -> str:
    _check_spelling(params, frozenset({_TOOL_NAME}), "params")
    name = params.get(_TOOL_NAME)
    if not isinstance(name, str):
        raise _malformed("params.name that is a string", "another name, or none")
    return name


def _check_spelling(members: dict[str, Any], names: frozenset[str], where: str) -> None:
    """Check that no member has a known name in another spelling, such as `Method`."""
    for name in members:
        if name not in names and _folded(name) in names:
            raise _malformed("the exact names of members", f"another spelling in {where}")


def _folded(text: str) -> str:
    """Return a text without the differences that a tolerant reader may ignore.

    These are case, compatibility characters of Unicode, and blanks around it. A text that is longer
    than every known name is returned without its blanks alone.
    """
    text = text.strip()
    # Normalizing takes time in proportion to the square of a run of combining characters.
    if len(text) > _LONGEST_NAME:
        return text
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return text.casefold()


def _is_id(value: object) -> bool:
    """Return whether a value is an `id`: MCP allows neither null nor fractions."""
    return type(value) in (str, int)


def _readable_id(members: dict[str, Any]) -> MessageId:
    """Return the `id` that a refusal may repeat, or None."""
    value = members.get("id")
    if not _is_id(value) or len(str(value)) > _MAX_ID_CHARACTERS:
        return None
    message_id: MessageId = value
    return message_id


def _malformed(expected: str, found: str) -> InvalidRequest:
    """Return the refusal. Neither text quotes anything of the message."""
    return InvalidRequest("message_malformed", expected=expected, found=found)
