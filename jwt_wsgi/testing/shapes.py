"""The tokens of each provider as it writes them: header, access token and ID token.

The names of claims are those of the providers' own documentation, which `jwt_wsgi.presets` names;
the values are invented. Nothing is granted that a test has not asked for: no scope, role or group.
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
    """Who a token is about: the issuer's name, the API, and the client's ID."""

    issuer: str
    audience: str
    client: str


class Shape(NamedTuple):
    """How one provider shapes its tokens.

    `example` are the parties where a test names none. The key set is at
    `keys_base(issuer)` and `keys_path` after it. `header` goes over the usual one,
    None leaves a member out.
    `access` and `id_token` are what tokens say besides `iss`, `iat` and `exp`;
    `times` are further claims that hold the present. `scopes` writes down what
    was granted.
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


def _entra(version: int) -> Shape:
    v2 = version == 2
    issuer = (
        f"https://login.microsoftonline.com/{_TENANT}/v2.0"
        if v2
        else f"https://sts.windows.net/{_TENANT}/"
    )
    person = {"name": "user", ("preferred_username" if v2 else "unique_name"): "user@example.com"}

    def tenant(issuer: str) -> str:
        return urlsplit(issuer).path.strip("/").partition("/")[0]

    def common(p: Parties) -> dict[str, Any]:
        ids = {
            "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
            "sub": "s",
            "tid": tenant(p.issuer),
            "uti": "u",
        }
        return {**ids, **person, "aio": "o", "rh": "I", "ver": f"{version}.0"}

    def access(p: Parties) -> dict[str, Any]:
        client = (
            {"azp": p.client, "azpacr": "0"}
            if v2
            else {"appid": p.client, "appidacr": "0", "acr": "1"}
        )
        return {"aud": p.audience, **common(p), **client}

    return Shape(
        example=Parties(issuer, _API if v2 else f"api://{_API}", _GUID),
        keys_path="/discovery/v2.0/keys" if v2 else "/discovery/keys",
        header={"typ": "JWT"},
        access=access,
        id_token=lambda p: {"aud": p.client, **common(p), "nonce": "n"},
        times=("nbf",),
        scopes=lambda scope: {"scp": scope},
        keys_base=lambda issuer: f"https://login.microsoftonline.com/{tenant(issuer)}",
    )


#: RFC 9068, and an ID token of OpenID Connect Core 1.0 §2 beside it.
RFC_9068 = Shape(
    example=Parties("https://issuer.test/", "https://api.test", "client-1"),
    keys_path=_JWKS,
    header={"typ": "at+jwt"},
    access=lambda p: {"aud": p.audience, "sub": "user-1", "client_id": p.client},
    id_token=lambda p: {"aud": p.client, "sub": "user-1", "nonce": "n"},
)

#: The shapes by the names that `LocalIssuer(like=...)` takes.
SHAPES: dict[str, Shape] = {
    "auth0": Shape(
        example=Parties("https://tenant.eu.auth0.com/", "https://api.example.com", "0123456789abcdefghijABCDEFGHIJ01"),
        keys_path=_JWKS,
        header={"typ": "JWT"},
        access=lambda p: {
            "sub": "auth0|0123456789abcdef01234567", "aud": [p.audience, f"{p.issuer}userinfo"], "azp": p.client,
            "permissions": [],
        },
        id_token=lambda p: {
            **_PERSON, "sub": "auth0|0123456789abcdef01234567", "aud": p.client, "nickname": "user",
            "email_verified": True, "updated_at": "2026-01-01T00:00:00.000Z", "sid": "session", "nonce": "n",
        },
    ),
    "okta": Shape(
        example=Parties("https://org.okta.com/oauth2/default", "api://default", "0oa0123456789abcdef0"),
        keys_path="/v1/keys",
        header={"typ": None},
        access=lambda p: {
            "ver": 1, "jti": "AT.0123456789", "aud": p.audience, "cid": p.client, "uid": "00u0123456789abcdef0",
            "sub": "user@example.com",
        },
        id_token=lambda p: {
            **_PERSON, "sub": "00u0123456789abcdef0", "ver": 1, "aud": p.client, "jti": "ID.0123456789",
            "amr": ["pwd"], "idp": "00o0123456789abcdef0", "nonce": "n", "preferred_username": "user@example.com",
        },
        scopes=lambda scope: {"scp": scope.split()},
    ),
    "entra-v2": _entra(2),
    "entra-v1": _entra(1),
    # A pool has no API of its own: an access token names the client, and no audience.
    "cognito": Shape(
        example=Parties("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123", _CLIENT, _CLIENT),
        keys_path=_JWKS,
        header={"typ": None},
        access=lambda p: {
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "version": 2, "client_id": p.client, "origin_jti": "o",
            "event_id": "e", "token_use": "access", "jti": "j", "username": "user",
        },
        id_token=lambda p: {
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "email_verified": True, "cognito:username": "user",
            "origin_jti": "o", "aud": p.client, "event_id": "e", "token_use": "id", "jti": "i",
            "email": "user@example.com",
        },
        times=("auth_time",),
    ),
    "keycloak": Shape(
        example=Parties("https://sso.example.com/realms/main", "my-api", "my-client"),
        keys_path="/protocol/openid-connect/certs",
        header={"typ": "JWT"},
        access=lambda p: {
            "jti": "j", "aud": [p.audience, "account"], "sub": "s", "typ": "Bearer", "azp": p.client,
            "sid": "session", "acr": "1", "allowed-origins": ["https://app.example.com"],
            "realm_access": {"roles": ["offline_access", "uma_authorization", "default-roles-main"]},
            "resource_access": {"account": {"roles": ["view-profile"]}}, "preferred_username": "user",
        },
        id_token=lambda p: {
            "jti": "i", "aud": p.client, "sub": "s", "typ": "ID", "azp": p.client, "sid": "session", "nonce": "n",
            "acr": "1", "preferred_username": "user",
        },
        times=("auth_time",),
    ),
}  # fmt: skip
