"""Keys under every fault: a whole stack over a real endpoint that fails and counts its requests.

Each promise has at least one test. Time is simulated, the network is real.
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
from jwt_wsgi.testing.signing import compact

OK, REFUSED, UNAVAILABLE = 200, 401, 503
#: Seconds after which a refresh is always due, and the lifetime is not over.
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
    """A protected application whose keys are on the server; `time` is its key source's clock."""

    def __init__(
        self, server: FaultServer, *, discovered: bool = False, url: str = "", **options: Any
    ) -> None:
        self.server = server
        self.time = Clock(1000.0)
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
        """Publish these keys, by default those of the issuer."""
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
        """Advance the clock, start a refresh if one is due, and wait for its end."""
        self.time.advance(seconds)
        self.keys.held()
        idle()


def rotated(api: Api) -> str:
    """Rotate the keys; return a token of the new key, which is not published yet."""
    api.issuer.rotate()
    return api.issuer.token()


def invented(token: str, number: int) -> str:
    """Return the token with an invented kid."""
    header = {"alg": "ES256", "typ": "at+jwt", "kid": f"invented-{number}"}
    return (
        base64.urlsafe_b64encode(json.dumps(header).encode()).decode().rstrip("=")
        + token[token.index(".") :]
    )


# --- the endpoint is down, or its replies are bad


