"""The header `Authorization`: the credentials in it, and in words what is there instead. Pure."""

import re
from collections.abc import Callable, Mapping

from jwt_wsgi.auth import Credentials
from jwt_wsgi.bindings import BEARER_SCHEME, DPOP_SCHEME
from jwt_wsgi.errors import InvalidRequest

# RFC 9110 §11.4: a scheme is a token. Elements that a join left empty may stand before it.
_SCHEME = re.compile(r"[ \t,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)")
# The characters of a token: visible ASCII without the comma (RFC 6750 §2.1).
_TOKEN_CHARACTERS = bytes(range(0x21, 0x7F)).replace(b",", b"")
# The names of schemes that are shown. Anything longer or with other characters may be a secret.
_SHOWN_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,19}")
#: The accepted schemes by their names in lower case, without DPoP and with it.
ACCEPTED_SCHEMES: Mapping[bool, Mapping[str, str]] = {
    False: {"bearer": BEARER_SCHEME},
    True: {"bearer": BEARER_SCHEME, "dpop": DPOP_SCHEME},
}
# How nearly every header with a token begins.
_USUAL_START = f"{BEARER_SCHEME} "
_USUAL_LENGTH = len(_USUAL_START)
_BEARER_AFTER_COMMA = re.compile(r",[ \t]*bearer(?:[ \t]|$)", re.IGNORECASE)


#: Returns something true for a token whose characters were checked before.
IsKnown = Callable[[str], object]


def nothing_is_known(_: str) -> object:
    """Return None, whatever the token is."""
    return None


def parse_authorization(
    header: str,
    schemes: Mapping[str, str] = ACCEPTED_SCHEMES[False],
    is_known: IsKnown = nothing_is_known,
) -> Credentials | InvalidRequest | None:
    """Return the credentials in an `Authorization` header (RFC 6750 §2.1, RFC 9449 §7.1).

    Args:
        header: The value of the header.
        schemes: The accepted schemes by their names in lower case.
        is_known: Returns something true for a token that was good in an earlier request, so that
            its characters need no check.

    Returns:
        None for an empty header, or another scheme's. The `InvalidRequest` itself, not raised,
        for a header that names an accepted scheme first but is not that scheme and one token.
    """
    if not header:
        return None
    if header.startswith(_USUAL_START):
        # A short cut for most requests; what follows comes to the same result.
        token = header[_USUAL_LENGTH:]
        if is_known(token) or _is_one_token(token):
            # `Credentials(...)` is the same, and calls one function more.
            return tuple.__new__(Credentials, (BEARER_SCHEME, token, None))
    value = header.strip(" \t")
    name, _, token = value.partition(" ")
    scheme = schemes.get(name.lower())
    if scheme is not None:
        token = token.lstrip(" ")
        if _is_one_token(token):
            return Credentials(scheme, token)
    first = _SCHEME.match(value)
    if first is not None:
        scheme = schemes.get(first[1].lower())
    if first is None or scheme is None:
        return None
    if "," in value:
        return InvalidRequest(
            "several_tokens", expected="one token", found="a comma in Authorization"
        )
    content = "other characters than a token has" if token else "nothing"
    return InvalidRequest(
        "malformed_header", expected=f"{scheme} and one token", found=f"{scheme} and {content}"
    )


def describe_authorization(header: str) -> str:
    """Return what an `Authorization` header without a Bearer token holds, in words.

    The name of a scheme is the only part of the header that the words quote (RFC 9110 §11.4). It
    is not quoted where it may be a token, because no scheme stands before it.
    """
    if not header:
        return "no Authorization header"
    words = header.split(maxsplit=1)
    if not words:
        return "an empty Authorization header"
    if len(words) == 1:
        return "Authorization without a scheme"
    scheme, rest = words
    if rest.lower() == "bearer":
        return "Authorization with the scheme Bearer after the token"
    if _SHOWN_SCHEME.fullmatch(scheme) is None:
        return "Authorization without the name of a scheme"
    if _BEARER_AFTER_COMMA.search(rest):
        return f"Authorization with the scheme {scheme}, and Bearer after a comma"
    return f"Authorization with the scheme {scheme}"


def _is_one_token(text: str) -> bool:
    if not text or not text.isascii():
        return False
    return not text.encode("ascii").translate(None, _TOKEN_CHARACTERS)
