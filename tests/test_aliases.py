"""What a policy cannot see, beside test_matrix_limits.py: each limit, and the remedy of the documentation.

If a test of a limit fails, the limit is gone: correct docs/security.md.
"""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import bottle
import pytest
from django.http import HttpResponse
from django.urls import re_path
from flask import Flask, abort
from installable import needs_web_py
from matrix.django_apps import django_app
from matrix.requests import Spelled, on_the_wire
from mcp_requests import call
from test_examples_fuzz import ask as answer_of
from test_examples_fuzz import caller

from jwt_wsgi import (
    PUBLIC,
    Auth,
    InvalidToken,
    Issuer,
    Policy,
    ScopeAuthorizer,
    StaticJWKS,
    Verifier,
    claim,
    get_auth,
    path_param,
    scope,
)
from jwt_wsgi.jose import encoding
from jwt_wsgi.mcp import ToolAuthorizer
from jwt_wsgi.testing import LocalIssuer

NOBODY, READER = None, caller("read")

# --- an ECDSA signature has two texts (SEC 1, section 4.1.4: r and s, or r and n - s)

ORDERS = {
    "ES256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "ES384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    "ES512": (1 << 521)
    - (1 << 260)
    + 0xA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409,
}


def second_text(token: str, order: int) -> str:
    """Return the same token with the other signature that is valid; no key is needed for it."""
    signed, _, text = token.rpartition(".")
    signature = encoding.decode(text)
    size = len(signature) // 2
    s = order - int.from_bytes(signature[size:])
    return f"{signed}.{encoding.encode(signature[:size] + s.to_bytes(size))}"


def by_text(auth: Auth) -> str:
    return hashlib.sha256(auth.token.encode()).hexdigest()


def by_signing_input(auth: Auth) -> str:
    return hashlib.sha256(auth.token.rpartition(".")[0].encode()).hexdigest()


def by_jti(auth: Auth) -> tuple[str, str]:
    return auth.issuer, auth.claims["jti"]


@pytest.mark.parametrize("algorithm", ORDERS)
@pytest.mark.parametrize(
    ("identity", "finds_both"),
    [
        pytest.param(by_text, False, id="U22 a hash of the text"),
        pytest.param(by_signing_input, True, id="U22 a hash of the signing input"),
        pytest.param(by_jti, True, id="U22 issuer and jti"),
    ],
)
def test_a_second_text_of_a_token_verifies_and_a_deny_list_of_hashes_misses_it(
    algorithm: str, identity: Any, finds_both: bool
) -> None:
    local = LocalIssuer(algorithms=(algorithm,))
    token = local.token(jti="one")
    second = second_text(token, ORDERS[algorithm])
    assert second != token
    denied = {identity(Verifier(local.trusted()).verify(token))}
    verifier = Verifier(local.trusted(), is_revoked=lambda auth: identity(auth) in denied)
    assert refusal(verifier, token) == "token_revoked"
    assert refusal(verifier, second) == ("token_revoked" if finds_both else None)


def refusal(verifier: Verifier, token: str) -> str | None:
    try:
        verifier.verify(token)
    except InvalidToken as error:
        return error.reason
    return None


def test_a_check_of_the_kid_misses_a_token_without_one_but_revoke_does_not() -> None:
    """What security.md says of a stolen key."""
    local = LocalIssuer(algorithms=("ES256",))
    kid = local.key().kid
    keys = StaticJWKS(local.jwks)
    verifier = Verifier(
        Issuer(local.issuer, audience=local.audience, keys=keys, algorithms=["ES256"]),
        is_revoked=lambda auth: auth.header.get("kid") == kid,
    )
    assert refusal(verifier, local.token()) == "token_revoked"
    nameless = local.token(header={"kid": None})
    assert refusal(verifier, nameless) is None
    keys.revoke(kid)
    assert refusal(verifier, nameless) in ("kid_unknown", "signature_invalid")


# --- a router that reads another variable than PATH_INFO


class Private:
    def GET(self, _name: str) -> str:
        return "private"


class Public:
    def GET(self) -> str:
        return "public"


def web_py() -> Any:
    """web.py reads REQUEST_URI where SERVER_SOFTWARE says nginx (fastcgi_params) or lighttpd."""
    import web

    urls = ("/private/(.*)", "Private", "/public", "Public")
    return web.application(urls, {"Private": Private, "Public": Public}).wsgifunc()


def routed_on_path_info(app: Any) -> Any:
    """The remedy: what the router may read instead is written from what was judged."""

    def routed(environ: dict[str, Any], start_response: Any) -> Any:
        judged = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        environ["REQUEST_URI"] = quote(judged.encode("latin-1"))
        environ.pop("RAW_URI", None)
        return app(environ, start_response)

    return routed


def behind_nginx(app: Any) -> Any:
    """What nginx makes of `GET /private/..%2Fpublic`: it decodes and normalizes the path."""

    def served(environ: dict[str, Any], start_response: Any) -> Any:
        environ["SERVER_SOFTWARE"] = "nginx/1.27.0"
        environ.setdefault("REQUEST_URI", environ["PATH_INFO"])
        if environ["PATH_INFO"] == "/public":
            environ["REQUEST_URI"] = "/private/..%2Fpublic"
        return app(environ, start_response)

    return served


RULES = {"/public": PUBLIC, "/private": scope("read")}


@needs_web_py
def test_a_router_on_request_uri_is_reached_under_another_rule_u31() -> None:
    alone = behind_nginx(ScopeAuthorizer(web_py(), Policy(RULES)))
    assert answer_of(alone, Spelled("GET", "/private/x"), NOBODY).status == 401
    assert answer_of(alone, Spelled("GET", "/public"), NOBODY).body == "private"


