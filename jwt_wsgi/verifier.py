"""`Verifier`: a token in, its `Auth` out, or the refusal. Knows nothing of WSGI."""

import copy
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from jwt_wsgi.auth import Auth
from jwt_wsgi.cache import TokenCache
from jwt_wsgi.callbacks import CallbackFailed, ask, check_callables
from jwt_wsgi.errors import InvalidToken, KeysUnavailable
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.issuer_registry import IssuerRegistry, Resolver
from jwt_wsgi.jose.algorithms import ALGORITHMS
from jwt_wsgi.jose.claim_lookup import granted_scopes, required_claim
from jwt_wsgi.jose.claims import (
    Dates,
    check_audience,
    check_claims,
    check_predicates,
    check_times,
    check_type,
    validity_window,
)
from jwt_wsgi.jose.compact import (
    MAX_TOKEN_BYTES,
    Compact,
    check_algorithm,
    check_padding,
    check_signature,
    parse,
    read_segment,
)
from jwt_wsgi.jose.header_members import check_header_predicates, check_header_values
from jwt_wsgi.jose.keys import KeySet, describe_keys
from jwt_wsgi.jwks.source import report_accepted_token, report_bad_signature

logger = logging.getLogger("jwt_wsgi.verifier")

#: Characters of a header that is cached when it is parsed, and bytes that one then costs.
_MAX_HEADER_CHARACTERS = 256
_HEADER_BYTES = 2048
#: The part of the cache's bytes that headers may take.
_HEADERS_SHARE = 16

#: Tells whether a token that is otherwise good was revoked; if it raises, the answer is 503.
IsRevoked = Callable[[Auth], object]

#: Receives each check that passed: its name, and the values that were compared.
Recorder = Callable[..., object]


class VerifiedToken(NamedTuple):
    """The facts of a token that stay true as long as its issuer holds the same key set.

    Between `valid_from` and `valid_until` (seconds since the epoch) nothing about its times can be
    wrong. `keys` is None where the key set changed during verification: the token is then good for
    this request, and is not cached.
    """

    keys: KeySet | None
    issuer: Issuer
    dates: Dates
    scopes: frozenset[str]
    valid_from: float
    valid_until: float


