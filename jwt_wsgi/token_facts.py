"""The facts of a token that stay true for its lifetime, judged alike for every kind of token."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from jwt_wsgi.jose.claim_lookup import ClaimName, granted_scopes
from jwt_wsgi.jose.claims import Dates, TokenProfile, check_audience, check_claims, validity_window
from jwt_wsgi.jose.kept_claims import KeptClaims
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.possession.confirmation import Confirmation, read_confirmation
from jwt_wsgi.possession.judgement import BindingRules
from jwt_wsgi.scope_hierarchy import ScopeHierarchy


class ActivityCheck(Protocol):
    """An endpoint that tells if a token is active."""

    def check_active(self, token: str, now: float) -> None:
        """Check that a token whose signature is valid is active."""


class TrustedIssuer(Protocol):
    """An issuer, of JWTs or of opaque tokens, and what it demands of its tokens."""

    @property
    def issuer(self) -> str:
        """The issuer's name."""

    @property
    def profile(self) -> TokenProfile:
        """The requirements for its tokens."""

    @property
    def scope_claim(self) -> ClaimName | None:
        """The claim that grants scopes, or None for the usual ones."""

    @property
    def scope_hierarchy(self) -> ScopeHierarchy:
        """The scopes that imply others."""

    @property
    def binding_rules(self) -> BindingRules:
        """The rules about tokens that are bound to a key."""

    @property
    def introspect(self) -> ActivityCheck | None:
        """The endpoint that is asked as well, or None."""


class VerifiedToken(KeptClaims):
    """The facts of a token that stay true as long as its issuer says the same.

    They are completed before the token is cached, and never changed afterwards.

    Args:
        issuer: The issuer of the token.
        dates: The times of the token.
        scopes: The granted scopes.
        effective_scopes: The scopes with all that they imply, and the same object as `scopes` where
            they imply no others.
        confirmation: The keys that the token is bound to, or None.

    Attributes:
        issuer: As the argument.
        scopes: As the argument.
        effective_scopes: As the argument.
        confirmation: As the argument.
        valid_from: The time from which nothing about the token's times can be wrong, in seconds
            since the epoch.
        valid_until: The time until which nothing can be.
        keys: The key set that the facts of a JWT belong to. It is None where the key set changed
            during verification: the token is then good for this request, and is not cached.
        answer: What the endpoint said about a token that was introspected, and None for a JWT.
    """

    __slots__ = (
        "_exp",
        "_iat",
        "_nbf",
        "answer",
        "confirmation",
        "effective_scopes",
        "issuer",
        "keys",
        "scopes",
        "valid_from",
        "valid_until",
    )

    def __init__(
        self,
        issuer: TrustedIssuer,
        dates: Dates,
        scopes: frozenset[str],
        effective_scopes: frozenset[str],
        confirmation: Confirmation | None,
    ) -> None:
        super().__init__()
        self.issuer = issuer
        # Not the object of the three: it would be one more object for each cached token.
        self._exp = dates.exp
        self._nbf = dates.nbf
        self._iat = dates.iat
        self.scopes = scopes
        self.effective_scopes = effective_scopes
        self.confirmation = confirmation
        self.valid_from, self.valid_until = validity_window(dates, issuer.profile)
        self.keys: KeySet | None = None
        self.answer: bytes | None = None

    @property
    def dates(self) -> Dates:
        """The times of the token."""
        return Dates(self._exp, self._nbf, self._iat)

    def share_scopes(self, share: Callable[[frozenset[str]], frozenset[str]]) -> None:
        """Take the sets of scopes that other cached tokens have as well.

        Args:
            share: Returns the object that cached tokens with a set of scopes share.
        """
        scopes = share(self.scopes)
        if self.effective_scopes is self.scopes:
            self.effective_scopes = scopes
        else:
            self.effective_scopes = share(self.effective_scopes)
        self.scopes = scopes

    @property
    def shared_sets(self) -> tuple[frozenset[str], ...]:
        """The sets of strings that other cached tokens may have as well."""
        scopes: tuple[frozenset[str], ...] = (self.scopes,)
        if self.effective_scopes is not self.scopes:
            scopes = (self.scopes, self.effective_scopes)
        return (*scopes, *self.kept_sets)


def judge_claims(claims: Mapping[str, Any], issuer: TrustedIssuer) -> VerifiedToken:
    """Check the claims of a token that is authentic, and return its facts.

    Times, predicates, possession and revocation are not checked.

    Args:
        claims: The claims.
        issuer: The issuer of the token.

    Raises:
        InvalidToken: A claim is missing, malformed, forbidden or has another value.
    """
    check_audience(claims, issuer.profile)
    dates = check_claims(claims, issuer.profile)
    confirmation = read_confirmation(claims)
    scopes = granted_scopes(claims, issuer.scope_claim)
    effective_scopes = issuer.scope_hierarchy.effective_scopes(scopes)
    return VerifiedToken(issuer, dates, scopes, effective_scopes, confirmation)
