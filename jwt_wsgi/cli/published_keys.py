"""A live issuer looked at once: its metadata, each key that it publishes, and what its replies say."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from jwt_wsgi.http.client import Fetcher
from jwt_wsgi.http.fetching import NO_HEADERS, FetchError, Reply
from jwt_wsgi.jose import jwk
from jwt_wsgi.jose.strict_json import read_object
from jwt_wsgi.jwks.discovery import Location
from jwt_wsgi.jwks.static import MAX_FILE_BYTES

#: Entries of a set, as many as `RemoteJWKS` takes.
MAX_KEYS = 100
#: Seconds that a date may be off before it matters: the leeway of an issuer, unless told.
LEEWAY = 30
_SECONDS = 5.0
# What the HTTP client calls what a person would ask about.
_MEANT = {
    "NewConnectionError": "nothing answers there; see that the URL is right and the server runs",
    "NameResolutionError": "there is no such host; see that the URL is right",
    "SSLError": "its certificate is not trusted here",
}


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """One entry of a key set. `why_skipped` is None where it is used; `size` is bits, or a curve."""

    position: int
    kid: str | None
    kty: str | None
    use: str | None
    size: str | None
    algorithms: tuple[str, ...]
    why_skipped: str | None


@dataclass(frozen=True, slots=True)
class Published:
    """What an issuer, an address or a file publishes.

    `cache_control` is the header of the key set's reply, `max_age` the seconds that
    it grants. `clock_skew` is how many seconds the server's clock is ahead of ours.
    `problem` says why there are no keys.
    """

    source: str
    jwks_uri: str | None = None
    keys: tuple[PublishedKey, ...] = ()
    cache_control: str | None = None
    max_age: float | None = None
    date: str | None = None
    clock_skew: int | None = None
    problem: str | None = None

    @property
    def usable(self) -> tuple[PublishedKey, ...]:
        """The keys that are used."""
        return tuple(key for key in self.keys if key.why_skipped is None)

    @property
    def serves(self) -> frozenset[str]:
        """The algorithms that there is a key for."""
        return frozenset(name for key in self.usable for name in key.algorithms)

    def as_json(self) -> dict[str, Any]:
        """A JSON document of all of it."""
        return asdict(self)


class _Listening:
    """Fetches as the library does, and keeps the headers of the last reply, a refusing one's too."""

    def __init__(self) -> None:
        self._fetch = Fetcher(2 * _SECONDS, MAX_FILE_BYTES)
        self.headers: Mapping[str, str] = NO_HEADERS
        self.at = 0.0

    def __call__(self, url: str) -> Reply:
        self.headers = NO_HEADERS
        try:
            reply = self._fetch(url)
            self.headers = reply.headers
        except FetchError as error:
            self.headers = error.headers
            raise
        finally:
            self.at = time.time()
        return reply


def published(uri: str | None, issuer: str = "", *, allow_http: bool = False) -> Published:
    """What is published at `uri`, or by `issuer` where it is None. Raises `ValueError` for an URL that is none."""
    location = Location(uri, issuer=issuer, allow_http=allow_http)
    source, fetch, found = uri or issuer, _Listening(), None
    try:
        found = location.find(fetch)
        reply = fetch(found)
        keys, problem = _keys(reply.body)
    except FetchError as error:
        at = "the key set" if found else "the metadata"
        why = (
            str(error)
            if str(error).startswith("the metadata")
            else f"{at}: {_MEANT.get(str(error), error)}"
        )
        return Published(source, found, problem=why, **_clock(fetch))
    control = fetch.headers.get("Cache-Control")
    return Published(source, found, keys, control, reply.max_age, problem=problem, **_clock(fetch))


def kept_in(file: str) -> Published:
    """What stands in a file, as JSON. Raises `ValueError` where it cannot be read."""
    try:
        with Path(file).open("rb") as opened:
            content = opened.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(
            f"{file}: cannot be read ({error.strerror}); write a file or an URL"
        ) from None
    if len(content) > MAX_FILE_BYTES:
        return Published(file, problem=f"over {MAX_FILE_BYTES} bytes")
    keys, problem = _keys(content)
    return Published(file, keys=keys, problem=problem)


def _keys(document: bytes) -> tuple[tuple[PublishedKey, ...], str | None]:
    try:
        entries = read_object(document).get("keys")
    except ValueError as error:
        return (), f"the key set: {error}"
    if not isinstance(entries, list):
        return (), 'the key set: no list "keys" (RFC 7517 §5)'
    if len(entries) > MAX_KEYS:
        return (), f"the key set: over {MAX_KEYS} keys"
    keys = tuple(_key(position, entry) for position, entry in enumerate(entries))
    usable = any(key.why_skipped is None for key in keys)
    return keys, None if usable else "the key set: no usable key"


def _key(position: int, entry: object) -> PublishedKey:
    said = entry if isinstance(entry, dict) else {}
    kid, kty, use = (_text(said, name) for name in ("kid", "kty", "use"))
    try:
        key = jwk.from_entry(entry, symmetric=False)
    except jwk.Unusable as unusable:
        return PublishedKey(position, kid, kty, use, _text(said, "crv"), (), str(unusable))
    bits = getattr(key.material, "key_size", None)
    size = _text(said, "crv") or f"{bits} bits"
    return PublishedKey(position, kid, kty, use, size, tuple(sorted(key.algorithms)), None)


def _text(entry: Mapping[str, Any], name: str) -> str | None:
    found = entry.get(name)
    return found if isinstance(found, str) else None


def _clock(heard: _Listening) -> dict[str, Any]:
    date = heard.headers.get("Date")
    try:
        skew = None if date is None else round(parsedate_to_datetime(date).timestamp() - heard.at)
    except (ValueError, OverflowError, TypeError):
        skew = None
    return {"date": date, "clock_skew": skew}
