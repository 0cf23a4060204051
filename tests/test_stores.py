"""The store in memory: the contract of every store, its bounds, its owners' shares, and what a call costs."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from counting import calls
from hypothesis import example, given
from hypothesis import strategies as st
from store_contract import PassTime, StoreContract

from jwt_wsgi.stores import MemoryStore, StoreUnavailable
from jwt_wsgi.testing import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


class TestMemoryStore(StoreContract):
    """The contract, on a clock that the test moves."""

    @pytest.fixture
    def store(self, clock: Clock) -> MemoryStore:
        return MemoryStore(clock=clock)

    @pytest.fixture
    def pass_time(self, clock: Clock) -> PassTime:
        return clock.advance


class TestMemoryStoreInRealTime(StoreContract):
    """The contract, on the clock that is the default."""

    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()


async def not_a_clock() -> float:
    return 0.0


INVALID: dict[str, dict[str, Any]] = {
    "no entries": {"max_entries": 0},
    "fewer": {"max_entries": -1},
    "a float": {"max_entries": 10.0},
    "a bool": {"max_entries": True},
    "a text": {"max_entries": "10"},
    "None": {"max_entries": None},
    "a clock that is a number": {"clock": 5.0},
    "a clock that is a coroutine function": {"clock": not_a_clock},
}


@pytest.mark.parametrize("options", INVALID.values(), ids=INVALID)
def test_invalid_options_are_refused_with_a_remedy(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^(max_entries|clock)=.*write "):
        MemoryStore(**options)
    assert asyncio.run(not_a_clock()) == 0


def test_an_entry_lives_until_exactly_its_expiry(clock: Clock) -> None:
    store = MemoryStore(clock=clock)
    store.add("a", b"1", 10)
    clock.advance(9.999)
    assert store.get_many(["a"]) == [b"1"]
    assert not store.add("a", b"2", 10)
    clock.now = 1010.0
    assert store.get_many(["a"]) == [None]
    assert store.add("a", b"2", 10)


# --- the bound


def fill(store: MemoryStore, count: int, ttl: float = 10, owner: str | None = None, name: str = "k") -> None:  # fmt: skip
    for number in range(count):
        assert store.add(f"{name}{number}", b"1", ttl, owner)


def test_a_store_full_of_live_entries_refuses_and_evicts_none(clock: Clock) -> None:
    store = MemoryStore(10, clock=clock)
    fill(store, 10)
    for write in (store.add, store.set):
        with pytest.raises(StoreUnavailable):
            write("new", b"1", 10)
    assert store.get_many([f"k{number}" for number in range(10)]) == [b"1"] * 10
    assert store.get_many(["new"]) == [None]


def test_a_full_store_still_recognises_and_replaces_its_entries(clock: Clock) -> None:
    store = MemoryStore(10, clock=clock)
    fill(store, 10)
    assert not store.add("k3", b"2", 10)
    store.set("k3", b"3", None)
    assert store.get_many(["k3"]) == [b"3"]


@pytest.mark.parametrize("write", [MemoryStore.add, MemoryStore.set])
def test_everything_expired_is_dropped_before_anything_is_refused(clock: Clock, write: Callable[..., object]) -> None:  # fmt: skip
    store = MemoryStore(50, clock=clock)
    fill(store, 49)
    store.set("last", b"", 20)
    clock.advance(10)
    for number in range(49):
        write(store, f"new{number}", b"1", 20)
    with pytest.raises(StoreUnavailable):
        write(store, "one more", b"1", 20)


def test_entries_that_never_expire_count(clock: Clock) -> None:
    store = MemoryStore(2, clock=clock)
    store.set("a", b"1", None)
    store.set("b", b"1", None)
    clock.advance(1e9)
    with pytest.raises(StoreUnavailable):
        store.add("c", b"1", 1)
    assert store.get_many(["a", "b"]) == [b"1", b"1"]


def test_room_is_also_found_behind_expiries_that_were_overwritten(clock: Clock) -> None:
    store = MemoryStore(2, clock=clock)
    for number in range(20):
        store.set("a", b"1", 1 + number / 10)
    store.set("a", b"2", None)
    store.set("b", b"1", 5)
    clock.advance(10)
    assert store.add("c", b"1", 5)
    assert store.get_many(["a", "b", "c"]) == [b"2", None, b"1"]


def test_expiries_keep_their_order_when_one_is_overwritten_often(clock: Clock) -> None:
    store = MemoryStore(3, clock=clock)
    store.set("a", b"1", 30)
    store.set("b", b"1", 10)
    for _ in range(100):
        store.set("c", b"1", 20)
    clock.advance(15)
    assert store.add("d", b"1", 30)
    assert store.get_many(["a", "b", "c", "d"]) == [b"1", None, b"1", b"1"]


class Model:
    """The same store, written plainly."""

    def __init__(self, max_entries: int) -> None:
        self.max_entries = max_entries
        self.entries: dict[str, tuple[float, bytes, str | None]] = {}

    def drop_expired(self, now: float) -> None:
        self.entries = {key: entry for key, entry in self.entries.items() if now < entry[0]}

    def set(self, now: float, key: str, value: bytes, ttl: float | None) -> object:
        if key not in self.entries and len(self.entries) >= self.max_entries:
            return "unavailable"
        self.entries[key] = (float("inf") if ttl is None else now + ttl, value, None)
        return None

    def add(self, now: float, key: str, value: bytes, ttl: float, owner: str | None) -> object:
        if key in self.entries:
            return False
        share = sum(entry[2] == owner for entry in self.entries.values())
        is_half_full = len(self.entries) >= self.max_entries / 2
        is_too_many = owner is not None and is_half_full and share > self.max_entries / 10
        if len(self.entries) >= self.max_entries or is_too_many:
            return "unavailable"
        self.entries[key] = (now + ttl, value, owner)
        return True


KEYS = [f"k{number}" for number in range(20)]
TTLS = st.sampled_from([0.5, 1.0, 3.0, 10.0])
STEPS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(KEYS), TTLS, st.sampled_from([None, "", "o", "p"])),
    st.tuples(st.just("set"), st.sampled_from(KEYS), st.one_of(st.none(), TTLS), st.none()),
    st.tuples(st.just("move"), st.none(), st.sampled_from([0.25, 0.5, 2.0, 20.0]), st.none()),
)


def attempt(write: Callable[..., object], *arguments: object) -> object:
    try:
        return write(*arguments)
    except StoreUnavailable:
        return "unavailable"


@given(st.lists(STEPS, max_size=120), st.sampled_from([1, 4, 10, 15, 100]))
@example([("set", "k0", None, None), ("add", "k1", 0.5, ""), ("add", "k2", 0.5, "")], 4)
def test_any_sequence_of_calls_is_answered_as_by_a_plain_model(steps: list[Any], max_entries: int) -> None:  # fmt: skip
    clock = Clock(1000.0)
    store = MemoryStore(max_entries, clock=clock)
    model = Model(max_entries)
    for number, (kind, key, seconds, owner) in enumerate(steps):
        value = b"%d" % number
        if kind == "move":
            clock.advance(seconds)
        model.drop_expired(clock.now)
        if kind == "set":
            expected = model.set(clock.now, key, value, seconds)
            assert attempt(store.set, key, value, seconds) == expected
        elif kind == "add":
            expected = model.add(clock.now, key, value, seconds, owner)
            assert attempt(store.add, key, value, seconds, owner) == expected
        values = [model.entries[key][1] if key in model.entries else None for key in KEYS]
        assert store.get_many(KEYS) == values


# --- owners


def test_an_owner_of_more_than_a_tenth_is_refused_once_the_store_is_half_full(clock: Clock) -> None:  # fmt: skip
    store = MemoryStore(100, clock=clock)
    fill(store, 49, owner="greedy", name="g")
    fill(store, 1, owner="honest", name="h")
    with pytest.raises(StoreUnavailable):
        store.add("g49", b"", 10, "greedy")
    assert not store.add("g0", b"", 10, "greedy")
    assert store.add("h1", b"", 10, "honest")
    assert store.add("another", b"", 10, "another")
    assert store.add("of nobody", b"", 10)


def test_an_empty_name_is_an_owner_like_any_other(clock: Clock) -> None:
    store = MemoryStore(100, clock=clock)
    fill(store, 50, owner="")
    with pytest.raises(StoreUnavailable):
        store.add("new", b"", 10, "")


def test_an_owner_may_hold_a_tenth_and_the_next_entry(clock: Clock) -> None:
    store = MemoryStore(100, clock=clock)
    fill(store, 80)
    fill(store, 11, owner="o", name="o")
    with pytest.raises(StoreUnavailable):
        store.add("o11", b"", 10, "o")


def test_a_share_ends_with_its_entries(clock: Clock) -> None:
    store = MemoryStore(100, clock=clock)
    fill(store, 45, owner="o", name="o")
    fill(store, 40, ttl=1000)
    clock.advance(10)
    fill(store, 11, owner="o", name="p")
    with pytest.raises(StoreUnavailable):
        store.add("p11", b"", 10, "o")


def test_an_entry_that_is_replaced_leaves_its_owners_share(clock: Clock) -> None:
    store = MemoryStore(100, clock=clock)
    fill(store, 50, owner="o", name="o")
    for number in range(40):
        store.set(f"o{number}", b"", 10)
    assert store.add("o50", b"", 10, "o")


def test_a_store_of_owners_that_come_and_go_keeps_nothing_of_them(clock: Clock) -> None:
    store = MemoryStore(10, clock=clock)

    def come_and_go() -> None:
        for number in range(3000):
            store.add(f"{number}", b"", 1, f"owner {number}")
            clock.advance(1)

    assert growth(come_and_go) < 20_000


# --- memory and work


def growth(work: Callable[[], object]) -> int:
    """Return by how many bytes the memory grows while something is done."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        work()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


