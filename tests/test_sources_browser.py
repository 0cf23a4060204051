"""A session cookie in a real browser: which pages may change something with it (F12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from browsing import Watched, chromium, needs_chromium
from playwright.sync_api import Browser
from serving import served

from jwt_wsgi import AUTHENTICATED, PUBLIC, CrossOrigin, Issuer, StaticJWKS, protect
from jwt_wsgi.sources import bearer, from_cookie
from jwt_wsgi.testing import LocalIssuer

pytestmark = [needs_chromium, pytest.mark.slow]

LOCAL = LocalIssuer(algorithms=("ES256",))
TRUSTED = Issuer(
    LOCAL.issuer, audience=LOCAL.audience, keys=StaticJWKS(LOCAL.jwks), algorithms=["ES256"]
)
TOKEN = LOCAL.token(expires_in=86400)
COOKIE = "session"

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


class Api:
    """The API, which also serves a page; a page of another port may be listed."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.layer: Any = None
        self.allow()

    def allow(self, *origins: str) -> None:
        self.reached.clear()
        self.layer = protect(
            self._application,
            issuer=TRUSTED,
            rules={"/page": PUBLIC, "/": AUTHENTICATED},
            token_sources=[bearer, from_cookie(COOKIE, origins=origins)],
        )
        if origins:
            self.layer = CrossOrigin(self.layer, origins=origins, credentials=True)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return self.layer(environ, start_response)

    def _application(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/page":
            return page(environ, start_response)
        # The browser asks for the icon of an answer too.
        if environ["PATH_INFO"] == "/orders":
            self.reached.append(environ["REQUEST_METHOD"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"changed"]


def page(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<!doctype html><title>page</title><link rel=icon href=data:,><body>"]


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Browser, Api, int, int]]:
    api = Api()
    with ExitStack() as stack:
        ports = (
            stack.enter_context(served(api, threads=2)),
            stack.enter_context(served(page, threads=2)),
        )
        yield (stack.enter_context(chromium()), api, *ports)


@pytest.fixture
def scene(shared: tuple[Browser, Api, int, int]) -> Iterator[tuple[Watched, Api, str, str]]:
    """Yield a browser with the cookie, the API, its origin, and the origin of another port."""
    browser, api, api_port, page_port = shared
    api.allow()
    ours = f"http://127.0.0.1:{api_port}"
    watched = Watched(browser)
    watched.context.add_cookies([{"name": COOKIE, "value": TOKEN, "url": ours}])
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
