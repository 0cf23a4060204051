"""The cost of a token: signature, issuer, audience, expiry and one scope."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from benchmarks.comparison import tokens
from benchmarks.comparison.key_server import KeyServer
from benchmarks.comparison.strictness import Start
from benchmarks.comparison.tokens import Keyring
from benchmarks.measuring import rotated

#: Tokens of a batch, and batches of a round; one more batch warms up.
TOKENS = 30
BATCHES = 8

Figures = dict[str, list[float]]


def measure(
    starts: Mapping[str, Start], keys: Keyring, server: KeyServer, rounds: int
) -> dict[str, Figures]:
    """Return, for each library, the nanoseconds of one token in each round.

    The libraries take turns round by round, each in its process, so that a disturbance of the machine
    affects all of them. "bare" is the signature alone, with cryptography in the same process.

    Args:
        starts: Starts the processes, by library.
        keys: The keys of the issuer.
        server: Publishes them.
        rounds: The number of rounds.
    """
    key = keys.keys["RS256"]
    figures: dict[str, Figures] = {name: {} for name in starts}
    server.reset(keys.jwk("RS256"))
    with ExitStack() as stack:
        channels = {name: stack.enter_context(start()) for name, start in starts.items()}
        for channel in channels.values():
            channel.tell("prepare", profile=keys.profile("RS256", server.url()))
        for number in range(rounds):
            fresh = [tokens.good(key) for _ in range(TOKENS * (BATCHES + 1))]
            order: dict[str, Any] = {
                "scope": tokens.SCOPE,
                "pem": key.pem.decode(),
                "fresh": fresh,
                "seen": tokens.good(key),
                "batches": BATCHES,
            }
            for name in rotated(list(channels), number):
                costs = channels[name].tell("measure", **order)
                for title, cost in costs.items():
                    figures[name].setdefault(title, []).append(round(cost))
    return figures
