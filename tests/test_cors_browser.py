"""Pages of other origins in a real browser call the API through `CrossOrigin` and read refusals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from browsing import Watched, needs_chromium, two_sites
from playwright.sync_api import Browser

from jwt_wsgi import (
    AUTHENTICATED,
    PUBLIC,
    CrossOrigin,
    Issuer,
    KeysUnavailable,
    StaticJWKS,
    get_auth,
    protect,
    scope,
)
from jwt_wsgi.testing import LocalIssuer

pytestmark = [needs_chromium, pytest.mark.slow]

RULES = {"/public": PUBLIC, "/private": AUTHENTICATED, "/scoped": scope("read:messages")}
LOCAL = LocalIssuer(algorithms=("ES256",))

# The script of a page calls the API and returns what it can see, or the name of the error.
CALL = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return {
      status: answer.status,
      challenge: answer.headers.get("WWW-Authenticate"),
      secret: answer.headers.get("X-Secret"),
      body: await answer.text(),
    };
  } catch (error) {
    return error.name;
  }
}"""
# fetch throws this if the browser hides the answer (Fetch, "CORS check").
NOTHING = "TypeError"


class Outage:
    """A key source that is unavailable on demand."""

    def __init__(self) -> None:
        self.over = True
        self._keys = StaticJWKS(LOCAL.jwks)

    def held(self) -> Any:
        return self._keys.held()

    def find(self, kid: str | None, alg: str) -> Any:
        if not self.over:
            raise KeysUnavailable
        return self._keys.find(kid, alg)


