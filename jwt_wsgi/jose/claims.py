"""The checks of a token's claims against a token profile and a time (RFC 7519 §4).

They are pure, and split by what can change while a token is cached: the results of
`check_type` and `check_claims` stay true for the token's lifetime, those of `check_times`
and `check_predicates` do not.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from jwt_wsgi.errors import InvalidToken

logger = logging.getLogger("jwt_wsgi.claims")

#: The name of one claim, in which a dot has no meaning, or the path to a nested one.
ClaimName = str | tuple[str, ...]

#: Seconds. A larger number is not a date, and would overflow in arithmetic.
_END_OF_TIME = 2**53

# The tables below have a row for each `TokenProfile.name`.

#: The claims that a token must have (RFC 9068 §2.2); `aud` is checked separately.
_REQUIRED_CLAIMS = {
    "jwt": ("exp",),
    "at+jwt": ("iss", "exp", "aud", "sub", "client_id", "iat", "jti"),
}

#: The claims that must be strings where they are present.
_STRING_CLAIMS = {"jwt": ("sub", "jti"), "at+jwt": ("sub", "jti", "client_id")}

#: The media types of an access token, casefolded and without `application/`.
_ACCEPTED_TYPES = {"jwt": frozenset({"jwt", "at+jwt"}), "at+jwt": frozenset({"at+jwt"})}

#: The claims that an access token must not have, each with the reason of the refusal: the hashes
#: of an ID token (OpenID Connect Core §2), and the binding to a key (RFC 7800 §3).
_FORBIDDEN_CLAIMS = {
    "at_hash": "id_token",
    "c_hash": "id_token",
    "s_hash": "id_token",
    "cnf": "token_bound",
}


class _Absent:
    def __repr__(self) -> str:
        return "absent"


#: The result of `lookup` for a claim that is absent; None is the value of a claim.
ABSENT = _Absent()


class Dates(NamedTuple):
    """The times of a token, in seconds since the epoch; None where the claim is absent."""

    exp: float
    nbf: float | None = None
    iat: float | None = None

    @property
    def begin(self) -> float | None:
        """The later of `nbf` and `iat`, before which the token is not valid."""
        if self.nbf is None:
            return self.iat
        if self.iat is None:
            return self.nbf
        return max(self.nbf, self.iat)


class ValidityWindow(NamedTuple):
    """The times from `begin` to before `end`, in seconds since the epoch."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class TokenProfile:
    """The requirements for the tokens of one issuer.

    Attributes:
        audiences: The accepted audiences; None accepts every audience.
        leeway: The tolerance for clocks that differ, in seconds.
        max_age: The greatest age of a token in seconds, counted from `iat`; None is any age.
        name: The profile of the token's type: `jwt`, or `at+jwt` for RFC 9068.
        fixed: Claims with the values that they must have; `...` accepts every value.
        predicates: Claims with the user callbacks that must accept their values.
    """

    audiences: frozenset[str] | None
    leeway: float = 30
    max_age: float | None = None
    name: str = "jwt"
    fixed: tuple[tuple[ClaimName, Any], ...] = ()
    predicates: tuple[tuple[ClaimName, Callable[[Any], object]], ...] = ()


def lookup(claims: Mapping[str, Any], name: ClaimName) -> Any:
    """Return the claim of this name, or `ABSENT`."""
    if isinstance(name, str):
        return claims.get(name, ABSENT)
    value: Any = claims
    for member in name:
        if not isinstance(value, dict) or member not in value:
            return ABSENT
        value = value[member]
    return value


def required_claim(claims: Mapping[str, Any], name: ClaimName) -> Any:
    """Return the claim of this name.

    Raises:
        InvalidToken: The claim is absent.
    """
    value = lookup(claims, name)
    if value is ABSENT:
        raise InvalidToken("claim_missing", expected=name, found=ABSENT)
    return value


def same(value: Any, other: Any) -> bool:
    """Return whether two JSON values are equal in type too: True is not 1, and 1 is not 1.0."""
    if type(value) is not type(other):
        return False
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(same(value[key], other[key]) for key in value)
    if isinstance(value, list):
        return len(value) == len(other) and all(map(same, value, other))
    return bool(value == other)


def satisfies(predicate: Callable[[Any], object], value: Any) -> bool:
    """Return whether a user callback accepts `value`.

    A callback that raises does not accept it, and is logged.
    """
    try:
        return bool(predicate(value))
    except Exception as error:  # noqa: BLE001 (a user callback may raise anything)
        # The exception's text may quote the claim, so only its type is logged.
        logger.warning("a claim predicate raised %s; it is not satisfied", type(error).__name__)
        return False


def granted_scopes(claims: Mapping[str, Any], scope_claim: ClaimName | None) -> frozenset[str]:
    """Return the scopes of `scope_claim`; None is `scope` (RFC 8693 §4.2), or else `scp`.

    A string is split at U+0020 only, and a list must hold strings. Any other value grants
    nothing.
    """
    if scope_claim is None:
        scope_claim = "scope" if "scope" in claims else "scp"
    value = lookup(claims, scope_claim)
    if isinstance(value, str):
        scopes = frozenset(value.split(" "))
        return scopes - {""} if "" in scopes else scopes
    if isinstance(value, list) and all(isinstance(scope, str) for scope in value):
        return frozenset(value)
    return frozenset()


