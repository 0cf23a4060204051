"""The sample: a small WebOb router of plain WSGI handlers, behind the three layers.

`python app.py` serves it with waitress on 127.0.0.1:3010. It is configured by
the environment, or by a `.env` file beside it; `python app.py --demo` needs
nothing and brings an issuer of its own.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from dotenv import dotenv_values
from waitress.server import create_server
from webob import Request, Response

from jwt_wsgi import (
    AUTHENTICATED,
    PUBLIC,
    Issuer,
    Policy,
    RemoteJWKS,
    SharedSecret,
    get_auth,
    protect,
    scope,
)
from jwt_wsgi.policyfile import read_policy

if TYPE_CHECKING:
    from jwt_wsgi.testing import LocalIssuer

RULES = {
    "/api/public": PUBLIC,
    "/api/private": AUTHENTICATED,
    "/api/private-scoped": scope("read:messages"),
}

#: Where the demo may listen.
LOOPBACK = ("127.0.0.1", "::1", "localhost")

#: What may be set, each in the environment, in `.env`, or as a lower-case Paste setting.
NAMES = (
    "ISSUER_BASE_URL",
    "AUDIENCE",
    "JWKS_URI",
    "TOKEN_SIGNING_ALG",
    "SECRET",
    "HOST",
    "PORT",
    "POLICY_FILE",
    "AUTH0_DOMAIN",
    "API_IDENTIFIER",
)


class Router:
    """Exact paths to WSGI handlers; anything else is a 404."""

    methods = ("GET", "HEAD")

    def __init__(self, routes: Mapping[str, WSGIApplication]) -> None:
        self.routes = dict(routes)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        request = Request(environ)
        handler = self.routes.get(request.path_info.rstrip("/"))
        if handler is None:
            response = Response(json={"message": "There is nothing here."}, status=404)
        elif request.method not in self.methods:
            response = Response(json={"message": "This can only be read."}, status=405)
            response.allow = self.methods
        else:
            return handler(environ, start_response)
        return response(environ, start_response)


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
        {"/api/public": public, "/api/private": private, "/api/private-scoped": private_scoped}
    )


def main(global_config: Mapping[str, str] | None = None, **settings: str) -> WSGIApplication:
    """The protected application, as PasteDeploy's app factory; never mints a token.

    `settings` are the names of `NAMES` in lower case; what they leave out comes
    from the environment, or from `.env`. Raises `ValueError` that says what to set.
    """
    del global_config  # what Paste shares between applications has nothing for this one
    configured = configuration(settings)
    return protect(
        router(), issuer=_issuer(configured), rules=_policy(configured.get("POLICY_FILE"))
    )


def configuration(settings: Mapping[str, str]) -> dict[str, str]:
    """What is set, by the names of `NAMES`: in settings, else the environment, else `.env`."""
    known = [name.lower() for name in NAMES]
    for name in settings:
        if name not in known:
            raise ValueError(f"unknown setting {name!r}: choose from {', '.join(known)}")
    written = {**_written(Path(__file__).with_name(".env")), **os.environ}
    found = {name: settings.get(name.lower(), written.get(name)) for name in NAMES}
    return {name: value for name, value in found.items() if value}


def _written(dotenv: Path) -> dict[str, str | None]:
    try:
        return dotenv_values(dotenv)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {dotenv}: {error}") from None


def _issuer(configured: Mapping[str, str]) -> Issuer:
    name = configured.get("ISSUER_BASE_URL") or _auth0_issuer(configured.get("AUTH0_DOMAIN"))
    audience = configured.get("AUDIENCE") or configured.get("API_IDENTIFIER")
    if not name or not audience:
        raise ValueError(
            "set ISSUER_BASE_URL and AUDIENCE (or AUTH0_DOMAIN and API_IDENTIFIER) in the "
            "environment or in .env, or try it with --demo"
        )
    keys = _keys(name, configured.get("JWKS_URI"), configured.get("SECRET"))
    usual = "HS256" if isinstance(keys, SharedSecret) else "RS256"
    with _naming("TOKEN_SIGNING_ALG"):
        algorithm = configured.get("TOKEN_SIGNING_ALG", usual)
        return Issuer(name, audience=audience, keys=keys, algorithms=[algorithm])


def _policy(file: str | None) -> Policy:
    with _naming("POLICY_FILE"):
        return read_policy(file) if file else Policy(RULES)


def _auth0_issuer(domain: str | None) -> str | None:
    if domain and ("/" in domain or ":" in domain):
        raise ValueError(f"AUTH0_DOMAIN={domain!r}: write the domain alone, or ISSUER_BASE_URL")
    return f"https://{domain}/" if domain else None


def _keys(issuer: str, uri: str | None, secret: str | None) -> RemoteJWKS | SharedSecret:
    if secret and uri:
        raise ValueError("set SECRET or JWKS_URI, not both: a secret is not published")
    if secret:
        with _naming("SECRET"):
            return SharedSecret(secret)
    if uri:
        with _naming("JWKS_URI"):
            return RemoteJWKS(uri)
    with _naming("ISSUER_BASE_URL"):
        return RemoteJWKS.discovered(issuer)


@contextmanager
def _naming(variable: str) -> Iterator[None]:
    """The library's errors name its own options; here the variable is what can be set."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{variable}: {error}") from None


