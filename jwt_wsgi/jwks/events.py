"""The events that a key source reports, and the user callbacks that receive them."""

import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Final, NamedTuple

from jwt_wsgi.callbacks import CallbackFailed, call
from jwt_wsgi.http.fetching import Outcome
from jwt_wsgi.jwks.schedule import KeyStatus
from jwt_wsgi.jwks.source import KidChanges

logger = logging.getLogger("jwt_wsgi.jwks")

_ENDS: Final = {"ok": "fetch succeeded", "shared": "taken from the store"}


class Fetched(NamedTuple):
    """One fetch of a key set, as `on_fetch` receives it.

    Attributes:
        location: The URL of the keys, or the issuer if the URL is discovered.
        outcome: How the fetch ended: `ok`; `shared` if the key set of another worker was taken
            from the store, and nothing was fetched; `timeout` if the reply was not complete in
            time; `unreachable` if there was no connection; `http_status` for any status but 200;
            `bad_reply` if the reply was not a valid key set, or not valid metadata, within
            the bounds; `fetcher_raised` if `fetch` raised another exception, or a callable
            `headers` failed.
        seconds: The duration of the fetch in seconds, on the source's own clock.
        keys: The number of usable keys; 0 after a failure.
    """

    location: str
    outcome: Outcome
    seconds: float
    keys: int


#: A callback that receives every fetch. Its result is ignored.
OnFetch = Callable[[Fetched], object]

#: A callback that receives the kids added and the kids removed. Its result is ignored.
OnRotation = Callable[[frozenset[str], frozenset[str]], object]


class Hooks:
    """The user callbacks of one key source.

    An `Exception` from one is logged. Any other exception is logged and raised again.

    Args:
        on_fetch: Receives every fetch, or None.
        on_rotation: Receives the kids that a fetch has changed, or None.
    """

    def __init__(self, on_fetch: OnFetch | None, on_rotation: OnRotation | None) -> None:
        self._on_fetch = on_fetch
        self._on_rotation = on_rotation

    def announce_fetch(self, fetched: Fetched) -> None:
        """Call `on_fetch`."""
        if self._on_fetch is not None:
            _call("on_fetch", self._on_fetch, fetched)

    def announce_rotation(self, location: object, changes: KidChanges) -> None:
        """Log the changed kids and call `on_rotation`, unless nothing has changed."""
        added, removed = changes
        if not added and not removed:
            return
        logger.info(
            "keys of %r: kids added: %s; kids removed: %s",
            location,
            _listed(added),
            _listed(removed),
            extra={"location": repr(location), "added": sorted(added), "removed": sorted(removed)},
        )
        if self._on_rotation is not None:
            _call("on_rotation", self._on_rotation, added, removed)


def log_status(fetched: Fetched, status: KeyStatus) -> None:
    """Log a fetch and the status after it. The record has the fields of both.

    Args:
        fetched: The fetch that has ended.
        status: The status of the source.
    """
    fields: dict[str, object] = {**fetched._asdict(), **status._asdict()}
    # A list, so that formatters can write it as JSON.
    fields["kids"] = sorted(status.kids)
    logger.info(
        "keys of %s: %s in %.3g s; %s; the next fetch is due in %.0f s",
        fetched.location,
        _ENDS.get(fetched.outcome, f"fetch failed ({fetched.outcome})"),
        fetched.seconds,
        _described_keys(status),
        status.next_attempt,
        extra=fields,
    )


def _described_keys(status: KeyStatus) -> str:
    if not status.usable:
        return "no usable keys are held"
    if status.lifetime_left is not None and status.lifetime_left <= 0:
        return f"stale keys are in use, kids: {_listed(status.kids)}"
    return f"keys are in use, kids: {_listed(status.kids)}"


def _listed(kids: Collection[str]) -> str:
    if not kids:
        return "none"
    return ", ".join(ascii(kid) for kid in sorted(kids))


def _call(name: str, hook: Callable[..., object], *arguments: object) -> None:
    with suppress(CallbackFailed):
        call(hook, *arguments, name=name, consequence="the keys are not affected", logger=logger)