def check_claim_name(option: str, name: object) -> ClaimName:
    """Return `name`, which must be the name of a claim or the path to one.

    Raises:
        ValueError: It is neither. The text names `option`.
    """
    path = name if isinstance(name, tuple) else (name,)
    if not path or not all(isinstance(member, str) and member for member in path):
        raise ValueError(f"{option}: a claim's name is a string, or a tuple of them, not {name!r}")
    claim_name: ClaimName = name  # type: ignore[assignment]
    return claim_name


def is_date(value: Any) -> bool:
    """Return whether `value` is a NumericDate (RFC 7519 §2): a number, below 2**53 seconds."""
    return (type(value) is int or type(value) is float) and -_END_OF_TIME < value < _END_OF_TIME


def check_type(header: Mapping[str, Any], profile: TokenProfile) -> None:
    """Check that the header's `typ` is that of an access token (RFC 8725 §3.11).

    A header without `typ` counts as `JWT`.

    Raises:
        InvalidToken: The profile does not accept the type.
    """
    media_type = header.get("typ", "JWT")
    if media_type.lower().removeprefix("application/") not in _ACCEPTED_TYPES[profile.name]:
        raise InvalidToken("type_mismatch", expected=profile.name, found=header.get("typ", ABSENT))


def check_audience(claims: Mapping[str, Any], profile: TokenProfile) -> None:
    """Check that the token is meant for an audience that the profile accepts (RFC 7519 §4.1.3).

    Raises:
        InvalidToken: `aud` is missing, malformed or names none of the accepted audiences.
    """
    if profile.audiences is None:
        return
    audience = required_claim(claims, "aud")
    names = [audience] if isinstance(audience, str) else audience
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidToken("claim_malformed", expected="aud a string or strings", found=audience)
    if profile.audiences.isdisjoint(names):
        expected = sorted(profile.audiences)
        raise InvalidToken("audience_mismatch", expected=expected, found=audience)


def check_claims(claims: Mapping[str, Any], profile: TokenProfile) -> Dates:
    """Check the other claims that do not depend on the time, and return the token's dates.

    Raises:
        InvalidToken: A claim is missing, malformed, forbidden or has another value than the
            profile requires.
    """
    _check_presence(claims, profile)
    dates = Dates(
        exp=_read_date(claims, "exp"),
        nbf=_read_date(claims, "nbf") if "nbf" in claims else None,
        iat=_read_date(claims, "iat") if "iat" in claims else None,
    )
    for name in _STRING_CLAIMS[profile.name]:
        if not isinstance(claims.get(name, ""), str):
            raise InvalidToken("claim_malformed", expected=f"{name} a string", found=claims[name])
    for name, reason in _FORBIDDEN_CLAIMS.items():
        if name in claims:
            raise InvalidToken(reason, found=name)
    _check_fixed(claims, profile)
    return dates


def check_times(dates: Dates, profile: TokenProfile, now: float) -> None:
    """Check that a token is valid at a time (RFC 7519 §4.1.4 and §4.1.5).

    `now` is in seconds since the epoch. An `iat` in the future counts as an `nbf`. A token
    without `iat` is older than any maximum age.

    Raises:
        InvalidToken: The token has expired, is not yet valid, or is too old.
    """
    if now >= dates.exp + profile.leeway:
        raise InvalidToken("token_expired", expected=f"exp after {now}", found=dates.exp)
    begin = dates.begin
    if begin is not None and now < begin - profile.leeway:
        raise InvalidToken("token_not_yet_valid", expected=f"at most {now}", found=begin)
    if profile.max_age is not None:
        _check_age(dates.iat, profile.max_age, profile.leeway, now)


def validity_window(dates: Dates, profile: TokenProfile) -> ValidityWindow:
    """Return the times at which `check_times` accepts the token even without a leeway.

    The window is empty where the profile has a maximum age and the token has no `iat`.
    """
    begin = float("-inf") if dates.begin is None else dates.begin
    if profile.max_age is None:
        return ValidityWindow(begin, dates.exp)
    if dates.iat is None:
        return ValidityWindow(begin, float("-inf"))
    return ValidityWindow(begin, min(dates.exp, dates.iat + profile.max_age))


def check_predicates(claims: Mapping[str, Any], profile: TokenProfile) -> None:
    """Check that each of the profile's user callbacks accepts its claim.

    Raises:
        InvalidToken: A claim is absent, or its callback does not accept it.
    """
    for name, predicate in profile.predicates:
        if not satisfies(predicate, required_claim(claims, name)):
            raise InvalidToken("claim_mismatch", expected=f"{name!r} to satisfy a predicate")


def _check_presence(claims: Mapping[str, Any], profile: TokenProfile) -> None:
    for name in _REQUIRED_CLAIMS[profile.name]:
        required_claim(claims, name)
    if profile.max_age is not None:
        required_claim(claims, "iat")


def _read_date(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    if not is_date(value):
        raise InvalidToken("claim_malformed", expected=f"{name} a NumericDate", found=value)
    date: float = value
    return date


def _check_fixed(claims: Mapping[str, Any], profile: TokenProfile) -> None:
    for name, expected in profile.fixed:
        value = required_claim(claims, name)
        if expected is not ... and not same(value, expected):
            raise InvalidToken("claim_mismatch", expected={name: expected}, found=value)


def _check_age(iat: float | None, max_age: float, leeway: float, now: float) -> None:
    earliest = f"iat after {now - max_age}"
    if iat is None:
        raise InvalidToken("token_too_old", expected=earliest, found=ABSENT)
    if now - iat > max_age + leeway:
        raise InvalidToken("token_too_old", expected=earliest, found=iat)
