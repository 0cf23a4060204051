"""The applications of the matrix, by name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from matrix import cherrypy_apps, django_apps, flask_apps, pyramid_apps, small_apps
from matrix.places import ANY_METHOD, PLACES, READING


class Configuration(NamedTuple):
    """An application of the matrix, and the plain spellings of the places that it serves."""

    make: Callable[[], Any]
    names: tuple[str, ...] = tuple(PLACES)
    #: Places whose plain spelling ends in a slash; without it they redirect.
    slash_ended: tuple[str, ...] = ()
    methods: tuple[str, ...] = ANY_METHOD

    def plain(self) -> dict[str, tuple[tuple[str, ...], str]]:
        """Return the methods and the path that reach each handler, parameters in braces."""
        return {
            name: (
                tuple(method for method in PLACES[name].methods if method in self.methods),
                PLACES[name].path + "/" * (name in self.slash_ended),
            )
            for name in self.names
        }


ALL_BUT_ROOT = tuple(name for name in PLACES if name != "root")

APPS = {
    "flask strict": Configuration(flask_apps.flask_app),
    "flask lax": Configuration(partial(flask_apps.flask_app, strict_slashes=False)),
    "flask slash-ended": Configuration(
        partial(flask_apps.flask_app, slash_ended=True), slash_ended=ALL_BUT_ROOT
    ),
    "flask slashes kept": Configuration(partial(flask_apps.flask_app, merge_slashes=False)),
    "flask lax, slashes kept": Configuration(
        partial(flask_apps.flask_app, strict_slashes=False, merge_slashes=False)
    ),
    "flask behind ProxyFix": Configuration(flask_apps.behind_proxy_fix),
    "flask dispatched": Configuration(flask_apps.dispatched, slash_ended=("open", "admin")),
    "django path": Configuration(lambda: django_apps.django_app(django_apps.paths())),
    "django append slash": Configuration(
        lambda: django_apps.django_app(django_apps.paths(slash_ended=True), django_apps.COMMON),
        slash_ended=ALL_BUT_ROOT,
    ),
    "django re_path": Configuration(lambda: django_apps.django_app(django_apps.anchored())),
    "pyramid routes": Configuration(pyramid_apps.routed),
    "pyramid traversal": Configuration(pyramid_apps.traversed),
    "bottle": Configuration(small_apps.bottle_app),
    "falcon": Configuration(small_apps.falcon_app),
    "falcon strip slash": Configuration(partial(small_apps.falcon_app, strip_trailing_slash=True)),
    "cherrypy": Configuration(cherrypy_apps.cherrypy_app, slash_ended=("open", "admin")),
    "cherrypy tree": Configuration(
        partial(cherrypy_apps.cherrypy_app, in_a_tree=True), slash_ended=("open", "admin")
    ),
    "webob": Configuration(small_apps.webob_app),
    "webob path_info_pop": Configuration(small_apps.webob_popping_app),
    "sample router": Configuration(small_apps.sample_app, small_apps.SAMPLE, methods=READING),
}
