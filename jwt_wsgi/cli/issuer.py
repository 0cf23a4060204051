"""`issuer`: an issuer on loopback, for the development of an API's clients."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import click

from jwt_wsgi.cli.minting import TOKEN_PATH, MintingIssuer
from jwt_wsgi.cli.output import escape, print_line
from jwt_wsgi.cli.shared_options import json_option, usage_errors
from jwt_wsgi.testing import LocalIssuer

AUDIENCE = "https://api.test"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    #: Seconds that a client may be silent.
    timeout = 10

    def log_message(self, *_: object) -> None:
        """Log nothing, so that the greeting stays visible in the terminal."""


@click.command(short_help="Serve an issuer on loopback that signs tokens on request.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="The port, by default any free one.",
)
@click.option(
    "--audience",
    default=AUDIENCE,
    metavar="TEXT",
    help=f"The audience of its tokens, {AUDIENCE} by default.",
)
@click.option(
    "--algorithm",
    "algorithms",
    multiple=True,
    metavar="NAME",
    help="An algorithm to sign with, RS256 by default; repeatable.",
)
@json_option
def issuer(port: int, audience: str, algorithms: tuple[str, ...], as_json: bool) -> None:
    """Serve metadata, keys and POST /token on 127.0.0.1, for development only.

    Its keys are new at every start. Ctrl-C ends it, with exit status 0.
    """
    local = _create_issuer(audience, algorithms)
    with _open_server(local, port) as server:
        try:
            _print_greeting(local, as_json=as_json)
            server.serve_forever(0.1)
        except KeyboardInterrupt:
            click.echo(err=True)


def _create_issuer(audience: str, algorithms: tuple[str, ...]) -> LocalIssuer:
    with usage_errors("--algorithm: "):
        if any(name.startswith("HS") for name in algorithms):
            raise ValueError(
                "a secret cannot be published; choose RS256 or another algorithm with public keys"
            )
        unique_algorithms = tuple(dict.fromkeys(algorithms))
        return LocalIssuer(audience=audience, algorithms=unique_algorithms or ("RS256",))


@contextmanager
def _open_server(local: LocalIssuer, port: int) -> Iterator[WSGIServer]:
    try:
        server = _Server(("127.0.0.1", port), _Handler)
    except OSError as error:
        raise click.UsageError(
            f"--port {port}: {error.strerror}; choose a free port, or leave it out"
        ) from None
    local.issuer = f"http://127.0.0.1:{server.server_port}/"
    server.set_app(MintingIssuer(local))
    with server:
        yield server


def _print_greeting(local: LocalIssuer, *, as_json: bool) -> None:
    endpoint = local.issuer.rstrip("/") + TOKEN_PATH
    if as_json:
        # One line, so that the program that started this one can wait for it.
        click.echo(
            json.dumps({**local.metadata, "token_endpoint": endpoint, "audience": local.audience})
        )
        return
    print_line(escape(f"Serving the issuer {local.issuer} for the audience {local.audience}"))
    print_line("Get a token:")
    print_line(f"  curl -d scope=read:messages -d sub=user-1 -d expires_in=300 {endpoint}")
    print_line("Clients on this machine get any token that they ask for. Press Ctrl-C to stop.")
