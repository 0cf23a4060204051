"""Layer 2, `TokenVerifier`: is it true? Turns credentials into an `Auth`, or refuses."""

import logging
import time
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.auth import AUTH_KEY, CREDENTIALS_KEY, REALM_KEY, Auth, Credentials
from jwt_wsgi.errors import AuthError, InvalidRequest, MissingToken
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.issuer_registry import Resolver
from jwt_wsgi.middleware.decisions import Decision, OnDecision, is_observed, report
from jwt_wsgi.middleware.responses import OnError, answer_auth_errors, refuse, validate_realm
from jwt_wsgi.options import check_callables
from jwt_wsgi.verifier import IsRevoked, Verifier, check_revocation

logger = logging.getLogger("jwt_wsgi.verification")


class TokenVerifier:
    """Verifies the credentials that the extractor found, and puts the `Auth` into the environ.

    `issuers` is an `Issuer`, a resolver, several, or a `Verifier`. A request without
    credentials is refused unless `allow_anonymous`. Where `exempt(environ)` is
    true, the token is not looked at; where `report_only(environ)` is, a bad one
    is reported and taken for none. `is_revoked(auth)` is asked for every good
    token, and what it raises refuses. `remote_user(auth)` names the caller for
    `REMOTE_USER`; without it that variable is left alone. `on_error(environ,
    error)` may replace an answer, `on_decision(environ, decision)` is told of
    refusals. `clock` is in seconds since the epoch.
    """

    answers_refusals = True

    def __init__(
        self,
        app: WSGIApplication,
        issuers: Issuer | Resolver | Iterable[Issuer | Resolver] | Verifier,
        *,
        allow_anonymous: bool = False,
        exempt: Callable[[WSGIEnvironment], object] | None = None,
        report_only: Callable[[WSGIEnvironment], object] | None = None,
        is_revoked: IsRevoked | None = None,
        remote_user: Callable[[Auth], str] | None = None,
        realm: str = "api",
        on_error: OnError | None = None,
        on_decision: OnDecision | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        check_callables(app=app, exempt=exempt, is_revoked=is_revoked, remote_user=remote_user)
        check_callables(report_only=report_only, on_error=on_error, on_decision=on_decision)
        self.app = app
        self._inside = answer_auth_errors(app, on_error)
        self._verifier = (
            issuers if isinstance(issuers, Verifier) else Verifier(issuers, clock=clock)
        )
        self._allow_anonymous = allow_anonymous
        self._exempt, self._report_only = exempt, report_only
        self._is_revoked, self._remote_user = is_revoked, remote_user
        self._realm = validate_realm(realm)
        self._on_error, self._on_decision = on_error, on_decision

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        if AUTH_KEY in environ:
            del environ[AUTH_KEY]
        environ[REALM_KEY] = self._realm
        if self._remote_user is not None:
            environ.pop("REMOTE_USER", None)
            environ.pop("AUTH_TYPE", None)
        if self._exempt is None or not self._exempt(environ):
            try:
                self._authenticate(environ.get(CREDENTIALS_KEY), environ)
            except AuthError as error:
                passes = self._report_only is not None and self._report_only(environ)
                if is_observed(True, self._on_decision):
                    decision = Decision(would_be=error) if passes else Decision(error)
                    report(decision, environ, self._on_decision)
                if not passes:
                    return refuse(error, environ, start_response, self._on_error)
        return self._inside(environ, start_response)

    def _authenticate(
        self, found: Credentials | InvalidRequest | None, environ: WSGIEnvironment
    ) -> None:
        if isinstance(found, InvalidRequest):
            raise found
        if found is None:
            if not self._allow_anonymous:
                raise MissingToken
            return
        auth = self._verifier.verify(found.token)
        if self._is_revoked is not None:
            check_revocation(auth, self._is_revoked)
        environ[AUTH_KEY] = auth
        if self._remote_user is not None:
            self._name(auth, self._remote_user, environ)

    def _name(
        self, auth: Auth, remote_user: Callable[[Auth], str], environ: WSGIEnvironment
    ) -> None:
        try:
            name: object = remote_user(auth)
        except Exception as error:  # noqa: BLE001 (a stranger's code may raise anything)
            # The type alone: the text of the exception may quote a claim.
            logger.error("remote_user raised %s; REMOTE_USER stays unset", type(error).__name__)
            return
        if isinstance(name, str) and name and name.isprintable():
            environ["REMOTE_USER"] = name.encode("utf-8").decode("latin-1")
            environ["AUTH_TYPE"] = "Bearer"
