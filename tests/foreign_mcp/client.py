"""The journey of the official Python client, which the environments of `make foreign-mcp` run.

`python client.py URL CALLS [TOKEN]` connects to the MCP server at the URL, lists its tools and makes
the calls, a JSON array of `[tool, arguments]`. It begins without a token, or with TOKEN. The client
of the SDK is unmodified; only the browser of the user is replaced: a GET that reads the redirect of
the authorization server. The last line of the output is a report as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any
from urllib.parse import parse_qs, urlsplit

from mcp import ClientSession
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata, OAuthToken

IS_FIRST_MAJOR = version("mcp").startswith("1.")
if IS_FIRST_MAJOR:
    import httpx
else:
    import httpx2 as httpx
    from mcp import Client
    from mcp.client.auth import AuthorizationCodeResult

#: Nobody listens here; the redirect is read instead of followed.
CALLBACK = "http://127.0.0.1:1/callback"


class Browser:
    """The user's browser and the listener on the callback, in one."""

    def __init__(self) -> None:
        self.redirects: list[dict[str, str]] = []

    async def open(self, url: str) -> None:
        """Visit the authorization server, whose answer sends the browser to the callback."""
        async with httpx.AsyncClient(follow_redirects=False) as client:
            answer = await client.get(url)
        location = answer.headers["Location"]
        assert location.startswith(CALLBACK), location
        query = parse_qs(urlsplit(location).query)
        self.redirects.append({name: values[0] for name, values in query.items()})

    async def callback(self) -> Any:
        """Return what the redirect carries, in the type that this major version wants."""
        redirect = self.redirects[-1]
        if IS_FIRST_MAJOR:
            return redirect["code"], redirect["state"]
        return AuthorizationCodeResult(
            code=redirect["code"], state=redirect["state"], iss=redirect["iss"]
        )


class Storage:
    """A store of tokens and of the client's registration, empty at the start but for a token."""

    def __init__(self, token: str | None) -> None:
        self.tokens: Any = None if token is None else OAuthToken(access_token=token)
        self.registration: Any = None

    async def get_tokens(self) -> Any:
        return self.tokens

    async def set_tokens(self, tokens: Any) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> Any:
        return self.registration

    async def set_client_info(self, registration: Any) -> None:
        self.registration = registration


@asynccontextmanager
async def connected(url: str, auth: OAuthClientProvider) -> AsyncIterator[tuple[Any, str]]:
    """Yield the SDK's client after its handshake, and the protocol version that it negotiated."""
    async with httpx.AsyncClient(auth=auth) as http:
        transport = streamable_http_client(url, http_client=http)
        if not IS_FIRST_MAJOR:
            async with Client(transport) as client:
                yield client, client.protocol_version
            return
        async with transport as (read, write, _), ClientSession(read, write) as session:
            answer = await session.initialize()
            yield session, str(answer.protocolVersion)


async def call(client: Any, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Call a tool, and return its result or its error as JSON."""
    try:
        result = await client.call_tool(tool, arguments)
    except Exception as error:
        return {"raised": type(error).__name__, "message": str(error)}
    members: dict[str, Any] = result.model_dump(mode="json", by_alias=True)
    return {
        "is_error": members["isError"],
        "text": "".join(item["text"] for item in members["content"]),
    }


async def journey(
    url: str, calls: list[tuple[str, dict[str, Any]]], token: str | None = None
) -> dict[str, Any]:
    """Make the calls one after the other, and return a report."""
    browser = Browser()
    storage = Storage(token)
    auth = OAuthClientProvider(
        server_url=url,
        client_metadata=OAuthClientMetadata(
            client_name="Journey", redirect_uris=[CALLBACK], token_endpoint_auth_method="none"
        ),
        storage=storage,
        redirect_handler=browser.open,
        callback_handler=browser.callback,
    )
    async with connected(url, auth) as (client, protocol_version):
        listed = await client.list_tools()
        results = [await call(client, tool, arguments) for tool, arguments in calls]
    return {
        "version": version("mcp"),
        "protocol_version": protocol_version,
        "tools": [tool.name for tool in listed.tools],
        "results": results,
        "redirects": len(browser.redirects),
        "scope": storage.tokens.scope,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(journey(sys.argv[1], json.loads(sys.argv[2]), *sys.argv[3:]))))
