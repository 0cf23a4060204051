"""djangorestframework-simplejwt, with the settings for tokens of another issuer.

Its page "Settings" describes JWK_URL with Auth0 as the example, and "Stateless User Authentication"
the class for users that are not in the database.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.comparison.adapters import django_site
from benchmarks.comparison.adapters.base import (
    FORGOTTEN,
    PRIVATE,
    Adapter,
    Answer,
    Profile,
    call,
    check_scope,
)


class SimpleJWT(Adapter):
    """`JWTStatelessUserAuthentication` and `IsAuthenticated`; tokens alone go through `AccessToken`."""

    frameworks = ("Django REST framework",)

    def prepare(self, profile: Profile) -> None:
        authentication = "rest_framework_simplejwt.authentication.JWTStatelessUserAuthentication"
        django_site.configure(
            INSTALLED_APPS=[
                "django.contrib.contenttypes",
                "django.contrib.auth",
                "rest_framework",
                "rest_framework_simplejwt",
            ],
            REST_FRAMEWORK={
                "DEFAULT_AUTHENTICATION_CLASSES": [authentication],
                "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
            },
            SIMPLE_JWT={
                "ALGORITHM": profile.algorithm,
                "SIGNING_KEY": None,
                "JWK_URL": profile.jwks_url,
                "AUDIENCE": profile.audience,
                "ISSUER": profile.issuer,
                "USER_ID_CLAIM": "sub",
                "TOKEN_TYPE_CLAIM": None,
            },
        )
        import django  # type: ignore[import-untyped]

        django.setup()
        from rest_framework.decorators import api_view
        from rest_framework.response import Response
        from rest_framework_simplejwt.exceptions import TokenError
        from rest_framework_simplejwt.tokens import AccessToken

        self.own_errors = (TokenError,)
        self._token: Any = AccessToken

        def private(request: Any) -> Any:
            return Response(PRIVATE)

        def forgotten(request: Any) -> Any:
            return Response(FORGOTTEN)

        view = api_view(["GET"])
        self._app = django_site.application(view(private), view(private), view(forgotten))

    def verify(self, token: str, scope: str | None = None) -> None:
        claims = self._token(token)
        check_scope(claims.get("scope"), scope)

    def respond(self, framework: str, request: Mapping[str, Any]) -> Answer:
        return call(self._app, request)


ADAPTER = SimpleJWT
