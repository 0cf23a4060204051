"""An authorization server for MCP clients as a process of its own: Django OAuth Toolkit.

`python tests/mcp_authorization_server.py LOG` prints its URL on 127.0.0.1, and appends its requests
to the file LOG. It registers every client that asks (RFC 7591), and grants at once whatever scopes
of its own a client asks for, as the one signed-in user. The Toolkit demands PKCE, checks `resource`
(RFC 8707) and names itself in its redirects (RFC 9207). The access tokens are JWTs (RFC 9068).
"""

from __future__ import annotations

import json
import secrets
import socket
import sys
import time
from pathlib import Path
from typing import Any

import django_provider
from django.conf import settings
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT
from request_log import RequestLog
from waitress import serve

SCOPES = {
    "files:read": "Read files",
    "files:delete": "Delete files",
    "billing:admin": "Administer another API",
}
LIFETIME = 600


def access_token(request: Any) -> str:
    """Return a signed access token for a token request of oauthlib."""
    now = int(time.time())
    claims = {
        "iss": settings.OAUTH2_PROVIDER["OIDC_ISS_ENDPOINT"],
        # The Toolkit refuses a resource that the authorization request did not name.
        "aud": request.resource,
        "sub": str(request.user.pk),
        "client_id": request.client.client_id,
        "scope": " ".join(request.scopes),
        "jti": secrets.token_urlsafe(),
        "iat": now,
        "exp": now + LIFETIME,
    }
    key = JWK.from_pem(settings.OAUTH2_PROVIDER["OIDC_RSA_PRIVATE_KEY"].encode("ascii"))
    header = {"alg": "RS256", "typ": "at+jwt", "kid": key.thumbprint()}
    token = JWT(header=json.dumps(header), claims=json.dumps(claims))
    token.make_signed_token(key)
    return str(token.serialize())


def _configure(issuer: str) -> None:
    django_provider.configure(
        OIDC_ISS_ENDPOINT=issuer,
        SCOPES=SCOPES,
        ACCESS_TOKEN_GENERATOR=access_token,
        ACCESS_TOKEN_EXPIRE_SECONDS=LIFETIME,
        DCR_ENABLED=True,
        DCR_REGISTRATION_PERMISSION_CLASSES=["oauth2_provider.dcr.AllowAllDCRPermission"],
        COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS=True,
        COMPLIANT_BCP_RFC9700_PKCE_METHOD=True,
        OAUTH2_TOKEN_ENDPOINT_AUTH_METHODS_SUPPORTED=["none", "client_secret_basic"],
    )


def _fill() -> None:
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.db.models.signals import pre_save
    from oauth2_provider.models import get_application_model

    call_command("migrate", verbosity=0)
    get_user_model().objects.create_user(django_provider.USER)
    pre_save.connect(_consent, sender=get_application_model())


def _consent(instance: Any, **_: Any) -> None:
    """Let a client that registers have its codes without asking the user."""
    instance.skip_authorization = True


def main(log: Path) -> None:
    from django.core.handlers.wsgi import WSGIHandler

    # The issuer's name is its URL, so the socket comes first.
    with socket.create_server(("127.0.0.1", 0)) as listening:
        issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
        _configure(issuer)
        _fill()
        print(f"Serving on {issuer}", flush=True)
        serve(RequestLog(WSGIHandler(), "issuer", log), sockets=[listening], _quiet=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
