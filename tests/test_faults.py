"""Keys under every fault: a whole stack, a real endpoint that fails, and the requests that it counts.

One test or more for each promise; time is simulated, the network is not.
"""

from __future__ import annotations

import base64
import inspect
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest
from conftest import Clock
from fault_server import BAD, METADATA, REFUSE, RETRY_AFTER, SLOW, FaultServer
from waiting import eventually, idle
from webtest import TestApp

from jwt_wsgi import AUTHENTICATED, Issuer, RemoteJWKS, StaticJWKS, protect
from jwt_wsgi.issuer_registry import IssuerRegistry
from jwt_wsgi.jwks.discovery import metadata_urls
from jwt_wsgi.testing import LocalIssuer, SigningKey

OK, REFUSED, UNAVAILABLE = 200, 401, 503
#: The refresh is due for certain, and the lifetime is not over.
WHEN_DUE = 541


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    with FaultServer(tmp_path_factory.mktemp("faults")) as started:
        yield started


@pytest.fixture
def server(process: FaultServer) -> Iterator[FaultServer]:
    process.reset()
    yield process
    process.reset()
    idle()


def plain(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"in"]


class Api:
    """A protected application whose keys are on the server; `time` is the clock of its key source."""

    def __init__(
        self, server: FaultServer, *, discovered: bool = False, url: str = "", **options: Any
    ) -> None:
        self.server, self.time = server, Clock(1000.0)
        name = server.url(path="") if discovered else "https://issuer.test/"
        self.issuer = LocalIssuer(name, algorithms=("ES256",))
        options = {"clock": self.time, "timeout": 10, **options}
        self.keys = (
            RemoteJWKS.discovered(name, **options)
            if discovered
            else RemoteJWKS(url or server.url(), **options)
        )
        self.publish()
        trusted = Issuer(name, audience=self.issuer.audience, keys=self.keys, algorithms=["ES256"])
        self.app = TestApp(protect(plain, issuer=trusted, rules={"/": AUTHENTICATED}))
        self.good = self.issuer.token()

    def publish(self, *keys: SigningKey) -> None:
        """The issuer's keys, or these."""
        self.server.publish({"keys": [key.jwk for key in keys]} if keys else self.issuer.jwks)
        self.server.publish({"issuer": self.issuer.issuer, "jwks_uri": self.server.url()}, METADATA)

    def answer(self, token: str | None = None) -> Any:
        sent = {"Authorization": f"Bearer {self.good if token is None else token}"}
        return self.app.get("/", headers=sent, expect_errors=True)

    def ask(self, token: str | None = None) -> int:
        status: int = self.answer(token).status_int
        return status

    def warm(self) -> Api:
        assert self.ask() == OK
        idle()
        return self

    def go_on(self, seconds: float) -> None:
        """Let simulated time pass, and a fetch that is due then come to its end."""
        self.time.advance(seconds)
        self.keys.held()
        idle()


def rotated(api: Api) -> str:
    """A token of a key that is not published yet."""
    api.issuer.rotate()
    return api.issuer.token()


def invented(token: str, number: int) -> str:
    """The token with the kid of nobody."""
    header = {"alg": "ES256", "typ": "at+jwt", "kid": f"invented-{number}"}
    return (
        base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
        + token[token.index(".") :]
    )


# --- the endpoint is down, or answers nonsense


@pytest.mark.parametrize("fault", [*BAD, REFUSE])
def test_known_kids_never_notice_a_bad_reply_and_the_good_set_stays(
    fault: str, server: FaultServer
) -> None:
    api = Api(server).warm()
    held = api.keys.held()
    server.fail(fault)
    api.go_on(WHEN_DUE)
    assert [api.ask() for _ in range(20)] == [OK] * 20
    assert api.keys.held() is held
    assert server.counted() == (1 if fault == REFUSE else 2)
    assert (api.keys.status().attempts, api.keys.status().failures) == (2, 1)
    # Whether a kid that is not in it is the issuer's, nobody can tell now.
    assert api.ask(rotated(api)) == UNAVAILABLE


