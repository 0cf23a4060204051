"""Where a token may stand, how a cookie is read, and which requests a cookie authorizes (F12)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any

import pytest
from environs import environ
from hypothesis import given
from hypothesis import strategies as st
from matrix.servers import COMMANDS, Server, each_of, serving
from werkzeug.http import parse_cookie

from jwt_wsgi import AuthError, Credentials, Forbidden, InvalidRequest
from jwt_wsgi.cookies import MAX_CHARACTERS, MAX_COOKIES, cookie_values
from jwt_wsgi.readings import Reading, credentials_of
from jwt_wsgi.sources import (
    CookieSource,
    HeaderSource,
    bearer,
    check_sources,
    from_cookie,
    from_header,
    parse_sources,
)

# --- cookies (RFC 6265)


@pytest.mark.parametrize(
    ("header", "values"),
    [
        pytest.param("", [], id="no cookies"),
        pytest.param("session=t", ["t"], id="one"),
        pytest.param("a=1; session=t; b=2", ["t"], id="among others"),
        pytest.param("session=", [""], id="empty"),
        pytest.param('session=""', [""], id="empty, in quotes"),
        pytest.param('session="t"', ["t"], id="quoted"),
        pytest.param('session="', ['"'], id="one quote"),
        pytest.param('session="t', ['"t'], id="a quote in front alone"),
        pytest.param('session="a\\"b"', ['a\\"b'], id="nothing is unescaped"),
        pytest.param("session=%74", ["%74"], id="nothing is percent-decoded"),
        pytest.param("session=a=b==", ["a=b=="], id="equals signs in the value"),
        pytest.param("session", [], id="a name without a value"),
        pytest.param("=session", [], id="a value without a name"),
        pytest.param("=session=t", [], id="a nameless cookie that imitates one"),
        pytest.param("session=a; session=b", ["a", "b"], id="twice"),
        pytest.param("session=t; session=t", ["t", "t"], id="twice the same"),
        pytest.param("session=; session=t", ["", "t"], id="twice, one empty"),
        pytest.param("Session=a; SESSION=b; session=t", ["t"], id="case matters"),
        pytest.param("xsession=a; sessionx=b; session.x=c", [], id="parts of names"),
        pytest.param(" \tsession \t=\t t \t;a=1", ["t"], id="white space that browsers strip"),
        pytest.param("a=1;session=t;b=2", ["t"], id="no spaces"),
        pytest.param(";;session=t;;", ["t"], id="empty pairs"),
        pytest.param("\xa0session=t", [], id="a no-break space in front of the name"),
        pytest.param("\x85session=t", [], id="a C1 space in front of the name"),
        pytest.param("\x0bsession=t; \x0csession=t", [], id="other ASCII white space"),
        pytest.param("session\x00=t", [], id="a NUL behind the name"),
        pytest.param("session=\xa0t", ["\xa0t"], id="a no-break space in the value"),
        pytest.param('q="x; session=t; y"', ["t"], id="quotes hide no cookie"),
        pytest.param('session="a; b"', ['"a'], id="quotes keep no semicolon"),
        pytest.param("q={a; session=t}", ["t}"], id="nor do braces"),
        pytest.param("$Version=1; session=t; $Path=/", ["t"], id="the words of RFC 2965"),
        pytest.param("a=1,session=t", [], id="a comma separates nothing"),
        pytest.param("session=a,session=b", ["a,session=b"], id="a comma is in the value"),
        pytest.param("a=\r\nsession=t", [], id="line ends separate nothing"),
        pytest.param('state={"a":"b, c"}; session=t', ["t"], id="behind a JSON value"),
        pytest.param("state=[1, 2]; session=t", ["t"], id="behind a list"),
        pytest.param("a b=1; session=t", ["t"], id="behind a name with a space"),
        pytest.param("naïve=ü; session=t", ["t"], id="behind octets outside ASCII"),
        pytest.param("expires=x; path=/; session=t", ["t"], id="behind names of attributes"),
    ],
)
def test_a_cookie_is_found_as_browsers_send_it_f12(header: str, values: list[str]) -> None:
    assert cookie_values(header, "session") == values


@pytest.mark.parametrize("header", ['state={"a": "b"}; session=t', "a b=1; session=t"])
def test_simplecookie_loses_what_is_found_here_f12(header: str) -> None:
    assert "session" not in SimpleCookie(header)
    assert cookie_values(header, "session") == ["t"]


_TOKEN = "!#$%&'*+.^_`|~0123456789abcxyzABCXYZ-"
_ATTRIBUTES = {"expires", "path", "comment", "domain", "secure", "httponly", "version", "samesite", "partitioned", "max-age"}  # fmt: skip
_names = st.text(_TOKEN, min_size=1, max_size=8).filter(
    lambda name: not name.startswith("$") and name.lower() not in _ATTRIBUTES
)
# RFC 6265 §4.1.1, cookie-octet.
_octet = st.sampled_from([chr(code) for code in range(0x21, 0x7F) if chr(code) not in '",;\\'])
_plain = st.text(_octet, max_size=12)
_values = st.tuples(_plain, st.booleans())
_pairs = st.lists(st.tuples(_names, _values), max_size=6, unique_by=lambda pair: pair[0])


def written(value: tuple[str, bool]) -> str:
    text, quoted = value
    return f'"{text}"' if quoted else text


@given(_pairs)
def test_conforming_headers_are_read_as_werkzeug_and_python_read_them_f12(pairs: Any) -> None:
    header = "; ".join(f"{name}={written(value)}" for name, value in pairs)
    by_werkzeug = parse_cookie(header)
    by_python = SimpleCookie(header)
    for name, (text, _) in pairs:
        assert cookie_values(header, name) == [text]
        assert by_werkzeug.getlist(name) == [text]
        # Python's reader knows fewer characters in names, and stops at the first other one.
        if len(by_python) == len(pairs):
            assert by_python[name].value == text


@given(st.text(st.characters(max_codepoint=255)), _names)
def test_any_header_gives_parts_of_itself_without_semicolons_f12(header: str, name: str) -> None:
    for value in cookie_values(header, name):
        assert value in header
        assert ";" not in value
    assert cookie_values(f"{header};{name}=t", name)[-1] == "t"


@pytest.mark.parametrize(
    ("header", "found"),
    [
        pytest.param("a=" + "x" * (MAX_CHARACTERS - 1), f"{MAX_CHARACTERS + 1} characters", id="length"),
        pytest.param("a=1;" * MAX_COOKIES, f"{MAX_COOKIES + 1} cookies", id="count"),
    ],
)  # fmt: skip
def test_a_cookie_header_beyond_its_bounds_is_refused_f12(header: str, found: str) -> None:
    refusal = from_cookie("session").read({"HTTP_COOKIE": header}).refusal
    assert isinstance(refusal, InvalidRequest)
    assert (refusal.reason, refusal.found) == ("malformed_header", found)
    assert refusal.description == "The Cookie header is too large"


@pytest.mark.parametrize(
    "header",
    [
        pytest.param("a=" + "x" * (MAX_CHARACTERS - 13) + "; session=t", id="length"),
        pytest.param("a=1;" * (MAX_COOKIES - 1) + "session=t", id="count"),
    ],
)
def test_a_cookie_header_within_its_bounds_is_read_f12(header: str) -> None:
    assert from_cookie("session").read({"HTTP_COOKIE": header}).token == "t"


# --- one source


def read(source: HeaderSource | CookieSource, **headers: str) -> Reading:
    return source.read(environ(**{f"HTTP_{name}": value for name, value in headers.items()}))


@pytest.mark.parametrize(
    ("source", "headers", "token", "refused", "words"),
    [
        pytest.param(from_header("X-Token"), {}, None, None, "no header X-Token", id="no header"),
        pytest.param(from_header("X-Token"), {"X_TOKEN": " \t"}, None, None, "no header X-Token", id="an empty header"),
        pytest.param(from_header("X-Token"), {"X_TOKEN": " t\t"}, "t", None, None, id="a header"),
        pytest.param(from_header("x_token"), {"X_TOKEN": "t"}, "t", None, None, id="a header in another spelling"),
        pytest.param(from_header("X-Token"), {"X_TOKEN": "a, a"}, None, "several_tokens", "a comma in the header X-Token", id="a joined header"),
        pytest.param(from_header("X-Token"), {"X_TOKEN": ","}, None, "several_tokens", "a comma in the header X-Token", id="two empty headers"),
        pytest.param(from_header("X-Token"), {"X_TOKEN": "bearer t"}, "bearer t", None, "the header X-Token holds the scheme Bearer with the token", id="a header with a scheme"),
        pytest.param(from_header("X-Token"), {"X_TOKEN": "a b"}, "a b", None, "the header X-Token holds a text with white space", id="a header of two words"),
        pytest.param(from_cookie("s"), {}, None, None, "no cookie s", id="no Cookie header"),
        pytest.param(from_cookie("s"), {"COOKIE": "a=1"}, None, None, "no cookie s", id="another cookie"),
        pytest.param(from_cookie("s"), {"COOKIE": 's=""'}, None, None, "an empty cookie s", id="an empty cookie"),
        pytest.param(from_cookie("s"), {"COOKIE": "a=1; s=t"}, "t", None, None, id="a cookie"),
        pytest.param(from_cookie("s"), {"COOKIE": "s=t; s=t"}, None, "several_tokens", "the cookie s 2 times", id="a cookie twice"),
        pytest.param(from_cookie("s"), {"COOKIE": "s=; s="}, None, "several_tokens", "the cookie s 2 times", id="an empty cookie twice"),
        pytest.param(from_cookie("s"), {"COOKIE": "s=t,a=1"}, None, "several_tokens", "a comma in the cookie s", id="joined Cookie headers"),
        pytest.param(from_cookie("s"), {"COOKIE": "s=Bearer t"}, "Bearer t", None, "the cookie s holds the scheme Bearer with the token", id="a cookie with a scheme"),
    ],
)  # fmt: skip
def test_a_source_holds_a_token_a_refusal_or_nothing_f12(
    source: Any, headers: dict[str, str], token: str | None, refused: str | None, words: str | None
) -> None:
    reading = read(source, **headers)
    assert reading.token == token
    assert not reading.is_explicit
    if refused is None:
        assert (reading.refusal, reading.note) == (None, words)
    else:
        assert isinstance(reading.refusal, InvalidRequest)
        assert (reading.refusal.reason, reading.refusal.found) == (refused, words)


# --- several sources

_REFUSED = InvalidRequest("several_tokens")
_CROSS = Forbidden("cross_site")
NOTHING = Reading("nothing", note="no header")
HEADER = Reading("the header X", "t")
BEARER = Reading("Authorization", "t", is_explicit=True)
COOKIE = Reading("the cookie s", "t")
CROSS = Reading("the cookie s", "t", _CROSS)
BROKEN = Reading("the cookie s", refusal=_REFUSED)


@pytest.mark.parametrize(
    ("readings", "outcome"),
    [
        pytest.param([NOTHING, NOTHING], None, id="nothing"),
        pytest.param([NOTHING, COOKIE], "t", id="one token"),
        pytest.param([BEARER, HEADER, COOKIE], "t", id="the same token everywhere"),
        pytest.param([BEARER, COOKIE._replace(token="u")], "several_tokens", id="two tokens"),
        pytest.param([BEARER, CROSS._replace(token="u")], "several_tokens", id="two, one cross-site"),
        pytest.param([BEARER, BROKEN], _REFUSED, id="a good one, then a broken one"),
        pytest.param([BROKEN, BEARER], _REFUSED, id="a broken one, then a good one"),
        pytest.param([NOTHING, CROSS], _CROSS, id="another site's cookie"),
        pytest.param([CROSS, COOKIE], _CROSS, id="one of two cookies"),
        pytest.param([HEADER, CROSS], _CROSS, id="a header that a proxy may add"),
        pytest.param([CROSS, BEARER], "t", id="Bearer beside the cookie"),
    ],
)  # fmt: skip
def test_all_sources_are_read_and_decide_together_f12(readings: Any, outcome: Any) -> None:
    found = credentials_of(readings)
    if outcome in (None, _REFUSED, _CROSS):
        assert found is outcome
    elif isinstance(found, AuthError):
        assert found.reason == outcome
        assert found.found == "different tokens in Authorization and the cookie s"
    else:
        assert found == Credentials("Bearer", outcome)


# --- requests that another site may have caused

OURS = "https://app.example.com"
LISTED = from_cookie("s", origins=[OURS, "http://localhost:3000"])
UNLISTED = from_cookie("s")


def site(value: str) -> dict[str, str]:
    return {"HTTP_SEC_FETCH_SITE": value}


def origin(value: str) -> dict[str, str]:
    return {"HTTP_ORIGIN": value}


#: The headers; whether a cookie passes without listed origins, and with them.
CROSSINGS = [
    pytest.param({}, False, False, id="no headers at all"),
    pytest.param(site("same-origin"), True, True, id="same-origin"),
    pytest.param(site("same-site"), False, False, id="same-site"),
    pytest.param(site("cross-site"), False, False, id="cross-site"),
    pytest.param(site("none"), False, False, id="none, which no script causes"),
    pytest.param(site(""), False, False, id="an empty Sec-Fetch-Site"),
    pytest.param(site("Same-Origin"), False, False, id="same-origin in another case"),
    pytest.param(site("same-origin, cross-site"), False, False, id="two of them, joined"),
    pytest.param(site("same-origin,same-origin"), False, False, id="twice the same, joined"),
    pytest.param(site("unknown"), False, False, id="a value of the future"),
    pytest.param(origin(OURS), False, True, id="a listed origin alone"),
    pytest.param(origin("http://localhost:3000"), False, True, id="another listed origin"),
    pytest.param(site("cross-site") | origin(OURS), False, True, id="a listed origin, cross-site"),
    pytest.param(site("same-site") | origin(OURS), False, True, id="a listed origin, same-site"),
    pytest.param(site("none") | origin(OURS), False, True, id="a listed origin, none"),
    pytest.param(origin("null"), False, False, id="null"),
    pytest.param(site("cross-site") | origin("null"), False, False, id="null, cross-site"),
    pytest.param(site("same-origin") | origin("null"), True, True, id="null, without a referrer"),
    pytest.param(origin(""), False, False, id="an empty origin"),
    pytest.param(origin(f"{OURS}/"), False, False, id="a listed origin and a slash"),
    pytest.param(origin(f"{OURS}.evil.test"), False, False, id="a longer host"),
    pytest.param(origin("http://app.example.com"), False, False, id="a listed host over http"),
    pytest.param(origin(f"{OURS}, {OURS}"), False, False, id="two origins, joined"),
    pytest.param({"HTTP_REFERER": f"{OURS}/"}, False, False, id="a Referer alone"),
]
UNSAFE = ("POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "ANYTHING", "get", "")


def is_refused(source: CookieSource, method: str, **headers: str) -> bool:
    refusal = source.read(environ("/", method, HTTP_COOKIE="s=t", **headers)).refusal
    assert refusal is None or (type(refusal), refusal.reason) == (Forbidden, "cross_site")
    return refusal is not None


@pytest.mark.parametrize("method", UNSAFE, ids=lambda method: method or "no method")
@pytest.mark.parametrize(("headers", "unlisted", "listed"), CROSSINGS)
def test_a_cookie_needs_the_same_or_a_listed_origin_to_change_something_f12(
    headers: dict[str, str], unlisted: bool, listed: bool, method: str
) -> None:
    assert is_refused(UNLISTED, method, **headers) is not unlisted
    assert is_refused(LISTED, method, **headers) is not listed


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("headers", [pytest.param(*row.values[:1], id=row.id) for row in CROSSINGS])
def test_a_cookie_needs_no_origin_to_read_f12(headers: dict[str, str], method: str) -> None:
    assert not is_refused(UNLISTED, method, **headers)


@pytest.mark.parametrize("upgrade", ["websocket", "WebSocket", "h2c, websocket"])
@pytest.mark.parametrize(("headers", "unlisted", "listed"), CROSSINGS)
def test_opening_a_websocket_counts_as_a_change_f12(
    headers: dict[str, str], unlisted: bool, listed: bool, upgrade: str
) -> None:
    upgrading = {"HTTP_UPGRADE": upgrade, **headers}
    assert is_refused(UNLISTED, "GET", **upgrading) is not unlisted
    assert is_refused(LISTED, "GET", **upgrading) is not listed


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"HTTP_X_HTTP_METHOD_OVERRIDE": "DELETE"}, id="a header for another method"),
        pytest.param({"QUERY_STRING": "_method=DELETE"}, id="a parameter for another method"),
        pytest.param({"HTTP_UPGRADE": "h2c"}, id="an upgrade of HTTP itself"),
        pytest.param({"HTTP_UPGRADE_INSECURE_REQUESTS": "1"}, id="a wish for https"),
    ],
)
def test_a_get_stays_a_get_f12(headers: dict[str, str]) -> None:
    assert not is_refused(UNLISTED, "GET", **headers)
    assert is_refused(UNLISTED, "POST", **headers)


def test_the_log_says_where_the_request_came_from_within_bounds_f12() -> None:
    request = environ("/", "POST", HTTP_COOKIE="s=secret", **site("x" * 500), **origin("y" * 500))
    refusal = LISTED.read(request).refusal
    assert refusal is not None
    assert refusal.expected == "Sec-Fetch-Site same-origin, or a listed Origin"
    assert refusal.found == f"Sec-Fetch-Site {'x' * 60}, Origin {'y' * 60}"
    unlisted = UNLISTED.read(environ("/", "POST", HTTP_COOKIE="s=secret")).refusal
    assert unlisted is not None
    assert unlisted.expected == "Sec-Fetch-Site same-origin"
    assert unlisted.found == "Sec-Fetch-Site absent, Origin absent"


# --- configuration


def any_source(environ: dict[str, Any]) -> str:
    return ""


@pytest.mark.parametrize(
    ("build", "message"),
    [
        pytest.param(lambda: from_header(""), "write the name of a header", id="no name"),
        pytest.param(lambda: from_header("X Token"), "write the name of a header", id="a space"),
        pytest.param(lambda: from_header("X-Tökén"), "write the name of a header", id="not ASCII"),
        pytest.param(lambda: from_header("X:"), "write the name of a header", id="a colon"),
        pytest.param(lambda: from_header(b"X"), "write the name of a header", id="bytes"),  # type: ignore[arg-type]
        pytest.param(lambda: from_header("Authorization"), "use bearer", id="Authorization"),
        pytest.param(lambda: from_header("AUTHORIZATION"), "use bearer", id="AUTHORIZATION"),
        pytest.param(lambda: from_header("Cookie"), "use from_cookie", id="Cookie"),
        pytest.param(lambda: from_header("content_type"), "no token stands there", id="content_type"),
        pytest.param(lambda: from_cookie(""), "write the name of a cookie", id="no cookie"),
        pytest.param(lambda: from_cookie("a=b"), "write the name of a cookie", id="an equals sign"),
        pytest.param(lambda: from_cookie("a;b"), "write the name of a cookie", id="a semicolon"),
        pytest.param(lambda: from_cookie(None), "write the name of a cookie", id="None"),  # type: ignore[arg-type]
        pytest.param(lambda: from_cookie("s", origins=OURS), r"origins='https.*write a list", id="one origin"),
        pytest.param(lambda: from_cookie("s", origins=None), "origins=None: write a list", id="no list"),  # type: ignore[arg-type]
        pytest.param(lambda: from_cookie("s", origins=["*"]), r"'\*': name each origin", id="any origin"),
        pytest.param(lambda: from_cookie("s", origins=["null"]), "'null'.*: remove it", id="null"),
        pytest.param(lambda: from_cookie("s", origins=[f"{OURS}/"]), f"write '{OURS}'", id="a slash"),
        pytest.param(lambda: check_sources([]), "is empty: write .bearer.", id="no source"),
        pytest.param(lambda: check_sources("bearer"), "='bearer': write a list", id="text"),  # type: ignore[arg-type]
        pytest.param(lambda: check_sources(bearer), "=bearer: write a list", id="one source"),  # type: ignore[arg-type]
        pytest.param(lambda: check_sources(None), "=None: write a list", id="no sources"),  # type: ignore[arg-type]
        pytest.param(lambda: check_sources([any_source]), "write bearer, from_header", id="a function"),  # type: ignore[list-item]
        pytest.param(lambda: check_sources(["bearer"]), "holds 'bearer': write bearer", id="a word"),  # type: ignore[list-item]
        pytest.param(lambda: check_sources([bearer, bearer]), "one place: keep one", id="bearer twice"),
        pytest.param(
            lambda: check_sources([from_cookie("s"), from_cookie("s", origins=[OURS])]),
            r"from_cookie\('s'\) and from_cookie\('s'\), which are one place", id="a cookie twice",
        ),
        pytest.param(
            lambda: check_sources([from_header("X-Token"), from_header("x_token")]),
            r"from_header\('X-Token'\) and from_header\('x_token'\), which are one place", id="two spellings",
        ),
        pytest.param(lambda: parse_sources("Bearer"), "'Bearer' is not a source: write bearer", id="a scheme"),
        pytest.param(lambda: parse_sources("query:t"), "'query:t' is not a source", id="another kind"),
        pytest.param(lambda: parse_sources("bearer:x"), "'bearer:x' is not a source", id="bearer and a name"),
        pytest.param(lambda: parse_sources("header:"), "write the name of a header", id="no header's name"),
        pytest.param(lambda: parse_sources(" "), "is empty", id="white space"),
        pytest.param(lambda: parse_sources("bearer", [OURS]), "origins without a cookie", id="origins alone"),
    ],
)  # fmt: skip
def test_wrong_configuration_names_the_value_and_the_remedy_f12(build: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def test_names_of_cookies_differ_by_case_f12() -> None:
    assert len(check_sources([from_cookie("s"), from_cookie("S"), from_header("S")])) == 3


def test_a_text_names_the_same_sources_as_python_f12() -> None:
    sources = parse_sources("bearer  header:X-Token\ncookie:__Host-s", [OURS])
    assert sources == (bearer, from_header("X-Token"), from_cookie("__Host-s", origins=[OURS]))
    assert [repr(source) for source in sources] == [
        "bearer",
        "from_header('X-Token')",
        "from_cookie('__Host-s')",
    ]


# --- headers as real servers hand them on

S = from_cookie("s")
X = from_header("X-Token")
#: Lines of a POST -> what the source makes of them: a token, a reason, or None; and where a server differs.
ARRIVALS: dict[str, tuple[CookieSource | HeaderSource, tuple[bytes, ...], str | None, dict[str, str | None]]] = {
    "one cookie": (S, (b"Cookie: a=1; s=t", b"Sec-Fetch-Site: same-origin"), "t", {}),
    "the cookie in two headers": (S, (b"Cookie: s=t", b"Cookie: s=u"), "several_tokens", {"cheroot": "cross_site"}),
    "another cookie in a second header": (
        S, (b"Cookie: s=t", b"Cookie: a=1", b"Sec-Fetch-Site: same-origin"),
        "several_tokens", {"cheroot": None, "granian": "t"},
    ),
    "another cookie in a first header": (
        S, (b"Cookie: a=1", b"Cookie: s=t", b"Sec-Fetch-Site: same-origin"),
        None, {"cheroot": "t", "granian": "t"},
    ),
    "a no-break space before the name": (
        # In front of the first cookie, wsgiref would strip it. granian drops a value outside ASCII.
        S, (b"Cookie: a=1; \xa0s=t", b"Sec-Fetch-Site: same-origin"), None, {},
    ),
    "two headers": (X, (b"X-Token: t", b"X-Token: u"), "several_tokens", {"cheroot": "u"}),
    "two headers, both empty": (X, (b"X-Token:", b"X-Token:"), "several_tokens", {"cheroot": None}),
    "an empty header": (X, (b"X-Token:",), None, {}),
    "a header with an underscore": (
        X, (b"X_Token: t",), None, dict.fromkeys(("cheroot", "uwsgi", "wsgiref", "granian"), "t"),
    ),
    "both spellings of a header": (
        X, (b"X-Token: t", b"X_Token: u"), "t", {"cheroot": "u", "uwsgi": "several_tokens", "wsgiref": "several_tokens"},
    ),
    "no Sec-Fetch-Site": (S, (b"Cookie: s=t",), "cross_site", {}),
    "two Sec-Fetch-Site": (
        S, (b"Cookie: s=t", b"Sec-Fetch-Site: same-origin", b"Sec-Fetch-Site: cross-site"), "cross_site", {},
    ),
    "another spelling of Sec-Fetch-Site beside it": (
        # No page can send it without a preflight that allows the header.
        S, (b"Cookie: s=t", b"Sec-Fetch-Site: cross-site", b"Sec_Fetch_Site: same-origin"),
        "cross_site", {"cheroot": "t"},
    ),
    "two origins": (
        from_cookie("s", origins=[OURS]),
        (b"Cookie: s=t", b"Origin: https://app.example.com", b"Origin: https://evil.test"), "cross_site", {},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with serving(request.param, {}) as listening:
        yield listening


@pytest.mark.slow
@each_of(COMMANDS)
def test_headers_are_read_as_servers_join_them_f12(server: Server) -> None:
    outcomes = {}
    for name, (source, lines, *_) in ARRIVALS.items():
        own = (b"X-Matrix-App: echo", b"X-Matrix-Side: bare", b"Content-Length: 0")
        head = (b"POST / HTTP/1.1", b"Host: localhost", b"Connection: close", *own, *lines)
        answer = server.send(b"\r\n".join(head) + b"\r\n\r\n")
        assert answer.status == 200, (name, answer)
        sent = {key: value for key, value in json.loads(answer.body).items() if value is not None}
        reading = source.read(sent)
        outcomes[name] = reading.refusal.reason if reading.refusal else reading.token
    assert outcomes == {
        name: others.get(server.name, usual) for name, (_, _, usual, others) in ARRIVALS.items()
    }


@pytest.mark.parametrize("position", [0, 1], ids=["the header first", "the cookie first"])
def test_the_scheme_of_a_token_is_that_of_its_header(position: int) -> None:
    readings = [COOKIE]
    readings.insert(position, BEARER._replace(scheme="DPoP"))
    assert credentials_of(readings) == Credentials("DPoP", "t")
