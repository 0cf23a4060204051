"""The gate in front of an introspection endpoint, and the cache of its answers, on a clock."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_introspection_judgement import GOOD, NOW, introspection

from jwt_wsgi.introspection.answers import MAX_BYTES, AnswerCache, digest_of
from jwt_wsgi.introspection.gate import LEASE_TIMEOUTS, Gate
from jwt_wsgi.introspection.judgement import Answer, inactive, judge

# --- the gate


def gate(max_concurrent: int = 8, random: float = 0.5) -> Gate:
    """Return a gate whose calls take five seconds at most, without jitter by default."""
    return Gate(max_concurrent, 5, lambda: random)


def enter_all(gate: Gate, now: float, *, is_known: bool) -> list[int]:
    """Return the places that are free for such tokens."""
    places = []
    while (place := gate.enter(now, is_known=is_known)) is not None:
        places.append(place)
    return places


@pytest.mark.parametrize(
    ("places", "unknown"), [(1, 1), (2, 1), (3, 1), (4, 2), (8, 4), (9, 4)], ids=str
)
def test_invented_tokens_get_half_of_the_places_and_one_at_least(places: int, unknown: int) -> None:
    full = gate(places)
    assert len(enter_all(full, 0, is_known=False)) == unknown
    assert len(enter_all(full, 0, is_known=True)) == places - unknown
    assert full.in_flight == places


def test_known_tokens_may_take_every_place_but_one_more() -> None:
    full = gate(3)
    assert len(enter_all(full, 0, is_known=True)) == 3
    assert full.enter(0, is_known=False) is None


def test_a_place_is_free_again_after_an_answer() -> None:
    full = gate(1)
    [place] = enter_all(full, 0, is_known=True)
    assert full.holds(place, 1)
    full.succeed(place)
    assert not full.holds(place, 1)
    assert full.enter(1, is_known=False) is not None


def test_failures_close_the_gate_for_one_second_doubling_to_thirty() -> None:
    closed = gate()
    now = 0.0
    pauses = []
    for _ in range(8):
        place = closed.enter(now, is_known=True)
        assert place is not None
        closed.fail(place, now, retry_after=0)
        pauses.append(closed.next_attempt(now))
        assert closed.is_closed(now + pauses[-1] - 0.001)
        assert closed.enter(now + pauses[-1] - 0.001, is_known=True) is None
        now += pauses[-1]
        assert not closed.is_closed(now)
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]
    assert closed.failures == 8


@pytest.mark.parametrize(("random", "pause"), [(0, 0.8), (1, 1.2)])
def test_a_pause_is_jittered_by_a_fifth_and_retry_after_is_a_second_at_least(
    random: float, pause: float
) -> None:
    closed = gate(random=random)
    closed.fail(enter_all(closed, 0, is_known=True)[0], 0, retry_after=0)
    assert closed.next_attempt(0) == pytest.approx(pause)
    assert closed.retry_after(0) == pytest.approx(max(1, pause))


@pytest.mark.parametrize(
    ("asked", "pause"), [(0, 1), (0.5, 1), (7, 7), (30, 30), (3600, 30)], ids=str
)
def test_the_servers_retry_after_counts_up_to_thirty_seconds(asked: float, pause: float) -> None:
    closed = gate()
    place = closed.enter(0, is_known=True)
    assert place is not None
    closed.fail(place, 0, retry_after=asked)
    assert (closed.next_attempt(0), closed.retry_after(0)) == (pause, pause)


def test_calls_that_fail_side_by_side_begin_one_pause() -> None:
    closed = gate()
    for place in enter_all(closed, 0, is_known=True):
        closed.fail(place, 0, retry_after=0)
    assert closed.next_attempt(0) == 1
    assert closed.failures == 8


def test_after_a_pause_one_probe_runs_until_a_call_succeeds() -> None:
    probed = gate()
    first, second, *others = enter_all(probed, 0, is_known=True)
    probed.fail(first, 0, retry_after=0)
    for other in others:
        probed.abandon(other)
    probe = probed.enter(1, is_known=False)
    assert probe is not None, "a call from before the pause takes no probe's place"
    assert probed.holds(second, 1)
    assert probed.enter(1, is_known=True) is None
    probed.succeed(probe)
    assert len(enter_all(probed, 1, is_known=True)) == 7
    assert not probed.has_failed


def test_a_late_success_ends_the_pause() -> None:
    late = gate(2)
    first, second = enter_all(late, 0, is_known=True)
    late.fail(first, 0, retry_after=20)
    late.succeed(second)
    assert not late.is_closed(0)
    again = late.enter(0, is_known=True)
    assert again is not None
    late.fail(again, 0, retry_after=0)
    assert late.next_attempt(0) == 1, "the pauses begin anew"


def test_a_call_that_holds_its_place_too_long_is_lost_and_has_failed() -> None:
    lost = gate(1)
    [place] = enter_all(lost, 0, is_known=True)
    end = LEASE_TIMEOUTS * 5
    assert lost.holds(place, end - 1)
    assert not lost.holds(place, end)
    assert (lost.failures, lost.is_closed(end), lost.is_closed(end + 1)) == (1, True, False)
    lost.fail(place, end + 5, retry_after=0)
    assert (lost.failures, lost.is_closed(end + 5)) == (1, False), "it is counted once"
    lost.succeed(place)
    assert (lost.successes, lost.has_failed) == (1, False), "a late answer is an answer"


def test_an_abandoned_call_says_nothing() -> None:
    one = gate(1)
    [place] = enter_all(one, 0, is_known=True)
    one.abandon(place)
    assert (one.failures, one.successes, one.has_failed, one.in_flight) == (0, 0, False, 0)


def test_a_fork_forgets_the_calls_of_the_parent() -> None:
    forked = gate(1)
    enter_all(forked, 0, is_known=True)
    forked.forget_calls()
    assert forked.enter(0, is_known=True) is not None


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["known", "unknown", "succeed", "fail", "abandon"]),
        st.floats(0, 20),
        st.integers(0, 9),
    ),
    max_size=60,
)


@given(st.integers(1, 9), STEPS)
def test_the_bounds_hold_whatever_happens(places: int, steps: list[tuple[str, float, int]]) -> None:
    bounded = gate(places)
    now = 0.0
    known: dict[int, bool] = {}
    for action, seconds, choice in steps:
        now += seconds
        if action in ("known", "unknown"):
            place = bounded.enter(now, is_known=action == "known")
            if place is not None:
                known[place] = action == "known"
        elif known:
            place = sorted(known)[choice % len(known)]
            if action == "fail":
                bounded.fail(place, now, retry_after=seconds)
            else:
                getattr(bounded, action)(place)
        known = {place: kind for place, kind in known.items() if bounded.holds(place, now)}
        assert bounded.in_flight == len(known) <= places
        assert sum(not kind for kind in known.values()) <= max(1, places // 2)
        assert bounded.next_attempt(now) <= 30


# --- the cache


def answer(**members: Any) -> Answer:
    return judge(json.dumps({**GOOD, **members}).encode(), introspection(), NOW)


def cache(**options: Any) -> AnswerCache:
    return AnswerCache(**{"cache_ttl": 60, "negative_ttl": 10, "max_cached": 100, **options})


@pytest.mark.parametrize(
    ("kept", "ttl"),
    [
        pytest.param(answer(), 60, id="active"),
        pytest.param(inactive("active false"), 10, id="not active"),
        pytest.param(answer(aud="https://other.example.com"), 10, id="active and refused"),
        pytest.param(answer(exp=NOW - 100), 10, id="active and expired"),
    ],
)
def test_an_answer_is_used_for_its_time(kept: Answer, ttl: float) -> None:
    answers = cache()
    answers.put("a", kept, 1000.0, NOW)
    assert answers.find("a", 1000.0 + ttl - 0.001, NOW) == kept
    assert answers.find("a", 1000.0 + ttl, NOW) is None
    assert answers.find("b", 1000.0, NOW) is None


@pytest.mark.conforms(84)
@pytest.mark.parametrize(
    ("exp", "seconds"), [(NOW + 5, 4.5), (NOW + 59, 58), (NOW + 300, 59)], ids=str
)
def test_no_answer_is_used_beyond_exp(exp: float, seconds: float) -> None:
    answers = cache()
    answers.put("a", answer(exp=exp), 0, NOW)
    assert answers.find("a", seconds, NOW + seconds) is not None
    assert answers.find("a", seconds, exp) is None, "although its time to live is not over"
    assert answers.find("a", 60, NOW + 60) is None


@pytest.mark.conforms(84)
def test_an_answer_that_only_the_leeway_saves_is_not_cached() -> None:
    answers = cache()
    kept = answer(exp=NOW - 1)
    answers.put("a", kept, 0, NOW)
    assert answers.find("a", 0, NOW) is None


def test_an_answer_without_exp_is_used_for_its_time() -> None:
    answers = cache()
    kept = judge(b'{"active": true, "aud": "https://api.example.com"}', introspection(), NOW)
    answers.put("a", kept, 0, NOW)
    assert answers.find("a", 59, NOW * 2) == kept
    assert answers.find("a", 60, NOW) is None


def test_invented_tokens_evict_no_good_one_and_are_bounded() -> None:
    answers = cache(max_cached=100)
    answers.put("good", answer(), 0, NOW)
    for number in range(10_000):
        answers.put(f"invented {number}", inactive("active false"), 0, NOW)
        answers.put(f"other {number}", answer(aud="x"), 0, NOW)
    assert answers.find("good", 1, NOW) is not None
    left = [n for n in range(10_000) if answers.find(f"invented {n}", 1, NOW) is not None]
    assert left == list(range(9_950, 10_000))


def test_active_tokens_are_bounded_by_number_and_by_bytes() -> None:
    few = cache(max_cached=10)
    for number in range(100):
        few.put(str(number), answer(), 0, NOW)
    assert sum(few.find(str(n), 1, NOW) is not None for n in range(100)) <= 10
    large = cache(max_cached=10_000)
    for number in range(100):
        large.put(str(number), answer(note="x" * 400_000), 0, NOW)
    kept = sum(large.find(str(n), 1, NOW) is not None for n in range(100))
    assert 10 < kept * 400_000 / MAX_BYTES * 16 < 16


def test_a_cache_of_zero_entries_caches_nothing() -> None:
    none = cache(max_cached=0)
    none.put("a", answer(), 0, NOW)
    none.put("b", inactive("active false"), 0, NOW)
    assert (none.find("a", 0, NOW), none.find("b", 0, NOW)) == (None, None)


def test_the_newest_answer_counts() -> None:
    answers = cache()
    answers.put("a", inactive("active false"), 0, NOW)
    newer = answer()
    answers.put("a", newer, 11, NOW)
    assert answers.find("a", 12, NOW) == newer
    answers.put("b", answer(), 0, NOW)
    answers.put("b", inactive("active false"), 61, NOW)
    assert answers.find("b", 62, NOW) == inactive("active false")


def test_a_token_that_was_active_stays_known() -> None:
    answers = cache()
    assert not answers.is_known("a")
    answers.put("a", answer(), 0, NOW)
    answers.put("b", inactive("active false"), 0, NOW)
    assert answers.is_known("a")
    assert answers.find("a", 61, NOW + 61) is None
    assert (answers.is_known("a"), answers.is_known("b")) == (True, False)


def test_the_key_is_the_sha_256_of_the_token() -> None:
    assert digest_of("abc") == ("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
