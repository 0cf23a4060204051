"""Clients that send random requests to both servers, and write down each answer."""

from __future__ import annotations

import http.client
import itertools
import json
import secrets
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from cluster.app import AUDIENCE, ISSUER, OPAQUE_ISSUER
from cluster.history import OPAQUE, Sent
from jwt_wsgi.testing import DPoPKey, SigningKey
from jwt_wsgi.testing.signing import compact

#: The number of users, of whom each has many tokens.
USERS = 12
#: The number of tokens that each key signs, half of them bound.
TOKENS = 8
STRANGER = SigningKey("ES256", "stranger")
CLIENT_KEY = DPoPKey()


class Card(NamedTuple):
    """A token and what it says. The kid of an opaque one is `OPAQUE`, and its `jti` its text."""

    kid: str
    jti: str
    subject: str
    iat: int
    is_bound: bool
    token: str


class Proven(NamedTuple):
    """A bound token with a proof, which is good for one request."""

    card: Card
    proof: str
    number: int


class Wallet:
    """What the clients send.

    Attributes:
        live: Tokens of published keys.
        opaque: Opaque tokens that are active.
        stale: Tokens of withdrawn keys, and denied ones.
        used: Proofs that were sent before, by any client.
    """

    def __init__(self) -> None:
        self.live: tuple[Card, ...] = ()
        self.opaque: tuple[Card, ...] = ()
        self.stale: deque[Card] = deque(maxlen=40)
        self.used: deque[Proven] = deque(maxlen=200)
        self._numbers = itertools.count()

    def prove(self, card: Card) -> Proven:
        proof = CLIENT_KEY.proof("GET", f"{AUDIENCE}/", card.token)
        return Proven(card, proof, next(self._numbers))


def sign_card(key: SigningKey, kid: str, chance: Random, *, bound: bool, lives: int = 3600) -> Card:
    """Return a token of a random user.

    Args:
        key: The key that signs.
        kid: The key that the token names.
        chance: The source of randomness.
        bound: True to bind it to the key of the clients.
        lives: Its lifetime in seconds; below 0 it has expired.
    """
    now = int(time.time())
    jti = f"{kid}-{chance.getrandbits(64):x}"
    subject = f"user-{chance.randrange(USERS)}"
    issued_at = min(now, now + lives)
    claims = {
        **claims_of(subject, issued_at, bound=bound),
        "iss": ISSUER,
        "jti": jti,
        "exp": now + lives,
    }
    header = {"alg": "ES256", "typ": "at+jwt", "kid": kid}
    token = compact(header, json.dumps(claims).encode(), key)
    return Card(kid, jti, subject, issued_at, bound, token)


def claims_of(subject: str, issued_at: int, *, bound: bool) -> dict[str, Any]:
    claims: dict[str, Any] = {"aud": AUDIENCE, "sub": subject, "client_id": "client-1"}
    claims["iat"] = issued_at
    if bound:
        claims["cnf"] = {"jkt": CLIENT_KEY.thumbprint}
    return claims


def opaque_card(chance: Random, *, bound: bool) -> Card:
    token = secrets.token_urlsafe(24)
    subject = f"opaque-user-{chance.randrange(USERS)}"
    return Card(OPAQUE, token, subject, int(time.time()), bound, token)


def endpoint_answer(card: Card) -> dict[str, Any]:
    """Return what the issuer says about an opaque token that is active."""
    claims = claims_of(card.subject, card.iat, bound=card.is_bound)
    token_type = "DPoP" if card.is_bound else "Bearer"
    members = {
        "active": True,
        "iss": OPAQUE_ISSUER,
        "token_type": token_type,
        "exp": card.iat + 3600,
    }
    return {**claims, **members}


def sign_cards(key: SigningKey, chance: Random) -> tuple[Card, ...]:
    return tuple(sign_card(key, key.kid, chance, bound=number % 2 == 0) for number in range(TOKENS))


