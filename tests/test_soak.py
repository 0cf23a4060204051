"""The soak: its oracle on journals made by hand, a few seconds of it, and mistakes that it must notice.

`make soak` runs it for two minutes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from soak.journal import Fetch, Journal
from soak.oracle import EXPIRED, FORGED, GOOD, MISSING, UNAVAILABLE, UNKNOWN, Answer, Oracle
from soak.run import MAX_GROWTH, soak

from jwt_wsgi import KeysUnavailable, RemoteJWKS
from jwt_wsgi.jose import KeySet
from jwt_wsgi.jose.jwk import Key

# --- the oracle, whose seconds are those of the journal below

LIFETIME, STALE_FOR, TIMEOUT = 100.0, 900.0, 3.0


def document(*keys: str) -> dict[str, Any]:
    """`a1` is the first material under the kid a, and `n1` the first without a kid."""
    return {"keys": [{"x": key} if key[0] == "n" else {"kid": key[0], "x": key} for key in keys]}


def journal(*fetches: tuple[float, float, str | None]) -> Journal:
    """a1, b1 and n1 are published until 50, a2, c1 and n2 from then on; a fetch has a beginning, an end and what it brought."""
    written = Journal()
    for begun, keys in ((0, ("a1", "b1", "n1")), (50, ("a2", "c1", "n2"))):
        written.published(begun, document(*keys))
        written.publications[-1].ended = begun + 1
    bodies = {
        "old": document("a1", "b1", "n1"),
        "new": document("a2", "c1", "n2"),
        "odd": document("z1"),
        "empty": document(),
    }
    for begun, ended, brought in fetches:
        body = None if brought is None else json.dumps(bodies[brought]).encode()
        written.fetches.append(Fetch(begun, ended, body, done=ended + 1))
    return written


def allowed(
    written: Journal, key: str | None, asked: float, answered: float, *, expired: bool = False
) -> Any:
    judging = Oracle(written, lifetime=LIFETIME, stale_for=STALE_FOR, timeout=TIMEOUT)
    kid = key and key[0].strip("-")
    material = (key or "").lstrip("-")
    return judging.allowed(Answer(kid, material, expired, asked, answered, 0, ""))


OLD, NEW = (10, 11, "old"), (60, 61, "new")
FAILED = (60, 61, None)


@pytest.mark.parametrize(
    ("fetches", "key", "asked", "answered", "expected"),
    [
        pytest.param([], None, 1, 2, {MISSING}, id="no token"),
        pytest.param([], "a1", 1, 2, {UNAVAILABLE}, id="nothing was ever fetched"),
        pytest.param(
            [OLD], "a1", 9, 10.5, {UNAVAILABLE}, id="answered before the first fetch was through"
        ),
        pytest.param([OLD], "a1", 9, 11.5, {UNAVAILABLE, GOOD}, id="while it came into force"),
        pytest.param([OLD], "a1", 20, 21, {GOOD}, id="a published key"),
        pytest.param([OLD], "a9", 20, 21, {FORGED}, id="signed by another"),
        pytest.param([OLD], "z1", 20, 21, {UNKNOWN}, id="a kid of nobody"),
        pytest.param([OLD, NEW], "a1", 55, 56, {GOOD}, id="withdrawn, and not fetched since"),
        pytest.param([OLD, NEW], "a1", 59, 61.5, {GOOD, FORGED}, id="replaced while it was judged"),
        pytest.param([OLD, NEW], "a1", 70, 71, {FORGED}, id="replaced"),
        pytest.param([OLD, NEW], "b1", 70, 71, {UNKNOWN}, id="withdrawn"),
        pytest.param([OLD, NEW], "c1", 70, 71, {GOOD}, id="new"),
        pytest.param([OLD, NEW], "c1", 55, 56, {UNKNOWN}, id="new, and not fetched yet"),
        pytest.param(
            [OLD, NEW], "c1", 59, 60.5, {UNKNOWN}, id="U14 new, being fetched, and did not wait"
        ),
        pytest.param([OLD, NEW], "c1", 60.5, 62, {UNKNOWN, GOOD}, id="waited for"),
        pytest.param(
            [OLD, NEW], "z1", 57, 60.5, {UNKNOWN, UNAVAILABLE}, id="waited for the time-out"
        ),
        pytest.param([OLD, FAILED], "c1", 59, 61.5, {UNKNOWN, UNAVAILABLE}, id="while it failed"),
        pytest.param(
            [OLD, FAILED, (70, 71, "new")], "z1", 69, 70.5, {UNAVAILABLE}, id="until one succeeds"
        ),
        pytest.param([OLD, NEW], "-n1", 20, 21, {GOOD}, id="U10 without a kid"),
        pytest.param([OLD, NEW], "-n2", 55, 56, {FORGED}, id="U10 without a kid, replaced"),
        pytest.param([OLD, NEW], "-n2", 60.5, 62, {FORGED, GOOD}, id="U10 and being fetched"),
        pytest.param([OLD, NEW], "-n1", 70, 71, {FORGED}, id="U10 and fetched"),
        pytest.param([OLD, NEW], "-a1", 20, 21, {GOOD}, id="U10 without a kid, by any key"),
        pytest.param([OLD, FAILED], "a1", 70, 71, {GOOD}, id="known in an outage"),
        pytest.param([OLD, FAILED], "c1", 70, 71, {UNAVAILABLE}, id="unknown in an outage"),
        pytest.param(
            [OLD, (60, 61, "empty")], "a1", 70, 71, {GOOD}, id="an empty set takes nothing away"
        ),
        pytest.param(
            [OLD, (60, 61, "odd")],
            "z1",
            70,
            71,
            {UNAVAILABLE},
            id="what nobody published is no set",
        ),
        pytest.param(
            [OLD, (60, 61, "old")],
            "b1",
            70,
            71,
            {GOOD},
            id="what is no longer published is no news",
        ),
        pytest.param([OLD], "a1", 1000, 1010, {GOOD}, id="the last good keys"),
        pytest.param([OLD], "a1", 1005, 1011, {GOOD, UNAVAILABLE}, id="until they end"),
        pytest.param([OLD], "a1", 1013, 1014, {UNAVAILABLE}, id="and no longer"),
        pytest.param([OLD, NEW], "c1", 1013, 1014, {GOOD}, id="each set has a time of its own"),
    ],
)
def test_the_oracle_allows_these_answers(
    fetches: Any, key: str | None, asked: float, answered: float, expected: Any
) -> None:
    assert allowed(journal(*fetches), key, asked, answered) == expected


def test_a_withdrawn_set_ends_no_outage() -> None:
    written = journal(OLD, (60, 61, "old"))
    assert [
        epoch.fetch.begun
        for epoch in Oracle(written, lifetime=LIFETIME, stale_for=STALE_FOR, timeout=TIMEOUT).epochs
    ] == [10]
    assert allowed(written, "z1", 70, 71) == {UNAVAILABLE}


def test_only_a_known_key_shows_that_a_token_is_expired() -> None:
    assert allowed(journal(OLD), "a1", 20, 21, expired=True) == {EXPIRED}
    assert allowed(journal(OLD), "a9", 20, 21, expired=True) == {FORGED}


@pytest.mark.parametrize(
    ("asked", "answered", "expected"),
    [(20, 21, {GOOD}), (29, 30.5, {GOOD, UNKNOWN}), (31.5, 32, {UNKNOWN}), (2000, 2001, {UNKNOWN})],
    ids=["before", "meanwhile", "after", "and without keys too"],
)
def test_a_revoked_key_is_unknown(asked: float, answered: float, expected: Any) -> None:
    written = journal(OLD)
    written.revocations["a"] = (30, 31)
    assert allowed(written, "a1", asked, answered) == expected


@pytest.mark.parametrize(
    ("fetches", "late"),
    [
        pytest.param([OLD, (52, 53, "new")], 0, id="U10 in time"),
        pytest.param([OLD, NEW], 1, id="U10 too late"),
        pytest.param([OLD], 1, id="U10 never"),
        pytest.param([OLD, (45, 46, None), NEW], 0, id="U10 during an outage"),
        pytest.param([OLD, (48, 53, None), NEW], 0, id="U10 while a fetch fails"),
    ],
)
def test_a_publication_that_is_not_followed_is_complained_of(fetches: Any, late: int) -> None:
    judging = Oracle(journal(*fetches), lifetime=LIFETIME, stale_for=STALE_FOR, timeout=TIMEOUT)
    assert len(judging.late(within=5)) == late


@pytest.mark.parametrize(
    ("fetches", "hurried"),
    [
        pytest.param([OLD, (11, 12, "old")], 0, id="at once after a good one"),
        pytest.param([OLD, (10.5, 12, "old")], 1, id="beside another"),
        pytest.param([OLD, (14, 15, "old")], 0, id="when the lease of the other was over"),
        pytest.param([FAILED, (61.9, 62, "new")], 0, id="a second after a failure, less a fifth"),
        pytest.param([FAILED, (61.7, 62, "new")], 1, id="sooner"),
        pytest.param(
            [FAILED, (62, 62.1, None), (63.8, 64, "new")], 0, id="two seconds after the second"
        ),
        pytest.param([FAILED, (62, 62.1, None), (63.6, 64, "new")], 1, id="sooner than that"),
        pytest.param(
            [FAILED, (62, 62.1, "new"), (62.1, 62.2, None), (63.1, 64, "new")],
            0,
            id="anew after a good one",
        ),
    ],
)
def test_a_fetch_that_starts_too_soon_is_noticed(fetches: Any, hurried: int) -> None:
    assert (
        len(
            Oracle(
                journal(*fetches), lifetime=LIFETIME, stale_for=STALE_FOR, timeout=TIMEOUT
            ).hurried(lease=4)
        )
        == hurried
    )


# --- a few seconds of it


@pytest.mark.slow
def test_a_short_soak_sees_every_verdict_and_finds_no_mistake(tmp_path: Path) -> None:
    report = soak(5, 1, tmp_path)
    assert report.wrong == [], str(report)
    assert {GOOD, MISSING, EXPIRED, UNKNOWN, FORGED} <= report.verdicts.keys()
    assert {
        "keys rotated",
        "keys revoked",
        "keys replaced under their kid",
        "keys without kid replaced",
    } <= report.figures.keys()
    assert report.figures["of them good"] != 0


class Broken:
    """A source between the real one and the verifier; each kind makes one mistake."""

    def __init__(self, source: RemoteJWKS) -> None:
        self.source = source
        self.asked = 0

    def held(self) -> KeySet | None:
        return self.source.held()

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        return self.source.find(kid, alg)

    def signature_failed(self, kid: str | None, alg: str) -> None:
        self.source.signature_failed(kid, alg)


class KeepsWhatWasWithdrawn(Broken):
    """A key that was seen once is found for ever."""

    def __init__(self, source: RemoteJWKS) -> None:
        super().__init__(source)
        self.seen: dict[str | None, tuple[Key, ...]] = {}

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        found = self.source.find(kid, alg)
        if found:
            self.seen[kid] = found
        return found or self.seen.get(kid, ())


class CannotTellNowAndThen(Broken):
    """A known key is sometimes said not to be had."""

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        self.asked += 1
        if self.asked % 50 == 0:
            raise KeysUnavailable
        return self.source.find(kid, alg)


class Forgets(Broken):
    """A known key is sometimes said to be nobody's."""

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        self.asked += 1
        return () if self.asked % 50 == 0 else self.source.find(kid, alg)


