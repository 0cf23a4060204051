"""The replay check: each proof is accepted once, after every other check, and by one request."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import pytest
from dpop_proofs import digest
from hypothesis import given
from hypothesis import strategies as st

from jwt_wsgi import Auth, AuthError, DPoP, Issuer, StaticJWKS, Verifier
from jwt_wsgi.errors import InvalidProof, TemporarilyUnavailable
from jwt_wsgi.possession.replay import UsedProof, check_unused, use_proof
from jwt_wsgi.stores import MemoryStore, Store, StoreUnavailable
from jwt_wsgi.testing import Clock, DPoPKey, LocalIssuer

NOW = 1_800_000_000.0
BASE = "https://api.example.com"
URL = f"{BASE}/orders"
LOCAL = LocalIssuer(clock=Clock(NOW))
KEY, OTHER = DPoPKey(clock=lambda: NOW), DPoPKey(clock=lambda: NOW)
TOKEN = LOCAL.token(cnf=KEY, exp=NOW + 3600)
ATH = digest(TOKEN.encode())


class Journal(MemoryStore):
    """A store that writes down what it is asked for."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.added: list[tuple[str, bytes, float, str | None]] = []
        self.read: list[str] = []

    def add(self, key: str, value: bytes, ttl: float, owner: str | None = None) -> bool:
        self.added.append((key, value, ttl, owner))
        return super().add(key, value, ttl, owner)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        self.read.extend(keys)
        return super().get_many(keys)


def verifier_with(
    replay: Any, *, now: float = NOW, is_revoked: Any = None, **options: Any
) -> Verifier:
    """Return the verifier of one worker with this store."""
    issuer = Issuer(LOCAL.issuer, audience=LOCAL.audience, keys=StaticJWKS(LOCAL.jwks), **options)
    dpop = DPoP(BASE, replay=replay)
    return Verifier(issuer, dpop=dpop, is_revoked=is_revoked, clock=lambda: now)


def verify(verifier: Verifier, proof: str, token: str = TOKEN) -> Auth:
    return verifier.verify(token, proof=proof, method="GET", url=URL)


def reason(verifier: Verifier, proof: str, token: str = TOKEN) -> str:
    with pytest.raises(AuthError) as caught:
        verify(verifier, proof, token)
    return caught.value.reason


# --- once


@pytest.mark.conforms(72)
def test_a_proof_is_accepted_once() -> None:
    verifier = verifier_with(MemoryStore())
    proof = KEY.proof("GET", URL, TOKEN)
    assert verify(verifier, proof).possession.bindings == {"dpop"}
    for _ in range(3):
        with pytest.raises(InvalidProof) as caught:
            verify(verifier, proof)
        assert (caught.value.reason, caught.value.code) == ("proof_replayed", "invalid_dpop_proof")
    assert verify(verifier, KEY.proof("GET", URL, TOKEN))


def test_by_default_a_store_of_the_process_notices_a_replay() -> None:
    issuer = Issuer(LOCAL.issuer, audience=LOCAL.audience, keys=StaticJWKS(LOCAL.jwks))
    workers = [Verifier(issuer, dpop=DPoP(BASE), clock=lambda: NOW) for _ in range(2)]
    proof = KEY.proof("GET", URL, TOKEN)
    assert [bool(verify(worker, proof)) for worker in workers] == [True, True]
    assert [reason(worker, proof) for worker in workers] == ["proof_replayed"] * 2


def test_without_a_store_a_proof_is_accepted_again() -> None:
    verifier = verifier_with(None)
    proof = KEY.proof("GET", URL, TOKEN)
    assert verify(verifier, proof).possession == verify(verifier, proof).possession


def test_the_jti_alone_counts_for_one_key() -> None:
    verifier = verifier_with(MemoryStore())
    second = LOCAL.token(cnf=KEY, sub="another")
    assert verify(verifier, KEY.proof("GET", URL, TOKEN, jti="1"))
    repeated = {
        "another date": (KEY.proof("GET", URL, TOKEN, jti="1", iat=NOW - 1), TOKEN),
        "another token": (KEY.proof("GET", URL, second, jti="1"), second),
        "another header": (KEY.proof("GET", URL, TOKEN, jti="1", header={"kid": "1"}), TOKEN),
    }
    for proof, token in repeated.values():
        assert reason(verifier, proof, token) == "proof_replayed"


