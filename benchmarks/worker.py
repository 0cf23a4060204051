"""One fresh process: a job on standard input, its result on standard output, both as one line of JSON.

A round is measured in a process that has never seen its tokens, so that
whatever a library remembers, it has nothing to remember yet.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks import memory, peers, stack
from benchmarks.measuring import Contender, alternate, rotated

CHECKOUT = Path(__file__).resolve().parent.parent

#: The first tokens of a list, which warm a contender up where it is timed as a whole.
WARM = 40

#: Seconds; a worker that takes longer is ended.
TIMEOUT = 240.0


def costs(job: Mapping[str, Any]) -> dict[str, float]:
    """The cost of a token for every contender of the job, in nanoseconds of this process's own time."""
    contenders = {name: _contender(**described) for name, described in job["contenders"].items()}
    return alternate(contenders, batches=job["batches"], turn=job["turn"])


def _contender(kind: str, tokens: Sequence[str], **options: Any) -> Contender:
    if kind == "stack":
        return _requests(**options).contend(tokens)
    if kind == "bare":
        return Contender(peers.bare(**options), tokens)
    return Contender(peers.libraries(options["pem"])[kind], tokens)


def _requests(
    *,
    status: str = stack.ACCEPTED,
    spread: bool = False,
    warm: Sequence[str] = (),
    rules: int = 1,
    **options: Any,
) -> stack.Requests:
    """`spread` sends the requests to all the rules in turn; what is `warm` was sent before."""
    paths = [stack.ruled(number) for number in range(rules)] if spread else []
    requests = stack.Requests(stack.stack(rules=rules, **options), status=status, paths=paths)
    requests.prepare(warm)()
    requests.check(len(warm))
    return requests


def threads(job: Mapping[str, Any]) -> dict[str, float]:
    """Tokens a second, over all threads, for every number of threads and every contender.

    The median of the repetitions; the numbers of threads take turns.
    """
    paces: dict[str, list[float]] = {}
    for repetition in range(job["repetitions"]):
        for name, described in job["contenders"].items():
            for count in rotated(job["counts"], job["turn"] + repetition):
                paces.setdefault(f"{name}, {count} threads", []).append(
                    _in_threads(described, count)
                )
    return {name: statistics.median(found) for name, found in paces.items()}


def _in_threads(described: Mapping[str, Any], count: int) -> float:
    """Each thread has tokens of its own, and all of them one contender that is warm and has seen none of them."""
    tokens = described["tokens"][WARM:]
    share = len(tokens) // count
    contender = _warm(described)
    runs = [
        contender.prepare(tokens[number * share : (number + 1) * share]) for number in range(count)
    ]
    ready = threading.Barrier(count + 1)

    def work(run: Callable[[], None]) -> None:
        ready.wait()
        run()

    workers = [threading.Thread(target=work, args=(run,)) for run in runs]
    for worker in workers:
        worker.start()
    ready.wait()
    started = time.perf_counter()
    for worker in workers:
        worker.join()
    spent = time.perf_counter() - started
    if contender.check is not None:
        contender.check(share * count)
    return share * count / spent


def _warm(described: Mapping[str, Any]) -> Contender:
    contender = _contender(**{**described, "tokens": []})
    contender.prepare(described["tokens"][:WARM])()
    if contender.check is not None:
        contender.check(len(described["tokens"][:WARM]))
    return contender


def paced(job: Mapping[str, Any]) -> dict[str, float]:
    """Says that it is ready, works when told to, and answers when it began and ended (seconds) and the tokens."""
    tokens = job["contender"]["tokens"][WARM:]
    # Every repetition meets a stack that has seen none of the tokens.
    runs = [_warm(job["contender"]).prepare(tokens) for _ in range(job["repetitions"])]
    print("ready", flush=True)
    sys.stdin.readline()
    started = time.monotonic()
    for run in runs:
        run()
    return {"started": started, "ended": time.monotonic(), "tokens": len(tokens) * len(runs)}


def remembered(job: Mapping[str, Any]) -> dict[str, float]:
    """Bytes that one token leaves behind after it was accepted."""
    requests = _requests(warm=job["warm"], jwks=job["jwks"])
    tracemalloc.start()
    return {"token": memory.kept(requests, job["tokens"])}


def growth(job: Mapping[str, Any]) -> dict[str, float]:
    """How far this process grows (bytes) over the tokens that follow on standard input, one a line."""
    requests = _requests(warm=job["warm"], jwks=job["jwks"], algorithm=job["algorithm"])
    return {"grown": memory.growth(requests, (line.strip() for line in sys.stdin))}


TASKS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, float]]] = {
    "costs": costs,
    "threads": threads,
    "paced": paced,
    "remembered": remembered,
    "growth": growth,
}


def start(task: str, **job: Any) -> subprocess.Popen[str]:
    """A worker that has got its job; whoever starts it ends it."""
    command = [sys.executable, "-m", "benchmarks.worker", task]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, cwd=CHECKOUT, stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(job) + "\n")
    process.stdin.flush()
    return process


def finish(
    process: subprocess.Popen[str], send: str | None = None, timeout: float = TIMEOUT
) -> dict[str, float]:
    """What the worker found. Raises `RuntimeError` where it failed, `TimeoutExpired` where it took too long."""
    try:
        said, complaint = process.communicate(send, timeout=timeout)
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise RuntimeError(f"a worker failed: {complaint.strip().splitlines()[-1:]}\n{complaint}")
    found: dict[str, float] = json.loads(said.splitlines()[-1])
    return found


def run(task: str, **job: Any) -> dict[str, float]:
    """What a fresh process finds."""
    return finish(start(task, **job))


def feed(process: subprocess.Popen[str], lines: Iterable[str]) -> None:
    """Send lines to a worker as fast as it reads them."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):  # one that failed says so when it is asked for its result
        for line in lines:
            process.stdin.write(line + "\n")
        process.stdin.flush()


if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](json.loads(sys.stdin.readline()))))
