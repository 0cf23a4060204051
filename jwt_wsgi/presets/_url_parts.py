"""Checks of the names from which a preset builds a provider's URLs."""

import re

_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?")
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")


def check_host(option: str, host: str) -> str:
    """Return `host` if it is a lower-case host name, with or without a port.

    Raises:
        ValueError: `host` is anything else, such as a URL.
    """
    if isinstance(host, str) and _HOST.fullmatch(host) is not None:
        return host
    raise ValueError(
        f"{option}={host!r}: write the host alone, in lower case, such as tenant.example.com"
    )


def check_segment(option: str, segment: str) -> str:
    """Return `segment` if it is one segment of a URL's path.

    Raises:
        ValueError: `segment` is anything else, or consists of dots, which a client would resolve.
    """
    if isinstance(segment, str) and _SEGMENT.fullmatch(segment) and segment.strip("."):
        return segment
    raise ValueError(f"{option}={segment!r}: write its name as it stands in the URL, one segment")
