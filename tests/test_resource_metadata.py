"""The layer that serves the metadata, and the challenges that name it (RFC 9728 §3, §5.1)."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit
from wsgiref.validate import validator

import pytest
from environs import full_environ
from hypothesis import given
from hypothesis import strategies as st
from ports import free_port
from processes import running
from serving import served
from webtest import TestApp, TestResponse

from jwt_wsgi import (
    AUTHENTICATED,
    DENY,
    OPTIONAL,
    PUBLIC,
    AuthError,
    CrossOrigin,
    DPoP,
    Forbidden,
    InsufficientScope,
    InvalidToken,
    Issuer,
    MissingToken,
    Policy,
    ProtectedResource,
    ResourceMetadata,
    ScopeAuthorizer,
    StaticJWKS,
    TokenExtractor,
    TokenVerifier,
    Verifier,
    fresh,
    guard,
    metadata_app,
    protect,
    report_only,
    require,
    respond,
    scope,
    sender_constrained,
)
from jwt_wsgi.coverage import coverage
from jwt_wsgi.explain import Explainer
from jwt_wsgi.sources import bearer, from_cookie, from_header
from jwt_wsgi.testing import DPoPKey, LocalIssuer

RESOURCE = "https://api.example.com/mcp"
PLACE = "/.well-known/oauth-protected-resource/mcp"
METADATA_URL = f"https://api.example.com{PLACE}"
LOCAL = LocalIssuer("https://tenant.example.com/", audience=RESOURCE)
OTHER = LocalIssuer("https://other.example.com/", audience="https://other.example.com/api")
OTHER_URL = "https://other.example.com/.well-known/oauth-protected-resource/api"
RULES = {
    "/public": PUBLIC,
    "/optional": OPTIONAL,
    "/mcp": scope("mcp:use"),
    "/mcp/files": scope("files:read") & scope("files:write"),
    "/either": scope("one") | scope("two"),
    "/private": AUTHENTICATED,
    "/fresh": scope("read") & fresh(60),
    "/denied": DENY,
    "/bound": sender_constrained() & scope("read"),
    "/guarded": AUTHENTICATED,
    "/required": AUTHENTICATED,
    "/responded": AUTHENTICATED,
    "/forbidden": AUTHENTICATED,
}
#: The rules of stacks that check no proof.
PLAIN = {path: rule for path, rule in RULES.items() if path != "/bound"}
DPOP = DPoP("https://api.example.com", algorithms=["ES256"])


def trusted(local: LocalIssuer = LOCAL, **options: Any) -> Issuer:
    return Issuer(local.issuer, audience=local.audience, keys=StaticJWKS(local.jwks), **options)


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer 200, or refuse from inside with the package's own means."""
    path = environ["PATH_INFO"]
    if path == "/guarded":
        return guard(scope("inner"))(plain)(environ, start_response)
    if path == "/required":
        require(environ, scope("inner"))
    if path == "/responded":
        return respond(InvalidToken("token_revoked"))(environ, start_response)
    if path == "/forbidden":
        raise Forbidden
    return plain(environ, start_response)


def plain(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"in"]


def protected(**options: Any) -> Any:
    settings: dict[str, Any] = {
        "issuer": trusted(),
        "rules": RULES,
        "resource": RESOURCE,
        "dpop": DPOP,
        **options,
    }
    return protect(app, **settings)


def by_hand(inner: Any = app, **options: Any) -> Any:
    policy = Policy(RULES)
    verifier = TokenVerifier(
        ScopeAuthorizer(inner, policy),
        trusted(),
        allow_anonymous=True,
        exempt=policy.is_public,
        scopes_asked=policy.scopes_asked,
        dpop=DPOP,
    )
    extractor = TokenExtractor(verifier, dpop=True)
    return ResourceMetadata(
        extractor, RESOURCE, policy=policy, issuers=trusted(), dpop=DPOP, **options
    )


STACKS = {
    "one call": protected,
    "by hand": by_hand,
    "a ready verifier": lambda: protected(issuer=Verifier(trusted(), dpop=DPOP), dpop=None),
    "a value": lambda: protected(resource=ProtectedResource(RESOURCE)),
    "a URL as the issuer": lambda: protect(
        app, issuer="https://tenant.example.com/", rules=RULES, resource=RESOURCE, dpop=DPOP
    ),
    "alone": lambda: metadata_app(RESOURCE, RULES, trusted(), dpop=DPOP),
}


def call(application: Any, path: str, method: str = "GET", **environ: str) -> TestResponse:
    """Call an application through the linter of WebTest and the validator of wsgiref."""
    client = TestApp(validator(application), extra_environ=environ)
    return client.request(path, method=method, expect_errors=True)


