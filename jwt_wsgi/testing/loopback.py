"""Who may ask a program that mints tokens: callers on this machine, by a name of loopback, through no proxy."""

import re
from collections.abc import Mapping
from typing import Any

#: What `Host` says on loopback; a name that was rebound to 127.0.0.1 is another one.
LOOPBACK_HOST = r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?"

_HOST = re.compile(LOOPBACK_HOST)
_ADDRESSES = ("127.0.0.1", "::1")
# A proxy on this machine comes from 127.0.0.1 too; these are the headers that one adds.
_PROXIES = (
    "VIA",
    "FORWARDED",
    "X_REAL_IP",
    *(f"X_FORWARDED_{name}" for name in ("FOR", "HOST", "PROTO", "BY")),
)


def is_local(environ: Mapping[str, Any]) -> bool:
    """Whether a client on loopback asks, by a name of loopback."""
    named = _HOST.fullmatch(environ.get("HTTP_HOST", "")) is not None
    return named and environ.get("REMOTE_ADDR") in _ADDRESSES


def is_proxied(environ: Mapping[str, Any]) -> bool:
    """Whether a proxy has added a header of its own."""
    return any(f"HTTP_{name}" in environ for name in _PROXIES)
