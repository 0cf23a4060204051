"""`revoke`: a denial in the store that the deny lists of all workers read."""

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import click

from jwt_wsgi.auth import Auth
from jwt_wsgi.cli.decoded_token import decode_token
from jwt_wsgi.cli.output import escape, print_json, print_line
from jwt_wsgi.cli.shared_options import json_option, usage_errors
from jwt_wsgi.cli.tokens import read_token, token_options
from jwt_wsgi.revocation import DenyList
from jwt_wsgi.revocation.denials import expires_at
from jwt_wsgi.revocation.deny_list import MARGIN
from jwt_wsgi.stores import Store, StoreUnavailable

_NOT_VERIFIED: Final = "The token was not verified: what its claims name is denied."


class Denial(NamedTuple):
    """A denial that is to be written.

    Attributes:
        kind: `token`, `subject`, `session`, `client` or `key`.
        description: The denial in words. No token is in it.
        issuer: The issuer, or None for a token that names none.
        value: The `jti`, `sub`, `sid`, client or `kid`, or None for a token without `jti`.
        write: Writes it to a deny list.
        has_expired: True for a token that nothing accepts any more, and that is not written.
    """

    kind: str
    description: str
    issuer: str | None
    value: str | None
    write: Callable[[DenyList], None]
    has_expired: bool = False


@click.command(short_help="Deny a token, user, session, client or key in the shared store.")
@click.option(
    "--store",
    "store_url",
    metavar="URL",
    envvar="STORE_URL",
    help="The store of the deny list, redis://host:6379/0. The variable STORE_URL keeps a "
    "password out of the arguments.",
)
@click.option("--prefix", default="jwt-wsgi:", show_default=True, help="The store's prefix.")
@click.option(
    "--max-token-lifetime",
    "lifetime",
    type=float,
    default=86400,
    show_default=True,
    metavar="SECONDS",
    help="As for the DenyList of the API.",
)
@click.option("--issuer", metavar="ISS", help="The tokens' exact iss.")
@click.option("--subject", metavar="SUB", help="Deny the user's tokens that were issued by now.")
@click.option("--session", metavar="SID", help="Deny the session's tokens, which need a sid.")
@click.option("--client", metavar="ID", help="Deny the client's tokens that were issued by now.")
@click.option("--key", metavar="KID", help="Deny the tokens under this key, for good.")
@token_options
@json_option
def revoke(
    store_url: str | None,
    prefix: str,
    lifetime: float,
    issuer: str | None,
    token_file: str | None,
    token_env: str | None,
    as_json: bool,
    **targets: str | None,
) -> None:
    """Deny a token, or with --issuer all tokens of a user, session or client, or under a key.

    The APIs must use a DenyList on the same store, and see the denial within its cache_ttl. The
    exit status is 1 if the store cannot be reached.
    """
    if store_url is None:
        raise click.UsageError("--store: write the URL of the store, or export STORE_URL")
    denial = _denial_of(issuer, targets, token_file, token_env)
    write_denial(denial, _open_store(store_url, prefix), lifetime, as_json=as_json)


def write_denial(denial: Denial, store: Store, lifetime: float, *, as_json: bool) -> None:
    """Write a denial, and print what was written.

    Args:
        denial: The denial.
        store: The store.
        lifetime: The longest lifetime of a token, in seconds.
        as_json: Print JSON.

    Raises:
        click.ClickException: The store cannot be written to.
        click.UsageError: An argument is invalid.
    """
    with usage_errors():
        deny = DenyList(store, max_token_lifetime=lifetime)
        try:
            denial.write(deny)
        except StoreUnavailable:
            raise click.ClickException(
                "the store is unavailable, and nothing is certain to be denied: repeat the command"
            ) from None
    if as_json:
        document = {"denied": denial.kind, "issuer": denial.issuer, "value": denial.value}
        print_json({**document, "written": not denial.has_expired})
        return
    if denial.has_expired:
        print_line(f"Nothing was written: it has expired, {denial.description}.")
        return
    print_line(f"Denied {denial.description}.")
    if denial.kind == "token":
        print_line(_NOT_VERIFIED, "bold")


def denial_of_token(token: str) -> Denial:
    """Return the denial of a token, whoever judges it: an `Issuer` or an `Introspection`.

    Args:
        token: The token. It is not verified.
    """
    decoded = decode_token(token)
    claims = decoded.claims or {}
    header = decoded.header or {}
    issuer = _text(claims, "iss")
    jti = _text(claims, "jti")

    # An `Introspection` knows the same token by its text, without its header.
    introspected = Auth(token, issuer or "", claims=claims, header={})

    def write(deny: DenyList) -> None:
        deny.revoke(introspected)
        if header and issuer is not None:
            deny.revoke(Auth(token, issuer, claims=claims, header=header))

    description = f"one token of {decoded.size} bytes"
    if issuer is not None and jti is not None:
        description = f"the token {escape(jti)} of {escape(issuer)}"
    exp = expires_at(introspected)
    has_expired = exp is not None and exp + MARGIN <= time.time()
    return Denial("token", description, issuer, jti, write, has_expired)


def denial_of_target(kind: str, issuer: str, value: str) -> Denial:
    """Return the denial of all tokens of a `subject`, `session` or `client`, or under a `key`.

    Args:
        kind: Which of them.
        issuer: The tokens' `iss`.
        value: The `sub`, `sid`, client or `kid`.
    """
    writers: dict[str, Callable[[DenyList], None]] = {
        "subject": lambda deny: deny.revoke_subject(issuer, value),
        "session": lambda deny: deny.revoke_session(issuer, value),
        "client": lambda deny: deny.revoke_client(issuer, value),
        "key": lambda deny: deny.revoke_key(issuer, value),
    }
    description = f"the tokens of the {kind} {escape(value)} of {escape(issuer)} issued by now"
    if kind == "key":
        description = (
            f"the tokens under the key {escape(value)} of {escape(issuer)}, and its tokens "
            "without kid, for good"
        )
    return Denial(kind, description, issuer, value, writers[kind])


def _denial_of(
    issuer: str | None,
    targets: dict[str, str | None],
    token_file: str | None,
    token_env: str | None,
) -> Denial:
    chosen = [(kind, value) for kind, value in targets.items() if value is not None]
    if len(chosen) > 1:
        raise click.UsageError("--subject, --session, --client, --key: use only one of them")
    if not chosen:
        if issuer is not None:
            raise click.UsageError("--issuer: add --subject, --session, --client or --key")
        return denial_of_token(read_token(token_file, token_env).token)
    [(kind, value)] = chosen
    if issuer is None:
        raise click.UsageError(f"--{kind}: add --issuer, the tokens' exact iss")
    if token_file is not None or token_env is not None:
        raise click.UsageError(f"--{kind}: leave out --token-file and --token-env")
    return denial_of_target(kind, issuer, value)


def _open_store(url: str, prefix: str) -> Store:
    # The other commands need no client library.
    from jwt_wsgi.stores import RedisStore

    try:
        return RedisStore(url, prefix=prefix)
    except ValueError:
        # The URL is not repeated: it may hold a password.
        raise click.UsageError(
            "--store, --prefix: write redis://host:6379/0, and install jwt-wsgi[redis]"
        ) from None


def _text(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) and value else None
