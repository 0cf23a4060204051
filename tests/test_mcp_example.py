"""examples/mcp_app.py: the messages of MCP in their revisions, behind the layers."""

from __future__ import annotations

import importlib
import json
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ports import free_port
from running_app import running
from webtest import TestApp, TestResponse

from jwt_wsgi import Issuer, StaticJWKS
from jwt_wsgi.testing import LocalIssuer

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
RESOURCE = "http://127.0.0.1:8000/mcp"
LOCAL = LocalIssuer(audience=RESOURCE)
MODERN = "2026-07-28"
VERSION = "io.modelcontextprotocol/protocolVersion"
BOTH = "files:read files:delete"
SEARCH = {"name": "search_files", "arguments": {"text": "invoice"}}


@pytest.fixture(scope="module", autouse=True)
def importable() -> Iterator[None]:
    sys.path.insert(0, str(EXAMPLES))
    yield
    sys.path.remove(str(EXAMPLES))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "old.txt").write_text("an invoice", encoding="utf-8")
    (tmp_path / "new.txt").write_text("a letter", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.fixture
def server(folder: Path) -> TestApp:
    trusted = Issuer(LOCAL.issuer, audience=RESOURCE, keys=StaticJWKS(LOCAL.jwks))
    app = importlib.import_module("mcp_app").application(trusted, RESOURCE, folder)
    return TestApp(app.wsgi_app)


def post(
    server: TestApp,
    message: dict[str, Any],
    headers: dict[str, str] | None = None,
    scopes: str | None = BOTH,
) -> TestResponse:
    """Send a message, with a token of these scopes or without a token."""
    sent = {"Content-Type": "application/json", **(headers or {})}
    if scopes is not None:
        sent["Authorization"] = f"Bearer {LOCAL.token(scopes)}"
    body = json.dumps({"jsonrpc": "2.0", **message})
    return server.post("/mcp", body, headers=sent, expect_errors=True)


def legacy(method: str, params: dict[str, Any] | None = None) -> tuple[Any, ...]:
    """Return a request of a client that began with `initialize`."""
    message = {"id": 1, "method": method, **({} if params is None else {"params": params})}
    return message, {"MCP-Protocol-Version": "2025-11-25"}


def modern(method: str, params: dict[str, Any] | None = None, **headers: str) -> tuple[Any, ...]:
    """Return a request that states its version; a header of another value replaces its own."""
    stated = {"_meta": {VERSION: MODERN, "io.modelcontextprotocol/clientCapabilities": {}}}
    message = {"id": "a", "method": method, "params": {**stated, **(params or {})}}
    sent = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
    if method == "tools/call":
        sent["Mcp-Name"] = str((params or {}).get("name"))
    sent.update({name.replace("_", "-"): value for name, value in headers.items()})
    return message, {name: value for name, value in sent.items() if value}


# The request, and members of its result.
RESULTS = {
    "initialize in the newest revision": (
        legacy("initialize", {"protocolVersion": "2025-11-25"}),
        {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}},
    ),
    "initialize in an older revision": (
        legacy("initialize", {"protocolVersion": "2025-06-18"}),
        {"protocolVersion": "2025-06-18"},
    ),
    "initialize in an unknown revision": (
        legacy("initialize", {"protocolVersion": "1900-01-01"}),
        {"protocolVersion": "2025-11-25"},
    ),
    "initialize in no revision": (legacy("initialize"), {"protocolVersion": "2025-11-25"}),
    "ping": (legacy("ping"), {}),
    "a call": (
        legacy("tools/call", SEARCH),
        {"content": [{"type": "text", "text": "old.txt"}], "isError": False},
    ),
    "discover": (
        modern("server/discover"),
        {"supportedVersions": [MODERN, "2025-11-25", "2025-06-18"], "resultType": "complete"},
    ),
    "a modern call": (
        modern("tools/call", SEARCH),
        {"content": [{"type": "text", "text": "old.txt"}], "resultType": "complete"},
    ),
    "no such file": (
        modern("tools/call", {"name": "delete_file", "arguments": {"name": "x"}}),
        {"isError": True},
    ),
    "a path in place of a name": (
        modern("tools/call", {"name": "delete_file", "arguments": {"name": "./old.txt"}}),
        {"isError": True},
    ),
    "a folder in place of a file": (
        modern("tools/call", {"name": "delete_file", "arguments": {"name": "folder"}}),
        {"isError": True},
    ),
    "no arguments": (modern("tools/call", {"name": "search_files"}), {"isError": True}),
    "a list of arguments": (
        modern("tools/call", {"name": "search_files", "arguments": []}),
        {"isError": True},
    ),
    "an argument that is no text": (
        modern("tools/call", {"name": "search_files", "arguments": {"text": 1}}),
        {"isError": True},
    ),
}


