"""The judgement of an endpoint's answer about one token (RFC 7662 §2.2). Pure."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from jwt_wsgi.bindings import DPOP, DPOP_SCHEME
from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.jose.claim_lookup import ABSENT
from jwt_wsgi.jose.claims import TokenProfile, check_times, media_type
from jwt_wsgi.jose.strict_json import read_document
from jwt_wsgi.possession.confirmation import scheme_of
from jwt_wsgi.token_facts import TrustedIssuer, VerifiedToken, judge_claims

#: The values of `token_type` that an access token has (RFC 6750, RFC 9449), in lower case.
_TOKEN_TYPES: Final = frozenset({"bearer", "dpop"})
#: The members with which servers name the kind of a token, and the values for access tokens, as
#: `media_type` returns them. They are not registered; Keycloak, Hydra and Cognito write them.
_KINDS: Final[Mapping[str, frozenset[str]]] = {
    "typ": frozenset({"bearer", "dpop", "jwt", "at+jwt", "access", "access_token"}),
    "token_use": frozenset({"access", "access_token"}),
}
#: What is found where the endpoint says that a token is not active.
INACTIVE: Final = "active false"
#: Characters of a refused value that are kept.
_MAX_FOUND: Final = 200


class Refusal(NamedTuple):
    """The answer about a token that is refused, small enough to be cached.

    Attributes:
        reason: One of `jwt_wsgi.errors.REASONS`.
        is_active: True if the endpoint called the token active.
        expected: The value that would have been accepted.
        found: The value that the answer has, cut.
        token_scheme: The scheme under which the token must be sent, or None.
    """

    reason: str
    is_active: bool
    expected: object = None
    found: object = None
    token_scheme: str | None = None

    def error(self) -> InvalidToken:
        """Return the error of this refusal."""
        error = InvalidToken(self.reason, expected=self.expected, found=self.found)
        error.token_scheme = self.token_scheme
        return error


#: Keeps the claims of a token that are read as long as its answer is cached.
Keep = Callable[[VerifiedToken, Mapping[str, Any]], None]

#: What an endpoint said about a token, judged.
Answer = VerifiedToken | Refusal


def inactive(found: object) -> Refusal:
    """Return the answer about a token that is not active.

    Args:
        found: What the endpoint said, for the log.
    """
    return Refusal("token_inactive", False, "active true", found)


def judge(document: bytes, issuer: TrustedIssuer, now: float, keep: Keep | None = None) -> Answer:
    """Return the judged answer of an endpoint.

    Args:
        document: The body of the response.
        issuer: The issuer that was asked.
        now: The time in seconds since the epoch.
        keep: Keeps the claims that are read; None keeps none.

    Raises:
        ValueError: It is not an answer: not strict JSON, or without `active` as a boolean.
    """
    members = read_document(document)
    active = members.get("active", ABSENT)
    if active is False:
        return inactive(INACTIVE)
    if active is not True:
        raise ValueError("its member active is missing, or neither true nor false (RFC 7662 §2.2)")
    try:
        verified = _check_members(members, issuer)
        check_times(verified.dates, issuer.profile, now)
    except InvalidToken as error:
        scheme = scheme_of(members)
        return Refusal(error.reason, True, error.expected, _cut(error.found), scheme)
    verified.answer = document
    if keep is not None:
        keep(verified, members)
    return verified


def _check_members(members: Mapping[str, Any], issuer: TrustedIssuer) -> VerifiedToken:
    _check_kind(members, issuer.profile)
    _check_issuer(members, issuer.issuer)
    verified = judge_claims(members, issuer)
    bindings = () if verified.confirmation is None else verified.confirmation.bindings
    if _is_dpop(members) and DPOP not in bindings:
        # The endpoint withholds the key, and the token would pass as one that is not bound.
        raise InvalidToken("token_bound", expected="jkt in cnf", found="token_type DPoP without it")
    return verified


def _check_kind(members: Mapping[str, Any], profile: TokenProfile) -> None:
    """Check that the token is an access token: endpoints call refresh tokens active, too."""
    token_type = members.get("token_type", ABSENT)
    if token_type is ABSENT:
        if profile.audiences is None:
            raise InvalidToken("claim_missing", expected="token_type", found=ABSENT)
    elif not isinstance(token_type, str) or token_type.lower() not in _TOKEN_TYPES:
        expected = "token_type Bearer or DPoP"
        raise InvalidToken("type_mismatch", expected=expected, found=token_type)
    for name, accepted in _KINDS.items():
        kind = members.get(name, ABSENT)
        if kind is ABSENT:
            continue
        if not isinstance(kind, str) or media_type(kind) not in accepted:
            expected = f"{name} of an access token"
            raise InvalidToken("type_mismatch", expected=expected, found=kind)


def _check_issuer(members: Mapping[str, Any], issuer: str) -> None:
    name = members.get("iss", ABSENT)
    if name is ABSENT:
        return
    if not isinstance(name, str):
        raise InvalidToken("claim_malformed", expected="iss a string", found=name)
    if name != issuer:
        raise InvalidToken("issuer_mismatch", expected=issuer, found=name)


def _is_dpop(members: Mapping[str, Any]) -> bool:
    token_type = members.get("token_type")
    return isinstance(token_type, str) and token_type.lower() == DPOP_SCHEME.lower()


def _cut(found: object) -> object:
    """Return a refused value for the cache: numbers as they are, and the beginning of others."""
    if found is None or found is ABSENT or isinstance(found, int | float):
        return found
    text = found if isinstance(found, str) else ascii(found)
    if len(text) <= _MAX_FOUND:
        return found
    return text[:_MAX_FOUND]
