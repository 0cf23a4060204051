"""`LocalIssuer`: tokens that other libraries accept, rotation, faults, and real HTTP."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import Any

import jwt
import pytest
import requests
from conftest import ASYMMETRIC, SYMMETRIC, Clock
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import KeySet as JoserfcKeySet
from joserfc.jwk import OctKey
from ports import free_port
from webob import Request, Response
from webob.dec import wsgify
from webtest import TestApp

from jwt_wsgi import (
    AUTHENTICATED,
    InvalidToken,
    Issuer,
    KeysUnavailable,
    RemoteJWKS,
    Verifier,
    get_auth,
    protect,
)
from jwt_wsgi.testing import LocalIssuer, SigningKey


# Neither library has ML-DSA, and PyJWT has Ed448 only under the name EdDSA.
@pytest.mark.parametrize(
    "algorithm", [name for name in (*ASYMMETRIC, *SYMMETRIC) if not name.startswith("ML-DSA")]
)
def test_other_libraries_accept_every_token(every_algorithm: LocalIssuer, algorithm: str) -> None:
    token = every_algorithm.token("a", algorithm=algorithm)
    key = every_algorithm.key(algorithm)
    symmetric = algorithm in SYMMETRIC
    if symmetric:
        keys: Any = OctKey.import_key(key.private)
    else:
        # joserfc accepts the fully specified name only if the key has it.
        keys = JoserfcKeySet.import_key_set({"keys": [{**(key.jwk or {}), "alg": algorithm}]})
    # Each of the two libraries accepts one of the names of Ed25519 without a warning.
    if algorithm != "EdDSA":
        claims = joserfc_jwt.decode(token, keys, algorithms=[algorithm]).claims
        assert (claims["sub"], claims["scope"]) == ("user-1", "a")
    if algorithm not in ("Ed25519", "Ed448"):
        verifying = key.private if symmetric else jwt.PyJWK(key.jwk or {}).key
        assert (
            jwt.decode(token, verifying, [algorithm], audience=every_algorithm.audience)["sub"]
            == "user-1"
        )


def test_its_tokens_are_rfc_9068_access_tokens(local: LocalIssuer) -> None:
    token = local.token("a b", org="acme", client_id=None)
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert header == {"alg": "RS256", "typ": "at+jwt", "kid": local.key().kid}
    assert claims.keys() == {"iss", "aud", "sub", "iat", "exp", "jti", "scope", "org"}
    assert local.token() != local.token()


def test_tokens_use_the_clock_and_the_lifetime_of_the_arguments(clock: Clock) -> None:
    local = LocalIssuer("https://other.test/", algorithms=("HS256",), clock=clock)
    good = jwt.decode(local.token(expires_in=60), options={"verify_signature": False})
    assert (good["iss"], good["iat"], good["exp"]) == (
        "https://other.test/",
        clock.now,
        clock.now + 60,
    )
    expired = jwt.decode(local.token(expires_in=-60), options={"verify_signature": False})
    assert expired["iat"] == expired["exp"] == clock.now - 60


def test_any_bytes_and_any_header_can_be_signed(local: LocalIssuer) -> None:
    token = local.sign(b"no json", header={"kid": None, "x": 1})
    assert jwt.get_unverified_header(token) == {"alg": "RS256", "typ": "at+jwt", "x": 1}
    assert token.split(".")[1] == "bm8ganNvbg"


def test_rotation_with_and_without_overlap() -> None:
    local = LocalIssuer(algorithms=("ES256", "HS256"))
    first = local.key().kid
    local.rotate(overlap=True)
    second = local.key().kid
    assert [key["kid"] for key in local.jwks["keys"]] == [second, first]
    local.rotate()
    assert [key["kid"] for key in local.jwks["keys"]] == [local.key().kid]


def test_secrets_are_not_published_and_public_keys_are_not_secrets() -> None:
    local = LocalIssuer(algorithms=("ES256", "HS256"))
    assert len(local.jwks["keys"]) == 1
    assert len(local.secret("HS256")) == 64
    with pytest.raises(ValueError, match="ES256 has no shared secret"):
        local.secret()


@pytest.mark.parametrize("algorithm", ["none", "RS1", "HS1", "PS1", "ES256K", ""])
def test_an_algorithm_that_is_not_supported_is_refused(algorithm: str) -> None:
    with pytest.raises(ValueError, match=f"algorithm={algorithm!r}"):
        SigningKey(algorithm)


def test_it_publishes_metadata_and_keys_over_http_under_its_own_name() -> None:
    local = LocalIssuer(algorithms=("ES256",))
    with local.serve() as url:
        assert local.issuer == url
        metadata = requests.get(url + ".well-known/openid-configuration", timeout=5).json()
        assert metadata == {
            "issuer": url,
            "jwks_uri": local.jwks_uri,
            "introspection_endpoint": local.introspection_uri,
        }
        assert requests.get(metadata["jwks_uri"], timeout=5).json() == local.jwks
        assert requests.get(url + "other", timeout=5).status_code == 404
        local.available = False
        assert requests.get(local.jwks_uri, timeout=5).status_code == 503
    with pytest.raises(requests.ConnectionError):
        requests.get(local.jwks_uri, timeout=5)
    assert len(local.requests) == 4


def test_serve_keeps_an_issuer_name_that_was_an_argument() -> None:
    local = LocalIssuer("https://issuer.example.com/", algorithms=("ES256",))
    with local.serve():
        assert local.issuer == "https://issuer.example.com/"


def test_delay_and_unavailability_in_process() -> None:
    local = LocalIssuer(algorithms=("ES256",))
    assert json.loads(local.fetch(local.jwks_uri)) == local.jwks
    local.delay = 0.05
    began = time.monotonic()
    local.fetch(local.jwks_uri)
    assert time.monotonic() - began >= 0.05
    local.available = False
    with pytest.raises(ConnectionError):
        local.fetch(local.jwks_uri)
    with pytest.raises(LookupError):
        LocalIssuer(algorithms=("ES256",)).fetch("https://issuer.test/other")


def trusting(local: LocalIssuer, clock: Clock, **options: Any) -> Verifier:
    keys = RemoteJWKS(local.jwks_uri, fetch=local.fetch, clock=clock, **options)
    return Verifier(local.trusted(keys=keys), clock=clock)


@pytest.mark.parametrize("scope", [None, "a b"])
def test_expired_and_not_yet_valid_tokens_are_refused(
    jwt_issuer: LocalIssuer, jwt_clock: Clock, scope: str
) -> None:
    verifier = trusting(jwt_issuer, jwt_clock)
    for token, reason in (
        (jwt_issuer.expired(scope, org="acme"), "token_expired"),
        (jwt_issuer.not_yet_valid(scope, org="acme"), "token_not_yet_valid"),
    ):
        claims = jwt.decode(token, options={"verify_signature": False})
        assert (claims.get("scope"), claims["org"]) == (scope, "acme")
        with pytest.raises(InvalidToken, match=reason):
            verifier.verify(token)
    token = jwt_issuer.not_yet_valid()
    jwt_clock.advance(3600)
    assert verifier.verify(token)


def test_an_outage_lasts_as_long_as_the_block(jwt_issuer: LocalIssuer, jwt_clock: Clock) -> None:
    verifier = trusting(jwt_issuer, jwt_clock)
    token = jwt_issuer.token()
    with jwt_issuer.outage(), pytest.raises(KeysUnavailable):
        verifier.verify(token)
    jwt_clock.advance(60)
    assert verifier.verify(token)


def test_a_delay_lasts_as_long_as_the_block(jwt_issuer: LocalIssuer, jwt_clock: Clock) -> None:
    token = jwt_issuer.token()
    with jwt_issuer.slow(2), pytest.raises(KeysUnavailable):
        trusting(jwt_issuer, jwt_clock, timeout=0.05).verify(token)
    assert trusting(jwt_issuer, jwt_clock).verify(token)


def test_answering_replaces_every_document_in_process_and_over_http(
    jwt_issuer: LocalIssuer,
) -> None:
    with jwt_issuer.serve() as url:
        with jwt_issuer.answering(b"nonsense"):
            assert jwt_issuer.fetch(jwt_issuer.jwks_uri) == b"nonsense"
            assert requests.get(url + "other", timeout=30).content == b"nonsense"
        with jwt_issuer.outage():
            assert requests.get(jwt_issuer.jwks_uri, timeout=30).status_code == 503
        assert requests.get(jwt_issuer.jwks_uri, timeout=30).json() == jwt_issuer.jwks


def test_faults_end_with_their_block_even_if_nested_or_after_an_exception(
    jwt_issuer: LocalIssuer,
) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        jwt_issuer.outage(),
        jwt_issuer.slow(5),
        jwt_issuer.answering(b""),
    ):
        raise ZeroDivisionError
    with jwt_issuer.slow(1), jwt_issuer.slow(2):
        assert jwt_issuer.delay == 2
    assert (jwt_issuer.available, jwt_issuer.delay) == (True, 0)
    assert json.loads(jwt_issuer.fetch(jwt_issuer.jwks_uri)) == jwt_issuer.jwks


@pytest.mark.parametrize(
    ("call", "message"),
    [
        pytest.param(lambda issuer: issuer.slow(-1), r"slow\(-1\): write seconds", id="negative"),
        pytest.param(
            lambda issuer: issuer.slow("1"), r"slow\('1'\): write seconds", id="text for seconds"
        ),
        pytest.param(
            lambda issuer: issuer.answering("{}"),
            r"answering\(str\): write bytes",
            id="text for bytes",
        ),
    ],
)
def test_invalid_arguments_of_faults_are_refused(
    call: Any, message: str, jwt_issuer: LocalIssuer
) -> None:
    with pytest.raises(ValueError, match=message), call(jwt_issuer):
        pass


@pytest.mark.parametrize("wrong", ["300", float("inf"), None], ids=repr)
def test_a_lifetime_that_is_not_a_number_is_refused(wrong: Any, jwt_issuer: LocalIssuer) -> None:
    for make in (jwt_issuer.token, jwt_issuer.id_token):
        with pytest.raises(ValueError, match=r"expires_in=.*: write seconds from now"):
            make(expires_in=wrong)


@pytest.mark.parametrize(("option", "claim"), [("audience", "aud"), ("issuer", "iss")])
def test_the_options_of_an_issuer_are_no_claims(
    option: str, claim: str, jwt_issuer: LocalIssuer
) -> None:
    for make in (jwt_issuer.token, jwt_issuer.id_token):
        with pytest.raises(ValueError, match=rf"^{option}='https://other.test': .*{claim}="):
            make(**{option: "https://other.test"})


def test_an_id_token_has_the_claims_of_openid_connect(jwt_issuer: LocalIssuer) -> None:
    token = jwt_issuer.id_token(name="Ann")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert jwt.get_unverified_header(token)["typ"] == "JWT"
    assert claims.keys() == {"iss", "aud", "sub", "iat", "exp", "nonce", "name"}
    assert claims["aud"] == jwt_issuer.client_id


def test_audience_and_client_id_of_tokens_are_arguments() -> None:
    local = LocalIssuer(audience="orders", client_id="shop", algorithms=["ES256"])
    claims = jwt.decode(local.token(), options={"verify_signature": False})
    assert (claims["aud"], claims["client_id"]) == ("orders", "shop")


def test_authorize_makes_a_test_app_send_a_token() -> None:
    @wsgify
    def app(request: Request) -> Response:
        auth = get_auth(request)
        return Response(text=" ".join(sorted(auth.scopes)) if auth else "")

    local = LocalIssuer(algorithms=("ES256",))
    keys = RemoteJWKS(local.jwks_uri, fetch=local.fetch)
    issuer = Issuer(local.issuer, audience=local.audience, keys=keys, algorithms=["ES256"])
    testapp = TestApp(protect(app, issuer=issuer, rules={"/": AUTHENTICATED}))
    token = local.authorize(testapp, scope="b a")
    assert testapp.authorization == ("Bearer", token)
    assert testapp.get("/").text == "a b"


def test_the_server_uses_the_given_port_and_leaves_no_thread_behind() -> None:
    threads = {*threading.enumerate()}
    port = free_port()
    with LocalIssuer(algorithms=("ES256",)).serve(port) as url:
        assert url == f"http://127.0.0.1:{port}/"
    # Threads of earlier tests may end in the meantime.
    assert {*threading.enumerate()} <= threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_an_issuer_may_have_a_path() -> None:
    local = LocalIssuer("https://issuer.test/tenant/", algorithms=("ES256",))
    assert RemoteJWKS.discovered(local.issuer, fetch=local.fetch).find(local.key().kid, "ES256")
    assert local.requests == [
        "/tenant/.well-known/openid-configuration",
        "/tenant/.well-known/jwks.json",
    ]


def test_a_client_that_gives_up_causes_no_output(capfd: pytest.CaptureFixture[str]) -> None:
    local = LocalIssuer(algorithms=("ES256",))
    local.delay = 0.2
    with local.serve():
        with pytest.raises(KeysUnavailable):
            RemoteJWKS(local.jwks_uri, timeout=0.05).find(local.key().kid, "ES256")
        deadline = time.monotonic() + 10
        while any("process_request_thread" in thread.name for thread in threading.enumerate()):
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert capfd.readouterr().err == ""
