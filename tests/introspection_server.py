"""Authlib's introspection and revocation endpoints as a process of their own, on 127.0.0.1.

`python tests/introspection_server.py PORT` issues opaque tokens through the client-credentials
grant, and answers about them (RFC 7662). `GET /calls` counts the calls of the endpoint.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any, ClassVar

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from authlib.oauth2.rfc7662 import IntrospectionEndpoint
from flask import Flask, Response, jsonify, request
from joserfc.jwk import RSAKey
from waitress import serve

CLIENT_ID = "reporting"
# The colon, the blank and the percent sign show who does not encode them.
API_ID = "api:1"
SECRET = "s3cret of %41 + a client"
AUDIENCE = "https://api.example.com"
METHODS = ("client_secret_basic", "client_secret_post", "private_key_jwt")


class Client(ClientMixin):
    """A registered client: the one that gets tokens, or the API that asks about them."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_client_id(self) -> str:
        return self.name

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in METHODS

    def check_grant_type(self, grant_type: str) -> bool:
        return self.name == CLIENT_ID and grant_type == "client_credentials"

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""


class Token(TokenMixin):
    """An opaque token."""

    def __init__(self, members: dict[str, Any], client: Client) -> None:
        self.members = members
        self.client = client
        self.issued_at = int(time.time())
        self.revoked = False

    @property
    def expires_at(self) -> int:
        return self.issued_at + int(self.members["expires_in"])

    def check_client(self, client: Client) -> bool:
        return client.name == self.client.name

    def is_expired(self) -> bool:
        return time.time() >= self.expires_at

    def is_revoked(self) -> bool:
        return self.revoked


CLIENTS = {name: Client(name) for name in (CLIENT_ID, API_ID)}
TOKENS: dict[str, Token] = {}


class Introspecting(IntrospectionEndpoint):
    CLIENT_AUTH_METHODS: ClassVar = list(METHODS)

    def check_permission(self, token: Token, client: Client, request: object) -> bool:
        return client.name == API_ID

    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
        return TOKENS.get(token_string)

    def introspect_token(self, token: Token) -> dict[str, Any]:
        return {
            "active": True,
            "client_id": token.client.name,
            "token_type": token.members["token_type"],
            "scope": token.members.get("scope", ""),
            "sub": token.client.name,
            "aud": AUDIENCE,
            "iss": request.host_url,
            "exp": token.expires_at,
            "iat": token.issued_at,
        }


class Revoking(RevocationEndpoint):
    def query_token(self, token_string: str, token_type_hint: str | None) -> Token | None:
        return TOKENS.get(token_string)

    def revoke_token(self, token: Token, request: object) -> None:
        token.revoked = True


class Assertion(JWTBearerClientAssertion):
    """The API's assertions, whose public key stands in the environment."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def get_audiences(self) -> list[str]:
        return [request.host_url]

    def validate_jti(self, claims: object, jti: str) -> bool:
        return True

    def resolve_client_public_key(self, client: Client, headers: object = None) -> Any:
        return RSAKey.import_key(os.environ["API_PUBLIC_KEY"])


def opaque_tokens(*_: object, **__: object) -> str:
    return os.urandom(20).hex()


def application(port: int) -> Flask:
    app = Flask(__name__)
    issuer = f"http://127.0.0.1:{port}/"
    calls = {"introspection": 0}

    def save_token(token: dict[str, Any], request: Any) -> None:
        TOKENS[token["access_token"]] = Token(token, request.client)

    server = AuthorizationServer(app, query_client=CLIENTS.get, save_token=save_token)
    server.register_token_generator("default", BearerTokenGenerator(opaque_tokens))
    server.register_grant(ClientCredentialsGrant)
    server.register_client_auth_method("private_key_jwt", Assertion())
    server.register_endpoint(Introspecting)
    server.register_endpoint(Revoking)

    @app.post("/token")
    def token() -> Response:
        return server.create_token_response()

    @app.post("/introspect")
    def introspect() -> Response:
        calls["introspection"] += 1
        return server.create_endpoint_response("introspection")

    @app.post("/revoke")
    def revoke() -> Response:
        return server.create_endpoint_response("revocation")

    @app.get("/calls")
    def count() -> Response:
        return jsonify(calls)

    @app.get("/.well-known/oauth-authorization-server")
    def metadata() -> Response:
        return jsonify(issuer=issuer, introspection_endpoint=f"{issuer}introspect")

    return app


if __name__ == "__main__":
    # Loopback is as far as this one is heard, so Authlib may do without TLS.
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    number = int(sys.argv[1])
    serve(application(number), host="127.0.0.1", port=number, _quiet=True, threads=12)
