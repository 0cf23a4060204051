"""`make newcomer`: what README.md and the tutorial tell a new user to type, typed into a fresh clone and environment.

Every command runs as it is written, in bash, but for the ports, which are free ones. It ends with the
number of commands, or with the first one that does not do what the page says.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ports import free_port

CHECKOUT = Path(__file__).resolve().parent.parent
#: Seconds; `make test` is one of the commands.
PATIENCE = 3600


class Newcomer:
    """Someone in front of a shell: `typed` are the commands so far."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.typed = folder, 0

    def types(self, command: str, within: Path, **more: str) -> str:
        """What the command prints; raises `SystemExit` where it fails."""
        self.typed += 1
        print(f"$ {command[:100]}", flush=True)
        ended = subprocess.run(
            ["bash", "-c", command], cwd=within, env={**clean(), **more}, capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip
        if ended.returncode != 0:
            raise SystemExit(
                f"it ends with {ended.returncode}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}"
            )
        return ended.stdout

    @contextmanager
    def leaves_running(self, command: str, within: Path, log: Path, **more: str) -> Iterator[None]:
        """A command of another terminal, ended by Ctrl-C."""
        self.typed += 1
        print(f"$ {command[:100]}", flush=True)
        with log.open("w") as output:
            server = subprocess.Popen(
                ["bash", "-c", command], cwd=within, env={**clean(), **more}, stdout=output, stderr=output,
                start_new_session=True,
            )  # fmt: skip
        try:
            yield
        finally:
            os.killpg(server.pid, signal.SIGINT)
            server.wait(60)


def clean() -> dict[str, str]:
    """The environment without the one that this script runs in."""
    mine = str(Path(sys.executable).parent)
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != mine)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV", "MAKE"))
    }
    return {**kept, "PATH": path}


def eventually(log: Path, what: str) -> str:
    """The log, once it says this."""
    for _ in range(6000):
        if log.exists() and what in (text := log.read_text()):
            return text
        time.sleep(0.1)
    raise SystemExit(f"it never says {what!r}: {log.read_text()[-2000:]}")


def readme(one: Newcomer, clone: Path) -> None:
    """The two commands, and the curl lines that the first one prints."""
    text = (clone / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```console\n(make serve.*?)```", text, re.DOTALL)
    assert block is not None
    serve, test = (line.partition("#")[0].strip() for line in block[1].splitlines())
    log, port = one.folder / "serve.log", str(free_port())
    with one.leaves_running(serve, clone, log, PORT=port):
        said = eventually(log, "# 401: an expired token")
        for status, line in re.findall(r"^# (\d+): .*\n(curl .*)$", said, re.MULTILINE):
            answer = one.types(line, clone)
            if f" {status} " not in answer.splitlines()[0]:
                raise SystemExit(f"{status} was promised: {answer[:500]}")
    one.types(test, clone)


def tutorial(one: Newcomer, clone: Path) -> None:
    """Its commands in one shell a block, its files written beside them."""
    text = (
        (clone / "docs" / "tutorial.md")
        .read_text(encoding="utf-8")
        .replace("8080", str(free_port()))
    )
    found = re.findall(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', text, re.DOTALL | re.MULTILINE)
    blocks = {title: body for _, title, body in found}
    typed = {title: re.findall(r"^\$ (.*)$", body, re.MULTILINE) for title, body in blocks.items()}
    one.typed += len(typed["install"]) - 1
    one.types("\n".join(["set -e", *typed["install"]]), one.folder)
    hello = one.folder / "hello"
    for language, title, body in found:
        if language == "python":
            (hello / title).write_text(body, encoding="utf-8")
    inside = ". venv/bin/activate && "
    log = one.folder / "server.log"
    [server] = typed["server"]
    with one.leaves_running(f"{inside}exec {server}", hello, log):
        address = re.search(r"http://[\w.]+:(\d+)", text)
        assert address is not None
        while subprocess.run(
            ["bash", "-c", f"</dev/tcp/127.0.0.1/{address[1]}"], capture_output=True
        ).returncode:
            time.sleep(0.1)
        parts = re.split(r"^\$ ", blocks["calls"], flags=re.MULTILINE)[1:]
        for command, _, shown in (part.partition("\n") for part in parts):
            answer = one.types(command, hello)
            if answer.strip() != shown.strip():
                raise SystemExit(f"{shlex.quote(shown)} was promised: {answer[:500]}")
    for command in typed["tests"]:
        one.types(inside + command, hello)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        one = Newcomer(Path(name))
        clone = one.folder / "jwt-wsgi"
        subprocess.run(["git", "clone", "--quiet", CHECKOUT, clone], check=True)
        for page, follow in {"docs/tutorial.md": tutorial, "README.md": readme}.items():
            before, began = one.typed, time.monotonic()
            follow(one, clone)
            print(
                f"{page}: {one.typed - before} commands, {time.monotonic() - began:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
