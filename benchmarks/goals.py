"""The table: which figure over which, and how far it should be. Ratios hold on any machine; seconds do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.measuring import Figure, Spread, spread

#: Fewer rounds than this are no measurement.
LEAST_ROUNDS = 7

Verdict = Literal["met", "missed", "too few rounds", "not measured", "no goal"]


@dataclass(frozen=True)
class Row:
    """`what` is `over` divided by `under` (by nothing where that is None), at most or at least so much."""

    section: str
    what: str
    over: str
    under: str | None = None
    at_most: float | None = None
    at_least: float | None = None
    once: bool = False

    @property
    def goal(self) -> str:
        """As it stands in the table."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "–" if self.at_least is None else f"≥ {self.at_least:g}"

    def holds(self, value: float) -> bool:
        """Whether the goal is met; one that has none is."""
        return (self.at_most is None or value <= self.at_most) and (
            self.at_least is None or value >= self.at_least
        )


def measured(row: Row, figures: Mapping[str, Figure]) -> Spread | None:
    """What came out for this row; None where one of its figures is missing."""
    if row.over not in figures or (row.under is not None and row.under not in figures):
        return None
    return spread(figures[row.over], None if row.under is None else figures[row.under])


def verdict(row: Row, found: Spread | None, least_rounds: int = LEAST_ROUNDS) -> Verdict:
    """Whether the row's goal is met by what was found; the median is what counts."""
    if found is None:
        return "not measured"
    if row.at_most is None and row.at_least is None:
        return "no goal"
    if not row.once and found.rounds < least_rounds:
        return "too few rounds"
    return "met" if row.holds(found.median) else "missed"


def _over_bare(algorithm: str, at_most: float) -> Row:
    what = f"whole stack, fresh token, over bare verify: {algorithm}"
    return Row("stack", what, f"{algorithm}, fresh", f"{algorithm}, bare verify", at_most=at_most)


def _library(name: str) -> Row:
    return Row("stack", f"{name} over bare verify: RS256", f"{name}, fresh", "RS256, bare verify")


def _refused(kind: str) -> Row:
    return Row(
        "stack", f"refusing over accepting: {kind}", f"refused, {kind}", "accepted", at_most=1.0
    )


def _protecting(server: str, at_least: float | None = None) -> Row:
    return Row(
        "servers",
        f"protected over unprotected route, repeated tokens: {server}",
        f"{server}, protected, repeated tokens",
        f"{server}, unprotected, the same headers",
        at_least=at_least,
    )


def _over_express(tokens: str, at_least: float) -> Row:
    what = f"app.py under waitress over the Express stack: {tokens} tokens"
    served = f"protected, {tokens} tokens"
    return Row("servers", what, f"waitress, {served}", f"Express, {served}", at_least=at_least)


def _threads(name: str, at_least: float | None = None) -> Row:
    what = f"eight threads over one, fresh tokens: {name}"
    return Row("concurrency", what, f"{name}, 8 threads", f"{name}, 1 threads", at_least=at_least)


def _processes(name: str, at_least: float | None = None) -> Row:
    what = f"two processes over one, fresh tokens: {name}"
    return Row(
        "concurrency", what, f"{name}, 2 processes", f"{name}, 1 processes", at_least=at_least
    )


ROWS = (
    _over_bare("RS256", 1.5),
    _over_bare("PS256", 1.5),
    _over_bare("ES256", 1.25),
    _over_bare("EdDSA", 1.2),
    Row("stack", "whole stack, seen token, over bare verify: RS256", "RS256, seen", "RS256, bare verify", at_most=0.15),
    Row("stack", "PyJWT's decode over the whole stack: fresh token", "PyJWT, fresh", "RS256, fresh", at_least=2.6),
    Row("stack", "PyJWT's decode over the whole stack: seen token", "PyJWT, fresh", "RS256, seen", at_least=27),
    *(_library(name) for name in ("joserfc", "Authlib", "PyJWT", "python-jose", "jwcrypto")),
    _over_express("repeated", 2.4),
    _over_express("distinct", 2.0),
    _protecting("waitress", 0.95),
    *(_protecting(server) for server in ("gunicorn", "uWSGI", "Granian", "Express")),
    *(_refused(kind) for kind in ("no token", "malformed", "expired", "forged")),
    Row("scaling", "cost at 10,000 rules over 10, fresh tokens", "10000 rules", "10 rules", at_most=1.1),
    Row("scaling", "cost at 1,000 keys over 1, fresh tokens", "1000 keys", "1 keys", at_most=1.1),
    Row("scaling", "cost at 1,000 issuers over 1, fresh tokens", "1000 issuers", "1 issuers", at_most=1.1),
    _threads("stack", 0.9),
    _threads("PyJWT"),
    _threads("bare verify"),
    _processes("stack", 1.85),
    _processes("bare verify"),
    Row("memory", "bytes that a seen token of some 830 bytes takes", "token", at_most=1536),
    Row("memory", "growth over a million distinct tokens, over the configured bytes", "grown", "configured",
        at_most=1.0, once=True),
    Row("imports", "import jwt_wsgi over importing its dependencies", "import jwt_wsgi", "import dependencies",
        at_most=1.1),
    Row("imports", "import jwt_wsgi and its HTTP client over the same", "import jwt_wsgi and its HTTP client",
        "import dependencies"),
)  # fmt: skip
