"""Layer 2, `TokenVerifier`: is it true? Turns credentials into an `Auth`, or refuses."""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from http import HTTPStatus
from typing import Self
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.auth import (
    AUTH_KEY,
    CHALLENGE_KEY,
    CREDENTIALS_KEY,
    ELSEWHERE_KEY,
    METADATA_KEY,
    OFFERED_KEY,
    REALM_KEY,
    Auth,
    Credentials,
)
from jwt_wsgi.bindings import BEARER_SCHEME, DPOP, DPOP_SCHEME, Alternatives, require_both
from jwt_wsgi.callbacks import CallbackFailed, call, check_callables, or_false
from jwt_wsgi.client_certificates import ClientCertificate
from jwt_wsgi.errors import AuthError, MissingToken
from jwt_wsgi.issuer_registry import Trusted
from jwt_wsgi.jose.kept_claims import reads_of
from jwt_wsgi.middleware.certificates import read_certificate
from jwt_wsgi.middleware.challenges import ChallengeOptions, validate_realm
from jwt_wsgi.middleware.decisions import Decision, OnDecision, add_offer, is_observed, report
from jwt_wsgi.middleware.demands import demanded_possession, demanded_scopes
from jwt_wsgi.middleware.nonce_renewal import nonce_is_due, with_nonce
from jwt_wsgi.middleware.responses import OnError, answer_auth_errors, refuse
from jwt_wsgi.middleware.verifier_options import challenge_options, ready_verifier
from jwt_wsgi.nesting import copy_with
from jwt_wsgi.possession.dpop import DPoP
from jwt_wsgi.possession.evidence import NO_EVIDENCE, Evidence, WSGITarget
from jwt_wsgi.revocation_callback import IsRevoked
from jwt_wsgi.verifier import Verifier

logger = logging.getLogger("jwt_wsgi.verification")

# Read once, because a member of an enumeration is looked up slowly.
_UNAUTHORIZED = HTTPStatus.UNAUTHORIZED.value


