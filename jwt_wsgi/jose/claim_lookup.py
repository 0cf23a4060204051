"""Claims by name: looked up, compared and read (RFC 7519 §4)."""

import copy
import logging
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from jwt_wsgi.callbacks import CallbackFailed, ask, check_callables
from jwt_wsgi.errors import InvalidToken

logger = logging.getLogger("jwt_wsgi.claims")

#: The name of one claim, in which a dot has no meaning, or the path to a nested one.
ClaimName = str | tuple[str, ...]

#: Seconds. A larger number is not a date, and would overflow in arithmetic.
_END_OF_TIME = 2**53

#: How many configured names a refusal lists.
_MAX_LISTED = 10
#: How many it lists of more than that.
_FEW = 3


#: The claims whose values a log may show. The others may hold personal data.
_LOGGED_CLAIMS = frozenset(
    {"iss", "aud", "typ", "alg", "kid", "azp", "client_id", "acr", "scope", "scp"}
    | {"exp", "nbf", "iat", "auth_time"}
)


#: Scopes as text whose sets are kept, and the most characters of one. A set takes less than 16 KiB
#: then, so all of them less than 2 MiB. Only authentic tokens bring a text here.
_MAX_KNOWN_TEXTS = 128
_MAX_KNOWN_TEXT = 256


class _Absent:
    def __repr__(self) -> str:
        return "absent"


#: The result of `lookup` for a claim that is absent; None is the value of a claim.
ABSENT = _Absent()


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


def loggable(name: ClaimName, value: Any) -> Any:
    """Return a claim's value for a log, or the word "withheld" if it may hold personal data."""
    if value is ABSENT or name in _LOGGED_CLAIMS:
        return value
    return "withheld"


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

    A callback that fails does not accept it, and is logged.
    """
    try:
        return ask(
            predicate,
            value,
            name="a claim predicate",
            consequence="it is not satisfied",
            logger=logger,
        )
    except CallbackFailed:
        return False


def granted_scopes(claims: Mapping[str, Any], scope_claim: ClaimName | None) -> frozenset[str]:
    """Return the scopes of `scope_claim`; None is `scope` (RFC 8693 §4.2), or else `scp`.

    A string is split at U+0020 only, and a list must hold strings. Any other value grants
    nothing.
    """
    if scope_claim is not None:
        value = lookup(claims, scope_claim)
    elif "scope" in claims:
        value = claims["scope"]
    else:
        value = claims.get("scp")
    if isinstance(value, str):
        return _known_words(value) if len(value) <= _MAX_KNOWN_TEXT else _words(value)
    if isinstance(value, list) and all(isinstance(scope, str) for scope in value):
        return frozenset(value)
    return frozenset()


def _words(text: str) -> frozenset[str]:
    words = frozenset(text.split(" "))
    return words - {""} if "" in words else words


#: The same for a text that was seen lately. The tokens of an issuer repeat few texts.
_known_words = lru_cache(_MAX_KNOWN_TEXTS)(_words)


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


def required_values(
    option: str, values: Mapping[ClaimName, Any] | None
) -> tuple[tuple[tuple[ClaimName, Any], ...], tuple[tuple[ClaimName, Any], ...]]:
    """Return the names with a fixed value, and those with a predicate.

    Args:
        option: The name of the option that errors name.
        values: The value of the option; None requires nothing.

    Raises:
        ValueError: It is not a mapping, a name is not one of a claim, or a predicate is a
            coroutine function or a generator function.
    """
    if values is None:
        return (), ()
    if not isinstance(values, Mapping):
        raise ValueError(f"{option}={values!r}: write a mapping of names to values")
    fixed = []
    predicates = []
    for name, value in values.items():
        check_claim_name(option, name)
        if callable(value):
            check_callables(**{f"{option}[{name!r}]": value})
            predicates.append((name, value))
        else:
            fixed.append((name, copy.deepcopy(value)))
    return tuple(fixed), tuple(predicates)


def is_date(value: Any) -> bool:
    """Return whether `value` is a NumericDate (RFC 7519 §2): a number, below 2**53 seconds."""
    return (type(value) is int or type(value) is float) and -_END_OF_TIME < value < _END_OF_TIME


def listed(names: Collection[str]) -> list[str] | str:
    """Return configured names for the log: all of them, or a few and how many more there are.

    The cost is the same however many there are, because strangers cause refusals at will.
    """
    if len(names) <= _MAX_LISTED:
        return sorted(names)
    few = sorted(islice(names, _FEW))
    return f"{', '.join(map(repr, few))} and {len(names) - _FEW} more"
