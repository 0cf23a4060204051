"""The answers that are right, computed from the history.

The oracle knows the promises, not the implementation. An answer spans the time from request to
answer; if something changed meanwhile, both answers are right.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from cluster.app import (
    DENIAL_TTL,
    INTROSPECTION_TIMEOUT,
    INTROSPECTION_TTL,
    KEY_LIFETIME,
    KEY_STALE_FOR,
    KEY_TIMEOUT,
)
from cluster.history import OPAQUE, Denial, History, Sent, Span

Verdict = tuple[int, str]
GOOD: Verdict = (200, "none")
LOST: Verdict = (0, "no answer")
MISSING: Verdict = (401, "missing_token")
UNKNOWN: Verdict = (401, "kid_unknown")
NO_KEYS: Verdict = (503, "keys_unavailable")
REVOKED: Verdict = (401, "token_revoked")
INACTIVE: Verdict = (401, "token_inactive")
NO_ENDPOINT: Verdict = (503, "introspection_unavailable")
REPLAYED: Verdict = (401, "proof_replayed")
NO_STORE: Verdict = (503, "store_unavailable")

#: The kinds of requests whose flaw shows when their key is known, and their verdicts. All but
#: the first are seen beside a denial, or before it.
FLAWS: dict[str, Verdict] = {
    "forged": (401, "signature_invalid"),
    "expired": (401, "token_expired"),
    "unproven": (401, "token_bound"),
    "scope": (403, "insufficient_scope"),
}
#: The flaws that show before the store is asked.
EARLY = ("forged", "expired")

#: Seconds that a thread of a busy machine may be late.
SLACK = 3.0
#: A fetch ends after twice the time-out, and so does the lease of a worker that was killed.
LEASE = 2 * KEY_TIMEOUT
#: Within this time of calm every worker follows a publication.
FOLLOWS = KEY_LIFETIME + LEASE + KEY_TIMEOUT + SLACK
#: How long a withdrawn key may still be believed.
KEPT = KEY_LIFETIME + KEY_STALE_FOR + LEASE
#: A request may share a call that began before the token ended, or its cached answer.
ENDS = max(INTROSPECTION_TTL, INTROSPECTION_TIMEOUT)
#: After an outage a store is called once a second until a call succeeds.
BREAKER = 1.0 + SLACK


class Oracle:
    """Checks answers.

    Args:
        history: The history of the run.
        answers: All answers, which show when a proof was sent and when it passed.
    """

    def __init__(self, history: History, answers: Iterable[Sent] = ()) -> None:
        self._history = history
        self._sends: dict[int, list[Sent]] = defaultdict(list)
        for sent in answers:
            if sent.proof is not None:
                self._sends[sent.proof].append(sent)
        self._issuer = [with_back_off(span) for span in history.outages["issuer"]]
        self._store = history.outages["store"]
        breaks = [(span.begun, span.ended + BREAKER) for span in self._store]
        self._breaks = sorted([*breaks, *((span.begun, span.ended) for span in self._issuer)])

    def allowed(self, sent: Sent) -> set[Verdict]:
        """Return every verdict that is right for an answer, on its own."""
        verdicts = set[Verdict]()
        if overlap(self._history.kills, sent, 0):
            verdicts.add(LOST)
        if sent.kid is None:
            return verdicts | {MISSING}
        if sent.kid == OPAQUE:
            return verdicts | self._by_endpoint(sent)
        verdicts |= self._without_key(sent)
        if self._may_know_key(sent):
            verdicts |= self._with_key(sent)
        return verdicts

    def _by_endpoint(self, sent: Sent) -> set[Verdict]:
        """Return the verdicts about an opaque token."""
        verdicts = set[Verdict]()
        has_waited = sent.answered - sent.asked >= INTROSPECTION_TIMEOUT
        if has_waited or overlap(self._issuer, sent, 0):
            verdicts.add(NO_ENDPOINT)
        ending = self._history.endings.get(sent.jti)
        if ending is not None and ending.begun <= sent.answered:
            verdicts.add(INACTIVE)
        has_ended = ending is not None and sent.asked > ending.down + ENDS
        is_down = any(
            span.covers(sent.asked - INTROSPECTION_TTL, sent.answered) for span in self._issuer
        )
        if has_ended or is_down:
            return verdicts
        return verdicts | self._with_key(sent)

    def _may_know_key(self, sent: Sent) -> bool:
        published = self._history.keys.get(sent.kid or "")
        return published is not None and published.overlaps(sent.asked, sent.answered, KEPT)

    def _without_key(self, sent: Sent) -> set[Verdict]:
        """Return the verdicts of a worker that lacks the key."""
        verdicts = set[Verdict]()
        is_without_issuer = overlap(self._issuer, sent, 0)
        if is_without_issuer and overlap(self._store, sent, BREAKER):
            # A worker that has just begun can get no keys.
            verdicts.add(NO_KEYS)
        if self._must_know_key(sent):
            return verdicts
        verdicts.add(UNKNOWN)
        has_waited = sent.answered - sent.asked >= KEY_TIMEOUT
        if is_without_issuer or has_waited or overlap(self._history.kills, sent, LEASE + SLACK):
            verdicts.add(NO_KEYS)
        return verdicts

    def _must_know_key(self, sent: Sent) -> bool:
        """Return True if all workers have had the time to learn of a key that is still published."""
        published = self._history.keys.get(sent.kid or "")
        if published is None or sent.answered >= published.up:
            return False
        calm_since = published.down
        for begun, ended in self._breaks:
            if begun - calm_since >= FOLLOWS:
                break
            calm_since = max(calm_since, ended)
        return sent.asked - calm_since >= FOLLOWS

    def _with_key(self, sent: Sent) -> set[Verdict]:
        """Return the verdicts of a worker that has the key."""
        if sent.kind in EARLY:
            return {FLAWS[sent.kind]}
        good = FLAWS.get(sent.kind, GOOD)
        verdicts = {good} if sent.proof is None else self._possession(sent)
        denials = self._denials(sent)
        if any(sent.asked > denial.written + DENIAL_TTL for denial in denials):
            # No order of the checks is promised: a refusal may name the proof or the denial.
            verdicts = {REVOKED, *(verdicts & {REPLAYED, FLAWS["unproven"]})}
        elif denials:
            verdicts.add(REVOKED)
        if overlap(self._store, sent, BREAKER):
            verdicts.add(NO_STORE)
        return self._while_down(sent, verdicts)

    def _possession(self, sent: Sent) -> set[Verdict]:
        """Return the verdicts about a proof, which may pass if it has not passed before."""
        others = [each for each in self._sends[sent.proof or 0] if each is not sent]
        verdicts = set[Verdict]()
        if not any(is_good(each) and each.answered < sent.asked for each in others):
            verdicts.add(GOOD)
        if any(each.asked <= sent.answered for each in others):
            verdicts.add(REPLAYED)
        return verdicts

    def _while_down(self, sent: Sent, verdicts: set[Verdict]) -> set[Verdict]:
        """Return only what can be answered without a store, if there is none for all of the time."""
        is_down = any(span.covers(sent.asked, sent.answered) for span in self._store)
        if is_down and sent.proof is not None:
            # The check of denials may be cached, the one of proofs never is.
            return verdicts & {NO_STORE, REVOKED}
        if any(span.covers(sent.asked - DENIAL_TTL, sent.answered) for span in self._store):
            # A token that is not bound shows that before the store is asked.
            return verdicts & {NO_STORE, FLAWS["unproven"]}
        return verdicts

    def _denials(self, sent: Sent) -> list[Denial]:
        """Return the denials of a token that began before its answer."""
        names = (f"jti {sent.jti}", f"subject {sent.subject}", f"key {sent.kid}")
        every = [denial for name in names for denial in self._history.denials.get(name, ())]
        return [each for each in every if each.begun <= sent.answered and sent.iat <= each.cut_off]

    def misused_proofs(self) -> list[str]:
        """Return what is wrong with the answers to each proof: it passes once.

        It may pass for nobody, if it was used up by a request whose answer was lost, or that was
        refused for another reason.
        """
        return [line for proof, each in self._sends.items() for line in self._misuses(proof, each)]

    def _misuses(self, proof: int, sends: list[Sent]) -> Iterable[str]:
        verdicts = [(sent.status, sent.reason) for sent in sends]
        passed = verdicts.count(GOOD)
        if passed > 1:
            yield f"proof {proof} passed {passed} times: {sends}"
        if passed == 0 and set(verdicts) == {REPLAYED}:
            yield f"proof {proof} was refused as replayed, and never passed: {sends}"


def is_good(sent: Sent) -> bool:
    return (sent.status, sent.reason) == GOOD


def overlap(spans: Iterable[Span], sent: Sent, after: float) -> bool:
    return any(span.overlaps(sent.asked, sent.answered, after) for span in spans)


def with_back_off(span: Span) -> Span:
    """Return the time in which an outage of the issuer shows: fetches back off, doubling."""
    seconds = span.ended - span.begun
    return Span(span.begun, span.down, span.up, span.ended + 2 * seconds + LEASE + SLACK)
