"""`RemoteJWKS`: the thin shell around the schedule, with the thread, the lock and the fetch."""

import logging
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple, Self

from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.errors import KeysUnavailable
from jwt_wsgi.http.fetching import Fetch, FetchError, Outcome, Reply
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jose.strict_json import read_object
from jwt_wsgi.jwks.discovery import Location
from jwt_wsgi.jwks.events import Fetched, OnFetch
from jwt_wsgi.jwks.schedule import KeyStatus, Limits, Schedule
from jwt_wsgi.jwks.source import rotation, unchanged, without
from jwt_wsgi.options import must

logger = logging.getLogger("jwt_wsgi.jwks")

#: Requests that may wait for an unknown kid; the rest are answered at once.
MAX_SEEKERS = 8


class _Held(NamedTuple):
    keys: KeySet
    refresh_at: float
    usable_until: float


# What a refresh looks for: it may bring whatever kid a request names.
_ANYONE: Final = object()


class RemoteJWKS:
    """The keys that an issuer publishes at `uri`, cached and kept fresh.

    Seconds: `cache_ttl` where the reply grants none, `cooldown` between fetches
    for unknown kids, `stale_for` how long the last good set outlives its
    lifetime, `timeout` how long a caller waits at most (what comes within twice
    that is late, and still counts). `max_bytes` and
    `max_keys` bound the reply. `headers` are sent along, `ca_certs` is a file of
    trusted roots, `fetch` (a URL in, bytes out) replaces the HTTP client. `uri`
    is https; http on loopback, or anywhere by `allow_http`. `public_only` refuses
    private addresses, for a URI that a stranger may have chosen.
    `on_rotation(added, removed)` is told the kids when a refresh has changed
    them, in the thread that fetched; one whose key was replaced is in both.
    `on_fetch(fetched)` is told there of every fetch, when its result is in force.

    Nothing is fetched before the first token. Raises `ValueError` for an option
    that cannot be.
    """

    def __init__(
        self,
        uri: str | Location,
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
        public_only: bool = False,
        on_rotation: Callable[[frozenset[str], frozenset[str]], object] | None = None,
        on_fetch: OnFetch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for option, bound in (("max_bytes", max_bytes), ("max_keys", max_keys)):
            must(
                type(bound) is int and bound > 0,
                f"{option}={bound!r}: write a whole number above 0",
            )
        check_callables(fetch=fetch, on_rotation=on_rotation, on_fetch=on_fetch, clock=clock)
        ours = (headers, ca_certs, public_only) != (None, None, False)
        must(
            fetch is None or not ours,
            "headers, ca_certs and public_only go with our client, not with fetch",
        )
        self._location = (
            uri if isinstance(uri, Location) else Location(uri or "", allow_http=allow_http)
        )
        limits = Limits(cache_ttl, requests_per_minute, cooldown, stale_for, timeout)
        self._schedule = Schedule(limits, random.random)
        self._fetch = fetch or _fetcher(2 * timeout, max_bytes, headers, ca_certs, public_only)
        self._timeout, self._max_bytes, self._max_keys = timeout, max_bytes, max_keys
        self._clock, self._on_rotation, self._on_fetch = clock, on_rotation, on_fetch
        self._held: _Held | None = None
        self._revoked: frozenset[str] = frozenset()
        self._last_error: str | None = None
        self._sought: object = None
        self._own_process()

    @classmethod
    def discovered(cls, issuer: str, *, allow_http: bool = False, **options: Any) -> Self:
        """The keys that `issuer`'s metadata names; the other options are those of the class."""
        return cls(Location(None, issuer=issuer, allow_http=allow_http), **options)

    def held(self) -> KeySet | None:
        """The set in force, without waiting; starts a refresh ahead where one is due."""
        held = self._held
        if held is None:
            return None
        # One look at the clock is enough for nearly all: a set is usable beyond its refresh.
        if self._clock() < held.refresh_at:
            return held.keys
        with self._changed_here():
            if self._held is held:
                self._start(_ANYONE)
        return self._usable()

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """The keys for a token's header; may wait for a fetch, `timeout` seconds at most.

        Raises `KeysUnavailable` where no key set can be had, or where `kid` is
        unknown and the last fetch failed.
        """
        if kid in self._revoked:
            return ()
        keys = self.held()
        if keys is None:
            return self._find_first(kid, alg)
        return keys.find(kid, alg) or (() if kid in keys.kids else self._find_unknown(kid, alg))

    def warm_up(self) -> KeyStatus:
        """Fetches where nothing is held, waits as a request would, and never raises: look at `usable`."""
        with suppress(KeysUnavailable), self._changed_here():
            self._first()
        return self.status()

    def status(self) -> KeyStatus:
        """How the source is doing, without waiting or fetching."""
        with self._changed_here():
            keys = self._usable()
            return self._schedule.status(
                self._clock(), None if keys is None else keys.kids, self._last_error
            )

    def revoke(self, kid: str) -> None:
        """Use no key of this `kid` any more, in this process, whatever the issuer publishes."""
        with self._changed_here():
            self._revoked |= {kid}
            if self._held is not None:
                self._held = self._held._replace(keys=without(self._held.keys, self._revoked))
        logger.warning("keys of %r: kid %a is revoked here", self._location, kid)

    def _first(self) -> KeySet:
        deadline = time.monotonic() + self._timeout
        while (keys := self._usable()) is None:
            if not self._under_way(_ANYONE) or not self._changed.wait(deadline - time.monotonic()):
                raise self._unavailable()
        return keys

    def _find_first(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        with self._changed_here():
            keys = self._first()
            found = keys.find(kid, alg)
            if not found and kid not in keys.kids:
                # This very fetch was for this kid too.
                self._schedule.cool(self._clock())
            return found

    def _find_unknown(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        with self._changed_here():
            keys = self._usable()
            if keys is not None and (found := keys.find(kid, alg)):
                return found
            answered = not self._under_way(kid) or self._wait_for(kid)
            keys = self._usable()
            if keys is None or self._schedule.failing or not answered:
                raise self._unavailable()
            return keys.find(kid, alg)

    def _wait_for(self, kid: str | None) -> bool:
        if self._seekers >= MAX_SEEKERS or self._sought not in (_ANYONE, kid):
            return False
        self._seekers += 1
        try:
            return self._changed.wait_for(
                lambda: not self._schedule.in_flight(self._clock()), self._timeout
            )
        finally:
            self._seekers -= 1

    def _usable(self) -> KeySet | None:
        held = self._held
        return held.keys if held is not None and self._clock() < held.usable_until else None

    def _unavailable(self) -> KeysUnavailable:
        return KeysUnavailable(retry_after=self._schedule.retry_after(self._clock()))

    def _under_way(self, sought: object) -> bool:
        return self._schedule.in_flight(self._clock()) or self._start(sought)

    def _start(self, sought: object) -> bool:
        now = self._clock()
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
        changed, before, after = self._changed_here(), None, None
        outcome: Outcome = "ok"
        began, count = self._clock(), 0
        try:
            keys, max_age = self._load()
        except Exception as error:  # noqa: BLE001 (a stranger's fetcher may raise anything)
            self._location.forget()
            # A foreign exception's text may quote what it choked on.
            why = str(error) if isinstance(error, FetchError) else type(error).__name__
            outcome = error.outcome if isinstance(error, FetchError) else "fetcher_raised"
            logger.warning("keys of %r: %s; the last good keys stay", self._location, why)
            with changed:
                self._last_error = why
                self._schedule.failed(claim, self._clock(), getattr(error, "retry_after", 0))
                changed.notify_all()
        else:
            count = len(keys.keys)
            with changed:
                if self._schedule.succeeded(claim, self._clock(), max_age):
                    before, after = self._held, without(keys, self._revoked)
                    if before and unchanged(before.keys, after):
                        after = (
                            before.keys
                        )  # the same object: whatever stands and falls with it stays
                    self._held = _Held(
                        after, self._schedule.refresh_at, self._schedule.usable_until
                    )
                changed.notify_all()
        logger.info("keys of %r: %a", self._location, self.status())
        took = self._clock() - began
        _tell("on_fetch", self._on_fetch, Fetched(repr(self._location), outcome, took, count))
        added, removed = rotation(before.keys, after) if before and after else ((), ())
        if added or removed:
            logger.info(
                "keys of %r: added %a, removed %a", self._location, sorted(added), sorted(removed)
            )
            _tell("on_rotation", self._on_rotation, added, removed)

    def _load(self) -> tuple[KeySet, float | None]:
        reply = self._get(self._location.find(self._get))
        try:
            jwks = read_object(reply.body)
            entries = jwks.get("keys")
            must(
                not isinstance(entries, list) or len(entries) <= self._max_keys,
                f"over {self._max_keys} keys",
            )
            keys = KeySet.from_jwks(jwks)
        except ValueError as error:
            raise FetchError(str(error)) from None
        for skipped in keys.skipped:
            logger.info("keys of %r: keys[%d] skipped: %s", self._location, skipped[0], skipped[2])
        return keys, reply.max_age

    def _get(self, url: str) -> Reply:
        answer = self._fetch(url)
        reply = answer if isinstance(answer, Reply) else Reply(answer)
        if not isinstance(reply.body, bytes) or len(reply.body) > self._max_bytes:
            raise FetchError(f"not bytes, or more than {self._max_bytes} of them")
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


def _fetcher(*options: Any) -> Fetch:
    # Here and not above: who brings the keys along, or a fetcher, need not wait for urllib3 to be imported.
    from jwt_wsgi.http.client import Fetcher

    return Fetcher(*options)


def _tell(name: str, hook: Callable[..., object] | None, *told: object) -> None:
    try:
        if hook is not None:
            hook(*told)
    except Exception as error:  # noqa: BLE001 (a stranger's code may raise anything)
        logger.error("%s raised %s", name, type(error).__name__)
