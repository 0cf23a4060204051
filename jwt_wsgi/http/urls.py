"""The rules for URLs that may be fetched."""

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_PRINTABLE: Final = re.compile(r"[!-~]+")
_VALID_URL: Final = "write an https URL in printable ASCII, without user or fragment"


class PlainHTTPError(ValueError):
    """A URL of plain http on a host other than loopback, where https is needed."""


def check_url(url: str, *, option: str, allow_http: bool) -> SplitResult:
    """Return the parts of a URL that may be fetched.

    Args:
        url: The URL.
        option: The name of the option that the error names.
        allow_http: True to accept plain http anywhere. Otherwise only on loopback.

    Raises:
        PlainHTTPError: The URL is valid, but https is needed.
        ValueError: The URL is not valid, or its scheme is neither https nor http.
    """
    if not isinstance(url, str) or not _PRINTABLE.fullmatch(url) or "#" in url:
        raise ValueError(f"{option}={url!r:.200}: {_VALID_URL}")
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port  # raises ValueError for an invalid port
    except ValueError:
        raise ValueError(f"{option}={url!r:.200}: {_VALID_URL}") from None
    if not host or "@" in parts.netloc:
        raise ValueError(f"{option}={url!r:.200}: {_VALID_URL}")
    if parts.scheme not in ("http", "https"):
        raise ValueError(f"{option}={url!r:.200}: must be https; {_VALID_URL}")
    if parts.scheme == "http" and not allow_http and not is_loopback(host):
        raise PlainHTTPError(
            f"{option}={url!r:.200}: must be https (http only on loopback, or with allow_http=True)"
        )
    return parts


def is_loopback(host: str) -> bool:
    """Return True if `host` is this machine: localhost, 127.0.0.0/8 or ::1."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
