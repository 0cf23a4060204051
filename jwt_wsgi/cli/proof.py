"""`proof`: a DPoP proof for one request, made with a key in a file (RFC 9449 §4.2)."""

import json
import re

import click

from jwt_wsgi.cli.evidence import read_file
from jwt_wsgi.cli.shared_options import json_option, usage_errors
from jwt_wsgi.cli.times import at_option, clock_at
from jwt_wsgi.cli.tokens import read_token, token_options
from jwt_wsgi.possession.target import parse_target
from jwt_wsgi.testing import DPoPKey

_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}")


@click.command(short_help="Print a DPoP proof for one request, to try an API with curl.")
@click.option(
    "--key",
    "key_file",
    metavar="FILE",
    required=True,
    help="The private key of the client, in PEM.",
)
@token_options
@click.option("--no-token", is_flag=True, help="Make a proof for a token request: it has no ath.")
@click.option("--nonce", metavar="TEXT", help="The nonce of the last DPoP-Nonce header.")
@click.option(
    "--algorithm", metavar="NAME", help="The algorithm to sign with, by default a usual one."
)
@at_option
@json_option
@click.argument("method")
@click.argument("url")
def proof(
    key_file: str,
    token_file: str | None,
    token_env: str | None,
    no_token: bool,
    nonce: str | None,
    algorithm: str | None,
    at: float | None,
    as_json: bool,
    method: str,
    url: str,
) -> None:
    """Print a new proof for the request METHOD URL and its token: the value of the header DPoP.

    Each proof is good for one request, within minutes. The token itself is not printed.
    """
    if no_token and (token_file or token_env):
        raise click.UsageError("--no-token: remove it, or remove --token-file and --token-env")
    _check_request(method, url, nonce)
    pem = read_file("--key", key_file)
    with usage_errors("--key: "):
        key = DPoPKey.from_pem(pem, algorithm, clock=clock_at(at))
    token = None if no_token else read_token(token_file, token_env).token
    text = key.proof(method, url, token, nonce)
    if as_json:
        # Not print_json, which conceals what looks like a token.
        click.echo(json.dumps({"proof": text, "jkt": key.thumbprint, "algorithm": key.algorithm}))
    else:
        click.echo(text)


def _check_request(method: str, url: str, nonce: str | None) -> None:
    if _METHOD.fullmatch(method) is None:
        raise click.UsageError("METHOD: write it as the request has it, such as GET")
    if parse_target(url) is None:
        raise click.UsageError(
            "URL: write the whole URL of the request, such as https://api.example.com/orders, in "
            "printable ASCII and without a user"
        )
    if nonce is not None and not (nonce.isascii() and nonce.isprintable() and nonce):
        raise click.UsageError("--nonce: copy the value of the header DPoP-Nonce")
