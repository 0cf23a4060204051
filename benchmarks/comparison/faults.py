"""The keys of a library while their endpoint rotates them, fails, and is asked for unknown ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.comparison import tokens
from benchmarks.comparison.channel import Channel
from benchmarks.comparison.key_server import DISCOVERY, JWKS, SLOW, KeyServer
from benchmarks.comparison.tokens import Keyring
from jwt_wsgi.testing.signing import SigningKey

Json = dict[str, Any]
Start = Callable[[], Channel]

#: The ages, in seconds, at which a token is tried again.
AGES = (0, 1, 2, 5, 10, 31, 61, 290, 310, 590, 610, 3_600, 3 * 3_600, 4 * 3_600, 5 * 3_600, 86_400)
#: Longer than the keys of each library live in its cache, and less than any gives up.
AFTER_LIFETIME = 700
UNKNOWN_KIDS = 100


class Scenarios:
    """The scenarios. Each has a new process, whose clock is moved forward instead of waiting."""

    def __init__(self, start: Start, keys: Keyring, server: KeyServer) -> None:
        self._start = start
        self._keys = keys
        self._server = server
        self._key = keys.keys["RS256"]

    def run(self) -> Json:
        """Return what was observed, by scenario."""
        return {
            "rotation": self._rotation(),
            "outage": self._outage(),
            "first": self._first_fetch_fails(),
            "slow": self._slow(),
            "garbage": self._bad_document("garbage"),
            "empty": self._bad_document("empty"),
            "flood": self._flood(),
        }

    def _prepared(self, channel: Channel, mode: str = "fine") -> str:
        """Prepare the library and return a good token, which it has accepted if keys were there."""
        self._server.reset(self._keys.jwk("RS256"))
        self._server.mode = mode
        channel.tell("prepare", profile=self._keys.profile("RS256", self._server.url()))
        token = tokens.good(self._key)
        outcome = channel.tell("verify", token=token)["outcome"]
        if mode == "fine" and outcome != "accepted":
            raise RuntimeError(f"the good token is not accepted: {outcome}")
        return token

    def _rotation(self) -> Json:
        """Publish a second key two minutes after the last fetch; when is its token accepted?"""
        new = SigningKey("RS256", "k9")
        with self._start() as channel:
            self._prepared(channel)
            channel.tell("advance", seconds=120)
            published = {"kid": "k9", "use": "sig", "alg": "RS256", **(new.jwk or {})}
            self._server.keys.append(published)
            token = tokens.good(new)
            return {"accepted after": self._first(channel, token, accepted=True)}

    def _outage(self) -> Json:
        """Fail for a day; how long are tokens accepted, and with which error are they refused?"""
        with self._start() as channel:
            token = self._prepared(channel)
            self._server.mode = "down"
            end = self._first(channel, token, accepted=False)
            before = [age for age in AGES if end is None or age < end]
            refused = channel.tell("verify", token=token)
        return {"held for": before[-1] if before else None, "then": refused["outcome"]}

    def _first(self, channel: Channel, token: str, *, accepted: bool) -> int | None:
        """Return the first age at which the token is accepted, or is not; None if there is none."""
        passed = 0
        for age in AGES:
            channel.tell("advance", seconds=age - passed)
            passed = age
            outcome = channel.tell("verify", token=token)["outcome"]
            if (outcome == "accepted") == accepted:
                return age
        return None

    def _first_fetch_fails(self) -> Json:
        """Fail before the first token; is the error another one than that of a bad token?"""
        with self._start() as channel:
            token = self._prepared(channel, "down")
            refused = channel.tell("verify", token=token)
            self._server.mode = "fine"
            recovery = self._first(channel, token, accepted=True)
        return {"outcome": refused["outcome"], "error": refused["error"], "recovers": recovery}

    def _slow(self) -> Json:
        """Answer slowly when the keys are due; does a request with a known key wait?"""
        with self._start() as channel:
            token = self._prepared(channel)
            channel.tell("advance", seconds=AFTER_LIFETIME)
            self._server.mode = "slow"
            answer = channel.tell("verify", token=token)
        return {"outcome": answer["outcome"], "waits": answer["seconds"] > SLOW / 2}

    def _bad_document(self, mode: str) -> Json:
        """Answer with a document without keys when they are due; are the held keys still used?"""
        with self._start() as channel:
            token = self._prepared(channel)
            channel.tell("advance", seconds=AFTER_LIFETIME)
            self._server.mode = mode
            first = channel.tell("verify", token=token)
            # A refresh in the background has ended by now.
            channel.tell("advance", seconds=5)
            second = channel.tell("verify", token=token)
        return {"outcomes": [first["outcome"], second["outcome"]]}

    def _flood(self) -> Json:
        """Send tokens with many unknown kids; how many fetches do they cause?"""
        attacker = self._keys.attacker
        with self._start() as channel:
            token = self._prepared(channel)
            channel.tell("advance", seconds=120)
            before = self._fetches()
            for number in range(UNKNOWN_KIDS):
                head = tokens.header(attacker, kid=f"unknown-{number}")
                channel.tell("verify", token=tokens.sign(attacker, head, tokens.claims()))
            fetches = self._fetches() - before
            after = channel.tell("verify", token=token)
        return {"kids": UNKNOWN_KIDS, "fetches": fetches, "known kid": after["outcome"]}

    def _fetches(self) -> int:
        return self._server.requests[JWKS] + self._server.requests[DISCOVERY]
