"""`protect`: the three layers in one call."""

import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import WSGIApplication

from jwt_wsgi.auth import Auth
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.issuer_registry import Resolver
from jwt_wsgi.middleware.authorization import ScopeAuthorizer
from jwt_wsgi.middleware.decisions import OnDecision
from jwt_wsgi.middleware.extraction import GetToken, TokenExtractor
from jwt_wsgi.middleware.responses import OnError
from jwt_wsgi.middleware.verification import TokenVerifier
from jwt_wsgi.options import must
from jwt_wsgi.policy.policy import Policy, Rules
from jwt_wsgi.verifier import IsRevoked, Verifier

_Trusted = str | Issuer | Resolver | Iterable[str | Issuer | Resolver] | Verifier


def protect(
    app: WSGIApplication,
    *,
    issuer: _Trusted,
    rules: Rules | Policy,
    audience: str | Iterable[str] | None = None,
    realm: str = "api",
    get_token: GetToken | None = None,
    remote_user: Callable[[Auth], str] | None = None,
    is_revoked: IsRevoked | None = None,
    on_error: OnError | None = None,
    on_decision: OnDecision | None = None,
    clock: Callable[[], float] = time.time,
) -> WSGIApplication:
    """`app` behind all three layers.

    `issuer` is the https URL of one, an `Issuer`, a resolver (the unverified
    `iss` in, an `Issuer` or None out), several, or a `Verifier`, which has a clock
    of its own; `audience` goes with a URL. `rules` maps paths to requirements, or
    is a `Policy`. The others are those of the layers. Raises `ValueError` for
    what cannot be.
    """
    policy = rules if isinstance(rules, Policy) else Policy(rules)
    hooks: dict[str, Any] = {"realm": realm, "on_error": on_error, "on_decision": on_decision}
    asks: dict[str, Any] = {"is_revoked": is_revoked, "remote_user": remote_user}
    verifier = _verifier(issuer, audience, clock)
    app = ScopeAuthorizer(app, policy, issuers=verifier.trusted, **hooks)
    asks |= {"exempt": policy.is_public, "report_only": policy.reports_only}
    app = TokenVerifier(app, verifier, allow_anonymous=True, **asks, **hooks)
    return TokenExtractor(app, get_token=get_token)


def _verifier(
    issuer: _Trusted, audience: str | Iterable[str] | None, clock: Callable[[], float]
) -> Verifier:
    if isinstance(issuer, Verifier):
        must(audience is None, f"audience={audience!r} beside a Verifier: say it on its issuers")
        return issuer
    listed = (
        list(issuer) if isinstance(issuer, Iterable) and not isinstance(issuer, str) else [issuer]
    )
    urls = [each for each in listed if isinstance(each, str)]
    must(
        audience is None or urls != [],
        f"audience={audience!r} beside an Issuer: say it on the Issuer itself",
    )
    issuers = [
        Issuer(each, audience=audience or ()) if isinstance(each, str) else each for each in listed
    ]
    return Verifier(issuers, clock=clock)
