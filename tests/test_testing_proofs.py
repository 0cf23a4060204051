"""`token(cnf=…)` and `authorize(dpop=…)`: bound tokens, and a client that proves its key."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import falcon.testing
import pytest
import requests
import trustme
from dpop_proofs import digest, public_key, verified_claims
from flask import Flask
from token_parts import part
from webtest import AppError, TestApp

from jwt_wsgi.testing import Clock, DPoPKey, LocalIssuer, SigningKey

BASE = "https://api.example.com"


def claims_of(token: str) -> dict[str, Any]:
    return part(token, 1)


# --- token(cnf=)


@pytest.fixture(scope="module")
def certificate() -> str:
    """Return a client's certificate in PEM."""
    issued = trustme.CA().issue_cert("client.example.com")
    return issued.cert_chain_pems[0].bytes().decode()


def test_a_token_is_bound_to_a_key_by_its_thumbprint(local: LocalIssuer) -> None:
    key = DPoPKey("Ed25519")
    assert claims_of(local.token(cnf=key))["cnf"] == {"jkt": key.thumbprint}
    assert claims_of(local.expired(cnf=key))["cnf"] == {"jkt": key.thumbprint}


def test_a_token_is_bound_to_a_certificate_by_the_hash_of_its_der(
    local: LocalIssuer, certificate: str
) -> None:
    der = ssl.PEM_cert_to_DER_cert(certificate)
    expected = {"x5t#S256": digest(der)}
    for cnf in (der, certificate, certificate.encode(), f"Bag Attributes\n{certificate}"):
        assert claims_of(local.token(cnf=cnf))["cnf"] == expected


@pytest.mark.parametrize("cnf", [{}, {"jkt": None}, {"jkt": "x", "kid": "1"}], ids=str)
def test_a_mapping_is_the_claim_itself(local: LocalIssuer, cnf: dict[str, Any]) -> None:
    assert claims_of(local.token(cnf=cnf))["cnf"] == cnf


def test_tokens_are_not_bound_by_default(local: LocalIssuer) -> None:
    assert "cnf" not in claims_of(local.token())
    assert "cnf" not in claims_of(local.token(cnf=None))


@pytest.mark.parametrize(
    "cnf",
    [
        pytest.param(SigningKey("ES256"), id="a key of an issuer"),
        pytest.param(1, id="a number"),
        pytest.param("AAAA", id="a thumbprint"),
        pytest.param(b"", id="no octets"),
        pytest.param("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", id="no DER"),
        pytest.param(SigningKey("ES256").pem, id="the PEM of a key"),
    ],
)
def test_cnf_of_another_kind_is_refused(local: LocalIssuer, cnf: Any) -> None:
    with pytest.raises(ValueError, match=r"^cnf.*certificate in DER or PEM"):
        local.token(cnf=cnf)


# --- authorize(dpop=)