def answer(application: Any, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    """Call an application with an environ that no linter would pass on."""
    started: list[Any] = []
    body = b"".join(application(environ, lambda *arguments: started.append(arguments)))
    [(status, headers)] = started
    return status, headers, body


def challenges(response: TestResponse) -> list[str]:
    return list(response.headers.getall("WWW-Authenticate"))


def parameter(challenge: str, name: str) -> str | None:
    """Return a parameter of a challenge, which has it once at most."""
    values = re.findall(rf'[ ,]{name}="([^"]*)"', challenge)
    assert len(values) <= 1
    return values[0] if values else None


def named(response: TestResponse) -> set[str | None]:
    """Return the metadata that the challenges name; None is a challenge that names none."""
    return {parameter(challenge, "resource_metadata") for challenge in challenges(response)}


def bearer_of(token: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


# --- the document


@pytest.mark.conforms(76, 77, 78)
@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
@pytest.mark.parametrize("slash", ["", "/"])
def test_77_the_metadata_is_served_at_its_place(stack: Callable[[], Any], slash: str) -> None:
    response = call(stack(), PLACE + slash)
    assert response.status == "200 OK"
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Cache-Control"] == "max-age=3600"
    assert "Vary" not in response.headers
    assert "WWW-Authenticate" not in response.headers
    assert response.json == {
        "resource": RESOURCE,
        "authorization_servers": ["https://tenant.example.com/"],
        "scopes_supported": ["mcp:use", "files:read", "files:write"],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ["ES256"],
        "dpop_bound_access_tokens_required": False,
    }


@pytest.mark.parametrize("stack", STACKS.values(), ids=STACKS)
def test_head_has_the_headers_and_no_body(stack: Callable[[], Any]) -> None:
    application = stack()
    head = call(application, PLACE, "HEAD")
    get = call(application, PLACE)
    assert head.body == b""
    assert head.status == get.status
    assert head.headerlist == get.headerlist
    assert head.headers["Content-Length"] == str(len(get.body))


CREDENTIALS = {
    "none": {},
    "a token that is not one": bearer_of("x y"),
    "a forged token": bearer_of(LocalIssuer(LOCAL.issuer, audience=RESOURCE).token()),
    "a good token": bearer_of(LOCAL.token(expires_in=86400)),
    "another scheme": {"HTTP_AUTHORIZATION": "Basic YTpi"},
    "a proof that is not one": {"HTTP_AUTHORIZATION": "DPoP x", "HTTP_DPOP": "y"},
    "another host": {"HTTP_HOST": "evil.example"},
    "a proxy": {"HTTP_X_FORWARDED_HOST": "evil.example", "HTTP_X_FORWARDED_PROTO": "http"},
    "an origin": {"HTTP_ORIGIN": "https://evil.example"},
    "a version of MCP": {"HTTP_MCP_PROTOCOL_VERSION": "2026-07-28"},
    "a query": {"QUERY_STRING": "resource=https://evil.example"},
    "a root of Pyramid": {"HTTP_X_VHM_ROOT": "/x"},
}


@pytest.mark.parametrize("environ", CREDENTIALS.values(), ids=CREDENTIALS)
def test_nothing_in_the_request_changes_the_metadata(environ: dict[str, str]) -> None:
    application = protected()
    usual = call(application, PLACE)
    response = call(application, PLACE, **environ)
    assert (response.status, response.headerlist, response.body) == (
        usual.status,
        usual.headerlist,
        usual.body,
    )


def test_every_way_to_the_same_place_serves_it() -> None:
    application = protected()
    for mount, path in [("", PLACE), ("/.well-known", PLACE[12:]), (PLACE, ""), (PLACE, "/")]:
        environ = full_environ("GET", path, mount, "", {})
        assert answer(application, environ)[0] == "200 OK", (mount, path)


ELSEWHERE = {
    "the root's metadata": "/.well-known/oauth-protected-resource",
    "another resource": "/.well-known/oauth-protected-resource/mcp2",
    "a path below": f"{PLACE}/x",
    "two slashes at the end": f"{PLACE}//",
    "two slashes inside": "/.well-known//oauth-protected-resource/mcp",
    "dots": "/.well-known/x/../oauth-protected-resource/mcp",
    "another case": PLACE.upper(),
    "the path in front": f"/mcp{PLACE}",
    "the path appended": "/mcp/.well-known/oauth-protected-resource",
    "without a slash at the beginning": PLACE[1:],
    "escaped twice": "/%2Ewell-known/oauth-protected-resource/mcp",
    "the metadata of a server": "/.well-known/oauth-authorization-server",
}


@pytest.mark.parametrize("path", ELSEWHERE.values(), ids=ELSEWHERE)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_every_other_path_is_the_policys(path: str, method: str) -> None:
    status, _, body = answer(protected(), full_environ(method, path, "", "", {}))
    assert status[:3] in ("400", "401")
    assert b"authorization_servers" not in body
    alone = metadata_app(RESOURCE, PLAIN, trusted())
    assert answer(alone, full_environ("GET", path, "", "", {}))[0] == "404 Not Found"


def test_metadata_app_answers_404_without_a_body_for_head() -> None:
    response = call(metadata_app(RESOURCE, RULES, trusted()), "/x", "HEAD")
    assert (response.status_int, response.body) == (404, b"")


def test_a_resource_at_the_root_has_its_metadata_at_the_root() -> None:
    root = "https://api.example.com"
    application = protect(app, issuer="https://tenant.example.com/", rules=PLAIN, resource=root)
    response = call(application, "/.well-known/oauth-protected-resource")
    assert response.json["resource"] == root
    assert named(call(application, "/mcp")) == {f"{root}/.well-known/oauth-protected-resource"}
    assert call(application, PLACE).status_int == 401


def test_a_place_beyond_ascii_is_compared_as_octets() -> None:
    url = "https://api.example.com/caf%C3%A9"
    application = protect(app, issuer="https://a.example.com", rules=PLAIN, resource=url)
    place = "/.well-known/oauth-protected-resource/caf"
    assert call(application, f"{place}%C3%A9").json["resource"] == url
    assert call(application, f"{place}%E9").status_int in (400, 401)
    assert call(application, f"{place}e%CC%81").status_int == 401


def test_the_preflight_is_answered_for_every_page() -> None:
    for environ in (
        {},
        {
            "HTTP_ORIGIN": "https://app.example.com",
            "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "GET",
            "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "authorization,mcp-protocol-version",
        },
    ):
        response = call(protected(), PLACE, "OPTIONS", **environ)
        assert (response.status_int, response.body) == (204, b"")
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        assert "GET" in response.headers["Access-Control-Allow-Methods"].split(", ")
        allowed = response.headers["Access-Control-Allow-Headers"].lower().split(", ")
        assert {"authorization", "mcp-protocol-version", "*"} <= set(allowed)
        assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "QUERY", "get"])
