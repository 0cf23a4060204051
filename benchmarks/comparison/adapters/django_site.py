"""A Django site with three routes."""

from __future__ import annotations

import sys
import types
from typing import Any

from benchmarks.comparison.adapters.base import FORGOTTEN


def configure(**settings: Any) -> None:
    """Configure Django, before anything of it is imported that reads settings."""
    from django.conf import settings as django_settings  # type: ignore[import-untyped]

    django_settings.configure(
        SECRET_KEY="k" * 50,
        ALLOWED_HOSTS=["api.example.com"],
        ROOT_URLCONF="comparison_urls",
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        USE_TZ=True,
        **settings,
    )


def application(private: Any, scoped: Any, forgotten: Any = None) -> Any:
    """Return the WSGI application of a site with these views."""
    import django  # type: ignore[import-untyped]
    from django.core.wsgi import get_wsgi_application  # type: ignore[import-untyped]
    from django.http import HttpResponse  # type: ignore[import-untyped]
    from django.urls import path  # type: ignore[import-untyped]

    def open_view(request: Any) -> Any:
        return HttpResponse(FORGOTTEN)

    urls: Any = types.ModuleType("comparison_urls")
    urls.urlpatterns = [
        path("api/private", private),
        path("api/scoped", scoped),
        path("api/forgotten", forgotten or open_view),
    ]
    sys.modules["comparison_urls"] = urls
    django.setup()
    return get_wsgi_application()