def _message(
    environ: WSGIEnvironment, start_response: StartResponse, message: str, **proved: str | None
) -> Iterable[bytes]:
    return Response(json={"message": message, **proved})(environ, start_response)


def _subject(environ: WSGIEnvironment) -> str | None:
    auth = get_auth(environ)
    return None if auth is None else auth.subject


def _serve(
    application: WSGIApplication, host: str, port: int, greeting: str, *, hide_proxies: bool = True
) -> None:
    try:
        server = create_server(
            application, host=host, port=port, clear_untrusted_proxy_headers=hide_proxies
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(
            f"cannot serve on {_base(host, port)} ({reason}): "
            "set HOST to an address of this machine, PORT to a free port"
        ) from None
    print(greeting, flush=True)
    server.run()


def _serve_demo(host: str, port: int) -> None:
    if host not in LOOPBACK:
        raise ValueError(
            f"HOST={host!r}: the demo mints tokens, so it serves loopback alone; leave HOST out"
        )
    # Nothing that could sign a token is even imported without --demo.
    from demo.console import with_console
    from jwt_wsgi.testing import LocalIssuer

    local = LocalIssuer(audience="https://api.example.com")
    with local.serve():
        # What is configured for another issuer must not reach this one.
        settings = dict.fromkeys(map(str.lower, NAMES), "")
        settings |= {"issuer_base_url": local.issuer, "audience": local.audience}
        application = with_console(router(), local, _issuer(configuration(settings)), RULES)
        # The console tells a proxy by the headers that it adds, which waitress would take off.
        _serve(application, host, port, _recipe(local, _base(host, port)), hide_proxies=False)


def _recipe(local: LocalIssuer, base: str) -> str:
    good = local.token("read:messages", expires_in=86400)
    other = local.token("openid", expires_in=86400)
    expired = local.token("read:messages", expires_in=-3600)
    calls = (
        ("200: public, no token needed", "public", None),
        ("401: private, and no token", "private", None),
        ("200: a token with the scope read:messages", "private-scoped", good),
        ("403: a token without that scope", "private-scoped", other),
        ("401: an expired token", "private-scoped", expired),
    )
    lines = [
        f"Serving the demo on {base}, with an issuer of its own on {local.issuer}",
        f"Open {base}/ in a browser: a console to try it by eye.",
        "Paste these lines into another terminal; Ctrl-C stops the demo.",
    ]
    for outcome, place, token in calls:
        header = f" -H 'Authorization: Bearer {token}'" if token else ""
        lines += ["", f"# {outcome}", f"curl -i {base}/api/{place}{header}"]
    return "\n".join([*lines, ""])


def _base(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(arguments: list[str] | None = None) -> int:
    """Serve until interrupted; the exit status, 2 where the configuration is wrong."""
    parser = argparse.ArgumentParser(prog="app.py", description="The sample API of jwt-wsgi.")
    parser.add_argument(
        "--demo", action="store_true", help="start an issuer on loopback and print curl lines"
    )
    demo: bool = parser.parse_args(arguments).demo
    try:
        with suppress(KeyboardInterrupt):
            configured = configuration({})
            host, port = configured.get("HOST", "127.0.0.1"), _port(configured.get("PORT", "3010"))
            if demo:
                _serve_demo(host, port)
            else:
                _serve(main(), host, port, f"Serving on {_base(host, port)}")
    except ValueError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError(f"PORT={text!r}: write a number, 1 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(run())
