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
    assert (status.usable, status.age) == (False, None)
    assert status.last_error == "the fetch raised ConnectionError"
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


FETCHED = "fetch succeeded in 0 s; keys are in use, kids: 'a', 'b'; the next fetch is due in "
FAILED = (
    "fetch failed (fetcher_raised) in 0 s; no usable keys are held; the next fetch is due in 1 s"
)


@pytest.mark.parametrize(
    ("answer", "sentence", "outcome", "kids"),
    [
        pytest.param(None, FETCHED, "ok", ["a", "b"], id="D14 a success"),
        pytest.param(ConnectionError("hidden"), FAILED, "fetcher_raised", [], id="D14 a failure"),
    ],
)
def test_the_status_is_logged_after_every_fetch_as_a_sentence_with_fields(
    answer: object, sentence: str, outcome: str, kids: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "jwt_wsgi.jwks")
    watched = Watched()
    watched.answer = answer or watched.answer
    watched.source.warm_up()
    idle()
    (record,) = [each for each in caplog.records if each.levelno == logging.INFO]
    text = f"keys of https://issuer.test/jwks: {sentence}"
    assert record.getMessage().startswith(text)
    fields = {**watched.source.status()._asdict(), "kids": kids, "outcome": outcome}
    fields |= {"location": "https://issuer.test/jwks", "seconds": 0, "keys": len(kids)}
    assert {name: getattr(record, name) for name in fields} == fields
    assert json.dumps(fields)
    assert "hidden" not in caplog.text


def test_keys_that_are_stale_are_called_so_in_the_log_d14(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "jwt_wsgi.jwks")
    watched = Watched()
    watched.source.warm_up()
    watched.answer = ConnectionError()
    watched.clock.advance(1001)
    watched.source.held()
    idle()
    assert "stale keys are in use, kids: 'a', 'b'" in caplog.messages[-1]


@pytest.mark.parametrize(
    ("later", "consequence"),
    [
        pytest.param(None, "no keys are held yet; requests get 503", id="D7 a cold start"),
        pytest.param(901, "the last good keys stay in use", id="D7 a refresh"),
        pytest.param(
            1501,
            "the last good keys are too old to be used; requests get 503",
            id="D7 after the stale window",
        ),
    ],
)
def test_a_failed_fetch_says_whether_keys_are_held(
    later: float | None, consequence: str, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(stale_for=500)
    if later is not None:
        watched.source.warm_up()
        watched.clock.advance(later)
    watched.answer = OSError()
    watched.source.held()
    watched.source.warm_up()
    idle()
    assert caplog.messages == [
        f"keys of https://issuer.test/jwks: the fetch raised OSError; {consequence}"
    ]
