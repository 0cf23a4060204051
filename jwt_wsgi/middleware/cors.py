"""`CrossOrigin`: an optional layer outside the others, for browsers (the Fetch standard's CORS protocol).

A framework's own CORS stands inside, where it never sees our refusals, so that a page would
be told of a network error instead of a 401. This layer sees every response.
"""

import ipaddress
import logging
import re
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.options import must
from jwt_wsgi.policy.paths import METHOD

logger = logging.getLogger("jwt_wsgi.crossorigin")

#: Who may read the answers: exact origins, a predicate, or `"*"` for anyone.
Origins = str | Iterable[str] | Callable[[str], object]
Headers = list[tuple[str, str]]

# RFC 6454 §6.2, as the URL standard serializes a host: lower case, ASCII, no default port.
_ORIGIN = re.compile(
    r"([a-z][a-z0-9+.-]*)://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?|\[[0-9a-f:]+\])(?::(0|[1-9][0-9]{0,4}))?"
)
_DEFAULT_PORTS = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What scripts may never send, so no preflight asks for it ("forbidden method").
_FORBIDDEN_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})
_ASKED = ("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")
_ASKED_PRIVATE = "Access-Control-Request-Private-Network"
_REFUSED = b"This origin may not call this API.\n"
_DAY = 86400


class CrossOrigin:
    """Lets pages of other origins call the application, and read its refusals too.

    `origins` are exact origins as a browser sends them (`https://app.example.com`),
    a predicate of one (the only way to allow `null`, which every sandboxed page is),
    or `"*"` for anyone. `methods` and `headers` are what such a page may send,
    `expose` the headers of the answer that its script may read. `credentials` lets
    the browser send cookies; an `Authorization` header that a script sets needs
    none, it must stand in `headers`. `max_age` is how long a browser may remember
    a preflight, in seconds, 0 to 86400. `private_network` answers the preflights of
    pages on the public network that call a private one.

    A preflight is answered here and never passed in: 204 for an allowed origin,
    403 without any CORS header for another, as the Fetch standard has it ("HTTP
    responses"). What an application inside says of CORS by itself is taken off
    every response, so this layer alone decides, and no header is there twice. An
    exception that the application raises passes through; the server answers it.

    Raises `ValueError` that names the option, the value and the remedy.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        origins: Origins,
        methods: Iterable[str] = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
        headers: Iterable[str] = ("Authorization", "Content-Type"),
        expose: Iterable[str] = ("WWW-Authenticate",),
        credentials: bool = False,
        max_age: int = 600,
        private_network: bool = False,
    ) -> None:
        check_callables(app=app)
        for option, value in (("credentials", credentials), ("private_network", private_network)):
            must(isinstance(value, bool), f"{option}={value!r}: write True or False")
        fits = type(max_age) is int and 0 <= max_age <= _DAY
        must(fits, f"max_age={max_age!r}: write whole seconds, 0 to {_DAY}")
        self._app = app
        self._allows = _allows(origins, credentials=credentials)
        self._anyone = origins == "*"
        self._private_network = private_network
        self._credentials = [("Access-Control-Allow-Credentials", "true")] * credentials
        self._exposed = _listing("Access-Control-Expose-Headers", _field_names("expose", expose))
        self._preflighted = [
            *_listing("Access-Control-Allow-Methods", _methods(methods)),
            *_listing("Access-Control-Allow-Headers", _field_names("headers", headers)),
            ("Access-Control-Max-Age", str(max_age)),
        ]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        granted = self._granted(environ.get("HTTP_ORIGIN"))
        if _is_preflight(environ):
            return self._answer(granted, environ, start_response)
        added = granted and [*granted, *self._exposed]

        def start(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
            again = () if exc_info is None else (exc_info,)
            return start_response(status, [*_varying(_without_cors(headers)), *added], *again)

        return self._app(environ, start)

    def _granted(self, origin: str | None) -> Headers:
        """What says that `origin` may read the response; nothing where it may not."""
        if origin is None or not self._allows(origin):
            return []
        return [
            ("Access-Control-Allow-Origin", "*" if self._anyone else origin),
            *self._credentials,
        ]

    def _answer(
        self, granted: Headers, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        vary = ("Vary", ", ".join((*_ASKED, _ASKED_PRIVATE) if self._private_network else _ASKED))
        if not granted:
            length = ("Content-Length", str(len(_REFUSED)))
            start_response("403 Forbidden", [("Content-Type", "text/plain"), length, vary])
            return [_REFUSED]
        asked = (
            self._private_network
            and environ.get("HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK") == "true"
        )
        private = [("Access-Control-Allow-Private-Network", "true")] * asked
        start_response("204 No Content", [*granted, *self._preflighted, *private, vary])
        return []


def _is_preflight(environ: WSGIEnvironment) -> bool:
    """The Fetch standard's "CORS-preflight request", by the headers that only a browser sets."""
    asks = "HTTP_ORIGIN" in environ and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
    return asks and environ.get("REQUEST_METHOD") == "OPTIONS"