def test_other_methods_are_not_allowed(method: str) -> None:
    status, headers, body = answer(protected(), full_environ(method, PLACE, "", "", {}))
    assert status == "405 Method Not Allowed"
    assert dict(headers)["Allow"] == "GET, HEAD, OPTIONS"
    assert dict(headers)["Content-Length"] == str(len(body))


def test_rules_and_mounts_do_not_matter_for_the_place() -> None:
    policy = Policy({"/": DENY, PLACE: scope("never")}, mounts=["/app"])
    response = call(protected(rules=policy), PLACE)
    assert response.status_int == 200
    # No mount contains the resource.
    assert "scopes_supported" not in response.json


def test_a_policy_that_refuses_an_ambiguous_path_still_serves_the_metadata() -> None:
    response = call(protected(), PLACE, HTTP_X_VHM_ROOT="/x")
    assert response.status_int == 200


# --- the challenges

GOOD = LOCAL.token("mcp:use", expires_in=86400)
UNSCOPED = LOCAL.token("other", expires_in=86400)
EXPIRED = LOCAL.token("mcp:use", expires_in=-3600)
#: path, token -> status, scopes of the challenge.
REFUSALS: dict[str, tuple[str, str | None, int, str | None]] = {
    "no token": ("/mcp", None, 401, "mcp:use"),
    "no token, two scopes": ("/mcp/files", None, 401, "files:read files:write"),
    "no token, alternatives": ("/either", None, 401, "one"),
    "no token, no scope": ("/private", None, 401, None),
    "no rule": ("/nowhere", None, 401, None),
    "denied": ("/denied", None, 401, None),
    "malformed": ("/mcp", "x", 401, "mcp:use"),
    "malformed, alternatives": ("/either", "x", 401, "one"),
    "malformed, no scope": ("/private", "x", 401, None),
    "malformed, where a token is optional": ("/optional", "x", 401, None),
    "expired": ("/mcp", EXPIRED, 401, "mcp:use"),
    "another issuer": ("/mcp", OTHER.token(expires_in=86400), 401, "mcp:use"),
    "a scope is lacking": ("/mcp", UNSCOPED, 403, "mcp:use"),
    "one of two scopes is lacking": (
        "/mcp/files",
        LOCAL.token("files:read", expires_in=86400),
        403,
        "files:read files:write",
    ),
    "step up": ("/fresh", LOCAL.token("read", expires_in=86400), 401, "read"),
    "not bound": ("/bound", LOCAL.token("read", expires_in=86400), 401, "read"),
    "guard": ("/guarded", GOOD, 403, "inner"),
    "require": ("/required", GOOD, 403, "inner"),
    "respond": ("/responded", GOOD, 401, None),
}