class Verifier:
    """A judge of the tokens of one or several issuers.

    Args:
        issuers: An `Issuer`, a resolver, or several of either. A resolver stands for issuers that
            are not known at construction: a callable that takes the unverified `iss` and returns
            the `Issuer` of exactly that name, or None.
        is_revoked: Called last, with the `Auth` of every token that is otherwise good; a true
            result refuses the token. If it raises, the request is answered with 503.
        max_token_bytes: The longest token that is decoded, in bytes.
        max_remembered: How many verified tokens are cached; 0 caches none. Times, predicates and
            revocation are checked for every request.
        max_remembered_bytes: The most bytes that the cached tokens take, scopes included.
        clock: Returns the time in seconds since the epoch.

    Attributes:
        trusted: How many issuers are trusted; a resolver counts as more than one.
        issuers: The configured issuers. Those that a resolver knows are not among them.
        clock: Returns the time in seconds since the epoch.

    Raises:
        ValueError: For invalid arguments, or the same issuer twice.
    """

    def __init__(
        self,
        issuers: Issuer | Resolver | Iterable[Issuer | Resolver],
        *,
        is_revoked: IsRevoked | None = None,
        max_token_bytes: int = MAX_TOKEN_BYTES,
        max_remembered: int = 10_000,
        max_remembered_bytes: int = 2**24,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_callables(is_revoked=is_revoked, clock=clock)
        if type(max_token_bytes) is not int or max_token_bytes <= 0:
            raise ValueError(f"max_token_bytes={max_token_bytes!r}: write a whole number above 0")
        _check_bound("max_remembered", max_remembered)
        _check_bound("max_remembered_bytes", max_remembered_bytes)
        self._issuers = IssuerRegistry(issuers)
        self.issuers = tuple(self._issuers.configured.values())
        self.trusted = len(self._issuers.configured) + 2 * len(self._issuers.resolvers)
        self._algorithms = _all_algorithms(self._issuers)
        self._accept_padding = _may_pad(self._issuers)
        self._cache: TokenCache[VerifiedToken] = TokenCache(max_remembered, max_remembered_bytes)
        self._headers: dict[str, dict[str, Any]] = {}
        self._max_headers = 0
        if not self._cache.is_off:
            self._max_headers = max_remembered_bytes // _HEADERS_SHARE // _HEADER_BYTES
        self._max_token_bytes = max_token_bytes
        self._is_revoked = is_revoked
        self.clock = clock
        self._record: Recorder = _discard

    @property
    def checks_revocation(self) -> bool:
        """True if every token is checked for revocation."""
        return self._is_revoked is not None

    def verify(self, token: str) -> Auth:
        """Return what `token` says, after all checks.

        Raises:
            InvalidToken: The token is not good.
            KeysUnavailable: The keys, or the token's revocation status, are temporarily unknown.
        """
        if type(token) is str:
            verified = self._cache.get(token)
            if verified is not None and self._is_current(verified):
                return self._judge_now(token, verified)
        return self._verify_fresh(token)

    def recorded(
        self, recorder: Recorder, *, clock: Callable[[], float] | None = None
    ) -> "Verifier":
        """Return a verifier with the same issuers and options that reports its checks.

        It makes every check anew, because it caches no tokens.

        Args:
            recorder: Called as `recorder(name, *values)` after each group of checks that passed:
                "header", "issuer", "signature" and "claims". The values are those that were
                compared.
            clock: Returns the time to judge tokens at; None is this verifier's own clock.
        """
        verifier = copy.copy(self)
        verifier.clock = clock or self.clock
        verifier._cache = TokenCache(0, 0)  # noqa: SLF001 (its own class)
        verifier._record = recorder  # noqa: SLF001 (its own class)
        return verifier

    def _verify_fresh(self, token: str) -> Auth:
        """Check a token that is not cached: the cheap checks first, and nothing fetched early."""
        record = self._record
        compact = parse(
            token, self._max_token_bytes, self._headers, accept_padding=self._accept_padding
        )
        alg = check_algorithm(compact.header, self._algorithms)
        record("header", token, self._algorithms, alg)
        claims = read_segment(compact.payload)
        issuer = self._choose_issuer(claims)
        record("issuer", issuer)
        # The verified facts belong to this key set if it is still the one held afterwards.
        keys_before = issuer.keys.held()
        if self._accept_padding:
            check_padding(token, padded=issuer.profile.padded)
        self._check_origin(compact, alg, issuer)
        if compact.protected not in self._headers:
            self._cache_header(compact)
        check_audience(claims, issuer.profile)
        dates = check_claims(claims, issuer.profile)
        check_header_values(compact.header, issuer.profile)
        record("claims", issuer.profile, claims, dates)
        verified = self._verified_token(issuer, claims, dates, keys_before)
        auth = self._judge_now(token, verified, claims)
        if self._issuers.resolvers:
            self._issuers.confirm(issuer)
        report_accepted_token(issuer.keys, compact.header.get("kid"), alg)
        if verified.keys is not None:
            self._cache.put(token, verified, verified.scopes)
        return auth

    def _check_origin(self, compact: Compact, alg: str, issuer: Issuer) -> None:
        """Check the algorithm, the type and the signature against this one issuer."""
        if alg not in issuer.algorithms:
            expected = sorted(issuer.algorithms)
            raise InvalidToken("algorithm_not_allowed", expected=expected, found=alg)
        check_type(compact.header, issuer.profile)
        kid = compact.header.get("kid")
        keys = issuer.keys.find(kid, alg)
        try:
            check_signature(compact, alg, keys)
        except InvalidToken as refusal:
            refusal.expected = describe_keys(issuer.keys.held(), kid, alg)
            if keys:
                report_bad_signature(issuer.keys, kid, alg)
            raise
        self._record("signature", issuer, alg, compact.header)

    def _verified_token(
        self, issuer: Issuer, claims: dict[str, Any], dates: Dates, keys_before: KeySet | None
    ) -> VerifiedToken:
        scopes = self._cache.shared_scopes(granted_scopes(claims, issuer.scope_claim))
        valid_from, valid_until = validity_window(dates, issuer.profile)
        keys = keys_before
        if keys is not issuer.keys.held():
            keys = None
        return VerifiedToken(keys, issuer, dates, scopes, valid_from, valid_until)

    def _judge_now(
        self, token: str, verified: VerifiedToken, claims: dict[str, Any] | None = None
    ) -> Auth:
        """Check what another moment may change: times, predicates, revocation."""
        _, issuer, dates, scopes, valid_from, valid_until = verified
        profile = issuer.profile
        now = self.clock()
        if not valid_from <= now < valid_until:
            check_times(dates, profile, now)
        auth = Auth(token, issuer.issuer, scopes, now, claims)
        if profile.predicates:
            check_predicates(auth.claims, profile)
        if profile.header_predicates:
            check_header_predicates(auth.header, profile)
        if self._is_revoked is not None:
            _check_revocation(auth, self._is_revoked)
        return auth

    def _is_current(self, verified: VerifiedToken) -> bool:
        """True if the issuer still holds the same keys, and its name still means this issuer."""
        issuer = verified.issuer
        if self._issuers.resolvers and self._issuers.get(issuer.issuer) is not issuer:
            return False
        return verified.keys is issuer.keys.held()

    def _cache_header(self, compact: Compact) -> None:
        """Cache a header under a good signature: an issuer has few, and strangers add none."""
        segment = compact.protected
        if self._max_headers == 0 or len(segment) > _MAX_HEADER_CHARACTERS:
            return
        if len(self._headers) >= self._max_headers:
            self._headers.clear()
        self._headers[segment] = compact.header

    def _choose_issuer(self, claims: dict[str, Any]) -> Issuer:
        """Return the trusted issuer that the unverified `iss` names."""
        name = required_claim(claims, "iss")
        if not isinstance(name, str):
            raise InvalidToken("claim_malformed", expected="iss a string", found=name)
        issuer = self._issuers.get(name)
        if issuer is None:
            raise InvalidToken("issuer_mismatch", expected=self._issuers.description, found=name)
        return issuer


def _discard(*_: object) -> None:
    """Record nothing."""


def _check_bound(option: str, bound: object) -> None:
    if type(bound) is not int or bound < 0:
        raise ValueError(f"{option}={bound!r}: write a whole number, 0 to cache none")


def _all_algorithms(issuers: IssuerRegistry) -> frozenset[str]:
    """Return the algorithms that any issuer allows; with a resolver, all there are."""
    if issuers.resolvers:
        return frozenset(ALGORITHMS)
    allowed: set[str] = set()
    for issuer in issuers.configured.values():
        allowed |= issuer.algorithms
    return frozenset(allowed)


def _may_pad(issuers: IssuerRegistry) -> bool:
    """Return True if an issuer pads its tokens; with a resolver, one of its issuers may."""
    if issuers.resolvers:
        return True
    return any(issuer.profile.padded for issuer in issuers.configured.values())


def _check_revocation(auth: Auth, is_revoked: IsRevoked) -> None:
    """Refuse a revoked token; raise `KeysUnavailable` if the callback fails."""
    try:
        revoked = ask(is_revoked, auth, name="is_revoked", consequence="refusing", logger=logger)
    except CallbackFailed:
        raise KeysUnavailable("revocation_unknown") from None
    if revoked:
        raise InvalidToken("token_revoked")
