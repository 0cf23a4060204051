"""One bounded GET over urllib3: limited in bytes and in time.

Import this module only where a fetch is possible: urllib3 takes longer to import than
most of the package.
"""

import os
import re
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import urllib3

from jwt_wsgi.http.connections import POOLS, TLSPool, resolve_public_address
from jwt_wsgi.http.fetching import FetchError, Reply
from jwt_wsgi.http.urls import is_loopback

# Members of Cache-Control (RFC 9111 §5.2).
_MAX_AGE: Final = re.compile(r"(?:^|,)\s*max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_NOT_CACHED: Final = re.compile(r"(?:^|,)\s*no-(?:store|cache)\b", re.IGNORECASE)
_SECONDS: Final = re.compile(r"\d{1,9}")

# The name and the value of a header (RFC 9110 §5.1, §5.5).
_FIELD_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_VALUE: Final = re.compile(r"[!-~]([ -~]*[!-~])?")

_DEFAULT_HEADERS: Final = {
    "Accept": "application/json",
    "Accept-Encoding": "identity",
    "User-Agent": "jwt-wsgi",
}

_CHUNK_BYTES: Final = 65536


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches documents over one pooled client per process, which the first call makes.

    It follows no redirect, does not retry and decodes no content. Proxies are those of
    the environment, and none is used for loopback.

    Args:
        timeout: Seconds for the whole reply.
        max_bytes: The largest body that is read, in bytes.
        headers: Headers to send in addition to the default ones. Default None.
        ca_certs: A PEM file of trusted roots in place of the system's. Default None.
        public_only: True for URLs that untrusted input may have chosen. Then https
            addresses must be public, and no proxy is used, because a proxy would resolve
            the name itself. Default False.

    Raises:
        ValueError: A header is not valid, or `ca_certs` cannot be loaded.
    """

    timeout: float
    max_bytes: int
    headers: Mapping[str, str] | None = None
    ca_certs: str | os.PathLike[str] | None = None
    public_only: bool = False

    def __post_init__(self) -> None:
        if self.headers:
            _check_headers(self.headers)
        if self.ca_certs is not None:
            _check_ca_certs(self.ca_certs)

    def __call__(self, url: str) -> Reply:
        """Return the document at `url`.

        Raises:
            FetchError: There was no reply in time, or the reply was not accepted.
        """
        try:
            with self._send_request(urlsplit(url)) as response:
                body = self._read_body(response)
                return Reply(body, _granted_lifetime(response.headers), response.headers)
        except (urllib3.exceptions.ReadTimeoutError, TimeoutError) as error:
            reason = f"the reply was not complete within {self.timeout} s"
            raise FetchError(reason, outcome="timeout") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise FetchError(type(error).__name__, outcome="unreachable") from error

    def _send_request(self, url: SplitResult) -> urllib3.BaseHTTPResponse:
        headers = {**_DEFAULT_HEADERS, **(self.headers or {})}
        ca_certs = None if self.ca_certs is None else os.fspath(self.ca_certs)
        if self.public_only:
            return self._send_to_public_address(url, headers, ca_certs)
        client = _pooled_client(os.getpid(), _proxy_for(url), ca_certs)
        return _get(client, url.geturl(), headers, self.timeout)

    def _send_to_public_address(
        self, url: SplitResult, headers: dict[str, str], ca_certs: str | None
    ) -> urllib3.BaseHTTPResponse:
        host = url.hostname or ""
        port = url.port or 443
        # Connect to the address that was checked: a second look-up could return another one.
        address = resolve_public_address(host, port)
        pool = TLSPool(address, port, ca_certs=ca_certs, server_hostname=host, assert_hostname=host)
        target = urlunsplit(("", "", url.path or "/", url.query, ""))
        return _get(pool, target, {**headers, "Host": url.netloc}, self.timeout)

    def _read_body(self, response: urllib3.BaseHTTPResponse) -> bytes:
        headers = response.headers
        if response.status != 200:
            raise FetchError(
                f"HTTP status {response.status}",
                status=response.status,
                retry_after=_seconds_in(headers, "Retry-After"),
                outcome="http_status",
                headers=headers,
            )
        if headers.get("Content-Encoding", "identity").lower() != "identity":
            raise FetchError("the reply is encoded, and only identity is accepted", headers=headers)
        body = bytearray()
        while chunk := response.read1(_CHUNK_BYTES):
            body += chunk
            if len(body) > self.max_bytes:
                raise FetchError(f"more than {self.max_bytes} bytes", headers=headers)
        return bytes(body)


def _check_headers(headers: Mapping[str, str]) -> None:
    if not isinstance(headers, Mapping):
        raise ValueError("headers: write a mapping of names to values")
    for name, value in headers.items():
        # The value may be a credential, so the error does not quote it.
        if not _is_valid_header(name, value):
            raise ValueError(f"headers: {name!a} and its value must be text that a header can hold")


def _is_valid_header(name: object, value: object) -> bool:
    if not isinstance(name, str) or not isinstance(value, str):
        return False
    return bool(_FIELD_NAME.fullmatch(name) and _FIELD_VALUE.fullmatch(value))


def _check_ca_certs(ca_certs: str | os.PathLike[str]) -> None:
    try:
        ssl.create_default_context(cafile=ca_certs)
    except (OSError, TypeError) as error:
        raise ValueError(
            f"ca_certs={ca_certs!r}: write a file of certificates in PEM ({error})"
        ) from None


def _get(
    client: urllib3.PoolManager | TLSPool, url: str, headers: dict[str, str], timeout: float
) -> urllib3.BaseHTTPResponse:
    return client.request(
        "GET",
        url,
        headers=headers,
        timeout=timeout,
        redirect=False,
        retries=False,
        preload_content=False,
        decode_content=False,
    )


@lru_cache(maxsize=16)
def _pooled_client(_pid: int, proxy: str | None, ca_certs: str | None) -> urllib3.PoolManager:
    # The process is part of the cache key: a fork must not share sockets with its parent.
    client = urllib3.PoolManager(ca_certs=ca_certs)
    if proxy is not None:
        client = urllib3.ProxyManager(proxy, proxy_headers=_proxy_headers(proxy), ca_certs=ca_certs)
    client.pool_classes_by_scheme = POOLS
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
