"""What was decided about a request: one line of log, and one call of the hook."""

import logging
from collections.abc import Callable
from typing import NamedTuple
from wsgiref.types import WSGIEnvironment

from jwt_wsgi.auth import Auth
from jwt_wsgi.errors import AuthError

logger = logging.getLogger("jwt_wsgi.decision")


class Decision(NamedTuple):
    """One request's verdict: allowed, or refused with `error`; `rule` is the deciding one's key.

    `auth` is the caller's, where a token was verified. `would_be` is the refusal
    that was only reported, of a request that passes.
    """

    error: AuthError | None = None
    auth: Auth | None = None
    rule: str | None = None
    would_be: AuthError | None = None

    @property
    def reason(self) -> str | None:
        """The refusal's reason, of the closed list; None where the request was allowed."""
        return None if self.error is None else self.error.reason


#: Told of every decision; its result is ignored.
OnDecision = Callable[[WSGIEnvironment, Decision], object]


def is_observed(refused: bool, on_decision: OnDecision | None) -> bool:
    """Whether anyone would be told of such a decision: the hook, or the log."""
    return on_decision is not None or logger.isEnabledFor(
        logging.INFO if refused else logging.DEBUG
    )


def report(decision: Decision, environ: WSGIEnvironment, on_decision: OnDecision | None) -> None:
    """Log a decision, refusals and those that would be at INFO, the rest at DEBUG, and tell the hook."""
    error = decision.error or decision.would_be
    if logger.isEnabledFor(logging.DEBUG if error is None else logging.INFO):
        asked = f"{excerpt(environ.get('REQUEST_METHOD'))} {excerpt(environ.get('PATH_INFO'))}"
        if error is None:
            logger.debug("%s allowed (rule %s)", asked, decision.rule, extra=fields(decision))
        else:
            verdict = "refused" if decision.error else "allowed, would be refused"
            said = (
                verdict,
                error.status,
                error.reason,
                decision.rule,
                *map(excerpt, (error.expected, error.found)),
            )
            logger.info(
                "%s %s: %d %s (rule %s, expected %s, found %s)",
                asked,
                *said,
                extra=fields(decision),
            )
    if on_decision is not None:
        try:
            on_decision(environ, decision)
        except Exception as raised:  # noqa: BLE001 (a stranger's code may raise anything)
            # An observer that fails must not turn a yes into an outage; its text may quote the environ.
            logger.error("on_decision raised %s; the decision stands", type(raised).__name__)


def fields(decision: Decision) -> dict[str, str | None]:
    """What a record of the log carries besides its text: `verdict` (allowed, refused or would_refuse) and why."""
    error = decision.error or decision.would_be
    verdict = "refused" if decision.error else "would_refuse" if error else "allowed"
    issuer = None if decision.auth is None else decision.auth.issuer
    reason = None if error is None else error.reason
    return {"verdict": verdict, "reason": reason, "rule": decision.rule, "issuer": issuer}


def excerpt(value: object) -> str:
    """`value` for a log line: escaped to ASCII and cut, so that it makes no second line."""
    text = ascii(value)
    return text if len(text) <= 120 else text[:120] + "…"
