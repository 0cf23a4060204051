"""What happened to the keys, and when: published, fetched, in force, revoked. Monotonic seconds."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from jwt_wsgi.http.fetching import Reply
from jwt_wsgi.jwks.schedule import KeyStatus

#: A key is its kid and its material; the issuer may publish other material under a kid.
Listed = frozenset[tuple[str, str]]


@dataclass
class Publication:
    """What the endpoint served, from some time between `begun` and `ended` on."""

    begun: float
    ended: float
    body: bytes
    keys: Listed


@dataclass
class Fetch:
    """One GET: what it brought, or None, and when the source was through with it."""

    begun: float
    ended: float
    body: bytes | None
    done: float = float("inf")


@dataclass(eq=False)
class Journal(logging.Handler):
    """Written by the fetcher, by the source's own lines of log, and by the issuer."""

    publications: list[Publication] = field(default_factory=list)
    fetches: list[Fetch] = field(default_factory=list)
    revocations: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(logging.INFO)
        self._own = threading.local()

    def recording(self, fetch: Callable[[str], Reply]) -> Callable[[str], Reply]:
        """The fetcher, each of whose calls is noted."""

        def recorded(url: str) -> Reply:
            begun, body = time.monotonic(), None
            try:
                reply = fetch(url)
                body = reply.body
                return reply
            finally:
                self._own.fetch = Fetch(begun, time.monotonic(), body)
                self.fetches.append(self._own.fetch)

        return recorded

    def emit(self, record: logging.LogRecord) -> None:
        # After every fetch, in the thread that made it, the source logs how it is doing.
        if isinstance(record.args, tuple) and isinstance(record.args[-1], KeyStatus):
            self._own.fetch.done = time.monotonic()

    def published(self, begun: float, document: dict[str, list[dict[str, str]]]) -> None:
        keys = frozenset((key["kid"], key["x"]) for key in document["keys"])
        self.publications.append(
            Publication(begun, time.monotonic(), json.dumps(document).encode(), keys)
        )
