"""The servers: the sample application behind each Python server, and the Express stack."""

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
from functools import partial
from pathlib import Path

from benchmarks import pinned
from benchmarks.worker import CHECKOUT

EXPRESS = CHECKOUT / "benchmarks" / "express"

#: The threads of every Python server, in one process.
THREADS = 4

#: Seconds within which a server must answer.
START_TIMEOUT = 20.0
#: Seconds within which a server must end after a signal.
END_TIMEOUT = 5.0


@dataclass(frozen=True)
class Server:
    """A server: its command for a port, and the reason why it cannot run here, or None."""

    command: Callable[[int], list[str]]
    missing: Callable[[], str | None]


def _beside_python(name: str) -> str | None:
    return shutil.which(name, path=str(Path(sys.executable).parent))


def _requires(*modules: str) -> Callable[[], str | None]:
    """Return a function that names a module that is not installed, if there is one."""

    def missing() -> str | None:
        for name in modules:
            if importlib.util.find_spec(name) is None:
                return f"{name} is not installed"
        return None

    return missing


def _uwsgi_missing() -> str | None:
    if _beside_python("uwsgi") is None:
        return _requires(*SAMPLE)() or "uWSGI is not installed"
    return _requires(*SAMPLE)()


def _express_missing() -> str | None:
    if shutil.which("node") is None:
        return "Node is not installed"
    if not (EXPRESS / "node_modules").is_dir():
        return "the Express stack is not installed (npm ci)"
    return None


#: The modules that the sample application needs.
SAMPLE = ("waitress", "webob", "dotenv")


#: The sample application and the measured view, as WSGI servers import them.
SAMPLE_APP = "benchmarks.served:application"
VIEW_APP = "benchmarks.views.served:application"


def _waitress(port: int, app: str = SAMPLE_APP, threads: int = THREADS) -> list[str]:
    command = [sys.executable, "-m", "waitress", "--host", "127.0.0.1", "--port", str(port)]
    return [*command, "--threads", str(threads), app]


def _gunicorn(port: int, app: str = SAMPLE_APP) -> list[str]:
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}"]
    command += ["--workers", "1", "--worker-class", "gthread", "--threads", str(THREADS)]
    command += ["--no-control-socket", "--log-level", "critical"]
    return [*command, app]


def _uwsgi(port: int) -> list[str]:
    command = [_beside_python("uwsgi") or "uwsgi", "--http11-socket", f"127.0.0.1:{port}"]
    command += ["--home", sys.prefix, "--pythonpath", str(CHECKOUT)]
    command += ["--processes", "1", "--threads", str(THREADS), "--buffer-size", "32768"]
    command += ["--master", "--need-app", "--lazy-apps", "--enable-threads"]
    command += ["--disable-logging", "--die-on-term"]
    return [*command, "--module", SAMPLE_APP]


def _granian(port: int) -> list[str]:
    command = [sys.executable, "-m", "granian", "--interface", "wsgi"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--blocking-threads", str(THREADS), "--log-level", "critical"]
    return [*command, SAMPLE_APP]


#: The servers of the sample application, and the Express stack.
SERVERS: Mapping[str, Server] = {
    "waitress": Server(lambda port: [sys.executable, "app.py"], _requires(*SAMPLE)),
    "Express": Server(lambda port: ["node", str(EXPRESS / "server.js")], _express_missing),
    "gunicorn": Server(_gunicorn, _requires("gunicorn", *SAMPLE)),
    "uWSGI": Server(_uwsgi, _uwsgi_missing),
    "Granian": Server(_granian, _requires("granian", *SAMPLE)),
}

#: The sample application with different numbers of threads.
THREADED: Mapping[str, Server] = {
    f"waitress with threads={threads}": Server(
        partial(_waitress, threads=threads), _requires(*SAMPLE)
    )
    for threads in (1, 8)
}

#: The servers of the measured view of Flask.
VIEWED: Mapping[str, Server] = {
    "waitress with the view": Server(
        partial(_waitress, app=VIEW_APP), _requires("waitress", "flask")
    ),
    "gunicorn with the view": Server(
        partial(_gunicorn, app=VIEW_APP), _requires("gunicorn", "flask")
    ),
}

ALL: Mapping[str, Server] = {**SERVERS, **THREADED, **VIEWED}


@contextmanager
def running(name: str, environment: Mapping[str, str], core: int | None) -> Iterator[int]:
    """Run a server on its core, yield its port, and end it.

    Raises:
        RuntimeError: The server does not answer in time.
    """
    port = free_port()
    variables = {
        **os.environ,
        **environment,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "NODE_ENV": "production",
    }
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            pinned.command(core, *ALL[name].command(port)),
            cwd=CHECKOUT,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            if not _answers(process, port):
                log.seek(0)
                text = log.read().decode(errors="replace")
                raise RuntimeError(f"{name} does not answer: {text[-800:]}")
            yield port
        finally:
            end(process)


def free_port() -> int:
    """Return a port on which no process listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until the server accepts a connection; return False if it ends or takes too long."""
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return True
        except OSError:
            time.sleep(0.05)
    return False


def end(process: subprocess.Popen[bytes]) -> None:
    """End the process and its descendants."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(END_TIMEOUT)
        except subprocess.TimeoutExpired:
            continue
    process.wait()
