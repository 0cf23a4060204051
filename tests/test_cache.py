"""The memory of good tokens by itself: bounded in entries and in bytes, read without a lock, safe for threads."""

from __future__ import annotations

import os
import signal
import sys
import threading
import tracemalloc
from typing import Any

import pytest
from counting import ForbiddenLock
from hypothesis import given
from hypothesis import strategies as st

from jwt_wsgi.cache import TokenCache

MIB = 2**20


def filled(texts: list[str], entries: int = 100, max_bytes: int = MIB) -> TokenCache[str]:
    memory: TokenCache[str] = TokenCache(entries, max_bytes)
    for text in texts:
        memory.put(text, text.upper())
    return memory


def test_a_value_is_found_by_the_exact_text_of_its_token() -> None:
    memory = filled(["a", "b"])
    assert [memory.get(text) for text in ("a", "b", "A", "")] == ["A", "B", None, None]


def test_the_older_half_is_forgotten_first() -> None:
    texts = [f"t{number}" for number in range(25)]
    memory = filled(texts, entries=10)
    assert [text for text in texts if memory.get(text)] == texts[15:]
    memory.put("one more", "")
    assert [text for text in texts if memory.get(text)] == texts[20:]


@given(st.lists(st.text(alphabet="abc", min_size=1, max_size=3), max_size=60), st.integers(0, 12))
def test_there_are_never_more_entries_than_allowed_and_none_is_wrong(
    texts: list[str], entries: int
) -> None:
    memory = filled(texts, entries=entries)
    kept = [text for text in set(texts) if memory.get(text) is not None]
    assert len(kept) <= entries
    assert all(memory.get(text) == text.upper() for text in kept)


@pytest.mark.slow
@pytest.mark.parametrize("length", [10, 1000, 16_000])
def test_there_are_never_more_bytes_than_allowed(length: int) -> None:
    memory: TokenCache[object] = TokenCache(10**6, MIB)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(4 * MIB // length):
            memory.put(f"{number:0{length}}", None)
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert 0 < held <= MIB


def scopes_of(number: int, count: int) -> frozenset[str]:
    return frozenset(f"scope-{number}:{each}" for each in range(count))


# With 19, 77, 308 and 1229 strings, a set has just grown, and its slots take the most.
@pytest.mark.parametrize("count", [1, 5, 19, 22, 77, 86, 308, 350, 1000, 1229, 3750])
def test_sets_of_scopes_count_into_the_bytes_u18(count: int) -> None:
    cache: TokenCache[object] = TokenCache(10**6, 4 * MIB)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        held = []
        for number in range(max(40, 40_000 // count)):
            cache.put(f"{number:0400}", scopes := scopes_of(number, count), [scopes])
            held.append(tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()
    assert 0 < max(held) <= 4 * MIB


# With 77 strings, a set has just grown.
@pytest.mark.parametrize(
    ("count", "length"),
    [
        pytest.param(10, 1, id="short"),
        pytest.param(77, 30, id="just grown"),
        pytest.param(1000, 8, id="8 characters"),
        pytest.param(1000, 20, id="20 characters"),
        pytest.param(1000, 33, id="33 characters"),
        pytest.param(1000, 48, id="48 characters"),
    ],
)
def test_a_set_counts_its_slots_and_the_steps_of_its_strings(count: int, length: int) -> None:
    scopes = frozenset(f"{number:0{length}}" for number in range(count))
    cache: TokenCache[object] = TokenCache(100, 64 * MIB)
    cache.put("a", None)
    alone = cache._young.size
    cache.put("b", None, [scopes])
    # Memory is handed out in steps of 16 bytes.
    steps = sum(-(-sys.getsizeof(scope) // 16) * 16 for scope in scopes)
    assert cache._young.size - 2 * alone >= sys.getsizeof(scopes) + steps


def test_a_tenth_of_the_bytes_is_left_to_the_allocator() -> None:
    cache: TokenCache[object] = TokenCache(10**6, MIB)
    sizes = []
    for number in range(10_000):
        cache.put(f"{number:0400}", None)
        sizes.append(cache._young.size + cache._old.size)
    assert 0.89 * MIB < max(sizes) <= 0.9 * MIB


def test_tokens_with_the_same_scopes_share_one_set_which_is_counted_once_u18() -> None:
    cache: TokenCache[object] = TokenCache(10**6, MIB)
    shared = scopes_of(0, 1000)
    for number in range(100):
        scopes = cache.shared(frozenset(shared))
        assert (scopes is shared) is (number > 0) or scopes == shared
        cache.put(f"t{number}", scopes, [scopes])
    entries = [cache.get(f"t{number}") for number in range(100)]
    assert None not in entries
    assert len({id(entry) for entry in entries}) == 1


def test_equal_sets_that_are_not_shared_are_each_counted() -> None:
    cache: TokenCache[object] = TokenCache(10**6, 64 * MIB)
    sizes = []
    for number, sets in enumerate((1, 2, 1)):
        before = cache._young.size
        own = [scopes_of(0, 1000) for _ in range(sets)]
        cache.put(f"t{number}", own, own)
        sizes.append(cache._young.size - before)
    assert 100_000 < sizes[0] == sizes[2] < sizes[1] < 2 * sizes[0]
    shared = cache.shared(scopes_of(0, 1000))
    cache.put("t", shared, [shared, shared])
    assert cache._young.size - sum(sizes) < 1000


@pytest.mark.parametrize(("entries", "max_bytes"), [(0, MIB), (100, 0)])
def test_a_cache_of_nothing_keeps_no_scopes_u18(entries: int, max_bytes: int) -> None:
    cache: TokenCache[object] = TokenCache(entries, max_bytes)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(200):
            scopes = cache.shared(scopes_of(number, 100))
            cache.put(f"t{number}", None, [scopes])
        del scopes
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held < 10_000


@pytest.mark.parametrize(("entries", "max_bytes"), [(0, MIB), (1, MIB), (100, 0), (100, 2000)])
def test_a_cache_of_size_zero_remembers_nothing(entries: int, max_bytes: int) -> None:
    assert filled(["x" * 1000], entries, max_bytes).get("x" * 1000) is None


def test_reading_takes_no_lock() -> None:
    memory = filled(["a"])
    memory._guard.lock = ForbiddenLock()  # type: ignore[assignment]
    assert (memory.get("a"), memory.get("b")) == ("A", None)
    with pytest.raises(AssertionError, match="a lock was taken"):
        memory.put("c", "C")


def test_a_fork_that_copied_a_held_lock_can_cache_again() -> None:
    memory = filled(["a"])
    with memory._guard.lock:
        child = os.fork()
        if child == 0:
            signal.alarm(10)
            memory.put("b", "B")
            os._exit(0 if memory.get("b") == "B" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_threads_find_the_right_value_or_none_within_the_bounds() -> None:
    memory: TokenCache[str] = TokenCache(64, MIB)
    wrong: list[Any] = []
    switch = sys.getswitchinterval()

    def work(seed: int) -> None:
        for number in range(3000):
            text = f"t{(number * 7 + seed) % 200}"
            found = memory.get(text)
            if found not in (None, text.upper()):
                wrong.append((text, found))
            memory.put(text, text.upper())

    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switch)
    assert wrong == []
    assert len(memory._young.entries) + len(memory._old.entries) <= 64
