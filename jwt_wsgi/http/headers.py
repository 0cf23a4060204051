"""The headers of a request: the default ones, and the user's, whose names ignore case."""

import logging
import re
from collections.abc import Callable, Mapping
from typing import Final

from jwt_wsgi.callbacks import CallbackFailed, call, check_callables
from jwt_wsgi.http.fetching import NO_HEADERS, FetchError

logger = logging.getLogger("jwt_wsgi.jwks")

#: Headers to send: a mapping of names to values, or a callable that returns one at each fetch.
Headers = Mapping[str, str] | Callable[[], Mapping[str, str]]

_DEFAULT_HEADERS: Final = {
    # RFC 7517 §8.5.2: a key set has a media type of its own.
    "Accept": "application/json, application/jwk-set+json",
    "Accept-Encoding": "identity",
    "User-Agent": "jwt-wsgi",
}

# The names that this package or urllib3 would also set, by their lower-case form. They are sent
# in one spelling, because urllib3 compares some of them with case.
_SPELLINGS: Final = {name.lower(): name for name in (*_DEFAULT_HEADERS, "Host")}

# The name and the value of a header (RFC 9110 §5.1, §5.5).
_FIELD_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_FIELD_VALUE: Final = re.compile(r"[!-~]([ -~]*[!-~])?")


def check_headers(headers: object) -> None:
    """Check the option `headers` at construction. A callable is not called.

    Args:
        headers: A mapping, or a callable that returns one.

    Raises:
        ValueError: It is neither, or the mapping has an invalid name or value, or one name twice.
    """
    if isinstance(headers, Mapping):
        _check_mapping(headers)
    elif callable(headers):
        check_callables(headers=headers)
    else:
        raise ValueError(
            "headers: write a mapping of names to values, or a callable that returns one"
        )


def request_headers(
    headers: Headers | None, own_headers: Mapping[str, str] = NO_HEADERS
) -> dict[str, str]:
    """Return the headers of a request: the user's, and the default ones that the user did not set.

    Args:
        headers: The option `headers`. A callable is called.
        own_headers: Headers of this very request, which replace all others.

    Raises:
        FetchError: The callable raised an exception, or the headers are not valid.
    """
    merged = dict(_DEFAULT_HEADERS)
    for name, value in _read(headers).items():
        merged[_SPELLINGS.get(name.lower(), name)] = value
    if own_headers:
        replaced = {name.lower() for name in own_headers}
        merged = {name: value for name, value in merged.items() if name.lower() not in replaced}
        merged.update(own_headers)
    return merged


def _read(headers: Headers | None) -> Mapping[str, str]:
    if headers is None:
        return {}
    result: object = headers
    try:
        if not isinstance(headers, Mapping):
            result = call(headers, name="headers", consequence="the fetch fails", logger=logger)
        if not isinstance(result, Mapping):
            raise ValueError(type(result).__name__)
        snapshot = dict(result)
        _check_mapping(snapshot)
    except CallbackFailed:
        raise FetchError("headers raised an exception", outcome="fetcher_raised") from None
    except (ValueError, TypeError):
        # The headers may be credentials, so the reason quotes nothing of them.
        raise FetchError("headers are not valid", outcome="fetcher_raised") from None
    return snapshot


def _check_mapping(headers: Mapping[object, object]) -> None:
    names: set[str] = set()
    for name, value in headers.items():
        # The value may be a credential, so the error does not quote it.
        if not _is_valid_header(name, value):
            raise ValueError(f"headers: {name!a} and its value must be text that a header can hold")
        lower_case = str(name).lower()
        if lower_case in names:
            raise ValueError(f"headers: {name!a} is there twice; the case of a name is ignored")
        names.add(lower_case)


def _is_valid_header(name: object, value: object) -> bool:
    if not isinstance(name, str) or not isinstance(value, str):
        return False
    return bool(_FIELD_NAME.fullmatch(name) and _FIELD_VALUE.fullmatch(value))
