"""How a token gets into the test clients of frameworks, each by what it offers itself."""

from collections.abc import MutableMapping
from typing import Any

_REMEDY = "pass headers=issuer.headers(...) with the call, or where the client is made (Falcon's TestClient)"


def authorize(client: Any, token: str) -> None:
    """Let `client` send `token` with every request from now on.

    It is a WebTest `TestApp`, a Flask or Django test client, or a session of
    requests. Raises `ValueError` for any other.
    """
    credentials = f"Bearer {token}"
    if hasattr(type(client), "authorization"):  # WebTest
        client.authorization = ("Bearer", token)
        return
    for name, key in (
        ("environ_base", "HTTP_AUTHORIZATION"),  # Flask
        ("defaults", "HTTP_AUTHORIZATION"),  # Django
        ("headers", "Authorization"),  # requests
    ):
        sent = getattr(client, name, None)
        if isinstance(sent, MutableMapping):
            sent[key] = credentials
            return
    raise ValueError(f"authorize({type(client).__name__}): it has no place for a token; {_REMEDY}")
