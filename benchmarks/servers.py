"""The servers: the same application behind each of them, and the Express stack."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import pinned
from benchmarks.worker import CHECKOUT

EXPRESS = CHECKOUT / "benchmarks" / "express"

#: Of every Python server, in its one process.
THREADS = 4

#: Seconds until a server must answer, and until one that was told to end must have ended.
STARTING, ENDING = 20.0, 5.0


@dataclass(frozen=True)
class Server:
    """A way to serve the sample; `missing` says why it cannot be done here, or None."""

    command: Callable[[int], list[str]]
    missing: Callable[[], str | None]


def _beside_python(name: str) -> str | None:
    return shutil.which(name, path=str(Path(sys.executable).parent))


def _lacks(*modules: str) -> Callable[[], str | None]:
    def missing() -> str | None:
        absent = [name for name in modules if importlib.util.find_spec(name) is None]
        return f"{absent[0]} is not installed" if absent else None

    return missing


def _express_missing() -> str | None:
    if shutil.which("node") is None:
        return "Node is not installed"
    return (
        None
        if (EXPRESS / "node_modules").is_dir()
        else "the Express stack is not installed (npm ci)"
    )


SAMPLE = ("waitress", "webob", "dotenv")


def _gunicorn(port: int) -> list[str]:
    options = [
        "--workers",
        "1",
        "--worker-class",
        "gthread",
        "--threads",
        str(THREADS),
        "--log-level",
        "critical",
    ]
    bound = ["--bind", f"127.0.0.1:{port}", "--no-control-socket"]
    return [sys.executable, "-m", "gunicorn", *bound, *options, "benchmarks.served:application"]


def _uwsgi(port: int) -> list[str]:
    options = [
        "--master",
        "--need-app",
        "--lazy-apps",
        "--enable-threads",
        "--disable-logging",
        "--die-on-term",
    ]
    places = [
        "--http11-socket",
        f"127.0.0.1:{port}",
        "--home",
        sys.prefix,
        "--pythonpath",
        str(CHECKOUT),
    ]
    counts = ["--processes", "1", "--threads", str(THREADS), "--buffer-size", "32768"]
    return [
        _beside_python("uwsgi") or "uwsgi",
        *places,
        *counts,
        *options,
        "--module",
        "benchmarks.served:application",
    ]


def _granian(port: int) -> list[str]:
    options = ["--workers", "1", "--blocking-threads", str(THREADS), "--log-level", "critical"]
    places = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    return [sys.executable, "-m", "granian", *places, *options, "benchmarks.served:application"]


SERVERS: Mapping[str, Server] = {
    "waitress": Server(lambda port: [sys.executable, "app.py"], _lacks(*SAMPLE)),
    "Express": Server(lambda port: ["node", str(EXPRESS / "server.js")], _express_missing),
    "gunicorn": Server(_gunicorn, _lacks("gunicorn", *SAMPLE)),
    "uWSGI": Server(
        _uwsgi,
        lambda: (
            _lacks(*SAMPLE)() or (None if _beside_python("uwsgi") else "uWSGI is not installed")
        ),
    ),
    "Granian": Server(_granian, _lacks("granian", *SAMPLE)),
}


@contextmanager
def running(name: str, environment: Mapping[str, str], core: int | None) -> Iterator[int]:
    """The server, on its core; yields its port, and ends it whatever happens.

    Raises `RuntimeError` where it does not come up.
    """
    port = free_port()
    given = {
        **os.environ,
        **environment,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "NODE_ENV": "production",
    }
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(
            pinned.command(core, *SERVERS[name].command(port)),
            cwd=CHECKOUT,
            env=given,
            stdin=subprocess.DEVNULL,
            stdout=complaints,
            stderr=complaints,
            start_new_session=True,
        )
        try:
            if not _answers(process, port):
                complaints.seek(0)
                raise RuntimeError(
                    f"{name} does not answer: {complaints.read().decode(errors='replace')[-800:]}"
                )
            yield port
        finally:
            end(process)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    end_of_patience = time.monotonic() + STARTING
    while process.poll() is None and time.monotonic() < end_of_patience:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


def end(process: subprocess.Popen[bytes]) -> None:
    """End the process and everything that it started."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            break
        try:
            process.wait(ENDING)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
