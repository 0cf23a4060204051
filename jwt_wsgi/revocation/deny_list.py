"""`DenyList`: tokens, users, sessions, clients and keys that are denied, in a shared store."""

import logging
import math
import time
from collections.abc import Callable, Iterable
from typing import Final

from jwt_wsgi.auth import Auth
from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.jose.kept_claims import ClaimRead
from jwt_wsgi.options import is_finite_number
from jwt_wsgi.revocation import denials
from jwt_wsgi.revocation.verdict_cache import VerdictCache
from jwt_wsgi.stores import Store, StoreUnavailable
from jwt_wsgi.stores.store import is_store

logger = logging.getLogger("jwt_wsgi.revocation")

#: Seconds that an entry outlives the tokens it is about: the longest leeway, and other clocks.
MARGIN: Final = 300.0
#: Seconds. An entry for longer is kept for good, because stores do not take every number.
_LONGEST_TTL: Final = 100 * 365 * 86400.0
_DENIED: Final = b"1"


class DenyList:
    """A list of what is revoked, for `is_revoked`. All workers share it through a store.

    Tokens, users, sessions, clients and keys are hashed before they are stored. Whoever can write
    to the store can delete denials.

    Args:
        store: The store of all workers, from `jwt_wsgi.stores`. A `MemoryStore` is this process's
            alone.
        cache_ttl: The seconds that an answer of the store is used again for the same token in this
            process; 0 asks for every request. A denial holds on every worker after that time.
        max_token_lifetime: The longest lifetime of a token in seconds, which is how long
            cut-offs are kept. Tokens that live longer are refused (`token_too_old`).
        clock: Returns the time in seconds since the epoch.

    Attributes:
        store: The store.
        max_token_lifetime: The longest lifetime of a token, in seconds.

    Raises:
        ValueError: For invalid arguments.
    """

    def __init__(
        self,
        store: Store,
        *,
        cache_ttl: float = 1.0,
        max_token_lifetime: float = 86400,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not is_store(store):
            raise ValueError(f"store={store!r:.200}: write RedisStore(url), or MemoryStore()")
        if not is_finite_number(cache_ttl) or cache_ttl < 0:
            raise ValueError(f"cache_ttl={cache_ttl!r:.200}: write seconds, 0 to ask every time")
        if not is_finite_number(max_token_lifetime) or max_token_lifetime <= 0:
            raise ValueError(
                f"max_token_lifetime={max_token_lifetime!r:.200}: write seconds above 0"
            )
        check_callables(clock=clock)
        self.store = store
        self.max_token_lifetime = max_token_lifetime
        self._cache_ttl = cache_ttl
        self._clock = clock
        self._verdicts = VerdictCache(cache_ttl)

    @property
    def claim_reads(self) -> tuple[ClaimRead, ...]:
        """The claims that are read of every token."""
        return denials.CLAIM_READS

    def __repr__(self) -> str:
        return (
            f"DenyList(cache_ttl={self._cache_ttl!r}, "
            f"max_token_lifetime={self.max_token_lifetime!r})"
        )

    def __call__(self, auth: Auth) -> bool:
        """Return True if a token is revoked, for `protect(is_revoked=...)`.

        Args:
            auth: What the verified token says.

        Raises:
            InvalidToken: The token lives longer than `max_token_lifetime`, so that a cut-off could
                end before it.
            StoreUnavailable: The store cannot answer.
        """
        now = self._clock()
        is_revoked = self._verdicts.get(auth.token, auth.issuer, now)
        if is_revoked is None:
            is_revoked = self._ask_store(auth, now)
        return is_revoked

    def revoke(self, auth: Auth) -> None:
        """Revoke one token, until it has expired.

        It is recognised by its issuer and `jti`, without `jti` by the text that is signed, and an
        opaque token by its text. A token that names no end is revoked for good.

        Args:
            auth: The token, as `get_auth` returns it.

        Raises:
            StoreUnavailable: The store cannot be written to.
        """
        ttl = self._time_to_live(auth)
        if ttl is None or ttl > 0:
            self._write(denials.token_name(auth), _DENIED, ttl)

    def revoke_token(self, issuer: str, jti: str) -> None:
        """Revoke the token with this `jti`, for `max_token_lifetime`.

        Args:
            issuer: The token's `iss`.
            jti: Its `jti` (RFC 7519 §4.1.7).

        Raises:
            StoreUnavailable: The store cannot be written to.
            ValueError: An argument is not a text, or is empty.
        """
        _check_texts(issuer=issuer, jti=jti)
        name = denials.entry_name("jti", issuer, jti)
        self._write(name, _DENIED, self.max_token_lifetime + MARGIN)

    def revoke_subject(self, issuer: str, subject: str, *, at: float | None = None) -> None:
        """Revoke every token of a user that was issued by now: log out everywhere.

        Tokens whose `iat` is at the cut-off or before, or absent, are revoked. An `iat` has whole
        seconds, so that a login within the second of the cut-off is revoked as well. It is a time
        of the issuer's clock: where that clock is ahead, tokens of the last moments escape.

        Args:
            issuer: The tokens' `iss`.
            subject: Their `sub` (RFC 7519 §4.1.2).
            at: The cut-off in seconds since the epoch, by default now. It replaces no later one.

        Raises:
            StoreUnavailable: The store cannot be read or written to.
            ValueError: An argument is not a text, or is empty, or `at` is not a finite number.
        """
        _check_texts(issuer=issuer, subject=subject)
        self._cut_off(denials.entry_name("subject", issuer, subject), at)

    def revoke_session(self, issuer: str, sid: str, *, at: float | None = None) -> None:
        """Revoke every token of a session that was issued by now. It needs tokens with `sid`.

        Args:
            issuer: The tokens' `iss`.
            sid: Their `sid` (OpenID Connect Back-Channel Logout 1.0 §2.1).
            at: As for `revoke_subject`.

        Raises:
            StoreUnavailable: As for `revoke_subject`.
            ValueError: As for `revoke_subject`.
        """
        _check_texts(issuer=issuer, sid=sid)
        self._cut_off(denials.entry_name("session", issuer, sid), at)

    def revoke_client(self, issuer: str, client_id: str, *, at: float | None = None) -> None:
        """Revoke every token of a client that was issued by now.

        Args:
            issuer: The tokens' `iss`.
            client_id: The client, as `client_id`, `azp`, `cid` or `appid` names it.
            at: As for `revoke_subject`.

        Raises:
            StoreUnavailable: As for `revoke_subject`.
            ValueError: As for `revoke_subject`.
        """
        _check_texts(issuer=issuer, client_id=client_id)
        self._cut_off(denials.entry_name("client", issuer, client_id), at)

    def revoke_key(self, issuer: str, kid: str) -> None:
        """Revoke every token under a key, for good.

        Tokens of this issuer without `kid` are refused from then on, because the key could have
        signed them.

        Args:
            issuer: The tokens' `iss`.
            kid: The `kid` of their header (RFC 7515 §4.1.4).

        Raises:
            StoreUnavailable: The store cannot be written to.
            ValueError: An argument is not a text, or is empty.
        """
        _check_texts(issuer=issuer, kid=kid)
        self._write(denials.entry_name("key", issuer, None), _DENIED, None)
        self._write(denials.entry_name("key", issuer, kid), _DENIED, None)

    def _ask_store(self, auth: Auth, now: float) -> bool:
        self._check_lifetime(auth, now)
        names = denials.denial_names(auth)
        generation = self._verdicts.generation(now)
        values = self.store.get_many([*names.outright, *names.cut_offs])
        count = len(names.outright)
        is_revoked = any(value is not None for value in values[:count])
        if not is_revoked:
            iat = denials.issued_at(auth)
            is_revoked = any(denials.is_cut_off(iat, at) for at in _moments(values[count:]))
        generation.put(auth.token, auth.issuer, now, is_revoked=is_revoked)
        return is_revoked

    def _check_lifetime(self, auth: Auth, now: float) -> None:
        """Refuse a token that may outlive a cut-off.

        Without `iat`, the token lives from now on at least, and without `exp` until now at least.
        """
        iat = denials.issued_at(auth)
        exp = denials.expires_at(auth)
        begin = now if iat is None else iat
        end = now if exp is None else exp
        if end - begin > self.max_token_lifetime:
            expected = f"a lifetime of at most {self.max_token_lifetime:g} s"
            raise InvalidToken("token_too_old", expected=expected, found=end - begin)

    def _time_to_live(self, auth: Auth) -> float | None:
        """Return the seconds until a token cannot be accepted any more, or None for never."""
        end = denials.expires_at(auth)
        if end is None:
            iat = denials.issued_at(auth)
            if iat is None:
                return None
            end = iat + self.max_token_lifetime
        ttl = end + MARGIN - self._clock()
        return ttl if ttl < _LONGEST_TTL else None

    def _cut_off(self, name: str, at: float | None) -> None:
        now = self._clock()
        moment = now if at is None else at
        if not is_finite_number(moment):
            raise ValueError(f"at={at!r:.200}: write seconds since the epoch, or leave it out")
        [value] = self.store.get_many([name])
        if value is not None and _moment_or_never(value) >= moment:
            return
        # Another worker may write a later one here, which this call then replaces. The two differ
        # by no more than the time between read and write.
        ttl = max(moment - now, 0) + self.max_token_lifetime + MARGIN
        self._write(name, denials.write_moment(moment), min(ttl, _LONGEST_TTL))

    def _write(self, name: str, value: bytes, ttl: float | None) -> None:
        self.store.set(name, value, ttl)
        self._verdicts.clear()


def _moments(values: Iterable[bytes | None]) -> list[float]:
    try:
        return [denials.read_moment(value) for value in values if value is not None]
    except ValueError:
        logger.error("the store has an entry that is not a cut-off; answering 503")
        raise StoreUnavailable("an entry of the deny list is malformed") from None


def _moment_or_never(value: bytes) -> float:
    """Return the moment of a cut-off, or one before all others for a malformed entry."""
    try:
        return denials.read_moment(value)
    except ValueError:
        return -math.inf


def _check_texts(**options: object) -> None:
    for option, value in options.items():
        if not isinstance(value, str) or value == "":
            # A subject or a session is personal data, and the error may be logged.
            kind = type(value).__name__
            raise ValueError(f"{option} is empty or of type {kind}: write its text")
