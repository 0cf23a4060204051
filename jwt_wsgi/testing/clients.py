"""Tokens for the test clients of frameworks, by the means that each client offers."""

from collections.abc import MutableMapping
from typing import Any

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
    if hasattr(type(client), "authorization"):  # WebTest
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
