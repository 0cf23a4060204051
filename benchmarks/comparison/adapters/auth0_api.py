"""auth0-api-python, as its README verifies tokens and requests."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpx
from auth0_api_python import ApiClient, ApiClientOptions
from auth0_api_python.errors import BaseAuthError

from benchmarks.comparison.adapters.base import (
    PRIVATE,
    Adapter,
    Answer,
    NotOffered,
    Profile,
    check_scope,
)


class Auth0(Adapter):
    """`ApiClient.verify_access_token` and `verify_request`; its errors carry the answer.

    The documented option `custom_fetch` leads the fetches of https://tenant.example.com to loopback,
    with the HTTP client that the library uses itself.
    """

    own_errors = (BaseAuthError,)
    frameworks = ("its errors, sent by you",)

    def prepare(self, profile: Profile) -> None:
        if profile.algorithm != "RS256":
            raise NotOffered("RS256 alone")
        loopback = f"http://{urlsplit(profile.jwks_url).netloc}"

        async def fetch(url: str) -> Any:
            parts = urlsplit(url)
            async with httpx.AsyncClient() as client:
                response = await client.get(loopback + parts.path)
                response.raise_for_status()
                return response

        self._loop = asyncio.new_event_loop()
        self._scope = profile.scope
        self._client = ApiClient(
            ApiClientOptions(
                domain=urlsplit(profile.issuer).netloc,
                audience=profile.audience,
                custom_fetch=fetch,
            )
        )

    def verify(self, token: str, scope: str | None = None) -> None:
        self._loop.run_until_complete(self._verify(token, scope))

    def verify_all(self, tokens: Sequence[str], scope: str) -> None:
        async def verify_each() -> None:
            for token in tokens:
                await self._verify(token, scope)

        self._loop.run_until_complete(verify_each())

    async def _verify(self, token: str, scope: str | None) -> None:
        claims = await self._client.verify_access_token(access_token=token)
        check_scope(claims.get("scope"), scope)

    def respond(self, framework: str, request: Mapping[str, Any]) -> Answer:
        del framework
        return self.respond_with_proofs(request)

    def respond_with_proofs(self, request: Mapping[str, Any]) -> Answer:
        headers: dict[str, str] = {}
        for name, value in request.get("headers", ()):
            key = name.lower()
            headers[key] = f"{headers[key]},{value}" if key in headers else value
        method = request.get("method", "GET")
        url = f"https://api.example.com{request['path']}"
        try:
            self._loop.run_until_complete(self._client.verify_request(headers, method, url))
        except BaseAuthError as error:
            body = json.dumps({"error": error.get_error_code(), "text": str(error)})
            lines = [(name.lower(), value) for name, value in error.get_headers().items()]
            return Answer(error.get_status_code(), lines, body)
        except Exception as error:  # noqa: BLE001 (a server would answer 500)
            return Answer(500, (), type(error).__name__)
        return Answer(200, (), PRIVATE)


ADAPTER = Auth0
