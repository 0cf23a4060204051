"""Checks for programs that sign any token: the client must be on this machine, without a proxy."""

import re
from collections.abc import Mapping
from typing import Any

#: A `Host` header on loopback. A name that an attacker rebinds to 127.0.0.1 does not match.
LOOPBACK_HOST = r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?"

_HOST = re.compile(LOOPBACK_HOST)
_ADDRESSES = ("127.0.0.1", "::1")
# A proxy on this machine connects from 127.0.0.1 too. It adds one of these headers.
_PROXY_HEADERS = (
    "HTTP_VIA",
    "HTTP_FORWARDED",
    "HTTP_X_REAL_IP",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_BY",
)


def is_local(environ: Mapping[str, Any]) -> bool:
    """Return True if the client is on loopback and uses a loopback name."""
    if environ.get("REMOTE_ADDR") not in _ADDRESSES:
        return False
    return _HOST.fullmatch(environ.get("HTTP_HOST", "")) is not None


def is_proxied(environ: Mapping[str, Any]) -> bool:
    """Return True if the request has a header that proxies add."""
    return any(header in environ for header in _PROXY_HEADERS)
