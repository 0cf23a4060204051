"""The page for a single-page application, with its own files, in a real browser."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

import pytest
import recipe_pages
from browsing import Watched, chromium, needs_chromium
from playwright.sync_api import Browser, expect
from ports import free_port

pytestmark = [needs_chromium, pytest.mark.slow]

ROOT = Path(__file__).resolve().parent.parent
PAGE = "how-to/spa.md"


class Running:
    """The sample and the page of the recipe, on two ports."""

    def __init__(self, browser: Browser, page_port: int, tokens: dict[str, str]) -> None:
        self._browser = browser
        self._page_port = page_port
        self.tokens = {**tokens, "none": "", "bad": "x"}

    def open(self, host: str) -> Watched:
        watched = Watched(self._browser)
        watched.page.goto(f"http://{host}:{self._page_port}/")
        return watched


def started(command: list[str], folder: Path, stack: ExitStack) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    stack.enter_context(process)
    stack.callback(process.terminate)
    return process


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("spa")
    api_port, page_port = free_port(), free_port()
    for name, text in recipe_pages.files_of(PAGE).items():
        changed = text.replace("3010", str(api_port)).replace("8080", str(page_port))
        (folder / name).write_text(changed)
    with ExitStack() as stack:
        started(["-m", "http.server", "--bind", "127.0.0.1", str(page_port)], folder, stack)
        api = started(["spa.py"], folder, stack)
        assert api.stdout is not None
        lines = [api.stdout.readline() for _ in range(2)]
        tokens = dict(re.findall(r"(\w+ \w+): (\S+)", "".join(f"{line} " for line in lines)))
        wait_for(f"http://127.0.0.1:{page_port}/")
        wait_for(f"http://127.0.0.1:{api_port}/api/public")
        names = {"scoped": tokens["the scope"], "unscoped": tokens["without it"]}
        yield Running(stack.enter_context(chromium()), page_port, names)


def wait_for(url: str) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            with urlopen(url, timeout=10):
                return
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.05)


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        pytest.param("scoped", "Hello from a private endpoint!", id="a good token"),
        pytest.param("none", "Log in (missing_token)", id="no token"),
        pytest.param("bad", "Log in (token_malformed)", id="a bad token"),
        pytest.param("unscoped", "Ask the user to allow read:messages", id="a scope is missing"),
    ],
)
def test_the_page_reads_the_answer_and_every_refusal(
    running: Running, token: str, shown: str
) -> None:
    watched = running.open("localhost")
    watched.page.fill("#token", running.tokens[token])
    watched.page.click("#call")
    expect(watched.page.locator("#answer")).to_contain_text(shown)
    watched.close()


def test_the_page_of_another_origin_gets_no_answer(running: Running) -> None:
    watched = running.open("127.0.0.1")
    watched.page.fill("#token", running.tokens["scoped"])
    watched.page.click("#call")
    expect(watched.page.locator("#answer")).to_have_text("No answer: TypeError")
    watched.close()
