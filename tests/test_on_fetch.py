"""`on_fetch`: one event for each fetch of a key set, with an outcome from a closed list."""

from __future__ import annotations

import gc
import json
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Any, get_args

import pytest
from conftest import Clock
from waiting import idle

from jwt_wsgi import RemoteJWKS
from jwt_wsgi.http.fetching import FetchError, Outcome, Reply
from jwt_wsgi.jwks.events import Fetched
from jwt_wsgi.testing import LocalIssuer, SigningKey

URL = "https://issuer.test/jwks"
KEYS = [SigningKey("ES256", kid).jwk for kid in "ab"]
SET = json.dumps({"keys": [*KEYS, {"kty": "unknown"}]}).encode()


class Events(list[Fetched]):
    """An `on_fetch` hook that keeps every event."""

    def __call__(self, fetched: Fetched) -> None:
        self.append(fetched)

    @property
    def outcomes(self) -> list[str]:
        return [fetched.outcome for fetched in self]


@pytest.fixture
def events() -> Events:
    return Events()


def warm_up(source: RemoteJWKS) -> RemoteJWKS:
    source.warm_up()
    idle()
    return source


def fetcher_that_raises(error: BaseException) -> Callable[[str], bytes]:
    def fetch(url: str) -> bytes:
        raise error

    return fetch


def test_a_good_fetch_reports_location_duration_and_usable_keys(events: Events) -> None:
    clock = Clock(1000.0)

    def fetch(url: str) -> bytes:
        clock.advance(1.5)
        return SET

    warm_up(RemoteJWKS(URL, fetch=fetch, on_fetch=events, clock=clock))
    assert events == [Fetched(URL, "ok", 1.5, 2)]


def test_a_failed_fetch_reports_its_duration_and_no_keys(events: Events) -> None:
    clock = Clock(1000.0)

    def fetch(url: str) -> bytes:
        clock.advance(2)
        raise ConnectionError("hidden")

    warm_up(RemoteJWKS(URL, fetch=fetch, on_fetch=events, clock=clock))
    assert events == [Fetched(URL, "fetcher_raised", 2, 0)]
    assert "hidden" not in repr(events)


BAD_REPLIES: dict[str, Any] = {
    "not JSON": b"<html>",
    "no object": b"[]",
    "no list of keys": b"{}",
    "no usable key": b'{"keys": []}',
    "too many keys": json.dumps({"keys": KEYS * 60}).encode(),
    "too many bytes": b" " * 600_000,
    "not bytes": "{}",
    "a bad reply of a fetcher": Reply(b"{", 5),
}


@pytest.mark.parametrize("reply", BAD_REPLIES.values(), ids=BAD_REPLIES)
def test_an_invalid_key_set_is_a_bad_reply(events: Events, reply: Any) -> None:
    warm_up(RemoteJWKS(URL, fetch=lambda url: reply, on_fetch=events))
    assert events.outcomes == ["bad_reply"]


def test_a_fetcher_may_name_the_outcome(events: Events) -> None:
    warm_up(
        RemoteJWKS(
            URL, fetch=fetcher_that_raises(FetchError("late", outcome="timeout")), on_fetch=events
        )
    )
    assert events.outcomes == ["timeout"]


def test_the_outcomes_over_the_network(events: Events) -> None:
    local = LocalIssuer()
    with local.serve() as url:
        warm_up(RemoteJWKS.discovered(url, on_fetch=events))
        assert events[0][:2] == (url, "ok"), "discovered keys are named by their issuer"
        assert events[0].seconds > 0
        events.clear()

        warm_up(RemoteJWKS(f"{url}/absent", on_fetch=events))
        local.available = False
        warm_up(RemoteJWKS.discovered(url, on_fetch=events))
        assert events.outcomes == ["http_status", "http_status"]
        events.clear()

        local.available = True
        local.delay = 5.0
        warm_up(RemoteJWKS(f"{url}/.well-known/jwks.json", timeout=0.05, on_fetch=events))
        assert events.outcomes == ["timeout"]