def _without_cors(headers: Headers) -> Headers:
    return [
        (name, value) for name, value in headers if not name.lower().startswith("access-control-")
    ]


def _varying(headers: Headers) -> Headers:
    """`headers` whose `Vary` names the origin (Fetch, "CORS protocol and HTTP caches"; RFC 9110 §12.5.5)."""
    lines = [value for name, value in headers if name.lower() == "vary"]
    named = [member for line in lines for each in line.split(",") if (member := each.strip())]
    if "*" in named or "origin" in map(str.lower, named):
        return headers
    rest = [(name, value) for name, value in headers if name.lower() != "vary"]
    return [*rest, ("Vary", ", ".join((*named, "Origin")))]


def _listing(name: str, values: tuple[str, ...]) -> Headers:
    return [(name, ", ".join(values))] if values else []


def _allows(origins: Origins, *, credentials: bool) -> Callable[[str], bool]:
    if callable(origins):
        predicate = origins
        return lambda origin: (
            (origin == "null" or _is_origin(origin)) and _agrees(predicate, origin)
        )
    if origins == "*":
        must(
            not credentials,
            "origins='*' with credentials=True lets every page act as the user: name the origins",
        )
        return lambda origin: True
    several = isinstance(origins, Iterable) and not isinstance(origins, str | bytes)
    must(
        several,
        f"origins={origins!r}: write a list such as ['https://app.example.com'], a predicate, or '*'",
    )
    listed = frozenset(_checked_origin(origin) for origin in origins)
    must(listed != frozenset(), "origins is empty: name one, or leave CrossOrigin out")
    return listed.__contains__


def _agrees(predicate: Callable[[str], object], origin: str) -> bool:
    try:
        return bool(predicate(origin))
    except Exception as error:  # noqa: BLE001 (a stranger's code may raise anything)
        logger.error(
            "the predicate for origins raised %s; the origin is not allowed", type(error).__name__
        )
        return False


def _checked_origin(origin: object) -> str:
    must(origin != "*", "origins holds '*': write origins='*' for anyone, without credentials")
    must(
        origin != "null",
        "origins holds 'null', which any sandboxed page is: write a predicate if you mean it",
    )
    if isinstance(origin, str) and _is_origin(origin):
        return origin
    remedy = "scheme://host as a browser sends it: lower case, no path or slash at the end, no default port"
    meant = _meant(origin) if isinstance(origin, str) else None
    raise ValueError(f"origins holds {origin!r}: write {remedy if meant is None else repr(meant)}")


def _meant(text: str) -> str | None:
    """The origin that `text` may have been meant to be."""
    scheme, _, rest = text.strip().lower().partition("://")
    host = re.split(r"[/?#]", rest)[0].removesuffix(f":{_DEFAULT_PORTS.get(scheme, '')}")
    return f"{scheme}://{host}" if _is_origin(f"{scheme}://{host}") else None


def _is_origin(text: str) -> bool:
    """Whether `text` is an origin exactly as a browser serializes it."""
    parsed = _ORIGIN.fullmatch(text)
    if parsed is None:
        return False
    scheme, host, port = parsed.groups()
    return _is_host(host) and (
        port is None or (int(port) < 65536 and port != _DEFAULT_PORTS.get(scheme))
    )


def _is_host(host: str) -> bool:
    last = host.rstrip(".").rpartition(".")[2]
    try:
        if host.startswith("["):
            address = ipaddress.IPv6Address(host[1:-1])
            return address.ipv4_mapped is not None or str(address) == host[1:-1]
        # A host whose last label is a number is an IPv4 address, and has one spelling.
        return not _NUMERIC.fullmatch(last) or str(ipaddress.IPv4Address(host)) == host
    except ValueError:
        return False


def _methods(methods: Iterable[str]) -> tuple[str, ...]:
    names = _names("methods", methods)
    for name in names:
        must(
            METHOD.fullmatch(name) is not None and name != "*",
            f"methods holds {name!r}: write names such as 'PUT'",
        )
        must(
            name not in _FORBIDDEN_METHODS,
            f"methods holds {name!r}, which no browser sends: leave it out",
        )
    return names


def _field_names(option: str, names: Iterable[str]) -> tuple[str, ...]:
    checked = _names(option, names)
    for name in checked:
        # `*` would not cover Authorization, and means nothing where credentials are allowed.
        fits = _FIELD_NAME.fullmatch(name) is not None and name != "*"
        must(fits, f"{option} holds {name!r}: write the names of headers, such as 'Authorization'")
    return checked


def _names(option: str, names: Iterable[str]) -> tuple[str, ...]:
    several = isinstance(names, Iterable) and not isinstance(names, str | bytes)
    must(several, f"{option}={names!r}: write a list of names")
    listed = tuple(names)
    must(
        all(isinstance(name, str) for name in listed), f"{option}={names!r}: write a list of names"
    )
    return tuple(dict.fromkeys(listed))