@pytest.mark.parametrize("fault", [*BAD, REFUSE])
def test_known_kids_are_served_after_a_bad_reply_and_the_good_set_stays(
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
    # The failed fetch leaves open whether the issuer has this kid.
    assert api.ask(rotated(api)) == UNAVAILABLE


@pytest.mark.parametrize("fault", [*BAD, REFUSE])
def test_a_cold_start_on_a_bad_reply_is_503_and_the_next_attempt_serves(
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


def test_retry_after_is_honoured(server: FaultServer) -> None:
    api = Api(server)
    server.fail("status_429")
    assert api.answer().headers["Retry-After"] == str(RETRY_AFTER)
    api.time.advance(RETRY_AFTER - 0.1)
    assert (api.ask(), server.counted()) == (UNAVAILABLE, 1)
    server.fail("fine")
    api.time.advance(0.2)
    assert (api.ask(), server.counted()) == (OK, 2)


@pytest.mark.parametrize("fault", ["redirect_to_a_file", "redirect_elsewhere"])
def test_a_redirect_is_not_followed(fault: str, server: FaultServer) -> None:
    api = Api(server)
    server.fail(fault)
    assert (api.ask(), server.counted(), server.connections("elsewhere")) == (UNAVAILABLE, 1, 0)


@pytest.mark.parametrize(
    ("listener", "status", "requests"),
    [("trusted", OK, 1), ("expired", UNAVAILABLE, 0), ("untrusted", UNAVAILABLE, 0)],
)
def test_a_server_needs_a_valid_certificate(
    listener: str, status: int, requests: int, server: FaultServer
) -> None:
    api = Api(server, url=server.url(listener), ca_certs=server.roots)
    assert api.ask() == status
    assert (server.counted(listener=listener), server.connections(listener)) == (requests, 1)


def test_an_issuer_that_is_down_at_the_start_sees_one_attempt_per_back_off_step(
    server: FaultServer,
) -> None:
    api = Api(server, requests_per_minute=100)
    attempts = []
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


# The fault "many_keys" does not apply to metadata.
@pytest.mark.parametrize("fault", [*(fault for fault in BAD if fault != "many_keys"), REFUSE])
def test_metadata_has_the_same_bounds_and_the_next_attempt_serves(
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


def test_metadata_is_not_fetched_again_while_the_keys_can_be_fetched(server: FaultServer) -> None:
    api = Api(server, discovered=True).warm()
    server.fail("status_500", METADATA)
    api.go_on(WHEN_DUE)
    assert (api.ask(), server.counted(METADATA), server.counted()) == (OK, 1, 2)


def test_an_issuer_with_only_rfc_8414_metadata_costs_one_more_request(server: FaultServer) -> None:
    api = Api(server, discovered=True)
    server.reset()
    place = metadata_urls(api.issuer.issuer)[1].removeprefix(api.issuer.issuer)
    server.publish(api.issuer.jwks)
    server.publish({"issuer": api.issuer.issuer, "jwks_uri": server.url()}, place)
    assert api.ask() == OK
    assert (server.counted(METADATA), server.counted(place), server.counted()) == (1, 1, 1)


# --- the endpoint is slow


@pytest.mark.parametrize("fault", SLOW)
def test_no_request_waits_for_a_slow_refresh_of_a_usable_set(
    fault: str, server: FaultServer
) -> None:
    api = Api(server).warm()
    server.fail(fault)
    api.time.advance(WHEN_DUE)
    # All are answered while the refresh still hangs.
    assert [api.ask() for _ in range(20)] == [OK] * 20
    eventually(lambda: server.counted() == 2)
    assert api.keys.status().successes == 1
    server.release()
    eventually(lambda: api.keys.status().successes == 2)
    assert (api.ask(), server.counted()) == (OK, 2)


@pytest.mark.parametrize("fault", SLOW)
def test_a_cold_start_waits_for_the_time_out_and_a_late_reply_is_used(
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
def test_a_cold_start_waits_no_longer_for_slow_metadata_and_uses_it(
    fault: str, server: FaultServer
) -> None:
    api = Api(server, discovered=True, timeout=1.5)
    server.fail(fault, METADATA)
    assert (api.ask(), server.counted(METADATA), server.counted()) == (UNAVAILABLE, 1, 0)
    server.release()
    eventually(lambda: api.keys.status().usable)
    assert (api.ask(), server.counted(METADATA), server.counted()) == (OK, 1, 1)


def test_a_cold_start_waits_no_longer_for_a_slow_name_server_and_uses_it(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_ups = Counter[str]()
    answered = threading.Event()
    look_up = socket.getaddrinfo

    def slow(host: str, *rest: Any, **options: Any) -> Any:
        look_ups[host] += 1
        answered.wait()
        return look_up("127.0.0.1", *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    url = server.url().replace("127.0.0.1", "slow.test")
    api = Api(server, url=url, allow_http=True, timeout=0.3)
    with ThreadPoolExecutor(10) as callers:
        assert set(callers.map(lambda _: api.ask(), range(10))) == {UNAVAILABLE}
    assert (look_ups, server.counted()) == ({"slow.test": 1}, 0)
    answered.set()
    eventually(lambda: api.keys.status().usable)
    assert (api.ask(), server.counted()) == (OK, 1)


@pytest.mark.parametrize("fault", SLOW)
def test_a_fetch_that_never_ends_is_aborted(fault: str, server: FaultServer) -> None:
    api = Api(server, timeout=0.1)
    server.fail(fault)
    assert api.ask() == UNAVAILABLE
    idle()  # without a release: no thread is left behind
    assert (api.keys.status().last_error, server.counted()) == (
        "the reply was not complete within 0.2 s",
        1,
    )


def test_a_worker_that_never_returns_is_replaced(server: FaultServer) -> None:
    api = Api(server, timeout=1.5).warm()
    released = threading.Event()
    ours = api.keys._worker._loader.fetch

    def never(url: str) -> bytes:
        released.wait()
        raise OSError

    api.keys._worker._loader.fetch = never
    api.time.advance(WHEN_DUE)
    assert (api.ask(), server.counted()) == (OK, 1)
    api.keys._worker._loader.fetch = ours
    api.time.advance(4 * 1.5 - 0.1)
    assert (api.ask(), server.counted()) == (OK, 1)
    api.time.advance(0.2)
    assert api.ask() == OK
    eventually(lambda: api.keys.status().successes == 2)
    assert server.counted() == 2
    released.set()


def test_two_hundred_threads_at_a_cold_start_cost_one_fetch(server: FaultServer) -> None:
    api = Api(server, timeout=60)
    together = threading.Barrier(201)
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


def test_two_new_kids_are_fetched_at_once_and_the_next_after_the_cool_down_u11(
    server: FaultServer,
) -> None:
    api = Api(server).warm()
    for fetches in (2, 3):
        new = rotated(api)
        api.publish()
        assert (api.ask(new), server.counted()) == (OK, fetches)
    newer = rotated(api)
    api.publish()
    api.time.advance(29.9)
    assert (api.ask(newer), api.ask(new), server.counted()) == (REFUSED, OK, 3)
    api.time.advance(0.2)
    assert (api.ask(newer), server.counted()) == (OK, 4)


@pytest.mark.parametrize("cold", [True, False], ids=["U11 at a cold start", "U11 later"])
@pytest.mark.parametrize("forgery", ["kid", "signature"], ids=["invented kid", "bad signature"])
def test_one_forged_token_does_not_delay_a_rotation(
    cold: bool, forgery: str, server: FaultServer
) -> None:
    api = Api(server)
    if not cold:
        api.warm()
    forged = invented(api.good, 1) if forgery == "kid" else api.good[:-8] + "AAAAAAAA"
    assert api.ask(forged) == REFUSED
    idle()
    new = rotated(api)
    api.publish()
    assert api.ask(new) == OK


def signed_by(api: Api, key: SigningKey, kid: str | None) -> str:
    """Return a good token of this key, with any kid or none."""
    claims = json.loads(base64.urlsafe_b64decode(api.good.split(".")[1] + "=="))
    header = {"alg": "ES256", "typ": "at+jwt"} | ({} if kid is None else {"kid": kid})
    return compact(header, json.dumps(claims).encode(), key)


def published(key: SigningKey, kid: str | None) -> dict[str, Any]:
    entry = {name: value for name, value in (key.jwk or {}).items() if name != "kid"}
    return entry if kid is None else {**entry, "kid": kid}


#: (kid of the key set, kid of the token)
REPLACED = [
    pytest.param("main", "main", id="U10 same kid"),
    pytest.param(None, None, id="U10 neither the key nor the token has a kid"),
    pytest.param("main", None, id="U10 the token has no kid"),
]


@pytest.mark.parametrize(("key_kid", "token_kid"), REPLACED)
@pytest.mark.parametrize("lifetime", [600, 86_400], ids=["ten minutes", "a day"])
def test_a_key_that_is_replaced_under_its_kid_is_followed_after_one_bad_signature(
    key_kid: str | None, token_kid: str | None, lifetime: float, server: FaultServer
) -> None:
    api = Api(server, cache_ttl=lifetime)
    old = SigningKey("ES256", "main")
    new = SigningKey("ES256", "main")
    server.publish({"keys": [published(old, key_kid)]})
    assert api.ask(signed_by(api, old, token_kid)) == OK
    idle()
    server.publish({"keys": [published(new, key_kid)]})
    api.time.advance(1)
    first = api.answer(signed_by(api, new, token_kid))
    assert (first.status_int, first.json["reason"]) == (REFUSED, "signature_invalid")
    idle()
    assert (api.ask(signed_by(api, new, token_kid)), server.counted()) == (OK, 2)
    # Tokens of the old key that were verified before end with it.
    assert api.ask(signed_by(api, old, token_kid)) == REFUSED


@pytest.mark.parametrize(("key_kid", "token_kid"), REPLACED)
def test_a_bad_signature_is_refused_at_once_while_the_endpoint_hangs(
    key_kid: str | None, token_kid: str | None, server: FaultServer
) -> None:
    api = Api(server, timeout=60)
    old = SigningKey("ES256", "main")
    server.publish({"keys": [published(old, key_kid)]})
    assert api.ask(signed_by(api, old, token_kid)) == OK
    idle()
    server.fail("hang_before_headers")
    forged = signed_by(api, SigningKey("ES256", "main"), token_kid)
    started = time.monotonic()
    assert [api.ask(forged) for _ in range(20)] == [REFUSED] * 20
    assert api.ask(signed_by(api, old, token_kid)) == OK
    assert time.monotonic() - started < 30, "nobody waits"
    eventually(lambda: server.counted() == 2)


def test_a_bad_signature_in_an_outage_is_refused_and_known_keys_are_served_u10(
    server: FaultServer,
) -> None:
    api = Api(server).warm()
    server.fail("status_500")
    forged = signed_by(api, SigningKey("ES256", "x"), api.issuer.key().kid)
    for _ in range(5):
        assert api.answer(forged).json["reason"] == "signature_invalid"
        idle()
    assert (api.ask(), server.counted()) == (OK, 2), "one attempt per back-off step"


def test_a_flood_of_bad_signatures_costs_few_fetches_u10(server: FaultServer) -> None:
    api = Api(server).warm()
    forged = signed_by(api, SigningKey("ES256", "x"), api.issuer.key().kid)
    for second in range(100):
        assert api.ask(forged) == REFUSED
        assert api.ask(invented(api.good, second)) == REFUSED
        assert api.ask() == OK
        idle()
        api.time.advance(1)
    # The first fetch, two at once, and one after each cool-down of 30 seconds.
    assert server.counted() == 1 + 2 + 3


def test_an_endpoint_that_hangs_holds_two_threads_at_most_u14(server: FaultServer) -> None:
    api = Api(server, timeout=60).warm()
    server.fail("hang_before_headers")
    with ThreadPoolExecutor(8) as callers:
        waiting = [callers.submit(api.ask, invented(api.good, number)) for number in range(40)]
        # Two hold a thread each. The other six threads answer all the others.
        eventually(lambda: sum(answer.done() for answer in waiting) == 38)
        assert {answer.result() for answer in waiting if answer.done()} == {REFUSED}
        assert callers.submit(api.ask).result(timeout=30) == OK
        server.fail("fine")
        server.release()
        assert {answer.result() for answer in waiting} == {REFUSED}


def test_a_removed_key_is_refused_after_the_next_refresh(server: FaultServer) -> None:
    api = Api(server).warm()
    [old] = api.issuer.jwks["keys"]
    api.publish(SigningKey("ES256", old["kid"]))
    api.go_on(WHEN_DUE)
    assert api.answer().json["reason"] == "signature_invalid"
    idle()
    assert server.counted() == 3, "the refresh, and the fetch that the failed signature started"
    api.publish(SigningKey("ES256", "another"))
    api.go_on(WHEN_DUE)
    assert api.answer().json["reason"] == "kid_unknown"


@pytest.mark.parametrize(
    ("stale_for", "first"), [(14_400, OK), (0, REFUSED)], ids=["as usual", "no stale keys"]
)
def test_after_an_idle_hour_a_stale_set_serves_while_it_is_refreshed(
    stale_for: float, first: int, server: FaultServer
) -> None:
    api = Api(server, stale_for=stale_for).warm()
    api.issuer.rotate()
    api.publish()
    # Without stale keys the request waits for the fetch, so it must not hang.
    server.fail("hang_before_headers" if stale_for else "fine")
    api.time.advance(3600)
    assert api.ask() == first
    server.fail("fine")
    idle()
    # The refresh began a moment before its request asked for the kid, so that request
    # and the last one take a fetch each from the burst.
    assert (api.ask(), server.counted()) == (REFUSED, 4 if stale_for == 0 else 3)


def test_a_revoked_key_is_refused_at_once_even_if_cached_without_a_fetch(
    server: FaultServer,
) -> None:
    api = Api(server).warm()
    assert api.ask() == OK, "from the cache"
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
def test_at_most_four_keys_with_one_kid_are_tried(
    before: int, status: int, server: FaultServer
) -> None:
    api = Api(server)
    kid = api.issuer.key().kid
    api.publish(*(SigningKey("ES256", kid) for _ in range(before)), api.issuer.key())
    assert api.ask() == status
    # A bad signature starts a fetch.
    idle()
    assert server.counted() == (1 if status == OK else 2)


# --- many requests


@pytest.mark.slow
def test_a_flood_of_invented_kids_costs_few_fetches_and_no_valid_request(
    server: FaultServer,
) -> None:
    api = Api(server, timeout=60).warm()
    seconds = 100
    each = 1000
    workers = 4
    invented_kids = Counter[int]()
    known_kids = Counter[int]()

    def part(first: int) -> None:
        for number in range(first, first + each // workers):
            invented_kids[verdict(invented(api.good, number))] += 1
        known_kids[verdict(api.good)] += 1

    verifier = api.app.app.app.verifier

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
    assert sum(invented_kids.values()) == 100_000
    assert invented_kids.keys() == {REFUSED}
    assert known_kids == {OK: seconds * workers}
    # The first fetch, two at once, and one after each cool-down of 30 seconds.
    assert server.counted() == 1 + 2 + 3


@pytest.mark.slow
@pytest.mark.parametrize(
    "stale_for", [12 * 3600, None], ids=["stale for twelve hours", "stale for four, as usual"]
)
def test_a_ten_hour_outage_is_served_for_the_stale_window(
    stale_for: float | None, server: FaultServer
) -> None:
    api = Api(server, **({} if stale_for is None else {"stale_for": stale_for})).warm()
    server.fail("hang_up")
    begun = api.time.now
    answers = {}
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
    # Six steps that double take 63 seconds, and the others a minute each. A request every
    # five seconds delays each by a few seconds.
    predicted = 6 + (36_000 - 480 - 63) / 64.5
    assert server.connections() - 1 == api.keys.status().failures
    assert abs(api.keys.status().failures - predicted) < 0.05 * predicted
    server.fail("fine")
    api.time.advance(73)
    assert api.ask() == OK


# --- clocks


@pytest.mark.parametrize("jump", [-3600, 3600], ids=["back", "ahead"])
def test_a_jump_of_the_wall_clock_does_not_affect_the_keys(
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
def test_no_cache_uses_the_wall_clock_by_default(cache: Callable[..., object]) -> None:
    assert inspect.signature(cache).parameters["clock"].default is time.monotonic
