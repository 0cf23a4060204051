"""How the package calls what its users give it: checked at construction, closed on failure.

Calling a coroutine function or a generator function only makes an object, and that object is true:
a check written so would pass everything. So such functions are refused at construction, and such
a result counts as an exception.
"""

import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from logging import Logger
from typing import Any

#: The types of most results, none of which is awaitable or a generator.
_PLAIN_TYPES = frozenset({type(None), bool, tuple, frozenset, str, int, float, list, set, dict})


class CallbackFailed(Exception):
    """A user's callback failed; the failure is logged already."""


def check_callables(**options: object) -> None:
    """Check callbacks at construction.

    `app` must be callable, and may be a generator function, as WSGI applications are.

    Raises:
        ValueError: For the first option that is neither None nor callable, or whose body would not
            run when it is called: a coroutine function or a generator function.
    """
    for option, value in options.items():
        if value is None and option != "app":
            continue
        if not callable(value):
            raise ValueError(f"{option}={value!r}: write a callable")
        kind = deferred_kind(value)
        if option == "app":
            if kind not in (None, "generator function"):
                raise ValueError(f"app={value!r}: an ASGI application; give a WSGI application")
        elif kind is not None:
            raise ValueError(f"{option}={value!r}: a {kind}; write an ordinary function")


def deferred_kind(function: object) -> str | None:
    """Return the kind of a function whose body does not run when it is called, or None."""
    candidates = [function]
    if not inspect.isroutine(function) and not isinstance(function, type):
        candidates.append(getattr(type(function), "__call__", None))  # noqa: B004 (read, not called)
    for candidate in candidates:
        if inspect.iscoroutinefunction(candidate):
            return "coroutine function"
        if inspect.isasyncgenfunction(candidate) or inspect.isgeneratorfunction(candidate):
            return "generator function"
    return None


def call(
    callback: Callable[..., Any], *arguments: object, name: str, consequence: str, logger: Logger
) -> Any:
    """Call a user's callback and return its result.

    Args:
        callback: The user's function.
        *arguments: What it is called with.
        name: The callback's name in the log, such as "is_revoked".
        consequence: What happens if it fails, for the log, such as "refusing".
        logger: Where a failure is logged, at ERROR.

    Raises:
        CallbackFailed: It raised an `Exception`, or returned an awaitable or a generator.
        BaseException: It raised any other exception, such as `gevent.Timeout`, which is logged and
            raised again.
    """
    try:
        result = callback(*arguments)
        if type(result) not in _PLAIN_TYPES:
            refuse_deferred(result)
    except Exception as error:  # noqa: BLE001 (a user's callback may raise anything)
        raise _log_failure(error, name, consequence, logger) from None
    except BaseException as error:
        logger.error("%s raised %s, which is raised again", name, type(error).__name__)
        raise
    return result


def ask(
    callback: Callable[..., Any],
    *arguments: object,
    name: str,
    consequence: str,
    logger: Logger,
    passing: tuple[type[Exception], ...] = (),
) -> bool:
    """Call a user's callback and return the truth of its result.

    The other arguments and the exceptions are those of `call`. A result whose truth cannot be told
    is a failure.

    Args:
        callback: The user's function.
        *arguments: What it is called with.
        name: The callback's name in the log.
        consequence: What happens if it fails, for the log.
        logger: Where a failure is logged, at ERROR.
        passing: The exceptions of the callback that are answers, and are raised as they are.
    """
    try:
        result = callback(*arguments)
        if type(result) is bool:
            return result
        refuse_deferred(result)
        return bool(result)
    except passing:
        raise
    except Exception as error:  # noqa: BLE001 (a user's callback may raise anything)
        raise _log_failure(error, name, consequence, logger) from None
    except BaseException as error:
        logger.error("%s raised %s, which is raised again", name, type(error).__name__)
        raise


def or_false(
    callback: Callable[..., Any], *, name: str, logger: Logger
) -> Callable[[object], bool]:
    """Return a function that asks a user's callback, as `ask` does, and returns False if it fails.

    The layers call it for every request, so it is made once.

    Args:
        callback: The user's function of one argument.
        name: The callback's name in the log.
        logger: Where a failure is logged, at ERROR.
    """

    def is_true(argument: object) -> bool:
        try:
            result = callback(argument)
            if type(result) is bool:
                return result
            refuse_deferred(result)
            return bool(result)
        except Exception as error:  # noqa: BLE001 (a user's callback may raise anything)
            _log_failure(error, name, "taken as False", logger)
            return False
        except BaseException as error:
            logger.error("%s raised %s, which is raised again", name, type(error).__name__)
            raise

    return is_true


def or_nothing(
    callback: Callable[..., Any], *, name: str, consequence: str, logger: Logger
) -> Callable[[object], object]:
    """Return a function that calls a user's callback, as `call` does, and returns () if it fails.

    The layers call it for every refusal, so it is made once.

    Args:
        callback: The user's function of one argument.
        name: The callback's name in the log.
        consequence: What happens if it fails, for the log.
        logger: Where a failure is logged, at ERROR.
    """

    def result_of(argument: object) -> object:
        try:
            result: object = callback(argument)
            if type(result) not in _PLAIN_TYPES:
                refuse_deferred(result)
        except Exception as error:  # noqa: BLE001 (a user's callback may raise anything)
            _log_failure(error, name, consequence, logger)
            return ()
        except BaseException as error:
            logger.error("%s raised %s, which is raised again", name, type(error).__name__)
            raise
        return result

    return result_of


def _log_failure(error: Exception, name: str, consequence: str, logger: Logger) -> CallbackFailed:
    # The type alone: the text of the exception may quote a token or a claim.
    logger.error("%s raised %s; %s", name, type(error).__name__, consequence)
    return CallbackFailed(name)


def refuse_deferred(result: object) -> None:
    """Close a result that is an awaitable or a generator, and raise `TypeError`.

    Nothing here would ever run it. `NotImplemented`, which a bound `__eq__` returns for a value of
    another type, is refused as well, because its truth is True.
    """
    # A short cut, because the checks below take long for a type that is neither.
    if type(result) in _PLAIN_TYPES:
        return
    if result is NotImplemented:
        raise TypeError("a callback returned NotImplemented instead of a value")
    if not isinstance(result, Awaitable | AsyncGenerator | Generator):
        return
    close = getattr(result, "close", None)
    if close is not None:
        close()
    raise TypeError("a callback returned an awaitable or a generator instead of a value")