@pytest.mark.parametrize(("request_", "members"), RESULTS.values(), ids=RESULTS)
def test_a_request_has_this_result(
    server: TestApp, folder: Path, request_: tuple[Any, ...], members: dict[str, Any]
) -> None:
    answer = post(server, *request_)
    assert answer.status_int == 200
    assert answer.json["id"] == request_[0]["id"]
    result = answer.json["result"]
    assert {name: result[name] for name in members} == members
    assert (members == {}) is (result == {})
    assert sorted(path.name for path in folder.iterdir()) == ["folder", "new.txt", "old.txt"]


def test_the_list_of_tools_is_the_same_in_each_revision(server: TestApp) -> None:
    by_revision = [
        post(server, *make("tools/list")).json["result"]["tools"] for make in (legacy, modern)
    ]
    assert by_revision[0] == by_revision[1]
    assert [tool["name"] for tool in by_revision[0]] == ["search_files", "delete_file"]
    for tool in by_revision[0]:
        assert tool["description"]
        assert tool["inputSchema"]["required"] == list(tool["inputSchema"]["properties"])


def test_a_call_deletes_one_file(server: TestApp, folder: Path) -> None:
    call = modern("tools/call", {"name": "delete_file", "arguments": {"name": "old.txt"}})
    assert post(server, *call).json["result"]["isError"] is False
    assert sorted(path.name for path in folder.iterdir()) == ["folder", "new.txt"]


def test_a_file_that_cannot_be_read_is_a_failure_without_its_path(
    server: TestApp, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> str:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "read_text", fail)
    result = post(server, *modern("tools/call", SEARCH)).json["result"]
    assert result["isError"] is True
    assert str(folder) not in json.dumps(result)


# The request, the HTTP status, and the code of the JSON-RPC error.
ERRORS = {
    "an unknown method": (legacy("resources/list"), 200, -32601),
    "an unknown modern method": (modern("resources/list"), 404, -32601),
    "another version": (
        modern("tools/list", {"_meta": {VERSION: "1900-01-01"}}, MCP_Protocol_Version="1900-01-01"),
        400,
        -32022,
    ),
    "two versions": (modern("tools/list", MCP_Protocol_Version="2025-11-25"), 400, -32020),
    "no version in the header": (modern("tools/list", MCP_Protocol_Version=""), 400, -32020),
    "no version in the body": (modern("tools/list", {"_meta": {}}), 400, -32020),
    "no method in the headers": (modern("tools/list", Mcp_Method=""), 400, -32020),
    "no name in the headers": (modern("tools/call", SEARCH, Mcp_Name=""), 400, -32020),
    "another method in the headers": (modern("tools/list", Mcp_Method="ping"), 400, -32020),
    "another name in the headers": (modern("tools/call", SEARCH, Mcp_Name="x"), 400, -32020),
    "a version that is no text": (modern("tools/list", {"_meta": {VERSION: 1}}), 400, -32020),
    "metadata that is no object": (modern("tools/list", {"_meta": []}), 400, -32602),
}


@pytest.mark.parametrize(("request_", "status", "code"), ERRORS.values(), ids=ERRORS)
def test_a_request_has_this_error(
    server: TestApp, request_: tuple[Any, ...], status: int, code: int
) -> None:
    answer = post(server, *request_)
    assert (answer.status_int, answer.json["error"]["code"]) == (status, code)
    assert answer.json["id"] == request_[0]["id"]


def test_the_error_of_a_version_names_those_that_are_known(server: TestApp) -> None:
    request_, *_ = ERRORS["another version"]
    data = post(server, *request_).json["error"]["data"]
    assert data == {"supported": [MODERN, "2025-11-25", "2025-06-18"], "requested": "1900-01-01"}


def test_a_list_of_parameters_is_an_error(server: TestApp) -> None:
    message = {"id": 1, "method": "tools/list", "params": []}
    assert post(server, message).json["error"]["code"] == -32602


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"method": "notifications/initialized"}, id="a notification"),
        pytest.param({"id": 1, "result": {}}, id="a response"),
    ],
)
def test_a_message_that_wants_no_answer_is_accepted(
    server: TestApp, message: dict[str, Any]
) -> None:
    answer = post(server, message)
    assert (answer.status_int, answer.body) == (202, b"")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
