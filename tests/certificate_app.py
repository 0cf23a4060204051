"""Applications that answer with the hash of the certificate that a source finds, one a server.

For a request with a token, each also answers with the verdict of a stack that has the source.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any
from wsgiref.types import StartResponse

from jwt_wsgi import Issuer, SharedSecret, protect, sender_constrained
from jwt_wsgi.client_certificates import (
    ClientCertificate,
    from_client_cert_header,
    from_environ,
    from_escaped_pem,
    from_gunicorn,
)

#: The address from which the proxies of the tests connect, and nobody else.
PROXY = "127.0.0.9"
ISSUER = "https://issuer.test/"
AUDIENCE = "https://api.test"
#: Servers start in processes of their own, which must know the tokens of the tests.
SECRET = "a secret of the tests of certificates"


def protected(source: ClientCertificate) -> Any:
    """Return a stack that accepts tokens that are bound to the certificate of a source."""
    trusted = Issuer(ISSUER, audience=AUDIENCE, keys=SharedSecret(SECRET), algorithms=["HS256"])
    return protect(accepted, issuer=trusted, rules=BOUND, client_certificate=source)


BOUND = {"/": sender_constrained("mtls")}


def accepted(_: dict[str, Any], start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b'{"reason": "accepted"}']


def verdict(stack: Any, environ: dict[str, Any]) -> str:
    """Return the reason of a refusal, or "accepted"."""
    body = b"".join(stack(dict(environ), lambda *_: None))
    reason: str = json.loads(body)["reason"]
    return reason


def echo(**sources: ClientCertificate) -> Any:
    """Return an application that answers with JSON: the peer, and a hash or None for each source."""

    stacks = {name: protected(source) for name, source in sources.items()}

    def application(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        answer = {"peer": environ.get("REMOTE_ADDR", "missing")}
        for name, source in sources.items():
            der = source(environ)
            answer[name] = None if der is None else hashlib.sha256(der).hexdigest()
            if "HTTP_AUTHORIZATION" in environ:
                answer[name] = verdict(stacks[name], environ)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(answer).encode("ascii")]

    return application


variable = echo(certificate=from_environ("SSL_CLIENT_CERT"))
of_uwsgi = echo(certificate=from_environ("HTTPS_CC"))
of_gunicorn = echo(certificate=from_gunicorn())
behind_proxy = echo(
    client_cert=from_client_cert_header(trusted=[PROXY]),
    escaped=from_escaped_pem("Client-Pem", trusted=[PROXY]),
)
behind_unix_socket = echo(
    client_cert=from_client_cert_header(trusted=["unix"]),
    escaped=from_escaped_pem("Client-Pem", trusted=["unix"]),
)
# mod_wsgi looks for this name.
application = variable
