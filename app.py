"""The sample: a small WebOb router of plain WSGI handlers, behind the three layers.

`python app.py` serves it with waitress on 127.0.0.1:3010. The environment configures it, or a
`.env` file beside it. `python app.py --demo` needs no configuration and starts its own issuer.
"""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

try:
    from dotenv import dotenv_values
    from waitress.server import create_server
    from webob import Request, Response

    from jwt_wsgi import (
        AUTHENTICATED,
        PUBLIC,
        DPoP,
        DPoPNonces,
        Introspection,
        Issuer,
        Policy,
        ProtectedResource,
        RemoteJWKS,
        SharedSecret,
        get_auth,
        protect,
        scope,
    )
    from jwt_wsgi.client_certificates import ClientCertificate, parse_client_certificate
    from jwt_wsgi.introspection import ClientSecretBasic
    from jwt_wsgi.policyfile import read_policy
    from jwt_wsgi.resource.urls import is_issuer_identifier
    from jwt_wsgi.revocation import DenyList
    from jwt_wsgi.sources import TokenSource, parse_sources
    from jwt_wsgi.stores import RedisStore
except ModuleNotFoundError as error:
    if __name__ != "__main__":
        raise
    print(
        f"app.py: {sys.executable} has no module {error.name!r}: run `make serve`, which installs "
        "what is missing into .venv and starts the demo. After that, .venv/bin/python app.py "
        "serves your own settings, and .venv/bin/python app.py --demo needs none",
        file=sys.stderr,
    )
    sys.exit(2)

if TYPE_CHECKING:
    from jwt_wsgi.testing import LocalIssuer

RULES = {
    "/api/public": PUBLIC,
    "/api/private": AUTHENTICATED,
    "/api/private-scoped": scope("read:messages"),
}

#: The hosts on which the demo may listen.
LOOPBACK = ("127.0.0.1", "::1", "localhost")

#: The settings: variables of the environment or of `.env`, or settings of Paste in lower case.
NAMES = (
    "ISSUER_BASE_URL",
    "AUDIENCE",
    "JWKS_URI",
    "TOKEN_SIGNING_ALG",
    "TOKEN_SOURCES",
    "SECRET",
    "HOST",
    "PORT",
    "POLICY_FILE",
    "DPOP_BASE_URLS",
    "DPOP_REQUIRED",
    "DPOP_NONCE_SECRETS",
    "CLIENT_CERTIFICATE",
    "TRUSTED_PROXIES",
    "STORE_URL",
    "SEALING_KEYS",
    "RESOURCE",
    "INTROSPECTION_URL",
    "INTROSPECTION_CLIENT_ID",
    "INTROSPECTION_CLIENT_SECRET",
    "AUTH0_DOMAIN",
    "API_IDENTIFIER",
)

#: The value of INTROSPECTION_URL for the endpoint that the issuer's metadata names.
DISCOVER = "discover"


class Router:
    """A WSGI application that finds a handler by the exact path, and answers 404 without one."""

    methods = ("GET", "HEAD")

    def __init__(self, routes: Mapping[str, WSGIApplication]) -> None:
        self.routes = dict(routes)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        request = Request(environ)
        handler = self.routes.get(request.path_info.removesuffix("/"))
        if handler is not None and request.method in self.methods:
            return handler(environ, start_response)
        if handler is None:
            response = Response(json={"message": "Not found."}, status=404)
        else:
            response = Response(json={"message": "Only GET and HEAD are allowed."}, status=405)
            response.allow = self.methods
        return response(environ, start_response)