OBJECTS = st.dictionaries(st.sampled_from([VERSION, "text", "name"]), JSON, max_size=2)
PARAMS = st.fixed_dictionaries(
    {"name": st.sampled_from(["search_files", "delete_file"])},
    optional={"arguments": OBJECTS | JSON, "protocolVersion": JSON, "_meta": OBJECTS | JSON},
)
METHODS = ["initialize", "ping", "server/discover", "tools/list", "tools/call", "x"]
MESSAGES = st.fixed_dictionaries(
    {"id": st.just(1), "method": st.sampled_from(METHODS), "params": PARAMS | JSON}
)
HEADERS = st.fixed_dictionaries(
    {}, optional={"MCP-Protocol-Version": st.sampled_from([MODERN, "2025-11-25", "x"])}
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(message=MESSAGES, headers=HEADERS)
def test_no_message_makes_the_server_fail(
    server: TestApp, message: dict[str, Any], headers: dict[str, str]
) -> None:
    answer = post(server, message, headers)
    assert answer.status_int in (200, 202, 400, 403, 404)
    assert answer.status_int == 202 or answer.content_type == "application/json"


# The request, the scopes of its token, the status, and the reason.
REFUSALS = {
    "no token": (modern("tools/list"), None, 401, "missing_token"),
    "no scope": (modern("tools/list"), "openid", 403, "insufficient_scope"),
    "the scope of the tool alone": (
        modern("tools/call", {"name": "delete_file", "arguments": {"name": "old.txt"}}),
        "files:delete",
        403,
        "insufficient_scope",
    ),
    "the scope of the path alone": (
        modern("tools/call", {"name": "delete_file", "arguments": {"name": "old.txt"}}),
        "files:read",
        403,
        "insufficient_scope",
    ),
    "a tool without a rule": (modern("tools/call", {"name": "x"}), BOTH, 403, "no_rule"),
}


@pytest.mark.parametrize(
    ("request_", "scopes", "status", "reason"), REFUSALS.values(), ids=REFUSALS
)
def test_a_request_is_refused_before_a_tool_runs(
    server: TestApp,
    folder: Path,
    request_: tuple[Any, ...],
    scopes: str | None,
    status: int,
    reason: str,
) -> None:
    answer = post(server, *request_, scopes=scopes)
    assert (answer.status_int, answer.json["reason"]) == (status, reason)
    assert (folder / "old.txt").exists()


def test_a_page_of_a_browser_is_refused(server: TestApp) -> None:
    message, headers = modern("tools/list")
    answer = post(server, message, {**headers, "Origin": "https://app.example.com"})
    assert (answer.status_int, answer.json["reason"]) == (403, "origin_not_allowed")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_streams_and_sessions_of_earlier_revisions_do_not_exist(
    server: TestApp, method: str
) -> None:
    headers = {"Authorization": f"Bearer {LOCAL.token(BOTH)}"}
    assert server.request("/mcp", method=method, headers=headers, status=405)
    assert server.request("/mcp", method=method, status=401)


def test_the_metadata_names_the_scope_of_the_path_alone(server: TestApp) -> None:
    document = server.get("/.well-known/oauth-protected-resource/mcp").json
    assert document["resource"] == RESOURCE
    assert document["authorization_servers"] == [LOCAL.issuer]
    assert document["scopes_supported"] == ["files:read"]


@pytest.mark.slow
def test_the_example_is_served_by_its_own_command(folder: Path) -> None:
    port = free_port()
    resource = f"http://127.0.0.1:{port}/mcp"
    local = LocalIssuer(audience=resource)
    with local.serve():
        settings = {"ISSUER": local.issuer, "RESOURCE": resource, "PORT": str(port)}
        log = folder.parent / "output"
        with running(log, EXAMPLES / "mcp_app.py", FOLDER=str(folder), **settings) as app:
            app.says(rf"Serving on http://127\.0\.0\.1:{port}")
            message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": SEARCH}
            call = urllib.request.Request(
                resource,
                json.dumps(message).encode(),
                {"Content-Type": "application/json", **local.headers("files:read")},
            )
            with urllib.request.urlopen(call, timeout=60) as answer:
                assert "old.txt" in answer.read().decode()
