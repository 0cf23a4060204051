"""The sample application: its settings, its answers, its demo and its error messages."""

from __future__ import annotations

import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests
from client_tls import Authority
from ports import free_port
from running_app import APP, DEADLINE, SILENT, Running, environment, running
from store_servers import serving
from webtest import TestApp

import app
from jwt_wsgi.revocation import DenyList
from jwt_wsgi.stores import RedisStore
from jwt_wsgi.testing import DPoPKey, LocalIssuer

NAME = "https://tenant.example.com/"
AUDIENCE = "https://api.example.com"
SECRET = "an-example-secret-of-more-than-sixty-four-bytes-for-every-hs-algorithm"  # 70 of them

TRUST = {"ISSUER_BASE_URL": NAME, "AUDIENCE": AUDIENCE}
SHARED = {"STORE_URL": "redis://redis.example.com"}
CLIENT = {"INTROSPECTION_CLIENT_ID": "api", "INTROSPECTION_CLIENT_SECRET": "hunter2"}


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SILENT.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="module")
def published() -> Iterator[tuple[LocalIssuer, str]]:
    """Yield an issuer on loopback with a name elsewhere, and the URL of its keys."""
    issuer = LocalIssuer(NAME, audience=AUDIENCE, algorithms=("RS256", "ES256"))
    with issuer.serve() as url:
        yield issuer, f"{url}.well-known/jwks.json"


@pytest.fixture(scope="module")
def tenant(published: tuple[LocalIssuer, str]) -> LocalIssuer:
    return published[0]


@pytest.fixture(scope="module")
def jwks_uri(published: tuple[LocalIssuer, str]) -> str:
    return published[1]


@pytest.fixture(scope="module")
def api(jwks_uri: str) -> TestApp:
    return TestApp(app.main(issuer_base_url=NAME, audience=AUDIENCE, jwks_uri=jwks_uri))


@pytest.mark.parametrize("audience", [AUDIENCE, ""], ids=["an audience", "no audience"])
def test_the_metadata_of_the_resource_is_served(
    audience: str, jwks_uri: str, tenant: LocalIssuer
) -> None:
    settings = {"issuer_base_url": NAME, "audience": audience, "jwks_uri": jwks_uri}
    api = TestApp(app.main(resource=AUDIENCE, **settings))
    place = "/.well-known/oauth-protected-resource"
    metadata = api.get(place).json
    assert metadata["resource"] == AUDIENCE
    assert metadata["authorization_servers"] == [NAME]
    assert metadata["scopes_supported"] == ["read:messages"]
    refused = api.get("/api/private-scoped", status=401)
    assert f'resource_metadata="{AUDIENCE}{place}"' in refused.headers["WWW-Authenticate"]
    assert api.get("/api/private", headers=bearer(tenant.token())).status_int == 200


def test_no_metadata_is_served_without_a_resource(api: TestApp) -> None:
    refused = api.get("/.well-known/oauth-protected-resource", status=401)
    assert "resource_metadata" not in refused.headers["WWW-Authenticate"]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def signed_with(secret: str, algorithm: str) -> str:
    key = LocalIssuer(NAME, audience=AUDIENCE, algorithms=(algorithm,))
    key.key().private = secret.encode()
    return key.token("read:messages")


# --- its answers


@pytest.mark.parametrize(
    ("path", "scope", "proved"),
    [
        pytest.param("/api/public", None, "You don't need a token", id="public"),
        pytest.param("/api/private", "openid", "Your token is valid.", id="private"),
        pytest.param("/api/private-scoped", "read:messages", "grants read:messages", id="scoped"),
    ],
)
def test_the_message_names_what_the_token_grants(api, tenant, path, scope, proved):
    headers = bearer(tenant.token(scope, sub="reader")) if scope else {}
    answer = api.get(path, headers=headers, status=200)
    assert proved in answer.json["message"]
    assert answer.json.get("subject") == ("reader" if scope else None)


