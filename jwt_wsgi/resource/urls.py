"""The URLs of protected resource metadata (RFC 9728 §1.2, §2, §3.1), checked strictly. Pure."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from jwt_wsgi.http.urls import check_url, is_loopback
from jwt_wsgi.origins import is_origin

#: The path in front of the resource's own (RFC 9728 §3).
WELL_KNOWN: Final = "/.well-known/oauth-protected-resource"

#: Characters of a URL that is accepted.
_MAX_CHARACTERS: Final = 2048

_PARTS: Final = re.compile(r"(https?://[^/?#@\\]+)((?:/[^?#]*)?)")
#: A URL that may have what a resource does not have: another case, a query and a fragment.
_LOOSE_PARTS: Final = re.compile(r"(https?)://([^/?#@\\]+)((?:/[^?#]*)?)[^\n]*", re.IGNORECASE)
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}
# RFC 3986 §3.3, with the spelling of escapes that §6.2.2.1 asks for.
_SEGMENT: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-F]{2})+")
_FRAGMENT: Final = re.compile(r"[!-\"$-~]*")
_ESCAPE: Final = re.compile(r"%(..)")
#: Octets of which an escape is refused: controls, `%`, separators of paths, and the characters that
#: need no escape, because each URL must have one spelling.
_NOT_ESCAPED: Final = frozenset(
    [*range(0x20), 0x7F, *b"%/\\-._~", *b"0123456789", *range(0x41, 0x5B), *range(0x61, 0x7B)]
)
_RESOURCE_EXAMPLE: Final = (
    "an https URL such as 'https://api.example.com/mcp' (http only on loopback), as clients use it"
)
_RESOURCE_FORM: Final = (
    "in lower case up to the path, without default port, user, query, fragment, empty and dot "
    "segments, escaped separators, and slash at the end"
)


def check_resource_url(url: object) -> str:
    """Return the identifier of a protected resource (RFC 9728 §1.2).

    RFC 9728 §3.3 has clients compare it character by character, so it must have one spelling.

    Args:
        url: The URL.

    Raises:
        ValueError: It is not text, or not such a URL.
    """
    if not isinstance(url, str) or not _is_resource_url(url):
        suggestion = _suggest_resource(url) or _RESOURCE_EXAMPLE
        raise ValueError(f"resource={_quote(url)}: write {suggestion}: {_RESOURCE_FORM}")
    return url


def _suggest_resource(url: object) -> str | None:
    """Return the URL, in quotes, that was probably intended, or None."""
    if not isinstance(url, str) or len(url) > _MAX_CHARACTERS:
        return None
    match = _LOOSE_PARTS.fullmatch(url)
    if match is None:
        return None
    scheme, host, path = match.groups()
    default_port = _DEFAULT_PORTS[scheme.lower()]
    origin = f"{scheme}://{host.removesuffix(default_port)}".lower()
    intended = f"{origin}{path.rstrip('/')}"
    return repr(intended) if _is_resource_url(intended) else None


def _is_resource_url(url: str) -> bool:
    match = _PARTS.fullmatch(url)
    if match is None or len(url) > _MAX_CHARACTERS:
        return False
    origin, path = match.groups()
    if not is_origin(origin):
        return False
    if origin.startswith("http:") and not is_loopback(_host_of(origin)):
        return False
    return all(_is_segment(segment) for segment in path.split("/")[1:])


def _host_of(origin: str) -> str:
    host = origin.partition("://")[2]
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_segment(segment: str) -> bool:
    if segment in (".", "..") or _SEGMENT.fullmatch(segment) is None:
        return False
    if any(int(escape, 16) in _NOT_ESCAPED for escape in _ESCAPE.findall(segment)):
        return False
    try:
        text = unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        return False
    # C1 and the line ends of Unicode: a policy refuses such a path.
    return text.isprintable()


def octets_of_path(url: str) -> str:
    """Return the path of a resource as servers hand it over: decoded, its octets as Latin-1.

    Args:
        url: A URL that `check_resource_url` accepted.
    """
    return unquote_to_bytes(_path_of(url)).decode("latin-1")


def metadata_url(url: str) -> str:
    """Return the URL of the metadata: the well-known path between host and path (RFC 9728 §3.1).

    Args:
        url: A URL that `check_resource_url` accepted.
    """
    path = _path_of(url)
    return f"{url.removesuffix(path)}{WELL_KNOWN}{path}"


def _path_of(url: str) -> str:
    _, slash, path = url.partition("://")[2].partition("/")
    return slash + path


def check_page(option: str, url: object) -> str | None:
    """Return the URL of a page for people, or None if there is none.

    Args:
        option: The name of the option.
        url: The URL; it may have a query and a fragment.

    Raises:
        ValueError: It is neither None nor an https URL (http only on loopback).
    """
    if url is None:
        return None
    if not isinstance(url, str) or len(url) > _MAX_CHARACTERS:
        raise ValueError(f"{option}={_quote(url)}: write the https URL of a page, or leave it out")
    page, _, fragment = url.partition("#")
    check_url(page, option=option, allow_http=False)
    if _FRAGMENT.fullmatch(fragment) is None:
        raise ValueError(f"{option}={_quote(url)}: write printable ASCII behind the #")
    return url


def is_issuer_identifier(url: object) -> bool:
    """Return True for the identifier of an authorization server (RFC 8414 §2).

    That is an https URL without query and fragment; http is accepted on loopback.

    Args:
        url: The URL.
    """
    if not isinstance(url, str) or len(url) > _MAX_CHARACTERS or "?" in url:
        return False
    try:
        check_url(url, option="authorization_servers", allow_http=False)
    except ValueError:
        return False
    return True


def _quote(value: object) -> str:
    text = f"{value!r:.200}"
    # User information may hold a password.
    return "…" if "@" in text else text
