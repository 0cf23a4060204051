"""Documents with one public key in PEM each, at URLs that a key's ID completes."""

import re
from typing import Final, NamedTuple

from jwt_wsgi.http.fetching import Fetch, FetchError
from jwt_wsgi.http.urls import PlainHTTPError, check_url
from jwt_wsgi.jose.jwk import Key
from jwt_wsgi.jose.keys import KeySet
from jwt_wsgi.jose.pem import read_blocks
from jwt_wsgi.jwks.loading import check_bound, fetch_document

_KID: Final = "{kid}"
# The canonical form of a UUID (RFC 9562 §4). Nothing else ever gets into a URL.
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

#: The statuses that say that there is no such key. S3 answers 403 for it.
_NO_SUCH_KEY: Final = (403, 404, 410)
#: The statuses that say so even of a key that was there before.
_KEY_IS_GONE: Final = (404, 410)


class LoadedKey(NamedTuple):
    """A key that was just fetched, and the lifetime in seconds that the reply grants, or None."""

    key: Key
    max_age: float | None


class PEMDocuments:
    """The documents of one provider. It keeps nothing between two fetches.

    Args:
        url: The https URL of a document, with `{kid}` once in its path.
        fetch: Fetches a document by its URL.
        max_bytes: The largest document that is accepted, in bytes.

    Raises:
        ValueError: The URL may not be fetched or is not such a URL, or the bound is not a whole
            number above 0.
    """

    def __init__(self, url: str, fetch: Fetch, max_bytes: int) -> None:
        check_bound("max_bytes", max_bytes)
        self._url = _check_template(url)
        self._fetch = fetch
        self._max_bytes = max_bytes

    def load(self, kid: str) -> LoadedKey:
        """Return the key that is published now.

        Args:
            kid: The key's ID, for which `is_key_id` is true.

        Raises:
            FetchError: The document cannot be fetched, or is not one public key within the bounds.
            Exception: Any exception that a user's `fetch` raises.
        """
        reply = fetch_document(self._fetch, self._url.replace(_KID, kid), self._max_bytes)
        labels = [block.label for block in read_blocks(reply.body)]
        if labels != ["PUBLIC KEY"]:
            raise FetchError("the reply is not one PEM block of a public key")
        try:
            [key] = KeySet.from_pem(reply.body, kid=kid).keys
        except ValueError as error:
            raise FetchError(str(error)) from None
        return LoadedKey(key, reply.max_age)

    def __repr__(self) -> str:
        return self._url


def is_key_id(kid: str | None) -> bool:
    """Return True for a UUID in lower case, which alone may become a part of a URL."""
    return kid is not None and _UUID.fullmatch(kid) is not None


def says_no_such_key(error: BaseException) -> bool:
    """Return True if a failed fetch says that there is no such key."""
    return isinstance(error, FetchError) and error.status in _NO_SUCH_KEY


def says_key_is_gone(error: BaseException) -> bool:
    """Return True if a failed fetch says that a key which was there before is gone."""
    return isinstance(error, FetchError) and error.status in _KEY_IS_GONE


def _check_template(url: str) -> str:
    try:
        parts = check_url(url, option="url", allow_http=False)
    except PlainHTTPError:
        raise ValueError(f"url={url!r:.200}: must be https, except on loopback") from None
    if url.count("{") != 1 or url.count("}") != 1 or _KID not in parts.path:
        raise ValueError(
            f"url={url!r:.200}: write {_KID} once, in the path, such as "
            "'https://keys.example.com/{kid}'"
        )
    return url
