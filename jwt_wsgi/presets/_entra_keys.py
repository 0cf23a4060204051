"""The key sets of Microsoft Entra ID, which may hold keys of several tenants."""

import json
from collections.abc import Callable
from typing import Final

from jwt_wsgi.callbacks import check_callables, refuse_deferred
from jwt_wsgi.http.client import Fetcher
from jwt_wsgi.http.fetching import Fetch, FetchError, Reply
from jwt_wsgi.jose.strict_json import read_document

# The largest key set that is read, in bytes, as in `RemoteJWKS`.
_MAX_BYTES: Final = 524288


class OwnersKeysFetcher:
    """A fetcher of an Entra key set that drops the keys of other owners.

    A key without the member `issuer` serves all tenants. A reply that cannot be filtered is a
    failed fetch, because all keys of all tenants stand in one document.

    Args:
        owner: The tenant whose keys are kept, for error texts.
        is_owners: Returns True for the `issuer` of a key that is kept.
        fetch: The caller's fetcher, or None for the HTTP client of this package.

    Raises:
        ValueError: `fetch` is not a function that returns bytes.
    """

    def __init__(self, owner: str, is_owners: Callable[[str], bool], fetch: Fetch | None) -> None:
        check_callables(fetch=fetch)
        self._fetch: Fetch = Fetcher(10.0, _MAX_BYTES) if fetch is None else fetch
        self._owner = owner
        self._is_owners = is_owners

    def __call__(self, url: str) -> Reply:
        answer = self._fetch(url)
        reply = answer if isinstance(answer, Reply) else Reply(answer)
        try:
            body = self._without_other_owners(reply.body)
        except (ValueError, TypeError) as error:
            raise FetchError(str(error), headers=reply.headers) from None
        return reply._replace(body=body)

    def _without_other_owners(self, document: object) -> bytes:
        # A user's fetch may return anything, of any size.
        refuse_deferred(document)
        if not isinstance(document, bytes):
            raise ValueError("fetch did not return bytes")
        if len(document) > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES} bytes")
        entries = read_document(document).get("keys")
        if not isinstance(entries, list):
            raise ValueError('a JWKS is a mapping with a list "keys" (RFC 7517 §5)')
        keys = [entry for entry in entries if self._may_use(entry)]
        if not keys:
            raise ValueError(f"none of {len(entries)} keys is for the tenant {self._owner}")
        return json.dumps({"keys": keys}).encode()

    def _may_use(self, entry: object) -> bool:
        if not isinstance(entry, dict):
            return False
        if "issuer" not in entry:
            return True
        issuer = entry["issuer"]
        return isinstance(issuer, str) and self._is_owners(issuer)