def test_two_keys_may_use_one_jti() -> None:
    verifier = verifier_with(MemoryStore())
    token = LOCAL.token(cnf=OTHER)
    assert verify(verifier, KEY.proof("GET", URL, TOKEN, jti="1"))
    assert verify(verifier, OTHER.proof("GET", URL, token, jti="1"), token)
    assert reason(verifier, OTHER.proof("GET", URL, token, jti="1"), token) == "proof_replayed"


def test_another_signature_of_the_same_claims_is_a_replay() -> None:
    verifier = verifier_with(MemoryStore())
    claims = json.dumps({"jti": "1", "htm": "GET", "htu": URL, "iat": NOW, "ath": ATH}).encode()
    first, second = KEY.sign(claims), KEY.sign(claims)
    assert first != second
    assert verify(verifier, first)
    assert reason(verifier, second) == "proof_replayed"


JTIS = ["1", "2", "", "\0", "1\0", "\x001", "1\0002", "1 ", "\u20ac", "e\u0301", "\xe9"]


def test_no_two_jtis_share_an_entry() -> None:
    keys = {UsedProof(thumbprint, jti).key for thumbprint in ("a", "b", "a1") for jti in JTIS}
    assert len(keys) == 3 * len(JTIS)


_thumbprints = st.text("AZaz09-_", min_size=1, max_size=4)


@given(st.tuples(_thumbprints, st.text(max_size=4)), st.tuples(_thumbprints, st.text(max_size=4)))
def test_entries_are_the_same_only_for_the_same_proof(
    one: tuple[str, str], other: tuple[str, str]
) -> None:
    assert (UsedProof(*one).key == UsedProof(*other).key) is (one == other)


# --- what is stored


@pytest.mark.conforms(72)
def test_the_store_receives_a_hash_and_the_time_to_keep_it() -> None:
    journal = Journal()
    verifier = verifier_with(journal)
    verify(verifier, KEY.proof("GET", URL, TOKEN, jti="a-long-identifier"))
    [(key, value, ttl, owner)] = journal.added
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", key)
    assert (value, ttl, owner) == (b"", 300 + 2 * 30 + 1, KEY.thumbprint)
    assert KEY.thumbprint not in key


WINDOWS = {"default": (300, 30, 361), "short": (1, 0, 2), "long": (3600, 60.5, 3722.0)}


@pytest.mark.parametrize(("max_age", "leeway", "kept"), WINDOWS.values(), ids=WINDOWS)
def test_an_entry_outlives_the_proof_on_every_clock(
    max_age: float, leeway: float, kept: float
) -> None:
    dpop = DPoP(BASE, max_age=max_age, leeway=leeway)
    assert dpop.remembered_for == kept
    # A proof with a date to come is first seen by a worker whose clock is ahead by half the leeway,
    # and is good for another one, whose clock is behind by the other half, until it is too old.
    assert kept > max_age + 2 * leeway


@pytest.mark.parametrize("passed", [0, 300, 330, 359.5])
def test_a_replay_is_noticed_as_long_as_any_clock_accepts_the_proof(passed: float) -> None:
    clock = Clock(0)
    store = MemoryStore(clock=clock)
    proof = KEY.proof("GET", URL, TOKEN, iat=NOW + 30)
    assert verify(verifier_with(store), proof)
    clock.advance(passed)
    # The clock of this worker is behind as far as it may be.
    late = verifier_with(store, now=min(NOW + passed, NOW + 330))
    assert reason(late, proof) == "proof_replayed"


@pytest.mark.parametrize(("ahead", "behind"), [(30, 0), (0, 30), (15, 15)])
def test_a_replay_is_noticed_where_two_clocks_differ_by_the_leeway(ahead: int, behind: int) -> None:
    clock = Clock(0)
    store = MemoryStore(clock=clock)
    proof = KEY.proof("GET", URL, TOKEN, iat=NOW + ahead + 30)
    assert verify(verifier_with(store, now=NOW + ahead), proof)
    clock.advance(300 + 30 + ahead + behind)
    last = verifier_with(store, now=NOW + 300 + 30 + ahead)
    assert reason(last, proof) == "proof_replayed"


# --- last of all


def refuse(*_: object) -> bool:
    return True


def fail(*_: object) -> bool:
    raise RuntimeError("no connection")


