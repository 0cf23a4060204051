"""`python tests/soak/run.py SECONDS SEED`: waitress, clients, a failing issuer, and the judgement.

Exits with 1 where an answer was wrong, the issuer was asked too often, the source did not recover,
or memory has grown. Chance begins with SEED; how threads take turns is not repeated.
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
from typing import Any

if __name__ == "__main__":
    # As under pytest: the checkout for the package, and the tests for what they share.
    sys.path[:1] = [
        str(Path(__file__).resolve().parents[2]),
        str(Path(__file__).resolve().parents[1]),
    ]

from fault_server import FaultServer
from serving import served

from jwt_wsgi import AUTHENTICATED, Issuer, RemoteJWKS, Verifier, protect
from jwt_wsgi.http.client import Fetcher
from jwt_wsgi.jwks.source import KeySource
from soak.clients import Client, answers
from soak.issuer import AUDIENCE, ISSUER, RestlessIssuer, waited_for
from soak.journal import Journal
from soak.oracle import Oracle, Verdict

#: Seconds. Short, so that minutes see what otherwise takes hours.
LIFETIME, STALE_FOR, COOLDOWN, TIMEOUT = 3.0, 5.0, 1.5, 1.0
PER_MINUTE = 100
WORKERS, CLIENTS = 8, 12
MAX_GROWTH = 16 * 2**20  # bytes, from the end of the warm-up on
SHOWN = 20

Wrap = Callable[[RemoteJWKS], KeySource]


@dataclass
class Report:
    """How it went: `wrong` is empty where all was right."""

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


def soak(seconds: float, seed: int, folder: Path, *, wrap: Wrap = lambda source: source) -> Report:
    """Run for so long and judge; `wrap` may put something between the source and the verifier."""
    journal, report, stop = Journal(), Report(), threading.Event()
    pace = min(1.0, seconds / 30)
    with ExitStack() as stack:
        server = stack.enter_context(FaultServer(folder, retry_after=2))
        fetch = journal.recording(Fetcher(2 * TIMEOUT, 524288))
        limits: dict[str, Any] = {
            "stale_for": STALE_FOR,
            "timeout": TIMEOUT,
            "requests_per_minute": PER_MINUTE,
        }
        limits |= {"cache_ttl": LIFETIME * pace, "cooldown": COOLDOWN * pace}
        source = RemoteJWKS(server.url(), fetch=fetch, **limits)
        stack.enter_context(logged_to(journal))
        issuer = RestlessIssuer(server, source, journal, Random(seed), pace)
        trusted = Issuer(ISSUER, audience=AUDIENCE, keys=wrap(source), algorithms=["ES256"])
        verifier = Verifier(trusted, max_remembered=500)
        protected = protect(plain, issuer=verifier, rules={"/": AUTHENTICATED})
        port = stack.enter_context(served(protected, threads=WORKERS))
        seeds = range(seed + 1, seed + 1 + CLIENTS)
        clients = [Client(port, issuer, each, folder / f"answers-{each}", stop) for each in seeds]
        begun = time.monotonic()
        for client in clients:
            client.start()
        issuer.act_once()
        issuer.act_until(begun + seconds / 4)
        before = resident()
        issuer.act_until(begun + seconds / 2)
        halfway = resident()
        issuer.act_until(begun + seconds, outage=LIFETIME + STALE_FOR + 2 if seconds > 60 else 0)
        settled = waited_for(lambda: source.held() is not None and follows(journal, source))
        gc.collect()
        grown = resident() - before
        stop.set()
        for client in clients:
            client.join(120)
        waited_for(lambda: all(fetched.done < float("inf") for fetched in journal.fetches))
        status, counted = source.status(), server.counted()
    oracle = Oracle(journal, lifetime=LIFETIME * pace, stale_for=STALE_FOR)
    judge(report, oracle, [answer for each in seeds for answer in [folder / f"answers-{each}"]])
    report.wrong += (
        issuer.complaints
        + oracle.hurried(4 * TIMEOUT)
        + [client.error for client in clients if client.error]
    )
    counts, expected = (
        (status.attempts, status.successes),
        (len(journal.fetches), len(oracle.epochs)),
    )
    checks = {
        "the last set that was published never came into force": settled,
        f"memory has grown by {grown} bytes": grown <= MAX_GROWTH,
        f"attempts and successes are {counts} by the source and {expected} by the oracle": counts
        == expected,
        f"the endpoint counted {counted} requests": expected[1] <= counted <= expected[0],
        "more fetches in a minute than the budget has": busiest_minute(journal) <= PER_MINUTE,
    }
    report.wrong += [complaint for complaint, holds in checks.items() if not holds]
    report.figures |= {
        "fetches": expected[0],
        "of them good": expected[1],
        "requests at the endpoint": counted,
    }
    report.figures |= {"busiest minute": busiest_minute(journal)}
    report.figures |= {"memory grown, bytes": grown, "of that in the first third": halfway - before}
    report.figures |= dict(sorted(issuer.did.items()))
    return report


def judge(report: Report, oracle: Oracle, pages: list[Path]) -> None:
    """Every answer of every page."""
    slowest, sure = 0.0, 0
    for page in pages:
        for answer in answers(page):
            verdict, allowed = (answer.status, answer.reason), oracle.allowed(answer)
            report.verdicts[verdict] += 1
            sure += len(allowed) == 1
            slowest = max(slowest, answer.answered - answer.asked)
            if verdict not in allowed:
                report.wrong.append(f"{answer}: should be one of {sorted(allowed)}")
    report.figures["answers to which one verdict alone was right"] = sure
    report.figures["slowest answer, seconds"] = round(slowest, 2)


def follows(journal: Journal, source: RemoteJWKS) -> bool:
    """Whether the source holds what was published last, but for what was revoked."""
    published = {kid for kid, _ in journal.publications[-1].keys}
    return source.status().kids == published - journal.revocations.keys()


def busiest_minute(journal: Journal) -> int:
    begun = sorted(fetch.begun for fetch in journal.fetches)
    return max((sum(first <= each < first + 59 for each in begun) for first in begun), default=0)


def resident() -> int:
    """Bytes of memory that the process has (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def logged_to(journal: Journal) -> Iterator[None]:
    logger, queue = logging.getLogger("jwt_wsgi.jwks"), logging.getLogger("waitress.queue")
    before = logger.level, logger.propagate, queue.level
    logger.addHandler(journal)
    logger.setLevel(logging.INFO)
    # Failures are what this is about, and more clients than workers too.
    logger.propagate = False
    queue.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.removeHandler(journal)
        logger.propagate = before[1]
        logger.setLevel(before[0])
        queue.setLevel(before[2])


def main(seconds: str, seed: str) -> int:
    print(f"SOAK_SECONDS={seconds} SOAK_SEED={seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = soak(float(seconds), int(seed), Path(folder))
    print(report)
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
