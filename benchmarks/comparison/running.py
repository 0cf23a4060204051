"""One run: every question to every library that it concerns."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.comparison import (
    cases,
    environments,
    faults,
    features,
    paths,
    proofs,
    refusals,
    speed,
    strictness,
)
from benchmarks.comparison.channel import Channel
from benchmarks.comparison.key_server import KeyServer
from benchmarks.comparison.peers import OWN, PEERS, Peer
from benchmarks.comparison.tokens import ISSUER, Keyring

Json = dict[str, Any]
#: The path that tokens name in `jku` and `x5u`, and that nobody must fetch.
ELSEWHERE = "/elsewhere"
#: The library that gets its key as PEM.
PEM_ONLY = "flask-jwt-extended"


class Run:
    """A run. Its processes print into `log`."""

    def __init__(self, keys: Keyring, server: KeyServer, log: Path) -> None:
        self._keys = keys
        self._server = server
        self._log = log
        self.cases = cases.table(keys, server.url(ELSEWHERE))
        self._pythons: dict[str, str] = {}

    def start(self, peer: Peer) -> Channel:
        """Start a process of the library, in its environment."""
        if peer.distribution not in self._pythons:
            self._pythons[peer.distribution] = environments.python_for(peer.distribution)
        return Channel(self._pythons[peer.distribution], peer.adapter, self._log)

    def observe(self, peer: Peer) -> Json:
        """Return everything about one library but its speed."""
        observed: Json = {"inspection": self._inspect(peer)}
        observed["features"] = features.cells(peer.distribution, observed["inspection"])
        if "tokens" in peer.jobs:
            strays = self._server.strays
            observed["tokens"] = self._tokens(peer)
            observed["strays"] = self._server.strays - strays
        with self._prepared(peer) as (_, prepared):
            observed["frameworks"] = prepared["frameworks"]
        if "refusals" in peer.jobs:
            observed["refusals"] = self._in_frameworks(peer, "refusals")
        if "paths" in peer.jobs:
            observed["paths"] = self._in_frameworks(peer, "paths")
        if "keys" in peer.jobs:
            scenarios = faults.Scenarios(lambda: self.start(peer), self._keys, self._server)
            observed["keys"] = scenarios.run()
        if "proofs" in peer.jobs:
            observed["proofs"] = self._proofs(peer)
        return observed

    def _inspect(self, peer: Peer) -> Any:
        with self.start(peer) as channel:
            question = features.question(peer.distribution)
            return channel.tell(
                "inspect", distribution=peer.distribution, extra=peer.extra, **question
            )

    def _tokens(self, peer: Peer) -> Json:
        return strictness.answers(
            lambda: self.start(peer),
            self.cases,
            self._keys,
            self._server,
            reads_jwk=peer.distribution != PEM_ONLY,
        )

    @contextmanager
    def _prepared(self, peer: Peer, nonce_secret: str = "") -> Iterator[tuple[Channel, Json]]:
        self._server.reset(self._keys.jwk("RS256"))
        profile = self._keys.profile("RS256", self._server.url(), nonce_secret)
        with self.start(peer) as channel:
            yield channel, channel.tell("prepare", profile=profile)

    def _in_frameworks(self, peer: Peer, question: str) -> Json:
        with self._prepared(peer) as (channel, prepared):
            if question == "paths":
                return {name: paths.observe(channel, name) for name in prepared["frameworks"]}
            return {
                name: refusals.observe(channel, name, self._keys, self.cases)
                for name in prepared["frameworks"]
            }

    def _proofs(self, peer: Peer) -> Json:
        with self._prepared(peer) as (channel, _):
            outcomes = proofs.observe(channel, self._keys)
        with self._prepared(peer, proofs.NONCE_SECRET) as (channel, _):
            nonces = proofs.observe_nonces(channel, self._keys)
        return {"outcomes": outcomes, "nonces": nonces}

    def describe_cases(self) -> Json:
        """Return the tables of cases, without their tokens."""
        return {
            "cases": [
                {
                    "theme": case.theme,
                    "title": case.title,
                    "right": case.right,
                    "source": case.source,
                }
                for case in self.cases
            ],
            "proof cases": [
                {"title": case.title, "source": case.source, "passes": case.passes}
                for case in proofs.cases(self._keys)
            ],
        }


def run(names: Sequence[str], rounds: int) -> tuple[Json, dict[str, Json]]:
    """Compare these libraries; return the tables of cases, and the results by library.

    Args:
        names: The distributions.
        rounds: The rounds of the measurement of speed; 0 measures nothing.
    """
    keys = Keyring()
    observed: dict[str, Json] = {}
    with tempfile.TemporaryDirectory() as folder, KeyServer(ISSUER) as server:
        session = Run(keys, server, Path(folder) / "log")
        for name in names:
            started = time.monotonic()
            observed[name] = session.observe(PEERS[name])
            print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
        if rounds:
            measured = [name for name in names if "tokens" in PEERS[name].jobs]
            starts = {name: (lambda name=name: session.start(PEERS[name])) for name in measured}
            for name, figures in speed.measure(starts, keys, server, rounds).items():
                observed[name]["speed"] = figures
        return session.describe_cases(), observed


def order(names: Sequence[str]) -> list[str]:
    """Return the names in the order of the table, jwt-wsgi first."""
    return [name for name in PEERS if name in names or (name == OWN and not names)]
