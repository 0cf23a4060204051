"""`EventReceiver`: which events end which tokens, and how every delivery is answered."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Sequence
from typing import Any
from wsgiref.validate import validator

import pytest
from event_makers import (
    CAEP,
    FORM_TYPE,
    LOGOUT_EVENT,
    RECEIVER,
    RISC,
    SESSION_REVOKED,
    SET_TYPE,
    Maker,
    Receiving,
)
from hypothesis import given
from hypothesis import strategies as st
from webtest import TestApp

from jwt_wsgi import Issuer, RemoteJWKS
from jwt_wsgi.jose import encoding
from jwt_wsgi.revocation import DenyList, EventReceiver, ReceivedEvent
from jwt_wsgi.revocation.event_types import ENDING, KINDS
from jwt_wsgi.revocation.refusal import EventRefused
from jwt_wsgi.revocation.request_body import MAX_BODY, read_form
from jwt_wsgi.stores import MemoryStore, StoreUnavailable
from jwt_wsgi.testing import Clock, LocalIssuer

START = 1_800_000_000.0
#: The registry of RFC 8935 §2.4.
CODES = {
    "invalid_request", "invalid_key", "invalid_issuer", "invalid_audience",
    "authentication_failed", "access_denied",
}  # fmt: skip
OTHER = "https://other.test/"


class Faulty(MemoryStore):
    """A store in memory that counts its calls, and fails from a call on."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock=clock)
        self.calls: list[str] = []
        self.fails_at: str | None = None

    def _count(self, name: str) -> None:
        self.calls.append(name)
        if name == self.fails_at:
            raise StoreUnavailable("no connection")

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        self._count("get_many")
        return super().get_many(keys)

    def set(self, key: str, value: bytes, ttl: float | None) -> None:
        self._count("set")
        super().set(key, value, ttl)

    def add(self, key: str, value: bytes, ttl: float, owner: str | None = None) -> bool:
        self._count("add")
        return super().add(key, value, ttl, owner)


@pytest.fixture(scope="module")
def signer() -> LocalIssuer:
    return LocalIssuer("https://idp.example.com/123456789/", algorithms=["ES256"])


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
def maker(signer: LocalIssuer, clock: Clock) -> Maker:
    return Maker(signer, clock)


@pytest.fixture
def store(clock: Clock) -> Faulty:
    return Faulty(clock)


@pytest.fixture
def receiving(signer: LocalIssuer, clock: Clock, store: Faulty) -> Receiving:
    return Receiving(clock, signer.trusted(audience="https://api.test"), store=store)


# --- which tokens an event ends


@pytest.mark.conforms(90)
@pytest.mark.parametrize("uri", ENDING)
def test_90_an_event_that_is_accepted_ends_the_tokens_of_its_user(
    receiving: Receiving, maker: Maker, uri: str
) -> None:
    answer = receiving.push(maker.event(events={uri: {}}))
    assert (answer.status_int, answer.body) == (202, b"")
    assert answer.headers["Content-Length"] == "0"
    issuer = maker.local.issuer
    assert receiving.is_revoked(issuer)
    assert not receiving.is_revoked(issuer, age=-1)
    assert not receiving.is_revoked(issuer, sub="user-2")
    assert not receiving.is_revoked(OTHER)
    assert receiving.events == [ReceivedEvent(uri.rpartition("/")[2], "accepted")]


USER = {"sub": "user-1", "sid": "session-2"}
SESSION = {"sub": "user-2", "sid": "session-1"}
NEITHER = {"sub": "user-2", "sid": "session-2"}
ACCOUNT = f"{RISC}account-disabled"


