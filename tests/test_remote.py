"""The remote source: one fetch in flight, no needless waiting, and a good set is never lost.

The tests answer fetches by `fetch=`; real HTTP is in test_fetching.py.
"""

from __future__ import annotations

import itertools
import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

import pytest
from conftest import Clock
from counting import calls
from waiting import eventually, idle

from jwt_wsgi import KeysUnavailable, RemoteJWKS
from jwt_wsgi.http.fetching import Reply
from jwt_wsgi.testing import LocalIssuer, SigningKey

URI = "https://issuer.test/jwks"
KEYS = {kid: SigningKey("ES256", kid) for kid in "abcde"}
FOUND, UNKNOWN, UNAVAILABLE = "found", "unknown", "unavailable"


def jwks(*kids: str) -> bytes:
    return json.dumps({"keys": [KEYS[kid].jwk for kid in kids]}).encode()


class Endpoint:
    """An endpoint that answers every fetch with `answer`: bytes, an exception, or a `Future` of either."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.fetches = 0

    def __call__(self, url: str) -> Any:
        self.fetches += 1
        answer = self.answer
        if isinstance(answer, Future):
            answer = answer.result(timeout=20)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Ticking(Clock):
    """A clock that advances by `tick` seconds at every look, and calls `on_look` before."""

    tick = 0.0
    on_look: Callable[[], None] | None = None

    def __call__(self) -> float:
        if self.on_look is not None:
            self.on_look()
        now = self.now
        self.now += self.tick
        return now


class Remote:
    """A source with its own clock, over an endpoint that publishes the key `a`."""

    def __init__(self, answer: object = None, **options: Any) -> None:
        self.clock = Ticking(1000.0)
        self.endpoint = Endpoint(jwks("a") if answer is None else answer)
        self.source = RemoteJWKS(URI, fetch=self.endpoint, clock=self.clock, **options)

    def ask(self, kid: str | None = "a", alg: str = "ES256") -> str:
        try:
            return FOUND if self.source.find(kid, alg) else UNKNOWN
        except KeysUnavailable:
            return UNAVAILABLE

    def refresh(self, answer: object) -> None:
        """Advance the clock until a refresh is due, start it and wait for its end."""
        self.endpoint.answer = answer
        self.clock.advance(541)
        self.source.held()
        idle()

    @property
    def fetches(self) -> int:
        return self.endpoint.fetches


def loaded(**options: Any) -> Remote:
    remote = Remote(**options)
    assert remote.ask() == FOUND
    return remote


@pytest.fixture
def callers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(20) as pool:
        yield pool


@pytest.fixture
def pending() -> Iterator[Future[object]]:
    """A reply that the test completes. If it does not, the reply fails at the end."""
    future: Future[object] = Future()
    yield future
    if not future.done():
        future.set_exception(OSError("never came"))
    idle()


def test_construction_starts_no_thread_and_fetches_nothing() -> None:
    before = {*threading.enumerate()}
    remote = Remote()
    assert remote.source.held() is None
    # Workers of earlier tests may end during this test.
    assert ({*threading.enumerate()} - before, remote.fetches) == (set(), 0)


@pytest.mark.parametrize(
    "options",
    [
        {"uri": "http://issuer.test/jwks"},
        {"cache_ttl": 0},
        {"requests_per_minute": 0},
        pytest.param({"requests_per_minute": 1}, id="U32 a budget for the refresh alone"),
        pytest.param({"max_waiting": -1}, id="U14 fewer than nobody"),
        pytest.param({"max_waiting": True}, id="U14 no number"),
        {"cooldown": -1},
        {"stale_for": -1},
        {"timeout": 0},
        {"max_bytes": 0},
        {"max_bytes": 1.5},
        {"max_keys": True},
        {"fetch": URI},
        {"clock": 5},
    ],
    ids=repr,
)
def test_an_invalid_option_is_refused_by_name(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"^{next(iter(options))}"):
        RemoteJWKS(**{"uri": URI, **options})


@pytest.mark.parametrize(
    "options", [{"headers": {"X-Tenant": "one"}}, {"ca_certs": "roots.pem"}, {"public_only": True}]
)
def test_an_option_of_the_built_in_client_is_refused_beside_fetch(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="leave out fetch"):
        RemoteJWKS(URI, fetch=Endpoint(b""), **options)


def test_the_repr_names_the_location() -> None:
    assert repr(Remote().source) == f"RemoteJWKS({URI})"


def test_a_cached_kid_costs_one_fetch() -> None:
    remote = Remote()
    assert [remote.ask() for _ in range(20)] == [FOUND] * 20
    assert remote.fetches == 1


def test_twenty_concurrent_first_requests_cost_one_fetch(
    callers: ThreadPoolExecutor, pending: Future[object]
) -> None:
    remote = Remote(pending)
    together = threading.Barrier(21)

    def first() -> str:
        together.wait(10)
        return remote.ask()

    answers = [callers.submit(first) for _ in range(20)]
    together.wait(10)
    eventually(lambda: remote.fetches)
    pending.set_result(jwks("a"))
    assert {answer.result() for answer in answers} == {FOUND}
    assert remote.fetches == 1


def test_nothing_is_fetched_before_the_refresh_is_due() -> None:
    remote = loaded()
    remote.clock.advance(419)
    assert remote.ask() == FOUND
    idle()
    assert remote.fetches == 1


def test_a_refresh_runs_in_the_background_and_no_request_waits(pending: Future[object]) -> None:
    remote = loaded()
    before = remote.source.held()
    remote.endpoint.answer = pending
    remote.clock.advance(541)
    assert remote.ask() == FOUND
    assert remote.source.held() is before
    pending.set_result(jwks("b"))
    idle()
    assert (remote.ask("b"), remote.fetches) == (FOUND, 2)


@pytest.mark.parametrize("look", [1, 2, 3, 4])
def test_a_set_that_arrives_during_a_request_costs_no_second_fetch(
    look: int, pending: Future[object]
) -> None:
    remote = loaded()
    looks = itertools.count(1)
    remote.endpoint.answer = pending
    remote.clock.advance(541)
    remote.source.held()
    eventually(lambda: remote.fetches == 2)
    [worker] = (thread for thread in threading.enumerate() if thread.name == "jwt_wsgi.jwks")

    def deliver_once() -> None:
        if next(looks) == look:
            pending.set_result(jwks("a", "b"))
            # With a limit, because the worker may need the lock that this thread holds.
            worker.join(0.1)

    remote.clock.on_look = deliver_once
    assert (remote.ask("b"), remote.fetches) == (FOUND, 2)


@pytest.mark.parametrize("state", ["fresh", "refresh in flight", "back-off"])
def test_a_request_for_a_known_kid_waits_for_no_lock(
    state: str, callers: ThreadPoolExecutor, pending: Future[object]
) -> None:
    remote = loaded()
    if state == "back-off":
        remote.refresh(OSError())
    elif state == "refresh in flight":
        remote.endpoint.answer = pending
        remote.clock.advance(541)
        remote.source.held()
    with remote.source._worker.lock:
        assert callers.submit(remote.ask, "a").result(timeout=10) == FOUND


@pytest.mark.parametrize(
    ("state", "most"), [("fresh", 4), ("refresh in flight", 8), ("back-off", 8)]
)
def test_holding_a_set_costs_few_calls(state: str, most: int, pending: Future[object]) -> None:
    remote = loaded()
    remote.source._clock = remote.source._worker._clock = lambda: now
    now = 1000.0
    if state != "fresh":
        remote.endpoint.answer = pending if state == "refresh in flight" else OSError()
        now = 1541.0
        remote.source.held()
        if state == "back-off":
            idle()
    assert calls(remote.source.held) <= most


def test_a_set_is_the_same_object_until_its_keys_change() -> None:
    remote = loaded()
    before = remote.source.held()
    assert remote.source.held() is before
    # Equal keys keep the object, so cached tokens stay valid.
    remote.refresh(jwks("a"))
    assert remote.source.held() is before
    remote.refresh(jwks("a", "b"))
    assert remote.source.held() is not before


def test_a_set_that_needs_no_refresh_costs_one_look_at_the_clock() -> None:
    remote = loaded()
    looks = itertools.count()
    remote.clock.on_look = lambda: next(looks)
    assert [remote.source.held() is not None for _ in range(10)] == [True] * 10
    assert next(looks) == 10


def test_a_key_that_was_removed_is_no_longer_found() -> None:
    remote = loaded()
    remote.refresh(jwks("b"))
    assert (remote.ask("a"), remote.ask("b")) == (UNKNOWN, FOUND)


def test_after_the_lifetime_and_the_stale_window_the_next_request_fetches() -> None:
    remote = loaded(stale_for=0)
    remote.endpoint.answer = jwks("b")
    remote.clock.advance(600)
    assert (remote.ask("b"), remote.fetches) == (FOUND, 2)


def test_the_reply_may_set_the_lifetime() -> None:
    remote = Remote(Reply(jwks("a"), max_age=3600), stale_for=0)
    remote.ask()
    remote.clock.advance(3600 * 0.69)
    remote.ask()
    idle()
    assert remote.fetches == 1
    remote.clock.advance(3600 * 0.31)
    assert (remote.ask(), remote.fetches) == (FOUND, 2)


@pytest.mark.parametrize(("published", "tried"), [("a", 1), ("ab", 2), ("abcde", 4)])
def test_a_token_without_kid_is_tried_against_four_keys_at_most(published: str, tried: int) -> None:
    assert len(Remote(jwks(*published)).source.find(None, "ES256")) == tried


def test_an_unusable_key_is_skipped_and_logged_and_the_others_serve(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "jwt_wsgi.jwks")
    odd = {"kty": "EC", "crv": "secp256k1", "kid": "odd", "x": "AA", "y": "AA"}
    entries = [odd, *LocalIssuer().jwks["keys"]]
    remote = Remote(json.dumps({"keys": entries}).encode())
    assert remote.ask(entries[1]["kid"], "RS256") == FOUND
    assert "keys[0] skipped: crv is not P-256" in caplog.text


@pytest.mark.parametrize(
    "answer",
    [jwks("a").decode(), None, bytearray(jwks("a")), 5, jwks("a") + b" " * 524288],
    ids=lambda answer: type(answer).__name__,
)
def test_a_fetcher_that_returns_no_bytes_or_too_many_has_failed(answer: object) -> None:
    remote = loaded()
    before = remote.source.held()
    remote.refresh(answer)
    assert (remote.source.held(), remote.ask("b"), remote.fetches) == (before, UNAVAILABLE, 2)


@pytest.mark.parametrize("kind", [RuntimeError, ValueError, LookupError])
def test_a_foreign_exception_is_not_quoted_in_the_log(
    kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    assert Remote(kind("token=hidden")).ask() == UNAVAILABLE
    assert f"the fetch raised {kind.__name__}" in caplog.text
    assert "hidden" not in caplog.text


def test_the_fetch_after_a_failed_one_brings_the_keys() -> None:
    remote = Remote(OSError())
    with pytest.raises(KeysUnavailable) as refusal:
        remote.source.find("a", "ES256")
    assert 1 <= refusal.value.retry_after <= 1.2
    remote.endpoint.answer = jwks("a")
    assert (remote.ask(), remote.fetches) == (UNAVAILABLE, 1)
    remote.clock.advance(1.3)
    assert (remote.ask(), remote.fetches) == (FOUND, 2)


def test_a_dead_endpoint_sees_one_attempt_per_back_off_step() -> None:
    remote = Remote(OSError())
    for _ in range(300):
        assert remote.ask() == UNAVAILABLE
        remote.clock.advance(0.1)
    # After about 0, 1, 3, 7 and 15 seconds. Then the budget of the minute is used up.
    assert remote.fetches == 5


def test_stale_keys_serve_an_outage_for_the_stale_window_only() -> None:
    remote = loaded(stale_for=1000)
    remote.refresh(OSError())
    remote.clock.advance(600 + 999 - 541)
    assert remote.ask() == FOUND
    idle()
    remote.clock.advance(1)
    assert remote.source.held() is None
    remote.clock.advance(60)
    assert remote.ask() == UNAVAILABLE


def test_in_an_outage_an_unknown_kid_is_unavailable_and_a_known_one_is_found() -> None:
    remote = loaded()
    remote.endpoint.answer = OSError()
    assert (remote.ask("b"), remote.ask("a")) == (UNAVAILABLE, FOUND)
    assert (remote.ask("b"), remote.ask("c"), remote.fetches) == (UNAVAILABLE, UNAVAILABLE, 2)


@pytest.mark.parametrize("second", range(30, 40))
def test_keys_that_expire_during_a_request_are_unavailable(second: int) -> None:
    remote = loaded(cache_ttl=40, stale_for=0, requests_per_minute=2)
    # Spend the budget, so that nothing is fetched.
    assert remote.source._schedule.start(remote.clock.now) is not None
    remote.source._schedule.drop_lease()
    remote.clock.advance(second)
    remote.clock.tick = 1.0
    answer = remote.ask("b")
    last_look = remote.clock.now - 1
    assert answer == (UNKNOWN if last_look < 1040 else UNAVAILABLE)


@contextmanager
def without_thread_memory() -> Iterator[None]:
    before = threading.stack_size(1 << 47)
    try:
        yield
    finally:
        threading.stack_size(before)


def test_keys_are_unavailable_if_no_thread_can_be_started(caplog: pytest.LogCaptureFixture) -> None:
    remote = Remote()
    with without_thread_memory():
        assert remote.ask() == UNAVAILABLE
    assert "cannot start a thread" in caplog.text
    remote.clock.advance(1.3)
    assert remote.ask() == FOUND


def test_a_new_kid_costs_one_refetch() -> None:
    remote = loaded()
    remote.endpoint.answer = jwks("a", "b")
    assert [remote.ask("b"), remote.ask("b"), remote.ask("a")] == [FOUND] * 3
    assert remote.fetches == 2


def test_a_forged_kid_does_not_delay_a_rotation_u11() -> None:
    remote = loaded()
    assert remote.ask("invented") == UNKNOWN
    remote.endpoint.answer = jwks("a", "b")
    assert (remote.ask("b"), remote.fetches) == (FOUND, 3)


def test_after_two_unpublished_kids_the_next_one_waits_for_the_cool_down_u11() -> None:
    remote = loaded()
    assert [remote.ask("b"), remote.ask("b")] == [UNKNOWN, UNKNOWN]
    remote.endpoint.answer = jwks("a", "c")
    remote.clock.advance(29)
    assert (remote.ask("c"), remote.fetches) == (UNKNOWN, 3)
    remote.clock.advance(1)
    assert (remote.ask("c"), remote.fetches) == (FOUND, 4)


def test_the_first_fetch_is_also_for_the_kid_that_started_it() -> None:
    remote = Remote()
    assert (remote.ask("b"), remote.fetches) == (UNKNOWN, 1)
    assert [remote.ask("b") for _ in range(5)] == [UNKNOWN] * 5
    assert remote.fetches == 3, "no kid is remembered, and the burst is two"


@pytest.mark.parametrize("first", [True, False], ids=["U11 first fetch", "U11 refresh"])
def test_a_kid_that_an_earlier_fetch_does_not_bring_is_fetched_once_more(
    first: bool, callers: ThreadPoolExecutor, pending: Future[object]
) -> None:
    remote = Remote() if first else loaded()
    remote.endpoint.answer = pending
    remote.clock.advance(541)
    started = callers.submit(remote.ask, "a")
    fetches_before = 1 if first else 2
    eventually(lambda: remote.fetches == fetches_before)
    answer = callers.submit(remote.ask, "b")
    wait([answer], timeout=0.1)
    assert not answer.done()
    # The reply was read before the issuer published the new key.
    remote.endpoint.answer = jwks("a", "b")
    pending.set_result(jwks("a"))
    assert (started.result(), answer.result()) == (FOUND, FOUND)
    assert remote.fetches == fetches_before + 1


def test_a_kid_is_unknown_after_an_earlier_fetch_if_the_burst_is_spent_u11(
    callers: ThreadPoolExecutor, pending: Future[object]
) -> None:
    remote = loaded(requests_per_minute=100)
    assert [remote.ask("invented"), remote.ask("invented")] == [UNKNOWN, UNKNOWN]
    remote.endpoint.answer = pending
    remote.clock.now = remote.source._worker.current.refresh_at  # type: ignore[union-attr]
    remote.source._schedule._burst.take(remote.clock.now)
    remote.source._schedule._burst.take(remote.clock.now)
    remote.source.held()
    eventually(lambda: remote.fetches == 4)
    answer = callers.submit(remote.ask, "b")
    wait([answer], timeout=0.1)
    pending.set_result(jwks("a"))
    assert (answer.result(), remote.fetches) == (UNKNOWN, 4)


def test_a_known_kid_with_another_algorithm_is_not_fetched() -> None:
    remote = loaded()
    assert (remote.ask("a", "RS256"), remote.fetches) == (UNKNOWN, 1)


def test_a_flood_of_invented_kids_costs_a_burst_and_one_fetch_per_cool_down_u11() -> None:
    remote = loaded(cooldown=30)
    for second in range(120):
        assert {remote.ask(f"invented-{second}-{n}") for n in range(5)} == {UNKNOWN}
        assert remote.ask() == FOUND
        remote.clock.advance(1)
    # The first fetch, two at once, and one after each cool-down of 30 seconds.
    assert remote.fetches == 1 + 2 + 3


def test_a_flood_stays_within_the_budget_and_leaves_a_slot_for_the_refresh() -> None:
    remote = loaded(cooldown=0, requests_per_minute=5)
    for second in range(55):
        assert remote.ask(f"invented-{second}") == UNKNOWN
        assert remote.ask() == FOUND
        remote.clock.advance(1)
    assert remote.fetches == 4


def test_five_callers_with_twenty_invented_kids_stay_within_the_budget() -> None:
    remote = loaded()

    def call(number: int) -> tuple[str, str]:
        return remote.ask(f"invented-{number}"), remote.ask()

    with ThreadPoolExecutor(5) as five:
        answers = list(five.map(call, range(20)))
    assert {known for _, known in answers} == {FOUND}
    assert {unknown for unknown, _ in answers} == {UNKNOWN}, "no stranger provokes a 503"
    assert remote.fetches == 3


@pytest.mark.parametrize("max_waiting", [0, 1, 2, 5], ids=lambda number: f"U14 {number} wait")
def test_few_requests_wait_for_unknown_kids_and_the_others_are_answered_at_once(
    max_waiting: int, callers: ThreadPoolExecutor, pending: Future[object]
) -> None:
    remote = loaded(timeout=60, max_waiting=max_waiting)
    remote.endpoint.answer = pending
    answers = [callers.submit(remote.ask, "b") for _ in range(12)]
    eventually(lambda: sum(answer.done() for answer in answers) == 12 - max_waiting)
    assert [answer.result() for answer in answers if answer.done()] == [UNKNOWN] * (
        12 - max_waiting
    )
    assert remote.ask("a") == FOUND
    pending.set_result(jwks("a", "b"))
    assert sum(answer.result() == FOUND for answer in answers) == max_waiting
    idle()
    assert (remote.ask("b"), remote.fetches) == (FOUND, 2)


def test_two_requests_wait_for_unknown_kids_by_default_u14(
    callers: ThreadPoolExecutor, pending: Future[object]
) -> None:
    remote = loaded(timeout=60)
    remote.endpoint.answer = pending
    # Each kid is another one, as in a flood.
    answers = [callers.submit(remote.ask, f"invented-{number}") for number in range(12)]
    eventually(lambda: sum(answer.done() for answer in answers) == 10)
    pending.set_result(jwks("a"))
    assert {answer.result() for answer in answers} == {UNKNOWN}


def test_after_a_failed_fetch_the_requests_that_do_not_wait_are_unavailable_u14(
    callers: ThreadPoolExecutor, pending: Future[object]
) -> None:
    remote = loaded(timeout=60)
    remote.refresh(OSError())
    remote.endpoint.answer = pending
    remote.clock.advance(2)
    answers = [callers.submit(remote.ask, "b") for _ in range(12)]
    eventually(lambda: sum(answer.done() for answer in answers) == 10)
    assert [answer.result() for answer in answers if answer.done()] == [UNAVAILABLE] * 10
    assert remote.ask("a") == FOUND


def test_every_request_waits_for_the_first_fetch_u14(
    callers: ThreadPoolExecutor, pending: Future[object]
) -> None:
    remote = Remote(pending, max_waiting=0)
    answers = [callers.submit(remote.ask) for _ in range(12)]
    wait(answers, timeout=0.1)
    assert not any(answer.done() for answer in answers)
    pending.set_result(jwks("a"))
    assert {answer.result() for answer in answers} == {FOUND}


def test_a_new_kid_waits_for_the_fetch_of_an_invented_one_u11(
    callers: ThreadPoolExecutor, pending: Future[object]
) -> None:
    remote = loaded()
    remote.endpoint.answer = pending
    invented = callers.submit(remote.ask, "invented")
    eventually(lambda: remote.fetches == 2)
    honest = callers.submit(remote.ask, "b")
    wait([honest], timeout=0.1)
    assert not honest.done()
    pending.set_result(jwks("a", "b"))
    assert (honest.result(), invented.result(), remote.fetches) == (FOUND, UNKNOWN, 2)


def test_unknown_kids_wait_for_a_refresh_in_flight(
    callers: ThreadPoolExecutor, pending: Future[object]
) -> None:
    remote = loaded(max_waiting=8)
    remote.endpoint.answer = pending
    remote.clock.advance(541)
    remote.source.held()
    kids = [*"bcde" * 2, *"wxyz"]
    answers = [callers.submit(remote.ask, kid) for kid in kids]
    # When the four others have been answered, eight are waiting.
    eventually(lambda: sum(answer.done() for answer in answers) == 4)
    pending.set_result(jwks(*"abc"))
    results = [answer.result() for answer in answers]
    assert results.count(FOUND) <= 4
    assert all(result == UNKNOWN or kid in "bc" for kid, result in zip(kids, results, strict=True))
    idle()
    assert (remote.ask("b"), remote.ask("c")) == (FOUND, FOUND)


# --- a key that was replaced under its kid


@pytest.mark.parametrize("kid", ["a", None], ids=["U10 same kid", "U10 no kid"])
def test_a_bad_signature_starts_a_fetch_and_does_not_wait(
    kid: str | None, pending: Future[object]
) -> None:
    remote = loaded()
    remote.endpoint.answer = pending
    remote.source.signature_failed(kid, "ES256")
    assert remote.ask("a") == FOUND
    eventually(lambda: remote.fetches == 2)
    remote.source.signature_failed(kid, "ES256")
    assert remote.fetches == 2, "one at a time"


@pytest.mark.parametrize(
    ("kid", "alg"),
    [
        pytest.param("b", "ES256", id="U10 a key of another source"),
        pytest.param("a", "RS256", id="U10 another algorithm"),
        pytest.param(None, "HS256", id="U10 a shared secret of another source"),
    ],
)
def test_a_bad_signature_under_a_key_that_is_not_held_costs_no_fetch(kid: str, alg: str) -> None:
    remote = loaded()
    remote.source.signature_failed(kid, alg)
    idle()
    assert remote.fetches == 1


def test_a_bad_signature_before_the_first_set_costs_no_fetch_u10() -> None:
    remote = Remote()
    remote.source.signature_failed("a", "ES256")
    idle()
    assert remote.fetches == 0


def test_bad_signatures_and_unknown_kids_share_one_burst_u10() -> None:
    remote = loaded()
    for second in range(61):
        for _ in range(5):
            remote.source.signature_failed("a", "ES256")
            idle()
        assert remote.ask(f"invented-{second}") == UNKNOWN
        remote.clock.advance(1)
    # The first fetch, two at once, and two cool-downs.
    assert remote.fetches == 1 + 2 + 2


def test_bad_signatures_cost_the_same_whatever_was_sent_before_u10() -> None:
    remote = loaded(cooldown=10_000)

    def forge() -> None:
        for _ in range(100):
            remote.source.signature_failed("a", "ES256")

    for _ in range(3):
        forge()
        idle()
    assert remote.fetches == 3, "the burst is spent"
    first = calls(forge)
    for _ in range(100):
        forge()
    assert calls(forge) == first
    assert first < 100 * 40


@pytest.mark.parametrize("first", [True, False], ids=["first fetch", "unknown kid"])
def test_concurrent_callers_wait_for_one_time_out_in_all(
    first: bool, callers: ThreadPoolExecutor, pending: Future[object]
) -> None:
    remote = Remote(timeout=0.2) if first else loaded(timeout=0.2, max_waiting=8)
    remote.endpoint.answer = pending
    started = time.monotonic()
    assert set(callers.map(remote.ask, "b" * 8)) == {UNAVAILABLE}
    assert 0.2 <= time.monotonic() - started < 5
    assert remote.fetches == (1 if first else 2)


def test_a_result_after_the_callers_time_out_is_still_used(pending: Future[object]) -> None:
    remote = Remote(pending, timeout=0.05)
    assert remote.ask() == UNAVAILABLE
    remote.clock.advance(100)
    pending.set_result(jwks("a"))
    idle()
    assert (remote.ask(), remote.fetches) == (FOUND, 1)


def test_a_lost_worker_is_replaced_and_its_late_result_is_ignored(pending: Future[object]) -> None:
    remote = Remote(pending, timeout=0.05)
    assert remote.ask() == UNAVAILABLE
    remote.endpoint.answer = jwks("b")
    assert (remote.ask("b"), remote.fetches) == (UNAVAILABLE, 1)
    remote.clock.advance(0.05 + 1.2)
    assert (remote.ask("b"), remote.fetches) == (FOUND, 2)
    newer = remote.source.held()
    pending.set_result(jwks("a"))
    idle()
    assert remote.source.held() is newer


def test_a_fetch_that_does_not_end_in_time_is_counted_and_logged_once_u13(
    pending: Future[object], caplog: pytest.LogCaptureFixture
) -> None:
    remote = loaded()
    remote.endpoint.answer = pending
    remote.clock.advance(541)
    remote.source.held()
    assert remote.source.status().failures == 0
    remote.clock.advance(4 * 5)
    assert [remote.source.status().failures for _ in range(3)] == [1, 1, 1]
    assert remote.source.status().last_error == "the fetch has not ended within 20 s"
    assert remote.ask("a") == FOUND
    text = "the fetch has not ended within 20 s; its keys are used if they arrive"
    text += "; the last good keys stay in use"
    assert [
        record.getMessage() for record in caplog.records if record.levelno == logging.WARNING
    ] == [f"keys of {URI}: {text}"]


@pytest.mark.slow
def test_the_late_keys_of_a_lost_fetch_are_used_u13(pending: Future[object]) -> None:
    remote = loaded()
    remote.endpoint.answer = pending
    remote.clock.advance(541)
    remote.source.held()
    remote.clock.advance(4 * 5)
    assert (remote.ask("b"), remote.source.status().failures) == (UNAVAILABLE, 1)
    pending.set_result(jwks("a", "b"))
    eventually(lambda: remote.ask("b") == FOUND)


class AskingHandler(logging.Handler):
    """A handler that asks the source for its status from another thread, as an agent may."""

    def __init__(self, source: RemoteJWKS) -> None:
        super().__init__()
        self.source = source
        self.answers: list[bool] = []

    def emit(self, record: logging.LogRecord) -> None:
        asking = threading.Thread(target=self.source.status)
        asking.start()
        asking.join(2)
        self.answers.append(not asking.is_alive())


def test_no_lock_is_held_while_a_lost_fetch_is_logged(pending: Future[object]) -> None:
    remote = loaded()
    remote.endpoint.answer = pending
    remote.clock.advance(541)
    remote.source.held()
    handler = AskingHandler(remote.source)
    logger = logging.getLogger("jwt_wsgi.jwks")
    logger.addHandler(handler)
    try:
        remote.clock.advance(20)
        remote.source.status()
    finally:
        logger.removeHandler(handler)
    assert handler.answers == [True]


def test_an_unknown_kid_is_unavailable_until_a_fetch_succeeds(pending: Future[object]) -> None:
    remote = loaded(timeout=0.05)
    remote.endpoint.answer = pending
    assert remote.ask("b") == UNAVAILABLE
    remote.clock.advance(4 * 0.05)
    assert (remote.ask("b"), remote.ask("a")) == (UNAVAILABLE, FOUND)


@pytest.mark.parametrize("late", [OSError(), jwks("a")], ids=["failure", "success"])
def test_a_late_result_of_another_fetch_ends_no_wait(
    late: object, callers: ThreadPoolExecutor, pending: Future[object]
) -> None:
    remote = loaded()
    lost = Future[object]()
    remote.endpoint.answer = lost
    remote.clock.advance(541)
    remote.source.held()
    eventually(lambda: remote.fetches == 2)
    remote.endpoint.answer = pending
    remote.clock.advance(4 * 5)
    answer = callers.submit(remote.ask, "b")
    eventually(lambda: remote.fetches == 3)
    if isinstance(late, Exception):
        lost.set_exception(late)
    else:
        lost.set_result(late)
    wait([answer], timeout=0.1)
    assert not answer.done()
    pending.set_result(jwks("a", "b"))
    assert answer.result() == FOUND


def test_own_keys_and_own_fetchers_import_no_http_client() -> None:
    program = """
import sys
from jwt_wsgi import Issuer, RemoteJWKS, SharedSecret, protect
trusted = Issuer("https://issuer.test/", audience="a", keys=SharedSecret("s" * 32), algorithms=["HS256"])
protect(lambda environ, start_response: [], issuer=trusted, rules={})
RemoteJWKS("https://issuer.test/jwks.json", fetch=lambda url: b"")
print("urllib3" in sys.modules)
Issuer("https://issuer.test/", audience="a")
print("urllib3" in sys.modules)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.split() == ["False", "True"]
