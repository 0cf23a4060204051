"""`Explainer`: one request explained check by check, for a console or a command line.

The request goes through copies of the layers, so the verdict is the stack's own. The steps are the
checks that the stack's `Verifier` reports while it judges the token, so that no explanation
contradicts it.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self
from wsgiref.types import StartResponse, WSGIEnvironment

from jwt_wsgi.auth import Credentials
from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.client_certificates import ClientCertificate
from jwt_wsgi.errors import AuthError
from jwt_wsgi.explain.advice import advice_for
from jwt_wsgi.explain.credentials import describe_credentials, sources_of
from jwt_wsgi.explain.explanation import Explanation, Response
from jwt_wsgi.explain.stack import Observers, Stack, StackCopy, find_stack
from jwt_wsgi.explain.step_names import step_names
from jwt_wsgi.explain.token import Step, TokenTrace
from jwt_wsgi.explain.walk import Observation, deciding_match, describe_rule, steps_of
from jwt_wsgi.introspection.introspection import Introspection
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jose.hints import Hint
from jwt_wsgi.middleware.decisions import Decision, token_hint
from jwt_wsgi.middleware.extraction import GetToken
from jwt_wsgi.middleware.protect import protect
from jwt_wsgi.policy.algebra import Access
from jwt_wsgi.policy.policy import Match, Policy, Rules
from jwt_wsgi.possession.dpop import DPoP
from jwt_wsgi.revocation_callback import IsRevoked
from jwt_wsgi.sources import TokenSource, bearer
from jwt_wsgi.verifier import Verifier

_OBSERVATION = "jwt_wsgi.explain.observation"
_OUTSIDE = "No layer stands in front of this path."
_IN_FRONT = "A layer in front of the others answers this request, such as CORS."


class Explainer:
    """Explains requests as `protect(app, issuer=issuers, rules=rules, **options)` judges them.

    What is explained is logged like any other request.

    Args:
        issuers: The `Issuer`s that the application itself uses, so that keys are fetched once; its
            `Introspection` may be among them.
        rules: The application's rules, or its `Policy`.
        get_token: As for `protect`.
        token_sources: As for `protect`.
        is_revoked: As for `protect`.
        dpop: As for `protect`. Proofs are checked for replay, and not used up.
        client_certificate: As for `protect`.
        clock: As for `protect`.
        **options: The other options of `protect`, but for `on_decision`.

    Attributes:
        policy: The policy that decides, or None if there is no `ScopeAuthorizer`.
        verifier: The `Verifier` that judges tokens, or None if there is no `TokenVerifier`.
        passed_over: The names of middleware in front of the layers that is not called, although it
            may change the request or answer it.

    Raises:
        ValueError: For invalid arguments.
    """

    policy: Policy | None
    verifier: Verifier | None
    passed_over: tuple[str, ...]

    def __init__(
        self,
        issuers: Issuer | Introspection | Iterable[Issuer | Introspection],
        rules: Rules | Policy,
        *,
        get_token: GetToken | None = None,
        token_sources: Iterable[TokenSource] | None = None,
        is_revoked: IsRevoked | None = None,
        dpop: DPoP | None = None,
        client_certificate: ClientCertificate | None = None,
        clock: Callable[[], float] = time.time,
        **options: Any,
    ) -> None:
        check_callables(get_token=get_token)
        if isinstance(issuers, str):
            raise ValueError(f"issuers={issuers!r}: write the Issuer that the application uses")
        verifier = Verifier(
            issuers,
            is_revoked=is_revoked,
            dpop=dpop,
            client_certificates=client_certificate is not None,
            clock=clock,
        )
        stack = protect(
            _reached,
            issuer=verifier,
            rules=rules,
            get_token=get_token,
            token_sources=token_sources,
            client_certificate=client_certificate,
            on_decision=None,
            **options,
        )
        self._copy(find_stack(stack), None)

    @classmethod
    def of(cls, app: Any, *, clock: Callable[[], float] | None = None) -> Self:
        """Return an explainer that judges as the layers of an application do.

        It uses the very policy, verifier, options and callbacks of these layers, whatever framework
        or middleware they stand in. Only `on_decision` is not called, so that metrics do not count
        explanations. The application is not called either.

        Args:
            app: The application: the result of `protect`, or what it stands in.
            clock: Returns the time to judge tokens at; None is the verifier's own clock.

        Raises:
            ValueError: No layer is found in the application, or more than one stack of layers.
        """
        check_callables(clock=clock)
        explainer = cls.__new__(cls)
        explainer._copy(find_stack(app), clock)  # noqa: SLF001 (its own class)
        return explainer

    def explain(self, environ: WSGIEnvironment, *, certificate: bytes | None = None) -> Explanation:
        """Return the checks and the answer for one request.

        A DPoP proof in the request is not used up: a later request with it is still accepted.

        Args:
            environ: The request. It is left unchanged, and its body is not read, except by
                `get_token`.
            certificate: The client's certificate as DER. It takes the place of the one that
                `client_certificate` finds in `environ`. A stack that checks no certificates
                ignores it. None leaves the certificate to `client_certificate`.

        Raises:
            ValueError: `certificate` is not bytes.
        """
        if certificate is not None and not isinstance(certificate, bytes):
            raise ValueError(f"certificate={type(certificate).__name__}: write the DER, as bytes")
        # The keys that layers in front of this call have left belong to another request.
        request = {key: value for key, value in environ.items() if not key.startswith("jwt_wsgi.")}
        seen = Observation(request)
        request[_OBSERVATION] = seen
        self._local.certificate = certificate
        trace = TokenTrace(self._step_names)
        self._local.trace = trace
        response = self._answer(request)
        match = deciding_match(seen, self.policy)
        errors = seen.errors
        reported = seen.reported
        hint = _hint(seen.credentials, [*errors, *reported])
        return Explanation(
            steps=tuple(self._steps(seen, trace)),
            refusal=None if seen.reached or seen.is_outside else response,
            reason=errors[0].reason if errors else None,
            would_be=reported[0].reason if reported else None,
            hint=hint,
            rule=None if match is None or seen.is_outside else describe_rule(match),
            issuer=trace.issuer,
            note=_note(seen),
            advice=self._advice([*errors, *reported], hint, match),
        )

    def _steps(self, seen: Observation, trace: TokenTrace) -> Iterator[Step]:
        yield from steps_of(
            seen, trace, self._now(seen), policy=self.policy, expected=self._expected_credentials
        )
        if self._original.judges_tools(seen.environ):
            yield Step("tool", None, "the rules of ToolAuthorizer", "the body is not read here")

    def _advice(
        self, errors: list[AuthError], hint: Hint | None, match: Match | None
    ) -> str | None:
        if not errors:
            return None
        reason = errors[0].reason
        if reason == "missing_token" and match is not None:
            # A token would not help where everyone is denied.
            requirement = match.requirement
            if isinstance(requirement, Access) and requirement.reason is not None:
                reason = requirement.reason
        return advice_for(reason, hint, reads_header=self._reads_header)

    def _copy(self, stack: Stack, clock: Callable[[], float] | None) -> None:
        """Take over the layers of a stack."""
        self._original = stack
        self.policy = None if stack.authorizer is None else stack.authorizer.policy
        self.verifier = None if stack.verifier is None else stack.verifier.verifier
        sources = sources_of(stack.extractor)
        self._reads_header = bearer in sources
        self._expected_credentials = describe_credentials(sources, stack.extractor, self.verifier)
        recorded = None
        checks_revocation = False
        checks_replay = False
        if self.verifier is not None:
            dpop = self.verifier.dpop
            checks_replay = dpop is not None and dpop.replay is not None
            recorded = self.verifier.recorded(self._record, clock=clock)
            checks_revocation = recorded.checks_revocation
        self._clock = time.time if recorded is None else recorded.clock
        self._step_names = step_names(
            checks_revocation=checks_revocation, checks_replay=checks_replay
        )
        # A trace belongs to one request, and so to the thread that explains it.
        self._local = threading.local()
        observers = Observers(
            recorded,
            self._given_certificate,
            _keep_refusal,
            _keep_token,
            _keep_rule,
            _reached,
            _outside,
        )
        copied = StackCopy(stack, observers)
        self._stack = copied.app
        self.passed_over = tuple(copied.passed_over)

    def _now(self, seen: Observation) -> float:
        if seen.auth is None or seen.auth.judged_at is None:
            return self._clock()
        return seen.auth.judged_at

    def _given_certificate(self) -> bytes | None:
        certificate: bytes | None = self._local.certificate
        return certificate

    def _record(self, check: str, *values: object) -> None:
        self._local.trace(check, *values)

    def _answer(self, environ: WSGIEnvironment) -> Response:
        responses: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(
            status: str, headers: list[tuple[str, str]], *_: Any
        ) -> Callable[[bytes], object]:
            responses.append((status, headers))
            return lambda octets: None

        body = b"".join(self._stack(environ, start_response))
        status, headers = responses[-1]
        return Response(int(status[:3]), tuple(headers), body)


def _hint(credentials: object, errors: list[AuthError]) -> Hint | None:
    if not errors or not isinstance(credentials, Credentials):
        return None
    return token_hint(errors[0], credentials)


def _note(seen: Observation) -> str | None:
    if seen.is_outside:
        return _OUTSIDE
    if not seen.reached and not seen.errors:
        return _IN_FRONT
    return None


def _reached(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Stand in for the application behind the layers."""
    seen = _observation(environ)
    seen.reached = True
    start_response("200 OK", [])
    return []


def _outside(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Stand in for an application that no layer stands in front of."""
    seen = _observation(environ)
    seen.is_outside = True
    start_response("200 OK", [])
    return []


def _keep_refusal(environ: WSGIEnvironment, error: AuthError) -> None:
    _observation(environ).extraction_error = error


def _keep_token(environ: WSGIEnvironment, decision: Decision) -> None:
    _observation(environ).token_decision = decision


def _keep_rule(environ: WSGIEnvironment, decision: Decision) -> None:
    _observation(environ).rule_decision = decision


def _observation(environ: WSGIEnvironment) -> Observation:
    """Return the observation of a request, whose environ some dispatchers copy."""
    seen: Observation = environ[_OBSERVATION]
    seen.environ = environ
    return seen