OVERWRITES: dict[str, Callable[[int], float | None]] = {
    "the same expiry": lambda number: 86_400.0,
    "later and later": lambda number: 1000.0 + number,
    "sooner and sooner": lambda number: 100_000.0 - number,
    "long and short": lambda number: 86_400.0 if number % 2 else 0.001,
    "never and long": lambda number: 86_400.0 if number % 2 else None,
}


@pytest.mark.parametrize("ttl", OVERWRITES.values(), ids=OVERWRITES)
def test_overwriting_an_entry_again_and_again_takes_no_memory(clock: Clock, ttl: Callable[[int], float | None]) -> None:  # fmt: skip
    store = MemoryStore(clock=clock)
    store.set("never", b"1", None)

    def overwrite() -> None:
        for number in range(5000):
            store.set("a", b"%d" % number * 1000, ttl(number))
            clock.advance(0.01)

    assert growth(overwrite) < 30_000
    assert store.get_many(["never"]) == [b"1"]


@pytest.mark.slow
@pytest.mark.parametrize(("owners", "most"), [(0, 300), (200_000, 360)])
def test_an_entry_takes_at_most_some_350_bytes(clock: Clock, owners: int, most: int) -> None:
    store = MemoryStore(1_000_000, clock=clock)

    def fill_it() -> None:
        for number in range(200_000):
            clock.advance(1 / 2700)
            owner = f"{number % owners:043}" if owners else None
            store.add(f"{number:043}", b"", 361, owner)

    assert growth(fill_it) / 200_000 <= most