@pytest.mark.parametrize(
    ("uri", "subject", "ended"),
    [
        pytest.param(SESSION_REVOKED, {"format": "opaque", "id": "user-1"}, [USER], id="opaque"),
        pytest.param(
            SESSION_REVOKED, {"format": "opaque", "id": "session-1"}, [SESSION], id="opaque session"
        ),
        pytest.param(ACCOUNT, {"format": "opaque", "id": "user-1"}, [USER], id="opaque account"),
        pytest.param(
            ACCOUNT, {"format": "opaque", "id": "session-1"}, [], id="an account is no session"
        ),
        pytest.param(
            SESSION_REVOKED,
            {"format": "complex", "session": {"format": "opaque", "id": "session-1"}},
            [SESSION],
            id="a session",
        ),
        pytest.param(
            SESSION_REVOKED,
            {
                "format": "complex",
                "user": {"format": "opaque", "id": "user-1"},
                "session": {"format": "opaque", "id": "session-1"},
                "tenant": {"format": "opaque", "id": "t"},
            },
            [SESSION],
            id="the session before the user",
        ),
        pytest.param(
            ACCOUNT,
            {
                "format": "complex",
                "session": {"format": "opaque", "id": "session-1"},
                "user": {"format": "opaque", "id": "user-1"},
            },
            [USER],
            id="of an account the user before the session",
        ),
        pytest.param(
            SESSION_REVOKED,
            {
                "format": "complex",
                "session": {"format": "email", "email": "a@example.com"},
                "user": {"format": "opaque", "id": "user-1"},
            },
            [USER],
            id="the user where the session has no known form",
        ),
        pytest.param(
            SESSION_REVOKED,
            {
                "format": "complex",
                "user": {"format": "opaque", "id": "user-1"},
                "device": {"format": "opaque", "id": "d"},
            },
            [USER],
            id="a user and a device",
        ),
        pytest.param(
            ACCOUNT,
            {"format": "complex", "session": {"format": "opaque", "id": "session-1"}},
            [SESSION],
            id="of an account the session alone",
        ),
    ],
)
def test_a_subject_names_the_tokens_that_end(
    receiving: Receiving,
    maker: Maker,
    uri: str,
    subject: dict[str, Any],
    ended: list[dict[str, str]],
) -> None:
    answer = receiving.push(maker.event(sub_id=subject, events={uri: {}}))
    assert answer.status_int == 202
    issuer = maker.local.issuer
    revoked = [each for each in (USER, SESSION, NEITHER) if receiving.is_revoked(issuer, **each)]
    assert revoked == ended


def test_a_subject_may_be_one_token(receiving: Receiving, maker: Maker) -> None:
    issuer = maker.local.issuer
    subject = {"format": "jwt_id", "iss": issuer, "jti": "one"}
    assert receiving.push(maker.event(sub_id=subject)).status_int == 202
    assert receiving.is_revoked(issuer, jti="one")
    assert not receiving.is_revoked(issuer, jti="two")


@pytest.mark.parametrize(
    ("events", "ends_before"),
    [
        pytest.param(
            {SESSION_REVOKED: {"event_timestamp": START - 100}}, START - 100, id="its own"
        ),
        pytest.param({SESSION_REVOKED: {"event_timestamp": START + 20}}, START + 20, id="ahead"),
        pytest.param({SESSION_REVOKED: {}}, START - 10, id="the iat of the SET"),
    ],
)
def test_the_cut_off_is_the_time_of_the_event(
    receiving: Receiving, maker: Maker, events: dict[str, Any], ends_before: float
) -> None:
    assert receiving.push(maker.event(events=events, iat=START - 10)).status_int == 202
    issuer = maker.local.issuer
    assert receiving.is_revoked(issuer, iat=ends_before)
    assert not receiving.is_revoked(issuer, iat=ends_before + 1)


def test_alternative_types_of_one_event_are_all_heard(receiving: Receiving, maker: Maker) -> None:
    events = {"https://example.com/event": {}, ACCOUNT: {}, SESSION_REVOKED: {}}
    assert receiving.push(maker.event(events=events)).status_int == 202
    assert receiving.is_revoked(maker.local.issuer)
    assert receiving.events == [ReceivedEvent("account-disabled", "accepted")]


@pytest.mark.parametrize(
    ("uri", "kind"),
    [
        pytest.param("https://example.com/event", "other", id="unknown"),
        pytest.param(f"{CAEP}assurance-level-change", "other", id="known, and ends nothing"),
        pytest.param(
            "https://schemas.openid.net/secevent/ssf/event-type/verification",
            "verification",
            id="verification",
        ),
    ],
)
def test_other_events_are_accepted_and_change_nothing(
    receiving: Receiving, maker: Maker, store: Faulty, uri: str, kind: str
) -> None:
    assert receiving.push(maker.event(events={uri: {"state": "x"}}, sub_id=None)).status_int == 202
    assert store.calls == []
    assert receiving.events == [ReceivedEvent(kind, "accepted")]


# --- logout tokens


