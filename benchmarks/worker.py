"""A fresh process that runs one job and returns the result, each as one line of JSON.

Each round is measured in a process that has never seen its tokens, so that no library has cached
them.
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
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import memory, peers, policies, stack
from benchmarks.measuring import Contender, added_costs, batch_costs, rotated

CHECKOUT = Path(__file__).resolve().parent.parent

#: So many first tokens of a list warm a contender up before all its work is timed at once.
WARM = 40

#: Seconds after which a worker is killed.
TIMEOUT = 240.0


def costs(job: Mapping[str, Any]) -> dict[str, float]:
    """Return the cost of a token for every contender, in nanoseconds of processor time.

    With the member `bases` of a job, the result also holds what contenders cost more than others.
    """
    contenders = {name: _contender(**options) for name, options in job["contenders"].items()}
    batches = batch_costs(contenders, batches=job["batches"], turn=job["turn"])
    result = {name: statistics.median(values) for name, values in batches.items()}
    for name, added in added_costs(batches, job.get("bases", {})).items():
        result[f"{name}, added"] = added
    return result


def _contender(kind: str, tokens: Sequence[str], **options: Any) -> Contender:
    if kind == "view":
        # Only the section of the views needs the frameworks.
        from benchmarks.views import contenders

        return contenders.contend(tokens, **options)
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
    """Return requests to a new stack.

    Args:
        status: The status that every answer must have.
        spread: True sends each request to a new path, below the paths of all rules in turn.
        warm: Tokens to send before the measurement.
        rules: The number of rules.
        **options: Other arguments of `stack.stack`.
    """
    path_of = partial(stack.new_path, rules=rules) if spread else None
    requests = stack.Requests(stack.stack(rules=rules, **options), status=status, path_of=path_of)
    requests.prepare(warm)()
    requests.check(len(warm))
    return requests


def threads(job: Mapping[str, Any]) -> dict[str, float]:
    """Return the tokens per second of all threads, for each number of threads and each contender.

    The result is the median of the repetitions. The numbers of threads take turns.
    """
    paces: dict[str, list[float]] = {}
    for repetition in range(job["repetitions"]):
        for name, options in job["contenders"].items():
            for count in rotated(job["counts"], job["turn"] + repetition):
                pace = _pace_of_threads(options, count)
                paces.setdefault(f"{name}, {count} threads", []).append(pace)
    return {name: statistics.median(values) for name, values in paces.items()}


def _pace_of_threads(options: Mapping[str, Any], count: int) -> float:
    """Return the tokens per second of threads that share one warm contender.

    Each thread has its own tokens, and the contender has seen none of them.
    """
    tokens = options["tokens"][WARM:]
    share = len(tokens) // count
    contender = _warm_contender(options)
    runs = [
        contender.prepare(tokens[number * share : (number + 1) * share]) for number in range(count)
    ]
    ready = threading.Barrier(count + 1)

    def work(run: Callable[[], None]) -> None:
        ready.wait()
        run()

    all_threads = [threading.Thread(target=work, args=(run,)) for run in runs]
    for thread in all_threads:
        thread.start()
    ready.wait()
    started = time.perf_counter()
    for thread in all_threads:
        thread.join()
    duration = time.perf_counter() - started
    if contender.check is not None:
        contender.check(share * count)
    return share * count / duration


def _warm_contender(options: Mapping[str, Any]) -> Contender:
    tokens = options["tokens"][:WARM]
    contender = _contender(**{**options, "tokens": []})
    contender.prepare(tokens)()
    if contender.check is not None:
        contender.check(len(tokens))
    return contender


def paced(job: Mapping[str, Any]) -> dict[str, float]:
    """Report readiness, wait for a line, and return start and end in seconds and the tokens."""
    tokens = job["contender"]["tokens"][WARM:]
    # The stack of each repetition has seen none of the tokens.
    runs = [_warm_contender(job["contender"]).prepare(tokens) for _ in range(job["repetitions"])]
    print("ready", flush=True)
    sys.stdin.readline()
    started = time.monotonic()
    for run in runs:
        run()
    return {"started": started, "ended": time.monotonic(), "tokens": len(tokens) * len(runs)}


def token_memory(job: Mapping[str, Any]) -> dict[str, float]:
    """Return the bytes that one token occupies after it was accepted."""
    requests = _requests(warm=job["warm"], jwks=job["jwks"])
    tracemalloc.start()
    return {"token": memory.bytes_per_token(requests, job["tokens"])}


def growth(job: Mapping[str, Any]) -> dict[str, float]:
    """Return the growth of this process in bytes; the tokens are lines of standard input."""
    requests = _requests(warm=job["warm"], jwks=job["jwks"], algorithm=job["algorithm"])
    return {"grown": memory.growth(requests, (line.strip() for line in sys.stdin))}


TASKS: Mapping[str, Callable[[Mapping[str, Any]], dict[str, float]]] = {
    "costs": costs,
    "threads": threads,
    "paced": paced,
    "token_memory": token_memory,
    "growth": growth,
    "policy": policies.policy,
}


def start(task: str, *, python: str = sys.executable, **job: Any) -> subprocess.Popen[str]:
    """Start a worker and send the job. The caller must end the worker.

    Args:
        task: The name of the task.
        python: The interpreter of the worker.
        **job: The job.
    """
    command = [python, "-m", "benchmarks.worker", task]
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
    """Return the result of a worker.

    Raises:
        RuntimeError: The worker failed.
        TimeoutExpired: The worker took too long.
    """
    try:
        stdout, stderr = process.communicate(send, timeout=timeout)
    finally:
        kill(process)
    if process.returncode:
        raise RuntimeError(f"a worker failed: {stderr.strip().splitlines()[-1:]}\n{stderr}")
    result: dict[str, float] = json.loads(stdout.splitlines()[-1])
    return result


def kill(process: subprocess.Popen[str]) -> None:
    """End a worker at once."""
    process.kill()
    process.wait()


def run(task: str, *, python: str = sys.executable, **job: Any) -> dict[str, float]:
    """Return the result of a fresh process."""
    return finish(start(task, python=python, **job))


def feed(process: subprocess.Popen[str], lines: Iterable[str]) -> None:
    """Send lines to a worker as fast as it reads them."""
    assert process.stdin is not None
    # `finish` reports a worker that failed.
    with suppress(BrokenPipeError):
        for line in lines:
            process.stdin.write(line + "\n")
        process.stdin.flush()


if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](json.loads(sys.stdin.readline()))))