@pytest.mark.counts_calls
def test_no_call_pays_for_everything_that_has_expired(clock: Clock) -> None:
    store = MemoryStore(20_000, clock=clock)
    fill(store, 10_000, owner="o")
    clock.advance(100)
    assert calls(lambda: store.add("new", b"", 10, "p")) < 100
    assert calls(lambda: store.set("newer", b"", 10)) < 100
    assert calls(lambda: store.get_many(["new"])) < 20


@pytest.mark.counts_calls
def test_a_refusal_of_a_full_store_costs_no_sweep_but_the_first(clock: Clock) -> None:
    store = MemoryStore(5000, clock=clock)
    fill(store, 4000, ttl=10)
    fill(store, 1000, ttl=100, name="long")
    clock.advance(50)
    fill(store, 4000, ttl=10, name="next")
    with pytest.raises(StoreUnavailable):
        store.add("x", b"", 10)
    assert calls(lambda: attempt(store.add, "x", b"", 10)) < 100


def test_expired_entries_become_fewer_while_new_ones_come(clock: Clock) -> None:
    store = MemoryStore(10_000, clock=clock)

    def fill_again_and_again() -> None:
        for name in range(4):
            fill(store, 2000, name=f"{name}:{'k' * 40}")
            clock.advance(100)

    assert growth(fill_again_and_again) < 2000 * 350