@pytest.mark.conforms(94)
@pytest.mark.parametrize(
    ("claims", "ended"),
    [
        pytest.param({}, [SESSION], id="sub and sid: the session"),
        pytest.param({"sub": None}, [SESSION], id="sid alone"),
        pytest.param({"sid": None}, [USER], id="sub alone: every session"),
    ],
)
def test_94_a_logout_token_is_answered_200_and_ends_its_session(
    receiving: Receiving, maker: Maker, claims: dict[str, Any], ended: list[dict[str, str]]
) -> None:
    answer = receiving.log_out(maker.logout(**claims))
    assert (answer.status_int, answer.body) == (200, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    issuer = maker.local.issuer
    revoked = [each for each in (USER, SESSION, NEITHER) if receiving.is_revoked(issuer, **each)]
    assert revoked == ended
    assert receiving.events == [ReceivedEvent("logout", "accepted")]


@pytest.mark.conforms(93, 94)
@pytest.mark.parametrize(
    ("claims", "header"),
    [
        *(
            pytest.param({name: None}, {}, id=f"no {name}")
            for name in ("iss", "aud", "iat", "exp", "jti", "events")
        ),
        pytest.param({"sub": None, "sid": None}, {}, id="neither sub nor sid"),
        pytest.param({"sub": 7}, {}, id="a sub that is not a text"),
        pytest.param({"sid": ""}, {}, id="an empty sid"),
        pytest.param({"nonce": "n"}, {}, id="a nonce"),
        pytest.param({"events": {"https://example.com/event": {}}}, {}, id="another event"),
        pytest.param({"events": {LOGOUT_EVENT: "x"}}, {}, id="an event that is not an object"),
        pytest.param({"events": [LOGOUT_EVENT]}, {}, id="events that are a list"),
        pytest.param({"exp": START - 31}, {}, id="expired"),
        pytest.param({"exp": "soon"}, {}, id="an exp that is not a date"),
        pytest.param({"iat": START + 31}, {}, id="from the future"),
        pytest.param({"iat": True}, {}, id="an iat that is not a date"),
        pytest.param({"jti": ""}, {}, id="an empty jti"),
        pytest.param({"aud": "https://api.test"}, {}, id="for the API, not for the receiver"),
        pytest.param({"iss": OTHER}, {}, id="another issuer"),
        pytest.param({"iss": 7}, {}, id="an iss that is not a text"),
        pytest.param({}, {"typ": "secevent+jwt"}, id="typ of a SET"),
        pytest.param({}, {"typ": "JWT"}, id="typ JWT"),
        pytest.param({}, {"typ": "at+jwt"}, id="typ of an access token"),
        pytest.param({}, {"alg": "none"}, id="alg none"),
        pytest.param({}, {"kid": "unknown"}, id="an unknown kid"),
        pytest.param({}, {"crit": ["x"]}, id="crit"),
    ],
)
def test_93_a_logout_token_that_is_not_one_is_answered_400(
    receiving: Receiving,
    maker: Maker,
    store: Faulty,
    claims: dict[str, Any],
    header: dict[str, Any],
) -> None:
    answer = receiving.log_out(maker.logout(header=header, **claims))
    assert answer.status_int == 400
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json["error"] == "invalid_request"
    assert answer.json["error_description"]
    assert store.calls == []
    [event] = receiving.events
    assert (event.kind, event.outcome) == ("logout", "refused")
    assert event.code in CODES


@pytest.mark.parametrize("typ", [None, "logout+jwt", "LOGOUT+JWT", "application/logout+jwt"])
def test_a_logout_token_has_its_own_type_or_none(
    receiving: Receiving, maker: Maker, typ: str | None
) -> None:
    assert receiving.log_out(maker.logout(header={"typ": typ})).status_int == 200


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("", id="empty"),
        pytest.param("token={token}", id="another name"),
        pytest.param("logout_token={token}&logout_token={token}", id="twice"),
        pytest.param("logout_token=", id="no token"),
        pytest.param("{token}", id="no form"),
        pytest.param("logout_token={token}&x", id="a field without ="),
        pytest.param("logout_token={token}" + "&x=y" * 30, id="too many fields"),
        pytest.param("logout_token={token}&x=%ff", id="not UTF-8"),
    ],
)
def test_a_form_has_one_logout_token(receiving: Receiving, maker: Maker, body: str) -> None:
    answer = receiving.post(body.format(token=maker.logout()), FORM_TYPE)
    assert (answer.status_int, answer.json["error"]) == (400, "invalid_request")


def test_other_fields_of_the_form_are_ignored(receiving: Receiving, maker: Maker) -> None:
    answer = receiving.post(f"a=b&logout_token={maker.logout()}&c=", FORM_TYPE)
    assert answer.status_int == 200


# --- what is refused


