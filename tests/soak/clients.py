"""Clients that send random requests and write down each answer."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

from jwt_wsgi.testing import SigningKey
from soak.issuer import Card, RestlessIssuer, Wallet, signed
from soak.oracle import Answer

STRANGER = SigningKey("ES256", "stranger")


class Request(NamedTuple):
    """A request: the token, its kid and the material that signed it.

    The kid is None without a token, and empty if the token names none.
    """

    kid: str | None
    material: str
    expired: bool
    token: str


def random_request(issuer: RestlessIssuer, chance: Random) -> Request:
    """Return a request. Seven in ten are good, as long as their keys are."""
    wallet = issuer.wallet
    number = chance.random()
    if number < 0.04:
        return Request(None, "", expired=False, token="")
    if number < 0.09:
        return forged_request(f"invented-{chance.randrange(1000)}")
    if number < 0.13:
        return forged_request(chance.choice((*wallet.published, wallet.kidless)).key.kid)
    card = chance.choice(cards_for(number, wallet))
    kid = card.key.kid
    if number > 0.96:
        return Request(kid, card.material, expired=True, token=card.expired)
    # Mostly a token that was sent before, so that the cache of verified tokens is used too.
    if chance.random() < 0.8:
        return Request(kid, card.material, expired=False, token=card.token)
    return Request(kid, card.material, expired=False, token=signed(card.key, kid, 7200))


def forged_request(kid: str) -> Request:
    return Request(kid, "stranger", expired=False, token=signed(STRANGER, kid, 600))


def cards_for(number: float, wallet: Wallet) -> tuple[Card, ...]:
    if number < 0.24 and wallet.withdrawn:
        return wallet.withdrawn
    if 0.24 <= number < 0.30 and wallet.revoked:
        return wallet.revoked
    if 0.30 <= number < 0.40:
        return (wallet.kidless,)
    return wallet.published


class Client(threading.Thread):
    """A client that sends requests without a pause until `stop` is set."""

    def __init__(
        self, port: int, issuer: RestlessIssuer, seed: int, page: Path, stop: threading.Event
    ) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._issuer = issuer
        self._chance = Random(seed)
        self._page = page
        self._stop_event = stop
        self.error: str | None = None

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        try:
            with self._page.open("w") as page:
                while not self._stop_event.is_set():
                    page.write(json.dumps(self._ask(connection)) + "\n")
        except (OSError, http.client.HTTPException) as error:
            self.error = f"no answer: {error!r}"
        finally:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> Answer:
        request = random_request(self._issuer, self._chance)
        headers = {"Authorization": f"Bearer {request.token}"} if request.token else {}
        asked = time.monotonic()
        connection.request("GET", "/", headers=headers)
        with connection.getresponse() as response:
            body = response.read()
            answered = time.monotonic()
        reason = "" if response.status == 200 else json.loads(body)["reason"]
        return Answer(
            request.kid, request.material, request.expired, asked, answered, response.status, reason
        )


def answers(page: Path) -> Iterator[Answer]:
    """Return the answers that a client has written down."""
    with page.open() as lines:
        for line in lines:
            yield Answer(*json.loads(line))
