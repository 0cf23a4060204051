"""The history of a run in monotonic seconds: what was published, denied, broken and answered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

NEVER = float("inf")
OPAQUE = "opaque"


class Sent(NamedTuple):
    """One request and its answer.

    Attributes:
        kind: The kind of the request; `expired`, `forged`, `scope` and `unproven` have one flaw.
        kid: The key that the token names, `OPAQUE` for an opaque one, or None without a token.
        jti: The token's identifier.
        subject: Its user.
        iat: When it was issued, in seconds since the epoch.
        proof: The number of the proof, or None without one.
        asked: The moment before the request.
        answered: The moment after the answer.
        status: The status, or 0 if the connection ended without an answer.
        reason: The reason, "none" if the request passed.
        server: The number of the server.
        worker: The process that answered.
    """

    kind: str
    kid: str | None
    jti: str
    subject: str
    iat: int
    proof: int | None
    asked: float
    answered: float
    status: int
    reason: str
    server: int
    worker: str


@dataclass
class Span:
    """Something that began between `begun` and `down`, and ended between `up` and `ended`."""

    begun: float
    down: float = NEVER
    up: float = NEVER
    ended: float = NEVER

    def overlaps(self, since: float, until: float, after: float) -> bool:
        """Return True if any of it, or of so many seconds after it, is in a time."""
        return self.begun <= until and since <= self.ended + after

    def covers(self, since: float, until: float) -> bool:
        """Return True if it lasted for all of a time."""
        return self.down <= since and until <= self.up


@dataclass
class Denial:
    """A write of a denial.

    Attributes:
        begun: The moment before it.
        written: The moment after it, or never if it may have failed.
        cut_off: Tokens that were issued later are not denied, in seconds since the epoch.
    """

    begun: float
    written: float = NEVER
    cut_off: float = NEVER


@dataclass
class History:
    """The history, which the thread that makes the faults writes.

    Attributes:
        keys: When each key was published.
        denials: The denials, by the name of what is denied: `jti …`, `subject …` or `key …`.
        outages: The times without a store (`store`) and without an issuer (`issuer`).
        endings: When the issuer called an opaque token inactive, by its identifier.
        kills: When workers were killed.
    """

    keys: dict[str, Span] = field(default_factory=dict)
    denials: dict[str, list[Denial]] = field(default_factory=dict)
    outages: dict[str, list[Span]] = field(default_factory=lambda: {"store": [], "issuer": []})
    endings: dict[str, Span] = field(default_factory=dict)
    kills: list[Span] = field(default_factory=list)

    @contextmanager
    def beginning(self, spans: list[Span]) -> Iterator[Span]:
        """Record a span that begins while the block runs."""
        span = Span(time.monotonic())
        spans.append(span)
        yield span
        span.down = time.monotonic()

    @contextmanager
    def ending(self, span: Span) -> Iterator[None]:
        """Record that a span ends while the block runs."""
        span.up = time.monotonic()
        yield
        span.ended = time.monotonic()