def test_a_closed_port_is_unreachable(events: Events) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        warm_up(RemoteJWKS(f"http://127.0.0.1:{bound.getsockname()[1]}/jwks", on_fetch=events))
    assert events.outcomes == ["unreachable"]


def test_metadata_of_another_issuer_is_a_bad_reply(events: Events) -> None:
    metadata = json.dumps({"issuer": "https://other.test/", "jwks_uri": URL}).encode()
    warm_up(
        RemoteJWKS.discovered("https://issuer.test/", fetch=lambda url: metadata, on_fetch=events)
    )
    assert events == [Fetched("https://issuer.test/", "bad_reply", events[0].seconds, 0)]


class Timeout(BaseException):
    """An exception that is no `Exception`, as `gevent.Timeout` is."""


class SubclassedFetchError(FetchError):
    pass


def fetch_error(retry_after: Any, kind: type[FetchError] = FetchError) -> FetchError:
    return kind("busy", retry_after=retry_after)


def with_attribute(error: Exception, value: object) -> Exception:
    error.retry_after = value  # type: ignore[attr-defined]
    return error


@pytest.mark.parametrize(
    ("error", "outcome", "pause"),
    [
        pytest.param(fetch_error(30), "bad_reply", 30, id="U23 30 s"),
        pytest.param(fetch_error(30, SubclassedFetchError), "bad_reply", 30, id="U23 a subclass"),
        pytest.param(fetch_error(10**400), "bad_reply", 60, id="U23 longer than a float"),
        pytest.param(fetch_error("soon"), "bad_reply", 1, id="U23 a word"),
        pytest.param(fetch_error("30"), "bad_reply", 1, id="U23 digits"),
        pytest.param(fetch_error(None), "bad_reply", 1, id="U23 None"),
        pytest.param(fetch_error(float("nan")), "bad_reply", 1, id="U23 not a number"),
        pytest.param(fetch_error(float("inf")), "bad_reply", 1, id="U23 infinite"),
        pytest.param(fetch_error(-5), "bad_reply", 1, id="U23 negative"),
        pytest.param(fetch_error(True), "bad_reply", 1, id="U23 a bool"),
        pytest.param(
            with_attribute(OSError(), 30), "fetcher_raised", 1, id="U23 another exception's 30"
        ),
        pytest.param(
            with_attribute(OSError(), "soon"), "fetcher_raised", 1, id="U23 another one's word"
        ),
        pytest.param(
            with_attribute(OSError(), object()), "fetcher_raised", 1, id="U23 another one's object"
        ),
    ],
)
def test_the_pause_after_an_exception_of_a_fetcher(
    error: Exception, outcome: str, pause: float, events: Events
) -> None:
    source = warm_up(RemoteJWKS(URL, fetch=fetcher_that_raises(error), on_fetch=events))
    assert events.outcomes == [outcome]
    assert source.status().failures == 1
    assert 0.7 * pause <= source.status().next_attempt <= 1.2 * pause


@pytest.mark.parametrize(
    "max_age", ["600", float("nan"), float("inf"), b"5", [], True], ids=lambda v: f"U23 {v!r}"
)
def test_a_lifetime_that_is_not_a_number_is_a_bad_reply(max_age: Any, events: Events) -> None:
    warm_up(RemoteJWKS(URL, fetch=lambda url: Reply(SET, max_age), on_fetch=events))
    assert events.outcomes == ["bad_reply"]


@pytest.fixture
def raised(monkeypatch: pytest.MonkeyPatch) -> list[type[BaseException] | None]:
    """The exceptions that ended threads."""
    kinds: list[type[BaseException] | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: kinds.append(args.exc_type))
    return kinds