@pytest.mark.parametrize(
    ("method", "path", "scope", "status"),
    [
        pytest.param("GET", "/api/private", None, 401, id="no token"),
        pytest.param("GET", "/api/private-scoped", "openid", 403, id="not the scope"),
        pytest.param("GET", "/api/public/deeper", None, 404, id="nothing beneath the public one"),
        pytest.param("GET", "/api/public/", None, 200, id="one trailing slash"),
        pytest.param("POST", "/api/public", None, 405, id="another method on the public one"),
        pytest.param("POST", "/api/public/deeper", None, 404, id="another method on nothing"),
        pytest.param("GET", "/api/private/deeper", None, 401, id="private before not found"),
        pytest.param("GET", "/api/private/deeper", "openid", 404, id="not found behind private"),
        pytest.param("DELETE", "/api/private", None, 401, id="private before the method"),
        pytest.param("DELETE", "/api/private", "openid", 405, id="the method behind private"),
        pytest.param("GET", "/elsewhere", None, 401, id="no rule and no token"),
        pytest.param("GET", "/elsewhere", "openid", 403, id="no rule"),
        pytest.param("GET", "/", "openid", 403, id="no rule for the root"),
    ],
)
def test_the_policy_decides_before_the_router(api, tenant, method, path, scope, status):
    headers = bearer(tenant.token(scope)) if scope else {}
    answer = api.request(path, method=method, headers=headers, status=status)
    assert answer.content_type == "application/json"
    assert answer.headers.get("Allow") == ("GET, HEAD" if status == 405 else None)


def test_head_is_answered_as_get_without_a_body(api, tenant):
    headers = bearer(tenant.token("read:messages"))
    got = api.get("/api/private-scoped", headers=headers)
    head = api.head("/api/private-scoped", headers=headers, status=200)
    assert (head.body, head.headers["Content-Length"]) == (b"", got.headers["Content-Length"])


# --- its settings


def test_keys_are_discovered_from_the_issuer_alone():
    issuer = LocalIssuer(audience=AUDIENCE)
    with issuer.serve() as url:
        api = TestApp(app.main(issuer_base_url=url, audience=AUDIENCE))
        api.get("/api/private", headers=bearer(issuer.token()), status=200)
    assert issuer.requests == ["/.well-known/openid-configuration", "/.well-known/jwks.json"]


@pytest.mark.parametrize(
    "names",
    [
        pytest.param({"issuer_base_url": NAME, "audience": AUDIENCE}, id="the usual names"),
        pytest.param(
            {"auth0_domain": "tenant.example.com", "api_identifier": AUDIENCE}, id="Auth0's names"
        ),
        pytest.param(
            {"auth0_domain": "other.invalid", "api_identifier": "other", **TRUST},
            id="the usual names first",
        ),
    ],
)
@pytest.mark.parametrize("place", ["settings", "environment"])
def test_issuer_and_audience_have_two_names_each(tenant, jwks_uri, monkeypatch, names, place):
    names = {name.lower(): value for name, value in names.items()}
    if place == "environment":
        for name, value in names.items():
            monkeypatch.setenv(name.upper(), value)
        names = {}
    api = TestApp(app.main(None, jwks_uri=jwks_uri, **names))
    api.get("/api/private", headers=bearer(tenant.token()), status=200)
    api.get("/api/private", headers=bearer(tenant.token(aud="other")), status=401)
    api.get("/api/private", headers=bearer(tenant.token(iss="https://other.invalid/")), status=401)


def test_a_setting_takes_precedence_over_the_environment(tenant, jwks_uri, monkeypatch):
    monkeypatch.setenv("AUDIENCE", "other")
    monkeypatch.setenv("ISSUER_BASE_URL", NAME)
    api = TestApp(app.main({"here": "/"}, audience=AUDIENCE, jwks_uri=jwks_uri))
    api.get("/api/private", headers=bearer(tenant.token()), status=200)
    api.get("/api/private", headers=bearer(tenant.token(aud="other")), status=401)


