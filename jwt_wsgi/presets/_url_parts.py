"""Checks of the names from which a preset builds a provider's URLs."""

import re
from typing import Final

_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?")
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")
#: The pattern of a GUID as Microsoft's issuers write it.
GUID: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


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


def check_guid(option: str, guid: str, meaning: str, reason: str = "") -> str:
    """Return `guid` if it is a GUID in lower case.

    Args:
        option: The name of the option that the error names.
        guid: The value.
        meaning: The ID that the error asks for.
        reason: The end of the error's text.

    Raises:
        ValueError: `guid` is anything else.
    """
    if isinstance(guid, str) and re.fullmatch(GUID, guid) is not None:
        return guid
    raise ValueError(f"{option}={guid!r}: write {meaning}, a GUID in lower case{reason}")
