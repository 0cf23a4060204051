"""`DenyList`: which tokens are revoked, for how long, and at what cost."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_aliases import ORDERS, second_text
from webtest import TestApp

from jwt_wsgi import (
    AUTHENTICATED,
    Auth,
    Forbidden,
    InvalidToken,
    TemporarilyUnavailable,
    Verifier,
    protect,
)
from jwt_wsgi.explain import Explainer
from jwt_wsgi.jose import encoding
from jwt_wsgi.revocation import DenyList
from jwt_wsgi.revocation.denials import is_cut_off, read_moment, write_moment
from jwt_wsgi.revocation.verdict_cache import VerdictCache
from jwt_wsgi.stores import MemoryStore, StoreUnavailable
from jwt_wsgi.testing import Clock, LocalIssuer

START = 1_800_000_000.0
ISSUER = "https://issuer.test/"
OTHER = "https://other.test/"
DAY = 86400.0


class Counted(MemoryStore):
    """A store in memory that counts its round trips, keeps what it was told, and can fail."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.reads: list[list[str]] = []
        self.writes: list[tuple[str, bytes, float | None]] = []
        self.is_down = False

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        self.reads.append(list(keys))
        if self.is_down:
            raise StoreUnavailable("no connection")
        return super().get_many(keys)

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        if self.is_down:
            raise StoreUnavailable("no connection")
        self.writes.append((key, value, ttl))
        super().set(key, value, ttl)


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
def store(clock: Clock) -> Counted:
    return Counted(clock)


@pytest.fixture
def deny(store: Counted, clock: Clock) -> DenyList:
    return DenyList(store, clock=clock)


@pytest.fixture(scope="module")
def signer() -> LocalIssuer:
    return LocalIssuer(ISSUER, algorithms=["ES256"])


def auth_of(claims: dict[str, Any], header: dict[str, Any] | None = None, text: str = "") -> Auth:
    """Return what a verifier makes of a JWT with these claims."""
    members = {"alg": "ES256", "kid": "k1"} if header is None else header
    content = encoding.encode(repr((members, claims)).encode())
    token = text or f"aGVhZGVy.{content}.c2ln"
    return Auth(token, claims.get("iss", ISSUER), claims=claims, header=members)


def opaque(text: str, **claims: Any) -> Auth:
    """Return what introspection makes of an opaque token."""
    return Auth(text, ISSUER, claims=claims, header={})


def claims_of(**more: Any) -> dict[str, Any]:
    usual = {"iss": ISSUER, "sub": "user-1", "jti": "one", "iat": START, "exp": START + 300}
    return {name: value for name, value in {**usual, **more}.items() if value is not None}


# --- which token


@pytest.mark.parametrize(
    ("revoked", "same", "another"),
    [
        pytest.param(
            auth_of(claims_of()),
            auth_of(claims_of(sub="user-2"), text="x.y.z"),
            auth_of(claims_of(jti="two")),
            id="issuer and jti",
        ),
        pytest.param(
            auth_of(claims_of()),
            auth_of(claims_of()),
            auth_of(claims_of(iss=OTHER)),
            id="the jti of another issuer is another token",
        ),
        pytest.param(
            auth_of(claims_of(jti=None), text="aGVhZGVy.cGF5bG9hZA.c2lnLTE"),
            auth_of(claims_of(jti=None), text="aGVhZGVy.cGF5bG9hZA.c2lnLTI"),
            auth_of(claims_of(jti=None), text="aGVhZGVy.cGF5bG9hZB.c2lnLTE"),
            id="without jti: what is signed",
        ),
        pytest.param(
            auth_of(claims_of(jti=""), text="aGVhZGVy.cGF5bG9hZA.c2lnLTE"),
            auth_of(claims_of(jti=""), text="aGVhZGVy.cGF5bG9hZA.c2lnLTI"),
            auth_of(claims_of(jti=""), text="aGVhZGVy.cGF5bG9hZB.c2lnLTE"),
            id="an empty jti names nothing",
        ),
        pytest.param(
            auth_of(claims_of(jti=7), text="aGVhZGVy.cGF5bG9hZA.c2lnLTE"),
            auth_of(claims_of(jti=7), text="aGVhZGVy.cGF5bG9hZA.c2lnLTI"),
            auth_of(claims_of(jti=7), text="aGVhZGVy.cGF5bG9hZB.c2lnLTE"),
            id="a jti that is not a text names nothing",
        ),
        pytest.param(
            opaque("opaque-1", jti="one"),
            opaque("opaque-1"),
            opaque("opaque-2", jti="one"),
            id="opaque: its text, jti or not",
        ),
        pytest.param(
            opaque("v1.tenant.first", jti="one"),
            opaque("v1.tenant.first"),
            opaque("v1.tenant.second", jti="one"),
            id="opaque with two dots: all of its text",
        ),
        pytest.param(
            opaque("eyJub3QiOjF9.tenant.first"),
            opaque("eyJub3QiOjF9.tenant.first"),
            opaque("eyJub3QiOjF9.tenant.second"),
            id="opaque with two dots after an object without alg",
        ),
        pytest.param(
            opaque("eyJhbGciOiJFUzI1NiJ9.cGF5bG9hZA.c2lnLTE"),
            opaque("eyJhbGciOiJFUzI1NiJ9.cGF5bG9hZA.c2lnLTI"),
            opaque("eyJhbGciOiJFUzI1NiJ9.cGF5bG9hZB.c2lnLTE"),
            id="a JWT that introspection judged: what is signed",
        ),
    ],
)
def test_a_token_is_recognised_by_what_identifies_it(
    deny: DenyList, revoked: Auth, same: Auth, another: Auth
) -> None:
    assert [deny(revoked), deny(same), deny(another)] == [False] * 3
    deny.revoke(revoked)
    assert [deny(revoked), deny(same), deny(another)] == [True, True, False]


