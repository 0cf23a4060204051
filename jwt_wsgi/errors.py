"""Every refusal, and the closed list of reasons that bodies, logs and metrics share.

The classes are pure: they know nothing of WSGI, realms or the request. How one
is answered is the business of `jwt_wsgi.middleware.responses`.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

#: reason -> what the client is told. The list is closed: no other reason exists.
REASONS: dict[str, str] = {
    "missing_token": "An access token is required",
    "malformed_header": "The Authorization header is not 'Bearer' and one token",
    "several_tokens": "More than one set of credentials was sent",
    "token_too_large": "The token is too large",
    "token_malformed": "The token is malformed",
    "header_unsupported": "The token's header asks for something that is not supported",
    "algorithm_not_allowed": "The token's algorithm is not allowed",
    "type_mismatch": "The token is of another type",
    "issuer_mismatch": "The token's issuer is not trusted here",
    "kid_unknown": "The token's key is not one of the issuer's",
    "signature_invalid": "The token's signature is invalid",
    "audience_mismatch": "The token is meant for another audience",
    "token_expired": "The token has expired",
    "token_not_yet_valid": "The token is not valid yet",
    "token_too_old": "The token was issued too long ago",
    "claim_missing": "The token lacks a required claim",
    "claim_malformed": "A claim of the token is malformed",
    "claim_mismatch": "A claim of the token has not the required value",
    "id_token": "An ID token is not an access token",
    "token_bound": "The token is bound to a key that was not proven",
    "token_revoked": "The token has been revoked",
    "revocation_unknown": "Whether the token was revoked cannot be told at the moment",
    "insufficient_scope": "The token lacks a scope that is required here",
    "claim_forbidden": "The token's claims do not allow this",
    "denied": "This is not allowed",
    "no_rule": "This is not allowed",
    "insufficient_authentication": "Stronger or more recent authentication is required",
    "path_ambiguous": "The path can be read in more than one way",
    "method_ambiguous": "The method is not an upper-case token",
    "mount_unknown": "The application is not mounted here",
    "keys_unavailable": "The issuer's keys cannot be had at the moment",
}


class AuthError(Exception):
    """A refusal, with the answer that the protocol has for it.

    `status` is the HTTP status, `code` the protocol's error code or None, and
    `reason` one of `REASONS`. `scopes` are those the client should ask for;
    `description` replaces the reason's own text in the answer, so it must hold
    nothing of the token. `expected` and `found` are for the log alone.
    """

    status: ClassVar[int] = 401
    code: ClassVar[str | None] = None
    default_reason: ClassVar[str] = "missing_token"

    def __init__(
        self,
        reason: str | None = None,
        *,
        scopes: Iterable[str] = (),
        description: str | None = None,
        expected: object = None,
        found: object = None,
    ) -> None:
        self.reason = reason or self.default_reason
        if self.reason not in REASONS:
            raise ValueError(f"{reason!r} is no reason; the closed list is jwt_wsgi.errors.REASONS")
        super().__init__(self.reason)
        self.scopes = tuple(scopes)
        self.description = description or REASONS[self.reason]
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"{self.reason}: {self.description}"


class InvalidRequest(AuthError):
    """The request itself cannot be judged: a malformed header, two tokens, an ambiguous path."""

    status = 400
    code = "invalid_request"
    default_reason = "malformed_header"


class MissingToken(AuthError):
    """No token where one is needed. Not a bad token, so there is no error code (RFC 6750 §3.1)."""


class InvalidToken(AuthError):
    """The token is malformed, forged, expired or meant for someone else (RFC 6750 §3.1)."""

    code = "invalid_token"
    default_reason = "token_malformed"


class InsufficientAuthentication(AuthError):
    """The user must authenticate again, more strongly or more recently (RFC 9470 §3).

    `acr_values` are authentication context classes, `max_age` is in seconds.
    """

    code = "insufficient_user_authentication"
    default_reason = "insufficient_authentication"

    def __init__(
        self,
        reason: str | None = None,
        *,
        acr_values: Iterable[str] = (),
        max_age: int | None = None,
        **rest: Any,
    ) -> None:
        super().__init__(reason, **rest)
        self.acr_values = tuple(acr_values)
        self.max_age = max_age


class Forbidden(AuthError):
    """The token is good, and what it says does not allow this."""

    status = 403
    code = "forbidden"
    default_reason = "denied"


class InsufficientScope(Forbidden):
    """The token is good and lacks a scope that would help (RFC 6750 §3.1)."""

    code = "insufficient_scope"
    default_reason = "insufficient_scope"


class KeysUnavailable(AuthError):
    """We cannot tell whether the token is good. `retry_after` is in seconds."""

    status = 503
    code = "temporarily_unavailable"
    default_reason = "keys_unavailable"

    def __init__(self, reason: str | None = None, *, retry_after: float = 1.0, **rest: Any) -> None:
        super().__init__(reason, **rest)
        self.retry_after = retry_after
