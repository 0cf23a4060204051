"""Every body: none makes a server run a tool whose requirement was not asked."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pytest
import tolerant_servers
from callers import auth
from hypothesis import example, given
from hypothesis import strategies as st
from mcp_requests import JSON, message, request

from jwt_wsgi import DENY, scope
from jwt_wsgi.auth import AUTH_KEY
from jwt_wsgi.mcp import ToolAuthorizer
from jwt_wsgi.middleware.decisions import Decision

TOOLS = {"search": scope("files:read"), "delete_*": scope("files:delete"), "closed": DENY}

_TOOL_NAMES = ["search", "delete_all", "delete_", "closed", "unknown", "Search", ""]
_names = st.sampled_from(
    ["jsonrpc", "id", "method", "params", "name", "result", "error", "Method", "PARAMS", "Name",
     "Id", " method", "method ", "ｎame", "_meta", "arguments"]
)  # fmt: skip
_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["2.0", "tools/call", "Tools/Call", " tools/call", "tools/list", *_TOOL_NAMES]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def _text_of(value: Any, pairs: list[tuple[str, Any]]) -> str:
    """Return an object with more members, which may repeat those that it has."""
    members = [*value.items(), *pairs] if isinstance(value, dict) else pairs
    inner = ", ".join(f"{json.dumps(name)}: {json.dumps(each)}" for name, each in members)
    return "{" + inner + "}"


_called = st.sampled_from(["search"] * 8 + _TOOL_NAMES)


@st.composite
def _calls(draw: Any) -> str:
    """Return the text of a call, often with something that only some readers accept."""
    params = _text_of({"name": draw(_called)}, draw(_extras))
    method = draw(st.sampled_from(["tools/call"] * 6 + ["Tools/Call", "tools/list"]))
    text = _text_of({"jsonrpc": "2.0", "id": 1, "method": method}, draw(_extras))
    place = draw(
        st.sampled_from(['"params": %s, '] * 6 + ['"PARAMS": %s, ', '"params": {}, "params": %s, '])
    )
    called = "{" + place % params + text[1:]
    return draw(_wholes).replace("%s", called)


_extras = st.just([]) | st.lists(
    st.tuples(_names | st.text(max_size=3), st.sampled_from(_TOOL_NAMES) | _values), max_size=2
)
_wholes = st.sampled_from(["%s"] * 5 + [" %s\n", "[%s]", "%s%s", "[%s, %s]"])
_texts = _calls() | _calls() | _values.map(json.dumps)
_encodings = st.sampled_from(
    ["utf-8"] * 10 + ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"]
)


def _encoded(text: str, encoding: str) -> bytes:
    # UTF-7 and UTF-8 have no lone surrogates of their own.
    return text.encode(encoding, "replace" if encoding == "utf-7" else "surrogatepass")


_encoded_texts = st.builds(_encoded, _texts, _encodings)
_bodies = _encoded_texts | _encoded_texts | _encoded_texts | st.binary(max_size=80)
_some_headers = st.fixed_dictionaries(
    {},
    optional={
        "CONTENT_TYPE": st.sampled_from(
            [
                JSON,
                "application/json; charset=utf-8",
                "application/json; charset=utf-16",
                "application/json; charset=utf-7",
                "text/plain",
                "",
            ]
        ),
        "HTTP_MCP_METHOD": st.sampled_from(["tools/call", "tools/list", "Tools/Call"]),
        "HTTP_MCP_NAME": st.sampled_from(_TOOL_NAMES),
        "HTTP_CONTENT_ENCODING": st.sampled_from(["", "gzip"]),
        "HTTP_TRANSFER_ENCODING": st.just("chunked"),
        "CONTENT_LENGTH": st.sampled_from(["", "0", "5", "-1", "99999999"]),
        "wsgi.input_terminated": st.booleans(),
    },
)
_headers = st.just({}) | _some_headers
#: What the caller of the property may call.
MAY_CALL = {"search"}


@given(
    body=_bodies, headers=_headers, method=st.sampled_from(["POST", "POST", "GET", "PUT", "DELETE"])
)
@example(
    body=message(name="search").replace(b'"search"', b'"search", "name": "delete_all"'),
    headers={},
    method="POST",
)
@example(body=message(name="delete_all").decode().encode("utf-16"), headers={}, method="GET")
@example(
    body=message(name="search"),
    headers={"HTTP_MCP_METHOD": "tools/call", "HTTP_MCP_NAME": "delete_all"},
    method="POST",
)
@example(
    body=b"", headers={"HTTP_MCP_METHOD": "tools/call", "HTTP_MCP_NAME": "delete_all"}, method="GET"
)
@example(body=b"[" + message(name="delete_all") + b"]", headers={}, method="POST")
def test_no_body_makes_a_server_run_a_tool_whose_requirement_was_not_asked(body, headers, method):
    sent = gzip.compress(body) if headers.get("HTTP_CONTENT_ENCODING") else body
    answer_to = request(sent, method, **headers)
    seen: list[Any] = []

    def server(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        octets = environ["wsgi.input"].read()
        seen.append(
            (octets, tolerant_servers.tools_run({**environ, "wsgi.input": io.BytesIO(octets)}))
        )
        start_response("200 OK", [])
        return [b""]

    layer = ToolAuthorizer(server, TOOLS)
    answer_to[AUTH_KEY] = auth("files:read")
    statuses: list[str] = []
    b"".join(layer(answer_to, lambda status, _: statuses.append(status)))
    assert statuses[0][:3] in ("200", "400", "403", "411", "413", "415")
    if not seen:
        return
    [(octets, run)] = seen
    assert octets in (sent, b"")
    assert run <= MAY_CALL
    if octets == b"":
        assert method in ("GET", "DELETE")


@given(body=_bodies)
def test_the_servers_of_the_property_are_tolerant_enough_to_read_what_is_good(body):
    # A call that the layer passes runs the tool in every exact server.
    layer_saw: list[bytes] = []

    def server(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        layer_saw.append(environ["wsgi.input"].read())
        start_response("200 OK", [])
        return []

    environ = request(body)
    environ[AUTH_KEY] = auth("files:read")
    found: list[Decision] = []
    ToolAuthorizer(server, TOOLS, on_decision=lambda _, decision: found.append(decision))(
        environ, lambda *_: None
    )
    if found and found[0].error is None:
        run = tolerant_servers.tools_run(request(layer_saw[0]))
        assert run == {"search"}
        for read in tolerant_servers.READERS.values():
            assert read(request(layer_saw[0]))["params"]["name"] == "search"


TRICKS = {
    "a name twice": message(name="search").replace(b'"search"', b'"search", "name": "delete_all"'),
    "UTF-16": message(name="delete_all").decode().encode("utf-16"),
    "a batch": b"[" + message(name="delete_all") + b"]",
    "Name": message(name="search", Name="delete_all"),
    "Method": message("tools/list", name="delete_all").replace(
        b'"method"', b'"Method": "tools/call", "method"'
    ),
    "a mark": b"\xef\xbb\xbf" + message(name="delete_all"),
}


@pytest.mark.parametrize("body", TRICKS.values(), ids=TRICKS)
def test_each_trick_works_against_a_tolerant_server_without_the_layer(body):
    assert "delete_all" in tolerant_servers.tools_run(request(body))
