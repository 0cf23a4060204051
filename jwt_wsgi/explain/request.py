"""`Explainer`: one request walked through the stack, check by check, for a console or a command line.

The verdict is the stack's own: the request goes through the layers that `protect` makes. The
steps come from the functions that `Verifier.verify` calls, in its order, and give way where they
disagree with it, so that no explanation says yes where the stack says no.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple
from wsgiref.types import StartResponse, WSGIEnvironment

from jwt_wsgi.auth import AUTH_KEY, CREDENTIALS_KEY, RULE_KEY, Auth, Credentials
from jwt_wsgi.errors import AuthError, InvalidToken, KeysUnavailable
from jwt_wsgi.explain.token import Step, TokenChecks, written
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.middleware.decisions import Decision, excerpt
from jwt_wsgi.middleware.extraction import GetToken
from jwt_wsgi.middleware.protect import protect
from jwt_wsgi.options import must
from jwt_wsgi.policy.algebra import PUBLIC
from jwt_wsgi.policy.policy import Match, Policy, Rules
from jwt_wsgi.verifier import Verifier

_DECISIONS, _RAISED, _REACHED = (
    f"jwt_wsgi.explain.{name}" for name in ("decisions", "raised", "reached")
)


class Response(NamedTuple):
    """A refusal as it would be sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Explanation:
    """What the stack says to one request, and how it comes to it.

    `refusal` is None where the request would reach the application. `reason` is
    why it would not, `would_be` why it would not but for a rule that only reports.
    """

    steps: tuple[Step, ...]
    refusal: Response | None = None
    reason: str | None = None
    would_be: str | None = None

    @property
    def failed(self) -> Step | None:
        """The first check that did not hold."""
        return next((step for step in self.steps if step.passed is False), None)


class Explainer:
    """Explains requests as `protect(app, issuer=issuers, rules=rules, **options)` judges them.

    `issuers` are the very `Issuer`s that the application uses, so that keys are
    fetched once, and `options` those of `protect`. What is explained is logged like
    any other request. Raises `ValueError` for what cannot be.
    """

    def __init__(
        self,
        issuers: Issuer | Iterable[Issuer],
        rules: Rules | Policy,
        *,
        get_token: GetToken | None = None,
        clock: Callable[[], float] = time.time,
        **options: Any,
    ) -> None:
        must(
            not isinstance(issuers, str),
            f"issuers={issuers!r}: write the Issuer that the application uses",
        )
        listed = [issuers] if isinstance(issuers, Issuer) else list(issuers)
        self._checks = TokenChecks(
            Verifier(listed, clock=clock), clock, revocable=options.get("is_revoked") is not None
        )
        options |= {
            "get_token": get_token and _noting(get_token),
            "on_decision": _note,
            "clock": clock,
        }
        self._stack = protect(_reached, issuer=listed, rules=rules, **options)

    def explain(self, environ: WSGIEnvironment) -> Explanation:
        """The walk of this request. `environ` is left as it is, and the body is not read, but by `get_token`."""
        # What layers in front of this call have left is of another request.
        request = {key: value for key, value in environ.items() if not key.startswith("jwt_wsgi.")}
        request[_DECISIONS] = []
        refusal = self._answer(request)
        decisions: list[Decision] = request[_DECISIONS]
        return Explanation(
            steps=tuple(self._walk(request, decisions)),
            refusal=refusal,
            reason=next((decision.reason for decision in decisions if decision.error), None),
            would_be=next(
                (decision.would_be.reason for decision in decisions if decision.would_be), None
            ),
        )

    def _answer(self, environ: WSGIEnvironment) -> Response | None:
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], *_: Any
        ) -> Callable[[bytes], object]:
            started.append((status, headers))
            return lambda octets: None

        body = b"".join(self._stack(environ, start_response))
        status, headers = started[-1]
        return None if _REACHED in environ else Response(int(status[:3]), tuple(headers), body)

    def _walk(self, environ: WSGIEnvironment, decisions: list[Decision]) -> Iterator[Step]:
        match, auth = environ.get(RULE_KEY), environ.get(AUTH_KEY)
        found = environ.get(_RAISED) or environ.get(CREDENTIALS_KEY)
        first = decisions[0].error or decisions[0].would_be
        about_token = (
            first
            if isinstance(first, InvalidToken | KeysUnavailable) and first is not found
            else None
        )
        # The verifier tells of what it refuses alone, the authorizer of every request that reaches it.
        reached = len(decisions) > (first is not None and first in (found, about_token))
        public = isinstance(match, Match) and match.requirement is PUBLIC
        yield _credentials_step(found, public=public)
        if isinstance(found, Credentials) and not public:
            yield from self._checks.walk(found.token, auth, about_token)
        else:
            yield from self._checks.unmade()
        yield from (
            _policy_steps(match, auth, decisions[-1]) if reached else (Step("path"), Step("rule"))
        )


def _reached(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Stands in the application's place."""
    environ[_REACHED] = True
    start_response("200 OK", [])
    return []


def _note(environ: WSGIEnvironment, decision: Decision) -> None:
    environ[_DECISIONS].append(decision)


def _noting(get_token: GetToken) -> GetToken:
    """`get_token`, whose refusal no layer tells of."""

    def get(environ: WSGIEnvironment) -> str | None:
        try:
            return get_token(environ)
        except AuthError as error:
            environ[_RAISED] = error
            _note(environ, Decision(error))
            raise

    return get


def _credentials_step(found: Credentials | AuthError | None, *, public: bool) -> Step:
    expected = "Bearer and one token"
    if public:
        return Step("credentials", None, expected, "not looked at, the rule is PUBLIC")
    if isinstance(found, AuthError):
        return Step("credentials", False, expected, found.reason)
    return (
        Step("credentials", None, expected, "no token")
        if found is None
        else Step("credentials", True, expected)
    )


def _policy_steps(match: Match | None, auth: Auth | None, decision: Decision) -> Iterator[Step]:
    error = decision.error or decision.would_be
    if match is None:
        # Only an ambiguous request leaves no match, and it is never let pass unsaid.
        expected, reason = (error.expected, error.reason) if error else (None, None)
        yield Step("path", False, written(expected), reason)
        yield Step("rule")
        return
    yield Step("path", True, "one reading")
    asked = f"otherwise: {match.requirement!r}" if match.rule is None else str(match.rule)
    yield Step(
        "rule",
        error is None,
        asked,
        "no token" if auth is None else f"scopes {excerpt(sorted(auth.scopes))}",
    )
