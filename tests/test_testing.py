"""`LocalIssuer`: tokens that other libraries believe, rotation, faults, and real HTTP."""

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
from webob import Request, Response
from webob.dec import wsgify
from webtest import TestApp

from jwt_wsgi import AUTHENTICATED, Issuer, KeysUnavailable, RemoteJWKS, get_auth, protect
from jwt_wsgi.testing import LocalIssuer, SigningKey


@pytest.mark.parametrize("algorithm", [*ASYMMETRIC, *SYMMETRIC])
def test_every_token_is_believed_by_libraries_we_did_not_write(every_algorithm: LocalIssuer, algorithm: str) -> None:
    token = every_algorithm.token("a", algorithm=algorithm)
    key = every_algorithm.key(algorithm)
    symmetric = algorithm in SYMMETRIC
    if symmetric:
        keys: Any = OctKey.import_key(key.private)
    else:
        # joserfc knows the fully specified name only where the key says so.
        keys = JoserfcKeySet.import_key_set({"keys": [{**(key.jwk or {}), "alg": algorithm}]})
    # Each of the two knows Ed25519 under one of its names without complaint.
    if algorithm != "EdDSA":
        claims = joserfc_jwt.decode(token, keys, algorithms=[algorithm]).claims
        assert (claims["sub"], claims["scope"]) == ("user-1", "a")
    if algorithm != "Ed25519":
        verifying = key.private if symmetric else jwt.PyJWK(key.jwk or {}).key
        assert jwt.decode(token, verifying, [algorithm], audience=every_algorithm.audience)["sub"] == "user-1"


def test_its_tokens_are_rfc_9068_access_tokens(local: LocalIssuer) -> None:
    token = local.token("a b", org="acme", client_id=None)
    header = jwt.get_unverified_header(token)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert header == {"alg": "RS256", "typ": "at+jwt", "kid": local.key().kid}
    assert claims.keys() == {"iss", "aud", "sub", "iat", "exp", "jti", "scope", "org"}
    assert local.token() != local.token()


def test_the_clock_and_the_lifetime_are_arguments(clock: Clock) -> None:
    local = LocalIssuer("https://other.test/", algorithms=("HS256",), clock=clock)
    good = jwt.decode(local.token(expires_in=60), options={"verify_signature": False})
    assert (good["iss"], good["iat"], good["exp"]) == ("https://other.test/", clock.now, clock.now + 60)
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


def test_secrets_are_not_published_and_public_keys_are_no_secrets() -> None:
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
        assert metadata == {"issuer": url, "jwks_uri": local.jwks_uri}
        assert requests.get(metadata["jwks_uri"], timeout=5).json() == local.jwks
        assert requests.get(url + "other", timeout=5).status_code == 404
        local.available = False
        assert requests.get(local.jwks_uri, timeout=5).status_code == 503
    with pytest.raises(requests.ConnectionError):
        requests.get(local.jwks_uri, timeout=5)
    assert len(local.requests) == 4


def test_a_name_that_was_given_stays() -> None:
    local = LocalIssuer("https://issuer.example.com/", algorithms=("ES256",))
    with local.serve():
        assert local.issuer == "https://issuer.example.com/"


def test_it_can_be_slow_and_dead_in_process() -> None:
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


def test_it_authorizes_a_test_app() -> None:
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


def test_the_server_takes_the_port_it_is_given_and_leaves_nothing_behind() -> None:
    threads = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with LocalIssuer(algorithms=("ES256",)).serve(port) as url:
        assert url == f"http://127.0.0.1:{port}/"
    assert threading.active_count() == threads
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_an_issuer_may_have_a_path() -> None:
    local = LocalIssuer("https://issuer.test/tenant/", algorithms=("ES256",))
    assert RemoteJWKS.discovered(local.issuer, fetch=local.fetch).find(local.key().kid, "ES256")
    assert local.requests == ["/tenant/.well-known/openid-configuration", "/tenant/.well-known/jwks.json"]


def test_a_client_that_gives_up_on_a_slow_issuer_leaves_no_noise(capfd: pytest.CaptureFixture[str]) -> None:
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
