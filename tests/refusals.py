"""The reasons of refusals, as values that a test can compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jwt_wsgi import AuthError, Verifier


def reason_of(check: Callable[..., object], *arguments: Any) -> str | None:
    """Return the reason with which `check(*arguments)` refuses, or None where it does not."""
    try:
        check(*arguments)
    except AuthError as error:
        return error.reason
    return None


def reason(verifier: Verifier, token: Any) -> str | None:
    """Return the reason with which the verifier refuses a token, or None where it accepts it."""
    return reason_of(verifier.verify, token)
