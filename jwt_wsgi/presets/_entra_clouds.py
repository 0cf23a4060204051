"""The clouds of Microsoft Entra ID: the names of their issuers, and where their keys are."""

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from jwt_wsgi.jose.claim_lookup import ClaimName

CloudName = Literal["global", "usgov", "china"]

# A key that serves every tenant names an issuer with this template in place of a tenant.
EVERY_TENANT: Final = "{tenantid}"


class TokenVersion(NamedTuple):
    """The properties of one version of Entra's access tokens; `{}` stands for the tenant."""

    issuer: str
    jwks_uri: str
    claims: Mapping[ClaimName, Any]


class _Cloud(NamedTuple):
    """The hosts of one cloud: of sign-in and keys, and of the issuers of version 1."""

    login_host: str
    v1_issuer_host: str


# https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud has the first
# hosts. Tokens of version 1 in the US Government cloud have the issuer of the global cloud.
_CLOUDS: Mapping[CloudName, _Cloud] = {
    "global": _Cloud("login.microsoftonline.com", "sts.windows.net"),
    "usgov": _Cloud("login.microsoftonline.us", "sts.windows.net"),
    "china": _Cloud("login.partner.microsoftonline.cn", "sts.chinacloudapi.cn"),
}


def token_versions(cloud: CloudName) -> Mapping[int, TokenVersion]:
    """Return the properties of both versions of access tokens in a cloud.

    Raises:
        ValueError: The cloud is unknown.
    """
    if cloud not in list(_CLOUDS):
        raise ValueError(f"cloud={cloud!r}: write 'global', 'usgov' or 'china'")
    hosts = _CLOUDS[cloud]
    return {
        1: TokenVersion(
            f"https://{hosts.v1_issuer_host}/{{}}/",
            f"https://{hosts.login_host}/{{}}/discovery/keys",
            {"ver": "1.0", "appid": ...},
        ),
        2: TokenVersion(
            f"https://{hosts.login_host}/{{}}/v2.0",
            f"https://{hosts.login_host}/{{}}/discovery/v2.0/keys",
            {"ver": "2.0", "azp": ...},
        ),
    }


def key_issuers(cloud: CloudName, owner: str) -> frozenset[str]:
    """Return the issuers that the keys for one owner name in a key set of the cloud.

    Args:
        cloud: The cloud.
        owner: The ID of a tenant, or `EVERY_TENANT`.
    """
    return frozenset(
        version.issuer.format(tenant)
        for version in token_versions(cloud).values()
        for tenant in (owner, EVERY_TENANT)
    )
