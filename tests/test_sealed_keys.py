"""The seal of shared key sets: only what a worker of the same secret wrote is believed, and only once it is newer."""

from __future__ import annotations

import hashlib
import hmac
import json
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_wsgi.jwks.sealed import (
    MAX_AHEAD,
    MAX_REVOKED_BYTES,
    Judgement,
    Seal,
    SharedSet,
    judge,
    needs_write,
    remaining_seconds,
    time_of_fetch,
)

NOW = 1_800_000_000.0
HERE = "uri https://issuer.test/jwks"
OLD, NEW, FOREIGN = (bytes([number]) * 32 for number in (1, 2, 3))
BODY = b'{"keys": []}'
SET = SharedSet(NOW, 600.0, frozenset({"stolen"}), BODY)
DOCUMENT = Seal(HERE, [NEW], 1000).close(SET)


def seal(*secrets: bytes, location: str = HERE, max_bytes: int = 1000) -> Seal:
    return Seal(location, secrets or (NEW,), max_bytes)


def signed(payload: bytes, purpose: bytes = b"jwt-wsgi shared key set\0") -> bytes:
    """Return a document with any payload, signed as `Seal` signs one."""
    context = purpose + hashlib.sha256(HERE.encode()).digest()
    return b"\x01" + hmac.digest(NEW, context + payload, "sha256") + payload


def payload(
    fetched_at: float = NOW,
    lifetime: float = 600.0,
    kids: bytes = b"[]",
    length: int | None = None,
    body: bytes = BODY,
) -> bytes:
    head = struct.pack(">ddI", fetched_at, lifetime, len(kids) if length is None else length)
    return head + kids + body


kids = st.frozensets(st.text(st.characters(), max_size=20), max_size=5)


@given(
    st.builds(
        SharedSet,
        st.floats(allow_nan=False, allow_infinity=False),
        st.floats(min_value=1e-6, max_value=1e9),
        kids,
        st.binary(max_size=1000),
    )
)
def test_a_set_survives_the_seal_unchanged(shared: SharedSet) -> None:
    assert seal().open(seal().close(shared)) == shared


def test_a_document_has_the_documented_format() -> None:
    assert signed(payload(kids=b'["stolen"]')) == DOCUMENT


@given(st.integers(0, len(DOCUMENT) - 1), st.integers(1, 255))
def test_any_changed_octet_is_refused(place: int, difference: int) -> None:
    changed = bytearray(DOCUMENT)
    changed[place] ^= difference
    with pytest.raises(ValueError, match=r"^it"):
        seal().open(bytes(changed))


@given(st.integers(0, len(DOCUMENT) - 1))
def test_a_truncated_document_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=r"^it"):
        seal().open(DOCUMENT[:length])


@given(st.binary(max_size=200))
def test_octets_that_nobody_sealed_are_refused(octets: bytes) -> None:
    for document in (octets, b"\x01" + octets, DOCUMENT + octets + b"x"):
        with pytest.raises(ValueError, match=r"^it"):
            seal().open(document)


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        pytest.param(None, "format", id="nothing"),
        pytest.param(DOCUMENT.decode("latin-1"), "format", id="text instead of octets"),
        pytest.param(b"", "format", id="no octets"),
        pytest.param(b"\x02" + DOCUMENT[1:], "format", id="a later version"),
        pytest.param(signed(b""), "format", id="an empty payload"),
        pytest.param(signed(payload()[:19]), "format", id="a short head"),
        pytest.param(signed(payload(kids=b"{}")), "format", id="kids that are no list"),
        pytest.param(signed(payload(kids=b"[")), "format", id="kids that are no JSON"),
        pytest.param(signed(payload(kids=b"\xff")), "format", id="kids that are no text"),
        pytest.param(signed(payload(kids=b"[1]")), "format", id="a kid that is a number"),
        pytest.param(
            signed(payload(fetched_at=float("nan"))), "no time", id="no time of the fetch"
        ),
        pytest.param(signed(payload(fetched_at=float("inf"))), "no time", id="fetched at no time"),
        pytest.param(signed(payload(lifetime=float("inf"))), "no time", id="an endless lifetime"),
        pytest.param(signed(payload(lifetime=0.0)), "no time", id="no lifetime"),
        pytest.param(signed(payload(body=b"x" * 1001)), "large", id="a body above the bound"),
        pytest.param(signed(payload(length=70_000)), "large", id="a length above the bound"),
        pytest.param(
            signed(payload(), b"jwt-wsgi DPoP nonce\0"), "seal", id="sealed for another purpose"
        ),
    ],
)
def test_a_document_is_refused_for(document: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        seal().open(document)


def test_a_large_document_is_refused_before_it_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hmac, "digest", None)
    with pytest.raises(ValueError, match="too large"):
        seal().open(b"\x01" + b"x" * (1000 + MAX_REVOKED_BYTES + 100))


