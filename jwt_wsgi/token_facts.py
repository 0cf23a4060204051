"""The facts of a token that stay true for its lifetime, judged alike for every kind of token."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from jwt_wsgi.jose.claim_lookup import ClaimName, granted_scopes
from jwt_wsgi.jose.claims import Dates, TokenProfile, check_audience, check_claims, validity_window
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


class VerifiedToken(NamedTuple):
    """The facts of a token that stay true as long as its issuer says the same.

    Between `valid_from` and `valid_until` (seconds since the epoch) nothing about its times can be
    wrong. `effective_scopes` are the scopes with all that they imply, and the same object as
    `scopes` where they imply no others. `keys` is the key set that the facts of a JWT belong to. It
    is None where the key set changed during verification: the token is then good for this request,
    and is not cached.
    `confirmation` tells the keys that the token is bound to. `answer` is what the endpoint said
    about a token that was introspected, and None for a JWT.
    """

    keys: KeySet | None
    issuer: TrustedIssuer
    dates: Dates
    scopes: frozenset[str]
    effective_scopes: frozenset[str]
    valid_from: float
    valid_until: float
    confirmation: Confirmation | None = None
    answer: bytes | None = None


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
    valid_from, valid_until = validity_window(dates, issuer.profile)
    scopes = granted_scopes(claims, issuer.scope_claim)
    effective_scopes = issuer.scope_hierarchy.effective_scopes(scopes)
    return VerifiedToken(
        None, issuer, dates, scopes, effective_scopes, valid_from, valid_until, confirmation
    )


def with_shared_scopes(
    verified: VerifiedToken, share: Callable[[frozenset[str]], frozenset[str]]
) -> VerifiedToken:
    """Return the facts with the sets of scopes that other cached tokens have as well.

    Args:
        verified: The facts of a token.
        share: Returns the object that cached tokens with a set of scopes share.
    """
    scopes = share(verified.scopes)
    effective_scopes = scopes
    if verified.effective_scopes is not verified.scopes:
        effective_scopes = share(verified.effective_scopes)
    return verified._replace(scopes=scopes, effective_scopes=effective_scopes)
