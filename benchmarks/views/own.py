"""The layers of jwt-wsgi around the application of a framework."""

from __future__ import annotations

from wsgiref.types import WSGIApplication

from benchmarks.views.orders import SCOPE
from benchmarks.views.trust import Trust
from jwt_wsgi import Issuer, StaticJWKS, protect, scope

#: The rule of the view.
RULES = {"/api/orders/{number}/lines": scope(SCOPE)}


def protected(app: WSGIApplication, trust: Trust) -> WSGIApplication:
    """Return the application behind the three layers."""
    issuer = Issuer(
        trust.issuer, audience=trust.audience, keys=StaticJWKS(trust.jwks), algorithms=["RS256"]
    )
    return protect(app, issuer=issuer, rules=RULES)
