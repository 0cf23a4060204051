"""The preset for Azure AD B2C."""

import re
from collections.abc import Iterable
from typing import Final, Literal, Unpack

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.presets._named_values import is_one_of_ignoring_case, names_of
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer
from jwt_wsgi.presets._url_parts import check_guid, check_host, check_segment

_TENANT_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]*")


def azure_b2c(
    tenant_name: str,
    tenant: str,
    policies: str | Iterable[str],
    *,
    audience: str | Iterable[str],
    domain: str | None = None,
    policy_claim: Literal["tfp", "acr"] = "tfp",
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of a tenant of Azure AD B2C.

    All user flows and custom policies of a tenant have one issuer, so the preset requires the
    claim that names the policy. Access tokens name the client in `azp`; ID tokens lack that claim.
    Scopes are in `scp`.

    The name of the issuer is that of the token compatibility setting `https://<domain>/{tenant
    GUID}/v2.0/`, the default. The other setting, whose name has `/tfp/` in it, needs no preset:
    `Issuer` discovers its keys.

    Source: https://learn.microsoft.com/azure/active-directory-b2c/tokens-overview and
    https://learn.microsoft.com/azure/active-directory-b2c/access-tokens

    Args:
        tenant_name: The name of the tenant, such as `contoso` for `contoso.onmicrosoft.com`.
        tenant: The tenant's ID, a GUID in lower case.
        policies: The user flow or custom policy whose tokens are accepted, such as
            `B2C_1_signin`, or several. Case does not matter.
        audience: The API's application ID, a GUID, or several.
        domain: The tenant's custom domain. By default it is `TENANT_NAME.b2clogin.com`.
        policy_claim: The claim that names the policy: "tfp", or "acr" where the token
            compatibility settings say so.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    if not isinstance(tenant_name, str) or _TENANT_NAME.fullmatch(tenant_name) is None:
        raise ValueError(f"tenant_name={tenant_name!r}: write contoso for contoso.onmicrosoft.com")
    check_guid("tenant", tenant, "its ID", ", for that is what iss holds")
    if policy_claim not in ("tfp", "acr"):
        raise ValueError(f"policy_claim={policy_claim!r}: write 'tfp' or 'acr'")
    names = names_of("policies", policies, "name the policies, such as B2C_1_signin")
    host = f"{tenant_name}.b2clogin.com" if domain is None else check_host("domain", domain)
    base = f"https://{host}/{tenant_name}.onmicrosoft.com"
    return preset_issuer(
        f"https://{host}/{tenant}/v2.0/",
        audience=audience,
        provider_keys=[
            f"{base}/{check_segment('policies', name)}/discovery/v2.0/keys" for name in names
        ],
        claims={policy_claim: is_one_of_ignoring_case(names), "azp": ...},
        fetch=fetch,
        options=options,
    )
