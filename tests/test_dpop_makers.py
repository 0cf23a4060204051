"""Proofs of `DPoPKey` and of the libraries of others have one form, and joserfc verifies them all."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from dpop_makers import FOLDER, PROGRAMS, OwnKeys, Program, ProofMaker, running
from dpop_proofs import digest, verified_claims
from joserfc.jwk import import_key
from token_parts import part

from jwt_wsgi.jose.thumbprint import jwk_thumbprint
from jwt_wsgi.testing import DPoPKey

URL = "https://api.example.com/orders"


@pytest.fixture(scope="module", params=PROGRAMS, ids=str)
def program(request: pytest.FixtureRequest) -> Program:
    chosen: Program = request.param
    missing = chosen.missing()
    if missing is not None:
        pytest.skip(missing)
    return chosen


@pytest.fixture(scope="module")
def maker(program: Program) -> Iterator[ProofMaker]:
    with running(program) as started:
        yield started


@pytest.fixture(scope="module")
def own() -> OwnKeys:
    return OwnKeys()


@pytest.mark.slow
def test_proofs_of_others_have_the_form_of_those_of_dpop_key(
    program: Program, maker: ProofMaker, own: OwnKeys
) -> None:
    for algorithm in program.algorithms:
        for nonce in (None, "nonce-1"):
            arguments: Any = ("POST", f"{URL}?a=1#b", "token", nonce, algorithm)
            foreign, ours = maker.proof(*arguments), own.proof(*arguments)
            assert part(foreign, 0).keys() == part(ours, 0).keys()
            for name in ("typ", "alg"):
                assert part(foreign, 0)[name] == part(ours, 0)[name]
            assert part(foreign, 0)["jwk"].keys() == part(ours, 0)["jwk"].keys()
            theirs, claims = verified_claims(foreign), verified_claims(ours)
            assert theirs.keys() == claims.keys()
            for name in claims.keys() - {"jti", "iat"}:
                assert theirs[name] == claims[name]
            assert abs(theirs["iat"] - claims["iat"]) < 60
            assert type(theirs["iat"]) is type(claims["iat"]) is int
            assert type(theirs["jti"]) is type(claims["jti"]) is str


@pytest.mark.slow
def test_the_thumbprint_is_that_of_the_key_in_each_proof(
    program: Program, maker: ProofMaker, own: OwnKeys
) -> None:
    for algorithm in program.algorithms:
        for each in (maker, own):
            thumbprint = each.thumbprint(algorithm)
            for _ in range(2):
                jwk = part(each.proof("GET", URL, "token", algorithm=algorithm), 0)["jwk"]
                assert jwk_thumbprint(jwk) == import_key(jwk).thumbprint() == thumbprint


@pytest.mark.slow
def test_each_proof_is_for_its_own_request(maker: ProofMaker) -> None:
    requests = [("GET", URL, "token", None), ("PUT", f"{URL}/1", "other", "nonce-2")]
    seen = []
    for method, url, token, nonce in [*requests, *requests]:
        claims = verified_claims(maker.proof(method, url, token, nonce))
        assert (claims["htm"], claims["htu"], claims.get("nonce")) == (method, url, nonce)
        assert claims["ath"] == digest(token.encode())
        seen.append(claims["jti"])
    assert len(set(seen)) == len(seen)


@pytest.mark.slow
def test_an_algorithm_that_the_program_lacks_is_an_error(maker: ProofMaker) -> None:
    with pytest.raises(ValueError, match=r"(?i)unsupported"):
        maker.proof("GET", URL, "token", algorithm="HS256")
    # It goes on.
    assert verified_claims(maker.proof("GET", URL, "token"))["htm"] == "GET"


def test_pydpop_verifies_a_proof_of_dpop_key() -> None:
    pydpop = pytest.importorskip("pydpop", reason="needs pydpop: pip install -e '.[test]'")
    key = DPoPKey(clock=time.time)
    proof = key.proof("GET", f"{URL}?a=1", "token", "nonce-1")
    request = {"htm": "GET", "htu": f"{URL}?a=1", "access_token": "token"}
    verified = pydpop.verify_proof(proof=proof, expected_nonce="nonce-1", **request)
    assert verified["jwk_thumbprint"] == key.thumbprint
    with pytest.raises(pydpop.DPoPError):
        pydpop.verify_proof(proof=key.proof("GET", URL, "other"), **request)


def test_every_version_is_pinned_and_no_registry_is_named() -> None:
    lock = json.loads((FOLDER / "package-lock.json").read_text())
    declared = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    installed = {name: entry for name, entry in lock["packages"].items() if name}
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in declared.values())
    assert all("integrity" in entry and "resolved" not in entry for entry in installed.values())
    for name, version in declared.items():
        assert installed[f"node_modules/{name}"]["version"] == version
