"""`Verifier`: a token in, its `Auth` out, or the reason why not. Knows nothing of WSGI."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from jwt_wsgi.auth import Auth
from jwt_wsgi.cache import TokenCache
from jwt_wsgi.errors import InvalidToken, KeysUnavailable
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.issuer_registry import IssuerRegistry, Resolver
from jwt_wsgi.jose import claims as judgement
from jwt_wsgi.jose.algorithms import ALGORITHMS
from jwt_wsgi.jose.claims import Dates
from jwt_wsgi.jose.compact import (
    MAX_TOKEN_BYTES,
    Compact,
    check_algorithm,
    check_signature,
    parse,
    read_segment,
)
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.options import must

logger = logging.getLogger("jwt_wsgi.verifier")

#: How many headers are remembered, and how long one may be.
_HEADERS, _HEADER_CHARACTERS = 2048, 256

#: How many different sets of scopes the tokens that are remembered share.
_SCOPES = 1024

#: Whether a token that is otherwise good was revoked; what it raises refuses with 503.
IsRevoked = Callable[[Auth], object]


#: What stays true of a token as long as the key set is the one that is held; None: for this once.
#: Between the two moments at the end nothing about its times can be wrong.
_Facts = tuple[KeySet | None, Issuer, Dates, frozenset[str], float, float]


class Verifier:
    """Judges tokens of one or several issuers.

    A resolver may stand for issuers that are not known yet: a callable that is
    given the unverified `iss` and answers the `Issuer` of that very name, or None.
    `is_revoked(auth)` is asked last, for every token. `max_token_bytes` bounds a
    token before it is decoded. Good signatures are remembered, `max_remembered`
    tokens and `max_remembered_bytes` at most, 0 for none; times, predicates and
    revocation are judged every time. `clock` is in seconds since the epoch.
    Raises `ValueError` for issuers that are none, or the same one twice.
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
        self._issuers = IssuerRegistry(issuers)
        #: How many issuers are trusted; a resolver stands for more than one.
        self.trusted = len(self._issuers.configured) + 2 * len(self._issuers.resolvers)
        lists = [issuer.algorithms for issuer in self._issuers.configured.values()]
        self._algorithms = frozenset(ALGORITHMS if self._issuers.resolvers else ()).union(*lists)
        fits = type(max_token_bytes) is int and max_token_bytes > 0
        must(fits, f"max_token_bytes={max_token_bytes!r}: write a whole number above 0")
        for option, bound in (
            ("max_remembered", max_remembered),
            ("max_remembered_bytes", max_remembered_bytes),
        ):
            must(
                type(bound) is int and bound >= 0,
                f"{option}={bound!r}: write a whole number, 0 for no memory",
            )
        self._memory: TokenCache[_Facts] = TokenCache(max_remembered, max_remembered_bytes)
        self._headers: dict[str, dict[str, Any]] = {}
        self._scopes: dict[frozenset[str], frozenset[str]] = {}
        self._max_token_bytes = max_token_bytes
        self._is_revoked = is_revoked
        self._clock = clock

    def verify(self, token: str) -> Auth:
        """What `token` says, all of it checked.

        Raises `InvalidToken` for a token that is not good, `KeysUnavailable`
        where that cannot be told.
        """
        facts = self._memory.get(token) if type(token) is str else None
        if facts is not None and self._stand(facts):
            return self._judge(token, facts)
        compact = parse(token, self._max_token_bytes, self._headers)
        check_algorithm(compact.header, self._algorithms)
        claims = read_segment(compact.payload)
        issuer = self._issuer(claims)
        # The keys are of this epoch where it is still the one afterwards.
        epoch = issuer.keys.held()
        _check_origin(compact, issuer)
        if compact.protected not in self._headers:
            self._know(compact.protected, compact.header)
        dates = judgement.check_claims(claims, issuer.profile)
        scopes = self._shared(judgement.granted_scopes(claims, issuer.scope_claim))
        begin, end = judgement.validity_window(dates, issuer.profile)
        keys = epoch if epoch is issuer.keys.held() else None
        facts = keys, issuer, dates, scopes, begin, end
        auth = self._judge(token, facts, claims)
        if keys is not None:
            self._memory.put(token, facts)
        return auth

    def _judge(self, token: str, facts: _Facts, claims: dict[str, Any] | None = None) -> Auth:
        """What another moment may change; `claims` are given where they were read."""
        _, issuer, dates, scopes, begin, end = facts
        profile, now = issuer.profile, self._clock()
        if not begin <= now < end:
            judgement.check_times(dates, profile, now)
        auth = Auth(token, issuer.issuer, scopes, now, claims)
        if profile.predicates:
            judgement.check_predicates(auth.claims, profile)
        if self._is_revoked is not None:
            check_revocation(auth, self._is_revoked)
        return auth

    def _stand(self, facts: _Facts) -> bool:
        """Whether the keys are those that are held still, and the issuer what its name stands for still."""
        keys, issuer = facts[0], facts[1]
        trusted = not self._issuers.resolvers or self._issuers.get(issuer.issuer) is issuer
        return trusted and keys is issuer.keys.held()

    def _know(self, segment: str, header: dict[str, Any]) -> None:
        """Headers under a good signature need not be read again: an issuer has few, and strangers add none."""
        if len(segment) <= _HEADER_CHARACTERS:
            if len(self._headers) >= _HEADERS:
                self._headers.clear()
            self._headers[segment] = header

    def _shared(self, scopes: frozenset[str]) -> frozenset[str]:
        """The same scopes are the same object for all tokens that are remembered."""
        if len(self._scopes) >= _SCOPES:
            self._scopes.clear()
        return self._scopes.setdefault(scopes, scopes)

    def _issuer(self, claims: dict[str, Any]) -> Issuer:
        """Unverified, `iss` only picks among the trusted ones."""
        name = judgement.required_claim(claims, "iss")
        if not isinstance(name, str):
            raise InvalidToken("claim_malformed", expected="iss a string", found=name)
        issuer = self._issuers.get(name)
        if issuer is None:
            raise InvalidToken(
                "issuer_mismatch", expected=sorted(self._issuers.configured), found=name
            )
        return issuer


def check_revocation(auth: Auth, is_revoked: IsRevoked) -> None:
    """Raises `InvalidToken` for a revoked token, `KeysUnavailable` where that cannot be told."""
    try:
        revoked = bool(is_revoked(auth))
    except Exception as error:  # noqa: BLE001 (a stranger's code may raise anything)
        # The type alone: the text of the exception may quote the token.
        logger.error("is_revoked raised %s; refusing", type(error).__name__)
        raise KeysUnavailable("revocation_unknown") from None
    if revoked:
        raise InvalidToken("token_revoked")


def _check_origin(compact: Compact, issuer: Issuer) -> None:
    """The allow-list, the key and the algorithm meet here: all of them are this issuer's."""
    alg = check_algorithm(compact.header, issuer.algorithms)
    judgement.check_type(compact.header, issuer.profile)
    check_signature(compact, alg, issuer.keys.find(compact.header.get("kid"), alg))