@pytest.mark.parametrize(
    "kind",
    [Timeout, SystemExit, KeyboardInterrupt, GeneratorExit],
    ids=lambda k: f"U23 {k.__name__}",
)
def test_an_exception_that_is_no_exception_is_a_failed_fetch_and_is_raised_again(
    kind: type[BaseException], events: Events, raised: list[object]
) -> None:
    clock = Clock(1000.0)
    source = RemoteJWKS(
        URL, fetch=fetcher_that_raises(kind("hidden")), on_fetch=events, clock=clock, timeout=60
    )
    started = time.monotonic()
    warm_up(source)
    assert time.monotonic() - started < 30, "nobody waits for the rest of the lease"
    assert events == [Fetched(URL, "fetcher_raised", 0, 0)]
    status = source.status()
    assert (status.failures, status.last_error) == (1, f"the fetch raised {kind.__name__}")
    assert 0.8 <= status.next_attempt <= 1.2
    assert raised == [kind]


@pytest.mark.parametrize("first", [RuntimeError, Timeout], ids=lambda k: f"U23 {k.__name__}")
@pytest.mark.parametrize("second", [None, RuntimeError, Timeout], ids=["fine", "raises", "ends"])
def test_a_hook_that_raises_does_not_silence_the_other(
    first: type[BaseException], second: type[BaseException] | None, raised: list[object]
) -> None:
    clock = Clock(1000.0)
    rotations: list[object] = []

    def on_fetch(fetched: Fetched) -> None:
        raise first("hidden")

    def on_rotation(added: frozenset[str], removed: frozenset[str]) -> None:
        rotations.append(added)
        if second is not None:
            raise second("hidden")

    sets = iter([SET, json.dumps({"keys": KEYS[:1]}).encode()])
    source = RemoteJWKS(
        URL, fetch=lambda url: next(sets), on_fetch=on_fetch, on_rotation=on_rotation, clock=clock
    )
    warm_up(source)
    clock.advance(541)
    source.held()
    idle()
    assert rotations == [frozenset()]
    assert source.status().kids == {"a"}, "the keys are in force"
    assert source.status().failures == 0
    assert raised.count(Timeout) == (first is Timeout) + (first is Timeout or second is Timeout)


def test_the_hook_is_called_for_a_fetch_that_is_ended_and_both_are_raised_again_u23(
    raised: list[object],
) -> None:
    outcomes: list[str] = []

    def hook(fetched: Fetched) -> None:
        outcomes.append(fetched.outcome)
        raise Timeout

    source = warm_up(RemoteJWKS(URL, fetch=fetcher_that_raises(SystemExit()), on_fetch=hook))
    assert (outcomes, raised, source.status().failures) == (["fetcher_raised"], [Timeout], 1)


# --- callbacks that return something to await


class Awaitable:
    """An awaitable that records that it was closed."""

    def __init__(self) -> None:
        self.closed = 0

    def __await__(self) -> Any:
        raise AssertionError("nothing is awaited")

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("in_reply", [False, True], ids=["U34 alone", "U34 as the body"])
def test_an_awaitable_from_a_fetcher_is_closed_and_a_failed_fetch(
    in_reply: bool, events: Events
) -> None:
    awaitable: Any = Awaitable()
    result = Reply(awaitable) if in_reply else awaitable
    source = warm_up(RemoteJWKS(URL, fetch=lambda url: result, on_fetch=events))
    assert (awaitable.closed, events.outcomes) == (1, ["fetcher_raised"])
    assert source.status().last_error == (
        "fetch returned an awaitable or a generator: write an ordinary function"
    )


