"""The view of Django REST framework, bare and behind djangorestframework-simplejwt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from wsgiref.types import WSGIApplication

from benchmarks.views import decoders, django_site, orders, own
from benchmarks.views.trust import Trust


def configure(trust: Trust) -> None:
    """Configure Django with the frameworks that need an entry in its settings."""
    django_site.configure(
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
        SIMPLE_JWT={
            "ALGORITHM": "RS256",
            "SIGNING_KEY": None,
            "VERIFYING_KEY": trust.pem,
            "AUDIENCE": trust.audience,
            "ISSUER": trust.issuer,
            "USER_ID_CLAIM": "sub",
            "TOKEN_TYPE_CLAIM": None,
        },
    )


def _site(name: str, authentication: list[Any], permission: list[Any]) -> WSGIApplication:
    from django.template import engines  # type: ignore[import-untyped]
    from rest_framework.exceptions import ParseError
    from rest_framework.response import Response
    from rest_framework.views import APIView

    template = engines["django"].from_string(orders.TEMPLATE)

    class OrderLines(APIView):  # type: ignore[misc]
        authentication_classes = authentication
        permission_classes = permission

        def post(self, request: Any, number: int) -> Any:
            try:
                values = orders.confirmation(request.data, number)
            except ValueError as error:
                raise ParseError(str(error)) from None
            return Response(orders.answer(values, template.render(values)))

    return django_site.site(name, OrderLines.as_view())


def bare(trust: Trust) -> WSGIApplication:
    """Return the application with a view that neither authenticates nor authorizes."""
    configure(trust)
    return _site("bare view of REST framework", [], [])


def _simplejwt(trust: Trust) -> WSGIApplication:
    configure(trust)
    from rest_framework.permissions import BasePermission
    from rest_framework_simplejwt.authentication import JWTStatelessUserAuthentication

    class HasScope(BasePermission):  # type: ignore[misc]
        def has_permission(self, request: Any, view: Any) -> bool:
            return request.auth is not None and decoders.grants(request.auth, orders.SCOPE)

    return _site("simplejwt", [JWTStatelessUserAuthentication], [HasScope])


#: The protections by name. Each returns the protected application.
PROTECTIONS: Mapping[str, Callable[[Trust], WSGIApplication]] = {
    "bare view": bare,
    "jwt-wsgi": lambda trust: own.protected(bare(trust), trust),
    "simplejwt": _simplejwt,
}
