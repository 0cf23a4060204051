"""The recipes of the how-to pages beyond what their own snippets assert."""

from __future__ import annotations

import base64
import contextlib
import logging
import sqlite3
import threading
from typing import Any

import pytest
import recipe_pages
from webtest import TestApp

from jwt_wsgi import OPTIONAL, PUBLIC, CrossOrigin, Issuer, SharedSecret, issued_by, protect, scope
from jwt_wsgi.testing import LocalIssuer

# --- Basic beside Bearer

BASIC = recipe_pages.run("how-to/basic-beside-bearer.md")
KEY = "a key of 32 random bytes"
BOTH = ['Bearer realm="api", scope="read:orders"', 'Basic realm="api", charset="UTF-8"']


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def caller(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    auth = BASIC["get_auth"](environ)
    return [f"{auth and auth.subject} {environ.get('HTTP_AUTHORIZATION', '')[:6]}".encode()]


@pytest.fixture
def both(local: LocalIssuer) -> TestApp:
    rules = {
        "/orders": scope("read:orders"),
        "/people": scope("read:orders") & issued_by(local.issuer),
        "/public": PUBLIC,
        "/optional": OPTIONAL,
    }
    issuers = [local.trusted(), BASIC["PASSWORDS"]]
    return TestApp(BASIC["BasicToo"](protect(caller, issuer=issuers, rules=rules)))


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(basic("monitor", "wrong"), id="F12 a wrong password"),
        pytest.param(basic("nobody", KEY), id="F12 an unknown user"),
        pytest.param(basic("", ""), id="F12 nobody"),
        pytest.param("Basic", id="F12 nothing"),
        pytest.param("Basic ???", id="F12 not base64"),
        pytest.param("Basic caf\xe9", id="F12 not ASCII"),
        pytest.param("Basic /w==", id="F12 not UTF-8"),
        pytest.param(basic("monitor", KEY) + ", Bearer x", id="F12 two schemes"),
        pytest.param("Basic " + base64.b64encode(b"monitor").decode(), id="F12 no colon"),
    ],
)
@pytest.mark.parametrize("path", ["/orders", "/public", "/optional"])
def test_wrong_basic_credentials_are_refused_with_both_challenges(
    both: TestApp, header: str, path: str
) -> None:
    refused = both.get(path, headers={"Authorization": header}, status=401)
    schemes = [each.partition(" ")[0] for each in refused.headers.getall("WWW-Authenticate")]
    assert schemes == ["Bearer", "Basic"]


def test_every_401_of_the_layers_offers_both_schemes_f12(both: TestApp, local: LocalIssuer) -> None:
    assert both.get("/orders", status=401).headers.getall("WWW-Authenticate") == BOTH
    expired = {"Authorization": f"Bearer {local.token(expires_in=-60)}"}
    refused = both.get("/orders", headers=expired, status=401)
    [bearer, offered] = refused.headers.getall("WWW-Authenticate")
    assert 'error="invalid_token"' in bearer
    assert offered == BOTH[1]
    other = both.get("/orders", headers=local.headers(scope="x"), status=403)
    assert len(other.headers.getall("WWW-Authenticate")) == 1


def test_a_password_counts_as_a_token_of_this_process_f12(
    both: TestApp, local: LocalIssuer
) -> None:
    headers = {"Authorization": basic("monitor", KEY)}
    # The application sees the token, not the password.
    assert both.get("/orders", headers=headers).text == "monitor Bearer"
    assert both.get("/people", headers=headers, status=403).json["reason"] == "claim_forbidden"
    ada = local.headers(scope="read:orders", sub="ada")
    assert both.get("/people", headers=ada).text == "ada Bearer"


def test_a_token_that_a_client_signs_as_the_process_is_refused_f12(both: TestApp) -> None:
    forger = LocalIssuer("https://passwords.invalid/", algorithms=("HS256",))
    headers = forger.headers(scope="read:orders", sub="monitor")
    refused = both.get("/orders", headers=headers, status=401)
    assert refused.json["reason"] == "signature_invalid"


def test_a_page_reads_a_wrong_password_through_cors_f12(both: TestApp) -> None:
    api = TestApp(CrossOrigin(both.app, origins=["https://app.example.com"]))
    headers = {"Origin": "https://app.example.com", "Authorization": basic("monitor", "x")}
    refused = api.get("/orders", headers=headers, status=401)
    assert refused.headers["Access-Control-Allow-Origin"] == "https://app.example.com"


@pytest.mark.parametrize("path", ["/metrics/", "/metrics/x", "//metrics", "/./metrics", "/METRICS"])
def test_basic_opens_its_own_path_alone_f12(path: str, local: LocalIssuer) -> None:
    with_tokens = protect(caller, issuer=local.trusted(), rules={"/orders": scope("read:orders")})
    app = BASIC["by_path"]("/metrics", BASIC["with_basic"](BASIC["metrics"]), with_tokens)
    headers = {"Authorization": basic("monitor", KEY)}
    assert TestApp(app).get(path, headers=headers, status="*").status_int in (400, 401)


