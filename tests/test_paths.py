"""The path rule: a request has one reading, or gets a 400."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from environs import environ, on_the_wire
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jwt_wsgi import AUTHENTICATED, DENY, PUBLIC, InvalidRequest, Policy, ScopeAuthorizer
from jwt_wsgi.policy.paths import canonical


@pytest.mark.parametrize(
    ("path_info", "segments"),
    [
        pytest.param("", (), id="empty means the root"),
        pytest.param("/", (), id="the root"),
        pytest.param("/caf\xc3\xa9", ("café",), id="UTF-8 in latin-1"),
        pytest.param("/\xf0\x9f\x94\x91/x", ("🔑", "x"), id="four bytes"),
        pytest.param("/a/b", ("a", "b"), id="plain"),
        pytest.param("/a/b/", ("a", "b"), id="one trailing slash is dropped"),
        pytest.param("/...", ("...",), id="three dots are a name"),
        pytest.param("/.well-known/x", (".well-known", "x"), id="a leading dot is a name"),
        pytest.param("/a./.b/c..", ("a.", ".b", "c.."), id="dots beside letters"),
        pytest.param("/a b", ("a b",), id="a space is not a control character"),
        pytest.param("/a\xc2\xa0b", ("a\xa0b",), id="a no-break space is not a control character"),
        pytest.param(
            "/\xef\xbb\xbfa", ("\ufeffa",), id="a byte order mark is not a control character"
        ),
        pytest.param("/a\\..\\b", ("a\\..\\b",), id="accepted: backslashes"),
        pytest.param("/a;v=1/b", ("a;v=1", "b"), id="accepted: path parameters"),
        pytest.param("/a%2Fb", ("a%2Fb",), id="accepted: a literal %2F"),
        pytest.param("/%2e%2e/a", ("%2e%2e", "a"), id="accepted: literal escaped dots"),
        pytest.param("/A/a", ("A", "a"), id="accepted: case is kept"),
        pytest.param("/cafe\xcc\x81", ("cafe\u0301",), id="accepted: combining marks are kept"),
    ],
)
def test_a_path_with_one_reading_is_its_segments(path_info: str, segments: tuple[str, ...]) -> None:
    assert canonical(path_info) == segments


UTF8, SLASH = "UTF-8", "a leading slash"
CONTROL, EMPTY, DOT = "no control character", "no empty segment", "no dot segment"

AMBIGUOUS = [
    ("a lone byte", "/\xff", UTF8),
    ("an overlong slash", "/a\xc0\xafb", UTF8),
    ("an overlong dot", "/\xc0\xae\xc0\xae/a", UTF8),
    ("an encoded surrogate", "/\xed\xa0\x80", UTF8),
    ("beyond Unicode", "/\xf4\x90\x80\x80", UTF8),
    ("cut short", "/\xc3", UTF8),
    ("latin-1 é", "/caf\xe9", UTF8),
    ("text that cannot be bytes", "/\u20ac", UTF8),
    ("a lone surrogate", "/\udcff", UTF8),
    ("no slash", "a", SLASH),
    ("asterisk form", "*", SLASH),
    ("absolute form", "http://example.com/a", SLASH),
    ("authority form", "example.com:443", SLASH),
    ("a dot segment", "/./a", DOT),
    ("a dot segment at the end", "/a/.", DOT),
    ("a dot segment and a slash", "/a/./", DOT),
    ("a dot alone", "/.", DOT),
    ("two dots", "/a/../b", DOT),
    ("two dots first", "/../a", DOT),
    ("two dots last", "/a/..", DOT),
    ("two dots and a slash", "/a/../", DOT),
    ("an empty segment", "/a//b", EMPTY),
    ("an empty segment first", "//a", EMPTY),
    ("an empty segment last", "/a//", EMPTY),
    ("nothing but slashes", "//", EMPTY),
    ("three slashes", "///", EMPTY),
    ("an empty and a dot segment", "//../a", EMPTY),
]


@pytest.mark.parametrize(
    ("path_info", "expected"), [pytest.param(*case, id=name) for name, *case in AMBIGUOUS]
)
def test_a_path_with_two_readings_is_refused(path_info: str, expected: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        canonical(path_info)
    assert (refused.value.reason, refused.value.status) == ("path_ambiguous", 400)
    assert refused.value.expected == expected


CONTROLS = [*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029]


@pytest.mark.parametrize("code_point", CONTROLS, ids="U+{:04X}".format)
def test_no_control_character_passes_wherever_it_stands(code_point: int) -> None:
    for path in ("/{}", "/a/{}b", "/a{}/b", "/a/b{}", "/{}/"):
        with pytest.raises(InvalidRequest) as refused:
            canonical(on_the_wire(path.format(chr(code_point))))
        assert refused.value.expected == CONTROL


pieces = st.sampled_from(["/", "/", "a", ".", "..", "%2f", "\\", "\xc3\xa9", "\xff", "\x00", ";"])


@settings(max_examples=500, deadline=None)
@given(st.lists(pieces, max_size=8).map("".join) | st.text(st.characters(max_codepoint=255)))
@example("/a/")
@example("//")
def test_an_accepted_path_has_one_spelling(path_info: str) -> None:
    try:
        segments = canonical(path_info)
    except InvalidRequest:
        return
    written = on_the_wire("/" + "/".join(segments))
    assert path_info in ((written, written + "/") if segments else ("", "/"))
    assert canonical(written) == segments
    assert not {"", ".", ".."} & set(segments)


@pytest.mark.parametrize("elsewhere", ["RAW_URI", "REQUEST_URI", "HTTP_X_ORIGINAL_URL"])
def test_path_info_alone_decides(elsewhere: str) -> None:
    policy = Policy({"/a": AUTHENTICATED, "/b": PUBLIC})
    request = environ("/a", **{elsewhere: "/b"})
    assert policy.match(request).requirement is AUTHENTICATED
    assert policy.match({**request, elsewhere: "/../"}).requirement is AUTHENTICATED


def test_an_absent_path_info_means_the_root() -> None:
    assert Policy({"/{$}": PUBLIC}).is_public({"REQUEST_METHOD": "GET"})


VHM = "HTTP_X_VHM_ROOT"


@pytest.mark.parametrize("value", ["/a", "", "/"])
def test_a_virtual_host_root_is_refused_unless_opted_in(value: str) -> None:
    request = environ("/a", **{VHM: value})
    with pytest.raises(InvalidRequest, match="path_ambiguous") as refused:
        Policy({"/": PUBLIC}).match(request)
    assert refused.value.expected == "no X-Vhm-Root"
    assert Policy({"/": PUBLIC}, allow_vhm_root=True).is_public(request)


METHODS = ["GET", "HEAD", "OPTIONS", "PROPFIND", "M-SEARCH", "X.1", "!#$%&'*+.^_`|~-"]


@pytest.mark.parametrize("method", METHODS)
def test_a_method_is_an_upper_case_token(method: str) -> None:
    assert Policy({"/": PUBLIC}).is_public(environ("/a", method))


@pytest.mark.parametrize(
    "method",
    ["", "get", "Get", "GET ", " GET", "GET\n", "G T", "GET,POST", "GÉT", "G(T", "G/T", "G\x00T"],
    ids=ascii,
)
def test_a_method_that_is_not_an_upper_case_token_is_refused(method: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Policy({"/": PUBLIC}).match(environ("/a", method))
    assert (refused.value.reason, refused.value.status) == ("method_ambiguous", 400)


def test_an_absent_method_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="method_ambiguous"):
        Policy({"/": PUBLIC}).match({"PATH_INFO": "/"})


@pytest.mark.parametrize("method", [None, 7, b"GET", ["GET"], {}], ids=repr)
def test_a_method_that_is_not_text_is_refused(method: Any) -> None:
    with pytest.raises(InvalidRequest, match="method_ambiguous"):
        Policy({"/": PUBLIC}).match({**environ("/a"), "REQUEST_METHOD": method})


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        pytest.param({VHM: "/b"}, "path_ambiguous", id="a virtual host root"),
        pytest.param({"SCRIPT_NAME": "/b"}, "mount_unknown", id="another mount"),
        pytest.param({"REQUEST_METHOD": "get"}, "method_ambiguous", id="another method"),
        pytest.param({"PATH_INFO": "/a//"}, "path_ambiguous", id="another path"),
    ],
)
def test_a_cached_match_bypasses_no_check(more: dict[str, str], reason: str) -> None:
    policy = Policy({"/": PUBLIC})
    for _ in range(2):
        assert policy.is_public(environ("/a"))
        with pytest.raises(InvalidRequest, match=reason):
            policy.match(environ("/a", **more))


class Quiet(WSGIRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        """Log nothing, because the lines would be noise."""


def reached(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"reached"]


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    """Start a real server with an open subtree and one that is denied."""
    layer = ScopeAuthorizer(reached, Policy({"/admin": DENY, "/open": PUBLIC}))
    with make_server("127.0.0.1", 0, layer, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server.server_address[:2]
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("target", "statuses"),
    [
        ("/open", {200}),
        ("/open?/admin", {200}),
        ("/open/x", {200}),
        ("/admin", {401}),
        ("/%61dmin", {401}),
        ("/admin%2Fx", {401}),
        ("/admin;x", {401}),
        # Some versions of the server join leading slashes, others hand them on.
        ("//admin", {400, 401}),
        ("/open//../admin", {400}),
        ("/open/../admin", {400}),
        ("/open/%2e%2e/admin", {400}),
        ("/open/%00", {400}),
        ("/open/%ff", {400}),
        ("http://example.com/open", {400}),
        ("open", {400}),
        ("*", {400}),
    ],
)
def test_a_raw_request_line_has_one_reading(
    address: tuple[str, int], target: str, statuses: set[int]
) -> None:
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(f"GET {target} HTTP/1.0\r\n\r\n".encode("ascii"))
        with connection.makefile("rb") as received:
            answer = received.read()
    status = int(answer.split()[1])
    assert status in statuses
    assert answer.endswith(b"reached") is (status == 200)


# --- the refusal says what was found (D5): the place, and no more of the path

WITHHELD = "withheld, it is not a word of letters"


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        pytest.param({"PATH_INFO": "/a//secret"}, "segment 2 is empty", id="an empty segment"),
        pytest.param({"PATH_INFO": "//secret"}, "segment 1 is empty", id="two leading slashes"),
        pytest.param({"PATH_INFO": "/secret/a/../b"}, "segment 3 is ..", id="a dot segment"),
        pytest.param({"PATH_INFO": "secret"}, "a path without one", id="no leading slash"),
        pytest.param({"PATH_INFO": "/secret\x00"}, "U+0000", id="a control character"),
        pytest.param({"PATH_INFO": "/secret\xff"}, "bytes that are not UTF-8", id="not UTF-8"),
        pytest.param({VHM: "/secret"}, "the header X-Vhm-Root", id="a virtual host root"),
        pytest.param({"REQUEST_METHOD": "get"}, "get", id="a method in lower case"),
        pytest.param({"REQUEST_METHOD": "x" * 21}, WITHHELD, id="a long method"),
        pytest.param({"REQUEST_METHOD": "eyJ.eyJ.sig"}, WITHHELD, id="a token"),
        pytest.param({"REQUEST_METHOD": ""}, WITHHELD, id="an empty method"),
        pytest.param({"REQUEST_METHOD": None}, "NoneType", id="no method"),
    ],
)
def test_a_refusal_names_the_part_that_is_ambiguous_d5(environ: Any, found: str) -> None:
    request = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": "/a", **environ}
    with pytest.raises(InvalidRequest) as refused:
        Policy({"/": AUTHENTICATED}).match(request)
    assert refused.value.found == found
    assert refused.value.expected is not None
