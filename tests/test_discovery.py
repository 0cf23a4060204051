"""Discovery of the URI of a key set: OpenID Connect Discovery 1.0 §4, RFC 8414 §3."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from conftest import Clock

from jwt_wsgi import Issuer, KeysUnavailable, RemoteJWKS, Verifier
from jwt_wsgi.http.fetching import FetchError, Reply
from jwt_wsgi.jwks.discovery import Location, metadata_urls
from jwt_wsgi.testing import LocalIssuer, SigningKey

ISSUER = "https://issuer.test/tenant"
OIDC = "https://issuer.test/tenant/.well-known/openid-configuration"
RFC8414 = "https://issuer.test/.well-known/oauth-authorization-server/tenant"
KEYS = "https://issuer.test/keys"
JWKS = json.dumps({"keys": [SigningKey("ES256", kid="a").jwk]}).encode()


def metadata(**changes: Any) -> bytes:
    return json.dumps({"issuer": ISSUER, "jwks_uri": KEYS, **changes}).encode()


class Server:
    """A server that answers each URL with bytes or an HTTP status."""

    def __init__(self, **answers: bytes | int | None) -> None:
        self.answers = {OIDC: answers.get("oidc", 404), RFC8414: answers.get("rfc8414", 404)}
        self.requests: list[str] = []

    def __call__(self, url: str) -> Reply:
        self.requests.append(url)
        answer = self.answers[url]
        if isinstance(answer, bytes):
            return Reply(answer)
        raise FetchError("failed", answer)


@pytest.mark.conforms(81)
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
def test_81_openid_connect_appends_and_rfc_8414_inserts(
    issuer: str, oidc: str, rfc8414: str
) -> None:
    assert metadata_urls(issuer) == (oidc, rfc8414)


def test_a_discovered_uri_is_remembered_until_it_is_forgotten() -> None:
    server = Server(oidc=metadata())
    location = Location(None, issuer=ISSUER)
    assert [location.find(server), location.find(server)] == [KEYS, KEYS]
    assert server.requests == [OIDC]
    location.forget()
    location.find(server)
    assert server.requests == [OIDC, OIDC]


def test_the_second_url_is_fetched_if_the_first_is_missing() -> None:
    server = Server(oidc=404, rfc8414=metadata())
    assert Location(None, issuer=ISSUER).find(server) == KEYS
    assert server.requests == [OIDC, RFC8414]


@pytest.mark.parametrize("status", [None, 500, 503, 429, 301])
def test_a_failing_server_is_asked_once(status: int | None) -> None:
    server = Server(oidc=status, rfc8414=metadata())
    with pytest.raises(FetchError):
        Location(None, issuer=ISSUER).find(server)
    assert server.requests == [OIDC]


@pytest.mark.conforms(80)
@pytest.mark.parametrize(
    ("document", "message"),
    [
        (metadata(issuer=ISSUER + "/"), "names the issuer"),
        (metadata(issuer="https://ISSUER.test/tenant"), "names the issuer"),
        (metadata(issuer=None), "names the issuer None"),
        (metadata(jwks_uri=None), "it has no jwks_uri"),
        (json.dumps({"issuer": ISSUER}).encode(), "it has no jwks_uri"),
        (metadata(jwks_uri="http://issuer.test/keys"), "must be https"),
        (metadata(jwks_uri="http://127.0.0.1/keys"), "must be https"),
        (metadata(jwks_uri="file:///etc/passwd"), "is not an https URL"),
        (metadata(jwks_uri="https://user@issuer.test/keys"), "is not an https URL"),
        (b"<html>", "not JSON"),
        (b"[]", "not a JSON object"),
    ],
)
def test_80_metadata_of_another_issuer_or_without_a_valid_uri_is_refused(
    document: bytes, message: str
) -> None:
    with pytest.raises(FetchError, match=message):
        Location(None, issuer=ISSUER).find(Server(oidc=document))


def test_an_http_issuer_may_have_http_keys() -> None:
    for issuer, allow_http in (("http://127.0.0.1:1", False), ("http://issuer.test", True)):
        document = json.dumps({"issuer": issuer, "jwks_uri": issuer + "/keys"}).encode()
        find = Location(None, issuer=issuer, allow_http=allow_http).find

        def fetch(url: str, document: bytes = document) -> Reply:
            return Reply(document)

        assert find(fetch) == issuer + "/keys"


def test_a_configured_uri_needs_no_metadata_and_is_not_forgotten() -> None:
    location = Location(KEYS)
    server = Server()
    location.forget()
    assert location.find(server) == KEYS
    assert server.requests == []
    assert (repr(location), repr(Location(None, issuer=ISSUER))) == (KEYS, ISSUER)


def discovering(local: LocalIssuer, clock: Callable[[], float]) -> RemoteJWKS:
    return RemoteJWKS.discovered(local.issuer, fetch=local.fetch, clock=clock)


def test_nothing_is_discovered_before_the_first_token_and_then_once(clock: Clock) -> None:
    local = LocalIssuer(algorithms=("ES256",))
    keys = discovering(local, clock)
    verifier = Verifier(
        Issuer(local.issuer, audience=local.audience, keys=keys, algorithms=["ES256"])
    )
    assert local.requests == []
    assert verifier.verify(local.token()).subject == "user-1"
    assert local.requests == ["/.well-known/openid-configuration", "/.well-known/jwks.json"]


def test_a_dead_issuer_sees_one_attempt_per_step_and_is_discovered_again(clock: Clock) -> None:
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


def test_a_moved_key_set_is_found_after_the_old_url_failed(clock: Clock) -> None:
    answers: dict[str, bytes | Exception] = {OIDC: metadata(), KEYS: JWKS}

    def fetch(url: str) -> bytes:
        answer = answers[url]
        if isinstance(answer, Exception):
            raise answer
        return answer

    source = RemoteJWKS.discovered(ISSUER, fetch=fetch, clock=clock, stale_for=0)
    assert source.find("a", "ES256")
    answers |= {
        KEYS: FetchError("gone", 410),
        OIDC: metadata(jwks_uri=KEYS + "/new"),
        KEYS + "/new": JWKS,
    }
    clock.advance(600)
    with pytest.raises(KeysUnavailable):
        source.find("a", "ES256")
    clock.advance(1.3)
    assert source.find("a", "ES256")


@pytest.mark.parametrize(
    ("issuer", "jwks_uri", "options", "is_fetched"),
    [
        pytest.param(
            "http://127.0.0.1:1", "http://127.0.0.1:2/keys", {}, True, id="both on loopback"
        ),
        pytest.param(
            "http://127.0.0.1:1", "https://keys.test/keys", {}, True, id="https elsewhere"
        ),
        pytest.param("http://127.0.0.1:1", "http://keys.test/keys", {}, False, id="http elsewhere"),
        pytest.param(
            "http://a.test", "http://keys.test/keys", {"allow_http": True}, True, id="http by name"
        ),
    ],
)
def test_http_beyond_loopback_is_fetched_only_with_allow_http(
    issuer: str, jwks_uri: str, options: dict[str, Any], is_fetched: bool
) -> None:
    requests = []

    def fetch(url: str) -> bytes:
        requests.append(url)
        return JWKS if url == jwks_uri else metadata(issuer=issuer, jwks_uri=jwks_uri)

    source = RemoteJWKS.discovered(issuer, fetch=fetch, **options)
    with nullcontext() if is_fetched else pytest.raises(KeysUnavailable):
        source.find("a", "ES256")
    assert (jwks_uri in requests) is is_fetched


@pytest.mark.parametrize("member", ["issuer", "jwks_uri"])
def test_the_log_quotes_at_most_a_line_of_invalid_metadata(
    member: str, caplog: pytest.LogCaptureFixture
) -> None:
    document = metadata(**{member: "x" * 2000})
    with pytest.raises(KeysUnavailable):
        RemoteJWKS.discovered(ISSUER, fetch=lambda url: document).find("a", "ES256")
    assert 0 < len(caplog.records[0].getMessage()) < 1000


# The options that take a URL, each with the function that takes it.
SOURCE_BY_OPTION = {"uri": RemoteJWKS, "issuer": RemoteJWKS.discovered}
by_either_option = pytest.mark.parametrize("option", SOURCE_BY_OPTION)


@by_either_option
@pytest.mark.parametrize(
    "url",
    [
        "https://a.test/",
        "https://a.test:8443/tenant",
        "HTTPS://A.TEST/",
        "https://[2001:db8::1]/",
        "http://localhost:8080/",
        "http://LOCALHOST/",
        "http://127.0.0.1",
        "http://127.3.2.1:80/",
        "http://[::1]:8080/",
    ],
)
def test_https_is_accepted_and_http_on_loopback(url: str, option: str) -> None:
    assert url in repr(SOURCE_BY_OPTION[option](url))


@by_either_option
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://a.test/", id="http"),
        pytest.param("http://127.0.0.1.a.test/", id="a name that begins like loopback"),
        pytest.param("http://localhost.a.test/", id="a name that begins like localhost"),
        pytest.param("http://[::2]/", id="another IPv6 address"),
        pytest.param("http://127.1/", id="a short form of loopback"),
        pytest.param("http://0.0.0.0/", id="every address"),
    ],
)
def test_http_elsewhere_needs_allow_http(url: str, option: str) -> None:
    with pytest.raises(ValueError, match=rf"^{option}=.*must be https .*allow_http=True"):
        SOURCE_BY_OPTION[option](url)
    assert url in repr(SOURCE_BY_OPTION[option](url, allow_http=True))


@by_either_option
@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://user@a.test/", id="user"),
        pytest.param("https://user:password@a.test/", id="password"),
        pytest.param("https://@a.test/", id="an empty user"),
        pytest.param("https://a.test/#a", id="fragment"),
        pytest.param("https://a.test/#", id="an empty fragment"),
        pytest.param("https://a.test/a b", id="space"),
        pytest.param("https://a.test/\n", id="line feed at the end"),
        pytest.param("https://a.test/a\r\nb", id="line break"),
        pytest.param("https://a.test/a\x00b", id="NUL"),
        pytest.param("https://a.test/a\x7fb", id="DEL"),
        pytest.param("https://ä.test/", id="beyond ASCII"),
        pytest.param("https:///jwks", id="no host"),
        pytest.param("https:a.test", id="no authority"),
        pytest.param("a.test/", id="no scheme"),
        pytest.param("file:///etc/passwd", id="a file"),
        pytest.param("ftp://localhost/", id="FTP on loopback"),
        pytest.param("https://[::1/", id="half an IPv6 address"),
        pytest.param("https://a.test:99999/", id="a port beyond the last"),
        pytest.param("https://a.test:https/", id="a port that is no number"),
        pytest.param("", id="nothing"),
        pytest.param(b"https://a.test/", id="bytes"),
        pytest.param(None, id="None"),
    ],
)
def test_an_invalid_url_is_refused_by_the_name_of_its_option(url: Any, option: str) -> None:
    with pytest.raises(ValueError, match=f"^{option}="):
        SOURCE_BY_OPTION[option](url, allow_http=True)


@pytest.mark.parametrize("url", ["https://a.test/?tenant=1", "https://a.test/?"])
def test_a_key_set_url_may_have_a_query_and_an_issuer_may_not(url: str) -> None:
    assert url in repr(RemoteJWKS(url))
    with pytest.raises(ValueError, match=r"^issuer=.*no query"):
        RemoteJWKS.discovered(url)
