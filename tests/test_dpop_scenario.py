"""The checks that MCP's conformance suite proposes for servers with DPoP (SEP-1932), and more.

Each bad request is answered with 401 and a challenge of the scheme DPoP, by the same stack that
accepts the good one. In WebTest, and through two servers.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from dpop_app import NONCES, SERVERS, Answer, build
from dpop_proofs import RawKey, changed, digest
from webtest import TestApp

from jwt_wsgi.jose.encoding import encode
from jwt_wsgi.testing import LocalIssuer

LOCAL = LocalIssuer()
KEY, OTHER = RawKey(), RawKey()
PATH = "/orders?page=2"
TOKEN = LOCAL.token(cnf={"jkt": KEY.thumbprint}, expires_in=86400)

Headers = list[tuple[str, str]]


class Sender(Protocol):
    """A client of one stack."""

    base_url: str

    def send(self, method: str, path: str, headers: Headers) -> Answer: ...


class InMemory:
    """The stack in WebTest, which sends one line for each name."""

    base_url = "https://api.example.com"

    def __init__(self) -> None:
        app = build(self.base_url, LOCAL.issuer, LOCAL.audience, LOCAL.jwks)
        self._client = TestApp(app)

    def send(self, method: str, path: str, headers: Headers) -> Answer:
        # A server joins lines of one name; the class of headers of WebTest keeps the last.
        joined: dict[str, str] = {}
        for name, value in headers:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
        response = self._client.request(path, method=method, headers=joined, expect_errors=True)
        return Answer(response.status_int, response.headerlist, response.body)


@pytest.fixture(
    scope="module",
    params=["WebTest", *[pytest.param(name, marks=pytest.mark.slow) for name in SERVERS]],
)
def sender(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Sender]:
    if request.param == "WebTest":
        yield InMemory()
        return
    folder: Path = tmp_path_factory.mktemp("server")
    with SERVERS[request.param](LOCAL, folder) as client:
        yield client


def claims(sender: Sender, token: str = TOKEN, **values: Any) -> dict[str, Any]:
    usual = {
        "jti": str(uuid.uuid4()),
        "htm": "POST",
        "htu": f"{sender.base_url}/orders",
        "iat": int(time.time()),
        "ath": digest(token.encode()),
    }
    return changed(usual, values)


def proof(sender: Sender, key: RawKey = KEY, token: str = TOKEN, **values: Any) -> str:
    return key.sign(key.header(), claims(sender, token, **values))


def with_header(**members: Any) -> Callable[[Sender], Headers]:
    """Return a request whose proof has another header."""
    return lambda sender: dpop(KEY.sign(KEY.header(**members), claims(sender)))


def with_claims(**values: Any) -> Callable[[Sender], Headers]:
    """Return a request whose proof has other claims."""
    return lambda sender: dpop(proof(sender, **values))


def dpop(text: str, token: str = TOKEN) -> Headers:
    return [("Authorization", f"DPoP {token}"), ("DPoP", text)]


def without_signature(sender: Sender) -> Headers:
    return dpop(KEY.sign(KEY.header(alg="none"), claims(sender)).rpartition(".")[0] + ".")


def with_a_secret(sender: Sender) -> Headers:
    signing_input = KEY.sign(KEY.header(alg="HS256"), claims(sender)).rpartition(".")[0]
    mac = hmac.digest(json.dumps(KEY.jwk).encode(), signing_input.encode(), "sha256")
    return dpop(f"{signing_input}.{encode(mac)}")


def with_a_tampered_signature(sender: Sender) -> Headers:
    text = proof(sender)
    return dpop(text[:-8] + ("AAAAAAAA" if not text.endswith("AAAAAAAA") else "BAAAAAAA"))


def with_tampered_claims(sender: Sender) -> Headers:
    header, _, signature = proof(sender).split(".")
    return dpop(f"{header}.{encode(json.dumps(claims(sender)).encode())}.{signature}")


def with_a_foreign_token(sender: Sender) -> Headers:
    token = LOCAL.token(cnf={"jkt": OTHER.thumbprint})
    return dpop(proof(sender, token=token), token)


def for_another_audience(sender: Sender) -> Headers:
    token = LOCAL.token(cnf={"jkt": KEY.thumbprint}, aud="https://other.example.com")
    return dpop(proof(sender, token=token), token)


def with_an_expired_token(sender: Sender) -> Headers:
    token = LOCAL.expired(cnf={"jkt": KEY.thumbprint})
    return dpop(proof(sender, token=token), token)


def with_an_unbound_token(sender: Sender) -> Headers:
    token = LOCAL.token()
    return dpop(proof(sender, token=token), token)


def as_bearer(sender: Sender) -> Headers:
    return [("Authorization", f"Bearer {TOKEN}"), ("DPoP", proof(sender))]


def a_replay(sender: Sender) -> Headers:
    headers = dpop(proof(sender))
    assert sender.send("POST", PATH, headers).status == 200
    return headers


def two_proofs(sender: Sender) -> Headers:
    return [*dpop(proof(sender)), ("DPoP", proof(sender))]


PROOF, TOKEN_ERROR = "invalid_dpop_proof", "invalid_token"
Case = tuple[Callable[[Sender], Headers], str]
CASES: dict[str, Case] = {
    "wrong-typ": (with_header(typ="jwt"), PROOF),
    "missing-typ": (with_header(typ=...), PROOF),
    "typ-of-an-access-token": (with_header(typ="at+jwt"), PROOF),
    "alg-none": (without_signature, PROOF),
    "alg-none-with-a-signature": (with_header(alg="none"), PROOF),
    "alg-symmetric": (with_a_secret, PROOF),
    "missing-alg": (with_header(alg=...), PROOF),
    "tampered-signature": (with_a_tampered_signature, PROOF),
    "tampered-claims": (with_tampered_claims, PROOF),
    "private-key-in-jwk": (with_header(jwk={**KEY.jwk, "d": "AAAA"}), PROOF),
    "missing-jwk": (with_header(jwk=...), PROOF),
    "missing-jti": (with_claims(jti=...), PROOF),
    "missing-htm": (with_claims(htm=...), PROOF),
    "missing-htu": (with_claims(htu=...), PROOF),
    "missing-iat": (with_claims(iat=...), PROOF),
    "ath-absent": (with_claims(ath=...), PROOF),
    "htm-mismatch": (with_claims(htm="GET"), PROOF),
    "htm-in-lower-case": (with_claims(htm="post"), PROOF),
    "htu-mismatch": (with_claims(htu="https://wrong.example.com/orders"), PROOF),
    "htu-of-another-path": (
        lambda sender: dpop(proof(sender, htu=f"{sender.base_url}/Orders")), PROOF),
    "htu-with-user-information": (
        lambda sender: dpop(proof(sender, htu=f"{sender.base_url.replace('//', '//a@')}/orders")), PROOF),
    "iat-stale": (lambda sender: dpop(proof(sender, iat=int(time.time()) - 303)), PROOF),
    "iat-future": (lambda sender: dpop(proof(sender, iat=int(time.time()) + 303)), PROOF),
    "iat-as-text": (lambda sender: dpop(proof(sender, iat=str(int(time.time())))), PROOF),
    "wrong-ath": (with_claims(ath="not-the-right-hash"), PROOF),
    "ath-of-another-token": (with_claims(ath=digest(b"another")), PROOF),
    "another-key": (lambda sender: dpop(proof(sender, OTHER)), TOKEN_ERROR),
    "cnf-jkt-mismatch": (with_a_foreign_token, TOKEN_ERROR),
    "replay": (a_replay, PROOF),
    "no-proof": (lambda _: dpop("")[:1], PROOF),
    "empty-proof": (lambda _: dpop(""), PROOF),
    "malformed-not-a-jwt": (lambda _: dpop("this-is-not-a-jwt"), PROOF),
    "duplicate-dpop-header": (two_proofs, PROOF),
    "bearer-scheme": (as_bearer, TOKEN_ERROR),
    "bearer-scheme-without-proof": (lambda sender: as_bearer(sender)[:1], TOKEN_ERROR),
    "wrong-audience": (for_another_audience, TOKEN_ERROR),
    "expired-token": (with_an_expired_token, TOKEN_ERROR),
    "unbound-token": (with_an_unbound_token, TOKEN_ERROR),
}  # fmt: skip


def test_the_good_request_is_accepted(sender: Sender) -> None:
    for _ in range(2):
        answer = sender.send("POST", PATH, dpop(proof(sender)))
        assert (answer.status, answer.body) == (200, b'{"bindings": ["dpop"]}')
        assert answer.all("WWW-Authenticate") == []


@pytest.mark.conforms(59, 60, 61, 62, 63, 64, 65, 67, 68, 69, 70, 72)
@pytest.mark.parametrize(("bad", "error"), CASES.values(), ids=CASES)
def test_a_bad_request_is_401_with_a_challenge_of_dpop(
    sender: Sender, bad: Callable[[Sender], Headers], error: str
) -> None:
    headers = bad(sender)
    answer = sender.send("POST", PATH, headers)
    assert answer.status == 401
    challenges = answer.all("WWW-Authenticate")
    [challenge] = [each for each in challenges if each.startswith("DPoP ")]
    # The verified `cnf` of the token narrows the offer, and an unbound token has none.
    assert len(challenges) == (2 if bad is with_an_unbound_token else 1)
    assert f'error="{error}"' in challenge
    assert re.search(r'algs="ES256 ', challenge)
    shown = f"{answer.headers}{answer.body!r}"
    for secret in (TOKEN.rpartition(".")[2], KEY.jwk["x"], *[value[-20:] for _, value in headers]):
        assert not secret or secret not in shown
    # What refused it is the defect.
    assert sender.send("POST", PATH, dpop(proof(sender))).status == 200


@pytest.mark.conforms(69)
def test_a_request_without_credentials_is_offered_dpop(sender: Sender) -> None:
    answer = sender.send("POST", PATH, [])
    assert answer.status == 401
    bearer, offer = answer.all("WWW-Authenticate")
    assert bearer.startswith("Bearer ")
    assert offer.startswith("DPoP ")
    assert "algs=" in offer
    assert "algs=" not in bearer
    assert "error=" not in bearer + offer


@pytest.mark.conforms(66, 71)
def test_the_flow_of_nonces(sender: Sender) -> None:
    path, url = "/with-nonces", f"{sender.base_url}/with-nonces"
    nonces: list[Any] = [..., "definitely-not-the-nonce", NONCES.issue(time.time() - 3600)]
    for nonce in nonces:
        answer = sender.send("POST", path, dpop(proof(sender, htu=url, nonce=nonce)))
        assert answer.status == 401
        [challenge] = answer.all("WWW-Authenticate")
        assert challenge.startswith("DPoP ")
        assert 'error="use_dpop_nonce"' in challenge
        [given] = answer.all("DPoP-Nonce")
        good = sender.send("POST", path, dpop(proof(sender, htu=url, nonce=given)))
        assert good.status == 200
        assert good.all("DPoP-Nonce") == []


@pytest.mark.parametrize("bad", [bad for bad, _ in CASES.values()], ids=list(CASES))
def test_no_log_repeats_a_token_or_a_proof(
    bad: Callable[[Sender], Headers], caplog: pytest.LogCaptureFixture
) -> None:
    sender = InMemory()
    caplog.set_level(logging.DEBUG)
    headers = bad(sender)
    assert sender.send("POST", PATH, headers).status == 401
    logged = "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "401" in logged
    for _, value in headers:
        for segment in re.split(r"[ .,]+", value):
            assert len(segment) < 20 or segment not in logged
    for secret in (KEY.jwk["x"], KEY.thumbprint, OTHER.thumbprint, digest(TOKEN.encode())):
        assert secret not in logged


LONG = ["POST" * 1500, "POST\r\nforged: line", "\u20ac" * 1500]


@pytest.mark.parametrize("text", LONG, ids=["long", "line ends", "beyond ASCII"])
@pytest.mark.parametrize("name", ["htm", "htu", "iat"])
def test_a_log_shows_an_excerpt_of_a_claim_on_one_line(
    name: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    sender = InMemory()
    caplog.set_level(logging.INFO)
    answer = sender.send("POST", PATH, dpop(proof(sender, **{name: text})))
    assert answer.status == 401
    for record in caplog.records:
        message = record.getMessage()
        assert len(message) < 1000
        assert message.isascii()
        assert message.isprintable()