GOOD = KEY.proof("GET", URL, TOKEN)
FUTURE = LOCAL.token(cnf=KEY, nbf=NOW + 300)
FOREIGN = LOCAL.token(cnf=KEY, aud="https://other.example.com")
EARLIER: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "revoked": ({"is_revoked": refuse}, TOKEN, GOOD, "token_revoked"),
    "revocation unknown": ({"is_revoked": fail}, TOKEN, GOOD, "revocation_unknown"),
    "a predicate": (
        {"claims": {"sub": lambda _: False}}, TOKEN, GOOD, "claim_mismatch"),
    "a claim": ({"claims": {"sub": "nobody"}}, TOKEN, GOOD, "claim_mismatch"),
    "a predicate of the header": (
        {"header": {"signer": ...}}, TOKEN, GOOD, "claim_missing"),
    "the audience": ({}, FOREIGN, KEY.proof("GET", URL, FOREIGN), "audience_mismatch"),
    "the date": ({}, FUTURE, KEY.proof("GET", URL, FUTURE), "token_not_yet_valid"),
    "the signature of the token": (
        {}, f"{TOKEN[:-8]}AAAAAAAA", KEY.proof("GET", URL, TOKEN), "signature_invalid"),
    "the method": ({}, TOKEN, KEY.proof("PUT", URL, TOKEN), "proof_mismatch"),
    "the age": ({}, TOKEN, KEY.proof("GET", URL, TOKEN, iat=0), "proof_expired"),
    "the signature": ({}, TOKEN, f"{GOOD[:-8]}AAAAAAAA", "proof_signature_invalid"),
    "the key": ({}, TOKEN, OTHER.proof("GET", URL, TOKEN), "binding_mismatch"),
    "the form": ({}, TOKEN, "x", "proof_malformed"),
}  # fmt: skip


@pytest.mark.parametrize(("options", "token", "proof", "expected"), EARLIER.values(), ids=EARLIER)
def test_nothing_is_stored_for_a_request_that_fails_earlier(
    options: dict[str, Any], token: str, proof: str, expected: str
) -> None:
    journal = Journal()
    verifier = verifier_with(journal, **options)
    # Twice: the second token comes from the cache where the first was good.
    assert [reason(verifier, proof, token) for _ in range(2)] == [expected] * 2
    assert journal.added == journal.read == []


def test_a_proof_is_not_used_up_by_a_request_that_failed() -> None:
    store = MemoryStore()
    assert reason(verifier_with(store, is_revoked=refuse), GOOD) == "token_revoked"
    assert verify(verifier_with(store), GOOD)


def test_a_recorded_verifier_uses_no_proof_up() -> None:
    journal = Journal()
    verifier = verifier_with(journal)
    recorded = verifier.recorded(lambda *_: None)
    proof = KEY.proof("GET", URL, TOKEN)
    for _ in range(2):
        assert verify(recorded, proof)
    assert journal.added == []
    assert verify(verifier, proof)
    assert reason(recorded, proof) == "proof_replayed"


def test_a_recorded_verifier_without_a_store_checks_no_replay() -> None:
    assert verify(verifier_with(None).recorded(lambda *_: None), GOOD)


# --- simultaneous requests


class SlowReads(MemoryStore):
    """A store whose reads take long, so that whoever reads before writing loses the race."""

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        values = super().get_many(keys)
        time.sleep(0.01)
        return values