class Api:
    """The protected application, and the requests that reach the server and the application."""

    def __init__(self) -> None:
        self.server_requests: list[str] = []
        self.app_requests: list[str] = []
        self.cookies: list[str | None] = []
        self.keys = Outage()
        issuer = Issuer(LOCAL.issuer, audience=LOCAL.audience, keys=self.keys, algorithms=["ES256"])
        self._protected = protect(self._application, issuer=issuer, rules=RULES)
        self.layer: Any = self._protected

    def allow(self, origin: str, **options: Any) -> None:
        origins = origin if origin == "*" else [origin]
        self.layer = CrossOrigin(self._protected, origins=origins, **options)
        self.server_requests.clear()
        self.app_requests.clear()
        self.cookies.clear()

    def leave_out(self) -> None:
        self.layer = self._protected
        self.server_requests.clear()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.server_requests.append(environ["REQUEST_METHOD"])
        self.cookies.append(environ.get("HTTP_COOKIE"))
        return self.layer(environ, start_response)

    def _application(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.app_requests.append(environ["REQUEST_METHOD"])
        auth = get_auth(environ)
        start_response("200 OK", [("Content-Type", "text/plain"), ("X-Secret", "hidden")])
        return [b"hello nobody" if auth is None else f"hello {auth.subject}".encode()]


def blank(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer with an empty page; the tests run scripts in it."""
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<!doctype html><title>page</title><link rel=icon href=data:,>"]


class Scene:
    """The API on one port and a page on another; `page` opens the page under a name of loopback."""

    def __init__(self, browser: Browser, api: Api, api_port: int, page_port: int) -> None:
        self.api, self._browser = api, browser
        self.url = f"http://127.0.0.1:{api_port}"
        self.same_site = f"http://localhost:{api_port}"
        self.allowed = f"http://localhost:{page_port}"
        self.other = f"http://127.0.0.1:{page_port}"
        self.opened: list[Watched] = []

    def page(self, origin: str) -> Watched:
        watched = Watched(self._browser)
        watched.page.goto(f"{origin}/")
        self.opened.append(watched)
        return watched

    def call(
        self, watched: Watched, path: str, token: str | None = None, base: str = "", **options: Any
    ) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        request_options = {**options, "headers": {**headers, **options.get("headers", {})}}
        return watched.page.evaluate(CALL, [(base or self.url) + path, request_options])


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Browser, Api, int, int]]:
    api = Api()
    with two_sites(api, blank) as (browser, *ports):
        yield (browser, api, *ports)


@pytest.fixture
def scene(shared: tuple[Browser, Api, int, int]) -> Iterator[Scene]:
    scene = Scene(*shared)
    scene.api.allow(scene.allowed)
    yield scene
    for watched in scene.opened:
        watched.close()
    scene.api.keys.over = True


def test_a_good_token_is_preflighted_sent_and_answered(scene):
    page = scene.page(scene.allowed)
    answer = scene.call(page, "/private", LOCAL.token())
    assert (answer["status"], answer["body"]) == (200, "hello user-1")
    assert (scene.api.server_requests, scene.api.app_requests) == (["OPTIONS", "GET"], ["GET"])
    assert page.console_messages == []


@pytest.mark.parametrize(
    ("path", "token", "status", "challenge", "reason"),
    [
        pytest.param(
            "/private", None, 401, 'Bearer realm="api"', "missing_token", id="401 without a token"
        ),
        pytest.param(
            "/private",
            "x",
            401,
            'error="invalid_token"',
            "token_malformed",
            id="401 for a bad token",
        ),
        pytest.param(
            "/scoped", "good", 403, 'scope="read:messages"', "insufficient_scope", id="403"
        ),
        pytest.param(
            "/private", "a b", 400, 'error="invalid_request"', "malformed_header", id="400"
        ),
        pytest.param("/private", "outage", 503, None, "keys_unavailable", id="503"),
    ],
)
def test_a_page_reads_a_refusal_with_its_challenge(scene, path, token, status, challenge, reason):
    scene.api.keys.over = token != "outage"
    sent = LOCAL.token("openid") if token in ("good", "outage") else token
    answer = scene.call(scene.page(scene.allowed), path, sent)
    assert answer["status"] == status
    assert f'"reason": "{reason}"' in answer["body"]
    assert challenge is None or challenge in answer["challenge"]
    assert scene.api.app_requests == []


def test_without_the_layer_the_page_gets_a_network_error(scene):
    scene.api.leave_out()
    page = scene.page(scene.allowed)
    assert scene.call(page, "/private") == NOTHING
    assert scene.call(page, "/private", LOCAL.token()) == NOTHING
    # The policy refused the preflight, so the browser did not make the call.
    assert scene.api.server_requests == ["GET", "OPTIONS"]
    assert scene.api.app_requests == []


def test_another_origin_reads_nothing_and_cannot_pass_a_preflight(scene):
    page = scene.page(scene.other)
    assert scene.call(page, "/private", LOCAL.token()) == NOTHING
    assert (scene.api.server_requests, scene.api.app_requests) == (["OPTIONS"], [])
    # The browser sends a simple request, as it would for a form, but hides the answer.
    assert scene.call(page, "/public") == NOTHING
    assert (scene.api.server_requests, scene.api.app_requests) == (["OPTIONS", "GET"], ["GET"])
    assert "blocked by CORS policy" in page.console_messages[0][0]


def test_a_sandboxed_page_is_another_origin(scene):
    page = scene.page(scene.allowed)
    reply = page.page.evaluate(
        """(url) => new Promise((done) => {
          addEventListener("message", (event) => done([event.origin, event.data]));
          const frame = document.createElement("iframe");
          frame.sandbox = "allow-scripts";
          frame.srcdoc = `<script>fetch("${url}").then(() => "read", (error) => error.name)
            .then((what) => parent.postMessage(what, "*"))</script>`;
          document.body.append(frame);
        })""",
        f"{scene.url}/public",
    )
    assert reply == ["null", NOTHING]


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        pytest.param({"method": "PUT"}, True, id="a listed method"),
        pytest.param({"method": "LINK"}, False, id="another method"),
        pytest.param(
            {"method": "POST", "body": "{}", "headers": {"Content-Type": "application/json"}},
            True,
            id="JSON",
        ),
        pytest.param({"headers": {"X-Other": "1"}}, False, id="another header"),
    ],
)
def test_a_page_sends_only_what_is_listed(scene, options, sent):
    answer = scene.call(scene.page(scene.allowed), "/public", **options)
    assert (answer != NOTHING) is sent
    expected = ["OPTIONS"]
    if sent:
        expected.append(options.get("method", "GET"))
    assert scene.api.server_requests == expected
    assert scene.api.app_requests == scene.api.server_requests[1:]


def test_a_page_reads_only_exposed_headers(scene):
    page = scene.page(scene.allowed)
    assert scene.call(page, "/public")["secret"] is None
    scene.api.allow(scene.allowed, expose=["WWW-Authenticate", "X-Secret"])
    assert scene.call(page, "/public")["secret"] == "hidden"
    scene.api.allow(scene.allowed, expose=[])
    refused = scene.call(page, "/private")
    assert (refused["status"], refused["challenge"]) == (401, None)


def test_a_browser_caches_a_preflight_for_max_age(scene):
    page = scene.page(scene.allowed)
    for _ in range(2):
        assert scene.call(page, "/private", LOCAL.token())["status"] == 200
    assert scene.api.server_requests == ["OPTIONS", "GET", "GET"]
    scene.api.allow(scene.allowed, max_age=0)
    page = scene.page(scene.allowed)
    for _ in range(2):
        assert scene.call(page, "/private", LOCAL.token())["status"] == 200
    assert scene.api.server_requests == ["OPTIONS", "GET"] * 2


def test_cookies_are_sent_only_if_credentials_are_allowed(scene):
    page = scene.page(scene.allowed)
    page.context.add_cookies([{"name": "session", "value": "1", "url": scene.same_site}])
    scene.api.allow(scene.allowed)
    assert scene.call(page, "/public", base=scene.same_site, credentials="include") == NOTHING
    scene.api.allow(scene.allowed, credentials=True)
    assert scene.call(page, "/public", base=scene.same_site, credentials="include")["status"] == 200
    assert scene.call(page, "/public", base=scene.same_site)["status"] == 200
    assert scene.api.cookies == ["session=1", None]


def test_an_asterisk_lets_every_page_read_but_never_with_cookies(scene):
    scene.api.allow("*")
    page = scene.page(scene.other)
    assert scene.call(page, "/private", LOCAL.token())["status"] == 200
    assert scene.call(page, "/public", credentials="include") == NOTHING