@needs_web_py
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(
            lambda: ScopeAuthorizer(routed_on_path_info(web_py()), Policy(RULES)),
            id="U31 REQUEST_URI is written anew",
        ),
        pytest.param(
            lambda: ScopeAuthorizer(web_py(), Policy({"/": scope("read")})),
            id="U31 one requirement for all that can be reached",
        ),
    ],
)
def test_the_remedies_for_a_router_on_request_uri(make: Any) -> None:
    app = behind_nginx(make())
    assert answer_of(app, Spelled("GET", "/public"), NOBODY).body != "private"
    assert answer_of(app, Spelled("GET", "/private/x"), NOBODY).status == 401
    assert answer_of(app, Spelled("GET", "/private/x"), READER).body == "private"


# --- aliases that the application makes


def with_suffix() -> Any:
    """A route with an optional suffix, as content negotiation by suffix has it."""
    app = bottle.Bottle()
    app.route(r"/open/admin<_:re:(?:\.html|\.json)?>", callback=lambda _: "hall")
    return app


def in_any_case() -> Any:
    return django_app((re_path(r"(?i)^open/admin$", lambda _request: HttpResponse("hall")),))


def folding_underscores() -> Any:
    """A WSGI application that reads a dash as an underscore, as many generated routes do."""

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        found = environ["PATH_INFO"].replace("-", "_") == "/open/ad_min"
        start_response("200 OK" if found else "404 Not Found", [])
        return [b"hall" if found else b""]

    return app


ALIASES = {
    "U31 a suffix .html": (with_suffix, "/open/admin", "/open/admin.html"),
    "U31 a suffix .json": (with_suffix, "/open/admin", "/open/admin.json"),
    "U31 a route that ignores case": (in_any_case, "/open/admin", "/open/Admin"),
    "U31 a dash for an underscore": (folding_underscores, "/open/ad_min", "/open/ad-min"),
}


@pytest.mark.parametrize(("make", "place", "alias"), ALIASES.values(), ids=ALIASES)
def test_an_alias_takes_the_weaker_rule_and_the_remedies_close_it(
    make: Any, place: str, alias: str
) -> None:
    app = make()
    weaker = ScopeAuthorizer(app, Policy({"/open": PUBLIC, place: scope("read")}))
    assert answer_of(weaker, Spelled("GET", place), NOBODY).status == 401
    assert answer_of(weaker, Spelled("GET", alias), NOBODY).body == "hall"
    for rules in ({"/": scope("read")}, {"/open": scope("read"), place: scope("read")}):
        remedied = ScopeAuthorizer(app, Policy(rules))
        for path in (place, alias):
            assert answer_of(remedied, Spelled("GET", path), NOBODY).status == 401
            assert answer_of(remedied, Spelled("GET", path), READER).body == "hall"


# --- ToolAuthorizer(path=...), which is a literal path


def tools_in_any_case() -> Any:
    return django_app((re_path(r"(?i)^mcp$", lambda _request: HttpResponse("ran")),))


def tools_with_suffix() -> Any:
    app = bottle.Bottle()
    app.route(r"/mcp<_:re:(?:\.json)?>", method="POST", callback=lambda _: "ran")
    return app


def tools_below_a_language() -> Any:
    return django_app((re_path(r"^(?:[a-z]{2}/)?mcp$", lambda _request: HttpResponse("ran")),))


TOOL_ALIASES = {
    "a route that ignores case": (tools_in_any_case, "/MCP"),
    "a suffix .json": (tools_with_suffix, "/mcp.json"),
    "a language before the path": (tools_below_a_language, "/de/mcp"),
}


@pytest.mark.parametrize(("make", "alias"), TOOL_ALIASES.values(), ids=TOOL_ALIASES)
def test_an_alias_reaches_the_tools_unless_every_request_is_judged(make: Any, alias: str) -> None:
    app = make()
    tools = {"search": scope("read")}
    of_one_path = ToolAuthorizer(app, tools, path="/mcp")
    assert posted(of_one_path, "/mcp") == "401 Unauthorized"
    assert posted(of_one_path, alias) == "200 OK"
    of_every_request = ToolAuthorizer(app, tools)
    for path in ("/mcp", alias):
        assert posted(of_every_request, path) == "401 Unauthorized"


def posted(app: Any, path: str) -> str:
    """Return the status of a call of a tool without a token."""
    statuses: list[str] = []
    b"".join(app(call(path=path), lambda status, *_: statuses.append(status)))
    return statuses[-1]


# --- a path parameter that the router converts


def users(*, compares: bool) -> Any:
    app = Flask("users")

    @app.get("/users/<int:number>")
    def user(number: int) -> str:
        from flask import request

        if compares and str(number) != get_auth(request).subject:
            abort(403)
        return f"user {number}"

    rules = {"/users/{number}": claim("sub", path_param("number"))}
    return ScopeAuthorizer(app, Policy(rules))


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param("007", id="F14 leading zeros"),
        pytest.param("\u0667", id="F14 a digit of another script"),
    ],
)
def test_a_converted_parameter_names_another_user_and_the_remedy_compares_after_it(
    subject: str,
) -> None:
    auth = Auth(claims={"sub": subject}, header={}, token="", issuer="x", scopes=frozenset())
    path = Spelled("GET", on_the_wire(f"/users/{subject}"))
    assert answer_of(users(compares=False), path, auth).body == "user 7"
    assert answer_of(users(compares=True), path, auth).status == 403
    seven = Auth(claims={"sub": "7"}, header={}, token="", issuer="x", scopes=frozenset())
    assert answer_of(users(compares=True), Spelled("GET", "/users/7"), seven).body == "user 7"
    assert answer_of(users(compares=False), path, seven).status == 403
