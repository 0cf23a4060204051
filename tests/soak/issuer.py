"""An issuer that rotates, replaces and revokes its keys while its endpoint fails in every way."""

from __future__ import annotations

import itertools
import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from fault_server import BAD, REFUSE, SLOW, FaultServer

from jwt_wsgi import RemoteJWKS
from jwt_wsgi.testing import SigningKey
from jwt_wsgi.testing.signing import compact
from soak.journal import Journal

ISSUER = "https://issuer.test/"
AUDIENCE = "https://api.test"
#: The number of published keys.
PUBLISHED = 3
#: The number of withdrawn keys that clients still sign with.
WITHDRAWN = 12
#: The kid of the key and of the tokens that name none.
NO_KID = ""
#: Seconds that the source may take to recover, or to follow at the end: far more than it needs.
PATIENCE = 90.0


class Card(NamedTuple):
    """A key, and tokens that it signed: one that lasts, and one that has expired."""

    key: SigningKey
    material: str
    token: str
    expired: str


class Wallet(NamedTuple):
    """The keys that clients sign with. `kidless` is published too, without a kid."""

    kidless: Card
    published: tuple[Card, ...] = ()
    withdrawn: tuple[Card, ...] = ()
    revoked: tuple[Card, ...] = ()


def signed(key: SigningKey, kid: str, seconds: int) -> str:
    """Return a token that expires after so many seconds; it names no kid if `kid` is empty."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "user-1",
        "client_id": "client-1",
        "iat": now - 7200,
    }
    payload = json.dumps({**claims, "exp": now + seconds, "jti": str(time.monotonic_ns())}).encode()
    header = {"alg": "ES256", "typ": "at+jwt"}
    if kid != NO_KID:
        header["kid"] = kid
    return compact(header, payload, key)


def entry(card: Card) -> dict[str, str]:
    """Return the entry of the key set for a key."""
    assert card.key.jwk is not None
    jwk = dict(card.key.jwk)
    if card.key.kid == NO_KID:
        jwk.pop("kid", None)
    return jwk


def card(kid: str) -> Card:
    key = SigningKey("ES256", kid)
    assert key.jwk is not None
    return Card(key, key.jwk["x"], signed(key, kid, 7200), signed(key, kid, -3600))


class RestlessIssuer:
    """An issuer that acts at random. `did` counts its actions, `complaints` are errors of the source.

    `pace` is 1 for rotations every few seconds; a smaller one makes everything faster.
    """

    def __init__(
        self, server: FaultServer, source: RemoteJWKS, journal: Journal, chance: Random, pace: float
    ) -> None:
        self._server = server
        self._source = source
        self._journal = journal
        self._chance = chance
        self._pace = pace
        self._kids = (f"key-{number}" for number in itertools.count())
        self._faults = self._deck()
        self.did: Counter[str] = Counter()
        self.complaints: list[str] = []
        self.wallet = Wallet(card(NO_KID))
        self._publish([card(next(self._kids)) for _ in range(PUBLISHED)])

    def act_once(self) -> None:
        """Do everything to the keys once, so that even the shortest run has seen it."""
        for act in (self._rotate, self._replace, self._replace_kidless, self._revoke):
            act()
            time.sleep(self._pace)

    def act_until(self, end: float, outage: float = 0) -> None:
        """Act until the moment `end`, with one outage of so many seconds."""
        chosen = [
            self._rotate,
            self._rotate,
            self._replace,
            self._replace_kidless,
            self._revoke,
            self._fail,
            self._fail,
            self._fail,
        ]
        while time.monotonic() < end:
            time.sleep(self._chance.uniform(0.3, 1.5) * self._pace)
            self._chance.choice(chosen)()
            if outage and time.monotonic() + 3 * outage > end:
                self._fall(REFUSE, outage)
                outage = 0

    def _publish(self, cards: list[Card]) -> None:
        withdrawn = [each for each in self.wallet.published if each not in cards]
        kept = deque((*self.wallet.withdrawn, *withdrawn), WITHDRAWN)
        document = {"keys": [entry(each) for each in (*cards, self.wallet.kidless)]}
        begun = time.monotonic()
        self._server.publish(document)
        self._journal.published(begun, document)
        gone = {each.key.kid for each in self.wallet.revoked}
        kept_ones = tuple(each for each in kept if each.key.kid not in gone)
        self.wallet = Wallet(
            self.wallet.kidless,
            tuple(each for each in cards if each.key.kid not in gone),
            kept_ones,
            self.wallet.revoked,
        )
        self.did["sets published"] += 1

    def _serving(self) -> list[Card]:
        return list(self.wallet.published)

    def _rotate(self) -> None:
        self._publish([*self._serving()[-PUBLISHED + 1 :], card(next(self._kids))])
        self.did["keys rotated"] += 1

    def _replace(self) -> None:
        """Publish other material under the kid of the newest key."""
        *others, newest = self._serving()
        self._publish([*others, card(newest.key.kid)])
        self.did["keys replaced under their kid"] += 1

    def _replace_kidless(self) -> None:
        """Publish another key without a kid in place of the one without a kid."""
        self.wallet = self.wallet._replace(kidless=card(NO_KID))
        self._publish(self._serving())
        self.did["keys without kid replaced"] += 1

    def _revoke(self) -> None:
        """Revoke the oldest key at the source; it stays published until the next rotation."""
        if len(self.wallet.published) < PUBLISHED:
            return
        oldest, *others = self.wallet.published
        kid = oldest.key.kid
        begun = time.monotonic()
        # Recorded before the call as not ended: until it returns, both answers are right.
        self._journal.revocations[kid] = (begun, float("inf"))
        self._source.revoke(kid)
        self._journal.revocations[kid] = (begun, time.monotonic())
        revoked = (*self.wallet.revoked[-WITHDRAWN:], oldest)
        self.wallet = self.wallet._replace(published=tuple(others), revoked=revoked)
        self.did["keys revoked"] += 1

    def _fail(self) -> None:
        self._fall(next(self._faults), self._chance.uniform(0.5, 4) * self._pace)

    def _fall(self, fault: str, seconds: float) -> None:
        """Fail for so many seconds, perhaps rotate meanwhile, and wait for the source to recover."""
        self._server.fail(fault)
        time.sleep(seconds / 2)
        if self._chance.random() < 0.5:
            self._rotate()
        time.sleep(seconds / 2)
        successes = self._source.status().successes
        self._server.fail("fine")
        self.did[f"fault {fault}"] += 1
        if not waited_for(lambda: self._source.status().successes > successes):
            self.complaints.append(f"no fetch succeeded within {PATIENCE} s of the end of {fault}")

    def _deck(self) -> Iterator[str]:
        """Yield every fault in turn, in a new random order each round."""
        while True:
            faults = [*SLOW, *BAD, REFUSE]
            self._chance.shuffle(faults)
            yield from faults


def waited_for(condition: Callable[[], object]) -> bool:
    """Wait for the condition; return False if it stays false too long."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
