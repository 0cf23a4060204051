"""The sections `concurrency` and `free-threaded`: several threads, and several processes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from benchmarks import minting, peers, worker
from benchmarks.measuring import Deadline
from benchmarks.scale import Scale
from benchmarks.sections import Contenders, Measurements, pem

THREADS = (1, 2, 4, 8)

#: The environment variable with the path of a free-threaded Python.
FREE_THREADED = "PYTHON_FREE_THREADED"


def concurrency(scale: Scale, deadline: Deadline) -> Measurements:
    """Measure tokens per second with several threads, and with several processes."""
    measurements = Measurements()
    contenders = _contenders(scale)
    for turn in deadline.rounds(scale.rounds):
        paces = worker.run(
            "threads",
            counts=THREADS,
            contenders=contenders,
            repetitions=scale.repetitions,
            turn=turn,
        )
        measurements.add("tokens/s", paces)
        for name in ("stack", "bare verify"):
            one, two = (
                _processes(count, contenders[name], repetitions=scale.repetitions + 1)
                for count in (1, 2)
            )
            measurements.add("tokens/s", {f"{name}, 1 processes": one, f"{name}, 2 processes": two})
            measurements.add("times", {f"{name}, 2 processes over 1": two / one})
    return measurements


def free_threaded(scale: Scale, deadline: Deadline) -> Measurements:
    """Measure tokens per second with several threads of a Python without interpreter lock."""
    measurements = Measurements()
    python = os.environ.get(FREE_THREADED)
    reason = missing_free_threaded(python)
    if python is None or reason is not None:
        measurements.absent["free-threaded"] = reason or ""
        return measurements
    contenders = _contenders(scale)
    for turn in deadline.rounds(scale.rounds):
        paces = worker.run(
            "threads",
            python=python,
            counts=THREADS,
            contenders=contenders,
            repetitions=scale.repetitions,
            turn=turn,
        )
        measurements.add("tokens/s", paces, prefix="free-threaded, ")
    return measurements


def missing_free_threaded(python: str | None) -> str | None:
    """Return why a free-threaded Python cannot be measured, or None if it can."""
    if not python:
        return f"no free-threaded Python is named by {FREE_THREADED}"
    program = "import sys, jwt_wsgi, jwt; sys.exit(sys._is_gil_enabled())"
    process = subprocess.run(
        [python, "-W", "ignore", "-c", program],
        cwd=worker.CHECKOUT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if process.returncode == 0:
        return None
    lines = process.stderr.strip().splitlines()
    return f"the Python of {FREE_THREADED} has " + (
        f"an error: {lines[-1]}" if lines else "an interpreter lock"
    )


def _contenders(scale: Scale) -> Contenders:
    issuer = minting.local_issuer()
    tokens = minting.mint(issuer, worker.WARM + scale.tokens)
    contenders: Contenders = {
        "stack": {"kind": "stack", "jwks": issuer.jwks, "tokens": tokens},
        "bare verify": {"kind": "bare", "pem": pem(issuer), "algorithm": "RS256", "tokens": tokens},
    }
    if "PyJWT" not in peers.absent():
        contenders["PyJWT"] = {"kind": "PyJWT", "pem": pem(issuer), "tokens": tokens}
    return contenders


def _processes(count: int, contender: Mapping[str, Any], repetitions: int) -> float:
    """Return the tokens per second of `count` processes that start together."""
    with ExitStack() as cleanup:
        workers = []
        for _ in range(count):
            process = worker.start("paced", contender=contender, repetitions=repetitions)
            cleanup.callback(worker.kill, process)
            workers.append(process)
        for process in workers:
            assert process.stdout is not None
            # The line is "ready", or empty if the process failed, which `finish` reports.
            process.stdout.readline()
        for process in workers:
            worker.feed(process, ["go"])
        spans = [worker.finish(process) for process in workers]
    started = min(span["started"] for span in spans)
    ended = max(span["ended"] for span in spans)
    return sum(span["tokens"] for span in spans) / (ended - started)
