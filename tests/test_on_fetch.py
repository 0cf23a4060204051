"""`on_fetch`: one event for each fetch of a key set, with how it ended, of a closed list."""

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


class Told(list[Fetched]):
    """What the hook was told."""

    def __call__(self, fetched: Fetched) -> None:
        self.append(fetched)

    @property
    def outcomes(self) -> list[str]:
        return [fetched.outcome for fetched in self]


@pytest.fixture
def told() -> Told:
    return Told()


def warmed(source: RemoteJWKS) -> RemoteJWKS:
    source.warm_up()
    idle()
    return source


def raising(error: Exception) -> Callable[[str], bytes]:
    def fetch(url: str) -> bytes:
        raise error

    return fetch


def test_a_good_fetch_tells_where_how_long_and_how_many_usable_keys_came(told: Told) -> None:
    clock = Clock(1000.0)

    def fetch(url: str) -> bytes:
        clock.advance(1.5)
        return SET

    warmed(RemoteJWKS(URL, fetch=fetch, on_fetch=told, clock=clock))
    assert told == [Fetched(URL, "ok", 1.5, 2)]


def test_a_failed_one_tells_how_long_and_no_keys(told: Told) -> None:
    clock = Clock(1000.0)

    def fetch(url: str) -> bytes:
        clock.advance(2)
        raise ConnectionError("hidden")

    warmed(RemoteJWKS(URL, fetch=fetch, on_fetch=told, clock=clock))
    assert told == [Fetched(URL, "fetcher_raised", 2, 0)]
    assert "hidden" not in repr(told)


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
def test_what_is_no_key_set_is_a_bad_reply(told: Told, reply: Any) -> None:
    warmed(RemoteJWKS(URL, fetch=lambda url: reply, on_fetch=told))
    assert told.outcomes == ["bad_reply"]


def test_a_fetcher_may_name_the_outcome(told: Told) -> None:
    warmed(RemoteJWKS(URL, fetch=raising(FetchError("late", outcome="timeout")), on_fetch=told))
    assert told.outcomes == ["timeout"]


def test_over_the_network(told: Told) -> None:
    local = LocalIssuer()
    with local.serve() as url:
        warmed(RemoteJWKS.discovered(url, on_fetch=told))
        assert told[0][:2] == (url, "ok"), "discovered keys are named by their issuer"
        assert told[0].seconds > 0
        told.clear()

        warmed(RemoteJWKS(f"{url}/absent", on_fetch=told))
        local.available = False
        warmed(RemoteJWKS.discovered(url, on_fetch=told))
        assert told.outcomes == ["http_status", "http_status"]
        told.clear()

        local.available, local.delay = True, 5.0
        warmed(RemoteJWKS(f"{url}/.well-known/jwks.json", timeout=0.05, on_fetch=told))
        assert told.outcomes == ["timeout"]


def test_where_nobody_listens(told: Told) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        warmed(RemoteJWKS(f"http://127.0.0.1:{bound.getsockname()[1]}/jwks", on_fetch=told))
    assert told.outcomes == ["unreachable"]


def test_metadata_of_another_issuer_is_a_bad_reply(told: Told) -> None:
    metadata = json.dumps({"issuer": "https://other.test/", "jwks_uri": URL}).encode()
    warmed(RemoteJWKS.discovered("https://issuer.test/", fetch=lambda url: metadata, on_fetch=told))
    assert told == [Fetched("https://issuer.test/", "bad_reply", told[0].seconds, 0)]


def test_every_outcome_is_tried_above() -> None:
    """Remember to add a case for another outcome."""
    assert set(get_args(Outcome)) == {
        "ok",
        "timeout",
        "unreachable",
        "http_status",
        "bad_reply",
        "fetcher_raised",
    }


def test_it_is_told_once_a_fetch_and_counts_as_the_status_does(told: Told) -> None:
    clock, replies = Clock(1000.0), iter([ConnectionError(), SET, b"{", SET])

    def fetch(url: str) -> bytes:
        reply = next(replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    source = RemoteJWKS(URL, fetch=fetch, on_fetch=told, clock=clock)
    for _ in range(4):
        source.warm_up()
        source.held()
        idle()
        clock.advance(590)
    status = source.status()
    assert told.outcomes == ["fetcher_raised", "ok", "bad_reply", "ok"]
    assert (status.attempts, status.successes, status.failures) == (4, 2, 2)


def test_it_is_told_in_the_worker_when_the_result_is_in_force_and_may_ask_the_source() -> None:
    seen: list[tuple[str, bool, int]] = []
    source: RemoteJWKS

    def hook(fetched: Fetched) -> None:
        status = source.status()
        seen.append((threading.current_thread().name, status.usable, status.successes))

    source = RemoteJWKS(URL, fetch=lambda url: SET, on_fetch=hook)
    warmed(source)
    assert seen == [("jwt_wsgi.jwks", True, 1)]


def test_no_caller_waits_for_the_hook() -> None:
    told, go_on = threading.Event(), threading.Event()

    def hook(fetched: Fetched) -> None:
        told.set()
        go_on.wait(30)

    source = RemoteJWKS(URL, fetch=lambda url: SET, on_fetch=hook)
    assert source.find("a", "ES256")
    assert told.wait(30)
    assert not go_on.is_set(), "the keys were found while the hook was still at it"
    go_on.set()
    idle()


@pytest.mark.parametrize("fails", [False, True])
def test_a_hook_that_raises_is_logged_by_its_type_and_breaks_no_fetch(
    fails: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def hook(fetched: Fetched) -> None:
        raise RuntimeError("hidden")

    fetch = raising(OSError()) if fails else lambda url: SET
    source = warmed(RemoteJWKS(URL, fetch=fetch, on_fetch=hook))
    assert source.status().usable is not fails
    assert [
        record.getMessage() for record in caplog.records if record.levelno == logging.ERROR
    ] == ["on_fetch raised RuntimeError"]
    assert "hidden" not in caplog.text


@pytest.mark.parametrize("hook", [5, "log"])
def test_a_hook_that_cannot_be_called_is_refused(hook: Any) -> None:
    with pytest.raises(ValueError, match=r"^on_fetch="):
        RemoteJWKS(URL, on_fetch=hook)