class TokenVerifier:
    """The layer that verifies the credentials and puts the `Auth` into the environ.

    Args:
        app: The WSGI application inside, usually a `ScopeAuthorizer`.
        issuers: An `Issuer`, an `Introspection`, a resolver, several of these, or a ready
            `Verifier`.
        allow_anonymous: Pass requests without credentials on, instead of refusing them.
        exempt: Takes the environ; where the result is true, the token is not looked at.
        report_only: Takes the environ; where the result is true, a bad token is reported and
            ignored.
        is_revoked: Called with the `Auth` of every token that is otherwise good; a true result
            refuses it. An `AuthError` that it raises is the answer, and anything else that it
            raises is answered with 503. A ready `Verifier` has its own.
        scopes_asked: Takes the environ and returns the scopes that the request's rule names, so
            that a refusal of the token names them, too: `policy.scopes_asked`.
        possession_asked: Takes the environ and returns the keys whose possession the rule demands,
            so that a refusal offers only schemes that can help: `policy.possession_asked`.
        dpop: How DPoP proofs are checked (RFC 9449). A ready `Verifier` has its own.
        client_certificate: Takes the environ and returns the client's certificate as DER, or None
            (`jwt_wsgi.client_certificates`). Whatever it raises is answered with 503.
        remote_user: Takes the `Auth` and returns the value of `REMOTE_USER`. Without it, that
            variable is left alone.
        realm: The realm in challenges, printable ASCII.
        on_error: Called as `on_error(environ, error)`; may return a WSGI application that answers
            in place of the layer. It cannot change the decision.
        on_decision: Called as `on_decision(environ, decision)` for every refusal.
        clock: Returns the time in seconds since the epoch. A ready `Verifier` has its own.

    Attributes:
        app: The application inside.
        verifier: The `Verifier` that judges the tokens.
        client_certificate: The function that returns the client's certificate, or None.

    Raises:
        ValueError: For invalid arguments.
    """

    answers_refusals = True

    def __init__(
        self,
        app: WSGIApplication,
        issuers: Trusted | Iterable[Trusted] | Verifier,
        *,
        allow_anonymous: bool = False,
        exempt: Callable[[WSGIEnvironment], object] | None = None,
        report_only: Callable[[WSGIEnvironment], object] | None = None,
        scopes_asked: Callable[[WSGIEnvironment], Iterable[str]] | None = None,
        possession_asked: Callable[[WSGIEnvironment], Alternatives] | None = None,
        is_revoked: IsRevoked | None = None,
        dpop: DPoP | None = None,
        client_certificate: ClientCertificate | None = None,
        remote_user: Callable[[Auth], str] | None = None,
        realm: str = "api",
        on_error: OnError | None = None,
        on_decision: OnDecision | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        check_callables(app=app, exempt=exempt, report_only=report_only, remote_user=remote_user)
        check_callables(on_error=on_error, on_decision=on_decision, clock=clock)
        check_callables(is_revoked=is_revoked, client_certificate=client_certificate)
        check_callables(scopes_asked=scopes_asked, possession_asked=possession_asked)
        self.app = app
        self.verifier = ready_verifier(
            issuers,
            is_revoked=is_revoked,
            dpop=dpop,
            client_certificate=client_certificate,
            clock=clock,
        )
        self.verifier.keep_claims(reads_of(app))
        self._inner = answer_auth_errors(app, on_error)
        self._allow_anonymous = allow_anonymous
        self._is_exempt = _predicate("exempt", exempt)
        self._is_report_only = _predicate("report_only", report_only)
        self._remote_user = remote_user
        self._scopes_asked = demanded_scopes(scopes_asked)
        self._possession_asked = demanded_possession(possession_asked)
        self.client_certificate = client_certificate
        self._realm = validate_realm(realm)
        self._options = challenge_options(self.verifier, realm)
        self._options_of_resource = self._options
        self._nonces = self._options.nonces
        self._on_error = on_error
        self._on_decision = on_decision

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        if AUTH_KEY in environ:
            del environ[AUTH_KEY]
        environ[REALM_KEY] = self._realm
        environ[CHALLENGE_KEY] = self._options
        if METADATA_KEY in environ:
            environ[CHALLENGE_KEY] = self._options_with(environ.pop(METADATA_KEY))
        if self._remote_user is not None:
            environ.pop("REMOTE_USER", None)
            environ.pop("AUTH_TYPE", None)
        if self._is_exempt is None or not self._is_exempt(environ):
            answer = self._authenticate(environ, start_response)
            if answer is not None:
                return answer
        if self._nonces is not None and nonce_is_due(environ, self._nonces):
            nonce = self._nonces.issue(self.verifier.clock())
            start_response = with_nonce(start_response, nonce)
        return self._inner(environ, start_response)

    def _options_with(self, metadata_url: str) -> ChallengeOptions:
        """Return the options with the URL of the metadata; those of the last URL are kept."""
        options = self._options_of_resource
        if options.metadata_url != metadata_url:
            options = self._options.with_metadata(metadata_url)
            self._options_of_resource = options
        return options

    @property
    def find_cached(self) -> Callable[[str], object]:
        """Returns something true for a cached token: one that was good in an earlier request."""
        return self.verifier.find_cached

    @property
    def reads_header_only(self) -> bool:
        """True if tokens must be sent in the header `Authorization` alone."""
        return self.verifier.reads_header_only

    def around(
        self,
        app: WSGIApplication,
        *,
        verifier: Verifier | None = None,
        client_certificate: ClientCertificate | None = None,
        on_decision: OnDecision | None = None,
    ) -> Self:
        """Return a copy of this layer around another application, with the same options.

        Args:
            app: The application inside.
            verifier: The `Verifier` of the copy; None is the same one.
            client_certificate: The source of certificates of the copy; None is the same one.
            on_decision: The hook of the copy, in place of this layer's.
        """
        inner = answer_auth_errors(app, self._on_error)
        judge = verifier or self.verifier
        return copy_with(
            self,
            app=app,
            verifier=judge,
            client_certificate=client_certificate or self.client_certificate,
            _inner=inner,
            _on_decision=on_decision,
        )

    def _authenticate(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes] | None:
        """Put the `Auth` into the environ; return the answer to a request that is refused."""
        credentials: Credentials | AuthError | None = environ.get(CREDENTIALS_KEY)
        evidence = NO_EVIDENCE
        try:
            if isinstance(credentials, AuthError):
                raise credentials
            if credentials is None:
                if not self._allow_anonymous:
                    raise MissingToken
                return None
            # Most requests bring along nothing but a bearer token.
            if self.client_certificate is not None or credentials.scheme != BEARER_SCHEME:
                evidence = self._evidence(credentials, environ)
            auth = self.verifier.verify_request(credentials.token, evidence)
        except AuthError as error:
            if OFFERED_KEY in environ:
                add_offer(error, environ)
            self._add_demands(error, environ)
            if not self._passes_anyway(error, environ):
                return refuse(error, environ, start_response, self._on_error)
            return None
        environ[AUTH_KEY] = auth
        if self._remote_user is not None:
            _set_remote_user(auth, self._remote_user, environ)
        return None

    def _evidence(self, credentials: Credentials, environ: WSGIEnvironment) -> Evidence:
        """Return what the request brings along to prove the key of its token."""
        certificate = None
        if self.client_certificate is not None:
            certificate = partial(read_certificate, self.client_certificate, environ)
        get = environ.get
        return Evidence(
            credentials.scheme,
            credentials.proof,
            get("REQUEST_METHOD", ""),
            WSGITarget(get("SCRIPT_NAME", ""), get("PATH_INFO", "")),
            certificate,
            ELSEWHERE_KEY not in environ,
        )

    def _add_demands(self, error: AuthError, environ: WSGIEnvironment) -> None:
        """Tell the refusal what the request's rule demands; only a 401 names its scopes."""
        is_unauthorized = error.status == _UNAUTHORIZED
        if is_unauthorized and self._scopes_asked is not None and not error.scopes:
            error.scopes = self._scopes_asked(environ)
        if self._possession_asked is not None:
            demand = self._possession_asked(environ)
            error.demand = require_both(frozenset(error.demand), demand)

    def _passes_anyway(self, error: AuthError, environ: WSGIEnvironment) -> bool:
        """Report the error; return True if the request passes because it is only reported."""
        report_only = self._is_report_only is not None and self._is_report_only(environ)
        if is_observed(True, self._on_decision):
            decision = Decision(would_be=error) if report_only else Decision(error)
            report(decision, environ, self._on_decision)
        return report_only


def _predicate(
    option: str, callback: Callable[[WSGIEnvironment], object] | None
) -> Callable[[object], bool] | None:
    """Return an optional predicate of the request that is False where the callback fails."""
    return None if callback is None else or_false(callback, name=option, logger=logger)


def _set_remote_user(
    auth: Auth, remote_user: Callable[[Auth], str], environ: WSGIEnvironment
) -> None:
    try:
        name = call(
            remote_user,
            auth,
            name="remote_user",
            consequence="REMOTE_USER stays unset",
            logger=logger,
        )
    except CallbackFailed:
        return
    if isinstance(name, str) and name and name.isprintable():
        environ["REMOTE_USER"] = name.encode("utf-8").decode("latin-1")
        environ["AUTH_TYPE"] = DPOP_SCHEME if DPOP in auth.possession.bindings else BEARER_SCHEME