@pytest.mark.parametrize("fault", [*BAD, REFUSE])
def test_a_cold_start_on_a_bad_reply_is_503_and_the_next_step_serves(
    fault: str, server: FaultServer
) -> None:
    api = Api(server)
    server.fail(fault)
    answers = [api.answer() for _ in range(20)]
    assert {answer.status_int for answer in answers} == {UNAVAILABLE}
    assert all(1 <= int(answer.headers["Retry-After"]) <= RETRY_AFTER for answer in answers)
    assert server.counted() == (0 if fault == REFUSE else 1)
    assert api.keys.status().attempts == 1
    assert not api.keys.status().usable
    server.fail("fine")
    api.time.advance(RETRY_AFTER + 1)
    assert (api.ask(), api.keys.status().attempts) == (OK, 2)


def test_a_server_that_asks_to_be_left_alone_is(server: FaultServer) -> None:
    api = Api(server)
    server.fail("status_429")
    assert api.answer().headers["Retry-After"] == str(RETRY_AFTER)
    api.time.advance(RETRY_AFTER - 0.1)
    assert (api.ask(), server.counted()) == (UNAVAILABLE, 1)
    server.fail("fine")
    api.time.advance(0.2)
    assert (api.ask(), server.counted()) == (OK, 2)


@pytest.mark.parametrize("fault", ["redirect_to_a_file", "redirect_elsewhere"])
def test_a_redirect_reaches_nobody(fault: str, server: FaultServer) -> None:
    api = Api(server)
    server.fail(fault)
    assert (api.ask(), server.counted(), server.connections("elsewhere")) == (UNAVAILABLE, 1, 0)


@pytest.mark.parametrize(
    ("listener", "status", "requests"),
    [("trusted", OK, 1), ("expired", UNAVAILABLE, 0), ("untrusted", UNAVAILABLE, 0)],
)
def test_a_server_must_prove_who_it_is(
    listener: str, status: int, requests: int, server: FaultServer
) -> None:
    api = Api(server, url=server.url(listener), ca_certs=server.roots)
    assert api.ask() == status
    assert (server.counted(listener=listener), server.connections(listener)) == (requests, 1)


def test_an_issuer_that_is_down_at_the_start_sees_one_attempt_per_back_off_step(
    server: FaultServer,
) -> None:
    api, attempts = Api(server, requests_per_minute=100), []
    server.fail("status_500")
    for _ in range(1800):
        before = server.counted()
        answer = api.answer()
        assert answer.status_int == UNAVAILABLE
        assert int(answer.headers["Retry-After"]) >= 1
        if server.counted() > before:
            attempts.append(api.time.now)
        api.time.advance(0.1)
    pauses = [after - before for before, after in pairwise(attempts)]
    assert 6 <= len(pauses) <= 8
    for step, pause in enumerate(pauses):
        assert 0.8 * min(60, 2**step) - 0.01 <= pause <= 1.2 * min(60, 2**step) + 0.2


@pytest.mark.parametrize(("path", "keys", "metadata"), [(METADATA, 0, 5), ("/jwks", 5, 5)])
def test_discovery_and_keys_share_one_back_off(
    path: str, keys: int, metadata: int, server: FaultServer
) -> None:
    api = Api(server, discovered=True)
    server.fail("status_500", path)
    for _ in range(400):
        assert api.ask() == UNAVAILABLE
        api.time.advance(0.1)
    assert (server.counted(), server.counted(METADATA)) == (keys, metadata)
    server.fail("fine", path)
    api.time.advance(60)
    assert api.ask() == OK


# Metadata has no keys to be too many.
@pytest.mark.parametrize("fault", [*(fault for fault in BAD if fault != "many_keys"), REFUSE])
def test_metadata_is_held_to_the_same_bounds_and_the_next_step_serves(
    fault: str, server: FaultServer
) -> None:
    api = Api(server, discovered=True)
    server.fail(fault, METADATA)
    assert [api.ask() for _ in range(20)] == [UNAVAILABLE] * 20
    assert (server.counted(METADATA), server.counted()) == (0 if fault == REFUSE else 1, 0)
    assert (api.keys.status().attempts, server.connections("elsewhere")) == (1, 0)
    server.fail("fine", METADATA)
    api.time.advance(RETRY_AFTER + 1)
    before = server.counted(METADATA)
    assert api.ask() == OK
    assert (server.counted(METADATA), server.counted()) == (before + 1, 1)


