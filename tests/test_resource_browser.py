"""A page of another origin, in a real browser, finds the authorization server of an MCP server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import pytest
from browsing import Watched, needs_chromium, two_sites
from playwright.sync_api import Browser

from jwt_wsgi import CrossOrigin, Issuer, StaticJWKS, protect, scope
from jwt_wsgi.mcp import ToolAuthorizer
from jwt_wsgi.testing import LocalIssuer

pytestmark = [needs_chromium, pytest.mark.slow]

LOCAL = LocalIssuer("https://issuer.example.com/")
METADATA = "/.well-known/oauth-protected-resource/mcp"
#: The headers of a request of the revision 2026-07-28.
MCP_HEADERS = ("Authorization", "Content-Type", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name")
# fetch throws this if the browser hides the answer (Fetch, "CORS check").
NOTHING = "TypeError"

# The script of a page sends a request and returns what it can see, or the name of the error.
CALL = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return {
      status: answer.status,
      challenge: answer.headers.get("WWW-Authenticate"),
      body: await answer.text(),
    };
  } catch (error) {
    return error.name;
  }
}"""
# It does as an MCP client does: a request without a token, the challenge, the metadata.
DISCOVER = """async ([url, options]) => {
  const refused = await fetch(url, options);
  const [, address] = /resource_metadata="([^"]+)"/.exec(refused.headers.get("WWW-Authenticate"));
  const answer = await fetch(address, { headers: { "MCP-Protocol-Version": "2026-07-28" } });
  return [refused.status, await answer.json()];
}"""
PING = {
    "method": "POST",
    "headers": {
        "Content-Type": "application/json",
        "MCP-Protocol-Version": "2026-07-28",
        "Mcp-Method": "tools/list",
    },
    "body": '{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}',
}
WITH_VERSION = {"headers": {"MCP-Protocol-Version": "2026-07-28"}}


class Server:
    """An MCP server without an outer layer, and the methods of the requests to it."""

    def __init__(self) -> None:
        self.methods: list[str] = []
        self.layer: Any = None

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.methods.append(environ["REQUEST_METHOD"])
        return self.layer(environ, start_response)

    def stack(self, resource: str, origins: tuple[str, ...] | None = None) -> Any:
        """Return the protected server."""
        tools = ToolAuthorizer(answer, {"search": scope("files:read")}, origins=origins)
        issuer = Issuer(LOCAL.issuer, audience=resource, keys=StaticJWKS(LOCAL.jwks))
        return protect(tools, issuer=issuer, resource=resource, rules={"/mcp": scope("files:read")})


def answer(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer every message with an empty result."""
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b'{"jsonrpc": "2.0", "id": 1, "result": {}}']


def blank(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer with an empty page; the tests run scripts in it."""
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<!doctype html><title>page</title><link rel=icon href=data:,>"]


class Scene(NamedTuple):
    """The server and an open page of another origin.

    Attributes:
        server: The server.
        url: Its URL without a path.
        origin: The origin of the page.
        watched: The page.
    """

    server: Server
    url: str
    origin: str
    watched: Watched

    def fetch(self, path: str, **options: Any) -> Any:
        """Let the page send a request, and return what it sees."""
        self.server.methods.clear()
        return self.watched.page.evaluate(CALL, [self.url + path, options])


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Browser, Server, int, int]]:
    server = Server()
    with two_sites(server, blank) as (browser, *ports):
        yield (browser, server, *ports)


@pytest.fixture
def scene(shared: tuple[Browser, Server, int, int]) -> Iterator[Scene]:
    browser, server, port, page_port = shared
    watched = Watched(browser)
    origin = f"http://localhost:{page_port}"
    watched.page.goto(f"{origin}/")
    url = f"http://127.0.0.1:{port}"
    server.layer = server.stack(f"{url}/mcp")
    server.methods.clear()
    yield Scene(server, url, origin, watched)
    watched.close()


def for_mcp(scene: Scene) -> CrossOrigin:
    """Return the layers that let this page use the server, as docs/how-to/mcp.md describes them."""
    stack = scene.server.stack(f"{scene.url}/mcp", (scene.origin,))
    return CrossOrigin(stack, origins=[scene.origin], headers=MCP_HEADERS)


OUTER = {
    "without CrossOrigin": lambda stack: stack,
    "with CrossOrigin for another origin": lambda stack: CrossOrigin(
        stack, origins=["https://app.example.com"], headers=["Authorization"]
    ),
    "with CrossOrigin for no header": lambda stack: CrossOrigin(stack, origins="*", headers=[]),
}


@pytest.mark.parametrize("outer", OUTER.values(), ids=OUTER)
def test_every_page_reads_the_metadata_after_a_preflight(scene: Scene, outer: Any) -> None:
    scene.server.layer = outer(scene.server.layer)
    answer = scene.fetch(METADATA, **WITH_VERSION)
    assert answer["status"] == 200
    assert f'"resource": "{scene.url}/mcp"' in answer["body"]
    assert scene.server.methods == ["OPTIONS", "GET"]
    assert scene.watched.console_messages == []


def test_the_metadata_needs_no_good_token_from_a_page(scene: Scene) -> None:
    headers = {"Authorization": "Bearer x", **WITH_VERSION["headers"]}
    assert scene.fetch(METADATA, headers=headers)["status"] == 200


def test_without_the_layer_the_page_reads_no_challenge(scene: Scene) -> None:
    assert scene.fetch("/mcp", **PING) == NOTHING
    assert scene.server.methods == ["OPTIONS"]


def test_the_headers_of_mcp_must_be_listed(scene: Scene) -> None:
    stack = scene.server.stack(f"{scene.url}/mcp", (scene.origin,))
    scene.server.layer = CrossOrigin(stack, origins=[scene.origin])
    assert scene.fetch("/mcp", **PING) == NOTHING
    assert scene.server.methods == ["OPTIONS"]


def test_a_page_finds_the_issuer_from_the_url_of_the_server_alone(scene: Scene) -> None:
    scene.server.layer = for_mcp(scene)
    status, document = scene.watched.page.evaluate(DISCOVER, [f"{scene.url}/mcp", PING])
    assert status == 401
    assert document["authorization_servers"] == [LOCAL.issuer]
    assert document["scopes_supported"] == ["files:read"]
    assert scene.server.methods == ["OPTIONS", "POST", "OPTIONS", "GET"]


def test_a_page_reads_the_scopes_of_both_challenges(scene: Scene) -> None:
    scene.server.layer = for_mcp(scene)
    token = LOCAL.token("openid", aud=f"{scene.url}/mcp")
    headers = {**PING["headers"], "Authorization": f"Bearer {token}"}
    for status, options in ((401, PING), (403, {**PING, "headers": headers})):
        refused = scene.fetch("/mcp", **options)
        assert refused["status"] == status
        assert 'scope="files:read"' in refused["challenge"]


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
def test_a_page_of_a_listed_origin_calls_and_another_page_does_not(scene: Scene, path: str) -> None:
    token = LOCAL.token("files:read", aud=f"{scene.url}/mcp")
    headers = {**PING["headers"], "Authorization": f"Bearer {token}"}
    options = {**PING, "headers": headers}
    scene.server.layer = for_mcp(scene)
    assert scene.fetch(path, **options)["status"] == 200
    stack = scene.server.stack(f"{scene.url}/mcp", ("https://app.example.com",))
    scene.server.layer = CrossOrigin(stack, origins="*", headers=MCP_HEADERS)
    refused = scene.fetch(path, **options)
    assert (refused["status"], refused["challenge"]) == (403, None)
    assert '"reason": "origin_not_allowed"' in refused["body"]
