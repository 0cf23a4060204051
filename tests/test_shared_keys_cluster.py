"""One fetch for a cluster: real processes, a real store, and an issuer that counts its requests."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
from fault_server import REFUSE, FaultServer
from redis.backoff import NoBackoff
from redis.retry import Retry
from shared_keys_worker import WorkerProcess
from store_servers import StoreServer, serving
from waiting import eventually, idle

from jwt_wsgi import KeysUnavailable, RemoteJWKS
from jwt_wsgi.jwks.sealed import Seal, SharedSet
from jwt_wsgi.stores import RedisStore
from jwt_wsgi.testing import SigningKey

pytestmark = pytest.mark.slow

SECRET = "s" * 32
KEYS = {kid: SigningKey("ES256", kid) for kid in "ab"}
Start = Callable[..., list[WorkerProcess]]


@pytest.fixture(scope="module")
def running_store() -> Iterator[StoreServer]:
    with serving("valkey") as server:
        yield server


@pytest.fixture
def store(running_store: StoreServer) -> StoreServer:
    running_store.control.flushall()
    return running_store


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    with FaultServer(tmp_path_factory.mktemp("faults")) as started:
        yield started


@pytest.fixture
def issuer(endpoint: FaultServer) -> Iterator[FaultServer]:
    endpoint.reset()
    publish(endpoint, "a")
    yield endpoint
    endpoint.reset()


@pytest.fixture
def start(store: StoreServer, issuer: FaultServer) -> Iterator[Start]:
    with contextlib.ExitStack() as stack:

        def begin(count: int = 1, **options: Any) -> list[WorkerProcess]:
            given = {"uri": issuer.url(), "store": store.url, "secret": SECRET, "timeout": 20}
            processes = [WorkerProcess(**{**given, **options}) for _ in range(count)]
            return [stack.enter_context(process) for process in processes]

        yield begin


def publish(issuer: FaultServer, *kids: str) -> None:
    issuer.publish({"keys": [KEYS[kid].jwk for kid in kids]})


def ask_all(workers: list[WorkerProcess], *command: str) -> list[Any]:
    """Send a command to all workers at the same time."""
    for worker in workers:
        worker.tell(*command)
    return [worker.answer() for worker in workers]


@pytest.fixture
def source(issuer: FaultServer, store: StoreServer) -> Iterator[Callable[[], RemoteJWKS]]:
    """Return a function that makes a source of this process."""
    with contextlib.ExitStack() as stack:

        def make() -> RemoteJWKS:
            client = redis.Redis(
                port=store.port,
                socket_timeout=0.25,
                socket_connect_timeout=0.25,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
            )
            stack.callback(client.close)
            shared = RedisStore(client)
            return RemoteJWKS(issuer.url(), store=shared, sealing_keys=[SECRET], timeout=20)

        yield make


def entry(store: StoreServer) -> bytes:
    """Return the name of the one set that is in the store, once it is there."""
    eventually(lambda: store.control.keys("*:set"))
    [name] = store.control.keys("*:set")
    return bytes(name)


@pytest.mark.parametrize("fault", ["fine", "late"])
def test_eight_cold_workers_make_one_fetch(fault: str, start: Start, issuer: FaultServer) -> None:
    issuer.fail(fault)
    workers = start(8)
    assert ask_all(workers, "warm") == [True] * 8
    assert issuer.counted() == 1
    outcomes = sorted(outcome for worker in workers for outcome in worker.outcomes)
    assert outcomes == ["ok"] + ["shared"] * 7


def test_a_rotation_costs_one_fetch(start: Start, issuer: FaultServer) -> None:
    workers = start(8)
    ask_all(workers, "warm")
    publish(issuer, "a", "b")
    assert ask_all(workers, "find", "b") == ["found"] * 8
    assert issuer.counted() == 2


def test_a_cold_start_works_while_the_issuer_is_down(
    start: Start, store: StoreServer, issuer: FaultServer
) -> None:
    first = start()[0]
    assert first.ask("find", "a") == "found"
    assert entry(store)
    first.process.kill()
    issuer.fail(REFUSE)
    workers = start(3)
    assert ask_all(workers, "find", "a") == ["found"] * 3
    assert issuer.counted() == 1


def test_a_lease_whose_holder_was_killed_expires(start: Start, issuer: FaultServer) -> None:
    issuer.fail("hang_before_headers")
    holder = start(timeout=1)[0]
    holder.tell("warm")
    eventually(lambda: issuer.counted() == 1)
    holder.process.kill()
    issuer.fail("fine")
    other = start(timeout=10)[0]
    began = time.monotonic()
    assert other.ask("find", "a") == "found"
    assert time.monotonic() - began < 9
    assert issuer.counted() == 2


def test_a_revocation_reaches_other_processes_within_seconds(
    start: Start, issuer: FaultServer
) -> None:
    publish(issuer, "a", "b")
    workers = start(3)
    ask_all(workers, "warm")
    workers[0].ask("revoke", "b")
    began = time.monotonic()
    eventually(lambda: ask_all(workers, "find", "b") == ["unknown"] * 3, pause=0.1)
    assert time.monotonic() - began < 15
    assert start()[0].ask("find", "b") == "unknown"
    assert ask_all(workers, "find", "a") == ["found"] * 3
    assert issuer.counted() == 1


def test_workers_fetch_for_themselves_while_the_store_is_stopped(
    start: Start, store: StoreServer, issuer: FaultServer
) -> None:
    store.stop()
    try:
        workers = start(3)
        assert ask_all(workers, "find", "a") == ["found"] * 3
        assert issuer.counted() == 3
        assert [len(worker.warnings) for worker in workers] == [1] * 3
    finally:
        store.start()
    eventually(
        lambda: ask_all(workers, "find", "a") == ["found"] * 3 and store.control.keys("*:set"),
        pause=0.2,
    )
    assert start()[0].ask("find", "a") == "found"
    assert issuer.counted() == 3, "a worker has written the set that it holds"


def test_a_store_that_hangs_delays_the_first_fetch_within_its_time_out(
    start: Start, store: StoreServer, issuer: FaultServer
) -> None:
    worker = start(timeout=10)[0]
    with store.hanging():
        began = time.monotonic()
        assert worker.ask("find", "a") == "found"
        assert time.monotonic() - began < 5
    assert issuer.counted() == 1


@pytest.mark.parametrize("poison", [b"", b"\x01" + b"x" * 200, b"x" * 2_000_000], ids=len)
def test_a_poisoned_store_costs_one_line_and_a_fetch(
    poison: bytes, start: Start, store: StoreServer, issuer: FaultServer
) -> None:
    start()[0].ask("warm")
    store.control.set(entry(store), poison)
    worker = start()[0]
    assert worker.ask("find", "a") == "found"
    eventually(lambda: store.control.get(entry(store)) != poison)
    assert (issuer.counted(), len(worker.warnings)) == (2, 1)


def test_a_set_that_was_sealed_with_another_secret_is_not_believed(
    start: Start, store: StoreServer, issuer: FaultServer
) -> None:
    start(secret="x" * 32)[0].ask("warm")
    assert entry(store)
    publish(issuer, "b")
    assert start()[0].ask("find", "b") == "found"
    assert issuer.counted() == 2


def test_a_set_of_another_issuer_does_not_pass(
    start: Start, store: StoreServer, issuer: FaultServer
) -> None:
    issuer.publish({"keys": [KEYS["b"].jwk]}, "/other")
    start(uri=issuer.url(path="/other"))[0].ask("warm")
    other = entry(store)
    start()[0].ask("warm")
    eventually(lambda: len(store.control.keys("*:set")) == 2)
    [own] = [name for name in store.control.keys("*:set") if name != other]
    store.control.copy(other, own, replace=True)
    worker = start()[0]
    assert (worker.ask("find", "b"), worker.ask("find", "a")) == ("unknown", "found")
    assert len(worker.warnings) == 1


def test_a_rollback_is_refused_by_workers_that_have_seen_more(
    start: Start, store: StoreServer, issuer: FaultServer
) -> None:
    worker = start()[0]
    worker.ask("warm")
    name = entry(store)
    before = store.control.get(name)
    publish(issuer, "b")
    assert worker.ask("find", "b") == "found"
    eventually(lambda: store.control.get(name) != before)
    store.control.set(name, before)
    eventually(
        lambda: worker.ask("find", "b") == "found" and store.control.get(name) != before, pause=0.2
    )
    assert worker.ask("find", "a") == "unknown"
    assert len(worker.warnings) == 1


def test_a_set_from_the_future_is_refused(
    start: Start, store: StoreServer, issuer: FaultServer
) -> None:
    start()[0].ask("warm")
    name = entry(store)
    body = json.dumps({"keys": [KEYS["b"].jwk]}).encode()
    shared = SharedSet(time.time() + 3600, 600, frozenset(), body)
    seal = Seal(f"uri {issuer.url()}", [SECRET.encode()], 524288)
    store.control.set(name, seal.close(shared))
    assert start()[0].ask("find", "a") == "found"
    assert issuer.counted() == 2


def test_the_set_expires_in_the_store_with_its_stale_window(
    start: Start, store: StoreServer
) -> None:
    start(cache_ttl=100, stale_for=50)[0].ask("warm")
    assert 100 < store.control.ttl(entry(store)) <= 150
    eventually(lambda: not store.control.keys("*:lease"))


@pytest.mark.filterwarnings("ignore:This process .*fork:DeprecationWarning")
def test_forked_workers_share_what_their_parent_fetched(
    source: Callable[[], RemoteJWKS], issuer: FaultServer
) -> None:
    keys = source()
    assert keys.warm_up().usable
    idle()
    children = []
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            status = 1
            with contextlib.suppress(KeysUnavailable):
                found = keys.find("a", "ES256") and source().find("a", "ES256")
                status = int(not found)
            os._exit(status)
        children.append(pid)
    ends = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    assert (ends, issuer.counted()) == ([0] * 4, 1)


def test_threads_of_a_cold_process_make_one_fetch(
    source: Callable[[], RemoteJWKS], issuer: FaultServer
) -> None:
    sources = [source() for _ in range(4)]
    together = threading.Barrier(16)
    answers: list[bool] = []

    def ask(keys: RemoteJWKS) -> None:
        together.wait(20)
        answers.append(bool(keys.find("a", "ES256")))

    threads = [threading.Thread(target=ask, args=(keys,)) for keys in sources * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    idle()
    assert (answers, issuer.counted()) == ([True] * 16, 1)
