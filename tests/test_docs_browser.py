"""The site in a real browser: its search, its copy buttons, and what fits on a page."""

from __future__ import annotations

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import Watched, chromium, needs_chromium
from docs_site import build
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = [needs_chromium, pytest.mark.slow]

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PHONE, DESK = 390, 1280
CONSOLE = re.compile(r"^```console[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WITH_COMMANDS = sorted(
    path.relative_to(DOCS).as_posix()
    for path in DOCS.rglob("*.md")
    if CONSOLE.search(path.read_text(encoding="utf-8"))
)
PAGES = sorted(
    re.sub(r"\bREADME\.html$", "index.html", path.relative_to(DOCS).with_suffix(".html").as_posix())
    for path in DOCS.rglob("*.md")
)

#: What users type, and the page that must be among the first three results.
SEARCHES = {
    "401": "why-refused", "403": "why-refused", "401 loop": "why-refused", "503": "key-sources",
    "debug": "why-refused", "expired": "why-refused", "token expired": "why-refused",
    "clock skew": "why-refused", "leeway": "reference/index", "invalid_token": "verdicts-and-reasons",
    "insufficient_scope": "verdicts-and-reasons", "signature_invalid": "verdicts-and-reasons",
    "kid_unknown": "verdicts-and-reasons", "bearer": "verdicts-and-reasons", "opaque": "verdicts-and-reasons",
    "decorator": "how-to/caller", "login_required": "how-to/caller", "current user": "how-to/caller",
    "remote_user": "how-to/caller", "jwt_required": "migration", "flask-jwt-extended": "migration",
    "flask-login": "how-to/other-names", "DRF": "migration",
    "django rest framework": "frameworks/django-rest-framework",
    "simplejwt": "migration", "PyJWT": "migration", "express": "migration",
    "mcp": "how-to/mcp", "model context protocol": "how-to/mcp", "fastmcp": "how-to/mcp",
    "swagger": "how-to/openapi", "openapi": "how-to/openapi", "redoc": "how-to/openapi", "cookie": "how-to/other-names",
    "csrf": "frameworks/django", "apikey": "how-to/other-names", "api key": "how-to/other-names",
    "basic auth": "how-to/other-names", "session": "how-to/other-names", "fastapi": "how-to/other-names",
    "asgi": "how-to/other-names", "websocket": "how-to/other-names", "refresh token": "how-to/other-names",
    "healthcheck": "how-to/other-names", "anonymous": "how-to/other-names",
    "public endpoint": "policy-reference", "permissions": "policy-reference", "trailing slash": "policy-reference",
    "CORS": "how-to/cors", "CORS error": "how-to/cors", "preflight": "how-to/cors",
    "keycloak": "how-to/providers", "auth0": "how-to/providers", "okta": "how-to/providers",
    "entra": "how-to/providers", "azure": "how-to/providers", "cognito": "how-to/providers",
    "google": "how-to/providers", "firebase": "how-to/providers", "roles": "how-to/providers",
    "multi-tenant": "how-to/issuers", "dry run": "how-to/report-only", "logout": "how-to/revocation",
    "blacklist": "how-to/revocation", "revoke": "how-to/revocation", "jwks": "key-sources",
    "rotate": "key-sources", "key rotation": "key-sources", "kid": "key-sources", "HS256": "key-sources",
    "secret": "key-sources", "mod_wsgi": "deployment", "WSGIPassAuthorization": "deployment",
    "nginx": "deployment", "gunicorn": "deployment", "uwsgi": "deployment", "docker": "deployment",
    "proxy": "deployment", "pytest": "testing", "mock": "testing", "log": "metrics", "logging": "metrics",
    "prometheus": "metrics", "completion": "command-line", "explain": "command-line", "performance": "performance",
}  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    ended = build(ROOT / "mkdocs.yml", folder)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return folder


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def base(site: Path) -> Iterator[str]:
    """Serve the site, and yield its address."""
    handler = functools.partial(_QuietHandler, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module", params=[PHONE, DESK], ids=["phone", "desk"])
def width(request: pytest.FixtureRequest) -> int:
    return request.param


@pytest.fixture(scope="module")
def watched(browser: Browser, width: int) -> Iterator[Watched]:
    watched = Watched(browser, width=width)
    yield watched
    watched.close()
    assert [url for url in watched.requested_urls if "//127.0.0.1:" not in url] == []
    assert watched.console_messages == []


# --- the search

# The worker of the theme answers as it does for the field: grouped by page, best first.
SEARCH = """async (queries) => {
  const config = JSON.parse(document.getElementById("__config").textContent);
  const index = await (await fetch("search/search_index.json")).json();
  const worker = new Worker(config.search);
  const ask = (message) => new Promise((done) => {
    worker.onmessage = (event) => done(event.data.data);
    worker.postMessage(message);
  });
  await ask({ type: 0, data: { ...index, options: { suggest: false } } });
  const answers = {};
  for (const query of queries) {
    const { items } = await ask({ type: 2, data: query });
    answers[query] = items.slice(0, 3).map((group) => group[0].location.split("#")[0]);
  }
  worker.terminate();
  return answers;
}"""


@pytest.fixture(scope="module")
def answers(browser: Browser, base: str) -> dict[str, list[str]]:
    page = browser.new_page()
    page.goto(f"{base}/index.html")
    found: dict[str, list[str]] = page.evaluate(SEARCH, list(SEARCHES))
    page.close()
    return found


@pytest.mark.parametrize(("query", "expected"), SEARCHES.items(), ids=SEARCHES)
def test_the_search_finds_the_page_for_a_word_f10(
    answers: dict[str, list[str]], query: str, expected: str
) -> None:
    assert f"{expected}.html" in answers[query]


def test_the_search_works_in_a_site_opened_from_a_folder_f10(
    browser: Browser, site: Path, width: int
) -> None:
    watched = Watched(browser, width=width)
    page = watched.page
    page.goto((site / "index.html").as_uri())
    if width == PHONE:
        page.locator("label.md-header__button[for=__search]").click()
    page.get_by_role("textbox", name="Search").press_sequentially("swagger")
    result = page.locator(".md-search-result__link").first
    expect(result).to_contain_text("OpenAPI and Swagger")
    expect(page.locator(".md-search-result .md-tags").first).to_be_hidden()
    result.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("OpenAPI and Swagger")
    assert [url for url in watched.requested_urls if not url.startswith("file:")] == []
    watched.close()


# --- the copy buttons


def commands(block: str) -> list[str]:
    """Return what a reader would type for a block."""
    lines = block.replace("\\\n", "\\\0").splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    return [line.split("  #")[0].rstrip().replace("\0", "\n") for line in lines]


@pytest.fixture(scope="module")
def copying(browser: Browser, base: str) -> Iterator[Page]:
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("source", WITH_COMMANDS)
def test_a_copy_button_copies_the_commands_alone_f10(copying: Page, base: str, source: str) -> None:
    copying.goto(f"{base}/{source.removesuffix('.md')}.html")
    blocks = copying.locator(".language-console")
    texts = CONSOLE.findall((DOCS / source).read_text(encoding="utf-8"))
    assert blocks.count() == len(texts)
    for number, text in enumerate(texts):
        assert copied(copying, blocks.nth(number)) == "\n".join(commands(text))


def copied(page: Page, block: Locator) -> str:
    """Press the button of a block, and return what the clipboard has then."""
    page.evaluate("navigator.clipboard.writeText('')")
    block.scroll_into_view_if_needed()
    block.hover()
    block.get_by_role("button").click()
    page.wait_for_function("async () => await navigator.clipboard.readText() !== ''")
    text: str = page.evaluate("navigator.clipboard.readText()")
    return text


def test_the_first_command_of_the_tutorial_has_no_prompt_f10(copying: Page, base: str) -> None:
    copying.goto(f"{base}/tutorial.html")
    text = copied(copying, copying.locator(".language-console").last)
    assert text == "python -m pytest -q test_api.py"


def test_a_copy_button_copies_all_of_a_python_sample_f10(copying: Page, base: str) -> None:
    copying.goto(f"{base}/index.html")
    text = copied(copying, copying.locator(".language-python").first)
    assert f"```python\n{text}\n```" in (DOCS / "index.md").read_text(encoding="utf-8")


def test_an_output_has_no_copy_button_f10(copying: Page, base: str) -> None:
    copying.goto(f"{base}/verdicts-and-reasons.html")
    output = copying.locator(".language-text").first
    expect(output).to_be_visible()
    output.hover()
    expect(output.get_by_role("button")).to_have_count(0)


# --- what fits

CUT_OFF = """() => [...document.querySelectorAll("article pre, article pre > code, .md-typeset__scrollwrap")]
  .filter((element) => element.scrollWidth > element.clientWidth + 1)
  .map((element) => element.innerText.slice(0, 60))"""

# The words of samples that are below the button for copying.
COVERED = """() => {
  const covered = [];
  for (const pre of document.querySelectorAll("article pre")) {
    const nav = pre.querySelector(".md-code__nav")?.getBoundingClientRect();
    if (!nav) continue;
    const walker = document.createTreeWalker(pre, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      for (const word of node.data.matchAll(/\\S+/g)) {
        const range = new Range();
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        const isCovered = [...range.getClientRects()].some((box) =>
          box.right > nav.left && box.left < nav.right && box.bottom > nav.top && box.top < nav.bottom);
        if (isCovered) covered.push(word[0]);
      }
    }
  }
  return covered;
}"""

# The words of code in tables that stand on two lines, although one line has room for them. A word
# of more than 28 characters may be broken after its punctuation.
BROKEN = """() => {
  const broken = [];
  for (const cell of document.querySelectorAll("article table td, article table th")) {
    const style = getComputedStyle(cell);
    const room = cell.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    for (const code of cell.querySelectorAll("code")) {
      const walker = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
      for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        const longest = Math.max(...code.textContent.split(/\\s+/).map((word) => word.length));
        const words = longest > 28 ? /(?:(?!::|[/_.,=])\\S)+/g : /\\S+/g;
        for (const word of node.data.matchAll(words)) {
          const range = new Range();
          range.setStart(node, word.index);
          range.setEnd(node, word.index + word[0].length);
          const boxes = [...range.getClientRects()];
          const width = boxes.reduce((sum, box) => sum + box.width, 0);
          if (new Set(boxes.map((box) => box.top)).size > 1 && width < room) broken.push(word[0]);
        }
      }
    }
  }
  return broken;
}"""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_cuts_off_nothing_and_breaks_no_word_of_code_f10(
    watched: Watched, base: str, name: str
) -> None:
    page = watched.page
    page.goto(f"{base}/{name}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate(CUT_OFF) == []
    assert page.evaluate(BROKEN) == []
    assert page.evaluate(COVERED) == []


@pytest.mark.parametrize("name", PAGES)
def test_the_first_screen_of_a_page_has_text_to_read_f10(
    watched: Watched, base: str, name: str
) -> None:
    page = watched.page
    page.goto(f"{base}/{name}")
    expect(page.locator("article h1")).to_be_in_viewport()
    first = page.locator("article h1 ~ *:visible").first
    expect(first).to_be_in_viewport(ratio=0.2)
    assert float(first.evaluate("e => parseFloat(getComputedStyle(e).fontSize)")) >= 12
