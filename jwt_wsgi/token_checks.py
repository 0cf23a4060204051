"""The checks of a token whose results stay true as long as its issuer holds the same keys."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from jwt_wsgi.cache import HeaderCache, TokenCache
from jwt_wsgi.errors import AuthError, InvalidToken
from jwt_wsgi.introspection.introspection import Introspection
from jwt_wsgi.introspection.shapes import JWT_DOTS, classify
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.issuer_registry import IssuerRegistry
from jwt_wsgi.jose.claim_lookup import required_claim
from jwt_wsgi.jose.claims import check_type
from jwt_wsgi.jose.compact import (
    Compact,
    check_algorithm,
    check_padding,
    check_signature,
    check_text,
    parse,
    read_segment,
)
from jwt_wsgi.jose.header_members import check_header_values
from jwt_wsgi.jose.keys import describe_keys
from jwt_wsgi.jose.strict_json import read_document
from jwt_wsgi.jwks.source import report_accepted_token, report_bad_signature
from jwt_wsgi.possession.confirmation import scheme_of
from jwt_wsgi.token_facts import VerifiedToken, judge_claims

#: Receives each check that passed: its name, and the values that were compared.
Recorder = Callable[..., object]


@dataclass(slots=True)
class FreshToken:
    """A token that was verified just now.

    Attributes:
        verified: The facts that may be cached.
        issuer: The issuer that signed it.
        claims: The claims, as parsed.
        kid: The token's `kid`, or None.
        alg: The token's algorithm.
    """

    verified: VerifiedToken
    issuer: Issuer
    claims: dict[str, Any]
    kid: Any
    alg: str


class TokenChecks:
    """The checks of tokens that are not cached: the cheap ones first, and nothing fetched early.

    Args:
        issuers: The trusted issuers.
        headers: The cache of parsed headers.
        cache: The cache of tokens, whose sets of scopes are shared.
        max_token_bytes: The longest token that is decoded, in bytes.

    Attributes:
        record: Receives the checks that passed, or None.
    """

    def __init__(
        self,
        issuers: IssuerRegistry,
        headers: HeaderCache,
        cache: TokenCache[VerifiedToken],
        max_token_bytes: int,
    ) -> None:
        self._issuers = issuers
        self._algorithms = issuers.algorithms
        self._accept_padding = issuers.may_pad
        self._headers = headers
        self._cache = cache
        self._max_token_bytes = max_token_bytes
        self.record: Recorder | None = None

    def recorded(self, recorder: Recorder) -> Self:
        """Return the same checks, which report to `recorder`."""
        checks = copy.copy(self)
        checks.record = recorder
        return checks

    def verify(self, token: str) -> FreshToken:
        """Return the facts of a token whose origin and contents are good.

        Its times, predicates, possession and revocation are not checked.

        Raises:
            InvalidToken: The token is not good.
            KeysUnavailable: The keys are temporarily unknown.
        """
        record = self.record
        compact = parse(
            token, self._max_token_bytes, self._headers.known, accept_padding=self._accept_padding
        )
        header = compact.header
        accepted_by = self._headers.accepted_by.get(compact.protected)
        # What one issuer has accepted passes this check.
        alg = (
            header["alg"] if accepted_by is not None else check_algorithm(header, self._algorithms)
        )
        if record is not None:
            record("header", token, self._algorithms, alg)
        claims = read_segment(compact.payload)
        issuer = self._choose_issuer(claims)
        if record is not None:
            record("issuer", issuer)
        # The verified facts belong to this key set if it is still the one held afterwards.
        keys_before = issuer.keys.held()
        if self._accept_padding:
            check_padding(token, padded=issuer.profile.padded)
        if accepted_by is not issuer:
            _check_header(header, alg, issuer)
        kid = header.get("kid")
        self._check_signature(compact, kid, alg, issuer)
        if accepted_by is not issuer:
            self._headers.put(compact.protected, header, issuer)
        verified = self._check_contents(header, claims, issuer)
        if keys_before is issuer.keys.held():
            verified.keys = keys_before
        return FreshToken(verified, issuer, claims, kid, alg)

    def introspect(
        self, introspection: Introspection, token: str, now: float
    ) -> VerifiedToken | None:
        """Return the facts of a token that the endpoint is asked about, or None for another one.

        A JWT is for the `Issuer` that it names. Where there is none of that name, but the
        `Introspection` has it, the endpoint is asked, as it is about every opaque token. Nothing
        that one of them refuses is tried with the other.

        Args:
            introspection: The `Introspection` of the stack.
            token: The token's text.
            now: The time in seconds since the epoch.

        Raises:
            InvalidToken: The token is not good.
            TemporarilyUnavailable: The endpoint does not answer at the moment.
        """
        check_text(token, self._max_token_bytes)
        record = self.record
        if token.count(".") != JWT_DOTS and record is None:
            # A short cut: an answer about a text that is not a JWT is cached for no other reason.
            verified = introspection.find_cached(token, now)
            if verified is not None:
                return verified
        if not self._is_for_endpoint(token, introspection):
            return None
        if record is not None:
            record("text", token, introspection)
        try:
            verified = introspection.verify(token, now)
        except AuthError as refusal:
            refusal.is_introspected = True
            raise
        if record is not None:
            claims = read_document(verified.answer or b"")
            record("answer", introspection, claims)
            record("claims", introspection.profile, claims, verified.dates)
        return verified

    def confirm(self, token: FreshToken) -> None:
        """Note that a token passed every check, so that its issuer and its key are worth keeping.

        Args:
            token: The token.
        """
        if self._issuers.resolvers:
            self._issuers.confirm(token.issuer)
        report_accepted_token(token.issuer.keys, token.kid, token.alg)

    def _is_for_endpoint(self, token: str, introspection: Introspection) -> bool:
        """Return True for a token that the endpoint is asked about.

        Raises:
            InvalidToken: The text is neither a JWT nor one b64token (RFC 6750 §2.1).
        """
        shape = classify(token)
        if not shape.is_jwt:
            if not shape.is_b64token:
                expected = "a JWT or one b64token"
                raise InvalidToken("token_malformed", expected=expected, found="other characters")
            return True
        name = shape.issuer
        return name == introspection.issuer and self._issuers.get(name) is None

    def _check_contents(
        self, header: Mapping[str, Any], claims: dict[str, Any], issuer: Issuer
    ) -> VerifiedToken:
        """Check what stays true for the token's lifetime, and return the facts."""
        try:
            verified = judge_claims(claims, issuer)
            if issuer.profile.header_fixed:
                check_header_values(header, issuer.profile)
        except AuthError as refusal:
            refusal.token_scheme = scheme_of(claims)
            refusal.demand = issuer.binding_rules.demand
            raise
        if self.record is not None:
            self.record("claims", issuer.profile, claims, verified.dates)
        verified.share_scopes(self._cache.shared)
        return verified

    def _check_signature(self, compact: Compact, kid: str | None, alg: str, issuer: Issuer) -> None:
        """Check the signature against the keys of this one issuer."""
        # The source is asked for each token: it may fetch, or have stopped using a key.
        keys = issuer.keys.find(kid, alg)
        try:
            check_signature(compact, alg, keys)
        except InvalidToken as refusal:
            refusal.expected = describe_keys(issuer.keys.held(), kid, alg)
            if keys:
                report_bad_signature(issuer.keys, kid, alg)
            raise
        if self.record is not None:
            self.record("signature", issuer, alg, compact.header)

    def _choose_issuer(self, claims: dict[str, Any]) -> Issuer:
        """Return the trusted issuer that the unverified `iss` names."""
        name = claims.get("iss")
        if not isinstance(name, str):
            found = required_claim(claims, "iss")
            raise InvalidToken("claim_malformed", expected="iss a string", found=found)
        issuer = self._issuers.get(name)
        if issuer is None:
            raise InvalidToken("issuer_mismatch", expected=self._issuers.description, found=name)
        return issuer


def _check_header(header: Mapping[str, Any], alg: str, issuer: Issuer) -> None:
    """Check the algorithm and the type against this one issuer."""
    if alg not in issuer.algorithms:
        expected = sorted(issuer.algorithms)
        raise InvalidToken("algorithm_not_allowed", expected=expected, found=alg)
    check_type(header, issuer.profile)
