"""Clients that send what chance deals them, and write down each answer."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from jwt_wsgi.testing import SigningKey
from soak.issuer import RestlessIssuer, signed
from soak.oracle import Answer

STRANGER = SigningKey("ES256", "stranger")

#: What a client sends: kid, material that signed, expired or not, the token.
Sent = tuple[str | None, str, bool, str]


def dealt(issuer: RestlessIssuer, chance: Random) -> Sent:
    """A request: seven in ten are good, as long as the keys are."""
    wallet, number = issuer.wallet, chance.random()
    if number < 0.04:
        return None, "", False, ""
    if number < 0.09:
        kid = f"invented-{chance.randrange(1000)}"
        return kid, "stranger", False, signed(STRANGER, kid, 600)
    if number < 0.13:
        kid = chance.choice(wallet.published).key.kid
        return kid, "stranger", False, signed(STRANGER, kid, 600)
    old = wallet.withdrawn if number < 0.24 else wallet.revoked if number < 0.30 else ()
    card = chance.choice(old or wallet.published)
    if number > 0.96:
        return card.key.kid, card.material, True, card.expired
    # Mostly one that was seen before, so that the memory of good signatures is asked too.
    token = card.token if chance.random() < 0.8 else signed(card.key, card.key.kid, 7200)
    return card.key.kid, card.material, False, token


class Client(threading.Thread):
    """Sends without a pause until `stop`; `sent` is the token that is under way, if any."""

    def __init__(
        self, port: int, issuer: RestlessIssuer, seed: int, page: Path, stop: threading.Event
    ) -> None:
        super().__init__(daemon=True)
        self._port, self._issuer, self._chance, self._page, self._stopped = (
            port,
            issuer,
            Random(seed),
            page,
            stop,
        )
        self.error: str | None = None

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        try:
            with self._page.open("w") as page:
                while not self._stopped.is_set():
                    page.write(json.dumps(self._ask(connection)) + "\n")
        except (OSError, http.client.HTTPException) as error:
            self.error = f"no answer: {error!r}"
        finally:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> Answer:
        kid, material, expired, token = dealt(self._issuer, self._chance)
        asked = time.monotonic()
        connection.request(
            "GET", "/", headers={"Authorization": f"Bearer {token}"} if token else {}
        )
        with connection.getresponse() as response:
            body, answered = response.read(), time.monotonic()
        reason = "" if response.status == 200 else json.loads(body)["reason"]
        return Answer(kid, material, expired, asked, answered, response.status, reason)


def answers(page: Path) -> Iterator[Answer]:
    """What a client has written down."""
    with page.open() as lines:
        for line in lines:
            yield Answer(*json.loads(line))
