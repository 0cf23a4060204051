"""Servers as processes of their own: started, waited for, and ended whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from ports import listens
from waiting import PATIENCE

TESTS = Path(__file__).resolve().parent


@contextlib.contextmanager
def running(
    command: list[str],
    address: int | Path,
    folder: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[None]:
    """Run a server while the block runs, with the tests and the checkout on its path.

    Args:
        command: The program and its arguments.
        address: The port of 127.0.0.1 on which it listens, or the file of its unix socket.
        folder: Its working folder, which receives its output as `output.log`.
        environment: More variables of its environment.
    """
    # A server that is ended by a signal cannot report its test coverage.
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("COV", "PYTEST"))
    }
    paths = {"PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))}
    with (folder / "output.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**kept, **paths, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait(process, address, folder)
            yield
        finally:
            _end(process)


def _wait(process: subprocess.Popen[bytes], address: int | Path, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not _is_ready(address):
        assert process.poll() is None, _logs(folder)
        assert time.monotonic() < deadline, _logs(folder)
        time.sleep(0.02)


def _is_ready(address: int | Path) -> bool:
    if isinstance(address, int):
        return listens(address)
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(address)) == 0


def _logs(folder: Path) -> str:
    return "\n".join(
        log.read_text("utf-8", "replace")[-3000:] for log in sorted(folder.glob("*.log"))
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server and its workers, which are one session."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
