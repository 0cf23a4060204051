"""What threads share, where another thread comes in between: no result depends on the GIL.

docs/design.md has a row for each piece of shared state. Most tests let the other thread come in at one
moment, through an argument, so they fail each time if the moment is not safe.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from conftest import Clock

from jwt_wsgi import Auth, Issuer, StaticJWKS, issuer_registry
from jwt_wsgi.cache import TokenCache
from jwt_wsgi.issuer_registry import IssuerRegistry
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jwks.kid_cache import KidCache
from jwt_wsgi.jwks.lock import ProcessLock
from jwt_wsgi.revocation.verdict_cache import Generation, VerdictCache
from jwt_wsgi.testing import LocalIssuer, SigningKey

TENANT = "https://tenant.example/"
[KEY] = KeySet.from_pem(SigningKey("ES256", "a").pem, kid="a").keys


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Let threads take turns as often as the interpreter can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def in_another_thread(action: Callable[[], Any]) -> Any:
    """Return the result of an action that runs to its end in another thread."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(action).result(60)


# --- an Auth that an application hands to a thread


class Watched(str):
    """The text of a token that calls a function when it is taken apart."""

    __slots__ = ("on_split",)
    on_split: Callable[[], Any] | None

    def split(self, *arguments: Any) -> list[str]:  # type: ignore[override]
        action = self.on_split
        self.on_split = None
        if action is not None:
            action()
        return super().split(*arguments)


@pytest.mark.parametrize("name", ["header", "claims"])
def test_a_part_of_a_token_is_whole_for_every_thread(local: LocalIssuer, name: str) -> None:
    token = Watched(local.token(sub="alice"))
    auth = Auth(token, local.issuer)
    seen: list[Any] = []
    token.on_split = lambda: seen.append(in_another_thread(lambda: getattr(auth, name)))
    assert getattr(auth, name) == seen[0]
    assert seen[0]


# --- the keys of one kid each


class Vanishing(KidCache):
    """A cache whose keys are gone for whoever reads the attribute a second time."""

    reads = 0

    @property
    def keys(self) -> KeySet | None:  # type: ignore[override]
        self.reads += 1
        return self._set if self.reads == 1 else None

    @keys.setter
    def keys(self, keys: KeySet | None) -> None:
        self._set = keys


def test_a_key_that_is_dropped_meanwhile_is_no_error() -> None:
    cache = Vanishing(2)
    cache.put("a", KEY, 1.0, 2.0)
    cache.reads = 0
    assert cache.find("a", "ES256") == (KEY,)


# --- verdicts about revoked tokens


class Moment(float):
    """A time that calls a function when the cache looks how old something is."""

    action: Callable[[], Any]

    def __sub__(self, other: float) -> float:
        self.action()
        return float(self) - other


def test_a_cleared_verdict_does_not_come_back() -> None:
    cache = VerdictCache(1.0)
    cache.generation(10.0).put("token", TENANT, 10.0, is_revoked=False)
    later = Moment(11.5)
    later.action = cache.clear
    cache.generation(later)
    assert cache.get("token", TENANT, 10.5) is None


class Measured(str):
    """The text of a token that calls a function when its length is taken."""

    __slots__ = ("action",)
    action: Callable[[], Any]

    def __len__(self) -> int:
        self.action()
        return super().__len__()

    __hash__ = str.__hash__


def test_the_room_of_verdicts_counts_each_that_is_kept() -> None:
    generation = Generation(0.0)
    empty = generation.room
    generation.put("one", TENANT, 0.0, is_revoked=False)
    size = empty - generation.room
    token = Measured("two")
    token.action = lambda: generation.put("six", TENANT, 0.0, is_revoked=False)
    generation.put(token, TENANT, 0.0, is_revoked=False)
    assert empty - generation.room == size * len(generation.verdicts)
    token.action = lambda: None
    assert "two" in generation.verdicts


# --- issuers that a resolver knows


def resolved(local: LocalIssuer) -> Issuer:
    return Issuer(TENANT, audience="api", keys=StaticJWKS(local.jwks))


def test_threads_that_ask_at_the_same_time_get_one_issuer(local: LocalIssuer) -> None:
    both = threading.Barrier(2, timeout=60)

    def resolve(name: str) -> Issuer | None:
        both.wait()
        return resolved(local)

    registry = IssuerRegistry(resolve)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(registry.get, [TENANT, TENANT])
    assert first is second


def test_the_next_answer_of_a_resolver_replaces_the_one_that_ended(local: LocalIssuer) -> None:
    clock = Clock(0.0)
    registry = IssuerRegistry(lambda name: resolved(local), clock)
    first = registry.get(TENANT)
    clock.advance(60)
    second = registry.get(TENANT)
    assert second is not first
    assert registry.get(TENANT) is second


@pytest.mark.usefixtures("eager_threads")
def test_a_full_table_of_names_stays_in_its_bound_and_raises_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(issuer_registry, "MAX_UNTRUSTED", 1)
    registry = IssuerRegistry(lambda name: None)

    def ask(number: int) -> None:
        for name in range(400):
            assert registry.get(f"https://tenant-{number}-{name}.example/") is None

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))


# --- verified tokens


class Held(frozenset[str]):
    """Scopes that stop the thread that stores them, in the middle of the change."""

    entered: threading.Event
    may_go_on: threading.Event

    def __hash__(self) -> int:
        self.entered.set()
        assert self.may_go_on.wait(60)
        return super().__hash__()


def test_the_threads_that_cache_tokens_take_turns() -> None:
    cache: TokenCache[str] = TokenCache(100, 2**20)
    scopes = Held({"read"})
    scopes.entered = threading.Event()
    scopes.may_go_on = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.put, "first", "first", [scopes])
        assert scopes.entered.wait(60)
        second = pool.submit(cache.put, "second", "second", [frozenset()])
        # It cannot end while the other is in the middle, however long one waits.
        with pytest.raises(TimeoutError):
            second.result(0.2)
        scopes.may_go_on.set()
        first.result(60)
        second.result(60)
    assert (cache.get("first"), cache.get("second")) == ("first", "second")


def test_the_threads_of_a_forked_process_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    lock = ProcessLock()
    late, entered, may_go_on = threading.Event(), threading.Event(), threading.Event()
    is_late = threading.local()

    def child() -> int:
        # The late thread has seen the new process, and goes on when the other is in the middle.
        if getattr(is_late, "value", False):
            is_late.value = False
            late.set()
            assert entered.wait(60)
        return -1

    monkeypatch.setattr(os, "getpid", child)

    def enter_late() -> None:
        is_late.value = True
        with lock:
            pass

    def enter_first() -> None:
        with lock:
            entered.set()
            assert may_go_on.wait(60)

    with ThreadPoolExecutor(2) as pool:
        second = pool.submit(enter_late)
        assert late.wait(60)
        first = pool.submit(enter_first)
        assert entered.wait(60)
        # It cannot end while the other is in the middle, however long one waits.
        with pytest.raises(TimeoutError):
            second.result(0.2)
        may_go_on.set()
        first.result(60)
        second.result(60)
