"""Flask: strict and lax slashes, merged and kept ones, and an application split by a dispatcher."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

from matrix.places import PLACES, reach


def flask_app(
    *,
    names: Iterable[str] = tuple(PLACES),
    prefix: str = "",
    strict_slashes: bool = True,
    merge_slashes: bool = True,
    slash_ended: bool = False,
) -> Flask:
    """Return an application, mounted at `prefix`, with these places as routes."""
    app = Flask(__name__, static_folder=None)
    app.url_map.strict_slashes = strict_slashes
    app.url_map.merge_slashes = merge_slashes
    for name in names:
        path = (
            PLACES[name]
            .path.removeprefix(prefix)
            .replace("{name}", "<name>")
            .replace("{rest}", "<path:rest>")
        )
        route = (path.rstrip("/") + "/") if slash_ended or not path else path
        app.add_url_rule(
            route, name, _view(name), methods=PLACES[name].methods, provide_automatic_options=False
        )
    return app


def _view(name: str) -> Callable[..., str]:
    def view(**_: Any) -> str:
        return reach(name)

    return view


def dispatched() -> DispatcherMiddleware:
    """Return three applications behind a dispatcher, which chooses by the first segment."""
    mounts = ("/open", "/admin")
    parts = {at: [name for name in PLACES if PLACES[name].path.startswith(at)] for at in mounts}
    rest = [name for name in PLACES if not PLACES[name].path.startswith(mounts)]
    return DispatcherMiddleware(
        flask_app(names=rest),
        {at: flask_app(names=names, prefix=at) for at, names in parts.items()},
    )


def behind_proxy_fix() -> ProxyFix:
    """Return an application whose `SCRIPT_NAME` comes from `X-Forwarded-Prefix`."""
    return ProxyFix(flask_app(), x_prefix=1, x_host=1)
