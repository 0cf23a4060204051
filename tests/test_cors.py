"""CORS from a browser's view. The ids of each table name a section of the Fetch standard.

`readable` and `sends` are what a browser does with the answers, so the tests ask what a page
may do and not only which headers there are.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable
from typing import Any
from wsgiref.validate import validator

import pytest
from environs import full_environ
from flask import Flask, jsonify
from flask_cors import CORS
from hypothesis import example, given, settings
from hypothesis import strategies as st
from webtest import TestApp, lint

from jwt_wsgi import (
    AUTHENTICATED,
    PUBLIC,
    CrossOrigin,
    Issuer,
    KeysUnavailable,
    StaticJWKS,
    protect,
    scope,
)
from jwt_wsgi.testing import LocalIssuer

PAGE = "https://app.example.com"
OTHER = "https://evil.example"
RULES = {"/public": PUBLIC, "/private": AUTHENTICATED, "/scoped": scope("read:a")}
SAFELISTED_METHODS = {"GET", "HEAD", "POST"}
SAFELISTED_HEADERS = {"accept", "accept-language", "content-language", "content-type", "range"}

Answer = tuple[str, list[tuple[str, str]], bytes]


# --- the behaviour of a browser


def values(answer: Answer, name: str) -> list[str]:
    """Return the values of a header, one for each line."""
    return [value for each, value in answer[1] if each.lower() == name.lower()]


def members(answer: Answer, name: str) -> list[str]:
    return [member.strip() for line in values(answer, name) for member in line.split(",")]


def readable(origin: str, answer: Answer, *, credentials: bool = False) -> bool:
    """Return whether a page may see the answer (Fetch, "CORS check")."""
    shared = ", ".join(values(answer, "Access-Control-Allow-Origin"))
    if not credentials and shared == "*":
        return True
    if not shared or shared != origin:
        return False
    return not credentials or values(answer, "Access-Control-Allow-Credentials") == ["true"]


def sends(
    origin: str, answer: Answer, method: str, *headers: str, credentials: bool = False
) -> bool:
    """Return whether a request follows its preflight (Fetch, "CORS-preflight fetch", step 7)."""
    if not readable(origin, answer, credentials=credentials) or not answer[0].startswith("2"):
        return False
    methods = members(answer, "Access-Control-Allow-Methods")
    allowed = {name.lower() for name in members(answer, "Access-Control-Allow-Headers")}
    return (method in methods or method in SAFELISTED_METHODS) and allowed >= {
        name.lower() for name in headers
    }


def exposed(answer: Answer) -> set[str]:
    """Return the headers that a page may read, without the safelisted ones."""
    return set(members(answer, "Access-Control-Expose-Headers"))


# --- the layer, between two validators of PEP 3333


class RecordingApp:
    """An application that records its calls and answers with fixed headers."""

    def __init__(self, *headers: tuple[str, str], status: str = "200 OK") -> None:
        self.requests: list[str] = []
        self.status, self.headers = status, [("Content-Type", "text/plain"), *headers]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.requests.append(environ["REQUEST_METHOD"])
        start_response(self.status, list(self.headers))
        return [b"" if environ["REQUEST_METHOD"] == "HEAD" else b"ok"]


def call(layer: Any, method: str = "GET", path: str = "/public", **headers: str) -> Answer:
    """Send one request; `Access_Control_Request_Method="PUT"` sends that header."""
    environ = full_environ(
        method, path, "", "", {name.upper(): value for name, value in headers.items()}
    )
    started: list[Any] = []
    written: list[bytes] = []

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        started[:] = [status, headers]
        return written.append

    body = validator(layer)(environ, start_response)
    content = b"".join(body)
    body.close()
    return started[0], started[1], b"".join(written) + content


def preflight(
    layer: Any, origin: str = PAGE, method: str = "PUT", path: str = "/public", **more: str
) -> Answer:
    return call(layer, "OPTIONS", path, origin=origin, access_control_request_method=method, **more)


def stack(app: Any, **options: Any) -> CrossOrigin:
    return CrossOrigin(app, **{"origins": [PAGE], **options})


# --- preflights


PREFLIGHTS = [
    pytest.param("PUT", (), True, id="CORS-preflight fetch 7.6: a listed method"),
    pytest.param("QUERY", (), False, id="CORS-preflight fetch 7.6: another method"),
    pytest.param("put", (), False, id="CORS-preflight fetch 7.6: methods are case-sensitive"),
    pytest.param("POST", (), True, id="CORS-preflight fetch 7.6: a safelisted method"),
    pytest.param(
        "GET", ("authorization",), True, id="CORS-preflight fetch 7.7: Authorization is named"
    ),
    pytest.param(
        "PUT", ("Content-Type",), True, id="CORS-preflight fetch 7.8: names are case-insensitive"
    ),
    pytest.param("PUT", ("x-secret",), False, id="CORS-preflight fetch 7.8: another header"),
]


@pytest.mark.parametrize(("method", "headers", "sent"), PREFLIGHTS)
def test_a_preflight_lists_what_an_allowed_page_may_send(method, headers, sent):
    more = {"access_control_request_headers": ",".join(headers)} if headers else {}
    app = RecordingApp()
    answer = preflight(stack(app), PAGE, method, **more)
    assert sends(PAGE, answer, method, *headers) is sent
    assert app.requests == []


@pytest.mark.parametrize("path", ["/public", "/private", "/nowhere", "/a//b"])
def test_an_allowed_preflight_is_204_and_never_reaches_the_application(path):
    app = RecordingApp()
    status, headers, body = preflight(stack(app), path=path)
    assert (status, body, app.requests) == ("204 No Content", b"", [])
    # RFC 9110 §8.6: no Content-Length in a 204.
    assert dict(headers) == {
        "Access-Control-Allow-Origin": PAGE,
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, DPoP",
        "Access-Control-Max-Age": "600",
        "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    }


NOT_ALLOWED = [
    pytest.param(OTHER, id="CORS check 4: another origin"),
    pytest.param("http://app.example.com", id="CORS check 4: another scheme"),
    pytest.param(f"{PAGE}:8443", id="CORS check 4: another port"),
    pytest.param(f"{PAGE}.evil.example", id="CORS check 4: begins with it"),
    pytest.param("https://evil-app.example.com", id="CORS check 4: ends with it"),
    pytest.param(PAGE.upper(), id="CORS check 4: bytes are compared"),
    pytest.param(f"{PAGE}/", id="CORS check 4: with a slash"),
    pytest.param("null", id="CORS check 4: an opaque origin"),
    pytest.param("", id="Origin header: empty"),
    pytest.param(f"{PAGE}, {PAGE}", id="Origin header: two of them, joined"),
    pytest.param(f"{PAGE} {OTHER}", id="Origin header: a list, as RFC 6454 had it"),
    pytest.param("*", id="Origin header: an asterisk"),
]


@pytest.mark.parametrize("origin", NOT_ALLOWED)
def test_another_origin_gets_403_without_cors_headers_for_its_preflight(origin):
    # Fetch, "HTTP responses": a server that refuses sends 403 and none of the headers.
    app = RecordingApp()
    answer = preflight(stack(app), origin)
    assert (answer[0], app.requests) == ("403 Forbidden", [])
    assert [name for name, _ in answer[1]] == ["Content-Type", "Content-Length", "Vary"]
    assert not sends(origin, answer, "GET")


@pytest.mark.parametrize("origin", NOT_ALLOWED)
def test_another_origin_gets_the_answer_without_cors_headers(origin):
    status, headers, body = call(stack(RecordingApp()), origin=origin)
    assert (status, headers, body) == (
        "200 OK",
        [("Content-Type", "text/plain"), ("Vary", "Origin")],
        b"ok",
    )


NO_PREFLIGHT = [
    pytest.param("OPTIONS", {}, id="CORS-preflight request: OPTIONS alone"),
    pytest.param("OPTIONS", {"origin": PAGE}, id="CORS-preflight request: no method is asked for"),
    pytest.param(
        "OPTIONS", {"access_control_request_method": "PUT"}, id="CORS-preflight request: no Origin"
    ),
    pytest.param(
        "GET",
        {"origin": PAGE, "access_control_request_method": "PUT"},
        id="CORS-preflight request: another method",
    ),
]


@pytest.mark.parametrize(("method", "headers"), NO_PREFLIGHT)
def test_other_requests_reach_the_application(method, headers):
    app = RecordingApp()
    assert call(stack(app), method, **headers)[0] == "200 OK"
    assert app.requests == [method]


def test_private_network_access_is_granted_only_if_configured():
    more = {"access_control_request_private_network": "true"}
    name = "Access-Control-Allow-Private-Network"
    assert values(preflight(stack(RecordingApp()), **more), name) == []
    layer = stack(RecordingApp(), private_network=True)
    assert values(preflight(layer, **more), name) == ["true"]
    assert values(preflight(layer), name) == []
    assert values(preflight(layer, OTHER, **more), name) == []
    assert "Access-Control-Request-Private-Network" in members(preflight(layer), "Vary")


# --- the answers themselves


@pytest.fixture(scope="module")
def local() -> LocalIssuer:
    return LocalIssuer(algorithms=("ES256",))


@pytest.fixture(scope="module")
def api(local: LocalIssuer) -> CrossOrigin:
    keys = StaticJWKS(local.jwks)
    issuer = Issuer(local.issuer, audience=local.audience, keys=keys, algorithms=["ES256"])
    return stack(protect(RecordingApp(), issuer=issuer, rules=RULES))


REFUSALS = [
    pytest.param(
        "/private", None, 401, 'Bearer realm="api"', id="CORS check, on a 401 without a token"
    ),
    pytest.param(
        "/private",
        "Bearer x",
        401,
        'error="invalid_token"',
        id="CORS check, on a 401 for a bad token",
    ),
    pytest.param("/scoped", "good", 403, 'scope="read:a"', id="CORS check, on a 403"),
    pytest.param(
        "/private", "Bearer a b", 400, 'error="invalid_request"', id="CORS check, on a 400"
    ),
    pytest.param("/a//b", "good", 400, None, id="CORS check, on an ambiguous path"),
    pytest.param("/private", "good", 200, None, id="CORS check, on a 200"),
]


@pytest.mark.parametrize(("path", "authorization", "status", "challenge"), REFUSALS)
def test_a_page_reads_refusals_and_their_challenge(
    api, local, path, authorization, status, challenge
):
    sent = {"good": f"Bearer {local.token('openid')}"}.get(authorization, authorization)
    answer = call(api, path=path, origin=PAGE, **({"authorization": sent} if sent else {}))
    assert int(answer[0][:3]) == status
    assert readable(PAGE, answer)
    # Fetch, "CORS-exposed header-name list": a script sees null for a header that is not exposed.
    assert exposed(answer) == {"WWW-Authenticate", "DPoP-Nonce"}
    assert challenge is None or challenge in values(answer, "WWW-Authenticate")[0]


def test_a_page_reads_503(local):
    class Dead:
        def held(self):
            return None

        def find(self, kid, alg):
            raise KeysUnavailable(retry_after=7)

    issuer = Issuer(local.issuer, audience=local.audience, keys=Dead(), algorithms=["ES256"])
    api = stack(
        protect(RecordingApp(), issuer=issuer, rules=RULES),
        expose=["WWW-Authenticate", "Retry-After"],
    )
    answer = call(api, path="/private", origin=PAGE, authorization=f"Bearer {local.token()}")
    assert answer[0].startswith("503")
    assert readable(PAGE, answer)
    assert exposed(answer) == {"WWW-Authenticate", "Retry-After", "DPoP-Nonce"}


def test_a_restarted_response_has_the_headers():
    def fails(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        try:
            raise RuntimeError
        except RuntimeError:
            start_response("500 Oops", [("Content-Type", "text/plain")], sys.exc_info())
        return [b"oops"]

    answer = call(stack(fails), origin=PAGE)
    assert (answer[0], answer[2]) == ("500 Oops", b"oops")
    assert readable(PAGE, answer)


def test_an_exception_of_the_application_passes_through():
    def raises(environ, start_response):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        call(stack(raises), origin=PAGE)


def test_start_response_follows_pep_3333():
    """Check the same exc_info, the same write callable, and a list that the server may change."""
    seen: list[Any] = []

    def write(octets: bytes) -> None: ...

    def start_response(*arguments: Any) -> Any:
        seen.append(arguments)
        arguments[1].append(("Server", "x"))
        return write

    given_headers = [("Content-Type", "text/plain")]

    def app(environ, start):
        assert start("200 OK", given_headers) is write
        assert start("500 Oops", given_headers, information) is write
        return body

    information: Any = (RuntimeError, RuntimeError(), None)
    body = iter([b"x"])
    environ = full_environ("GET", "/", "", "", {"ORIGIN": PAGE})
    assert stack(app)(environ, start_response) is body
    assert [len(arguments) for arguments in seen] == [2, 3]
    assert seen[1][2] is information
    assert given_headers == [("Content-Type", "text/plain")]


VARY = [
    pytest.param((), ["Origin"], id="CORS protocol and HTTP caches: none yet"),
    pytest.param(("Accept",), ["Accept, Origin"], id="CORS protocol and HTTP caches: appended"),
    pytest.param(
        ("Accept", "Cookie"),
        ["Accept, Cookie, Origin"],
        id="CORS protocol and HTTP caches: two lines",
    ),
    pytest.param(
        ("Accept, origin",), ["Accept, origin"], id="CORS protocol and HTTP caches: there already"
    ),
    pytest.param(
        ("Accept", "ORIGIN"),
        ["Accept", "ORIGIN"],
        id="CORS protocol and HTTP caches: in the second line",
    ),
    pytest.param(("*",), ["*"], id="RFC 9110 §12.5.5: an asterisk says all"),
    pytest.param(("Accept, *",), ["Accept, *"], id="RFC 9110 §12.5.5: an asterisk among others"),
    pytest.param(("", " , "), ["Origin"], id="RFC 9110 §5.6.1: empty elements"),
    pytest.param(("X-Origin",), ["X-Origin, Origin"], id="a longer name"),
]


@pytest.mark.parametrize(("before", "after"), VARY)
@pytest.mark.parametrize("origin", [PAGE, OTHER, None], ids=["allowed", "another", "no origin"])
@pytest.mark.parametrize("origins", [[PAGE], "*"], ids=["a list", "anyone"])
def test_every_answer_varies_by_origin(origins, origin, before, after):
    app = RecordingApp(*[("Vary", value) for value in before])
    sent = {} if origin is None else {"origin": origin}
    answer = call(lint.middleware(stack(app, origins=origins)), **sent)
    assert values(answer, "Vary") == after


def test_refusals_vary_by_origin(api):
    assert values(call(api, path="/private"), "Vary") == ["Origin"]
    assert values(preflight(api, OTHER, path="/private"), "Vary")[0].startswith("Origin, ")


CREDENTIALS = [
    pytest.param([PAGE], True, True, id="CORS check 6: the origin and true"),
    pytest.param([PAGE], False, False, id="CORS check 7: no Access-Control-Allow-Credentials"),
    pytest.param("*", False, False, id="CORS check 3: an asterisk is no origin then"),
]


@pytest.mark.parametrize(("origins", "credentials", "shown"), CREDENTIALS)
def test_credentials_are_allowed_only_if_configured(origins, credentials, shown):
    layer = stack(RecordingApp(), origins=origins, credentials=credentials)
    for answer in (call(layer, origin=PAGE), preflight(layer)):
        assert readable(PAGE, answer, credentials=True) is shown
        assert readable(PAGE, answer)


def test_an_asterisk_lets_every_origin_read():
    layer = stack(RecordingApp(), origins="*")
    assert readable(OTHER, call(layer, origin=OTHER))
    assert readable("null", call(layer, origin="null"))
    assert values(call(layer, origin=OTHER), "Access-Control-Allow-Origin") == ["*"]


PREDICATES = [
    pytest.param("https://pr-7.preview.example.com", True, id="an origin that it allows"),
    pytest.param("https://preview.example.com.evil.example", False, id="an origin that it refuses"),
    pytest.param("null", True, id="null, which only a predicate can allow"),
    pytest.param("https://PR-7.preview.example.com", False, id="not as a browser writes it"),
    pytest.param("https://pr-7.preview.example.com/", False, id="no origin: a path"),
    pytest.param("https://x@pr-7.preview.example.com", False, id="no origin: a user"),
    pytest.param("https://pr-7.preview.example.com:443", False, id="no origin: the default port"),
    pytest.param("https://pr-7.preview.example.com:99999", False, id="no origin: an invalid port"),
    pytest.param("a, https://pr-7.preview.example.com", False, id="no origin: a list"),
    pytest.param("https://raise.preview.example.com", False, id="it raises"),
]


@pytest.mark.parametrize(("origin", "allowed"), PREDICATES)
def test_a_predicate_sees_only_valid_origins(origin, allowed, caplog):
    def previews(origin: str) -> bool:
        if "raise" in origin:
            raise RuntimeError(origin)
        return origin == "null" or origin.endswith(".preview.example.com") or "," in origin

    caplog.set_level(logging.ERROR)
    layer = stack(RecordingApp(), origins=previews, credentials=True)
    assert readable(origin, call(layer, origin=origin), credentials=True) is allowed
    assert sends(origin, preflight(layer, origin), "PUT", credentials=True) is allowed
    messages = [record.message for record in caplog.records]
    text = "the predicate for origins raised RuntimeError; the origin is not allowed"
    assert messages == ([text, text] if "raise" in origin else [])


# --- beside a framework's own CORS


@pytest.fixture(params=["any origin", "the same origin", "another origin"])
def flask_app(request: pytest.FixtureRequest) -> Any:
    """Return a Flask application with Flask-Cors, which adds headers and answers preflights."""
    app = Flask("sample")
    options = {
        "any origin": {"expose_headers": "X-Total"},
        "the same origin": {"origins": PAGE, "supports_credentials": True},
        "another origin": {"origins": OTHER, "send_wildcard": False, "vary_header": True},
    }
    CORS(app, **options[request.param])
    app.add_url_rule("/public", view_func=lambda: jsonify(hello="world"), methods=["GET", "PUT"])
    return app


@pytest.mark.parametrize("origin", [PAGE, OTHER, "null"])
@pytest.mark.parametrize("credentials", [True, False], ids=["credentials", "no credentials"])
def test_this_layer_overrides_the_cors_of_a_framework(flask_app, origin, credentials):
    layer = stack(flask_app, credentials=credentials)
    answer = call(layer, origin=origin)
    assert answer[0] == "200 OK"
    assert readable(origin, answer) is (origin == PAGE)
    assert readable(origin, answer, credentials=True) is (origin == PAGE and credentials)
    assert sends(origin, preflight(layer, origin), "PUT") is (origin == PAGE)
    names = [name.lower() for name, _ in answer[1]]
    assert len(names) == len(set(names))
    assert [name.lower() for name in members(answer, "Vary")].count("origin") == 1


def test_without_an_origin_the_cors_headers_of_a_framework_are_removed(flask_app):
    answer = TestApp(stack(flask_app)).get("/public")
    assert [name for name in answer.headers if name.lower().startswith("access-control")] == []


# --- configuration


WRONG = [
    pytest.param(
        {"origins": "*", "credentials": True},
        r"origins='\*' with credentials=True",
        id="anyone's cookies",
    ),
    pytest.param(
        {"origins": ["*"]}, r"origins holds '\*': write origins='\*'", id="an asterisk in a list"
    ),
    pytest.param(
        {"origins": ["*"], "credentials": True},
        r"origins holds '\*'",
        id="an asterisk in a list, cookies",
    ),
    pytest.param({"origins": ["null"]}, "origins holds 'null'.*predicate", id="null"),
    pytest.param({"origins": PAGE}, "write a list such as", id="one text"),
    pytest.param({"origins": None}, "origins=None: write a list", id="None"),
    pytest.param({"origins": 7}, "origins=7: write a list", id="a number"),
    pytest.param({"origins": []}, "origins is empty", id="no origin"),
    pytest.param({"origins": [f"{PAGE}/"]}, f"write '{PAGE}'", id="a slash at the end"),
    pytest.param({"origins": [f"{PAGE}/page?x#y"]}, f"write '{PAGE}'", id="a path"),
    pytest.param({"origins": ["https://App.Example.com"]}, f"write '{PAGE}'", id="upper case"),
    pytest.param({"origins": [f"{PAGE}:443"]}, f"write '{PAGE}'", id="the default port"),
    pytest.param(
        {"origins": ["http://localhost:80"]},
        "write 'http://localhost'",
        id="the default port of http",
    ),
    pytest.param({"origins": [f" {PAGE}\n"]}, f"write '{PAGE}'", id="white space"),
    pytest.param({"origins": ["app.example.com"]}, "write scheme://host", id="no scheme"),
    pytest.param({"origins": ["https://*.example.com"]}, "write scheme://host", id="a pattern"),
    pytest.param({"origins": ["https://user@example.com"]}, "write scheme://host", id="a user"),
    pytest.param({"origins": ["https://bücher.example"]}, "write scheme://host", id="not ASCII"),
    pytest.param({"origins": [f"{PAGE}:"]}, "write scheme://host", id="an empty port"),
    pytest.param({"origins": [f"{PAGE}:70000"]}, "write scheme://host", id="an invalid port"),
    pytest.param(
        {"origins": [f"{PAGE}:08443"]}, "write scheme://host", id="a zero before the port"
    ),
    pytest.param({"origins": ["http://127.1"]}, "write scheme://host", id="a short IPv4 address"),
    pytest.param(
        {"origins": ["http://0x7f000001"]}, "write scheme://host", id="a hexadecimal IPv4 address"
    ),
    pytest.param(
        {"origins": ["http://[0:0:0:0:0:0:0:1]:3000"]},
        "write scheme://host",
        id="a long IPv6 address",
    ),
    pytest.param({"origins": ["http://[1::2::3]"]}, "write scheme://host", id="no IPv6 address"),
    pytest.param({"origins": [b"https://app.example.com"]}, "origins holds b'https", id="bytes"),
    pytest.param({"methods": "PUT"}, "methods='PUT': write a list", id="methods one text"),
    pytest.param({"methods": ["put"]}, "methods holds 'put'", id="a method in lower case"),
    pytest.param({"methods": ["*"]}, r"methods holds '\*'", id="any method"),
    pytest.param(
        {"methods": ["TRACE"]},
        "methods holds 'TRACE', which no browser sends",
        id="a forbidden method",
    ),
    pytest.param(
        {"methods": [7]}, r"methods=\[7\]: write a list of names", id="a number for a method"
    ),
    pytest.param(
        {"methods": [["PUT"]]},
        r"methods=\[\['PUT'\]\]: write a list of names",
        id="a list in a list",
    ),
    pytest.param({"headers": ["*"]}, r"headers holds '\*'", id="any header"),
    pytest.param(
        {"headers": ["X-A\r\nX-B"]}, "headers holds 'X-A", id="a line break in a header's name"
    ),
    pytest.param({"headers": None}, "headers=None: write a list", id="headers None"),
    pytest.param({"expose": ["*"]}, r"expose holds '\*'", id="expose everything"),
    pytest.param(
        {"expose": "WWW-Authenticate"},
        "expose='WWW-Authenticate': write a list",
        id="expose one text",
    ),
    pytest.param(
        {"credentials": 1}, "credentials=1: write True or False", id="credentials a number"
    ),
    pytest.param({"private_network": "yes"}, "private_network='yes'", id="private network a text"),
    pytest.param(
        {"max_age": -1}, "max_age=-1: write whole seconds, 0 to 86400", id="a negative age"
    ),
    pytest.param({"max_age": 86401}, "max_age=86401", id="more than a day"),
    pytest.param({"max_age": 1.5}, "max_age=1.5", id="half a second"),
    pytest.param({"max_age": True}, "max_age=True", id="an age of True"),
]


@pytest.mark.parametrize(("options", "complaint"), WRONG)
def test_wrong_configuration_fails_at_construction(options, complaint):
    with pytest.raises(ValueError, match=complaint):
        stack(RecordingApp(), **options)


def test_the_application_and_the_origins_are_required():
    with pytest.raises(ValueError, match="app=None: write a callable"):
        CrossOrigin(None, origins=[PAGE])
    with pytest.raises(TypeError):
        CrossOrigin(RecordingApp())
    with pytest.raises(TypeError):
        CrossOrigin(RecordingApp(), [PAGE])


RIGHT = [
    "http://localhost:3000", "http://127.0.0.1:5173", "http://[::1]:3000", "https://xn--bcher-kva.example",
    "https://example.com.", "chrome-extension://abcdefghijklmnopabcdefghijklmnop", "capacitor://localhost",
    "https://a_b.example", "http://localhost:443", "https://localhost:0", "http://[::ffff:7f00:1]",
]  # fmt: skip


@pytest.mark.parametrize("origin", RIGHT)
def test_an_origin_as_a_browser_sends_it_is_accepted(origin):
    assert readable(
        origin, call(stack(RecordingApp(), origins=iter([origin, PAGE])), origin=origin)
    )


def test_empty_options_leave_the_headers_of_proofs_alone():
    layer = stack(RecordingApp(), methods=[], headers=[], expose=[], max_age=0)
    headers = dict(preflight(layer)[1])
    assert "Access-Control-Allow-Methods" not in headers
    assert headers["Access-Control-Allow-Headers"] == "DPoP"
    assert exposed(call(layer, origin=PAGE)) == {"DPoP-Nonce"}


@pytest.mark.parametrize("spelling", ["DPoP", "dpop"])
def test_the_headers_of_proofs_are_named_once(spelling):
    layer = stack(RecordingApp(), headers=[spelling], expose=["dpop-nonce"])
    assert dict(preflight(layer)[1])["Access-Control-Allow-Headers"] == spelling
    assert exposed(call(layer, origin=PAGE)) == {"dpop-nonce"}


# --- any request


octets = st.text(st.characters(max_codepoint=255), max_size=40)
origins = (
    octets
    | st.sampled_from(
        [
            PAGE,
            OTHER,
            "null",
            "*",
            f"{PAGE}\r\nX-Injected: 1",
            f"{PAGE}\n",
            f"{PAGE}\x00",
            f"{PAGE},",
        ]
    )
    | st.builds("{}{}".format, st.just(PAGE), octets)
    | st.builds("https://{}.preview.example.com".format, octets)
)
request_headers = st.dictionaries(
    st.sampled_from(
        [
            "ACCESS_CONTROL_REQUEST_METHOD",
            "ACCESS_CONTROL_REQUEST_HEADERS",
            "ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK",
            "AUTHORIZATION",
        ]
    ),
    octets,
    max_size=4,
)


PREVIEW = re.compile(r"https://[a-z0-9_-]+(\.[a-z0-9_-]+)*\.preview\.example\.com")
LOCAL = LocalIssuer(algorithms=("ES256",))
STACK = protect(
    RecordingApp(),
    issuer=Issuer(
        LOCAL.issuer, audience=LOCAL.audience, keys=StaticJWKS(LOCAL.jwks), algorithms=["ES256"]
    ),
    rules=RULES,
)


def previews(origin: str) -> bool:
    return origin.startswith("https://") and origin.endswith(".preview.example.com")


@settings(max_examples=500, deadline=None)
@given(
    origin=st.none() | origins,
    sent=request_headers,
    method=st.sampled_from(["OPTIONS", "GET", "POST"]),
    path=st.sampled_from(["/public", "/private", "/a//b"]),
    rule=st.sampled_from([[PAGE], previews]),
    credentials=st.booleans(),
)
@example(
    PAGE + "\r\nX-Injected: 1",
    {"ACCESS_CONTROL_REQUEST_METHOD": "PUT"},
    "OPTIONS",
    "/public",
    [PAGE],
    True,
)
@example("https://\n.preview.example.com", {}, "GET", "/public", previews, True)
@example(PAGE, {"ACCESS_CONTROL_REQUEST_METHOD": "then"}, "GET", "/public", [PAGE], False)
@example(None, {"ACCESS_CONTROL_REQUEST_METHOD": "real"}, "OPTIONS", "/private", [PAGE], False)
def test_any_request_is_answered_and_nothing_is_reflected(
    origin, sent, method, path, rule, credentials
):
    layer = stack(STACK, origins=rule, credentials=credentials, private_network=True)
    headers = sent if origin is None else {**sent, "ORIGIN": origin}
    answer = call(layer, method, path, **headers)
    assert int(answer[0][:3]) in (200, 204, 400, 401, 403)
    is_allowed = origin is not None and (
        origin == PAGE if rule == [PAGE] else PREVIEW.fullmatch(origin) is not None
    )
    assert readable(origin or "", answer, credentials=credentials) is is_allowed
    cors_headers = [
        (name, value) for name, value in answer[1] if name.lower().startswith("access-control")
    ]
    assert bool(cors_headers) is is_allowed
    # Except for the allowed origin, the headers repeat nothing of the request. The answers to other
    # words may have one in common with it, such as "real" in "realm" and "then" in "Authenticate".
    with_other_words = {**headers, **dict.fromkeys(sent, "GET")}
    ordinary = {origin}
    for other in ({}, with_other_words):
        ordinary.update(value for _, value in call(layer, method, path, **other)[1])
    for name, value in answer[1]:
        assert value.isprintable()
        assert value in ordinary or all(
            len(each) < 4 or each not in value for each in sent.values()
        ), name
