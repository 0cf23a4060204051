"""The tokens of the providers on docs/how-to/providers.md that have no preset.

Each row belongs to a section of the page. The names of claims come from the sources that the
section links to; the values are invented.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from jwt_wsgi.testing.shapes import Parties, Shape

API = "https://api.example.com"
ZITADEL_ROLES = "urn:zitadel:iam:org:project:roles"
STYTCH_SESSION = "https://stytch.com/session"
FUSIONAUTH_APPLICATION = "e9fdb985-9173-4e01-9d73-ac2d60d1dc8e"
PINGONE = "https://auth.pingone.eu/00000000-0000-0000-0000-000000000001/as"
XSUAA = "https://acme.authentication.eu10.hana.ondemand.com"

#: What an opaque access token looks like.
OPAQUE = "ory_at_JGhESDjKfHMQ8Wcy0cC3.hIQxGmX37ydn8WmKAnlD3U"


class Refused(NamedTuple):
    """A token that the lines of the page refuse, and the reason.

    Attributes:
        case: The id of the test.
        reason: The reason of the refusal.
        claims: Claims that replace those of the access token, or of the ID token; None removes one.
        of_id_token: True if the token is an ID token.
        text: The whole token, instead of one that is minted.
        algorithm: The algorithm that it is signed with, if not the row's.
    """

    case: str
    reason: str
    claims: Mapping[str, Any] = {}
    of_id_token: bool = False
    text: str | None = None
    algorithm: str | None = None


class Plain(NamedTuple):
    """Options of `Issuer` with which a plain configuration refuses the provider's access token.

    Attributes:
        case: The id of the test.
        reason: The reason of the refusal.
        options: The options beside the audience, which is the row's.
        claims: Claims that replace those of the access token; None removes one.
    """

    case: str
    reason: str
    options: Mapping[str, Any] = {}
    claims: Mapping[str, Any] = {}


class Row(NamedTuple):
    """A provider's tokens, and what becomes of them with the lines of its section.

    Attributes:
        section: The heading of the section.
        name: The id of the tests.
        shape: The form of the tokens.
        grants: The claims that the section's rules ask for.
        algorithm: The algorithm of the tokens.
        access_typ: The `typ` of access tokens, if it is not that of ID tokens.
        issuer: The variable of the section with the issuer.
        rules: The variable of the section with the rules.
        secret: The secret of an HS algorithm, as the section writes it.
        id_token: The reason of the refusal of an ID token; None if it is accepted.
        has_id_tokens: False if the provider issues none beside these access tokens.
        nothing: The claims of a token that grants nothing, instead of none of `grants`.
        for_another: A token of the same issuer that is meant for another API or another client.
        refused: Further tokens that are refused.
        plain: What a plain configuration refuses.
        accepted: Claims of further access tokens that are accepted.
    """

    section: str
    name: str
    shape: Shape
    grants: Mapping[str, Any]
    algorithm: str = "RS256"
    access_typ: str | None = None
    issuer: str = "issuer"
    rules: str = "rules"
    secret: str | None = None
    id_token: str | None = "audience_mismatch"
    has_id_tokens: bool = True
    nothing: Mapping[str, Any] | None = None
    for_another: Refused = Refused(
        "another API", "audience_mismatch", {"aud": ["https://other.example.com"]}
    )
    refused: tuple[Refused, ...] = ()
    plain: tuple[Plain, ...] = ()
    accepted: tuple[Mapping[str, Any], ...] = ()

    @property
    def grants_nothing(self) -> Mapping[str, Any]:
        """The claims that replace `grants` in a token without the role or scope."""
        if self.nothing is None:
            return dict.fromkeys(self.grants)
        return self.nothing


_OPAQUE = Refused("an opaque token", "token_malformed", text=OPAQUE)


def _id_token(p: Parties) -> dict[str, Any]:
    """Return the claims of an ID token of OpenID Connect Core §2 and §3.1.3.6."""
    return {"aud": [p.client], "sub": "user-1", "nonce": "n", "at_hash": "77QmUPtjPfzWtF2AnpK9RQ"}


def _without(*names: str) -> dict[str, None]:
    return dict.fromkeys(names)


def _dex(p: Parties) -> dict[str, Any]:
    return {
        "aud": p.audience,
        "sub": "CgR1c2VyEgVsb2NhbA",
        "at_hash": "77QmUPtjPfzWtF2AnpK9RQ",
        "email": "user@example.com",
        "email_verified": True,
        "jti": None,
    }


DEX = Row(
    "Dex",
    "dex",
    Shape(
        example=Parties("https://dex.example.com", "my-client", "my-client"),
        keys_path="/keys",
        header={"typ": None},
        access=_dex,
        id_token=lambda p: {**_dex(p), "c_hash": "LDktKdoQak3Pk0cnXxCltA"},
    ),
    {"groups": ["readers", "writers"]},
    id_token=None,
    plain=(Plain("an access token has at_hash", "id_token"),),
    refused=(
        Refused(
            "a client that is not in audience",
            "claim_mismatch",
            {"aud": ["my-client", "other"], "azp": "other"},
        ),
    ),
)

ZITADEL = Row(
    "Zitadel",
    "zitadel",
    Shape(
        example=Parties(
            "https://my-instance.zitadel.cloud", "69234237810729019", "69234237810729234"
        ),
        keys_path="/oauth/v2/keys",
        header={"typ": "JWT"},
        access=lambda p: {"aud": [p.client, p.audience], "azp": p.client, "sub": "77776025198584"},
        id_token=lambda p: {**_id_token(p), "aud": [p.client, p.audience], "azp": p.client},
        times=("nbf",),
    ),
    {ZITADEL_ROLES: {"reader": {"1111": "acme.example.com"}}},
    id_token="id_token",
    refused=(
        _OPAQUE,
        Refused("an ID token without at_hash", "claim_missing", _without("at_hash"), True),
    ),
)

_AUTHENTIK = Shape(
    example=Parties("https://auth.example.com/application/o/my-app/", "my-client", "my-client"),
    keys_path="/jwks/",
    header={"typ": "JWT"},
    access=lambda p: {
        "aud": p.client,
        "sub": "user-1",
        "acr": "goauthentik.io/providers/oauth2/default",
        "sid": "session",
        "azp": p.client,
        "uid": "abcdefghijklmnop",
        "jti": None,
    },
    id_token=lambda p: {"aud": p.client, "sub": "user-1", "sid": "session", "nonce": "n"},
    times=("auth_time",),
)
AUTHENTIK = Row(
    "authentik",
    "authentik",
    _AUTHENTIK,
    {"groups": ["readers"]},
    id_token="claim_missing",
    refused=(
        Refused("no signing key", "algorithm_not_allowed", algorithm="HS256"),
        Refused(
            "no slash", "issuer_mismatch", {"iss": "https://auth.example.com/application/o/my-app"}
        ),
    ),
)
AUTHENTIK_SECRET = AUTHENTIK._replace(
    name="authentik without a signing key",
    algorithm="HS256",
    issuer="without_signing_key",
    secret="the client secret of this application",
    refused=(),
)

HYDRA = Row(
    "Ory Hydra",
    "hydra",
    Shape(
        example=Parties("https://my-project.projects.oryapis.com", API, "my-client"),
        keys_path="/.well-known/jwks.json",
        header={"typ": "JWT"},
        access=lambda p: {
            "aud": [p.audience],
            "client_id": p.client,
            "sub": "user-1",
            "ext": {"roles": ["reader"]},
        },
        id_token=lambda p: {**_id_token(p), "rat": 1_800_000_000, "sid": "session"},
        times=("nbf",),
    ),
    {"scp": ["read:messages", "offline"]},
    refused=(_OPAQUE, Refused("no audience requested", "audience_mismatch", {"aud": []})),
)

AUTHELIA = Row(
    "Authelia",
    "authelia",
    Shape(
        example=Parties("https://auth.example.com", API, "my-client"),
        keys_path="/jwks.json",
        header={"typ": "JWT"},
        access=lambda p: {"aud": [p.audience], "client_id": p.client, "sub": "user-1"},
        id_token=lambda p: {**_id_token(p), "azp": p.client},
    ),
    {"scope": "read:messages openid"},
    access_typ="at+jwt",
    id_token="type_mismatch",
    refused=(_OPAQUE, Refused("no audience requested", "audience_mismatch", {"aud": []})),
    accepted=({"scope": None, "scp": ["read:messages"]},),
)

LOGTO = Row(
    "Logto",
    "logto",
    Shape(
        example=Parties("https://my-tenant.logto.app/oidc", API, "my-client"),
        keys_path="/jwks",
        header={"typ": "JWT"},
        access=lambda p: {"aud": p.audience, "client_id": p.client, "sub": "user-1"},
        id_token=lambda p: {**_id_token(p), "aud": p.client},
    ),
    {"scope": "read:messages"},
    access_typ="at+jwt",
    algorithm="ES384",
    refused=(
        _OPAQUE,
        Refused("an RSA key", "algorithm_not_allowed", algorithm="RS256"),
        Refused(
            "a token for an organization",
            "audience_mismatch",
            {"aud": "urn:logto:organization:acme"},
        ),
    ),
)

KINDE = Row(
    "Kinde",
    "kinde",
    Shape(
        example=Parties("https://my-business.kinde.com", API, "dee7f3c57b3c47e8b96edde2c7ecab7d"),
        keys_path="/.well-known/jwks",
        header={"typ": "JWT"},
        access=lambda p: {
            "aud": [p.audience],
            "azp": p.client,
            "org_code": "org_0123456789",
            "scp": ["openid", "profile"],
            "sub": "kp:0123456789",
        },
        id_token=lambda p: {**_id_token(p), "aud": [p.issuer, p.client], "azp": p.client},
    ),
    {"permissions": ["view:stats", "view:profile"]},
    refused=(
        Refused("no audience requested", "audience_mismatch", {"aud": []}),
        Refused("a slash", "issuer_mismatch", {"iss": "https://my-business.kinde.com/"}),
    ),
)

WORKOS = Row(
    "WorkOS",
    "workos",
    Shape(
        example=Parties(
            "https://api.workos.com/user_management/client_123456789", API, "client_123456789"
        ),
        keys_path="/sso/jwks/client_123456789",
        header={"typ": None},
        access=lambda p: {
            "sub": "user_01HBEQKA6K4QJAS93VPE39W1JT",
            "sid": "session_01HQSXZGF8FHF7A9ZZFCW4387R",
            "org_id": "org_01HRDMC6CM357W30QMHMQ96Q0S",
            "role": "member",
            "roles": ["member"],
        },
        id_token=lambda p: {},
        keys_base=lambda issuer: "https://api.workos.com",
    ),
    {"permissions": ["posts:read", "posts:write"]},
    id_token=None,
    has_id_tokens=False,
    for_another=Refused(
        "another client",
        "issuer_mismatch",
        {"iss": "https://api.workos.com/user_management/client_987654321"},
    ),
    refused=(
        Refused("the other issuer", "issuer_mismatch", {"iss": "https://api.workos.com"}),
        Refused("no session", "claim_missing", _without("sid")),
    ),
    plain=(Plain("there is no aud", "claim_missing"),),
)

DESCOPE = Row(
    "Descope",
    "descope",
    Shape(
        example=Parties("P2abcdefghijklmnopqrstuvwxyz", API, "P2abcdefghijklmnopqrstuvwxyz"),
        keys_path="/v2/keys/P2abcdefghijklmnopqrstuvwxyz",
        header={"typ": "JWT"},
        access=lambda p: {
            "amr": ["email"],
            "drn": "DS",
            "dct": "T2abcdefghijklmnopqrstuvwxyz",
            "sub": "U2abcdefghijklmnopqrstuvwxyz",
            "tenants": {"T2abcdefghijklmnopqrstuvwxyz": {"roles": ["reader"]}},
            "jti": None,
        },
        id_token=lambda p: {"aud": p.client, "sub": "U2abcdefghijklmnopqrstuvwxyz", "nonce": "n"},
        keys_base=lambda issuer: "https://api.descope.com",
    ),
    {"roles": ["reader"], "permissions": []},
    id_token="claim_missing",
    for_another=Refused("another project", "issuer_mismatch", {"iss": "P2zyxwvutsrqponmlkjihgfe"}),
    refused=(Refused("a refresh token", "claim_mismatch", {"drn": "DSR"}),),
)

STYTCH = Row(
    "Stytch",
    "stytch session",
    Shape(
        example=Parties("stytch.com/project-live-0000", "project-live-0000", "connected-app-1"),
        keys_path="/v1/sessions/jwks/project-live-0000",
        header={"typ": "JWT"},
        access=lambda p: {"aud": [p.audience], "sub": "member-live-0001", "jti": None},
        id_token=lambda p: {"aud": [p.client], "sub": "member-live-0001"},
        times=("nbf",),
        keys_base=lambda issuer: "https://api.stytch.com",
    ),
    {STYTCH_SESSION: {"id": "member-session-1", "roles": ["stytch_member", "editor"]}},
    nothing={STYTCH_SESSION: {"id": "member-session-1", "roles": ["stytch_member"]}},
    refused=(Refused("no session", "claim_missing", _without(STYTCH_SESSION)),),
)
STYTCH_CONNECTED = Row(
    "Stytch",
    "stytch connected app",
    Shape(
        example=Parties("https://login.example.com", API, "connected-app-1"),
        keys_path="/.well-known/jwks.json",
        header={"typ": "JWT"},
        access=lambda p: {"aud": [p.client, p.audience], "sub": "user-live-0001"},
        id_token=lambda p: {"aud": [p.client], "sub": "user-live-0001", "name": "user"},
        times=("nbf",),
    ),
    {"scope": "read:users write:users"},
    issuer="connected_apps",
    rules="connected_rules",
    nothing={"scope": "openid"},
    refused=(
        Refused("no custom audience", "audience_mismatch", {"aud": ["connected-app-1"]}),
        Refused(
            "an ID token for the API",
            "claim_missing",
            {"aud": ["connected-app-1", API], "scope": None},
            True,
        ),
    ),
)

_FUSIONAUTH = Shape(
    example=Parties("acme.com", FUSIONAUTH_APPLICATION, FUSIONAUTH_APPLICATION),
    keys_path="/.well-known/jwks.json",
    header={"typ": "JWT", "gty": ["authorization_code"]},
    access=lambda p: {
        "aud": p.client,
        "sub": "00000000-0000-0000-0000-111111111111",
        "authenticationType": "PASSWORD",
        "applicationId": p.client,
        "scope": "openid profile",
        "sid": "0abe7139-0bd0-4fd0-a450-c1e8b16e710a",
        "tid": "d7d09513-a3f5-401c-9685-34ab6c552453",
    },
    id_token=lambda p: {**_id_token(p), "aud": p.client, "scope": "openid profile"},
    times=("auth_time",),
    keys_base=lambda issuer: "https://auth.example.com",
)
FUSIONAUTH = Row(
    "FusionAuth",
    "fusionauth",
    _FUSIONAUTH,
    {"roles": ["reader"]},
    id_token="id_token",
    refused=(
        Refused("an HMAC key", "algorithm_not_allowed", algorithm="HS256"),
        Refused("an ID token without at_hash", "claim_missing", _without("at_hash"), True),
    ),
)
FUSIONAUTH_SECRET = FUSIONAUTH._replace(
    name="fusionauth with an hmac key",
    algorithm="HS256",
    issuer="with_hmac_key",
    secret="the value of the tenant's HMAC key",
    refused=FUSIONAUTH.refused[1:],
)

PING = Row(
    "PingOne",
    "pingone",
    Shape(
        example=Parties(PINGONE, API, "00000000-0000-0000-0000-000000000002"),
        keys_path="/jwks",
        header={"typ": "JWT"},
        access=lambda p: {"aud": [p.audience], "client_id": p.client, "sub": "user-1", "sid": "s"},
        id_token=lambda p: {**_id_token(p), "aud": p.client},
    ),
    {"scope": "read:messages openid"},
    access_typ="at+jwt",
    refused=(
        Refused("only scopes of PingOne", "audience_mismatch", {"aud": ["https://api.pingone.eu"]}),
    ),
    plain=(Plain("client credentials", "claim_missing", {"profile": "at+jwt"}, {"sub": None}),),
    accepted=({"sub": None},),
)

DUENDE = Row(
    "Duende IdentityServer",
    "duende",
    Shape(
        example=Parties("https://identity.example.com", "invoice", "web"),
        keys_path="/.well-known/openid-configuration/jwks",
        header={"typ": "JWT"},
        access=lambda p: {"aud": p.audience, "client_id": p.client, "sub": "user-1"},
        id_token=lambda p: {**_id_token(p), "aud": p.client, "sid": "session"},
        times=("nbf",),
    ),
    {"scope": ["openid", "invoice.read"]},
    access_typ="at+jwt",
    id_token="type_mismatch",
    refused=(Refused("no ApiResource", "claim_missing", _without("aud")),),
    plain=(Plain("client credentials", "claim_missing", {"profile": "at+jwt"}, {"sub": None}),),
    accepted=({"sub": None},),
)

SALESFORCE = Row(
    "Salesforce",
    "salesforce",
    Shape(
        example=Parties(
            "https://acme.my.salesforce.com", "https://acme.my.salesforce.com", "3MVG9abcdefghijk"
        ),
        keys_path="/id/keys",
        header={"typ": "JWT", "tty": "sfdc-core-token", "tnk": "core/prod/00D", "ver": "1.0"},
        access=lambda p: {
            "aud": [p.audience],
            "sub": "uid:0050000000000001",
            "mty": "oauth",
            "sfi": "0123456789abcdef",
            "roles": [],
            "hsc": False,
            "client_id": p.client,
            "jti": None,
        },
        id_token=lambda p: {**_id_token(p), "aud": p.client},
        times=("nbf",),
    ),
    {"scp": "refresh_token web api"},
    refused=(_OPAQUE, Refused("another app", "claim_mismatch", {"client_id": "3MVG9zyxwvutsrq"})),
)

SAP = Row(
    "SAP",
    "sap xsuaa",
    Shape(
        example=Parties(f"{XSUAA}/oauth/token", "my-app!t123", "sb-my-app!t123"),
        keys_path="/token_keys",
        header={"typ": "JWT", "jku": "https://attacker.example.com/token_keys"},
        access=lambda p: {
            "aud": [p.client, p.audience, "openid"],
            "azp": p.client,
            "cid": p.client,
            "client_id": p.client,
            "ext_attr": {"enhancer": "XSUAA", "zdn": "acme"},
            "grant_type": "authorization_code",
            "sub": "d1667250-360b-4fd5-a7fb-a61306f48f46",
            "xs.system.attributes": {"xs.rolecollections": ["Viewer"]},
            "zid": "0e71b214-4c0e-47e0-9ca1-7c4a892dcea9",
        },
        id_token=lambda p: {
            "aud": [p.client],
            "azp": p.client,
            "sub": "user-1",
            "scope": ["openid"],
        },
        keys_base=lambda issuer: XSUAA,
    ),
    {"scope": ["openid", "my-app!t123.Display"]},
    refused=(Refused("no scope of the app", "audience_mismatch", {"aud": ["sb-my-app!t123"]}),),
)
SAP_IDENTITY = Row(
    "SAP",
    "sap cloud identity",
    Shape(
        example=Parties("https://acme.accounts.ondemand.com", "my-client", "my-client"),
        keys_path="/oauth2/certs",
        header={"typ": "JWT"},
        access=lambda p: {"aud": p.client, "azp": p.client, "sub": "P000001", "app_tid": "tenant"},
        id_token=lambda p: {"aud": p.client, "azp": p.client, "sub": "P000001", "nonce": "n"},
    ),
    {"groups": ["readers"]},
    issuer="cloud_identity",
    rules="cloud_identity_rules",
    id_token=None,
    refused=(
        _OPAQUE,
        Refused("an ID token with at_hash", "id_token", {"at_hash": "77QmUPtjPfzWtF2A"}, True),
    ),
)

CURITY = Row(
    "Curity",
    "curity",
    Shape(
        example=Parties(
            "https://idsvr.example.com/oauth/v2/oauth-anonymous", "api.example.com", "demo-client"
        ),
        keys_path="/jwks",
        header={"typ": None},
        access=lambda p: {
            "aud": p.audience,
            "client_id": p.client,
            "delegationId": "9dd15191-9441-4056-9e56-52b7ad116b18",
            "sub": "demouser",
            "purpose": "access_token",
        },
        id_token=lambda p: {
            **_id_token(p),
            "aud": [p.audience, p.client],
            "azp": p.client,
            "purpose": "id",
        },
        times=("nbf",),
    ),
    {"scope": "openid orders"},
    id_token="id_token",
    refused=(
        _OPAQUE,
        Refused("an ID token without at_hash", "claim_mismatch", _without("at_hash"), True),
    ),
)

ROWS = (
    DEX, ZITADEL, AUTHENTIK, AUTHENTIK_SECRET, HYDRA, AUTHELIA, LOGTO, KINDE, WORKOS, DESCOPE,
    STYTCH, STYTCH_CONNECTED, FUSIONAUTH, FUSIONAUTH_SECRET, PING, DUENDE, SALESFORCE, SAP,
    SAP_IDENTITY, CURITY,
)  # fmt: skip
