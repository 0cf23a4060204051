"""The contract of `jwt_wsgi.stores.Store`, as tests that every store passes.

A test file makes a class of `StoreContract` with a fixture `store`, and with a fixture `pass_time` if the store's
clock is not the real one.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from jwt_wsgi.stores import Store

PassTime = Callable[[float], object]
#: An expiry, in seconds, that ends after every test.
LONG = 600.0


def won(calls: list[Callable[[], bool]]) -> int:
    """Return how many of the calls return True if all are made at the same time."""
    answers: list[bool] = []
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], bool]) -> None:
        barrier.wait()
        answers.append(call())

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == len(calls)
    return answers.count(True)


class StoreContract:
    """What every store does."""

    #: The threads that add one key at the same time.
    simultaneous = 1000
    #: An expiry, in seconds, that a test may let pass.
    short = 0.05

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    @pytest.fixture
    def pass_time(self) -> PassTime:
        return time.sleep

    @pytest.fixture(autouse=True)
    def _switch_threads_often(self) -> Iterator[None]:
        before = sys.getswitchinterval()
        sys.setswitchinterval(1e-6)
        yield
        sys.setswitchinterval(before)

    def test_it_has_the_methods_of_a_store(self, store: Store) -> None:
        assert isinstance(store, Store)

    def test_an_unknown_key_has_no_value(self, store: Store) -> None:
        assert store.get_many(["a"]) == [None]

    def test_values_come_in_the_order_of_their_keys(self, store: Store) -> None:
        store.set("a", b"1", LONG)
        store.set("b", b"2", None)
        store.add("c", b"3", LONG)
        assert store.get_many(["c", "x", "a", "b", "a"]) == [b"3", None, b"1", b"2", b"1"]
        assert store.get_many(("b",)) == [b"2"]
        assert store.get_many([]) == []

    @pytest.mark.parametrize("value", [b"", b"\0", bytes(range(256)), b"x" * 100_000])
    def test_a_value_is_any_octets(self, store: Store, value: bytes) -> None:
        store.set("set", value, LONG)
        assert store.add("add", value, LONG)
        assert store.get_many(["set", "add"]) == [value, value]

    def test_keys_are_compared_exactly(self, store: Store) -> None:
        store.set("a", b"1", LONG)
        assert store.get_many(["A", "a ", "a\0", ""]) == [None] * 4

    def test_set_replaces_value_and_expiry(self, store: Store, pass_time: PassTime) -> None:
        store.set("later", b"1", self.short)
        store.set("later", b"2", LONG)
        store.set("never", b"1", self.short)
        store.set("never", b"2", None)
        store.set("sooner", b"1", LONG)
        store.set("sooner", b"2", self.short)
        store.set("no longer never", b"1", None)
        store.set("no longer never", b"2", self.short)
        keys = ["later", "never", "sooner", "no longer never"]
        assert store.get_many(keys) == [b"2"] * 4
        pass_time(2 * self.short)
        assert store.get_many(keys) == [b"2", b"2", None, None]

    def test_add_writes_once(self, store: Store) -> None:
        assert store.add("a", b"1", LONG) is True
        assert store.add("a", b"2", LONG) is False
        assert store.get_many(["a"]) == [b"1"]

    def test_add_does_not_replace_what_was_set(self, store: Store) -> None:
        store.set("a", b"1", None)
        store.set("b", b"1", LONG)
        assert not store.add("a", b"2", LONG)
        assert not store.add("b", b"2", LONG)
        assert store.get_many(["a", "b"]) == [b"1", b"1"]

    def test_set_replaces_what_was_added(self, store: Store) -> None:
        store.add("a", b"1", LONG, owner="o")
        store.set("a", b"2", LONG)
        assert store.get_many(["a"]) == [b"2"]

    def test_a_key_can_be_added_again_when_it_has_expired(self, store: Store, pass_time: PassTime) -> None:  # fmt: skip
        store.add("a", b"1", self.short)
        store.set("b", b"1", self.short)
        pass_time(2 * self.short)
        assert store.get_many(["a", "b"]) == [None, None]
        assert store.add("a", b"2", LONG)
        assert store.add("b", b"2", LONG)
        assert store.get_many(["a", "b"]) == [b"2", b"2"]

    def test_adding_again_does_not_extend_the_expiry(self, store: Store, pass_time: PassTime) -> None:  # fmt: skip
        store.add("a", b"1", self.short)
        store.add("a", b"1", LONG)
        pass_time(2 * self.short)
        assert store.add("a", b"1", LONG)

    def test_a_lease_is_given_back_by_a_short_expiry(self, store: Store, pass_time: PassTime) -> None:  # fmt: skip
        assert store.add("lease", b"", LONG)
        store.set("lease", b"", 0.001)
        pass_time(self.short)
        assert store.add("lease", b"", LONG)

    def test_owners_share_the_keys(self, store: Store) -> None:
        assert store.add("a", b"1", LONG, owner="one")
        assert not store.add("a", b"1", LONG, owner="two")
        assert not store.add("a", b"1", LONG, "three")

    def test_exactly_one_of_many_simultaneous_adds_wins(self, store: Store) -> None:
        assert won([lambda: store.add("a", b"", LONG)] * self.simultaneous) == 1

    def test_each_key_is_added_by_exactly_one_thread(self, store: Store) -> None:
        wins: list[int] = []

        def add_all() -> bool:
            wins.append(sum(store.add(f"k{number}", b"", LONG) for number in range(200)))
            return True

        won([add_all] * 8)
        assert sum(wins) == 200

    @pytest.mark.parametrize("ttl", [0, -1, float("nan"), float("inf"), True, "1"], ids=str)
    def test_a_ttl_that_is_not_positive_and_finite_is_refused(self, store: Store, ttl: float) -> None:  # fmt: skip
        for write in (store.set, store.add):
            with pytest.raises(ValueError, match=r"^ttl=.*: write "):
                write("a", b"", ttl)
        assert store.get_many(["a"]) == [None]

    def test_only_set_takes_an_entry_that_never_expires(self, store: Store) -> None:
        with pytest.raises(ValueError, match=r"^ttl=None: write "):
            store.add("a", b"", None)  # type: ignore[arg-type]
