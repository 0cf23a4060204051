"""The claims judgement: claims, a token profile and a time in, a refusal or nothing out.

Pure, and split by what can change: `check_claims` looks at what stays true of a
token for ever, `check_times` and `check_predicates` at what another moment may change.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from jwt_wsgi.errors import InvalidToken

logger = logging.getLogger("jwt_wsgi.claims")

#: One claim's name, dots and all, or the path to a nested one.
ClaimName = str | tuple[str, ...]

#: Seconds: dates from here on are no dates, and would overflow in arithmetic.
_END_OF_TIME = 2**53
_NEVER = float("-inf")

_RFC9068_REQUIRED = ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")
_STRINGS = {"jwt": ("sub", "jti"), "at+jwt": ("sub", "jti", "client_id")}
# What tells an ID token (OpenID Connect Core §2), and what binds a token to a key (RFC 7800 §3).
_TELL_TALES = dict.fromkeys(("at_hash", "c_hash", "s_hash"), "id_token") | {"cnf": "token_bound"}
# The media types of an access token, casefolded and without `application/`.
_TYPES = {"jwt": frozenset({"jwt", "at+jwt"}), "at+jwt": frozenset({"at+jwt"})}


class _Absent:
    def __repr__(self) -> str:
        return "absent"


#: What `lookup` answers where there is no such claim; None is a claim's value.
ABSENT = _Absent()


class Dates(NamedTuple):
    """The token's own times, in seconds since the epoch."""

    exp: float
    nbf: float = _NEVER
    iat: float = _NEVER


@dataclass(frozen=True, slots=True)
class TokenProfile:
    """What tokens must look like; `audiences` None waives the audience.

    `leeway` and `max_age` are seconds. `fixed` and `predicates` are the extra
    claims: values, `...` for mere presence, and predicates.
    """

    audiences: frozenset[str] | None
    leeway: float = 30
    max_age: float | None = None
    name: str = "jwt"
    fixed: tuple[tuple[ClaimName, Any], ...] = ()
    predicates: tuple[tuple[ClaimName, Callable[[Any], object]], ...] = ()


def lookup(claims: Mapping[str, Any], name: ClaimName) -> Any:
    """The claim of this name, or `ABSENT`."""
    if isinstance(name, str):
        return claims.get(name, ABSENT)
    value: Any = claims
    for member in name:
        if not isinstance(value, dict) or member not in value:
            return ABSENT
        value = value[member]
    return value


def same(value: Any, other: Any) -> bool:
    """Whether two JSON values are equal in type too: True is not 1, and 1 is not 1.0."""
    if type(value) is not type(other):
        return False
    if isinstance(value, dict):
        return value.keys() == other.keys() and all(same(value[key], other[key]) for key in value)
    if isinstance(value, list):
        return len(value) == len(other) and all(map(same, value, other))
    return bool(value == other)


def satisfies(predicate: Callable[[Any], object], value: Any) -> bool:
    """Whether a user's predicate says yes; one that raises says no, and is logged."""
    try:
        return bool(predicate(value))
    except Exception as error:  # noqa: BLE001 (a stranger's code may raise anything)
        # The type alone: the text of the exception may quote the claim.
        logger.warning("a claim predicate raised %s and refuses", type(error).__name__)
        return False


def granted_scopes(claims: Mapping[str, Any], scope_claim: ClaimName | None) -> frozenset[str]:
    """The scopes of `scope` or else `scp` (RFC 8693 §4.2), or of the one claim given.

    A string is split at U+0020 only; a list holds strings; any other shape grants nothing.
    """
    if scope_claim is None:
        scope_claim = "scope" if "scope" in claims else "scp"
    granted = lookup(claims, scope_claim)
    if isinstance(granted, str):
        names = frozenset(granted.split(" "))
        return names - {""} if "" in names else names
    if isinstance(granted, list) and all(isinstance(name, str) for name in granted):
        return frozenset(granted)
    return frozenset()


def check_claim_name(option: str, name: object) -> ClaimName:
    """`name`, if it can name a claim; `ValueError` that names `option` otherwise."""
    path = name if isinstance(name, tuple) else (name,)
    if not path or not all(isinstance(member, str) and member for member in path):
        raise ValueError(f"{option}: a claim's name is a string, or a tuple of them, not {name!r}")
    checked: ClaimName = name  # type: ignore[assignment]
    return checked


