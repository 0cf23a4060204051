"""The report of a decision: one line in the log, and one call of the hook."""

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from wsgiref.types import WSGIEnvironment

from jwt_wsgi.auth import CREDENTIALS_KEY, OFFERED_KEY, Auth, Credentials
from jwt_wsgi.callbacks import CallbackFailed, call
from jwt_wsgi.errors import AuthError, InvalidToken
from jwt_wsgi.jose.hints import Hint, hint_for

logger = logging.getLogger("jwt_wsgi.decision")

#: Characters of one value in a log line.
_MAX_EXCERPT = 120


class Decision(NamedTuple):
    """The verdict on one request.

    Attributes:
        error: The refusal, or None where the request was allowed.
        auth: The caller's auth, where a token was verified.
        rule: The key of the deciding rule, or None where no rule decided.
        would_be: The refusal that was only reported, of a request that passed.
    """

    error: AuthError | None = None
    auth: Auth | None = None
    rule: str | None = None
    would_be: AuthError | None = None

    @property
    def reason(self) -> str | None:
        """The refusal's reason, from the closed list; None where the request was allowed."""
        if self.error is None:
            return None
        return self.error.reason


#: Receives every decision; its result is ignored.
OnDecision = Callable[[WSGIEnvironment, Decision], object]


def add_offer(error: AuthError, environ: Mapping[str, Any]) -> None:
    """Set the error's `found` to what the request offered instead of a token.

    The extractor leaves a note of that in the environ. It concerns only errors about a token that
    is missing or malformed.
    """
    offered = environ.get(OFFERED_KEY)
    if offered is not None and error.reason in ("missing_token", "token_malformed"):
        error.found = offered


def is_observed(refused: bool, on_decision: OnDecision | None) -> bool:
    """Return True if the hook or the log would receive such a decision."""
    if on_decision is not None:
        return True
    level = logging.INFO if refused else logging.DEBUG
    return logger.isEnabledFor(level)


def report(decision: Decision, environ: WSGIEnvironment, on_decision: OnDecision | None) -> None:
    """Log a decision and call the hook.

    Refusals, enforced or only reported, are logged at INFO, everything else at DEBUG.
    """
    error = decision.error or decision.would_be
    if error is None:
        if logger.isEnabledFor(logging.DEBUG):
            _log_allowed(decision, environ)
    elif logger.isEnabledFor(logging.INFO):
        _log_refused(decision, error, environ)
    if on_decision is not None:
        # A failing observer must not turn a yes into an outage.
        with suppress(CallbackFailed):
            call(
                on_decision,
                environ,
                decision,
                name="on_decision",
                consequence="the decision stands",
                logger=logger,
            )


def _log_allowed(decision: Decision, environ: WSGIEnvironment) -> None:
    logger.debug(
        "%s %s allowed (rule %s)",
        excerpt(environ.get("REQUEST_METHOD")),
        excerpt(environ.get("PATH_INFO")),
        decision.rule,
        extra=fields(decision),
    )


def _log_refused(decision: Decision, error: AuthError, environ: WSGIEnvironment) -> None:
    hint = token_hint(error, environ.get(CREDENTIALS_KEY))
    logger.info(
        "%s %s %s: %d %s (rule %s, expected %s, found %s)%s",
        excerpt(environ.get("REQUEST_METHOD")),
        excerpt(environ.get("PATH_INFO")),
        "refused" if decision.error else "allowed, would be refused",
        error.status,
        error.reason,
        decision.rule,
        excerpt(error.expected),
        excerpt(error.found),
        "" if hint is None else f". {hint}",
        extra={**fields(decision), "hint": None if hint is None else hint.kind},
    )


def token_hint(error: AuthError, credentials: object) -> Hint | None:
    """Return what a refused token seems to be, or None if it was not refused for itself."""
    if not isinstance(error, InvalidToken) or not isinstance(credentials, Credentials):
        return None
    if error.is_introspected:
        # The hints are about tokens that are sent in place of a JWT.
        return None
    return hint_for(credentials.token, error.reason)


def fields(decision: Decision) -> dict[str, str | None]:
    """Return the fields of a log record: `verdict`, `reason`, `rule` and `issuer`.

    The verdict is "allowed", "refused" or "would_refuse".
    """
    verdict = "allowed"
    if decision.error is not None:
        verdict = "refused"
    elif decision.would_be is not None:
        verdict = "would_refuse"
    error = decision.error or decision.would_be
    return {
        "verdict": verdict,
        "reason": None if error is None else error.reason,
        "rule": decision.rule,
        "issuer": None if decision.auth is None else decision.auth.issuer,
    }


def excerpt(value: object) -> str:
    """Return `value` escaped to ASCII and cut, so that it cannot start a second log line."""
    text = ascii(value)
    if len(text) <= _MAX_EXCERPT:
        return text
    return text[:_MAX_EXCERPT] + "…"