class Resource:
    """An API that checks proofs with joserfc, and may ask for a nonce."""

    def __init__(self, nonces: Iterator[str] | None = None) -> None:
        self.nonces = nonces
        self.nonce: str | None = None
        self.seen: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.closed = 0
        self.registry = {"orders": "known"}
        if nonces is not None:
            self.nonce = next(nonces)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        problem = self.problem(environ)
        # An application may rewrite the path, and a repeated request must not depend on it.
        environ["PATH_INFO"] = "/rewritten"
        headers = [("Content-Type", "text/plain")]
        if problem is not None:
            headers.append(("WWW-Authenticate", "Bearer"))
            headers.append(("WWW-Authenticate", f'DPoP realm="api", error="{problem}"'))
        if self.nonce is not None and problem == "use_dpop_nonce":
            headers.append(("DPoP-Nonce", self.nonce))
        self.bodies.append(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
        start_response("401 Unauthorized" if problem else "200 OK", headers)
        return Body(self, (problem or "good").encode())

    def problem(self, environ: dict[str, Any]) -> str | None:
        scheme, _, token = environ["HTTP_AUTHORIZATION"].partition(" ")
        if scheme != "DPoP":
            return "invalid_token"
        proof = environ["HTTP_DPOP"]
        claims = verified_claims(proof)
        self.seen.append(claims)
        good = {
            "htm": environ["REQUEST_METHOD"],
            "path": environ["SCRIPT_NAME"] + environ["PATH_INFO"],
            "ath": digest(token.encode()),
            "jkt": claims_of(token)["cnf"]["jkt"],
        }
        jkt = public_key(proof).thumbprint()
        path = unquote(claims["htu"].removeprefix(BASE)).encode().decode("latin-1")
        proven = {"htm": claims["htm"], "path": path, "ath": claims["ath"], "jkt": jkt}
        if (proven, part(proof, 0)["typ"]) != (good, "dpop+jwt"):
            return "invalid_dpop_proof"
        return None if claims.get("nonce") == self.nonce else "use_dpop_nonce"


class Body:
    def __init__(self, resource: Resource, content: bytes) -> None:
        self.resource = resource
        self.content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self.content

    def close(self) -> None:
        self.resource.closed += 1


@pytest.fixture
def key(clock: Clock) -> DPoPKey:
    return DPoPKey(clock=clock)


def authorized(local: LocalIssuer, resource: Any, key: DPoPKey, **options: Any) -> TestApp:
    client = TestApp(resource)
    local.authorize(client, dpop=key, base_url=BASE, **options)
    return client


def test_each_request_has_a_fresh_proof(local: LocalIssuer, key: DPoPKey) -> None:
    resource = Resource()
    client = authorized(local, resource, key)
    assert client.get("/orders?limit=1").text == "good"
    assert client.post("/orders", "a=1").text == "good"
    assert client.head("/orders").status_code == 200
    assert [claims["htm"] for claims in resource.seen] == ["GET", "POST", "HEAD"]
    assert {claims["htu"] for claims in resource.seen} == {f"{BASE}/orders"}
    assert {claims["iat"] for claims in resource.seen} == {key.clock()}
    assert len({claims["jti"] for claims in resource.seen}) == 3


@pytest.mark.parametrize(
    ("path", "htu"),
    [
        ("/", "/"),
        ("/a%20b", "/a%20b"),
        ("/a%2Fb", "/a/b"),
        ("/a%252Fb", "/a%252Fb"),
        ("/%C3%A9", "/%C3%A9"),
        ("/a;b=1/@c~d", "/a;b=1/@c~d"),
        ("/a%3Fb", "/a%3Fb"),
    ],
)
def test_htu_is_the_base_url_and_the_path(
    local: LocalIssuer, key: DPoPKey, path: str, htu: str
) -> None:
    resource = Resource()
    assert authorized(local, resource, key).get(path).text == "good"
    assert resource.seen[0]["htu"] == BASE + htu


def test_a_prefix_in_the_base_url_and_script_name_belong_to_htu(
    local: LocalIssuer, key: DPoPKey
) -> None:
    resource = Resource()
    client = TestApp(resource, extra_environ={"SCRIPT_NAME": "/app"})
    local.authorize(client, dpop=key, base_url=f"{BASE}/v1/")
    client.get("/orders", expect_errors=True)
    assert resource.seen[0]["htu"] == f"{BASE}/v1/app/orders"


def test_a_nonce_is_sent_from_its_challenge_on(local: LocalIssuer, key: DPoPKey) -> None:
    resource = Resource(iter(["one", "two"]))
    client = authorized(local, resource, key)
    assert client.post("/orders", "a=1").text == "good"
    assert client.get("/orders").text == "good"
    assert [claims.get("nonce") for claims in resource.seen] == [None, "one", "one"]
    assert resource.bodies == [b"a=1", b"a=1", b""]
    resource.nonce = "two"
    assert client.get("/orders").text == "good"
    assert [claims.get("nonce") for claims in resource.seen[3:]] == ["one", "two"]
    assert len({claims["jti"] for claims in resource.seen}) == 5
    assert {claims["htu"] for claims in resource.seen} == {f"{BASE}/orders"}
    assert resource.closed == 5


def test_a_nonce_of_any_answer_is_sent_next(local: LocalIssuer, key: DPoPKey) -> None:
    resource = Resource()

    def renewing(environ: dict[str, Any], start_response: Any) -> Any:
        def more(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            return start_response(status, [*headers, ("DPoP-Nonce", "next")])

        return resource(environ, more)

    client = authorized(local, renewing, key)
    assert client.get("/").text == "good"
    resource.nonce = "next"
    assert client.get("/").text == "good"
    assert [claims.get("nonce") for claims in resource.seen] == [None, "next"]


def test_a_request_is_repeated_once_and_only_for_a_nonce(local: LocalIssuer, key: DPoPKey) -> None:
    resource = Resource(iter(["one"]))
    client = authorized(local, resource, key)
    # Two such challenges in a row: the client gives up.
    resource.problem = lambda environ: "use_dpop_nonce"  # type: ignore[method-assign]
    assert client.get("/", status=401).text == "use_dpop_nonce"
    assert len(resource.bodies) == 2
    resource.problem = lambda environ: "invalid_dpop_proof"  # type: ignore[method-assign]
    with pytest.raises(AppError, match="401"):
        client.get("/")
    assert len(resource.bodies) == 3


@pytest.mark.parametrize(
    ("status", "challenge"),
    [
        pytest.param("403 Forbidden", 'DPoP error="use_dpop_nonce"', id="another status"),
        pytest.param("401 Unauthorized", 'DPoP error="invalid_token"', id="another error"),
        pytest.param("401 Unauthorized", None, id="no challenge"),
    ],
)
def test_other_refusals_are_not_repeated(
    local: LocalIssuer, key: DPoPKey, status: str, challenge: str | None
) -> None:
    calls = []

    def refusing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        calls.append(environ["HTTP_DPOP"])
        headers = [("Content-Type", "text/plain"), ("DPoP-Nonce", "one")]
        if challenge is not None:
            headers.append(("WWW-Authenticate", challenge))
        start_response(status, headers)
        return []

    authorized(local, refusing, key).get("/", status=int(status[:3]))
    assert len(calls) == 1


def test_headers_of_a_call_take_precedence(local: LocalIssuer, key: DPoPKey) -> None:
    resource = Resource(iter(["one"]))
    client = TestApp(resource)
    token = local.authorize(client, dpop=key, base_url=BASE)
    answer = client.get("/", headers={"Authorization": f"Bearer {token}"}, status=401)
    assert answer.text == "invalid_token"
    proof = key.proof("GET", f"{BASE}/other", token)
    assert client.get("/", headers={"DPoP": proof}, status=401).text == "invalid_dpop_proof"
    # The client cannot renew a proof that it did not make.
    proof = key.proof("GET", f"{BASE}/", token)
    assert client.get("/", headers={"DPoP": proof}, status=401).text == "use_dpop_nonce"
    assert len(resource.bodies) == 3


def test_the_token_is_bound_to_the_key_unless_cnf_is_given(
    local: LocalIssuer, key: DPoPKey
) -> None:
    client = TestApp(Resource())
    token = local.authorize(client, "a", dpop=key, base_url=BASE, org="acme")
    claims = claims_of(token)
    assert (claims["cnf"], claims["scope"], claims["org"]) == ({"jkt": key.thumbprint}, "a", "acme")
    other = local.authorize(client, dpop=key, base_url=BASE, cnf=DPoPKey())
    assert client.get("/", status=401).text == "invalid_dpop_proof"
    assert claims_of(other)["cnf"] != {"jkt": key.thumbprint}
    assert "cnf" not in claims_of(local.authorize(client, dpop=key, base_url=BASE, cnf=None))


def test_a_second_authorize_replaces_the_first(local: LocalIssuer, key: DPoPKey) -> None:
    resource = Resource()
    client = TestApp(resource)
    local.authorize(client)
    assert client.get("/", status=401).text == "invalid_token"
    local.authorize(client, dpop=key, base_url=BASE)
    local.authorize(client, dpop=DPoPKey(), base_url=BASE)
    assert client.get("/").text == "good"
    assert len(resource.seen) == 1
    local.authorize(client)
    assert client.get("/", status=401).text == "invalid_token"
    assert client.app is resource


def test_attributes_of_the_application_stay_reachable(local: LocalIssuer, key: DPoPKey) -> None:
    client = authorized(local, Resource(), key)
    assert client.app.registry == {"orders": "known"}
    with pytest.raises(AttributeError):
        client.app.unknown  # noqa: B018


@pytest.mark.parametrize("lint", [True, False])
def test_every_answer_is_checked_for_compliance_with_wsgi_where_webtest_does(
    local: LocalIssuer, key: DPoPKey, lint: bool
) -> None:
    challenge = 'DPoP error="use_dpop_nonce"'
    statuses = iter(["401", "200 OK"])

    def sloppy(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        # The first status has no reason phrase, and nobody but the check sees it.
        headers = [("Content-Type", "text/plain"), ("WWW-Authenticate", challenge)]
        start_response(next(statuses), headers)
        return []

    client = TestApp(sloppy, lint=lint)
    local.authorize(client, dpop=key, base_url=BASE)
    if not lint:
        assert client.get("/").status_code == 200
        return
    with pytest.raises(AssertionError):
        client.get("/")


def test_an_error_page_and_an_exception_arrive(local: LocalIssuer, key: DPoPKey) -> None:
    def failing(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        try:
            raise ZeroDivisionError("broken")
        except ZeroDivisionError as error:
            plain = [("Content-Type", "text/plain")]
            if environ["PATH_INFO"] == "/page":
                exc_info = (type(error), error, error.__traceback__)
                start_response("500 Internal Server Error", plain, exc_info)
                return [b"page"]
            raise

    client = authorized(local, failing, key)
    assert client.get("/page", status=500).text == "page"
    with pytest.raises(ZeroDivisionError, match="broken"):
        client.get("/")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        pytest.param({"dpop": DPoPKey()}, "base_url=None: ", id="no base URL"),
        pytest.param({"dpop": DPoPKey(), "base_url": "/v1"}, "base_url='/v1': ", id="a path"),
        pytest.param({"dpop": "key", "base_url": BASE}, "dpop=str: write a DPoPKey", id="no key"),
        pytest.param({"base_url": BASE}, "base_url=.*dpop=DPoPKey", id="a base URL alone"),
    ],
)
def test_options_that_make_no_proofs_are_refused(
    local: LocalIssuer, options: dict[str, Any], match: str
) -> None:
    client = TestApp(Resource())
    with pytest.raises(ValueError, match=match):
        local.authorize(client, **options)


@pytest.mark.parametrize(
    "client",
    [Flask("orders").test_client(), falcon.testing.TestClient(Resource()), requests.Session()],
    ids=lambda client: type(client).__name__,
)
def test_other_clients_make_no_proofs_and_the_refusal_has_a_remedy(
    local: LocalIssuer, key: DPoPKey, client: Any
) -> None:
    with pytest.raises(ValueError, match=r"WebTest's TestApp .*key\.proof"):
        local.authorize(client, dpop=key, base_url=BASE)