class Client(threading.Thread):
    """A client that sends requests without a pause until `stop` is set.

    Args:
        ports: The ports of the servers.
        wallet: What it sends.
        keys: The keys that the issuer publishes now, which the caller may replace.
        seed: The beginning of its chance.
        page: The file of its answers.
        stop: The event that ends it.
    """

    def __init__(
        self,
        ports: list[int],
        wallet: Wallet,
        keys: list[SigningKey],
        seed: int,
        page: Path,
        stop: threading.Event,
    ) -> None:
        super().__init__(daemon=True)
        self._ports = ports
        self._wallet = wallet
        self._keys = keys
        self._chance = Random(seed)
        self._page = page
        self._stop_event = stop
        self.error: str | None = None

    def run(self) -> None:
        try:
            with self._page.open("w") as page, ThreadPoolExecutor(4) as pool:
                while not self._stop_event.is_set():
                    for sent in self._ask(pool):
                        page.write(json.dumps(sent) + "\n")
        except Exception as error:
            self.error = f"a client ended: {error!r}"

    def _ask(self, pool: ThreadPoolExecutor) -> list[Sent]:
        number = self._chance.random()
        server = self._chance.randrange(len(self._ports))
        if number < 0.04:
            return [self._send("none", None, None, server)]
        if number < 0.25:
            return [self._send(*self._flawed(), None, server)]
        card = self._chance.choice(self._cards(number))
        if not card.is_bound:
            kind = "opaque" if card.kid == OPAQUE else "good"
            return [self._send(kind, card, None, server)]
        return self._ask_with_proof(card, pool, server)

    def _cards(self, number: float) -> list[Card]:
        if number < 0.4 and self._wallet.stale:
            return list(self._wallet.stale)
        return list(self._wallet.live if number < 0.75 else self._wallet.opaque)

    def _flawed(self) -> tuple[str, Card]:
        """Return a request with one flaw: its kind and its token."""
        chance = self._chance
        card = chance.choice(self._wallet.live)
        key = chance.choice(self._keys)
        flawed = {
            "invented": lambda: sign_card(STRANGER, f"no-key-{chance.randrange(99)}", chance, bound=False),
            "forged": lambda: sign_card(STRANGER, card.kid, chance, bound=False),
            "expired": lambda: sign_card(key, key.kid, chance, bound=False, lives=-600),
            "scope": lambda: sign_card(key, key.kid, chance, bound=False),
            "unproven": lambda: sign_card(key, key.kid, chance, bound=True),
        }  # fmt: skip
        kind = chance.choice(list(flawed))
        return kind, flawed[kind]()

    def _ask_with_proof(self, card: Card, pool: ThreadPoolExecutor, server: int) -> list[Sent]:
        """Send a new proof once or many times at once, or one that was sent before."""
        number = self._chance.random()
        if number < 0.4 and self._wallet.used:
            proven = self._chance.choice(list(self._wallet.used))
            return [self._send("replay", proven.card, proven, server)]
        proven = self._wallet.prove(card)
        if number < 0.8:
            sends = [self._send("fresh", card, proven, server)]
        else:
            servers = [each % len(self._ports) for each in range(4)]
            sends = list(pool.map(lambda each: self._send("race", card, proven, each), servers))
        self._wallet.used.append(proven)
        return sends

    def _send(self, kind: str, card: Card | None, proven: Proven | None, server: int) -> Sent:
        headers = {"Connection": "close"}
        if card is not None:
            headers["Authorization"] = f"{'Bearer' if proven is None else 'DPoP'} {card.token}"
        if proven is not None:
            headers["DPoP"] = proven.proof
        path = "/admin" if kind == "scope" else "/"
        asked = time.monotonic()
        status, reason, worker = exchange(self._ports[server], path, headers)
        answered = time.monotonic()
        shown = Card("", "", "", 0, False, "") if card is None else card
        return Sent(
            kind=kind,
            kid=None if card is None else shown.kid,
            jti=shown.jti,
            subject=shown.subject,
            iat=shown.iat,
            proof=None if proven is None else proven.number,
            asked=asked,
            answered=answered,
            status=status,
            reason=reason,
            server=server,
            worker=worker,
        )


def exchange(port: int, path: str, headers: dict[str, str]) -> tuple[int, str, str]:
    """Send a request, and return the answer's status, reason and worker."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers=headers)
        with connection.getresponse() as response:
            response.read()
            reason = response.getheader("X-Reason") or "no reason"
            return response.status, reason, response.getheader("X-Worker") or ""
    except TimeoutError:
        return 0, "no answer in time", ""
    except (OSError, http.client.HTTPException):
        return 0, "no answer", ""
    finally:
        connection.close()


def answers(page: Path) -> Iterator[Sent]:
    """Return the answers that a client has written down."""
    with page.open() as lines:
        for line in lines:
            yield Sent(*json.loads(line))
