"""A token profile, and the checks of a token's type, claims and times against it.

They are pure, and split by what can change while a token is cached: the results of `check_type`,
`check_audience` and `check_claims` stay true for the token's lifetime, those of `check_times` and
`check_predicates` do not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.jose.claim_lookup import (
    ABSENT,
    ClaimName,
    is_date,
    listed,
    loggable,
    required_claim,
    same,
    satisfies,
)
from jwt_wsgi.jose.kept_claims import ClaimRead
from jwt_wsgi.jose.telling_claims import TELLING_CLAIMS, check_telling_claims

# The tables below have a row for each `TokenProfile.name`.

#: The claims that a token must have (RFC 9068 §2.2); `aud` is checked separately.
_REQUIRED_CLAIMS = {
    "jwt": ("exp",),
    "at+jwt": ("iss", "exp", "aud", "sub", "client_id", "iat", "jti"),
    "introspected": (),
}

#: The claims that must be strings where they are present.
_STRING_CLAIMS = {
    "jwt": ("sub", "jti"),
    "at+jwt": ("sub", "jti", "client_id"),
    "introspected": ("sub", "jti"),
}

#: The media types of an access token, as `media_type` returns them. The answer of an introspection
#: endpoint has no header.
_ACCEPTED_TYPES = {
    "jwt": frozenset({"jwt", "at+jwt"}),
    "at+jwt": frozenset({"at+jwt"}),
    "introspected": frozenset[str](),
}

#: The types of tokens that are signed by an issuer, and never are access tokens: DPoP proofs
#: (RFC 9449 §4.2), security events (RFC 8417 §2.3) and logout tokens (OpenID Connect
#: Back-Channel Logout §2.4).
NEVER_ACCESS_TOKENS = frozenset({"dpop+jwt", "secevent+jwt", "logout+jwt"})

#: The moment before all others, and the one after all others.
_BEFORE_ALL = float("-inf")
_AFTER_ALL = float("inf")

#: The types of elements of an audience, for a comparison in one pass.
_ONLY_STRINGS = frozenset({str})


@dataclass(slots=True)
class Dates:
    """The times of a token, in seconds since the epoch; None where the claim is absent."""

    exp: float | None
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


@dataclass(frozen=True, slots=True)
class TokenProfile:
    """The requirements for the tokens of one issuer.

    The first attributes follow from the others, and are found once.

    Attributes:
        required_claims: The claims that a token must have, beside `aud` and those of `fixed`.
        string_claims: The claims that must be strings where they are present.
        accepted_types: The accepted media types, as `media_type` returns them.
        id_token_audiences: The parties whose ID tokens are accepted; None accepts no ID token.
        audiences: The accepted audiences; None accepts every audience.
        leeway: The tolerance for clocks that differ, in seconds.
        max_age: The greatest age of a token in seconds, counted from `iat`; None is any age.
        name: The profile of the token's type: `jwt`, `at+jwt` for RFC 9068, or `introspected` for
            the answer of an introspection endpoint (RFC 7662), in which every claim is optional.
        types: The accepted media types, as `media_type` returns them; None accepts those of the
            profile.
        allow_id_tokens: True accepts ID tokens too.
        fixed: Claims with the values that they must have; `...` accepts every value.
        predicates: Claims with the user callbacks that must accept their values.
        header_fixed: Members of the header with the values that they must have, as in `fixed`.
        header_predicates: Members of the header with user callbacks, as in `predicates`.
        padded: True if the segments of the tokens are padded.
    """

    required_claims: tuple[str, ...] = field(init=False, repr=False, compare=False)
    string_claims: tuple[str, ...] = field(init=False, repr=False, compare=False)
    accepted_types: frozenset[str] = field(init=False, repr=False, compare=False)
    id_token_audiences: frozenset[str] | None = field(init=False, repr=False, compare=False)
    audiences: frozenset[str] | None
    leeway: float = 30
    max_age: float | None = None
    name: str = "jwt"
    types: frozenset[str] | None = None
    allow_id_tokens: bool = False
    fixed: tuple[tuple[ClaimName, Any], ...] = ()
    predicates: tuple[tuple[ClaimName, Callable[[Any], object]], ...] = ()
    header_fixed: tuple[tuple[ClaimName, Any], ...] = ()
    header_predicates: tuple[tuple[ClaimName, Callable[[Any], object]], ...] = ()
    padded: bool = False

    def __post_init__(self) -> None:
        """Find what follows from the options."""
        required = _REQUIRED_CLAIMS[self.name]
        if self.max_age is not None:
            required = (*required, "iat")
        # A frozen dataclass sets its own attributes so.
        object.__setattr__(self, "required_claims", required)
        object.__setattr__(self, "string_claims", _STRING_CLAIMS[self.name])
        types = _ACCEPTED_TYPES[self.name] if self.types is None else self.types
        object.__setattr__(self, "accepted_types", types)
        accepted = self.audiences if self.allow_id_tokens else None
        object.__setattr__(self, "id_token_audiences", accepted)

    @property
    def claim_reads(self) -> tuple[ClaimRead, ...]:
        """The claims that are read for every request."""
        return tuple(ClaimRead(name) for name, _ in self.predicates)


def media_type(typ: str) -> str:
    """Return a `typ` for comparison: in lower case, without the prefix that may be left out.

    RFC 7515 §4.1.9: `application/` may be left out where no other slash follows.
    """
    name = typ.lower()
    subtype = name.removeprefix("application/")
    return name if "/" in subtype else subtype


def check_type(header: Mapping[str, Any], profile: TokenProfile) -> None:
    """Check that the header's `typ` is one that the profile accepts (RFC 8725 §3.11).

    A header without `typ` counts as `JWT`.

    Raises:
        InvalidToken: The profile does not accept the type.
    """
    if media_type(header.get("typ", "JWT")) not in profile.accepted_types:
        expected: Any = profile.name if profile.types is None else listed(profile.types)
        raise InvalidToken("type_mismatch", expected=expected, found=header.get("typ", ABSENT))


def check_audience(claims: Mapping[str, Any], profile: TokenProfile) -> None:
    """Check that the token is meant for an audience that the profile accepts (RFC 7519 §4.1.3).

    Raises:
        InvalidToken: `aud` is missing, malformed or names none of the accepted audiences.
    """
    if profile.audiences is None:
        return
    audience = claims.get("aud", ABSENT)
    if isinstance(audience, str) and audience in profile.audiences:
        return
    if audience is ABSENT:
        raise InvalidToken("claim_missing", expected="aud", found=ABSENT)
    names = [audience] if isinstance(audience, str) else audience
    if not isinstance(names, list) or not _ONLY_STRINGS.issuperset(map(type, names)):
        raise InvalidToken("claim_malformed", expected="aud a string or strings", found=audience)
    if profile.audiences.isdisjoint(names):
        expected = listed(profile.audiences)
        raise InvalidToken("audience_mismatch", expected=expected, found=audience)


def check_claims(claims: Mapping[str, Any], profile: TokenProfile) -> Dates:
    """Check the other claims that do not depend on the time, and return the token's dates.

    Raises:
        InvalidToken: A claim is missing, malformed, forbidden or has another value than the
            profile requires.
    """
    for name in profile.required_claims:
        if name not in claims:
            raise InvalidToken("claim_missing", expected=name, found=ABSENT)
    dates = Dates(_read_date(claims, "exp"), _read_date(claims, "nbf"), _read_date(claims, "iat"))
    for name in profile.string_claims:
        if not isinstance(claims.get(name, ""), str):
            raise InvalidToken("claim_malformed", expected=f"{name} a string", found=claims[name])
    # So four names are looked up, however many claims there are.
    if not claims.keys().isdisjoint(TELLING_CLAIMS):
        check_telling_claims(claims, profile.id_token_audiences)
    if profile.fixed:
        _check_fixed(claims, profile)
    return dates


def check_times(dates: Dates, profile: TokenProfile, now: float) -> None:
    """Check that a token is valid at a time (RFC 7519 §4.1.4 and §4.1.5).

    `now` is in seconds since the epoch. An `iat` in the future counts as an `nbf`. A token
    without `iat` is older than any maximum age.

    Raises:
        InvalidToken: The token has expired, is not yet valid, or is too old.
    """
    if dates.exp is not None and now >= dates.exp + profile.leeway:
        raise InvalidToken("token_expired", expected=f"exp after {now}", found=dates.exp)
    begin = dates.begin
    if begin is not None and now < begin - profile.leeway:
        raise InvalidToken("token_not_yet_valid", expected=f"at most {now}", found=begin)
    if profile.max_age is not None:
        _check_age(dates.iat, profile.max_age, profile.leeway, now)


def validity_window(dates: Dates, profile: TokenProfile) -> tuple[float, float]:
    """Return the times between which `check_times` accepts the token even without a leeway.

    The first time is included and the second is not, both in seconds since the epoch. Nothing is
    accepted so where the profile has a maximum age and the token has no `iat`.
    """
    begin = dates.begin
    if begin is None:
        begin = _BEFORE_ALL
    end = _AFTER_ALL if dates.exp is None else dates.exp
    if profile.max_age is None:
        return begin, end
    if dates.iat is None:
        return begin, _BEFORE_ALL
    return begin, min(end, dates.iat + profile.max_age)


def check_predicates(find_claim: Callable[[ClaimName], Any], profile: TokenProfile) -> None:
    """Check that each of the profile's user callbacks accepts its claim.

    Args:
        find_claim: Returns the claim of a name, or `ABSENT`.
        profile: The profile.

    Raises:
        InvalidToken: A claim is absent, or its callback does not accept it.
    """
    for name, predicate in profile.predicates:
        value = find_claim(name)
        if value is ABSENT:
            raise InvalidToken("claim_missing", expected=name, found=ABSENT)
        if not satisfies(predicate, value):
            found = loggable(name, find_claim(name))
            expected = f"{name!r} to satisfy a predicate"
            raise InvalidToken("claim_mismatch", expected=expected, found=found)


def _read_date(claims: Mapping[str, Any], name: str) -> float | None:
    """Return the date of this name, or None where it is absent."""
    if name not in claims:
        return None
    date: float = claims[name]
    if not is_date(date):
        raise InvalidToken("claim_malformed", expected=f"{name} a NumericDate", found=date)
    return date


def _check_fixed(claims: Mapping[str, Any], profile: TokenProfile) -> None:
    for name, expected in profile.fixed:
        value = required_claim(claims, name)
        if expected is not ... and not same(value, expected):
            found = loggable(name, value)
            raise InvalidToken("claim_mismatch", expected={name: expected}, found=found)


def _check_age(iat: float | None, max_age: float, leeway: float, now: float) -> None:
    earliest = f"iat after {now - max_age}"
    if iat is None:
        raise InvalidToken("token_too_old", expected=earliest, found=ABSENT)
    if now - iat > max_age + leeway:
        raise InvalidToken("token_too_old", expected=earliest, found=iat)
