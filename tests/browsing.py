"""A real browser for tests: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium")

#: For tests that ask for the browser.
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="needs chromium: apt-get install chromium"
)

# Nothing of its own leaves the machine, and no name but loopback's resolves.
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]

#: Milliseconds that anything may take on a busy machine.
PATIENCE = 60_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, headless, with an empty profile."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=_QUIET, timeout=PATIENCE
        )
        try:
            yield browser
        finally:
            browser.close()


class Watched:
    """A page of its own profile, with what it said on its console and whom it asked."""

    def __init__(self, browser: Browser, *, width: int = 1280, scheme: str = "light") -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme
        )
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.said: list[tuple[str, str]] = []
        self.asked: list[str] = []
        self.page.on(
            "console",
            lambda message: self.said.append((message.text, message.location.get("url", ""))),
        )
        self.page.on("pageerror", lambda error: self.said.append((f"uncaught: {error}", "")))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def close(self) -> None:
        self.context.close()
