"""The sample: a small WebOb router of plain WSGI handlers, behind the three layers.

`python app.py` serves it with waitress on 127.0.0.1:3010. It is configured by
the environment, or by a `.env` file beside it; `python app.py --demo` needs
nothing and brings an issuer of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from dotenv import dotenv_values
from waitress.server import create_server
from webob import Request, Response
from webob.exc import HTTPMethodNotAllowed, HTTPNotFound

from jwt_wsgi import (
    AUTHENTICATED,
    PUBLIC,
    Issuer,
    RemoteJWKS,
    SharedSecret,
    get_auth,
    protect,
    scope,
)
from jwt_wsgi.testing import LocalIssuer

RULES = {
    "/api/public": PUBLIC,
    "/api/private": AUTHENTICATED,
    "/api/private-scoped": scope("read:messages"),
}

#: What may be set, each in the environment, in `.env`, or as a lower-case Paste setting.
NAMES = (
    "ISSUER_BASE_URL",
    "AUDIENCE",
    "JWKS_URI",
    "TOKEN_SIGNING_ALG",
    "SECRET",
    "HOST",
    "PORT",
    "AUTH0_DOMAIN",
    "API_IDENTIFIER",
)


class Router:
    """Exact paths to WSGI handlers; anything else is a 404."""

    def __init__(self, routes: Mapping[str, WSGIApplication]) -> None:
        self.routes = dict(routes)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        request = Request(environ)
        handler = self.routes.get(request.path_info.rstrip("/"), HTTPNotFound())
        if request.method not in ("GET", "HEAD"):
            handler = HTTPMethodNotAllowed()
        return handler(environ, start_response)


def public(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Asks for nothing."""
    return _message(
        environ, start_response, "Hello from a public endpoint! You don't need a token to see this."
    )


def private(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Asks for any valid token."""
    return _message(
        environ,
        start_response,
        "Hello from a private endpoint! Your token is valid.",
        subject=_subject(environ),
    )


def private_scoped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Asks for the scope read:messages."""
    return _message(
        environ,
        start_response,
        "Hello from a private endpoint! Your token is valid and grants read:messages.",
        subject=_subject(environ),
    )


def router() -> Router:
    """The application by itself, unprotected."""
    return Router(
        {
            "/api/public": public,
            "/api/private": private,
            "/api/private-scoped": private_scoped,
        }
    )


def main(global_config: Mapping[str, str] | None = None, **settings: str) -> WSGIApplication:
    """The protected application, as PasteDeploy's app factory; never mints a token.

    `settings` are the names of `NAMES` in lower case; what they leave out comes
    from the environment, or from `.env`. Raises `ValueError` that says what to set.
    """
    del global_config  # what Paste shares between applications has nothing for this one
    return protect(router(), issuer=_issuer(configuration(settings)), rules=RULES)


def configuration(settings: Mapping[str, str]) -> dict[str, str]:
    """What is set, by the names of `NAMES`: in settings, else the environment, else `.env`."""
    unknown = sorted(name for name in settings if name.upper() not in NAMES)
    if unknown:
        raise ValueError(f"unknown setting {unknown[0]!r}; choose from {', '.join(NAMES).lower()}")
    written = {**dotenv_values(Path(__file__).with_name(".env")), **os.environ}
    found = {name: settings.get(name.lower(), written.get(name)) for name in NAMES}
    return {name: value for name, value in found.items() if value}


def _issuer(configured: Mapping[str, str]) -> Issuer:
    domain = configured.get("AUTH0_DOMAIN")
    name = configured.get("ISSUER_BASE_URL") or (f"https://{domain}/" if domain else None)
    audience = configured.get("AUDIENCE") or configured.get("API_IDENTIFIER")
    if not name or not audience:
        raise ValueError(
            "set ISSUER_BASE_URL and AUDIENCE (or AUTH0_DOMAIN and API_IDENTIFIER) in the "
            "environment or in .env, or try it with --demo"
        )
    secret, uri = configured.get("SECRET"), configured.get("JWKS_URI")
    if secret and uri:
        raise ValueError("set SECRET or JWKS_URI, not both: a secret is not published")
    keys: Any = SharedSecret(secret) if secret else RemoteJWKS(uri) if uri else None
    algorithm = configured.get("TOKEN_SIGNING_ALG", "HS256" if secret else "RS256")
    return Issuer(name, audience=audience, keys=keys, algorithms=[algorithm])


def _message(
    environ: WSGIEnvironment, start_response: StartResponse, message: str, **proved: str | None
) -> Iterable[bytes]:
    return Response(json={"message": message, **proved})(environ, start_response)


def _subject(environ: WSGIEnvironment) -> str | None:
    auth = get_auth(environ)
    return None if auth is None else auth.subject


def _serve(application: WSGIApplication, host: str, port: int, greeting: str) -> None:
    server = create_server(application, host=host, port=port)
    print(greeting, flush=True)
    server.run()


def _serve_demo(host: str, port: int) -> None:
    local = LocalIssuer(audience="https://api.example.com")
    with local.serve():
        application = main(issuer_base_url=local.issuer, audience=local.audience)
        _serve(application, host, port, _recipe(local, f"http://{host}:{port}"))


def _recipe(local: LocalIssuer, base: str) -> str:
    calls = (
        ("passes, 200", local.token("read:messages", expires_in=86400)),
        ("lacks the scope, 403", local.token("openid", expires_in=86400)),
        ("expired, 401", local.token("read:messages", expires_in=-3600)),
    )
    lines = [f"Serving the demo on {base}; its issuer is {local.issuer}", ""]
    lines += ["# no token, 200", f"curl -i {base}/api/public", ""]
    for outcome, token in calls:
        header = f"Authorization: Bearer {token}"
        lines += [f"# {outcome}", f"curl -i -H '{header}' {base}/api/private-scoped", ""]
    return "\n".join(lines)


def run(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the exit status, 2 where the configuration is wrong."""
    parser = argparse.ArgumentParser(prog="app.py", description="The sample API of jwt-wsgi.")
    parser.add_argument(
        "--demo", action="store_true", help="start an issuer on loopback and print curl lines"
    )
    demo: bool = parser.parse_args(arguments).demo
    try:
        configured = configuration({})
        host, port = configured.get("HOST", "127.0.0.1"), _port(configured.get("PORT", "3010"))
        if demo:
            _serve_demo(host, port)
        else:
            _serve(main(), host, port, f"Serving on http://{host}:{port}")
    except ValueError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"app.py: cannot serve on {host}:{port}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError(f"PORT={text!r}: write a number, 1 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(run())
