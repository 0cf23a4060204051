"""The shape of the tokens of Azure AD B2C.

The access token is the example of https://learn.microsoft.com/azure/active-directory-b2c/access-tokens;
its `nonce` is there, too. The ID token has the claims of
https://learn.microsoft.com/azure/active-directory-b2c/tokens-overview.
"""

from urllib.parse import urlsplit

from jwt_wsgi.testing.shapes._shape import Parties, Shape

_OID = "1558f87f-452b-4757-bcd1-883000000000"
_POLICY = "B2C_1_signupsignin1"


def _keys_base(issuer: str) -> str:
    host = urlsplit(issuer).netloc
    return f"https://{host}/{host.partition('.')[0]}.onmicrosoft.com/{_POLICY}"


AZURE_B2C = Shape(
    example=Parties(
        "https://contoso.b2clogin.com/775527ff-9a37-4307-8b3d-cc311f58d925/v2.0/",
        "90c0fe63-bcf2-44d5-8fb7-b8bbc0b29dc6",
        "975251ed-e4f5-4efd-abcb-5f1a8f566ab7",
    ),
    keys_path="/discovery/v2.0/keys",
    header={"typ": "JWT"},
    access=lambda p: {
        "aud": p.audience,
        "oid": _OID,
        "sub": _OID,
        "name": "user",
        "tfp": _POLICY,
        "nonce": "n",
        "azp": p.client,
        "ver": "1.0",
    },
    id_token=lambda p: {
        "aud": p.client,
        "oid": _OID,
        "sub": _OID,
        "name": "user",
        "tfp": _POLICY,
        "nonce": "n",
        "ver": "1.0",
    },
    times=("nbf",),
    scopes=lambda scope: {"scp": scope},
    keys_base=_keys_base,
)
