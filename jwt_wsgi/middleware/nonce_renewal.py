"""The renewal of nonces: a good response hands out the next one in time (RFC 9449 §8.2)."""

from collections.abc import Mapping
from typing import Any
from wsgiref.types import StartResponse

from jwt_wsgi.auth import AUTH_KEY, Auth
from jwt_wsgi.possession.nonces import DPoPNonces

_Header = tuple[str, str]


def nonce_is_due(environ: Mapping[str, Any], nonces: DPoPNonces) -> bool:
    """Return whether the nonce of the request's proof is past half its life.

    Args:
        environ: The environ of the request, after its token was verified.
        nonces: Knows the life of a nonce.
    """
    auth = environ.get(AUTH_KEY)
    if not isinstance(auth, Auth) or auth.possession.nonce_age is None:
        return False
    return nonces.is_past_half(auth.possession.nonce_age)


def with_nonce(start_response: StartResponse, nonce: str) -> StartResponse:
    """Return a `start_response` that adds a nonce to a response below 300.

    The response then must not be stored, because a nonce is meant for one client. A response whose
    application has set a `Cache-Control` gets no nonce: it may be meant for a cache.

    Args:
        start_response: The server's.
        nonce: The nonce.
    """

    def start(status: str, headers: list[_Header], *exc_info: Any) -> Any:
        names = {name.lower() for name, _ in headers}
        if status < "3" and "cache-control" not in names:
            headers = [*headers, ("DPoP-Nonce", nonce), ("Cache-Control", "no-store")]
        return start_response(status, headers, *exc_info)

    return start
