"""The options of `Issuer`, which several commands share."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import click

from jwt_wsgi.cli.provider_presets import preset_issuer
from jwt_wsgi.cli.shared_options import (
    allow_http_option,
    built_in_fetcher,
    ca_certs_option,
    is_url,
    usage_errors,
    with_options,
)
from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import ANY_AUDIENCE, Issuer
from jwt_wsgi.jose.algorithms import ALGORITHMS
from jwt_wsgi.jose.header_members import parse_members
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource
from jwt_wsgi.jwks.static import SharedSecret, StaticJWKS
from jwt_wsgi.scope_hierarchy import ScopeHierarchy, parse_scope_implies, read_hierarchy

_Command = Callable[..., Any]

# Tokens may name an issuer in any way; only discovery needs a URL.
_NOT_A_URL = "; or, if this is exactly the iss of tokens, say where its keys are with --jwks"
#: Seconds, the default of `Issuer`.
_LEEWAY = 30.0

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
        default=_LEEWAY,
        metavar="SECONDS",
        help="The tolerance for every date in a token, 30 by default.",
    ),
    click.option(
        "--scope-claim",
        metavar="NAME",
        help="The claim that holds the scopes, instead of scope or scp.",
    ),
    click.option(
        "--scope-implies",
        "implications",
        metavar="NAME=NAME",
        multiple=True,
        help="A scope and another one that it implies, such as admin=write; repeatable.",
    ),
    click.option(
        "--type",
        "types",
        metavar="TEXT",
        multiple=True,
        help="An accepted value of typ, instead of the profile's; repeatable.",
    ),
    click.option(
        "--allow-id-tokens", is_flag=True, help="Accept ID tokens as well as access tokens."
    ),
    click.option(
        "--header",
        "header",
        metavar="NAME=VALUE",
        multiple=True,
        help="A required member of the token's header; repeatable.",
    ),
    click.option("--padded", is_flag=True, help="The issuer pads its tokens (=)."),
    click.option(
        "--sender-constrained",
        is_flag=True,
        help="Accept only tokens of the issuer that are bound to a key, with its proof.",
    ),
    click.option(
        "--accept-unproven-binding",
        is_flag=True,
        help="Accept tokens that are bound in a way that the API cannot check.",
    ),
    ca_certs_option,
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
    implications: tuple[str, ...]
    types: tuple[str, ...]
    allow_id_tokens: bool
    header: tuple[str, ...]
    padded: bool
    sender_constrained: bool
    accept_unproven_binding: bool
    ca_certs: str | None
    allow_http: bool

    def check_alone(self, others: Mapping[str, object]) -> None:
        """Refuse options beside --app, which would be ignored.

        Args:
            others: The values of the command's other options, by name. One that is not given is
                None.

        Raises:
            click.UsageError: There is one.
        """
        others_given = (name for name, value in others.items() if value is not None)
        name = next(others_given, self.given())
        if name is not None:
            raise click.UsageError(f"{name}: leave it out, --app has its own policy and issuers")

    def given(self) -> str | None:
        """Return the name of one option that differs from its default, or None."""
        given = {
            "--audience": bool(self.audiences),
            "--any-audience": self.any_audience,
            "--jwks": self.jwks is not None,
            "--secret-env": self.secret_env is not None,
            "--algorithm": bool(self.algorithms),
            "--profile": self.profile != "jwt",
            "--leeway": self.leeway != _LEEWAY,
            "--scope-claim": self.scope_claim is not None,
            "--scope-implies": bool(self.implications),
            "--type": bool(self.types),
            "--allow-id-tokens": self.allow_id_tokens,
            "--header": bool(self.header),
            "--padded": self.padded,
            "--sender-constrained": self.sender_constrained,
            "--accept-unproven-binding": self.accept_unproven_binding,
            "--ca-certs": self.ca_certs is not None,
            "--allow-http": self.allow_http,
        }
        return next((name for name, is_given in given.items() if is_given), None)

    def issuer(self, name: str, keys: KeySource, *, needs_audience: bool = True) -> Issuer:
        """Return the issuer `name` with these keys; raise `click.UsageError` for invalid values.

        Args:
            name: The issuer's name.
            keys: Its keys.
            needs_audience: False to accept every audience if no option names one.
        """
        any_audience = self.any_audience or not (self.audiences or needs_audience)
        if any_audience == bool(self.audiences):
            raise click.UsageError(
                "--audience: write this API's identifier, or --any-audience to skip the check;"
                " not both"
            )
        with usage_errors():
            return Issuer(
                name,
                audience=ANY_AUDIENCE if any_audience else self.audiences,
                keys=keys,
                algorithms=self.algorithms or self._default_algorithms(),
                **self._profile_options(),
            )

    def preset_issuer(self, preset: str) -> Issuer:
        """Return the issuer of `--preset`; raise `click.UsageError` for invalid values."""
        if self.any_audience or not self.audiences:
            raise click.UsageError("--preset: write --audience with this API's identifier")
        options = self._profile_options()
        if self.algorithms:
            options["algorithms"] = self.algorithms
        if self.jwks is not None or self.secret_env is not None:
            options["keys"] = self.keys("")
        elif self.ca_certs is not None:
            options["fetch"] = self.fetcher()
        return preset_issuer(preset, self.audiences, options)

    def scope_hierarchy(self) -> ScopeHierarchy | None:
        """Return the hierarchy of `--scope-implies`, or None without it.

        Raises `click.UsageError` for invalid values.
        """
        if not self.implications:
            return None
        with usage_errors("--scope-implies: "):
            return read_hierarchy(parse_scope_implies(self.implications))

    def fetcher(self) -> Fetch:
        """Return the HTTP client that `--ca-certs` makes."""
        return built_in_fetcher(self.ca_certs)

    def _profile_options(self) -> dict[str, Any]:
        """Return the options of `Issuer` about the form of tokens, and `allow_http`."""
        with usage_errors("--header: "):
            header = parse_members(self.header)
        hierarchy = self.scope_hierarchy()
        options = {
            "profile": self.profile,
            "leeway": self.leeway,
            "scope_claim": self.scope_claim,
            "scope_implies": None if hierarchy is None else hierarchy.implied_scopes,
            "types": self.types or None,
            "allow_id_tokens": self.allow_id_tokens,
            "allow_http": self.allow_http,
            "header": header or None,
        }
        # A preset may have another default, and not all presets have these options.
        flags = {
            "padded": self.padded,
            "sender_constrained": self.sender_constrained,
            "accept_unproven_binding": self.accept_unproven_binding,
        }
        return {**options, **{name: True for name, is_set in flags.items() if is_set}}

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
        self.fetcher()
        with usage_errors("--issuer: ", "" if is_url(name) else _NOT_A_URL):
            return RemoteJWKS.discovered(name, allow_http=self.allow_http, ca_certs=self.ca_certs)

    def _default_algorithms(self) -> tuple[str, ...]:
        if self.secret_env:
            return ("HS256",)
        return ("RS256",)

    def _key_set(self, location: str) -> KeySource:
        self.fetcher()
        with usage_errors("--jwks: "):
            if is_url(location):
                return RemoteJWKS(location, allow_http=self.allow_http, ca_certs=self.ca_certs)
            try:
                return StaticJWKS(location)
            except OSError as error:
                raise ValueError(
                    f"{location}: cannot be read ({error.strerror}); write a file or a URL"
                ) from None


def issuer_options(command: _Command) -> _Command:
    """Add the options of an issuer; the command takes them as `options`, an `IssuerOptions`."""
    return with_options(command, IssuerOptions, "options", _OPTIONS)


def _read_secret(variable: str) -> SharedSecret:
    secret = os.environ.get(variable)
    if not secret:
        raise click.UsageError(
            f"--secret-env: {variable!r} is not set; export the secret under that name"
        )
    with usage_errors("--secret-env: "):
        return SharedSecret(secret)
