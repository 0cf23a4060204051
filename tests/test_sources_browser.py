"""A session cookie in a real browser: which pages may change something with it (F12).

The pages of another port are of the same site, and of another origin. Those of another site have
the same server and its other name: browsers take `localhost` and `127.0.0.1` for two sites.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from http.cookies import SimpleCookie
from typing import Any, NamedTuple

import pytest
from browsing import Watched, needs_chromium, ordinary_window, two_sites
from playwright.sync_api import Browser, Page

from jwt_wsgi import AUTHENTICATED, PUBLIC, CrossOrigin, Issuer, StaticJWKS, protect
from jwt_wsgi.sources import bearer, from_cookie
from jwt_wsgi.testing import LocalIssuer

pytestmark = [needs_chromium, pytest.mark.slow]

LOCAL = LocalIssuer(algorithms=("ES256",))
TRUSTED = Issuer(
    LOCAL.issuer, audience=LOCAL.audience, keys=StaticJWKS(LOCAL.jwks), algorithms=["ES256"]
)
TOKEN = LOCAL.token(expires_in=86400)
COOKIE = "__Host-session"

# A page sends a form to the API, and the browser shows the answer.
FORM = """([url, method]) => {
  const form = document.createElement("form");
  form.action = url;
  form.method = method;
  document.body.append(form);
  form.submit();
}"""
FETCH = """async ([url, method]) => {
  const answer = await fetch(url, {method, credentials: "include"});
  return answer.status;
}"""


LINK = """([url]) => {
  const link = document.createElement("a");
  link.href = url;
  document.body.append(link);
  link.click();
}"""
# A page of another site may not read the answer, so the server tells what it was.
BLIND_FETCH = """([url, method]) =>
  fetch(url, {method, credentials: "include"}).then(() => null, () => null)"""


class Answer(NamedTuple):
    """The method of a request to the API, and the status and the reason of the answer."""

    method: str
    status: int
    reason: str | None = None


class Api:
    """The API, which also serves pages; pages of other origins may be listed."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.answers: list[Answer] = []
        self.cookies: list[str] = []
        self.layer: Any = None
        self.allow()

    def allow(self, *origins: str) -> None:
        for record in (self.reached, self.answers, self.cookies):
            record.clear()
        self.layer = protect(
            self._application,
            issuer=TRUSTED,
            rules={"/page": PUBLIC, "/sign-in": PUBLIC, "/": AUTHENTICATED},
            token_sources=[bearer, from_cookie(COOKIE, origins=origins)],
        )
        if origins:
            self.layer = CrossOrigin(self.layer, origins=origins, credentials=True)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/orders":
            return self.layer(environ, start_response)
        status = []

        def start(line: str, *others: Any) -> Any:
            status.append(int(line[:3]))
            return start_response(line, *others)

        self.cookies.append(environ.get("HTTP_COOKIE", ""))
        body = b"".join(self.layer(environ, start))
        reason = json.loads(body)["reason"] if status[0] >= 400 else None
        self.answers.append(Answer(environ["REQUEST_METHOD"], status[0], reason))
        return [body]

    def _application(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/page":
            return page(environ, start_response)
        if environ["PATH_INFO"] == "/sign-in":
            return sign_in(environ, start_response)
        # The browser asks for the icon of an answer too.
        if environ["PATH_INFO"] == "/orders":
            self.reached.append(environ["REQUEST_METHOD"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"changed"]


def page(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<!doctype html><title>page</title><link rel=icon href=data:,><body>"]


def sign_in(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Set the cookie as the documentation recommends, with the SameSite of the query, or none.

    The path also has a cookie that was set before, and whose value is JSON.
    """
    attributes = ["Path=/", "Secure", "HttpOnly", *filter(None, [environ["QUERY_STRING"]])]
    headers = [
        ("Content-Type", "text/plain"),
        ("Set-Cookie", 'state={"view": "list", "ids": [1, 2]}; Path=/orders'),
        ("Set-Cookie", "; ".join([f"{COOKIE}={TOKEN}", *attributes])),
    ]
    start_response("200 OK", headers)
    return [b"signed in"]


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Browser, Api, int, int]]:
    api = Api()
    with two_sites(api, page) as (browser, *ports):
        yield (browser, api, *ports)


@pytest.fixture
def scene(shared: tuple[Browser, Api, int, int]) -> Iterator[tuple[Watched, Api, str, str]]:
    """Yield a browser with the cookie, the API, its origin, and the origin of another port."""
    browser, api, api_port, page_port = shared
    api.allow()
    ours = f"http://127.0.0.1:{api_port}"
    watched = Watched(browser)
    watched.page.goto(f"{ours}/sign-in?SameSite=Lax")
    yield watched, api, ours, f"http://127.0.0.1:{page_port}"
    watched.close()


def submit(watched: Watched, origin: str, url: str, method: str) -> int:
    """Open a page of the origin, send its form, and return the status of the answer."""
    watched.page.goto(f"{origin}/page")
    with watched.page.expect_navigation() as navigation:
        watched.page.evaluate(FORM, [url, method])
    return navigation.value.status


def test_the_apis_own_page_may_change_something_f12(scene: Any) -> None:
    watched, api, ours, _ = scene
    assert submit(watched, ours, f"{ours}/orders", "post") == 200
    assert watched.page.evaluate(FETCH, [f"{ours}/orders", "DELETE"]) == 200
    assert api.reached == ["POST", "DELETE"]


def test_a_page_of_another_port_sends_the_cookie_and_is_refused_f12(scene: Any) -> None:
    watched, api, ours, other = scene
    # The cookie arrives: browsers do not tell ports apart, and GET passes with it.
    assert submit(watched, other, f"{ours}/orders", "get") == 200
    assert submit(watched, other, f"{ours}/orders", "post") == 403
    assert "cross_site" in watched.page.content()
    assert api.reached == ["GET"]


def test_a_listed_origin_may_change_something_f12(scene: Any) -> None:
    watched, api, ours, other = scene
    api.allow(other)
    watched.page.goto(f"{other}/page")
    assert watched.page.evaluate(FETCH, [f"{ours}/orders", "POST"]) == 200
    assert api.reached == ["POST"]
    api.allow("https://app.example.com")
    assert submit(watched, other, f"{ours}/orders", "post") == 403


# --- another site


@pytest.fixture(scope="module")
def window(
    shared: tuple[Browser, Api, int, int], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Page]:
    """Yield a page of a browser that sends cookies to other sites, too."""
    with ordinary_window(shared[0], tmp_path_factory.mktemp("profile")) as context:
        yield context.new_page()


@pytest.fixture
def visit(window: Page, shared: tuple[Browser, Api, int, int]) -> tuple[Page, Api, str, str]:
    """Return a page without cookies, the API, its origin, and an origin of another site."""
    _, api, api_port, page_port = shared
    window.context.clear_cookies()
    api.allow()
    return window, api, f"http://127.0.0.1:{api_port}", f"http://localhost:{page_port}"


def form(page: Page, url: str) -> None:
    with page.expect_navigation():
        page.evaluate(FORM, [url, "post"])


def link(page: Page, url: str) -> None:
    with page.expect_navigation():
        page.evaluate(LINK, [url])


def post(page: Page, url: str) -> None:
    page.evaluate(BLIND_FETCH, [url, "POST"])


def delete(page: Page, url: str) -> None:
    page.evaluate(BLIND_FETCH, [url, "DELETE"])


_CROSS = Answer("POST", 403, "cross_site")
_NO_COOKIE = Answer("POST", 401, "missing_token")
# A preflight never has cookies, and after its refusal nothing else is sent.
_PREFLIGHT = Answer("OPTIONS", 401, "missing_token")
_LINK = Answer("GET", 200)
_LINK_WITHOUT = Answer("GET", 401, "missing_token")


@pytest.mark.parametrize(
    ("same_site", "cause", "answer"),
    [
        pytest.param("SameSite=None", form, _CROSS, id="None, a form"),
        pytest.param("SameSite=None", post, _CROSS, id="None, a fetch"),
        pytest.param("SameSite=None", delete, _PREFLIGHT, id="None, a preflight"),
        pytest.param("SameSite=None", link, _LINK, id="None, a link"),
        # For two minutes, Chromium sends a new cookie without SameSite with a form.
        pytest.param("", form, _CROSS, id="no SameSite, a form"),
        pytest.param("", post, _NO_COOKIE, id="no SameSite, a fetch"),
        pytest.param("", link, _LINK, id="no SameSite, a link"),
        pytest.param("SameSite=Lax", form, _NO_COOKIE, id="Lax, a form"),
        pytest.param("SameSite=Lax", post, _NO_COOKIE, id="Lax, a fetch"),
        pytest.param("SameSite=Lax", link, _LINK, id="Lax, a link"),
        pytest.param("SameSite=Strict", form, _NO_COOKIE, id="Strict, a form"),
        pytest.param("SameSite=Strict", post, _NO_COOKIE, id="Strict, a fetch"),
        pytest.param("SameSite=Strict", link, _LINK_WITHOUT, id="Strict, a link"),
    ],
)  # fmt: skip
def test_another_site_changes_nothing_whatever_samesite_is_f12(
    visit: Any, same_site: str, cause: Any, answer: Answer
) -> None:
    page, api, ours, theirs = visit
    page.goto(f"{ours}/sign-in?{same_site}")
    page.goto(f"{theirs}/page")
    cause(page, f"{ours}/orders")
    assert api.answers == [answer]
    assert api.reached == ([answer.method] if answer.status == 200 else [])


def test_a_listed_origin_of_another_site_may_change_something_f12(visit: Any) -> None:
    page, api, ours, theirs = visit
    page.goto(f"{ours}/sign-in?SameSite=None")
    page.goto(f"{theirs}/page")
    api.allow(theirs)
    assert page.evaluate(FETCH, [f"{ours}/orders", "POST"]) == 200
    assert api.reached == ["POST"]
    api.allow("https://app.example.com")
    post(page, f"{ours}/orders")
    assert api.answers == [_CROSS]


# --- other cookies


def test_a_cookie_with_json_does_not_hide_the_session_f12(scene: Any) -> None:
    watched, api, ours, _ = scene
    watched.page.goto(f"{ours}/page")
    assert watched.page.evaluate(FETCH, [f"{ours}/orders", "POST"]) == 200
    [header] = api.cookies
    assert header.index("state={") < header.index(COOKIE)
    assert COOKIE not in SimpleCookie(header)


# The server opens no WebSocket, so the page sees an error in any case.
CONNECT = """(url) => new Promise((resolve) => {
  const socket = new WebSocket(url);
  socket.onerror = () => resolve("closed");
})"""


def test_a_websocket_with_the_cookie_needs_a_listed_origin_f12(scene: Any) -> None:
    watched, api, ours, other = scene

    def connect(page_origin: str) -> list[str]:
        api.reached.clear()
        watched.page.goto(f"{page_origin}/page")
        url = ours.replace("http:", "ws:") + "/orders"
        assert watched.page.evaluate(CONNECT, url) == "closed"
        return list(api.reached)

    # Chromium sends no Sec-Fetch-Site for a WebSocket, so the API's own origin is listed too.
    assert connect(other) == connect(ours) == []
    api.allow(ours)
    assert (connect(other), connect(ours)) == ([], ["GET"])
