"""`RemoteJWKS`: the keys that an issuer publishes, as requests see them."""

import logging
import os
import random
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, Self

from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.errors import KeysUnavailable
from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.http.headers import Headers
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jwks.discovery import Location
from jwt_wsgi.jwks.events import Hooks, OnFetch, OnRotation
from jwt_wsgi.jwks.limits import Limits
from jwt_wsgi.jwks.loading import KeyLoader, built_in_client
from jwt_wsgi.jwks.schedule import KeyStatus, Schedule
from jwt_wsgi.jwks.shared import SealingKeys, share_keys
from jwt_wsgi.jwks.sharing import SharingWorker
from jwt_wsgi.jwks.worker import FetchWorker
from jwt_wsgi.stores import Store

logger = logging.getLogger("jwt_wsgi.jwks")


class RemoteJWKS:
    """The keys that an issuer publishes at a URL, cached and refreshed in the background.

    Nothing is fetched before the first token.

    Args:
        uri: The https URL of the key set. Plain http is accepted on loopback.
        cache_ttl: Lifetime in seconds of a key set whose reply has no
            `Cache-Control: max-age`. Default 600.
        requests_per_minute: Fetches in any 60 seconds, failures included. One is
            reserved for the refresh, so at least 2. Default 5.
        cooldown: Unknown kids and invalid signatures may start two fetches at once, and
            one more whenever so many seconds have passed. Default 30.
        stale_for: Seconds that the last good set stays usable after its lifetime.
            Default 14400.
        timeout: Seconds that a request waits for keys at most. The built-in client gives
            up after twice that time; keys that arrive before are used. Default 5.
        max_waiting: Requests that may wait for a fetch of an unknown kid. Others with
            an unknown kid are answered at once, from the keys that are held. The first
            fetch is not limited: every request waits for it. Default 2.
        max_bytes: The largest reply that is accepted, in bytes. Default 524288.
        max_keys: The largest number of entries that a set may have. Default 100.
        headers: Headers to send with every fetch: a mapping, or a callable that returns one
            and is called for each document. Default None.
        ca_certs: A PEM file of trusted roots in place of the system's. Default None.
        fetch: Your own HTTP client: takes a URL, returns bytes or a `Reply`. Any
            exception is a failed fetch; one that is no `Exception` is then raised again
            in the thread that fetched. Default None: the built-in client.
        allow_http: True to accept plain http on any host. Default False.
        public_only: True to refuse private addresses, for a URL that untrusted input
            may have chosen. Default False.
        on_rotation: A callback that receives the kids added and the kids removed when a
            refresh has changed them. A kid whose key was replaced is in both. It runs
            in the thread that fetched. Default None.
        on_fetch: A callback that receives a `Fetched` after every fetch, when its result
            is in force. It runs in the thread that fetched. Default None.
        store: A store in which several workers share the key set, such as a `RedisStore`, so that
            one of them fetches for all. Default None.
        sealing_keys: The secrets that seal what is in the store, the same in every worker: one
            or several, each of at least 32 random bytes. The first signs, and all verify.
            Needed with `store`, and only then. Default None.
        clock: Returns monotonic seconds. Default `time.monotonic`.
        wall_clock: Returns the seconds since 1970, for the age of a shared key set. Default
            `time.time`.

    Attributes:
        store: The store in which the key set is shared, or None.

    Raises:
        ValueError: An option is not valid.
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
        max_waiting: int = 2,
        max_bytes: int = 524288,
        max_keys: int = 100,
        headers: Headers | None = None,
        ca_certs: str | os.PathLike[str] | None = None,
        fetch: Fetch | None = None,
        allow_http: bool = False,
        public_only: bool = False,
        on_rotation: OnRotation | None = None,
        on_fetch: OnFetch | None = None,
        store: Store | None = None,
        sealing_keys: SealingKeys | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        check_callables(
            fetch=fetch,
            on_rotation=on_rotation,
            on_fetch=on_fetch,
            clock=clock,
            wall_clock=wall_clock,
        )
        if fetch is not None and (headers is not None or ca_certs is not None or public_only):
            raise ValueError(
                "headers, ca_certs and public_only configure the built-in client: "
                "leave them out, or leave out fetch"
            )
        if not isinstance(uri, Location):
            uri = Location(uri or "", allow_http=allow_http)
        limits = Limits(cache_ttl, requests_per_minute, cooldown, stale_for, timeout, max_waiting)
        if fetch is None:
            fetch = built_in_client(2 * timeout, max_bytes, headers, ca_certs, public_only)
        self.store = store
        self._location = uri
        self._timeout = timeout
        self._clock = clock
        self._schedule = Schedule(limits, random.random)
        loader = KeyLoader(uri, fetch, max_bytes=max_bytes, max_keys=max_keys)
        self._fetch = fetch
        hooks = Hooks(on_fetch, on_rotation)
        self._worker = FetchWorker(loader, self._schedule, hooks, clock)
        if store is not None or sealing_keys is not None:
            shared = share_keys(loader, store, sealing_keys, limits, wall_clock)
            self._worker = SharingWorker(loader, self._schedule, hooks, clock, shared)

    @classmethod
    def discovered(cls, issuer: str, *, allow_http: bool = False, **options: Any) -> Self:
        """Return a source for the keys that the issuer's metadata names.

        Args:
            issuer: The issuer's https URL.
            allow_http: True to accept plain http on any host. Default False.
            **options: The other options of the class.

        Raises:
            ValueError: An option is not valid.
        """
        return cls(Location(None, issuer=issuer, allow_http=allow_http), **options)

    def held(self) -> KeySet | None:
        """Return the current set, or None; never waits. Starts a refresh when one is due."""
        current = self._worker.current
        if current is None:
            return None
        # One look at the clock is enough in nearly every request, because a set stays
        # usable beyond the moment of its refresh.
        now = self._clock()
        if now < current.due_at:
            return current.keys
        self._worker.start_what_is_due(current, now)
        return self._worker.usable_keys()

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """Return the keys for a token's header. May wait for a fetch, at most `timeout` seconds.

        Args:
            kid: The header's `kid`, or None.
            alg: The header's `alg`.

        Raises:
            KeysUnavailable: No key set is usable, or `kid` is unknown and the last fetch failed.
        """
        if kid in self._worker.revoked:
            return ()
        keys = self.held()
        if keys is not None:
            matches = keys.find(kid, alg)
            if matches or kid in keys.kids:
                return matches
        return self._fetch_and_find(kid, alg)

    def signature_failed(self, kid: str | None, alg: str) -> None:
        """Fetch in the background: a key may have been replaced under its kid. Never waits.

        The fetch takes one of the burst that unknown kids share, so that forged tokens
        cause no more fetches than invented kids do.

        Args:
            kid: The `kid` of the token's header, or None.
            alg: The `alg` of the token's header.
        """
        current = self._worker.current
        # In a chain of sources, the key that did not verify may be another source's.
        if current is None or not current.keys.find(kid, alg):
            return
        with self._worker.lock:
            self._worker.start_fetch(lambda: self._is_replaced(current.keys))

    def warm_up(self) -> KeyStatus:
        """Fetch the keys unless some are usable, wait like a request, and return the status.

        It does not raise: check `usable`.
        """
        with suppress(KeysUnavailable), self._worker.lock:
            self._wait_for_keys(time.monotonic() + self._timeout)
        return self.status()

    def status(self) -> KeyStatus:
        """Return the status of the source, without waiting and without fetching."""
        with self._worker.lock:
            return self._worker.status()

    def revoke(self, kid: str) -> None:
        """Stop using the keys of this `kid` in this process, whatever the issuer publishes.

        With `store`, the workers that share it follow within five seconds, when requests come.
        The kid is written to the store before the method returns, or later if the store is down.

        Args:
            kid: The kid of the keys that must not be used any more.
        """
        with self._worker.lock:
            self._worker.revoke(kid)
        logger.warning("keys of %r: kid %a is revoked in this process", self._location, kid)
        self._worker.share_revocation()

    @property
    def location(self) -> Location:
        """The place of the key set, for tools that look at it once."""
        return self._location

    @property
    def fetch(self) -> Fetch:
        """The HTTP client of this source, for tools that look at the key set once."""
        return self._fetch

    def _fetch_and_find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        deadline = time.monotonic() + self._timeout
        with self._worker.lock:
            last_lease = self._schedule.last_lease
            self._wait_for_keys(deadline)
            is_known = partial(self._is_known, kid, alg)
            in_time = self._worker.look_for(is_known, last_lease, deadline)
            is_settled = in_time and not self._schedule.last_fetch_failed
            keys = self._worker.usable_keys()
            if keys is None or not (is_settled or is_known()):
                raise self._unavailable()
            return keys.find(kid, alg)

    def _is_known(self, kid: str | None, alg: str) -> bool:
        if kid in self._worker.revoked:
            return True
        keys = self._worker.usable_keys()
        return keys is not None and (kid in keys.kids or bool(keys.find(kid, alg)))

    def _is_replaced(self, keys: KeySet) -> bool:
        current = self._worker.current
        return current is not None and current.keys is not keys

    def _wait_for_keys(self, deadline: float) -> None:
        """Wait until a set is usable; fetch one if there is none. Needs the lock.

        Raises:
            KeysUnavailable: No set is usable by `deadline`, a moment of `time.monotonic()`.
        """
        while self._worker.usable_keys() is None:
            if not self._worker.ensure_fetch():
                self._worker.start_look()
                raise self._unavailable()
            if not self._worker.lock.wait(deadline - time.monotonic()):
                raise self._unavailable()

    def _unavailable(self) -> KeysUnavailable:
        return KeysUnavailable(retry_after=self._schedule.retry_after(self._clock()))

    def __repr__(self) -> str:
        return f"RemoteJWKS({self._location!r})"
