"""Security event tokens and logout tokens for tests, and a receiver to send them to."""

from __future__ import annotations

import json
from typing import Any

from webtest import TestApp, TestResponse

from jwt_wsgi import Auth
from jwt_wsgi.jose import encoding
from jwt_wsgi.revocation import DenyList, EventReceiver, ReceivedEvent
from jwt_wsgi.stores import MemoryStore
from jwt_wsgi.testing import Clock, LocalIssuer

RECEIVER = "https://sp.example.com/caep"
CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
RISC = "https://schemas.openid.net/secevent/risc/event-type/"
SESSION_REVOKED = f"{CAEP}session-revoked"
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
SET_TYPE = "application/secevent+jwt"
FORM_TYPE = "application/x-www-form-urlencoded"


def without_none(members: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


class Maker:
    """A transmitter: `local` signs what it is told.

    Members that are None are left out.
    """

    def __init__(self, local: LocalIssuer, clock: Clock) -> None:
        self.local = local
        self.clock = clock

    def user(self, sub: str = "user-1", iss: str | None = None) -> dict[str, str]:
        return {"format": "iss_sub", "iss": iss or self.local.issuer, "sub": sub}

    def event(self, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return a SET: by default the revocation of the sessions of user-1."""
        usual = {
            "iss": self.local.issuer,
            "aud": RECEIVER,
            "iat": int(self.clock()),
            "jti": "event-1",
            "sub_id": self.user(),
            "events": {SESSION_REVOKED: {}},
        }
        payload = json.dumps(without_none({**usual, **claims})).encode()
        return self.local.sign(payload, header={"typ": "secevent+jwt", **(header or {})})

    def logout(self, *, header: dict[str, Any] | None = None, **claims: Any) -> str:
        """Return a logout token: by default of the session session-1 of user-1."""
        usual = {
            "iss": self.local.issuer,
            "aud": RECEIVER,
            "iat": int(self.clock()),
            "exp": int(self.clock()) + 120,
            "jti": "logout-1",
            "sub": "user-1",
            "sid": "session-1",
            "events": {LOGOUT_EVENT: {}},
        }
        payload = json.dumps(without_none({**usual, **claims})).encode()
        return self.local.sign(payload, header={"typ": "logout+jwt", **(header or {})})


class Receiving:
    """A receiver with a store in memory, whose deny list is asked without a cache."""

    def __init__(
        self,
        clock: Clock,
        *issuers: Any,
        store: MemoryStore | None = None,
        audience: str = RECEIVER,
    ) -> None:
        self.store = MemoryStore(clock=clock) if store is None else store
        self.deny = DenyList(self.store, cache_ttl=0, clock=clock)
        self.clock = clock
        self.events: list[ReceivedEvent] = []
        self.receiver = EventReceiver(
            issuers, self.deny, audience=audience, on_event=self.events.append, clock=clock
        )
        self._http = TestApp(self.receiver)

    def push(self, token: str | bytes, content_type: str = SET_TYPE) -> TestResponse:
        return self.post(token, content_type)

    def log_out(self, token: str) -> TestResponse:
        return self.post(f"logout_token={token}", FORM_TYPE)

    def post(self, body: str | bytes, content_type: str, **environ: Any) -> TestResponse:
        return self._http.post(
            "/", body, content_type=content_type, expect_errors=True, extra_environ=environ
        )

    def is_revoked(self, issuer: str, age: float = 1, **claims: Any) -> bool:
        """Return True if a token of user-1 that was issued `age` seconds ago is revoked."""
        now = self.clock()
        usual = {"sub": "user-1", "jti": "one", "iat": now - age, "exp": now + 300}
        content = encoding.encode(repr(claims).encode())
        header = {"alg": "ES256", "kid": "k1"}
        return self.deny(Auth(f"a.{content}.c", issuer, claims={**usual, **claims}, header=header))
