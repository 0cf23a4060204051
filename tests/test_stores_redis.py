"""The store on Redis and Valkey: the contract of every store, its clients, and its failures."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import valkey
from store_contract import LONG, PassTime, StoreContract, won
from store_servers import SERVERS, StoreServer, answering, serving
from waiting import eventually

from jwt_wsgi.stores import MemoryStore, RedisStore, StoreUnavailable
from jwt_wsgi.testing import Clock

TESTS = Path(__file__).resolve().parent
#: A time-out that no call of a server that answers reaches, on a busy machine.
PATIENT = 30.0
#: A time-out that the tests wait for.
BRIEF = 0.05

REDIS_RETRY = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
VALKEY_RETRY = valkey.retry.Retry(valkey.backoff.NoBackoff(), 0)


def bounds(seconds: float) -> dict[str, Any]:
    return {"socket_timeout": seconds, "socket_connect_timeout": seconds}


def by_redis(port: int, seconds: float = PATIENT, **options: Any) -> redis.Redis:
    given = {**bounds(seconds), "retry": REDIS_RETRY, "protocol": 2, "max_connections": 1000}
    return redis.Redis(port=port, **{**given, **options})


def by_valkey(port: int, seconds: float = PATIENT, **options: Any) -> valkey.Valkey:
    return valkey.Valkey(port=port, **{**bounds(seconds), "retry": VALKEY_RETRY, **options})


STORES: dict[str, Callable[[int], Any]] = {
    "a URL": lambda port: f"redis://127.0.0.1:{port}/0",
    "redis-py": by_redis,
    "redis-py with RESP3": lambda port: by_redis(
        port,
        protocol=3,
        maint_notifications_config=redis.maint_notifications.MaintNotificationsConfig(
            enabled=False
        ),
    ),
    "valkey-py": by_valkey,
}


@pytest.fixture(scope="module", params=SERVERS)
def shared_server(request: pytest.FixtureRequest) -> Iterator[StoreServer]:
    with serving(request.param) as server:
        yield server


@pytest.fixture
def server(shared_server: StoreServer) -> StoreServer:
    shared_server.control.flushall()
    shared_server.control.config_set("maxmemory", "0")
    shared_server.control.config_set("maxmemory-policy", "noeviction")
    return shared_server


@pytest.fixture
def valkey_server() -> Iterator[StoreServer]:
    """A server that the test may stop."""
    with serving("valkey") as server:
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


def age(client: Any, seconds: float) -> None:
    """Shorten every expiry in a server or cluster, so that nothing depends on the machine's speed."""
    for key in client.keys("*", **on_all_nodes(client)):
        left = client.pttl(key)
        if left >= 0:
            client.pexpire(key, max(0, left - round(seconds * 1000)))


def on_all_nodes(client: Any) -> dict[str, Any]:
    """Return the option with which a command goes to all nodes of a cluster."""
    return {"target_nodes": client.PRIMARIES} if hasattr(client, "PRIMARIES") else {}


class TestRedisStore(StoreContract):
    """The contract, on each server through each client."""

    simultaneous = 100
    short = 60.0

    @pytest.fixture
    def pass_time(self, server: StoreServer) -> PassTime:
        return lambda seconds: age(server.control, seconds)

    @pytest.fixture(params=STORES.values(), ids=STORES)
    def store(self, server: StoreServer, request: pytest.FixtureRequest) -> RedisStore:
        return RedisStore(request.param(server.port), timeout=PATIENT)


def test_an_entry_ends_in_real_time(server: StoreServer) -> None:
    store = RedisStore(server.url, timeout=PATIENT)
    assert store.add("a", b"1", 0.05)
    store.set("b", b"1", 0.05)
    eventually(lambda: store.get_many(["a", "b"]) == [None, None])
    assert store.add("a", b"2", LONG)
    assert store.add("b", b"2", LONG)


# --- what is sent


def test_get_many_takes_one_round_trip() -> None:
    with answering(b"*3\r\n$1\r\n1\r\n$-1\r\n$0\r\n\r\n") as server:
        store = RedisStore(server.url, prefix="p:", timeout=PATIENT)
        assert store.get_many(["a", "b", "c"]) == [b"1", None, b""]
        assert server.commands == [[b"MGET", b"p:a", b"p:b", b"p:c"]]
        assert store.get_many([]) == []
        assert len(server.commands) == 1


@pytest.mark.parametrize(
    ("ttl", "milliseconds"),
    [(1e-9, 1), (0.0004, 1), (0.001, 1), (0.0011, 2), (1, 1000), (361.0, 361_000), (1e308, 10**15)],
)
def test_an_expiry_is_rounded_up_to_milliseconds(ttl: float, milliseconds: int) -> None:
    with answering(b"+OK\r\n") as server:
        store = RedisStore(server.url, timeout=PATIENT)
        assert store.add("a", b"1", ttl, owner="somebody")
        store.set("a", b"1", ttl)
        store.set("a", b"1", None)
        expiry = {b"PX", b"%d" % milliseconds}
        assert all(sent[:3] == [b"SET", b"jwt-wsgi:a", b"1"] for sent in server.commands)
        assert [set(sent[3:]) for sent in server.commands] == [{*expiry, b"NX"}, expiry, set()]


