"""One look at the keys that an issuer publishes: metadata, every key, caching and the clock."""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, NamedTuple

from jwt_wsgi.cli.shared_options import in_options
from jwt_wsgi.http.fetching import NO_HEADERS, Fetch, FetchError, Reply
from jwt_wsgi.jose import jwk
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jose.public_keys import Unusable, describe_size
from jwt_wsgi.jose.strict_json import read_document
from jwt_wsgi.jwks.discovery import Location
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource
from jwt_wsgi.jwks.static import MAX_FILE_BYTES

_REDIRECTS = (301, 302, 303, 307, 308)
#: The most entries of a key set, as in `RemoteJWKS`.
MAX_KEYS = 100
#: Seconds. A clock that is off by more than an issuer's default leeway deserves attention.
LEEWAY = 30
#: Seconds for one reply.
_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """One entry of a key set.

    Attributes:
        position: The entry's index in the set.
        kid: The key's `kid`, or None.
        kty: The key's `kty`, or None.
        use: The key's `use`, or None.
        size: The curve, the number of bits, or the number of bytes (ML-DSA).
        algorithms: The algorithms that the key can verify; empty if it is skipped.
        why_skipped: Why the library does not use the entry, or None if it does.
    """

    position: int
    kid: str | None
    kty: str | None
    use: str | None
    size: str | None
    algorithms: tuple[str, ...]
    why_skipped: str | None


@dataclass(frozen=True, slots=True)
class PublishedKeys:
    """The keys at an issuer, at a URL or in a file.

    Attributes:
        source: The issuer, URL or file.
        jwks_uri: The URL of the key set, or None if it is unknown or a file.
        keys: The entries of the key set.
        cache_control: The header of the key set's reply.
        max_age: The seconds that `cache_control` grants.
        date: The header `Date` of the last reply.
        clock_skew: The seconds that the server's clock is ahead of ours.
        problem: Why there are no usable keys, or None.
        metadata: The issuer's metadata, empty if it was not read. Nothing of it is printed.
    """

    source: str
    jwks_uri: str | None = None
    keys: tuple[PublishedKey, ...] = ()
    cache_control: str | None = None
    max_age: float | None = None
    date: str | None = None
    clock_skew: int | None = None
    problem: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def usable(self) -> tuple[PublishedKey, ...]:
        """The keys that are not skipped."""
        return tuple(key for key in self.keys if key.why_skipped is None)

    @property
    def algorithms(self) -> frozenset[str]:
        """The algorithms that at least one usable key can verify."""
        return frozenset(name for key in self.usable for name in key.algorithms)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as a JSON document, except for the metadata."""
        document = asdict(self)
        del document["metadata"]
        return document


class _KeySet(NamedTuple):
    """The entries of a key set, and the reason why none is usable."""

    keys: tuple[PublishedKey, ...]
    problem: str | None


class _RecordingFetcher:
    """A fetcher that keeps the headers of the last reply, and the time when it came.

    A reply with an error status counts too: its clock is worth knowing. The body is that of the
    last reply with a document, empty before there is one.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self.headers: Mapping[str, str] = NO_HEADERS
        self.body = b""
        self.received_at = 0.0

    def __call__(self, url: str) -> Reply:
        self.headers = NO_HEADERS
        try:
            answer = self._fetch(url)
            reply = answer if isinstance(answer, Reply) else Reply(answer)
            self.headers = reply.headers
            self.body = reply.body
        except FetchError as error:
            self.headers = error.headers
            raise
        except Exception as error:  # noqa: BLE001 (a user's fetch may raise anything)
            # The type alone: the text of the exception may quote a secret.
            raise FetchError(f"fetch raised {type(error).__name__}") from None
        finally:
            self.received_at = time.time()
        return reply

    @property
    def date(self) -> str | None:
        """The header `Date` of the last reply."""
        return self.headers.get("Date")

    @property
    def clock_skew(self) -> int | None:
        """The seconds that the server's clock was ahead of ours, or None if it is unknown."""
        if self.date is None:
            return None
        try:
            return round(parsedate_to_datetime(self.date).timestamp() - self.received_at)
        except (ValueError, OverflowError, TypeError):
            return None


