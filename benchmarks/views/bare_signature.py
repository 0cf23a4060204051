"""An application behind nothing but the signature of cryptography."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

#: The signature and the message of a request, separated before the measurement.
PARTS = "benchmark.signature"


def verifying(app: WSGIApplication, pem: str) -> WSGIApplication:
    """Return the application behind one RS256 verification, and no other work."""
    key: Any = serialization.load_pem_public_key(pem.encode())
    verify: Callable[..., None] = key.verify
    scheme = padding.PKCS1v15()
    digest = hashes.SHA256()

    def verified(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        signature, message = environ[PARTS]
        verify(signature, message, scheme, digest)
        return app(environ, start_response)

    return verified
