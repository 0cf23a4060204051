"""The options about tokens that every kind of issuer has, and their checks."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from jwt_wsgi.jose.claim_lookup import ClaimName, required_values
from jwt_wsgi.jose.claims import TokenProfile
from jwt_wsgi.options import is_finite_number

#: Seconds; a longer leeway would keep expired tokens alive.
_MAX_LEEWAY: Final = 300


class AnyAudience:
    """The type of `ANY_AUDIENCE`."""

    def __repr__(self) -> str:
        return "ANY_AUDIENCE"


#: Waives the audience by name: tokens meant for any API of this issuer are accepted.
ANY_AUDIENCE: Final = AnyAudience()

Audience = str | Iterable[str] | AnyAudience


def check_issuer_name(issuer: object) -> str:
    """Return the name of an issuer, as tokens write it in `iss`.

    Raises:
        ValueError: It is not text, or empty.
    """
    if not isinstance(issuer, str) or issuer == "":
        raise ValueError(f"issuer={issuer!r}: write the tokens' exact iss")
    return issuer


def check_flag(option: str, value: object) -> None:
    """Raise `ValueError` if an option is neither True nor False."""
    if not isinstance(value, bool):
        raise ValueError(f"{option}={value!r}: write True or False")


def token_profile(
    name: str, audience: object, leeway: float, claims: Mapping[ClaimName, Any] | None
) -> TokenProfile:
    """Return the requirements for tokens.

    Args:
        name: The profile of the token's type, as `TokenProfile` has it.
        audience: The API's identifier, several of them, or `ANY_AUDIENCE`.
        leeway: Seconds that every date is off at most.
        claims: Maps a claim's name to its required value, to a predicate, or to `...`.

    Raises:
        ValueError: For invalid arguments.
    """
    if not is_finite_number(leeway) or not 0 <= leeway <= _MAX_LEEWAY:
        raise ValueError(f"leeway={leeway!r}: write seconds, 0 to {_MAX_LEEWAY}")
    fixed, predicates = required_values("claims", claims)
    return TokenProfile(
        audiences=_audiences(audience), leeway=leeway, name=name, fixed=fixed, predicates=predicates
    )


def _audiences(audience: object) -> frozenset[str] | None:
    if audience is ANY_AUDIENCE:
        return None
    names: list[Any] = []
    if isinstance(audience, str):
        names = [audience]
    elif isinstance(audience, Iterable) and not isinstance(audience, Mapping):
        names = list(audience)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError(
            f"audience={audience!r}: write the API's identifier, a list of them, "
            "or ANY_AUDIENCE for anyone's"
        )
    return frozenset(names)
