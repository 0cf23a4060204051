"""Authlib, as its documentation protects resources: `ResourceProtector`, `JWTBearerTokenValidator`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.integrations.django_oauth2 import ResourceProtector as DjangoProtector
from authlib.integrations.flask_oauth2 import ResourceProtector as FlaskProtector
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc.jwk import KeySet

from benchmarks.comparison.adapters import django_site
from benchmarks.comparison.adapters.base import PRIVATE, Adapter, Answer, Profile, call, flask_app


class Authlib(Adapter):
    """The validator of RFC 9068 with a held key set, behind the protectors of two frameworks."""

    own_errors = (OAuth2Error,)
    frameworks = ("Flask", "Django")

    def prepare(self, profile: Profile) -> None:
        jwks: Any = profile.jwks
        keys = KeySet.import_key_set(jwks)

        class Validator(JWTBearerTokenValidator):  # type: ignore[misc]
            def get_jwks(self) -> object:
                return keys

        self._validator: Any = Validator(profile.issuer, profile.audience)
        flask_protector = FlaskProtector()
        flask_protector.register_token_validator(self._validator)
        self._flask = flask_app(flask_protector(), flask_protector(profile.scope))
        self._scope = profile.scope
        self._django: Any = None

    def verify(self, token: str, scope: str | None = None) -> None:
        scopes = None if scope is None else [scope]
        claims = self._validator.authenticate_token(token)
        self._validator.validate_token(claims, scopes, None)

    def respond(self, framework: str, request: Mapping[str, Any]) -> Answer:
        if framework == "Flask":
            return call(self._flask, request)
        if self._django is None:
            self._django = self._django_app()
        return call(self._django, request)

    def _django_app(self) -> Any:
        django_site.configure()
        from django.http import HttpResponse  # type: ignore[import-untyped]

        protector = DjangoProtector()
        protector.register_token_validator(self._validator)

        def private(request: Any) -> Any:
            return HttpResponse(PRIVATE)

        return django_site.application(protector()(private), protector(self._scope)(private))


ADAPTER = Authlib
