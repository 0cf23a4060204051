"""The load on a server: from wrk where it is installed, else from the client that the benchmark brings."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence

from benchmarks import pinned
from benchmarks.servers import THREADS
from benchmarks.worker import CHECKOUT

SCRIPT = CHECKOUT / "benchmarks" / "wrk.lua"

#: As many as each Python server has threads: none waits in a queue, none is idle.
CONNECTIONS = THREADS


def name(seconds: float) -> str:
    """The client that loads of so many seconds come from; wrk counts whole ones."""
    return "wrk" if seconds >= 1 and shutil.which("wrk") else "the benchmark's own client"


class Load:
    """The client: wrk where it is installed, else the benchmark's own; on a core of its own.

    `seconds` is how long each load lasts.
    """

    def __init__(self, seconds: float, core: int | None) -> None:
        self._seconds = seconds
        self._core = core
        self.client = name(seconds)

    def pace(self, port: int, path: str, tokens: Sequence[str], *, distinct: bool = False) -> float:
        """Answers a second. Raises `RuntimeError` where one was refused, or the distinct tokens ran out."""
        found = (self._with_wrk if self.client == "wrk" else self._own)(port, path, tokens)
        if found["refused"] or found["failed"] or not found["answers"]:
            raise RuntimeError(
                f"{path}: {found['refused']:.0f} refused, {found['failed']:.0f} failed"
            )
        if distinct and found["answers"] + CONNECTIONS > len(tokens):
            raise RuntimeError(f"{len(tokens)} distinct tokens were too few")
        return found["answers"] / found["seconds"]

    def _own(self, port: int, path: str, tokens: Sequence[str]) -> dict[str, float]:
        job = {
            "port": port,
            "path": path,
            "tokens": tokens,
            "seconds": self._seconds,
            "connections": CONNECTIONS,
        }
        return self._completed(
            [sys.executable, "-m", "benchmarks.client"], json.dumps(job) + "\n", {}
        )

    def _with_wrk(self, port: int, path: str, tokens: Sequence[str]) -> dict[str, float]:
        options = ["-t1", f"-c{CONNECTIONS}", f"-d{round(self._seconds)}s", "-s", str(SCRIPT)]
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(tokens) + "\n")
            file.flush()
            url = f"http://127.0.0.1:{port}{path}"
            return self._completed(["wrk", *options, url], "", {"BENCH_TOKENS": file.name})

    def _completed(
        self, words: list[str], said: str, environment: Mapping[str, str]
    ) -> dict[str, float]:
        ended = subprocess.run(
            pinned.command(self._core, *words),
            cwd=CHECKOUT,
            env={**os.environ, **environment},
            input=said,
            capture_output=True,
            text=True,
            timeout=self._seconds + 30,
            check=False,
        )
        if ended.returncode:
            raise RuntimeError(f"{self.client} failed: {ended.stderr[-800:]}")
        found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
        return found
