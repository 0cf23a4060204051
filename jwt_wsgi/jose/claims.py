"""The claims judgement: claims, a token profile and a time in, a refusal or nothing out.

Pure, and split by what can change: `judge_standing` looks at what stays true of a
token for ever, `judge_times` and `judge_predicates` at what another moment may change.
"""

from __future__ import annotations

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

_ID_TOKEN_CLAIMS = ("at_hash", "c_hash", "s_hash")
_RFC9068_CLAIMS = ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")
_STRING_CLAIMS = ("sub", "jti")

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
    nbf: float | None
    iat: float | None


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
    value: Any = claims
    for member in (name,) if isinstance(name, str) else name:
        if not isinstance(value, Mapping) or member not in value:
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
        return frozenset(filter(None, granted.split(" ")))
    if isinstance(granted, list) and all(isinstance(name, str) for name in granted):
        return frozenset(granted)
    return frozenset()


def judge_type(header: Mapping[str, Any], profile: TokenProfile) -> None:
    """Raises `InvalidToken` for a `typ` that is not an access token's (RFC 8725 §3.11)."""
    if "typ" not in header:
        if profile.name == "jwt":
            return
        raise InvalidToken("type_mismatch", expected=profile.name, found=ABSENT)
    media_type = header["typ"].lower().removeprefix("application/")
    if media_type not in _TYPES[profile.name]:
        raise InvalidToken("type_mismatch", expected=profile.name, found=header["typ"])


def judge_standing(claims: Mapping[str, Any], profile: TokenProfile) -> Dates:
    """The dates of a token whose claims will always be right; raises `InvalidToken` otherwise."""
    _judge_audience(claims, profile)
    dates = _dates(claims)
    if profile.name == "at+jwt":
        _require(claims, _RFC9068_CLAIMS)
    if profile.max_age is not None:
        _require(claims, ("iat",))
    for name in (*_STRING_CLAIMS, *(("client_id",) if profile.name == "at+jwt" else ())):
        if not isinstance(claims.get(name, ""), str):
            raise InvalidToken("claim_malformed", expected=f"{name} a string", found=claims[name])
    for name in _ID_TOKEN_CLAIMS:
        if name in claims:
            raise InvalidToken("id_token", found=name)
    if "cnf" in claims:
        raise InvalidToken("token_bound", found="cnf")
    for path, wanted in profile.fixed:
        value = _present(claims, path)
        if wanted is not ... and not same(value, wanted):
            raise InvalidToken("claim_mismatch", expected={path: wanted}, found=value)
    return dates


def judge_times(dates: Dates, profile: TokenProfile, now: float) -> None:
    """Raises `InvalidToken` unless the token is good at `now`, seconds since the epoch.

    RFC 7519 §4.1.4 and §4.1.5. An `iat` to come is treated as an `nbf`.
    """
    leeway = profile.leeway
    if now >= dates.exp + leeway:
        raise InvalidToken("token_expired", expected=f"exp after {now}", found=dates.exp)
    for begin in (dates.nbf, dates.iat):
        if begin is not None and now < begin - leeway:
            raise InvalidToken("token_not_yet_valid", expected=f"at most {now}", found=begin)
    if profile.max_age is not None and now - _issued(dates) > profile.max_age + leeway:
        raise InvalidToken(
            "token_too_old", expected=f"iat after {now - profile.max_age}", found=dates.iat
        )


def judge_predicates(claims: Mapping[str, Any], profile: TokenProfile) -> None:
    """Raises `InvalidToken` unless every callable check says yes to its claim."""
    for path, predicate in profile.predicates:
        value = _present(claims, path)
        if not satisfies(predicate, value):
            raise InvalidToken("claim_mismatch", expected=f"{path!r} to satisfy a predicate")


def _issued(dates: Dates) -> float:
    # Absent only where no maximum age is set; never read as "just now".
    return float("-inf") if dates.iat is None else dates.iat


def _judge_audience(claims: Mapping[str, Any], profile: TokenProfile) -> None:
    if profile.audiences is None:
        return
    _require(claims, ("aud",))
    audience = claims["aud"]
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or not all(isinstance(name, str) for name in audiences):
        raise InvalidToken("claim_malformed", expected="aud a string or strings", found=audience)
    if profile.audiences.isdisjoint(audiences):
        raise InvalidToken("audience_mismatch", expected=sorted(profile.audiences), found=audience)


def _dates(claims: Mapping[str, Any]) -> Dates:
    _require(claims, ("exp",))
    return Dates(
        _date(claims, "exp"),
        *(_date(claims, name) if name in claims else None for name in ("nbf", "iat")),
    )


def _date(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    if type(value) not in (int, float) or not -_END_OF_TIME < value < _END_OF_TIME:
        raise InvalidToken("claim_malformed", expected=f"{name} a NumericDate", found=value)
    date: float = value
    return date


def _require(claims: Mapping[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if name not in claims:
            raise InvalidToken("claim_missing", expected=name, found=ABSENT)


def _present(claims: Mapping[str, Any], path: ClaimName) -> Any:
    value = lookup(claims, path)
    if value is ABSENT:
        raise InvalidToken("claim_missing", expected=path, found=ABSENT)
    return value
