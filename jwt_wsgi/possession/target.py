"""The comparison of a proof's `htu` with the URL of the request (RFC 9449 §4.3, step 9)."""

import ipaddress
import re
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from jwt_wsgi.http.urls import is_loopback

#: Characters of an `htu` that is read.
MAX_CHARACTERS: Final = 2048

# RFC 3986 in printable ASCII, without user information, zones and backslashes. Browsers leave some
# characters of a path unescaped that the RFC does not allow there, so all printable ones are read.
_URL: Final = re.compile(
    r"([Hh][Tt][Tt][Pp][Ss]?)://"
    r"(?:([A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?)|\[([0-9A-Fa-f:.]{2,45})\])"
    r"(?::([0-9]{0,5}))?"
    r"(/[!-\"$->@-\[\]-~]*)?"
    r"(?:[?#][!-\[\]-~]*)?"
)
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_BASE_URL_FORM: Final = (
    "write an https URL such as 'https://api.example.com/v1', in printable ASCII, without user, "
    "query, fragment, empty segments and dot segments"
)


class Target(NamedTuple):
    """The parts of an http or https URL that RFC 9449 compares, each in one spelling.

    Attributes:
        scheme: "http" or "https".
        host: A name or an IPv4 address in lower case, or an IPv6 address as `ipaddress` writes it,
            without brackets.
        port: The port; the default port of the scheme if the URL has none.
        path: The path, percent-decoded once; `/` if the URL has none. In a base URL, without the
            final slash, so that it may be empty.
    """

    scheme: str
    host: str
    port: int
    path: bytes

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{quote(self.path)}"


def parse_target(text: str) -> Target | None:
    """Return the parts of a URL that are compared, or None for any other text.

    Query and fragment are ignored, and dot segments are not resolved (RFC 9449 §4.3). A URL with
    user information, a backslash, blanks, control characters or characters beyond ASCII is not
    read, nor is one with a malformed escape in its path, an escape in its host, or port 0.

    Args:
        text: The URL, such as the claim `htu`; 2048 characters at most.
    """
    if len(text) > MAX_CHARACTERS or (match := _URL.fullmatch(text)) is None:
        return None
    scheme, name, ipv6, port_text, path_text = match.groups()
    scheme = scheme.lower()
    port = int(port_text) if port_text else _DEFAULT_PORTS[scheme]
    host = name.lower() if name else _canonical_ipv6(ipv6)
    path = _decode_path(path_text or "/")
    if host is None or path is None or not 0 < port < 65536:
        return None
    return Target(scheme, host, port, path)


def _canonical_ipv6(text: str) -> str | None:
    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        return None


def _decode_path(text: str) -> bytes | None:
    """Return the octets of a path, or None if one of its escapes is malformed."""
    if "%" not in text:
        return text.encode("ascii")
    if _BAD_ESCAPE.search(text):
        return None
    return unquote_to_bytes(text)


def parse_base_urls(base_urls: str | Iterable[str]) -> tuple[Target, ...]:
    """Return the public base URLs of an API, as `names_request` compares them.

    Plain http is accepted on loopback alone: these are the URLs that clients use, so where a proxy
    terminates TLS they begin with https although the server behind it speaks http.

    Args:
        base_urls: One URL or several, each with an optional path prefix, such as
            "https://api.example.com/v1". The prefix is the part of the public path that
            `SCRIPT_NAME` and `PATH_INFO` lack. A final slash does not matter.

    Raises:
        ValueError: There is none, one is repeated, or one is not such a URL.
    """
    urls = _list_urls(base_urls)
    if not urls:
        raise ValueError("base_urls=(): write the public base URL of this API")
    bases: list[Target] = []
    for url in urls:
        base = _parse_base_url(url)
        if base in bases:
            raise ValueError(f"base_urls={_quote(url)}: remove the URL that is there twice")
        bases.append(base)
    return tuple(bases)


def _list_urls(base_urls: object) -> list[object]:
    if isinstance(base_urls, str):
        return [base_urls]
    if isinstance(base_urls, bytes | bytearray) or not isinstance(base_urls, Iterable):
        raise ValueError(f"base_urls={_quote(base_urls)}: write one URL or a list of URLs, as str")
    return list(base_urls)


def _parse_base_url(url: object) -> Target:
    if not isinstance(url, str):
        raise ValueError(f"base_urls={_quote(url)}: write each URL as a str")
    target = parse_target(url)
    if target is None or "?" in url or "#" in url:
        raise ValueError(f"base_urls={_quote(url)}: {_BASE_URL_FORM}")
    path = target.path.removesuffix(b"/")
    if {b"", b".", b".."}.intersection(path.split(b"/")[1:]):
        raise ValueError(f"base_urls={_quote(url)}: {_BASE_URL_FORM}")
    if target.scheme == "http" and not is_loopback(target.host):
        raise ValueError(
            f"base_urls={_quote(url)}: write the public https URL that clients use, also where a "
            "proxy terminates TLS (http only on loopback)"
        )
    return target._replace(path=path)


def _quote(value: object) -> str:
    text = f"{value!r:.200}"
    # User information may hold a password.
    return "…" if "@" in text else text


def names_request(htu: str, bases: tuple[Target, ...], script_name: str, path_info: str) -> bool:
    """Return True if `htu` is the URL of this request (RFC 9449 §4.3, step 9).

    It is, if it equals one base URL followed by `script_name` and `path_info`. Paths are compared
    as octets: WSGI servers decode a path before the application sees it, so `%2F` and `/` are the
    same here. If both are empty, or together "/", a final slash of `htu` is optional. Neither
    `Host` nor the URL scheme that the server reports is looked at.

    Args:
        htu: The proof's claim.
        bases: The result of `parse_base_urls`.
        script_name: `SCRIPT_NAME` of the WSGI environ: octets as latin-1 text.
        path_info: `PATH_INFO`, likewise.
    """
    target = parse_target(htu)
    if target is None:
        return False
    try:
        path = (script_name + path_info).encode("latin-1")
    except UnicodeEncodeError:
        return False
    if path in (b"", b"/"):
        prefix = target.path.removesuffix(b"/")
    elif path.startswith(b"/") and target.path.endswith(path):
        prefix = target.path[: -len(path)]
    else:
        return False
    return (target.scheme, target.host, target.port, prefix) in bases


def names_url(htu: str, bases: tuple[Target, ...], url: str) -> bool:
    """Return True if `htu` is `url`, and `url` belongs to this API.

    This is for programs without WSGI. `htu` must be the same URL in the sense of `parse_target`,
    and must be a base URL or lie below one, which ends at a `/`.

    Args:
        htu: The proof's claim.
        bases: The result of `parse_base_urls`.
        url: The URL of the request, as the caller knows it.
    """
    target = parse_target(htu)
    if target is None or target != parse_target(url):
        return False
    return any(_lies_below(target, base) for base in bases)


def _lies_below(target: Target, base: Target) -> bool:
    is_same_origin = target[:3] == base[:3]
    return is_same_origin and (target.path + b"/").startswith(base.path + b"/")
