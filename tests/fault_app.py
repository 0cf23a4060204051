"""A protected application for test_fault_servers.py that answers with its process ID."""

from __future__ import annotations

import os
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from jwt_wsgi import AUTHENTICATED, Issuer, RemoteJWKS, protect


def process(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the ID of the process."""
    body = str(os.getpid()).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


keys = RemoteJWKS(
    os.environ["JWKS_URI"],
    cache_ttl=float(os.environ["CACHE_TTL"]),
    timeout=30,
    requests_per_minute=60,
    max_waiting=8,
)
issuer = Issuer(
    "https://issuer.test/", audience="https://api.test", keys=keys, algorithms=["ES256"]
)
application = protect(process, issuer=issuer, rules={"/": AUTHENTICATED})