@pytest.mark.conforms(89, 91)
@pytest.mark.parametrize(
    ("claims", "header", "code"),
    [
        pytest.param({}, {"typ": None}, "invalid_request", id="no typ"),
        pytest.param({}, {"typ": "JWT"}, "invalid_request", id="typ JWT"),
        pytest.param({}, {"typ": "logout+jwt"}, "invalid_request", id="typ of a logout token"),
        pytest.param({}, {"typ": 7}, "invalid_request", id="a typ that is not a text"),
        pytest.param({"exp": START + 60}, {}, "invalid_request", id="exp"),
        pytest.param({"sub": "user-1"}, {}, "invalid_request", id="sub"),
        *(
            pytest.param({name: None}, {}, "invalid_request", id=f"no {name}")
            for name in ("iss", "iat", "jti", "events")
        ),
        pytest.param({"aud": None}, {}, "invalid_audience", id="no aud"),
        pytest.param({"aud": "https://api.test"}, {}, "invalid_audience", id="another aud"),
        pytest.param({"aud": []}, {}, "invalid_audience", id="nobody's"),
        pytest.param({"aud": {"a": 1}}, {}, "invalid_request", id="a malformed aud"),
        pytest.param({"iss": OTHER}, {}, "invalid_issuer", id="another issuer"),
        pytest.param({"iss": ["x"]}, {}, "invalid_request", id="a malformed iss"),
        pytest.param({"iat": START + 31}, {}, "invalid_request", id="from the future"),
        pytest.param({"iat": "now"}, {}, "invalid_request", id="a malformed iat"),
        pytest.param({"jti": 7}, {}, "invalid_request", id="a malformed jti"),
        pytest.param({"events": {}}, {}, "invalid_request", id="no event"),
        pytest.param({"events": {ACCOUNT: 1}}, {}, "invalid_request", id="a malformed event"),
        pytest.param({}, {"alg": "HS256"}, "invalid_key", id="an algorithm that is not allowed"),
        pytest.param({}, {"alg": None}, "invalid_key", id="no algorithm"),
        pytest.param({}, {"kid": "unknown"}, "invalid_key", id="an unknown key"),
        pytest.param({}, {"zip": "DEF"}, "invalid_request", id="zip"),
        pytest.param({"sub_id": None}, {}, "invalid_request", id="no subject"),
        pytest.param({"sub_id": "user-1"}, {}, "invalid_request", id="a subject as a text"),
        pytest.param({"sub_id": {}}, {}, "invalid_request", id="no format"),
        pytest.param({"sub_id": {"format": ["opaque"]}}, {}, "invalid_request", id="a list"),
        pytest.param(
            {"sub_id": {"format": "email", "email": "a@example.com"}},
            {},
            "invalid_request",
            id="a subject that tokens do not name",
        ),
        pytest.param(
            {"sub_id": {"format": "opaque", "id": ""}}, {}, "invalid_request", id="an empty id"
        ),
        pytest.param({"sub_id": {"format": "opaque"}}, {}, "invalid_request", id="no id"),
        pytest.param(
            {"sub_id": {"format": "iss_sub", "sub": "u"}}, {}, "invalid_request", id="iss"
        ),
        pytest.param({"sub_id": {"format": "complex"}}, {}, "invalid_request", id="an empty one"),
        pytest.param(
            {"sub_id": {"format": "complex", "user": "user-1"}}, {}, "invalid_request", id="a text"
        ),
        pytest.param(
            {"sub_id": {"format": "complex", "device": {"format": "opaque", "id": "d"}}},
            {},
            "invalid_request",
            id="a device alone",
        ),
        pytest.param(
            {"sub_id": {"format": "iss_sub", "iss": OTHER, "sub": "user-1"}},
            {},
            "access_denied",
            id="a user of another issuer",
        ),
        pytest.param(
            {"sub_id": {"format": "jwt_id", "iss": OTHER, "jti": "one"}},
            {},
            "access_denied",
            id="a token of another issuer",
        ),
        pytest.param(
            {
                "sub_id": {
                    "format": "complex",
                    "user": {"format": "iss_sub", "iss": OTHER, "sub": "user-1"},
                    "session": {"format": "opaque", "id": "session-1"},
                }
            },
            {},
            "access_denied",
            id="a session of another issuer's user",
        ),
        *(
            pytest.param(
                {"events": {SESSION_REVOKED: {"event_timestamp": moment}}},
                {},
                "invalid_request",
                id=f"event_timestamp {moment!r}",
            )
            for moment in (START + 31, START * 1000, "now", None, True)
        ),
    ],
)
def test_91_an_event_that_is_refused_is_answered_400_with_a_registered_code(
    receiving: Receiving,
    maker: Maker,
    store: Faulty,
    claims: dict[str, Any],
    header: dict[str, Any],
    code: str,
) -> None:
    answer = receiving.push(maker.event(header=header, **claims))
    assert answer.status_int == 400
    assert answer.content_type == "application/json"
    assert answer.headers["Content-Language"] == "en"
    assert answer.json.keys() == {"err", "description"}
    assert (answer.json["err"], bool(answer.json["description"])) == (code, True)
    assert store.calls in ([], ["get_many"]), "nothing is written"
    assert not receiving.is_revoked(OTHER)
    assert not receiving.is_revoked(maker.local.issuer, **SESSION)
    assert [event.outcome for event in receiving.events] == ["refused"]
    assert receiving.events[0].kind in KINDS


@pytest.mark.conforms(89)
@pytest.mark.parametrize("typ", ["secevent+jwt", "SecEvent+JWT", "application/secevent+jwt"])
def test_89_a_security_event_has_its_type(receiving: Receiving, maker: Maker, typ: str) -> None:
    assert receiving.push(maker.event(header={"typ": typ})).status_int == 202


