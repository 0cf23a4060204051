"""Options of presets that name the trusted values of a claim."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from jwt_wsgi.jose.claim_lookup import ClaimName
from jwt_wsgi.presets._named_values import is_one_of, names_of


class AllowedValues(NamedTuple):
    """An option that restricts one claim to the values that it names.

    Attributes:
        claim: The claim.
        values: The value of the option: one text, several, or None if the caller left it out.
        form: What every value must match.
        remedy: The end of the error for a value of another form.
        prefix: The text before each value in the claim.
    """

    claim: ClaimName
    values: str | Iterable[str] | None
    form: re.Pattern[str]
    remedy: str
    prefix: str = ""


def trusted_claims(options: Mapping[str, AllowedValues], *, remedy: str) -> dict[ClaimName, Any]:
    """Return the claims with their predicates; every option that the caller set must hold.

    Args:
        options: The options by their names.
        remedy: The end of the error if the caller set none of them.

    Raises:
        ValueError: The caller set no option, or one has an invalid value.
    """
    claims: dict[ClaimName, Any] = {}
    for option, allowed in options.items():
        if allowed.values is not None:
            names = names_of(option, allowed.values, allowed.remedy)
            claims[allowed.claim] = is_one_of(_claim_values(option, names, allowed))
    if not claims:
        raise ValueError(f"{', '.join(options)} are all left out: {remedy}")
    return claims


def _claim_values(option: str, names: Iterable[str], allowed: AllowedValues) -> list[str]:
    for name in names:
        if allowed.form.fullmatch(name) is None:
            raise ValueError(f"{option}={name!r}: {allowed.remedy}")
    return [allowed.prefix + name for name in names]
