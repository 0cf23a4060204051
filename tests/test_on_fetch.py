"""`on_fetch`: one event for each fetch of a key set, with an outcome from a closed list."""

from __future__ import annotations

import json
import logging
import socket
import threading
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


def fetcher_that_raises(error: Exception) -> Callable[[str], bytes]:
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


def test_every_outcome_has_a_test() -> None:
    """Add a test above for each new outcome."""
    assert set(get_args(Outcome)) == {
        "ok",
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
    ] == ["on_fetch raised RuntimeError"]
    assert "hidden" not in caplog.text


@pytest.mark.parametrize("hook", [5, "log"])
def test_a_hook_that_is_not_callable_is_refused(hook: Any) -> None:
    with pytest.raises(ValueError, match=r"^on_fetch="):
        RemoteJWKS(URL, on_fetch=hook)