def is_date(value: Any) -> bool:
    """Whether it is a NumericDate (RFC 7519 §2): a number, below 2**53 seconds."""
    return (type(value) is int or type(value) is float) and -_END_OF_TIME < value < _END_OF_TIME


def check_type(header: Mapping[str, Any], profile: TokenProfile) -> None:
    """Raises `InvalidToken` for a `typ` that is not an access token's (RFC 8725 §3.11)."""
    media_type = header.get("typ", "JWT")
    if media_type.lower().removeprefix("application/") not in _TYPES[profile.name]:
        raise InvalidToken("type_mismatch", expected=profile.name, found=header.get("typ", ABSENT))


def check_claims(claims: Mapping[str, Any], profile: TokenProfile) -> Dates:
    """The dates of a token whose claims will always be right; raises `InvalidToken` otherwise."""
    if profile.audiences is not None:
        _judge_audience(required_claim(claims, "aud"), profile.audiences)
    required = _RFC9068_REQUIRED if profile.name == "at+jwt" else ("exp",)
    for name in required if profile.max_age is None else (*required, "iat"):
        if name not in claims:
            raise InvalidToken("claim_missing", expected=name, found=ABSENT)
    exp = _date(claims, "exp")
    nbf = _date(claims, "nbf") if "nbf" in claims else _NEVER
    iat = _date(claims, "iat") if "iat" in claims else _NEVER
    for name in _STRINGS[profile.name]:
        if not isinstance(claims.get(name, ""), str):
            raise InvalidToken("claim_malformed", expected=f"{name} a string", found=claims[name])
    for name in _TELL_TALES:
        if name in claims:
            raise InvalidToken(_TELL_TALES[name], found=name)
    for path, wanted in profile.fixed:
        value = required_claim(claims, path)
        if wanted is not ... and not same(value, wanted):
            raise InvalidToken("claim_mismatch", expected={path: wanted}, found=value)
    return Dates(exp, nbf, iat)


def check_times(dates: Dates, profile: TokenProfile, now: float) -> None:
    """Raises `InvalidToken` unless the token is good at `now`, seconds since the epoch.

    RFC 7519 §4.1.4 and §4.1.5. An `iat` to come is treated as an `nbf`, and an
    absent one as older than any maximum age.
    """
    leeway, max_age = profile.leeway, profile.max_age
    if now >= dates.exp + leeway:
        raise InvalidToken("token_expired", expected=f"exp after {now}", found=dates.exp)
    begin = max(dates.nbf, dates.iat)
    if now < begin - leeway:
        raise InvalidToken("token_not_yet_valid", expected=f"at most {now}", found=begin)
    if max_age is not None and now - dates.iat > max_age + leeway:
        raise InvalidToken("token_too_old", expected=f"iat after {now - max_age}", found=dates.iat)


def validity_window(dates: Dates, profile: TokenProfile) -> tuple[float, float]:
    """Two moments between which `check_times` has nothing to object, even without a leeway."""
    oldest = dates.exp if profile.max_age is None else min(dates.exp, dates.iat + profile.max_age)
    return max(dates.nbf, dates.iat), oldest


def check_predicates(claims: Mapping[str, Any], profile: TokenProfile) -> None:
    """Raises `InvalidToken` unless every callable check says yes to its claim."""
    for path, predicate in profile.predicates:
        if not satisfies(predicate, required_claim(claims, path)):
            raise InvalidToken("claim_mismatch", expected=f"{path!r} to satisfy a predicate")


def _judge_audience(audience: Any, accepted: frozenset[str]) -> None:
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or not {*map(type, named)} <= {str}:
        raise InvalidToken("claim_malformed", expected="aud a string or strings", found=audience)
    if accepted.isdisjoint(named):
        raise InvalidToken("audience_mismatch", expected=sorted(accepted), found=audience)


def _date(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    if not is_date(value):
        raise InvalidToken("claim_malformed", expected=f"{name} a NumericDate", found=value)
    date: float = value
    return date


def required_claim(claims: Mapping[str, Any], path: ClaimName) -> Any:
    """The claim of this name; raises `InvalidToken` where there is none."""
    value = lookup(claims, path)
    if value is ABSENT:
        raise InvalidToken("claim_missing", expected=path, found=ABSENT)
    return value