def test_another_key_of_the_same_name_ends_nothing(
    receiving: Receiving, maker: Maker, clock: Clock
) -> None:
    thief = LocalIssuer(maker.local.issuer, algorithms=["ES256"])
    kid = maker.local.key().kid
    answer = receiving.push(Maker(thief, clock).event(header={"kid": kid}))
    assert (answer.status_int, answer.json["err"]) == (400, "invalid_key")
    assert not receiving.is_revoked(maker.local.issuer)


def test_a_partner_ends_no_tokens_of_another_issuer(signer: LocalIssuer, clock: Clock) -> None:
    partner = LocalIssuer(OTHER, algorithms=["ES256"])
    receiving = Receiving(clock, signer.trusted(), partner.trusted())
    mine = Maker(partner, clock)
    foreign = mine.event(sub_id={"format": "iss_sub", "iss": signer.issuer, "sub": "user-1"})
    assert receiving.push(foreign).json["err"] == "access_denied"
    for subject in ({"format": "opaque", "id": "user-1"}, mine.user()):
        assert receiving.push(mine.event(sub_id=subject)).status_int == 202
    assert receiving.log_out(mine.logout()).status_int == 200
    assert not receiving.is_revoked(signer.issuer, sid="session-1")
    assert receiving.is_revoked(OTHER, sid="session-1")


