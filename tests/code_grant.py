"""A client that takes the authorization code grant with PKCE (RFC 6749 §4.1, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import requests
from running_app import DEADLINE


class Registration(Protocol):
    """A module of a provider, which knows its one client."""

    CLIENT_ID: str
    CLIENT_SECRET: str
    CALLBACK: str


class CodeGrant:
    """The client that a provider has registered, and a user who is signed in there.

    Args:
        http: The session that asks the provider.
        issuer: The provider's URL, where its metadata is discovered.
        registration: What the provider knows of the client.
    """

    def __init__(self, http: requests.Session, issuer: str, registration: Registration) -> None:
        self.http = http
        self.issuer = issuer
        self._registration = registration
        self._metadata = http.get(
            f"{issuer}/.well-known/openid-configuration", timeout=DEADLINE
        ).json()

    def tokens(self, scopes: str, **parameters: str) -> dict[str, Any]:
        """Return the token response, for these scopes and further parameters of the request."""
        verifier = secrets.token_urlsafe(32)
        answer = self.http.post(
            self._metadata["token_endpoint"],
            auth=(self._registration.CLIENT_ID, self._registration.CLIENT_SECRET),
            data={
                "grant_type": "authorization_code",
                "code": self._code(verifier, {"scope": scopes, **parameters}),
                "redirect_uri": self._registration.CALLBACK,
                "code_verifier": verifier,
            },
            timeout=DEADLINE,
        )
        # A failed test's report shows it.
        print(answer.status_code, answer.url, answer.text)
        return answer.json()

    def _code(self, verifier: str, parameters: dict[str, str]) -> str:
        digest = hashlib.sha256(verifier.encode("ascii")).digest()
        answer = self.http.get(
            self._metadata["authorization_endpoint"],
            params={
                "client_id": self._registration.CLIENT_ID,
                "redirect_uri": self._registration.CALLBACK,
                "response_type": "code",
                "state": "a-state",
                "code_challenge": base64.urlsafe_b64encode(digest).decode("ascii").rstrip("="),
                "code_challenge_method": "S256",
                **parameters,
            },
            allow_redirects=False,
            timeout=DEADLINE,
        )
        print(answer.status_code, answer.url, answer.headers)
        [code] = parse_qs(urlsplit(answer.headers["Location"]).query)["code"]
        return code
