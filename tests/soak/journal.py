"""The history of the keys in monotonic seconds: published, fetched, in force, revoked."""

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
#: The kid of a key without one is empty.
Listed = frozenset[tuple[str, str]]


@dataclass
class Publication:
    """A document that the endpoint serves from some moment between `begun` and `ended` on."""

    begun: float
    ended: float
    body: bytes
    keys: Listed


@dataclass
class Fetch:
    """One GET: its body, or None if it failed; `done` is when the source has processed it."""

    begun: float
    ended: float
    body: bytes | None
    done: float = float("inf")


@dataclass(eq=False)
class Journal(logging.Handler):
    """The journal that the fetcher, the log of the source and the issuer write."""

    publications: list[Publication] = field(default_factory=list)
    fetches: list[Fetch] = field(default_factory=list)
    revocations: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(logging.INFO)
        self._own = threading.local()

    def recording(self, fetch: Callable[[str], Reply]) -> Callable[[str], Reply]:
        """Return a fetcher whose calls are recorded."""

        def recorded(url: str) -> Reply:
            begun = time.monotonic()
            body = None
            try:
                reply = fetch(url)
                body = reply.body
                return reply
            finally:
                self._own.fetch = Fetch(begun, time.monotonic(), body)
                self.fetches.append(self._own.fetch)

        return recorded

    def emit(self, record: logging.LogRecord) -> None:
        # The source logs its status after every fetch, in the thread that fetched. A thread that
        # fetched nothing here belongs to another source, which an earlier test has left behind.
        fetch = getattr(self._own, "fetch", None)
        if fetch is None or not isinstance(record.args, tuple):
            return
        if isinstance(record.args[-1], KeyStatus):
            fetch.done = time.monotonic()

    def published(self, begun: float, document: dict[str, list[dict[str, str]]]) -> None:
        keys = frozenset((key.get("kid", ""), key["x"]) for key in document["keys"])
        self.publications.append(
            Publication(begun, time.monotonic(), json.dumps(document).encode(), keys)
        )
