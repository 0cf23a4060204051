"""Messages to an MCP server: one reading, or a refusal that quotes nothing."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from jwt_wsgi import DENY, OPTIONAL, claim, has, path_param, report_only, scope
from jwt_wsgi.mcp.messages import MessageRefused, read_message
from jwt_wsgi.mcp.mirrored_headers import check_headers
from jwt_wsgi.mcp.place import Place
from jwt_wsgi.mcp.tool_rules import ToolRules
from jwt_wsgi.policy.algebra import AUTHENTICATED, PUBLIC


def octets(**members: Any) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **members}).encode()


def call(name: Any = "search", **more: Any) -> bytes:
    return octets(id=1, method="tools/call", params={"name": name, **more})


def nested(depth: int) -> bytes:
    arguments = b"[" * depth + b"]" * depth
    return (
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"search","arguments":%b}}'
        % arguments
    )


GOOD = {
    "a call": (call(), "tools/call", "search", 1),
    "a call with arguments": (call(arguments={"NAME": 1}), "tools/call", "search", 1),
    "a call with a task": (call(task={"ttl": 60}), "tools/call", "search", 1),
    "a call without an id": (
        octets(method="tools/call", params={"name": "search"}),
        "tools/call",
        "search",
        None,
    ),
    "a name that is not ASCII": (call("größe"), "tools/call", "größe", 1),
    "a name in escapes": (
        b'{"jsonrpc":"2.0","id":1,"m\\u0065thod":"tools\\/call","params":{"name":"se\\u0061rch"}}',
        "tools/call",
        "search",
        1,
    ),
    "an empty name": (call(""), "tools/call", "", 1),
    "blanks around it": (b" \r\n" + call() + b"\n\t", "tools/call", "search", 1),
    "another method": (octets(id="x", method="tools/list"), "tools/list", None, "x"),
    "a prompt": (octets(id=1, method="prompts/get", params={"Name": 1}), "prompts/get", None, 1),
    "params by position": (octets(id=1, method="sum", params=[1, 2]), "sum", None, 1),
    "a notification": (
        octets(method="notifications/initialized"),
        "notifications/initialized",
        None,
        None,
    ),
    "a result": (octets(id=7, result={}), None, None, 7),
    "an error": (octets(id="a", error={"code": 1, "message": ""}), None, None, "a"),
    "an error about what was unreadable": (octets(id=None, error={}), None, None, None),
    "another member": (octets(id=1, method="ping", meta={}), "ping", None, 1),
    "a long id": (octets(id="i" * 201, method="ping"), "ping", None, None),
    "an id of 200 characters": (octets(id="i" * 200, method="ping"), "ping", None, "i" * 200),
    "the greatest depth": (nested(30), "tools/call", "search", 1),
}


@pytest.mark.parametrize(("body", "method", "tool", "message_id"), GOOD.values(), ids=GOOD)
def test_a_message_is_read(body, method, tool, message_id):
    message = read_message(body)
    assert (message.method, message.tool, message.id) == (method, tool, message_id)


PARSE_ERRORS = {
    "nothing": b"",
    "a blank": b" ",
    "no JSON": b"name=search",
    "two messages": call() + call(),
    "a byte order mark": b"\xef\xbb\xbf" + call(),
    "UTF-16": call().decode().encode("utf-16"),
    "UTF-16 without a mark": call().decode().encode("utf-16-le"),
    "UTF-32": call().decode().encode("utf-32"),
    "Latin-1": call("größe").decode("unicode-escape").encode("latin-1"),
    "a lone surrogate": b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}',
    "a method twice": b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}',
    "a method twice, once in escapes": b'{"jsonrpc":"2.0","id":1,"method":"ping","m\\u0065thod":"tools/call"}',
    "a name twice": b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}',
    "an argument twice": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":1,"a":2}}',
    "NaN": b'{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":NaN}}',
    "a comment": b'{"jsonrpc":"2.0",/**/"id":1,"method":"ping"}',
    "a comma at the end": b'{"jsonrpc":"2.0","id":1,"method":"ping",}',
    "too deep": nested(31),
    "far too deep": nested(100_000),
    "a number of too many digits": b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"ping"}',
    "a string": b'"tools/call"',
    "null": b"null",
}


@pytest.mark.parametrize("body", PARSE_ERRORS.values(), ids=PARSE_ERRORS)
def test_what_is_not_one_strict_object_is_a_parse_error(body):
    with pytest.raises(MessageRefused) as refused:
        read_message(body)
    assert refused.value.error.reason == "message_malformed"
    assert (refused.value.code, refused.value.message_id) == (-32700, None)


MALFORMED = {
    "a batch": (b"[" + call() + b"]", None),
    "a batch after a blank": (b"\n [" + call() + b"]", None),
    "an empty batch": (b"[]", None),
    "no version": (b'{"id":1,"method":"ping"}', 1),
    "another version": (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', 1),
    "a number as version": (b'{"jsonrpc":2.0,"id":1,"method":"ping"}', 1),
    "neither method nor result": (octets(id=1), 1),
    "a result and an error": (octets(id=1, result={}, error={}), 1),
    "a method and a result": (octets(id=1, method="ping", result={}), 1),
    "a method and an error": (octets(id=1, method="ping", error={}), 1),
    "a result with params": (octets(id=1, result={}, params={"name": "search"}), 1),
    "a result without an id": (octets(result={}), None),
    "a result with the id null": (octets(id=None, result={}), None),
    "an error without an id": (octets(error={}), None),
    "an error with the id true": (octets(id=True, error={}), None),
    "the id null": (octets(id=None, method="ping"), None),
    "the id true": (octets(id=True, method="ping"), None),
    "the id 1.5": (octets(id=1.5, method="ping"), None),
    "an object as id": (octets(id={}, method="ping"), None),
    "a number as method": (octets(id=1, method=1), 1),
    "a list as method": (octets(id=1, method=["tools/call"]), 1),
    "null as method": (octets(id=1, method=None), 1),
    "a text as params": (octets(id=1, method="ping", params="x"), 1),
    "null as params": (octets(id=1, method="ping", params=None), 1),
    "params by position of a call": (octets(id=1, method="tools/call", params=["search"]), 1),
    "a call without params": (octets(id=1, method="tools/call"), 1),
    "a call without a name": (octets(id=1, method="tools/call", params={}), 1),
    "null as name": (call(None), 1),
    "a list as name": (call(["search"]), 1),
    "an object as name": (call({"name": "search"}), 1),
    "a number as name": (call(1), 1),
    "true as name": (call(True), 1),
    "Method": (b'{"jsonrpc":"2.0","id":1,"Method":"tools/call","method":"ping"}', 1),
    "METHOD alone": (b'{"jsonrpc":"2.0","id":1,"METHOD":"tools/call"}', 1),
    "Params": (octets(id=1, method="tools/call", Params={"name": "b"}, params={"name": "a"}), 1),
    "PARAMS of another method": (octets(id=1, method="ping", PARAMS={}), 1),
    "JsonRPC": (octets(id=1, method="ping", JsonRPC="2.0"), 1),
    "Id": (octets(Id=1, id=2, method="ping"), 2),
    "Result": (octets(id=1, Result={}, error={}), 1),
    "Error": (octets(id=1, Error={}, result={}), 1),
    "Name": (call(Name="delete_all"), 1),
    "NAME alone": (octets(id=1, method="tools/call", params={"NAME": "search"}), 1),
    "a name in wide characters": (octets(id=1, method="tools/call", params={"name": "a", "ｎａｍｅ": "b"}), 1),
    "a member among many blanks": (octets(id=1, method="ping", **{"\u2003" * 99 + "Method\n": 1}), 1),
    "a member after a blank": (octets(id=1, **{"method": "ping", " method": "tools/call"}), 1),
    "tools/Call": (octets(id=1, method="tools/Call", params={"name": "search"}), 1),
    "TOOLS/CALL": (octets(id=1, method="TOOLS/CALL"), 1),
    "tools/call after a blank": (octets(id=1, method=" tools/call"), 1),
    "tools/call before a line end": (octets(id=1, method="tools/call\n"), 1),
    "tools/call in wide characters": (octets(id=1, method="ｔｏｏｌｓ／ｃａｌｌ"), 1),
    "tools/call with a long s": (octets(id=1, method="tool\u017f/call"), 1),
    "a malformed message with a long id": (octets(id="i" * 201), None),
}  # fmt: skip


_RUN = "\u0345\u0300\u0334" * 40_000
LONG_NAMES = {
    "a member": octets(id=1, method="ping", **{_RUN: 1}),
    "a parameter of a call": call(**{_RUN: 1}),
    "a method": octets(id=1, method=_RUN),
}


@pytest.mark.parametrize("body", LONG_NAMES.values(), ids=LONG_NAMES)
def test_a_name_of_any_length_is_compared_in_little_time(body):
    begin = time.process_time()
    assert read_message(body).id == 1
    assert time.process_time() - begin < 2


@pytest.mark.parametrize(("body", "message_id"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_not_one_exact_message_is_an_invalid_request(body, message_id):
    with pytest.raises(MessageRefused) as refused:
        read_message(body)
    assert refused.value.error.reason == "message_malformed"
    assert (refused.value.code, refused.value.message_id) == (-32600, message_id)


@pytest.mark.parametrize(
    "body", [*PARSE_ERRORS.values(), *(body for body, _ in MALFORMED.values())], ids=repr
)
def test_the_log_quotes_nothing_of_a_message(body):
    with pytest.raises(MessageRefused) as refused:
        read_message(body.replace(b"search", b"s3cret").replace(b"delete", b"s3cret"))
    error = refused.value.error
    assert "s3cret" not in f"{error.expected} {error.found} {error.description}"


# --- the headers

#: body -> the headers, and whether they agree with it.
PROMPT = octets(id=1, method="prompts/get", params={"name": "review"})
RESOURCE = octets(id=1, method="resources/read", params={"uri": "file:///a,b"})
HEADERS = {
    "none": (call(), None, None, True),
    "both": (call(), "tools/call", "search", True),
    "the method alone": (call(), "tools/call", None, True),
    "the name alone": (call(), None, "search", True),
    "another method": (call(), "tools/list", "search", False),
    "the method in another case": (call(), "Tools/Call", "search", False),
    "another name": (call(), "tools/call", "delete_all", False),
    "the name in another case": (call(), "tools/call", "Search", False),
    "the method twice": (call(), "tools/call,tools/call", None, False),
    "the name twice": (call(), None, "search, search", False),
    "two names": (call(), None, "search,delete_all", False),
    "an empty method": (call(), "", None, False),
    "an empty name": (call(), None, "", False),
    "an empty name of a tool without one": (call(""), None, "", True),
    "an encoded name": (call(), None, "=?base64?c2VhcmNo?=", True),
    "an encoded method": (call(), "=?base64?dG9vbHMvY2FsbA==?=", None, True),
    "another encoded name": (call(), None, "=?base64?ZGVsZXRlX2FsbA==?=", False),
    "a name that is not ASCII": (call("größe"), None, "=?base64?Z3LDtsOfZQ==?=", True),
    "a name that is not ASCII, as it is": (call("größe"), None, "grÃ¶Ã\u009fe", False),
    "padding that is missing": (call("größe"), None, "=?base64?Z3LDtsOfZQ?=", False),
    "other last bits": (call("größe"), None, "=?base64?Z3LDtsOfZR==?=", False),
    "no base64": (call(), None, "=?base64?c2Vh cmNo?=", False),
    "base64url": (call("a?>"), None, "=?base64?YT8-?=", False),
    "not UTF-8": (call(), None, "=?base64?/w==?=", False),
    "the mark in capitals": (call(), None, "=?BASE64?c2VhcmNo?=", False),
    "the mark alone": (call("=?base64?"), None, "=?base64?", True),
    "a name that looks encoded": (call("=?base64?c2VhcmNo?="), None, "=?base64?c2VhcmNo?=", False),
    "a name that looks encoded, encoded": (
        call("=?base64?x?="), None, "=?base64?PT9iYXNlNjQ/eD89?=", True,
    ),
    "a prompt's name": (PROMPT, "prompts/get", "review", True),
    "another prompt's name": (PROMPT, "prompts/get", "other", False),
    "a prompt without a name": (octets(id=1, method="prompts/get"), None, "review", False),
    "a resource's URI": (RESOURCE, "resources/read", "file:///a,b", True),
    "another resource's URI": (RESOURCE, None, "file:///c", False),
    "a name that is no text": (octets(id=1, method="prompts/get", params={"name": 1}), None, "1", False),
    "a task's id": (octets(id=1, method="tasks/get", params={"taskId": "t"}), None, "t", True),
    "another task's id": (octets(id=1, method="tasks/get", params={"taskId": "t"}), None, "u", False),
    "the name of a method without one": (octets(id=1, method="tools/list"), "tools/list", "x", True),
    "the method of a response": (octets(id=1, result={}), "tools/call", None, False),
    "a method of a response that is not readable": (octets(id=1, result={}), "=?base64?=?=", None, False),
    "the name of a response": (octets(id=1, result={}), None, "search", True),
    "the method of a notification": (
        octets(method="notifications/initialized"), "notifications/initialized", None, True,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "method", "name", "agrees"), HEADERS.values(), ids=HEADERS)
def test_headers_that_contradict_the_message_are_refused(body, method, name, agrees):
    message = read_message(body)
    if agrees:
        check_headers(message, method, name)
        return
    with pytest.raises(MessageRefused) as refused:
        check_headers(message, method, name)
    assert refused.value.error.reason == "message_mismatch"
    assert (refused.value.code, refused.value.message_id) == (-32020, message.id)


@pytest.mark.parametrize(("method", "name"), [("tools/call", None), (None, "x"), ("", None)])
def test_headers_without_a_message_are_refused(method, name):
    with pytest.raises(MessageRefused) as refused:
        check_headers(None, method, name)
    assert refused.value.error.reason == "message_mismatch"
    assert (refused.value.code, refused.value.message_id) == (-32020, None)


def test_a_request_without_a_message_has_no_headers():
    check_headers(None, None, None)


# --- the rules

RULES = ToolRules(
    {
        "search": scope("exact"),
        "sea*": scope("prefix"),
        "search*": scope("longer"),
        "sear*": scope("between"),
        "delete_*": DENY,
        "lis": OPTIONAL,
    },
    scope("default"),
)
DECIDED = {
    "search": "search",
    "search_all": "search*",
    "searc": "sear*",
    "sear": "sear*",
    "seam": "sea*",
    "sea": "sea*",
    "se": None,
    "": None,
    "Search": None,
    " search": None,
    "lis": "lis",
    "list": None,
    "delete_": "delete_*",
    "delete_*": "delete_*",
    "delete": None,
    "delete_" + "x" * 100_000: "delete_*",
}


@pytest.mark.parametrize(("name", "key"), DECIDED.items(), ids=lambda value: str(value)[:20])
def test_the_exact_name_decides_then_the_longest_prefix(name, key):
    assert RULES.decide(name).key == key


def test_a_star_alone_covers_every_other_tool():
    rules = ToolRules({"*": scope("all"), "search": scope("exact")}, DENY)
    assert [rules.decide(name).key for name in ("search", "x", "", "search_")] == [
        "search", "*", "*", "*",
    ]  # fmt: skip


def test_pairs_are_rules_too():
    assert ToolRules([("a", AUTHENTICATED)], DENY).decide("a").requirement is AUTHENTICATED


WRONG = {
    "a star in the middle": ({"de*te": DENY}, DENY, "tool 'de.te': '.' stands at the end"),
    "two stars": ({"delete**": DENY}, DENY, "'.' stands at the end of a name only"),
    "an empty name": ({"": DENY}, DENY, "tool '': write the tool's name"),
    "a number as name": ({1: DENY}, DENY, "tool 1: write the tool's name"),
    "a name twice": ([("a", DENY), ("a", DENY)], DENY, "tool 'a': has a rule already; keep one"),
    "a pattern twice": ([("a*", DENY), ("a*", DENY)], DENY, "has a rule already"),
    "a text": ("search", DENY, "tools='search': write a mapping of names to requirements"),
    "nothing": (None, DENY, "tools=None: write a mapping"),
    "no requirement": ({"a": "files:read"}, DENY, "tool 'a': 'files:read' is not a requirement"),
    "PUBLIC": ({"a": PUBLIC}, DENY, "tool 'a': PUBLIC .* write OPTIONAL"),
    "PUBLIC by default": ({}, PUBLIC, "default: PUBLIC .* write OPTIONAL"),
    "no requirement by default": ({}, None, "default: None is not a requirement"),
    "a path parameter": (
        {"a": has("orgs", path_param("org"))}, DENY, "tool 'a': .*path parameter {org}",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "default", "text"), WRONG.values(), ids=WRONG)
def test_rules_that_cannot_be_are_a_value_error(rules, default, text):
    with pytest.raises(ValueError, match=text):
        ToolRules(rules, default)


@pytest.mark.parametrize(
    "requirement",
    [DENY, OPTIONAL, AUTHENTICATED, scope("a") | claim("b", 1), report_only(scope("a"))],
    ids=repr,
)
def test_these_requirements_are_possible(requirement):
    assert ToolRules({"a": requirement}, requirement).decide("a").requirement is requirement


# --- the place

INSIDE = {
    "the path": ("", "/mcp"),
    "a slash at the end": ("", "/mcp/"),
    "below": ("", "/mcp/messages"),
    "a slash twice": ("", "//mcp"),
    "slashes at the end": ("", "/mcp//"),
    "empty segments inside": ("", "/mcp//messages"),
    "a dot segment": ("", "/x/../mcp"),
    "a dot segment that leads away": ("", "/mcp/../x"),
    "another dot segment": ("", "/./mcp"),
    "an absolute URL": ("", "http://localhost/mcp"),
    "an asterisk": ("", "*"),
    "a control character": ("", "/x\n"),
    "not UTF-8": ("", "/x\xff"),
    "a mount": ("/mcp", ""),
    "a mount and more": ("/mcp", "/messages"),
    "below a mount": ("/api", "/mcp"),
    "a mount with dots": ("/x/..", "/mcp"),
}
OUTSIDE = {
    "another path": ("", "/files"),
    "a longer name": ("", "/mcps"),
    "a shorter name": ("", "/mc"),
    "another case": ("", "/MCP"),
    "the root": ("", "/"),
    "nothing": ("", ""),
    "inside another": ("", "/files/mcp"),
    "an empty segment elsewhere": ("", "/files//mcp"),
    "another mount": ("/api", "/files"),
}


@pytest.mark.parametrize(("mount", "path"), INSIDE.values(), ids=INSIDE)
def test_every_path_that_may_reach_the_server_is_inside(mount, path):
    assert Place("/mcp").covers({"SCRIPT_NAME": mount, "PATH_INFO": path})


@pytest.mark.parametrize(("mount", "path"), OUTSIDE.values(), ids=OUTSIDE)
def test_other_paths_are_outside(mount, path):
    assert not Place("/mcp").covers({"SCRIPT_NAME": mount, "PATH_INFO": path})


def test_a_path_may_have_several_segments_and_a_mount_with_them():
    place = Place("/api/mcp/")
    assert place.covers({"SCRIPT_NAME": "/api", "PATH_INFO": "/mcp"})
    assert place.covers({"PATH_INFO": "/api/mcp/x"})
    assert not place.covers({"PATH_INFO": "/mcp"})
    assert not place.covers({})


def test_the_root_covers_everything():
    assert Place("/").covers({"PATH_INFO": "/anything"})


def test_a_traversal_that_begins_elsewhere_is_inside():
    assert Place("/mcp").covers({"PATH_INFO": "/x", "HTTP_X_VHM_ROOT": "/mcp"})


@pytest.mark.parametrize(
    "path",
    ["mcp", "", "POST /mcp", "/{name}", "/mcp/{rest...}", "/mcp/{$}", "/mcp/*", "/a//b", "/%2e", 1, b"/mcp"],
    ids=repr,
)  # fmt: skip
def test_a_path_that_is_not_literal_is_a_value_error(path):
    with pytest.raises(ValueError, match=r"path=.*: write a literal path, such as '/mcp'"):
        Place(path)
