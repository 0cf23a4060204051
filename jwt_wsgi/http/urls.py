"""The rules for URLs that may be fetched."""

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

_PRINTABLE: Final = re.compile(r"[!-~]+")
_VALID_URL: Final = "write an https URL in printable ASCII, without user or fragment"


def check_url(url: str, *, option: str, allow_http: bool) -> SplitResult:
    """Return the parts of a URL that may be fetched.

    Args:
        url: The URL.
        option: The name of the option that the error names.
        allow_http: True to accept plain http anywhere. Otherwise only on loopback.

    Raises:
        ValueError: The URL is not valid, or its scheme is not accepted.
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
    if not _is_accepted_scheme(parts.scheme, host, allow_http=allow_http):
        raise ValueError(
            f"{option}={url!r:.200}: must be https (http only on loopback, or with allow_http=True)"
        )
    return parts


def is_loopback(host: str) -> bool:
    """Return True if `host` is this machine: localhost, 127.0.0.0/8 or ::1."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_accepted_scheme(scheme: str, host: str, *, allow_http: bool) -> bool:
    if scheme == "http":
        return allow_http or is_loopback(host)
    return scheme == "https"
