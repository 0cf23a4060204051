"""jwt-wsgi: `protect` with rules, and the `Verifier` for tokens alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.comparison.adapters import django_site
from benchmarks.comparison.adapters.base import (
    PRIVATE,
    Adapter,
    Answer,
    MissingScope,
    Profile,
    as_it_is,
    call,
    flask_app,
)
from jwt_wsgi import (
    AUTHENTICATED,
    AuthError,
    DPoP,
    DPoPNonces,
    Issuer,
    RemoteJWKS,
    TemporarilyUnavailable,
    Verifier,
    protect,
    scope,
)

Environ = Any


class JWTWSGI(Adapter):
    """`protect` around a plain WSGI application, Flask and Django."""

    own_errors = (AuthError,)
    no_keys = (TemporarilyUnavailable,)
    frameworks = ("WSGI", "Flask", "Django")

    def prepare(self, profile: Profile) -> None:
        self._profile = profile
        self._issuer = Issuer(
            profile.issuer,
            audience=profile.audience,
            keys=RemoteJWKS(profile.jwks_url),
            algorithms=[profile.algorithm],
        )
        self._verifier = Verifier(self._issuer)
        self._rules = {"/api/private": AUTHENTICATED, "/api/scoped": scope(profile.scope)}
        self._apps: dict[str, Any] = {}

    def verify(self, token: str, scope: str | None = None) -> None:
        auth = self._verifier.verify(token)
        if scope is not None and scope not in auth.scopes:
            raise MissingScope

    def respond(self, framework: str, request: Mapping[str, Any]) -> Answer:
        if framework not in self._apps:
            self._apps[framework] = protect(
                _inner(framework), issuer=self._verifier, rules=self._rules
            )
        return call(self._apps[framework], request)

    def respond_with_proofs(self, request: Mapping[str, Any]) -> Answer:
        if "proofs" not in self._apps:
            secret = self._profile.nonce_secret
            proofs = DPoP("https://api.example.com", nonces=DPoPNonces(secret) if secret else None)
            self._apps["proofs"] = protect(
                _inner("WSGI"), issuer=self._issuer, rules=self._rules, dpop=proofs
            )
        return call(self._apps["proofs"], request)


def _inner(framework: str) -> Any:
    if framework == "Flask":
        return flask_app(as_it_is, as_it_is)
    if framework == "Django":
        django_site.configure()
        from django.http import HttpResponse  # type: ignore[import-untyped]

        def private(request: Any) -> Any:
            return HttpResponse(PRIVATE)

        return django_site.application(private, private)
    return _plain


def _plain(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [PRIVATE.encode()]


ADAPTER = JWTWSGI
