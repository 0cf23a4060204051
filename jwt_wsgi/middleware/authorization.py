"""Layer 3, `ScopeAuthorizer`: may they? And the same question for one route."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Self
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.auth import (
    AUTH_KEY,
    CHALLENGE_KEY,
    METADATA_KEY,
    REALM_KEY,
    RULE_KEY,
    Auth,
    environ_of,
    get_auth,
)
from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.errors import AuthError, InvalidRequest
from jwt_wsgi.jose.kept_claims import ClaimRead, reads_of
from jwt_wsgi.middleware.challenges import ChallengeOptions, options_of, validate_realm
from jwt_wsgi.middleware.decisions import Decision, OnDecision, add_offer, is_observed, report
from jwt_wsgi.middleware.responses import OnError, answer_auth_errors, refuse
from jwt_wsgi.nesting import copy_with
from jwt_wsgi.policy.access import claim_reads
from jwt_wsgi.policy.algebra import OPTIONAL, PUBLIC, Request, Requirement, validate_requirement
from jwt_wsgi.policy.policy import Match, Policy, Rules
from jwt_wsgi.policy.reporting import ReportOnly
from jwt_wsgi.scope_hierarchy import ScopeHierarchy, ScopeImplies

logger = logging.getLogger("jwt_wsgi.policy")


class ScopeAuthorizer:
    """The layer that asks the policy whether this caller may do this, and refuses if not.

    Without a verifier in front there is no auth, so every path is refused unless it is public or
    optional. The findings of `policy.lint()` are logged once, at construction.

    Args:
        app: The WSGI application to protect.
        policy: A `Policy`, or the rules for one.
        issuers: How many issuers the verifier in front trusts, for the linter.
        scope_implies: The option `scope_implies` of these issuers, for the linter: one mapping for
            all, or a list with one for each. It does not change what tokens may do.
        realm: The realm in challenges, printable ASCII.
        on_error: Called as `on_error(environ, error)`; may return a WSGI application that answers
            in place of the layer. It cannot change the decision.
        on_decision: Called as `on_decision(environ, decision)` for every decision.

    Attributes:
        app: The application inside.
        policy: The policy.

    Raises:
        ValueError: For invalid arguments, and for a `ToolAuthorizer` directly inside whose `path`
            no rule covers.
    """

    answers_refusals = True

    def __init__(
        self,
        app: WSGIApplication,
        policy: Policy | Rules,
        *,
        issuers: int = 1,
        scope_implies: ScopeImplies | Iterable[ScopeImplies | ScopeHierarchy] | None = None,
        realm: str = "api",
        on_error: OnError | None = None,
        on_decision: OnDecision | None = None,
    ) -> None:
        check_callables(app=app, on_error=on_error, on_decision=on_decision)
        self.app = app
        self.policy = policy if isinstance(policy, Policy) else Policy(policy)
        self._inner = answer_auth_errors(app, on_error)
        self._realm = validate_realm(realm)
        self._on_error = on_error
        self._on_decision = on_decision
        _check_inside(app, self.policy)
        for finding in self.policy.lint(issuers=issuers, scope_implies=scope_implies):
            logger.warning("%s", finding)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        if RULE_KEY in environ:
            del environ[RULE_KEY]
        environ[REALM_KEY] = self._realm
        if METADATA_KEY in environ:
            environ[CHALLENGE_KEY] = options_of(environ)
            del environ[METADATA_KEY]
        options = environ.get(CHALLENGE_KEY)
        # The verifier of the same stack has left them already.
        if type(options) is not ChallengeOptions or options.realm != self._realm:
            environ[CHALLENGE_KEY] = options_of(environ)
        auth = environ.get(AUTH_KEY)
        if not isinstance(auth, Auth):
            auth = None
        error, would_be = self._judge(environ, auth)
        if is_observed(error is not None or would_be is not None, self._on_decision):
            decision = Decision(error, auth, _rule_key(environ), would_be)
            report(decision, environ, self._on_decision)
        if error is not None:
            return refuse(error, environ, start_response, self._on_error)
        return self._inner(environ, start_response)

    @property
    def claim_reads(self) -> tuple[ClaimRead, ...]:
        """The claims that the rules read, and those of a layer directly inside."""
        return (*self.policy.claim_reads, *reads_of(self.app))

    def around(self, app: WSGIApplication, *, on_decision: OnDecision | None = None) -> Self:
        """Return a copy of this layer around another application, with the same options.

        Args:
            app: The application inside.
            on_decision: The hook of the copy, in place of this layer's.
        """
        inner = answer_auth_errors(app, self._on_error)
        return copy_with(self, app=app, _inner=inner, _on_decision=on_decision)

    def _judge(
        self, environ: WSGIEnvironment, auth: Auth | None
    ) -> tuple[AuthError | None, AuthError | None]:
        """Return the refusal, and the refusal that is only reported."""
        error: AuthError | None
        would_be = None
        try:
            match = self.policy.match(environ)
        except InvalidRequest as ambiguous:
            error = ambiguous
        else:
            environ[RULE_KEY] = match
            requirement = match.requirement
            error = requirement.refusal(auth, match.request)
            if error is None and type(requirement) is ReportOnly:
                would_be = requirement.would_refuse(auth, match.request)
        refusal = error or would_be
        if refusal is not None:
            add_offer(refusal, environ)
        if self.policy.report_only:
            return None, error or would_be
        return error, would_be


def _check_inside(app: WSGIApplication, policy: Policy) -> None:
    """Check that requests get past the policy to what the layer directly inside judges.

    Raises:
        ValueError: They do not.
    """
    if getattr(type(app), "answers_refusals", False):
        check_policy = getattr(app, "check_policy", None)
        if check_policy is not None:
            check_policy(policy)


def _rule_key(environ: WSGIEnvironment) -> str | None:
    match = environ.get(RULE_KEY)
    if match is None or match.rule is None:
        return None
    key: str = match.rule.key
    return key


def guard(
    requirement: Requirement,
    *,
    on_error: OnError | None = None,
    on_decision: OnDecision | None = None,
) -> Callable[[WSGIApplication], WSGIApplication]:
    """Return a decorator that calls a WSGI application only if the auth meets `requirement`.

    A `TokenVerifier` must stand in front.

    Args:
        requirement: What the caller's token must satisfy.
        on_error: As for `ScopeAuthorizer`.
        on_decision: As for `ScopeAuthorizer`.

    Raises:
        ValueError: For `PUBLIC` and `OPTIONAL`, which require nothing, and for other invalid
            arguments.
    """
    _check_demanding(requirement, "guard")
    check_callables(on_error=on_error, on_decision=on_decision)

    def wrap(app: WSGIApplication) -> WSGIApplication:
        check_callables(app=app)
        inner = answer_auth_errors(app, on_error)

        def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            error = _refusal(environ, requirement)
            report(Decision(error, get_auth(environ)), environ, on_decision)
            if error is not None:
                return refuse(error, environ, start_response, on_error)
            return inner(environ, start_response)

        guarded.claim_reads = claim_reads([requirement])  # type: ignore[attr-defined]
        return guarded

    return wrap


def require(request: object, requirement: Requirement) -> Auth:
    """Return the request's `Auth`, which satisfies `requirement`.

    Args:
        request: A WSGI environ, or a request object that carries one.
        requirement: What the caller's token must satisfy.

    Raises:
        AuthError: The refusal, where the auth does not satisfy the requirement.
        ValueError: For `PUBLIC` and `OPTIONAL`, which require nothing.
    """
    environ = environ_of(request)
    _check_demanding(requirement, "require")
    error = _refusal(environ, requirement)
    if error is not None:
        raise error
    auth: Auth = environ[AUTH_KEY]
    return auth


def _check_demanding(requirement: object, function: str) -> None:
    """Refuse a requirement that demands nothing of a single route."""
    demanded = validate_requirement(requirement, function)
    if demanded in (PUBLIC, OPTIONAL):
        raise ValueError(
            f"{function}({demanded!r}) asks for nothing; leave it out, or AUTHENTICATED"
        )
    if isinstance(demanded, ReportOnly):
        raise ValueError(f"{function}({demanded!r}): report_only belongs to the rules of a policy")


def _refusal(environ: Mapping[str, object], requirement: Requirement) -> AuthError | None:
    match = environ.get(RULE_KEY)
    request = match.request if isinstance(match, Match) else Request()
    error = requirement.refusal(get_auth(environ), request)
    if error is not None:
        add_offer(error, environ)
    return error