def test_no_answer_and_no_log_quotes_the_event(
    receiving: Receiving, maker: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    secrets = "secret-subject"
    tokens = [
        maker.event(sub_id={"format": "email", "email": secrets}),
        maker.event(iss=secrets, jti=secrets),
        maker.event(header={"kid": secrets}),
        maker.event(header={"typ": secrets}),
        maker.event(aud=secrets),
        maker.event(sub_id={"format": "opaque", "id": secrets}),
    ]
    with caplog.at_level(logging.DEBUG, logger="jwt_wsgi.revocation"):
        answers = [receiving.push(token).text for token in tokens]
        answers.append(receiving.push(secrets).text)
        answers.append(receiving.log_out(secrets).text)
    assert secrets not in "".join(answers)
    assert secrets not in caplog.text
    assert len(caplog.records) == len(answers)


# --- a repeat


@pytest.mark.conforms(92)
@pytest.mark.parametrize("form", ["set", "logout"])
def test_92_a_repeat_is_answered_alike_and_changes_nothing(
    receiving: Receiving, maker: Maker, store: Faulty, clock: Clock, form: str
) -> None:
    token = maker.event() if form == "set" else maker.logout()
    send = receiving.push if form == "set" else receiving.log_out
    first = send(token)
    store.calls.clear()
    clock.advance(60)
    second = send(token)
    assert (second.status, second.body) == (first.status, first.body)
    assert list(second.headers.items()) == list(first.headers.items())
    assert store.calls == ["get_many"]
    assert [event.outcome for event in receiving.events] == ["accepted", "repeated"]


def test_a_jti_is_unique_for_one_issuer_and_one_form(signer: LocalIssuer, clock: Clock) -> None:
    partner = LocalIssuer(OTHER, algorithms=["ES256"])
    receiving = Receiving(clock, signer.trusted(), partner.trusted())
    receiving.push(Maker(signer, clock).event(jti="same"))
    receiving.push(Maker(partner, clock).event(jti="same"))
    receiving.log_out(Maker(signer, clock).logout(jti="same"))
    assert [event.outcome for event in receiving.events] == ["accepted"] * 3


def test_the_denial_is_written_before_the_event_is_noted(
    receiving: Receiving, maker: Maker, store: Faulty
) -> None:
    store.fails_at = "add"
    assert receiving.push(maker.event()).status_int == 503
    assert receiving.is_revoked(maker.local.issuer)
    store.fails_at = None
    assert receiving.push(maker.event()).status_int == 202
    assert [event.outcome for event in receiving.events] == ["unavailable", "accepted"]


# --- what cannot be reached


@pytest.mark.parametrize("call", ["get_many", "set", "add"])
@pytest.mark.parametrize("form", ["set", "logout"])
def test_a_store_that_is_down_is_answered_503(
    receiving: Receiving, maker: Maker, store: Faulty, call: str, form: str
) -> None:
    store.fails_at = call
    send = receiving.push if form == "set" else receiving.log_out
    token = maker.event() if form == "set" else maker.logout()
    answer = send(token)
    assert (answer.status_int, answer.body) == (503, b"")
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.headers["Cache-Control"] == "no-store"
    store.fails_at = None
    assert send(token).status_int in (200, 202)


def test_keys_that_cannot_be_fetched_are_answered_503(clock: Clock) -> None:
    local = LocalIssuer("https://idp.test/", algorithms=["ES256"], clock=clock)
    local.available = False
    store = Faulty(clock)
    receiving = Receiving(clock, local.trusted(), store=store)
    answer = receiving.push(Maker(local, clock).event())
    assert answer.status_int == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert store.calls == []
    assert receiving.events == [ReceivedEvent("unread", "unavailable")]


def test_the_issuer_is_judged_before_any_fetch_or_store_call(clock: Clock) -> None:
    local = LocalIssuer("https://idp.test/", algorithms=["ES256"], clock=clock)
    store = Faulty(clock)
    receiving = Receiving(clock, local.trusted(), store=store)
    stranger = LocalIssuer("https://stranger.test/", algorithms=["ES256"])
    for token in (
        Maker(stranger, clock).event(),
        Maker(local, clock).event(header={"alg": "RS256"}),
        Maker(local, clock).event(aud="another"),
        Maker(local, clock).event(header={"typ": "at+jwt"}),
    ):
        assert receiving.push(token).status_int == 400
    assert (local.requests, store.calls) == ([], [])


def test_a_new_key_under_a_known_kid_is_fetched(clock: Clock) -> None:
    local = LocalIssuer("https://idp.test/", algorithms=["ES256"], clock=clock)
    receiving = Receiving(clock, local.trusted())
    assert receiving.push(Maker(local, clock).event()).status_int == 202
    told: list[str] = []

    class Source:
        """A key source that notes what it is told of events."""

        def __init__(self, source: RemoteJWKS) -> None:
            self.held = source.held
            self.find = source.find

        def signature_failed(self, kid: str | None, alg: str) -> None:
            told.append("failed")

        def token_accepted(self, kid: str | None, alg: str) -> None:
            told.append("accepted")

    keys = Source(RemoteJWKS(local.jwks_uri, fetch=local.fetch))
    issuer = Issuer(local.issuer, audience="x", keys=keys, algorithms=["ES256"])
    told_receiving = Receiving(clock, issuer)
    token = Maker(local, clock).event()
    told_receiving.push(token)
    told_receiving.push(token[:-8] + "AAAAAAAA")
    told_receiving.push(Maker(local, clock).event(header={"kid": "unknown"}))
    assert told == ["accepted", "failed"]


def test_a_resolver_may_know_the_issuer(clock: Clock) -> None:
    local = LocalIssuer("https://tenant.example.com/", algorithms=["ES256"], clock=clock)
    known = {local.issuer: local.trusted()}
    receiving = Receiving(clock, known.get)
    assert receiving.push(Maker(local, clock).event()).status_int == 202
    stranger = LocalIssuer("https://stranger.test/", algorithms=["ES256"])
    assert receiving.push(Maker(stranger, clock).event()).json["err"] == "invalid_issuer"


# --- the request


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "post"])
def test_every_other_method_is_refused(receiving: Receiving, method: str) -> None:
    answer = TestApp(receiving.receiver, lint=False).request("/", method=method, status=405)
    assert (answer.headers["Allow"], answer.body) == ("POST", b"")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        pytest.param(SET_TYPE, 202, id="the type"),
        pytest.param("Application/SecEvent+JWT", 202, id="in any case"),
        pytest.param(f"{SET_TYPE}; charset=UTF-8", 202, id="with a charset"),
        pytest.param(f'{SET_TYPE};charset="utf-8"', 202, id="with a quoted charset"),
        pytest.param(f"{SET_TYPE}; charset=utf-16", 400, id="another charset"),
        pytest.param(f"{SET_TYPE}; boundary=x", 400, id="another parameter"),
        pytest.param("application/jwt", 400, id="a JWT"),
        pytest.param("application/json", 400, id="JSON"),
        pytest.param("text/plain", 400, id="text"),
        pytest.param("", 400, id="none"),
        pytest.param(f"{SET_TYPE}, text/plain", 400, id="two"),
        pytest.param("multipart/form-data", 400, id="another form"),
        pytest.param(FORM_TYPE, 400, id="a form"),
    ],
)
def test_the_content_type_is_strict(
    receiving: Receiving, maker: Maker, content_type: str, status: int
) -> None:
    assert receiving.push(maker.event(), content_type).status_int == status


def test_a_form_may_name_its_charset(receiving: Receiving, maker: Maker) -> None:
    body = f"logout_token={maker.logout()}"
    assert receiving.post(body, f"{FORM_TYPE}; charset=UTF-8").status_int == 200


class Stream(io.BytesIO):
    """A body that counts how much of it is read, a few bytes at a time."""

    def __init__(self, content: bytes, piece: int = 1000) -> None:
        super().__init__(content)
        self.taken = 0
        self._piece = piece

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size > 0, "never without a bound"
        piece = super().read(min(size, self._piece))
        self.taken += len(piece)
        return piece