@pytest.mark.parametrize("algorithm", ORDERS)
@pytest.mark.parametrize("jti", ["one", None])
def test_the_other_signature_of_a_revoked_token_is_revoked_too(
    algorithm: str, jti: str | None
) -> None:
    local = LocalIssuer(algorithms=[algorithm])
    deny = DenyList(MemoryStore())
    verifier = Verifier(local.trusted(), is_revoked=deny)
    token = local.token(jti=jti)
    deny.revoke(verifier.verify(token))
    for text in (token, second_text(token, ORDERS[algorithm])):
        with pytest.raises(InvalidToken, match="token_revoked"):
            verifier.verify(text)


def test_revoke_token_denies_by_issuer_and_jti(deny: DenyList) -> None:
    deny.revoke_token(ISSUER, "one")
    assert deny(auth_of(claims_of()))
    assert not deny(auth_of(claims_of(jti="two")))
    assert not deny(auth_of(claims_of(iss=OTHER)))


# --- cut-offs


def revoke_user(deny: DenyList, **at: float) -> None:
    deny.revoke_subject(ISSUER, "user-1", **at)


@pytest.mark.parametrize(
    ("iat", "is_revoked"),
    [
        pytest.param(START - 1, True, id="a second before"),
        pytest.param(START, True, id="in the same second"),
        pytest.param(START + 0.9, True, id="in the same second, with a fraction"),
        pytest.param(START + 1, False, id="a second later"),
        pytest.param(None, True, id="no iat"),
        pytest.param("1800000001", True, id="an iat that is not a date"),
    ],
)
def test_a_cut_off_revokes_tokens_by_their_iat(
    deny: DenyList, iat: float | None, is_revoked: bool
) -> None:
    revoke_user(deny)
    assert deny(auth_of(claims_of(iat=iat))) is is_revoked


@pytest.mark.parametrize(
    ("write", "claims"),
    [
        pytest.param(lambda deny: deny.revoke_subject(ISSUER, "v"), {"sub": "v"}, id="subject"),
        pytest.param(lambda deny: deny.revoke_session(ISSUER, "v"), {"sid": "v"}, id="session"),
        *(
            pytest.param(lambda deny: deny.revoke_client(ISSUER, "v"), {claim: "v"}, id=claim)
            for claim in ("client_id", "azp", "cid", "appid")
        ),
    ],
)
def test_a_cut_off_reaches_the_tokens_of_its_kind(
    deny: DenyList, write: Callable[[DenyList], None], claims: dict[str, Any]
) -> None:
    write(deny)
    assert deny(auth_of(claims_of(**claims)))
    assert not deny(auth_of(claims_of()))
    assert not deny(auth_of(claims_of(iss=OTHER, **claims)))
    others = {"sub": "v", "sid": "v", "client_id": "v"}
    [name] = claims
    kind = name if name in others else "client_id"
    del others[kind]
    assert not deny(auth_of(claims_of(**others)))


