"""The memory of a source that fetches its keys one by one: bounded, and fair to keys in use."""

from __future__ import annotations

import pytest

from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jwks.kid_cache import ABSENT_SECONDS, FetchedKey, KidCache
from jwt_wsgi.testing import SigningKey

KEYS = {kid: SigningKey("ES256", kid) for kid in "abcd"}
MESSAGE = b"message"


def put(cache: KidCache, kid: str, refresh_at: float = 100.0, *, like: str = "") -> None:
    pem = KEYS[like or kid].pem
    [key] = KeySet.from_pem(pem, kid=kid).keys
    cache.put(kid, key, refresh_at, refresh_at + 10)


def use(cache: KidCache, kid: str, *, like: str = "") -> None:
    [key] = cache.find(kid, "ES256")
    assert key.verifies("ES256", MESSAGE, KEYS[like or kid].sign(MESSAGE))


def kids(cache: KidCache) -> set[str]:
    return set() if cache.keys is None else set(cache.keys.kids)


def test_a_set_is_another_object_exactly_when_a_key_changes() -> None:
    cache = KidCache(3)
    assert cache.keys is None
    put(cache, "a")
    first = cache.keys
    put(cache, "a", 200.0)
    assert cache.keys is first
    assert (cache.refresh_at, cache.usable_until) == (200.0, 210.0)
    put(cache, "a", like="b")
    assert cache.keys is not first
    use(cache, "a", like="b")
    second = cache.keys
    put(cache, "b")
    assert cache.keys is not second
    cache.remove("b")
    cache.remove("never held")
    assert kids(cache) == {"a"}


def test_a_full_cache_drops_the_oldest_key_that_verified_nothing() -> None:
    cache = KidCache(2)
    put(cache, "a")
    put(cache, "b")
    use(cache, "a")
    assert cache.make_room()
    assert kids(cache) == {"a"}
    assert cache.make_room()
    put(cache, "c")
    use(cache, "c")
    assert not cache.make_room()
    assert kids(cache) == {"a", "c"}


def test_a_key_that_verified_a_token_is_kept_after_a_refresh_too() -> None:
    cache = KidCache(1)
    put(cache, "a")
    use(cache, "a")
    put(cache, "a", 200.0)
    assert not cache.make_room()


def test_a_forged_signature_is_no_use_of_a_key() -> None:
    cache = KidCache(1)
    put(cache, "a")
    [key] = cache.find("a", "ES256")
    assert not key.verifies("ES256", MESSAGE, KEYS["b"].sign(MESSAGE))
    assert isinstance(key, FetchedKey)
    assert (key.has_verified, key.is_in_use) == (False, False)


def test_a_due_key_is_fetched_again_if_it_is_in_use_and_dropped_otherwise() -> None:
    cache = KidCache(3)
    put(cache, "a", 100.0)
    put(cache, "b", 50.0)
    use(cache, "a")
    assert cache.take_due(49.0) is None
    assert kids(cache) == {"a", "b"}
    assert cache.take_due(100.0) == "a"
    assert kids(cache) == {"a"}
    # The fetch failed: the key is still due, and still in use.
    assert cache.take_due(101.0) == "a"
    put(cache, "a", 200.0)
    assert cache.take_due(200.0) is None
    assert cache.keys is None


def test_a_key_without_a_refresh_is_held_until_it_is_too_old() -> None:
    cache = KidCache(1)
    put(cache, "a", 100.0)
    cache.stop_refreshing("a")
    assert (cache.refresh_at, cache.take_due(109.0)) == (110.0, None)
    cache.remove_expired(109.0)
    assert kids(cache) == {"a"}
    cache.remove_expired(110.0)
    assert cache.keys is None


def test_absent_kids_are_forgotten_in_time_and_bounded_in_number() -> None:
    cache = KidCache(1)
    cache.mark_absent("x", 0.0)
    assert cache.is_absent("x", ABSENT_SECONDS - 1)
    assert not cache.is_absent("x", ABSENT_SECONDS)
    assert not cache.is_absent("y", 0.0)
    for number in range(5000):
        cache.mark_absent(str(number), 1.0)
    assert sum(cache.is_absent(str(number), 1.0) for number in range(5000)) == 1024
    cache.mark_absent("late", 1000.0)
    assert len(cache._absent) == 1


def test_a_kid_whose_key_arrives_is_not_absent_any_more() -> None:
    cache = KidCache(1)
    cache.mark_absent("a", 0.0)
    put(cache, "a")
    assert not cache.is_absent("a", 1.0)


@pytest.mark.parametrize(("kid", "alg", "found"), [("a", "ES256", 1), ("a", "RS256", 0), ("b", "ES256", 0)])  # fmt: skip
def test_a_key_serves_its_kid_and_its_algorithms(kid: str, alg: str, found: int) -> None:
    cache = KidCache(1)
    assert cache.find(kid, alg) == ()
    put(cache, "a")
    assert len(cache.find(kid, alg)) == found