# --- threads and processes


def test_reading_waits_for_nobody(clock: Clock) -> None:
    is_writing = threading.Event()
    may_go_on = threading.Event()
    writer_clock = threading.local()

    def slow_clock() -> float:
        if getattr(writer_clock, "is_slow", False):
            is_writing.set()
            may_go_on.wait(10)
        return clock()

    store = MemoryStore(clock=slow_clock)
    store.set("a", b"1", None)

    def write() -> None:
        writer_clock.is_slow = True
        store.set("b", b"1", None)

    writer = threading.Thread(target=write)
    writer.start()
    assert is_writing.wait(10)
    assert store.get_many(["a", "b"]) == [b"1", None]
    may_go_on.set()
    writer.join()
    assert store.get_many(["b"]) == [b"1"]


def test_threads_never_exceed_the_bound(clock: Clock) -> None:
    store = MemoryStore(500, clock=clock)
    written: list[int] = []

    def write(name: int) -> None:
        answers = [
            attempt(store.add, f"{name}:{number}", b"", 10, f"o{number}") for number in range(200)
        ]
        written.append(answers.count(True))

    threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(written) == 500


def in_the_middle_of_a_write(action: Callable[[MemoryStore], None]) -> None:
    """Call `action` while the store is writing, and holds its lock."""
    clock = Clock(1000.0)
    store = MemoryStore(100, clock=lambda: read_clock())
    pending: list[Callable[[MemoryStore], None]] = []

    def read_clock() -> float:
        if pending:
            pending.pop()(store)
        return clock()

    fill(store, 50, owner="greedy")
    pending.append(action)
    assert store.add("of the parent", b"", 10)


def use_as_another_process(store: MemoryStore) -> None:
    assert store.add("new", b"1", 10)
    assert not store.add("k0", b"1", 10)
    assert store.get_many(["new", "k0", "of the parent"]) == [b"1", b"1", None]
    assert attempt(store.add, "k50", b"1", 10, "greedy") == "unavailable"


def test_a_fork_while_the_lock_is_held_leaves_a_store_that_works() -> None:
    def fork(store: MemoryStore) -> None:
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            try:
                use_as_another_process(store)
            finally:
                os._exit(0 if store.get_many(["new"]) == [b"1"] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    in_the_middle_of_a_write(fork)


def test_another_process_has_a_lock_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    pid = os.getpid()

    def pretend(store: MemoryStore) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("os.getpid", lambda: pid + 1)
            use_as_another_process(store)

    in_the_middle_of_a_write(pretend)


def test_repr_shows_no_entry(clock: Clock) -> None:
    store = MemoryStore(10, clock=clock)
    store.set("key", b"value", None)
    assert repr(store) == "MemoryStore(max_entries=10)"
