"""The option `--preset`: an issuer as `jwt_wsgi.presets` configures it."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import click

from jwt_wsgi.issuer import Issuer
from jwt_wsgi.presets import auth0, aws_alb, cognito, entra, keycloak, okta


class _Preset(NamedTuple):
    """A preset: how it is written, its least number of arguments, and how it is called."""

    form: str
    min_arguments: int
    make: Callable[..., Issuer]


def _auth0(domain: str, *, audience: Any, **options: Any) -> Issuer:
    return auth0(domain, audience=audience, **options)


def _okta(domain: str, server: str = "default", *, audience: Any, **options: Any) -> Issuer:
    return okta(domain, authorization_server=server, audience=audience, **options)


def _entra(tenant: str, version: str = "2", *, audience: Any, **options: Any) -> Issuer:
    if version not in ("1", "2"):
        raise ValueError(f"version={version!r}: write 1 or 2")
    number: Literal[1, 2] = 1 if version == "1" else 2
    issuer: Issuer = entra(tenant, audience=audience, version=number, **options)
    return issuer


def _cognito(region: str, pool: str, *, audience: Any, **options: Any) -> Issuer:
    return cognito(region, pool, client_ids=audience, **options)


def _keycloak(base_url: str, realm: str, *, audience: Any, **options: Any) -> Issuer:
    return keycloak(base_url, realm, audience=audience, **options)


def _aws_alb(region: str, arn: str, issuer: str, *, audience: Any, **options: Any) -> Issuer:
    return aws_alb(region, arn, issuer=issuer, client_ids=audience, **options)


_PRESETS = {
    "auth0": _Preset("auth0:DOMAIN", 1, _auth0),
    "aws-alb": _Preset("aws-alb:REGION,ARN,ISSUER", 3, _aws_alb),
    "cognito": _Preset("cognito:REGION,POOL", 2, _cognito),
    "entra": _Preset("entra:TENANT[,VERSION]", 1, _entra),
    "keycloak": _Preset("keycloak:URL,REALM", 2, _keycloak),
    "okta": _Preset("okta:DOMAIN[,SERVER]", 1, _okta),
}
FORMS = tuple(preset.form for preset in _PRESETS.values())

preset_option = click.option(
    "--preset",
    metavar="NAME:ARG[,ARG]",
    help=(
        f"The issuer as a preset configures it, instead of --issuer: {', '.join(FORMS)}."
        " --audience is then the preset's audience, or the client IDs of cognito and aws-alb."
    ),
)


def preset_issuer(text: str, audience: tuple[str, ...], options: dict[str, Any]) -> Issuer:
    """Return the issuer that `--preset` names.

    Args:
        text: The value of the option.
        audience: This API's identifiers.
        options: Other options of the preset.

    Raises:
        click.UsageError: The preset is unknown, or an argument is not valid.
    """
    name, _, rest = text.partition(":")
    arguments = [argument for argument in rest.split(",") if argument]
    preset = _PRESETS.get(name)
    if preset is None:
        raise click.UsageError(f"--preset {text!r}: write one of {', '.join(FORMS)}")
    most = preset.form.count(",") + 1
    if not preset.min_arguments <= len(arguments) <= most:
        raise click.UsageError(f"--preset {text!r}: write {preset.form}")
    try:
        return preset.make(*arguments, audience=audience, **options)
    except ValueError as error:
        raise click.UsageError(f"--preset: {error}") from None
