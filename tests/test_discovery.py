"""How the URI of a key set is found: OpenID Connect Discovery 1.0 §4, RFC 8414 §3."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Clock

from jwt_wsgi import Issuer, KeysUnavailable, RemoteJWKS, Verifier
from jwt_wsgi.jwks.discovery import Location, metadata_urls
from jwt_wsgi.jwks.fetching import FetchError, Reply
from jwt_wsgi.testing import LocalIssuer

ISSUER = "https://issuer.test/tenant"
OIDC = "https://issuer.test/tenant/.well-known/openid-configuration"
RFC8414 = "https://issuer.test/.well-known/oauth-authorization-server/tenant"
KEYS = "https://issuer.test/keys"


def metadata(**changes: Any) -> bytes:
    return json.dumps({"issuer": ISSUER, "jwks_uri": KEYS, **changes}).encode()


class Server:
    """Answers by URL: bytes, or the HTTP status of a failure."""

    def __init__(self, **answers: bytes | int | None) -> None:
        self.answers = {OIDC: answers.get("oidc", 404), RFC8414: answers.get("rfc8414", 404)}
        self.asked: list[str] = []

    def __call__(self, url: str) -> Reply:
        self.asked.append(url)
        answer = self.answers[url]
        if isinstance(answer, bytes):
            return Reply(answer)
        raise FetchError("failed", answer)


@pytest.mark.parametrize(
    ("issuer", "oidc", "rfc8414"),
    [
        ("https://a.test", "https://a.test/.well-known/openid-configuration",
         "https://a.test/.well-known/oauth-authorization-server"),
        ("https://a.test/", "https://a.test/.well-known/openid-configuration",
         "https://a.test/.well-known/oauth-authorization-server"),
        (ISSUER, OIDC, RFC8414),
        (ISSUER + "/", OIDC, RFC8414),
        ("https://a.test:8443/x/y", "https://a.test:8443/x/y/.well-known/openid-configuration",
         "https://a.test:8443/.well-known/oauth-authorization-server/x/y"),
    ],
)  # fmt: skip
def test_81_openid_connect_appends_and_rfc_8414_inserts(issuer: str, oidc: str, rfc8414: str) -> None:
    assert metadata_urls(issuer) == (oidc, rfc8414)


def test_the_first_place_is_enough_and_the_uri_is_remembered_until_it_fails() -> None:
    server, location = Server(oidc=metadata()), Location(None, issuer=ISSUER)
    assert [location.find(server), location.find(server)] == [KEYS, KEYS]
    assert server.asked == [OIDC]
    location.forget()
    location.find(server)
    assert server.asked == [OIDC, OIDC]


def test_the_second_place_is_asked_where_the_first_says_not_here() -> None:
    server = Server(oidc=404, rfc8414=metadata())
    assert Location(None, issuer=ISSUER).find(server) == KEYS
    assert server.asked == [OIDC, RFC8414]


@pytest.mark.parametrize("status", [None, 500, 503, 429, 301])
def test_a_failing_server_is_asked_once(status: int | None) -> None:
    server = Server(oidc=status, rfc8414=metadata())
    with pytest.raises(FetchError):
        Location(None, issuer=ISSUER).find(server)
    assert server.asked == [OIDC]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (metadata(issuer=ISSUER + "/"), "names the issuer"),
        (metadata(issuer="https://ISSUER.test/tenant"), "names the issuer"),
        (metadata(issuer=None), "names the issuer None"),
        (metadata(jwks_uri=None), "jwks_uri="),
        (json.dumps({"issuer": ISSUER}).encode(), "jwks_uri=''"),
        (metadata(jwks_uri="http://issuer.test/keys"), "must be https"),
        (metadata(jwks_uri="http://127.0.0.1/keys"), "plain http"),
        (metadata(jwks_uri="file:///etc/passwd"), "jwks_uri="),
        (metadata(jwks_uri="https://user@issuer.test/keys"), "without user"),
        (b"<html>", "not JSON"),
        (b"[]", "not a JSON object"),
    ],
)
def test_80_metadata_that_is_not_this_issuers_or_names_no_good_uri(document: bytes, message: str) -> None:
    with pytest.raises(FetchError, match=message):
        Location(None, issuer=ISSUER).find(Server(oidc=document))


def test_a_plain_issuer_may_have_plain_keys() -> None:
    for issuer, allow_http in (("http://127.0.0.1:1", False), ("http://issuer.test", True)):
        document = json.dumps({"issuer": issuer, "jwks_uri": issuer + "/keys"}).encode()
        find = Location(None, issuer=issuer, allow_http=allow_http).find

        def fetch(url: str, document: bytes = document) -> Reply:
            return Reply(document)

        assert find(fetch) == issuer + "/keys"


def test_a_given_uri_needs_no_metadata_and_is_not_forgotten() -> None:
    location, server = Location(KEYS), Server()
    location.forget()
    assert location.find(server) == KEYS
    assert server.asked == []
    assert (repr(location), repr(Location(None, issuer=ISSUER))) == (KEYS, ISSUER)


def discovering(local: LocalIssuer, clock: Callable[[], float]) -> RemoteJWKS:
    return RemoteJWKS.discovered(local.issuer, fetch=local.fetch, clock=clock)


def test_nothing_is_discovered_before_the_first_token_and_then_once(clock: Clock) -> None:
    local = LocalIssuer(algorithms=("ES256",))
    keys = discovering(local, clock)
    judge = Verifier(Issuer(local.issuer, audience=local.audience, keys=keys, algorithms=["ES256"]))
    assert local.requests == []
    assert judge.verify(local.token()).subject == "user-1"
    assert local.requests == ["/.well-known/openid-configuration", "/.well-known/jwks.json"]


def test_a_dead_issuer_sees_one_attempt_a_step_and_the_uri_is_looked_up_anew(clock: Clock) -> None:
    local = LocalIssuer(algorithms=("ES256",))
    keys = discovering(local, clock)
    local.available = False
    for _ in range(20):
        with pytest.raises(KeysUnavailable):
            keys.find(local.key().kid, "ES256")
    assert len(local.requests) == 1
    local.available = True
    clock.advance(1.3)
    assert keys.find(local.key().kid, "ES256")
    assert len(local.requests) == 3
