"""The MCP SDK: a server with a `TokenVerifier`, which decodes with PyJWT, its own dependency."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import jwt
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer

from benchmarks.comparison.adapters.base import Adapter, Answer, Profile

#: The route of the server's transport; there is one for everything.
ENDPOINT = "/mcp"


class Verifier:
    """The verifier that the SDK asks of its users."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._client = jwt.PyJWKClient(profile.jwks_url)

    async def verify_token(self, token: str) -> AccessToken | None:
        profile = self._profile
        try:
            claims = jwt.decode(
                token,
                self._client.get_signing_key_from_jwt(token),
                algorithms=[profile.algorithm],
                audience=profile.audience,
                issuer=profile.issuer,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError:
            return None
        return AccessToken(
            token=token,
            client_id=claims["client_id"],
            scopes=claims.get("scope", "").split(),
            expires_at=int(claims["exp"]),
            resource=profile.audience,
            subject=claims["sub"],
            claims=claims,
        )


class MCP(Adapter):
    """`MCPServer` with `AuthSettings`, called as an ASGI server calls it."""

    frameworks = ("ASGI (MCP servers)",)

    def prepare(self, profile: Profile) -> None:
        server = MCPServer(
            "api",
            token_verifier=Verifier(profile),
            auth=AuthSettings(
                issuer_url=profile.issuer,
                resource_server_url=profile.audience,
                required_scopes=[profile.scope],
                validate_token_resource=True,
            ),
        )
        self._app: Any = server.streamable_http_app()

    def respond(self, framework: str, request: Mapping[str, Any]) -> Answer:
        return asyncio.run(self._respond(request))

    async def _respond(self, request: Mapping[str, Any]) -> Answer:
        path = ENDPOINT if request["path"].startswith("/api/") else request["path"]
        headers = [
            (name.lower().encode(), value.encode("utf-8", "surrogateescape"))
            for name, value in request.get("headers", ())
        ]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.get("method", "GET"),
            "scheme": "https",
            "server": ("api.example.com", 443),
            "client": ("192.0.2.1", 40000),
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(b"host", b"api.example.com"), *headers],
        }
        messages: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            messages.append(message)

        try:
            await self._app(scope, receive, send)
        except Exception as error:  # noqa: BLE001 (a server would answer 500)
            if "Task group is not initialized" in str(error):
                # The request has passed the middleware and reached the transport.
                return Answer(200, (), "transport")
            return Answer(500, (), type(error).__name__)
        body = b"".join(m.get("body", b"") for m in messages[1:]).decode("utf-8", "replace")
        lines = [(n.decode().lower(), v.decode()) for n, v in messages[0]["headers"]]
        return Answer(messages[0]["status"], lines, body)


ADAPTER = MCP
