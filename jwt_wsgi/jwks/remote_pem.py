"""`RemotePEM`: keys that a provider publishes one by one, each at a URL of its own."""

import logging
import os
import random
import threading
import time
from collections.abc import Callable
from functools import partial

from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.errors import KeysUnavailable
from jwt_wsgi.http.fetching import Fetch, FetchFailure, Outcome
from jwt_wsgi.http.headers import Headers
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jwks.events import Fetched, Hooks, OnFetch, log_status
from jwt_wsgi.jwks.kid_cache import KidCache
from jwt_wsgi.jwks.limits import PerKidLimits
from jwt_wsgi.jwks.loading import built_in_client
from jwt_wsgi.jwks.lock import ProcessLock
from jwt_wsgi.jwks.pem_documents import (
    LoadedKey,
    PEMDocuments,
    is_key_id,
    says_key_is_gone,
    says_no_such_key,
)
from jwt_wsgi.jwks.schedule import KeyStatus, Schedule

logger = logging.getLogger("jwt_wsgi.jwks")


class RemotePEM:
    """Public keys that are published one by one in PEM, at a URL with the key's ID in its path.

    Load balancers of AWS publish their keys so. Nothing is fetched before the first token. A `kid`
    that is not a UUID in lower case finds no key and causes no fetch.

    No request waits for a key that is held: it is fetched again in the background, and the last
    good one is used meanwhile. Of the keys that are not held, one is fetched at a time. If no fetch
    may start for a token, it is answered with 503, because its key may exist. A key is kept beyond
    its lifetime only if a token was accepted under it. No refused token makes it give way.

    Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-authenticate-users.html

    Args:
        url: The https URL of a key, with `{kid}` once in its path, such as
            `https://public-keys.auth.elb.eu-west-1.amazonaws.com/{kid}`. Plain http is accepted on
            loopback.
        cache_ttl: Lifetime in seconds of a key whose reply has no `Cache-Control: max-age`.
            Default 86400.
        requests_per_minute: Fetches in any 60 seconds, failures included. One is reserved for the
            refresh, so at least 2. Default 30.
        cooldown: Seconds after which one more fetch for a kid that is not held may start, when
            their budget is spent. Default 2.
        stale_for: Seconds that a key stays usable after its lifetime, if it cannot be fetched.
            Default 14400.
        timeout: Seconds that a request waits for a key at most. The built-in client gives up after
            twice that time. Default 5.
        max_waiting: Requests that may wait for a key. Before the first key is there, every request
            waits. Default 2.
        max_bytes: The largest reply that is accepted, in bytes. Default 16384.
        max_keys: The largest number of keys that are held, at least 2. A quarter is reserved for
            keys under which no token was accepted yet. Default 20.
        headers: Headers to send with every fetch: a mapping, or a callable that returns one.
            Default None.
        ca_certs: A PEM file of trusted roots in place of the system's. Default None.
        fetch: Your own HTTP client: takes a URL, returns bytes or a `Reply`. Any exception is a
            failed fetch; a `FetchError` with the status 403, 404 or 410 says that there is no such
            key. Default None: the built-in client.
        on_fetch: A callback that receives a `Fetched` after every fetch. Default None.
        clock: Returns monotonic seconds. Default `time.monotonic`.

    Raises:
        ValueError: An option is not valid.
    """

    def __init__(
        self,
        url: str,
        *,
        cache_ttl: float = 86400,
        requests_per_minute: int = 30,
        cooldown: float = 2,
        stale_for: float = 14400,
        timeout: float = 5.0,
        max_waiting: int = 2,
        max_bytes: int = 16384,
        max_keys: int = 20,
        headers: Headers | None = None,
        ca_certs: str | os.PathLike[str] | None = None,
        fetch: Fetch | None = None,
        on_fetch: OnFetch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_callables(fetch=fetch, on_fetch=on_fetch, clock=clock)
        if fetch is not None and (headers is not None or ca_certs is not None):
            raise ValueError(
                "headers and ca_certs configure the built-in client: leave them out, or leave out "
                "fetch"
            )
        limits = PerKidLimits(
            cache_ttl, requests_per_minute, cooldown, stale_for, timeout, max_waiting
        )
        if fetch is None:
            fetch = built_in_client(2 * timeout, max_bytes, headers, ca_certs, False)
        self._documents = PEMDocuments(url, fetch, max_bytes)
        self._hooks = Hooks(on_fetch, None)
        self._clock = clock
        self._schedule = Schedule(limits, random.random)
        self._cache = KidCache(max_keys)
        self._lock = ProcessLock(self._forget_parent)
        self._waiting = 0
        self._last_error: str | None = None

    def held(self) -> KeySet | None:
        """Return the keys that are held, or None; never waits. Starts a refresh when one is due."""
        cache = self._cache
        if cache.keys is None:
            return None
        now = self._clock()
        if now < cache.refresh_at:
            return cache.keys
        if now >= cache.usable_until or not self._schedule.is_blocked(now):
            with self._lock:
                self._refresh(now)
        return cache.keys

    def find(self, kid: str | None, alg: str) -> tuple[Key, ...]:
        """Return the key for a token's header. May wait for a fetch, at most `timeout` seconds.

        Args:
            kid: The header's `kid`, or None.
            alg: The header's `alg`.

        Raises:
            KeysUnavailable: The key is not held, and whether it exists cannot be told now.
        """
        if kid is None or not is_key_id(kid):
            return ()
        keys = self.held()
        if keys is not None and kid in keys.kids:
            return keys.find(kid, alg)
        deadline = time.monotonic() + self._schedule.limits.timeout
        with self._lock:
            while not self._cache.is_settled(kid, self._clock()):
                if not self._ensure_fetch(kid) or not self._wait(deadline):
                    raise self._unavailable()
            return self._cache.find(kid, alg)

    def token_accepted(self, kid: str | None, alg: str) -> None:
        """Keep the key of a token that was accepted: refused tokens do not make it give way.

        Args:
            kid: The `kid` of the token's header, or None.
            alg: The `alg` of the token's header.
        """
        # In a chain of sources, the key may be another source's.
        if kid is not None and self._cache.find(kid, alg):
            with self._lock:
                self._cache.accept(kid)

    def revoke(self, kid: str) -> None:
        """Stop using the key of this `kid` in this process, whatever the provider publishes.

        Args:
            kid: The kid of the key that must not be used any more.
        """
        with self._lock:
            self._cache.revoke(kid)
            self._lock.notify_all()
        logger.warning("keys of %r: kid %a is revoked in this process", self._documents, kid)

    def status(self) -> KeyStatus:
        """Return the status of the source, without waiting and without fetching.

        The times are those of the last fetch that the endpoint answered.
        """
        with self._lock:
            now = self._expire_lease()
            keys = self._cache.keys
            kids = None if keys is None else keys.kids
            return self._schedule.status(now, kids, self._last_error)

    # What needs the lock.

    def _refresh(self, now: float) -> None:
        """Drop the keys that are too old, and fetch the one that is due, if that is allowed."""
        self._cache.remove_expired(now)
        if self._schedule.is_blocked(self._expire_lease()):
            return
        kid = self._cache.take_due(now)
        if kid is not None:
            self._start_fetch(kid, on_demand=False)

    def _ensure_fetch(self, kid: str) -> bool:
        """Return True if a fetch is running, for this kid or another; start one if need be."""
        if self._schedule.in_flight(self._expire_lease()):
            return True
        return self._start_fetch(kid, on_demand=True)

    def _wait(self, deadline: float) -> bool:
        """Wait until a fetch has ended. Return False if it has not, or if too many wait."""
        if self._cache.keys is not None and self._waiting >= self._schedule.limits.max_waiting:
            return False
        self._waiting += 1
        try:
            return self._lock.wait(deadline - time.monotonic())
        finally:
            self._waiting -= 1

    def _start_fetch(self, kid: str, *, on_demand: bool) -> bool:
        now = self._clock()
        lease = self._schedule.start(now, on_demand=on_demand)
        if lease is None:
            return False
        try:
            threading.Thread(
                target=self._run_fetch, args=(lease, kid), name="jwt_wsgi.jwks", daemon=True
            ).start()
        except RuntimeError as error:
            self._log_later(f"cannot start a thread to fetch: {error}")
            self._schedule.record_failure(lease, now)
            return False
        return True

    def _expire_lease(self) -> float:
        """Return the time, after a fetch that did not end in time was counted as failed."""
        now = self._clock()
        if self._schedule.expire_lease(now):
            self._last_error = "the fetch has not ended in time"
            self._log_later(f"{self._last_error}; its key is used if it arrives")
        return now

    def _log_later(self, text: str) -> None:
        # No lock is held during I/O.
        self._lock.defer(partial(logger.warning, "keys of %r: %s", self._documents, text))

    def _forget_parent(self) -> None:
        # The parent's threads do not exist in this process.
        self._waiting = 0
        self._schedule.drop_lease()

    def _unavailable(self) -> KeysUnavailable:
        return KeysUnavailable(retry_after=self._schedule.retry_after(self._clock()))

    # The thread. It takes the lock itself, and never while it fetches or calls a hook.

    def _run_fetch(self, lease: int, kid: str) -> None:
        started_at = self._clock()
        outcome: Outcome = "ok"
        try:
            loaded = self._documents.load(kid)
        except BaseException as error:
            outcome = self._record_failure(lease, kid, error)
            if not isinstance(error, Exception):
                raise
        else:
            self._install(lease, kid, loaded)
        finally:
            self._announce(outcome, started_at)

    def _install(self, lease: int, kid: str, loaded: LoadedKey) -> None:
        with self._lock:
            schedule = self._schedule
            if schedule.record_success(lease, self._clock(), loaded.max_age):
                self._cache.put(kid, loaded.key, schedule.refresh_at, schedule.usable_until)
            self._lock.notify_all()

    def _record_failure(self, lease: int, kid: str, error: BaseException) -> Outcome:
        failure = FetchFailure.of(error)
        if says_no_such_key(error):
            # Strangers cause it, with kids that they invent.
            logger.info("keys of %r: there is no key %s", self._documents, kid)
        else:
            logger.warning(
                "keys of %r: %s; keys that are held stay", self._documents, failure.reason
            )
        with self._lock:
            now = self._clock()
            if not says_no_such_key(error):
                self._last_error = failure.reason
                self._schedule.record_failure(lease, now, failure.retry_after)
            elif self._schedule.record_success(lease, now, None):
                self._cache.record_absence(kid, now, is_gone=says_key_is_gone(error))
            self._lock.notify_all()
        return failure.outcome

    def _announce(self, outcome: Outcome, started_at: float) -> None:
        status = self.status()
        seconds = self._clock() - started_at
        fetched = Fetched(repr(self._documents), outcome, seconds, int(outcome == "ok"))
        log_status(fetched, status)
        self._hooks.announce_fetch(fetched)

    def __repr__(self) -> str:
        return f"RemotePEM({self._documents!r})"
