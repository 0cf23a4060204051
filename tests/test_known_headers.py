"""Headers that are known: what is not checked again for them, and what is checked for every token."""

from __future__ import annotations

import json
import time
import tracemalloc
from typing import Any

import pytest
from conftest import Clock
from counting import calls
from refusals import reason

from jwt_wsgi import Issuer, Verifier
from jwt_wsgi.cache import HeaderCache
from jwt_wsgi.jose import KeySet
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.testing import LocalIssuer
from jwt_wsgi.testing.signing import compact


class Counted:
    """A source of keys that counts how often it is asked for those of a token."""

    def __init__(self, local: LocalIssuer) -> None:
        self.keys = KeySet.from_jwks(local.jwks)
        self.asked = 0

    def held(self) -> KeySet:
        return self.keys

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        self.asked += 1
        return self.keys.find(kid, alg)


@pytest.fixture
def issuer(clock: Clock) -> LocalIssuer:
    return LocalIssuer(algorithms=("ES256",), clock=clock)


@pytest.fixture
def keys(issuer: LocalIssuer) -> Counted:
    return Counted(issuer)


def trusted(issuer: LocalIssuer, name: str, keys: Any, **demands: Any) -> Issuer:
    demands.setdefault("algorithms", ["ES256"])
    return Issuer(name, audience=issuer.audience, keys=keys, **demands)


@pytest.mark.parametrize(
    ("demands", "expected"),
    [
        pytest.param(
            {"algorithms": ["RS256"]}, "algorithm_not_allowed", id="algorithm_not_allowed"
        ),
        pytest.param({"profile": "at+jwt"}, "type_mismatch", id="type_mismatch"),
        pytest.param({"types": ["x"]}, "type_mismatch", id="another type"),
        pytest.param({}, None, id="accepted"),
    ],
)
def test_a_header_that_one_issuer_accepts_is_judged_for_each_other_one(
    issuer: LocalIssuer, keys: Counted, demands: dict[str, Any], expected: str | None
) -> None:
    first = trusted(issuer, "https://first.test/", keys)
    second = trusted(issuer, "https://second.test/", keys, **demands)
    judge = Verifier([first, second], clock=issuer.clock)
    header = {"typ": "JWT"}
    for _ in range(3):
        assert reason(judge, issuer.token(iss=first.issuer, header=header)) is None
        assert reason(judge, issuer.token(iss=second.issuer, header=header)) == expected


def test_a_known_header_is_judged_anew_for_a_resolvers_next_issuer(
    issuer: LocalIssuer, keys: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [trusted(issuer, "https://a.test/", keys)]
    judge = Verifier(lambda _: answers[-1], clock=issuer.clock)
    header = {"typ": "JWT"}
    for _ in range(2):
        assert reason(judge, issuer.token(iss="https://a.test/", header=header)) is None
    answers.append(trusted(issuer, "https://a.test/", keys, profile="at+jwt"))
    # The answers of resolvers are cached for a while, in the registry's own time.
    monkeypatch.setattr(judge._issuers, "_clock", lambda: time.monotonic() + 3600)
    assert reason(judge, issuer.token(iss="https://a.test/", header=header)) == "type_mismatch"


def test_the_source_is_asked_for_the_keys_of_a_known_header(
    issuer: LocalIssuer, keys: Counted
) -> None:
    judge = Verifier(trusted(issuer, issuer.issuer, keys), clock=issuer.clock)
    for number in range(1, 4):
        assert reason(judge, issuer.token()) is None
        assert keys.asked == number
    # A source may stop using a key while it still holds the same set.
    keys.find = lambda kid, alg: ()  # type: ignore[method-assign]
    assert reason(judge, issuer.token()) == "kid_unknown"


def test_the_type_of_a_known_header_is_not_checked_again(
    issuer: LocalIssuer, keys: Counted
) -> None:
    judge = Verifier(trusted(issuer, issuer.issuer, keys), clock=issuer.clock)
    first, second = issuer.token(), issuer.token()
    assert calls(lambda: judge.verify(first), of="check_type") == 1
    assert calls(lambda: judge.verify(second), of="check_type") == 0


@pytest.mark.counts_calls
def test_white_space_in_the_claims_costs_a_fresh_token_two_calls(
    issuer: LocalIssuer, keys: Counted
) -> None:
    pytest.importorskip("orjson")
    judge = Verifier(trusted(issuer, issuer.issuer, keys), clock=issuer.clock)
    key = issuer.key()

    def fresh(separators: tuple[str, str]) -> int:
        claims = {
            "iss": issuer.issuer, "aud": issuer.audience, "exp": int(issuer.clock()) + 60,
            "more": [{"a": 1}] * 8, "separators": separators,
        }  # fmt: skip
        payload = json.dumps(claims, separators=separators).encode()
        token = compact({"alg": key.algorithm, "kid": key.kid}, payload, key)
        return calls(lambda: judge.verify(token))

    fresh((",", ":"))
    # The strict reader would make a call for each object and its members.
    assert fresh((", ", ": ")) <= fresh((",", ":")) + 2


def test_headers_and_their_issuers_are_dropped_together() -> None:
    cache = HeaderCache(3 * 16 * 2048)
    one = object()
    for segment in "abc":
        cache.put(segment, {}, one)
    assert all(cache.accepted_by.get(segment) is one for segment in "abc")
    # Another issuer of a known header takes no place.
    other = object()
    cache.put("a", {}, other)
    assert list(cache.known) == ["a", "b", "c"]
    assert [cache.accepted_by.get("a") is each for each in (one, other)] == [False, True]
    cache.put("d", {}, one)
    assert list(cache.known) == ["d"]
    assert [cache.accepted_by.get(segment) is one for segment in "abcd"] == [
        False,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("max_bytes", "segment"),
    [
        pytest.param(0, "a", id="a cache that is off"),
        pytest.param(2**20, "a" * 257, id="a long header"),
    ],
)
def test_a_header_that_is_not_cached_is_accepted_by_nobody(max_bytes: int, segment: str) -> None:
    cache = HeaderCache(max_bytes)
    issuer = object()
    cache.put(segment, {}, issuer)
    assert cache.known == {}
    assert segment not in cache.accepted_by


def test_headers_stay_within_their_share_of_the_bytes() -> None:
    share = 2**20 // 16
    tracemalloc.start()
    try:
        cache = HeaderCache(2**20)
        for number in range(10_000):
            header = {"alg": "RS256", "kid": f"{number:0100}", "typ": "JWT"}
            cache.put(f"{number:0256}", header, object())
        assert tracemalloc.get_traced_memory()[0] <= share
    finally:
        tracemalloc.stop()
