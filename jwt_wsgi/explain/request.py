"""`Explainer`: one request explained check by check, for a console or a command line.

The request goes through the layers that `protect` makes, so the verdict is the stack's own. The
steps are the checks that the stack's `Verifier` reports while it judges the token, so that no
explanation contradicts it.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple
from wsgiref.types import StartResponse, WSGIEnvironment

from jwt_wsgi.auth import AUTH_KEY, CREDENTIALS_KEY, OFFERED_KEY, RULE_KEY, Auth, Credentials
from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.errors import AuthError, InvalidToken, KeysUnavailable
from jwt_wsgi.explain.token import Step, TokenTrace, in_words, step_names
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jose.hints import Hint
from jwt_wsgi.middleware.decisions import Decision, excerpt, token_hint
from jwt_wsgi.middleware.extraction import GetToken
from jwt_wsgi.middleware.protect import protect
from jwt_wsgi.policy.algebra import PUBLIC
from jwt_wsgi.policy.policy import Match, Policy, Rules
from jwt_wsgi.sources import TokenSource, bearer, check_sources
from jwt_wsgi.verifier import IsRevoked, Verifier

_DECISIONS = "jwt_wsgi.explain.decisions"
_EXTRACTION_ERROR = "jwt_wsgi.explain.extraction_error"
_REACHED = "jwt_wsgi.explain.reached"


class Response(NamedTuple):
    """A refusal as it would be sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Explanation:
    """The stack's answer to one request, and the checks that lead to it.

    Attributes:
        steps: The checks, in order.
        refusal: The answer, or None where the request would reach the application.
        reason: Why the request would be refused, or None.
        would_be: The reason that a rule or policy only reports, or None.
        hint: What the refused token seems to be, or None.
    """

    steps: tuple[Step, ...]
    refusal: Response | None = None
    reason: str | None = None
    would_be: str | None = None
    hint: Hint | None = None

    @property
    def failed(self) -> Step | None:
        """The first check that failed, or None."""
        return next((step for step in self.steps if step.passed is False), None)


class Explainer:
    """Explains requests as `protect(app, issuer=issuers, rules=rules, **options)` judges them.

    What is explained is logged like any other request.

    Args:
        issuers: The `Issuer`s that the application itself uses, so that keys are fetched once.
        rules: The application's rules, or its `Policy`.
        get_token: As for `protect`.
        token_sources: As for `protect`.
        is_revoked: As for `protect`.
        clock: As for `protect`.
        **options: The other options of `protect`, but for `on_decision`.

    Raises:
        ValueError: For invalid arguments.
    """

    def __init__(
        self,
        issuers: Issuer | Iterable[Issuer],
        rules: Rules | Policy,
        *,
        get_token: GetToken | None = None,
        token_sources: Iterable[TokenSource] | None = None,
        is_revoked: IsRevoked | None = None,
        clock: Callable[[], float] = time.time,
        **options: Any,
    ) -> None:
        check_callables(get_token=get_token)
        if isinstance(issuers, str):
            raise ValueError(f"issuers={issuers!r}: write the Issuer that the application uses")
        verifier = Verifier(issuers, is_revoked=is_revoked, clock=clock)
        sources = (bearer,) if token_sources is None else check_sources(token_sources)
        self._expected_credentials = ", or ".join(map(str, sources))
        self._clock = clock
        self._step_names = step_names(checks_revocation=verifier.checks_revocation)
        # A trace belongs to one request, and so to the thread that explains it.
        self._local = threading.local()
        self._stack = protect(
            _reached,
            issuer=verifier.recorded(self._record),
            rules=rules,
            get_token=None if get_token is None else _keeping_errors(get_token),
            token_sources=None if token_sources is None else sources,
            on_decision=_keep_decision,
            **options,
        )

    def explain(self, environ: WSGIEnvironment) -> Explanation:
        """Return the checks and the answer for one request.

        `environ` is left unchanged, and its body is not read, except by `get_token`.
        """
        # The keys that layers in front of this call have left belong to another request.
        request = {key: value for key, value in environ.items() if not key.startswith("jwt_wsgi.")}
        decisions: list[Decision] = []
        request[_DECISIONS] = decisions
        trace = TokenTrace(self._step_names)
        self._local.trace = trace
        refusal = self._answer(request)
        errors = [decision.error for decision in decisions if decision.error]
        reported = [decision.would_be for decision in decisions if decision.would_be]
        return Explanation(
            steps=tuple(self._steps(request, decisions, trace)),
            refusal=refusal,
            reason=errors[0].reason if errors else None,
            would_be=reported[0].reason if reported else None,
            hint=_hint(request, [*errors, *reported]),
        )

    def _record(self, check: str, *values: object) -> None:
        self._local.trace(check, *values)

    def _answer(self, environ: WSGIEnvironment) -> Response | None:
        responses: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], *_: Any
        ) -> Callable[[bytes], object]:
            responses.append((status, headers))
            return lambda octets: None

        body = b"".join(self._stack(environ, start_response))
        if _REACHED in environ:
            return None
        status, headers = responses[-1]
        return Response(int(status[:3]), tuple(headers), body)

    def _steps(
        self, environ: WSGIEnvironment, decisions: list[Decision], trace: TokenTrace
    ) -> Iterator[Step]:
        match = environ.get(RULE_KEY)
        auth = environ.get(AUTH_KEY)
        credentials = environ.get(_EXTRACTION_ERROR) or environ.get(CREDENTIALS_KEY)
        is_public = isinstance(match, Match) and match.requirement is PUBLIC
        first = decisions[0].error or decisions[0].would_be
        token_error = _token_error(first, credentials)
        expected = self._expected_credentials
        yield _credentials_step(credentials, expected, environ.get(OFFERED_KEY), is_public)
        if isinstance(credentials, Credentials) and not is_public:
            now = self._clock() if auth is None else auth.judged_at
            yield from trace.steps(token_error, now)
        else:
            yield from trace.not_made()
        # The verifier reports its refusals alone; the authorizer reports every request.
        verifier_reports = 0 if first is None or first not in (credentials, token_error) else 1
        if len(decisions) > verifier_reports:
            yield from _policy_steps(match, auth, decisions[-1])
        else:
            yield Step("path")
            yield Step("rule")


