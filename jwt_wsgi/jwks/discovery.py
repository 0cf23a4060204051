"""How the URI of a key set is found: given, or read from the issuer's metadata.

OpenID Connect Discovery 1.0 §4 and RFC 8414 §3.
"""

from collections.abc import Callable
from urllib.parse import urlsplit, urlunsplit

from jwt_wsgi.http.fetching import FetchError, Reply
from jwt_wsgi.http.urls import check_url
from jwt_wsgi.jose.strict_json import read_object
from jwt_wsgi.options import must


class Location:
    """Where a key set is: at `uri`, or where the metadata of `issuer` says.

    What was discovered is remembered until it fails. Raises `ValueError` for a
    URL that may not be fetched.
    """

    def __init__(self, uri: str | None, *, issuer: str = "", allow_http: bool = False) -> None:
        self._uri = uri
        self._issuer = issuer
        if uri is not None:
            check_url(uri, option="uri", allow_http=allow_http)
            return
        parts = check_url(issuer, option="issuer", allow_http=allow_http)
        must("?" not in issuer, f"issuer={issuer!r}: an issuer's URL has no query (RFC 8414 §2)")
        self._allow_http, self._plain = allow_http, parts.scheme == "http"

    def find(self, fetch: Callable[[str], Reply]) -> str:
        """The URI; fetches the metadata where it is not known. Raises `FetchError`."""
        if self._uri is None:
            self._uri = self._read(self._metadata(fetch))
        return self._uri

    def forget(self) -> None:
        """Discover anew next time: the keys were not there."""
        if self._issuer:
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
            named = metadata.get("issuer")
            must(
                named == self._issuer,
                f"it names the issuer {named!a:.200}, not {self._issuer!a} (RFC 8414 §3.3)",
            )
            uri: str = metadata.get("jwks_uri", "")
            scheme = check_url(uri, option="jwks_uri", allow_http=self._allow_http).scheme
            must(
                scheme == "https" or self._plain or self._allow_http,
                "an https issuer's jwks_uri is plain http",
            )
        except ValueError as error:
            raise FetchError(f"the metadata: {error}") from None
        return uri

    def __repr__(self) -> str:
        return self._issuer or str(self._uri)


def metadata_urls(issuer: str) -> tuple[str, str]:
    """Where an issuer's metadata is: OpenID Connect appends, RFC 8414 §3.1 inserts."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    return (
        urlunsplit(parts._replace(path=f"{path}/.well-known/openid-configuration")),
        urlunsplit(parts._replace(path=f"/.well-known/oauth-authorization-server{path}")),
    )