def test_the_longest_expiry_is_one_that_servers_take(server: StoreServer) -> None:
    assert RedisStore(server.url, timeout=PATIENT).add("a", b"", 1e308)
    assert server.control.pttl("jwt-wsgi:a") > 10**14


def test_two_prefixes_are_two_stores(server: StoreServer) -> None:
    one, two = (RedisStore(server.url, prefix=name, timeout=PATIENT) for name in ("1:", "2:"))
    assert one.add("a", b"1", LONG)
    assert two.add("a", b"2", LONG)
    assert one.get_many(["a"]) == [b"1"]


def test_a_key_may_hold_any_characters(server: StoreServer) -> None:
    store = RedisStore(server.url, timeout=PATIENT)
    for key in ("ä\n\0", "\ud800", "x y", ""):
        assert store.add(key, b"1", LONG)
        assert store.get_many([key]) == [b"1"]


def test_a_url_may_name_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    with serving("valkey", unixsocket=str(path)):
        store = RedisStore(f"unix://{path}", timeout=PATIENT)
        assert store.add("a", b"1", LONG)
        assert repr(store) == f"<RedisStore at {path}, prefix='jwt-wsgi:'>"


# --- options

INVALID: dict[str, dict[str, Any]] = {
    "a prefix that is octets": {"prefix": b"x"},
    "no prefix": {"prefix": None},
    "a time-out of 0": {"timeout": 0},
    "a negative time-out": {"timeout": -1},
    "an endless time-out": {"timeout": float("inf")},
    "no time-out": {"timeout": None},
    "a bool": {"timeout": True},
    "a clock that is a number": {"clock": 5.0},
}