def test_a_wrong_password_is_logged_and_not_shown_f12(
    both: TestApp, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    both.get("/orders", headers={"Authorization": basic("monitor", "hunter2")}, status=401)
    assert "the user or the password is wrong" in caplog.text
    assert "hunter2" not in caplog.text


# --- a user record for each request

USERS = recipe_pages.run("how-to/user-records.md")


class Table:
    """The users of a test, and how often they were looked up."""

    def __init__(self, *rows: tuple[str, str, bool]) -> None:
        self.asked: list[tuple[str, str]] = []
        self._rows = {row[:2]: {"id": 7, "name": row[1], "closed": row[2]} for row in rows}

    def find_user(self, issuer: str, subject: str) -> dict[str, Any] | None:
        self.asked.append((issuer, subject))
        return self._rows.get((issuer, subject))


def users_app(table: Table, *issuers: Issuer) -> TestApp:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        user = environ["app.user"]
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [(user["name"] if user else "nobody").encode()]

    inner = USERS["UserRecords"](app, table.find_user)
    rules = {"/": OPTIONAL, "/admin": scope("admin"), "/public": PUBLIC}
    return TestApp(protect(inner, issuer=issuers, rules=rules))


def test_a_user_is_looked_up_once_for_each_request(local: LocalIssuer) -> None:
    table = Table((local.issuer, "ada", False))
    app = users_app(table, local.trusted())
    for _ in range(2):
        assert app.get("/", headers=local.headers(sub="ada")).text == "ada"
    assert table.asked == [(local.issuer, "ada")] * 2


def test_no_user_is_looked_up_without_a_token_or_after_a_refusal(local: LocalIssuer) -> None:
    table = Table((local.issuer, "ada", False))
    app = users_app(table, local.trusted())
    assert app.get("/").text == "nobody"
    assert app.get("/public", headers=local.headers(sub="ada")).text == "nobody"
    app.get("/admin", headers=local.headers(sub="ada"), status=403)
    assert table.asked == []


@pytest.mark.parametrize(
    ("closed", "status", "reason", "challenge"),
    [
        pytest.param(None, 403, "denied", None, id="a missing row"),
        pytest.param(True, 401, "token_revoked", 'error="invalid_token"', id="a closed row"),
    ],
)
def test_a_user_without_an_open_row_is_refused_and_logged(
    local: LocalIssuer,
    caplog: pytest.LogCaptureFixture,
    closed: bool | None,
    status: int,
    reason: str,
    challenge: str | None,
) -> None:
    caplog.set_level(logging.INFO, "users")
    rows = [] if closed is None else [(local.issuer, "ada", closed)]
    app = users_app(Table(*rows), local.trusted())
    refused = app.get("/", headers=local.headers(sub="ada"), status=status)
    assert refused.json["reason"] == reason
    assert (challenge or "") in refused.headers.get("WWW-Authenticate", "")
    assert [record.levelname for record in caplog.records if record.name == "users"] == ["INFO"]


def test_the_same_subject_of_another_issuer_is_another_user(local: LocalIssuer) -> None:
    other = LocalIssuer("https://other.test/", algorithms=("ES256",))
    app = users_app(Table((local.issuer, "ada", False)), local.trusted(), other.trusted())
    assert app.get("/", headers=local.headers(sub="ada")).text == "ada"
    app.get("/", headers=other.headers(sub="ada"), status=403)


def test_a_token_without_a_subject_finds_no_row(local: LocalIssuer) -> None:
    app = users_app(Table((local.issuer, "ada", False)), local.trusted())
    app.get("/", headers=local.headers(sub=None), status=403)


def test_threads_read_sqlite_at_the_same_time() -> None:
    """The page opens a connection for each request, because SQLite's belong to one thread."""
    with contextlib.closing(sqlite3.connect(USERS["DATABASE"])) as database, database:
        database.execute("INSERT INTO users VALUES (8, 'https://i.test/', 'bob', 'Bob', 0)")
    names: list[str] = []

    def read() -> None:
        names.append(USERS["find_user"]("https://i.test/", "bob")["name"])

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert names == ["Bob"] * 8


# --- from a shared secret to published keys

MOVE = recipe_pages.run("how-to/from-secret-to-keys.md")


def test_no_token_with_hs256_causes_a_fetch_u9() -> None:
    issuer = LocalIssuer(algorithms=("HS256", "RS256"))
    keys = [SharedSecret(issuer.secret()), MOVE["RemoteJWKS"](issuer.jwks_uri, fetch=issuer.fetch)]
    trusted = Issuer(
        issuer.issuer, audience=issuer.audience, keys=keys, algorithms=["HS256", "RS256"]
    )
    app = TestApp(protect(caller, issuer=trusted, rules={"/": scope("a")}))
    assert app.get("/", headers=issuer.headers(scope="a")).status_int == 200
    forger = LocalIssuer(issuer.issuer, algorithms=("HS256",))
    app.get("/", headers=forger.headers(scope="a"), status=401)
    assert issuer.requests == []


def test_a_token_beyond_its_lifetime_and_leeway_is_the_last_of_its_kind() -> None:
    """Step 4 of the page: the lifetime of a token, plus the leeway of 30 seconds."""
    issuer = LocalIssuer(algorithms=("HS256",))
    app = TestApp(protect(caller, issuer=issuer.trusted(), rules={"/": scope("a")}))
    app.get("/", headers=issuer.headers(scope="a", expires_in=-25))
    app.get("/", headers=issuer.headers(scope="a", expires_in=-35), status=401)