def test_a_coroutine_from_a_fetcher_or_a_hook_is_closed_u34(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Warnings are errors, and a coroutine that is neither awaited nor closed warns."""

    async def later(*arguments: object) -> bytes:
        return SET

    clock = Clock(1000.0)
    source = RemoteJWKS(URL, fetch=lambda url: later(url), clock=clock)  # type: ignore[arg-type,return-value]
    assert not warm_up(source).status().usable
    sets = iter([SET, json.dumps({"keys": KEYS[:1]}).encode()])
    source = RemoteJWKS(
        URL,
        fetch=lambda url: next(sets),
        on_fetch=lambda fetched: later(fetched),
        on_rotation=lambda added, removed: later(added, removed),
        clock=clock,
    )
    warm_up(source)
    clock.advance(541)
    source.held()
    idle()
    assert source.status().kids == {"a"}
    gc.collect()
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == [
        "on_fetch raised TypeError; the keys are not affected",
        "on_fetch raised TypeError; the keys are not affected",
        "on_rotation raised TypeError; the keys are not affected",
    ]


@pytest.mark.parametrize("option", ["fetch", "on_fetch", "on_rotation"], ids=lambda o: f"U34 {o}")
def test_a_coroutine_function_is_refused_at_construction(option: str) -> None:
    async def later(*arguments: object) -> None: ...

    with pytest.raises(ValueError, match=f"^{option}=.*a coroutine function"):
        RemoteJWKS(URL, **{option: later})


def test_every_outcome_has_a_test() -> None:
    """Add a test above for each new outcome."""
    assert set(get_args(Outcome)) == {
        "ok",
        "shared",  # test_shared_keys.py
        "timeout",
        "unreachable",
        "http_status",
        "bad_reply",
        "fetcher_raised",
    }


def test_the_hook_is_called_once_per_fetch_and_agrees_with_the_status(events: Events) -> None:
    clock = Clock(1000.0)
    replies = iter([ConnectionError(), SET, b"{", SET])

    def fetch(url: str) -> bytes:
        reply = next(replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    source = RemoteJWKS(URL, fetch=fetch, on_fetch=events, clock=clock)
    for _ in range(4):
        source.warm_up()
        source.held()
        idle()
        clock.advance(590)
    status = source.status()
    assert events.outcomes == ["fetcher_raised", "ok", "bad_reply", "ok"]
    assert (status.attempts, status.successes, status.failures) == (4, 2, 2)


def test_the_hook_runs_in_the_worker_after_the_result_is_in_force() -> None:
    seen: list[tuple[str, bool, int]] = []
    source: RemoteJWKS

    def hook(fetched: Fetched) -> None:
        status = source.status()
        seen.append((threading.current_thread().name, status.usable, status.successes))

    source = RemoteJWKS(URL, fetch=lambda url: SET, on_fetch=hook)
    warm_up(source)
    assert seen == [("jwt_wsgi.jwks", True, 1)]


def test_no_caller_waits_for_the_hook() -> None:
    called = threading.Event()
    go_on = threading.Event()

    def hook(fetched: Fetched) -> None:
        called.set()
        go_on.wait(30)

    source = RemoteJWKS(URL, fetch=lambda url: SET, on_fetch=hook)
    assert source.find("a", "ES256")
    assert called.wait(30)
    assert not go_on.is_set(), "the keys are found while the hook still runs"
    go_on.set()
    idle()


@pytest.mark.parametrize("fails", [False, True])
def test_an_exception_of_the_hook_is_logged_by_type_and_breaks_no_fetch(
    fails: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def hook(fetched: Fetched) -> None:
        raise RuntimeError("hidden")

    fetch = fetcher_that_raises(OSError()) if fails else lambda url: SET
    source = warm_up(RemoteJWKS(URL, fetch=fetch, on_fetch=hook))
    assert source.status().usable is not fails
    assert [
        record.getMessage() for record in caplog.records if record.levelno == logging.ERROR
    ] == ["on_fetch raised RuntimeError; the keys are not affected"]
    assert "hidden" not in caplog.text


@pytest.mark.parametrize("hook", [5, "log"])
def test_a_hook_that_is_not_callable_is_refused(hook: Any) -> None:
    with pytest.raises(ValueError, match=r"^on_fetch="):
        RemoteJWKS(URL, on_fetch=hook)
