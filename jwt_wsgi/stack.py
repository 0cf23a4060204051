"""`protect`: the three layers in one call."""

import time
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import WSGIApplication

from jwt_wsgi.auth import Auth
from jwt_wsgi.authorization import ScopeAuthorizer
from jwt_wsgi.challenges import OnError
from jwt_wsgi.configuration import must
from jwt_wsgi.decisions import OnDecision
from jwt_wsgi.extraction import GetToken, TokenExtractor
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.issuers import Resolver
from jwt_wsgi.policy.policy import Policy, Rules
from jwt_wsgi.verification import TokenVerifier
from jwt_wsgi.verifier import IsRevoked


def protect(
    app: WSGIApplication,
    *,
    issuer: str | Issuer | Resolver | Iterable[str | Issuer | Resolver],
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
    `iss` in, an `Issuer` or None out), or several; `audience` goes with a URL.
    `rules` maps paths to requirements, or is a `Policy`. The others are those
    of the layers. Raises `ValueError` for what cannot be.
    """
    policy = rules if isinstance(rules, Policy) else Policy(rules)
    hooks: dict[str, Any] = {"realm": realm, "on_error": on_error, "on_decision": on_decision}
    asks: dict[str, Any] = {"is_revoked": is_revoked, "remote_user": remote_user, "clock": clock}
    app = ScopeAuthorizer(app, policy, **hooks)
    issuers = _issuers(issuer, audience)
    app = TokenVerifier(app, issuers, allow_anonymous=True, exempt=policy.is_public, **asks, **hooks)
    return TokenExtractor(app, get_token=get_token)


def _issuers(
    issuer: str | Issuer | Resolver | Iterable[str | Issuer | Resolver], audience: str | Iterable[str] | None
) -> list[Issuer | Resolver]:
    listed = list(issuer) if isinstance(issuer, Iterable) and not isinstance(issuer, str) else [issuer]
    urls = [each for each in listed if isinstance(each, str)]
    must(audience is None or urls != [], f"audience={audience!r} beside an Issuer: say it on the Issuer itself")
    return [Issuer(each, audience=audience or ()) if isinstance(each, str) else each for each in listed]