class RemembersForEver(Broken):
    """Every request leaves something behind."""

    left: list[bytes]

    def held(self) -> KeySet | None:
        self.left.append(b"x" * 16_384)
        return self.source.held()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mistake", "noticed"),
    [
        (KeepsWhatWasWithdrawn, "status=200, reason='')"),
        (CannotTellNowAndThen, "status=503, reason='keys_unavailable')"),
        (Forgets, "status=401, reason='kid_unknown')"),
    ],
)
def test_a_wrong_answer_is_noticed(mistake: type[Broken], noticed: str, tmp_path: Path) -> None:
    report = soak(2, 1, tmp_path, wrap=mistake)
    assert any(noticed in line for line in report.wrong), str(report)
    assert all(line.startswith("Answer(") for line in report.wrong), str(report)
    assert f"wrong: {len(report.wrong)}" in str(report)


@pytest.mark.slow
def test_memory_that_grows_is_noticed(tmp_path: Path) -> None:
    RemembersForEver.left = []
    report = soak(6, 1, tmp_path, wrap=RemembersForEver)
    RemembersForEver.left = []
    assert [
        line for line in report.wrong if line.startswith("memory has grown by ")
    ] == report.wrong
    assert report.figures["memory grown, bytes"] > MAX_GROWTH  # type: ignore[operator]


@pytest.mark.slow
def test_a_source_that_does_not_recover_is_noticed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("soak.issuer.PATIENCE", 0.0)
    report = soak(1, 1, tmp_path)
    assert any(
        line.startswith("no fetch succeeded within 0.0 s of the end of ") for line in report.wrong
    )
