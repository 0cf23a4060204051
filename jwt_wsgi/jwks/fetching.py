"""One bounded GET: what is fetched, from where, how much and for how long."""

from __future__ import annotations

import ipaddress
import logging
import os
import re
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

import urllib3

logger = logging.getLogger("jwt_wsgi.jwks")

_MAX_AGE = re.compile(r"(?:^|,)\s*max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_UNCACHED = re.compile(r"(?:^|,)\s*no-(?:store|cache)\b", re.IGNORECASE)
_PLAIN = re.compile(r"[!-~]+")


class FetchError(Exception):
    """A document could not be had; `status` is the HTTP status where there was one."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class Reply(NamedTuple):
    """A document's bytes, and the seconds that its `Cache-Control` grants, or None."""

    body: bytes
    max_age: float | None = None


#: A fetcher of one's own: a URL in, the document out; whatever it raises is a failure.
Fetch = Callable[[str], "Reply | bytes"]


def check_url(url: str, *, option: str, allow_http: bool) -> SplitResult:
    """The parts of a URL that may be fetched: https, or http on loopback or where allowed.

    Raises `ValueError` that names `option`.
    """
    if not isinstance(url, str) or not _PLAIN.fullmatch(url):
        raise ValueError(f"{option}={url!r}: write an https URL in printable ASCII")
    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.netloc or "#" in url:
        raise ValueError(f"{option}={url!r}: write an https URL without user or fragment")
    plain = parts.scheme == "http" and (allow_http or is_loopback(parts.hostname))
    if parts.scheme != "https" and not plain:
        raise ValueError(
            f"{option}={url!r}: must be https (http only on loopback, or with allow_http=True)"
        )
    return parts


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine itself: localhost, 127.0.0.0/8 or ::1."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Fetcher:
    """Fetches over one pooled client for each process, made at the first call.

    `timeout` is seconds for the whole body, `max_bytes` the most that is read.
    `headers` are sent besides our own; `ca_certs` is a file of trusted roots.
    """

    def __init__(
        self,
        *,
        timeout: float,
        max_bytes: int,
        headers: Mapping[str, str] | None = None,
        ca_certs: str | os.PathLike[str] | None = None,
    ) -> None:
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._headers = dict(headers or {})
        self._ca_certs = None if ca_certs is None else os.fspath(ca_certs)

    def __call__(self, url: str) -> Reply:
        """The document at `url`; raises `FetchError`."""
        deadline = time.monotonic() + self._timeout
        try:
            response = _client(url, self._ca_certs).request(
                "GET",
                url,
                headers={
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    "User-Agent": "jwt-wsgi",
                    **self._headers,
                },
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(total=self._timeout),
            )
            try:
                body = self._read(response, deadline)
            except BaseException:
                response.close()
                raise
            response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise FetchError(type(error).__name__) from error
        return Reply(body, _granted(response.headers))

    def _read(self, response: urllib3.BaseHTTPResponse, deadline: float) -> bytes:
        if response.status != 200:
            raise FetchError(f"HTTP status {response.status}", response.status)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise FetchError("an encoded reply")
        body = bytearray()
        while piece := response.read1(65536):
            body += piece
            if len(body) > self._max_bytes:
                raise FetchError(f"more than {self._max_bytes} bytes")
            if time.monotonic() > deadline:
                raise FetchError(f"not complete within {self._timeout} s")
        return bytes(body)


_clients: dict[tuple[int, str | None, str | None], urllib3.PoolManager] = {}


def _client(url: str, ca_certs: str | None) -> urllib3.PoolManager:
    proxy = _proxy(urlsplit(url))
    # The process is part of the key: sockets must not be shared across a fork.
    place = (os.getpid(), ca_certs, proxy)
    client = _clients.get(place)
    if client is None:
        client = (
            urllib3.PoolManager(ca_certs=ca_certs)
            if proxy is None
            else urllib3.ProxyManager(proxy, ca_certs=ca_certs)
        )
        client = _clients.setdefault(place, client)
    return client


def _proxy(parts: SplitResult) -> str | None:
    host = parts.hostname or ""
    if is_loopback(host) or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _granted(headers: Mapping[str, str]) -> float | None:
    control = headers.get("Cache-Control", "")
    if _UNCACHED.search(control):
        return 0.0
    granted = _MAX_AGE.search(control)
    if granted is None:
        return None
    age = headers.get("Age", "0")
    return max(0.0, float(granted[1]) - (int(age) if age.isdecimal() and len(age) < 10 else 0))
