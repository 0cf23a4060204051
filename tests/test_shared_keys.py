"""One fetch for a cluster: key sources that share a store, in one process and on one simulated clock.

Real stores and processes are in test_shared_keys_cluster.py, the seal alone in test_sealed_keys.py.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NoReturn

import pytest
from conftest import Clock
from waiting import eventually, idle

from jwt_wsgi import KeysUnavailable, RemoteJWKS
from jwt_wsgi.http.fetching import Reply
from jwt_wsgi.jwks.events import Fetched
from jwt_wsgi.jwks.sealed import Seal, SharedSet
from jwt_wsgi.stores import MemoryStore, StoreUnavailable
from jwt_wsgi.testing import LocalIssuer, SigningKey

URI = "https://issuer.test/jwks"
IDENTITY = f"uri {URI}"
KEYS = {kid: SigningKey("ES256", kid) for kid in "abc"}
SECRET, OLD_SECRET = b"s" * 32, b"o" * 32
FOUND, UNKNOWN, UNAVAILABLE = "found", "unknown", "unavailable"
#: Seconds until a refresh is due in every case, and until a set of 600 s is too old to be used.
WHEN_DUE, TOO_OLD = 541, 600 + 14400
#: Seconds until the next look at the store.
LOOK = 5


def jwks(*kids: str) -> bytes:
    return json.dumps({"keys": [KEYS[kid].jwk for kid in kids]}).encode()


class Endpoint:
    """An issuer that answers every fetch with `answer`: bytes, a `Reply`, an exception, or a `Future` of one."""

    def __init__(self) -> None:
        self.answer: object = jwks("a")
        self.fetches = 0

    def __call__(self, url: str) -> Any:
        self.fetches += 1
        answer = self.answer
        if isinstance(answer, Future):
            answer = answer.result(timeout=20)
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Watched:
    """A store that counts its calls, and that a test may break.

    `before` is called with the name of a method and its key, before the call.
    """

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.calls: list[str] = []
        self.before: Callable[[str, str], object] = lambda method, key: None

    def _note(self, method: str, key: str) -> None:
        name = f"{method} {key.rpartition(':')[2]}"
        self.calls.append(name)
        self.before(name, key)

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        self._note("get", keys[0])
        return self.store.get_many(keys)

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        self._note("set", key)
        self.store.set(key, value, ttl)

    def add(self, key: str, value: bytes, ttl: float, owner: str | None = None) -> bool:
        self._note("add", key)
        return self.store.add(key, value, ttl, owner)


class Events(list[Fetched]):
    """An `on_fetch` hook that keeps every event."""

    def __call__(self, fetched: Fetched) -> None:
        self.append(fetched)

    @property
    def outcomes(self) -> list[str]:
        return [fetched.outcome for fetched in self]


class Worker:
    """A worker of the cluster: a source with a clock that it shares, or that is ahead."""

    def __init__(self, cluster: Cluster, ahead: float = 0.0, **options: Any) -> None:
        self.events = Events()
        self.rotations: list[tuple[set[str], set[str]]] = []
        self.ahead = ahead
        clock = cluster.clock
        options = {
            "store": cluster.store,
            "sealing_keys": [SECRET],
            "fetch": cluster.endpoint,
            "clock": clock,
            "wall_clock": lambda: clock() + self.ahead,
            "on_fetch": self.events,
            "on_rotation": lambda added, removed: self.rotations.append(({*added}, {*removed})),
            "timeout": 5,
            **options,
        }
        self.source = RemoteJWKS(URI, **options)

    def ask(self, kid: str | None = "a") -> str:
        try:
            return FOUND if self.source.find(kid, "ES256") else UNKNOWN
        except KeysUnavailable:
            return UNAVAILABLE
        finally:
            idle()

    def look(self) -> None:
        """Do what a request causes when it is time: a fetch or a look."""
        self.source.held()
        idle()


class Cluster:
    """Workers that share a store, and an issuer that counts."""

    def __init__(self) -> None:
        self.clock = Clock(1_800_000_000.0)
        started_at = time.monotonic()
        # The clock stands still, but a lease that was given back ends after a millisecond.
        self.store = Watched(
            MemoryStore(clock=lambda: self.clock() + time.monotonic() - started_at)
        )
        self.endpoint = Endpoint()

    def worker(self, **options: Any) -> Worker:
        return Worker(self, **options)

    def warm(self, kid: str = "a", **options: Any) -> Worker:
        worker = Worker(self, **options)
        assert worker.ask(kid) == FOUND
        return worker

    @property
    def fetches(self) -> int:
        return self.endpoint.fetches

    @property
    def key(self) -> str:
        return f"keys:{Seal(IDENTITY, [SECRET], 1).name}:set"

    @property
    def lease(self) -> str:
        return self.key.replace(":set", ":lease")

    @property
    def document(self) -> bytes | None:
        return self.store.store.get_many([self.key])[0]

    @document.setter
    def document(self, document: bytes) -> None:
        self.store.store.set(self.key, document, None)

    @property
    def stored(self) -> SharedSet | None:
        return None if self.document is None else opened(self.document)

    def store_set(self, *kids: str, age: float = 0, lifetime: float = 600, **how: Any) -> None:
        """Write a sealed set as another worker would."""
        revoked = frozenset(how.pop("revoked", ()))
        shared = SharedSet(self.clock() - age, lifetime, revoked, how.pop("body", jwks(*kids)))
        seal = Seal(how.pop("location", IDENTITY), [how.pop("secret", SECRET)], 524288)
        self.document = seal.close(shared)


def opened(document: bytes) -> SharedSet:
    return Seal(IDENTITY, [SECRET], 524288).open(document)


def broken(method: str, key: str) -> NoReturn:
    raise StoreUnavailable("redis://user:password@store.test")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    yield Cluster()
    idle()


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


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


# --- options


@pytest.mark.parametrize(
    ("options", "named"),
    [
        pytest.param({"store": MemoryStore()}, "sealing_keys", id="a store alone"),
        pytest.param({"sealing_keys": [SECRET]}, "store", id="secrets alone"),
        pytest.param({"store": {}, "sealing_keys": [SECRET]}, "store", id="no store"),
        pytest.param({"store": MemoryStore(), "sealing_keys": []}, "sealing_keys", id="no secret"),
        pytest.param(
            {"store": MemoryStore(), "sealing_keys": [b"s" * 31]}, "sealing_keys", id="31 bytes"
        ),
        pytest.param(
            {"store": MemoryStore(), "sealing_keys": [SECRET, SECRET]}, "sealing_keys", id="twice"
        ),
        pytest.param({"store": MemoryStore(), "sealing_keys": 5}, "sealing_keys", id="a number"),
        pytest.param({"wall_clock": 5}, "wall_clock", id="a clock that is a number"),
    ],
)
def test_an_invalid_option_is_refused_by_name(options: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}=") as refusal:
        RemoteJWKS(URI, **options)
    assert "sss" not in str(refusal.value)


@pytest.mark.parametrize("secrets", [SECRET, "s" * 32, [SECRET, OLD_SECRET], ("s" * 40,)])
def test_one_secret_or_several_are_taken(secrets: Any, cluster: Cluster) -> None:
    assert cluster.worker(sealing_keys=secrets).ask() == FOUND


def test_construction_calls_no_store(cluster: Cluster) -> None:
    cluster.worker()
    assert cluster.store.calls == []


def test_without_a_store_nothing_is_looked_at(cluster: Cluster) -> None:
    worker = cluster.warm(store=None, sealing_keys=None)
    cluster.clock.advance(LOOK)
    worker.source.revoke("b")
    worker.look()
    assert (cluster.store.calls, worker.events.outcomes) == ([], ["ok"])


# --- one fetch


def test_the_first_worker_fetches_and_the_second_takes_over(cluster: Cluster) -> None:
    first, second = cluster.warm(), cluster.warm()
    assert cluster.fetches == 1
    assert (first.events.outcomes, second.events.outcomes) == (["ok"], ["shared"])


def test_a_worker_reads_takes_the_lease_and_reads_once_more(cluster: Cluster) -> None:
    cluster.warm()
    assert cluster.store.calls == [
        "get set",
        "add lease",
        "get set",
        "get set",
        "set set",
        "set lease",
    ]


def test_a_worker_that_finds_a_fresh_set_takes_no_lease(cluster: Cluster) -> None:
    cluster.store_set("a", age=100)
    cluster.warm()
    assert (cluster.store.calls, cluster.fetches) == (["get set"], 0)


def test_eight_cold_workers_fetch_once(
    cluster: Cluster, callers: ThreadPoolExecutor, pending: Future[object]
) -> None:
    cluster.endpoint.answer = pending
    workers = [cluster.worker(timeout=30) for _ in range(8)]
    together = threading.Barrier(9)

    def first(worker: Worker) -> str:
        together.wait(10)
        return worker.ask()

    answers = [callers.submit(first, worker) for worker in workers]
    together.wait(10)
    eventually(lambda: cluster.store.calls.count("add lease") > 8)
    pending.set_result(jwks("a"))
    assert {answer.result() for answer in answers} == {FOUND}
    outcomes = sorted(outcome for worker in workers for outcome in worker.events.outcomes)
    assert (cluster.fetches, outcomes) == (1, ["ok"] + ["shared"] * 7)


def test_a_set_that_came_before_the_lease_is_taken_over(cluster: Cluster) -> None:
    def deliver(call: str, key: str) -> None:
        if call == "add lease":
            cluster.store_set("a")

    cluster.store.before = deliver
    assert (cluster.worker().ask(), cluster.fetches) == (FOUND, 0)
    assert cluster.store.calls[-1] == "set lease"
    eventually(lambda: cluster.store.add(cluster.lease, b"", 1))


def test_one_worker_refreshes_and_the_others_take_over(cluster: Cluster) -> None:
    workers = [cluster.warm() for _ in range(5)]
    cluster.endpoint.answer = jwks("a", "b")
    cluster.clock.advance(WHEN_DUE)
    for worker in workers:
        worker.look()
    assert cluster.fetches == 2
    assert [worker.ask("b") for worker in workers] == [FOUND] * 5
    assert cluster.fetches == 2
    assert all(worker.rotations == [({"b"}, set())] for worker in workers)


def test_a_new_kid_costs_one_fetch(cluster: Cluster) -> None:
    workers = [cluster.warm() for _ in range(5)]
    cluster.endpoint.answer = jwks("a", "b")
    assert [worker.ask("b") for worker in workers] == [FOUND] * 5
    assert cluster.fetches == 2


def test_a_kid_that_a_newer_shared_set_lacks_is_fetched(cluster: Cluster) -> None:
    first, second = cluster.warm(), cluster.warm()
    cluster.clock.advance(1)
    cluster.endpoint.answer = jwks("a", "b")
    assert first.ask("b") == FOUND
    cluster.endpoint.answer = jwks("a", "b", "c")
    assert (second.ask("c"), cluster.fetches) == (FOUND, 3)
    assert second.rotations == [({"b"}, set()), ({"c"}, set())]


def test_a_request_that_joins_a_look_fetches_for_its_own_kid(
    cluster: Cluster, callers: ThreadPoolExecutor
) -> None:
    first, second = cluster.warm(), cluster.warm()
    cluster.clock.advance(1)
    cluster.endpoint.answer = jwks("a", "b")
    assert first.ask("b") == FOUND
    cluster.endpoint.answer = jwks("a", "b", "c")
    paused, go_on = threading.Event(), threading.Event()

    def pause(call: str, key: str) -> None:
        cluster.store.before = lambda call, key: None
        paused.set()
        assert go_on.wait(20)

    cluster.store.before = pause
    for_b = callers.submit(second.ask, "b")
    assert paused.wait(20)
    for_c = callers.submit(second.ask, "c")
    eventually(lambda: second.source._worker._waiting == 2)
    go_on.set()
    assert (for_b.result(), for_c.result(), cluster.fetches) == (FOUND, FOUND, 3)


def test_a_set_of_the_store_settles_no_kid_that_it_lacks(cluster: Cluster) -> None:
    first, second = cluster.warm(), cluster.warm()
    cluster.clock.advance(1)
    cluster.endpoint.answer = jwks("a", "b")
    assert first.ask("b") == FOUND
    cluster.endpoint.answer = jwks("a", "b", "c")
    source = second.source
    with source._worker.lock:
        # The request for "c" comes first, and the one for "b" starts before it has the lock.
        last_lease = source._schedule.last_lease
        assert source._worker.start_fetch(lambda: source._is_known("b", "ES256"))
        deadline = time.monotonic() + 20
        is_known = partial(source._is_known, "c", "ES256")
        assert source._worker.look_for(is_known, last_lease, deadline)
        assert is_known()
    assert cluster.fetches == 3


def test_an_invalid_signature_takes_over_what_another_worker_fetched(cluster: Cluster) -> None:
    workers = [cluster.warm() for _ in range(3)]
    replaced = SigningKey("ES256", "a")
    cluster.endpoint.answer = json.dumps({"keys": [replaced.jwk]}).encode()
    for worker in workers:
        worker.source.signature_failed("a", "ES256")
        idle()
    assert cluster.fetches == 2
    assert all(worker.rotations == [({"a"}, {"a"})] for worker in workers)


def test_an_invented_kid_costs_each_worker_its_own_budget_at_most(cluster: Cluster) -> None:
    workers = [cluster.warm() for _ in range(3)]
    for number in range(10):
        assert {worker.ask(f"invented-{number}") for worker in workers} == {UNKNOWN}
    assert cluster.fetches == 1 + 3 * 2


def test_the_age_of_a_shared_set_counts(cluster: Cluster) -> None:
    cluster.store_set("a", age=400)
    worker = cluster.warm(stale_for=100)
    status = worker.source.status()
    assert (status.age, status.lifetime_left) == (400, 200)
    assert status.last_success == cluster.clock() - 400
    cluster.endpoint.answer = OSError()
    cluster.clock.advance(299)
    assert worker.ask() == FOUND
    cluster.clock.advance(1)
    assert worker.ask() == UNAVAILABLE


@pytest.mark.parametrize(
    ("lifetime", "cache_ttl", "counts"),
    [(3600, 600, 3600), (30, 600, 60), (30, 30, 30), (1e9, 600, 86400)],
)
def test_the_lifetime_of_a_shared_set_is_bounded(
    lifetime: float, cache_ttl: float, counts: float, cluster: Cluster
) -> None:
    cluster.store_set("a", lifetime=lifetime)
    assert cluster.warm(cache_ttl=cache_ttl).source.status().lifetime_left == counts


def test_the_lifetime_of_the_reply_is_shared(cluster: Cluster) -> None:
    cluster.endpoint.answer = Reply(jwks("a"), max_age=3600)
    cluster.warm()
    assert cluster.warm().source.status().lifetime_left == 3600


def test_a_set_is_kept_until_the_stale_window_ends(cluster: Cluster) -> None:
    cluster.warm(stale_for=1000)
    cluster.clock.advance(1599)
    assert cluster.document is not None
    cluster.clock.advance(1)
    assert cluster.document is None


# --- hooks, status, log


def test_a_set_from_the_store_is_an_event_of_its_own(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jwt_wsgi.jwks")
    cluster.store_set("a", "b", age=10)
    worker = cluster.warm()
    assert worker.events == [Fetched(URI, "shared", 0, 2)]
    status = worker.source.status()
    assert (status.usable, status.kids) == (True, {"a", "b"})
    assert (status.attempts, status.successes, status.failures) == (1, 1, 0)
    assert "taken from the store" in caplog.text


def test_a_look_that_brings_nothing_is_no_event(cluster: Cluster) -> None:
    worker = cluster.warm()
    cluster.clock.advance(LOOK)
    worker.look()
    assert cluster.store.calls[-1] == "get set"
    assert worker.events.outcomes == ["ok"]
    assert worker.source.status().attempts == 1


def test_a_look_brings_what_another_worker_fetched(cluster: Cluster) -> None:
    worker = cluster.warm()
    cluster.clock.advance(LOOK)
    cluster.store_set("a", "b")
    worker.look()
    assert (worker.source.status().kids, cluster.fetches) == ({"a", "b"}, 1)
    assert worker.events.outcomes == ["ok", "shared"]
    assert worker.rotations == [({"b"}, set())]


def test_equal_keys_keep_the_set_that_cached_tokens_refer_to(cluster: Cluster) -> None:
    worker = cluster.warm()
    before = worker.source.held()
    cluster.clock.advance(LOOK)
    cluster.store_set("a")
    worker.look()
    assert worker.source.held() is before
    assert worker.rotations == []


def test_a_worker_looks_every_five_seconds_at_most(cluster: Cluster) -> None:
    worker = cluster.warm()
    cluster.store.calls.clear()
    for _ in range(50):
        worker.look()
        cluster.clock.advance(0.5)
    assert cluster.store.calls == ["get set"] * 4


def test_no_request_waits_for_a_look(cluster: Cluster) -> None:
    worker = cluster.warm()
    cluster.clock.advance(LOOK)
    release = threading.Event()
    cluster.store.before = lambda call, key: release.wait(20)
    before = time.monotonic()
    assert worker.source.find("a", "ES256")
    assert time.monotonic() - before < 10
    release.set()


def test_a_look_that_cannot_start_a_thread_is_logged(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    worker = cluster.warm()
    cluster.clock.advance(LOOK)

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert worker.source.held() is not None
    assert "cannot start a thread" in caplog.text


# --- the issuer is down


def test_a_cold_start_works_while_the_issuer_is_down(cluster: Cluster) -> None:
    cluster.warm()
    cluster.endpoint.answer = OSError()
    cluster.clock.advance(TOO_OLD - 1)
    worker = cluster.worker()
    assert worker.ask() == FOUND
    assert worker.events.outcomes == ["fetcher_raised"], "a stale set is used, and a fetch is tried"
    cluster.clock.advance(1)
    assert cluster.worker().ask() == UNAVAILABLE


def test_a_stale_set_serves_while_a_cold_worker_fetches(
    cluster: Cluster, pending: Future[object]
) -> None:
    cluster.store_set("a", age=700)
    cluster.endpoint.answer = pending
    worker = cluster.worker()
    assert worker.source.find("a", "ES256")
    pending.set_result(jwks("b"))
    idle()
    assert worker.ask("b") == FOUND
    assert worker.events.outcomes == ["ok"]
    assert worker.rotations == [({"b"}, {"a"})]


def test_a_worker_in_back_off_still_looks(cluster: Cluster) -> None:
    cluster.endpoint.answer = OSError()
    worker = cluster.worker()
    assert worker.ask() == UNAVAILABLE
    fetches = cluster.fetches
    cluster.store_set("a")
    worker.source._schedule._back_off.ends_at = cluster.clock() + 60
    cluster.clock.advance(LOOK)
    assert worker.ask() == UNAVAILABLE, "no request waits for a look"
    assert worker.ask() == FOUND
    assert cluster.fetches == fetches


def test_an_unknown_kid_is_unavailable_while_the_own_fetch_fails(cluster: Cluster) -> None:
    worker = cluster.warm()
    cluster.endpoint.answer = OSError()
    assert worker.ask("b") == UNAVAILABLE
    cluster.clock.advance(LOOK)
    cluster.store_set("a", "c")
    worker.look()
    assert (worker.ask("c"), worker.ask("b")) == (FOUND, UNAVAILABLE)


def test_the_lease_is_given_back_after_a_failure(cluster: Cluster) -> None:
    cluster.endpoint.answer = OSError()
    assert cluster.worker().ask() == UNAVAILABLE
    cluster.clock.advance(0.002)
    cluster.endpoint.answer = jwks("a")
    assert cluster.worker().ask() == FOUND


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), SystemExit(3)], ids=repr)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_lease_is_given_back_after_what_is_no_exception(
    failure: BaseException, cluster: Cluster
) -> None:
    cluster.endpoint.answer = failure
    assert cluster.worker().ask() == UNAVAILABLE
    assert cluster.store.calls[-1] == "set lease"


# --- the lease


def test_others_wait_and_fetch_when_the_lease_has_expired(
    cluster: Cluster, callers: ThreadPoolExecutor
) -> None:
    cluster.store.store.add(cluster.lease, b"", 2)
    answer = callers.submit(cluster.worker().ask)
    eventually(lambda: cluster.store.calls.count("add lease") > 2)
    assert cluster.fetches == 0
    cluster.clock.advance(2)
    assert (answer.result(timeout=20), cluster.fetches) == (FOUND, 1)


def test_a_request_waits_for_another_worker_within_its_own_time_out(cluster: Cluster) -> None:
    cluster.store.store.add(cluster.lease, b"", 1000)
    before = time.monotonic()
    with pytest.raises(KeysUnavailable):
        cluster.worker(timeout=0.3).source.find("a", "ES256")
    assert time.monotonic() - before < 5


def test_a_lease_that_never_ends_keeps_no_worker_from_fetching(cluster: Cluster) -> None:
    cluster.store.store.set(cluster.lease, b"", None)
    worker = cluster.worker(timeout=0.2)
    worker.ask()
    assert (worker.ask(), cluster.fetches) == (FOUND, 1)
    assert cluster.stored is not None


def test_an_expired_lease_is_not_given_back(cluster: Cluster, pending: Future[object]) -> None:
    cluster.endpoint.answer = pending
    worker = cluster.worker(timeout=0.05)
    with pytest.raises(KeysUnavailable):
        worker.source.find("a", "ES256")
    eventually(lambda: cluster.fetches)
    time.sleep(0.15)
    pending.set_result(jwks("a"))
    idle()
    assert "set lease" not in cluster.store.calls
    assert worker.ask() == FOUND


def test_a_late_set_that_a_newer_one_replaced_is_not_shared(
    cluster: Cluster, pending: Future[object]
) -> None:
    cluster.endpoint.answer = pending
    worker = cluster.worker(timeout=0.05)
    with pytest.raises(KeysUnavailable):
        worker.source.find("a", "ES256")
    eventually(lambda: cluster.fetches)
    cluster.endpoint.answer = jwks("b")
    cluster.clock.advance(60)
    eventually(lambda: worker.source.warm_up().usable)
    pending.set_result(jwks("a"))
    idle()
    assert worker.source.status().kids == {"b"}
    assert cluster.stored is not None
    assert cluster.stored.body == jwks("b")


# --- what is not believed


FAR = 31.0


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"secret": OLD_SECRET}, id="another secret"),
        pytest.param({"location": "uri https://other.test/jwks"}, id="another location"),
        pytest.param({"location": f"issuer {URI}"}, id="a discovered location"),
        pytest.param({"age": -FAR}, id="from the future"),
        pytest.param({"body": b"{}"}, id="no key set"),
        pytest.param({"body": b'{"keys": []}'}, id="no key"),
        pytest.param({"body": b"\xff"}, id="no JSON"),
        pytest.param({"body": json.dumps({"keys": [{}] * 101}).encode()}, id="too many keys"),
    ],
)
def test_a_foreign_set_costs_one_log_line_and_a_fetch(
    how: dict[str, Any], cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.store_set("b", **how)
    worker = cluster.warm()
    assert (worker.ask("b"), worker.events.outcomes[0]) == (UNKNOWN, "ok")
    assert len(warnings(caplog)) == 1, warnings(caplog)
    assert cluster.stored is not None
    assert cluster.stored.body == jwks("a"), "the good set replaces it"


@pytest.mark.parametrize("document", [b"", b"\x01", b"x" * 10_000_000, jwks("b")], ids=len)
def test_octets_that_no_worker_wrote_cost_one_log_line_and_a_fetch(
    document: bytes, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.document = document
    worker = cluster.warm()
    assert (worker.source.status().kids, cluster.fetches) == ({"a"}, 1)
    assert len(warnings(caplog)) == 1


def test_an_expired_set_is_not_used(cluster: Cluster) -> None:
    cluster.store_set("a", age=TOO_OLD)
    cluster.endpoint.answer = OSError()
    assert cluster.worker().ask() == UNAVAILABLE


def test_an_older_set_is_refused_and_replaced(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.warm()
    before_rotation = cluster.document
    assert before_rotation is not None
    cluster.clock.advance(WHEN_DUE)
    cluster.endpoint.answer = jwks("b")
    worker = cluster.warm("b")
    caplog.clear()
    cluster.document = before_rotation
    cluster.clock.advance(LOOK)
    worker.look()
    assert worker.source.status().kids == {"b"}
    assert len(warnings(caplog)) == 1
    assert cluster.stored is not None
    assert cluster.stored.body == jwks("b")


def test_a_poisoned_entry_is_logged_once_however_often_it_is_seen(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jwt_wsgi.jwks")
    worker = cluster.warm()
    cluster.document = b"poison"
    caplog.clear()
    for _ in range(20):
        cluster.clock.advance(LOOK)
        worker.look()
    assert len(warnings(caplog)) == 1
    assert cluster.document == b"poison", "workers of another secret are not overwritten"
    cluster.store_set("a")
    cluster.clock.advance(LOOK)
    worker.look()
    assert "in use again" in caplog.text


def test_a_set_that_cannot_be_parsed_is_logged_once(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    worker = cluster.warm()
    cluster.clock.advance(1)
    cluster.store_set(body=b"{}")
    for _ in range(5):
        cluster.clock.advance(LOOK)
        worker.look()
    assert len(warnings(caplog)) == 1
    assert worker.source.status().kids == {"a"}


def test_a_worker_whose_clock_is_a_little_ahead_is_followed(cluster: Cluster) -> None:
    ahead, exact = cluster.warm(ahead=20), cluster.warm()
    assert exact.events.outcomes == ["shared"]
    cluster.clock.advance(1)
    cluster.endpoint.answer = jwks("a", "b")
    assert exact.ask("b") == FOUND
    assert (ahead.ask("b"), cluster.fetches) == (FOUND, 2)


def test_a_worker_whose_clock_was_set_back_fetches_for_itself(cluster: Cluster) -> None:
    worker, other = cluster.warm(), cluster.warm()
    worker.ahead = -3600.0
    cluster.endpoint.answer = jwks("a", "b")
    assert (worker.ask("b"), cluster.fetches) == (FOUND, 2)
    assert other.ask() == FOUND


def test_secrets_are_rotated_without_a_fetch(cluster: Cluster) -> None:
    cluster.warm(sealing_keys=[OLD_SECRET])
    for secrets in ([OLD_SECRET, SECRET], [SECRET, OLD_SECRET]):
        cluster.warm(sealing_keys=secrets)
    assert cluster.fetches == 1


# --- revoked kids


def test_a_revoked_kid_reaches_the_others_with_their_next_look(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.endpoint.answer = jwks("a", "b")
    first, second = cluster.warm(), cluster.warm()
    first.source.revoke("b")
    assert (first.ask("b"), second.ask("b")) == (UNKNOWN, FOUND)
    cluster.clock.advance(LOOK)
    second.look()
    assert (second.ask("b"), second.ask("a"), cluster.fetches) == (UNKNOWN, FOUND, 1)
    assert "'b' is revoked by another worker" in caplog.text
    assert second.rotations == []


def test_a_revoked_kid_reaches_a_cold_worker_before_its_first_token(cluster: Cluster) -> None:
    cluster.endpoint.answer = jwks("a", "b")
    cluster.warm().source.revoke("b")
    assert (cluster.worker().ask("b"), cluster.fetches) == (UNKNOWN, 1)


def test_revoked_kids_only_accumulate(cluster: Cluster) -> None:
    cluster.endpoint.answer = jwks("a", "b", "c")
    first, second = cluster.warm(), cluster.warm()
    first.source.revoke("b")
    second.source.revoke("c")
    assert cluster.stored is not None
    assert cluster.stored.revoked == {"b", "c"}
    cluster.clock.advance(WHEN_DUE)
    third = cluster.warm()
    assert cluster.fetches == 2
    assert cluster.stored.revoked == {"b", "c"}
    assert (third.ask("b"), third.ask("c")) == (UNKNOWN, UNKNOWN)


def test_a_kid_that_is_revoked_during_a_fetch_is_not_lost(
    cluster: Cluster, pending: Future[object]
) -> None:
    cluster.endpoint.answer = jwks("a", "b")
    cluster.warm()
    cluster.clock.advance(TOO_OLD - 1)
    cluster.endpoint.answer = pending
    fetching = cluster.worker()
    assert fetching.source.find("a", "ES256")
    eventually(lambda: cluster.fetches == 2)
    cluster.store_set("a", "b", age=TOO_OLD - 1, revoked="b")
    pending.set_result(jwks("a", "b"))
    idle()
    assert fetching.ask("b") == UNKNOWN
    assert cluster.stored is not None
    assert (cluster.stored.revoked, cluster.stored.fetched_at) == ({"b"}, cluster.clock())


def test_a_revocation_without_one_of_the_kids_is_completed(cluster: Cluster) -> None:
    worker = cluster.warm()
    worker.source.revoke("b")
    stored = cluster.stored
    assert stored is not None
    cluster.document = Seal(IDENTITY, [SECRET], 524288).close(stored._replace(revoked=frozenset()))
    cluster.clock.advance(LOOK)
    worker.look()
    assert cluster.stored == stored


def test_a_process_that_only_revokes_reaches_the_others(cluster: Cluster) -> None:
    cluster.endpoint.answer = jwks("a", "b")
    worker = cluster.warm()
    cluster.worker().source.revoke("b")
    cluster.clock.advance(LOOK)
    worker.look()
    assert (worker.ask("b"), cluster.fetches) == (UNKNOWN, 1)


def test_a_kid_that_is_revoked_before_any_fetch_is_shared_with_it(cluster: Cluster) -> None:
    cluster.endpoint.answer = jwks("a", "b")
    worker = cluster.worker()
    worker.source.revoke("b")
    assert worker.ask() == FOUND
    assert cluster.worker().ask("b") == UNKNOWN


def test_a_kid_that_is_revoked_while_the_store_is_down_follows(cluster: Cluster) -> None:
    cluster.endpoint.answer = jwks("a", "b")
    first, second = cluster.warm(), cluster.warm()
    cluster.store.before = broken
    first.source.revoke("b")
    assert first.ask("b") == UNKNOWN
    cluster.store.before = lambda call, key: None
    cluster.clock.advance(LOOK)
    first.look()
    second.look()
    assert second.ask("b") == UNKNOWN


def test_revoked_kids_that_are_too_many_are_not_shared(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    worker = cluster.warm()
    for number in range(3):
        worker.source.revoke(f"{number}" * 30_000)
    assert cluster.stored is not None
    assert len(cluster.stored.revoked) == 2
    assert any("not shared" in line for line in warnings(caplog))


# --- the store fails


STORE_FAILURES = [StoreUnavailable("secret"), OSError("secret"), ValueError("secret")]


@pytest.mark.parametrize("failure", STORE_FAILURES, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("call", ["get set", "add lease", "set set", "set lease", ""])
def test_a_store_that_fails_costs_one_log_line_and_an_ordinary_fetch(
    call: str, failure: Exception, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(name: str, key: str) -> None:
        if call in ("", name):
            raise failure

    cluster.store.before = fail
    worker = cluster.warm()
    assert (cluster.fetches, worker.events.outcomes) == (1, ["ok"])
    assert len(warnings(caplog)) == 1
    assert "secret" not in caplog.text


@pytest.mark.parametrize("answer", [[], [None, None], ["text"], None], ids=repr)
def test_a_store_that_answers_nonsense_costs_one_log_line(
    answer: Any, cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.store.get_many = lambda keys: answer  # type: ignore[method-assign]
    cluster.warm()
    assert (cluster.fetches, len(warnings(caplog))) == (1, 1)


def test_an_outage_is_logged_once_and_its_end(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jwt_wsgi.jwks")
    worker = cluster.warm()
    cluster.store.before = broken
    for _ in range(10):
        cluster.clock.advance(LOOK)
        worker.look()
    assert len(warnings(caplog)) == 1
    cluster.store.before = lambda call, key: None
    caplog.clear()
    cluster.clock.advance(LOOK)
    worker.look()
    assert [record.getMessage() for record in caplog.records] == [
        f"keys of {URI}: the shared key set is in use again"
    ]


def test_workers_without_their_store_have_their_own_budgets(cluster: Cluster) -> None:
    cluster.store.before = broken
    workers = [cluster.warm() for _ in range(3)]
    assert cluster.fetches == 3
    for number in range(10):
        for worker in workers:
            worker.ask(f"invented-{number}")
    assert cluster.fetches == 3 + 3 * 2


def test_a_store_that_lost_its_set_gets_it_back(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    worker = cluster.warm()
    before = cluster.document
    cluster.store.store.set(cluster.key, b"", 0.001)
    cluster.clock.advance(LOOK)
    assert cluster.document is None
    worker.look()
    assert cluster.document == before
    cluster.clock.advance(TOO_OLD)
    assert cluster.document is None, "with the time that was left"
    cluster.endpoint.answer = OSError()
    worker.look()
    assert cluster.document is None, "a set that is too old is not written"
    assert "the store of the shared key set" not in caplog.text


def test_a_slow_store_delays_the_first_fetch_by_three_calls_at_most(cluster: Cluster) -> None:
    cluster.store.before = lambda call, key: time.sleep(0.1)
    worker = cluster.worker()
    before = time.monotonic()
    assert worker.source.find("a", "ES256")
    assert time.monotonic() - before < 3
    idle()
    calls = cluster.store.calls
    assert calls[:3] == ["get set", "add lease", "get set"]


def test_a_store_that_never_answers_holds_no_later_fetch(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    release = threading.Event()
    cluster.store.before = lambda call, key: release.wait(30)
    worker = cluster.worker(timeout=0.05)
    with pytest.raises(KeysUnavailable):
        worker.source.find("a", "ES256")
    time.sleep(0.15)
    cluster.clock.advance(60)
    try:
        eventually(lambda: worker.source.warm_up().usable)
    finally:
        release.set()
    idle()
    assert "does not answer" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_is_no_exception_from_a_store_is_a_failed_fetch(cluster: Cluster) -> None:
    def interrupt(call: str, key: str) -> None:
        raise KeyboardInterrupt

    cluster.store.before = interrupt
    worker = cluster.worker()
    assert worker.ask() == UNAVAILABLE
    cluster.store.before = lambda call, key: None
    cluster.clock.advance(60)
    assert worker.ask() == FOUND


# --- locks, forks, discovery


def test_no_lock_is_held_while_the_store_is_called(cluster: Cluster) -> None:
    worker = cluster.worker()
    locked: list[str] = []

    def check(call: str, key: str) -> None:
        holder = threading.Thread(target=worker.source.status)
        holder.start()
        holder.join(10)
        if holder.is_alive():
            locked.append(call)

    cluster.store.before = check
    assert worker.ask() == FOUND
    worker.source.revoke("b")
    cluster.clock.advance(LOOK)
    worker.look()
    assert len(cluster.store.calls) > 8
    assert locked == []


def test_a_fork_in_the_middle_of_a_call_leaves_the_child_a_working_source(cluster: Cluster) -> None:
    worker = cluster.warm(timeout=0.1)
    cluster.clock.advance(LOOK)
    release = threading.Event()
    cluster.store.before = lambda call, key: release.wait(30)
    worker.source.held()
    eventually(lambda: len(cluster.store.calls) > 6)
    time.sleep(0.25)
    pid = os.fork()
    if pid == 0:
        cluster.store.before = lambda call, key: None
        cluster.clock.advance(WHEN_DUE)
        worker.look()
        stored = cluster.stored
        is_shared = stored is not None and stored.fetched_at == cluster.clock()
        os._exit(0 if worker.events.outcomes == ["ok", "ok"] and is_shared else 1)
    release.set()
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_a_discovered_source_shares_its_key_set_under_the_issuers_name(cluster: Cluster) -> None:
    issuer = LocalIssuer(algorithms=("ES256",))
    fetched: list[str] = []

    def fetch(url: str) -> bytes:
        fetched.append(url)
        return issuer.fetch(url)

    options = {"store": cluster.store, "sealing_keys": [SECRET], "fetch": fetch}
    sources = [RemoteJWKS.discovered(issuer.issuer, **options) for _ in range(3)]
    assert all(source.warm_up().usable for source in sources)
    idle()
    assert len(fetched) == 2, "metadata and keys, once"
    assert not RemoteJWKS(issuer.issuer, **options).warm_up().usable
    idle()


def test_sources_of_several_locations_share_one_store(cluster: Cluster) -> None:
    cluster.warm()
    other = RemoteJWKS(
        "https://other.test/jwks",
        store=cluster.store,
        sealing_keys=[SECRET],
        fetch=lambda url: jwks("b"),
        clock=cluster.clock,
        wall_clock=cluster.clock,
    )
    assert other.warm_up().kids == {"b"}
    idle()
    assert cluster.warm().source.status().kids == {"a"}


def test_nothing_in_the_store_is_named_in_clear_text(cluster: Cluster) -> None:
    keys: list[str] = []
    cluster.store.before = lambda call, key: keys.append(key)
    cluster.warm()
    assert all("issuer" not in key for key in keys)


def test_two_looks_that_race_put_one_set_in_force(cluster: Cluster) -> None:
    worker = cluster.warm()
    sharing: Any = worker.source._worker
    cluster.clock.advance(1)
    cluster.store_set("a", "b")
    stored = cluster.stored
    assert stored is not None
    parse = sharing._loader.parse

    def parse_late(body: bytes) -> Any:
        sharing._loader.parse = parse
        assert sharing._look()
        return parse(body)

    sharing._loader.parse = parse_late
    assert sharing._look() is False
    assert worker.source.status().kids == {"a", "b"}
