"""Required members of a token's header: the values of `Issuer(header=...)`.

They are judged after the signature. Fixed values never change for a token; predicates are asked
for each request. RFC 7519 §5.3 lets a header repeat claims, so the reasons are those of claims.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.jose.claim_lookup import ABSENT, ClaimName, loggable, lookup, same, satisfies
from jwt_wsgi.jose.claims import TokenProfile

#: Members that other checks judge, each with the remedy.
_JUDGED_ELSEWHERE: Final = {
    "alg": "name the algorithms in algorithms=",
    "kid": "the key source decides; to accept one key only, use StaticJWKS",
    "typ": "name the accepted types in types=",
    "crit": "no token with it is accepted, so leave it out",
    "b64": "no token with it is accepted, so leave it out",
    "zip": "no token with it is accepted, so leave it out",
}

#: Members that name a machine or a client, so that a log may show them.
_LOGGED_MEMBERS: Final = frozenset({"signer", "client"})


def check_member_names(names: Iterable[ClaimName]) -> None:
    """Check the names of required members.

    Raises:
        ValueError: A member has an option of its own, or is never accepted.
    """
    for name in names:
        top = name if isinstance(name, str) else name[0]
        remedy = _JUDGED_ELSEWHERE.get(top)
        if remedy is not None:
            raise ValueError(f"header holds {top!r}: {remedy}")


def parse_members(words: Iterable[str]) -> dict[ClaimName, Any]:
    """Return the required members that texts describe, each as `NAME=VALUE`.

    Raises:
        ValueError: A text has another form, or a name stands there twice.
    """
    members: dict[ClaimName, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        if not name or not value:
            raise ValueError(f"{word!r}: write NAME=VALUE, such as signer=arn:aws:…")
        if name in members:
            raise ValueError(f"{word!r}: {name} stands there twice; keep one")
        members[name] = value
    return members


def check_header_values(header: Mapping[str, Any], profile: TokenProfile) -> None:
    """Check the members of the header that have a fixed value.

    Raises:
        InvalidToken: A member is absent, or has another value.
    """
    for name, expected in profile.header_fixed:
        value = _required_member(header, name)
        if expected is not ... and not same(value, expected):
            raise InvalidToken(
                "claim_mismatch", expected={"header": {name: expected}}, found=_shown(name, value)
            )


def check_header_predicates(header: Mapping[str, Any], profile: TokenProfile) -> None:
    """Check that each user callback accepts its member of the header.

    Raises:
        InvalidToken: A member is absent, or its callback does not accept it.
    """
    for name, predicate in profile.header_predicates:
        value = _required_member(header, name)
        if not satisfies(predicate, value):
            expected = f"{name!r} in the header to satisfy a predicate"
            raise InvalidToken("claim_mismatch", expected=expected, found=_shown(name, value))


def _required_member(header: Mapping[str, Any], name: ClaimName) -> Any:
    value = lookup(header, name)
    if value is ABSENT:
        raise InvalidToken("claim_missing", expected=f"{name!r} in the header", found=ABSENT)
    return value


def _shown(name: ClaimName, value: Any) -> Any:
    """Return a member's value for a log, or the word "withheld"."""
    return value if name in _LOGGED_MEMBERS else loggable(name, value)
