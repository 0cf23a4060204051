"""The memory of a source that fetches its keys one by one: bounded, and fair to keys in use."""

from __future__ import annotations

import pytest

from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jwks.kid_cache import ABSENT_SECONDS, KidCache
from jwt_wsgi.testing import SigningKey

KEYS = {kid: SigningKey("ES256", kid) for kid in "abcdefgh"}


def put(cache: KidCache, kid: str, refresh_at: float = 100.0, *, like: str = "") -> None:
    pem = KEYS[like or kid].pem
    [key] = KeySet.from_pem(pem, kid=kid).keys
    cache.put(kid, key, refresh_at, refresh_at + 10)


def put_accepted(cache: KidCache, *names: str) -> None:
    for kid in names:
        put(cache, kid)
        cache.accept(kid)


def kids(cache: KidCache) -> set[str]:
    return set() if cache.keys is None else set(cache.keys.kids)


def test_a_set_is_another_object_exactly_when_a_key_changes() -> None:
    cache = KidCache(8)
    assert cache.keys is None
    put(cache, "a")
    first = cache.keys
    put(cache, "a", 200.0)
    assert cache.keys is first
    assert (cache.refresh_at, cache.usable_until) == (200.0, 210.0)
    cache.accept("a")
    cache.accept("a")
    cache.accept("never held")
    assert cache.keys is first
    put(cache, "a", like="b")
    assert cache.keys is not first
    second = cache.keys
    put(cache, "b")
    assert cache.keys is not second
    cache.remove("b")
    cache.remove("never held")
    assert kids(cache) == {"a"}


@pytest.mark.parametrize(("max_keys", "reserved"), [(2, 1), (4, 1), (8, 2), (20, 5)])
def test_a_quarter_of_the_places_is_for_keys_of_no_accepted_token(
    max_keys: int, reserved: int
) -> None:
    cache = KidCache(max_keys)
    [key] = KeySet.from_pem(KEYS["a"].pem, kid="a").keys
    for number in range(2 * max_keys):
        cache.put(str(number), key, 100.0, 110.0)
        cache.accept(str(number))
    for number in range(2 * max_keys):
        cache.put(f"new {number}", key, 100.0, 110.0)
    assert cache.keys is not None
    assert len(cache.keys.keys) == max_keys
    assert [cache.is_settled(f"new {number}", 0.0) for number in range(2 * max_keys)] == (
        [False] * (2 * max_keys - reserved) + [True] * reserved
    )


def test_a_key_of_no_accepted_token_gives_way_to_the_next_one_the_oldest_first() -> None:
    cache = KidCache(8)
    for kid in "abc":
        put(cache, kid)
    assert kids(cache) == {"b", "c"}


def test_no_number_of_keys_without_an_accepted_token_drops_one_with_it() -> None:
    cache = KidCache(4)
    put_accepted(cache, "a", "b", "c")
    for kid in "defgh":
        put(cache, kid)
    assert kids(cache) == {"a", "b", "c", "h"}


def test_a_retired_key_whose_url_answers_for_ever_gives_way_to_one_that_is_accepted() -> None:
    cache = KidCache(4)
    put_accepted(cache, "a", "b", "c")
    put(cache, "a", 300.0)
    cache.accept("a")
    before = cache.keys
    put_accepted(cache, "d")
    assert cache.keys is not before
    assert kids(cache) == {"a", "c", "d"}


def test_another_key_under_an_accepted_kid_has_no_accepted_token_yet() -> None:
    cache = KidCache(4)
    put_accepted(cache, "a")
    put(cache, "a", like="b")
    put(cache, "c")
    assert kids(cache) == {"c"}