def deliver(receiving: Receiving, stream: Any, **environ: Any) -> tuple[int, bytes]:
    """Call the receiver as a server would, with exactly this environ."""
    status: list[str] = []
    usual = {"REQUEST_METHOD": "POST", "CONTENT_TYPE": SET_TYPE, "wsgi.input": stream}

    def start_response(text: str, headers: Any) -> Any:
        status.append(text)

    body = b"".join(receiving.receiver({**usual, **environ}, start_response))  # type: ignore[arg-type]
    return int(status[0][:3]), body


@pytest.mark.parametrize(
    ("surplus", "environ", "status"),
    [
        pytest.param(0, {"CONTENT_LENGTH": None}, 202, id="its length"),
        pytest.param(0, {"wsgi.input_terminated": True}, 202, id="chunked"),
        pytest.param(0, {"CONTENT_LENGTH": "", "wsgi.input_terminated": True}, 202, id="empty"),
        pytest.param(0, {}, 400, id="no length, and no end"),
        pytest.param(0, {"CONTENT_LENGTH": "-1"}, 400, id="a negative length"),
        pytest.param(0, {"CONTENT_LENGTH": "1_0"}, 400, id="an underscore"),
        pytest.param(0, {"CONTENT_LENGTH": "٣"}, 400, id="a digit of another script"),
        pytest.param(0, {"CONTENT_LENGTH": "9" * 5000}, 400, id="a length of 5,000 digits"),
        pytest.param(0, {"CONTENT_LENGTH": "70000"}, 400, id="too long, it says"),
        pytest.param(0, {"CONTENT_LENGTH": "60000"}, 400, id="cut short"),
        pytest.param(0, {"CONTENT_LENGTH": "10"}, 400, id="longer than it says"),
        pytest.param(0, {"CONTENT_LENGTH": "0"}, 400, id="no body"),
        pytest.param(2**20, {"wsgi.input_terminated": True}, 400, id="a chunked MiB"),
        pytest.param(
            2**20,
            {"CONTENT_LENGTH": "10", "wsgi.input_terminated": True},
            400,
            id="a chunked MiB that says 10 bytes",
        ),
    ],
)
def test_a_body_is_read_within_a_bound_whatever_it_declares(
    receiving: Receiving, maker: Maker, surplus: int, environ: dict[str, Any], status: int
) -> None:
    body = maker.event().encode() + b"x" * surplus
    if environ.get("CONTENT_LENGTH", "") is None:
        environ = {**environ, "CONTENT_LENGTH": str(len(body))}
    stream = Stream(body)
    assert deliver(receiving, stream, **environ)[0] == status
    assert stream.taken <= MAX_BODY + 1


def test_a_body_of_64_kib_is_read_and_one_more_byte_is_not(
    receiving: Receiving, maker: Maker
) -> None:
    padding = "x" * 48_000
    while len(maker.event(pad=padding)) < MAX_BODY:
        padding += "x"
    token = maker.event(pad=padding)
    if len(token) > MAX_BODY:
        token = maker.event(pad=padding[:-1])
    assert MAX_BODY - 4 <= len(token) <= MAX_BODY
    assert receiving.push(token).status_int == 202
    answer = receiving.push("x" * (MAX_BODY + 1))
    assert answer.status_int == 400
    assert "65536" in answer.json["description"]


def test_a_client_that_goes_away_is_refused(receiving: Receiving) -> None:
    class Gone(Stream):
        """A body that breaks off."""

        def read(self, size: int | None = -1) -> bytes:
            raise ConnectionResetError

    assert deliver(receiving, Gone(b""), CONTENT_LENGTH="100")[0] == 400


@pytest.mark.parametrize("body", ["é".encode(), b"\xff", b"a.b.c", b" ", b"\n"])
def test_a_body_that_is_not_a_token_is_refused(receiving: Receiving, body: bytes) -> None:
    answer = receiving.push(body)
    assert (answer.status_int, answer.json["err"]) == (400, "invalid_request")


def test_a_token_between_spaces_is_refused(receiving: Receiving, maker: Maker) -> None:
    for body in (f"{maker.event()}\n", f" {maker.event()}"):
        assert receiving.push(body).status_int == 400


@given(st.binary(max_size=300), st.sampled_from([SET_TYPE, FORM_TYPE, "text/plain", ""]))
def test_any_body_is_answered(body: bytes, content_type: str) -> None:
    clock = Clock(START)
    local = LocalIssuer("https://idp.test/", algorithms=["HS256"])
    receiving = Receiving(clock, local.trusted())
    environ = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(len(body))}
    status, answer = deliver(receiving, io.BytesIO(body), **environ)
    assert status == 400
    assert json.loads(answer)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["format", "iss", "sub", "id", "user", "session", "jti"]), inner
        )
    ),
    max_leaves=8,
)
SUBJECT_HINTS = st.fixed_dictionaries(
    {"format": st.sampled_from(["opaque", "iss_sub", "complex", "jwt_id", "email"])},
    optional={
        name: JSON | st.sampled_from(["https://idp.test/", "user-1", OTHER])
        for name in ("id", "iss", "sub", "jti", "user", "session")
    },
)