@pytest.mark.parametrize("first", ["client_id", "azp", "cid"])
def test_a_client_is_denied_under_each_claim_that_names_one(deny: DenyList, first: str) -> None:
    deny.revoke_client(ISSUER, "second")
    assert deny(auth_of(claims_of(**{first: "first", "appid": "second"})))


def test_an_older_cut_off_replaces_no_later_one(deny: DenyList, store: Counted) -> None:
    revoke_user(deny)
    revoke_user(deny, at=START - 100)
    assert deny(auth_of(claims_of()))
    assert len(store.writes) == 1
    revoke_user(deny, at=START + 5)
    assert deny(auth_of(claims_of(iat=START + 5)))


def test_a_malformed_cut_off_is_replaced(deny: DenyList, store: Counted) -> None:
    revoke_user(deny)
    [(name, _, _)] = store.writes
    store.set(name, b"nan", None)
    revoke_user(deny)
    assert deny(auth_of(claims_of()))


@pytest.mark.parametrize("value", [b"", b"nan", b"inf", b"later", b"\xff"])
def test_a_malformed_cut_off_denies_nobody_and_lets_nobody_pass(
    deny: DenyList, store: Counted, value: bytes
) -> None:
    revoke_user(deny)
    [(name, _, _)] = store.writes
    store.set(name, value, None)
    with pytest.raises(StoreUnavailable):
        deny(auth_of(claims_of()))


# --- keys


def test_a_revoked_key_ends_its_tokens_and_those_without_kid(
    deny: DenyList, clock: Clock, store: Counted
) -> None:
    deny.revoke_key(ISSUER, "k1")
    assert [ttl for _, _, ttl in store.writes] == [None, None]
    clock.advance(10 * 365 * DAY)
    late = claims_of(iat=clock(), exp=clock() + 300)
    assert deny(auth_of(late))
    assert deny(auth_of(late, {"alg": "ES256"}))
    assert not deny(auth_of(late, {"alg": "ES256", "kid": "k2"}))
    assert not deny(auth_of({**late, "iss": OTHER}))
    assert not deny(auth_of({**late, "iss": OTHER}, {"alg": "ES256"}))
    assert not deny(opaque("opaque-1", **late)), "an opaque token has no key"


# --- how long


@pytest.mark.parametrize(
    ("claims", "ttl"),
    [
        pytest.param({"iat": START, "exp": START + 300}, 600, id="exp plus leeway and skew"),
        pytest.param({"exp": START + 300}, 600, id="no iat"),
        pytest.param({"iat": START - 100}, DAY + 200, id="no exp: the longest lifetime"),
        pytest.param({}, None, id="neither: for good"),
        pytest.param({"exp": 2**53 - 1}, None, id="the end of time: for good"),
    ],
)
def test_a_revoked_token_is_kept_until_it_cannot_come_back(
    deny: DenyList, store: Counted, claims: dict[str, float], ttl: float | None
) -> None:
    deny.revoke(opaque("opaque-1", **claims))
    assert [written for _, _, written in store.writes] == [ttl]


def test_an_expired_token_is_not_stored(deny: DenyList, store: Counted) -> None:
    deny.revoke(auth_of(claims_of(exp=START - 301)))
    assert store.writes == []
    deny.revoke(auth_of(claims_of(exp=START - 299)))
    assert len(store.writes) == 1


@pytest.mark.parametrize(
    ("write", "ttl"),
    [
        pytest.param(lambda deny: deny.revoke_token(ISSUER, "one"), 3600 + 300, id="jti"),
        pytest.param(revoke_user, 3600 + 300, id="cut-off"),
        pytest.param(lambda deny: revoke_user(deny, at=START - 50), 3900, id="earlier"),
        pytest.param(lambda deny: revoke_user(deny, at=START + 50), 3950, id="later"),
    ],
)
def test_other_denials_outlive_every_token_they_are_about(
    clock: Clock, store: Counted, write: Callable[[DenyList], None], ttl: float
) -> None:
    write(DenyList(store, max_token_lifetime=3600, clock=clock))
    assert [written for _, _, written in store.writes] == [ttl]