def test_the_signing_algorithm_is_configurable(tenant, jwks_uri):
    settings = {"issuer_base_url": NAME, "audience": AUDIENCE, "jwks_uri": jwks_uri}
    api = TestApp(app.main(token_signing_alg="ES256", **settings))
    api.get("/api/private", headers=bearer(tenant.token(algorithm="ES256")), status=200)
    api.get("/api/private", headers=bearer(tenant.token(algorithm="RS256")), status=401)


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_a_secret_serves_one_hs_algorithm(algorithm):
    chosen = {} if algorithm == "HS256" else {"token_signing_alg": algorithm}
    api = TestApp(app.main(issuer_base_url=NAME, audience=AUDIENCE, secret=SECRET, **chosen))
    api.get("/api/private-scoped", headers=bearer(signed_with(SECRET, algorithm)), status=200)
    api.get("/api/private", headers=bearer(signed_with(SECRET, "HS384")), status=401)
    api.get("/api/private", headers=bearer(signed_with(SECRET[::-1], algorithm)), status=401)


def test_tokens_come_from_the_sources_that_are_named_f12(tenant, jwks_uri):
    settings = {"issuer_base_url": NAME, "audience": AUDIENCE, "jwks_uri": jwks_uri}
    api = TestApp(app.main(token_sources="bearer cookie:session", **settings))
    api.get("/api/private", headers=bearer(tenant.token()), status=200)
    api.get("/api/private", headers={"Cookie": f"session={tenant.token()}"}, status=200)
    usual = TestApp(app.main(**settings))
    usual.get("/api/private", headers={"Cookie": f"session={tenant.token()}"}, status=401)


def test_a_policy_file_replaces_the_rules(tenant, jwks_uri, tmp_path):
    file = tmp_path / "policy.toml"
    file.write_text("[rules]\n'/api/public' = 'AUTHENTICATED'\n'/api/private' = 'scope(\"a\")'\n")
    settings = {"issuer_base_url": NAME, "audience": AUDIENCE, "jwks_uri": jwks_uri}
    api = TestApp(app.main(policy_file=str(file), **settings))
    api.get("/api/public", status=401)
    api.get("/api/public", headers=bearer(tenant.token()), status=200)
    api.get("/api/private", headers=bearer(tenant.token("b")), status=403)
    api.get("/api/private-scoped", headers=bearer(tenant.token("read:messages")), status=403)


BASE_URL = "https://api.example.com"
DPOP_KEY = DPoPKey()


def proven(tenant: LocalIssuer, nonce: str | None = None) -> dict[str, str]:
    """Return the headers of a request with a bound token and a new proof."""
    bound = tenant.token(cnf=DPOP_KEY)
    proof = DPOP_KEY.proof("GET", f"{BASE_URL}/api/private", bound, nonce)
    return {"Authorization": f"DPoP {bound}", "DPoP": proof}


def test_dpop_is_checked_where_base_urls_are_set(tenant, jwks_uri):
    settings = {"issuer_base_url": NAME, "audience": AUDIENCE, "jwks_uri": jwks_uri}
    api = TestApp(app.main(dpop_base_urls=f"https://other.example.com {BASE_URL}", **settings))
    api.get("/api/private", headers=proven(tenant), status=200)
    api.get("/api/private", headers=bearer(tenant.token()), status=200)
    api.get("/api/private", headers=bearer(tenant.token(cnf=DPOP_KEY)), status=401)
    required = TestApp(app.main(dpop_base_urls=BASE_URL, dpop_required="true", **settings))
    required.get("/api/private", headers=proven(tenant), status=200)
    required.get("/api/private", headers=bearer(tenant.token()), status=401)
    usual = TestApp(app.main(**settings))
    usual.get("/api/private", headers=proven(tenant), status=401)


def test_the_secrets_of_nonces_are_rotated_in_one_setting(tenant, jwks_uri):
    settings = {"issuer_base_url": NAME, "audience": AUDIENCE, "jwks_uri": jwks_uri}
    settings["dpop_base_urls"] = BASE_URL
    before = TestApp(app.main(dpop_nonce_secrets=SECRET, **settings))
    refused = before.get("/api/private", headers=proven(tenant), status=401)
    nonce = refused.headers["DPoP-Nonce"]
    rotated = TestApp(app.main(dpop_nonce_secrets=f"{SECRET[::-1]} {SECRET}", **settings))
    rotated.get("/api/private", headers=proven(tenant, nonce), status=200)
    other = TestApp(app.main(dpop_nonce_secrets=SECRET[::-1], **settings))
    other.get("/api/private", headers=proven(tenant, nonce), status=401)


