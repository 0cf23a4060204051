"""The preset for Microsoft Entra External ID."""

from collections.abc import Iterable
from typing import Unpack

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.presets._entra_clouds import EVERY_TENANT
from jwt_wsgi.presets._entra_keys import OwnersKeysFetcher
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer
from jwt_wsgi.presets._url_parts import check_guid, check_host


def entra_external_id(
    domain: str,
    tenant: str,
    *,
    audience: str | Iterable[str],
    application_keys: str | None = None,
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of an external tenant of Microsoft Entra, which signs in customers.

    The issuer's name has the tenant's ID twice: `https://TENANT.ciamlogin.com/TENANT/v2.0`. The
    tenant's domain has only the keys. Access tokens of version 2 name the client in `azp`; ID
    tokens lack that claim. Delegated scopes are in `scp`; rules read app roles with
    `has("roles", ...)`.

    Source: https://learn.microsoft.com/entra/identity-platform/security-tokens and
    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference

    Args:
        domain: The tenant's host, such as `contoso.ciamlogin.com`, or its custom domain.
        tenant: The tenant's ID, a GUID in lower case.
        audience: The API's client ID, a GUID, or several.
        application_keys: The API's client ID, if the API has signing keys of its own because its
            claims are mapped. By default the API has none.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    check_host("domain", domain)
    check_guid("tenant", tenant, "its ID", ", for that is what iss holds")
    jwks_uri = f"https://{domain}/{tenant}/discovery/v2.0/keys"
    if application_keys is not None:
        check_guid("application_keys", application_keys, "the API's client ID")
        jwks_uri += f"?appid={application_keys}"

    def is_tenants(issuer: str) -> bool:
        return tenant in issuer or EVERY_TENANT in issuer

    return preset_issuer(
        f"https://{tenant}.ciamlogin.com/{tenant}/v2.0",
        audience=audience,
        provider_keys=RemoteJWKS(jwks_uri, fetch=OwnersKeysFetcher(tenant, is_tenants, fetch)),
        claims={"ver": "2.0", "azp": ...},
        fetch=fetch,
        options=options,
    )
