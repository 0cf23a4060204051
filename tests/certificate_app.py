"""Applications that answer with the hash of the certificate that a source finds, one a server."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from wsgiref.types import StartResponse

from jwt_wsgi.client_certificates import (
    ClientCertificate,
    from_client_cert_header,
    from_environ,
    from_escaped_pem,
    from_gunicorn,
)

#: The address from which the proxies of the tests connect, and nobody else.
PROXY = "127.0.0.9"


def echo(**sources: ClientCertificate) -> Any:
    """Return an application that answers with JSON: the peer, and a hash or None for each source."""

    def application(environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        answer = {"peer": environ.get("REMOTE_ADDR", "missing")}
        for name, source in sources.items():
            der = source(environ)
            answer[name] = None if der is None else hashlib.sha256(der).hexdigest()
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
