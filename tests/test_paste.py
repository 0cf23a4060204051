"""PasteDeploy: the stack from an `.ini` file, and errors for wrong settings at load time."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
import requests
from client_tls import Authority
from paste.deploy import loadapp
from ports import free_port, listens
from store_servers import serving
from webtest import TestApp

from jwt_wsgi import DPoPNonces, Issuer
from jwt_wsgi.paste import filter_app_factory, filter_factory
from jwt_wsgi.paste.issuers import _DEFAULT_LEEWAY
from jwt_wsgi.revocation import DenyList
from jwt_wsgi.stores import RedisStore
from jwt_wsgi.testing import DPoPKey, LocalIssuer, SigningKey

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "paste"
PAGE = (ROOT / "docs" / "paste.md").read_text("utf-8")

#: What says who the API is at the endpoint.
CLIENT = {"introspection_client_id": "api", "introspection_client_secret_file": "short"}
NEEDED = {"issuer": "https://issuer.test/", "audience": "https://api.test", "policy": "policy.toml"}


def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"in"]


def app_factory(global_conf: dict[str, str], **settings: str) -> Any:
    return app


@pytest.fixture
def conf(tmp_path: Path) -> dict[str, str]:
    """Return PasteDeploy's defaults for an `.ini` file, and write a policy beside it."""
    (tmp_path / "policy.toml").write_text(
        '[rules]\n"/" = "AUTHENTICATED"\n"/scoped" = \'scope("a")\'\n'
    )
    return {"here": str(tmp_path), "__file__": str(tmp_path / "api.ini")}


# --- the example


@contextmanager
def pserve(folder: Path, port: int) -> Iterator[str]:
    """Serve the example with Pyramid's own command."""
    command = [Path(sys.executable).with_name("pserve"), "api.ini"]
    log = folder / "log"
    with log.open("wb") as written:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": "."},
            stdout=written,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + 60
            while not listens(port):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def test_pserve_serves_the_example(tmp_path: Path) -> None:
    folder = shutil.copytree(EXAMPLE, tmp_path / "example")
    port = free_port()
    issuer = LocalIssuer(audience="https://api.example.com")
    with issuer.serve():
        written = (folder / "api.ini").read_text()
        for example, here in (
            ("https://tenant.example.com/", issuer.issuer),
            ("127.0.0.1:6543", f"127.0.0.1:{port}"),
        ):
            assert written.count(example) == 1
            written = written.replace(example, here)
        (folder / "api.ini").write_text(written)
        with pserve(folder, port) as base:
            answers = [
                requests.get(f"{base}/api/{place}", headers=headers, timeout=30)
                for place, headers in (
                    ("public", {}),
                    ("private", {}),
                    ("private", issuer.headers()),
                    ("private-scoped", issuer.headers("openid")),
                    ("private-scoped", issuer.headers("read:messages")),
                    ("other", issuer.headers("read:messages")),
                )
            ]
    assert [answer.status_code for answer in answers] == [200, 401, 200, 403, 200, 403]
    assert answers[1].headers["WWW-Authenticate"] == 'Bearer realm="api"'
    assert answers[3].json()["error"] == "insufficient_scope"
    assert answers[4].json() == {"message": "Hello, user-1."}
    assert len(issuer.requests) == 2


