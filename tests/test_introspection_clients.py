"""How the API says who it is at the endpoint, and that its secrets stay its own."""

from __future__ import annotations

import base64
import logging
import traceback
from typing import Any
from urllib.parse import unquote, unquote_plus

import jwt
import pytest
from conftest import ASYMMETRIC, Clock
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from test_introspection_judgement import introspection

from jwt_wsgi import AuthError, Introspection, Verifier
from jwt_wsgi.http.fetching import FetchError
from jwt_wsgi.introspection import (
    BearerToken,
    ClientAuthentication,
    ClientCredentials,
    ClientSecretBasic,
    ClientSecretPost,
    PrivateKeyJWT,
)
from jwt_wsgi.testing import LocalIssuer, SigningKey

ISSUER = "https://as.example.com/"
SECRET = "s3cr:t +%&é"


def pem_of(key: SigningKey, encryption: Any = None) -> bytes:
    octets: bytes = key.private.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption()
    )
    return octets


def test_basic_is_form_urlencoded_before_it_is_encoded() -> None:
    credentials = ClientSecretBasic("a b:c", SECRET).credentials(ISSUER)
    scheme, encoded = credentials.headers["Authorization"].split(" ")
    pair = base64.b64decode(encoded).decode("ascii")
    assert scheme == "Basic"
    assert pair == "a%20b%3Ac:s3cr%3At%20%2B%25%26%C3%A9"
    for decode in (unquote_plus, unquote):
        assert [decode(part) for part in pair.split(":")] == ["a b:c", SECRET]
    assert credentials.form == {}


def test_post_sends_the_secret_in_the_form() -> None:
    assert ClientSecretPost("api", SECRET).credentials(ISSUER) == (
        {},
        {"client_id": "api", "client_secret": SECRET},
    )


@pytest.mark.parametrize(
    "algorithm", [name for name in ASYMMETRIC if not name.startswith("ML-DSA") and name != "Ed448"]
)
@pytest.mark.parametrize("form", ["PEM", "text", "key"])
def test_an_assertion_verifies_with_another_library(algorithm: str, form: str) -> None:
    key = SigningKey(algorithm)
    keys = {"PEM": pem_of(key), "text": pem_of(key).decode(), "key": key.private}
    client = PrivateKeyJWT("api", keys[form], algorithm=algorithm, kid="k1", clock=Clock(1000.9))
    credentials = client.credentials(ISSUER)
    assertion = credentials.form["client_assertion"]
    name = "EdDSA" if algorithm == "Ed25519" else algorithm
    if name == algorithm:
        claims = jwt.decode(
            assertion,
            key.private.public_key(),
            [name],
            audience=ISSUER,
            options={"verify_exp": False},
        )
        assert (claims["iss"], claims["sub"]) == ("api", "api")
        assert (claims["iat"], claims["exp"]) == (1000, 1060)
    assert jwt.get_unverified_header(assertion) == {"alg": algorithm, "typ": "JWT", "kid": "k1"}
    assert credentials.headers == {}
    assert credentials.form["client_assertion_type"].endswith(":jwt-bearer")
    assert credentials.form["client_id"] == "api"


def test_no_two_assertions_are_the_same() -> None:
    client = PrivateKeyJWT("api", SigningKey("ES256").private, algorithm="ES256")
    names = set()
    for _ in range(10):
        assertion = client.credentials(ISSUER).form["client_assertion"]
        names.add(jwt.decode(assertion, options={"verify_signature": False})["jti"])
        assert "kid" not in jwt.get_unverified_header(assertion)
    assert len(names) == 10


def test_a_bearer_token_is_asked_for_at_each_request() -> None:
    tokens = iter(["one", "two"])
    client = BearerToken(lambda: next(tokens))
    headers = [client.credentials(ISSUER).headers for _ in range(2)]
    assert headers == [{"Authorization": "Bearer one"}, {"Authorization": "Bearer two"}]


@pytest.mark.parametrize("token", [None, 7, "", "a b", "a\r\nX: y", b"abc"], ids=repr)
def test_a_bearer_token_of_another_shape_is_not_sent(token: Any) -> None:
    with pytest.raises(FetchError, match="something else"):
        BearerToken(lambda: token).credentials(ISSUER)


def test_a_callback_that_raises_is_logged_by_type(caplog: pytest.LogCaptureFixture) -> None:
    def get_token() -> str:
        raise RuntimeError(SECRET)

    with pytest.raises(FetchError):
        BearerToken(get_token).credentials(ISSUER)
    assert "RuntimeError" in caplog.text
    assert SECRET not in caplog.text


