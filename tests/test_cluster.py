"""The cluster: its oracle on histories made by hand, seconds of it, mistakes that it must notice, and counts.

`make soak-cluster` runs it for two minutes.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import pytest
from cluster.app import MISTAKES
from cluster.faults import Troublemaker
from cluster.history import NEVER, OPAQUE, Denial, History, Sent, Span
from cluster.oracle import (
    GOOD,
    INACTIVE,
    LOST,
    MISSING,
    NO_ENDPOINT,
    NO_KEYS,
    NO_STORE,
    REPLAYED,
    REVOKED,
    UNKNOWN,
    Oracle,
    Verdict,
)
from cluster.run import SERVERS, WORKERS, Cluster, soak, warm_up
from cluster.traffic import Card, Wallet, exchange

FORGED = (401, "signature_invalid")
BOUND = (401, "token_bound")
SCOPE = (403, "insufficient_scope")


def history() -> History:
    """Return one in which `a` is known, `b` is published at 50, and these things happen.

    A worker is killed at 30, the store is down from 100 to 110 and the issuer from 200 to 204. The
    tokens `denied` and `maybe` are denied at 60; the second write may have failed.
    """
    written = History()
    written.keys = {
        "a": Span(-NEVER, -NEVER),
        "b": Span(50, 50),
        "gone": Span(-NEVER, -NEVER, 50, 50),
    }
    written.kills.append(Span(30, 30.1, ended=30.1))
    written.outages["store"].append(Span(100, 101, 109, 110))
    written.outages["issuer"].append(Span(200, 201, 203, 204))
    written.denials = {
        "jti denied": [Denial(60, 61)],
        "jti maybe": [Denial(60)],
        "subject out": [Denial(60, 61, cut_off=1000)],
    }
    written.endings["ended"] = Span(60, 61)
    return written


def sent(kid: str | None, asked: float, answered: float | None = None, **members: Any) -> Sent:
    usual = {"kind": "good", "jti": "j", "subject": "s", "iat": 900, "proof": None, "status": 200}
    usual |= {"reason": "none", "server": 0, "worker": "1"}
    end = asked + 0.1 if answered is None else answered
    return Sent(**{**usual, "kid": kid, "asked": asked, "answered": end, **members})


@pytest.mark.parametrize(
    ("request_sent", "expected"),
    [
        pytest.param(sent(None, 10), {MISSING}, id="no token"),
        pytest.param(sent("a", 10), {GOOD}, id="a known key"),
        pytest.param(sent("a", 29.95, 30.2), {GOOD, LOST}, id="while a worker is killed"),
        pytest.param(sent("a", 10, kind="forged"), {FORGED}, id="signed by another"),
        pytest.param(sent("a", 10, kind="scope"), {SCOPE}, id="another scope"),
        pytest.param(sent("z", 10), {UNKNOWN}, id="a key of nobody"),
        pytest.param(sent("z", 205), {UNKNOWN, NO_KEYS}, id="a key of nobody in an outage"),
        pytest.param(sent("b", 51), {UNKNOWN, GOOD}, id="a new key"),
        pytest.param(sent("b", 49), {UNKNOWN}, id="a key of later"),
        pytest.param(sent("b", 70), {GOOD}, id="a key that is no longer new"),
        pytest.param(sent("gone", 55), {UNKNOWN, GOOD}, id="a withdrawn key"),
        pytest.param(sent("gone", 90), {UNKNOWN}, id="a key that was withdrawn long ago"),
        pytest.param(sent("a", 202), {GOOD}, id="a known key in an outage of the issuer"),
        pytest.param(sent("a", 60.5, jti="denied"), {GOOD, REVOKED}, id="while it is denied"),
        pytest.param(sent("a", 61.5, jti="denied"), {GOOD, REVOKED}, id="denied, and cached"),
        pytest.param(sent("a", 62.1, jti="denied"), {REVOKED}, id="denied"),
        pytest.param(
            sent("a", 90, jti="denied", kind="unproven"),
            {REVOKED, BOUND},
            id="denied, and unproven",
        ),
        pytest.param(sent("a", 90, jti="maybe"), {GOOD, REVOKED}, id="perhaps denied"),
        pytest.param(sent("a", 90, subject="out"), {REVOKED}, id="a token of a denied user"),
        pytest.param(sent("a", 90, subject="out", iat=1001), {GOOD}, id="issued later"),
        pytest.param(sent("a", 101.5), {GOOD, NO_STORE}, id="cached without a store"),
        pytest.param(sent("a", 105), {NO_STORE}, id="without a store"),
        pytest.param(sent("a", 101.5, proof=1), {NO_STORE}, id="a proof without a store"),
        pytest.param(sent("a", 111), {GOOD, NO_STORE}, id="just after an outage of the store"),
        pytest.param(sent("a", 120), {GOOD}, id="after an outage of the store"),
        pytest.param(sent(OPAQUE, 10), {GOOD}, id="opaque"),
        pytest.param(sent(OPAQUE, 61, jti="ended"), {GOOD, INACTIVE}, id="opaque, and ends"),
        pytest.param(sent(OPAQUE, 65, jti="ended"), {INACTIVE}, id="opaque, and ended"),
        pytest.param(sent(OPAQUE, 201.5), {GOOD, NO_ENDPOINT}, id="opaque and cached"),
        pytest.param(sent(OPAQUE, 203), {NO_ENDPOINT, GOOD}, id="opaque while the issuer returns"),
        pytest.param(sent(OPAQUE, 105), {NO_STORE}, id="opaque without a store"),
    ],
)
def test_the_oracle_allows_these_answers(request_sent: Sent, expected: Any) -> None:
    assert Oracle(history(), [request_sent]).allowed(request_sent) == expected


def proof(asked: float, status: int, reason: str) -> Sent:
    return sent("a", asked, proof=1, status=status, reason=reason)


@pytest.mark.parametrize(
    ("sends", "is_wrong"),
    [
        ([(10, *GOOD)], False),
        ([(10, *GOOD), (10, *REPLAYED), (20, *REPLAYED)], False),
        ([(10, *GOOD), (20, *GOOD)], True),
        ([(10, *GOOD), (10, *GOOD), (10, *REPLAYED)], True),
        ([(10, *REPLAYED)], True),
        ([(10, *LOST), (20, *REPLAYED)], False),
        ([(10, *NO_STORE), (20, *GOOD), (30, *REPLAYED)], False),
    ],
    ids=["once", "replayed", "twice", "two of a race", "never", "lost", "tried again"],
)
def test_a_proof_passes_once(sends: Any, is_wrong: bool) -> None:
    oracle = Oracle(history(), [proof(*each) for each in sends])
    assert bool(oracle.misused_proofs()) == is_wrong


def test_a_proof_may_not_pass_after_it_has_passed() -> None:
    first, second = proof(10, *GOOD), proof(20, *REPLAYED)
    oracle = Oracle(history(), [first, second])
    assert oracle.allowed(first) == {GOOD}
    assert oracle.allowed(second) == {REPLAYED}


# --- seconds of it


@pytest.mark.slow
def test_a_short_run_sees_every_fault_and_finds_no_mistake(tmp_path: Path) -> None:
    report = soak(12, 1, tmp_path)
    assert report.wrong == [], str(report)
    seen = {GOOD, MISSING, UNKNOWN, FORGED, SCOPE, REVOKED, REPLAYED, INACTIVE, NO_STORE}
    assert seen <= report.verdicts.keys(), str(report)
    assert {
        "issuer down",
        "keys denied",
        "keys rotated",
        "opaque tokens ended",
        "store stopped and started",
        "tokens denied",
        "users denied",
        "workers killed",
    } <= report.figures.keys()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mistake", "missed"),
    [
        (MISTAKES[0], REPLAYED),
        (MISTAKES[1], REVOKED),
        (MISTAKES[2], NO_STORE),
        (MISTAKES[3], INACTIVE),
    ],
    ids=MISTAKES,
)
def test_a_mistake_is_noticed(mistake: str, missed: Verdict, tmp_path: Path) -> None:
    report = soak(8, 1, tmp_path, mistake=mistake)
    passed = [line for line in report.wrong if f"{GOOD} should be one of" in line]
    assert any(str(missed) in line for line in passed), str(report)
    if missed == REPLAYED:
        assert any(" passed 2 times" in line for line in report.wrong), str(report)


# --- counted


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Cluster, Wallet]]:
    """Run a cluster that caches keys and answers for longer than the test takes."""
    monkeypatch.setenv("CACHE_TTL", "600")
    wallet = Wallet()
    with ExitStack() as stack:
        started = Cluster(stack, tmp_path)
        Troublemaker(
            started.issuer, started.store, started.masters, wallet, History(), Random(1), 1
        )
        started.start_servers()
        yield started, wallet


@pytest.mark.slow
def test_cold_workers_fetch_keys_once_and_ask_once_each_about_an_opaque_token(
    cluster: tuple[Cluster, Wallet],
) -> None:
    started, wallet = cluster
    signed = next(card for card in wallet.live if not card.is_bound)
    assert send_at_once(started, signed, 64).keys() == {GOOD}
    warm_up(started, wallet)
    assert started.issuer.counted() == 1
    opaque = next(card for card in wallet.opaque if not card.is_bound)
    assert send_at_once(started, opaque, 1008) == {GOOD: 1008}
    assert 1 <= started.issuer.counted("/introspect") <= SERVERS * WORKERS


def send_at_once(cluster: Cluster, card: Card, count: int) -> Counter[Verdict]:
    """Send a token many times from 16 threads, and return how many answers have which verdict."""
    headers = {"Authorization": f"Bearer {card.token}", "Connection": "close"}
    together = threading.Barrier(16)

    def send_some(number: int) -> list[Verdict]:
        together.wait(60)
        port = cluster.ports[number % SERVERS]
        return [exchange(port, "/", headers)[:2] for _ in range(count // 16)]

    with ThreadPoolExecutor(16) as pool:
        return Counter(verdict for part in pool.map(send_some, range(16)) for verdict in part)
