"""The header `Cookie` as a server reads it, and the defence of tokens in cookies. Pure."""

from collections.abc import Mapping
from typing import Any

from jwt_wsgi.errors import Forbidden, InvalidRequest

#: Characters of a `Cookie` header, and cookies in it. Servers and browsers allow fewer.
MAX_CHARACTERS = 65536
MAX_COOKIES = 512

# Browsers strip these two around the names and values of cookies (RFC 6265 §5.2). Other white
# space belongs to the name: stripped, "\xa0__Host-session" would pass for "__Host-session".
_WHITE_SPACE = " \t"
# RFC 9110 §9.2.1, without TRACE: no browser sends it, and no API needs it.
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
#: Characters of a header's value in the log.
_EXCERPT = 60


def cookie_values(header: str, name: str) -> list[str]:
    """Return the values of every cookie of this name, in their order.

    Each `;` ends a cookie, as in browsers, also between quotes. Quotes around a value are not part
    of it, and nothing inside is unescaped (RFC 6265 §4.1.1, §5.2).

    Args:
        header: The value of the header `Cookie`.
        name: The name of the cookie; case matters.
    """
    values = []
    for pair in header.split(";"):
        found, equals, value = pair.partition("=")
        if equals and found.strip(_WHITE_SPACE) == name:
            values.append(_unquoted(value.strip(_WHITE_SPACE)))
    return values


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value.startswith('"') and value.endswith('"'):
        return value[1:-1]
    return value


def size_refusal(header: str) -> InvalidRequest | None:
    """Return the refusal of a `Cookie` header that is too long to be read."""
    if len(header) > MAX_CHARACTERS:
        expected = f"{MAX_CHARACTERS} characters at most"
        found = f"{len(header)} characters"
    elif header.count(";") >= MAX_COOKIES:
        expected = f"{MAX_COOKIES} cookies at most"
        found = f"{header.count(';') + 1} cookies"
    else:
        return None
    return InvalidRequest(
        "malformed_header",
        description="The Cookie header is too large",
        expected=expected,
        found=found,
    )


def cross_site_refusal(environ: Mapping[str, Any], origins: frozenset[str]) -> Forbidden | None:
    """Return the refusal of a request that another site may have caused, or None."""
    method = environ.get("REQUEST_METHOD")
    # A WebSocket is opened with GET and may change anything afterwards.
    is_websocket = "websocket" in environ.get("HTTP_UPGRADE", "").lower()
    if method in _SAFE_METHODS and not is_websocket:
        return None
    site = environ.get("HTTP_SEC_FETCH_SITE", "absent")
    origin = environ.get("HTTP_ORIGIN", "absent")
    if site == "same-origin" or origin in origins:
        return None
    expected = "Sec-Fetch-Site same-origin"
    if origins:
        expected += ", or a listed Origin"
    return Forbidden(
        "cross_site",
        expected=expected,
        found=f"Sec-Fetch-Site {site[:_EXCERPT]}, Origin {origin[:_EXCERPT]}",
    )
