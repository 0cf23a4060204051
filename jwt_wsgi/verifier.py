"""`Verifier`: a token in, its `Auth` out, or the reason why not. Knows nothing of WSGI."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from jwt_wsgi.auth import Auth
from jwt_wsgi.configuration import must
from jwt_wsgi.errors import InvalidToken, KeysUnavailable
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.issuers import Issuers, Resolver
from jwt_wsgi.jose import claims as judgement
from jwt_wsgi.jose.algorithms import ALGORITHMS
from jwt_wsgi.jose.compact import MAX_TOKEN_BYTES, Compact, check_signature, parse, signed_with, token_object

logger = logging.getLogger("jwt_wsgi.verifier")

#: Whether a token that is otherwise good was revoked; what it raises refuses with 503.
IsRevoked = Callable[[Auth], object]


class Verifier:
    """Judges tokens of one or several issuers.

    A resolver may stand for issuers that are not known yet: a callable that is
    given the unverified `iss` and answers the `Issuer` of that very name, or None.
    `is_revoked(auth)` is asked last, for every token. `max_token_bytes` bounds a
    token before it is decoded. `clock` is in seconds since the epoch. Raises
    `ValueError` for issuers that are none, or the same one twice.
    """

    def __init__(
        self,
        issuers: Issuer | Resolver | Iterable[Issuer | Resolver],
        *,
        is_revoked: IsRevoked | None = None,
        max_token_bytes: int = MAX_TOKEN_BYTES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._issuers = Issuers(issuers)
        lists = [issuer.algorithms for issuer in self._issuers.configured.values()]
        self._algorithms = frozenset(ALGORITHMS if self._issuers.resolvers else ()).union(*lists)
        fits = type(max_token_bytes) is int and max_token_bytes > 0
        must(fits, f"max_token_bytes={max_token_bytes!r}: write a whole number above 0")
        self._max_token_bytes = max_token_bytes
        self._is_revoked = is_revoked
        self._clock = clock

    def verify(self, token: str) -> Auth:
        """What `token` says, all of it checked.

        Raises `InvalidToken` for a token that is not good, `KeysUnavailable`
        where that cannot be told.
        """
        compact = parse(token, self._max_token_bytes)
        signed_with(compact.header, self._algorithms)
        claims = token_object(compact.payload)
        issuer = self._issuer(claims)
        _check_origin(compact, issuer)
        profile = issuer.profile
        dates = judgement.judge_standing(claims, profile)
        judgement.judge_times(dates, profile, self._clock())
        judgement.judge_predicates(claims, profile)
        scopes = judgement.granted_scopes(claims, issuer.scope_claim)
        auth = Auth(claims=claims, header=compact.header, token=token, issuer=issuer.issuer, scopes=scopes)
        check_revocation(auth, self._is_revoked)
        return auth

    def _issuer(self, claims: dict[str, Any]) -> Issuer:
        """Unverified, `iss` only picks among the trusted ones."""
        name = judgement.present(claims, "iss")
        if not isinstance(name, str):
            raise InvalidToken("claim_malformed", expected="iss a string", found=name)
        issuer = self._issuers.get(name)
        if issuer is None:
            raise InvalidToken("issuer_mismatch", expected=sorted(self._issuers.configured), found=name)
        return issuer


def check_revocation(auth: Auth, is_revoked: IsRevoked | None) -> None:
    """Raises `InvalidToken` for a revoked token, `KeysUnavailable` where that cannot be told."""
    if is_revoked is None:
        return
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
    alg, kid = signed_with(compact.header, issuer.algorithms)
    judgement.judge_type(compact.header, issuer.profile)
    check_signature(compact, alg, issuer.keys.find(kid, alg))