@pytest.mark.parametrize(
    ("claims", "is_too_old"),
    [
        pytest.param({"iat": START, "exp": START + 3600}, False, id="just as long"),
        pytest.param({"iat": START, "exp": START + 3601}, True, id="longer"),
        pytest.param({"exp": START + 3600}, False, id="no iat, and near its end"),
        pytest.param({"exp": START + 3601}, True, id="no iat, and far from its end"),
        pytest.param({"iat": START - 3600}, False, id="no exp, and young"),
        pytest.param({"iat": START - 3601}, True, id="no exp, and old"),
        pytest.param({}, False, id="neither"),
    ],
)
def test_a_token_that_could_outlive_a_cut_off_is_refused(
    clock: Clock, store: Counted, claims: dict[str, float], is_too_old: bool
) -> None:
    deny = DenyList(store, max_token_lifetime=3600, clock=clock)
    if not is_too_old:
        assert not deny(opaque("opaque-1", **claims))
        return
    with pytest.raises(InvalidToken, match="token_too_old"):
        deny(opaque("opaque-1", **claims))
    assert store.reads == [], "the store is not asked about it"


@given(
    iat=st.integers(0, 20_000),
    lifetime=st.integers(1, 2_000),
    cut_off=st.integers(0, 20_000),
    later=st.floats(0, 20_000, allow_nan=False),
)
def test_a_token_before_a_cut_off_never_passes_again(
    iat: int, lifetime: int, cut_off: int, later: float
) -> None:
    clock = Clock(START + cut_off)
    deny = DenyList(MemoryStore(clock=clock), max_token_lifetime=1_000, cache_ttl=0, clock=clock)
    claims = claims_of(iat=START + iat, exp=START + iat + lifetime)
    revoke_user(deny)
    clock.advance(later)
    # Within the longest leeway of 300 s, a verifier may still accept it.
    if clock() >= claims["exp"] + 300:
        return
    try:
        is_revoked = deny(auth_of(claims))
    except InvalidToken:
        is_revoked = True
    assert is_revoked == (iat <= cut_off or lifetime > 1_000)


# --- what the store holds


def test_the_store_holds_no_token_user_session_client_or_key(
    deny: DenyList, store: Counted, signer: LocalIssuer
) -> None:
    names = ("jti-secret", "sub-secret", "sid-secret", "client-secret", "kid-secret")
    auth = auth_of(claims_of(jti=names[0], sub=names[1], sid=names[2]), text="secret.text.here")
    deny.revoke(auth)
    deny.revoke(opaque("secret-opaque"))
    deny.revoke_token(ISSUER, names[0])
    deny.revoke_subject(ISSUER, names[1])
    deny.revoke_session(ISSUER, names[2])
    deny.revoke_client(ISSUER, names[3])
    deny.revoke_key(ISSUER, names[4])
    assert len(store.writes) == 8
    for key, value, _ in store.writes:
        assert len(encoding.decode(key)) == 32
        assert b"secret" not in value
        assert b"issuer" not in value
    assert "secret" not in repr(deny)


def test_no_two_denials_share_a_name() -> None:
    clock = Clock(START)
    odd = ["", '"', "a", "b", 'a", "b', "a\0b", "\0", "\ud800", "null"]
    names = set()
    writes = 0
    for issuer in odd[1:]:
        for value in odd[1:]:
            store = Counted(clock)
            deny = DenyList(store, clock=clock)
            deny.revoke_token(issuer, value)
            deny.revoke_subject(issuer, value)
            deny.revoke_session(issuer, value)
            deny.revoke_client(issuer, value)
            deny.revoke_key(issuer, value)
            names |= {key for key, _, _ in store.writes}
            writes += 5
    # Each issuer has one name more, for its tokens without kid.
    assert len(names) == writes + len(odd) - 1


# --- what it costs


def test_a_request_is_one_round_trip_and_none_within_cache_ttl(
    deny: DenyList, store: Counted, clock: Clock
) -> None:
    auth = auth_of(claims_of(sid="s", client_id="c", azp="a"))
    for _ in range(1_000):
        assert not deny(auth)
    assert len(store.reads) == 1
    assert len(store.reads[0]) == 6
    clock.advance(1)
    assert not deny(auth)
    assert len(store.reads) == 2


def test_without_a_cache_each_request_is_one_round_trip(store: Counted, clock: Clock) -> None:
    deny = DenyList(store, cache_ttl=0, clock=clock)
    for _ in range(1_000):
        assert not deny(auth_of(claims_of()))
    assert len(store.reads) == 1_000


def test_a_denial_holds_in_another_process_after_cache_ttl(store: Counted, clock: Clock) -> None:
    here = DenyList(store, clock=clock)
    there = DenyList(store, clock=clock)
    auth = auth_of(claims_of())
    assert [here(auth), there(auth)] == [False, False]
    here.revoke(auth)
    assert [here(auth), there(auth)] == [True, False]
    clock.advance(0.999)
    assert not there(auth)
    clock.advance(0.001)
    assert there(auth)


