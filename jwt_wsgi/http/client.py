"""One bounded GET over urllib3: how much is read, and for how long.

Only whoever fetches imports this module, for the HTTP client costs more than most of the package.
"""

import os
import re
import ssl
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import urllib3

from jwt_wsgi.http.connections import POOLS, TLSPool, public_address
from jwt_wsgi.http.fetching import FetchError, Reply
from jwt_wsgi.http.urls import is_loopback
from jwt_wsgi.options import must

_MAX_AGE = re.compile(r"(?:^|,)\s*max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_UNCACHED = re.compile(r"(?:^|,)\s*no-(?:store|cache)\b", re.IGNORECASE)
_SECONDS = re.compile(r"\d{1,9}")
_FIELD = re.compile(r"[!-~]([ -~]*[!-~])?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

_HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "jwt-wsgi"}
# Nothing is followed, tried again or unpacked behind our back.
_OPTIONS: dict[str, Any] = dict.fromkeys(
    ("redirect", "retries", "preload_content", "decode_content"), False
)


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches over one pooled client for each process, made at the first call.

    `timeout` is seconds for the whole reply, `max_bytes` the most that is read.
    `headers` are sent besides our own; `ca_certs` is a file of trusted roots.
    `public_only` is for URLs that a stranger may have chosen: https at public
    addresses, and no proxy, which would look the name up where we cannot see it.
    """

    timeout: float
    max_bytes: int
    headers: Mapping[str, str] | None = None
    ca_certs: str | os.PathLike[str] | None = None
    public_only: bool = False

    def __post_init__(self) -> None:
        sent = self.headers or {}
        must(isinstance(sent, Mapping), "headers: write a mapping of names to values")
        for name, value in sent.items():
            text = isinstance(name, str) and isinstance(value, str)
            fits = text and _TOKEN.fullmatch(name) and _FIELD.fullmatch(value)
            must(bool(fits), f"headers: {name!a} and its value must be text that a header can hold")
        try:
            if self.ca_certs is not None:
                ssl.create_default_context(cafile=self.ca_certs)
        except (OSError, TypeError) as error:
            raise ValueError(
                f"ca_certs={self.ca_certs!r}: write a file of certificates in PEM ({error})"
            ) from None

    def __call__(self, url: str) -> Reply:
        """The document at `url`; raises `FetchError`."""
        try:
            with self._ask(urlsplit(url)) as response:
                return Reply(self._read(response), _granted(response.headers), response.headers)
        except (urllib3.exceptions.ReadTimeoutError, TimeoutError) as error:
            raise FetchError(f"not complete within {self.timeout} s", outcome="timeout") from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise FetchError(type(error).__name__, outcome="unreachable") from error

    def _ask(self, url: SplitResult) -> urllib3.BaseHTTPResponse:
        ca_certs = None if self.ca_certs is None else os.fspath(self.ca_certs)
        sent = {**_HEADERS, **(self.headers or {})}
        if not self.public_only:
            client = _client(os.getpid(), _proxy(url), ca_certs)
            return client.request(
                "GET", url.geturl(), headers=sent, timeout=self.timeout, **_OPTIONS
            )
        # The very address that was judged, under the name that it must prove.
        host, port = url.hostname or "", url.port or 443
        named: dict[str, Any] = {"server_hostname": host, "assert_hostname": host}
        pool = TLSPool(public_address(host, port), port, ca_certs=ca_certs, **named)
        target = urlunsplit(("", "", url.path or "/", url.query, ""))
        return pool.request(
            "GET", target, headers={**sent, "Host": url.netloc}, timeout=self.timeout, **_OPTIONS
        )

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        if response.status != 200:
            pause = _SECONDS.fullmatch(response.headers.get("Retry-After", ""))
            wait = float(pause[0]) if pause else 0
            raise FetchError(
                f"HTTP status {response.status}",
                response.status,
                wait,
                "http_status",
                response.headers,
            )
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise FetchError("an encoded reply", headers=response.headers)
        body = bytearray()
        while piece := response.read1(65536):
            body += piece
            if len(body) > self.max_bytes:
                raise FetchError(f"more than {self.max_bytes} bytes", headers=response.headers)
        return bytes(body)


@lru_cache(maxsize=16)
def _client(_pid: int, proxy: str | None, ca_certs: str | None) -> urllib3.PoolManager:
    # The process is part of the key: sockets must not be shared across a fork.
    client = urllib3.PoolManager(ca_certs=ca_certs)
    if proxy is not None:
        user = unquote(urlsplit(proxy).netloc.rpartition("@")[0])
        sent = urllib3.make_headers(proxy_basic_auth=user) if user else None
        client = urllib3.ProxyManager(proxy, proxy_headers=sent, ca_certs=ca_certs)
    client.pool_classes_by_scheme = POOLS
    return client


def _proxy(parts: SplitResult) -> str | None:
    host = parts.hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    proxy = urllib.request.getproxies().get(parts.scheme)
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


def _granted(headers: Mapping[str, str]) -> float | None:
    control = headers.get("Cache-Control", "")
    granted, age = _MAX_AGE.search(control), _SECONDS.fullmatch(headers.get("Age", ""))
    if _UNCACHED.search(control):
        return 0.0
    return None if granted is None else max(0.0, float(granted[1]) - float(age[0] if age else 0))
