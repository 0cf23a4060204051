"""A token taken apart for people: leniently, and believed in nothing. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jwt_wsgi.cli.times import duration
from jwt_wsgi.jose import encoding
from jwt_wsgi.jose.algorithms import ALGORITHMS, SYMMETRIC
from jwt_wsgi.jose.compact import MAX_TOKEN_BYTES
from jwt_wsgi.jose.strict_json import read_object

#: Claims that are dates (RFC 7519 §4.1, OpenID Connect Core §2).
DATES = ("iat", "nbf", "exp", "auth_time")
#: Seconds; an access token that lives longer is a password.
LONG_LIFE = 86400

_UNSUPPORTED = ("crit", "b64", "zip")
_EMBEDDED = ("jwk", "jku", "x5c", "x5u")
_ID_TOKEN = ("nonce", "at_hash", "c_hash")


@dataclass(frozen=True, slots=True)
class Opened:
    """What could be read of a token. `problem` says why the rest could not, and quotes none of it."""

    size: int
    header: dict[str, Any] | None = None
    claims: dict[str, Any] | None = None
    signature: int | None = None
    problem: str | None = None


def opened(token: str) -> Opened:
    """Header and claims of `token`, as far as they are there; sizes are bytes."""
    size, segments = len(token.encode("utf-8", "surrogateescape")), token.split(".", 5)
    if len(segments) == 5:
        header, problem = _object(segments[0], "header")
        return Opened(
            size, header, problem=problem or "an encrypted token (JWE), which is not accepted here"
        )
    if len(segments) != 3:
        return Opened(
            size,
            problem="not three segments with dots between them; an opaque token, or a part of one",
        )
    header, problem = _object(segments[0], "header")
    claims, also = _object(segments[1], "payload")
    signature, last = _octets(segments[2])
    return Opened(size, header, claims, None if last else len(signature), problem or also or last)


def unusual(token: Opened, now: float) -> list[str]:
    """What a reader should look at, a sentence each; `now` is seconds since the epoch."""
    found = [f"{token.size} bytes: over {MAX_TOKEN_BYTES}, it is refused unread"] * (
        token.size > MAX_TOKEN_BYTES
    )
    if token.header is not None:
        found += _of_header(token.header)
    if token.signature == 0:
        found.append("there is no signature")
    if token.claims is not None:
        found += [*_of_claims(token.claims), *_of_dates(token.claims, now)]
    if any(not text.isprintable() for text in _texts([token.header, token.claims])):
        found.append("it holds characters that are not printable, shown here as \\u escapes")
    return found


def _of_header(header: dict[str, Any]) -> Iterator[str]:
    alg, typ = header.get("alg"), header.get("typ")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        yield "alg is no signature algorithm that is accepted"
    elif alg in SYMMETRIC:
        yield f"alg {alg}: whoever can verify it can also make one"
    if typ is not None and str(typ).lower().removeprefix("application/") not in ("jwt", "at+jwt"):
        yield "typ is that of no access token"
    if not isinstance(header.get("kid"), str):
        yield "no kid: every key that fits alg is tried"
    for name in _UNSUPPORTED:
        if name in header:
            yield f"{name} changes what the signature means, and is refused"
    for name in _EMBEDDED:
        if name in header:
            yield f"{name} brings a key along, which nobody here looks at"


def _of_claims(claims: dict[str, Any]) -> Iterator[str]:
    for name in ("iss", "aud", "exp"):
        if name not in claims:
            yield f"no {name}, without which it is refused"
    if any(name in claims for name in _ID_TOKEN):
        yield "it looks like an ID token, which is for the client and no API"
    if "cnf" in claims:
        yield "cnf binds it to a key"
    if claims.keys().isdisjoint(("scope", "scp", "permissions")):
        yield "no scope, scp or permissions"


def _of_dates(claims: dict[str, Any], now: float) -> Iterator[str]:
    dates = {name: claims[name] for name in DATES if is_number(claims.get(name))}
    for name in DATES:
        if name in claims and name not in dates:
            yield f"{name} is no number"
    if "exp" in dates and dates["exp"] <= now:
        yield f"it expired {duration(now - dates['exp'])} ago"
    for name in ("iat", "nbf"):
        if dates.get(name, now) > now:
            yield f"{name} is {duration(dates[name] - now)} ahead"
    if "exp" in dates and dates["exp"] - dates.get("iat", now) > LONG_LIFE:
        yield f"it lives for {duration(dates['exp'] - dates.get('iat', now))}"


def is_number(found: object) -> bool:
    """Whether this is a number of JSON, and no boolean."""
    return isinstance(found, int | float) and not isinstance(found, bool)


def _texts(found: Any) -> Iterator[str]:
    if isinstance(found, str):
        yield found
    elif isinstance(found, dict):
        yield from found
        yield from _texts(list(found.values()))
    elif isinstance(found, list):
        for each in found:
            yield from _texts(each)


def _object(segment: str, name: str) -> tuple[dict[str, Any] | None, str | None]:
    octets, problem = _octets(segment)
    if problem is not None:
        return None, f"the {name}: {problem}"
    try:
        return read_object(octets), None
    except ValueError as error:
        return None, f"the {name}: {error}"


def _octets(segment: str) -> tuple[bytes, str | None]:
    try:
        return encoding.decode(segment), None
    except ValueError:
        return b"", "not base64url"
