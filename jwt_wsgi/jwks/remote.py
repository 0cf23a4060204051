"""`RemoteJWKS`: the thin shell around the schedule, with the thread, the lock and the fetch."""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from jwt_wsgi.errors import KeysUnavailable
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jose.strict_json import read_object
from jwt_wsgi.jwks.discovery import DiscoveredURI, FixedURI
from jwt_wsgi.jwks.fetching import Fetch, Fetcher, FetchError, Reply
from jwt_wsgi.jwks.schedule import Limits, Schedule

logger = logging.getLogger("jwt_wsgi.jwks")

#: Requests that may wait for an unknown kid; the rest are answered at once.
MAX_SEEKERS = 8


class _Held(NamedTuple):
    keys: KeySet
    refresh_at: float
    usable_until: float


class _Anyone:
    """A refresh under way: it may bring whatever kid is looked for."""


_ANYONE = _Anyone()


class RemoteJWKS:
    """The keys that an issuer publishes at `uri`, cached and kept fresh.

    Seconds: `cache_ttl` where the reply grants none, `cooldown` between fetches
    for unknown kids, `stale_for` how long the last good set outlives its
    lifetime, `timeout` how long a caller waits at most. `max_bytes` and
    `max_keys` bound the reply. `headers` are sent along, `ca_certs` is a file of
    trusted roots, `fetch` (a URL in, bytes out) replaces the HTTP client. `uri`
    is https; http on loopback, or anywhere by `allow_http`.

    Nothing is fetched before the first token. Raises `ValueError` for an option
    that cannot be.
    """

    def __init__(
        self,
        uri: str | DiscoveredURI,
        *,
        cache_ttl: float = 600,
        requests_per_minute: int = 5,
        cooldown: float = 30,
        stale_for: float = 14400,
        timeout: float = 5.0,
        max_bytes: int = 524288,
        max_keys: int = 100,
        headers: Mapping[str, str] | None = None,
        ca_certs: str | os.PathLike[str] | None = None,
        fetch: Fetch | None = None,
        allow_http: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._location: FixedURI | DiscoveredURI = (
            uri if isinstance(uri, DiscoveredURI) else FixedURI(uri, allow_http=allow_http)
        )
        limits = Limits(cache_ttl, requests_per_minute, cooldown, stale_for, timeout)
        for option, bound in (("max_bytes", max_bytes), ("max_keys", max_keys)):
            if type(bound) is not int or bound < 1:
                raise ValueError(f"{option}={bound!r}: write a whole number, 1 or more")
        if fetch is not None and not callable(fetch):
            raise ValueError(f"fetch={fetch!r}: write a callable, a URL in and bytes out")
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._max_keys = max_keys
        self._fetch = fetch or Fetcher(
            timeout=timeout, max_bytes=max_bytes, headers=headers, ca_certs=ca_certs
        )
        self._clock = clock
        self._schedule = Schedule(limits, random.random)
        self._held: _Held | None = None
        self._sought: str | _Anyone | None = None
        self._own_process()

    @classmethod
    def discovered(cls, issuer: str, *, allow_http: bool = False, **options: Any) -> RemoteJWKS:
        """The keys that `issuer`'s metadata names; the other options are those of the class."""
        return cls(DiscoveredURI(issuer, allow_http=allow_http), allow_http=allow_http, **options)

    def held(self) -> KeySet | None:
        """The set in force, without waiting; starts a refresh ahead where one is due."""
        held = self._held
        if held is None:
            return None
        now = self._clock()
        if now >= held.refresh_at:
            with self._changed_here():
                self._start(now, _ANYONE)
        return held.keys if now < held.usable_until else None

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """The keys for a token's header; may wait for a fetch, `timeout` seconds at most.

        Raises `KeysUnavailable` where no key set can be had, or where `kid` is
        unknown and the last fetch failed.
        """
        keys = self.held()
        if keys is None:
            return self._find_first(kid, alg)
        found = keys.find(kid, alg)
        if found or kid in keys.kids:
            return found
        return self._find_unknown(kid, alg)

    def _find_first(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        changed = self._changed_here()
        deadline = time.monotonic() + self._timeout
        with changed:
            while (keys := self._usable()) is None:
                if not self._in_flight_or_started(_ANYONE):
                    raise self._unavailable()
                if not changed.wait(deadline - time.monotonic()):
                    raise self._unavailable()
            found = keys.find(kid, alg)
            if not found and kid not in keys.kids:
                # This very fetch was for this kid too.
                self._schedule.cool(self._clock())
            return found

    def _find_unknown(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        changed = self._changed_here()
        with changed:
            keys = self._usable()
            if keys is not None and (found := keys.find(kid, alg)):
                return found
            if self._in_flight_or_started(kid):
                self._wait_for(kid, changed)
            if self._schedule.failing:
                raise self._unavailable()
            keys = self._usable()
            return () if keys is None else keys.find(kid, alg)

    def _wait_for(self, kid: str | None, changed: threading.Condition) -> None:
        sought = self._sought
        if self._seekers >= MAX_SEEKERS or not (sought is _ANYONE or sought == kid):
            raise self._unavailable()
        self._seekers += 1
        try:
            settled = changed.wait(self._timeout)
        finally:
            self._seekers -= 1
        if not settled:
            raise self._unavailable()

    def _usable(self) -> KeySet | None:
        held = self._held
        return held.keys if held is not None and self._clock() < held.usable_until else None

    def _unavailable(self) -> KeysUnavailable:
        return KeysUnavailable(retry_after=self._schedule.retry_after(self._clock()))

    def _in_flight_or_started(self, sought: str | _Anyone | None) -> bool:
        now = self._clock()
        return self._schedule.in_flight(now) or self._start(now, sought)

    def _start(self, now: float, sought: str | _Anyone | None) -> bool:
        claim = self._schedule.start(now, unknown_kid=sought is not _ANYONE)
        if claim is None:
            return False
        self._sought = sought
        try:
            threading.Thread(
                target=self._work, args=(claim,), name="jwt_wsgi.jwks", daemon=True
            ).start()
        except RuntimeError as error:
            logger.error("keys of %r: no thread to fetch in: %s", self._location, error)
            self._schedule.failed(claim, now)
            return False
        return True

    def _work(self, claim: int) -> None:
        changed = self._changed_here()
        try:
            keys, max_age = self._load()
        except Exception as error:  # noqa: BLE001 (a stranger's fetcher may raise anything)
            self._location.forget()
            # A foreign exception's text may quote what it choked on.
            known = isinstance(error, FetchError | ValueError)
            logger.warning(
                "keys of %r: %s; the last good keys stay",
                self._location,
                error if known else type(error).__name__,
            )
            with changed:
                self._schedule.failed(claim, self._clock())
                changed.notify_all()
            return
        with changed:
            if self._schedule.succeeded(claim, self._clock(), max_age):
                self._held = _Held(keys, self._schedule.refresh_at, self._schedule.usable_until)
                logger.info("keys of %r: fetched, kids %a", self._location, sorted(keys.kids))
            changed.notify_all()

    def _load(self) -> tuple[KeySet, float | None]:
        reply = self._get(self._location.find(self._get))
        jwks = read_object(reply.body)
        entries = jwks.get("keys")
        if isinstance(entries, list) and len(entries) > self._max_keys:
            raise FetchError(f"more than {self._max_keys} keys")
        keys = KeySet.from_jwks(jwks)
        for skipped in keys.skipped:
            logger.info("keys of %r: keys[%d] skipped: %s", self._location, skipped[0], skipped[2])
        return keys, reply.max_age

    def _get(self, url: str) -> Reply:
        reply = self._fetch(url)
        reply = reply if isinstance(reply, Reply) else Reply(reply)
        if not isinstance(reply.body, bytes):
            raise FetchError(f"fetch answered {type(reply.body).__name__}, not bytes")
        if len(reply.body) > self._max_bytes:
            raise FetchError(f"more than {self._max_bytes} bytes")
        return reply

    def _own_process(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._seekers = 0

    def _changed_here(self) -> threading.Condition:
        """The condition of this process: a fork may have copied one that is held for ever."""
        if self._pid != os.getpid():
            self._own_process()
            self._schedule.abandon()
        return self._changed

    def __repr__(self) -> str:
        return f"RemoteJWKS({self._location!r})"