@pytest.mark.conforms(79)
@pytest.mark.parametrize("stack", ["one call", "by hand", "a ready verifier", "a value"])
@pytest.mark.parametrize(("path", "token", "status", "scopes"), REFUSALS.values(), ids=REFUSALS)
def test_79_every_401_and_insufficient_scope_names_the_metadata(
    stack: str, path: str, token: str | None, status: int, scopes: str | None
) -> None:
    environ = {} if token is None else bearer_of(token)
    response = call(STACKS[stack](), path, **environ)
    assert response.status_int == status
    assert named(response) == {METADATA_URL}
    assert {parameter(each, "scope") for each in challenges(response)} == {scopes}
    schemes = {each.partition(" ")[0] for each in challenges(response)}
    if status == 403:
        assert schemes == {"Bearer"}
    elif path == "/bound":
        assert schemes == {"DPoP"}
    else:
        assert schemes == {"Bearer", "DPoP"}


def test_challenges_of_dpop_name_the_metadata() -> None:
    key = DPoPKey()
    token = LOCAL.token("other", cnf={"jkt": key.thumbprint})
    headers = {"HTTP_AUTHORIZATION": f"DPoP {token}"}
    missing = call(protected(), "/mcp", **headers)
    assert named(missing) == {METADATA_URL}
    assert missing.json["reason"] == "proof_missing"
    proof = key.proof("GET", "https://api.example.com/mcp", token)
    lacking = call(protected(), "/mcp", HTTP_DPOP=proof, **headers)
    assert lacking.json["error"] == "insufficient_scope"
    [challenge] = challenges(lacking)
    assert challenge.startswith("DPoP ")
    assert parameter(challenge, "resource_metadata") == METADATA_URL


WITHOUT = {
    "forbidden": ("/forbidden", {}),
    "several tokens": ("/mcp", {"HTTP_AUTHORIZATION": "Bearer a, Bearer b"}),
    "an ambiguous path": ("/mcp/../x", {}),
}


@pytest.mark.parametrize(("path", "environ"), WITHOUT.values(), ids=WITHOUT)
def test_other_refusals_do_not_name_it(path: str, environ: dict[str, str]) -> None:
    response = call(protected(), path, **(environ or bearer_of(GOOD)))
    assert response.status_int in (400, 403)
    assert METADATA_URL not in str(response.headers)


def test_a_stack_without_a_resource_names_none() -> None:
    response = call(protect(app, issuer=trusted(), rules=PLAIN), "/mcp")
    assert named(response) == {None}


def test_the_same_refusal_of_two_stacks_names_the_metadata_of_each() -> None:
    # The written answers are cached for all stacks of a process.
    other = protect(app, issuer=trusted(OTHER), rules=RULES, resource=OTHER.audience, dpop=DPOP)
    without = protect(app, issuer=trusted(), rules=PLAIN, dpop=DPOP)
    for _ in range(2):
        assert named(call(protected(), "/mcp")) == {METADATA_URL}
        assert named(call(other, "/mcp")) == {OTHER_URL}
        assert named(call(without, "/mcp")) == {None}


def test_one_verifier_in_two_stacks_names_the_metadata_of_each() -> None:
    verifier = TokenVerifier(ScopeAuthorizer(app, PLAIN), trusted())
    extractor = TokenExtractor(verifier)
    both = [trusted(), trusted(OTHER)]
    first = ResourceMetadata(extractor, RESOURCE, policy=RULES, issuers=both)
    second = ResourceMetadata(extractor, OTHER.audience, policy=RULES, issuers=both)
    for _ in range(2):
        assert named(call(first, "/mcp")) == {METADATA_URL}
        assert named(call(second, "/mcp")) == {OTHER_URL}
        assert named(call(extractor, "/mcp")) == {None}


@pytest.mark.parametrize(
    "environ",
    [
        {"HTTP_HOST": "evil.example"},
        {"HTTP_X_FORWARDED_HOST": "evil.example"},
        {"SERVER_NAME": "evil.example", "SERVER_PORT": "8080"},
        {"HTTP_JWT_WSGI_RESOURCE_METADATA": "https://evil.example"},
    ],
    ids=["Host", "X-Forwarded-Host", "SERVER_NAME", "a header like the key"],
)
def test_the_url_in_challenges_is_never_taken_from_the_request(environ: dict[str, str]) -> None:
    response = call(protected(), "/mcp", **environ)
    assert named(response) == {METADATA_URL}


