"""The URL of a key set or an endpoint: configured, or discovered from the issuer's metadata.

OpenID Connect Discovery 1.0 §4 and RFC 8414 §3.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple
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


class Place(NamedTuple):
    """The thing that is looked for in the metadata, and the words of errors about it.

    Attributes:
        member: The member of the metadata that has the URL.
        option: The option that has a configured URL.
        remedy: What to do if the metadata has no usable URL.
        reader: What fetches from the URL.
    """

    member: str
    option: str
    remedy: str
    reader: str


#: The key set of an issuer (OpenID Connect Discovery 1.0 §3, RFC 8414 §2).
KEY_SET: Final = Place(
    "jwks_uri", "uri", "name the URL of the key set, RemoteJWKS(uri)", "the source of the keys"
)


class Location:
    """The location of a key set or an endpoint: a URL, or the one in the issuer's metadata.

    A discovered URL is remembered until `forget` is called.

    Args:
        uri: The URL, or None to discover it.
        issuer: The issuer's URL, used only if `uri` is None.
        allow_http: True to accept plain http anywhere. Default False: only on loopback.
        place: What is looked for. By default the key set.

    Raises:
        ValueError: The URL may not be fetched.
    """

    def __init__(
        self, uri: str | None, *, issuer: str = "", allow_http: bool = False, place: Place = KEY_SET
    ) -> None:
        self._uri = uri
        self._issuer = issuer
        self._place = place
        self._allow_http = allow_http
        self._allow_http_keys = allow_http
        if uri is not None:
            check_url(uri, option=place.option, allow_http=allow_http)
            self._issuer = ""
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
        """Return the URL; fetch the metadata if it is not known.

        Args:
            fetch: Fetches a document by its URL.

        Raises:
            FetchError: The metadata cannot be fetched or is not valid.
        """
        # Another thread may forget the URL at any moment.
        url = self._uri
        if url is None:
            url = self._read_url(self._fetch_metadata(fetch))
            self._uri = url
        return url

    def forget(self) -> None:
        """Forget a discovered URL, because nothing could be fetched from it."""
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

    def _read_url(self, document: bytes) -> str:
        try:
            metadata = read_document(document)
            _check_issuer(metadata.get("issuer"), self._issuer)
            return self._check_url(metadata.get(self._place.member))
        except ValueError as error:
            raise FetchError(f"the metadata: {error}") from None

    def _check_url(self, url: Any) -> str:
        """Return the URL of the metadata if it may be fetched."""
        member = self._place.member
        if url is None:
            raise ValueError(f"it has no {member}: {self._place.remedy}")
        try:
            parts = check_url(url, option=member, allow_http=self._allow_http)
        except PlainHTTPError:
            raise ValueError(_plain_http(url, self._place)) from None
        except ValueError:
            raise ValueError(
                f"its {member} {url!a:.200} is not an https URL: {self._place.remedy}"
            ) from None
        _check_scheme(url, parts.scheme, self._place, allow_http=self._allow_http_keys)
        return str(url)

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


def _check_scheme(url: str, scheme: str, place: Place, *, allow_http: bool) -> None:
    if scheme != "https" and not allow_http:
        raise ValueError(_plain_http(url, place))


def _plain_http(url: str, place: Place) -> str:
    return (
        f"its {place.member} {url!a:.200} must be https: the issuer must publish such a URL, or, "
        f"if the network is trusted, {place.reader} needs allow_http=True"
    )
