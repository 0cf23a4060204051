"""`CrossOrigin`: an optional layer outside the others that answers CORS for browsers.

The CORS of a framework runs inside the other layers and never sees their refusals. A page would get
a network error instead of a 401. This layer sees every response. It follows the CORS protocol of
the Fetch standard.
"""

import logging
import re
from collections.abc import Callable, Iterable
from typing import Any, Self
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.callbacks import CallbackFailed, ask, check_callables
from jwt_wsgi.nesting import copy_with
from jwt_wsgi.origins import check_origin, is_origin
from jwt_wsgi.policy.paths import METHOD
from jwt_wsgi.resource.urls import WELL_KNOWN

logger = logging.getLogger("jwt_wsgi.crossorigin")

#: The origins that may read responses: exact origins, a predicate, or `"*"` for all of them.
Origins = str | Iterable[str] | Callable[[str], object]
Headers = list[tuple[str, str]]

_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Scripts cannot send these, so no preflight names them (Fetch, "forbidden method").
_FORBIDDEN_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})
# The headers of proofs of possession (RFC 9449 §4.1 and §8), which carry no secret of the browser.
_PROOF_HEADER = "DPoP"
_NONCE_HEADER = "DPoP-Nonce"
_PREFLIGHT_VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"
_PRIVATE_NETWORK_VARY = f"{_PREFLIGHT_VARY}, Access-Control-Request-Private-Network"
_REFUSAL = b"This origin may not call this API.\n"
_SECONDS_PER_DAY = 86400


class CrossOrigin:
    """A layer that lets pages of other origins call the application and read its refusals.

    The layer answers preflights itself and never passes them to the application: 204 for an allowed
    origin, 403 without CORS headers for any other (Fetch, "HTTP responses"). It removes the CORS
    headers of the application from every response, so that this layer alone decides and no header
    occurs twice. An exception that the application raises passes through; the server answers it.

    The metadata of a protected resource is left alone, its preflights included, because every page
    may read it: requests for `/.well-known/oauth-protected-resource`, and for paths below it, are
    passed to the application as they are (RFC 9728 §3).

    Args:
        app: The application, usually the result of `protect`.
        origins: The origins whose pages may call the API: a list of exact origins as browsers send
            them (`https://app.example.com`), a predicate of an origin, or `"*"` for all origins.
            Only a predicate can allow `null`, the origin of every sandboxed page.
        methods: The methods that such a page may use.
        headers: The request headers that such a page may set. A script that sets `Authorization`
            needs it here. `DPoP` is always allowed.
        expose: The response headers that the script of such a page may read. `DPoP-Nonce` is always
            among them.
        credentials: True lets browsers send cookies along. An `Authorization` header that a script
            sets does not need it.
        max_age: How long browsers may cache the result of a preflight, in seconds, 0 to 86400.
        private_network: True allows pages on a public network to call an API on a private one.

    Attributes:
        app: The application inside.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
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
        _check_flag("credentials", credentials)
        _check_flag("private_network", private_network)
        _check_max_age(max_age)
        self.app = app
        self._is_allowed = _origin_predicate(origins, credentials=credentials)
        self._allows_all_origins = origins == "*"
        self._allows_credentials = credentials
        self._allows_private_network = private_network
        self._expose_headers = _list_header(
            "Access-Control-Expose-Headers",
            _with_name(_check_field_names("expose", expose), _NONCE_HEADER),
        )
        self._preflight_headers = [
            *_list_header("Access-Control-Allow-Methods", _check_methods(methods)),
            *_list_header(
                "Access-Control-Allow-Headers",
                _with_name(_check_field_names("headers", headers), _PROOF_HEADER),
            ),
            ("Access-Control-Max-Age", str(max_age)),
        ]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        if _is_for_metadata(environ):
            return self.app(environ, start_response)
        origin_headers = self._origin_headers(environ.get("HTTP_ORIGIN"))
        if _is_preflight(environ):
            return self._answer_preflight(origin_headers, environ, start_response)
        cors_headers: Headers = []
        if origin_headers:
            cors_headers = [*origin_headers, *self._expose_headers]

        def start(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], object]:
            headers = [*_vary_on_origin(_without_cors(headers)), *cors_headers]
            if exc_info is None:
                return start_response(status, headers)
            return start_response(status, headers, exc_info)

        return self.app(environ, start)

    def around(self, app: WSGIApplication) -> Self:
        """Return a copy of this layer around another application, with the same options."""
        return copy_with(self, app=app)

    def _origin_headers(self, origin: str | None) -> Headers:
        """Return the headers that let `origin` read the response, or none if it may not."""
        if origin is None or not self._is_allowed(origin):
            return []
        headers = [("Access-Control-Allow-Origin", "*" if self._allows_all_origins else origin)]
        if self._allows_credentials:
            headers.append(("Access-Control-Allow-Credentials", "true"))
        return headers

    def _answer_preflight(
        self, origin_headers: Headers, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        vary = _PRIVATE_NETWORK_VARY if self._allows_private_network else _PREFLIGHT_VARY
        if not origin_headers:
            length = str(len(_REFUSAL))
            headers = [("Content-Type", "text/plain"), ("Content-Length", length), ("Vary", vary)]
            start_response("403 Forbidden", headers)
            return [_REFUSAL]
        headers = [*origin_headers, *self._preflight_headers]
        if self._allows_private_network and _asks_for_private_network(environ):
            headers.append(("Access-Control-Allow-Private-Network", "true"))
        start_response("204 No Content", [*headers, ("Vary", vary)])
        return []


def _is_preflight(environ: WSGIEnvironment) -> bool:
    """Return whether this is a CORS-preflight request of the Fetch standard."""
    return (
        environ.get("REQUEST_METHOD") == "OPTIONS"
        and "HTTP_ORIGIN" in environ
        and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in environ
    )


def _is_for_metadata(environ: WSGIEnvironment) -> bool:
    """Return whether a request is for the metadata of a protected resource (RFC 9728 §3.1)."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    return f"{path}/".startswith(f"{WELL_KNOWN}/")


