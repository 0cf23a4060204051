"""`Verifier`: a token in, its `Auth` out, or the refusal. Knows nothing of WSGI."""

import copy
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from jwt_wsgi.auth import Auth
from jwt_wsgi.bindings import Alternatives, require_both
from jwt_wsgi.cache import HeaderCache, TokenCache
from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.errors import AuthError
from jwt_wsgi.fapi import check_fits, check_proof_algorithms
from jwt_wsgi.introspection.introspection import Introspection
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.issuer_registry import IssuerRegistry, Trusted
from jwt_wsgi.jose.algorithms import FAPI2_ALGORITHMS
from jwt_wsgi.jose.claims import check_times
from jwt_wsgi.jose.compact import MAX_TOKEN_BYTES
from jwt_wsgi.jose.kept_claims import ClaimRead, KeepingPlan, reads_of
from jwt_wsgi.possession.dpop import DPoP
from jwt_wsgi.possession.evidence import NO_EVIDENCE, Evidence, evidence_of
from jwt_wsgi.possession.judgement import PossessionJudge
from jwt_wsgi.request_checks import RequestChecks, add_demands
from jwt_wsgi.revocation_callback import IsRevoked, reporting
from jwt_wsgi.token_checks import Recorder, TokenChecks
from jwt_wsgi.token_facts import VerifiedToken

#: Bytes that a confirmation adds to a cached token.
_CONFIRMATION_BYTES = 350
#: The part of the cache's bytes that the claims of one token may take.
_KEPT_SHARE = 16