def test_a_due_key_is_fetched_again_if_a_token_was_accepted_and_dropped_otherwise() -> None:
    cache = KidCache(8)
    put(cache, "a", 100.0)
    put(cache, "b", 50.0)
    cache.accept("a")
    assert cache.take_due(49.0) is None
    assert kids(cache) == {"a", "b"}
    assert cache.take_due(100.0) == "a"
    assert kids(cache) == {"a"}
    # The fetch failed: the key is still due.
    assert cache.take_due(101.0) == "a"
    put(cache, "a", 200.0)
    assert cache.take_due(199.0) is None
    # No token since then: its cached tokens are not reported.
    assert cache.take_due(200.0) == "a"


def test_a_key_whose_fetch_fails_does_not_keep_the_others_from_their_turn() -> None:
    cache = KidCache(8)
    put_accepted(cache, "a", "b")
    assert [cache.take_due(now) for now in (101.0, 102.0, 103.0, 104.0)] == ["a", "b"] * 2


def test_a_key_that_may_exist_still_is_held_until_it_is_too_old_without_a_fetch() -> None:
    cache = KidCache(4)
    put_accepted(cache, "a")
    cache.record_absence("a", 100.0, is_gone=False)
    assert (cache.refresh_at, cache.take_due(109.0)) == (110.0, None)
    cache.remove_expired(109.0)
    assert kids(cache) == {"a"}
    cache.remove_expired(110.0)
    assert cache.keys is None


def test_a_key_that_is_gone_is_dropped_and_its_kid_is_absent() -> None:
    cache = KidCache(4)
    put_accepted(cache, "a")
    cache.record_absence("a", 100.0, is_gone=True)
    assert cache.keys is None
    assert cache.is_settled("a", 100.0)
    assert not cache.is_settled("a", 100.0 + ABSENT_SECONDS)


def test_absent_kids_are_forgotten_in_time_and_bounded_in_number() -> None:
    cache = KidCache(4)
    cache.record_absence("x", 0.0, is_gone=False)
    assert cache.is_settled("x", ABSENT_SECONDS - 1)
    assert not cache.is_settled("x", ABSENT_SECONDS)
    assert not cache.is_settled("y", 0.0)
    for number in range(5000):
        cache.record_absence(str(number), 1.0, is_gone=False)
    assert sum(cache.is_settled(str(number), 1.0) for number in range(5000)) == 1024
    cache.record_absence("late", 1000.0, is_gone=False)
    assert len(cache._absent) == 1


def test_a_kid_whose_key_arrives_is_not_absent_any_more() -> None:
    cache = KidCache(4)
    cache.record_absence("a", 0.0, is_gone=True)
    put(cache, "a")
    cache.remove("a")
    assert not cache.is_settled("a", 1.0)


@pytest.mark.parametrize("is_accepted", [True, False], ids=["accepted", "not accepted"])
def test_a_revoked_key_is_dropped_and_never_held_again(is_accepted: bool) -> None:
    cache = KidCache(4)
    put(cache, "a")
    put(cache, "b")
    if is_accepted:
        put_accepted(cache, "a", "b")
    cache.revoke("b")
    assert kids(cache) <= {"a"}
    put(cache, "b")
    cache.accept("b")
    assert (cache.find("b", "ES256"), kids(cache)) == ((), kids(cache) - {"b"})
    assert cache.is_settled("b", 1e9)


@pytest.mark.parametrize(
    ("kid", "alg", "found"), [("a", "ES256", 1), ("a", "RS256", 0), ("b", "ES256", 0)]
)
def test_a_key_serves_its_kid_and_its_algorithms(kid: str, alg: str, found: int) -> None:
    cache = KidCache(4)
    assert cache.find(kid, alg) == ()
    put(cache, "a")
    assert len(cache.find(kid, alg)) == found


@pytest.mark.parametrize("max_keys", [1, 0, -1, True, 2.0, None])
def test_a_cache_without_a_place_for_both_kinds_of_keys_is_refused(max_keys: object) -> None:
    with pytest.raises(ValueError, match="max_keys="):
        KidCache(max_keys)  # type: ignore[arg-type]