def test_the_page_shows_the_example_as_it_is() -> None:
    blocks = dict(
        re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```$', PAGE, re.DOTALL | re.MULTILINE)
    )
    assert blocks == {name: (EXAMPLE / name).read_text() for name in ("api.ini", "policy.toml")}


def test_the_page_names_every_setting_and_no_other() -> None:
    with pytest.raises(ValueError, match="choose from") as refused:
        filter_factory(None, nonsense="1")
    known = str(refused.value).partition("choose from ")[2].split(", ")
    assert re.findall(r"^\| `(\w+)`", PAGE, re.MULTILINE) == known


# --- the ways to name the filter in a file


FILES = {
    "a pipeline": "[pipeline:main]\npipeline = jwt api\n[filter:jwt]\n{use}\n[app:api]\n{api}\n",
    "a filter-app": "[filter-app:main]\nnext = api\n{use}\n[app:api]\n{api}\n",
    "filter-with": "[app:main]\n{api}\nfilter-with = jwt\n[filter:jwt]\n{use}\n",
}
USES = {
    "by its name": "use = egg:jwt-wsgi",
    "as a filter_factory": "paste.filter_factory = jwt_wsgi.paste:filter_factory",
    "as a filter_app_factory": "paste.filter_app_factory = jwt_wsgi.paste:filter_app_factory",
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_pastedeploy_loads_it(
    file: str, use: str, conf: dict[str, str], local: LocalIssuer
) -> None:
    here = Path(conf["here"])
    (here / "keys.json").write_text(json.dumps(local.jwks))
    settings = {
        "issuer": local.issuer,
        "audience": local.audience,
        "policy": "%(here)s/policy.toml",
    }
    lines = [
        use,
        *(f"{name} = {value}" for name, value in {**settings, "jwks_file": "keys.json"}.items()),
    ]
    api = f"paste.app_factory = {__name__}:app_factory"
    (here / "api.ini").write_text(
        "[DEFAULT]\ndebug = true\n" + file.format(use="\n".join(lines), api=api)
    )
    loaded = TestApp(loadapp(f"config:{here}/api.ini"))
    assert loaded.get("/", status=401)
    assert loaded.get("/", headers=local.headers()).text == "in"
    assert loaded.get("/scoped", headers=local.headers("b"), status=403)


DEFAULTS = """
[DEFAULT]
max_age = 60
[app:main]
paste.app_factory = {module}:app_factory
filter-with = jwt
[filter:jwt]
use = egg:jwt-wsgi
issuer = https://issuer.test/
audience = https://api.test
policy = policy.toml
{setting} = {value}
"""


def test_a_setting_hidden_by_the_defaults_is_refused_unless_it_is_fetched(
    conf: dict[str, str],
) -> None:
    file = Path(conf["here"]) / "api.ini"
    file.write_text(DEFAULTS.format(module=__name__, setting="max_age", value="30"))
    with pytest.raises(
        ValueError, match=r"jwt-wsgi: \[DEFAULT\] has max_age too, .*'get max_age = max_age'"
    ):
        loadapp(f"config:{file}")
    file.write_text(DEFAULTS.format(module=__name__, setting="get max_age", value="max_age"))
    assert loadapp(f"config:{file}")


# --- the settings


def protected(conf: dict[str, str], issuer: LocalIssuer, **settings: str) -> TestApp:
    here = Path(conf["here"])
    (here / "keys.json").write_text(json.dumps(issuer.jwks))
    given = {
        "issuer": issuer.issuer,
        "audience": issuer.audience,
        "policy": "policy.toml",
        "jwks_file": "keys.json",
    }
    kept = {name: value for name, value in {**given, **settings}.items() if value}
    return TestApp(filter_app_factory(app, conf, **kept))


@pytest.mark.parametrize(
    ("settings", "token", "refused"),
    [
        ({}, {}, None),
        ({"audience": "https://other.test  https://api.test"}, {}, None),
        ({"audience": "https://other.test"}, {}, "audience_mismatch"),
        ({"leeway": "300"}, {"expires_in": -200}, None),
        ({"leeway": "0"}, {"expires_in": -20}, "token_expired"),
        ({"max_age": "60.5"}, {"iat": 1_000_000_000}, "token_too_old"),
        ({"algorithms": "ES256"}, {}, "algorithm_not_allowed"),
        ({"algorithms": "ES256 RS256"}, {}, None),
        ({"profile": "at+jwt"}, {"header": {"typ": "JWT"}}, "type_mismatch"),
        ({"profile": "jwt"}, {"header": {"typ": "JWT"}}, None),
        ({"leeway": " "}, {}, None),
    ],
    ids=str,
)
def test_a_setting_changes_the_verdict(
    settings: dict[str, str],
    token: dict[str, Any],
    refused: str | None,
    conf: dict[str, str],
    local: LocalIssuer,
) -> None:
    api = protected(
        conf, LocalIssuer(algorithms=("RS256", "ES256"), keys=[local.key()]), **settings
    )
    answer = api.get("/", headers=local.headers(**token), status=200 if refused is None else 401)
    assert refused is None or answer.json["reason"] == refused


def test_types_and_id_tokens_are_accepted_by_name(conf: dict[str, str], local: LocalIssuer) -> None:
    special = local.token(header={"typ": "vnd.acme+jwt"}, at_hash="x")
    api = protected(conf, local, types="JOSE vnd.acme+jwt", allow_id_tokens="true")
    headers = {"Authorization": f"Bearer {special}"}
    assert api.get("/private", headers=headers).status_int == 200
    api = protected(conf, local)
    assert api.get("/private", headers=headers, status=401).json["reason"] == "type_mismatch"


def test_members_of_the_header_and_the_padding_are_settings(
    conf: dict[str, str], local: LocalIssuer
) -> None:
    api = protected(conf, local, header="signer=a  client=b")
    headers = local.headers(header={"signer": "a", "client": "b"})
    assert api.get("/private", headers=headers).status_int == 200
    headers = local.headers(header={"signer": "a"})
    assert api.get("/private", headers=headers, status=401).json["reason"] == "claim_missing"
    api = protected(conf, local, padded="true")
    answer = api.get("/private", headers=local.headers(), status=401)
    assert answer.json["reason"] == "token_malformed"


def test_tokens_come_from_the_sources_of_the_section_f12(
    conf: dict[str, str], local: LocalIssuer
) -> None:
    origin = "https://app.example.com"
    api = protected(
        conf, local, token_sources="header:X-Token  cookie:__Host-s", cookie_origins=origin
    )
    token = local.token()
    cookie = {"Cookie": f"__Host-s={token}"}
    assert api.get("/", headers={"X-Token": token}).text == "in"
    assert api.get("/", headers=cookie).text == "in"
    assert api.get("/", headers=local.headers(), status=401).json["reason"] == "missing_token"
    assert api.post("/", headers=cookie, status=403).json["reason"] == "cross_site"
    assert api.post("/", headers={**cookie, "Origin": origin}).text == "in"


def test_the_realm_and_the_scope_claim_are_used(conf: dict[str, str], local: LocalIssuer) -> None:
    api = protected(conf, local, realm="billing", scope_claim="roles")
    assert api.get("/", status=401).headers["WWW-Authenticate"].startswith('Bearer realm="billing"')
    assert api.get("/scoped", headers=local.headers(roles=["a"])).text == "in"


def test_scopes_imply_others_as_the_section_says(conf: dict[str, str]) -> None:
    issuer = LocalIssuer(audience=NEEDED["audience"])
    client_id, client_secret = issuer.api_client
    (Path(conf["here"]) / "secret").write_text(client_secret)
    with issuer.serve():
        settings = {
            **NEEDED,
            "issuer": issuer.issuer,
            "introspection_url": issuer.introspection_uri,
            "introspection_client_id": client_id,
            "introspection_client_secret_file": "secret",
        }
        plain = TestApp(filter_app_factory(app, conf, **settings))
        api = TestApp(filter_app_factory(app, conf, **settings, scope_implies="all=b  b=a all=c"))
        for make in (issuer.token, issuer.opaque_token):
            headers = {"Authorization": f"Bearer {make('all')}"}
            assert api.get("/scoped", headers=headers).text == "in"
            assert plain.get("/scoped", headers=headers, status=403)


BASE_URL = "https://api.test"
DPOP_KEY = DPoPKey()


def proven(issuer: LocalIssuer, nonce: str | None = None, path: str = "/") -> dict[str, str]:
    """Return the headers of a request with a bound token and a new proof."""
    bound = issuer.token(cnf=DPOP_KEY)
    proof = DPOP_KEY.proof("GET", BASE_URL + path, bound, nonce)
    return {"Authorization": f"DPoP {bound}", "DPoP": proof}


def test_proofs_are_checked_against_the_base_urls(conf: dict[str, str], local: LocalIssuer) -> None:
    both = protected(conf, local, dpop_base_urls=f"https://other.test  {BASE_URL}")
    assert both.get("/", headers=proven(local)).text == "in"
    assert both.get("/", headers=local.headers()).text == "in"
    headers = {"Authorization": proven(local)["Authorization"].replace("DPoP", "Bearer")}
    assert both.get("/", headers=headers, status=401).json["reason"] == "token_bound"
    other = protected(conf, local, dpop_base_urls="https://other.test")
    answer = other.get("/", headers=proven(local), status=401)
    assert answer.json["reason"] == "proof_mismatch"


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"dpop_required": "true"}, id="by the stack"),
        pytest.param({"sender_constrained": "true"}, id="by the issuer"),
    ],
)
def test_bound_tokens_can_be_required(
    settings: dict[str, str], conf: dict[str, str], local: LocalIssuer
) -> None:
    api = protected(conf, local, dpop_base_urls=BASE_URL, **settings)
    assert api.get("/", headers=proven(local)).text == "in"
    answer = api.get("/", headers=local.headers(), status=401)
    assert answer.json["reason"] == "token_not_bound"


def test_bindings_that_are_not_checked_can_be_accepted(
    conf: dict[str, str], local: LocalIssuer
) -> None:
    bound = local.headers(cnf=DPOP_KEY)
    assert protected(conf, local).get("/", headers=bound, status=401)
    lenient = protected(conf, local, accept_unproven_binding="true")
    assert lenient.get("/", headers=bound).text == "in"


def test_the_secrets_of_nonces_come_from_files(conf: dict[str, str], local: LocalIssuer) -> None:
    here = Path(conf["here"])
    (here / "new").write_bytes(b"n" * 32 + b"\n")
    (here / "old").write_bytes(b"o" * 32)
    settings = {"dpop_base_urls": BASE_URL, "dpop_nonce_secret_files": "old"}
    before = protected(conf, local, **settings)
    answer = before.get("/", headers=proven(local), status=401)
    assert answer.json["reason"] == "proof_nonce_required"
    nonce = answer.headers["DPoP-Nonce"]
    rotated = protected(conf, local, **{**settings, "dpop_nonce_secret_files": "new old"})
    assert rotated.get("/", headers=proven(local, nonce)).text == "in"
    # A line break at the end of the file is not part of the secret.
    assert DPoPNonces([b"n" * 32]).age(
        rotated.get("/", headers=proven(local), status=401).headers["DPoP-Nonce"], time.time(), 30
    )


def test_the_certificate_of_the_client_has_a_place(
    conf: dict[str, str], local: LocalIssuer
) -> None:
    client = Authority("clients").issue("client")
    headers = local.headers(cnf=client.der)
    variable = protected(conf, local, client_certificate="environ:SSL_CLIENT_CERT")
    environ = {"SSL_CLIENT_CERT": client.pem}
    assert variable.get("/", headers=headers, extra_environ=environ).text == "in"
    assert variable.get("/", headers=headers, status=401).json["reason"] == "token_bound"
    sent = {**headers, "Client-Cert": f":{base64.b64encode(client.der).decode()}:"}
    header = protected(
        conf, local, client_certificate="client-cert-header", trusted_proxies="10.0.3.7 10.0.4.0/24"
    )
    for proxy in ("10.0.3.7", "10.0.4.9"):
        assert header.get("/", headers=sent, extra_environ={"REMOTE_ADDR": proxy}).text == "in"
    stranger = {"REMOTE_ADDR": "192.0.2.1"}
    answer = header.get("/", headers=sent, extra_environ=stranger, status=401)
    assert answer.json["reason"] == "token_bound"


@pytest.fixture(scope="module")
def store_url() -> Iterator[str]:
    with serving("valkey") as server:
        yield server.url


@pytest.mark.parametrize("setting", ["store_url", "store_url_file"])
def test_sections_with_one_store_share_proofs_and_denials(
    setting: str, conf: dict[str, str], local: LocalIssuer, store_url: str
) -> None:
    (Path(conf["here"]) / "url").write_text(f"{store_url}\n")
    settings = {setting: "url" if setting == "store_url_file" else store_url}
    one, other = (protected(conf, local, dpop_base_urls=BASE_URL, **settings) for _ in range(2))
    headers = proven(local)
    assert one.get("/", headers=headers).text == "in"
    assert other.get("/", headers=headers, status=401).json["reason"] == "proof_replayed"
    ada = local.headers(sub=setting)
    assert one.get("/", headers=ada).text == "in"
    DenyList(RedisStore(store_url)).revoke_subject(local.issuer, setting)
    assert other.get("/", headers=ada, status=401).json["reason"] == "token_revoked"


@pytest.mark.parametrize("place", ["jwks_uri", "metadata"])
def test_sealed_keys_of_the_store_serve_while_the_issuer_is_down(
    place: str, conf: dict[str, str], store_url: str
) -> None:
    for name in ("new", "old"):
        (Path(conf["here"]) / name).write_text(name[0] * 32)
    issuer = LocalIssuer(audience=NEEDED["audience"])
    with issuer.serve() as url:
        settings = {**NEEDED, "issuer": issuer.issuer, "store_url": store_url}
        if place == "jwks_uri":
            settings["jwks_uri"] = f"{url}.well-known/jwks.json"

        def api(files: str) -> TestApp:
            return TestApp(filter_app_factory(app, conf, **settings, sealing_key_files=files))

        headers = issuer.headers()
        assert api("old").get("/", headers=headers).text == "in"
        with issuer.outage():
            assert api("new old").get("/", headers=headers).text == "in"
            for files in ("new", ""):
                assert api(files).get("/", headers=headers, status=503)


@pytest.mark.parametrize("place", ["introspection_uri", "discover"])
def test_opaque_tokens_pass_where_the_section_has_an_endpoint(
    place: str, conf: dict[str, str]
) -> None:
    issuer = LocalIssuer(audience=NEEDED["audience"])
    client_id, client_secret = issuer.api_client
    (Path(conf["here"]) / "secret").write_text(f"{client_secret}\n")
    with issuer.serve():
        settings = {
            **NEEDED,
            "issuer": issuer.issuer,
            "scope_claim": "roles",
            "introspection_url": getattr(issuer, place, place),
            "introspection_client_id": client_id,
            "introspection_client_secret_file": "secret",
        }
        api = TestApp(filter_app_factory(app, conf, **settings))
        for make in (issuer.token, issuer.opaque_token):
            good = {"Authorization": f"Bearer {make(roles=['a'])}"}
            assert api.get("/scoped", headers=good).text == "in"
        early = {"Authorization": f"Bearer {issuer.opaque_token(nbf=int(time.time()) + 20)}"}
        assert api.get("/", headers=early).text == "in"
        strict = TestApp(filter_app_factory(app, conf, **settings, leeway="5"))
        assert strict.get("/", headers=early, status=401).json["reason"] == "token_not_yet_valid"
        bound = TestApp(
            filter_app_factory(
                app, conf, **settings, dpop_base_urls=BASE_URL, sender_constrained="true"
            )
        )
        bearer = {"Authorization": f"Bearer {issuer.opaque_token()}"}
        assert bound.get("/", headers=bearer, status=401).json["reason"] == "token_not_bound"


RESOURCE = "https://api.test/mcp"
PLACE = "/.well-known/oauth-protected-resource/mcp"
SERVERS = {
    "the issuer": ({}, ["https://issuer.test/"]),
    "named": (
        {"authorization_servers": "https://a.test https://b.test"},
        ["https://a.test", "https://b.test"],
    ),
}


@pytest.mark.parametrize(("settings", "servers"), SERVERS.values(), ids=SERVERS)
def test_the_metadata_of_the_resource_is_served(
    settings: dict[str, str], servers: list[str], conf: dict[str, str]
) -> None:
    issuer = LocalIssuer(audience=RESOURCE)
    api = protected(conf, issuer, audience="", resource=RESOURCE, **settings)
    metadata = api.get(PLACE).json
    assert metadata["resource"] == RESOURCE
    assert metadata["authorization_servers"] == servers
    refused = api.get("/scoped", status=401)
    assert f'resource_metadata="https://api.test{PLACE}"' in refused.headers["WWW-Authenticate"]
    # The audience is the resource.
    assert api.get("/", headers=issuer.headers()).text == "in"


UNFIT = {
    "another audience": ({"audience": "https://api.test"}, "resource='https://api.test/mcp': no"),
    "an issuer that is not a URL": (
        {"audience": "", "issuer": "tenant"},
        "issuer='tenant': is not",
    ),
}


@pytest.mark.parametrize(("settings", "message"), UNFIT.values(), ids=UNFIT)
def test_a_resource_that_does_not_fit_the_section_is_refused_at_load(
    settings: dict[str, str], message: str, conf: dict[str, str], local: LocalIssuer
) -> None:
    given = {"issuer": local.issuer, "policy": "policy.toml", "resource": RESOURCE}
    (Path(conf["here"]) / "keys.json").write_text(json.dumps(local.jwks))
    with pytest.raises(ValueError, match=f"^jwt-wsgi: {message}"):
        filter_app_factory(app, conf, jwks_file="keys.json", **{**given, **settings})


def test_a_rule_that_the_section_cannot_satisfy_is_refused_at_load(conf: dict[str, str]) -> None:
    (Path(conf["here"]) / "policy.toml").write_text("[rules]\n'/' = 'sender_constrained()'\n")
    with pytest.raises(ValueError, match=r"^jwt-wsgi: .*sender_constrained"):
        filter_app_factory(app, conf, **NEEDED)
    assert filter_app_factory(app, conf, **NEEDED, dpop_base_urls=BASE_URL)


def test_a_secret_comes_from_a_file_and_serves_hs256_by_default(conf: dict[str, str]) -> None:
    issuer = LocalIssuer(algorithms=("HS256", "HS512"), keys=[key("HS256"), key("HS512")])
    (Path(conf["here"]) / "secret").write_bytes(SECRET + b"\n")
    usual = protected(conf, issuer, jwks_file="", secret_file="secret")
    assert usual.get("/", headers=issuer.headers()).text == "in"
    assert usual.get("/", headers=issuer.headers(algorithm="HS512"), status=401)
    longer = protected(conf, issuer, jwks_file="", secret_file="secret", algorithms="HS512")
    assert longer.get("/", headers=issuer.headers(algorithm="HS512")).text == "in"


SECRET = b"only here, and sixty-four bytes long, as HS512 wants it to be at least."


def key(algorithm: str) -> SigningKey:
    signing = SigningKey(algorithm)
    signing.private = SECRET
    return signing


def test_keys_come_from_a_uri_or_are_discovered(conf: dict[str, str]) -> None:
    issuer = LocalIssuer()
    with issuer.serve():
        for settings in ({"jwks_uri": issuer.jwks_uri}, {}):
            api = protected(conf, issuer, jwks_file="", **settings)
            assert api.get("/", headers=issuer.headers()).text == "in"
    assert [path.rpartition("/")[2] for path in issuer.requests] == [
        "jwks.json",
        "openid-configuration",
        "jwks.json",
    ]


def test_the_default_leeway_is_that_of_an_issuer() -> None:
    assert signature(Issuer).parameters["leeway"].default == _DEFAULT_LEEWAY


def test_one_filter_can_protect_several_applications(conf: dict[str, str]) -> None:
    filter_ = filter_factory(conf, **NEEDED)
    assert filter_(app) is not filter_(app)


# --- wrong settings


WRONG = {
    "a resource over http": (
        {"resource": "http://api.test/mcp"},
        "resource='http://api.test/mcp': write an https URL",
    ),
    "servers without a resource": (
        {"authorization_servers": "https://a.test"},
        "authorization_servers without resource: write the public URL",
    ),
    "a server that is not a URL": (
        {"resource": "https://api.test", "authorization_servers": "tenant"},
        "authorization_servers holds 'tenant': write the https URL",
    ),
    "no source": (
        {"token_sources": "bearer query:token"},
        "token_sources = bearer query:token: 'query:token' is not a source: write bearer, header:NAME",
    ),
    "Authorization as a header": (
        {"token_sources": "header:Authorization"},
        r"token_sources = header:Authorization: from_header\('Authorization'\): use bearer",
    ),
    "a wrong origin": (
        {"token_sources": "cookie:s", "cookie_origins": "https://app.test/"},
        "token_sources = cookie:s: origins holds 'https://app.test/': write 'https://app.test'",
    ),
    "origins without sources": (
        {"cookie_origins": "https://app.test"},
        "cookie_origins without token_sources: name the cookie there",
    ),
    "origins without a cookie": (
        {"token_sources": "bearer", "cookie_origins": "https://app.test"},
        "token_sources = bearer: origins without a cookie",
    ),
    "nonce secrets in the file": (
        {"dpop_nonce_secrets": "hunter2"},
        "dpop_nonce_secrets is not a setting, because many .* dpop_nonce_secret_files",
    ),
    "proofs without a URL": (
        {"dpop_required": "true"},
        "dpop_required without dpop_base_urls: write the public URL",
    ),
    "nonces without a URL": (
        {"dpop_nonce_secret_files": "short"},
        "dpop_nonce_secret_files without dpop_base_urls: write the public URL",
    ),
    "a base URL over http": (
        {"dpop_base_urls": "http://api.test"},
        "dpop_base_urls = http://api.test: ",
    ),
    "no truth value for proofs": (
        {"dpop_base_urls": "https://api.test", "dpop_required": "yes"},
        "dpop_required = yes: write true or false",
    ),
    "a short secret of nonces": (
        {"dpop_base_urls": "https://api.test", "dpop_nonce_secret_files": "short"},
        "dpop_nonce_secret_files = short: .*5 bytes are too short",
    ),
    "no such secret of nonces": (
        {"dpop_base_urls": "https://api.test", "dpop_nonce_secret_files": "short none"},
        r"dpop_nonce_secret_files = short none: none cannot be read \(No such file",
    ),
    "no source of certificates": (
        {"client_certificate": "nginx"},
        "client_certificate = nginx: 'nginx' is not a source of client certificates",
    ),
    "a certificate in a header of anyone": (
        {"client_certificate": "client-cert-header"},
        "client_certificate = client-cert-header: .*without trusted proxies",
    ),
    "proxies without a certificate": (
        {"trusted_proxies": "10.0.3.7"},
        "trusted_proxies without client_certificate: name the header there",
    ),
    "two demands that exclude each other": (
        {"sender_constrained": "true", "accept_unproven_binding": "true"},
        ".*accept_unproven_binding",
    ),
    "no padding": ({"padded": "="}, "padded = =: write true or false"),
    "a member without a value": ({"header": "signer"}, "header = signer: .*write NAME=VALUE"),
    "one scope that implies none": (
        {"scope_implies": "admin"},
        "scope_implies = admin: 'admin': write NAME=NAME",
    ),
    "scopes that imply each other": (
        {"scope_implies": "a=b b=a"},
        "scope_implies: .* which is a cycle",
    ),
    "a member of another option": ({"header": "typ=JWT"}, "header holds 'typ': .*types="),
    "no boolean": ({"allow_id_tokens": "maybe"}, "allow_id_tokens = maybe: write true or false"),
    "an unknown setting": (
        {"audiences": "a"},
        "unknown setting 'audiences': choose from issuer, audience, policy",
    ),
    "no issuer": ({"issuer": ""}, r"issuer is not set: write the tokens' exact iss"),
    "a blank audience": ({"audience": "  "}, "audience is not set: write this API's identifier"),
    "no policy": (
        {"policy": ""},
        r"policy is not set: write the file of rules, such as %\(here\)s/policy.toml",
    ),
    "no such policy": (
        {"policy": "none.toml"},
        r"policy = none.toml: policy file .*none.toml: cannot be read",
    ),
    "an invalid policy": (
        {"policy": "bad.toml"},
        r"policy = bad.toml: .* rule '/': 'SECRET' is not a requirement",
    ),
    "an issuer over http": (
        {"issuer": "http://issuer.test/"},
        r"issuer = http://issuer.test/: .*must be https",
    ),
    "an issuer that is not a URL": ({"issuer": "issuer.test"}, r"issuer = issuer.test: .*https"),
    "a URI over http": (
        {"jwks_uri": "http://keys.test/"},
        r"jwks_uri = http://keys.test/: .*must be https",
    ),
    "two places of keys": (
        {"jwks_uri": "https://keys.test/", "secret_file": "s"},
        "jwks_uri and secret_file are set",
    ),
    "no such key file": (
        {"jwks_file": "none.json"},
        r"jwks_file = none.json: it cannot be read \(No such file",
    ),
    "an invalid key file": (
        {"jwks_file": "policy.toml"},
        r"jwks_file = policy.toml: key file policy.toml: ",
    ),
    "a short secret": ({"secret_file": "short"}, r"secret_file = short: .*32"),
    "no such algorithm": (
        {"algorithms": "RS256 none"},
        "algorithms holds 'none': choose from RS256",
    ),
    "algorithms with commas": (
        {"algorithms": "RS256,PS256"},
        "algorithms holds 'RS256,PS256': choose from",
    ),
    "a secret's algorithm": (
        {"algorithms": "HS256"},
        r"algorithms \['HS256'\] with published keys",
    ),
    "a store over http": ({"store_url": "http://redis.test"}, "store_url: .*begin with redis://"),
    "a password in the section": (
        {"store_url": "redis://api:hunter2@redis.test"},
        "store_url: a user and a password do not belong here, .* name it in store_url_file",
    ),
    "a password among the options": (
        {"store_url": "redis://redis.test?password=hunter2"},
        "store_url: a user and a password do not belong here",
    ),
    "two stores": (
        {"store_url": "redis://redis.test", "store_url_file": "short"},
        "store_url and store_url_file are set: leave one of them out",
    ),
    "a store in no file": (
        {"store_url_file": "none"},
        "store_url_file = none: none cannot be read",
    ),
    "a store whose file has no URL": (
        {"store_url_file": "short"},
        "store_url_file = short: .*begin with redis://",
    ),
    "sealing keys in the section": (
        {"sealing_keys": "hunter2"},
        "sealing_keys is not a setting, because many .* sealing_key_files",
    ),
    "a seal without a store": (
        {"sealing_key_files": "short"},
        "sealing_key_files without store_url or store_url_file: name the store",
    ),
    "a sealing key too short": (
        {"store_url": "redis://redis.test", "sealing_key_files": "short"},
        "sealing_key_files = short: .*5 bytes are too short",
    ),
    "a seal of keys that no one fetches": (
        {"store_url": "redis://redis.test", "sealing_key_files": "short", "jwks_file": "short"},
        "sealing_key_files with jwks_file: leave them out",
    ),
    "a client's secret in the section": (
        {"introspection_client_secret": "hunter2"},
        "introspection_client_secret is not a setting, .* introspection_client_secret_file",
    ),
    "an endpoint without a client": (
        {"introspection_url": "discover"},
        "introspection_url without introspection_client_id: write",
    ),
    "an endpoint without a secret": (
        {"introspection_url": "discover", "introspection_client_id": "api"},
        "introspection_url without introspection_client_secret_file: write",
    ),
    "a client without an endpoint": (
        {"introspection_client_id": "api"},
        "introspection_client_id without introspection_url: write .*discover",
    ),
    "a secret without an endpoint": (
        {"introspection_client_secret_file": "short"},
        "introspection_client_secret_file without introspection_url: write .*discover",
    ),
    "an endpoint over http": (
        {**CLIENT, "introspection_url": "http://as.test/introspect"},
        "introspection_url = http://as.test/introspect: must be https, except on loopback",
    ),
    "a client's secret that is not text": (
        {**CLIENT, "introspection_url": "discover", "introspection_client_secret_file": "bytes"},
        "introspection_client_secret_file = bytes: bytes is not UTF-8",
    ),
    "leeway in words": ({"leeway": "5m"}, "leeway = 5m: write a number of seconds"),
    "leeway below 0": ({"leeway": "-1"}, "leeway = -1: write a number of seconds"),
    "infinite leeway": ({"leeway": "inf"}, "leeway = inf: write a number of seconds"),
    "too much leeway": ({"leeway": "301"}, "leeway=301.0: write seconds, 0 to 300"),
    "no age": ({"max_age": "0"}, "max_age=0.0: write seconds above 0"),
    "no such profile": ({"profile": "at-jwt"}, "profile='at-jwt': write 'jwt'"),
    "a realm beyond ASCII": ({"realm": "é"}, "realm='é': write printable ASCII"),
}


@pytest.mark.parametrize(
    "factory", [filter_factory, partial(filter_app_factory, app)], ids=["filter", "filter-app"]
)
@pytest.mark.parametrize(("settings", "message"), WRONG.values(), ids=WRONG)
def test_an_error_names_the_setting_and_the_remedy(
    settings: dict[str, str], message: str, factory: Any, conf: dict[str, str]
) -> None:
    here = Path(conf["here"])
    (here / "bad.toml").write_text('[rules]\n"/" = "SECRET"\n')
    (here / "short").write_text("short")
    (here / "bytes").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=f"^jwt-wsgi: {message}"):
        factory(conf, **{**NEEDED, **settings})


def test_no_secret_is_in_an_error(conf: dict[str, str]) -> None:
    (Path(conf["here"]) / "short").write_text("hunter2")
    (Path(conf["here"]) / "url").write_text("http://api:hunter2@redis.test")
    for settings in (
        {"secret_file": "short"},
        {"dpop_base_urls": BASE_URL, "dpop_nonce_secret_files": "short"},
        {"dpop_nonce_secrets": "hunter2"},
        {"store_url": "redis://api:hunter2@redis.test"},
        {"store_url": "redis://redis.test?password=hunter2"},
        {"store_url_file": "url"},
        {"store_url": "redis://redis.test", "sealing_key_files": "short"},
        {"sealing_keys": "hunter2"},
        {"introspection_client_secret": "hunter2"},
        {**CLIENT, "introspection_url": "nowhere"},
    ):
        with pytest.raises(ValueError, match="jwt-wsgi: ") as refused:
            filter_factory(conf, **NEEDED, **settings)
        assert "hunter2" not in str(refused.value)
