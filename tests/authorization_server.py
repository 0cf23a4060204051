"""An authorization server as a process of its own: Authlib's, on Flask, on 127.0.0.1.

`python tests/authorization_server.py [PORT]` prints its URL, then issues RFC 9068 access tokens
through the client-credentials grant; `POST /rotate` replaces its key.
"""

from __future__ import annotations

import os
import socket
import sys

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from flask import Flask, Response, jsonify
from joserfc.jwk import KeySet, RSAKey
from waitress import serve

CLIENT_ID = "reporting"
CLIENT_SECRET = "example-secret-of-a-client"
AUDIENCE = "https://api.example.com"
SCOPES = ("read:messages", "read:profile")


class Client(ClientMixin):
    """The one registered client."""

    def get_client_id(self) -> str:
        return CLIENT_ID

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return (method, endpoint) == ("client_secret_basic", "token")

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"

    def get_allowed_scope(self, scope: str | None) -> str:
        return " ".join(name for name in (scope or "").split() if name in SCOPES)


class Keys:
    """The one key that signs, and that is published."""

    def __init__(self) -> None:
        self.rotate()

    def rotate(self) -> None:
        self.current = KeySet([RSAKey.generate_key(2048, auto_kid=True)])

    def published(self) -> dict[str, object]:
        members = self.current.as_dict(private=False)["keys"]
        return {"keys": [{**member, "use": "sig", "alg": "RS256"} for member in members]}


class AccessTokens(JWTBearerTokenGenerator):
    """RFC 9068 access tokens for the one API."""

    def __init__(self, issuer: str, keys: Keys) -> None:
        super().__init__(issuer, alg="RS256")
        self.keys = keys

    def get_jwks(self) -> KeySet:
        return self.keys.current

    def get_audiences(self, client: object, user: object, scope: str) -> str:
        return AUDIENCE


def authorization_server(issuer: str) -> Flask:
    """The whole server as a WSGI application, with a fresh key."""
    app = Flask(__name__)
    keys = Keys()
    server = AuthorizationServer(
        app, query_client={CLIENT_ID: Client()}.get, save_token=lambda token, request: None
    )
    server.register_grant(ClientCredentialsGrant)
    server.register_token_generator("default", AccessTokens(issuer, keys))

    @app.post("/token")
    def token() -> Response:
        return server.create_token_response()

    @app.get("/jwks")
    def jwks() -> Response:
        return jsonify(keys.published())

    # RFC 8414's place only: an OAuth server need not speak OpenID Connect.
    @app.get("/.well-known/oauth-authorization-server")
    def metadata() -> Response:
        return jsonify(
            issuer=issuer,
            token_endpoint=f"{issuer}/token",
            jwks_uri=f"{issuer}/jwks",
            grant_types_supported=["client_credentials"],
            token_endpoint_auth_methods_supported=["client_secret_basic"],
            scopes_supported=list(SCOPES),
            response_types_supported=[],
        )

    @app.post("/rotate")
    def rotate() -> tuple[str, int]:
        keys.rotate()
        return "", 204

    return app


def main(port: int) -> None:
    # The issuer's name is its URL, so the socket comes first.
    with socket.create_server(("127.0.0.1", port)) as listening:
        issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
        print(f"Serving on {issuer}", flush=True)
        serve(authorization_server(issuer), sockets=[listening], _quiet=True)


if __name__ == "__main__":
    # Loopback is as far as this one is heard, so Authlib may do without TLS.
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
