"""An OpenID provider as a process of its own: IdentityPython's idpyoidc, on 127.0.0.1.

`python tests/openid_provider.py ALGORITHM` prints its URL. It issues JWT access tokens and ID tokens
through the authorization code grant, without asking a user; `POST /rotate` replaces its key. The
views do as those of idpyoidc's own example do:
https://github.com/IdentityPython/idpy-oidc/blob/0290fb07211c8a13419ec99574f2fc28a0eae565/example/flask_op/views.py
"""

from __future__ import annotations

import socket
import sys
from typing import Any

from cryptojwt.key_jar import build_keyjar
from flask import Flask, Response, redirect, request
from idpyoidc.message import Message
from idpyoidc.message.oauth2 import ResponseMessage
from idpyoidc.server import Server
from idpyoidc.server.authz import AuthzHandling
from idpyoidc.server.configure import OPConfiguration
from idpyoidc.server.endpoint import Endpoint
from idpyoidc.server.session.grant import Grant
from waitress import serve

CLIENT_ID = "reporting"
CLIENT_SECRET = "example-secret-of-a-client-of-32-characters"
CALLBACK = "https://app.example.com/callback"
#: The APIs that tokens are issued for.
RESOURCES = ["https://api.example.com", "https://other.example.com"]
SCOPES = ["openid", "read:messages", "read:profile"]
USER = "diana"
#: The key that each algorithm needs.
KEYS = {
    "ES256": {"type": "EC", "crv": "P-256", "use": ["sig"]},
    "EdDSA": {"type": "OKP", "crv": "Ed25519", "use": ["sig"]},
}
_POLICY = "validate_resource_indicators_policy"


class ResourceGrants(AuthzHandling):
    """Grants whose tokens are for the resources that the client named (RFC 8707)."""

    def __call__(self, session_id: str, request: Message, resources: Any = None) -> Grant:
        return super().__call__(session_id, request, resources or request.get("resource"))


def _endpoint(path: str, name: str, **options: Any) -> dict[str, Any]:
    return {"path": path, "class": f"idpyoidc.server.oidc.{name}", "kwargs": options}


def _configuration(issuer: str, algorithm: str) -> dict[str, Any]:
    policy = {
        "function": f"idpyoidc.server.oauth2.authorization.{_POLICY}",
        "kwargs": {"resource_servers_per_client": {CLIENT_ID: RESOURCES}},
    }
    code_rules = {"supports_minting": ["access_token", "id_token"], "max_usage": 1}
    return {
        "issuer": issuer,
        "key_conf": {"key_defs": [KEYS[algorithm]], "uri_path": "jwks"},
        "endpoint": {
            "provider_config": _endpoint(
                ".well-known/openid-configuration", "provider_config.ProviderConfiguration"
            ),
            "authorization": _endpoint(
                "authorization",
                "authorization.Authorization",
                resource_indicators={"policy": policy},
            ),
            "token": _endpoint("token", "token.Token", client_authn_method=["client_secret_basic"]),
        },
        "token_handler_args": {
            # The key of the codes is random, so its derivation needs no iterations.
            "code": {"lifetime": 600, "kwargs": {"crypt_conf": {"kwargs": {"iterations": 1}}}},
            "token": {
                "class": "idpyoidc.server.token.jwt_token.JWTToken",
                "kwargs": {"lifetime": 3600, "alg": algorithm},
            },
            "id_token": {"class": "idpyoidc.server.token.id_token.IDToken", "kwargs": {}},
        },
        "authentication": {
            "anybody": {
                "acr": "urn:oasis:names:tc:SAML:2.0:ac:classes:InternetProtocolPassword",
                "class": "idpyoidc.server.user_authn.user.NoAuthn",
                "kwargs": {"user": USER},
            }
        },
        "authz": {
            "class": ResourceGrants,
            "kwargs": {
                "grant_config": {
                    "usage_rules": {"authorization_code": code_rules, "access_token": {}},
                    "expires_in": 43200,
                }
            },
        },
    }


def _provider(issuer: str, algorithm: str) -> Server:
    server = Server(OPConfiguration(_configuration(issuer, algorithm), base_path="."))
    clients = server.context.cdb
    clients[CLIENT_ID] = {
        "client_secret": CLIENT_SECRET,
        "client_salt": "salt-of-a-client",
        "redirect_uris": [(CALLBACK, {})],
        "response_types": ["code"],
        "allowed_scopes": SCOPES,
        "token_endpoint_auth_method": "client_secret_basic",
        "id_token_signed_response_alg": algorithm,
    }
    for resource in RESOURCES:
        clients[resource] = {"allowed_scopes": SCOPES}
    return server


def _rotate(server: Server, algorithm: str) -> None:
    # The provider publishes the keys of the owner "", and signs with those of its own name.
    build_keyjar([KEYS[algorithm]], keyjar=server.keyjar)
    del server.keyjar[server.issuer]
    server.keyjar.import_jwks(server.keyjar.export_jwks(private=True), server.issuer)


def _answer(endpoint: Endpoint) -> Response:
    """Let an endpoint of idpyoidc answer the request of Flask."""
    http = {
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "method": request.method,
        "url": request.url,
    }
    parameters = endpoint.parse_request(request.values.to_dict(), http_info=http)
    if isinstance(parameters, ResponseMessage) and "error" in parameters:
        return Response(parameters.to_json(), 400, mimetype="application/json")
    arguments = endpoint.process_request(parameters, http_info=http)
    info = endpoint.do_response(request=parameters, **arguments)
    if info.get("response_placement", endpoint.response_placement) == "url":
        return redirect(info["response"])
    status = 400 if "error" in arguments else info.get("response_code", 200)
    return Response(info["response"], status, headers=dict(info["http_headers"]))


def openid_provider(issuer: str, algorithm: str) -> Flask:
    """Return the whole provider as a WSGI application, with a fresh key."""
    server = _provider(issuer, algorithm)
    app = Flask(__name__)

    @app.get("/.well-known/openid-configuration")
    def metadata() -> Response:
        return _answer(server.get_endpoint("provider_config"))

    @app.get("/authorization")
    def authorization() -> Response:
        return _answer(server.get_endpoint("authorization"))

    @app.post("/token")
    def token() -> Response:
        return _answer(server.get_endpoint("token"))

    @app.get("/jwks")
    def jwks() -> dict[str, Any]:
        return server.keyjar.export_jwks()

    @app.post("/rotate")
    def rotate() -> tuple[str, int]:
        _rotate(server, algorithm)
        return "", 204

    return app


def main(algorithm: str) -> None:
    # The issuer's name is its URL, so the socket comes first.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
        print(f"Serving on {issuer}", flush=True)
        serve(openid_provider(issuer, algorithm), sockets=[listening], _quiet=True)


if __name__ == "__main__":
    main(sys.argv[1])
