"""The rows of the table of goals. Most are ratios, which hold on any machine; seconds do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.measuring import Figure, Spread, spread

#: A measurement needs at least so many rounds.
LEAST_ROUNDS = 7

Verdict = Literal["met", "missed", "too few rounds", "not measured", "no goal"]


@dataclass(frozen=True)
class Row:
    """A row of the table: a figure, or its ratio to another, and its goal.

    Args:
        section: The section of the figures.
        what: The title of the row.
        over: The name of the figure, the dividend of a ratio.
        under: The name of the figure that is the divisor, or None.
        at_most: The goal, if the value must not be higher.
        at_least: The goal, if the value must not be lower.
        once: True if one round is a measurement.
    """

    section: str
    what: str
    over: str
    under: str | None = None
    at_most: float | None = None
    at_least: float | None = None
    once: bool = False

    @property
    def goal(self) -> str:
        """The goal as text."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return "–"

    def holds(self, value: float) -> bool:
        """Return whether the value meets the goal, or there is no goal."""
        if self.at_most is not None and value > self.at_most:
            return False
        return self.at_least is None or value >= self.at_least


def measured(row: Row, figures: Mapping[str, Figure]) -> Spread | None:
    """Return the spread of a row, or None if a figure of the row is missing."""
    if row.over not in figures:
        return None
    if row.under is None:
        return spread(figures[row.over])
    if row.under not in figures:
        return None
    return spread(figures[row.over], figures[row.under])


def verdict(row: Row, values: Spread | None, least_rounds: int = LEAST_ROUNDS) -> Verdict:
    """Return the verdict on a row; the median is compared with the goal."""
    if values is None:
        return "not measured"
    if row.at_most is None and row.at_least is None:
        return "no goal"
    if not row.once and values.rounds < least_rounds:
        return "too few rounds"
    return "met" if row.holds(values.median) else "missed"


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
    load = f"protected, {tokens} tokens"
    return Row("servers", what, f"waitress, {load}", f"Express, {load}", at_least=at_least)


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
    Row("stack", "whole stack, seen token with a fresh DPoP proof, over bare verify of the proof: ES256",
        "a seen token with a fresh ES256 proof", "ES256 proof, bare verify", at_most=1.5),
    Row("stack", "whole stack, seen opaque token over seen JWT", "a seen opaque token", "a seen JWT", at_most=1.2),
    Row("stack", "whole stack, seen JWT: with a deny list, cached, over without", "a seen JWT and a deny list", "a seen JWT",
        at_most=1.1),
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
    Row("memory", "cached bytes for a seen token of about 830 bytes", "token", at_most=1536),
    Row("memory", "growth with a million distinct tokens, over the configured bytes", "grown", "configured",
        at_most=1.0, once=True),
    Row("imports", "import jwt_wsgi over importing its dependencies", "import jwt_wsgi", "import dependencies",
        at_most=1.1),
    Row("imports", "import jwt_wsgi and its HTTP client over importing its dependencies", "import jwt_wsgi and its HTTP client",
        "import dependencies"),
)  # fmt: skip
