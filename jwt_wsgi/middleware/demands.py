"""The demands of a request's rule, as the callbacks of a `TokenVerifier` tell them."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar
from wsgiref.types import WSGIEnvironment

from jwt_wsgi.bindings import UNBOUND, Alternatives
from jwt_wsgi.callbacks import or_nothing

logger = logging.getLogger("jwt_wsgi.verification")

_Member = TypeVar("_Member")

#: The types of the members of a list of scopes, for a comparison in one pass.
_ONLY_STRINGS = frozenset({str})


def demanded_scopes(
    callback: Callable[[WSGIEnvironment], Iterable[str]] | None,
) -> Callable[[WSGIEnvironment], tuple[str, ...]] | None:
    """Return a function that returns the scopes that a request's rule names.

    Where the callback fails, it returns none.

    Args:
        callback: The option `scopes_asked`.
    """
    if callback is None:
        return None
    ask = _asking(callback, "scopes_asked")

    def scopes(environ: WSGIEnvironment) -> tuple[str, ...]:
        demanded = ask(environ)
        # A short cut for what policies return.
        if type(demanded) is tuple and _ONLY_STRINGS.issuperset(map(type, demanded)):
            return demanded
        return tuple(_members(demanded, str, "scopes_asked"))

    return scopes


def demanded_possession(
    callback: Callable[[WSGIEnvironment], Alternatives] | None,
) -> Callable[[WSGIEnvironment], Alternatives] | None:
    """Return a function that returns the keys whose possession a request's rule demands.

    Where the callback fails, it demands none.

    Args:
        callback: The option `possession_asked`.
    """
    if callback is None:
        return None
    ask = _asking(callback, "possession_asked")

    def possession(environ: WSGIEnvironment) -> Alternatives:
        demanded = ask(environ)
        # A short cut for what policies return of most rules.
        if demanded is UNBOUND:
            return UNBOUND
        return frozenset(_members(demanded, frozenset, "possession_asked")) or UNBOUND

    return possession


def _asking(
    callback: Callable[[WSGIEnvironment], object], name: str
) -> Callable[[WSGIEnvironment], object]:
    return or_nothing(callback, name=name, consequence="the challenge omits it", logger=logger)


def _members(demanded: object, kind: type[_Member], name: str) -> list[_Member]:
    """Return the members of a type; none if a callback did not return several values."""
    if isinstance(demanded, str) or not isinstance(demanded, Iterable):
        logger.error("%s returned %s; the challenge omits it", name, type(demanded).__name__)
        return []
    return [member for member in demanded if isinstance(member, kind)]