class Verifier:
    """A judge of the tokens of one or several issuers.

    Args:
        issuers: An `Issuer`, a resolver, or several of either. A resolver stands for issuers that
            are not known at construction: a callable that takes the unverified `iss` and returns
            the `Issuer` of exactly that name, or None. One `Introspection` may be among them,
            which is asked about opaque tokens.
        is_revoked: Called last, with the `Auth` of every token that is otherwise good; a true
            result refuses the token. An `AuthError` that it raises is the answer; if it raises
            anything else, the request is answered with 503.
        max_token_bytes: The longest token that is decoded, in bytes.
        max_remembered: How many verified tokens are cached; 0 caches none. Times, predicates and
            revocation are checked for every request.
        max_remembered_bytes: The most bytes that the cached tokens take, scopes and kept claims
            included.
        dpop: How DPoP proofs are checked (RFC 9449). Without it, tokens that are bound by DPoP are
            refused.
        client_certificates: True if callers hand in the client's certificate, which tokens may be
            bound to (RFC 8705). Without it, such tokens are refused.
        clock: Returns the time in seconds since the epoch.

    Attributes:
        trusted: How many issuers are trusted; a resolver counts as more than one.
        issuers: The configured issuers of JWTs. Those that a resolver knows are not among them.
        introspection: The `Introspection` that is asked about opaque tokens, or None.
        scope_hierarchies: The scopes that imply others, for each issuer and each resolver.
        is_revoked: The callback that says whether a token is revoked, or None.
        dpop: The options for DPoP, or None.
        client_certificates: True if tokens may be bound to a client certificate.
        bindings: The bindings of tokens that are checked: `dpop`, `mtls`.
        clock: Returns the time in seconds since the epoch.

    Raises:
        ValueError: For invalid arguments, the same issuer twice, or an issuer whose demands this
            verifier can never satisfy.
    """

    def __init__(
        self,
        issuers: Trusted | Iterable[Trusted],
        *,
        is_revoked: IsRevoked | None = None,
        max_token_bytes: int = MAX_TOKEN_BYTES,
        max_remembered: int = 10_000,
        max_remembered_bytes: int = 2**24,
        dpop: DPoP | None = None,
        client_certificates: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_callables(is_revoked=is_revoked, clock=clock)
        if type(max_token_bytes) is not int or max_token_bytes <= 0:
            raise ValueError(f"max_token_bytes={max_token_bytes!r}: write a whole number above 0")
        _check_bound("max_remembered", max_remembered)
        _check_bound("max_remembered_bytes", max_remembered_bytes)
        _check_possession(dpop, client_certificates)
        self.dpop = dpop
        self.client_certificates = client_certificates
        self._judge = PossessionJudge(dpop, client_certificates=client_certificates)
        self.is_revoked = is_revoked
        self._issuers = IssuerRegistry(issuers, check=self._check_issuer)
        self.issuers = tuple(self._issuers.configured.values())
        self.introspection = self._issuers.introspection
        self.scope_hierarchies = self._issuers.scope_hierarchies
        if dpop is not None and not self._issuers.resolvers and self.introspection is None:
            check_proof_algorithms(self.issuers, dpop)
        self.trusted = len(self._issuers.names) + 2 * len(self._issuers.resolvers)
        self._cache: TokenCache[VerifiedToken] = TokenCache(max_remembered, max_remembered_bytes)
        headers = HeaderCache(0 if self._cache.is_off else max_remembered_bytes)
        self._checks = TokenChecks(self._issuers, headers, self._cache, max_token_bytes)
        self._plan = KeepingPlan([ClaimRead("sub")], max_remembered_bytes // _KEPT_SHARE)
        self.keep_claims(reads_of(is_revoked))
        for issuer in self.issuers:
            self.keep_claims(issuer.profile.claim_reads)
        self._request_checks = RequestChecks(self._judge, is_revoked, self._checks.record)
        self.clock = clock

    @property
    def checks_revocation(self) -> bool:
        """True if every token is checked for revocation."""
        return self.is_revoked is not None

    @property
    def bindings(self) -> frozenset[str]:
        """The bindings of tokens that are checked: `dpop`, `mtls`."""
        return self._judge.bindings

    @property
    def demand(self) -> Alternatives:
        """The keys whose possession is demanded of every token, as alternatives."""
        return require_both(self._judge.demand, self._issuers.demand)

    @property
    def proof_algorithms(self) -> tuple[str, ...]:
        """The algorithms that DPoP proofs may have, as challenges name them.

        If every issuer has the profile "fapi2", they are those that the profile allows.
        """
        if self.dpop is None:
            return ()
        if self._issuers.resolvers or self.introspection is not None:
            return self.dpop.algorithms
        if not all(issuer.is_fapi2 for issuer in self.issuers):
            return self.dpop.algorithms
        return tuple(alg for alg in self.dpop.algorithms if alg in FAPI2_ALGORITHMS)

    @property
    def find_cached(self) -> Callable[[str], object]:
        """Returns something true for a cached token: one that was good in an earlier request."""
        return self._cache.get

    @property
    def reads_header_only(self) -> bool:
        """True if an issuer demands that tokens are sent in the header `Authorization` alone."""
        return any(issuer.is_fapi2 for issuer in self.issuers)

    def keep_claims(self, reads: Sequence[ClaimRead]) -> None:
        """Keep more claims of the tokens that are cached from now on.

        Reading them parses no token that was seen before. The layers call this at construction
        with the reads of their rules; the claims that others read are parsed when they are read.

        Args:
            reads: The reads. Those beyond a bound are not kept.
        """
        self._plan = self._plan.extended(reads)
        if self.introspection is not None:
            self.introspection.answers.keep_claims(reads)

    def verify(
        self,
        token: str,
        *,
        proof: str | None = None,
        method: str | None = None,
        url: str | None = None,
        certificate: bytes | None = None,
    ) -> Auth:
        """Return what `token` says, after all checks.

        Args:
            token: The token's text.
            proof: The header `DPoP` that was sent with it, or None for a token under Bearer.
            method: The request method that the proof was sent with.
            url: The URL of the request that the proof was sent with. It must lie under one of the
                base URLs of `dpop`.
            certificate: The client's certificate as DER, or None.

        Raises:
            InvalidToken: The token is not good, or its key was not proven.
            InvalidProof: The proof is missing, bad, or was used before.
            TemporarilyUnavailable: The keys, the token's revocation status, or the store of used
                proofs are temporarily unknown.
            ValueError: A proof without `method` or `url`.
        """
        evidence = NO_EVIDENCE
        if proof is not None or certificate is not None:
            evidence = evidence_of(proof, method, url, certificate)
        return self.verify_request(token, evidence)

    def verify_request(self, token: str, evidence: Evidence) -> Auth:
        """Return what the token of a request says, after all checks.

        Args:
            token: The token's text.
            evidence: What the request brings along to prove the token's key.

        Raises:
            AuthError: As for `verify`.
        """
        fresh = None
        claims = None
        verified = self._find_current(token)
        if verified is None and self.introspection is not None:
            verified = self._checks.introspect(self.introspection, token, self.clock())
        if verified is None:
            fresh = self._checks.verify(token)
            verified = fresh.verified
            claims = fresh.claims
        try:
            now = self.clock()
            if not verified.valid_from <= now < verified.valid_until:
                check_times(verified.dates, verified.issuer.profile, now)
            if claims is not None:
                # Before any callback can change the claims of this request.
                self._keep(verified, claims)
            auth = self._request_checks.judge(token, verified, claims, evidence, now, self.clock)
        except AuthError as refusal:
            add_demands(refusal, verified)
            raise
        if fresh is not None:
            self._checks.confirm(fresh)
            self._remember(token, verified)
        return auth

    def recorded(
        self, recorder: Recorder, *, clock: Callable[[], float] | None = None
    ) -> "Verifier":
        """Return a verifier with the same issuers and options that reports its checks.

        It makes every check anew, because it caches no tokens. It does not use up DPoP proofs.

        Args:
            recorder: Called as `recorder(name, *values)` after each group of checks that passed:
                "header", "issuer", "signature", "claims" and "possession", and where revocation is
                checked, "predicates" before `is_revoked` is called and "revocation" after it has
                returned. The values are those that were compared.
            clock: Returns the time to judge tokens at; None is this verifier's own clock.
        """
        verifier = copy.copy(self)
        verifier.clock = clock or self.clock
        verifier._cache = TokenCache(0, 0)  # noqa: SLF001 (its own class)
        verifier._checks = self._checks.recorded(recorder)  # noqa: SLF001 (its own class)
        if self.is_revoked is not None:
            verifier.is_revoked = reporting(self.is_revoked, recorder)
        verifier._request_checks = RequestChecks(  # noqa: SLF001 (its own class)
            self._judge, verifier.is_revoked, recorder, spends_proofs=False
        )
        return verifier

    def _find_current(self, token: str) -> VerifiedToken | None:
        """Return the facts of a token that was seen before, if its issuer still says the same."""
        if type(token) is not str:
            return None
        verified = self._cache.get(token)
        if verified is None:
            return None
        # Only JWTs stand in this cache: an `Introspection` caches its own answers.
        issuer: Issuer = verified.issuer  # type: ignore[assignment]
        if self._issuers.resolvers and self._issuers.get(issuer.issuer) is not issuer:
            return None
        if verified.keys is not issuer.keys.held():
            return None
        return verified

    def _keep(self, verified: VerifiedToken, claims: dict[str, Any]) -> None:
        """Add the claims to keep to the facts of a token that may be cached."""
        if verified.keys is None or self._cache.is_off:
            return
        if self._issuers.resolvers:
            self.keep_claims(verified.issuer.profile.claim_reads)
        verified.keep(self._plan, claims, self._cache.shared)

    def _remember(self, token: str, verified: VerifiedToken) -> None:
        if verified.keys is None:
            return
        extra_bytes = verified.kept_bytes
        if verified.confirmation is not None:
            extra_bytes += _CONFIRMATION_BYTES
        self._cache.put(token, verified, verified.shared_sets, extra_bytes)

    def _check_issuer(self, issuer: Issuer | Introspection) -> None:
        """Check that this verifier can do what an issuer demands."""
        check_fits(issuer, self._judge, checks_revocation=self.checks_revocation)


def _check_possession(dpop: object, client_certificates: object) -> None:
    if dpop is not None and not isinstance(dpop, DPoP):
        raise ValueError(f"dpop={dpop!r}: write DPoP('https://api.example.com'), or leave it out")
    if not isinstance(client_certificates, bool):
        raise ValueError(f"client_certificates={client_certificates!r}: write True or False")


def _check_bound(option: str, bound: object) -> None:
    if type(bound) is not int or bound < 0:
        raise ValueError(f"{option}={bound!r}: write a whole number, 0 to cache none")
