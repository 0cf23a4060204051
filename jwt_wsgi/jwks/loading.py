"""One load of a key set: locate it, fetch it within bounds, parse it."""

import logging
import os
from functools import partial
from typing import NamedTuple

from jwt_wsgi.http.fetching import DeadlineFetcher, Fetch, FetchError, Reply, check_reply
from jwt_wsgi.http.headers import Headers
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jose.strict_json import read_document
from jwt_wsgi.jwks.discovery import Location

logger = logging.getLogger("jwt_wsgi.jwks")


class LoadedKeys(NamedTuple):
    """A key set that was just fetched.

    Attributes:
        keys: The usable keys.
        max_age: The lifetime in seconds that the reply grants, or None.
        body: The document.
    """

    keys: KeySet
    max_age: float | None
    body: bytes


class KeyLoader:
    """Loads the key set of one location. It keeps nothing between two loads.

    Args:
        location: The location of the key set.
        fetch: Fetches a document by its URL.
        max_bytes: The largest document that is accepted, in bytes.
        max_keys: The largest number of entries that a key set may have.

    Raises:
        ValueError: A bound is not a whole number above 0.
    """

    def __init__(self, location: Location, fetch: Fetch, *, max_bytes: int, max_keys: int) -> None:
        check_bound("max_bytes", max_bytes)
        check_bound("max_keys", max_keys)
        self.location = location
        self.fetch = fetch
        self.max_bytes = max_bytes
        self.max_keys = max_keys

    def load(self) -> LoadedKeys:
        """Return the key set that is published now, and log its entries that are not usable.

        Raises:
            FetchError: The key set cannot be fetched, or is not valid within the bounds.
            Exception: Any exception that a user's `fetch` raises.
        """
        fetch = self.fetch
        if isinstance(fetch, DeadlineFetcher):
            # The metadata and the keys are one fetch, with one deadline.
            fetch = fetch.begin()
        uri = self.location.find(partial(self._fetch_document, fetch))
        reply = self._fetch_document(fetch, uri)
        try:
            keys = self.parse(reply.body)
        except ValueError as error:
            raise FetchError(str(error)) from None
        for entry in keys.skipped:
            logger.info(
                "keys of %r: keys[%d] skipped: %s", self.location, entry.position, entry.reason
            )
        return LoadedKeys(keys, reply.max_age, reply.body)

    def parse(self, document: bytes) -> KeySet:
        """Return the key set of a document.

        Raises:
            ValueError: It is not a valid key set within the bounds.
        """
        jwks = read_document(document)
        entries = jwks.get("keys")
        if isinstance(entries, list) and len(entries) > self.max_keys:
            raise ValueError(f"more than {self.max_keys} keys")
        return KeySet.from_jwks(jwks)

    def _fetch_document(self, fetch: Fetch, url: str) -> Reply:
        return fetch_document(fetch, url, self.max_bytes)


def fetch_document(fetch: Fetch, url: str, max_bytes: int) -> Reply:
    """Return a document, after checks of what a user's fetch may return.

    Args:
        fetch: Fetches a document by its URL.
        url: The URL.
        max_bytes: The largest document that is accepted, in bytes.

    Raises:
        FetchError: The document cannot be fetched, or is not bytes within the bound.
        Exception: Any exception that a user's `fetch` raises.
    """
    return check_reply(fetch(url), max_bytes)


def built_in_client(
    timeout: float,
    max_bytes: int,
    headers: Headers | None,
    ca_certs: str | os.PathLike[str] | None,
    public_only: bool,
) -> Fetch:
    """Return the HTTP client of this package. The arguments are those of `Fetcher`."""
    # Imported here, so that a source with its own `fetch` does not import urllib3.
    from jwt_wsgi.http.client import Fetcher

    return Fetcher(timeout, max_bytes, headers, ca_certs, public_only)


def check_bound(option: str, value: int) -> None:
    """Raise `ValueError` if a bound is not a whole number above 0."""
    if type(value) is not int or value < 1:
        raise ValueError(f"{option}={value!r}: write a whole number above 0")
