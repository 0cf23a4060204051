"""The memory of proof headers: written after a good proof alone, bounded, and never the judge."""

from __future__ import annotations

import json
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from counting import calls
from dpop_proofs import RawKey
from test_possession_proof import (
    KEY,
    LIMITS,
    NONCES,
    NOW,
    OTHER,
    WITH_NONCES,
    claims,
    judge,
    proof,
    refusal,
    request_of,
)

from jwt_wsgi.jose.encoding import encode
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.possession.proof_headers import KnownHeader, ProofHeaders


def segment(text: str) -> str:
    return text.partition(".")[0]


def test_the_second_proof_with_a_header_loads_no_key() -> None:
    known = ProofHeaders()
    for number, loads in enumerate([1, 0, 0]):
        text = proof(jti=f"{number}")
        for function in ("load_public_key", "jwk_thumbprint"):
            assert calls(lambda text=text: judge(text, known=ProofHeaders()), of=function) == 1
        assert calls(lambda text=text: judge(text, known=known), of="load_public_key") == loads
        assert judge(text, known=known).jti == f"{number}"


GOOD = proof()
BAD = {
    "a bad signature": f"{GOOD[:-8]}AAAAAAAA",
    "another method": proof(htm="PUT"),
    "another URL": proof(htu="https://api.example.com/"),
    "another token": proof(ath="x"),
    "an old date": proof(iat=0),
    "a date to come": proof(iat=NOW + 31),
    "no jti": proof(jti=...),
    "an empty jti": proof(jti=""),
    "no claims": KEY.sign(KEY.header(), b"[]"),
    "no nonce": GOOD,
    "another nonce": proof(nonce="x"),
    "another typ": KEY.sign(KEY.header(typ="JWT"), claims()),
    "another algorithm": KEY.sign(KEY.header(alg="none"), claims()),
    "a private key": KEY.sign(KEY.header(jwk={**KEY.jwk, "d": "AA"}), claims()),
    "a stranger's key": proof(OTHER),
    "two proofs": f"{GOOD},{GOOD}",
    "no proof": "x",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_the_header_of_a_bad_proof_is_not_remembered(text: str) -> None:
    known = ProofHeaders()
    refusal(text, limits=WITH_NONCES, known=known)
    assert known.get(segment(text)) is None


def remembered() -> ProofHeaders:
    """Return a memory that holds the header of the good proofs."""
    known = ProofHeaders()
    judge(proof(nonce=NONCES.issue(NOW)), limits=WITH_NONCES, known=known)
    assert known.get(segment(GOOD)) is not None
    return known


@pytest.mark.parametrize(
    "text",
    [text for text in BAD.values() if segment(text) == segment(GOOD)],
    ids=[name for name, text in BAD.items() if segment(text) == segment(GOOD)],
)
def test_a_remembered_header_changes_no_verdict(text: str) -> None:
    fresh = refusal(text, limits=WITH_NONCES)
    error = refusal(text, limits=WITH_NONCES, known=remembered())
    assert (type(error), error.reason) == (type(fresh), fresh.reason)
    assert (error.expected, error.found) == (fresh.expected, fresh.found)


def test_a_narrower_list_of_algorithms_is_asked_on_each_use() -> None:
    known = remembered()
    narrow = LIMITS._replace(algorithms=frozenset({"ES384"}))
    assert refusal(GOOD, limits=narrow, known=known).reason == "proof_algorithm_not_allowed"
    assert judge(GOOD, known=known).jti == "1"


def test_the_thumbprint_is_compared_on_each_use() -> None:
    known = remembered()
    error = refusal(GOOD, request_of(thumbprint=OTHER.thumbprint), known=known)
    assert error.reason == "binding_mismatch"
    assert calls(lambda: refusal(GOOD, request_of(OTHER), known=known), of="verifies") == 0


def test_a_header_that_only_begins_alike_is_another_header() -> None:
    known = remembered()
    header = encode(json.dumps(KEY.header(kid="2")).encode())
    assert known.get(header) is None
    assert known.get(segment(GOOD)[:-1]) is None
    assert refusal(f"{segment(GOOD)}A{GOOD[len(segment(GOOD)) :]}", known=known).reason


def test_each_stack_has_a_memory_of_its_own() -> None:
    known = remembered()
    judge(GOOD, known=ProofHeaders())
    assert known.get(segment(GOOD)) is not None
    assert ProofHeaders().get(segment(GOOD)) is None


# --- the bound


def entry(name: str) -> KnownHeader:
    return KnownHeader("ES256", name, Key(None, frozenset(), None))


def test_the_memory_is_bounded_and_keeps_the_latest() -> None:
    known = ProofHeaders()
    names = [f"header-{number}" for number in range(10_000)]
    for name in names:
        known.remember(name, entry(name))
    held = [name for name in names if known.get(name) is not None]
    assert 2048 <= len(held) <= 4096
    assert held == names[-len(held) :]


def test_a_header_in_use_stays() -> None:
    known = ProofHeaders()
    in_use = entry("in use")
    for number in range(10_000):
        # A client that sends proofs all the time has its header written with each of them.
        known.remember("in use", in_use)
        known.remember(f"header-{number}", entry("x"))
        assert known.get("in use") is in_use


LENGTHS = {2047: True, 2048: True, 2049: False, 7000: False}


@pytest.mark.parametrize(("length", "is_kept"), LENGTHS.items(), ids=map(str, LENGTHS))
def test_a_long_header_is_not_remembered(length: int, is_kept: bool) -> None:
    known = ProofHeaders()
    known.remember("x" * length, entry("x"))
    assert (known.get("x" * length) is not None) is is_kept


def test_a_proof_with_a_long_header_is_judged_each_time() -> None:
    known = ProofHeaders()
    text = KEY.sign(KEY.header(filler="x" * 3000), claims())
    for _ in range(2):
        assert calls(lambda: judge(text, known=known), of="load_public_key") == 1
    assert known.get(segment(text)) is None


def test_the_header_of_the_largest_rsa_key_is_remembered() -> None:
    size = len(json.dumps(KEY.header(jwk={"kty": "RSA", "e": "AQAB", "n": "x" * 683}, alg="PS512")))
    known = ProofHeaders()
    known.remember("x" * (size * 4 // 3 + 1), entry("x"))
    assert known.get("x" * (size * 4 // 3 + 1)) is not None


def test_a_header_costs_no_more_than_its_text_and_its_key() -> None:
    known = ProofHeaders()
    kept = []
    tracemalloc.start()
    try:
        for number in range(50):
            header = json.dumps(KEY.header(kid=f"{number}", x=[{}] * 400), separators=(",", ":"))
            text = KEY.sign(header.encode(), claims())
            before, _ = tracemalloc.get_traced_memory()
            judge(text, known=known)
            kept.append(tracemalloc.get_traced_memory()[0] - before)
            assert known.get(segment(text)) is not None
    finally:
        tracemalloc.stop()
    assert sorted(kept)[25] < 6000


def test_threads_share_the_memory() -> None:
    known = ProofHeaders()
    keys = [RawKey() for _ in range(4)]
    headers = [[f"{worker}-{number}" for number in range(5000)] for worker in range(4)]

    def work(worker: int) -> list[Any]:
        mixed = []
        for name in headers[worker]:
            known.remember(name, entry(name))
            seen = known.get(name)
            if seen is not None and seen.thumbprint != name:
                mixed.append((name, seen))
        key = keys[worker]
        for number in range(50):
            text = proof(key, jti=f"{number}")
            assert judge(text, request_of(key), known=known).jti == f"{number}"
            other = keys[worker - 1]
            assert refusal(text, request_of(other), known=known).reason == "binding_mismatch"
        return mixed

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [[]] * 4
    names = [name for each in headers for name in each]
    assert sum(known.get(name) is not None for name in names) <= 4096 + 4
