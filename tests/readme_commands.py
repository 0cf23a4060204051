"""`make test-readme`: type the commands of README.md and of the tutorial into a fresh clone.

Every command runs in bash as it is written, except that ports are replaced by free ones. The program
prints the number of commands, or stops at the first one that does not do what the page says.

`make dist` gives it a wheel (`--wheel PATH`): then only the tutorial is followed, in an empty folder, and
its commands install that wheel.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ports import free_port

CHECKOUT = Path(__file__).resolve().parent.parent
#: Seconds; `make test` is one of the commands.
PATIENCE = 3600


class Shell:
    """A shell in an environment of its own; `typed` counts the commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.typed = 0

    def run(self, command: str, within: Path, **more: str) -> str:
        """Return what the command prints; raise `SystemExit` if it fails."""
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
    def started(self, command: str, within: Path, log: Path, **more: str) -> Iterator[None]:
        """Run a command beside the others, and end it by Ctrl-C."""
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
    """Return the environment variables without those of the environment that runs this script."""
    mine = str(Path(sys.executable).parent)
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != mine)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV", "MAKE"))
    }
    return {**kept, "PATH": path}


def wait_for_text(log: Path, text: str) -> str:
    """Return the content of the log as soon as it has this text."""
    for _ in range(6000):
        content = log.read_text() if log.exists() else ""
        if text in content:
            return content
        time.sleep(0.1)
    raise SystemExit(f"{text!r} is not in the log: {log.read_text()[-2000:]}")


def readme(shell: Shell, clone: Path) -> None:
    """Run the commands of README.md, and the curl lines that the first one prints."""
    text = (clone / "README.md").read_text(encoding="utf-8")
    block = re.search(r"```console\n(make serve.*?)```", text, re.DOTALL)
    assert block is not None
    serve, *others = (line.partition("#")[0].strip() for line in block[1].splitlines())
    log = shell.folder / "serve.log"
    port = str(free_port())
    with shell.started(serve, clone, log, PORT=port):
        printed = wait_for_text(log, "# 401: an expired token")
        for status, line in re.findall(r"^# (\d+): .*\n(curl .*)$", printed, re.MULTILINE):
            answer = shell.run(line, clone)
            if f" {status} " not in answer.splitlines()[0]:
                raise SystemExit(f"the page promises {status}: {answer[:500]}")
    for command in others:
        shell.run(command, clone)


def tutorial(shell: Shell, folder: Path, package: str = ".[app]") -> None:
    """Write the files of the tutorial, and run the commands of each block in one shell."""
    text = (
        (CHECKOUT / "docs" / "tutorial.md")
        .read_text(encoding="utf-8")
        .replace("8080", str(free_port()))
    )
    found = re.findall(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', text, re.DOTALL | re.MULTILINE)
    blocks = {title: body for _, title, body in found}
    typed = {title: re.findall(r"^\$ (.*)$", body, re.MULTILINE) for title, body in blocks.items()}
    shell.typed += len(typed["install"]) - 1
    install = [command.replace("'.[app]'", shlex.quote(package)) for command in typed["install"]]
    shell.run("\n".join(["set -e", *install]), folder)
    hello = shell.folder / "hello"
    for language, title, body in found:
        if language == "python":
            (hello / title).write_text(body, encoding="utf-8")
    inside = ". venv/bin/activate && "
    log = shell.folder / "server.log"
    [server] = typed["server"]
    with shell.started(f"{inside}exec {server}", hello, log):
        address = re.search(r"http://[\w.]+:(\d+)", text)
        assert address is not None
        while subprocess.run(
            ["bash", "-c", f"</dev/tcp/127.0.0.1/{address[1]}"], capture_output=True
        ).returncode:
            time.sleep(0.1)
        parts = re.split(r"^\$ ", blocks["calls"], flags=re.MULTILINE)[1:]
        for command, _, shown in (part.partition("\n") for part in parts):
            answer = shell.run(command, hello)
            if answer.strip() != shown.strip():
                raise SystemExit(f"the page promises {shlex.quote(shown)}: {answer[:500]}")
    for command in typed["tests"]:
        shell.run(inside + command, hello)


def follow(page: str, read: Callable[[Shell], None], shell: Shell) -> None:
    """Do what a page says, and print how much that was."""
    before = shell.typed
    began = time.monotonic()
    read(shell)
    seconds = time.monotonic() - began
    print(f"{page}: {shell.typed - before} commands, {seconds:.0f} s", flush=True)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--wheel", type=Path)
    wheel = options.parse_args().wheel
    # A shell starts what runs in its background with SIGINT ignored, and the servers would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as name:
        shell = Shell(Path(name))
        place = shell.folder / "a clone"
        if wheel is not None:
            place.mkdir()
            package = f"{wheel.resolve()}[app]"
            follow("docs/tutorial.md", lambda shell: tutorial(shell, place, package), shell)
            return
        subprocess.run(["git", "clone", "--quiet", CHECKOUT, place], check=True)
        follow("docs/tutorial.md", lambda shell: tutorial(shell, place), shell)
        follow("README.md", lambda shell: readme(shell, place), shell)


if __name__ == "__main__":
    main()
