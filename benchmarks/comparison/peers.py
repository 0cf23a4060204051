"""The compared libraries, and what each says that its job is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

#: The things that are compared. A library whose job does not include one is not judged by it.
JOBS = ("tokens", "keys", "refusals", "paths", "proofs", "policy")


class Peer(NamedTuple):
    """A library.

    Attributes:
        title: Its name, as the page shows it.
        distribution: Its name on PyPI, and of its file in `requirements/`.
        adapter: The module of its adapter.
        extra: The extra that its documentation recommends: for public keys, or for speed.
        jobs: Which of `JOBS` it has.
    """

    title: str
    distribution: str
    adapter: str
    extra: str
    jobs: tuple[str, ...]


OWN = "jwt-wsgi"

PEERS: Mapping[str, Peer] = {
    peer.distribution: peer
    for peer in (
        Peer("jwt-wsgi", OWN, "jwt_wsgi", "speed", JOBS),
        Peer("PyJWT", "pyjwt", "pyjwt", "crypto", ("tokens", "keys")),
        Peer("joserfc", "joserfc", "joserfc", "", ("tokens",)),
        Peer("Authlib", "authlib", "authlib", "", ("tokens", "refusals", "paths", "policy")),
        Peer(
            "auth0-api-python",
            "auth0-api-python",
            "auth0_api",
            "",
            ("tokens", "keys", "refusals", "proofs"),
        ),
        Peer(
            "Flask-JWT-Extended",
            "flask-jwt-extended",
            "flask_jwt_extended",
            "asymmetric-crypto",
            ("tokens", "refusals", "paths", "policy"),
        ),
        Peer(
            "DRF SimpleJWT",
            "djangorestframework-simplejwt",
            "simplejwt",
            "crypto",
            ("tokens", "keys", "refusals", "paths", "policy"),
        ),
        Peer("pydpop", "pydpop", "pydpop", "", ("proofs", "paths")),
        Peer("MCP SDK", "mcp", "mcp_sdk", "", ("refusals", "paths")),
    )
}
