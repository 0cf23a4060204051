"""The shape of a token's text: a JWT, another token, or no token at all. Pure.

The shape decides who is asked about a token, so it is read leniently: a JWT with a mistake in it is
still a JWT, and no endpoint is asked about it because of the mistake.
"""

import base64
import binascii
import json
import re
from typing import Any, Final, NamedTuple

# RFC 6750 §2.1.
_B64TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
#: The dots of a JWT.
JWT_DOTS: Final = 2
_SEGMENT: Final = re.compile(r"[A-Za-z0-9_-]*={0,2}")


class Shape(NamedTuple):
    """The shape of a token.

    Attributes:
        is_jwt: True for three base64url segments of which the first is a JSON object with `alg`.
        is_b64token: True for exactly one b64token (RFC 6750 §2.1).
        issuer: The unverified `iss` of a JWT, or None.
    """

    is_jwt: bool = False
    is_b64token: bool = False
    issuer: str | None = None


def classify(token: str) -> Shape:
    """Return the shape of a token. Nothing of it is verified.

    Args:
        token: The token's text.
    """
    is_b64token = _B64TOKEN.fullmatch(token) is not None
    if token.count(".") != JWT_DOTS:
        return Shape(is_b64token=is_b64token)
    header, payload, signature = token.split(".")
    segments = (header, payload, signature)
    if not all(_SEGMENT.fullmatch(segment) for segment in segments):
        return Shape(is_b64token=is_b64token)
    members = _read(header)
    if members is None or "alg" not in members:
        return Shape(is_b64token=is_b64token)
    issuer = (_read(payload) or {}).get("iss")
    return Shape(True, is_b64token, issuer if isinstance(issuer, str) else None)


def _read(segment: str) -> dict[str, Any] | None:
    """Return the JSON object of a segment, or None."""
    characters = segment.rstrip("=")
    try:
        octets = base64.urlsafe_b64decode(characters + "=" * (-len(characters) % 4))
        value = json.loads(octets)
    except (binascii.Error, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
