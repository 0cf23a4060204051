"""The errors with which a request is refused, and the closed list of their reasons.

The classes are pure: they know nothing of WSGI, realms or the request.
`jwt_wsgi.middleware.responses` turns an error into an HTTP answer.
"""

from collections.abc import Iterable
from typing import ClassVar

from jwt_wsgi.bindings import UNBOUND, Alternatives

#: The text that the client reads, by reason. Bodies, logs and metrics name the reason.
#: The list is closed: no other reason exists.
REASONS: dict[str, str] = {
    "missing_token": "An access token is required",
    "malformed_header": "The Authorization header must be 'Bearer' followed by one token",
    "several_tokens": "More than one set of credentials was sent",
    "token_too_large": "The token is too large",
    "token_malformed": "The token is malformed",
    "header_unsupported": "The token's header contains an unsupported parameter",
    "algorithm_not_allowed": "The token's signature algorithm is not allowed",
    "type_mismatch": "The token's type is not accepted",
    "issuer_mismatch": "The token's issuer is not trusted",
    "kid_unknown": "The token's signing key is not one of the issuer's keys",
    "signature_invalid": "The token's signature is invalid",
    "audience_mismatch": "The token is intended for another audience",
    "token_expired": "The token has expired",
    "token_not_yet_valid": "The token is not yet valid",
    "token_too_old": "The token was issued too long ago",
    "claim_missing": "A required claim is missing",
    "claim_malformed": "A claim is malformed",
    "claim_mismatch": "A claim does not have the required value",
    "id_token": "The token is an ID token, but an access token is required",
    "token_bound": "The token is bound to a key whose possession was not proven",
    "binding_mismatch": "The token is bound to another key than the one that was proven",
    "token_not_bound": "A token that is bound to a key is required",
    "proof_missing": "A DPoP proof is required",
    "proof_malformed": "The DPoP proof is malformed",
    "proof_algorithm_not_allowed": "The DPoP proof's signature algorithm is not allowed",
    "proof_signature_invalid": "The DPoP proof's signature is invalid",
    "proof_mismatch": "The DPoP proof was made for another request or token",
    "proof_expired": "The DPoP proof is too old, or from the future",
    "proof_nonce_required": "The DPoP proof must contain the nonce of this response",
    "proof_replayed": "The DPoP proof was used before",
    "certificate_unavailable": "The client certificate is temporarily unknown",
    "store_unavailable": "A shared store is temporarily unavailable",
    "token_inactive": "The token is not active",
    "introspection_unavailable": "The token's status is temporarily unavailable",
    "token_revoked": "The token has been revoked",
    "revocation_unknown": "The token's revocation status is temporarily unknown",
    "insufficient_scope": "The token lacks a required scope",
    "claim_forbidden": "The token's claims do not allow this request",
    "denied": "This request is not allowed",
    "cross_site": "A cookie does not authorize a request that another site may have caused",
    "origin_not_allowed": "A page of this origin may not call this server",
    "no_rule": "No rule allows this request",
    "insufficient_authentication": "Stronger or more recent authentication is required",
    "path_ambiguous": "The path can be interpreted in more than one way",
    "method_ambiguous": "The request method is not a valid upper-case name",
    "mount_unknown": "The application is mounted at an unexpected path",
    "message_malformed": "The body must be one JSON-RPC message",
    "message_mismatch": "The headers do not match the message in the body",
    "length_required": "The request must say how long its body is",
    "message_too_large": "The body is too large",
    "content_type_unsupported": "The body must be JSON without a content coding",
    "keys_unavailable": "The issuer's keys are temporarily unavailable",
}


class AuthError(Exception):
    """A refusal of a request; the base class of all errors of this package.

    Every argument is also an attribute of the same name.

    Args:
        reason: One of the keys of `REASONS`; None is the class's own default.
        scopes: The scopes that the client should ask for, named in the challenge.
        description: The text that the client reads instead of the reason's own. It must
            not contain anything of the token.
        expected: The value that would have been accepted. It is logged, never sent.
        found: The value that the request had. It is logged, never sent.

    Attributes:
        status: The HTTP status of the answer.
        code: The protocol's error code, or None for an answer without one.
        default_reason: The reason where none is passed.
        demand: The keys whose possession the rule or the issuer demands, as alternatives. The
            challenge offers the schemes that satisfy it.
        token_scheme: The scheme that the token's verified `cnf` demands; None if it is unknown.
        is_introspected: True if an introspection endpoint is asked about such a token, which then
            need not be a JWT.

    Raises:
        ValueError: `reason` is not one of `REASONS`.
    """

    status: ClassVar[int] = 401
    code: ClassVar[str | None] = None
    default_reason: ClassVar[str] = "missing_token"

    demand: Alternatives = UNBOUND
    token_scheme: str | None = None
    is_introspected: bool = False

    def __init__(
        self,
        reason: str | None = None,
        *,
        scopes: Iterable[str] = (),
        description: str | None = None,
        expected: object = None,
        found: object = None,
    ) -> None:
        reason = reason or self.default_reason
        if reason not in REASONS:
            raise ValueError(
                f"{reason!r} is not a reason; the closed list is jwt_wsgi.errors.REASONS"
            )
        self.args = (reason,)  # All that `Exception.__init__` does, which takes longer.
        self.reason = reason
        self.scopes = tuple(scopes)
        self.description = description or REASONS[reason]
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return f"{self.reason}: {self.description}"