@pytest.mark.parametrize(
    ("sealing", "opening", "opens"),
    [
        pytest.param(seal(NEW), seal(NEW), True, id="one secret"),
        pytest.param(seal(OLD), seal(OLD, NEW), True, id="the new secret is behind the old one"),
        pytest.param(seal(OLD, NEW), seal(OLD), True, id="the first secret signs"),
        pytest.param(seal(OLD), seal(NEW, OLD), True, id="the new secret is in front"),
        pytest.param(seal(NEW, OLD), seal(OLD), False, id="the second secret does not sign"),
        pytest.param(seal(FOREIGN), seal(NEW, OLD), False, id="a foreign secret"),
        pytest.param(
            seal(location="uri https://other.test/jwks"), seal(), False, id="another location"
        ),
        pytest.param(
            seal(location="issuer https://issuer.test/jwks"), seal(), False, id="an issuer's name"
        ),
        pytest.param(seal(max_bytes=12), seal(), True, id="another bound"),
        pytest.param(seal(), seal(max_bytes=11), False, id="a bound that the set exceeds"),
    ],
)
def test_a_seal_opens_what_another_closed(sealing: Seal, opening: Seal, opens: bool) -> None:
    document = sealing.close(SET)
    if opens:
        assert opening.open(document) == SET
    else:
        with pytest.raises(ValueError, match=r"^it"):
            opening.open(document)


@pytest.mark.parametrize("field", ["fetched_at", "lifetime", "revoked", "body"])
def test_each_field_is_under_the_seal(field: str) -> None:
    other = {"fetched_at": NOW + 1, "lifetime": 601.0, "revoked": frozenset({"x"}), "body": b"{}"}
    changed = seal().close(SET._replace(**{field: other[field]}))
    grafted = DOCUMENT[:33] + changed[33:]
    with pytest.raises(ValueError, match="seal is wrong"):
        seal().open(grafted)


def test_the_name_in_the_store_is_a_hash_of_the_location() -> None:
    names = {seal(location=location).name for location in (HERE, HERE + "/", "issuer.test")}
    assert len(names) == 3
    assert all(len(name) == 43 and "issuer" not in name for name in names)


def test_too_many_revoked_kids_are_not_sealed() -> None:
    many = frozenset(f"kid-{number}" for number in range(10_000))
    assert len(json.dumps(sorted(many))) > MAX_REVOKED_BYTES
    with pytest.raises(ValueError, match="revoked kids"):
        seal().close(SET._replace(revoked=many))


@pytest.mark.parametrize(
    ("age", "newest_age", "judgement"),
    [
        pytest.param(0, None, "newer", id="just fetched"),
        pytest.param(999, None, "newer", id="at the end of its time"),
        pytest.param(1000, None, "expired", id="after lifetime and stale_for"),
        pytest.param(-MAX_AHEAD, None, "newer", id="a clock that is a little ahead"),
        pytest.param(-MAX_AHEAD - 0.001, None, "future", id="a clock that is too far ahead"),
        pytest.param(10, 10, "same", id="the one that is known"),
        pytest.param(10, 10.001, "newer", id="after the one that is known"),
        pytest.param(10.001, 10, "older", id="before the one that is known"),
        pytest.param(2000, 1999, "older", id="before an old one"),
        pytest.param(1000, 2000, "expired", id="after an old one, and expired"),
        pytest.param(-MAX_AHEAD - 1, -MAX_AHEAD - 2, "future", id="after the clock was set back"),
    ],
)
def test_a_stored_set_is_judged_by_its_time(
    age: float, newest_age: float | None, judgement: Judgement
) -> None:
    newest = None if newest_age is None else SET._replace(fetched_at=NOW - newest_age)
    assert judge(SET._replace(fetched_at=NOW - age), newest, NOW, 400.0) == judgement


def test_a_set_from_a_clock_that_is_ahead_has_the_age_zero() -> None:
    ahead = SET._replace(fetched_at=NOW + 20)
    assert (ahead.age(NOW), ahead.age(NOW + 25)) == (0, 5)
    assert remaining_seconds(ahead, NOW, 400.0) == 1000


@pytest.mark.parametrize(
    ("age", "kids", "is_loaded", "writes"),
    [
        pytest.param(None, "", False, True, id="the store lost its set"),
        pytest.param(1, "ab", False, True, id="the store has an older set"),
        pytest.param(0, "a", False, True, id="the store lacks a revoked kid"),
        pytest.param(0, "ab", False, False, id="the store has all"),
        pytest.param(0, "abc", False, False, id="the store has more"),
        pytest.param(-1, "a", False, False, id="the store has a set that is not accepted"),
        pytest.param(-1, "a", True, True, id="such a set, and another was loaded"),
        pytest.param(1, "ab", True, True, id="an older set, and another was loaded"),
    ],
)
def test_the_store_is_written_if(
    age: float | None, kids: str, is_loaded: bool, writes: bool
) -> None:
    newest = SharedSet(NOW, 600.0, frozenset("ab"), BODY)
    stored = None if age is None else SharedSet(NOW - age, 600.0, frozenset(kids), BODY)
    assert needs_write(stored, newest, is_loaded=is_loaded) is writes


@pytest.mark.parametrize(
    ("newest", "time"),
    [
        pytest.param(None, NOW, id="the first"),
        pytest.param(NOW - 5, NOW, id="after the newest"),
        pytest.param(NOW, NOW + 0.001, id="at the time of the newest"),
        pytest.param(NOW + MAX_AHEAD, NOW + MAX_AHEAD + 0.001, id="another clock is ahead"),
        pytest.param(NOW + MAX_AHEAD + 1, NOW, id="this clock was set back"),
    ],
)
def test_the_time_of_a_fetch_is_after_the_newest(newest: float | None, time: float) -> None:
    known = None if newest is None else SET._replace(fetched_at=newest)
    assert time_of_fetch(NOW, known) == time


def test_fetches_in_one_moment_have_an_order() -> None:
    times = [NOW]
    for _ in range(5):
        times.append(time_of_fetch(NOW, SET._replace(fetched_at=times[-1])))
    assert all(earlier < later for earlier, later in pairwise(times))
