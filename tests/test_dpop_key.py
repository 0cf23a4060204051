"""`DPoPKey`: proofs that another library accepts, and proofs that are wrong on purpose."""

from __future__ import annotations

import time
from typing import Any

import pytest
from conftest import ASYMMETRIC, SYMMETRIC
from dpop_proofs import digest, public_key, verified_claims, verified_payload
from token_parts import part

from jwt_wsgi.testing import Clock, DPoPKey

URL = "https://api.example.com/orders"


def header_and_claims(proof: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return part(proof, 0), part(proof, 1)


# joserfc has no ML-DSA, and warns about EdDSA.
@pytest.mark.parametrize(
    "algorithm", [name for name in ASYMMETRIC if not name.startswith(("ML-DSA", "EdDSA"))]
)
def test_another_library_verifies_a_proof_with_the_key_in_its_header(algorithm: str) -> None:
    key = DPoPKey(algorithm)
    proof = key.proof("GET", URL, "token")
    assert verified_claims(proof)["htu"] == URL
    assert part(proof, 0) == {"typ": "dpop+jwt", "alg": algorithm, "jwk": key.jwk}
    assert key.thumbprint == public_key(proof).thumbprint()


@pytest.mark.parametrize("algorithm", ["EdDSA", "ML-DSA-44"])
def test_the_other_algorithms_with_public_keys_make_proofs(algorithm: str) -> None:
    key = DPoPKey(algorithm)
    header, claims = header_and_claims(key.proof("GET", URL, "token"))
    assert header == {"typ": "dpop+jwt", "alg": algorithm, "jwk": key.jwk}
    assert claims["htu"] == URL
    assert len(key.thumbprint) == 43


@pytest.mark.parametrize("algorithm", [*SYMMETRIC, "none", "RS1", ""])
def test_an_algorithm_without_public_keys_is_refused(algorithm: str) -> None:
    with pytest.raises(ValueError, match=f"algorithm={algorithm!r}"):
        DPoPKey(algorithm)


def test_the_claims_are_those_of_the_request(clock: Clock) -> None:
    key = DPoPKey(clock=clock)
    clock.advance(7.9)
    _, claims = header_and_claims(key.proof("POST", URL, "token", "nonce-1"))
    assert len(claims.pop("jti")) == 36
    assert claims == {
        "htm": "POST",
        "htu": URL,
        "iat": clock.now - 0.9,
        "ath": digest(b"token"),
        "nonce": "nonce-1",
    }
    assert isinstance(claims["iat"], int)


def test_a_proof_has_no_ath_without_a_token_and_no_nonce_without_one() -> None:
    claims = header_and_claims(DPoPKey().proof("POST", URL, None))[1]
    assert claims.keys() == {"jti", "htm", "htu", "iat"}
    assert abs(claims["iat"] - time.time()) < 60


def test_no_two_proofs_have_the_same_jti() -> None:
    key = DPoPKey()
    assert len({header_and_claims(key.proof("GET", URL, None))[1]["jti"] for _ in range(50)}) == 50


@pytest.mark.parametrize(
    "url", [f"{URL}?a=1", f"{URL}#a", f"{URL}?a=1#b?c", f"{URL}#a?b", f"{URL}?"]
)
def test_htu_has_neither_query_nor_fragment(url: str) -> None:
    assert header_and_claims(DPoPKey().proof("GET", url, None))[1]["htu"] == URL


@pytest.mark.parametrize(
    ("changes", "claims"),
    [
        pytest.param({"iat": 1.5}, {"iat": 1.5}, id="another time"),
        pytest.param({"htu": f"{URL}?a=1"}, {"htu": f"{URL}?a=1"}, id="a query in htu"),
        pytest.param({"htm": None, "jti": None}, {}, id="claims removed"),
        pytest.param({"ath": "AA", "jti": 1}, {"ath": "AA", "jti": 1}, id="mistyped claims"),
        pytest.param({"org": "acme"}, {"org": "acme"}, id="a claim of one's own"),
    ],
)
def test_claims_can_be_replaced_and_removed(
    changes: dict[str, Any], claims: dict[str, Any], clock: Clock
) -> None:
    usual = {"htm": "GET", "htu": URL, "iat": int(clock.now), "jti": "1"}
    proof = DPoPKey(clock=clock).proof("GET", URL, None, **{"jti": "1", **changes})
    kept = {name: value for name, value in usual.items() if name not in changes}
    assert header_and_claims(proof)[1] == {**kept, **claims}


def test_members_of_the_header_can_be_replaced_and_removed() -> None:
    key = DPoPKey()
    private = {**key.jwk, "d": "AA"}
    proof = key.proof("GET", URL, None, header={"typ": "JWT", "alg": None, "jwk": private})
    assert header_and_claims(proof)[0] == {"typ": "JWT", "jwk": private}


def test_any_bytes_can_be_signed() -> None:
    key = DPoPKey()
    proof = key.sign(b"[]", header={"kid": "1"})
    assert verified_payload(proof) == b"[]"
    assert part(proof, 0)["kid"] == "1"


def test_neither_jwk_nor_repr_shows_the_private_key() -> None:
    for algorithm in ("ES256", "Ed25519", "PS256"):
        key = DPoPKey(algorithm)
        assert key.jwk.keys() <= {"kty", "crv", "x", "y", "n", "e"}
        assert repr(key) == f"DPoPKey({algorithm!r}, thumbprint={key.thumbprint!r})"


def test_changing_the_jwk_does_not_change_the_key() -> None:
    key = DPoPKey()
    before = key.thumbprint
    key.jwk["x"] = "AA"
    assert key.thumbprint == before
