"""`ToolAuthorizer`: the requirement of a tool is asked before the tool runs, whatever the body is."""

from __future__ import annotations

import gzip
import io
import json
import logging
from typing import Any
from wsgiref.validate import validator

import pytest
from callers import auth
from flask import Flask
from mcp_requests import JSON, call, message, request

from jwt_wsgi import (
    AUTHENTICATED,
    DENY,
    OPTIONAL,
    PUBLIC,
    Auth,
    CrossOrigin,
    Forbidden,
    Policy,
    ScopeAuthorizer,
    claim,
    fresh,
    protect,
    report_only,
    respond,
    scope,
    sender_constrained,
)
from jwt_wsgi.auth import AUTH_KEY
from jwt_wsgi.coverage import coverage
from jwt_wsgi.errors import REASONS, InvalidRequest
from jwt_wsgi.explain import Explainer
from jwt_wsgi.mcp import ToolAuthorizer
from jwt_wsgi.middleware.decisions import Decision

TOOLS = {
    "search": scope("files:read"),
    "delete_*": scope("files:delete"),
    "whoami": AUTHENTICATED,
    "closed": DENY,
    "hello": OPTIONAL,
    "either": scope("a") | scope("b"),
    "fresh": fresh(60),
    "paid": claim("plan", "paid"),
    "bound": sender_constrained(),
    "watched": report_only(scope("files:watch")),
    "half": scope("files:read") & report_only(scope("files:watch")),
}


