"""The shape of the tokens of Active Directory Federation Services (AD FS).

https://learn.microsoft.com/windows-server/identity/ad-fs/development/ad-fs-openid-connect-oauth-concepts
has the tokens' roles, the audience and the scopes. It has no example of a token: the other claims
are those of tokens that users of AD FS have published.
"""

from urllib.parse import urlsplit

from jwt_wsgi.testing.shapes._shape import Parties, Shape

_CLIENT = "50ce8764-7f21-4a2b-96c0-39cc601ea154"


def _keys_base(issuer: str) -> str:
    return f"https://{urlsplit(issuer).netloc}/adfs"


ADFS = Shape(
    example=Parties(
        "http://adfs.example.com/adfs/services/trust",
        "microsoft:identityserver:97fec0e9-d322-4922-83e6-4b8208415ddf",
        _CLIENT,
    ),
    keys_path="/discovery/keys",
    header={"typ": "JWT"},
    access=lambda p: {
        "aud": p.audience,
        "sub": "s",
        "upn": "user@example.com",
        "apptype": "Confidential",
        "appid": p.client,
        "authmethod": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
        "auth_time": "2026-01-01T00:00:00.000Z",
        "ver": "1.0",
    },
    id_token=lambda p: {
        "iss": _keys_base(p.issuer),
        "aud": p.client,
        "sub": "s",
        "upn": "user@example.com",
        "unique_name": "EXAMPLE\\user",
        "sid": "S-1-5-21-1-2-3-1001",
        "nonce": "n",
        "apptype": "Confidential",
        "appid": p.client,
        "ver": "1.0",
    },
    scopes=lambda scope: {"scp": scope},
    keys_base=_keys_base,
)
