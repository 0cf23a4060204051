"""`python tests/cluster/run.py SECONDS SEED`: two servers, one store, one issuer, and the checks.

It exits with 1 if an answer was wrong. SEED repeats the random choices, but not the order of threads.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

if __name__ == "__main__":
    # As under pytest: the checkout for the package, and its tests for shared helpers.
    sys.path[:1] = [
        str(Path(__file__).resolve().parents[2]),
        str(Path(__file__).resolve().parents[1]),
    ]

from fault_server import FaultServer
from ports import free_port
from processes import running

from cluster.faults import Store, Troublemaker
from cluster.history import History, Sent
from cluster.oracle import Oracle, Verdict
from cluster.traffic import Client, Wallet, answers, exchange

SERVERS = 2
WORKERS = 4
#: Threads of a worker: they share its caches and its connection, and one may wait while others answer.
THREADS = 4
CLIENTS = 6
SHOWN = 20


@dataclass
class Report:
    """The result of a run; `wrong` is empty if everything was right."""

    wrong: list[str] = field(default_factory=list)
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    figures: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        rows: dict[str, object] = {**self.figures, "requests": self.verdicts.total()}
        rows |= {f"requests, {kind}": number for kind, number in sorted(self.kinds.items())}
        for (status, reason), number in sorted(self.verdicts.items()):
            rows[f"answers, {status} {reason}"] = number
        rows["wrong"] = len(self.wrong)
        return "\n".join([*(f"{name}: {value}" for name, value in rows.items()), *self.wrong[:SHOWN]])  # fmt: skip


class Cluster:
    """The servers, the store and the issuer, all of them processes on loopback.

    Attributes:
        ports: The ports of the servers.
        masters: Their processes.
        store: The store.
        issuer: The issuer's endpoint.
    """

    def __init__(self, stack: ExitStack, folder: Path, mistake: str = "") -> None:
        self.issuer = stack.enter_context(FaultServer(folder))
        self.store = Store(folder / "store", free_port())
        stack.callback(self.store.stop)
        self.store.start()
        self.ports: list[int] = []
        self.masters: list[int] = []
        self._variables = {"STORE_URL": self.store.url, "MISTAKE": mistake}
        self._variables["JWKS_URI"] = self.issuer.url()
        self._variables["INTROSPECTION_URI"] = self.issuer.url(path="/introspect")
        self._stack = stack
        self._folder = folder

    def start_servers(self) -> None:
        """Start the servers, and return when all their workers have begun."""
        for number in range(SERVERS):
            folder = self._folder / f"server-{number}"
            folder.mkdir()
            self.ports.append(self._stack.enter_context(serving(folder, self._variables)))
            self.masters.append(int((folder / "pid").read_text()))


@contextmanager
def serving(folder: Path, variables: dict[str, str]) -> Iterator[int]:
    """Run a server while the block runs, and yield its port."""
    port = free_port()
    options = {"bind": f"127.0.0.1:{port}", "workers": WORKERS, "threads": THREADS}
    options |= {"worker-class": "gthread", "pid": folder / "pid", "graceful-timeout": 5}
    command = [sys.executable, "-m", "gunicorn", *(f"--{name}={value}" for name, value in options.items())]  # fmt: skip
    with running([*command, "cluster.app:make()"], port, folder, variables):
        yield port


def soak(seconds: float, seed: int, folder: Path, *, mistake: str = "") -> Report:
    """Run for so many seconds and check.

    Args:
        seconds: How long the clients send requests.
        seed: The beginning of chance.
        folder: An empty folder.
        mistake: One of `cluster.app.MISTAKES`, which the workers then make, or empty.
    """
    history = History()
    wallet = Wallet()
    stop = threading.Event()
    pages = [folder / f"answers-{number}" for number in range(CLIENTS)]
    with ExitStack() as stack:
        cluster = Cluster(stack, folder, mistake)
        trouble = Troublemaker(
            cluster.issuer, cluster.store, cluster.masters, wallet, history, Random(seed),
            min(1.0, seconds / 30),
        )  # fmt: skip
        cluster.start_servers()
        warm_up(cluster, wallet)
        trouble.settle_keys()
        begun = time.monotonic()
        clients = [
            Client(cluster.ports, wallet, trouble.keys, seed * 100 + number, page, stop)
            for number, page in enumerate(pages)
        ]
        try:
            for client in clients:
                client.start()
            trouble.act_once()
            trouble.act_until(begun + seconds)
        finally:
            stop.set()
            for client in clients:
                client.join(120)
        fetches = cluster.issuer.counted()
        calls = cluster.issuer.counted("/introspect")
    report = Report()
    report.figures |= {"fetches of keys": fetches, "calls of introspection": calls}
    report.figures |= {**dict(sorted(trouble.counts.items()))}
    report.wrong += [client.error for client in clients if client.error]
    sends = [sent for page in pages for sent in answers(page)]
    judge(report, Oracle(history, sends), sends, seed, begun)
    return report


def warm_up(cluster: Cluster, wallet: Wallet) -> set[str]:
    """Send good requests until every worker has answered one, and return the workers."""
    workers: set[str] = set()
    deadline = time.monotonic() + 60
    card = next(card for card in wallet.live if not card.is_bound)
    while len(workers) < SERVERS * WORKERS:
        assert time.monotonic() < deadline, workers
        for port in cluster.ports:
            status, reason, worker = exchange(
                port, "/", {"Authorization": f"Bearer {card.token}", "Connection": "close"}
            )
            assert (status, reason) == (200, "none")
            workers.add(worker)
    return workers


def judge(report: Report, oracle: Oracle, sends: list[Sent], seed: int, begun: float) -> None:
    """Check every answer, and add to the report."""
    sure = 0
    for sent in sends:
        verdict = (sent.status, sent.reason)
        allowed = oracle.allowed(sent)
        report.verdicts[verdict] += 1
        report.kinds[sent.kind] += 1
        sure += len(allowed) == 1
        if verdict not in allowed:
            report.wrong.append(
                f"seed {seed}, second {sent.asked - begun:.2f}, {sent.kind}: {verdict} "
                f"should be one of {sorted(allowed)}: {sent}"
            )
    proofs = {sent.proof for sent in sends if sent.proof is not None}
    passed = sum(1 for sent in sends if sent.proof is not None and sent.status == 200)
    report.figures["workers that answered"] = len({sent.worker for sent in sends} - {""})
    report.figures["proofs"] = len(proofs)
    report.figures["proofs that passed"] = passed
    report.figures["answers to which one verdict alone was right"] = sure
    slowest = max((sent.answered - sent.asked for sent in sends), default=0.0)
    report.figures["slowest answer, seconds"] = round(slowest, 2)
    report.wrong += [f"seed {seed}: {line}" for line in oracle.misused_proofs()]


def main(seconds: str, seed: str) -> int:
    # The processes end with their blocks, which SIGTERM alone would not leave.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    print(f"CLUSTER_SECONDS={seconds} CLUSTER_SEED={seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = soak(float(seconds), int(seed), Path(folder))
    print(report)
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