def test_what_was_discovered_is_not_asked_for_again_as_long_as_the_keys_are_there(
    server: FaultServer,
) -> None:
    api = Api(server, discovered=True).warm()
    server.fail("status_500", METADATA)
    api.go_on(WHEN_DUE)
    assert (api.ask(), server.counted(METADATA), server.counted()) == (OK, 1, 2)


def test_an_issuer_that_publishes_at_the_place_of_rfc_8414_alone_costs_one_request_more(
    server: FaultServer,
) -> None:
    api = Api(server, discovered=True)
    server.reset()
    place = metadata_urls(api.issuer.issuer)[1].removeprefix(api.issuer.issuer)
    server.publish(api.issuer.jwks)
    server.publish({"issuer": api.issuer.issuer, "jwks_uri": server.url()}, place)
    assert api.ask() == OK
    assert (server.counted(METADATA), server.counted(place), server.counted()) == (1, 1, 1)


# --- the endpoint is slow


@pytest.mark.parametrize("fault", SLOW)
def test_with_a_usable_set_nobody_waits_for_a_slow_refresh(fault: str, server: FaultServer) -> None:
    api = Api(server).warm()
    server.fail(fault)
    api.time.advance(WHEN_DUE)
    # Nobody is released before all have been answered.
    assert [api.ask() for _ in range(20)] == [OK] * 20
    eventually(lambda: server.counted() == 2)
    assert api.keys.status().successes == 1
    server.release()
    eventually(lambda: api.keys.status().successes == 2)
    assert (api.ask(), server.counted()) == (OK, 2)


@pytest.mark.parametrize("fault", SLOW)
def test_a_cold_start_waits_no_longer_than_it_may_and_a_late_reply_still_counts(
    fault: str, server: FaultServer
) -> None:
    api = Api(server, timeout=1.5)
    server.fail(fault)
    with ThreadPoolExecutor(10) as callers:
        assert set(callers.map(lambda _: api.ask(), range(10))) == {UNAVAILABLE}
    assert server.counted() == 1
    server.release()
    eventually(lambda: api.keys.status().usable)
    assert (api.ask(), server.counted()) == (OK, 1)


@pytest.mark.parametrize("fault", ["hang_before_headers", "drip_body"])
def test_slow_metadata_is_waited_for_no_longer_and_still_counts(
    fault: str, server: FaultServer
) -> None:
    api = Api(server, discovered=True, timeout=1.5)
    server.fail(fault, METADATA)
    assert (api.ask(), server.counted(METADATA), server.counted()) == (UNAVAILABLE, 1, 0)
    server.release()
    eventually(lambda: api.keys.status().usable)
    assert (api.ask(), server.counted(METADATA), server.counted()) == (OK, 1, 1)