@pytest.mark.parametrize("attempt", range(3))
def test_one_of_many_simultaneous_requests_passes(attempt: int) -> None:
    store = SlowReads()
    workers = [verifier_with(store) for _ in range(2)]
    proof = KEY.proof("GET", URL, TOKEN, jti=f"race-{attempt}")
    barrier = threading.Barrier(16)
    results: list[str] = []

    def send(number: int) -> None:
        barrier.wait()
        try:
            verify(workers[number % 2], proof)
        except AuthError as error:
            results.append(error.reason)
        else:
            results.append("accepted")

    threads = [threading.Thread(target=send, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["accepted", *["proof_replayed"] * 15]


# --- a store that fails


class Broken:
    """A store whose every answer is that of one function."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        self._answer = answer

    def add(self, key: str, value: bytes, ttl: float, owner: str | None = None) -> bool:
        return self._answer()

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        return self._answer()

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        self._answer()


def raising(error: Exception) -> Callable[[], Any]:
    def answer() -> Any:
        raise error

    return answer


async def _later() -> bool:
    return True


ANSWERS = {
    "unavailable": raising(StoreUnavailable("no connection")),
    "any other exception": raising(ConnectionError("redis://user:secret@host")),
    "a programming error": raising(TypeError("add() takes 4 arguments")),
    "a coroutine": lambda: _later(),
    "a generator": lambda: (each for each in [True]),
    "NotImplemented": lambda: NotImplemented,
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_a_store_that_fails_is_503_and_lets_nobody_pass(
    answer: Callable[[], Any], caplog: pytest.LogCaptureFixture
) -> None:
    verifier = verifier_with(Broken(answer))
    with caplog.at_level(logging.ERROR), pytest.raises(TemporarilyUnavailable) as caught:
        verify(verifier, KEY.proof("GET", URL, TOKEN))
    assert (caught.value.status, caught.value.reason) == (503, "store_unavailable")
    assert len(caplog.records) == 1
    assert "secret" not in caplog.text


@pytest.mark.parametrize("name", ["unavailable", "any other exception", "a coroutine"])
def test_a_store_that_fails_is_503_for_a_recorded_verifier_too(name: str) -> None:
    recorded = verifier_with(Broken(ANSWERS[name])).recorded(lambda *_: None)
    with pytest.raises(TemporarilyUnavailable, match="store_unavailable"):
        verify(recorded, KEY.proof("GET", URL, TOKEN))


@pytest.mark.parametrize("answer", [False, None, 0], ids=str)
def test_a_store_that_does_not_say_new_refuses(answer: object) -> None:
    verifier = verifier_with(Broken(lambda: answer))
    assert reason(verifier, KEY.proof("GET", URL, TOKEN)) == "proof_replayed"


def test_what_ends_a_thread_passes_through() -> None:
    class Timeout(BaseException):
        """As gevent's, which is no `Exception`."""

    def answer() -> Any:
        raise Timeout

    with pytest.raises(Timeout):
        verify(verifier_with(Broken(answer)), KEY.proof("GET", URL, TOKEN))


def test_a_full_store_is_503_and_still_notices_replays() -> None:
    verifier = verifier_with(MemoryStore(max_entries=20))
    # Twenty keys, so that none of them holds more than its share.
    for _ in range(20):
        key = DPoPKey(clock=lambda: NOW)
        token = LOCAL.token(cnf=key)
        proof = key.proof("GET", URL, token)
        assert verify(verifier, proof, token)
    assert reason(verifier, KEY.proof("GET", URL, TOKEN)) == "store_unavailable"
    assert reason(verifier, proof, token) == "proof_replayed"


def test_one_key_cannot_fill_the_store() -> None:
    verifier = verifier_with(MemoryStore(max_entries=40))
    reasons = []
    for _ in range(60):
        try:
            verify(verifier, KEY.proof("GET", URL, TOKEN))
        except AuthError as error:
            reasons.append(error.reason)
    assert set(reasons) == {"store_unavailable"}
    token = LOCAL.token(cnf=OTHER)
    assert verify(verifier, OTHER.proof("GET", URL, token), token)


def test_the_functions_themselves_name_the_same_entry() -> None:
    store: Store = MemoryStore()
    used = UsedProof("thumbprint", "1")
    check_unused(store, used)
    use_proof(store, used, 10)
    for check in (lambda: check_unused(store, used), lambda: use_proof(store, used, 10)):
        with pytest.raises(InvalidProof, match="proof_replayed"):
            check()


def test_an_outage_is_logged_once_until_the_store_works_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(MemoryStore):
        is_down = True

        def add(self, key: str, value: bytes, ttl: float, owner: str | None = None) -> bool:
            if self.is_down:
                raise StoreUnavailable("no answer")
            return super().add(key, value, ttl, owner)

    store = Failing()
    verifier = Verifier(LOCAL.trusted(), dpop=DPoP(BASE, replay=store), clock=lambda: NOW)
    for is_down in (True, True, False, True, True):
        store.is_down = is_down
        with suppress(TemporarilyUnavailable):
            verifier.verify(TOKEN, proof=KEY.proof("GET", URL, TOKEN), method="GET", url=URL)
    assert [record.name for record in caplog.records] == ["jwt_wsgi.possession"] * 2


@pytest.mark.parametrize(
    ("delay", "reason"),
    [
        pytest.param(0, "accepted", id="at once"),
        pytest.param(30.9, "accepted", id="within the time that entries outlive proofs"),
        pytest.param(31, "proof_expired", id="as long as that time"),
    ],
)
def test_a_slow_callback_lets_no_replay_through(delay: float, reason: str) -> None:
    clock = Clock(NOW)

    def is_revoked(_: Auth) -> bool:
        clock.advance(delay)
        return False

    verifier = Verifier(LOCAL.trusted(), dpop=DPoP(BASE), is_revoked=is_revoked, clock=clock)
    verdict = "accepted"
    try:
        verifier.verify(TOKEN, proof=KEY.proof("GET", URL, TOKEN), method="GET", url=URL)
    except AuthError as refusal:
        verdict = refusal.reason
    assert verdict == reason