class InvalidRequest(AuthError):
    """A refusal of a request that is malformed: its header, its credentials, its path.

    Takes the arguments of `AuthError`. The answer is 400 `invalid_request`.
    """

    status = 400
    code = "invalid_request"
    default_reason = "malformed_header"


class LengthRequired(InvalidRequest):
    """A refusal of a request whose body has no length.

    Takes the arguments of `AuthError`. The answer is 411 `invalid_request` (RFC 9110 §15.5.12).
    """

    status = 411
    default_reason = "length_required"


class MessageTooLarge(InvalidRequest):
    """A refusal of a request whose body is longer than allowed.

    Takes the arguments of `AuthError`. The answer is 413 `invalid_request` (RFC 9110 §15.5.14).
    """

    status = 413
    default_reason = "message_too_large"


class ContentTypeUnsupported(InvalidRequest):
    """A refusal of a request whose body is not of the expected media type, or is encoded.

    Takes the arguments of `AuthError`. The answer is 415 `invalid_request` (RFC 9110 §15.5.16).
    """

    status = 415
    default_reason = "content_type_unsupported"


class MissingToken(AuthError):
    """A refusal of a request without a token, where one is required.

    Takes the arguments of `AuthError`. The answer is 401 without an error code (RFC 6750 §3.1).
    """


class InvalidToken(AuthError):
    """A refusal of a token that is malformed, forged, expired or intended for another API.

    Takes the arguments of `AuthError`. The answer is 401 `invalid_token` (RFC 6750 §3.1).
    """

    code = "invalid_token"
    default_reason = "token_malformed"


class InvalidProof(AuthError):
    """A refusal of a DPoP proof that is missing, malformed, or made for another request or token.

    Takes the arguments of `AuthError`. The answer is 401 `invalid_dpop_proof` (RFC 9449 §7.1).
    """

    code = "invalid_dpop_proof"
    default_reason = "proof_malformed"


class NonceRequired(InvalidProof):
    """A refusal of a good DPoP proof that lacks a current nonce.

    Takes the arguments of `AuthError`. The answer is 401 `use_dpop_nonce`, with a nonce in the
    header `DPoP-Nonce` (RFC 9449 §9).
    """

    code = "use_dpop_nonce"
    default_reason = "proof_nonce_required"


class InsufficientAuthentication(AuthError):
    """A refusal until the user authenticates again, more strongly or more recently.

    Takes the arguments of `AuthError`, and two more. The answer is
    401 `insufficient_user_authentication` (RFC 9470 §3).

    Args:
        acr_values: The authentication context classes of which one is required, named in
            the challenge.
        max_age: The greatest age of the authentication in seconds, named in the challenge.
            None is any age.
    """

    code = "insufficient_user_authentication"
    default_reason = "insufficient_authentication"

    def __init__(
        self,
        reason: str | None = None,
        *,
        acr_values: Iterable[str] = (),
        max_age: int | None = None,
        scopes: Iterable[str] = (),
        description: str | None = None,
        expected: object = None,
        found: object = None,
    ) -> None:
        super().__init__(
            reason, scopes=scopes, description=description, expected=expected, found=found
        )
        self.acr_values = tuple(acr_values)
        self.max_age = max_age


class Forbidden(AuthError):
    """A refusal of a request that the token is valid for, but that its claims do not allow.

    Takes the arguments of `AuthError`. The answer is 403 `forbidden`.
    """

    status = 403
    code = "forbidden"
    default_reason = "denied"


class InsufficientScope(Forbidden):
    """A refusal of a valid token that lacks a required scope.

    Takes the arguments of `AuthError`. The answer is 403 `insufficient_scope` (RFC 6750 §3.1).
    """

    code = "insufficient_scope"
    default_reason = "insufficient_scope"


class TemporarilyUnavailable(AuthError):
    """A refusal because the request cannot be judged now; the base class of every 503.

    Takes the arguments of `AuthError`, and one more. The answer is 503
    `temporarily_unavailable`, with a `Retry-After` header.

    Args:
        retry_after: When the client should try again, in seconds from now.
    """

    status = 503
    code = "temporarily_unavailable"
    default_reason = "store_unavailable"

    def __init__(
        self,
        reason: str | None = None,
        *,
        retry_after: float = 1.0,
        scopes: Iterable[str] = (),
        description: str | None = None,
        expected: object = None,
        found: object = None,
    ) -> None:
        super().__init__(
            reason, scopes=scopes, description=description, expected=expected, found=found
        )
        self.retry_after = retry_after


class KeysUnavailable(TemporarilyUnavailable):
    """A refusal because the token cannot be checked now: keys or revocation are unavailable.

    Takes the arguments of `TemporarilyUnavailable`.
    """

    default_reason = "keys_unavailable"
