"""How the URI of a key set is found: given, or read from the issuer's metadata.

OpenID Connect Discovery 1.0 §4 and RFC 8414 §3.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from jwt_wsgi.jose.strict_json import read_object
from jwt_wsgi.jwks.fetching import FetchError, Reply, check_url


class FixedURI:
    """The URI that was configured."""

    def __init__(self, uri: str, *, allow_http: bool) -> None:
        check_url(uri, option="uri", allow_http=allow_http)
        self._uri = uri

    def find(self, fetch: Callable[[str], Reply]) -> str:
        """The URI."""
        return self._uri

    def forget(self) -> None:
        """A given URI stays."""

    def __repr__(self) -> str:
        return self._uri


class DiscoveredURI:
    """The `jwks_uri` of an issuer's metadata, remembered until it fails."""

    def __init__(self, issuer: str, *, allow_http: bool) -> None:
        parts = check_url(issuer, option="issuer", allow_http=allow_http)
        if "?" in issuer:
            raise ValueError(f"issuer={issuer!r}: an issuer's URL has no query (RFC 8414 §2)")
        self._issuer = issuer
        self._allow_http = allow_http or parts.scheme == "http"
        self._uri: str | None = None

    def find(self, fetch: Callable[[str], Reply]) -> str:
        """The URI; fetches the metadata where it is not known. Raises `FetchError`."""
        if self._uri is None:
            self._uri = self._read(self._metadata(fetch))
        return self._uri

    def forget(self) -> None:
        """Look again next time: the keys were not there."""
        self._uri = None

    def _metadata(self, fetch: Callable[[str], Reply]) -> bytes:
        first, second = metadata_urls(self._issuer)
        try:
            return fetch(first).body
        except FetchError as error:
            # Only a server that answers "not here" is asked at the other place.
            if error.status is None or not 400 <= error.status < 500 or error.status == 429:
                raise
        return fetch(second).body

    def _read(self, document: bytes) -> str:
        try:
            metadata = read_object(document)
            if metadata.get("issuer") != self._issuer:
                raise FetchError("the metadata is another issuer's (RFC 8414 §3.3)")
            uri: str = metadata.get("jwks_uri", "")
            check_url(uri, option="jwks_uri", allow_http=self._allow_http)
        except ValueError as error:
            raise FetchError(f"the metadata: {error}") from None
        if urlsplit(uri).scheme == "http" and not self._allow_http:
            raise FetchError("an https issuer's jwks_uri is plain http")
        return uri

    def __repr__(self) -> str:
        return self._issuer


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Where an issuer's metadata is: OpenID Connect appends, RFC 8414 §3.1 inserts."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    return (
        urlunsplit(parts._replace(path=f"{path}/.well-known/openid-configuration")),
        urlunsplit(parts._replace(path=f"/.well-known/oauth-authorization-server{path}")),
    )
