"""The load on a server: wrk if it is installed, else the benchmark's own client."""

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

#: One for each thread of a Python server, so that no request waits and no thread is idle.
CONNECTIONS = THREADS


def name(seconds: float) -> str:
    """Return the name of the client for loads of so many seconds; wrk takes whole seconds only."""
    if seconds >= 1 and shutil.which("wrk"):
        return "wrk"
    return "the benchmark's own client"


class Load:
    """A client on one core.

    Args:
        seconds: The duration of each load.
        core: The core of the client, or None for any.
        connections: The number of keep-alive connections.
        body: The JSON that each request posts; without it, requests get.
    """

    def __init__(
        self, seconds: float, core: int | None, *, connections: int = CONNECTIONS, body: bytes = b""
    ) -> None:
        self._seconds = seconds
        self._core = core
        self._connections = connections
        self._body = body
        self.client = name(seconds)

    def pace(self, port: int, path: str, tokens: Sequence[str], *, distinct: bool = False) -> float:
        """Return the answers per second.

        Raises:
            RuntimeError: An answer was a refusal, or there were too few distinct tokens.
        """
        run = self._with_wrk if self.client == "wrk" else self._with_own_client
        counts = run(port, path, tokens)
        if counts["refused"] or counts["failed"] or not counts["answers"]:
            raise RuntimeError(
                f"{path}: {counts['refused']:.0f} refused, {counts['failed']:.0f} failed"
            )
        if distinct and counts["answers"] + self._connections > len(tokens):
            raise RuntimeError(f"{len(tokens)} distinct tokens were too few")
        return counts["answers"] / counts["seconds"]

    def warm_up(self, port: int, path: str, token: str) -> None:
        """Load a server for a second at most, so that its caches are full.

        Raises:
            RuntimeError: An answer was a refusal.
        """
        seconds = min(self._seconds, 1)
        short = Load(seconds, self._core, connections=self._connections, body=self._body)
        short.pace(port, path, [token])

    def _with_own_client(self, port: int, path: str, tokens: Sequence[str]) -> dict[str, float]:
        job = {
            "port": port,
            "path": path,
            "tokens": tokens,
            "seconds": self._seconds,
            "connections": self._connections,
            "body": self._body.decode(),
        }
        return self._run([sys.executable, "-m", "benchmarks.client"], json.dumps(job) + "\n", {})

    def _with_wrk(self, port: int, path: str, tokens: Sequence[str]) -> dict[str, float]:
        options = ["-t1", f"-c{self._connections}", f"-d{round(self._seconds)}s", "-s", str(SCRIPT)]
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(tokens) + "\n")
            file.flush()
            url = f"http://127.0.0.1:{port}{path}"
            variables = {"BENCH_TOKENS": file.name, "BENCH_BODY": self._body.decode()}
            return self._run(["wrk", *options, url], "", variables)

    def _run(
        self, command: list[str], stdin: str, environment: Mapping[str, str]
    ) -> dict[str, float]:
        process = subprocess.run(
            pinned.command(self._core, *command),
            cwd=CHECKOUT,
            env={**os.environ, **environment},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=self._seconds + 30,
            check=False,
        )
        if process.returncode:
            raise RuntimeError(f"{self.client} failed: {process.stderr[-800:]}")
        counts: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
        return counts
