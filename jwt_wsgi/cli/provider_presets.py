"""The option `--preset`: an issuer as `jwt_wsgi.presets` configures it."""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import click

from jwt_wsgi.issuer import Issuer
from jwt_wsgi.presets import (
    adfs,
    auth0,
    aws_alb,
    azure_b2c,
    clerk,
    cloudflare_access,
    cognito,
    entra,
    entra_external_id,
    firebase,
    github_actions,
    gitlab_ci,
    google_iap,
    google_self_signed,
    google_service_account,
    keycloak,
    kubernetes_service_accounts,
    okta,
    supabase,
)


class _Preset(NamedTuple):
    """A preset: how it is written, its least number of arguments, and how it is called.

    A form that ends with `…]` takes any number of arguments.
    """

    form: str
    min_arguments: int
    make: Callable[..., Issuer]

    @property
    def max_arguments(self) -> float:
        """The greatest number of arguments."""
        if self.form.endswith("…]"):
            return math.inf
        return self.form.count(",") + self.form.count(":")


def _auth0(domain: str, *, audience: Any, **options: Any) -> Issuer:
    return auth0(domain, audience=audience, **options)


def _okta(domain: str, server: str = "default", *, audience: Any, **options: Any) -> Issuer:
    return okta(domain, authorization_server=server, audience=audience, **options)


def _entra(
    tenant: str, version: str = "2", cloud: Any = "global", *, audience: Any, **options: Any
) -> Issuer:
    if version not in ("1", "2"):
        raise ValueError(f"version={version!r}: write 1 or 2")
    number: Literal[1, 2] = 1 if version == "1" else 2
    issuer: Issuer = entra(tenant, audience=audience, version=number, cloud=cloud, **options)
    return issuer


def _cognito(region: str, pool: str, *, audience: Any, **options: Any) -> Issuer:
    return cognito(region, pool, client_ids=audience, **options)


def _keycloak(base_url: str, realm: str, *, audience: Any, **options: Any) -> Issuer:
    return keycloak(base_url, realm, audience=audience, **options)


def _aws_alb(region: str, arn: str, issuer: str, *, audience: Any, **options: Any) -> Issuer:
    return aws_alb(region, arn, issuer=issuer, client_ids=audience, **options)


def _azure_b2c(name: str, tenant: str, *policies: str, audience: Any, **options: Any) -> Issuer:
    return azure_b2c(name, tenant, policies, audience=audience, **options)


def _google_service_account(*emails: str, audience: Any, **options: Any) -> Issuer:
    return google_service_account(emails, audience=audience, **options)


def _firebase(project: str, *, audience: Any, **options: Any) -> Issuer:
    if tuple(audience) != (project,):
        raise ValueError(f"audience={audience!r}: write the project, {project}")
    return firebase(project, **options)


def _cloudflare_access(team_domain: str, *, audience: Any, **options: Any) -> Issuer:
    return cloudflare_access(team_domain, audience=audience, **options)


def _supabase(project: str, *, audience: Any, **options: Any) -> Issuer:
    return supabase(project, audience=audience, **options)


def _clerk(frontend_api: str, *, audience: Any, **options: Any) -> Issuer:
    return clerk(frontend_api, authorized_parties=audience, **options)


def _kubernetes(service_account: str, issuer: str = "", *, audience: Any, **options: Any) -> Issuer:
    if issuer:
        options["issuer"] = issuer
    return kubernetes_service_accounts(
        audience=audience, service_accounts=service_account, **options
    )


def _github_actions(
    repository: str, owner_id: str | None = None, *, audience: Any, **options: Any
) -> Issuer:
    return github_actions(audience=audience, repositories=repository, owner_ids=owner_id, **options)


def _gitlab_ci(
    project: str, url: str = "https://gitlab.com", *, audience: Any, **options: Any
) -> Issuer:
    return gitlab_ci(audience=audience, projects=project, url=url, **options)


_PRESETS = {
    "auth0": _Preset("auth0:DOMAIN", 1, _auth0),
    "aws-alb": _Preset("aws-alb:REGION,ARN,ISSUER", 3, _aws_alb),
    "clerk": _Preset("clerk:FRONTEND_API", 1, _clerk),
    "cloudflare-access": _Preset("cloudflare-access:TEAM_DOMAIN", 1, _cloudflare_access),
    "cognito": _Preset("cognito:REGION,POOL", 2, _cognito),
    "entra": _Preset("entra:TENANT[,VERSION[,CLOUD]]", 1, _entra),
    "github-actions": _Preset("github-actions:OWNER/REPO[,OWNER_ID]", 1, _github_actions),
    "gitlab-ci": _Preset("gitlab-ci:PROJECT[,URL]", 1, _gitlab_ci),
    "keycloak": _Preset("keycloak:URL,REALM", 2, _keycloak),
    "kubernetes-service-accounts": _Preset(
        "kubernetes-service-accounts:NAMESPACE:NAME[,ISSUER]", 1, _kubernetes
    ),
    "okta": _Preset("okta:DOMAIN[,SERVER]", 1, _okta),
    "entra-external-id": _Preset("entra-external-id:DOMAIN,TENANT", 2, entra_external_id),
    "azure-b2c": _Preset("azure-b2c:NAME,TENANT,POLICY[,POLICY…]", 3, _azure_b2c),
    "adfs": _Preset("adfs:HOST", 1, adfs),
    "google-iap": _Preset("google-iap", 0, google_iap),
    "google-service-account": _Preset(
        "google-service-account:EMAIL[,EMAIL…]", 1, _google_service_account
    ),
    "google-self-signed": _Preset("google-self-signed:EMAIL", 1, google_self_signed),
    "firebase": _Preset("firebase:PROJECT", 1, _firebase),
    "supabase": _Preset("supabase:PROJECT", 1, _supabase),
}
FORMS = tuple(preset.form for preset in _PRESETS.values())

preset_option = click.option(
    "--preset",
    metavar="NAME:ARG[,ARG]",
    help=(
        f"The issuer as a preset configures it, instead of --issuer: {', '.join(FORMS)}."
        " --audience is then the preset's audience, the client IDs of cognito and aws-alb, Clerk's"
        " authorized parties or Firebase's project."
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
    if not preset.min_arguments <= len(arguments) <= preset.max_arguments:
        raise click.UsageError(f"--preset {text!r}: write {preset.form}")
    try:
        return preset.make(*arguments, audience=audience, **options)
    except ValueError as error:
        raise click.UsageError(f"--preset: {error}") from None
