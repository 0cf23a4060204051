"""The messages of MCP for mcp_app.py: each request is answered by itself, and nothing is kept.

A request of the revision 2026-07-28 states its version in its body and in a header. Clients of
earlier revisions begin with `initialize`; what they ask then is answered in the same way.
"""

MODERN = "2026-07-28"
HANDSHAKE = ("2025-11-25", "2025-06-18")
VERSION = "io.modelcontextprotocol/protocolVersion"
ABOUT = {"capabilities": {"tools": {}}, "serverInfo": {"name": "files", "version": "1.0.0"}}
FRESH = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
STATUS = {-32601: 404, -32602: 400, -32020: 400, -32022: 400}


class RpcError(Exception):
    """A JSON-RPC error: its code, its message, and perhaps its data."""


class ToolError(Exception):
    """A failure of a tool, with a text that a model can read and act on."""


def respond(message, headers, tools):
    """Return the body and the HTTP status that answer a JSON-RPC message of a request.

    `tools` holds functions and the names of their arguments, by the names of the tools.
    """
    if "id" not in message or "method" not in message:
        return "", 202  # a notification or a response: there is nothing to do
    reply = {"jsonrpc": "2.0", "id": message["id"]}
    params = message.get("params", {})
    try:
        check_version(message["method"], params, headers)
        return {**reply, "result": answer(message["method"], params, tools)}, 200
    except RpcError as error:
        members = dict(zip(("code", "message", "data"), error.args, strict=False))
        # Clients of earlier revisions end the connection after 404 and 400.
        is_early = headers.get("MCP-Protocol-Version") in (None, *HANDSHAKE)
        is_usual = is_early and members["code"] in (-32601, -32602)
        return {**reply, "error": members}, 200 if is_usual else STATUS[members["code"]]


def check_version(method, params, headers):
    """Check that the headers of a modern request repeat its body, in a version that is known."""
    if not isinstance(params, dict) or not isinstance(params.get("_meta", {}), dict):
        raise RpcError(-32602, "Invalid params")
    stated = params.get("_meta", {}).get(VERSION)
    version = headers.get("MCP-Protocol-Version")
    if stated is None and version in (None, *HANDSHAKE):
        return
    # ToolAuthorizer has compared Mcp-Method and Mcp-Name with the body, where they are.
    names = ["Mcp-Method", "Mcp-Name"] if method == "tools/call" else ["Mcp-Method"]
    if stated != version or not all(name in headers for name in names):
        raise RpcError(-32020, "A header is missing or does not match the body")
    if version != MODERN:
        supported = {"supported": [MODERN, *HANDSHAKE], "requested": version}
        raise RpcError(-32022, "Unsupported protocol version", supported)


def answer(method, params, tools):
    """Return the result of a method."""
    if method == "initialize":
        wanted = params.get("protocolVersion")
        return {"protocolVersion": wanted if wanted in HANDSHAKE else HANDSHAKE[0], **ABOUT}
    if method == "ping":
        return {}
    if method == "server/discover":
        return {"supportedVersions": [MODERN, *HANDSHAKE], **ABOUT, **FRESH}
    if method == "tools/list":
        return {"tools": [describe(name, *row) for name, row in tools.items()], **FRESH}
    if method == "tools/call" and params.get("name") in tools:
        return call(*tools[params["name"]], params.get("arguments"))
    if method == "tools/call":
        raise RpcError(-32602, "Unknown tool")
    raise RpcError(-32601, "Method not found")


def describe(name, function, argument):
    """Return a tool as `tools/list` shows it."""
    schema = {
        "type": "object",
        "properties": {argument: {"type": "string"}},
        "required": [argument],
    }
    return {"name": name, "description": function.__doc__, "inputSchema": schema}


def call(function, argument, arguments):
    """Run a tool. Its failure is a result, not an error of the protocol."""
    result = {"resultType": "complete", "isError": False}
    try:
        if not isinstance(arguments, dict) or not isinstance(arguments.get(argument), str):
            raise ToolError(f"The argument {argument} must be a string.")
        text = function(arguments[argument])
    except (ToolError, OSError) as error:
        # The text of an OSError names files.
        text = str(error) if isinstance(error, ToolError) else "The tool failed."
        result["isError"] = True
    return {**result, "content": [{"type": "text", "text": text}]}