@given(subject=SUBJECT_HINTS | JSON, uri=st.sampled_from(sorted(ENDING)))
def test_any_subject_ends_tokens_of_its_own_issuer_or_none(subject: Any, uri: str) -> None:
    clock = Clock(START)
    local = LocalIssuer("https://idp.test/", algorithms=["HS256"])
    store = Faulty(clock)
    receiving = Receiving(clock, local.trusted(), store=store)
    answer = receiving.push(Maker(local, clock).event(sub_id=subject, events={uri: {}}))
    assert answer.status_int == (202 if "set" in store.calls else 400)
    assert not receiving.is_revoked(OTHER)


def test_a_form_is_read_strictly_and_unquoted() -> None:
    assert read_form("logout_token=a%2Eb.c") == "a.b.c"
    with pytest.raises(EventRefused):
        read_form("logout_token=a&logout%5Ftoken=a")


# --- arguments, and the hook


@pytest.mark.parametrize(
    ("change", "text"),
    [
        pytest.param({"issuers": []}, "issuers is empty", id="no issuer"),
        pytest.param({"deny": MemoryStore()}, "deny=", id="a store"),
        pytest.param({"audience": ""}, "audience=''", id="an empty audience"),
        pytest.param({"audience": []}, "audience=", id="no audience"),
        pytest.param({"audience": None}, "audience=None", id="none"),
        pytest.param({"audience": [7]}, "audience=", id="a number"),
        pytest.param({"on_event": 1}, "on_event=1", id="not a hook"),
        pytest.param({"clock": 1}, "clock=1", id="not a clock"),
    ],
)
def test_invalid_arguments_are_refused(
    signer: LocalIssuer, change: dict[str, Any], text: str
) -> None:
    usual: dict[str, Any] = {
        "issuers": signer.trusted(),
        "deny": DenyList(MemoryStore()),
        "audience": RECEIVER,
    }
    options = {**usual, **change}
    with pytest.raises(ValueError, match=text):
        EventReceiver(options.pop("issuers"), options.pop("deny"), **options)


def test_one_of_several_audiences_is_enough(signer: LocalIssuer, clock: Clock) -> None:
    deny = DenyList(MemoryStore())
    names = iter(["https://a.example.com", RECEIVER])
    receiver = EventReceiver(signer.trusted(), deny, audience=names, clock=clock)
    api = TestApp(receiver)
    token = Maker(signer, clock).event(aud=["x", RECEIVER])
    assert api.post("/", token, content_type=SET_TYPE).status_int == 202


def failing_hook(event: ReceivedEvent) -> None:
    raise RuntimeError("broken")


@pytest.mark.parametrize("hook", [failing_hook, None])
def test_a_hook_that_fails_or_is_absent_changes_no_answer(
    signer: LocalIssuer, clock: Clock, hook: Callable[[ReceivedEvent], None] | None
) -> None:
    deny = DenyList(MemoryStore())
    receiver = EventReceiver(signer.trusted(), deny, audience=RECEIVER, on_event=hook, clock=clock)
    api = TestApp(receiver)
    assert api.post("/", Maker(signer, clock).event(), content_type=SET_TYPE).status_int == 202


def test_the_answers_are_valid_wsgi(receiving: Receiving, maker: Maker) -> None:
    body = maker.event().encode()
    api = TestApp(validator(receiving.receiver))
    assert api.post("/", body, content_type=SET_TYPE).status_int == 202
    assert api.post("/", b"x", content_type=SET_TYPE, status=400).json["err"]
    assert api.get("/", status=405).body == b""


def test_the_store_holds_nothing_of_an_event(maker: Maker, clock: Clock) -> None:
    keys: list[str] = []
    values: list[bytes] = []

    class Seen(MemoryStore):
        """A store that keeps what it was told."""

        def set(self, key: str, value: bytes, ttl: float | None) -> None:
            keys.append(key)
            values.append(value)
            super().set(key, value, ttl)

        def add(self, key: str, value: bytes, ttl: float, owner: str | None = None) -> bool:
            keys.append(key)
            values.append(value)
            return super().add(key, value, ttl, owner)

    receiving = Receiving(clock, maker.local.trusted(), store=Seen(clock=clock))
    receiving.push(maker.event())
    receiving.log_out(maker.logout())
    assert [len(encoding.decode(key)) for key in keys] == [32] * 4
    assert values == [repr(START).encode(), b""] * 2
