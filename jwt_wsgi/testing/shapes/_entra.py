"""The shapes of the tokens of Microsoft Entra ID, of both versions, and of Entra External ID.

The claims are those of https://learn.microsoft.com/entra/identity-platform/access-tokens and
https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference.
"""

from typing import Any
from urllib.parse import urlsplit

from jwt_wsgi.testing.shapes._shape import Parties, Shape

_TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
_GUID = "75dbe77f-10a3-4e59-85fd-8c127544f17c"
_API = "6e74172b-be56-4843-9ff4-e66a39bb12e3"

# The hosts of the keys of issuers that have them elsewhere. The issuers of version 1 in the US
# Government cloud have the name of the global cloud's.
_KEYS_HOSTS = {
    "sts.windows.net": "login.microsoftonline.com",
    "sts.chinacloudapi.cn": "login.partner.microsoftonline.cn",
}


def _entra_tenant(issuer: str) -> str:
    return urlsplit(issuer).path.strip("/").partition("/")[0]


def _entra_keys_base(issuer: str) -> str:
    issuer_host = urlsplit(issuer).netloc
    host = _KEYS_HOSTS.get(issuer_host, issuer_host)
    return f"https://{host}/{_entra_tenant(issuer)}"


def _entra_claims(parties: Parties) -> dict[str, Any]:
    """Return the claims of access tokens and ID tokens of both versions."""
    return {
        "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
        "sub": "s",
        "tid": _entra_tenant(parties.issuer),
        "uti": "u",
        "name": "user",
        "aio": "o",
        "rh": "I",
    }


def _entra_v1_claims(parties: Parties) -> dict[str, Any]:
    return {**_entra_claims(parties), "unique_name": "user@example.com", "ver": "1.0"}


def _entra_v2_claims(parties: Parties) -> dict[str, Any]:
    return {**_entra_claims(parties), "preferred_username": "user@example.com", "ver": "2.0"}


ENTRA_V2 = Shape(
    example=Parties(f"https://login.microsoftonline.com/{_TENANT}/v2.0", _API, _GUID),
    keys_path="/discovery/v2.0/keys",
    header={"typ": "JWT"},
    access=lambda p: {"aud": p.audience, **_entra_v2_claims(p), "azp": p.client, "azpacr": "0"},
    id_token=lambda p: {"aud": p.client, **_entra_v2_claims(p), "nonce": "n"},
    times=("nbf",),
    scopes=lambda scope: {"scp": scope},
    keys_base=_entra_keys_base,
)

ENTRA_V1 = Shape(
    example=Parties(f"https://sts.windows.net/{_TENANT}/", f"api://{_API}", _GUID),
    keys_path="/discovery/keys",
    header={"typ": "JWT"},
    access=lambda p: {
        "aud": p.audience,
        **_entra_v1_claims(p),
        "appid": p.client,
        "appidacr": "0",
        "acr": "1",
    },
    id_token=lambda p: {"aud": p.client, **_entra_v1_claims(p), "nonce": "n"},
    times=("nbf",),
    scopes=lambda scope: {"scp": scope},
    keys_base=_entra_keys_base,
)

# The issuer of https://learn.microsoft.com/entra/identity-platform/security-tokens.
ENTRA_EXTERNAL_ID = ENTRA_V2._replace(
    example=Parties(f"https://{_TENANT}.ciamlogin.com/{_TENANT}/v2.0", _API, _GUID)
)