RSA = SigningKey("RS256")
WRONG = {
    "no client_id": (lambda: ClientSecretBasic("", SECRET), "client_id="),
    "client_id of another type": (lambda: ClientSecretPost(None, SECRET), "client_id="),  # type: ignore[arg-type]
    "no secret": (lambda: ClientSecretBasic("api", ""), "secret"),
    "secret as bytes": (lambda: ClientSecretPost("api", SECRET.encode()), "secret"),  # type: ignore[arg-type]
    "get_token of None": (lambda: BearerToken(None), "get_token"),  # type: ignore[arg-type]
    "get_token not callable": (lambda: BearerToken(SECRET), "get_token"),  # type: ignore[arg-type]
    "a symmetric algorithm": (lambda: PrivateKeyJWT("api", b"x", algorithm="HS256"), "algorithm="),
    "no algorithm": (lambda: PrivateKeyJWT("api", RSA.private, algorithm="none"), "algorithm="),
    "a key that is not PEM": (lambda: PrivateKeyJWT("api", SECRET, algorithm="RS256"), "key"),
    "a public key": (lambda: PrivateKeyJWT("api", RSA.pem, algorithm="RS256"), "key"),
    "no key": (lambda: PrivateKeyJWT("api", None, algorithm="RS256"), "key"),
    "a key with a password": (
        lambda: PrivateKeyJWT("api", pem_of(RSA, BestAvailableEncryption(b"x")), algorithm="RS256"),
        "key",
    ),
    "a key of another type": (lambda: PrivateKeyJWT("api", RSA.private, algorithm="ES256"), "key"),
    "a key of another curve": (
        lambda: PrivateKeyJWT("api", SigningKey("ES384").private, algorithm="ES256"),
        "algorithm=",
    ),
    "kid of another type": (
        lambda: PrivateKeyJWT("api", RSA.private, algorithm="RS256", kid=1),  # type: ignore[arg-type]
        "kid=",
    ),
    "client_auth that is a secret": (lambda: introspection_with(SECRET), "client_auth=str"),
    "client_auth of None": (lambda: introspection_with(None), "client_auth=NoneType"),
}


def introspection_with(client_auth: Any) -> Introspection:
    return Introspection(
        "https://as.example.com/i", issuer=ISSUER, audience="a", client_auth=client_auth
    )


@pytest.mark.parametrize(("build", "text"), WRONG.values(), ids=WRONG)
def test_wrong_arguments_are_refused_without_a_secret(build: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text) as error:
        build()
    shown = "".join(traceback.format_exception_only(error.value))
    assert SECRET not in shown
    assert "PRIVATE" not in shown


def test_small_rsa_keys_do_not_sign() -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa

    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.raises(ValueError, match="key"):
        PrivateKeyJWT("api", small, algorithm="RS256")


@pytest.mark.parametrize(
    "client",
    [
        pytest.param(ClientSecretBasic("api", SECRET), id="Basic"),
        pytest.param(ClientSecretPost("api", SECRET), id="Post"),
        pytest.param(PrivateKeyJWT("api", RSA.private, algorithm="RS256"), id="PrivateKeyJWT"),
        pytest.param(BearerToken(lambda: "abc-secret"), id="BearerToken"),
    ],
)
def test_no_secret_is_in_a_repr_a_log_or_an_error(
    client: ClientAuthentication, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sent: list[tuple[bytes | None, Any]] = []

    def fetch(url: str, form: bytes | None, headers: Any) -> bytes:
        sent.append((form, headers))
        raise FetchError("HTTP status 401", status=401)

    opaque = Introspection(
        "https://as.example.com/i", issuer=ISSUER, audience="a", client_auth=client, fetch=fetch
    )
    with pytest.raises(AuthError) as error:
        Verifier(opaque).verify("my-token")
    shown = f"{client!r} {client} {opaque!r} {opaque.status()} {caplog.text} {error.value!r}"
    shown += f"{vars(error.value)} {client.credentials(ISSUER)!r}"
    for secret in (SECRET, "s3cr", "abc-secret", "my-token", "Basic ", "eyJh"):
        assert secret not in shown
    assert sent


def test_a_class_of_ones_own_may_authenticate() -> None:
    class Own(ClientAuthentication):
        def credentials(self, issuer: str) -> ClientCredentials:
            return ClientCredentials({"X-Api-Key": "k"}, {"more": issuer})

    local = LocalIssuer(algorithms=["ES256"])
    seen: list[Any] = []

    def fetch(url: str, form: bytes | None, headers: Any) -> bytes:
        seen.append((form, headers["X-Api-Key"]))
        return b'{"active": false}'

    opaque = local.introspection(client_auth=Own(), fetch=fetch)
    assert opaque.warm_up().usable
    [(form, key)] = seen
    assert b"more=https%3A%2F%2Fissuer.test%2F" in form
    assert key == "k"


def test_the_helper_of_this_file_makes_an_introspection() -> None:
    assert introspection().issuer == ISSUER
