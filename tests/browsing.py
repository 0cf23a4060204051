"""A real browser for tests: Debian's chromium, driven by Playwright."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from serving import served

CHROMIUM = shutil.which("chromium")

#: For tests that ask for the browser.
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="needs chromium: apt-get install chromium"
)

# The browser sends nothing by itself, and resolves only names of loopback.
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
    """Yield a headless browser with an empty profile."""
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=_QUIET, timeout=PATIENCE
        )
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def two_sites(app: Any, page: Any) -> Iterator[tuple[Browser, int, int]]:
    """Serve an application, and pages of another origin; yield a browser and the two ports."""
    with (
        served(app, threads=2) as port,
        served(page, threads=2) as page_port,
        chromium() as browser,
    ):
        yield browser, port, page_port


@contextmanager
def ordinary_window(browser: Browser, folder: Path) -> Iterator[BrowserContext]:
    """Yield a second browser that sends cookies to other sites than the page's, too.

    The contexts of `browser` are private windows, which leave such cookies out.

    Args:
        browser: A running browser.
        folder: An empty folder for the profile.
    """
    (folder / "Default").mkdir()
    preferences = {"profile": {"cookie_controls_mode": 0}}
    (folder / "Default" / "Preferences").write_text(json.dumps(preferences))
    context = browser.browser_type.launch_persistent_context(
        folder, executable_path=CHROMIUM, args=_QUIET, timeout=PATIENCE
    )
    context.set_default_timeout(PATIENCE)
    try:
        yield context
    finally:
        context.close()


class Watched:
    """A page with a new profile, its console messages and the URLs of its requests."""

    def __init__(self, browser: Browser, *, width: int = 1280, scheme: str = "light") -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 800}, color_scheme=scheme
        )
        self.context.set_default_timeout(PATIENCE)
        self.page: Page = self.context.new_page()
        self.console_messages: list[tuple[str, str]] = []
        self.requested_urls: list[str] = []
        self.page.on(
            "console",
            lambda message: self.console_messages.append(
                (message.text, message.location.get("url", ""))
            ),
        )
        self.page.on(
            "pageerror", lambda error: self.console_messages.append((f"uncaught: {error}", ""))
        )
        self.page.on("request", lambda request: self.requested_urls.append(request.url))

    def close(self) -> None:
        self.context.close()
