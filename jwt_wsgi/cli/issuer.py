"""`issuer`: an issuer on loopback, for developing what calls an API."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import click

from jwt_wsgi.cli.issuer_options import json_option, misuse
from jwt_wsgi.cli.minting import TOKEN_PATH, MintingIssuer
from jwt_wsgi.cli.output import plain, say
from jwt_wsgi.testing import LocalIssuer

AUDIENCE = "https://api.test"


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Handler(WSGIRequestHandler):
    #: Seconds that a client may be silent.
    timeout = 10

    def log_message(self, *_: object) -> None:
        """Quiet: what the terminal shows is the recipe."""


@click.command(short_help="Serve an issuer on loopback that mints tokens on request.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="PORT",
    help="Any free one unless told.",
)
@click.option(
    "--audience",
    default=AUDIENCE,
    metavar="TEXT",
    help=f"The usual audience, {AUDIENCE} unless told.",
)
@click.option(
    "--algorithm",
    "algorithms",
    multiple=True,
    metavar="NAME",
    help="RS256 unless told; repeatable.",
)
@json_option
def issuer(port: int, audience: str, algorithms: tuple[str, ...], as_json: bool) -> None:
    """Serve metadata, keys and POST /token on 127.0.0.1, for development only.

    Its keys are new at every start. Ctrl-C ends it, with the exit status 0.
    """
    with misuse("--algorithm: "):
        if any(name.startswith("HS") for name in algorithms):
            raise ValueError(
                "a secret cannot be published; choose RS256 or another with public keys"
            )
        local = LocalIssuer(
            audience=audience, algorithms=tuple(dict.fromkeys(algorithms)) or ("RS256",)
        )
    with _listening(local, port) as server:
        try:
            _greet(local, as_json=as_json)
            server.serve_forever(0.1)
        except KeyboardInterrupt:
            click.echo(err=True)


@contextmanager
def _listening(local: LocalIssuer, port: int) -> Iterator[WSGIServer]:
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


def _greet(local: LocalIssuer, *, as_json: bool) -> None:
    endpoint = local.issuer.rstrip("/") + TOKEN_PATH
    if as_json:
        # One line, which whoever started it can wait for.
        click.echo(
            json.dumps({**local.metadata, "token_endpoint": endpoint, "audience": local.audience})
        )
        return
    say(plain(f"Serving the issuer {local.issuer} for the audience {local.audience}"))
    say("A token:")
    say(f"  curl -d scope=read:messages -d sub=user-1 -d expires_in=300 {endpoint}")
    say("It mints whatever is asked for, on loopback alone. Ctrl-C stops it.")
