"""Lenient decoding of a token for people to read. Nothing is verified. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from jwt_wsgi.explain.dates import OUTSIDE_CALENDAR, format_duration, is_number, to_moment
from jwt_wsgi.jose import encoding
from jwt_wsgi.jose.algorithms import ALGORITHMS, SYMMETRIC
from jwt_wsgi.jose.compact import MAX_TOKEN_BYTES
from jwt_wsgi.jose.strict_json import read_object

#: Claims that are dates (RFC 7519 §4.1, OpenID Connect Core §2).
DATES = ("iat", "nbf", "exp", "auth_time")
#: Seconds. An access token that lives longer is as dangerous as a password.
LONG_LIFETIME = 86400

_ACCESS_TOKEN_TYPES = ("jwt", "at+jwt")
_UNSUPPORTED_MEMBERS = ("crit", "b64", "zip")
_KEY_MEMBERS = ("jwk", "jku", "x5c", "x5u")
_REQUIRED_CLAIMS = ("iss", "aud", "exp")
_ID_TOKEN_CLAIMS = ("nonce", "at_hash", "c_hash")
_SCOPE_CLAIMS = ("scope", "scp", "permissions")


@dataclass(frozen=True, slots=True)
class DecodedToken:
    """The readable parts of a token.

    Attributes:
        size: The token's length in bytes.
        header: The header, or None if it cannot be read.
        claims: The payload, or None if it cannot be read.
        signature_size: The signature's length in bytes, or None if it cannot be read.
        problem: Why a part cannot be read, or None. It quotes nothing of the token.
        is_padded: True if a segment ends with padding (`=`).
    """

    size: int
    header: dict[str, Any] | None = None
    claims: dict[str, Any] | None = None
    signature_size: int | None = None
    problem: str | None = None
    is_padded: bool = False


class _Segment(NamedTuple):
    """A decoded header or payload, or the reason why it cannot be read."""

    content: dict[str, Any] | None
    problem: str | None


def decode_token(token: str) -> DecodedToken:
    """Decode the header and the claims of `token`, as far as they can be read."""
    size = len(token.encode("utf-8", "surrogateescape"))
    segments = token.split(".", 5)
    if len(segments) == 3:
        return _decode_signed(size, *segments)
    if len(segments) == 5:
        return _decode_encrypted(size, segments[0])
    return DecodedToken(
        size,
        problem="not three segments separated by dots; it is an opaque token, or a part of a token",
    )


def remarks(token: DecodedToken, now: float) -> list[str]:
    """List what deserves attention in the token, one sentence each.

    Args:
        token: The decoded token.
        now: The time to compare its dates with, in seconds since the epoch.
    """
    sentences: list[str] = []
    if token.size > MAX_TOKEN_BYTES:
        sentences.append(f"{token.size} bytes: a token over {MAX_TOKEN_BYTES} bytes is refused")
    if token.header is not None:
        sentences += _header_remarks(token.header)
    if token.is_padded:
        sentences.append("its segments are padded (=); it is refused without Issuer(padded=True)")
    if token.signature_size == 0:
        sentences.append("the signature is empty")
    if token.claims is not None:
        sentences += _claim_remarks(token.claims)
        sentences += _date_remarks(token.claims, now)
    if not all(text.isprintable() for text in _strings([token.header, token.claims])):
        sentences.append("some characters are not printable; they are shown as \\u escapes")
    return sentences


def _decode_signed(size: int, header: str, payload: str, signature: str) -> DecodedToken:
    decoded_header = _decode_object(header, "header")
    decoded_payload = _decode_object(payload, "payload")
    signature_size = _decoded_size(signature)
    problem = decoded_header.problem or decoded_payload.problem
    if problem is None and signature_size is None:
        problem = "the signature: not base64url"
    return DecodedToken(
        size,
        decoded_header.content,
        decoded_payload.content,
        signature_size,
        problem,
        is_padded="=" in f"{header}{payload}{signature}",
    )


def _decode_encrypted(size: int, header: str) -> DecodedToken:
    decoded_header = _decode_object(header, "header")
    problem = decoded_header.problem or "an encrypted token (JWE), which is not supported"
    return DecodedToken(size, decoded_header.content, problem=problem)


def _header_remarks(header: dict[str, Any]) -> Iterator[str]:
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        yield "alg is not a supported signature algorithm"
    elif alg in SYMMETRIC:
        yield f"alg {alg}: anyone who can verify such a token can also create one"
    if not _is_access_token_type(header.get("typ")):
        yield "typ is not the type of an access token"
    if not isinstance(header.get("kid"), str):
        yield "no kid: every key for this alg is tried"
    for name in _UNSUPPORTED_MEMBERS:
        if name in header:
            yield f"{name} changes the meaning of the signature; such a token is refused"
    for name in _KEY_MEMBERS:
        if name in header:
            yield f"{name} names a key; it is ignored"


def _is_access_token_type(typ: object) -> bool:
    """Return True for the types of access tokens, and for None: `typ` is optional."""
    return typ is None or str(typ).lower().removeprefix("application/") in _ACCESS_TOKEN_TYPES


def _claim_remarks(claims: dict[str, Any]) -> Iterator[str]:
    for name in _REQUIRED_CLAIMS:
        if name not in claims:
            yield f"no {name}: a token without it is refused"
    if not claims.keys().isdisjoint(_ID_TOKEN_CLAIMS):
        yield "it looks like an ID token, which is meant for the client and not for an API"
    if "cnf" in claims:
        yield "cnf binds the token to a key"
    if claims.keys().isdisjoint(_SCOPE_CLAIMS):
        yield "no scope, scp or permissions"


def _date_remarks(claims: dict[str, Any], now: float) -> Iterator[str]:
    dates: dict[str, float] = {}
    for name in DATES:
        if name not in claims:
            continue
        value = claims[name]
        if not is_number(value):
            yield f"{name} is not a number"
        elif to_moment(value) is None:
            yield f"{name} is {OUTSIDE_CALENDAR}"
        else:
            dates[name] = value
    yield from _distances(dates, now)


def _distances(dates: dict[str, float], now: float) -> Iterator[str]:
    """Compare dates that the calendar has, so that every difference is a number of seconds."""
    if "exp" in dates and dates["exp"] <= now:
        yield f"the token expired {format_duration(now - dates['exp'])} ago"
    for name in ("iat", "nbf"):
        if dates.get(name, now) > now:
            yield f"{name} is {format_duration(dates[name] - now)} in the future"
    if "exp" in dates:
        lifetime = dates["exp"] - dates.get("iat", now)
        if lifetime > LONG_LIFETIME:
            yield f"the token is valid for {format_duration(lifetime)}"


def _strings(value: Any) -> Iterator[str]:
    """Yield every string in a JSON value, names of members included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        yield from _strings(list(value.values()))
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _decode(segment: str) -> bytes:
    """Return the octets of a segment, which some issuers pad."""
    if segment.endswith("="):
        return encoding.decode_padded(segment)
    return encoding.decode(segment)


def _decode_object(segment: str, name: str) -> _Segment:
    try:
        octets = _decode(segment)
    except ValueError:
        return _Segment(None, f"the {name}: not base64url")
    try:
        return _Segment(read_object(octets), None)
    except ValueError as error:
        return _Segment(None, f"the {name}: {error}")


def _decoded_size(segment: str) -> int | None:
    try:
        return len(_decode(segment))
    except ValueError:
        return None
