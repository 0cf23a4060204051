"""Refusals: the error for a token that does not satisfy a condition. Pure."""

from itertools import islice
from typing import Any, Final

from jwt_wsgi.auth import Auth
from jwt_wsgi.errors import (
    AuthError,
    Forbidden,
    InsufficientAuthentication,
    InsufficientScope,
    InvalidToken,
    MissingToken,
)
from jwt_wsgi.jose.claim_lookup import ClaimName, loggable, lookup
from jwt_wsgi.policy.access import Requirement, leaves
from jwt_wsgi.policy.shortfall import Distance, Shortfall

#: How many implied scopes a log shows, so that a refusal costs no more with a large hierarchy.
_MAX_IMPLIED: Final = 10


def refusal_of(condition: Requirement, shortfall: Shortfall, auth: Auth | None) -> AuthError:
    """Return the refusal of a caller who does not satisfy a condition.

    Args:
        condition: The condition.
        shortfall: How far the caller is from satisfying it, and what would help.
        auth: The caller's verified token, or None without one.
    """
    if auth is None:
        return MissingToken(scopes=shortfall.scopes)
    if shortfall.distance is Distance.SCOPE_LACKING:
        return InsufficientScope(
            scopes=shortfall.scopes, expected=str(condition), found=_scopes_compared(auth)
        )
    if shortfall.distance is Distance.NOT_BOUND:
        bindings = " and ".join(sorted(auth.possession.bindings))
        return InvalidToken(
            "token_not_bound",
            scopes=shortfall.scopes,
            expected=str(condition),
            found=f"a token that is bound by {bindings}" if bindings else "an unbound token",
        )
    if shortfall.distance is Distance.STEP_UP:
        return InsufficientAuthentication(
            scopes=shortfall.scopes,
            acr_values=shortfall.acr_values,
            max_age=shortfall.max_age,
            expected=str(condition),
            found=auth.claims.get("acr"),
        )
    return Forbidden(
        "claim_forbidden", expected=str(condition), found=_claims_compared(condition, auth)
    )


def _scopes_compared(auth: Auth) -> list[str] | dict[str, list[str]]:
    """Return the scopes that a condition reads, for the log.

    They are those of the token, and beside them a few that these imply.
    """
    granted = sorted(auth.scopes)
    if auth.effective_scopes is auth.scopes:
        return granted
    implied = (name for name in auth.effective_scopes if name not in auth.scopes)
    return {"scopes": granted, "implied": sorted(islice(implied, _MAX_IMPLIED))}


def _claims_compared(condition: Requirement, auth: Auth) -> dict[str, Any]:
    """Return the claims that a condition reads, for the log; personal values are withheld."""
    compared: dict[str, Any] = {}
    for leaf in leaves(condition):
        name: ClaimName | None = getattr(leaf, "claim", None)
        if name is not None:
            value = loggable(name, lookup(auth.claims, name))
            compared[name if isinstance(name, str) else ".".join(name)] = value
    return compared
