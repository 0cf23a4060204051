"""The URL of a key set: configured, or discovered from the issuer's metadata.

OpenID Connect Discovery 1.0 §4 and RFC 8414 §3.
"""

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from jwt_wsgi.http.fetching import FetchError, Reply
from jwt_wsgi.http.urls import PlainHTTPError, check_url
from jwt_wsgi.jose.strict_json import read_document


class MetadataURLs(NamedTuple):
    """The two URLs at which an issuer may publish its metadata.

    Attributes:
        openid: The URL of OpenID Connect Discovery, which appends to the issuer's path.
        rfc8414: The URL of RFC 8414 §3.1, which inserts before the issuer's path.
    """

    openid: str
    rfc8414: str


class Location:
    """The location of a key set: a URL, or the `jwks_uri` in the issuer's metadata.

    A discovered URL is remembered until `forget` is called.

    Args:
        uri: The URL of the key set, or None to discover it.
        issuer: The issuer's URL, used only if `uri` is None.
        allow_http: True to accept plain http anywhere. Default False: only on loopback.

    Raises:
        ValueError: The URL may not be fetched.
    """

    def __init__(self, uri: str | None, *, issuer: str = "", allow_http: bool = False) -> None:
        self._uri = uri
        self._issuer = issuer
        self._allow_http = allow_http
        self._allow_http_keys = allow_http
        if uri is not None:
            check_url(uri, option="uri", allow_http=allow_http)
            return
        parts = check_url(issuer, option="issuer", allow_http=allow_http)
        if "?" in issuer:
            raise ValueError(f"issuer={issuer!r}: an issuer's URL has no query (RFC 8414 §2)")
        if parts.scheme == "http":
            self._allow_http_keys = True

    @property
    def identity(self) -> str:
        """A text that no other location has, and that stays the same after discovery."""
        return f"issuer {self._issuer}" if self._issuer else f"uri {self._uri}"

    def find(self, fetch: Callable[[str], Reply]) -> str:
        """Return the URL of the key set; fetch the metadata if it is not known.

        Args:
            fetch: Fetches a document by its URL.

        Raises:
            FetchError: The metadata cannot be fetched or is not valid.
        """
        if self._uri is None:
            self._uri = self._read_jwks_uri(self._fetch_metadata(fetch))
        return self._uri

    def forget(self) -> None:
        """Forget a discovered URL, because its keys could not be fetched."""
        if self._issuer:
            self._uri = None

    def _fetch_metadata(self, fetch: Callable[[str], Reply]) -> bytes:
        urls = metadata_urls(self._issuer)
        try:
            return fetch(urls.openid).body
        except FetchError as error:
            if not _is_missing(error.status):
                raise
        return fetch(urls.rfc8414).body

    def _read_jwks_uri(self, document: bytes) -> str:
        try:
            metadata = read_document(document)
            _check_issuer(metadata.get("issuer"), self._issuer)
            return self._check_jwks_uri(metadata.get("jwks_uri"))
        except ValueError as error:
            raise FetchError(f"the metadata: {error}") from None

    def _check_jwks_uri(self, uri: Any) -> str:
        """Return the `jwks_uri` if it may be fetched."""
        if uri is None:
            raise ValueError("it has no jwks_uri: name the URL of the key set, RemoteJWKS(uri)")
        try:
            parts = check_url(uri, option="jwks_uri", allow_http=self._allow_http)
        except PlainHTTPError:
            raise ValueError(_plain_http(uri)) from None
        except ValueError:
            raise ValueError(
                f"its jwks_uri {uri!a:.200} is not an https URL: name the URL of the key set, "
                "RemoteJWKS(uri)"
            ) from None
        _check_scheme(uri, parts.scheme, allow_http=self._allow_http_keys)
        return str(uri)

    def __repr__(self) -> str:
        return self._issuer or str(self._uri)


def metadata_urls(issuer: str) -> MetadataURLs:
    """Return the URLs of an issuer's metadata."""
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")
    openid_path = f"{path}/.well-known/openid-configuration"
    rfc8414_path = f"/.well-known/oauth-authorization-server{path}"
    return MetadataURLs(
        openid=urlunsplit(parts._replace(path=openid_path)),
        rfc8414=urlunsplit(parts._replace(path=rfc8414_path)),
    )


def _is_missing(status: int | None) -> bool:
    # Only a server that says "not here" is asked at the other URL. 429 means "not now".
    return status is not None and 400 <= status < 500 and status != 429


def _check_issuer(issuer: object, expected: str) -> None:
    # The text must be identical, or one issuer could publish keys for another.
    if issuer != expected:
        raise ValueError(f"it names the issuer {issuer!a:.200}, not {expected!a} (RFC 8414 §3.3)")


def _check_scheme(uri: str, scheme: str, *, allow_http: bool) -> None:
    if scheme != "https" and not allow_http:
        raise ValueError(_plain_http(uri))


def _plain_http(uri: str) -> str:
    return (
        f"its jwks_uri {uri!a:.200} must be https: the issuer must publish such a URL, or, if the "
        "network is trusted, the source of the keys needs allow_http=True"
    )
