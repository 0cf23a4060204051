"""Which URLs may be fetched."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from jwt_wsgi.options import must

_PRINTABLE = re.compile(r"[!-~]+")


def check_url(url: str, *, option: str, allow_http: bool) -> SplitResult:
    """The parts of a URL that may be fetched: https, or http on loopback or where allowed.

    Raises `ValueError` that names `option`.
    """
    shown = f"{option}={url!r:.200}"
    asked = f"{shown}: write an https URL in printable ASCII, without user or fragment"
    must(isinstance(url, str) and _PRINTABLE.fullmatch(url) is not None and "#" not in url, asked)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(asked) from None
    must(host != "" and "@" not in parts.netloc, asked)
    plain = parts.scheme == "http" and (allow_http or is_loopback(host))
    must(
        plain or parts.scheme == "https",
        f"{shown}: must be https (http only on loopback, or with allow_http=True)",
    )
    return parts


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine itself: localhost, 127.0.0.0/8 or ::1."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
