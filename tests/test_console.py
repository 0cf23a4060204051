"""The console without a browser: its files, its tokens, and the requests that it refuses."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from typing import Any

import pytest
import requests
from ports import free_port
from running_app import APP, DEADLINE, environment, running
from webtest import TestApp

import app
from demo.console import ELSEWHERE, FILES, HEADERS, MAX_BODY, RULES, with_console
from jwt_wsgi import DPoP, DPoPNonces, Issuer, StaticJWKS
from jwt_wsgi.testing import DPoPKey, LocalIssuer

HOST = "127.0.0.1:3010"
BASE_URL = f"http://{HOST}"
OWN = {"Host": HOST, "Origin": f"http://{HOST}", "Content-Type": "application/json"}


@pytest.fixture(scope="module")
def local() -> LocalIssuer:
    return LocalIssuer(audience="https://api.example.com")


@pytest.fixture(scope="module")
def console(local: LocalIssuer) -> TestApp:
    issuer = Issuer(local.issuer, audience=local.audience, keys=StaticJWKS(local.jwks))
    dpop = DPoP(BASE_URL, nonces=DPoPNonces(b"n" * 32))
    application = with_console(app.router(), local, issuer, app.RULES, dpop, local.audience)
    return TestApp(application, extra_environ={"REMOTE_ADDR": "127.0.0.1"})


def post(
    console: TestApp, path: str, what: Any, status: int = 200, **headers: str | None
) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {name: value for name, value in {**OWN, **named}.items() if value is not None}
    content = what if isinstance(what, bytes) else json.dumps(what).encode()
    return console.post(path, content, headers=sent, status=status).json


def mint(console: TestApp, kind: str) -> str:
    return post(console, "/console/token", {"kind": kind})["token"]


def claims(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


# --- the page and its files


@pytest.mark.parametrize("path", FILES)
def test_the_files_of_the_page_are_public_and_have_strict_headers(console, path):
    answer = console.get(path, headers={"Host": HOST}, status=200)
    assert answer.content_type == FILES[path].media_type
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "Set-Cookie" not in answer.headers
    assert console.head(path, headers={"Host": HOST}, status=200).body == b""


def test_the_policy_of_the_page_allows_no_inline_code_and_no_other_host():
    policy = dict(
        part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";")
    )
    assert policy.pop("require-trusted-types-for") == "'script'"
    nothing = {"default-src", "base-uri", "form-action", "frame-ancestors"}
    assert {name for name, sources in policy.items() if sources == "'none'"} == nothing
    assert {sources for name, sources in policy.items() if name not in nothing} == {"'self'"}


@pytest.mark.parametrize("path", FILES)
def test_no_file_names_another_host_or_has_inline_code(console, path):
    text = console.get(path, headers={"Host": HOST}).text.replace("http://www.w3.org/2000/svg", "")
    assert "//" not in re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
    assert not re.search(
        r"<style|style=|\son\w+=|<script(?! src=\"/console(-proof)?\.js\" defer></script>)", text
    )
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|eval|url\(|@import", text
    )


def test_the_page_states_the_rules_as_the_policy_does(console):
    page = console.get("/", headers={"Host": HOST}).html
    labels = [label.get_text() for label in page.find_all("label", class_="endpoint")]
    assert labels == [
        "/api/public: PUBLIC",
        "/api/private: AUTHENTICATED",
        "/api/private-scoped: scope('read:messages')",
        f"otherwise: DENYe.g. {ELSEWHERE}",
    ]
    paths = [button["value"] for button in page.find_all("input", type="radio")]
    assert paths == [*app.RULES, ELSEWHERE]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/console.css/more", 401, id="beneath a file"),
        pytest.param("GET", "/console", 401, id="beside the files"),
        pytest.param("GET", "/console.py", 401, id="the code"),
        pytest.param("GET", "/console.css/", 404, id="a file with a slash"),
        pytest.param("POST", "/", 404, id="another method on the page"),
        pytest.param("GET", "/console/token", 404, id="minting by GET"),
        pytest.param("HEAD", "/console/token", 404, id="minting by HEAD"),
        pytest.param("GET", "/api/private", 401, id="the API is guarded as ever"),
        pytest.param("GET", "/api/public", 200, id="the API answers as ever"),
    ],
)
def test_all_other_requests_reach_the_api(console, method, path, status):
    console.request(path, method=method, headers={"Host": HOST}, status=status)


# --- tokens and explanations


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [
        pytest.param("good", 200, None, id="good"),
        pytest.param("unscoped", 403, "insufficient_scope", id="without the scope"),
        pytest.param("expired", 401, "token_expired", id="expired"),
        pytest.param("forged", 401, "signature_invalid", id="forged"),
    ],
)
def test_a_token_of_each_kind_gets_the_expected_answer(console, kind, status, reason):
    token = mint(console, kind)
    answer = console.get(
        "/api/private-scoped", headers={"Authorization": f"Bearer {token}"}, status=status
    )
    assert answer.json.get("reason") == reason
    explanation = post(
        console,
        "/console/explanation",
        {"path": "/api/private-scoped"},
        Authorization=f"Bearer {token}",
    )
    assert explanation["reason"] == reason
    assert [step["passed"] for step in explanation["steps"]].count(False) == (reason is not None)
    for segment in token.split("."):
        assert segment not in json.dumps(explanation)


KEY = DPoPKey()


@pytest.mark.parametrize("kind", ["good", "unscoped", "expired", "forged"])
def test_a_token_of_each_kind_is_bound_to_the_key_that_the_page_names(console, kind):
    asked = {"kind": kind, "jkt": KEY.thumbprint}
    assert claims(post(console, "/console/token", asked)["token"])["cnf"] == {"jkt": KEY.thumbprint}
    assert "cnf" not in claims(mint(console, kind))


@pytest.mark.parametrize("jkt", ["", "A" * 42, "A" * 44, "A" * 42 + "=", "A" * 42 + "\n"])
def test_another_text_is_not_the_thumbprint_of_a_key(console, jkt):
    answer = post(console, "/console/token", {"kind": "good", "jkt": jkt}, 400)
    assert list(answer) == ["message"]


def proven(console: TestApp) -> dict[str, str]:
    """Return the headers of a call with a bound token and a proof with a nonce."""
    bound = post(console, "/console/token", {"kind": "good", "jkt": KEY.thumbprint})["token"]
    nonce = console.get("/api/private", status=401).headers["DPoP-Nonce"]
    proof = KEY.proof("GET", f"{BASE_URL}/api/private", bound, nonce)
    return {"Authorization": f"DPoP {bound}", "DPoP": proof}


def test_an_explanation_shows_possession_and_replay_and_uses_up_no_proof(console):
    headers = proven(console)

    def explained() -> dict[str, Any]:
        answer = post(console, "/console/explanation", {"path": "/api/private"}, **headers)
        steps = {step["name"]: step["passed"] for step in answer["steps"]}
        return {"reason": answer["reason"], **{name: steps[name] for name in SHOWN}}

    good = {"reason": None, "possession": True, "replay": True}
    assert [explained(), explained()] == [good, good]
    assert console.get("/api/private", headers=headers).status_int == 200
    assert explained() == {"reason": "proof_replayed", "possession": True, "replay": False}
    assert (
        console.get("/api/private", headers=headers, status=401).json["reason"] == "proof_replayed"
    )


SHOWN = ("possession", "replay")


def test_no_part_of_a_proof_is_in_an_explanation(console):
    headers = {**proven(console), "Authorization": f"DPoP {mint(console, 'good')}"}
    for path in ("/api/private", "/api/private-scoped"):
        explanation = post(console, "/console/explanation", {"path": path}, **headers)
        for segment in headers["DPoP"].split("."):
            assert segment not in json.dumps(explanation)


def test_tokens_are_fresh_and_short_lived(console):
    first, second = claims(mint(console, "good")), claims(mint(console, "good"))
    assert first["jti"] != second["jti"]
    assert first["exp"] - first["iat"] <= 300


def test_each_step_names_its_layer(console):
    explanation = post(console, "/console/explanation", {"path": "/api/private"})
    layers = dict.fromkeys(step["layer"] for step in explanation["steps"])
    assert list(layers) == ["TokenExtractor", "TokenVerifier", "ScopeAuthorizer"]
    assert explanation["steps"][-1] == {
        "layer": "ScopeAuthorizer",
        "name": "rule",
        "passed": False,
        "expected": "/api/private: AUTHENTICATED",
        "found": "no token",
    }


@pytest.mark.parametrize("path", ["/api//private", "/é/☃", "//", "x", "/a\x00b", "/%2e%2e/"])
def test_every_path_can_be_explained(console, path):
    assert post(console, "/console/explanation", {"path": path})["reason"] in (
        "path_ambiguous",
        "missing_token",
    )


# --- refused requests


STRANGERS = [
    pytest.param({"Host": "evil.example"}, {}, id="a name that was rebound to 127.0.0.1"),
    pytest.param(
        {"Host": "evil.example:3010", "Origin": "http://evil.example:3010"},
        {},
        id="one with the port",
    ),
    pytest.param({"Host": "127.0.0.1.evil.example"}, {}, id="a name that begins with the address"),
    pytest.param({"Host": "localhost@evil.example"}, {}, id="a user called localhost"),
    pytest.param({"Host": "localhost.evil.example"}, {}, id="a name that begins with localhost"),
    pytest.param({"Host": ""}, {}, id="no name"),
    pytest.param({"Host": "192.168.1.5:3010"}, {}, id="another address of this machine"),
    pytest.param({}, {"REMOTE_ADDR": "192.168.1.9"}, id="another machine"),
    pytest.param({}, {"REMOTE_ADDR": ""}, id="an unknown machine"),
    pytest.param({"X-Forwarded-For": "203.0.113.9"}, {}, id="a proxy: X-Forwarded-For"),
    pytest.param({"X-Forwarded-Host": "evil.example"}, {}, id="a proxy: X-Forwarded-Host"),
    pytest.param({"X-Forwarded-Proto": "https"}, {}, id="a proxy: X-Forwarded-Proto"),
    pytest.param({"X-Real-IP": "203.0.113.9"}, {}, id="a proxy: X-Real-IP"),
    pytest.param({"Forwarded": "for=203.0.113.9"}, {}, id="a proxy: Forwarded"),
    pytest.param({"Via": "1.1 proxy"}, {}, id="a proxy: Via"),
]
OTHER_PAGES = [
    pytest.param({"Origin": None}, {}, id="no Origin"),
    pytest.param({"Origin": "null"}, {}, id="a sandboxed page"),
    pytest.param({"Origin": "http://evil.example"}, {}, id="another page"),
    pytest.param({"Origin": "http://localhost:3010"}, {}, id="the other name of loopback"),
    pytest.param({"Origin": "http://127.0.0.1:8000"}, {}, id="another port"),
    pytest.param({"Origin": f"https://{HOST}"}, {}, id="another scheme"),
    pytest.param({"Sec-Fetch-Site": "cross-site"}, {}, id="Fetch Metadata: cross-site"),
    pytest.param({"Sec-Fetch-Site": "same-site"}, {}, id="Fetch Metadata: same-site"),
    pytest.param({"Sec-Fetch-Site": "none"}, {}, id="Fetch Metadata: none"),
]


@pytest.mark.parametrize("path", ["/console/token", "/console/explanation"])
@pytest.mark.parametrize(("headers", "environ"), [*STRANGERS, *OTHER_PAGES])
def test_only_the_own_page_on_loopback_gets_a_token(console, path, headers, environ):
    sent = {name: value for name, value in {**OWN, **headers}.items() if value is not None}
    content = json.dumps({"kind": "good", "path": "/"}).encode()
    answer = console.post(path, content, headers=sent, extra_environ=environ, status=403)
    assert list(answer.json) == ["message"]
    assert "eyJ" not in answer.text
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(("headers", "environ"), STRANGERS)
@pytest.mark.parametrize("path", FILES)
def test_the_page_is_shown_only_on_loopback(console, path, headers, environ):
    console.get(path, headers={"Host": HOST, **headers}, extra_environ=environ, status=403)


@pytest.mark.parametrize("name", ["localhost", "localhost:3010", "127.0.0.1", "[::1]:3010"])
def test_each_name_of_loopback_is_answered(console, name):
    console.get("/", headers={"Host": name}, status=200)
    assert post(console, "/console/token", {"kind": "good"}, Host=name, Origin=f"http://{name}")
    assert post(
        console,
        "/console/token",
        {"kind": "good"},
        Host=name,
        Origin=f"http://{name}",
        Sec_Fetch_Site="same-origin",
    )


def test_a_preflight_is_granted_nothing(console):
    sent = {"Host": HOST, "Origin": "http://evil.example", "Access-Control-Request-Method": "POST"}
    answer = console.options("/console/token", headers=sent, status=404)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    ("what", "headers"),
    [
        pytest.param(b"", {}, id="nothing"),
        pytest.param(b"{", {}, id="no JSON"),
        pytest.param([], {}, id="a list"),
        pytest.param({}, {}, id="no member"),
        pytest.param({"kind": 7, "path": 7}, {}, id="a number"),
        pytest.param({"kind": "admin", "path": None}, {}, id="another kind"),
        pytest.param(
            b'{"kind": "good", "kind": "good", "path": "/", "path": "/"}', {}, id="a member twice"
        ),
        pytest.param({"kind": "good" + " " * MAX_BODY, "path": "/" * MAX_BODY}, {}, id="too much"),
        pytest.param(
            {"kind": "good", "path": "/"},
            {"Content_Type": "text/plain"},
            id="a type that any page may send",
        ),
    ],
)
@pytest.mark.parametrize("path", ["/console/token", "/console/explanation"])
def test_an_invalid_request_body_is_400(console, path, what, headers):
    assert list(post(console, path, what, 400, **headers)) == ["message"]


# --- served


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "example.com"])
def test_the_demo_refuses_hosts_beside_loopback(host):
    settings = {"HOST": host, "PORT": str(free_port())}
    ended = subprocess.run(
        [sys.executable, APP, "--demo"],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert (
        ended.stderr
        == f"app.py: HOST={host!r}: the demo mints tokens, so it serves loopback only; leave HOST out\n"
    )


def test_without_the_demo_there_is_no_console(tmp_path):
    trust = {
        "ISSUER_BASE_URL": "https://tenant.example.com/",
        "AUDIENCE": "https://api.example.com",
    }
    with (
        running(tmp_path / "output", APP, PORT=str(free_port()), **trust) as started,
        requests.Session() as http,
    ):
        base = started.says(r"Serving on (http://\S+)\n")[1]
        http.trust_env = False
        for path in (rule.removeprefix("POST ").removesuffix("{$}") for rule in RULES):
            assert http.get(base + path, timeout=DEADLINE).status_code == 401
            own = {"Origin": base}
            assert (
                http.post(
                    base + path, json={"kind": "good"}, headers=own, timeout=DEADLINE
                ).status_code
                == 401
            )


def test_a_proxy_in_front_of_the_demo_gets_no_token(tmp_path):
    with (
        running(tmp_path / "output", APP, "--demo", PORT=str(free_port())) as started,
        requests.Session() as http,
    ):
        base = started.says(r"Open (http://\S+)/ in a browser")[1]
        http.trust_env = False
        url, own = f"{base}/console/token", {"Origin": base}
        assert (
            "token" in http.post(url, json={"kind": "good"}, headers=own, timeout=DEADLINE).json()
        )
        for name in ("X-Forwarded-For", "X-Forwarded-Host", "Forwarded", "Via"):
            answer = http.post(
                url, json={"kind": "good"}, headers={**own, name: "evil.example"}, timeout=DEADLINE
            )
            assert answer.status_code == 403
        assert "Traceback" not in started.output
