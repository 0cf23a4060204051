"""Proofs of libraries that this project did not write, through servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from dpop_app import SERVERS, Answer, Client
from dpop_makers import PROGRAMS, Program, ProofMaker, running

from jwt_wsgi.testing import LocalIssuer

pytestmark = pytest.mark.slow

LOCAL = LocalIssuer()
#: One algorithm of each kind: ECDSA, both schemes of RSA, and EdDSA.
ALGORITHMS = ("ES256", "ES384", "PS256", "RS256", "Ed25519")
CASES = [
    (program, algorithm)
    for program in PROGRAMS
    for algorithm in ALGORITHMS
    if algorithm in program.algorithms
]


@pytest.fixture(scope="module", params=SERVERS)
def client(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("server")
    with SERVERS[request.param](LOCAL, folder) as served:
        yield served


@pytest.fixture(scope="module")
def makers() -> Iterator[dict[str, ProofMaker]]:
    """Return the programs that can run here, by the names of their libraries."""
    with ExitStack() as stack:
        yield {
            program.library: stack.enter_context(running(program))
            for program in PROGRAMS
            if program.missing() is None
        }


def send(client: Client, method: str, path: str, token: str, proof: str) -> Answer:
    return client.send(method, path, [("Authorization", f"DPoP {token}"), ("DPoP", proof)])


@pytest.mark.parametrize(("program", "algorithm"), CASES, ids=lambda value: str(value))
def test_a_foreign_proof_is_accepted_once(
    client: Client, makers: dict[str, ProofMaker], program: Program, algorithm: str
) -> None:
    maker = maker_of(program, makers)
    token = LOCAL.token(cnf={"jkt": maker.thumbprint(algorithm)})
    for method in ("GET", "POST"):
        path = "/orders/caf%C3%A9%20a?page=2&sort=a"
        proof = maker.proof(method, client.base_url + path, token, algorithm=algorithm)
        answer = send(client, method, path, token, proof)
        assert (answer.status, json.loads(answer.body)) == (200, {"bindings": ["dpop"]})
        assert send(client, method, path, token, proof).status == 401
        other = "PUT" if method == "GET" else "GET"
        fresh = maker.proof(method, client.base_url + path, token, algorithm=algorithm)
        assert send(client, other, path, token, fresh).status == 401
        assert send(client, method, "/orders", token, fresh).status == 401
        assert send(client, method, path, token, fresh).status == 200


@pytest.mark.parametrize(("program", "algorithm"), CASES, ids=lambda value: str(value))
def test_a_foreign_client_follows_the_nonce(
    client: Client, makers: dict[str, ProofMaker], program: Program, algorithm: str
) -> None:
    maker = maker_of(program, makers)
    token = LOCAL.token(cnf={"jkt": maker.thumbprint(algorithm)})
    url = f"{client.base_url}/with-nonces"
    first = maker.proof("GET", url, token, algorithm=algorithm)
    challenged = send(client, "GET", "/with-nonces", token, first)
    assert challenged.status == 401
    assert 'error="use_dpop_nonce"' in challenged.all("WWW-Authenticate")[0]
    [nonce] = challenged.all("DPoP-Nonce")
    for _ in range(2):
        proof = maker.proof("GET", url, token, nonce, algorithm)
        assert send(client, "GET", "/with-nonces", token, proof).status == 200


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_a_foreign_proof_does_not_serve_another_token_or_key(
    client: Client, makers: dict[str, ProofMaker], program: Program
) -> None:
    maker = maker_of(program, makers)
    mine = LOCAL.token(cnf={"jkt": maker.thumbprint()})
    another = LOCAL.token(cnf={"jkt": maker.thumbprint()}, sub="another")
    thief = LOCAL.token(cnf={"jkt": "x" * 43})
    url = f"{client.base_url}/orders"
    assert send(client, "GET", "/orders", another, maker.proof("GET", url, mine)).status == 401
    assert send(client, "GET", "/orders", thief, maker.proof("GET", url, thief)).status == 401
    assert send(client, "GET", "/orders", mine, maker.proof("GET", url, mine)).status == 200


def maker_of(program: Program, makers: dict[str, ProofMaker]) -> ProofMaker:
    missing = program.missing()
    if missing is not None:
        pytest.skip(missing)
    return makers[program.library]
