"""The reports of an `Introspection`: each call, its status, and lines in the log."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from jwt_wsgi.callbacks import CallbackFailed, call
from jwt_wsgi.http.fetching import FetchFailure, Outcome

logger = logging.getLogger("jwt_wsgi.introspection")


class IntrospectionCall(NamedTuple):
    """One call of the endpoint, as `on_fetch` receives it.

    Attributes:
        location: The URL of the endpoint, or the issuer if the URL is discovered.
        outcome: How the call ended: `ok` for an answer; `timeout` if it was not complete in time;
            `unreachable` if there was no connection; `http_status` for any status but 200;
            `bad_reply` if it was not a valid answer within the bounds; `fetcher_raised` if
            `fetch`, `headers` or `client_auth` failed.
        seconds: The duration of the call in seconds, on the `Introspection`'s own clock.
        active: What the endpoint said about the token; None if it said nothing.
    """

    location: str
    outcome: Outcome
    seconds: float
    active: bool | None


class IntrospectionStatus(NamedTuple):
    """The state of an endpoint, from `Introspection.status()`. Durations are in seconds.

    Attributes:
        usable: True if the last call was answered.
        last_error: The text of the last failure, or None. It stays after a success.
        next_attempt: Seconds until a call may start, 0 if one may start now.
        in_flight: The number of calls that are running.
        attempts: The number of calls that were started.
        successes: The number of calls that the endpoint answered.
        failures: The number of calls that failed, or did not end in time.
    """

    usable: bool
    last_error: str | None
    next_attempt: float
    in_flight: int
    attempts: int
    successes: int
    failures: int


#: A callback that receives every call. Its result is ignored.
OnFetch = Callable[[IntrospectionCall], object]


def announce(on_fetch: OnFetch | None, event: IntrospectionCall) -> None:
    """Call `on_fetch`, if there is one. An `Exception` from it is logged."""
    if on_fetch is None:
        return
    with suppress(CallbackFailed):
        call(
            on_fetch,
            event,
            name="on_fetch",
            consequence="the answer is not affected",
            logger=logger,
        )


def log_refused_client(location: str, failure: FetchFailure) -> None:
    """Log that the endpoint does not accept this API as its client.

    Args:
        location: The URL of the endpoint, or the issuer.
        failure: The failure.
    """
    logger.error(
        "introspection at %s: HTTP status %s: the endpoint does not accept this API as its client, "
        "which is a mistake of the configuration: correct client_auth, and check that the client "
        "may introspect tokens; requests whose token is not cached get 503",
        location,
        failure.status,
    )


def log_failure(location: str, failure: FetchFailure, pause: float) -> None:
    """Log a call that failed.

    Args:
        location: The URL of the endpoint, or the issuer.
        failure: The failure.
        pause: The seconds until the next call may start.
    """
    logger.warning(
        "introspection at %s: %s; cached answers stay good, other requests get 503 for %.0f s",
        location,
        failure.reason,
        pause,
    )
