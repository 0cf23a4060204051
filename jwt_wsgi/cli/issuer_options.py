"""Whom to trust, as options: those of `Issuer` that change an answer."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from jwt_wsgi.issuer import ANY_AUDIENCE, Issuer
from jwt_wsgi.jose.algorithms import ALGORITHMS
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource
from jwt_wsgi.jwks.static import SharedSecret, StaticJWKS
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.policyfile import read_policy

_Command = TypeVar("_Command", bound=Callable[..., Any])

policy_option = click.option(
    "--policy",
    "policy_file",
    metavar="FILE",
    required=True,
    help="The policy, in TOML (jwt_wsgi.policyfile).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
allow_http_option = click.option(
    "--allow-http", is_flag=True, help="Fetch over plain http beyond loopback too."
)

_OPTIONS = (
    click.option(
        "--audience",
        "audiences",
        metavar="TEXT",
        multiple=True,
        help="This API's identifier; repeatable.",
    ),
    click.option("--any-audience", is_flag=True, help="Waive the audience."),
    click.option("--jwks", metavar="FILE|URL", help="Where the keys are, instead of by discovery."),
    click.option(
        "--secret-env",
        metavar="NAME",
        help="The environment variable with the shared secret of HS256.",
    ),
    click.option(
        "--algorithm",
        "algorithms",
        metavar="NAME",
        multiple=True,
        help=f"What tokens may be signed with, RS256 unless told; repeatable. One of {', '.join(ALGORITHMS)}.",
    ),
    click.option(
        "--profile",
        type=click.Choice(["jwt", "at+jwt"]),
        default="jwt",
        help="at+jwt for RFC 9068.",
    ),
    click.option(
        "--leeway",
        type=float,
        default=30,
        metavar="SECONDS",
        help="Granted to every date, 30 unless told.",
    ),
    click.option(
        "--scope-claim",
        metavar="NAME",
        help="The claim that grants scopes, instead of scope or scp.",
    ),
    allow_http_option,
)


@dataclass(frozen=True)
class Trust:
    """What the options say of one issuer, but for its name."""

    audiences: tuple[str, ...]
    any_audience: bool
    jwks: str | None
    secret_env: str | None
    algorithms: tuple[str, ...]
    profile: Any
    leeway: float
    scope_claim: str | None
    allow_http: bool

    def issuer(self, name: str, keys: KeySource) -> Issuer:
        """The issuer `name` with these keys; raises `click.UsageError`."""
        if self.any_audience == bool(self.audiences):
            raise click.UsageError(
                "--audience: write this API's identifier, or --any-audience to waive it; not both"
            )
        with misuse(""):
            return Issuer(
                name,
                audience=ANY_AUDIENCE if self.any_audience else self.audiences,
                keys=keys,
                algorithms=self.algorithms or ("HS256" if self.secret_env else "RS256",),
                profile=self.profile,
                leeway=self.leeway,
                scope_claim=self.scope_claim,
                allow_http=self.allow_http,
            )

    def keys(self, name: str) -> KeySource:
        """The keys that the options name, or those that `name` publishes; nothing is fetched."""
        if self.jwks is not None and self.secret_env is not None:
            raise click.UsageError(
                "--jwks and --secret-env: a secret is not published; leave one of them out"
            )
        if self.secret_env is not None:
            return _secret(self.secret_env)
        if self.jwks is None:
            with misuse("--issuer: "):
                return RemoteJWKS.discovered(name, allow_http=self.allow_http)
        with misuse("--jwks: "):
            if is_url(self.jwks):
                return RemoteJWKS(self.jwks, allow_http=self.allow_http)
            try:
                return StaticJWKS(self.jwks)
            except OSError as error:
                raise ValueError(
                    f"{self.jwks}: cannot be read ({error.strerror}); write a file or an URL"
                ) from None


def trust_options(command: _Command) -> _Command:
    """The options of one issuer but for its name; `taken_from` makes a `Trust` of them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def taken_from(options: dict[str, Any]) -> Trust:
    """The `Trust` of these options, which are taken out."""
    return Trust(**{name: options.pop(name) for name in Trust.__dataclass_fields__})


def policy_in(file: str) -> Policy:
    """The policy in a file; raises `click.UsageError`."""
    with misuse("--policy: "):
        return read_policy(file)


@contextmanager
def misuse(where: str) -> Iterator[None]:
    """A wrong value is misuse: the library's sentence, behind the option that it is about."""
    try:
        yield
    except ValueError as error:
        raise click.UsageError(f"{where}{error}") from None


def is_url(text: str) -> bool:
    """Whether this is no file's name."""
    return "://" in text


def _secret(variable: str) -> SharedSecret:
    secret = os.environ.get(variable)
    if not secret:
        raise click.UsageError(
            f"--secret-env: {variable!r} is not set; export the secret under that name"
        )
    with misuse("--secret-env: "):
        return SharedSecret(secret)