def test_a_clock_that_is_set_back_makes_no_answer_last_longer(store: Counted, clock: Clock) -> None:
    here = DenyList(store, clock=clock)
    there = DenyList(store, clock=clock)
    auth = auth_of(claims_of())
    assert not there(auth)
    here.revoke(auth)
    clock.advance(-0.5)
    assert there(auth)


def test_an_answer_that_was_read_before_a_denial_is_not_kept(clock: Clock) -> None:
    auth = auth_of(claims_of())

    class Slow(MemoryStore):
        """A store in which a denial is written while an answer is under way."""

        def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
            values = super().get_many(keys)
            if not pending:
                return values
            pending.pop()(auth)
            return values

    deny = DenyList(Slow(clock=clock), clock=clock)
    pending = [deny.revoke]
    assert not deny(auth)
    assert deny(auth)


def test_the_same_text_of_another_issuer_is_not_answered_from_the_cache(deny: DenyList) -> None:
    deny.revoke_subject(ISSUER, "user-1")
    here = Auth("opaque-1", ISSUER, claims=claims_of(), header={})
    there = Auth("opaque-1", OTHER, claims=claims_of(), header={})
    assert [deny(here), deny(there), deny(here)] == [True, False, True]


def test_the_cache_is_bounded_and_forgets_what_is_old() -> None:
    cache = VerdictCache(1.0)
    now = START
    for number in range(20_000):
        text = f"{number:05}" + "x" * 5_000
        cache.generation(now).put(text, ISSUER, now, is_revoked=False)
    # Two generations of 8 MiB.
    held = [cache.get(f"{number:05}" + "x" * 5_000, ISSUER, now) for number in range(20_000)]
    count = sum(verdict is not None for verdict in held)
    assert 1_500 <= count <= 2 * 2**23 / 5_000 + 2
    assert held[-1] is False
    full = cache.generation(now)
    while full.room > 0:
        full.put("y" * 100_000 + str(full.room), ISSUER, now, is_revoked=False)
    full.put("z", ISSUER, now, is_revoked=False)
    assert cache.get("z", ISSUER, now) is None
    cache.generation(now + 1)
    cache.generation(now + 2)
    assert all(
        cache.get(f"{number:05}" + "x" * 5_000, ISSUER, now) is None for number in range(20_000)
    )


def test_threads_share_a_deny_list_without_waiting_for_each_other(clock: Clock) -> None:
    inside = threading.Barrier(8, timeout=30)

    class Waiting(MemoryStore):
        """A store whose answers come only when eight are asked for at the same time."""

        def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
            inside.wait()
            return super().get_many(keys)

    deny = DenyList(Waiting(clock=clock), clock=clock)
    answers: list[bool] = []

    def request(number: int) -> None:
        answers.append(deny(auth_of(claims_of(jti=str(number)))))

    threads = [threading.Thread(target=request, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert answers == [False] * 8


def test_a_fork_during_requests_leaves_a_working_child(clock: Clock) -> None:
    deny = DenyList(MemoryStore(clock=clock), clock=clock)
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            deny(auth_of(claims_of(jti="busy")))
            deny.revoke_token(ISSUER, "another")

    thread = threading.Thread(target=work)
    thread.start()
    try:
        child = os.fork()
        if child == 0:
            deny.revoke_token(ISSUER, "one")
            os._exit(0 if deny(auth_of(claims_of())) else 1)
        _, status = os.waitpid(child, 0)
    finally:
        stop.set()
        thread.join(30)
    assert os.waitstatus_to_exitcode(status) == 0


# --- in a stack


def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


def stack(signer: LocalIssuer, is_revoked: Callable[[Auth], object]) -> TestApp:
    rules = {"/": AUTHENTICATED}
    protected = protect(application, issuer=signer.trusted(), rules=rules, is_revoked=is_revoked)
    api = TestApp(protected)
    signer.authorize(api, sub="user-1")
    return api


def test_logging_out_everywhere_ends_tokens_on_every_stack(signer: LocalIssuer) -> None:
    store = MemoryStore()
    here = DenyList(store, cache_ttl=0)
    apis = [stack(signer, here), stack(signer, DenyList(store, cache_ttl=0))]
    assert [api.get("/").status_int for api in apis] == [200, 200]
    here.revoke_subject(signer.issuer, "user-1")
    answers = [api.get("/", status=401) for api in apis]
    assert [answer.json["reason"] for answer in answers] == ["token_revoked"] * 2


def raising(error: Exception) -> Callable[[Auth], object]:
    def is_revoked(auth: Auth) -> object:
        raise error

    return is_revoked


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        pytest.param(StoreUnavailable("x"), 503, "store_unavailable", id="a store that is down"),
        pytest.param(RuntimeError("x"), 503, "revocation_unknown", id="any other exception"),
        pytest.param(InvalidToken("token_too_old"), 401, "token_too_old", id="a refusal"),
        pytest.param(
            TemporarilyUnavailable("store_unavailable", retry_after=7),
            503,
            "store_unavailable",
            id="a refusal for now",
        ),
    ],
)
def test_what_is_revoked_raises_is_answered(
    signer: LocalIssuer, error: Exception, status: int, reason: str
) -> None:
    answer = stack(signer, raising(error)).get("/", status=status)
    assert answer.json["reason"] == reason
    explanation = Explainer(
        signer.trusted(), {"/": AUTHENTICATED}, is_revoked=raising(error)
    ).explain(
        {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/",
            "SCRIPT_NAME": "",
            "HTTP_AUTHORIZATION": f"Bearer {signer.token()}",
        }
    )
    assert explanation.reason == reason
    assert [step.name for step in explanation.steps if step.passed is False] == ["revocation"]


