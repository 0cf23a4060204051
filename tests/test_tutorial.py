"""The tutorial is executed: its files are written, its commands run, its output compared."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from ports import free_port, listens

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
#: The name of a clone's folder, which is that of the distribution.
ROOT_NAME = "jwt-wsgi"
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
BLOCKS = {title: (language, body) for language, title, body in BLOCK.findall(TEXT)}
FILES = {title: body for title, (language, body) in BLOCKS.items() if language == "python"}


def commands(title: str) -> list[tuple[str, str]]:
    """Return each command of a block with the output below it."""
    found = re.split(r"^\$ ", BLOCKS[title][1], flags=re.MULTILINE)[1:]
    return [(command, shown) for command, _, shown in (each.partition("\n") for each in found)]


def as_shown(shown: str) -> re.Pattern[str]:
    """Return a pattern for the output on the page; three dots match anything."""
    return re.compile(".*?".join(map(re.escape, shown.split("..."))), re.DOTALL)


class Reader:
    """A person who follows the tutorial, in a new folder and with a free port."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        # The PATH after `activate`.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
        for name, body in FILES.items():
            (folder / name).write_text(self.here(body))

    def here(self, text: str) -> str:
        """Return the text with the free port in place of the page's."""
        return text.replace("8080", str(self.port))

    def run(self, command: str) -> str:
        shell = ["bash", "-c", self.here(command)]
        ended = subprocess.run(
            shell,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    def call(self, command: str) -> str:
        """Run a curl command without curl, and return the body."""
        read = re.sub(
            r"\$\(cat ([\w-]+)\)",
            lambda name: (self.folder / name[1]).read_text(),
            self.here(command),
        )
        curl, silent, url, *rest = shlex.split(read)
        assert (curl, silent, rest[:1]) in (("curl", "-s", ["-H"]), ("curl", "-s", []))
        asked = urllib.request.Request(url, headers=dict([rest[1].split(": ", 1)]) if rest else {})
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return str(answer.read().decode())
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.read().decode()


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Yield a reader whose server is running."""
    reader = Reader(tmp_path_factory.mktemp("tutorial"))
    [(command, _)] = commands("server")
    program, *arguments = shlex.split(command)
    assert program == "python"
    log = (reader.folder / "log").open("w")
    server = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=reader.folder,
        env=reader.environment,
        stdout=log,
        stderr=log,
    )
    try:
        deadline = time.monotonic() + 60
        while not listens(reader.port):
            assert server.poll() is None, (reader.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield reader
    finally:
        server.terminate()
        server.wait(30)
        log.close()


@pytest.mark.parametrize("client", ["urllib", *(["curl"] if shutil.which("curl") else [])])
@pytest.mark.parametrize(
    ("command", "shown"), [pytest.param(*each, id=each[0][:60]) for each in commands("calls")]
)
def test_a_call_returns_the_response_on_the_page(
    reader: Reader, client: str, command: str, shown: str
) -> None:
    answered = reader.run(command) if client == "curl" else reader.call(command)
    assert answered.rstrip("\n") == shown.rstrip("\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "shown"), [pytest.param(*each, id=each[0]) for each in commands("tests")]
)
def test_the_tests_of_the_page_print_what_is_shown(
    reader: Reader, command: str, shown: str
) -> None:
    assert as_shown(shown.strip()).search(reader.run(command))


def test_the_production_module_of_the_page_can_be_imported(reader: Reader) -> None:
    assert (
        reader.run("python -W error -c 'import production; print(callable(production.protected))'")
        == "True\n"
    )


def test_the_page_installs_every_package_that_it_imports() -> None:
    install = next(each for each, _ in commands("install") if each.startswith("pip "))
    imported = set(re.findall(r"^(?:from|import) (\w+)", "\n".join(FILES.values()), re.MULTILINE))
    assert imported - set(sys.stdlib_module_names) == {
        "api",
        "jwt_wsgi",
        "pytest",
        "waitress",
        "webtest",
    }
    assert shlex.split(install) == ["pip", "install", ".[app]", "pytest", "webtest"]


def test_the_page_asks_for_no_name_of_the_clone_f8(tmp_path: Path) -> None:
    """Type the commands in a folder with an odd name, but install nothing."""
    clone = tmp_path / "a fork of it"
    clone.mkdir()
    typed = [each for each, _ in commands("install")]
    offline = [each.replace("-m venv", "-m venv --without-pip") for each in typed]
    script = "\n".join(["set -e", "pip() { test -d . && test $# = 4; }", *offline, "pwd"])
    ended = subprocess.run(
        ["bash", "-c", script], cwd=clone, capture_output=True, text=True, timeout=120, check=False
    )
    assert (ended.stderr, ended.stdout) == ("", f"{tmp_path / 'hello'}\n")


def test_the_log_has_the_line_of_the_page_f8(reader: Reader) -> None:
    reader.call(next(each for each, _ in commands("calls") if "poor-token" in each))
    assert BLOCKS["log"][1] in (reader.folder / "log").read_text()


def test_every_block_of_the_page_is_tested() -> None:
    assert set(BLOCKS) == {
        "install",
        "server",
        "calls",
        "log",
        "tests",
        "api.py",
        "test_api.py",
        "production.py",
    }