def public(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer every caller."""
    message = "Hello from a public endpoint! You don't need a token to see this."
    return Response(json={"message": message})(environ, start_response)


def private(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer callers with a valid token."""
    message = "Hello from a private endpoint! Your token is valid."
    response = Response(json={"message": message, "subject": _subject(environ)})
    return response(environ, start_response)


def private_scoped(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer callers whose token grants the scope read:messages."""
    message = "Hello from a private endpoint! Your token is valid and grants read:messages."
    response = Response(json={"message": message, "subject": _subject(environ)})
    return response(environ, start_response)


def _subject(environ: WSGIEnvironment) -> str | None:
    auth = get_auth(environ)
    return None if auth is None else auth.subject


def router() -> Router:
    """Return the application without protection."""
    return Router(
        {"/api/public": public, "/api/private": private, "/api/private-scoped": private_scoped}
    )


def main(global_config: Mapping[str, str] | None = None, **settings: str) -> WSGIApplication:
    """Return the protected application; this is an app factory of PasteDeploy.

    Args:
        global_config: The settings that Paste shares between applications. They are ignored.
        **settings: Values for the names of `NAMES`, in lower case. Other values come from the
            environment, or from `.env`.

    Raises:
        ValueError: A setting is missing or invalid. The text says what to set.
    """
    del global_config
    values = configuration(settings)
    store = _store(values)
    return protect(
        router(),
        issuer=_issuers(values, store),
        rules=_policy(values.get("POLICY_FILE")),
        token_sources=_sources(values.get("TOKEN_SOURCES")),
        dpop=_dpop(values, store),
        client_certificate=_client_certificate(values),
        is_revoked=None if store is None else DenyList(store),
        resource=_resource(values),
    )


def configuration(settings: Mapping[str, str]) -> dict[str, str]:
    """Return the values that are set, by the names of `NAMES`.

    `settings` take precedence over the environment, and the environment over `.env`. An empty value
    counts as not set.
    """
    choices = [name.lower() for name in NAMES]
    for name in settings:
        if name not in choices:
            raise ValueError(f"unknown setting {name!r}: choose from {', '.join(choices)}")
    variables = {**_read_dotenv(Path(__file__).with_name(".env")), **os.environ}
    values = {name: settings.get(name.lower(), variables.get(name)) for name in NAMES}
    return {name: value for name, value in values.items() if value}


def _read_dotenv(dotenv: Path) -> dict[str, str | None]:
    try:
        return dotenv_values(dotenv)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read {dotenv}: {error}") from None


def _store(values: Mapping[str, str]) -> RedisStore | None:
    """Return the store that all workers share, or None for a process that is alone."""
    if "STORE_URL" in values:
        with _translate_errors("STORE_URL"):
            return RedisStore(values["STORE_URL"])
    if "SEALING_KEYS" in values:
        raise ValueError("SEALING_KEYS without STORE_URL: name the store there, or leave them out")
    return None


def _issuers(
    values: Mapping[str, str], store: RedisStore | None
) -> tuple[Issuer | Introspection, ...]:
    """Return the issuer of the JWTs, and that of the opaque tokens if there are any."""
    issuer = _issuer(values, store)
    introspection = _introspection(values)
    return (issuer,) if introspection is None else (issuer, introspection)


def _issuer(values: Mapping[str, str], store: RedisStore | None = None) -> Issuer:
    name, audience = _names(values)
    keys = _keys(name, values, store)
    usual_algorithm = "HS256" if isinstance(keys, SharedSecret) else "RS256"
    algorithm = values.get("TOKEN_SIGNING_ALG", usual_algorithm)
    with _translate_errors("TOKEN_SIGNING_ALG"):
        return Issuer(name, audience=audience, keys=keys, algorithms=[algorithm])


def _introspection(values: Mapping[str, str]) -> Introspection | None:
    """Return the issuer's endpoint for opaque tokens, or None if it issues none."""
    client = ("INTROSPECTION_CLIENT_ID", "INTROSPECTION_CLIENT_SECRET")
    if "INTROSPECTION_URL" not in values:
        for name in client:
            if name in values:
                raise ValueError(
                    f"{name} without INTROSPECTION_URL: set the endpoint's URL there, or {DISCOVER}"
                )
        return None
    missing = [name for name in client if name not in values]
    if missing:
        raise ValueError(
            f"INTROSPECTION_URL without {' and '.join(missing)}: set the client that this API is "
            "at the endpoint"
        )
    endpoint = values["INTROSPECTION_URL"]
    issuer, audience = _names(values)
    with _translate_errors("INTROSPECTION_URL"):
        return Introspection(
            None if endpoint == DISCOVER else endpoint,
            issuer=issuer,
            audience=audience,
            client_auth=ClientSecretBasic(*(values[name] for name in client)),
        )


def _names(values: Mapping[str, str]) -> tuple[str, str]:
    """Return the names of the issuer and of this API."""
    name = values.get("ISSUER_BASE_URL") or _auth0_issuer(values.get("AUTH0_DOMAIN"))
    audience = values.get("AUDIENCE") or values.get("API_IDENTIFIER") or values.get("RESOURCE")
    missing = []
    if not name:
        missing.append("ISSUER_BASE_URL (or AUTH0_DOMAIN)")
    if not audience:
        missing.append("AUDIENCE (or API_IDENTIFIER)")
    if not name or not audience:
        raise ValueError(
            f"set {' and '.join(missing)} in the environment or in .env, or try it with "
            "--demo, which needs no settings"
        )
    return name, audience


def _auth0_issuer(domain: str | None) -> str | None:
    if not domain:
        return None
    if "/" in domain or ":" in domain:
        raise ValueError(f"AUTH0_DOMAIN={domain!r}: write the domain alone, or ISSUER_BASE_URL")
    return f"https://{domain}/"


def _keys(
    issuer: str, values: Mapping[str, str], store: RedisStore | None
) -> RemoteJWKS | SharedSecret:
    uri = values.get("JWKS_URI")
    secret = values.get("SECRET")
    if secret and uri:
        raise ValueError("set SECRET or JWKS_URI, not both: a secret is not published")
    if secret and "SEALING_KEYS" in values:
        raise ValueError("SEALING_KEYS with SECRET: leave them out, because no keys are fetched")
    if secret:
        with _translate_errors("SECRET"):
            return SharedSecret(secret)
    if uri:
        with _translate_errors("JWKS_URI"):
            keys = RemoteJWKS(uri)
    else:
        with _translate_errors("ISSUER_BASE_URL"):
            keys = RemoteJWKS.discovered(issuer)
    if "SEALING_KEYS" not in values:
        return keys
    secrets = values["SEALING_KEYS"].split()
    # The URL is valid, so an error is about the secrets.
    with _translate_errors("SEALING_KEYS"):
        if uri:
            return RemoteJWKS(uri, store=store, sealing_keys=secrets)
        return RemoteJWKS.discovered(issuer, store=store, sealing_keys=secrets)


def _sources(text: str | None) -> tuple[TokenSource, ...] | None:
    if not text:
        return None
    with _translate_errors("TOKEN_SOURCES"):
        return parse_sources(text)


def _dpop(values: Mapping[str, str], store: RedisStore | None) -> DPoP | None:
    if "DPOP_BASE_URLS" not in values:
        for name in ("DPOP_REQUIRED", "DPOP_NONCE_SECRETS"):
            if name in values:
                raise ValueError(f"{name} without DPOP_BASE_URLS: set this API's public URL there")
        return None
    required = _boolean("DPOP_REQUIRED", values.get("DPOP_REQUIRED", "false"))
    secrets = values.get("DPOP_NONCE_SECRETS", "").split()
    with _translate_errors("DPOP_NONCE_SECRETS"):
        nonces = DPoPNonces(secrets) if secrets else None
    with _translate_errors("DPOP_BASE_URLS"):
        base_urls = values["DPOP_BASE_URLS"].split()
        if store is None:
            return DPoP(base_urls, required=required, nonces=nonces)
        return DPoP(base_urls, required=required, nonces=nonces, replay=store)


def _boolean(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{name}={text!r}: write true or false")
    return text.lower() == "true"


def _client_certificate(values: Mapping[str, str]) -> ClientCertificate | None:
    proxies = values.get("TRUSTED_PROXIES", "").split()
    if "CLIENT_CERTIFICATE" in values:
        with _translate_errors("CLIENT_CERTIFICATE"):
            return parse_client_certificate(values["CLIENT_CERTIFICATE"], proxies)
    if proxies:
        raise ValueError("TRUSTED_PROXIES without CLIENT_CERTIFICATE: name the header there")
    return None


def _resource(values: Mapping[str, str]) -> ProtectedResource | None:
    """Return the identifier of this API for its clients, or None if no metadata is served."""
    if "RESOURCE" not in values:
        return None
    with _translate_errors("RESOURCE"):
        resource = ProtectedResource(values["RESOURCE"])
    issuer, audience = _names(values)
    if audience != resource.resource:
        raise ValueError(
            f"RESOURCE={resource.resource!r}, but AUDIENCE={audience!r}: clients ask for tokens "
            "for RESOURCE, so set both to the same URL, or leave AUDIENCE out"
        )
    if not is_issuer_identifier(issuer):
        raise ValueError(
            f"RESOURCE with ISSUER_BASE_URL={issuer!r}: clients look for the authorization server "
            "there, so set its https URL, or leave RESOURCE out"
        )
    return resource


def _policy(file: str | None) -> Policy:
    if not file:
        return Policy(RULES)
    with _translate_errors("POLICY_FILE"):
        return read_policy(file)


@contextmanager
def _translate_errors(variable: str) -> Iterator[None]:
    """Put the name of a variable before errors that name the library's options."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{variable}: {error}") from None


def _serve(
    application: WSGIApplication, host: str, port: int, greeting: str, *, clear_proxies: bool = True
) -> None:
    try:
        server = create_server(
            application, host=host, port=port, clear_untrusted_proxy_headers=clear_proxies
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(
            f"cannot serve on {_base_url(host, port)} ({reason}): "
            "set HOST to an address of this machine, PORT to a free port"
        ) from None
    print(greeting, flush=True)
    server.run()


def _serve_demo(host: str, port: int) -> None:
    if host not in LOOPBACK:
        raise ValueError(
            f"HOST={host!r}: the demo mints tokens, so it serves loopback only; leave HOST out"
        )
    # Without --demo, no code that can sign a token is imported.
    from demo.console import with_console
    from jwt_wsgi.testing import LocalIssuer

    # Clients compare the identifier with the URL that they use, and no URL has a default port.
    resource = f"{_base_url(host, port).removesuffix(':80')}/api"
    local = LocalIssuer(audience=resource)
    with local.serve():
        # The empty settings hide a configuration for another issuer.
        settings = {name.lower(): "" for name in NAMES}
        settings |= {"issuer_base_url": local.issuer, "audience": local.audience}
        # A browser may use each name of loopback, and its proofs contain that name.
        base_urls = [_base_url(name, port) for name in LOOPBACK]
        dpop = DPoP(base_urls, nonces=DPoPNonces(os.urandom(32)))
        issuer = _issuer(configuration(settings))
        application = with_console(router(), local, issuer, RULES, dpop, resource)
        recipe = _recipe(local, _base_url(host, port))
        # The console recognizes proxies by their headers, so waitress must not remove them.
        _serve(application, host, port, recipe, clear_proxies=False)


def _recipe(local: LocalIssuer, base_url: str) -> str:
    good = local.token("read:messages", expires_in=86400)
    unscoped = local.token("openid", expires_in=86400)
    expired = local.token("read:messages", expires_in=-3600)
    calls = (
        ("200: public, no token needed", "public", None),
        ("401: private, and no token", "private", None),
        ("200: a token with the scope read:messages", "private-scoped", good),
        ("403: a token without that scope", "private-scoped", unscoped),
        ("401: an expired token", "private-scoped", expired),
    )
    lines = [
        f"Serving the demo on {base_url}, with an issuer of its own on {local.issuer}",
        f"Open {base_url}/ in a browser: the console there makes calls and explains the answers.",
        "Or paste these lines into another terminal. Ctrl-C stops the demo.",
    ]
    for outcome, endpoint, token in calls:
        header = f" -H 'Authorization: Bearer {token}'" if token else ""
        lines += ["", f"# {outcome}", f"curl -i {base_url}/api/{endpoint}{header}"]
    lines += [
        "",
        "Every refusal is logged here. Next, protect an application of your own: docs/tutorial.md.",
        "Or stop the demo, and let this API trust your issuer:",
        f"  ISSUER_BASE_URL=https://… AUDIENCE=https://… {_python()} app.py",
    ]
    return "\n".join([*lines, ""])


def _python() -> str:
    """Return the command for this Python, short where it is below the current directory."""
    executable = Path(sys.executable)
    if executable.is_relative_to(Path.cwd()):
        executable = executable.relative_to(Path.cwd())
    return shlex.quote(str(executable))


def _enable_log() -> None:
    """Write each refusal to standard error, with what was expected and what was found."""
    logging.basicConfig()
    logging.getLogger("jwt_wsgi.decision").setLevel(logging.INFO)


def _base_url(host: str, port: int) -> str:
    if ":" in host:
        return f"http://[{host}]:{port}"
    return f"http://{host}:{port}"


def run(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C and return the exit status, which is 2 for a wrong configuration."""
    parser = argparse.ArgumentParser(prog="app.py", description="The sample API of jwt-wsgi.")
    parser.add_argument(
        "--demo", action="store_true", help="start an issuer on loopback and print curl lines"
    )
    demo: bool = parser.parse_args(arguments).demo
    _enable_log()
    try:
        with suppress(KeyboardInterrupt):
            values = configuration({})
            host = values.get("HOST", "127.0.0.1")
            port = _port(values.get("PORT", "3010"))
            if demo:
                _serve_demo(host, port)
            else:
                _serve(main(), host, port, f"Serving on {_base_url(host, port)}")
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