@pytest.fixture(scope="module")
def store_url() -> Iterator[str]:
    with serving("valkey") as server:
        yield server.url


def test_stacks_with_one_store_share_used_proofs_and_denials(tenant, jwks_uri, store_url):
    settings = {"issuer_base_url": NAME, "audience": AUDIENCE, "jwks_uri": jwks_uri}
    settings |= {"store_url": store_url, "dpop_base_urls": BASE_URL}
    one, other = (TestApp(app.main(**settings)) for _ in range(2))
    headers = proven(tenant)
    one.get("/api/private", headers=headers, status=200)
    assert other.get("/api/private", headers=headers, status=401).json["reason"] == "proof_replayed"
    ada = bearer(tenant.token(sub="ada"))
    one.get("/api/private", headers=ada, status=200)
    DenyList(RedisStore(store_url)).revoke_subject(NAME, "ada")
    assert other.get("/api/private", headers=ada, status=401).json["reason"] == "token_revoked"
    one.get("/api/private", headers=bearer(tenant.token(sub="bob")), status=200)


@pytest.mark.parametrize("place", ["JWKS_URI", "metadata"])
def test_sealed_keys_of_the_store_serve_while_the_issuer_is_down(place, store_url):
    issuer = LocalIssuer(audience=AUDIENCE)
    with issuer.serve() as url:
        settings = {"issuer_base_url": issuer.issuer, "audience": AUDIENCE, "store_url": store_url}
        if place == "JWKS_URI":
            settings["jwks_uri"] = f"{url}.well-known/jwks.json"
        headers = bearer(issuer.token())
        get = "/api/private"
        TestApp(app.main(sealing_keys=SECRET, **settings)).get(get, headers=headers, status=200)
        with issuer.outage():
            rotated = f"{SECRET[::-1]} {SECRET}"
            for sealing_keys, status in ((rotated, 200), (SECRET[::-1], 503), ("", 503)):
                api = TestApp(app.main(sealing_keys=sealing_keys, **settings))
                api.get(get, headers=headers, status=status)


@pytest.mark.parametrize("place", ["INTROSPECTION_URL", "discover"])
def test_opaque_tokens_pass_beside_jwts_where_an_endpoint_is_set(place):
    issuer = LocalIssuer(audience=AUDIENCE)
    client_id, client_secret = issuer.api_client
    with issuer.serve():
        settings = {
            "issuer_base_url": issuer.issuer,
            "audience": AUDIENCE,
            "introspection_url": issuer.introspection_uri if place != "discover" else place,
            "introspection_client_id": client_id,
            "introspection_client_secret": client_secret,
        }
        api = TestApp(app.main(**settings))
        opaque = issuer.opaque_token("read:messages", sub="ada")
        for token in (opaque, issuer.token("read:messages", sub="ada")):
            answer = api.get("/api/private-scoped", headers=bearer(token), status=200)
            assert answer.json["subject"] == "ada"
        issuer.revoke(opaque)
        inactive = TestApp(app.main(**settings)).get(
            "/api/private", headers=bearer(opaque), status=401
        )
        assert inactive.json["reason"] == "token_inactive"


def test_the_certificate_of_the_client_comes_from_the_named_place(tenant, jwks_uri):
    client = Authority("clients").issue("client")
    headers = bearer(tenant.token(cnf=client.der))
    settings = {"issuer_base_url": NAME, "audience": AUDIENCE, "jwks_uri": jwks_uri}
    variable = TestApp(app.main(client_certificate="environ:SSL_CLIENT_CERT", **settings))
    environ = {"SSL_CLIENT_CERT": client.pem}
    variable.get("/api/private", headers=headers, extra_environ=environ, status=200)
    variable.get("/api/private", headers=headers, status=401)
    settings |= {"client_certificate": "escaped-pem:Client-Pem", "trusted_proxies": "10.0.3.7"}
    header = TestApp(app.main(**settings))
    sent = {**headers, "Client-Pem": quote(client.pem)}
    proxy, stranger = {"REMOTE_ADDR": "10.0.3.7"}, {"REMOTE_ADDR": "10.0.3.8"}
    header.get("/api/private", headers=sent, extra_environ=proxy, status=200)
    header.get("/api/private", headers=sent, extra_environ=stranger, status=401)


