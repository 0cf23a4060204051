"""Keys that are fetched one by one: nobody floods the endpoint, nobody holds up a known key."""

from __future__ import annotations

import datetime as dt
import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from conftest import Clock
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from fault_server import BAD, REFUSE, SLOW, FaultServer
from refusals import reason
from waiting import eventually, idle

from jwt_wsgi import ANY_AUDIENCE, Issuer, KeysUnavailable, RemotePEM, StaticJWKS, Verifier
from jwt_wsgi.http.fetching import FetchError, Reply
from jwt_wsgi.jwks.source import KeySource
from jwt_wsgi.testing import LocalIssuer, SigningKey
from jwt_wsgi.testing.signing import compact

URL = "https://keys.example.com/v1/{kid}"
KIDS = [str(uuid.UUID(int=number)) for number in range(1, 9)]
KEYS = {kid: SigningKey("ES256", kid) for kid in KIDS}
A, B, C, D, *_ = KIDS
FOUND, UNKNOWN, UNAVAILABLE = "found", "unknown", "unavailable"
DAY = 86400.0


class Endpoint:
    """An endpoint that publishes `published`; `answer` replaces its answers."""

    def __init__(self, *kids: str) -> None:
        self.published = {kid: KEYS[kid].pem for kid in kids}
        self.answer: Any = None
        self.fetched: list[str] = []

    def __call__(self, url: str) -> Any:
        self.fetched.append(url)
        answer = self.answer
        if isinstance(answer, Future):
            answer = answer.result(timeout=20)
        if isinstance(answer, BaseException):
            raise answer
        if answer is not None:
            return answer
        body = self.published.get(url.rpartition("/")[2])
        if body is None:
            raise FetchError("status 404", status=404, outcome="http_status")
        return body


class Remote:
    """A source with its own clock, over an endpoint that publishes some keys."""

    def __init__(self, *kids: str, **options: Any) -> None:
        self.clock = Clock(1000.0)
        self.endpoint = Endpoint(*kids)
        self.source = RemotePEM(URL, fetch=self.endpoint, clock=self.clock, **options)

    @property
    def fetches(self) -> int:
        return len(self.endpoint.fetched)

    def ask(self, kid: str | None, alg: str = "ES256") -> str:
        try:
            return FOUND if self.source.find(kid, alg) else UNKNOWN
        except KeysUnavailable:
            return UNAVAILABLE

    def use(self, kid: str) -> None:
        [key] = self.source.find(kid, "ES256")
        assert key.verifies("ES256", b"m", KEYS[kid].sign(b"m"))
        self.source.token_accepted(kid, "ES256")

    def later(self, seconds: float) -> None:
        """Advance the clock, and let a refresh that is due happen."""
        self.clock.advance(seconds)
        self.source.held()
        idle()


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    idle()


# --- one key each


def test_a_key_is_fetched_once_from_its_own_url() -> None:
    remote = Remote(A, B)
    assert isinstance(remote.source, KeySource)
    assert remote.source.held() is None
    assert [remote.ask(kid) for kid in (A, B, A, B)] == [FOUND] * 4
    assert remote.endpoint.fetched == [URL.replace("{kid}", kid) for kid in (A, B)]
    held = remote.source.held()
    assert held is not None
    assert held.kids == {A, B}
    assert remote.source.held() is held
    assert (remote.ask(A, "RS256"), remote.fetches) == (UNKNOWN, 2)


@pytest.mark.parametrize(
    "kid",
    [
        None,
        "",
        "a",
        A.upper().replace("0", "A"),
        A.replace("-", ""),
        "{" + A + "}",
        f"urn:uuid:{A}",
        A + "\n",
        " " + A,
        A + "/../" + B,
        A + "?x",
        A + "#x",
        "../../" + A,
        A.replace("0", "\N{FULLWIDTH DIGIT ZERO}"),
        A.replace("0", "\N{ARABIC-INDIC DIGIT ZERO}"),
    ],
    ids=ascii,
)
def test_anything_but_a_uuid_in_lower_case_finds_no_key_and_costs_no_fetch(kid: Any) -> None:
    remote = Remote(A)
    assert (remote.ask(kid), remote.fetches) == (UNKNOWN, 0)


