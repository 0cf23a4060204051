"""A breaker: it keeps calls away from a store that has failed."""

import logging
import threading
from collections.abc import Callable
from typing import Final

from jwt_wsgi.stores.store import StoreUnavailable

logger = logging.getLogger("jwt_wsgi.stores")

#: The seconds between two attempts to call a store that has failed.
_PAUSE: Final = 1.0
#: The errors behind an error that its description names.
_CAUSES: Final = 5


class Breaker:
    """A breaker for one kind of failure of a store, in one process.

    After a failure one call a second reaches the store, until a call succeeds. The beginning and
    the end of an outage are logged once each, by the types of the errors: their texts may quote
    a command, and so a password.

    Args:
        store: The store's name in the log.
        problem: What goes wrong, such as "cannot be reached".
        clock: Returns the time in seconds, and never goes back.
    """

    def __init__(self, store: str, problem: str, clock: Callable[[], float]) -> None:
        self._store = store
        self._problem = problem
        self._clock = clock
        self._lock = threading.Lock()
        self._is_failing = False
        self._next_attempt = 0.0

    def admit(self) -> None:
        """Let a call pass, or refuse it.

        Raises:
            StoreUnavailable: The store has failed, and the next attempt is not due yet.
        """
        with self._lock:
            if not self._is_failing:
                return
            now = self._clock()
            is_due = now >= self._next_attempt
            if is_due:
                self._next_attempt = now + _PAUSE
        if not is_due:
            raise StoreUnavailable(f"the store {self._problem}; another attempt follows")

    def record_failure(self, error: BaseException) -> StoreUnavailable:
        """Keep calls away for a second, and return the exception for the caller."""
        types = _list_types(error)
        with self._lock:
            was_failing = self._is_failing
            self._is_failing = True
            self._next_attempt = self._clock() + _PAUSE
        if not was_failing:
            logger.error(
                "the store %s %s (%s); one call a second is attempted",
                self._store,
                self._problem,
                types,
            )
        return StoreUnavailable(f"the store {self._problem} ({types})")

    def record_success(self) -> None:
        """Let all calls pass again."""
        with self._lock:
            was_failing = self._is_failing
            self._is_failing = False
        if was_failing:
            logger.warning("the store %s works again (was: %s)", self._store, self._problem)


def _list_types(error: BaseException | None) -> str:
    """Return the types of an error and of the errors that led to it."""
    types: list[str] = []
    while error is not None and len(types) < _CAUSES:
        types.append(type(error).__name__)
        error = error.__cause__ or error.__context__
    return " after ".join(types)