@pytest.mark.parametrize("name", ["issuer_url", "ISSUER_BASE_URL"])
def test_a_setting_of_an_unknown_name_is_refused(name):
    with pytest.raises(ValueError, match=f"unknown setting '{name}': choose from issuer_base_url"):
        app.main(**{name: NAME})


# --- its .env file


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return a copy of app.py in a directory for a new `.env`."""
    return Path(shutil.copy(APP, tmp_path))


@pytest.mark.parametrize(
    ("written", "exported", "complaint"),
    [
        pytest.param("PORT=written", {}, "PORT='written'", id="read"),
        pytest.param("PORT=written", {"PORT": "exported"}, "PORT='exported'", id="overruled"),
        pytest.param("PORT=written", {"PORT": ""}, "set ISSUER_BASE_URL ", id="emptied"),
    ],
)
def test_the_environment_takes_precedence_over_the_dotenv_file(
    elsewhere, written, exported, complaint
):
    elsewhere.with_name(".env").write_text(written)
    variables = {name: value for name, value in environment({}).items() if name not in SILENT}
    # Coverage measures the original and not the copy.
    variables = {name: value for name, value in variables.items() if "COVERAGE" not in name}
    ended = subprocess.run(
        [sys.executable, elsewhere],
        cwd=APP.parent,
        env={**variables, **exported},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert ended.stderr.startswith(f"app.py: {complaint}")
    assert ended.returncode == 2


def test_the_error_names_a_dotenv_file_that_is_not_text(tmp_path):
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"PORT=\xff")
    with pytest.raises(ValueError, match=f"cannot read {re.escape(str(dotenv))}: "):
        app._read_dotenv(dotenv)


# --- served


CALLS = {
    "200: public, no token needed": (200, "You don't need a token"),
    "401: private, and no token": (401, "missing_token"),
    "200: a token with the scope read:messages": (200, "grants read:messages"),
    "403: a token without that scope": (403, "insufficient_scope"),
    "401: an expired token": (401, "token_expired"),
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Iterator[Running]:
    """Run the demo in an environment that configures another issuer, which it must ignore."""
    log = tmp_path_factory.mktemp("demo") / "output"
    others = {**TRUST, "SECRET": SECRET, "TOKEN_SIGNING_ALG": "HS256"}
    with running(log, APP, "--demo", PORT=str(free_port()), **others) as started:
        started.says(" app.py\n")
        yield started


def test_the_demo_prints_instructions(demo):
    assert re.match(r"Serving the demo on http://127\.0\.0\.1:\d+, with an issuer", demo.output)
    assert "Or paste these lines into another terminal. Ctrl-C stops the demo.\n" in demo.output
    assert re.findall(r"# (.*)\ncurl ", demo.output) == list(CALLS)


def test_the_demo_prints_the_next_step_f8(demo):
    assert "Next, protect an application of your own: docs/tutorial.md.\n" in demo.output
    said = demo.says(r"ISSUER_BASE_URL=https://… AUDIENCE=https://… (\S+) app\.py\n")
    assert (APP.parent / shlex.split(said[1])[0]).samefile(sys.executable)


def test_the_sample_logs_each_refusal_in_full_f8(demo):
    line = demo.says(r"# 403: a token without that scope\n(curl .*)\n")[1]
    by_requests(line)
    demo.says(
        r"INFO:jwt_wsgi\.decision:'GET' '/api/private-scoped' refused: 403 insufficient_scope \(.*"
        r"expected .*read:messages.*found \['openid'\]"
    )


@pytest.mark.parametrize("client", ["requests", *(["curl"] if shutil.which("curl") else [])])
@pytest.mark.parametrize("call", CALLS)
def test_each_printed_line_has_the_printed_result(demo, call, client):
    line = demo.says(f"# {re.escape(call)}\n(curl .*)\n")[1]
    status, words = CALLS[call]
    answered, body = by_curl(line) if client == "curl" else by_requests(line)
    assert answered == status
    assert words in body


def by_curl(line: str) -> tuple[int, str]:
    """Run the line in a shell."""
    pasted = subprocess.run(
        ["sh", "-c", line], env=environment({}), capture_output=True, timeout=DEADLINE, check=True
    )
    head, _, body = pasted.stdout.decode().partition("\r\n\r\n")
    return int(head.split()[1]), body


def by_requests(line: str) -> tuple[int, str]:
    """Send the request that curl would send."""
    curl, include, url, *rest = shlex.split(line)
    assert (curl, include) == ("curl", "-i")
    assert rest[:1] in ([], ["-H"])
    headers = dict(header.split(": ", 1) for header in rest[1:])
    with requests.Session() as session:
        session.trust_env = False
        answer = session.get(url, headers=headers, timeout=DEADLINE)
    return answer.status_code, answer.text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("arguments", [("--demo",), ()], ids=["demo", "configured"])
def test_ctrl_c_ends_the_server_cleanly(tmp_path, arguments, host):
    port = str(free_port())
    with running(tmp_path / "output", APP, *arguments, HOST=host, PORT=port, **TRUST) as started:
        started.says(f"Serving .*on http://{host}:{port}")
        assert started.interrupt() == 0
        assert "Traceback" not in started.output


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        pytest.param(
            {},
            r"set ISSUER_BASE_URL \(or AUTH0_DOMAIN\) and AUDIENCE \(or .* or try it with --demo",
            id="f8-nothing",
        ),
        pytest.param(
            {"ISSUER_BASE_URL": NAME},
            r"set AUDIENCE \(or API_IDENTIFIER\) in .* or try it with --demo",
            id="f8-no-audience",
        ),
        pytest.param(
            {"AUDIENCE": AUDIENCE},
            r"set ISSUER_BASE_URL \(or AUTH0_DOMAIN\) in .* or try it with --demo",
            id="f8-no-issuer",
        ),
        pytest.param(
            {**TRUST, "ISSUER_BASE_URL": "http://tenant.example.com/"},
            "ISSUER_BASE_URL: .*must be https",
            id="http issuer",
        ),
        pytest.param(
            {**TRUST, "ISSUER_BASE_URL": "tenant.example.com"},
            "ISSUER_BASE_URL: .*write an https URL",
            id="issuer no URL",
        ),
        pytest.param(
            {"AUTH0_DOMAIN": NAME, "API_IDENTIFIER": AUDIENCE},
            "AUTH0_DOMAIN='https://tenant.example.com/': write the domain alone",
            id="domain a URL",
        ),
        pytest.param(
            {**TRUST, "JWKS_URI": "http://tenant.example.com/jwks"},
            "JWKS_URI: .*must be https",
            id="http JWKS",
        ),
        pytest.param(
            {**TRUST, "POLICY_FILE": "absent.toml"},
            "POLICY_FILE: .*absent.toml: cannot be read",
            id="policy file absent",
        ),
        pytest.param(
            {**TRUST, "POLICY_FILE": "setup.cfg"},
            "POLICY_FILE: policy file setup.cfg: ",
            id="policy file no TOML",
        ),
        pytest.param(
            {**TRUST, "TOKEN_SOURCES": "session"},
            "TOKEN_SOURCES: 'session' is not a source: write bearer, header:NAME or cookie:NAME",
            id="no source",
        ),
        pytest.param(
            {**TRUST, "RESOURCE": "http://api.example.com"},
            "RESOURCE: resource='http://api.example.com': write an https URL",
            id="resource over http",
        ),
        pytest.param(
            {**TRUST, "RESOURCE": "https://api.example.com/mcp"},
            "RESOURCE='https://api.example.com/mcp', but AUDIENCE='https://api.example.com': .*both",
            id="resource beside another audience",
        ),
        pytest.param(
            {"ISSUER_BASE_URL": "tenant", "SECRET": SECRET, "RESOURCE": AUDIENCE},
            "RESOURCE with ISSUER_BASE_URL='tenant': .*set its https URL",
            id="resource of an issuer without a URL",
        ),
        pytest.param(
            {**TRUST, "DPOP_REQUIRED": "true"},
            "DPOP_REQUIRED without DPOP_BASE_URLS: set",
            id="proofs without a URL",
        ),
        pytest.param(
            {**TRUST, "DPOP_NONCE_SECRETS": SECRET},
            "DPOP_NONCE_SECRETS without DPOP_BASE_URLS: set",
            id="nonces without a URL",
        ),
        pytest.param(
            {**TRUST, "DPOP_BASE_URLS": "http://api.example.com"},
            "DPOP_BASE_URLS: .*'http://api.example.com'",
            id="base URL over http",
        ),
        pytest.param(
            {**TRUST, "DPOP_BASE_URLS": BASE_URL, "DPOP_REQUIRED": "1"},
            "DPOP_REQUIRED='1': write true or false",
            id="proofs required by a number",
        ),
        pytest.param(
            {**TRUST, "DPOP_BASE_URLS": BASE_URL, "DPOP_NONCE_SECRETS": "hunter2"},
            "DPOP_NONCE_SECRETS: .*7 bytes are too short",
            id="nonce secret too short",
        ),
        pytest.param(
            {**TRUST, "CLIENT_CERTIFICATE": "nginx"},
            "CLIENT_CERTIFICATE: 'nginx' is not a source of client certificates: write",
            id="no source of certificates",
        ),
        pytest.param(
            {**TRUST, "CLIENT_CERTIFICATE": "client-cert-header"},
            "CLIENT_CERTIFICATE: .*without trusted proxies",
            id="certificate header of anyone",
        ),
        pytest.param(
            {**TRUST, "TRUSTED_PROXIES": "10.0.3.7"},
            "TRUSTED_PROXIES without CLIENT_CERTIFICATE: name",
            id="proxies without a certificate",
        ),
        pytest.param(
            {**TRUST, "STORE_URL": "http://redis.example.com"},
            "STORE_URL: .*begin with redis://",
            id="store over http",
        ),
        pytest.param(
            {**TRUST, "SEALING_KEYS": SECRET},
            "SEALING_KEYS without STORE_URL: name the store there",
            id="seal without a store",
        ),
        pytest.param(
            {**TRUST, **SHARED, "SEALING_KEYS": "hunter2"},
            "SEALING_KEYS: .*7 bytes are too short",
            id="sealing key too short",
        ),
        pytest.param(
            {**TRUST, **SHARED, "SEALING_KEYS": f"{SECRET} {SECRET}"},
            "SEALING_KEYS: .*remove the secret that is there twice",
            id="sealing key twice",
        ),
        pytest.param(
            {**TRUST, **SHARED, "SEALING_KEYS": SECRET, "SECRET": SECRET},
            "SEALING_KEYS with SECRET: leave them out",
            id="seal of a secret",
        ),
        pytest.param(
            {**TRUST, **SHARED, "SEALING_KEYS": SECRET, "JWKS_URI": "http://a.example.com/jwks"},
            "JWKS_URI: .*must be https",
            id="seal of keys over http",
        ),
        pytest.param(
            {**TRUST, "INTROSPECTION_URL": "discover"},
            "INTROSPECTION_URL without INTROSPECTION_CLIENT_ID and INTROSPECTION_CLIENT_SECRET: ",
            id="endpoint without a client",
        ),
        pytest.param(
            {**TRUST, "INTROSPECTION_URL": "discover", "INTROSPECTION_CLIENT_ID": "api"},
            "INTROSPECTION_URL without INTROSPECTION_CLIENT_SECRET: set",
            id="endpoint without a secret",
        ),
        pytest.param(
            {**TRUST, "INTROSPECTION_CLIENT_ID": "api"},
            "INTROSPECTION_CLIENT_ID without INTROSPECTION_URL: set .* or discover",
            id="client without an endpoint",
        ),
        pytest.param(
            {**TRUST, "INTROSPECTION_CLIENT_SECRET": "hunter2"},
            "INTROSPECTION_CLIENT_SECRET without INTROSPECTION_URL: set",
            id="client secret without an endpoint",
        ),
        pytest.param(
            {**TRUST, **CLIENT, "INTROSPECTION_URL": "http://as.example.com/introspect"},
            "INTROSPECTION_URL: .*must be https",
            id="endpoint over http",
        ),
        pytest.param({**TRUST, "PORT": "abc"}, "PORT='abc': write a number", id="port a word"),
        pytest.param({**TRUST, "PORT": "65536"}, "PORT='65536': write a number", id="port too big"),
        pytest.param(
            {**TRUST, "HOST": "tenant.invalid"}, "cannot serve on .*set HOST", id="host elsewhere"
        ),
        pytest.param(
            {**TRUST, "TOKEN_SIGNING_ALG": "RS265"},
            "TOKEN_SIGNING_ALG: .*'RS265'.*choose from RS256",
            id="unknown algorithm",
        ),
        pytest.param(
            {**TRUST, "TOKEN_SIGNING_ALG": "HS256"},
            "TOKEN_SIGNING_ALG: .*a secret cannot be published",
            id="HS256 without a secret",
        ),
        pytest.param({**TRUST, "SECRET": "short"}, "SECRET: .*5 bytes.*32", id="secret too short"),
        pytest.param(
            {**TRUST, "SECRET": SECRET, "TOKEN_SIGNING_ALG": "RS256"},
            "TOKEN_SIGNING_ALG: .*RS256.*HS256",
            id="secret with RS256",
        ),
        pytest.param(
            {**TRUST, "SECRET": SECRET, "JWKS_URI": f"{NAME}jwks"},
            "set SECRET or JWKS_URI, not both",
            id="secret and JWKS",
        ),
    ],
)
def test_wrong_configuration_is_one_line_and_status_2(settings, complaint):
    assert re.match(f"app.py: {complaint}", complaint_of(settings))


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"STORE_URL": "redis://api:hunter2@host:port"}, id="port of the store"),
        pytest.param({"STORE_URL": "http://api:hunter2@redis.example.com"}, id="scheme"),
        pytest.param({"SEALING_KEYS": "hunter2", **SHARED}, id="short seal"),
        pytest.param({"SEALING_KEYS": "hunter2"}, id="seal without a store"),
        pytest.param({"INTROSPECTION_CLIENT_SECRET": "hunter2"}, id="secret alone"),
        pytest.param({"INTROSPECTION_URL": "nowhere", **CLIENT}, id="endpoint no URL"),
    ],
)
def test_no_secret_of_store_or_endpoint_is_in_an_error(settings):
    values = {name.lower(): value for name, value in {**TRUST, **settings}.items()}
    with pytest.raises(ValueError, match=next(iter(settings))) as refused:
        app.main(**values)
    assert "hunter2" not in str(refused.value)


def test_a_python_without_the_packages_names_the_remedy_f8(tmp_path):
    """The demo was installed into `.venv`, but `python` is another Python."""
    command = [sys.executable, "-I", "-S", APP]  # -S hides the installed packages
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"app.py: {sys.executable} has no module 'dotenv': run `make")
    assert ".venv/bin/python app.py --demo" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_port_in_use_is_one_line_and_status_2():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        complaint = complaint_of({**TRUST, "PORT": port})
    assert complaint.startswith(f"app.py: cannot serve on http://127.0.0.1:{port} (Address already")
    assert "set HOST to" in complaint


def complaint_of(settings: dict[str, str]) -> str:
    """Return the one line of the error; check that it holds no secret."""
    ended = subprocess.run(
        [sys.executable, APP],
        env=environment(settings),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, ""), ended
    assert ended.stderr.count("\n") == 1
    for name in ("SECRET", "DPOP_NONCE_SECRETS", "SEALING_KEYS", "INTROSPECTION_CLIENT_SECRET"):
        assert settings.get(name, "no secret") not in ended.stderr
    return ended.stderr


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:3010"), ("::1", "http://[::1]:3010")],
    ids=["IPv4", "IPv6"],
)
def test_the_printed_address_is_a_url(host, url):
    assert app._base_url(host, 3010) == url
