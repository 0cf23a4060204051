"""Options that several commands share: those of `Issuer`, the policy file and `--json`."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal

import click

from jwt_wsgi.issuer import ANY_AUDIENCE, Issuer
from jwt_wsgi.jose.algorithms import ALGORITHMS
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource
from jwt_wsgi.jwks.static import SharedSecret, StaticJWKS
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.policyfile import read_policy

_Command = Callable[..., Any]

policy_option = click.option(
    "--policy",
    "policy_file",
    metavar="FILE",
    required=True,
    help="The policy, a TOML file (jwt_wsgi.policyfile).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
allow_http_option = click.option(
    "--allow-http", is_flag=True, help="Allow plain http to hosts other than loopback."
)

_OPTIONS = (
    click.option(
        "--audience",
        "audiences",
        metavar="TEXT",
        multiple=True,
        help="This API's identifier; repeatable.",
    ),
    click.option("--any-audience", is_flag=True, help="Do not check the audience."),
    click.option(
        "--jwks", metavar="FILE|URL", help="The key set to use; no discovery takes place."
    ),
    click.option(
        "--secret-env",
        metavar="NAME",
        help="The environment variable with the shared secret for HS256.",
    ),
    click.option(
        "--algorithm",
        "algorithms",
        metavar="NAME",
        multiple=True,
        help=(
            "An accepted signature algorithm, RS256 by default; repeatable."
            f" One of {', '.join(ALGORITHMS)}."
        ),
    ),
    click.option(
        "--profile",
        type=click.Choice(["jwt", "at+jwt"]),
        default="jwt",
        help="The token profile, jwt by default; at+jwt is RFC 9068.",
    ),
    click.option(
        "--leeway",
        type=float,
        default=30,
        metavar="SECONDS",
        help="The tolerance for every date in a token, 30 by default.",
    ),
    click.option(
        "--scope-claim",
        metavar="NAME",
        help="The claim that holds the scopes, instead of scope or scp.",
    ),
    allow_http_option,
)


@dataclass(frozen=True)
class IssuerOptions:
    """The values of the issuer options, for issuers of any name."""

    audiences: tuple[str, ...]
    any_audience: bool
    jwks: str | None
    secret_env: str | None
    algorithms: tuple[str, ...]
    profile: Literal["jwt", "at+jwt"]
    leeway: float
    scope_claim: str | None
    allow_http: bool

    def issuer(self, name: str, keys: KeySource) -> Issuer:
        """Return the issuer `name` with these keys; raise `click.UsageError` for invalid values."""
        if self.any_audience == bool(self.audiences):
            raise click.UsageError(
                "--audience: write this API's identifier, or --any-audience to skip the check;"
                " not both"
            )
        with usage_errors():
            return Issuer(
                name,
                audience=ANY_AUDIENCE if self.any_audience else self.audiences,
                keys=keys,
                algorithms=self.algorithms or self._default_algorithms(),
                profile=self.profile,
                leeway=self.leeway,
                scope_claim=self.scope_claim,
                allow_http=self.allow_http,
            )

    def keys(self, name: str) -> KeySource:
        """Return the key source that the options name, or discovery for `name`.

        Nothing is fetched. Raises `click.UsageError` for invalid values.
        """
        if self.jwks is not None and self.secret_env is not None:
            raise click.UsageError("--jwks and --secret-env: use only one of them")
        if self.secret_env is not None:
            return _read_secret(self.secret_env)
        if self.jwks is not None:
            return self._key_set(self.jwks)
        with usage_errors("--issuer: "):
            return RemoteJWKS.discovered(name, allow_http=self.allow_http)

    def _default_algorithms(self) -> tuple[str, ...]:
        if self.secret_env:
            return ("HS256",)
        return ("RS256",)

    def _key_set(self, location: str) -> KeySource:
        with usage_errors("--jwks: "):
            if is_url(location):
                return RemoteJWKS(location, allow_http=self.allow_http)
            try:
                return StaticJWKS(location)
            except OSError as error:
                raise ValueError(
                    f"{location}: cannot be read ({error.strerror}); write a file or a URL"
                ) from None


def issuer_options(command: _Command) -> _Command:
    """Add the options of an issuer; the command takes them as `options`, an `IssuerOptions`."""

    @wraps(command)
    def with_options(
        *,
        audiences: tuple[str, ...],
        any_audience: bool,
        jwks: str | None,
        secret_env: str | None,
        algorithms: tuple[str, ...],
        profile: Literal["jwt", "at+jwt"],
        leeway: float,
        scope_claim: str | None,
        allow_http: bool,
        **others: Any,
    ) -> Any:
        options = IssuerOptions(
            audiences=audiences,
            any_audience=any_audience,
            jwks=jwks,
            secret_env=secret_env,
            algorithms=algorithms,
            profile=profile,
            leeway=leeway,
            scope_claim=scope_claim,
            allow_http=allow_http,
        )
        return command(options=options, **others)

    decorated: _Command = with_options
    # click shows the options in the reverse order of their decorators.
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


def load_policy(file: str) -> Policy:
    """Return the policy in `file`; raise `click.UsageError` if it is invalid."""
    with usage_errors("--policy: "):
        return read_policy(file)


@contextmanager
def usage_errors(prefix: str = "") -> Iterator[None]:
    """Turn a `ValueError` of the block into a `click.UsageError`.

    Args:
        prefix: The option that the error is about, with a colon and a space; the library's
            own text follows it.
    """
    try:
        yield
    except ValueError as error:
        raise click.UsageError(f"{prefix}{error}") from None


def is_url(location: str) -> bool:
    """Return True for a URL, False for the name of a file."""
    return "://" in location


def _read_secret(variable: str) -> SharedSecret:
    secret = os.environ.get(variable)
    if not secret:
        raise click.UsageError(
            f"--secret-env: {variable!r} is not set; export the secret under that name"
        )
    with usage_errors("--secret-env: "):
        return SharedSecret(secret)