def _hint(environ: WSGIEnvironment, errors: list[AuthError]) -> Hint | None:
    credentials = environ.get(CREDENTIALS_KEY)
    if not errors or not isinstance(credentials, Credentials):
        return None
    return token_hint(errors[0], credentials)


def _token_error(error: AuthError | None, credentials: object) -> AuthError | None:
    """Return the error if it is the verifier's, about the token."""
    if isinstance(error, InvalidToken | KeysUnavailable) and error is not credentials:
        return error
    return None


def _reached(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Stand in for the application."""
    environ[_REACHED] = True
    start_response("200 OK", [])
    return []


def _keep_decision(environ: WSGIEnvironment, decision: Decision) -> None:
    environ[_DECISIONS].append(decision)


def _keeping_errors(get_token: GetToken) -> GetToken:
    """Return a `get_token` that keeps its refusal, which no layer reports."""

    def get(environ: WSGIEnvironment) -> str | None:
        try:
            return get_token(environ)
        except AuthError as error:
            environ[_EXTRACTION_ERROR] = error
            _keep_decision(environ, Decision(error))
            raise

    return get


def _credentials_step(
    credentials: Credentials | AuthError | None, expected: str, offered: str | None, is_public: bool
) -> Step:
    if is_public:
        return Step("credentials", None, expected, "not looked at, the rule is PUBLIC")
    if isinstance(credentials, AuthError):
        found = credentials.reason
        if credentials.found is not None:
            found = f"{credentials.reason}: {excerpt(credentials.found)}"
        return Step("credentials", False, expected, found)
    if credentials is None:
        return Step("credentials", None, expected, f"no token: {offered}")
    return Step("credentials", True, expected)


def _policy_steps(match: Match | None, auth: Auth | None, decision: Decision) -> Iterator[Step]:
    error = decision.error or decision.would_be
    if match is None:
        # Only an ambiguous request has no match, and then there is always an error.
        expected = None if error is None else in_words(error.expected)
        reason = None if error is None else error.reason
        yield Step("path", False, expected, reason)
        yield Step("rule")
        return
    yield Step("path", True, "one reading")
    rule = f"otherwise: {match.requirement!r}"
    if match.rule is not None:
        rule = str(match.rule)
    caller = "no token"
    if auth is not None:
        caller = f"scopes {excerpt(sorted(auth.scopes))}"
    yield Step("rule", error is None, rule, caller)
