"""Tokens for the test clients of frameworks, by the means that each client offers."""

from collections.abc import MutableMapping
from typing import Any

from jwt_wsgi.testing.dpop import DPoPKey

# The attribute of a client that holds what it sends with every request, and the key for a token.
_DEFAULTS = (
    ("environ_base", "HTTP_AUTHORIZATION"),  # Flask
    ("defaults", "HTTP_AUTHORIZATION"),  # Django
    ("headers", "Authorization"),  # requests
)


def authorize(client: Any, token: str) -> None:
    """Make `client` send `token` with every request from now on.

    Args:
        client: A WebTest `TestApp`, a Flask or Django test client, or a session of requests.
        token: The token.

    Raises:
        ValueError: The client is of another kind.
    """
    if _is_webtest(client):
        from jwt_wsgi.testing import webtest

        webtest.send_no_proofs(client)
        client.authorization = ("Bearer", token)
        return
    for attribute, key in _DEFAULTS:
        defaults = getattr(client, attribute, None)
        if isinstance(defaults, MutableMapping):
            defaults[key] = f"Bearer {token}"
            return
    raise ValueError(
        f"authorize({type(client).__name__}): this client cannot hold a token;"
        " pass headers=issuer.headers(...) with the call, or when the client is created"
        " (Falcon's TestClient)"
    )


def authorize_with_proofs(client: Any, token: str, key: DPoPKey, base_url: str) -> None:
    """Make a WebTest client send `token` and a fresh DPoP proof with every request from now on.

    Args:
        client: A WebTest `TestApp`.
        token: The token.
        key: The client's key.
        base_url: The public URL of the application's root.

    Raises:
        ValueError: The client is of another kind.
    """
    if not _is_webtest(client):
        raise ValueError(
            f"authorize({type(client).__name__}, dpop=...): only WebTest's TestApp can make a proof"
            " for each request; pass the headers Authorization: DPoP and DPoP (key.proof(...))"
            " with the call"
        )
    from jwt_wsgi.testing import webtest

    webtest.send_proofs(client, key, token, base_url)


def check_proof_options(dpop: object, base_url: object) -> None:
    """Refuse options that make no proofs.

    Args:
        dpop: The client's key, or None.
        base_url: The public URL of the application's root, or None.

    Raises:
        ValueError: One is given without the other, or is of another kind.
    """
    if dpop is None:
        if base_url is not None:
            raise ValueError(f"base_url={base_url!r}: it is for proofs; add dpop=DPoPKey()")
        return
    if not isinstance(dpop, DPoPKey):
        raise ValueError(f"dpop={type(dpop).__name__}: write a DPoPKey")
    if not isinstance(base_url, str) or not base_url.startswith(("https://", "http://")):
        raise ValueError(
            f"base_url={base_url!r}: write the public URL of the API, one of the base URLs of its"
            " DPoP(...), such as https://api.example.com"
        )


def _is_webtest(client: object) -> bool:
    return hasattr(type(client), "authorization")
