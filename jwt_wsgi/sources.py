"""Places in a request where a token may stand: `bearer`, `from_header` and `from_cookie`.

A source finds a token and verifies nothing. `readings.credentials_of` makes one result of what all
sources hold. A token in a cookie needs a defence that other places do not: a browser adds cookies
to requests that pages of other sites cause.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from jwt_wsgi.cookies import cookie_values, cross_site_refusal, size_refusal
from jwt_wsgi.origins import check_origin
from jwt_wsgi.readings import Reading, oddity, several_tokens

# RFC 9110 §5.6.2. The names of headers and of cookies (RFC 6265 §4.1.1) are tokens.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# The optional white space around the value of a header (RFC 9110 §5.6.3).
_WHITE_SPACE = " \t"

_ELSEWHERE = {
    "authorization": "use bearer, which reads the token after the scheme",
    "cookie": "use from_cookie(name)",
    "content-type": "no token stands there",
    "content-length": "no token stands there",
}


@dataclass(frozen=True, slots=True, repr=False)
class Bearer:
    """The header `Authorization` with the scheme Bearer (RFC 6750 §2.1).

    `TokenExtractor` parses it, with the schemes that the stack accepts.
    """

    key: ClassVar[str] = "HTTP_AUTHORIZATION"

    def __repr__(self) -> str:
        return "bearer"


@dataclass(frozen=True, slots=True, repr=False)
class HeaderSource:
    """A header whose whole value is the token; `from_header` makes it."""

    name: str

    @property
    def key(self) -> str:
        return "HTTP_" + self.name.upper().replace("-", "_")

    def read(self, environ: Mapping[str, Any]) -> Reading:
        """Return the content of the header."""
        place = f"the header {self.name}"
        value = environ.get(self.key, "").strip(_WHITE_SPACE)
        if not value:
            return Reading(place, note=f"no header {self.name}")
        if "," in value:
            return several_tokens(place, f"a comma in the header {self.name}")
        return Reading(place, value, note=oddity(f"{place} holds", value))

    def __str__(self) -> str:
        return f"a token in the header {self.name}"

    def __repr__(self) -> str:
        return f"from_header({self.name!r})"


@dataclass(frozen=True, slots=True, repr=False)
class CookieSource:
    """A cookie whose value is the token; `from_cookie` makes it."""

    name: str
    origins: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        return f"cookie {self.name}"

    def read(self, environ: Mapping[str, Any]) -> Reading:
        """Return the content of the cookie (RFC 6265 §4.2.1)."""
        place = f"the cookie {self.name}"
        header = environ.get("HTTP_COOKIE", "")
        too_large = size_refusal(header)
        if too_large is not None:
            return Reading(place, refusal=too_large)
        values = cookie_values(header, self.name)
        if len(values) > 1:
            return several_tokens(place, f"the cookie {self.name} {len(values)} times")
        if not values:
            return Reading(place, note=f"no cookie {self.name}")
        [value] = values
        if not value:
            return Reading(place, note=f"an empty cookie {self.name}")
        if "," in value:
            # No token holds a comma, and servers join several Cookie headers with one.
            return several_tokens(place, f"a comma in the cookie {self.name}")
        refusal = cross_site_refusal(environ, self.origins)
        return Reading(place, value, refusal, oddity(f"{place} holds", value))

    def __str__(self) -> str:
        return f"a token in the cookie {self.name}"

    def __repr__(self) -> str:
        return f"from_cookie({self.name!r})"


TokenSource = Bearer | HeaderSource | CookieSource

#: The token in the header `Authorization`, after the scheme Bearer.
bearer = Bearer()


def from_header(name: str) -> HeaderSource:
    """Return the source of tokens that are the whole value of one header.

    A WSGI environ does not tell `-` and `_` in names of headers apart: `X-Token` and `X_Token` are
    one header. A value with a comma, which servers make of two headers, is `several_tokens`.

    Args:
        name: The header's name, such as `Cf-Access-Jwt-Assertion`; case does not matter.

    Raises:
        ValueError: `name` is not the name of a header, or of one that has a source of its own.
    """
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise ValueError(f"from_header({name!r}): write the name of a header, such as 'X-Token'")
    remedy = _ELSEWHERE.get(name.lower().replace("_", "-"))
    if remedy is not None:
        raise ValueError(f"from_header({name!r}): {remedy}")
    return HeaderSource(name)


def from_cookie(name: str, *, origins: Iterable[str] = ()) -> CookieSource:
    """Return the source of tokens that are the value of a cookie (RFC 6265 §4.2.1).

    A browser adds the cookie to requests that other sites cause. So a request that may change
    something (any method but GET, HEAD and OPTIONS, or the opening of a WebSocket) is refused as
    `cross_site`, unless the browser says that it comes from the API's own origin
    (`Sec-Fetch-Site: same-origin`) or from one of `origins`.

    Args:
        name: The cookie's name; case matters. Choose one that begins with `__Host-`: a browser
            accepts such a cookie only from this very host, over https.
        origins: The origins that may use the cookie, exactly as a browser sends them, such as
            `https://app.example.com`. Name the API's own origin for browsers that do not send
            `Sec-Fetch-Site`.

    Raises:
        ValueError: `name` is not the name of a cookie, or `origins` is not a list of origins.
    """
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise ValueError(
            f"from_cookie({name!r}): write the name of a cookie, such as '__Host-session'"
        )
    if isinstance(origins, str | bytes) or not isinstance(origins, Iterable):
        raise ValueError(f"origins={origins!r}: write a list such as ['https://app.example.com']")
    allowed = frozenset(
        check_origin(
            origin,
            instead_of_any="name each origin, because any other could act for the user",
            instead_of_null="remove it, because any page could act for the user",
        )
        for origin in origins
    )
    return CookieSource(name, allowed)


def check_sources(token_sources: Iterable[TokenSource]) -> tuple[TokenSource, ...]:
    """Return the sources of the option `token_sources`.

    Raises:
        ValueError: It is not a list of sources, is empty, or names one place twice.
    """
    if isinstance(token_sources, str | TokenSource) or not isinstance(token_sources, Iterable):
        raise ValueError(
            f"token_sources={token_sources!r}: "
            "write a list such as [bearer, from_cookie('__Host-session')]"
        )
    sources = tuple(token_sources)
    if not sources:
        raise ValueError("token_sources is empty: write [bearer], or leave it out")
    known: dict[str, TokenSource] = {}
    for source in sources:
        if not isinstance(source, TokenSource):
            raise ValueError(
                f"token_sources holds {source!r}: "
                "write bearer, from_header(name) or from_cookie(name)"
            )
        if source.key in known:
            raise ValueError(
                f"token_sources holds {known[source.key]!r} and {source!r}, "
                "which are one place: keep one"
            )
        known[source.key] = source
    return sources


def parse_sources(text: str, origins: Iterable[str] = ()) -> tuple[TokenSource, ...]:
    """Return the sources that a text names, such as `bearer cookie:__Host-session`.

    Args:
        text: `bearer`, `header:NAME` and `cookie:NAME`, separated by white space.
        origins: As for `from_cookie`, for every cookie.

    Raises:
        ValueError: The text names something else, or `origins` are set without a cookie.
    """
    allowed = tuple(origins)
    sources = check_sources([_parse_source(word, allowed) for word in text.split()])
    if allowed and not any(isinstance(source, CookieSource) for source in sources):
        raise ValueError("origins without a cookie: name a cookie, or leave them out")
    return sources


def _parse_source(word: str, origins: tuple[str, ...]) -> TokenSource:
    kind, _, name = word.partition(":")
    if word == "bearer":
        return bearer
    if kind == "header":
        return from_header(name)
    if kind == "cookie":
        return from_cookie(name, origins=origins)
    raise ValueError(f"{word!r} is not a source: write bearer, header:NAME or cookie:NAME")