def fetch_published_keys(location: Location, fetch: Fetch) -> PublishedKeys:
    """Fetch a key set and describe it; a failed fetch becomes the `problem` of the result.

    Args:
        location: The URL of the key set, or the issuer whose metadata names it.
        fetch: The HTTP client.
    """
    source = str(location)
    fetcher = _RecordingFetcher(fetch)
    jwks_uri = None
    metadata: Mapping[str, Any] = {}
    try:
        try:
            jwks_uri = location.find(fetcher)
        finally:
            # Metadata that is refused can tell the provider, too.
            metadata = _read_metadata(fetcher.body)
        reply = fetcher(jwks_uri)
    except FetchError as error:
        return PublishedKeys(
            source,
            jwks_uri,
            problem=_explain_failure(error, jwks_uri),
            date=fetcher.date,
            clock_skew=fetcher.clock_skew,
            metadata=metadata,
        )
    key_set = _parse_key_set(reply.body)
    return PublishedKeys(
        source,
        jwks_uri,
        key_set.keys,
        cache_control=fetcher.headers.get("Cache-Control"),
        max_age=reply.max_age,
        date=fetcher.date,
        clock_skew=fetcher.clock_skew,
        problem=key_set.problem,
        metadata=metadata,
    )


def published_keys_of(source: KeySource, issuer: str) -> PublishedKeys:
    """Return the keys of one source of an application: fetched once more, or those it holds.

    Args:
        source: The key source, none that consists of others.
        issuer: The name of the issuer, for a source that has no URL.
    """
    if isinstance(source, RemoteJWKS):
        return fetch_published_keys(source.location, source.fetch)
    held = source.held()
    if held is None:
        return PublishedKeys(issuer, problem="the key source holds no keys yet")
    keys = [_describe_held_key(position, key) for position, key in enumerate(held.keys)]
    keys += [
        PublishedKey(entry.position, entry.kid, None, None, None, (), entry.reason)
        for entry in held.skipped
    ]
    return PublishedKeys(issuer, keys=tuple(keys))


def read_key_file(name: str) -> PublishedKeys:
    """Read a key set from a JSON file and describe it; raise `ValueError` if it cannot be read."""
    try:
        with Path(name).open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a file name"
        raise ValueError(f"{name}: cannot be read ({reason}); write a file or a URL") from None
    if len(content) > MAX_FILE_BYTES:
        return PublishedKeys(name, problem=f"over {MAX_FILE_BYTES} bytes")
    key_set = _parse_key_set(content)
    return PublishedKeys(name, keys=key_set.keys, problem=key_set.problem)


def _explain_failure(error: FetchError, jwks_uri: str | None) -> str:
    reason = in_options(str(error))
    # The document itself was wrong, and the reason says so.
    if reason.startswith("the metadata"):
        return reason
    document = "the metadata" if jwks_uri is None else "the key set"
    return f"{document}: {reason}"


def _read_metadata(document: bytes) -> Mapping[str, Any]:
    try:
        return read_document(document)
    except ValueError:
        return {}


def _parse_key_set(document: bytes) -> _KeySet:
    try:
        entries = read_document(document).get("keys")
    except ValueError as error:
        return _KeySet((), f"the key set: {error}")
    if not isinstance(entries, list):
        return _KeySet((), 'the key set: no list "keys" (RFC 7517 §5)')
    if len(entries) > MAX_KEYS:
        return _KeySet((), f"the key set: over {MAX_KEYS} keys")
    keys = tuple(_describe_key(position, entry) for position, entry in enumerate(entries))
    if all(key.why_skipped is not None for key in keys):
        return _KeySet(keys, "the key set: no usable key")
    return _KeySet(keys, None)


def _describe_held_key(position: int, key: Key) -> PublishedKey:
    size = describe_size(key.material)
    return PublishedKey(
        position, key.kid, None, None, size, tuple(sorted(key.algorithms)), why_skipped=None
    )


def _describe_key(position: int, entry: object) -> PublishedKey:
    members = entry if isinstance(entry, dict) else {}
    size = _text(members, "crv")
    algorithms: tuple[str, ...] = ()
    why_skipped = None
    try:
        key = jwk.from_entry(entry, symmetric=False)
    except Unusable as reason:
        why_skipped = str(reason)
    else:
        algorithms = tuple(sorted(key.algorithms))
        size = size or describe_size(key.material)
    return PublishedKey(
        position=position,
        kid=_text(members, "kid"),
        kty=_text(members, "kty"),
        use=_text(members, "use"),
        size=size,
        algorithms=algorithms,
        why_skipped=why_skipped,
    )


def _text(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get(name)
    if isinstance(value, str):
        return value
    return None
