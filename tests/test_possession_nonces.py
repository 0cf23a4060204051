"""Nonces without memory: issued by one worker, accepted by every worker with the same secret."""

from __future__ import annotations

import base64
import copy
import dataclasses
import math
import pickle
import string
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_wsgi.possession.nonces import DPoPNonces

NOW = 1_800_000_000.25
OLD = b"old secret ".ljust(32, b"o")
NEW = b"new secret ".ljust(32, b"n")
ALPHABET = string.ascii_letters + string.digits + "-_"


@pytest.fixture
def nonces() -> DPoPNonces:
    return DPoPNonces(NEW)


def test_a_nonce_is_base64url_and_fits_the_grammar_of_the_header(nonces: DPoPNonces) -> None:
    nonce = nonces.issue(NOW)
    assert set(nonce) <= set(ALPHABET)
    assert len(nonce) < 100


AGES = {
    "at once": (0.0, 0.0),
    "a minute later": (60.0, 60.0),
    "at the end": (300.0, 300.0),
    "after the end": (300.001, None),
    "a day later": (86_400.0, None),
    "ahead": (-30.0, -30.0),
    "too far ahead": (-30.001, None),
    "never": (math.nan, None),
    "in eternity": (math.inf, None),
    "before all time": (-math.inf, None),
    "at a huge time": (1e300, None),
}


@pytest.mark.conforms(66)
@pytest.mark.parametrize(("later", "age"), AGES.values(), ids=AGES)
def test_a_nonce_is_accepted_within_its_lifetime_and_the_leeway(nonces: DPoPNonces, later: float, age: float | None) -> None:  # fmt: skip
    found = nonces.age(nonces.issue(NOW), NOW + later, 30)
    assert found == (None if age is None else pytest.approx(age))


@given(st.floats(0, 4e9), st.integers(0, 300), st.integers(1, 86_400))
def test_the_age_is_exact_at_whole_seconds(now: float, later: int, lifetime: int) -> None:
    now = math.floor(now * 1024) / 1024
    nonces = DPoPNonces(NEW, lifetime=lifetime)
    assert nonces.age(nonces.issue(now), now + later, 0) == (later if later <= lifetime else None)


def test_without_leeway_no_nonce_may_be_ahead(nonces: DPoPNonces) -> None:
    assert nonces.age(nonces.issue(NOW), NOW, 0) == 0
    assert nonces.age(nonces.issue(NOW + 0.001), NOW, 0) is None


@pytest.mark.parametrize("now", [math.nan, math.inf, -math.inf])
def test_no_nonce_is_issued_at_a_time_that_is_none(nonces: DPoPNonces, now: float) -> None:
    with pytest.raises(ValueError, match=r"^now="):
        nonces.issue(now)


def test_two_workers_with_the_same_secret_accept_each_other() -> None:
    one = DPoPNonces(NEW)
    two = DPoPNonces(NEW.decode(), lifetime=60)
    assert two.age(one.issue(NOW), NOW + 5, 0) == 5
    assert one.age(two.issue(NOW), NOW + 5, 0) == 5


def test_a_secret_is_rotated_without_refusing_a_nonce() -> None:
    stages = [DPoPNonces(OLD), DPoPNonces([OLD, NEW]), DPoPNonces([NEW, OLD]), DPoPNonces(NEW)]
    accepted = [
        [verifier.age(signer.issue(NOW), NOW, 0) is not None for verifier in stages]
        for signer in stages
    ]
    assert accepted == [
        [True, True, True, False],
        [True, True, True, False],
        [False, True, True, True],
        [False, True, True, True],
    ]


def test_every_single_character_counts(nonces: DPoPNonces) -> None:
    nonce = nonces.issue(NOW)
    for place in range(len(nonce)):
        for character in ALPHABET.replace(nonce[place], "") + "=+/ é\0":
            assert nonces.age(nonce[:place] + character + nonce[place + 1 :], NOW, 30) is None


def test_every_shorter_and_longer_text_is_refused(nonces: DPoPNonces) -> None:
    nonce = nonces.issue(NOW)
    for length in range(len(nonce)):
        assert nonces.age(nonce[:length], NOW, 30) is None
    for rest in ("A", "=", "AAAA", "\n", "A" * 10_000):
        assert nonces.age(nonce + rest, NOW, 30) is None


