"""The answers that are right, computed from what was published, fetched and revoked, and when.

The oracle knows the promises, not the implementation. An answer spans the time from request
to response; if something changed meanwhile, both answers are right.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from soak.journal import Fetch, Journal, Listed

Verdict = tuple[int, str]
GOOD: Verdict = (200, "")
MISSING: Verdict = (401, "missing_token")
EXPIRED: Verdict = (401, "token_expired")
UNKNOWN: Verdict = (401, "kid_unknown")
FORGED: Verdict = (401, "signature_invalid")
UNAVAILABLE: Verdict = (503, "keys_unavailable")


class Answer(NamedTuple):
    """One exchange: the token's kid, its material, and the response.

    The kid is None without a token, and empty if the token names none.
    """

    kid: str | None
    material: str
    expired: bool
    asked: float
    answered: float
    status: int
    reason: str


@dataclass(frozen=True)
class Epoch:
    """A key set that a fetch brought, in force from some moment between `ended` and `done` on."""

    fetch: Fetch
    keys: Listed

    @property
    def kids(self) -> set[str]:
        return {kid for kid, _ in self.keys}


class Oracle:
    """Checks answers. `lifetime`, `stale_for` and `timeout` are those of the source, in seconds."""

    def __init__(
        self, journal: Journal, *, lifetime: float, stale_for: float, timeout: float
    ) -> None:
        self._journal = journal
        self._timeout = timeout
        self._usable_for = lifetime + stale_for
        self._fetches = sorted(journal.fetches, key=lambda fetch: fetch.begun)
        self.epochs = [
            Epoch(fetch, keys)
            for fetch in self._fetches
            if (keys := self._brought(fetch)) is not None
        ]
        self._done = [epoch.fetch.done for epoch in self.epochs]
        self._good = {id(epoch.fetch) for epoch in self.epochs}
        self._all_done = [fetch.done for fetch in self._fetches]

    def _brought(self, fetch: Fetch) -> Listed | None:
        """Return the keys if the reply is a document that was published during the fetch."""
        if fetch.body is None:
            return None
        ends = [later.ended for _, later in pairwise(self._journal.publications)]
        for publication, end in zip(self._journal.publications, [*ends, float("inf")], strict=True):
            # A dripping endpoint adds white space around the document.
            in_time = publication.begun <= fetch.ended and fetch.begun <= end
            if in_time and fetch.body.strip() == publication.body:
                return publication.keys
        return None

    def allowed(self, answer: Answer) -> set[Verdict]:
        """Return every verdict that is right for the answer."""
        if answer.kid is None:
            return {MISSING}
        verdicts = set[Verdict]()
        if answer.kid in self._journal.revocations:
            begun, ended = self._journal.revocations[answer.kid]
            if ended < answer.asked:
                return {UNKNOWN}
            if begun <= answer.answered:
                verdicts.add(UNKNOWN)
        if self._none_held(answer.asked, answer.answered):
            verdicts.add(UNAVAILABLE)
        for epoch in self.in_force(answer.asked, answer.answered):
            verdicts |= self._by(epoch, answer)
        return verdicts

    def in_force(self, since: float, until: float) -> list[Epoch]:
        """Return the sets that may have been held at some moment between the two."""
        first = max(0, bisect_left(self._done, since) - 1)
        epochs = []
        for epoch in self.epochs[first:]:
            if epoch.fetch.ended > until:
                break
            if epoch.fetch.done + self._usable_for > since:
                epochs.append(epoch)
        return epochs

    def hurried(self, lease: float) -> list[str]:
        """Return the fetches that came too soon: during a lease (seconds), or in the back-off."""
        failures = 0
        complaints = []
        for fetch, following in pairwise(self._fetches):
            failures = 0 if id(fetch) in self._good else failures + 1
            # 1 s, doubling to 60 s, and a fifth less at most.
            pause = 0.8 * min(60.0, 2.0 ** (failures - 1)) if failures else 0.0
            after = following.begun - fetch.ended
            if after < pause and following.begun - fetch.begun < lease:
                complaints.append(
                    f"a fetch {after:.2f} s after another, {failures} failures before it"
                )
        return complaints

    def late(self, within: float) -> list[str]:
        """Return the publications that the source did not follow within so many seconds.

        Clients present the new key at once, so a fetch has to begin. Publications during
        an outage are left out: the source may be in its back-off.
        """
        complaints = []
        for publication in self._journal.publications[1:]:
            since = publication.ended
            following = next((each for each in self._fetches if each.begun >= since), None)
            until = since + within if following is None else following.begun
            if until - since >= within and False not in self._results(since, until):
                complaints.append(f"no fetch within {within:.2f} s of the publication at {since}")
        return complaints

    def _by(self, epoch: Epoch, answer: Answer) -> set[Verdict]:
        materials = {material for kid, material in epoch.keys if answer.kid in ("", kid)}
        if answer.material in materials:
            return {EXPIRED if answer.expired else GOOD}
        if materials:
            return {FORGED}
        verdicts = set[Verdict]()
        results = self._results(answer.asked, answer.answered)
        if True in results:
            verdicts.add(UNKNOWN)
        if False in results or answer.answered - answer.asked >= self._timeout:
            verdicts.add(UNAVAILABLE)
        return verdicts

    def _none_held(self, since: float, until: float) -> bool:
        before = bisect_left(self._done, since)
        if before == 0:
            return True
        held_until = self.epochs[before - 1].fetch.ended + self._usable_for
        for epoch in self.epochs[before:]:
            if epoch.fetch.done <= min(held_until, until):
                held_until = epoch.fetch.ended + self._usable_for
        return held_until <= until

    def _results(self, since: float, until: float) -> set[bool]:
        """Return how the last fetch that had ended may have ended, at any moment between.

        A fetch takes effect at some moment between `ended` and `done`.
        """
        first = bisect_left(self._all_done, since)
        results = {id(fetch) in self._good for fetch in self._fetches[max(0, first - 1) : first]}
        for fetch in self._fetches[first:]:
            if fetch.ended > until:
                break
            results.add(id(fetch) in self._good)
        return results
