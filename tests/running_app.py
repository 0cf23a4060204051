"""The sample application and other scripts, each started as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import app

APP = Path(app.__file__)
DEADLINE = 20.0

# Set but empty is as good as not set, and keeps out the `.env` of whoever runs this.
SILENT = dict.fromkeys(app.NAMES, "")


class Running:
    """A script as a process of its own; what it writes, on both streams, is in `output`."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def output(self) -> str:
        return self._log.read_text()

    def says(self, pattern: str) -> re.Match[str]:
        """The match of `pattern` in the output, once it is there."""
        deadline = time.monotonic() + DEADLINE
        while True:
            over = self.process.poll() is not None or time.monotonic() > deadline
            if match := re.search(pattern, self.output):
                return match
            if over:
                pytest.fail(f"never said {pattern!r}, but:\n{self.output}")
            time.sleep(0.02)

    def interrupt(self) -> int:
        """Ctrl-C; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            pytest.fail(f"did not end, and said:\n{self.output}")


def environment(settings: dict[str, str]) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return {**inherited, **SILENT, **settings}


@contextmanager
def running(log: Path, *command: str | Path, **settings: str) -> Iterator[Running]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(settings),
        )
    started = Running(process, log)
    try:
        yield started
    finally:
        started.interrupt()
