"""The view of Django, bare and behind each protection, and the same in Django REST framework."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any
from wsgiref.types import WSGIApplication

import django  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]

from benchmarks.views import bare_signature, decoders, orders, own
from benchmarks.views.trust import Trust

View = Callable[..., Any]


def configure(**rest_framework: Any) -> None:
    """Configure Django once, before modules are imported that read its settings."""
    if settings.configured:
        return
    settings.configure(
        SECRET_KEY="k" * 50,
        ALLOWED_HOSTS=["*"],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.middleware.common.CommonMiddleware",
        ],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        ROOT_URLCONF="benchmarks.views.django_site",
        USE_TZ=True,
        **rest_framework,
    )
    django.setup()


def order_lines() -> View:
    """Return the view."""
    from django.http import HttpResponseBadRequest, JsonResponse  # type: ignore[import-untyped]
    from django.template import engines  # type: ignore[import-untyped]
    from django.views.decorators.http import require_POST  # type: ignore[import-untyped]

    template = engines["django"].from_string(orders.TEMPLATE)

    def lines_of_order(request: Any, number: int) -> Any:
        try:
            values = orders.confirmation(json.loads(request.body), number)
        except ValueError as error:
            return HttpResponseBadRequest(str(error))
        return JsonResponse(orders.answer(values, template.render(values)))

    view: View = require_POST(lines_of_order)
    return view


def site(name: str, view: View) -> WSGIApplication:
    """Return the application of a site with one view.

    All sites of this process share the settings. Each has its own URLs, which its requests name.
    """
    from django.core.handlers.wsgi import WSGIHandler, WSGIRequest  # type: ignore[import-untyped]
    from django.urls import path  # type: ignore[import-untyped]

    urls: Any = types.ModuleType(f"benchmarks.views.urls of {name}")
    urls.urlpatterns = [path("api/orders/<int:number>/lines", view)]
    sys.modules[urls.__name__] = urls

    class Request(WSGIRequest):  # type: ignore[misc]
        urlconf = urls.__name__

    class Handler(WSGIHandler):  # type: ignore[misc]
        request_class = Request

    handler: WSGIApplication = Handler()
    return handler


def bare() -> WSGIApplication:
    """Return the application with the view as it is."""
    configure()
    return site("bare view", order_lines())


def _pyjwt(trust: Trust) -> WSGIApplication:
    import jwt
    from django.http import HttpResponse

    configure()
    read_claims = decoders.pyjwt(trust)
    view = order_lines()

    @wraps(view)
    def protected(request: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            claims = read_claims(request.headers.get("Authorization"))
        except jwt.InvalidTokenError:
            return HttpResponse(status=401)
        if not decoders.grants(claims, orders.SCOPE):
            return HttpResponse(status=403)
        return view(request, *args, **kwargs)

    return site("PyJWT", protected)


def _authlib(trust: Trust) -> WSGIApplication:
    configure()
    from authlib.integrations.django_oauth2 import ResourceProtector

    protector = ResourceProtector()
    protector.register_token_validator(decoders.authlib_validator(trust))
    return site("Authlib", protector(orders.SCOPE)(order_lines()))


#: The protections by name. Each returns the protected application.
PROTECTIONS: Mapping[str, Callable[[Trust], WSGIApplication]] = {
    "bare view": lambda trust: bare(),
    "bare signature": lambda trust: bare_signature.verifying(bare(), trust.pem),
    "jwt-wsgi": lambda trust: own.protected(bare(), trust),
    "PyJWT decorator": _pyjwt,
    "Authlib": _authlib,
}
