"""Pages of another origin in a real browser prove a key of WebCrypto through `CrossOrigin`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import recipe_pages
from browsing import Watched, chromium, needs_chromium
from playwright.sync_api import Browser, Page
from serving import served

from jwt_wsgi import AUTHENTICATED, CrossOrigin, DPoP, DPoPNonces, get_auth, protect, scope
from jwt_wsgi.testing import LocalIssuer

pytestmark = [needs_chromium, pytest.mark.slow]

RULES = {"/private": AUTHENTICATED, "/scoped": scope("write")}
LOCAL = LocalIssuer(algorithms=("ES256",))
NONCE_LIFETIME = 100
RECIPE = recipe_pages.files_of("how-to/spa.md")["dpop.js"]

# The page's own code, apart from that of the recipe. `jwk` is what the browser exports, unchanged.
SCRIPT = """
const bytes = (text) => new TextEncoder().encode(text);
const base64url = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
  .replace(/\\+/g, "-").replace(/\\//g, "_").replace(/=+$/, "");
const digest = async (text) => base64url(await crypto.subtle.digest("SHA-256", bytes(text)));
const makeKey = () => crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
const exported = (key) => crypto.subtle.exportKey("jwk", key.publicKey);

async function jkt(key) {
  const { crv, kty, x, y } = await exported(key);
  return digest(JSON.stringify({ crv, kty, x, y }));
}

async function prove(key, url, token, nonce, method = "GET") {
  const header = { alg: "ES256", typ: "dpop+jwt", jwk: await exported(key) };
  const claims = { jti: crypto.randomUUID(), htm: method, htu: url, iat: Math.floor(Date.now() / 1000), ath: await digest(token), nonce: nonce ?? undefined };
  const input = [header, claims].map((part) => base64url(bytes(JSON.stringify(part)))).join(".");
  const signature = await crypto.subtle.sign({ name: "ECDSA", hash: "SHA-256" }, key.privateKey, bytes(input));
  return `${input}.${base64url(signature)}`;
}

async function call(url, headers = {}) {
  try {
    const answer = await fetch(url, { headers });
    return {
      status: answer.status,
      challenge: answer.headers.get("WWW-Authenticate"),
      nonce: answer.headers.get("DPoP-Nonce"),
      stored: answer.headers.get("Cache-Control"),
      body: await answer.text(),
    };
  } catch (error) {
    return error.name;
  }
}

async function callWithProof(url, token, nonce, key = window.key) {
  return call(url, { Authorization: `DPoP ${token}`, DPoP: await prove(key, url, token, nonce) });
}
"""


class Api:
    """The protected application behind CORS, with a clock that can be put forward."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.ahead = 0.0
        self.server_requests: list[str] = []
        self.bodies: list[bytes] = []
        self.layer: Any = None

    def start_anew(self, origin: str) -> None:
        self.ahead = 0.0
        self.server_requests.clear()
        self.bodies.clear()
        protected = protect(
            self._application,
            issuer=LOCAL.trusted(),
            rules=RULES,
            dpop=DPoP(self.url, nonces=DPoPNonces(b"n" * 32, lifetime=NONCE_LIFETIME)),
            clock=lambda: time.time() + self.ahead,
        )
        self.layer = CrossOrigin(protected, origins=[origin])

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.server_requests.append(environ["REQUEST_METHOD"])
        return self.layer(environ, start_response)

    def _application(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.bodies.append(environ["wsgi.input"].read())
        auth = get_auth(environ)
        assert auth is not None
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"hello {auth.subject}, {sorted(auth.possession.bindings)}".encode()]


def pages(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Answer with the module of the recipe, or with a page that has the code of this file."""
    if environ["PATH_INFO"] == "/dpop.js":
        start_response("200 OK", [("Content-Type", "text/javascript")])
        return [RECIPE.encode()]
    start_response("200 OK", [("Content-Type", "text/html")])
    page = f"<!doctype html><title>page</title><link rel=icon href=data:,><script>{SCRIPT}</script>"
    return [page.encode()]


class Scene:
    """The API, and a page of another origin whose key is in `window.key`."""

    def __init__(self, api: Api, page: Page) -> None:
        self.api = api
        self.page = page
        self.url = f"{api.url}/private"
        page.evaluate("async () => { window.key = await makeKey(); }")
        self.jkt: str = page.evaluate("() => jkt(window.key)")

    def token(self, **options: Any) -> str:
        return LOCAL.token("read", expires_in=3600, **{"cnf": {"jkt": self.jkt}, **options})

    def call(self, headers: dict[str, str] | None = None, path: str = "/private") -> Any:
        return self.page.evaluate(
            "([url, headers]) => call(url, headers)", [self.api.url + path, headers or {}]
        )

    def prove(self, token: str, nonce: str | None = None, path: str = "/private") -> Any:
        return self.page.evaluate(
            "([url, token, nonce]) => callWithProof(url, token, nonce)",
            [self.api.url + path, token, nonce],
        )

    def nonce(self, token: str) -> str:
        nonce: str = self.prove(token)["nonce"]
        return nonce


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Browser, Api, str]]:
    with ExitStack() as stack:
        later: list[Api] = []
        api_port = stack.enter_context(
            served(lambda environ, start: later[0](environ, start), threads=2)
        )
        later.append(Api(api_port))
        page_port = stack.enter_context(served(pages, threads=2))
        browser = stack.enter_context(chromium())
        yield browser, later[0], f"http://localhost:{page_port}"


@pytest.fixture
def scene(shared: tuple[Browser, Api, str]) -> Iterator[Scene]:
    browser, api, origin = shared
    api.start_anew(origin)
    watched = Watched(browser)
    watched.page.goto(f"{origin}/")
    yield Scene(api, watched.page)
    watched.close()
    blocked = [text for text, _ in watched.console_messages if "CORS" in text or "uncaught" in text]
    assert blocked == []


def reason(answer: Any) -> str:
    found = re.search(r'"reason": "(\w+)"', answer["body"])
    return found[1] if found else answer["body"]


def schemes(answer: Any) -> list[str]:
    """Return the schemes of the challenges, which the browser joins with commas."""
    return re.findall(r"(?:^|, )(\w+) realm=", answer["challenge"])


def test_a_page_without_a_token_reads_both_challenges(scene):
    answer = scene.call()
    assert (answer["status"], reason(answer)) == (401, "missing_token")
    assert schemes(answer) == ["Bearer", "DPoP"]
    assert re.search(r'DPoP realm="api", algs="ES256 [^"]*"', answer["challenge"])
    # The nonce is in the first answer already, so that the first proof can have it.
    assert scene.prove(scene.token(), answer["nonce"])["status"] == 200


def test_a_bound_token_as_bearer_is_refused_and_offered_dpop_alone(scene):
    answer = scene.call({"Authorization": f"Bearer {scene.token()}"})
    assert (answer["status"], reason(answer)) == (401, "token_bound")
    assert schemes(answer) == ["DPoP"]
    assert 'error="invalid_token"' in answer["challenge"]


def test_a_page_meets_the_nonce_once_and_steady_requests_never_again(scene):
    token = scene.token()
    refused = scene.prove(token)
    assert (refused["status"], reason(refused)) == (401, "proof_nonce_required")
    assert schemes(refused) == ["DPoP"]
    assert 'error="use_dpop_nonce"' in refused["challenge"]
    for _ in range(3):
        answer = scene.prove(token, refused["nonce"])
        assert (answer["status"], answer["body"]) == (200, "hello user-1, ['dpop']")
        assert (answer["challenge"], answer["nonce"], answer["stored"]) == (None, None, None)
    # One preflight, for both headers; the browser caches it.
    assert scene.api.server_requests == ["OPTIONS", "GET", "GET", "GET", "GET"]


def test_a_good_answer_renews_the_nonce_past_half_its_life(scene):
    token = scene.token()
    nonce = scene.nonce(token)
    scene.api.ahead = NONCE_LIFETIME * 0.6
    renewed = scene.prove(token, nonce)
    assert (renewed["status"], renewed["stored"]) == (200, "no-store")
    assert renewed["nonce"] != nonce
    steady = scene.prove(token, renewed["nonce"])
    assert (steady["status"], steady["nonce"]) == (200, None)
    # The first nonce has expired in the meantime, and the second has not.
    scene.api.ahead = NONCE_LIFETIME * 1.1
    assert reason(scene.prove(token, nonce)) == "proof_nonce_required"
    assert scene.prove(token, renewed["nonce"])["status"] == 200


def test_a_replayed_proof_is_refused(scene):
    token = scene.token()
    headers = scene.page.evaluate(
        "async ([url, token, nonce]) => ({"
        " Authorization: `DPoP ${token}`, DPoP: await prove(window.key, url, token, nonce) })",
        [scene.url, token, scene.nonce(token)],
    )
    assert scene.call(headers)["status"] == 200
    replayed = scene.call(headers)
    assert (replayed["status"], reason(replayed)) == (401, "proof_replayed")
    assert 'error="invalid_dpop_proof"' in replayed["challenge"]


def test_the_members_that_a_browser_exports_beside_the_key_do_not_matter(scene):
    jwk = scene.page.evaluate("() => exported(window.key)")
    assert jwk.keys() > {"ext", "key_ops"}
    token = scene.token()
    assert scene.prove(token, scene.nonce(token))["status"] == 200


def test_a_stolen_token_is_refused_with_the_key_of_another_page(scene):
    answer = scene.page.evaluate(
        "async ([url, token, nonce]) => callWithProof(url, token, nonce, await makeKey())",
        [scene.url, scene.token(), scene.call()["nonce"]],
    )
    assert (answer["status"], reason(answer)) == (401, "binding_mismatch")


def test_no_script_can_read_the_private_key(scene):
    error = scene.page.evaluate(
        "() => crypto.subtle.exportKey('jwk', window.key.privateKey).catch((error) => error.name)"
    )
    assert error == "InvalidAccessError"


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/private?page=2#top", id="a query and a fragment"),
        pytest.param("/private/caf\xe9 & more", id="characters that a browser escapes"),
        pytest.param("/private/a;v=1,2/'(x)!*|{}[]^", id="characters that a browser may leave"),
    ],
)
def test_the_url_of_a_proof_is_compared_as_browsers_write_it(scene, path):
    """`fetch` and the proof get the same text, which the browser parses into a URL."""
    token = scene.token()
    answer = scene.page.evaluate(
        """async ([url, token, nonce]) => {
          const { origin, pathname } = new URL(url);
          return call(url, { Authorization: `DPoP ${token}`, DPoP: await prove(window.key, origin + pathname, token, nonce) });
        }""",
        [scene.api.url + path, token, scene.nonce(token)],
    )
    assert answer["status"] == 200, answer


def test_a_missing_scope_is_refused_under_dpop(scene):
    token = scene.token()
    answer = scene.prove(token, scene.nonce(token), "/scoped")
    assert (answer["status"], reason(answer)) == (403, "insufficient_scope")
    assert schemes(answer) == ["DPoP"]


# --- the module of the recipe


def with_recipe(scene: Scene, body: str, *arguments: Any) -> Any:
    """Run an asynchronous script with the exports of the recipe's module in `dpop`."""
    return scene.page.evaluate(
        f"async (given) => {{ const dpop = await import('/dpop.js'); {body} }}", list(arguments)
    )


FETCH = """
  window.recipeKey ??= await dpop.newKey();
  const [token, url, options] = given;
  const answer = await dpop.dpopFetch(window.recipeKey, token, url, options);
  return [answer.status, await answer.text()];
"""


@pytest.fixture
def recipe_token(scene: Scene) -> str:
    jkt = with_recipe(
        scene, "window.recipeKey = await dpop.newKey(); return dpop.thumbprint(window.recipeKey)"
    )
    return scene.token(cnf={"jkt": jkt})


def test_the_recipe_follows_the_nonce_and_keeps_it(scene, recipe_token):
    for _ in range(2):
        answer = with_recipe(scene, FETCH, recipe_token, scene.url, {})
        assert answer == [200, "hello user-1, ['dpop']"]
    assert scene.api.server_requests == ["OPTIONS", "GET", "GET", "GET"]
    scene.api.ahead = NONCE_LIFETIME * 0.6
    for _ in range(2):
        assert with_recipe(scene, FETCH, recipe_token, scene.url, {})[0] == 200
    scene.api.ahead = NONCE_LIFETIME * 1.1
    assert with_recipe(scene, FETCH, recipe_token, scene.url, {})[0] == 200
    # The renewal came in time: no request was sent twice.
    assert scene.api.server_requests == ["OPTIONS", *["GET"] * 6]


def test_the_recipe_sends_a_body_again_after_the_nonce(scene, recipe_token):
    options = {
        "method": "PUT",
        "body": '{"text": "caf\xe9"}',
        "headers": {"Content-Type": "application/json"},
    }
    answer = with_recipe(scene, FETCH, recipe_token, f"{scene.url}?page=2", options)
    assert answer[0] == 200
    assert scene.api.bodies == [options["body"].encode()]
    assert scene.api.server_requests == ["OPTIONS", "PUT", "PUT"]


def test_the_recipe_gives_up_after_one_repetition(scene):
    answer = with_recipe(scene, FETCH, scene.token(cnf={"jkt": "A" * 43}), scene.url, {})
    assert (answer[0], "binding_mismatch" in answer[1]) == (401, True)
    assert scene.api.server_requests == ["OPTIONS", "GET"]


def test_the_proof_of_the_recipe_for_a_token_request_has_no_hash_of_a_token(scene):
    proof = with_recipe(
        scene, "return dpop.makeProof(await dpop.newKey(), 'POST', 'https://issuer.test/token?a=b')"
    )
    claims = scene.page.evaluate(
        "(proof) => JSON.parse(atob(proof.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')))",
        proof,
    )
    assert claims.keys() == {"jti", "htm", "htu", "iat"}
    assert (claims["htm"], claims["htu"]) == ("POST", "https://issuer.test/token")
