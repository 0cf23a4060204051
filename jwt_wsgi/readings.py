"""Readings: what each place of a request holds, and the one token that they make together."""

from collections.abc import Sequence
from typing import NamedTuple

from jwt_wsgi.auth import Credentials
from jwt_wsgi.bindings import BEARER_SCHEME
from jwt_wsgi.errors import AuthError, InvalidRequest


class Reading(NamedTuple):
    """The content of one source in one request.

    Attributes:
        place: The source in words, such as "the cookie session".
        token: The token, or None.
        refusal: Why the token must not be used, or why there is none.
        note: What the source holds instead of a token, or what is odd about the token; for the
            log. Nothing of the token is in it.
        is_explicit: True where a client must know the token to send it, so no other site's page
            can cause the request. False where a browser or a proxy may add the token by itself.
        scheme: The authentication scheme under which the token was sent; Bearer where the place
            has none.
        in_authorization: True for the header `Authorization`.
    """

    place: str
    token: str | None = None
    refusal: AuthError | None = None
    note: str | None = None
    is_explicit: bool = False
    scheme: str = BEARER_SCHEME
    in_authorization: bool = False


def credentials_of(readings: Sequence[Reading]) -> Credentials | AuthError | None:
    """Return the one token that the sources hold.

    A source that holds something malformed decides, whatever the others hold. The same token in
    two places counts once. If one of them is explicit, a cookie beside it needs no defence.

    Returns:
        The credentials; the refusal, not raised, because the next layer may exempt the request;
        or None where no source holds a token.
    """
    for reading in readings:
        if reading.token is None and reading.refusal is not None:
            return reading.refusal
    holding = [reading for reading in readings if reading.token is not None]
    tokens = {reading.token for reading in holding if reading.token is not None}
    if not tokens:
        return None
    if len(tokens) > 1:
        places = " and ".join(reading.place for reading in holding)
        return InvalidRequest(
            "several_tokens", expected="one token", found=f"different tokens in {places}"
        )
    if not any(reading.is_explicit for reading in holding):
        for reading in holding:
            if reading.refusal is not None:
                return reading.refusal
    return Credentials(_scheme_of(holding), tokens.pop())


def _scheme_of(readings: Sequence[Reading]) -> str:
    """Return the scheme of a token that may stand in several places: that of the header."""
    for reading in readings:
        if reading.scheme != BEARER_SCHEME:
            return reading.scheme
    return BEARER_SCHEME


def oddity(place: str, token: str) -> str | None:
    """Return what no token has, in words, or None.

    Args:
        place: The beginning of the text, such as "get_token returned".
        token: What stands in the place of the token.
    """
    if token[:7].lower() in ("bearer ", "bearer\t"):
        return f"{place} the scheme Bearer with the token"
    if token.split(maxsplit=1) != [token]:
        return f"{place} a text with white space"
    return None


def several_tokens(place: str, found: str) -> Reading:
    """Return the reading of a place that holds more than one token."""
    return Reading(place, refusal=InvalidRequest("several_tokens", expected="one", found=found))