def test_a_name_server_that_hangs_is_waited_for_no_longer_and_what_comes_late_counts(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answered, look_up = Counter[str](), threading.Event(), socket.getaddrinfo

    def slow(host: str, *rest: Any, **options: Any) -> Any:
        asked[host] += 1
        answered.wait()
        return look_up("127.0.0.1", *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    url = server.url().replace("127.0.0.1", "slow.test")
    api = Api(server, url=url, allow_http=True, timeout=0.3)
    with ThreadPoolExecutor(10) as callers:
        assert set(callers.map(lambda _: api.ask(), range(10))) == {UNAVAILABLE}
    assert (asked, server.counted()) == ({"slow.test": 1}, 0)
    answered.set()
    eventually(lambda: api.keys.status().usable)
    assert (api.ask(), server.counted()) == (OK, 1)


@pytest.mark.parametrize("fault", SLOW)
def test_a_fetch_that_never_comes_to_an_end_is_given_up(fault: str, server: FaultServer) -> None:
    api = Api(server, timeout=0.1)
    server.fail(fault)
    assert api.ask() == UNAVAILABLE
    idle()  # without a release: no thread is left behind
    assert (api.keys.status().last_error, server.counted()) == ("not complete within 0.2 s", 1)


def test_a_worker_that_never_returns_makes_room_for_another(server: FaultServer) -> None:
    api = Api(server, timeout=1.5).warm()
    released = threading.Event()
    ours = api.keys._fetch

    def never(url: str) -> bytes:
        released.wait()
        raise OSError

    api.keys._fetch = never
    api.time.advance(WHEN_DUE)
    assert (api.ask(), server.counted()) == (OK, 1)
    api.keys._fetch = ours
    api.time.advance(4 * 1.5 - 0.1)
    assert (api.ask(), server.counted()) == (OK, 1)
    api.time.advance(0.2)
    assert api.ask() == OK
    eventually(lambda: api.keys.status().successes == 2)
    assert server.counted() == 2
    released.set()


def test_two_hundred_threads_at_a_cold_start_cost_one_fetch(server: FaultServer) -> None:
    api, together = Api(server, timeout=60), threading.Barrier(201)
    server.fail("hang_before_headers")

    def first(_: int) -> int:
        together.wait(60)
        return api.ask()

    with ThreadPoolExecutor(200) as callers:
        answers = callers.map(first, range(200))
        together.wait(60)
        eventually(lambda: server.counted() == 1)
        server.release()
        assert set(answers) == {OK}
    assert server.counted() == 1


# --- rotation


def test_a_new_kid_is_fetched_at_once_and_the_next_after_the_cool_down(server: FaultServer) -> None:
    api = Api(server).warm()
    new = rotated(api)
    api.publish()
    assert (api.ask(new), server.counted()) == (OK, 2)
    newer = rotated(api)
    api.publish()
    api.time.advance(29.9)
    assert (api.ask(newer), api.ask(new), server.counted()) == (REFUSED, OK, 2)
    api.time.advance(0.2)
    assert (api.ask(newer), server.counted()) == (OK, 3)


def test_a_key_that_was_removed_or_replaced_ends_with_the_next_refresh(server: FaultServer) -> None:
    api = Api(server).warm()
    [old] = api.issuer.jwks["keys"]
    api.publish(SigningKey("ES256", old["kid"]))
    api.go_on(WHEN_DUE)
    assert (api.answer().json["reason"], server.counted()) == ("signature_invalid", 2)
    api.publish(SigningKey("ES256", "another"))
    api.go_on(WHEN_DUE)
    assert (api.answer().json["reason"], server.counted()) == ("kid_unknown", 4)


@pytest.mark.parametrize(
    ("stale_for", "first"), [(14_400, OK), (0, REFUSED)], ids=["as usual", "no stale keys"]
)
def test_after_an_idle_hour_the_set_that_is_held_is_refreshed_beside_the_first_request(
    stale_for: float, first: int, server: FaultServer
) -> None:
    api = Api(server, stale_for=stale_for).warm()
    api.issuer.rotate()
    api.publish()
    # Where there is nothing to be used meanwhile, it cannot hang.
    server.fail("hang_before_headers" if stale_for else "fine")
    api.time.advance(3600)
    assert api.ask() == first
    server.fail("fine")
    idle()
    assert (api.ask(), server.counted()) == (REFUSED, 2 if stale_for == 0 else 3)


def test_a_revoked_key_ends_at_once_whatever_is_remembered_and_costs_no_fetch(
    server: FaultServer,
) -> None:
    api = Api(server).warm()
    assert api.ask() == OK, "remembered by now"
    api.keys.revoke(api.issuer.key().kid)
    assert (api.answer().json["reason"], server.counted()) == ("kid_unknown", 1)
    api.go_on(WHEN_DUE)
    assert (api.answer().json["reason"], server.counted()) == ("kid_unknown", 2)
    server.fail("status_500")
    api.go_on(WHEN_DUE)
    assert (api.answer().json["reason"], server.counted()) == ("kid_unknown", 3)


def test_an_unknown_kid_is_401_when_the_last_fetch_succeeded_and_503_when_it_failed(
    server: FaultServer,
) -> None:
    api = Api(server).warm()
    assert (api.answer(invented(api.good, 1)).json["reason"], server.counted()) == (
        "kid_unknown",
        2,
    )
    server.fail("status_500")
    api.time.advance(31)
    answer = api.answer(invented(api.good, 2))
    assert (answer.status_int, answer.json["reason"]) == (UNAVAILABLE, "keys_unavailable")
    assert (api.ask(), server.counted()) == (OK, 3)


@pytest.mark.parametrize(("before", "status"), [(3, OK), (4, REFUSED)])
def test_of_duplicate_kids_four_are_tried(before: int, status: int, server: FaultServer) -> None:
    api = Api(server)
    kid = api.issuer.key().kid
    api.publish(*(SigningKey("ES256", kid) for _ in range(before)), api.issuer.key())
    assert (api.ask(), server.counted()) == (status, 1)


# --- many requests


@pytest.mark.slow
def test_a_hundred_thousand_invented_kids_cost_the_issuer_little_and_valid_tokens_nothing(
    server: FaultServer,
) -> None:
    api = Api(server, timeout=60).warm()
    seconds, each, workers = 100, 1000, 4
    stranger, known = Counter[int](), Counter[int]()

    def part(first: int) -> None:
        for number in range(first, first + each // workers):
            stranger[verdict(invented(api.good, number))] += 1
        known[verdict(api.good)] += 1

    verifier = api.app.app._app._verifier

    def verdict(token: str) -> int:
        try:
            verifier.verify(token)
        except Exception as refusal:
            return refusal.status  # type: ignore[attr-defined]
        return OK

    with ThreadPoolExecutor(workers) as callers:
        for second in range(seconds):
            list(callers.map(part, range(second * each, (second + 1) * each, each // workers)))
            api.time.advance(1)
    assert sum(stranger.values()) == 100_000
    assert stranger.keys() <= {REFUSED, UNAVAILABLE}
    assert known == {OK: seconds * workers}
    # At once, and after each cool-down of 30 seconds.
    assert server.counted() == 1 + 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "stale_for", [12 * 3600, None], ids=["stale for twelve hours", "stale for four, as usual"]
)
def test_an_issuer_that_is_down_for_ten_hours(stale_for: float | None, server: FaultServer) -> None:
    api = Api(server, **({} if stale_for is None else {"stale_for": stale_for})).warm()
    server.fail("hang_up")
    begun, answers = api.time.now, {}
    chance = random.Random(0)
    while (since := api.time.now - begun) < 36_000:
        answers[since] = api.ask()
        idle()
        api.time.advance(chance.uniform(1, 9))
    ends = 600 + (14_400 if stale_for is None else stale_for)
    assert {answers[since] for since in answers if since < ends} == {OK}
    assert {answers[since] for since in answers if since >= ends} == (
        {UNAVAILABLE} if stale_for is None else set()
    )
    # 63 seconds of steps that double, then about a minute each; asking every five seconds delays each by a few.
    predicted = 6 + (36_000 - 480 - 63) / 64.5
    assert server.connections() - 1 == api.keys.status().failures
    assert abs(api.keys.status().failures - predicted) < 0.05 * predicted
    server.fail("fine")
    api.time.advance(73)
    assert api.ask() == OK


# --- clocks


@pytest.mark.parametrize("jump", [-3600, 3600], ids=["back", "ahead"])
def test_the_wall_clock_jumps_an_hour_and_the_keys_never_notice(
    jump: float, server: FaultServer
) -> None:
    wall = Clock(time.time())
    issuer = LocalIssuer("https://issuer.test/", algorithms=("ES256",), clock=wall)
    server.publish(issuer.jwks)
    keys = RemoteJWKS(server.url())
    trusted = Issuer(issuer.issuer, audience=issuer.audience, keys=keys, algorithms=["ES256"])
    app = TestApp(protect(plain, issuer=trusted, rules={"/": AUTHENTICATED}, clock=wall))

    def ask() -> int:
        status: int = app.get(
            "/", headers={"Authorization": f"Bearer {issuer.token()}"}, expect_errors=True
        ).status_int
        return status

    assert ask() == OK
    held = keys.held()
    wall.advance(jump)
    assert [ask() for _ in range(5)] == [OK] * 5
    assert keys.held() is held
    assert server.counted() == 1


@pytest.mark.parametrize(
    "cache", [RemoteJWKS, StaticJWKS, IssuerRegistry], ids=lambda cache: cache.__name__
)
def test_no_cache_counts_on_the_wall_clock_unless_it_is_given_one(
    cache: Callable[..., object],
) -> None:
    assert inspect.signature(cache).parameters["clock"].default is time.monotonic
