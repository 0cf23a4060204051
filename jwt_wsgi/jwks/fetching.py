"""What is fetched, and from where: the values that a fetcher takes and answers."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple
from urllib.parse import SplitResult, urlsplit

from jwt_wsgi.configuration import must

_PLAIN = re.compile(r"[!-~]+")
NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class FetchError(Exception):
    """A document could not be had.

    `status` is the HTTP status where there was one, `retry_after` the seconds
    that the server asks to be left alone, `outcome` what `Fetched` calls it,
    `headers` those of the reply, if one came.
    """

    def __init__(
        self,
        reason: str,
        status: int | None = None,
        retry_after: float = 0,
        outcome: "Outcome" = "bad_reply",
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> None:
        super().__init__(reason)
        self.status, self.outcome = status, outcome
        self.retry_after, self.headers = retry_after, headers


#: How a fetch may end: one good end, and the closed list of failures.
Outcome = Literal["ok", "timeout", "unreachable", "http_status", "bad_reply", "fetcher_raised"]


class Fetched(NamedTuple):
    """One fetch of a key set, as `on_fetch` is told.

    `location` is the URL of the keys, or the issuer that they are discovered
    from; `seconds` is how long it took, on the source's own clock, and `keys`
    how many usable ones came. `outcome` is `ok`; `timeout` where the reply was
    not complete in time; `unreachable` where there was no connection;
    `http_status` for any but 200; `bad_reply` for what is no key set, or no
    metadata, within the bounds; `fetcher_raised` where `fetch` raised.
    """

    location: str
    outcome: Outcome
    seconds: float
    keys: int


class Reply(NamedTuple):
    """A document's bytes, the seconds that its `Cache-Control` grants, or None, and the headers that came with it."""

    body: bytes
    max_age: float | None = None
    headers: Mapping[str, str] = NO_HEADERS


#: Told of every fetch; its result is ignored.
OnFetch = Callable[[Fetched], object]
#: A fetcher of one's own: a URL in, the document out; whatever it raises is a failure.
Fetch = Callable[[str], "Reply | bytes"]


def check_url(url: str, *, option: str, allow_http: bool) -> SplitResult:
    """The parts of a URL that may be fetched: https, or http on loopback or where allowed.

    Raises `ValueError` that names `option`.
    """
    shown = f"{option}={url!r:.200}"
    asked = f"{shown}: write an https URL in printable ASCII, without user or fragment"
    must(isinstance(url, str) and _PLAIN.fullmatch(url) is not None and "#" not in url, asked)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(asked) from None
    must(host != "" and "@" not in parts.netloc, asked)
    plain = parts.scheme == "http" and (allow_http or is_loopback(host))
    must(plain or parts.scheme == "https", f"{shown}: must be https (http only on loopback, or with allow_http=True)")
    return parts


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine itself: localhost, 127.0.0.0/8 or ::1."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
