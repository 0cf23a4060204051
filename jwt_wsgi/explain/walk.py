"""The steps of one request, from what the layers reported about it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Final
from wsgiref.types import WSGIEnvironment

from jwt_wsgi.auth import AUTH_KEY, CREDENTIALS_KEY, OFFERED_KEY, RULE_KEY, Auth, Credentials
from jwt_wsgi.errors import AuthError, InvalidRequest, MissingToken
from jwt_wsgi.explain.token import Step, TokenTrace, in_words
from jwt_wsgi.middleware.decisions import Decision, excerpt
from jwt_wsgi.policy.algebra import PUBLIC, leaves
from jwt_wsgi.policy.implication import scopes_of
from jwt_wsgi.policy.policy import Match, Policy
from jwt_wsgi.scope_hierarchy import NO_HIERARCHY, ScopeHierarchy

#: How many scopes of a rule are explained, and how many others that would imply each of them.
_MAX_SCOPES: Final = 5


@dataclass(slots=True)
class Observation:
    """The reports of the layers about one request.

    Attributes:
        environ: The environ as the last layer had it.
        extraction_error: The refusal that `get_token` raised, or None.
        token_decision: The decision of the `TokenVerifier`, which reports refusals alone, or None.
        rule_decision: The decision of the `ScopeAuthorizer`, or None if it was not asked.
        reached: True if the request reached the application behind the layers.
        is_outside: True if the request reached an application that no layer stands in front of.
    """

    environ: WSGIEnvironment = field(default_factory=dict)
    extraction_error: AuthError | None = None
    token_decision: Decision | None = None
    rule_decision: Decision | None = None
    reached: bool = False
    is_outside: bool = False

    @property
    def errors(self) -> list[AuthError]:
        """The refusals, in their order. A request has one at most."""
        decisions = (self.token_decision, self.rule_decision)
        errors = [decision.error for decision in decisions if decision is not None]
        return [error for error in (self.extraction_error, *errors) if error is not None]

    @property
    def reported(self) -> list[AuthError]:
        """The refusals that are only reported, in their order."""
        decisions = (self.token_decision, self.rule_decision)
        errors = [decision.would_be for decision in decisions if decision is not None]
        return [error for error in errors if error is not None]

    @property
    def credentials(self) -> Credentials | AuthError | None:
        """The credentials, or the refusal that stands in their place, or None."""
        credentials: Credentials | AuthError | None = self.environ.get(CREDENTIALS_KEY)
        return self.extraction_error or credentials

    @property
    def match(self) -> Match | None:
        """The match that decided, or None where no rule was asked."""
        match: Match | None = self.environ.get(RULE_KEY)
        return match

    @property
    def auth(self) -> Auth | None:
        """The verified caller, or None."""
        auth: Auth | None = self.environ.get(AUTH_KEY)
        return auth

    @property
    def token_error(self) -> AuthError | None:
        """The refusal or reported refusal of the token itself, or None."""
        error = _error_of(self.token_decision)
        # `is_revoked` may raise any refusal of a token.
        if isinstance(error, MissingToken) or error is self.credentials:
            return None
        return error

    @property
    def was_verified(self) -> bool:
        """True if a token was looked at."""
        return self.auth is not None or self.token_error is not None


def steps_of(
    seen: Observation, trace: TokenTrace, now: float, *, policy: Policy | None, expected: str
) -> Iterator[Step]:
    """Yield the steps of a request.

    Args:
        seen: What the layers reported.
        trace: What the verifier reported about the token.
        now: When the token was judged, in seconds since the epoch.
        policy: The policy of the stack, or None if it has no `ScopeAuthorizer`.
        expected: The credentials that are expected, in words.
    """
    yield _credentials_step(seen, expected)
    if seen.was_verified:
        yield from trace.steps(seen.token_error, now)
    else:
        yield from trace.not_made()
    if policy is None:
        yield Step("path")
        yield Step("rule", None, None, "there is no ScopeAuthorizer")
    elif seen.rule_decision is None:
        yield from _steps_not_made(policy, seen.environ)
    else:
        hierarchy = NO_HIERARCHY if trace.issuer is None else trace.issuer.scope_hierarchy
        yield from _policy_steps(seen, seen.rule_decision, hierarchy)


def deciding_match(seen: Observation, policy: Policy | None) -> Match | None:
    """Return the match that decides the request, also if a layer in front refused it before.

    It is None without a policy, and for a request that can be read in more than one way.
    """
    if seen.match is not None or policy is None:
        return seen.match
    try:
        return policy.match(seen.environ)
    except InvalidRequest:
        return None


def describe_rule(match: Match) -> str:
    """Return the deciding rule as text, with its requirement."""
    if match.rule is not None:
        return str(match.rule)
    return f"otherwise: {match.requirement!r}"


def _error_of(decision: Decision | None) -> AuthError | None:
    return None if decision is None else decision.error or decision.would_be


def _credentials_step(seen: Observation, expected: str) -> Step:
    credentials = seen.credentials
    if seen.match is not None and seen.match.requirement is PUBLIC:
        return Step("credentials", None, expected, "not looked at, the rule is PUBLIC")
    error = _error_of(seen.token_decision)
    if isinstance(credentials, AuthError):
        is_used = error is credentials or seen.extraction_error is not None
        if not is_used:
            return Step("credentials", None, expected, "not looked at")
        return Step("credentials", False, expected, _reason_and_value(credentials))
    if credentials is None:
        offered = seen.environ.get(OFFERED_KEY)
        found = "no token" if offered is None else f"no token: {offered}"
        return Step("credentials", None if error is None else False, expected, found)
    if not seen.was_verified:
        return Step("credentials", None, expected, "not looked at")
    return Step("credentials", True, expected)


def _steps_not_made(policy: Policy, environ: WSGIEnvironment) -> Iterator[Step]:
    """Yield the steps of a policy that was not asked: what it would compare."""
    try:
        match = policy.match(environ)
    except InvalidRequest as error:
        yield Step("path", None, in_words(error.expected), _reason_and_value(error))
        yield Step("rule")
        return
    yield Step("path", None, "one reading")
    yield Step("rule", None, describe_rule(match), "not asked")


def _policy_steps(
    seen: Observation, decision: Decision, hierarchy: ScopeHierarchy
) -> Iterator[Step]:
    error = _error_of(decision)
    match = seen.match
    if match is None:
        # Only an ambiguous request has no match, and then there is always an error.
        expected = None if error is None else in_words(error.expected)
        found = None if error is None else _reason_and_value(error)
        yield Step("path", False, expected, found)
        yield Step("rule")
        return
    yield Step("path", True, "one reading")
    found = _caller(seen.auth, error, match, hierarchy)
    yield Step("rule", error is None, describe_rule(match), found)


def _caller(
    auth: Auth | None, error: AuthError | None, match: Match, hierarchy: ScopeHierarchy
) -> str:
    """Return what the rule was compared with, in words."""
    if auth is None:
        return "no token"
    if error is not None and error.reason == "claim_forbidden":
        return f"claims {excerpt(error.found)}"
    if error is not None and error.reason == "token_not_bound":
        return str(error.found)
    granted = f"scopes {excerpt(sorted(auth.scopes))}"
    return "; ".join([granted, *_implications(auth, match, hierarchy)])


def _implications(auth: Auth, match: Match, hierarchy: ScopeHierarchy) -> Iterator[str]:
    """Yield how the scopes that a rule names follow from others, or would, in words."""
    leaf_scopes = (scopes_of(leaf) for leaf in leaves(match.requirement))
    names = dict.fromkeys(chain.from_iterable(leaf_scopes))
    lacking = [name for name in names if name not in auth.scopes]
    for name in lacking[:_MAX_SCOPES]:
        implying = hierarchy.implying_scopes(name)
        if auth.has_scope(name):
            granted = next(each for each in implying if each in auth.scopes)
            yield f"{granted} implies {name}"
        elif implying:
            yield f"{name} is implied by {' or '.join(implying[:_MAX_SCOPES])}"


def _reason_and_value(error: AuthError) -> str:
    if error.found is None:
        return error.reason
    return f"{error.reason}: {excerpt(error.found)}"