@pytest.mark.parametrize("options", INVALID.values(), ids=INVALID)
def test_invalid_options_are_refused_with_a_remedy(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^(prefix|timeout|clock)=.*write "):
        RedisStore("redis://localhost", **options)


GOOD_URLS = (
    "redis://localhost",
    "redis://localhost:6380/",
    "redis://user:se%40cret@localhost:6380/3?client_name=api",
    "redis://:s%2Fecret@[::1]:6380",
    "rediss://localhost/1?ssl_cert_reqs=none",
    "valkey://localhost",
    "valkeys://localhost",
    "unix:///run/redis.sock?db=2&password=secret",
)


@pytest.mark.parametrize("url", GOOD_URLS)
def test_a_url_is_taken_without_connecting_and_without_showing_secrets(url: str) -> None:
    assert "secret" not in repr(RedisStore(url)).replace("%40", "").replace("%2F", "")


NAMES = {
    "redis://localhost": "at localhost:6379",
    "redis://api:secret@redis.example.com:6380/3": "at redis.example.com:6380",
    "unix:///run/redis.sock?password=secret": "at /run/redis.sock",
}


@pytest.mark.parametrize(("url", "name"), NAMES.items(), ids=NAMES)
def test_a_store_is_named_by_its_location(url: str, name: str) -> None:
    assert repr(RedisStore(url, prefix="p:")) == f"<RedisStore {name}, prefix='p:'>"


def test_the_scheme_tells_if_the_connection_is_encrypted() -> None:
    with answering(b"+OK\r\n") as server:
        for scheme in ("rediss", "valkeys"):
            store = RedisStore(server.url.replace("redis", scheme), timeout=0.2)
            with pytest.raises(StoreUnavailable):
                store.set("a", b"", None)
        assert server.commands == []
        RedisStore(server.url.replace("redis", "valkey"), timeout=PATIENT).set("a", b"", None)


BAD_URLS: dict[str, str] = {
    "no scheme": "localhost:6379",
    "another scheme": "http://:secret@localhost",
    "capitals": "REDIS://:secret@localhost",
    "a blank in front": " redis://:secret@localhost",
    "a line end": "redis://:sec\nret@localhost",
    "nothing": "",
    "no host": "redis://:secret@",
    "no host but a port": "redis://:6379",
    "a port that is no number": "redis://localhost:secret",
    "a port that is too large": "redis://localhost:66000",
    "a slash in the password": "redis://:123/secret@localhost",
    "a question mark in the password": "redis://user:123?secret@localhost",
    "a hash in the password": "redis://user:123#secret@localhost",
    "a database that is no number": "redis://localhost/secret",
    "two databases": "redis://localhost/1/2",
    "an unknown option": "redis://localhost?secret=1",
    "an option that is no number": "redis://localhost?socket_timeout=secret",
    "a socket without a path": "unix://",
    "a socket on a host": "unix://secret/run/redis.sock",
    "an invalid address": "redis://[::secret]",
    "a longer time-out": "redis://localhost?socket_timeout=5",
    "a longer time-out to connect": "redis://localhost?socket_connect_timeout=5",
    "no time-out": "redis://localhost?socket_timeout=inf",
    "decoded answers": "redis://localhost?decode_responses=yes",
    "another protocol": "redis://localhost?protocol=3",
}


@pytest.mark.parametrize("url", BAD_URLS.values(), ids=BAD_URLS)
def test_a_url_that_cannot_be_meant_is_refused_and_not_quoted(url: str) -> None:
    with pytest.raises(ValueError, match=r"^url_or_client=<(URL|client)>: ") as raised:
        RedisStore(url)
    assert "secret" not in "".join(traceback.format_exception(raised.value))


def test_the_package_needs_no_client_until_a_store_has_a_url(monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    script = """
import sys
import jwt_wsgi
from jwt_wsgi.stores import MemoryStore, RedisStore
assert not {"redis", "valkey"} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", script], check=True)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ValueError, match=r"install jwt-wsgi\[redis\]"):
        RedisStore("redis://localhost")


def test_a_client_of_valkey_needs_no_redis_py(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(b"+OK\r\n") as server:
        for name in [name for name in sys.modules if name.partition(".")[0] == "redis"]:
            monkeypatch.setitem(sys.modules, name, None)
        store = RedisStore(by_valkey(server.server_address[1]), timeout=PATIENT)
        assert store.add("a", b"", LONG)


# --- clients that are handed in


def blocking_pool(**options: Any) -> redis.Redis:
    given = {**bounds(0.1), "retry": REDIS_RETRY, "protocol": 2, **options}
    return redis.Redis(connection_pool=redis.BlockingConnectionPool(**given))


def of_sentinel(
    method: str = "master_for", sentinel: dict[str, Any] | None = None, **options: Any
) -> redis.Redis:
    given = {**bounds(0.1), "retry": REDIS_RETRY, "protocol": 2}
    sentinels = redis.Sentinel([("localhost", 26379)], sentinel_kwargs=sentinel or given)
    client: redis.Redis = getattr(sentinels, method)("main", **given, **options)
    return client


FITTING: dict[str, Callable[[], Any]] = {
    "redis-py": lambda: by_redis(1, 0.25),
    "redis-py without a Retry": lambda: by_redis(1, 0.25, retry=None),
    "redis-py by URL": lambda: redis.Redis.from_url("redis://h", **bounds(0.1), protocol=2),
    "redis-py on a socket": lambda: redis.Redis.from_url("unix:///s", **bounds(0.1), protocol=2),
    "redis-py by Sentinel": of_sentinel,
    "redis-py with a pool that waits": lambda: blocking_pool(timeout=0.2),
    "maintenance without a longer wait": lambda: by_redis(
        1,
        0.25,
        protocol=3,
        maint_notifications_config=redis.maint_notifications.MaintNotificationsConfig(
            relaxed_timeout=-1
        ),
    ),
    "valkey-py": lambda: by_valkey(1, 0.25),
    "valkey-py without a Retry": lambda: by_valkey(1, 0.25, retry=None),
    "a class of one's own": lambda: type("Own", (redis.Redis,), {})(
        **bounds(0.1), retry=None, protocol=2
    ),
}


@pytest.mark.parametrize("make", FITTING.values(), ids=FITTING)
def test_a_client_that_fits_is_taken_without_connecting(make: Callable[[], Any]) -> None:
    assert isinstance(RedisStore(make()), RedisStore)


def only_connecting_client() -> redis.Redis:
    return redis.Redis(socket_timeout=None, socket_connect_timeout=0.1, retry=None, protocol=2)


UNFIT: dict[str, tuple[Callable[[], Any], str]] = {
    "redis-py's defaults": (redis.Redis, "socket_timeout"),
    "valkey-py's defaults": (valkey.Valkey, "socket_timeout"),
    "a longer time-out": (lambda: by_redis(1, socket_timeout=0.3), "socket_timeout"),
    "no time-out": (only_connecting_client, "socket_timeout"),
    "a longer time-out to connect": (
        lambda: by_redis(1, 0.1, socket_connect_timeout=0.3),
        "socket_connect_timeout",
    ),
    "a time-out of 0": (lambda: by_redis(1, 0.1, socket_timeout=0), "socket_timeout"),
    "retries": (
        lambda: by_redis(1, 0.1, retry=redis.retry.Retry(redis.backoff.NoBackoff(), 1)),
        "Retry",
    ),
    "endless retries": (
        lambda: by_redis(1, 0.1, retry=redis.retry.Retry(redis.backoff.NoBackoff(), -1)),
        "Retry",
    ),
    "redis-py's retries": (lambda: redis.Redis(**bounds(0.1), protocol=2), "Retry"),
    "retries of valkey-py": (
        lambda: by_valkey(1, 0.1, retry=valkey.retry.Retry(valkey.backoff.NoBackoff(), 3)),
        "Retry",
    ),
    "a retry after a time-out": (
        lambda: by_valkey(1, 0.1, retry=None, retry_on_timeout=True),
        "Retry",
    ),
    "text": (lambda: by_redis(1, 0.1, decode_responses=True), "decode_responses"),
    "text of valkey-py": (lambda: by_valkey(1, 0.1, decode_responses=True), "decode_responses"),
    "a wait for a free connection": (lambda: blocking_pool(timeout=20), "pool"),
    "an endless wait for a free connection": (lambda: blocking_pool(timeout=None), "pool"),
    "a cache": (
        lambda: by_redis(1, 0.1, protocol=3, cache_config=redis.cache.CacheConfig()),
        "protocol=2|caching",
    ),
    "a cache, and no maintenance": (
        lambda: by_redis(
            1,
            0.1,
            protocol=3,
            cache_config=redis.cache.CacheConfig(),
            maint_notifications_config=redis.maint_notifications.MaintNotificationsConfig(
                enabled=False
            ),
        ),
        "caching",
    ),
    "a cache of valkey-py": (lambda: by_valkey(1, 0.1, cache_enabled=True, protocol=3), "caching"),
    "options that exclude each other": (
        lambda: by_valkey(1, 0.1, cache_enabled=True, protocol=2),
        "correct its options",
    ),
    "maintenance with a longer wait": (lambda: by_redis(1, 0.1, protocol=3), "protocol=2"),
    "a socket without a time-out to connect": (
        lambda: valkey.Valkey(unix_socket_path="/s", **bounds(0.1)),
        "socket_connect_timeout.*from_url",
    ),
    "a replica": (lambda: of_sentinel("slave_for"), "master_for"),
    "a Sentinel with longer time-outs": (
        lambda: of_sentinel(sentinel={"socket_timeout": 5, "protocol": 2}),
        "socket_timeout.*sentinel_kwargs",
    ),
    "a Sentinel with redis-py's retries": (
        lambda: of_sentinel(sentinel={**bounds(0.1), "protocol": 2}),
        "Retry.*sentinel_kwargs",
    ),
    "a Sentinel with longer waits in maintenance": (
        lambda: of_sentinel(sentinel={**bounds(0.1), "retry": REDIS_RETRY}),
        "protocol=2 in sentinel_kwargs",
    ),
    "a pipeline": (lambda: by_redis(1, 0.1).pipeline(), "synchronous client"),
    "a client of asyncio": (lambda: redis.asyncio.Redis(**bounds(0.1)), "synchronous client"),
    "a Sentinel": (lambda: redis.Sentinel([("localhost", 26379)]), "synchronous client"),
    "a store": (lambda: MemoryStore(), "synchronous client"),
    "None": (lambda: None, "synchronous client"),
    "octets": (lambda: b"redis://localhost", "synchronous client"),
}


@pytest.mark.parametrize(("make", "remedy"), UNFIT.values(), ids=UNFIT)
def test_a_client_that_may_wait_or_answer_for_itself_is_refused(
    make: Callable[[], Any], remedy: str
) -> None:
    with pytest.raises(ValueError, match=f"^url_or_client=<client>: .*({remedy})"):
        RedisStore(make())


def test_a_client_of_one_connection_is_refused(server: StoreServer) -> None:
    for client in (
        by_redis(server.port, single_connection_client=True),
        by_valkey(server.port, single_connection_client=True),
    ):
        with pytest.raises(ValueError, match="single_connection_client"):
            RedisStore(client, timeout=PATIENT)
        client.close()


# --- failures


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [f"{record.levelname} {record.getMessage()}" for record in caplog.records]


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "jwt_wsgi")
    return caplog


CALLS: dict[str, Callable[[RedisStore], object]] = {
    "get_many": lambda store: store.get_many(["a"]),
    "set": lambda store: store.set("a", b"1", 10),
    "add": lambda store: store.add("a", b"1", 10),
}


@pytest.mark.parametrize("connect", STORES.values(), ids=STORES)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_outage_is_unavailable_and_logged_when_it_begins_and_ends(
    valkey_server: StoreServer,
    connect: Callable[[int], Any],
    call: Callable[[RedisStore], object],
    clock: Clock,
    log: pytest.LogCaptureFixture,
) -> None:
    store = RedisStore(connect(valkey_server.port), timeout=PATIENT, clock=clock)
    call(store)
    valkey_server.stop()
    for _ in range(5):
        for _ in range(5):
            with pytest.raises(StoreUnavailable):
                call(store)
        clock.advance(1)
    [begin] = lines(log)
    assert begin.startswith("ERROR ")
    assert f"127.0.0.1:{valkey_server.port}" in begin.replace("localhost", "127.0.0.1")
    assert "ConnectionError" in begin
    valkey_server.start()
    for _ in range(5):
        call(store)
    [_, end] = lines(log)
    assert end.startswith("WARNING ")
    assert "works again" in end


def test_a_server_that_restarts_between_two_calls_is_no_outage(
    valkey_server: StoreServer, log: pytest.LogCaptureFixture
) -> None:
    store = RedisStore(valkey_server.url, timeout=PATIENT)
    store.set("a", b"1", None)
    valkey_server.stop()
    valkey_server.start()
    assert store.get_many(["a"]) == [None]
    assert lines(log) == []


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_server_that_hangs_is_waited_for_once(
    server: StoreServer, call: Callable[[RedisStore], object], clock: Clock
) -> None:
    store = RedisStore(server.url, timeout=BRIEF, clock=clock)
    with server.hanging():
        start = time.monotonic()
        with pytest.raises(StoreUnavailable, match="TimeoutError"):
            call(store)
        # Ten retries of redis-py's own would take 4 to 8 s.
        assert time.monotonic() - start < 3
        before = time.process_time()
        for _ in range(1000):
            with pytest.raises(StoreUnavailable):
                call(store)
        assert time.process_time() - before < 3
    clock.advance(1)
    eventually_works(lambda: call(store), clock)


def eventually_works(call: Callable[[], object], clock: Clock) -> None:
    """Call until the server answers: a time-out of a test is short for a busy machine."""
    for _ in range(100):
        try:
            call()
        except StoreUnavailable:
            clock.advance(1)
        else:
            return
    pytest.fail("the store stays unavailable")


@pytest.mark.parametrize("connect", STORES.values(), ids=STORES)
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_without_an_answer_is_sent_once(
    connect: Callable[[int], Any], call: Callable[[RedisStore], object], clock: Clock
) -> None:
    with answering(None) as server:
        client = connect(server.server_address[1])
        if not isinstance(client, str):
            client.connection_pool.connection_kwargs.update(bounds(BRIEF))
        store = RedisStore(client, timeout=BRIEF, clock=clock)
        # On a busy machine, connecting may take longer.
        while not server.commands:
            with pytest.raises(StoreUnavailable):
                call(store)
            clock.advance(1)
        assert len(server.commands) == 1


def test_a_broken_store_is_called_once_a_second(clock: Clock) -> None:
    with answering(b"?\r\n") as server:
        store = RedisStore(server.url, timeout=PATIENT, clock=clock)
        for number in range(1, 5):
            for _ in range(10):
                for call in CALLS.values():
                    with pytest.raises(StoreUnavailable):
                        call(store)
            assert len(server.commands) == number
            clock.advance(0.999)
            with pytest.raises(StoreUnavailable):
                store.get_many(["a"])
            assert len(server.commands) == number
            clock.now = 1000.0 + number


def test_one_of_many_threads_attempts_to_call_a_broken_store(clock: Clock) -> None:
    may_answer = threading.Event()

    def answer_late(command: list[bytes]) -> bytes:
        may_answer.wait(60)
        return b"?\r\n"

    with answering(answer_late) as server:
        store = RedisStore(server.url, timeout=PATIENT, clock=clock)
        may_answer.set()
        with pytest.raises(StoreUnavailable):
            store.get_many(["a"])
        may_answer.clear()
        clock.advance(1)
        refused: list[int] = []

        def call() -> bool:
            try:
                store.get_many(["a"])
            except StoreUnavailable:
                refused.append(1)
                # All but one are refused at once; then the one may be answered.
                if len(refused) == 19:
                    may_answer.set()
            return False

        won([call] * 20)
        assert len(refused) == 20
        assert len(server.commands) == 2


def test_all_calls_pass_again_after_one_success(clock: Clock) -> None:
    with answering(b"?\r\n") as server:
        store = RedisStore(server.url, timeout=PATIENT, clock=clock)
        with pytest.raises(StoreUnavailable):
            store.set("a", b"", 1)
        server.answer = lambda command: b"+OK\r\n"
        clock.advance(1)
        for _ in range(10):
            store.set("a", b"", 1)
        assert len(server.commands) == 11


def test_a_late_success_ends_the_attempts(clock: Clock) -> None:
    breaker_is_open = threading.Event()

    def answer(command: list[bytes]) -> bytes:
        if command[1].endswith(b"slow"):
            breaker_is_open.wait(60)
            return b"+OK\r\n"
        return b"?\r\n"

    with answering(answer) as server:
        store = RedisStore(server.url, timeout=PATIENT, clock=clock)
        slow = threading.Thread(target=lambda: store.set("slow", b"", None))
        slow.start()
        while not server.commands:
            time.sleep(0.001)
        with pytest.raises(StoreUnavailable):
            store.set("a", b"", None)
        breaker_is_open.set()
        slow.join()
        server.answer = lambda command: b"+OK\r\n"
        store.set("a", b"", None)


# --- answers


REFUSALS = {
    "no memory": b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    "a replica": b"-READONLY You can't write against a read only replica.\r\n",
    "no right": b"-NOPERM this user has no permissions to run the 'set' command\r\n",
    "no disk": b"-MISCONF Redis is configured to save RDB snapshots\r\n",
    "an unknown command": b"-ERR unknown command 'SET', with args beginning with: 'secret'\r\n",
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_server_that_refuses_writes_is_still_read(
    refusal: bytes, clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    def answer(command: list[bytes]) -> bytes:
        return refusal if command[0] == b"SET" else b"*1\r\n$1\r\n1\r\n"

    with answering(answer) as server:
        store = RedisStore(server.url, timeout=PATIENT, clock=clock)
        for number in range(1, 4):
            for _ in range(5):
                with pytest.raises(StoreUnavailable) as raised:
                    store.add("a", b"", 1)
                assert "secret" not in str(raised.value)
                assert store.get_many(["a"]) == [b"1"]
            clock.advance(1)
            assert [command[0] for command in server.commands].count(b"SET") == number
        [line] = lines(log)
        assert line.startswith("ERROR ")
        assert "secret" not in line
        server.answer = lambda command: b"+OK\r\n"
        assert store.add("a", b"", 1)
        assert len(lines(log)) == 2


def test_a_server_that_refuses_reads_is_still_written(clock: Clock) -> None:
    with answering(lambda command: b"+OK\r\n" if command[0] == b"SET" else b"-NOPERM no\r\n") as server:  # fmt: skip
        store = RedisStore(server.url, timeout=PATIENT, clock=clock)
        for _ in range(5):
            with pytest.raises(StoreUnavailable):
                store.get_many(["a"])
            store.set("a", b"", 1)
        assert len(server.commands) == 6


@pytest.mark.parametrize("answer", [b"-LOADING wait\r\n", b"-NOAUTH who\r\n", b"-ERR max number of clients reached\r\n"])  # fmt: skip
def test_a_server_that_refuses_everything_is_unavailable(answer: bytes) -> None:
    with answering(answer) as server:
        store = RedisStore(server.url, timeout=PATIENT)
        for call in CALLS.values():
            with pytest.raises(StoreUnavailable):
                call(store)


ODD = {
    "a number": b":1\r\n",
    "another word": b"+QUEUED\r\n",
    "no known type": b"?1\r\n",
    "another protocol": b"HTTP/1.1 400 Bad Request\r\n\r\n",
}


@pytest.mark.parametrize("call", [CALLS["set"], CALLS["add"]], ids=["set", "add"])
@pytest.mark.parametrize("answer", [*ODD.values(), b"*1\r\n$1\r\n1\r\n"], ids=[*ODD, "a list"])
def test_an_odd_answer_to_a_write_is_unavailable(
    answer: bytes, call: Callable[[RedisStore], object]
) -> None:
    with answering(answer) as server, pytest.raises(StoreUnavailable):
        call(RedisStore(server.url, timeout=PATIENT))


def test_a_set_that_wrote_nothing_is_unavailable() -> None:
    with answering(b"$-1\r\n") as server, pytest.raises(StoreUnavailable):
        RedisStore(server.url, timeout=PATIENT).set("a", b"", 1)


ODD_VALUES = {
    **ODD,
    "a text": b"$2\r\nOK\r\n",
    "nothing": b"$-1\r\n",
    "too few": b"*1\r\n$1\r\n1\r\n",
    "too many": b"*3\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n",
    "numbers": b"*2\r\n:1\r\n:2\r\n",
    "lists": b"*2\r\n*0\r\n*0\r\n",
}


@pytest.mark.parametrize("answer", ODD_VALUES.values(), ids=ODD_VALUES)
def test_an_odd_answer_to_a_read_is_unavailable(answer: bytes) -> None:
    with answering(answer) as server, pytest.raises(StoreUnavailable):
        RedisStore(server.url, timeout=PATIENT).get_many(["a", "b"])


class Interruption(BaseException):
    """Stands for `gevent.Timeout`, which is not an `Exception`."""


def test_an_interruption_passes_and_counts_as_a_failure(
    clock: Clock, log: pytest.LogCaptureFixture
) -> None:
    def interrupt(number: int, frame: object) -> None:
        raise Interruption

    is_silent = True

    def answer(command: list[bytes]) -> bytes | None:
        return None if is_silent else b"*1\r\n$1\r\n2\r\n"

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with answering(answer) as server:
            store = RedisStore(server.url, timeout=PATIENT, clock=clock)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(Interruption):
                store.get_many(["a"])
            with pytest.raises(StoreUnavailable):
                store.get_many(["a"])
            assert len(server.commands) == 1
            clock.advance(1)
            is_silent = False
            assert store.get_many(["a"]) == [b"2"]
            # The answer to the first call would come on its connection.
            assert len(set(server.connections)) == 2
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert "Interruption" in lines(log)[0]


# --- processes


def in_a_child(action: Callable[[], object]) -> None:
    """Run `action` in a child process, and check that it raises nothing."""
    child = os.fork()
    if child == 0:
        status = 1
        signal.alarm(60)
        try:
            action()
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("connect", STORES.values(), ids=STORES)
def test_a_child_has_a_connection_of_its_own(
    server: StoreServer, connect: Callable[[int], Any]
) -> None:
    store = RedisStore(connect(server.port), timeout=PATIENT)
    assert store.add("of the parent", b"1", LONG)

    def use() -> None:
        for number in range(100):
            assert store.add(f"child {number}", b"%d" % number, LONG)
            assert store.get_many([f"child {number}"]) == [b"%d" % number]
        in_a_child(lambda: store.add("of the grandchild", b"", LONG))

    in_a_child(use)
    for number in range(100):
        assert store.get_many([f"child {number}", "of the parent"]) == [b"%d" % number, b"1"]
    assert not store.add("of the grandchild", b"", LONG)


def test_a_child_does_not_inherit_an_outage(valkey_server: StoreServer, clock: Clock) -> None:
    valkey_server.stop()
    store = RedisStore(valkey_server.url, timeout=PATIENT, clock=clock)
    with pytest.raises(StoreUnavailable):
        store.set("a", b"", None)
    valkey_server.start()
    in_a_child(lambda: store.set("a", b"", None))


@pytest.mark.parametrize("by_url", [True, False], ids=["a URL", "a client"])
def test_another_process_takes_neither_connection_nor_outage(
    by_url: bool, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    with answering(b"+OK\r\n") as server:
        client = server.url if by_url else by_redis(server.server_address[1])
        store = RedisStore(client, timeout=PATIENT, clock=clock)
        store.set("a", b"", None)
        server.answer = lambda command: b"?\r\n"
        with pytest.raises(StoreUnavailable):
            store.set("a", b"", None)
        server.answer = lambda command: b"+OK\r\n"
        pid = os.getpid()
        with monkeypatch.context() as patch:
            patch.setattr("os.getpid", lambda: pid + 1)
            store.set("a", b"", None)
            store.set("a", b"", None)
        first, failed, other, again = server.connections
        assert first == failed
        assert other == again != first
        with pytest.raises(StoreUnavailable):
            store.set("a", b"", None)


def script(name: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(TESTS / name), *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS.parent}"}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )


@pytest.mark.slow
def test_one_of_1000_simultaneous_adds_of_8_processes_wins(server: StoreServer) -> None:
    adders = [script("store_adders.py", server.url, 125) for _ in range(8)]
    for adder in adders:
        assert adder.stdout is not None
        assert adder.stdout.readline() == "ready\n"
    outputs: list[str] = []
    threads = [
        threading.Thread(target=lambda adder=adder: outputs.append(adder.communicate("go\n")[0]))
        for adder in adders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outputs) == ["0 of 125\n"] * 7 + ["1 of 125\n"]


@pytest.mark.slow
def test_under_gevent_a_call_that_waits_stops_no_other_greenlet(server: StoreServer) -> None:
    with answering(None) as silent:
        worker = script("store_greenlets.py", server.url, silent.url)
        output, _ = worker.communicate(timeout=60)
        assert worker.returncode == 0
        assert output == "1 of 100 adds\nticked\ntimed out\nrefused\n"
        assert len(silent.commands) == 1


# --- secrets


def test_no_password_is_shown_or_logged(
    valkey_server: StoreServer, log: pytest.LogCaptureFixture, clock: Clock
) -> None:
    address = f"127.0.0.1:{valkey_server.port}"
    valkey_server.control.config_set("requirepass", "right-secret")
    good = RedisStore(f"redis://:right-secret@{address}", timeout=PATIENT)
    assert good.add("a", b"", LONG)
    assert repr(good) == f"<RedisStore at {address}, prefix='jwt-wsgi:'>"
    for userinfo in (":wrong-secret@", "user:wrong-secret@", ""):
        store = RedisStore(f"redis://{userinfo}{address}", timeout=PATIENT, clock=clock)
        with pytest.raises(StoreUnavailable) as raised:
            store.add("b", b"", LONG)
        shown = "".join(traceback.format_exception(raised.value))
        assert "secret" not in f"{shown}{store!r}{store.warnings()}"
    assert len(lines(log)) == 3
    assert "secret" not in str(lines(log))


# --- memory


def fill(store: RedisStore, server: StoreServer) -> int:
    """Add entries until the server has refused or evicted one, and return how many were added."""
    for number in range(100_000):
        try:
            store.add(f"{number}", b"x" * 10_000, LONG)
        except StoreUnavailable:
            return number
        if number % 10 == 0 and server.control.info("stats")["evicted_keys"]:
            return number
    raise AssertionError("the server is never full")


def limit_memory(server: StoreServer, policy: str) -> None:
    server.control.config_resetstat()
    used = server.control.info("memory")["used_memory"]
    server.control.config_set("maxmemory-policy", policy)
    server.control.config_set("maxmemory", str(used + 4_000_000))


def test_a_full_server_without_eviction_refuses_and_forgets_nothing(server: StoreServer) -> None:
    store = RedisStore(server.url, timeout=PATIENT)
    limit_memory(server, "noeviction")
    count = fill(store, server)
    assert count > 10
    assert None not in store.get_many([f"{number}" for number in range(count)])
    assert store.warnings() == []


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_full_server_with_eviction_forgets_and_is_warned_of(
    server: StoreServer, policy: str
) -> None:
    store = RedisStore(server.url, timeout=PATIENT)
    limit_memory(server, policy)
    count = fill(store, server)
    assert None in store.get_many([f"{number}" for number in range(count)])
    [warning] = store.warnings()
    assert policy in warning
    assert "noeviction" in warning


@pytest.mark.parametrize("connect", STORES.values(), ids=STORES)
def test_every_client_can_ask_for_the_eviction_policy(
    server: StoreServer, connect: Callable[[int], Any]
) -> None:
    store = RedisStore(connect(server.port), timeout=PATIENT)
    assert store.warnings() == []
    server.control.config_set("maxmemory-policy", "allkeys-lfu")
    assert "allkeys-lfu" in store.warnings()[0]


def test_a_server_that_does_not_tell_its_policy_is_warned_of(server: StoreServer) -> None:
    server.control.acl_setuser("api", enabled=True, reset=True, passwords=["+secret"], keys=["*"], categories=["+@all"], commands=["-config"])  # fmt: skip
    store = RedisStore(f"redis://api:secret@127.0.0.1:{server.port}", timeout=PATIENT)
    [warning] = store.warnings()
    assert "does not tell" in warning
    # A question that was refused keeps no call away.
    assert store.get_many(["a"]) == [None]


@pytest.mark.parametrize("answer", [b"*0\r\n", b":1\r\n"], ids=["no setting", "a number"])
def test_a_server_with_an_odd_policy_is_warned_of(answer: bytes) -> None:
    with answering(answer) as server:
        [warning] = RedisStore(server.url, timeout=PATIENT).warnings()
        assert "did not tell" in warning


# --- several servers


@pytest.fixture(scope="module")
def cluster_port() -> Iterator[int]:
    """A cluster of two nodes, of which each holds half of the slots."""
    with serving("valkey", cluster_enabled="yes") as one, serving("valkey", cluster_enabled="yes") as two:  # fmt: skip
        for server, first, last in ((one, 0, 8191), (two, 8192, 16383)):
            server.control.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
        one.control.execute_command("CLUSTER", "MEET", "127.0.0.1", two.port)
        for server in (one, two):
            while server.control.execute_command("CLUSTER INFO")["cluster_state"] != "ok":
                time.sleep(0.05)
        yield one.port


def redis_cluster(port: int, **options: Any) -> redis.RedisCluster:
    given = {**bounds(PATIENT), "retry": REDIS_RETRY, "protocol": 2}
    return redis.RedisCluster(host="127.0.0.1", port=port, **{**given, **options})


def valkey_cluster(port: int, **options: Any) -> valkey.ValkeyCluster:
    given = {**bounds(PATIENT), "cluster_error_retry_attempts": 0}
    return valkey.ValkeyCluster(host="127.0.0.1", port=port, **{**given, **options})


CLUSTERS: dict[str, Callable[..., Any]] = {"redis-py": redis_cluster, "valkey-py": valkey_cluster}


class TestRedisStoreOnACluster(StoreContract):
    """The contract, on a cluster of two nodes."""

    simultaneous = 50
    short = 60.0

    @pytest.fixture(params=CLUSTERS.values(), ids=CLUSTERS)
    def client(self, cluster_port: int, request: pytest.FixtureRequest) -> Any:
        client = request.param(cluster_port)
        client.flushall(target_nodes=client.PRIMARIES)
        return client

    @pytest.fixture
    def store(self, client: Any) -> RedisStore:
        return RedisStore(client, timeout=PATIENT)

    @pytest.fixture
    def pass_time(self, client: Any) -> PassTime:
        return lambda seconds: age(client, seconds)


@pytest.mark.parametrize("connect", CLUSTERS.values(), ids=CLUSTERS)
def test_the_keys_of_a_cluster_are_on_all_nodes(
    cluster_port: int, connect: Callable[..., Any]
) -> None:
    client = connect(cluster_port)
    client.flushall(target_nodes=client.PRIMARIES)
    store = RedisStore(client, timeout=PATIENT)
    for number in range(100):
        store.add(f"k{number}", b"%d" % number, LONG)
    sizes = client.dbsize(target_nodes=client.PRIMARIES)
    assert sizes == 100
    keys = [f"k{number}" for number in range(100)]
    assert store.get_many(keys) == [b"%d" % number for number in range(100)]
    assert store.warnings() == []
    assert repr(store) == "<RedisStore of the cluster, prefix='jwt-wsgi:'>"
    with pytest.raises(ValueError, match=r"^prefix=.*: leave "):
        RedisStore(client, prefix="{jwt}:", timeout=PATIENT)


@pytest.mark.parametrize(
    ("connect", "options", "remedy"),
    [
        pytest.param(redis_cluster, {"retry": None}, "Retry", id="redis-py's retries"),
        pytest.param(
            valkey_cluster,
            {"cluster_error_retry_attempts": 3},
            "cluster_error_retry_attempts",
            id="valkey-py's retries",
        ),
        pytest.param(
            redis_cluster,
            {"load_balancing_strategy": redis.cluster.LoadBalancingStrategy.ROUND_ROBIN},
            "replica",
            id="replicas",
        ),
        pytest.param(valkey_cluster, {"read_from_replicas": True}, "replica", id="replicas too"),
        pytest.param(redis_cluster, {"socket_timeout": 60}, "socket_timeout", id="time-outs"),
        pytest.param(valkey_cluster, {"socket_timeout": None}, "socket_timeout", id="no time-out"),
    ],
)
def test_a_cluster_that_may_wait_is_refused(
    cluster_port: int, connect: Callable[..., Any], options: dict[str, Any], remedy: str
) -> None:
    with pytest.raises(ValueError, match=f"^url_or_client=<client>: .*{remedy}"):
        RedisStore(connect(cluster_port, **options), timeout=PATIENT)


def test_a_pipeline_of_a_cluster_is_refused(cluster_port: int) -> None:
    with pytest.raises(ValueError, match="synchronous client"):
        RedisStore(redis_cluster(cluster_port).pipeline(), timeout=PATIENT)