class Server:
    """An application that notes the requests that reach it."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.environs: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.environs.append(environ)
        self.bodies.append(environ["wsgi.input"].read())
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ran"]


class Answer:
    """The answer of a stack, and what reached the server."""

    def __init__(self, status: str, headers: list[tuple[str, str]], body: bytes, server: Server):
        self.status = int(status[:3])
        self.headers = dict(headers)
        self.body = body
        self.ran = server.bodies
        self.challenge = self.headers.get("WWW-Authenticate")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def reason(self) -> str:
        members = self.json
        reason: str = members.get("reason") or members["error"]["data"]["reason"]
        return reason


def send(
    environ: dict[str, Any],
    caller: Auth | None = None,
    rules: Any = None,
    tools: Any = TOOLS,
    **options: Any,
) -> Answer:
    """Send a request through a `ToolAuthorizer`, behind a policy if there are rules."""
    server = Server()
    policy = options.pop("policy", None) or (None if rules is None else Policy(rules))
    stack: Any = ToolAuthorizer(server, tools, **options)
    if policy is not None:
        stack = ScopeAuthorizer(stack, policy)
    if caller is not None:
        environ[AUTH_KEY] = caller
    started: list[Any] = []
    body = b"".join(stack(environ, lambda *arguments: started.append(arguments)))
    ((status, headers),) = started
    return Answer(status, headers, body, server)


# --- the requirement of a tool

MCP = {"/mcp": scope("mcp")}
OPEN = {"/mcp": OPTIONAL}

#: tool, scopes of the caller (None is no token), rules -> status, reason, scopes in the challenge
VERDICTS = {
    "the scopes of both": ("search", "mcp files:read", MCP, 200, None, None),
    "the path's alone": ("search", "mcp", MCP, 403, "insufficient_scope", "mcp files:read"),
    "the tool's alone": ("search", "files:read", MCP, 403, "insufficient_scope", "mcp"),
    "neither": ("search", None, MCP, 401, "missing_token", "mcp"),
    "a pattern": ("delete_all", "mcp files:delete", MCP, 200, None, None),
    "a pattern's scope is lacking": ("delete_all", "mcp files:read", MCP, 403, "insufficient_scope", "mcp files:delete"),
    "scopes that the token has besides": (
        "search", "mcp other", MCP, 403, "insufficient_scope", "mcp files:read",
    ),
    "no rule of the path": ("search", "other", None, 403, "insufficient_scope", "files:read"),
    "no rule and no token": ("search", None, None, 401, "missing_token", "files:read"),
    "an optional path without a token": ("search", None, OPEN, 401, "missing_token", "files:read"),
    "an optional path, the scope is lacking": ("search", "x", OPEN, 403, "insufficient_scope", "files:read"),
    "an optional path with the scope": ("search", "files:read", OPEN, 200, None, None),
    "a public path without a token": ("search", None, {"/mcp": PUBLIC}, 401, "missing_token", "files:read"),
    "an authenticated path": ("search", "x", {"/mcp": AUTHENTICATED}, 403, "insufficient_scope", "files:read"),
    "the alternative that is met": (
        "search", "two", {"/mcp": scope("one") | scope("two")}, 403, "insufficient_scope", "two files:read",
    ),
    "alternatives of the tool": ("either", "mcp", MCP, 403, "insufficient_scope", "mcp a"),
    "one alternative of the tool": ("either", "mcp b", MCP, 200, None, None),
    "the same scope in both": (
        "search", "mcp", {"/mcp": scope("mcp") & (scope("mcp") | scope("files:read"))},
        403, "insufficient_scope", "mcp files:read",
    ),
    "a path that only reports": (
        "search", "x", {"/mcp": report_only(scope("mcp"))}, 403, "insufficient_scope", "files:read",
    ),
    "a path that enforces and reports": (
        "search", "mcp", {"/mcp": scope("mcp") & report_only(scope("z"))},
        403, "insufficient_scope", "mcp files:read",
    ),
    "a tool for everyone": ("hello", None, OPEN, 200, None, None),
    "a tool for everyone with a token": ("whoami", "", OPEN, 200, None, None),
    "a tool for everyone with a token, without": ("whoami", None, OPEN, 401, "missing_token", ""),
    "a tool for nobody": ("closed", "mcp", MCP, 403, "denied", None),
    "a tool for nobody, without a token": ("closed", None, OPEN, 401, "missing_token", ""),
    "no rule of the tool": ("unknown", "mcp files:read", MCP, 403, "no_rule", None),
    "no rule of the tool, without a token": ("unknown", None, OPEN, 401, "missing_token", ""),
    "an empty name": ("", "mcp", MCP, 403, "no_rule", None),
    "a name in another case": ("Search", "mcp files:read", MCP, 403, "no_rule", None),
    "a claim that is lacking": ("paid", "mcp", MCP, 403, "claim_forbidden", None),
    "a login that is too old": ("fresh", "mcp", MCP, 401, "insufficient_authentication", "mcp"),
    "a token that is not bound": ("bound", "mcp", MCP, 401, "token_not_bound", "mcp"),
    "a tool that only reports": ("watched", None, OPEN, 200, None, None),
    "a tool that enforces and reports": ("half", "mcp files:read", MCP, 200, None, None),
    "a tool that enforces and reports, lacking": ("half", "mcp", MCP, 403, "insufficient_scope", "mcp files:read"),
}  # fmt: skip


def scopes_of(challenge: str | None) -> str | None:
    if challenge is None:
        return None
    _, named, rest = challenge.partition('scope="')
    return rest.partition('"')[0] if named else ""


@pytest.mark.parametrize(
    ("tool", "scopes", "rules", "status", "reason", "named"), VERDICTS.values(), ids=VERDICTS
)
def test_the_requirement_of_the_tool_is_asked(tool, scopes, rules, status, reason, named):
    answer = send(call(tool), None if scopes is None else auth(scopes), rules)
    assert answer.status == status
    assert len(answer.ran) == (status == 200)
    if reason is not None:
        assert (answer.reason, scopes_of(answer.challenge)) == (reason, named)


def test_a_policy_that_only_reports_does_not_report_the_tools_alone():
    policy = Policy(MCP, report_only=True)
    refused = send(call(), auth("x"), policy=policy)
    assert (refused.status, scopes_of(refused.challenge)) == (403, "files:read")
    assert send(call(), auth("files:read"), policy=policy).status == 200
    nobody = send(call(), None, policy=policy)
    assert (nobody.status, scopes_of(nobody.challenge)) == (401, "files:read")


def test_many_conditions_of_both_are_no_error():
    many = scope("s0")
    for number in range(1, 600):
        many = many & scope(f"s{number}")
    needed = " ".join(f"s{number}" for number in range(600))
    answer = send(call("t"), auth(needed), {"/mcp": many}, {"t": many & scope("lacking")})
    assert scopes_of(answer.challenge) == f"{needed} lacking"


def test_the_requirement_of_other_tools_by_default():
    assert send(call("unknown"), auth("x"), default=scope("x")).status == 200
    refused = send(call("unknown"), auth("y"), default=scope("x"))
    assert (refused.status, scopes_of(refused.challenge)) == (403, "x")


@pytest.mark.parametrize(
    "body",
    [
        message("initialize", protocolVersion="2025-11-25"),
        message("tools/list"),
        message("prompts/get", name="search"),
        message("tasks/get", taskId="1"),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode(),
        json.dumps({"jsonrpc": "2.0", "id": 1, "result": {}}).encode(),
        json.dumps({"jsonrpc": "2.0", "id": None, "error": {}}).encode(),
    ],
    ids=repr,
)
def test_other_messages_pass_with_the_rule_of_the_path(body):
    assert send(request(body), auth("mcp"), MCP).ran == [body]
    assert send(request(body), auth("x"), MCP).status == 403


def test_a_call_without_an_id_is_judged():
    body = json.dumps({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "search"}})
    assert send(request(body.encode()), auth("mcp"), MCP).status == 403


# --- the body

GET_BODY = message(name="search")
#: request -> the reason, or None where it reaches the server; the caller may not call the tool
BODIES = {
    "a POST": (request(GET_BODY), 403),
    "a GET with a body": (request(GET_BODY, "GET"), 403),
    "a HEAD with a body": (request(GET_BODY, "HEAD"), 403),
    "a DELETE with a body": (request(GET_BODY, "DELETE"), 403),
    "an OPTIONS with a body": (request(GET_BODY, "OPTIONS"), 403),
    "a PUT": (request(GET_BODY, "PUT"), 403),
    "a PATCH": (request(GET_BODY, "PATCH"), 403),
    "a QUERY": (request(GET_BODY, "QUERY"), 403),
    "a GET": (request(None, "GET"), 200),
    "a HEAD": (request(None, "HEAD"), 200),
    "a DELETE": (request(None, "DELETE"), 200),
    "an OPTIONS": (request(None, "OPTIONS"), 200),
    "a GET of the length 0": (request(b"", "GET"), 200),
    "a GET of an empty length": (request(None, "GET", CONTENT_LENGTH=""), 200),
    "a GET of another type without a body": (request(None, "GET", CONTENT_TYPE="text/plain"), 200),
    "a GET whose stream ends at once": (request(None, "GET", **{"wsgi.input_terminated": True}), 200),
    "a GET whose stream has a body": (
        request(GET_BODY, "GET", CONTENT_LENGTH=None, **{"wsgi.input_terminated": True}), 403,
    ),
    "a GET whose stream has another body": (
        request(GET_BODY, "GET", CONTENT_LENGTH=None, CONTENT_TYPE="text/plain", **{"wsgi.input_terminated": True}), 415,
    ),
    "a GET of the length 0 whose stream has a body": (
        request(GET_BODY, "GET", CONTENT_LENGTH="0", **{"wsgi.input_terminated": True}), 400,
    ),
    "a GET that is chunked, and nobody says where it ends": (
        request(GET_BODY, "GET", CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked"), 411,
    ),
    "a POST without a length": (request(GET_BODY, CONTENT_LENGTH=None), 411),
    "a POST of an empty length": (request(GET_BODY, CONTENT_LENGTH=""), 411),
    "a POST that is chunked, and nobody says where it ends": (
        request(GET_BODY, CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked"), 411,
    ),
    "a POST that is chunked and has a length": (request(GET_BODY, HTTP_TRANSFER_ENCODING="chunked"), 411),
    "a POST whose stream ends": (request(GET_BODY, CONTENT_LENGTH=None, **{"wsgi.input_terminated": True}), 403),
    "a POST whose stream ends and is chunked": (
        request(GET_BODY, CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked", **{"wsgi.input_terminated": True}), 403,
    ),
    "a POST without a body": (request(b""), 400),
    "a POST whose stream is empty": (request(b"", CONTENT_LENGTH=None, **{"wsgi.input_terminated": True}), 400),
    "a body that is cut short": (request(GET_BODY, CONTENT_LENGTH="400"), 400),
    "a stream that is longer than its length": (
        request(GET_BODY + b" ", CONTENT_LENGTH=str(len(GET_BODY)), **{"wsgi.input_terminated": True}), 400,
    ),
    "a length that is signed": (request(GET_BODY, CONTENT_LENGTH="+80"), 400),
    "a length that is negative": (request(GET_BODY, CONTENT_LENGTH="-1"), 400),
    "a length of other digits": (request(GET_BODY, CONTENT_LENGTH="\u0668\u0660"), 400),
    "a length of a GET that is no number": (request(GET_BODY, "GET", CONTENT_LENGTH="x"), 400),
    "a length beyond all bounds": (request(GET_BODY, CONTENT_LENGTH="9" * 20), 400),
    "a length beyond the bound": (request(GET_BODY, CONTENT_LENGTH=str(2**20 + 1)), 413),
    "a body beyond the bound": (request(b" " * (2**20 + 1)), 413),
    "a stream beyond the bound": (
        request(b" " * (2**20 + 1), CONTENT_LENGTH=None, **{"wsgi.input_terminated": True}), 413,
    ),
    "a stream of a GET beyond the bound": (
        request(b" " * (2**20 + 1), "GET", CONTENT_LENGTH=None, **{"wsgi.input_terminated": True}), 413,
    ),
    "a body at the bound": (request(GET_BODY.ljust(2**20)), 403),
    "a stream at the bound": (
        request(GET_BODY.ljust(2**20), CONTENT_LENGTH=None, **{"wsgi.input_terminated": True}), 403,
    ),
    "a compressed body": (request(gzip.compress(GET_BODY), HTTP_CONTENT_ENCODING="gzip"), 415),
    "an identity coding": (request(GET_BODY, HTTP_CONTENT_ENCODING="identity"), 415),
    "an empty coding": (request(GET_BODY, HTTP_CONTENT_ENCODING=""), 403),
    "no type": (request(GET_BODY, CONTENT_TYPE=None), 415),
    "an empty type": (request(GET_BODY, CONTENT_TYPE=""), 415),
    "a form": (request(GET_BODY, CONTENT_TYPE="application/x-www-form-urlencoded"), 415),
    "a text": (request(GET_BODY, CONTENT_TYPE="text/plain"), 415),
    "another JSON": (request(GET_BODY, CONTENT_TYPE="application/vnd.api+json"), 415),
    "two types": (request(GET_BODY, CONTENT_TYPE="application/json, text/plain"), 415),
    "a type in capitals": (request(GET_BODY, CONTENT_TYPE="Application/JSON"), 403),
    "UTF-8": (request(GET_BODY, CONTENT_TYPE="application/json; charset=utf-8"), 403),
    "UTF-8 in capitals and quotes": (request(GET_BODY, CONTENT_TYPE='application/json;charset="UTF-8"'), 403),
    "an empty parameter": (request(GET_BODY, CONTENT_TYPE="application/json;"), 403),
    "UTF-16": (request(GET_BODY, CONTENT_TYPE="application/json; charset=utf-16"), 415),
    "UTF-7": (request(GET_BODY, CONTENT_TYPE="application/json; charset=utf-7"), 415),
    "two charsets": (request(GET_BODY, CONTENT_TYPE="application/json; charset=utf-8; charset=utf-16"), 415),
    "a boundary": (request(GET_BODY, CONTENT_TYPE="application/json; boundary=x"), 415),
    "a batch": (request(b"[" + GET_BODY + b"]"), 400),
    "a byte order mark": (request(b"\xef\xbb\xbf" + GET_BODY), 400),
}  # fmt: skip
REASONS_BY_STATUS = {
    400: "message_malformed",
    403: "insufficient_scope",
    411: "length_required",
    413: "message_too_large",
    415: "content_type_unsupported",
}


@pytest.mark.parametrize(("environ", "status"), BODIES.values(), ids=BODIES)
def test_no_body_passes_without_being_judged(environ, status):
    environ["wsgi.input"].seek(0)
    environ = dict(environ)
    method = environ["REQUEST_METHOD"]
    answer = send(environ, auth("mcp"), MCP)
    assert answer.status == status
    assert len(answer.ran) == (status == 200)
    if method == "HEAD":
        assert status == 200 or answer.body == b""
    elif status != 200:
        assert answer.reason == REASONS_BY_STATUS[status]


@pytest.mark.parametrize(
    ("environ", "status"),
    [pair for pair in BODIES.values() if pair[1] not in (200, 403)],
    ids=[name for name, (_, status) in BODIES.items() if status not in (200, 403)],
)
def test_other_refusals_are_json_rpc_errors_without_a_challenge(environ, status):
    environ["wsgi.input"].seek(0)
    answer = send(dict(environ), auth("mcp"), MCP)
    reason = REASONS_BY_STATUS[status]
    members = answer.json
    assert members == {
        "jsonrpc": "2.0",
        "id": None,
        "error": {
            "code": members["error"]["code"],
            "message": REASONS[reason],
            "data": {"reason": reason},
        },
    }
    assert members["error"]["code"] in (-32600, -32700)
    assert answer.challenge is None
    assert answer.headers == {
        "Content-Type": JSON, "Content-Length": str(len(answer.body)), "Cache-Control": "no-store",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("environ", "code", "message_id"),
    [
        pytest.param(request(b"{"), -32700, None, id="no JSON"),
        pytest.param(request(b"[]"), -32600, None, id="a batch"),
        pytest.param(request(message(NAME="x", message_id="a")), -32600, "a", id="a malformed message"),
        pytest.param(call(HTTP_MCP_NAME="other"), -32020, 1, id="a name that contradicts"),
        pytest.param(call(HTTP_MCP_METHOD="tools/list"), -32020, 1, id="a method that contradicts"),
        pytest.param(
            request(message("tools/list"), HTTP_MCP_METHOD="tools/call", HTTP_MCP_NAME="delete_all"),
            -32020, 1, id="a method of a list that contradicts",
        ),
        pytest.param(
            request(message(message_id="i" * 10_000), HTTP_MCP_METHOD="x"), -32600, None, id="a long id",
        ),
    ],
)  # fmt: skip
def test_the_error_has_the_code_and_the_id_of_the_message(environ, code, message_id):
    answer = send(environ, auth("mcp files:read"), MCP)
    assert answer.status == 400
    assert (answer.json["error"]["code"], answer.json["id"]) == (code, message_id)


def test_headers_of_a_message_without_a_body_are_refused():
    answer = send(request(None, "GET", HTTP_MCP_METHOD="tools/call", HTTP_MCP_NAME="search"))
    assert (answer.status, answer.reason, answer.ran) == (400, "message_mismatch", [])


class Trickle(io.RawIOBase):
    """A stream that returns one byte at a time, and counts them."""

    def __init__(self, octets: bytes) -> None:
        self.left = octets
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        assert size > 0
        piece, self.left = self.left[:1], self.left[1:]
        self.count += len(piece)
        return piece


def test_a_stream_may_return_a_byte_at_a_time_and_is_not_read_beyond_the_length():
    stream = Trickle(GET_BODY + b"the next request")
    environ = request(
        None, CONTENT_LENGTH=str(len(GET_BODY)), CONTENT_TYPE=JSON, **{"wsgi.input": stream}
    )
    assert send(environ, auth("files:read")).ran == [GET_BODY]
    assert stream.count == len(GET_BODY)


def test_an_endless_stream_is_read_up_to_the_bound():
    stream = Trickle(b" " * 1000)
    more = {"wsgi.input": stream, "wsgi.input_terminated": True, "CONTENT_TYPE": JSON}
    assert send(request(None, **more), max_bytes=100).status == 413
    assert stream.count == 101


def test_what_is_refused_by_its_headers_is_not_read():
    stream = Trickle(GET_BODY)
    more = {"wsgi.input": stream, "CONTENT_LENGTH": "10"}
    assert send(request(None, **more)).status == 415
    assert send(request(None, **more | {"CONTENT_TYPE": JSON}), max_bytes=9).status == 413
    assert send(request(None, **more | {"CONTENT_LENGTH": None})).status == 411
    assert stream.count == 0


@pytest.mark.parametrize(
    "error",
    [
        OSError("lost"),
        ValueError("Bad chunked transfer size"),
        TimeoutError(),
        OverflowError("Python int too large to convert to C ssize_t"),
        MemoryError(),
        RuntimeError("of a server"),
    ],
    ids=repr,
)
def test_a_body_that_cannot_be_read_is_malformed(error):
    class Broken(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            raise error

    answer = send(request(None, CONTENT_LENGTH="10", CONTENT_TYPE=JSON, **{"wsgi.input": Broken()}))
    assert (answer.status, answer.reason) == (400, "message_malformed")


def test_the_server_finds_the_same_bytes_and_the_same_length():
    body = b" " + message(name="search", arguments={"a": "\n\u00e4", "b": [1.0, 1e2]}) + b"\r\n"
    server = Server()
    layer = ToolAuthorizer(server, {"search": OPTIONAL})
    layer(request(body), lambda *_: None)
    assert server.bodies == [body]
    assert server.environs[0]["CONTENT_LENGTH"] == str(len(body))


def test_a_stream_without_a_length_gets_one():
    environ = call(
        CONTENT_LENGTH=None, HTTP_TRANSFER_ENCODING="chunked", **{"wsgi.input_terminated": True}
    )
    body = environ["wsgi.input"].getvalue()
    assert send(environ, auth("files:read")).ran == [body]
    assert environ["CONTENT_LENGTH"] == str(len(body))
    assert environ["HTTP_TRANSFER_ENCODING"] == "chunked"


def test_a_request_without_a_body_gets_no_length_and_reads_nothing_else():
    stream = Trickle(b"the next request")
    environ = request(None, "GET", **{"wsgi.input": stream})
    assert send(environ).ran == [b""]
    assert "CONTENT_LENGTH" not in environ
    assert stream.count == 0


def test_the_input_has_every_method_of_a_file():
    lines = b'{"jsonrpc":"2.0","id":1,\n"method":"tools/call",\n"params":{"name":"hello"}}'
    whole = lines.splitlines(keepends=True)

    def reading(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        stream = environ["wsgi.input"]
        assert stream.readline() == whole[0]
        assert stream.readline(3) + stream.read(5) == whole[1][:8]
        assert stream.readlines() == [whole[1][8:], whole[2]]
        assert stream.read() == b""
        stream.seek(0)
        assert list(stream) == whole
        start_response("200 OK", [])
        return [b"read"]

    layer = ToolAuthorizer(reading, TOOLS)
    assert layer(request(lines), lambda *_: None) == [b"read"]


@pytest.mark.parametrize(
    "environ",
    [call("hello"), call("search"), request(b"{"), request(None, "GET"), request(b"{", "HEAD")],
    ids=["passed", "refused", "malformed", "without a body", "malformed, by HEAD"],
)
@pytest.mark.filterwarnings("error::wsgiref.validate.WSGIWarning")
def test_the_layer_keeps_to_pep_3333_on_both_sides(environ):
    def reading(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["wsgi.input"].read(10)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b""]

    environ["wsgi.input"].seek(0)
    stack = validator(ToolAuthorizer(validator(reading), TOOLS))
    answer = stack(dict(environ), lambda *_: lambda octets: None)
    b"".join(answer)
    answer.close()


# --- where it judges


def test_other_paths_keep_their_bodies():
    environ = request(b"a form", path="/files", CONTENT_TYPE="text/plain")
    stream = environ["wsgi.input"]
    assert send(environ, path="/mcp").ran == [b"a form"]
    assert environ["wsgi.input"] is stream


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/mcp/messages", "//mcp", "/x/../mcp"])
def test_the_path_and_what_is_below_it_are_judged(path):
    assert send(call(path=path), auth("x"), path="/mcp").status == 403


def test_every_request_is_judged_without_a_path():
    assert send(call(path="/anything"), auth("x")).status == 403


def test_a_request_that_the_policy_passes_as_a_tail_is_judged():
    rules = {"/mcp/{rest...}": AUTHENTICATED}
    assert send(call(path="/mcp/x//y"), auth("x"), rules, path="/mcp").status == 403


# --- the origin

HERE = "https://app.example.com"
#: origins, Origin, whether a token was verified -> whether the request passes
ORIGINS = {
    "a page that is listed": ([HERE], HERE, True, True),
    "a page that is listed, without a token": ([HERE], HERE, False, True),
    "another page": ([HERE], "https://evil.example.com", True, False),
    "no page": ([HERE], None, False, True),
    "another port": ([HERE], f"{HERE}:8443", True, False),
    "another case": ([HERE], HERE.upper(), True, False),
    "two origins": ([HERE], f"{HERE}, {HERE}", True, False),
    "null": ([HERE], "null", True, False),
    "an empty origin": ([HERE], "", True, False),
    "no page may": ([], HERE, True, False),
    "no page may, and it is none": ((), None, True, True),
    "not configured, with a token": (None, HERE, True, True),
    "not configured, without a token": (None, HERE, False, False),
    "not configured, and no page": (None, None, False, True),
}


@pytest.mark.parametrize(
    ("origins", "origin", "has_token", "passes"), ORIGINS.values(), ids=ORIGINS
)
def test_a_page_of_another_origin_is_refused(origins, origin, has_token, passes):
    answer = send(
        call("hello", HTTP_ORIGIN=origin), auth() if has_token else None, OPEN, origins=origins
    )
    if passes:
        assert answer.status == 200
        return
    assert (answer.status, answer.reason, answer.challenge) == (403, "origin_not_allowed", None)
    assert answer.json["error"] == "forbidden"
    assert answer.ran == []


#: method, whether there is a body, whether a token was verified, origins -> the status
WITHOUT_A_CALL = {
    "GET, not configured, without a token": ("GET", False, False, None, 403),
    "HEAD, not configured, without a token": ("HEAD", False, False, None, 403),
    "DELETE, not configured, without a token": ("DELETE", False, False, None, 403),
    "a preflight, not configured": ("OPTIONS", False, False, None, 200),
    "OPTIONS with a message, not configured, without a token": ("OPTIONS", True, False, None, 403),
    "GET, not configured, with a token": ("GET", False, True, None, 200),
    "DELETE, not configured, with a token": ("DELETE", False, True, None, 200),
    "GET, not listed, with a token": ("GET", False, True, [HERE], 403),
    "DELETE, not listed, with a token": ("DELETE", False, True, [HERE], 403),
    "a preflight, not listed": ("OPTIONS", False, False, [HERE], 403),
}


@pytest.mark.parametrize(
    ("method", "has_body", "has_token", "origins", "status"),
    WITHOUT_A_CALL.values(),
    ids=WITHOUT_A_CALL,
)
def test_a_page_is_refused_whatever_its_request_is(method, has_body, has_token, origins, status):
    body = message("ping") if has_body else None
    environ = request(body, method, HTTP_ORIGIN="https://evil.example.com")
    answer = send(environ, auth() if has_token else None, origins=origins)
    assert answer.status == status
    assert bool(answer.ran) == (status == 200)
    if answer.body and status == 403:  # HEAD has no body
        assert answer.reason == "origin_not_allowed"


def test_a_wrong_origin_is_refused_before_the_body_is_read():
    stream = Trickle(GET_BODY)
    more = {"wsgi.input": stream, "CONTENT_LENGTH": "10", "HTTP_ORIGIN": "null"}
    assert send(request(None, **more), origins=[]).reason == "origin_not_allowed"
    assert stream.count == 0


def test_a_page_that_cors_admits_reads_the_refusal(trusted, local):
    inner = protect(ToolAuthorizer(Server(), TOOLS), issuer=trusted, rules=MCP)
    stack = CrossOrigin(inner, origins=[HERE])
    token = local.token("mcp")
    environ = call(HTTP_ORIGIN=HERE, HTTP_AUTHORIZATION=f"Bearer {token}")
    started: list[Any] = []
    b"".join(stack(environ, lambda *arguments: started.append(arguments)))
    headers = dict(started[0][1])
    assert started[0][0].startswith("403")
    assert headers["Access-Control-Allow-Origin"] == HERE
    assert 'scope="mcp files:read"' in headers["WWW-Authenticate"]


# --- the arguments

WRONG = {
    "no application": ({"app": None}, "app=None: write a callable"),
    "no tools": ({"tools": 1}, "tools=1: write a mapping"),
    "PUBLIC": ({"tools": {"a": PUBLIC}}, "tool 'a': PUBLIC"),
    "PUBLIC by default": ({"default": PUBLIC}, "default: PUBLIC"),
    "a pattern as path": ({"path": "/{x}"}, "path='/{x}': write a literal path"),
    "one origin": ({"origins": HERE}, "origins='https://app.example.com': write a list"),
    "every origin": ({"origins": ["*"]}, "origins holds '.': name each origin"),
    "null": ({"origins": ["null"]}, "origins holds 'null'"),
    "a URL": ({"origins": [f"{HERE}/"]}, "write 'https://app.example.com'"),
    "a number as origins": ({"origins": 1}, "origins=1: write a list"),
    "a text as bound": ({"max_bytes": "1M"}, "max_bytes='1M': write a number of bytes"),
    "true as bound": ({"max_bytes": True}, "max_bytes=True: write a number"),
    "a bound of 0": ({"max_bytes": 0}, "max_bytes=0: write a number of bytes, at least 1"),
    "a fraction": ({"max_bytes": 1.5}, "max_bytes=1.5: write a number"),
    "the name of a tool that is not text": ({"tools": {1: DENY}}, "tool 1: write"),
    "no hook for errors": ({"on_error": 1}, "on_error=1: write a callable"),
    "no hook for decisions": ({"on_decision": 1}, "on_decision=1: write a callable"),
}


@pytest.mark.parametrize(("options", "text"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_are_a_value_error(options, text):
    with pytest.raises(ValueError, match=text):
        ToolAuthorizer(**{"app": Server(), "tools": TOOLS, **options})


# --- hooks, logs and other layers


def decisions(
    environ: dict[str, Any], caller: Auth | None = None, **options: Any
) -> list[Decision]:
    found: list[Decision] = []
    send(environ, caller, on_decision=lambda _, decision: found.append(decision), **options)
    return found


def test_each_call_and_each_refusal_is_a_decision_with_the_key_of_the_tool():
    caller = auth("files:delete")
    [passed] = decisions(call("delete_all"), caller)
    assert (passed.error, passed.auth, passed.rule) == (None, caller, "delete_*")
    [refused] = decisions(call(), caller)
    assert (refused.reason, refused.auth, refused.rule) == ("insufficient_scope", caller, "search")
    [unknown] = decisions(call("unknown"), caller)
    assert (unknown.reason, unknown.rule) == ("no_rule", None)
    [watched] = decisions(call("watched"), caller)
    assert watched.error is None
    assert watched.would_be is not None
    assert watched.would_be.reason == "insufficient_scope"
    assert watched.would_be.scopes == ("files:watch",)
    [malformed] = decisions(request(b"{"), caller)
    assert (malformed.reason, malformed.auth, malformed.rule) == ("message_malformed", caller, None)
    assert decisions(request(message("tools/list"))) == []
    assert decisions(request(None, "GET")) == []


def test_what_is_only_reported_names_the_scopes_of_the_path_as_well():
    found: list[Decision] = []
    send(call("watched"), auth("mcp"), MCP, on_decision=lambda _, decision: found.append(decision))
    assert found[0].would_be is not None
    assert found[0].would_be.scopes == ("mcp", "files:watch")


def test_a_hook_answers_in_place_of_the_layer_and_does_not_decide():
    seen: list[str] = []

    def other(_: dict[str, Any], error: Any) -> Any:
        seen.append(error.reason)

        def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            start_response("418 I'm a teapot", [])
            return [b"{}"]

        return application if error.reason != "denied" else None

    for environ in (call(), request(b"{"), call(HTTP_MCP_NAME="x")):
        answer = send(environ, auth("x"), on_error=other)
        assert (answer.status, answer.ran) == (418, [])
    assert send(call("closed"), auth("x"), on_error=other).status == 403
    assert seen == ["insufficient_scope", "message_malformed", "message_mismatch", "denied"]


def test_a_hook_that_returns_nothing_leaves_the_json_rpc_error():
    answer = send(request(b"{"), on_error=lambda environ, error: None)
    assert answer.json["error"]["code"] == -32700


def test_an_error_of_the_server_is_answered():
    def raising(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        raise Forbidden("denied")

    started: list[Any] = []
    layer = ToolAuthorizer(raising, TOOLS)
    b"".join(layer(call("hello"), lambda *arguments: started.append(arguments)))
    assert started[0][0].startswith("403")
    b"".join(layer(request(None, "GET"), lambda *arguments: started.append(arguments)))
    assert started[1][0].startswith("403")


def test_the_log_has_the_name_of_the_tool_escaped_and_cut_and_nothing_else(caplog):
    caplog.set_level(logging.DEBUG)
    name = "line\nend" + "x" * 1000
    send(request(message(name=name, arguments={"secret": "s3cret"})), auth("mcp"), MCP)
    send(
        request(message(name="search", arguments={"secret": "s3cret"})), auth("mcp files:read"), MCP
    )
    send(request(b'{"s3cret": 1, "s3cret": 2}'), auth("mcp"), MCP)
    send(call(HTTP_MCP_NAME="s3cret"), auth("mcp"), MCP)
    refused, passed, *_ = [record.getMessage() for record in caplog.records if record.name == "jwt_wsgi.decision" and "/mcp" in record.getMessage() and "(rule /mcp)" not in record.getMessage()]  # fmt: skip
    assert "no_rule" in refused
    assert r"found 'line\nendxxx" in refused
    assert len(refused) < 400
    assert "(rule search)" in passed
    assert "s3cret" not in caplog.text
    assert "\nend" not in caplog.text


@pytest.mark.parametrize(
    "reason",
    ["message_malformed", "message_mismatch", "length_required", "message_too_large", "content_type_unsupported"],
)  # fmt: skip
def test_an_application_may_answer_with_these_reasons_and_no_challenge(reason):
    started: list[Any] = []
    application = respond(InvalidRequest(reason))
    body = b"".join(application(request(None), lambda *arguments: started.append(arguments)))
    assert json.loads(body)["reason"] == reason
    assert "WWW-Authenticate" not in dict(started[0][1])


def test_a_copy_around_another_application_judges_the_same():
    found: list[Decision] = []
    server = Server()
    original = ToolAuthorizer(
        Server(), TOOLS, path="/mcp", on_decision=lambda *_: pytest.fail("asked")
    )
    layer = original.around(server, on_decision=lambda _, decision: found.append(decision))
    layer(call("hello"), lambda *_: None)
    assert len(server.bodies) == 1
    assert found[0].rule == "hello"
    assert original.app is not server


def test_an_explanation_says_that_tools_are_judged_by_the_body(trusted, local):
    stack = protect(
        ToolAuthorizer(Server(), TOOLS, path="/mcp"), issuer=trusted, rules={"/": AUTHENTICATED}
    )
    explainer = Explainer.of(stack)
    token = {"HTTP_AUTHORIZATION": f"Bearer {local.token()}"}
    explained = explainer.explain(call(**token))
    assert explained.refusal is None
    assert explained.steps[-1].name == "tool"
    assert explained.steps[-1].passed is None
    assert "body" in str(explained.steps[-1].found)
    other = explainer.explain(call(path="/files", **token))
    assert "tool" not in [step.name for step in other.steps]


def test_the_routes_inside_are_covered_as_they_are_without_the_layer():
    flask = Flask("server")
    flask.add_url_rule("/mcp", "mcp", methods=["POST"])
    policy = Policy({"/mcp": scope("mcp")})
    inside = coverage(ScopeAuthorizer(ToolAuthorizer(flask, TOOLS), policy), policy)
    assert str(inside) == str(coverage(ScopeAuthorizer(flask, policy), policy))


def test_the_stack_of_protect_judges_tools(trusted, local):
    server = Server()
    stack = protect(ToolAuthorizer(server, TOOLS), issuer=trusted, rules=MCP)
    started: list[Any] = []
    for scopes in ("mcp", "mcp files:read"):
        environ = call(HTTP_AUTHORIZATION=f"Bearer {local.token(scopes)}")
        b"".join(stack(environ, lambda *arguments: started.append(arguments)))
    assert [status[:3] for status, _ in started] == ["403", "200"]
    assert len(server.bodies) == 1


def test_a_layer_outside_the_others_finds_no_token_and_refuses(trusted, local):
    stack = ToolAuthorizer(protect(Server(), issuer=trusted, rules=MCP), TOOLS)
    started: list[Any] = []
    environ = call(HTTP_AUTHORIZATION=f"Bearer {local.token('mcp files:read')}")
    b"".join(stack(environ, lambda *arguments: started.append(arguments)))
    assert started[0][0].startswith("401")


#: the path of the layer, the rules, the options of the policy -> whether calls get to the layer
PLACES = {
    "the rule's path": ("/mcp", MCP, {}, True),
    "below the rule's path": ("/mcp/v2", MCP, {}, True),
    "around the rule's path": ("/", MCP, {}, True),
    "a misspelled path": ("/mpc", MCP, {}, False),
    "a path in another case": ("/MCP", MCP, {}, False),
    "a path that only begins alike": ("/mcpx", MCP, {}, False),
    "a rule for the path alone": ("/mcp/v2", {"/mcp/{$}": scope("mcp")}, {}, False),
    "a parameter": ("/mcp", {"/{server}": scope("mcp")}, {}, True),
    "a path beyond ASCII": ("/café", {"/café": scope("mcp")}, {}, True),
    "another path beyond ASCII": ("/cafè", {"/café": scope("mcp")}, {}, False),
    "what follows the mount": ("/mcp", MCP, {"mounts": ["/v1"]}, True),
    "the path with the mount": ("/v1/mcp", MCP, {"mounts": ["/v1"]}, True),
    "another path in the mount": ("/v1/mpc", MCP, {"mounts": ["/v1"]}, False),
    "a default that lets some pass": ("/mpc", MCP, {"default": AUTHENTICATED}, True),
    "a policy that only reports": ("/mpc", MCP, {"report_only": True}, True),
    "no path": (None, MCP, {}, True),
}


@pytest.mark.parametrize(("path", "rules", "options", "reached"), PLACES.values(), ids=PLACES)
def test_a_path_that_the_policy_lets_nobody_get_to_is_a_value_error(path, rules, options, reached):
    layer = ToolAuthorizer(Server(), TOOLS, path=path)
    policy = Policy(rules, **options)
    if reached:
        assert ScopeAuthorizer(layer, policy).app is layer
        return
    with pytest.raises(ValueError, match=r"^path='/.*: no rule covers it"):
        ScopeAuthorizer(layer, policy)


def test_other_applications_inside_are_not_asked_about_the_policy():
    class Application(Server):
        def check_policy(self, policy: Policy) -> None:
            pytest.fail("asked")

    ScopeAuthorizer(Application(), MCP)


def absence(caplog, stack: Any, environ: dict[str, Any]) -> str:
    """Return the line of the log about a call without a verified token."""
    caplog.clear()
    caplog.set_level(logging.INFO, "jwt_wsgi.decision")
    b"".join(stack(environ, lambda *_: None))
    (line,) = [record.getMessage() for record in caplog.records if record.name.endswith("decision")]
    assert "401 missing_token" in line
    return line


def test_the_log_says_why_no_token_was_verified(trusted, local, caplog):
    token = {"HTTP_AUTHORIZATION": f"Bearer {local.token('mcp files:read')}"}
    alone = ToolAuthorizer(Server(), TOOLS)
    assert "protect(ToolAuthorizer(" in absence(caplog, alone, call(**token))
    outside = ToolAuthorizer(protect(Server(), issuer=trusted, rules=MCP), TOOLS)
    assert "protect(ToolAuthorizer(" in absence(caplog, outside, call(**token))
    public = protect(ToolAuthorizer(Server(), TOOLS), issuer=trusted, rules={"/mcp": PUBLIC})
    assert "write OPTIONAL" in absence(caplog, public, call(**token))
    optional = protect(ToolAuthorizer(Server(), TOOLS), issuer=trusted, rules=OPEN)
    assert "found 'no Authorization header'" in absence(caplog, optional, call())
    # By hand, without an extractor that leaves a note.
    assert "found None" in absence(caplog, ScopeAuthorizer(alone, OPEN), call())


def test_the_log_says_that_the_tool_has_no_rule(caplog):
    caplog.set_level(logging.INFO, "jwt_wsgi.decision")
    send(call("serach"), auth("mcp"), MCP)
    send(call("closed"), auth("mcp"), MCP)
    unknown, closed = [record.getMessage() for record in caplog.records]
    assert "for this tool" in unknown
    assert "found 'serach'" in unknown
    assert "for this tool" not in closed
