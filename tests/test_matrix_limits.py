"""Known limits: aliases that an application makes by itself, which the path does not show.

Under a weaker rule, an alias takes that rule; otherwise it is denied. Each test shows both, so
that the warnings of the documentation stay true.
"""

from __future__ import annotations

import cherrypy
import pytest
from django.conf.urls.i18n import i18n_patterns
from django.http import HttpResponse
from django.urls import path, re_path
from django.utils import translation
from matrix.django_apps import django_app
from matrix.oracle import callers, run
from matrix.places import reach
from matrix.pyramid_apps import Resource
from matrix.requests import Spelled
from matrix.small_apps import bottle_app
from pyramid.config import Configurator
from pyramid.response import Response

from jwt_wsgi import PUBLIC, Policy, ScopeAuthorizer, scope

pytestmark = pytest.mark.slow


def view(_request):
    return HttpResponse(reach("hall"))


def unanchored():
    """Return an application with a `re_path` without an end."""
    return django_app((re_path(r"^open/admin", view),))


def in_any_case():
    """Return an application with a route that ignores case."""
    return django_app((re_path(r"(?i)^open/admin$", view),))


def translated():
    """Return an application with the same view under a prefix for each language."""
    app = django_app(tuple(i18n_patterns(path("open/admin", view), prefix_default_language=False)))

    def in_english(environ, start_response):
        # Django's LocaleMiddleware does this by the path; here the path's language is the only one asked for.
        language = environ["PATH_INFO"][1:3]
        with translation.override(language if language == "de" else "en-us"):
            return app(environ, start_response)

    return in_english


def punctuated():
    """Return a CherryPy application, which reads every punctuation mark as an underscore."""

    class Open:
        @cherrypy.expose
        def admin_log(self):
            return reach("hall")

    class Root:
        open = Open()

    return cherrypy.Application(Root(), "")


def viewed():
    """Return a Pyramid traversal with a view by name, which `@@` names too."""
    kind = type("Open", (Resource,), {})
    tree = Resource(open=kind())
    with Configurator(root_factory=lambda _request: tree) as config:
        config.add_view(
            lambda _context, _request: Response(reach("hall")), context=kind, name="admin"
        )
        return config.make_wsgi_app()


def rewriting():
    """Return an application with a middleware that takes the path from a header."""
    app = bottle_app()

    def rewritten(environ, start_response):
        environ["PATH_INFO"] = environ.get("HTTP_X_REWRITE_URL", environ["PATH_INFO"])
        return app(environ, start_response)

    return rewritten


LIMITS = {
    "unanchored re_path": (unanchored, "/open/admin", Spelled("GET", "/open/administrator")),
    "a route that ignores case": (in_any_case, "/open/admin", Spelled("GET", "/open/ADMIN")),
    "a language prefix": (translated, "/open/admin", Spelled("GET", "/de/open/admin")),
    "CherryPy's punctuation": (punctuated, "/open/admin_log", Spelled("GET", "/open/admin.log")),
    "a named view in Pyramid's traversal": (viewed, "/open/admin", Spelled("GET", "/open/@@admin")),
    "a rewriting middleware inside": (
        rewriting,
        "/open/admin",
        Spelled("GET", "/open/x", header=("X-Rewrite-URL", "/open/admin")),
    ),
}


@pytest.mark.parametrize(("make", "place", "alias"), LIMITS.values(), ids=LIMITS)
def test_an_alias_takes_the_weaker_rule_above_and_is_denied_where_none_is(make, place, alias):
    app, demand = make(), scope("hall")
    plain = Spelled("GET", place)
    assert run(app, plain.environ()) == run(app, alias.environ()) == ("hall",)

    weaker_above = ScopeAuthorizer(app, Policy({"/": PUBLIC, place: demand}))
    denied_by_default = ScopeAuthorizer(app, Policy({place: demand}))
    nobody, right = callers("hall")[0][0], callers("hall")[1]
    for protected in (weaker_above, denied_by_default):
        assert run(protected, plain.environ(nobody)) == ()
        assert run(protected, plain.environ(right)) == ("hall",)
    assert run(weaker_above, alias.environ(nobody)) == ("hall",), (
        "no longer a limit: say so in the documentation"
    )
    assert run(denied_by_default, alias.environ(nobody)) == ()
    assert run(denied_by_default, alias.environ(right)) == ()


def test_bottle_rewrites_path_info_so_it_is_judged_before_the_app_is_called():
    seen = []
    environ = Spelled("GET", "/open/adm\xffin").environ(callers("hall")[1])
    assert run(bottle_app(), environ) == ("hall",)
    assert environ["PATH_INFO"] == "/open/admin"

    environ = Spelled("GET", "/open/adm\xffin").environ(callers("hall")[1])
    layer = ScopeAuthorizer(
        bottle_app(),
        Policy({"/open": PUBLIC}),
        on_decision=lambda _environ, decision: seen.append(decision.reason),
    )
    assert run(layer, environ) == ()
    assert seen == ["path_ambiguous"]
    assert environ["PATH_INFO"] == "/open/adm\xffin"
