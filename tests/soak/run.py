"""`python tests/soak/run.py SECONDS SEED`: waitress, clients, a failing issuer, and the checks.

It exits with 1 if an answer was wrong, the endpoint was asked too often, the source did not
recover, or memory has grown. SEED repeats the random choices, but not the order of threads.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from wsgiref.types import WSGIApplication

if __name__ == "__main__":
    # As under pytest: the checkout for the package, and its tests for shared helpers.
    sys.path[:1] = [
        str(Path(__file__).resolve().parents[2]),
        str(Path(__file__).resolve().parents[1]),
    ]

from fault_server import FaultServer
from serving import served

from jwt_wsgi import AUTHENTICATED, Issuer, RemoteJWKS, Verifier, protect
from jwt_wsgi.http.client import Fetcher
from jwt_wsgi.jwks.schedule import KeyStatus
from jwt_wsgi.jwks.source import KeySource
from soak.clients import Client, answers
from soak.issuer import AUDIENCE, ISSUER, NO_KID, RestlessIssuer, waited_for
from soak.journal import Journal
from soak.oracle import EXPIRED, FORGED, GOOD, Oracle, Verdict

#: Seconds. Short, so that minutes cover what otherwise takes hours.
LIFETIME = 3.0
STALE_FOR = 5.0
COOLDOWN = 1.5
TIMEOUT = 1.0

PER_MINUTE = 100
WORKERS = 8
CLIENTS = 12
MAX_GROWTH = 16 * 2**20  # bytes, from the end of the warm-up on
SHOWN = 20

Wrap = Callable[[RemoteJWKS], KeySource]


@dataclass
class Report:
    """The result of a run; `wrong` is empty if everything was right."""

    wrong: list[str] = field(default_factory=list)
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    figures: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        rows: dict[str, object] = {
            **self.figures,
            **{
                f"{status} {reason}".strip(): number
                for (status, reason), number in sorted(self.verdicts.items())
            },
            "answers": self.verdicts.total(),
            "wrong": len(self.wrong),
        }
        shown = [*self.wrong[:SHOWN], *(["…"] if len(self.wrong) > SHOWN else [])]
        return "\n".join([*(f"{name}: {value}" for name, value in rows.items()), *shown])


def plain(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"in"]


class Memory(NamedTuple):
    """The memory of the process in bytes: after the warm-up, halfway and at the end."""

    before: int
    halfway: int
    after: int

    @property
    def grown(self) -> int:
        return self.after - self.before


class Traffic(NamedTuple):
    """What was measured while the clients sent requests."""

    memory: Memory
    settled: bool
    status: KeyStatus
    requests_at_endpoint: int


def soak(seconds: float, seed: int, folder: Path, *, wrap: Wrap = lambda source: source) -> Report:
    """Run for so many seconds and check; `wrap` may replace the source that the verifier uses."""
    journal = Journal()
    stop = threading.Event()
    pace = min(1.0, seconds / 30)
    pages = [folder / f"answers-{each}" for each in range(seed + 1, seed + 1 + CLIENTS)]
    with ExitStack() as stack:
        server = stack.enter_context(FaultServer(folder, retry_after=2))
        source = remote_source(server, journal, pace)
        stack.enter_context(logged_to(journal))
        issuer = RestlessIssuer(server, source, journal, Random(seed), pace)
        port = stack.enter_context(served(protected_by(wrap(source)), threads=WORKERS))
        clients = [
            Client(port, issuer, seed + number, page, stop)
            for number, page in enumerate(pages, start=1)
        ]
        memory, settled = send_traffic(issuer, clients, seconds, lambda: follows(journal, source))
        stop.set()
        for client in clients:
            client.join(120)
        waited_for(lambda: has_ended(journal, source))
        traffic = Traffic(memory, settled, source.status(), server.counted())
    oracle = Oracle(journal, lifetime=LIFETIME * pace, stale_for=STALE_FOR, timeout=TIMEOUT)
    report = Report()
    judge(report, oracle, pages)
    report.wrong += issuer.complaints
    report.wrong += oracle.hurried(4 * TIMEOUT)
    report.wrong += oracle.late(COOLDOWN * pace + TIMEOUT)
    report.wrong += [client.error for client in clients if client.error]
    report.wrong += complaints(traffic, journal, oracle)
    report.figures |= figures(traffic, journal, oracle)
    report.figures |= dict(sorted(issuer.did.items()))
    return report


def remote_source(server: FaultServer, journal: Journal, pace: float) -> RemoteJWKS:
    return RemoteJWKS(
        server.url(),
        fetch=journal.recording(Fetcher(2 * TIMEOUT, 524288)),
        cache_ttl=LIFETIME * pace,
        cooldown=COOLDOWN * pace,
        stale_for=STALE_FOR,
        timeout=TIMEOUT,
        requests_per_minute=PER_MINUTE,
    )


def protected_by(keys: KeySource) -> WSGIApplication:
    trusted = Issuer(ISSUER, audience=AUDIENCE, keys=keys, algorithms=["ES256"])
    verifier = Verifier(trusted, max_remembered=500)
    return protect(plain, issuer=verifier, rules={"/": AUTHENTICATED})


def send_traffic(
    issuer: RestlessIssuer, clients: list[Client], seconds: float, is_settled: Callable[[], object]
) -> tuple[Memory, bool]:
    """Start the clients and let the issuer act; return once the source has settled."""
    begun = time.monotonic()
    for client in clients:
        client.start()
    issuer.act_once()
    issuer.act_until(begun + seconds / 4)
    before = resident()
    issuer.act_until(begun + seconds / 2)
    halfway = resident()
    outage = LIFETIME + STALE_FOR + 2 if seconds > 60 else 0
    issuer.act_until(begun + seconds, outage=outage)
    settled = waited_for(is_settled)
    gc.collect()
    return Memory(before, halfway, resident()), settled


def complaints(traffic: Traffic, journal: Journal, oracle: Oracle) -> list[str]:
    """Return what is wrong with the fetches and the memory."""
    attempts = len(journal.fetches)
    successes = len(oracle.epochs)
    wrong = []
    if not traffic.settled:
        wrong.append("the last published set never came into force")
    if traffic.memory.grown > MAX_GROWTH:
        wrong.append(f"memory has grown by {traffic.memory.grown} bytes")
    if (traffic.status.attempts, traffic.status.successes) != (attempts, successes):
        wrong.append(f"{traffic.status}: the oracle has {attempts} attempts, {successes} successes")
    if not successes <= traffic.requests_at_endpoint <= attempts:
        wrong.append(f"the endpoint counted {traffic.requests_at_endpoint} requests")
    if busiest_minute(journal) > PER_MINUTE:
        wrong.append("more fetches in a minute than the budget allows")
    return wrong


def figures(traffic: Traffic, journal: Journal, oracle: Oracle) -> dict[str, object]:
    return {
        "fetches": len(journal.fetches),
        "of them good": len(oracle.epochs),
        "requests at the endpoint": traffic.requests_at_endpoint,
        "busiest minute": busiest_minute(journal),
        "memory grown, bytes": traffic.memory.grown,
        "of that in the first third": traffic.memory.halfway - traffic.memory.before,
    }


def judge(report: Report, oracle: Oracle, pages: list[Path]) -> None:
    """Check every answer of every page."""
    slowest = 0.0
    slowest_known = 0.0
    sure = 0
    for page in pages:
        for answer in answers(page):
            verdict = (answer.status, answer.reason)
            allowed = oracle.allowed(answer)
            report.verdicts[verdict] += 1
            sure += len(allowed) == 1
            seconds = answer.answered - answer.asked
            slowest = max(slowest, seconds)
            if allowed <= {GOOD, EXPIRED, FORGED}:
                slowest_known = max(slowest_known, seconds)
            if verdict not in allowed:
                report.wrong.append(f"{answer}: should be one of {sorted(allowed)}")
    report.figures["answers to which one verdict alone was right"] = sure
    report.figures["slowest answer, seconds"] = round(slowest, 2)
    report.figures["slowest answer for a known key, seconds"] = round(slowest_known, 2)


def follows(journal: Journal, source: RemoteJWKS) -> bool:
    """Return True if the source holds the last published keys, without the revoked ones."""
    if source.held() is None:
        return False
    last = journal.publications[-1]
    fetched = any(fetch.body == last.body for fetch in journal.fetches)
    published = {kid for kid, _ in last.keys if kid != NO_KID}
    return fetched and source.status().kids == published - journal.revocations.keys()


def has_ended(journal: Journal, source: RemoteJWKS) -> bool:
    """Return True if every fetch is in the journal and was processed."""
    # A fetch is written down when it ends, so the source counts it first.
    attempts = source.status().attempts
    processed = [fetch for fetch in journal.fetches if fetch.done < float("inf")]
    return len(processed) == attempts


def busiest_minute(journal: Journal) -> int:
    begun = sorted(fetch.begun for fetch in journal.fetches)
    return max((sum(first <= each < first + 59 for each in begun) for first in begun), default=0)


def resident() -> int:
    """Return the bytes of memory that the process uses (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def logged_to(journal: Journal) -> Iterator[None]:
    logger = logging.getLogger("jwt_wsgi.jwks")
    queue = logging.getLogger("waitress.queue")
    logger_level = logger.level
    logger_propagate = logger.propagate
    queue_level = queue.level
    logger.addHandler(journal)
    logger.setLevel(logging.INFO)
    # Failures are expected here, and so are more clients than workers.
    logger.propagate = False
    queue.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.removeHandler(journal)
        logger.propagate = logger_propagate
        logger.setLevel(logger_level)
        queue.setLevel(queue_level)


def main(seconds: str, seed: str) -> int:
    print(f"SOAK_SECONDS={seconds} SOAK_SEED={seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = soak(float(seconds), int(seed), Path(folder))
    print(report)
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