def _asks_for_private_network(environ: WSGIEnvironment) -> bool:
    return environ.get("HTTP_ACCESS_CONTROL_REQUEST_PRIVATE_NETWORK") == "true"


def _without_cors(headers: Headers) -> Headers:
    return [
        (name, value) for name, value in headers if not name.lower().startswith("access-control-")
    ]


def _vary_on_origin(headers: Headers) -> Headers:
    """Return `headers` with the origin in `Vary`.

    See Fetch, "CORS protocol and HTTP caches", and RFC 9110 §12.5.5.
    """
    values = [value for name, value in headers if name.lower() == "vary"]
    members = [member.strip() for value in values for member in value.split(",")]
    field_names = [member for member in members if member]
    if "*" in field_names or "origin" in map(str.lower, field_names):
        return headers
    others = [(name, value) for name, value in headers if name.lower() != "vary"]
    return [*others, ("Vary", ", ".join((*field_names, "Origin")))]


def _list_header(name: str, values: tuple[str, ...]) -> Headers:
    """Return the header that lists `values`, or none if there are no values."""
    if not values:
        return []
    return [(name, ", ".join(values))]


def _check_flag(option: str, value: object) -> None:
    if not isinstance(value, bool):
        raise ValueError(f"{option}={value!r}: write True or False")


def _check_max_age(max_age: object) -> None:
    if type(max_age) is not int or not 0 <= max_age <= _SECONDS_PER_DAY:
        raise ValueError(f"max_age={max_age!r}: write whole seconds, 0 to {_SECONDS_PER_DAY}")


def _origin_predicate(origins: Origins, *, credentials: bool) -> Callable[[str], bool]:
    """Return the function that decides whether an `Origin` header is allowed."""
    if callable(origins):
        check_callables(origins=origins)
        predicate = origins
        return lambda origin: _is_allowed_by(predicate, origin)
    if origins == "*":
        if credentials:
            raise ValueError(
                "origins='*' with credentials=True lets every page act as the user: "
                "name the origins"
            )
        return lambda origin: True
    if isinstance(origins, str | bytes) or not isinstance(origins, Iterable):
        raise ValueError(
            f"origins={origins!r}: write a list such as ['https://app.example.com'], "
            "a predicate, or '*'"
        )
    allowed = frozenset(
        check_origin(
            origin,
            instead_of_any="write origins='*' for anyone, without credentials",
            instead_of_null="write a predicate to allow it",
        )
        for origin in origins
    )
    if not allowed:
        raise ValueError("origins is empty: name one, or leave CrossOrigin out")
    return allowed.__contains__


def _is_allowed_by(predicate: Callable[[str], object], origin: str) -> bool:
    """Return the predicate's answer; it sees valid origins only."""
    if origin != "null" and not is_origin(origin):
        return False
    try:
        return ask(
            predicate,
            origin,
            name="the predicate for origins",
            consequence="the origin is not allowed",
            logger=logger,
        )
    except CallbackFailed:
        return False


def _check_methods(methods: Iterable[str]) -> tuple[str, ...]:
    names = _check_names("methods", methods)
    for name in names:
        if METHOD.fullmatch(name) is None or name == "*":
            raise ValueError(f"methods holds {name!r}: write names such as 'PUT'")
        if name in _FORBIDDEN_METHODS:
            raise ValueError(f"methods holds {name!r}, which no browser sends: leave it out")
    return names


def _check_field_names(option: str, field_names: Iterable[str]) -> tuple[str, ...]:
    names = _check_names(option, field_names)
    for name in names:
        # `*` does not include Authorization, and has no meaning if credentials are allowed.
        if _FIELD_NAME.fullmatch(name) is None or name == "*":
            raise ValueError(
                f"{option} holds {name!r}: write the names of headers, such as 'Authorization'"
            )
    return names


def _with_name(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Return the names of headers with one more, unless it is among them in any case."""
    if name.lower() in map(str.lower, names):
        return names
    return (*names, name)


def _check_names(option: str, names: Iterable[str]) -> tuple[str, ...]:
    """Return the names, each of them once."""
    if isinstance(names, Iterable) and not isinstance(names, str | bytes):
        listed = tuple(names)
        if all(isinstance(name, str) for name in listed):
            return tuple(dict.fromkeys(listed))
    raise ValueError(f"{option}={names!r}: write a list of names")
