"""A UTF-8 byte order mark: skipped in front of a document, refused in a token (RFC 8259 §8.1)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import POLICY, run

from jwt_wsgi import (
    InvalidToken,
    Issuer,
    KeysUnavailable,
    RemoteJWKS,
    SharedSecret,
    StaticJWKS,
    Verifier,
)
from jwt_wsgi.cli.published_keys import read_key_file
from jwt_wsgi.jose.encoding import encode
from jwt_wsgi.jose.strict_json import read_document, read_object
from jwt_wsgi.policyfile import parse_policy, read_policy
from jwt_wsgi.presets import entra
from jwt_wsgi.testing import LocalIssuer, SigningKey

BOM = b"\xef\xbb\xbf"
TENANT, OTHER = "72f988bf-86f1-41af-91ab-2d7cd011db47", "fa15d692-e9c7-4460-a743-29f29522229a"


@pytest.fixture
def local() -> LocalIssuer:
    return LocalIssuer()


def test_a_document_is_read_behind_one_mark_u29() -> None:
    assert read_document(BOM + b'{"a": 1}') == read_document(b'{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(BOM + BOM + b"{}", id="U29 two marks"),
        pytest.param(b" " + BOM + b"{}", id="U29 a mark behind a space"),
        pytest.param(b"{}" + BOM, id="U29 a mark behind"),
        pytest.param(b"{" + BOM + b"}", id="U29 a mark within"),
        pytest.param(BOM, id="U29 a mark alone"),
        pytest.param(BOM[:2] + b"{}", id="U29 half a mark"),
        pytest.param("{}".encode("utf-16"), id="U29 UTF-16"),
        pytest.param(b"\xff\xfe{}", id="U29 the mark of UTF-16"),
    ],
)
def test_other_marks_are_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match=r"not JSON|not UTF-8"):
        read_document(octets)


def test_the_reader_of_a_tokens_segments_refuses_a_mark_u29() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        read_object(BOM + b"{}")


@pytest.mark.parametrize("segment", [0, 1], ids=["U29 header", "U29 payload"])
def test_a_token_with_a_mark_is_refused(segment: int, local: LocalIssuer) -> None:
    key = local.key()
    header = json.dumps({"alg": "RS256", "typ": "at+jwt", "kid": key.kid}).encode()
    payload = json.dumps({"iss": local.issuer}).encode()
    segments = [header, payload]
    segments[segment] = BOM + segments[segment]
    signing_input = ".".join(encode(octets) for octets in segments)
    token = f"{signing_input}.{encode(key.sign(signing_input.encode()))}"
    issuer = Issuer(local.issuer, audience=local.audience, keys=StaticJWKS(local.jwks))
    with pytest.raises(InvalidToken) as raised:
        Verifier(issuer).verify(token)
    assert raised.value.reason == "token_malformed"


def test_a_key_file_u29(tmp_path: Path, local: LocalIssuer) -> None:
    path = tmp_path / "keys.json"
    path.write_bytes(BOM + json.dumps(local.jwks).encode())
    kids = {key["kid"] for key in local.jwks["keys"]}
    assert StaticJWKS(path).held().kids == kids
    assert {key.kid for key in read_key_file(str(path)).usable} == kids


@pytest.mark.parametrize("discovered", [False, True], ids=["U29 key set", "U29 metadata"])
def test_fetched_documents(local: LocalIssuer, discovered: bool) -> None:
    def fetch(url: str) -> bytes:
        return BOM + local.fetch(url)

    if discovered:
        keys = RemoteJWKS.discovered(local.issuer, fetch=fetch)
    else:
        keys = RemoteJWKS(local.jwks_uri, fetch=fetch)
    assert keys.warm_up().usable
    issuer = Issuer(local.issuer, audience=local.audience, keys=keys)
    assert Verifier(issuer).verify(local.token()).claims["iss"] == local.issuer


@pytest.mark.parametrize("tenant", [TENANT, OTHER], ids=["U29 of the tenant", "U29 of another"])
def test_the_filter_of_entras_keys_works_behind_a_mark(tenant: str) -> None:
    key = SigningKey("RS256")
    members = {**(key.jwk or {}), "issuer": f"https://login.microsoftonline.com/{tenant}/v2.0"}
    document = BOM + json.dumps({"keys": [members]}).encode()
    issuer = entra(TENANT, audience="api", fetch=lambda _: document)
    if tenant == TENANT:
        assert issuer.keys.find(key.kid, "RS256")
    else:
        with pytest.raises(KeysUnavailable):
            issuer.keys.find(key.kid, "RS256")


def test_a_policy_file_u29(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_bytes(BOM + POLICY.encode())
    assert len(read_policy(path).rules) == len(parse_policy(POLICY).rules)


@pytest.mark.parametrize("form", ["token", "response"], ids=["U29 token", "U29 response"])
def test_a_token_file_of_the_command_line(tmp_path: Path, local: LocalIssuer, form: str) -> None:
    token = local.token()
    text = token if form == "token" else json.dumps({"access_token": token})
    path = tmp_path / "token.txt"
    path.write_bytes(BOM + text.encode())
    assert run("inspect", "--token-file", path).status == 0


def test_a_jwk_behind_a_mark_is_no_secret_u29() -> None:
    document = BOM + json.dumps(SigningKey("ES256").jwk).encode()
    with pytest.raises(ValueError, match="an asymmetric key is not a secret"):
        SharedSecret(document)
