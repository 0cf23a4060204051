"""Layer 3, `ScopeAuthorizer`: may they? And the same question for one route."""

import logging
from collections.abc import Callable, Iterable, Mapping
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.auth import AUTH_KEY, REALM_KEY, RULE_KEY, Auth, environ_of, get_auth
from jwt_wsgi.errors import AuthError, InvalidRequest
from jwt_wsgi.middleware.decisions import Decision, OnDecision, is_observed, report
from jwt_wsgi.middleware.responses import OnError, answer_auth_errors, refuse, validate_realm
from jwt_wsgi.options import check_callables, must
from jwt_wsgi.policy.algebra import (
    OPTIONAL,
    PUBLIC,
    ReportOnly,
    Request,
    Requirement,
    validate_requirement,
)
from jwt_wsgi.policy.policy import Match, Policy

logger = logging.getLogger("jwt_wsgi.policy")


class ScopeAuthorizer:
    """Asks the policy whether this auth may do this, and refuses where it may not.

    `policy` is a `Policy`, or the rules for one. Without a verifier in front
    there is no auth, so all but public and optional places are refused. What
    `policy.lint()` finds is logged once, at construction; `issuers` is how many
    the verifier in front trusts. `on_error(environ, error)` may replace an
    answer, `on_decision(environ, decision)` is told of every decision.
    """

    answers_refusals = True

    def __init__(
        self,
        app: WSGIApplication,
        policy: Policy,
        *,
        issuers: int = 1,
        realm: str = "api",
        on_error: OnError | None = None,
        on_decision: OnDecision | None = None,
    ) -> None:
        check_callables(app=app, on_error=on_error, on_decision=on_decision)
        self.app = app
        self._inside = answer_auth_errors(app, on_error)
        self.policy = policy if isinstance(policy, Policy) else Policy(policy)
        self._realm = validate_realm(realm)
        self._on_error, self._on_decision = on_error, on_decision
        for finding in self.policy.lint(issuers=issuers):
            logger.warning("%s", finding)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        if RULE_KEY in environ:
            del environ[RULE_KEY]
        environ[REALM_KEY] = self._realm
        auth = environ.get(AUTH_KEY)
        if not isinstance(auth, Auth):
            auth = None
        error, would_be = self._judge(environ, auth)
        if is_observed(error is not None or would_be is not None, self._on_decision):
            match = environ.get(RULE_KEY)
            key = match.rule.key if match and match.rule else None
            report(Decision(error, auth, key, would_be), environ, self._on_decision)
        if error is not None:
            return refuse(error, environ, start_response, self._on_error)
        return self._inside(environ, start_response)

    def _judge(
        self, environ: WSGIEnvironment, auth: Auth | None
    ) -> tuple[AuthError | None, AuthError | None]:
        """The refusal, and the one that is only reported."""
        error: AuthError | None
        would_be = None
        try:
            environ[RULE_KEY] = match = self.policy.match(environ)
        except InvalidRequest as ambiguous:
            error = ambiguous
        else:
            _, asked, request = match
            error = asked.refusal(auth, request)
            if error is None and type(asked) is ReportOnly:
                would_be = asked.would_refuse(auth, request)
        return (None, error or would_be) if self.policy.report_only else (error, would_be)


def guard(
    requirement: Requirement,
    *,
    on_error: OnError | None = None,
    on_decision: OnDecision | None = None,
) -> Callable[[WSGIApplication], WSGIApplication]:
    """Guards one WSGI application: it is called only where the auth satisfies `requirement`.

    A verifier must stand in front. The hooks are those of `ScopeAuthorizer`.
    Raises `ValueError` for `PUBLIC` and `OPTIONAL`, which guard nothing.
    """
    asked = _guarding(requirement, "guard")
    check_callables(on_error=on_error, on_decision=on_decision)

    def wrap(app: WSGIApplication) -> WSGIApplication:
        check_callables(app=app)

        inside = answer_auth_errors(app, on_error)

        def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            error = _refusal(environ, asked)
            report(Decision(error, get_auth(environ)), environ, on_decision)
            if error is not None:
                return refuse(error, environ, start_response, on_error)
            return inside(environ, start_response)

        return guarded

    return wrap


def require(request: object, requirement: Requirement) -> Auth:
    """The request's `Auth`, which satisfies `requirement`; raises the `AuthError` otherwise.

    `request` is a WSGI environ, or a request object that carries one. Raises
    `ValueError` for `PUBLIC` and `OPTIONAL`, which require nothing.
    """
    environ = environ_of(request)
    error = _refusal(environ, _guarding(requirement, "require"))
    if error is not None:
        raise error
    auth: Auth = environ[AUTH_KEY]
    return auth


def _guarding(requirement: object, function: str) -> Requirement:
    asked = validate_requirement(requirement, function)
    must(
        asked not in (PUBLIC, OPTIONAL),
        f"{function}({asked!r}) asks for nothing; leave it out, or AUTHENTICATED",
    )
    must(
        not isinstance(asked, ReportOnly),
        f"{function}({asked!r}): report_only belongs to the rules of a policy",
    )
    return asked


def _refusal(environ: Mapping[str, object], asked: Requirement) -> AuthError | None:
    matched = environ.get(RULE_KEY)
    request = matched.request if isinstance(matched, Match) else Request()
    return asked.refusal(get_auth(environ), request)
