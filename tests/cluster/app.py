"""The application of each worker.

Its environment names the store (`STORE_URL`), the issuer (`JWKS_URI`, `INTROSPECTION_URI`), a mistake
if there is one (`MISTAKE`), and the seconds of the caches where they are others (`CACHE_TTL`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from replay_app import hello, note_reason, with_worker

from jwt_wsgi import AUTHENTICATED, Auth, DPoP, Introspection, Issuer, RemoteJWKS, protect, scope
from jwt_wsgi.introspection import ClientSecretBasic
from jwt_wsgi.revocation import DenyList
from jwt_wsgi.stores import MemoryStore, RedisStore, StoreUnavailable

ISSUER = "https://issuer.example.com/"
OPAQUE_ISSUER = "https://opaque.example.com/"
AUDIENCE = "https://api.example.com"
SEALING_KEY = b"0123456789abcdef0123456789abcdef"

#: Seconds. Short, so that minutes cover what otherwise takes hours.
KEY_LIFETIME = 3.0
KEY_STALE_FOR = 12.0
KEY_TIMEOUT = 2.0
DENIAL_TTL = 1.0
INTROSPECTION_TTL = 2.0
INTROSPECTION_TIMEOUT = 3.0
#: Longer than a busy machine takes: a store that is down refuses at once.
STORE_TIMEOUT = 10.0

#: The mistakes that an oracle must notice.
MISTAKES = (
    "replays are remembered by each worker",
    "denials are ignored",
    "an outage denies nothing",
    "answers of the endpoint are kept",
)


def make() -> Any:
    mistake = os.environ.get("MISTAKE", "")
    store = RedisStore(os.environ["STORE_URL"], timeout=STORE_TIMEOUT)
    keys = RemoteJWKS(
        os.environ["JWKS_URI"],
        cache_ttl=float(os.environ.get("CACHE_TTL", KEY_LIFETIME)),
        stale_for=KEY_STALE_FOR,
        timeout=KEY_TIMEOUT,
        cooldown=1,
        requests_per_minute=600,
        store=store,
        sealing_keys=[SEALING_KEY],
    )
    trusted = Issuer(ISSUER, audience=AUDIENCE, algorithms=["ES256"], keys=keys)
    replay = MemoryStore() if mistake == MISTAKES[0] else store
    return with_worker(
        protect(
            hello,
            issuer=[trusted, introspection(mistake)],
            rules={"/": AUTHENTICATED, "/admin": scope("admin")},
            dpop=DPoP(AUDIENCE, replay=replay),
            is_revoked=revocation(DenyList(store, cache_ttl=DENIAL_TTL), mistake),
            on_decision=note_reason,
        )
    )


def introspection(mistake: str) -> Introspection:
    cache_ttl = float(os.environ.get("CACHE_TTL", INTROSPECTION_TTL))
    return Introspection(
        os.environ["INTROSPECTION_URI"],
        issuer=OPAQUE_ISSUER,
        audience=AUDIENCE,
        client_auth=ClientSecretBasic("api", "secret"),
        cache_ttl=3600 if mistake == MISTAKES[3] else cache_ttl,
        negative_ttl=INTROSPECTION_TTL,
        timeout=INTROSPECTION_TIMEOUT,
    )


def revocation(deny: DenyList, mistake: str) -> Callable[[Auth], bool]:
    """Return the check of revocation, or one that makes a mistake."""

    def let_outages_pass(auth: Auth) -> bool:
        try:
            return deny(auth)
        except StoreUnavailable:
            return False

    def ignore(auth: Auth) -> bool:
        deny(auth)
        return False

    return {MISTAKES[1]: ignore, MISTAKES[2]: let_outages_pass}.get(mistake, deny)
