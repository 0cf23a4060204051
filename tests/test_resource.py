"""The identifier of an API, the place of its metadata, and what the metadata says (RFC 9728)."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_wsgi import (
    ANY_AUDIENCE,
    AUTHENTICATED,
    DENY,
    OPTIONAL,
    PUBLIC,
    DPoP,
    Introspection,
    Issuer,
    Policy,
    ProtectedResource,
    StaticJWKS,
    Verifier,
    claim,
    fresh,
    report_only,
    scope,
    sender_constrained,
)
from jwt_wsgi.introspection import ClientSecretBasic
from jwt_wsgi.policy.patterns import parse
from jwt_wsgi.resource.document import MEMBERS, resource_document
from jwt_wsgi.testing import LocalIssuer

URL = "https://api.example.com/mcp"
ISSUER = "https://tenant.example.com/"
LOCAL = LocalIssuer(ISSUER, audience=URL, algorithms=("RS256", "ES256"))
KEYS = StaticJWKS(LOCAL.jwks)
RULES = {
    "/mcp": scope("mcp:use"),
    "POST /mcp/files": scope("files:write") & scope("files:read"),
    "/admin": scope("admin"),
    "/mcpx": scope("sibling"),
}


def issuer(name: str = ISSUER, audience: Any = URL, **options: Any) -> Issuer:
    return Issuer(name, audience=audience, keys=KEYS, **options)


def introspection(name: str = ISSUER, audience: Any = URL) -> Introspection:
    return Introspection(
        "https://tenant.example.com/introspect",
        issuer=name,
        audience=audience,
        client_auth=ClientSecretBasic("api", "secret"),
    )


def resolver(name: str) -> Issuer | None:
    return None


def document(
    resource: str | ProtectedResource = URL, rules: Any = RULES, issuers: Any = None, **options: Any
) -> dict[str, Any]:
    ready = resource if isinstance(resource, ProtectedResource) else ProtectedResource(resource)
    policy = rules if isinstance(rules, Policy) else Policy(rules)
    return resource_document(ready, policy, Verifier(issuers or issuer(), **options))


# --- the identifier

MALFORMED: dict[str, Any] = {
    "not text": 7,
    "bytes": b"https://api.example.com",
    "None": None,
    "empty": "",
    "no scheme": "api.example.com/mcp",
    "a path alone": "/mcp",
    "another scheme": "ftp://api.example.com/mcp",
    "a scheme in upper case": "HTTPS://api.example.com/mcp",
    "plain http": "http://api.example.com/mcp",
    "plain http on a name like loopback": "http://localhost.example.com/mcp",
    "no host": "https:///mcp",
    "a host in upper case": "https://API.example.com/mcp",
    "a host beyond ASCII": "https://äpi.example.com/mcp",
    "a host with an escape": "https://api%2Eexample.com/mcp",
    "a number as a host": "https://127.1/mcp",
    "a default port": "https://api.example.com:443/mcp",
    "a default port on loopback": "http://127.0.0.1:80/mcp",
    "a port that is not a number": "https://api.example.com:https/mcp",
    "a port that is too large": "https://api.example.com:65536/mcp",
    "an empty port": "https://api.example.com:/mcp",
    "an IPv6 address in another spelling": "http://[0:0:0:0:0:0:0:1]:8000/mcp",
    "an IPv6 address without its end": "http://[::1/mcp",
    "a user": "https://user@api.example.com/mcp",
    "a user and a password": "https://user:secret@api.example.com/mcp",
    "a query": "https://api.example.com/mcp?a=b",
    "an empty query": "https://api.example.com/mcp?",
    "a query without a path": "https://api.example.com?a",
    "a fragment": "https://api.example.com/mcp#a",
    "an empty fragment": "https://api.example.com/mcp#",
    "a slash at the end": "https://api.example.com/mcp/",
    "the root's slash": "https://api.example.com/",
    "an empty segment": "https://api.example.com//mcp",
    "an empty segment inside": "https://api.example.com/a//mcp",
    "a dot segment": "https://api.example.com/./mcp",
    "two dots": "https://api.example.com/a/../mcp",
    "escaped dots": "https://api.example.com/%2E%2E/mcp",
    "an escaped slash": "https://api.example.com/a%2Fmcp",
    "an escaped slash in lower case": "https://api.example.com/a%2fmcp",
    "an escaped backslash": "https://api.example.com/a%5Cmcp",
    "a backslash": "https://api.example.com/a\\mcp",
    "a backslash in the host": "https://api.example.com\\mcp",
    "an escaped percent sign": "https://api.example.com/a%252Fmcp",
    "an escaped letter": "https://api.example.com/%6Dcp",
    "an escaped tilde": "https://api.example.com/%7Emcp",
    "an escape in lower case": "https://api.example.com/caf%c3%a9",
    "a malformed escape": "https://api.example.com/%GG",
    "half an escape": "https://api.example.com/mcp%2",
    "an escaped NUL": "https://api.example.com/mcp%00",
    "an escaped line end": "https://api.example.com/mcp%0A",
    "an escaped DEL": "https://api.example.com/mcp%7F",
    "an escaped C1 control": "https://api.example.com/mcp%C2%85",
    "an escaped Unicode line end": "https://api.example.com/mcp%E2%80%A8",
    "octets that are not UTF-8": "https://api.example.com/mcp%FF",
    "a control character": "https://api.example.com/mcp\x00",
    "a line end": "https://api.example.com/mcp\n",
    "a blank": "https://api.example.com/a b",
    "a blank at the end": "https://api.example.com/mcp ",
    "a quote": 'https://api.example.com/mcp"',
    "braces": "https://api.example.com/{tenant}",
    "a letter beyond ASCII": "https://api.example.com/café",
    "too long": "https://api.example.com/" + "a" * 2048,
}


@pytest.mark.parametrize("url", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_identifier_is_a_value_error_that_names_the_option(url: Any) -> None:
    with pytest.raises(ValueError, match=r"^resource=.*: write .*https?://") as caught:
        ProtectedResource(url)
    assert "secret" not in str(caught.value)
    assert len(str(caught.value)) < 600


#: The identifier that a malformed one probably means; None where none is suggested.
SUGGESTIONS = {
    "a slash at the end": ("https://api.example.com/mcp/", URL),
    "two slashes at the end": ("https://api.example.com/mcp//", URL),
    "the root's slash": ("https://api.example.com/", "https://api.example.com"),
    "a default port": ("https://api.example.com:443/mcp", URL),
    "a default port on loopback": ("http://127.0.0.1:80/mcp/", "http://127.0.0.1/mcp"),
    "another port": ("https://API.example.com:8443/mcp", "https://api.example.com:8443/mcp"),
    "upper case": ("HTTPS://API.example.com/MCP", "https://api.example.com/MCP"),
    "a query": ("https://api.example.com/mcp?secret=1", URL),
    "a query without a path": ("https://api.example.com?secret", "https://api.example.com"),
    "a fragment": ("https://api.example.com/mcp/#secret", URL),
    "a user": ("https://user:secret@api.example.com/mcp/", None),
    "an @ in the path": ("https://api.example.com/@me/", "https://api.example.com/@me"),
    "plain http": ("http://api.example.com/mcp/", None),
    "an empty segment": ("https://api.example.com//mcp", None),
    "an escape in lower case": ("https://api.example.com/caf%c3%a9/", None),
    "a line end": ("https://api.example.com/mcp\n", None),
    "a line end in the query": ("https://api.example.com/mcp?\nsecret", None),
    "a path alone": ("/mcp/", None),
    "not text": (7, None),
    "too long": (f"https://api.example.com/{'a' * 2025}/", None),
}


@pytest.mark.parametrize(("url", "intended"), SUGGESTIONS.values(), ids=SUGGESTIONS)
def test_the_error_about_an_identifier_names_the_intended_one(url: Any, intended: Any) -> None:
    with pytest.raises(ValueError, match=r"^resource=") as caught:
        ProtectedResource(url)
    remedy = str(caught.value).rpartition(": write ")[2]
    assert remedy.startswith("an https URL" if intended is None else f"'{intended}'")
    if intended is not None:
        assert ProtectedResource(intended).resource == intended


WELL_KNOWN = "/.well-known/oauth-protected-resource"
#: The identifier, the URL of its metadata, and its path as servers hand it over.
IDENTIFIERS = {
    "the root": ("https://api.example.com", f"https://api.example.com{WELL_KNOWN}", ""),
    "a path": (URL, f"https://api.example.com{WELL_KNOWN}/mcp", "/mcp"),
    "a deeper path": (
        "https://api.example.com/v1/mcp.json",
        f"https://api.example.com{WELL_KNOWN}/v1/mcp.json",
        "/v1/mcp.json",
    ),
    "a port": (
        "https://api.example.com:8443/mcp",
        f"https://api.example.com:8443{WELL_KNOWN}/mcp",
        "/mcp",
    ),
    "loopback": ("http://127.0.0.1:3010/mcp", f"http://127.0.0.1:3010{WELL_KNOWN}/mcp", "/mcp"),
    "localhost": ("http://localhost", f"http://localhost{WELL_KNOWN}", ""),
    "loopback of IPv6": ("http://[::1]:8000", f"http://[::1]:8000{WELL_KNOWN}", ""),
    "letters beyond ASCII": (
        "https://api.example.com/caf%C3%A9",
        f"https://api.example.com{WELL_KNOWN}/caf%C3%A9",
        "/caf\xc3\xa9",
    ),
    "marks": (
        "https://api.example.com/a:b@c;d=e,f!$&'()*+~_-",
        f"https://api.example.com{WELL_KNOWN}/a:b@c;d=e,f!$&'()*+~_-",
        "/a:b@c;d=e,f!$&'()*+~_-",
    ),
    "a path that is the well-known one": (
        f"https://api.example.com{WELL_KNOWN}",
        f"https://api.example.com{WELL_KNOWN}{WELL_KNOWN}",
        WELL_KNOWN,
    ),
}


@pytest.mark.conforms(76)
@pytest.mark.parametrize(("url", "metadata_url", "path"), IDENTIFIERS.values(), ids=IDENTIFIERS)
def test_76_the_well_known_part_stands_between_host_and_path(
    url: str, metadata_url: str, path: str
) -> None:
    resource = ProtectedResource(url)
    assert resource.metadata_url == metadata_url
    assert resource.path == path
    assert resource.metadata_path == WELL_KNOWN + path


def test_a_resource_is_a_value() -> None:
    one = ProtectedResource(URL, scopes=["a", "b", "a"])
    assert one == ProtectedResource(URL, scopes=("a", "b"))
    assert one != ProtectedResource(URL)
    assert len({one, ProtectedResource(URL, scopes=("a", "b"))}) == 1
    with pytest.raises(AttributeError):
        one.resource = "https://other.example.com"  # type: ignore[misc]


WRONG_OPTIONS: dict[str, tuple[str, Any]] = {
    "an empty name": ("name", ""),
    "a blank name": ("name", "  "),
    "a name of two lines": ("name", "a\nb"),
    "a name that is too long": ("name", "a" * 201),
    "a name that is not text": ("name", 7),
    "documentation over http": ("documentation", "http://docs.example.com"),
    "documentation that is not a URL": ("documentation", "docs"),
    "documentation that is not text": ("documentation", 7),
    "documentation that is too long": ("documentation", "https://docs.example.com/" + "a" * 2048),
    "documentation with a user": ("documentation", "https://user:secret@docs.example.com"),
    "documentation with a blank fragment": ("documentation", "https://docs.example.com/# a"),
    "a policy without a host": ("policy_uri", "https:///policy"),
    "terms of another scheme": ("tos_uri", "ftp://docs.example.com"),
    "one server as text": ("authorization_servers", ISSUER),
    "no server": ("authorization_servers", []),
    "a number of servers": ("authorization_servers", 2),
    "a server that is not text": ("authorization_servers", [7]),
    "a server that is not a URL": ("authorization_servers", ["tenant"]),
    "a server over http": ("authorization_servers", ["http://tenant.example.com"]),
    "a server with a query": ("authorization_servers", ["https://tenant.example.com/?a"]),
    "a server with a fragment": ("authorization_servers", ["https://tenant.example.com/#a"]),
    "a server that is too long": ("authorization_servers", ["https://a.example/" + "a" * 2048]),
    "one scope as text": ("scopes", "read"),
    "a scope that is not text": ("scopes", [None]),
    "an empty scope": ("scopes", [""]),
    "two scopes in one": ("scopes", ["read write"]),
    "a scope with a quote": ("scopes", ['a"b']),
    "too many scopes": ("scopes", map(str, range(1001))),
}


@pytest.mark.parametrize(("option", "value"), WRONG_OPTIONS.values(), ids=WRONG_OPTIONS)
def test_a_wrong_option_is_a_value_error_that_names_it(option: str, value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^{option}( holds |=)") as caught:
        ProtectedResource(URL, **{option: value})
    assert len(str(caught.value)) < 600


# --- the document


@pytest.mark.conforms(78)
def test_78_resource_is_the_identifier_itself() -> None:
    for url, _, _ in IDENTIFIERS.values():
        assert document(url, issuers=issuer(audience=url))["resource"] == url


def test_the_members_are_those_of_the_specification() -> None:
    resource = ProtectedResource(
        URL,
        name="Files, délicieux",
        documentation="https://docs.example.com/api?v=1#auth",
        policy_uri="https://docs.example.com/privacy",
        tos_uri="https://docs.example.com/terms",
    )
    dpop = DPoP("https://api.example.com", algorithms=["ES256", "EdDSA"])
    assert document(resource, dpop=dpop, client_certificates=True) == {
        "resource": URL,
        "authorization_servers": [ISSUER],
        "scopes_supported": ["mcp:use", "files:write", "files:read"],
        "bearer_methods_supported": ["header"],
        "dpop_signing_alg_values_supported": ["ES256", "EdDSA"],
        "dpop_bound_access_tokens_required": False,
        "tls_client_certificate_bound_access_tokens": True,
        "resource_name": "Files, délicieux",
        "resource_documentation": "https://docs.example.com/api?v=1#auth",
        "resource_policy_uri": "https://docs.example.com/privacy",
        "resource_tos_uri": "https://docs.example.com/terms",
    }


@pytest.mark.conforms(77)
def test_77_empty_members_are_left_out() -> None:
    assert document(rules={"/mcp": AUTHENTICATED}) == {
        "resource": URL,
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
    }
    assert "scopes_supported" not in document(ProtectedResource(URL, scopes=[]))


def test_every_member_is_listed_for_comparison() -> None:
    resource = ProtectedResource(
        URL, name="a", documentation=URL, policy_uri=URL, tos_uri=URL, scopes=["a"]
    )
    whole = document(resource, dpop=DPoP(URL), client_certificates=True)
    assert tuple(whole) == MEMBERS


SERVERS: dict[str, tuple[Any, list[str]]] = {
    "an issuer": (issuer(), [ISSUER]),
    "two issuers, of which one has this audience": (
        [issuer(audience="other"), issuer("https://b.example.com")],
        [ISSUER, "https://b.example.com"],
    ),
    "any audience": (issuer(audience=ANY_AUDIENCE), [ISSUER]),
    "several audiences": (issuer(audience=["other", URL]), [ISSUER]),
    "an endpoint for opaque tokens": (introspection(), [ISSUER]),
    "an endpoint of the same issuer": ([issuer(audience="other"), introspection()], [ISSUER]),
    "an endpoint of another issuer": (
        [issuer(), introspection("https://b.example.com")],
        [ISSUER, "https://b.example.com"],
    ),
    "an endpoint for any audience": (introspection(audience=ANY_AUDIENCE), [ISSUER]),
    "an issuer beside a resolver, which may accept it": (
        [issuer(audience="other"), resolver],
        [ISSUER],
    ),
    "plain http on loopback": (issuer("http://127.0.0.1:8080/"), ["http://127.0.0.1:8080/"]),
}


@pytest.mark.parametrize(("issuers", "names"), SERVERS.values(), ids=SERVERS)
def test_the_authorization_servers_are_the_issuers(issuers: Any, names: list[str]) -> None:
    assert document(issuers=issuers)["authorization_servers"] == names


WRONG_ISSUERS: dict[str, tuple[Any, str]] = {
    "another audience": (issuer(audience="other"), "no issuer accepts it"),
    "the audience with a slash": (issuer(audience=f"{URL}/"), "no issuer accepts it"),
    "an endpoint for another audience": (introspection(audience="other"), "no issuer accepts it"),
    "a name that is not a URL": (issuer("tenant"), r"issuer='tenant'.*authorization_servers"),
    "plain http": (issuer("http://tenant.example.com/"), r"issuer='http:.*authorization_servers"),
    "a query": (issuer("https://tenant.example.com/?a"), r"issuer=.*authorization_servers"),
    "an endpoint of a name": (introspection("tenant"), r"issuer='tenant'.*authorization_servers"),
    "a resolver alone": (resolver, "authorization_servers"),
}


@pytest.mark.parametrize(("issuers", "text"), WRONG_ISSUERS.values(), ids=WRONG_ISSUERS)
def test_issuers_that_do_not_fit_are_a_value_error(issuers: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        document(issuers=issuers)


@pytest.mark.parametrize(
    "issuers",
    [issuer("tenant"), resolver, introspection("tenant")],
    ids=["name", "resolver", "7662"],
)
def test_named_authorization_servers_replace_the_issuers(issuers: Any) -> None:
    servers = ["https://b.example.com", "https://a.example.com", "https://b.example.com"]
    resource = ProtectedResource(URL, authorization_servers=servers)
    assert document(resource, issuers=issuers)["authorization_servers"] == servers[:2]


def test_named_authorization_servers_do_not_waive_the_audience() -> None:
    resource = ProtectedResource(URL, authorization_servers=["https://b.example.com"])
    with pytest.raises(ValueError, match="no issuer accepts it"):
        document(resource, issuers=issuer(audience="other"))


BOUND = issuer(sender_constrained=True)
FAPI = issuer(profile="fapi2", algorithms=["ES256"], introspect=introspection())
REQUIRED: dict[str, tuple[Any, dict[str, Any], bool]] = {
    "optional": (issuer(), {"dpop": DPoP(URL)}, False),
    "required": (issuer(), {"dpop": DPoP(URL, required=True)}, True),
    "an issuer demands it": (BOUND, {"dpop": DPoP(URL)}, True),
    "one of two issuers demands it": (
        [BOUND, issuer("https://b.example.com")],
        {"dpop": DPoP(URL)},
        False,
    ),
    "a certificate suffices": (BOUND, {"dpop": DPoP(URL), "client_certificates": True}, False),
    "FAPI 2.0": (FAPI, {"dpop": DPoP(URL)}, True),
}


@pytest.mark.parametrize(("issuers", "options", "required"), REQUIRED.values(), ids=REQUIRED)
def test_dpop_is_required_where_nothing_else_suffices(
    issuers: Any, options: dict[str, Any], required: bool
) -> None:
    members = document(issuers=issuers, **options)
    assert members["dpop_bound_access_tokens_required"] is required


def test_the_algorithms_of_proofs_are_those_of_the_challenges() -> None:
    verifier = Verifier(FAPI, dpop=DPoP(URL))
    members = resource_document(ProtectedResource(URL), Policy(RULES), verifier)
    assert members["dpop_signing_alg_values_supported"] == list(verifier.proof_algorithms)
    assert "RS256" not in verifier.proof_algorithms


# --- the scopes

SCOPES: dict[str, tuple[Any, list[str]]] = {
    "its own rule": ({"/mcp": scope("a")}, ["a"]),
    "every method": ({"GET /mcp": scope("a"), "POST /mcp": scope("b")}, ["a", "b"]),
    "rules below": ({"/mcp": scope("a"), "/mcp/x/y": scope("b")}, ["a", "b"]),
    "no rules beside or above": (
        {"/": scope("root"), "/mcp": scope("a"), "/mcpx": scope("b"), "/m": scope("c")},
        ["a"],
    ),
    "a rule above that decides it": ({"/": scope("root"), "/mcp/x": scope("b")}, ["root", "b"]),
    "the default that decides it": (Policy({"/a": scope("a")}, default=scope("b")), ["b"]),
    "not the default where a rule decides": (
        Policy({"/mcp": scope("a")}, default=scope("b")),
        ["a"],
    ),
    "its path alone, and the subtree": (
        {"/mcp/{$}": scope("a"), "/mcp": scope("b"), "/": scope("root")},
        ["a", "b"],
    ),
    "a parameter in its place": ({"/{tenant}": scope("a"), "/{tenant}/x": scope("b")}, ["a", "b"]),
    "not a parameter where its own name has a rule": (
        {"/{tenant}": scope("a"), "/mcp": scope("b")},
        ["b"],
    ),
    "a parameter below, where nothing hides it": (
        {"/{tenant}/{$}": scope("a"), "/{tenant}/x/{$}": scope("b"), "/mcp/{$}": scope("c")},
        ["b", "c"],
    ),
    "not a parameter below that is hidden": (
        {"/{tenant}/x": scope("a"), "/mcp": scope("b"), "/mcp/x": scope("c")},
        ["b", "c"],
    ),
    "a tail": ({"/mcp/{rest...}": scope("a")}, ["a"]),
    "not a rule that never decides": (
        {"/mcp": scope("a"), "/mcp/{$}": scope("b"), "/mcp/{x}": scope("c")},
        ["b", "c"],
    ),
    "not a rule that never decides, two segments above": (
        {
            "/mcp": scope("a"),
            "/mcp/{$}": scope("b"),
            "/mcp/{x}/{$}": scope("c"),
            "/mcp/{x}/{y}": scope("d"),
        },
        ["b", "c", "d"],
    ),
    "a rule that decides two segments below": (
        {"/mcp": scope("a"), "/mcp/{$}": scope("b"), "/mcp/{x}/{y}/{$}": scope("c")},
        ["a", "b", "c"],
    ),
    "the order of the rules": ({"/mcp/x": scope("b"), "/mcp": scope("a")}, ["b", "a"]),
    "each once": ({"/mcp": scope("a"), "/mcp/x": scope("a") & scope("b")}, ["a", "b"]),
    "of alternatives, those of the challenge": ({"/mcp": scope("a") | scope("b")}, ["a"]),
    "of alternatives, the one with scopes": ({"/mcp": claim("sub", "x") | scope("b")}, ["b"]),
    "scopes beside other conditions": ({"/mcp": scope("a") & fresh(60)}, ["a"]),
    "only reported": ({"/mcp": report_only(scope("a"))}, ["a"]),
    "reported beside enforced": ({"/mcp": scope("a") & report_only(scope("b"))}, ["a", "b"]),
    "a policy that only reports": (Policy({"/mcp": scope("a")}, report_only=True), ["a"]),
    "no scope": ({"/mcp": PUBLIC, "/mcp/a": DENY, "/mcp/b": OPTIONAL, "/mcp/c": AUTHENTICATED}, []),
    "without offline_access": ({"/mcp": scope("a") & scope("offline_access")}, ["a"]),
    "a mount that is the resource": (Policy({"/": scope("a")}, mounts=["/mcp"]), ["a"]),
    "a mount below the resource": (Policy({"/x": scope("a")}, mounts=["/mcp/v1"]), ["a"]),
    "a mount beside the resource": (Policy({"/mcp": scope("a")}, mounts=["/mcpx"]), []),
    "two mounts": (
        Policy({"/mcp": scope("a"), "/": scope("b"), "/x": scope("c")}, mounts=["", "/mcp"]),
        ["a", "b", "c"],
    ),
}


@pytest.mark.parametrize(("rules", "names"), SCOPES.values(), ids=SCOPES)
def test_the_scopes_are_those_of_the_path_and_of_the_rules_below(
    rules: Any, names: list[str]
) -> None:
    issuers = issuer(audience=URL)
    assert document(rules=rules, issuers=issuers).get("scopes_supported", []) == names


def test_a_rule_about_possession_adds_no_scope() -> None:
    rules = {"/mcp": sender_constrained() & scope("a")}
    assert document(rules=rules, dpop=DPoP(URL))["scopes_supported"] == ["a"]


def test_the_root_has_the_scopes_of_all_rules() -> None:
    root = "https://api.example.com"
    names = document(root, issuers=issuer(audience=root))["scopes_supported"]
    assert names == ["mcp:use", "files:write", "files:read", "admin", "sibling"]


def test_a_path_beyond_ascii_is_read_as_the_policy_reads_it() -> None:
    url = "https://api.example.com/caf%C3%A9"
    rules = {"/café": scope("a"), "/caf": scope("b")}
    assert document(url, rules, issuer(audience=url))["scopes_supported"] == ["a"]


def test_named_scopes_replace_those_of_the_rules() -> None:
    resource = ProtectedResource(URL, scopes=["b", "a", "offline_access"])
    assert document(resource)["scopes_supported"] == ["b", "a", "offline_access"]


# --- the scopes of any policy, against a search of all paths

NAMES = ("a", "mcp", "z")
_segments = st.sampled_from(["a", "mcp", "{p}", "{q}"])
_ends = st.sampled_from(["", "/{$}", "/{rest...}"])


@st.composite
def keys(draw: st.DrawFn) -> str:
    method = draw(st.sampled_from(["", "GET ", "POST ", "HEAD "]))
    segments = draw(st.lists(_segments, max_size=3, unique=True))
    return f"{method}/{'/'.join(segments)}{draw(_ends)}".replace("//", "/")


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Return a policy in which each rule has a scope of its own; the default has one, too."""
    default = draw(st.sampled_from([DENY, scope("default")]))
    policy = Policy({}, default=default)
    rules: list[tuple[str, Any]] = []
    for number, key in enumerate(draw(st.lists(keys(), max_size=8, unique=True))):
        try:
            policy = Policy([*rules, (key, scope(f"s{number}"))], default=default)
        except ValueError:
            continue
        rules.append((key, scope(f"s{number}")))
    return policy


def decided(policy: Policy, path: tuple[str, ...]) -> set[str]:
    """Return the scopes that requests for a path may need."""
    names: set[str] = set()
    for method in ("GET", "HEAD", "POST", "DELETE"):
        refusal = policy.decide(path, method).refusal(None)
        names.update(() if refusal is None else refusal.scopes)
    return names


@given(policy=policies(), path=st.lists(st.sampled_from(NAMES), max_size=2).map(tuple))
def test_the_document_has_no_scope_of_a_rule_outside_the_path(
    policy: Policy, path: tuple[str, ...]
) -> None:
    url = "/".join(["https://api.example.com", *path])
    members = document(url, policy, issuer(audience=url))
    own = decided(policy, path)
    below: set[str] = set()
    for length in range(1, 5 - len(path)):
        for rest in itertools.product(NAMES, repeat=length):
            below |= decided(policy, (*path, *rest))
    deep = {
        scope_of.scopes[0]
        for rule in policy.rules
        if len(parse(rule.key).pattern.shortest) >= len(path)
        and (scope_of := rule.requirement.refusal(None, policy.decide((), "GET").request))
    }
    assert set(members.get("scopes_supported", [])) == own | (below & deep)