@given(st.one_of(st.text(), st.text(min_size=55, max_size=55), st.text(ALPHABET, min_size=55, max_size=55)))  # fmt: skip
def test_random_text_is_refused_and_never_raises(text: str) -> None:
    assert DPoPNonces(NEW).age(text, NOW, 30) is None


def test_a_lone_surrogate_is_refused(nonces: DPoPNonces) -> None:
    assert nonces.age("\udc80".ljust(len(nonces.issue(NOW)), "A"), NOW, 30) is None


def test_a_nonce_of_another_version_is_refused(nonces: DPoPNonces) -> None:
    octets = base64.urlsafe_b64decode(nonces.issue(NOW) + "=")
    other = base64.urlsafe_b64encode(b"\x02" + octets[1:]).decode().rstrip("=")
    assert nonces.age(other, NOW, 30) is None


def test_the_signature_of_another_time_is_refused(nonces: DPoPNonces) -> None:
    octets = base64.urlsafe_b64decode(nonces.issue(NOW - 600) + "=")
    forged = octets[:1] + struct.pack(">d", NOW) + octets[9:]
    assert nonces.age(base64.urlsafe_b64encode(forged).decode().rstrip("="), NOW, 30) is None


@pytest.mark.parametrize(("age", "verdict"), [(-30, False), (0, False), (150, False), (150.1, True), (300, True)])  # fmt: skip
def test_a_nonce_is_replaced_in_the_second_half_of_its_life(nonces: DPoPNonces, age: float, verdict: bool) -> None:  # fmt: skip
    assert nonces.is_past_half(age) is verdict


def test_the_lifetime_is_300_seconds_by_default(nonces: DPoPNonces) -> None:
    assert nonces.lifetime == 300
    assert DPoPNonces(NEW, lifetime=60).lifetime == 60


NO_SECRETS: dict[str, Any] = {
    "none": [],
    "None": None,
    "a number": 32,
    "a short one": b"s3cret" * 5,
    "a short text": "s3cret" * 5,
    "31 bytes": b"s3cret".ljust(31, b"x"),
    "an empty one": b"",
    "a short one behind a good one": [NEW, b"s3cret"],
    "twice": [b"s3cret" * 6, b"s3cret" * 6],
    "twice as text and as bytes": ["s3cret" * 6, b"s3cret" * 6],
    "a number in a list": [NEW, 1],
    "mutable bytes": bytearray(b"s3cret" * 6),
    "nine": [f"s3cret {number}".ljust(32) for number in range(9)],
}


@pytest.mark.parametrize("secrets", NO_SECRETS.values(), ids=NO_SECRETS)
def test_wrong_secrets_are_refused_and_not_quoted(secrets: Any) -> None:
    with pytest.raises(ValueError, match=r"^secrets=…: ") as refusal:
        DPoPNonces(secrets)
    assert "s3cret" not in repr(refusal.value)
    assert refusal.value.__context__ is None


@pytest.mark.parametrize(
    "secrets",
    ["x" * 32, "ü" * 16, "\ud800" * 11, [OLD], iter([OLD, NEW]), [bytes([n]) * 32 for n in range(8)]],
    ids=["32 characters", "32 bytes of UTF-8", "surrogates", "one", "an iterator", "eight"],
)  # fmt: skip
def test_secrets_of_32_bytes_are_accepted(secrets: Any) -> None:
    nonces = DPoPNonces(secrets)
    assert nonces.age(nonces.issue(NOW), NOW, 0) == 0


@pytest.mark.parametrize("lifetime", [0, 0.9, 86_400.1, -1, math.nan, math.inf, True, "300", None])
def test_a_lifetime_outside_its_bounds_is_refused(lifetime: Any) -> None:
    with pytest.raises(ValueError, match=r"^lifetime=.*: write "):
        DPoPNonces(NEW, lifetime=lifetime)


def test_repr_shows_no_secret_and_nothing_can_be_changed(nonces: DPoPNonces) -> None:
    assert "secret" not in repr(nonces)
    with pytest.raises(dataclasses.FrozenInstanceError):
        nonces.lifetime = 1  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        nonces.other = 1  # type: ignore[attr-defined]


def test_a_copy_accepts_what_the_original_issued(nonces: DPoPNonces) -> None:
    for other in (copy.deepcopy(nonces), pickle.loads(pickle.dumps(nonces))):
        assert other.age(nonces.issue(NOW), NOW, 0) == 0
