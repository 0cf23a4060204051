"""The shapes of each provider's tokens: header, access token and ID token.

The names of claims come from the providers' documentation, to which `jwt_wsgi.presets` refers;
the values are invented. A token grants only what a test asks for: no scope, role or group
otherwise.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

_TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
_CLIENT = "0123456789abcdefghijklmnop"
_GUID = "75dbe77f-10a3-4e59-85fd-8c127544f17c"
_API = "6e74172b-be56-4843-9ff4-e66a39bb12e3"
_PERSON = {"name": "user", "email": "user@example.com"}


class Parties(NamedTuple):
    """The parties that a token names: the issuer, the API's identifier and the client's ID."""

    issuer: str
    audience: str
    client: str


class Shape(NamedTuple):
    """The form of one provider's tokens.

    Attributes:
        example: The parties unless a test names its own.
        keys_path: The path of the key set, below `keys_base`.
        header: Members that replace those of the usual header; None removes one.
        access: Returns the claims of an access token, except `iss`, `iat` and `exp`.
        id_token: Returns the claims of an ID token, except `iss`, `iat` and `exp`.
        times: Further claims whose value is the time of issue.
        scopes: Returns the claims that grant scopes, which are separated by spaces.
        keys_base: Returns the URL before `keys_path` for an issuer's name.
    """

    example: Parties
    keys_path: str
    header: Mapping[str, Any]
    access: Callable[[Parties], dict[str, Any]]
    id_token: Callable[[Parties], dict[str, Any]]
    times: tuple[str, ...] = ()
    scopes: Callable[[str], dict[str, Any]] = lambda scope: {"scope": scope}
    keys_base: Callable[[str], str] = lambda issuer: issuer.rstrip("/")


_JWKS = "/.well-known/jwks.json"


def _entra_tenant(issuer: str) -> str:
    return urlsplit(issuer).path.strip("/").partition("/")[0]


def _entra_keys_base(issuer: str) -> str:
    return f"https://login.microsoftonline.com/{_entra_tenant(issuer)}"


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


#: RFC 9068 access tokens, and ID tokens of OpenID Connect Core 1.0 §2.
RFC_9068 = Shape(
    example=Parties("https://issuer.test/", "https://api.test", "client-1"),
    keys_path=_JWKS,
    header={"typ": "at+jwt"},
    access=lambda p: {"aud": p.audience, "sub": "user-1", "client_id": p.client},
    id_token=lambda p: {"aud": p.client, "sub": "user-1", "nonce": "n"},
)

#: The shapes by the name that `LocalIssuer(like=...)` takes.
SHAPES: dict[str, Shape] = {
    "auth0": Shape(
        example=Parties(
            "https://tenant.eu.auth0.com/",
            "https://api.example.com",
            "0123456789abcdefghijABCDEFGHIJ01",
        ),
        keys_path=_JWKS,
        header={"typ": "JWT"},
        access=lambda p: {
            "sub": "auth0|0123456789abcdef01234567",
            "aud": [p.audience, f"{p.issuer}userinfo"],
            "azp": p.client,
            "permissions": [],
        },
        id_token=lambda p: {
            **_PERSON,
            "sub": "auth0|0123456789abcdef01234567",
            "aud": p.client,
            "nickname": "user",
            "email_verified": True,
            "updated_at": "2026-01-01T00:00:00.000Z",
            "sid": "session",
            "nonce": "n",
        },
    ),
    "okta": Shape(
        example=Parties(
            "https://org.okta.com/oauth2/default", "api://default", "0oa0123456789abcdef0"
        ),
        keys_path="/v1/keys",
        header={"typ": None},
        access=lambda p: {
            "ver": 1,
            "jti": "AT.0123456789",
            "aud": p.audience,
            "cid": p.client,
            "uid": "00u0123456789abcdef0",
            "sub": "user@example.com",
        },
        id_token=lambda p: {
            **_PERSON,
            "sub": "00u0123456789abcdef0",
            "ver": 1,
            "aud": p.client,
            "jti": "ID.0123456789",
            "amr": ["pwd"],
            "idp": "00o0123456789abcdef0",
            "nonce": "n",
            "preferred_username": "user@example.com",
        },
        scopes=lambda scope: {"scp": scope.split()},
    ),
    "entra-v2": Shape(
        example=Parties(f"https://login.microsoftonline.com/{_TENANT}/v2.0", _API, _GUID),
        keys_path="/discovery/v2.0/keys",
        header={"typ": "JWT"},
        access=lambda p: {"aud": p.audience, **_entra_v2_claims(p), "azp": p.client, "azpacr": "0"},
        id_token=lambda p: {"aud": p.client, **_entra_v2_claims(p), "nonce": "n"},
        times=("nbf",),
        scopes=lambda scope: {"scp": scope},
        keys_base=_entra_keys_base,
    ),
    "entra-v1": Shape(
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
    ),
    # Cognito's access tokens have no audience. They name the client instead.
    "cognito": Shape(
        example=Parties(
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123", _CLIENT, _CLIENT
        ),
        keys_path=_JWKS,
        header={"typ": None},
        access=lambda p: {
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "version": 2,
            "client_id": p.client,
            "origin_jti": "o",
            "event_id": "e",
            "token_use": "access",
            "jti": "j",
            "username": "user",
        },
        id_token=lambda p: {
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "email_verified": True,
            "cognito:username": "user",
            "origin_jti": "o",
            "aud": p.client,
            "event_id": "e",
            "token_use": "id",
            "jti": "i",
            "email": "user@example.com",
        },
        times=("auth_time",),
    ),
    "keycloak": Shape(
        example=Parties("https://sso.example.com/realms/main", "my-api", "my-client"),
        keys_path="/protocol/openid-connect/certs",
        header={"typ": "JWT"},
        access=lambda p: {
            "jti": "j",
            "aud": [p.audience, "account"],
            "sub": "s",
            "typ": "Bearer",
            "azp": p.client,
            "sid": "session",
            "acr": "1",
            "allowed-origins": ["https://app.example.com"],
            "realm_access": {
                "roles": ["offline_access", "uma_authorization", "default-roles-main"]
            },
            "resource_access": {"account": {"roles": ["view-profile"]}},
            "preferred_username": "user",
        },
        id_token=lambda p: {
            "jti": "i",
            "aud": p.client,
            "sub": "s",
            "typ": "ID",
            "azp": p.client,
            "sid": "session",
            "nonce": "n",
            "acr": "1",
            "preferred_username": "user",
        },
        times=("auth_time",),
    ),
}
