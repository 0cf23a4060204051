"""One bounded GET or POST over urllib3: limited in bytes and in time.

Import this module only where a fetch is possible: urllib3 takes longer to import than
most of the package.
"""

import os
import re
import ssl
import urllib.request
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

import urllib3

from jwt_wsgi.http.causes import describe_failure
from jwt_wsgi.http.connections import FindAddresses, StaleConnection, pool_classes
from jwt_wsgi.http.deadline import Deadline
from jwt_wsgi.http.fetching import NO_HEADERS, DeadlineFetcher, Fetch, FetchError, Reply, Send
from jwt_wsgi.http.headers import Headers, check_headers, request_headers
from jwt_wsgi.http.resolving import SYSTEM_RESOLVER, Resolver
from jwt_wsgi.http.statuses import describe_status
from jwt_wsgi.http.urls import is_loopback

# Members of Cache-Control (RFC 9111 §5.2).
_MAX_AGE: Final = re.compile(r"(?:^|,)\s*max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_NOT_CACHED: Final = re.compile(r"(?:^|,)\s*no-(?:store|cache)\b", re.IGNORECASE)
_SECONDS: Final = re.compile(r"\d{1,9}")

_CHUNK_BYTES: Final = 65536

# The bytes of an error that are read at most.
_ERROR_BYTES: Final = 4096

# The connections to one host that stay open between two requests.
_KEPT_CONNECTIONS: Final = 8

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Fetcher(DeadlineFetcher):
    """Fetches documents over one pooled client per process, which the first call makes.

    It follows no redirect, does not retry (but for a kept connection that the server has closed
    meanwhile) and decodes no content. Each address of a host is
    tried in turn. Proxies are those of the environment, and none is used for loopback.

    Args:
        timeout: Seconds for the whole fetch: name lookup, connection, TLS, request and reply.
        max_bytes: The largest body that is read, in bytes.
        headers: Headers to send, as a mapping or a callable that returns one at each fetch.
            They replace default headers of the same name. Default None.
        ca_certs: A PEM file of trusted roots in place of the system's. Default None.
        public_only: True for URLs that untrusted input may have chosen. Then all addresses
            of the host must be public, and no proxy is used, because a proxy would resolve
            the name itself. Default False.
        resolver: Finds the addresses of hosts. Default: the system's lookup.

    Raises:
        ValueError: A header is not valid, or `ca_certs` cannot be loaded.
    """

    timeout: float
    max_bytes: int
    headers: Headers | None = None
    ca_certs: str | os.PathLike[str] | None = None
    public_only: bool = False
    resolver: Resolver = SYSTEM_RESOLVER

    def __post_init__(self) -> None:
        if self.headers is not None:
            check_headers(self.headers)
        if self.ca_certs is not None:
            _check_ca_certs(self.ca_certs)

    def __call__(self, url: str) -> Reply:
        """Return the document at `url`.

        Raises:
            FetchError: There was no reply in time, or the reply was not accepted.
        """
        return self._fetch(Deadline(self.timeout), url)

    def begin(self) -> Fetch:
        """Return a fetcher of several documents that share one deadline, from now on."""
        return partial(self._fetch, Deadline(self.timeout))

    def begin_sending(self, seconds: float) -> Send:
        """Return a sender of several requests that share one deadline.

        A form is sent by POST. The headers that come with a request replace those of the
        fetcher.

        Args:
            seconds: The seconds until the deadline, from now on.
        """
        return partial(self._fetch, Deadline(seconds))

    def _fetch(
        self,
        deadline: Deadline,
        url: str,
        form: bytes | None = None,
        own_headers: Mapping[str, str] = NO_HEADERS,
    ) -> Reply:
        late = f"the reply was not complete within {deadline.seconds:.3g} s"
        if deadline.has_passed:
            raise FetchError(late, outcome="timeout")
        headers = request_headers(self.headers, own_headers)
        try:
            with (
                self._client(urlsplit(url), deadline) as client,
                _send_again_if_stale(client, url, form, headers, deadline) as response,
            ):
                body = self._read_body(response, is_form=form is not None)
                return Reply(body, _granted_lifetime(response.headers), response.headers)
        except (urllib3.exceptions.ReadTimeoutError, TimeoutError) as error:
            raise FetchError(late, outcome="timeout") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            reason = describe_failure(error, _server_of(url))
            raise FetchError(reason, outcome="unreachable") from error

    def _client(
        self, url: SplitResult, deadline: Deadline
    ) -> AbstractContextManager[urllib3.PoolManager]:
        ca_certs = None if self.ca_certs is None else os.fspath(self.ca_certs)
        if not self.public_only:
            proxy = _proxy_for(url)
            return nullcontext(_pooled_client(os.getpid(), proxy, ca_certs, self.resolver))
        # Connect to the addresses that were checked: a second look-up could return others.
        port = url.port or _DEFAULT_PORTS[url.scheme]
        rows = self.resolver.find_public_addresses(url.hostname or "", port, deadline.seconds_left)
        return _make_client(None, ca_certs, lambda _host, _port, _seconds: rows)

    def _read_body(self, response: urllib3.BaseHTTPResponse, *, is_form: bool) -> bytes:
        headers = response.headers
        if response.status != 200:
            raise FetchError(
                describe_status(response.status, headers.get("Location")),
                status=response.status,
                retry_after=_seconds_in(headers, "Retry-After"),
                outcome="http_status",
                headers=headers,
                body=_error_of(response) if is_form else b"",
            )
        encoding = headers.get("Content-Encoding", "identity")
        if encoding.strip().lower() not in ("", "identity"):
            reason = (
                f"the reply has the encoding {encoding!a:.100}, and only identity is accepted: "
                "the endpoint must honour Accept-Encoding"
            )
            raise FetchError(reason, headers=headers)
        body = bytearray()
        while chunk := response.read1(_CHUNK_BYTES):
            body += chunk
            if len(body) > self.max_bytes:
                raise FetchError(f"more than {self.max_bytes} bytes", headers=headers)
        return bytes(body)


def _error_of(response: urllib3.BaseHTTPResponse) -> bytes:
    """Return the beginning of the reply that refuses a form (RFC 6749 §5.2)."""
    if response.status != HTTPStatus.BAD_REQUEST:
        return b""
    try:
        return response.read1(_ERROR_BYTES)
    except (urllib3.exceptions.HTTPError, OSError):
        # The status says enough.
        return b""


def _server_of(url: str) -> str:
    """Return the host and the port of a URL."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{host}]"
    return f"{host:.200}:{parts.port or _DEFAULT_PORTS.get(parts.scheme)}"


def _check_ca_certs(ca_certs: str | os.PathLike[str]) -> None:
    try:
        ssl.create_default_context(cafile=ca_certs)
    except (OSError, TypeError) as error:
        raise ValueError(
            f"ca_certs={ca_certs!r}: write a file of certificates in PEM ({error})"
        ) from None


def _send_again_if_stale(
    client: urllib3.PoolManager,
    url: str,
    form: bytes | None,
    headers: dict[str, str],
    deadline: Deadline,
) -> urllib3.BaseHTTPResponse:
    """Send a request, once more if the server has closed the kept connection meanwhile.

    Such a request was not answered, and what is sent here may be sent twice.
    """
    try:
        return _send(client, url, form, headers, deadline)
    except urllib3.exceptions.ProtocolError as error:
        if not any(isinstance(cause, StaleConnection) for cause in error.args):
            raise
    client.clear()
    return _send(client, url, form, headers, deadline)


def _send(
    client: urllib3.PoolManager,
    url: str,
    form: bytes | None,
    headers: dict[str, str],
    deadline: Deadline,
) -> urllib3.BaseHTTPResponse:
    return client.request(
        "GET" if form is None else "POST",
        url,
        body=form,
        headers=headers,
        timeout=deadline,
        redirect=False,
        retries=False,
        preload_content=False,
        decode_content=False,
    )


@lru_cache(maxsize=16)
def _pooled_client(
    _pid: int, proxy: str | None, ca_certs: str | None, resolver: Resolver
) -> urllib3.PoolManager:
    # The process is part of the cache key: a fork must not share sockets with its parent.
    return _make_client(proxy, ca_certs, resolver.find_addresses)


def _make_client(
    proxy: str | None, ca_certs: str | None, find: FindAddresses
) -> urllib3.PoolManager:
    client = urllib3.PoolManager(ca_certs=ca_certs, maxsize=_KEPT_CONNECTIONS)
    if proxy is not None:
        client = urllib3.ProxyManager(
            proxy, proxy_headers=_proxy_headers(proxy), ca_certs=ca_certs, maxsize=_KEPT_CONNECTIONS
        )
    client.pool_classes_by_scheme = pool_classes(find)
    return client


def _proxy_headers(proxy: str) -> dict[str, str] | None:
    credentials = unquote(urlsplit(proxy).netloc.rpartition("@")[0])
    if not credentials:
        return None
    return urllib3.make_headers(proxy_basic_auth=credentials)


def _proxy_for(url: SplitResult) -> str | None:
    host = url.hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    proxy = urllib.request.getproxies().get(url.scheme)
    if proxy and "://" not in proxy:
        return f"http://{proxy}"
    return proxy


def _granted_lifetime(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that `Cache-Control` grants, less the reply's `Age`, or None."""
    cache_control = headers.get("Cache-Control", "")
    if _NOT_CACHED.search(cache_control):
        return 0.0
    max_age = _MAX_AGE.search(cache_control)
    if max_age is None:
        return None
    return max(0.0, float(max_age[1]) - _seconds_in(headers, "Age"))


def _seconds_in(headers: Mapping[str, str], name: str) -> float:
    """Return the whole seconds of a header, 0 if it is missing or not a number."""
    seconds = _SECONDS.fullmatch(headers.get(name, ""))
    return 0.0 if seconds is None else float(seconds[0])