def test_a_resource_with_a_path_does_not_name_the_roots_metadata() -> None:
    response = call(protected(), "/mcp")
    [url] = named(response)
    assert url is not None
    parts = urlsplit(url)
    document = call(protected(), parts.path).json
    assert document["resource"] == RESOURCE
    assert parts.path != "/.well-known/oauth-protected-resource"


# --- stacks inside stacks, and layers alone


def inner_stack(**options: Any) -> Any:
    return protect(app, issuer=trusted(OTHER), rules=PLAIN, **options)


def around(inner: Any) -> Any:
    """Put an application behind a stack with a resource, which lets every token pass."""
    return protect(inner, issuer=trusted(), rules={"/": AUTHENTICATED}, resource=RESOURCE)


def test_an_inner_stack_names_its_own_metadata() -> None:
    application = around(inner_stack(resource=OTHER.audience))
    assert named(call(application, "/mcp")) == {METADATA_URL}
    refused = call(application, "/mcp", **bearer_of(GOOD))
    assert refused.json["reason"] == "issuer_mismatch"
    assert named(refused) == {OTHER_URL}


def test_an_inner_stack_without_a_resource_does_not_name_the_outer_metadata() -> None:
    # Its issuers are others, so the outer metadata would send clients to the wrong server.
    application = around(inner_stack())
    assert named(call(application, "/mcp", **bearer_of(GOOD))) == {None}


def test_a_verifier_without_an_authorizer_hands_its_metadata_to_no_inner_stack() -> None:
    outer = TokenExtractor(TokenVerifier(inner_stack(), trusted()))
    application = metadata_around(outer)
    assert named(call(application, "/mcp")) == {METADATA_URL}
    assert named(call(application, "/mcp", **bearer_of(GOOD))) == {None}


def refusing(environ: dict[str, Any]) -> str | None:
    raise MissingToken


def test_what_an_inner_extractor_refuses_does_not_name_the_outer_metadata() -> None:
    application = around(inner_stack(get_token=refusing))
    assert named(call(application, "/mcp", **bearer_of(GOOD))) == {None}
    own = around(inner_stack(get_token=refusing, resource=OTHER.audience))
    assert named(call(own, "/mcp", **bearer_of(GOOD))) == {OTHER_URL}


def test_what_an_extractor_refuses_names_the_metadata() -> None:
    assert named(call(protected(get_token=refusing, rules=PLAIN), "/mcp")) == {METADATA_URL}