def test_a_refusal_of_any_class_is_answered(signer: LocalIssuer) -> None:
    answer = stack(signer, raising(Forbidden("denied"))).get("/", status=403)
    assert answer.json["reason"] == "denied"


def test_a_store_that_is_down_is_a_503_that_names_the_store(
    signer: LocalIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    store = Counted(Clock())
    api = stack(signer, DenyList(store))
    store.is_down = True
    with caplog.at_level(logging.ERROR, logger="jwt_wsgi"):
        answer = api.get("/", status=503)
    assert answer.json["reason"] == "store_unavailable"
    assert int(answer.headers["Retry-After"]) >= 1
    assert "no connection" in caplog.text
    assert "user-1" not in caplog.text
    store.is_down = False
    assert api.get("/").status_int == 200


def test_a_denial_that_cannot_be_written_raises(deny: DenyList, store: Counted) -> None:
    store.is_down = True
    for write in (
        lambda: deny.revoke(auth_of(claims_of())),
        lambda: deny.revoke_token(ISSUER, "one"),
        lambda: deny.revoke_subject(ISSUER, "user-1"),
        lambda: deny.revoke_key(ISSUER, "k1"),
    ):
        with pytest.raises(StoreUnavailable):
            write()


# --- arguments


@pytest.mark.parametrize(
    ("options", "text"),
    [
        pytest.param({"store": {}}, "store={}", id="not a store"),
        pytest.param({"cache_ttl": -1}, "cache_ttl=-1", id="a negative cache_ttl"),
        pytest.param({"cache_ttl": float("inf")}, "cache_ttl=inf", id="an endless cache_ttl"),
        pytest.param({"cache_ttl": True}, "cache_ttl=True", id="a bool"),
        pytest.param({"max_token_lifetime": 0}, "max_token_lifetime=0", id="no lifetime"),
        pytest.param({"max_token_lifetime": "1d"}, "max_token_lifetime='1d'", id="a text"),
        pytest.param({"clock": 1}, "clock=1", id="not a clock"),
    ],
)
def test_invalid_options_are_refused(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        DenyList(**{"store": MemoryStore(), **options})


@pytest.mark.parametrize("value", ["", None, 7, b"user-1"])
@pytest.mark.parametrize(
    "method", ["revoke_token", "revoke_subject", "revoke_session", "revoke_client", "revoke_key"]
)
def test_a_denial_of_nothing_is_an_error(deny: DenyList, method: str, value: Any) -> None:
    for arguments in ((ISSUER, value), (value, "user-1")):
        with pytest.raises(ValueError, match="write its text"):
            getattr(deny, method)(*arguments)


@pytest.mark.parametrize("at", [float("nan"), float("inf"), "now", True])
def test_a_cut_off_at_no_time_is_an_error(deny: DenyList, at: Any) -> None:
    with pytest.raises(ValueError, match="at="):
        deny.revoke_subject(ISSUER, "user-1", at=at)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-(2.0**53), max_value=2.0**53))
def test_a_moment_survives_the_store(moment: float) -> None:
    assert read_moment(write_moment(moment)) == moment
    assert is_cut_off(moment, moment)