def test_a_kid_that_does_not_exist_is_not_asked_for_again_for_a_minute() -> None:
    remote = Remote(A)
    assert [remote.ask(B) for _ in range(5)] == [UNKNOWN] * 5
    assert remote.fetches == 1
    remote.endpoint.published[B] = KEYS[B].pem
    remote.clock.advance(61)
    assert (remote.ask(B), remote.fetches) == (FOUND, 2)


@pytest.mark.parametrize("status", [403, 404, 410])
def test_these_statuses_say_that_there_is_no_such_key(status: int) -> None:
    remote = Remote()
    remote.endpoint.answer = FetchError("no", status=status)
    assert [remote.ask(A) for _ in range(2)] == [UNKNOWN] * 2
    assert (remote.fetches, remote.source.status().failures) == (1, 0)


def certificate(key: SigningKey) -> bytes:
    """Return a certificate of a key, signed by itself."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "keys.example.com")])
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(
        name, name, key.private.public_key(), 1, begin, begin + dt.timedelta(days=36500)
    )
    signed = builder.sign(key.private, hashes.SHA256())
    return signed.public_bytes(Encoding.PEM)


PRIVATE = b"-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n"
NOT_ONE_KEY = {
    "nothing": b"",
    "HTML": b"<!doctype html>",
    "a key set": b'{"keys": []}',
    "two keys": KEYS[A].pem + KEYS[B].pem,
    "a private key": PRIVATE,
    "a key and a private key": KEYS[A].pem + PRIVATE,
    "a block cut off": KEYS[A].pem[:60],
    "a certificate": certificate(KEYS[A]),
    "another label": KEYS[A].pem.replace(b"PUBLIC KEY", b"CERTIFICATE"),
    "too large": KEYS[A].pem + b" " * 16384,
    "text": KEYS[A].pem.decode(),
    "None": 7,
    "a max_age of text": Reply(KEYS[A].pem, "1"),  # type: ignore[arg-type]
    "status 500": FetchError("status 500", status=500, outcome="http_status"),
    "status 429": FetchError("status 429", status=429, outcome="http_status"),
    "another exception": RuntimeError("boom"),
}


@pytest.mark.parametrize("answer", NOT_ONE_KEY.values(), ids=NOT_ONE_KEY)
def test_any_other_reply_is_a_failed_fetch(answer: Any) -> None:
    remote = Remote(A)
    remote.endpoint.answer = answer
    assert [remote.ask(A) for _ in range(3)] == [UNAVAILABLE] * 3
    assert (remote.fetches, remote.source.status().failures) == (1, 1)
    assert remote.source.status().last_error
    remote.endpoint.answer = None
    remote.clock.advance(2)
    assert remote.ask(A) == FOUND


def test_an_exception_that_is_no_exception_is_raised_in_the_thread_that_fetched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raised: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: raised.append(args.exc_type))
    remote = Remote(A)
    remote.endpoint.answer = KeyboardInterrupt()
    assert remote.ask(A) == UNAVAILABLE
    idle()
    assert raised == [KeyboardInterrupt]


# --- lifetime


def test_a_key_in_use_is_refreshed_in_the_background_and_keeps_the_epoch() -> None:
    remote = Remote(A)
    remote.use(A)
    before = remote.source.held()
    remote.later(DAY)
    assert (remote.fetches, remote.source.held() is before) == (2, True)


def test_a_key_of_no_accepted_token_is_dropped_when_it_is_due() -> None:
    remote = Remote(A, B)
    remote.use(A)
    assert remote.ask(B) == FOUND
    remote.later(DAY)
    held = remote.source.held()
    assert held is not None
    assert held.kids == {A}
    assert remote.endpoint.fetched[-1].endswith(A)


def test_cache_control_shortens_the_lifetime() -> None:
    remote = Remote()
    remote.endpoint.answer = Reply(KEYS[A].pem, 100.0)
    remote.use(A)
    remote.later(101)
    assert remote.fetches == 2


@pytest.mark.parametrize(
    "error", [FetchError("down", outcome="unreachable"), OSError("down")], ids=["fetch", "other"]
)
def test_an_outage_leaves_the_keys_that_are_held_until_they_are_too_old(error: Exception) -> None:
    remote = Remote(A, stale_for=3600)
    remote.use(A)
    remote.endpoint.answer = error
    remote.later(DAY)
    assert remote.ask(A) == FOUND
    remote.later(3599)
    assert remote.ask(A) == FOUND
    remote.later(2)
    assert remote.ask(A) == UNAVAILABLE
    assert remote.source.held() is None
    remote.endpoint.answer = None
    remote.clock.advance(61)
    assert remote.ask(A) == FOUND


@pytest.mark.parametrize("status", [404, 410])
def test_a_key_that_is_gone_is_dropped_at_its_refresh(status: int) -> None:
    remote = Remote(A)
    remote.use(A)
    remote.endpoint.answer = FetchError("gone", status=status)
    remote.later(DAY)
    assert remote.source.held() is None
    assert remote.ask(A) == UNKNOWN


def test_a_key_that_is_forbidden_is_used_until_it_is_too_old_and_holds_up_no_other() -> None:
    remote = Remote(A, B, stale_for=3600)
    remote.use(A)
    remote.endpoint.answer = FetchError("forbidden", status=403)
    remote.later(DAY)
    assert (remote.ask(A), remote.fetches) == (FOUND, 2)
    remote.endpoint.answer = None
    assert remote.ask(B) == FOUND
    remote.later(3601)
    held = remote.source.held()
    assert held is None or A not in held.kids


def test_a_key_replaced_under_its_kid_begins_a_new_epoch() -> None:
    remote = Remote(A)
    remote.use(A)
    before = remote.source.held()
    remote.endpoint.published[A] = KEYS[B].pem
    remote.later(DAY)
    assert remote.source.held() is not before


# --- strangers


def test_invented_kids_cost_no_more_fetches_than_the_budget() -> None:
    remote = Remote(A, requests_per_minute=6, cooldown=10)
    remote.use(A)
    answers = [remote.ask(str(uuid.uuid4())) for _ in range(100)]
    assert answers == [UNKNOWN] * 4 + [UNAVAILABLE] * 96
    assert remote.fetches == 5
    assert remote.ask(A) == FOUND
    remote.clock.advance(61)
    assert [remote.ask(str(uuid.uuid4())) for _ in range(9)].count(UNKNOWN) == 5


def test_a_spent_budget_leaves_one_fetch_for_the_refresh() -> None:
    remote = Remote(A, requests_per_minute=4, cooldown=0)
    remote.use(A)
    remote.clock.advance(DAY - 1)
    remote.endpoint.fetched.clear()
    for _ in range(10):
        assert remote.ask(str(uuid.uuid4())) in (UNKNOWN, UNAVAILABLE)
    idle()
    assert sum(url.endswith(A) for url in remote.endpoint.fetched) == 1


def test_keys_that_exist_and_sign_nothing_here_do_not_evict_one_that_does() -> None:
    remote = Remote(*KIDS, max_keys=3, cooldown=0)
    remote.use(A)
    remote.use(B)
    for kid in KIDS[2:]:
        assert remote.ask(kid) == FOUND
    held = remote.source.held()
    assert held is not None
    assert {A, B} <= held.kids
    assert len(held.kids) == 3


def test_a_new_key_is_fetched_where_every_place_is_in_use() -> None:
    remote = Remote(A, B, C, max_keys=2)
    remote.use(A)
    for kid in (B, C):
        assert remote.ask(kid) == FOUND
    remote.use(C)
    held = remote.source.held()
    assert held is not None
    assert held.kids == {C}


SIGNER = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/%s/1"


class Trusting:
    """A verifier of tokens of one load balancer, with its keys in a source of virtual time."""

    def __init__(self, *kids: str, **options: Any) -> None:
        self.remote = Remote(*kids, **options)
        issuer = Issuer(
            "https://idp.example.com",
            audience=ANY_AUDIENCE,
            keys=self.remote.source,
            algorithms=["ES256"],
            header={"signer": SIGNER % "mine"},
        )
        self.revoked = False
        self.wall = Clock(1_800_000_000.0)
        self.verifier = Verifier(issuer, is_revoked=lambda _: self.revoked, clock=self.wall)

    def token(self, kid: str, signer: str = "mine", *, lives: float = 10 * DAY) -> str:
        header = {"alg": "ES256", "kid": kid, "signer": SIGNER % signer}
        claims = {"iss": "https://idp.example.com", "exp": int(self.wall() + lives)}
        return compact(header, json.dumps(claims).encode(), KEYS[kid])

    def judge(self, token: str) -> str | None:
        try:
            return reason(self.verifier, token)
        finally:
            idle()

    def later(self, seconds: float) -> None:
        self.wall.advance(seconds)
        self.remote.later(seconds)

    @property
    def kids(self) -> frozenset[str]:
        held = self.remote.source.held()
        return frozenset() if held is None else held.kids


@pytest.mark.parametrize(
    ("signer", "lives", "is_revoked", "refusal"),
    [
        pytest.param("attacker", 600, False, "claim_mismatch", id="another load balancer"),
        pytest.param("mine", -600, False, "token_expired", id="expired"),
        pytest.param("mine", 600, True, "token_revoked", id="revoked"),
    ],
)
def test_refused_tokens_with_valid_signatures_do_not_shut_out_the_keys_of_good_ones(
    signer: str, lives: float, is_revoked: bool, refusal: str
) -> None:
    """Any customer of the region signs tokens whose keys exist; 20 of them filled every place."""
    trusting = Trusting(*KIDS, max_keys=4)
    mine, *others = KIDS
    good = trusting.token(mine)
    for _ in range(30):
        trusting.revoked = is_revoked
        for kid in others:
            assert trusting.judge(trusting.token(kid, signer, lives=lives)) == refusal
            trusting.later(2)
        trusting.revoked = False
        assert trusting.judge(good) is None
        trusting.later(3600)
    assert mine in trusting.kids
    assert len(trusting.kids) <= 2


def test_a_key_that_serves_cached_tokens_alone_outlives_an_outage() -> None:
    """It counted as unused, and was dropped at its second refresh."""
    trusting = Trusting(A, stale_for=14400)
    token = trusting.token(A)
    assert trusting.judge(token) is None
    assert trusting.judge(token) is None
    for _ in range(3):
        trusting.later(0.95 * DAY)
        assert trusting.judge(token) is None
        assert trusting.judge(token) is None
    assert trusting.remote.fetches == 4
    trusting.remote.endpoint.answer = FetchError("down", outcome="unreachable")
    trusting.later(DAY + 14400 - 1)
    assert trusting.judge(token) is None
    trusting.later(2)
    assert trusting.judge(token) == "keys_unavailable"


def test_retired_keys_that_stay_published_give_way_to_new_ones() -> None:
    trusting = Trusting(*KIDS, max_keys=4)
    for kid in KIDS:
        assert trusting.judge(trusting.token(kid)) is None
        for _ in range(8):
            trusting.later(DAY / 8)
    assert trusting.kids == set(KIDS[-3:])


def test_one_key_whose_refresh_fails_does_not_keep_the_others_from_theirs() -> None:
    """A fetch that fails was tried again and again before any other, until all were too old."""
    remote = Remote(A, B, stale_for=3600)
    remote.use(A)
    remote.use(B)
    remote.endpoint.published[A] = b"not a key"
    for _ in range(30):
        remote.later(3600)
    held = remote.source.held()
    assert held is not None
    assert held.kids == {B}


@pytest.mark.parametrize("is_accepted", [True, False], ids=["accepted", "not accepted"])
@pytest.mark.parametrize("blocked", [True, False], ids=["no fetch may start", "no such keys"])
def test_invented_kids_drop_no_key_and_begin_no_epoch(is_accepted: bool, blocked: bool) -> None:
    """Room was made before it was known that a fetch may start, and that it brings a key."""
    remote = Remote(*KIDS[:4], max_keys=4, cooldown=0)
    for kid in KIDS[:3]:
        remote.use(kid)
    assert remote.ask(D) == FOUND
    if is_accepted:
        remote.source.token_accepted(D, "ES256")
    before = remote.source.held()
    if blocked:
        remote.endpoint.answer = FetchError("down", outcome="unreachable")
        assert remote.ask(str(uuid.uuid4())) == UNAVAILABLE
    fetches = remote.fetches
    for _ in range(5):
        assert remote.ask(str(uuid.uuid4())) == (UNAVAILABLE if blocked else UNKNOWN)
    assert remote.source.held() is before
    assert (remote.fetches == fetches) == blocked


@pytest.mark.parametrize("kid", [None, B], ids=["no kid", "another source's key"])
def test_an_accepted_token_under_a_key_of_another_source_changes_nothing(kid: str | None) -> None:
    remote = Remote(A)
    assert remote.ask(A) == FOUND
    before = remote.source.held()
    remote.source.token_accepted(kid, "ES256")
    assert remote.source.held() is before
    remote.later(DAY)
    assert remote.source.held() is None


# --- a key that was stolen


def test_a_revoked_key_is_refused_at_once_even_if_cached_and_is_never_fetched_again() -> None:
    trusting = Trusting(A, B)
    token = trusting.token(A)
    assert [trusting.judge(each) for each in (token, trusting.token(B), token, token)] == [None] * 4
    trusting.remote.source.revoke(A)
    for _ in range(3):
        assert trusting.judge(token) == "kid_unknown"
        assert trusting.judge(trusting.token(B)) is None
        trusting.later(DAY)
    assert sum(url.endswith(A) for url in trusting.remote.endpoint.fetched) == 1


def test_a_kid_can_be_revoked_before_its_key_is_fetched() -> None:
    remote = Remote(A)
    remote.source.revoke(A)
    assert (remote.ask(A), remote.fetches) == (UNKNOWN, 0)


def test_a_key_that_is_revoked_while_it_is_fetched_is_not_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    remote = Remote(A, timeout=10)
    remote.endpoint.answer = hanging = Future()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(remote.ask, A)
        eventually(lambda: remote.fetches == 1)
        remote.source.revoke(A)
        # The caller does not wait for the reply.
        assert waiting.result(timeout=5) == UNKNOWN
    hanging.set_result(KEYS[A].pem)
    idle()
    assert (remote.ask(A), remote.source.held()) == (UNKNOWN, None)
    assert f"kid '{A}' is revoked in this process" in caplog.text


def test_known_keys_never_wait_while_invented_kids_hang() -> None:
    remote = Remote(A, timeout=0.2, max_waiting=2)
    remote.use(A)
    remote.endpoint.answer = hanging = Future()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(remote.ask, str(uuid.uuid4())) for _ in range(8)]
        eventually(lambda: remote.fetches == 2)
        started = time.monotonic()
        assert [remote.ask(A) for _ in range(50)] == [FOUND] * 50
        assert time.monotonic() - started < 5
        assert {each.result(timeout=20) for each in asked} == {UNAVAILABLE}
        hanging.set_result(KEYS[B].pem)
    idle()
    assert remote.ask(A) == FOUND


def test_only_some_requests_wait_for_a_key_once_one_is_held() -> None:
    remote = Remote(A, B, max_waiting=1, timeout=10)
    remote.use(A)
    remote.endpoint.answer = hanging = Future()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(remote.ask, B)
        eventually(lambda: remote.source._waiting == 1)
        assert remote.ask(B) == UNAVAILABLE
        hanging.set_result(KEYS[B].pem)
        assert first.result(timeout=20) == FOUND


def test_all_requests_wait_together_for_the_first_key() -> None:
    remote = Remote(A, max_waiting=0, timeout=10)
    remote.endpoint.answer = hanging = Future()
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(remote.ask, A) for _ in range(8)]
        eventually(lambda: remote.source._waiting == 8)
        hanging.set_result(KEYS[A].pem)
        assert {each.result(timeout=20) for each in asked} == {FOUND}
    assert remote.fetches == 1


def test_a_fetch_that_never_returns_has_failed_and_its_key_is_used_if_it_arrives() -> None:
    remote = Remote(A, B, timeout=0.05)
    remote.endpoint.answer = hanging = Future()
    assert remote.ask(A) == UNAVAILABLE
    remote.clock.advance(1)
    assert remote.source.status().failures == 1
    hanging.set_result(KEYS[A].pem)
    idle()
    assert (remote.ask(A), remote.fetches) == (FOUND, 1)


def test_a_lost_fetch_that_ends_after_a_later_one_changes_nothing() -> None:
    remote = Remote(A, B, timeout=0.05)
    remote.endpoint.answer = hanging = Future()
    assert remote.ask(A) == UNAVAILABLE
    remote.clock.advance(3)
    remote.endpoint.answer = None
    eventually(lambda: remote.ask(B) == FOUND)
    hanging.set_result(KEYS[A].pem)
    idle()
    held = remote.source.held()
    assert held is not None
    assert held.kids == {B}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_process_has_the_keys_and_fetches_its_own() -> None:
    remote = Remote(A, B, timeout=10)
    remote.use(A)
    remote.endpoint.answer = hanging = Future()
    waiting = threading.Thread(target=remote.ask, args=(B,))
    waiting.start()
    eventually(lambda: remote.source._waiting == 1)
    pid = os.fork()
    if pid == 0:  # pragma: no cover (another process)
        remote.endpoint.answer = None
        good = [remote.ask(A), remote.ask(B)] == [FOUND, FOUND]
        os._exit(0 if good else 1)
    _, status = os.waitpid(pid, 0)
    hanging.set_result(KEYS[B].pem)
    waiting.join()
    assert os.waitstatus_to_exitcode(status) == 0


def test_a_thread_that_cannot_be_started_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    remote = Remote(A)

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert remote.ask(A) == UNAVAILABLE
    assert "cannot start a thread" in caplog.text
    remote.clock.advance(2)
    assert remote.ask(A) == FOUND


# --- reports


def test_every_fetch_is_reported_and_strangers_cause_no_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reports: list[Any] = []
    remote = Remote(A, on_fetch=reports.append)
    with caplog.at_level(logging.INFO, "jwt_wsgi.jwks"):
        remote.ask(A)
        remote.ask(B)
        idle()
    assert [(each.location, each.outcome, each.keys) for each in reports] == [
        (URL, "ok", 1),
        (URL, "http_status", 0),
    ]
    assert {record.levelname for record in caplog.records} == {"INFO"}
    assert repr(remote.source) == f"RemotePEM({URL})"
    status = remote.source.status()
    assert (status.usable, status.kids, status.attempts) == (True, {A}, 2)


# --- construction

WRONG = [
    pytest.param({"url": "https://keys.example.com/"}, "kid", id="no kid"),
    pytest.param({"url": "https://keys.example.com/{kid}/{kid}"}, "once", id="two kids"),
    pytest.param({"url": "https://keys.example.com/{kid}/{x}"}, "once", id="another field"),
    pytest.param({"url": "https://{kid}.example.com/"}, "path", id="in the host"),
    pytest.param({"url": "https://{kid}.example.com/{kid}"}, "once", id="in host and path"),
    pytest.param({"url": "https://keys.example.com:{kid}/"}, "url=", id="in the port"),
    pytest.param({"url": "https://keys.example.com/?kid={kid}"}, "path", id="in the query"),
    pytest.param({"url": "https://keys.example.com/#{kid}"}, "url=", id="in the fragment"),
    pytest.param({"url": "https://{kid}@keys.example.com/"}, "url=", id="as the user"),
    pytest.param({"url": "https:///{kid}"}, "url=", id="no host"),
    pytest.param({"url": "http://keys.example.com/{kid}"}, "https", id="plain http"),
    pytest.param({"url": "ftp://keys.example.com/{kid}"}, "https", id="another scheme"),
    pytest.param({"url": None}, "url=", id="no text"),
    pytest.param({"max_keys": 0}, "max_keys=", id="no keys"),
    pytest.param({"max_keys": 1}, "max_keys=", id="one key"),
    pytest.param({"max_keys": 2.0}, "max_keys=", id="a float"),
    pytest.param({"max_bytes": 1.5}, "max_bytes=", id="half a byte"),
    pytest.param({"cache_ttl": 0}, "cache_ttl=", id="no lifetime"),
    pytest.param({"requests_per_minute": 1}, "requests_per_minute=", id="one fetch"),
    pytest.param({"stale_for": -1}, "stale_for=", id="negative"),
    pytest.param({"timeout": float("nan")}, "timeout=", id="NaN"),
    pytest.param({"max_waiting": -1}, "max_waiting=", id="waiting below 0"),
    pytest.param({"fetch": bytes, "headers": {"a": "b"}}, "headers", id="headers beside fetch"),
    pytest.param({"fetch": bytes, "ca_certs": "roots.pem"}, "ca_certs", id="roots beside fetch"),
    pytest.param({"fetch": 5}, "fetch=", id="no callable"),
    pytest.param({"on_fetch": 5}, "on_fetch=", id="no callback"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_invalid_options_are_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RemotePEM(**{"url": URL, **options})


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/{kid}", "http://localhost/a/{kid}.pem"])
def test_plain_http_is_accepted_on_loopback(url: str) -> None:
    assert RemotePEM(url).held() is None


@pytest.mark.parametrize(
    ("algorithms", "keys", "message"),
    [
        (["HS256"], RemotePEM(URL), "cannot be published"),
        (["ES256", "HS256"], RemotePEM(URL), "cannot be published"),
    ],
    ids=["a secret alone", "a secret too"],
)
def test_an_issuer_never_takes_a_secret_from_it(
    algorithms: list[str], keys: RemotePEM, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Issuer("https://a.example.com/", audience="api", keys=keys, algorithms=algorithms)


def test_a_source_among_others_is_asked_in_order() -> None:
    local = LocalIssuer(algorithms=("ES256",), keys=[KEYS[A]])
    remote = Remote(B)
    keys = [StaticJWKS(local.jwks), remote.source]
    issuer = Issuer(local.issuer, audience=ANY_AUDIENCE, keys=keys, algorithms=["ES256"])
    verifier = Verifier(issuer)
    assert (reason(verifier, local.token()), remote.fetches) == (None, 0)
    other = LocalIssuer(algorithms=("ES256",), keys=[KEYS[B]])
    assert (reason(verifier, other.token()), remote.fetches) == (None, 1)


# --- real sockets


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    with FaultServer(tmp_path_factory.mktemp("pem")) as started:
        yield started


@pytest.fixture
def server(process: FaultServer) -> Iterator[FaultServer]:
    process.reset()
    for kid in (A, B):
        process.publish(KEYS[kid].pem.decode(), path=f"/{kid}")
    yield process
    process.reset()
    idle()


FOR_KEY_SETS = {"empty_set", "many_keys", "deep_json"}


@pytest.mark.slow
@pytest.mark.parametrize("fault", sorted(({*BAD, *SLOW} - FOR_KEY_SETS) | {REFUSE}))
def test_a_fault_of_the_endpoint_is_never_a_wrong_verdict(server: FaultServer, fault: str) -> None:
    clock = Clock(1000.0)
    source = RemotePEM(server.url(path="/{kid}"), clock=clock, timeout=0.5)
    [key] = source.find(A, "ES256")
    source.token_accepted(A, "ES256")
    paths = [f"/{A}"] if fault == REFUSE else [f"/{A}", f"/{B}"]
    for path in paths:
        server.fail(fault, path=path)
    with pytest.raises(KeysUnavailable):
        source.find(B, "ES256")
    assert source.find(A, "ES256") == (key,)
    clock.advance(DAY)
    assert source.find(A, "ES256") == (key,)
    for path in paths:
        server.fail("fine", path=path)
    idle()
    clock.advance(61)
    eventually(lambda: _finds(source, B))
    assert source.find(A, "ES256") == (key,)


def _finds(source: RemotePEM, kid: str) -> bool:
    try:
        return bool(source.find(kid, "ES256"))
    except KeysUnavailable:
        return False


def test_a_path_that_is_not_there_is_an_unknown_kid(server: FaultServer) -> None:
    source = RemotePEM(server.url(path="/{kid}"))
    assert source.find(C, "ES256") == ()
    assert source.find(C, "ES256") == ()
    assert server.counted(f"/{C}") == 1
    assert [key.kid for key in source.find(A, "ES256")] == [A]


def test_a_certificate_is_checked(server: FaultServer) -> None:
    for listener, roots, good in (
        ("trusted", server.roots, True),
        ("untrusted", server.roots, False),
        ("expired", server.roots, False),
    ):
        source = RemotePEM(server.url(listener, "/{kid}"), ca_certs=roots)
        assert _finds(source, A) == good


def test_keys_of_refused_tokens_leave_a_place_for_a_good_one(server: FaultServer) -> None:
    source = RemotePEM(server.url(path="/{kid}"), max_keys=2)
    local = LocalIssuer(algorithms=("ES256",), keys=[KEYS[B]])
    issuer = Issuer(local.issuer, audience=ANY_AUDIENCE, keys=source, algorithms=["ES256"])
    verifier = Verifier(issuer)
    stranger = LocalIssuer(algorithms=("ES256",), keys=[KEYS[A]])
    for _ in range(3):
        assert reason(verifier, stranger.token(exp=1)) == "token_expired"
        assert reason(verifier, local.token()) is None
    assert server.counted(f"/{B}") == 1
    source.revoke(B)
    assert reason(verifier, local.token()) == "kid_unknown"
    assert server.counted(f"/{B}") == 1


def test_many_threads_of_a_whole_verifier(server: FaultServer) -> None:
    locals_ = [LocalIssuer(algorithms=("ES256",), keys=[KEYS[kid]]) for kid in (A, B)]
    source = RemotePEM(server.url(path="/{kid}"))
    issuer = Issuer(locals_[0].issuer, audience=ANY_AUDIENCE, keys=source, algorithms=["ES256"])
    verifier = Verifier(issuer)

    def judge(number: int) -> str | None:
        return reason(verifier, locals_[number % 2].token())

    check: Callable[[int], str | None] = judge
    assert check(0) is None
    assert check(1) is None
    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(check, range(200))) == {None}
    assert (server.counted(f"/{A}"), server.counted(f"/{B}")) == (1, 1)