def test_the_application_of_an_outer_stack_names_its_metadata() -> None:
    def inner(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        b"".join(inner_stack()(dict(environ), lambda status, headers: bytes))
        return respond(InsufficientScope(scopes=["x"]))(environ, start_response)

    assert named(call(around(inner), "/mcp", **bearer_of(GOOD))) == {METADATA_URL}


def metadata_around(inner: Any) -> Any:
    return ResourceMetadata(inner, RESOURCE, policy=PLAIN, issuers=trusted())


ALONE = {
    "an application that raises": lambda: metadata_around(raising),
    "an application that responds": lambda: metadata_around(respond(MissingToken())),
    "an authorizer": lambda: metadata_around(ScopeAuthorizer(plain, RULES)),
    "an authorizer of another realm": lambda: metadata_around(
        TokenVerifier(ScopeAuthorizer(plain, RULES, realm="b"), trusted(), allow_anonymous=True)
    ),
    "a verifier": lambda: metadata_around(TokenVerifier(plain, trusted())),
    "an extractor": lambda: metadata_around(TokenExtractor(raising)),
    "CORS": lambda: metadata_around(CrossOrigin(by_hand(), origins="*")),
}


def raising(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    raise MissingToken


@pytest.mark.parametrize("stack", ALONE.values(), ids=ALONE)
def test_every_layer_alone_names_the_metadata(stack: Callable[[], Any]) -> None:
    application = stack()
    assert named(call(application, "/mcp")) == {METADATA_URL}
    assert call(application, PLACE).json["resource"] == RESOURCE


def test_a_realm_stays_beside_the_metadata() -> None:
    [challenge, _] = challenges(call(protected(realm="files"), "/mcp"))
    assert parameter(challenge, "realm") == "files"
    assert parameter(challenge, "resource_metadata") == METADATA_URL


def test_the_application_of_an_exempt_request_knows_the_metadata() -> None:
    def inner(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return respond(InsufficientScope(scopes=["a"]))(environ, start_response)

    application = protect(inner, issuer=trusted(), rules={"/": PUBLIC}, resource=RESOURCE)
    assert named(call(application, "/x")) == {METADATA_URL}


def test_an_error_of_the_hook_can_use_the_metadata() -> None:
    def on_error(environ: dict[str, Any], error: AuthError) -> Any:
        return respond(error)

    assert named(call(protected(on_error=on_error), "/mcp")) == {METADATA_URL}


# --- the options of protect

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "not a URL": ({"resource": "api"}, "^resource='api'"),
    "empty": ({"resource": ""}, "^resource=''"),
    "a number": ({"resource": 7}, "^resource=7"),
    "a slash at the end": ({"resource": f"{RESOURCE}/"}, "^resource="),
    "another audience": ({"resource": "https://api.example.com/other"}, "no issuer accepts"),
    "an audience beside a URL": (
        {"issuer": "https://tenant.example.com/", "audience": "files"},
        "no issuer accepts",
    ),
    "a resolver alone": ({"issuer": lambda name: None}, "authorization_servers"),
    "a name": (
        {"issuer": Issuer("tenant", audience=RESOURCE, keys=StaticJWKS(LOCAL.jwks))},
        "authorization_servers",
    ),
    "tokens that are never in the header": (
        {"token_sources": [from_cookie("a")], "dpop": None, "rules": {"/mcp": AUTHENTICATED}},
        "token_sources beside resource",
    ),
}


@pytest.mark.parametrize(("options", "text"), WRONG.values(), ids=WRONG)
def test_a_wrong_option_of_protect_is_a_value_error(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        protected(**options)


def test_the_resource_is_the_audience_of_an_issuer_that_is_a_url() -> None:
    application = protect(
        app, issuer=["https://tenant.example.com/", trusted(OTHER)], rules=PLAIN, resource=RESOURCE
    )
    [named_issuer, other] = application.app.app.verifier.issuers  # type: ignore[attr-defined]
    assert named_issuer.profile.audiences == {RESOURCE}
    assert other.profile.audiences == {OTHER.audience}


def test_an_audience_beside_the_resource_counts_alone() -> None:
    application = protect(
        app,
        issuer="https://tenant.example.com/",
        audience=["files", RESOURCE],
        rules=PLAIN,
        resource=RESOURCE,
    )
    [issuer] = application.app.app.verifier.issuers  # type: ignore[attr-defined]
    assert issuer.profile.audiences == {"files", RESOURCE}


def test_tokens_for_the_resource_are_accepted_and_others_are_not() -> None:
    application = protected()
    assert call(application, "/mcp", **bearer_of(GOOD)).status_int == 200
    elsewhere = LOCAL.token("mcp:use", aud="https://api.example.com/")
    assert call(application, "/mcp", **bearer_of(elsewhere)).json["reason"] == "audience_mismatch"


@pytest.mark.parametrize(
    "options",
    [{"get_token": lambda environ: None}, {"token_sources": [from_header("X-Token"), bearer]}],
    ids=["get_token", "bearer among others"],
)
def test_other_places_of_the_token_are_possible(options: dict[str, Any]) -> None:
    rules = {"/mcp": scope("mcp:use")}
    application = protected(rules=rules, dpop=None, **options)
    assert named(call(application, "/mcp")) == {METADATA_URL}


def test_a_layer_by_hand_takes_the_issuers_of_fapi_without_its_callbacks() -> None:
    local = LocalIssuer(audience=RESOURCE, algorithms=("ES256",))
    fapi = trusted(local, profile="fapi2", algorithms=["ES256"])
    layer = ResourceMetadata(plain, RESOURCE, policy=RULES, issuers=fapi, dpop=DPOP)
    assert layer.document["dpop_bound_access_tokens_required"] is True


BY_HAND: dict[str, tuple[dict[str, Any], str]] = {
    "dpop beside a verifier": ({"issuers": Verifier(trusted(), dpop=DPOP), "dpop": DPOP}, "dpop="),
    "certificates that a verifier does not check": (
        {"issuers": Verifier(trusted()), "client_certificate": lambda environ: None},
        "client_certificate=",
    ),
    "no place of certificates": (
        {"issuers": Verifier(trusted(), client_certificates=True)},
        "client_certificate=",
    ),
    "no issuer": ({"issuers": []}, "issuers is empty"),
    "rules that are none": ({"policy": {"mcp": PUBLIC}}, "rule 'mcp'"),
}


@pytest.mark.parametrize(("options", "text"), BY_HAND.values(), ids=BY_HAND)
def test_a_wrong_option_by_hand_is_a_value_error(options: dict[str, Any], text: str) -> None:
    settings: dict[str, Any] = {"policy": RULES, "issuers": trusted(), **options}
    with pytest.raises(ValueError, match=text):
        ResourceMetadata(plain, RESOURCE, **settings)
    policy, issuers = settings.pop("policy"), settings.pop("issuers")
    with pytest.raises(ValueError, match=text):
        metadata_app(RESOURCE, policy, issuers, **settings)


HOST = "https://api.example.com"
#: the resource, the rules, the options of the policy -> whether its path is one that no rule covers
UNCOVERED: dict[str, tuple[Any, Any, dict[str, Any], bool]] = {
    "the rule's path": (f"{HOST}/mcp", {"/mcp": AUTHENTICATED}, {}, False),
    "below the rule's path": (f"{HOST}/mcp/v2", {"/mcp": AUTHENTICATED}, {}, False),
    "around the rule's path": (f"{HOST}/v1", {"/v1/mcp": AUTHENTICATED}, {}, False),
    "the root": (HOST, {"/mcp": AUTHENTICATED}, {}, False),
    "a misspelled path": (f"{HOST}/mpc", {"/mcp": AUTHENTICATED}, {}, True),
    "a path beyond ASCII": (f"{HOST}/caf%C3%A9", {"/café": AUTHENTICATED}, {}, False),
    "a prefix that is not a mount": (f"{HOST}/v1/mcp", {"/mcp": AUTHENTICATED}, {}, True),
    "a mount": (f"{HOST}/v1/mcp", {"/mcp": AUTHENTICATED}, {"mounts": ["/v1"]}, False),
    "scopes of its own": (
        ProtectedResource(f"{HOST}/v1/mcp", scopes=[]), {"/mcp": AUTHENTICATED}, {}, False,
    ),
    "a default": (f"{HOST}/mpc", {"/mcp": AUTHENTICATED}, {"default": AUTHENTICATED}, False),
}  # fmt: skip


@pytest.mark.parametrize(
    ("resource", "rules", "options", "logged"), UNCOVERED.values(), ids=UNCOVERED
)
def test_a_resource_whose_path_no_rule_covers_is_logged_once(
    resource: Any, rules: Any, options: Any, logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    audience = resource if isinstance(resource, str) else resource.resource
    protect(
        plain,
        issuer="https://tenant.example.com/",
        audience=audience,
        rules=Policy(rules, **options),
        resource=resource,
    )
    records = [record for record in caplog.records if record.name == "jwt_wsgi.policy"]
    assert [record.levelno for record in records] == ([logging.WARNING] if logged else [])
    assert all(record.getMessage().startswith("resource='https://api.") for record in records)


def test_certificates_of_clients_are_in_the_metadata() -> None:
    for application in (
        protected(client_certificate=lambda environ: None),
        metadata_app(RESOURCE, RULES, trusted(), client_certificate=lambda environ: None),
    ):
        members = call(application, PLACE).json
        assert members["tls_client_certificate_bound_access_tokens"] is True


def test_only_reported_rules_serve_and_name_the_metadata() -> None:
    application = protected(rules={"/mcp": AUTHENTICATED & report_only(scope("later"))})
    assert call(application, PLACE).json["scopes_supported"] == ["later"]
    assert named(call(application, "/mcp")) == {METADATA_URL}


# --- CORS outside and inside

PAGE = "https://app.example.com"
PREFLIGHT = {
    "HTTP_ORIGIN": "https://elsewhere.example",
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "GET",
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "mcp-protocol-version",
}
ORDERS = {
    "CORS outside": lambda: CrossOrigin(protected(), origins=[PAGE]),
    "CORS inside": lambda: metadata_around(
        CrossOrigin(protect(app, issuer=trusted(), rules=PLAIN), origins=[PAGE])
    ),
}


@pytest.mark.parametrize("stack", ORDERS.values(), ids=ORDERS)
def test_cors_leaves_the_metadata_to_every_page(stack: Callable[[], Any]) -> None:
    application = stack()
    for path in (PLACE, f"{PLACE}/"):
        response = call(application, path, HTTP_ORIGIN="https://elsewhere.example")
        assert response.headers.getall("Access-Control-Allow-Origin") == ["*"]
        assert "Vary" not in response.headers
        preflight = call(application, path, "OPTIONS", **PREFLIGHT)
        assert preflight.status_int == 204
        assert preflight.headers.getall("Access-Control-Allow-Origin") == ["*"]


@pytest.mark.parametrize("stack", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("path", ["/mcp", "/.well-known/oauth-protected-resources", "/public"])
def test_cors_holds_for_every_other_path(stack: Callable[[], Any], path: str) -> None:
    application = stack()
    assert call(application, path, "OPTIONS", **PREFLIGHT).status_int == 403
    response = call(application, path, HTTP_ORIGIN=PAGE)
    assert response.headers.getall("Access-Control-Allow-Origin") == [PAGE]
    if path == "/mcp":
        assert "WWW-Authenticate" in response.headers["Access-Control-Expose-Headers"]
        assert named(response) == {METADATA_URL}


def test_cors_below_a_mount_is_not_at_the_place_of_metadata() -> None:
    application = CrossOrigin(plain, origins=[PAGE])
    headers = {name.removeprefix("HTTP_"): value for name, value in PREFLIGHT.items()}
    environ = full_environ("OPTIONS", PLACE, "/app", "", headers)
    assert answer(application, environ)[0] == "403 Forbidden"


# --- what walks through stacks


def test_coverage_reads_the_routes_behind_the_layer() -> None:
    class Routed:
        routes: ClassVar[Any] = {"/mcp": app, "/forgotten": app}

        def __call__(self, environ: Any, start_response: Any) -> Any:
            return plain(environ, start_response)

    policy = Policy({"/mcp": scope("a")})
    layers = protect(Routed(), issuer=trusted(), rules=policy, resource=RESOURCE)
    report = coverage(layers, policy)
    assert "/forgotten" in str(report)


def test_explain_passes_the_layer_and_shows_its_challenges() -> None:
    explainer = Explainer.of(protected())
    explained = explainer.explain(full_environ("GET", "/mcp", "", "", {}))
    assert explained.reason == "missing_token"
    assert explained.refusal is not None
    assert METADATA_URL in str(explained.refusal.headers)
    served = explainer.explain(full_environ("GET", PLACE, "", "", {}))
    assert served.reason is None
    assert served.note is not None
    assert served.refusal is not None
    assert served.refusal.status == 200
    assert explainer.passed_over == ()


def test_a_copy_of_the_layer_serves_the_same() -> None:
    layer = protected()
    copied = layer.around(raising)
    assert (layer.app, copied.app) == (layer.app, raising)
    assert call(copied, PLACE).json == call(layer, PLACE).json == layer.document
    assert named(call(copied, "/x")) == {METADATA_URL}


def test_the_layer_answers_refusals_itself() -> None:
    assert ResourceMetadata.answers_refusals
    nested = protect(protected(), issuer=trusted(OTHER), rules={"/": OPTIONAL})
    assert named(call(nested, "/mcp")) == {METADATA_URL}


@given(
    method=st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "x", ""]),
    mount=st.sampled_from(["", "/.well-known", PLACE, "/\xff"]),
    path=st.sampled_from(["", "/", PLACE, f"{PLACE}/", "/mcp", "/oauth-protected-resource/mcp"])
    | st.text(st.characters(max_codepoint=255), max_size=20),
    header=st.text(st.characters(max_codepoint=255), max_size=20),
)
def test_no_request_makes_the_layer_fail(method: str, mount: str, path: str, header: str) -> None:
    environ = full_environ(method, path, mount, "", {"AUTHORIZATION": header})
    status, headers, body = answer(STACK, environ)
    assert status[:3] in ("200", "204", "400", "401", "405")
    lengths = [value for name, value in headers if name == "Content-Length"]
    if method != "HEAD":
        assert lengths in ([], [str(len(body))])


STACK = protected()


# --- real servers


@contextmanager
def under_waitress(folder: Path) -> Iterator[int]:
    with served(STACK) as port:
        yield port


@contextmanager
def under_gunicorn(folder: Path) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--threads", "2"]
    with running([*command, "test_resource_metadata:STACK"], port, folder):
        yield port


@pytest.mark.slow
@pytest.mark.parametrize("server", [under_waitress, under_gunicorn], ids=["waitress", "gunicorn"])
def test_real_servers_serve_the_metadata(server: Any, tmp_path: Path) -> None:
    with server(tmp_path) as port:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)

        def ask(method: str, path: str, **headers: str) -> Any:
            # The connection stays open, so a body where none belongs breaks the next answer.
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response, response.read()

        get, body = ask("GET", PLACE)
        assert (get.status, json.loads(body)["resource"]) == (200, RESOURCE)
        head, nothing = ask("HEAD", f"{PLACE}/", Authorization="Bearer x")
        assert (head.status, nothing) == (200, b"")
        assert head.headers["Content-Length"] == str(len(body))
        options, nothing = ask("OPTIONS", PLACE, Origin=PAGE)
        assert (options.status, nothing) == (204, b"")
        assert options.headers["Access-Control-Allow-Origin"] == "*"
        wrong, _ = ask("POST", PLACE)
        assert (wrong.status, wrong.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")
        refused, _ = ask("GET", "/mcp", Host="evil.example")
        lines = refused.headers.get_all("WWW-Authenticate")
        assert [parameter(line, "resource_metadata") for line in lines] == [METADATA_URL] * 2
        connection.close()
