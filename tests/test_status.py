"""The status of a key source, for readiness checks and logs, and `warm_up`."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

import pytest
from conftest import Clock
from waiting import idle

from jwt_wsgi import RemoteJWKS
from jwt_wsgi.http.fetching import Reply
from jwt_wsgi.testing import SigningKey

KEYS = [SigningKey("ES256", kid).jwk for kid in "ab"]


class Watched:
    """A source with its own clock, over a fetcher that returns or raises `answer`."""

    def __init__(self, **options: Any) -> None:
        self.clock = Clock(1000.0)
        self.answer: object = Reply(json.dumps({"keys": KEYS}).encode(), max_age=1000)
        self.source = RemoteJWKS(
            "https://issuer.test/jwks", fetch=self._fetch, clock=self.clock, **options
        )

    def _fetch(self, url: str) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_before_the_first_fetch_the_status_is_empty_and_starts_none() -> None:
    status = Watched().source.status()
    assert status == (False, frozenset(), None, None, None, None, 0, 0, 0, 0)
    assert all(thread.name != "jwt_wsgi.jwks" for thread in threading.enumerate())


def test_warm_up_fetches_once_and_returns_the_status() -> None:
    watched = Watched(stale_for=500)
    status = watched.source.warm_up()
    assert (status.usable, status.kids) == (True, {"a", "b"})
    assert (status.age, status.lifetime_left, status.last_success, status.last_error) == (
        0,
        1000,
        1000.0,
        None,
    )
    assert 700 <= status.next_attempt <= 900
    assert (status.attempts, status.successes, status.failures) == (1, 1, 0)
    assert watched.source.warm_up().attempts == 1, "a usable set is not fetched again"


def test_the_status_follows_the_clock_until_the_stale_window_ends() -> None:
    watched = Watched(stale_for=500)
    watched.source.warm_up()
    watched.clock.advance(950)
    status = watched.source.status()
    assert (status.usable, status.age, status.lifetime_left, status.next_attempt) == (
        True,
        950,
        50,
        0,
    )
    watched.clock.advance(549)
    assert (watched.source.status().usable, watched.source.status().lifetime_left) == (True, -499)
    watched.clock.advance(1)
    status = watched.source.status()
    assert (status.usable, status.kids, status.age, status.next_attempt) == (
        False,
        frozenset(),
        1500,
        0,
    )


def test_warm_up_does_not_raise_if_the_fetch_fails() -> None:
    watched = Watched()
    watched.answer = ConnectionError("hidden")
    status = watched.source.warm_up()
    assert (status.usable, status.last_error, status.age) == (False, "ConnectionError", None)
    assert 0.8 <= status.next_attempt <= 1.2
    assert (status.attempts, status.successes, status.failures) == (1, 0, 1)


def test_warm_up_waits_no_longer_than_a_request() -> None:
    released = threading.Event()
    source = RemoteJWKS(
        "https://issuer.test/jwks", fetch=lambda url: released.wait() and b"", timeout=0.1
    )
    assert not source.warm_up().usable  # the fetch is still in flight
    assert source.status().failures == 0
    released.set()
    idle()
    assert source.status().failures == 1


def test_the_last_error_stays_after_a_success() -> None:
    watched = Watched()
    good = watched.answer
    watched.answer = b"[]"
    watched.source.warm_up()
    watched.answer = good
    watched.clock.advance(2)
    status = watched.source.warm_up()
    assert (status.usable, status.last_error, status.failures, status.successes) == (
        True,
        "not a JSON object",
        1,
        1,
    )


def test_the_next_attempt_waits_for_the_budget() -> None:
    watched = Watched(requests_per_minute=2, cache_ttl=10)
    watched.answer = OSError()
    watched.source.warm_up()
    watched.clock.advance(2)
    watched.source.warm_up()
    assert watched.source.status().next_attempt == 58


def test_the_status_is_immutable() -> None:
    with pytest.raises(AttributeError):
        Watched().source.status().usable = True  # type: ignore[misc]


@pytest.mark.parametrize("fails", [False, True])
def test_the_status_is_logged_after_every_fetch(
    fails: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jwt_wsgi.jwks")
    watched = Watched()
    if fails:
        watched.answer = ConnectionError("hidden")
    watched.source.warm_up()
    idle()
    expected = ascii(watched.source.status())
    assert expected in caplog.text
    assert "hidden" not in caplog.text
