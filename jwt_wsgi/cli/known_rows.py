"""The providers that have a section on the page instead of a preset, as the command line
recognises them. Pure.
"""

from typing import Final

from jwt_wsgi.cli.recognition import Provider

#: In the order in which they are compared.
ROWS: Final = (
    Provider(
        "Zitadel",
        "Access tokens are opaque unless the application's token type is JWT (token_malformed). "
        "Roles are the members of an object, so has() does not find them.",
        row="zitadel",
        issuer=r"[\w.-]+\.zitadel\.(cloud|app)/?",
        endpoints={"jwks_uri": "/oauth/v2/keys", "authorization_endpoint": "/oauth/v2/authorize"},
    ),
    Provider(
        "authentik",
        "Without a signing key, tokens are signed with HS256 and the client's secret "
        "(algorithm_not_allowed). Each application has its own issuer, with a slash at the end.",
        row="authentik",
        issuer=r"[^/]+/application/o/[^/]+/",
        endpoints={"jwks_uri": "/jwks/", "authorization_endpoint": "/application/o/authorize/"},
    ),
    Provider(
        "Ory Hydra",
        "Access tokens are opaque unless strategies.access_token is jwt (token_malformed). The "
        "client must request the audience (audience_mismatch).",
        row="ory-hydra",
        issuer=r"[\w.-]+\.projects\.oryapis\.com/?",
        members=frozenset({"credentials_endpoint_draft_00"}),
    ),
    Provider(
        "Authelia",
        "Access tokens are opaque unless the client has access_token_signed_response_alg "
        "(token_malformed). The client must request the audience (audience_mismatch).",
        row="authelia",
        endpoints={"authorization_endpoint": "/api/oidc/authorization"},
    ),
    Provider(
        "Logto",
        "Tokens are signed with ES384 (algorithm_not_allowed), and are opaque unless the client "
        "requests a resource (token_malformed).",
        row="logto",
        issuer=r"[\w.-]+\.logto\.app/oidc",
        endpoints={"jwks_uri": "/oidc/jwks", "authorization_endpoint": "/oidc/auth"},
    ),
    Provider(
        "Kinde",
        "aud is empty unless the client requests the API's audience (audience_mismatch).",
        row="kinde",
        issuer=r"[\w.-]+\.kinde\.com",
        endpoints={"jwks_uri": "/.well-known/jwks", "authorization_endpoint": "/oauth2/auth"},
    ),
    Provider(
        "WorkOS",
        "AuthKit's access tokens have no audience (claim_missing). The keys are at a URL with the "
        "client's ID.",
        row="workos",
        issuer=r"(api\.workos\.com(/.*)?|[\w.-]+\.authkit\.app/?)",
    ),
    Provider(
        "Descope",
        "The issuer of session tokens is the project's ID. Refresh tokens have the same keys: "
        "require drn DS (claim_mismatch).",
        row="descope",
        issuer=r"((api|auth)(\.[\w-]+)?\.descope\.com(/.*)?|p2\w{25,30})",
    ),
    Provider(
        "Stytch",
        "The issuer of session JWTs is stytch.com/ and the project's ID, without https. The "
        "access tokens of Connected Apps have another issuer.",
        row="stytch",
        issuer=r"([\w-]+\.)*stytch\.(com|dev)(/.*)?",
    ),
    Provider(
        "FusionAuth",
        "The issuer is the text in the tenant's settings, not a URL (issuer_mismatch). A tenant "
        "with an HMAC key signs with HS256 (algorithm_not_allowed).",
        row="fusionauth",
        issuer=r"[\w.-]+\.fusionauth\.io/?",
        endpoints={"device_authorization_endpoint": "/oauth2/device_authorize"},
    ),
    Provider(
        "PingOne",
        "aud has the API only if the client requested one of its scopes (audience_mismatch). "
        "Tokens of the client credentials grant have no sub.",
        row="pingone",
        issuer=r"auth\.pingone\.(com|eu|asia|ca|sg|com\.au)/[\w-]+/as",
    ),
    Provider(
        "Duende IdentityServer",
        "A token has an audience only if its scopes belong to an ApiResource (claim_missing).",
        row="duende-identityserver",
        endpoints={"token_endpoint": "/connect/token", "jwks_uri": "/openid-configuration/jwks"},
    ),
    Provider(
        "Salesforce",
        "Access tokens are opaque unless the app issues JWT-based ones (token_malformed). iss and "
        "aud are both the organization's URL: require the client_id, too.",
        row="salesforce",
        issuer=r"([\w.-]+\.my\.salesforce(-scrt)?\.com|(login|test)\.salesforce\.com"
        r"|[\w.-]+\.my\.site\.com)(/.*)?",
        endpoints={"token_endpoint": "/services/oauth2/token"},
    ),
    Provider(
        "SAP XSUAA",
        "Scopes have the prefix xsappname and a dot (insufficient_scope), and aud has it only if "
        "the token has such a scope (audience_mismatch). Each subscriber has an issuer of its own.",
        row="sap",
        issuer=r"[\w.-]+\.authentication\.[\w.-]*hana\.ondemand\.com(/oauth/token)?",
    ),
    Provider(
        "SAP Cloud Identity Services",
        "Access tokens are opaque unless the client requests token_format=jwt (token_malformed). "
        "ID tokens have the same form.",
        row="sap",
        issuer=r"[\w.-]+\.accounts\d*\.(ondemand\.com|cloud\.sap|sapcloud\.cn)/?",
    ),
    Provider(
        "Curity",
        "Clients get opaque tokens (token_malformed); a gateway exchanges them for JWTs. Require "
        "purpose access_token.",
        row="curity",
        issuer=r"[^/]+/oauth/v2/oauth-anonymous",
        endpoints={
            "jwks_uri": "/oauth-anonymous/jwks",
            "authorization_endpoint": "/oauth-authorize",
        },
    ),
    Provider(
        "Dex",
        "Access tokens have the form of ID tokens (id_token without allow_id_tokens=True). The "
        "audience is the client's ID.",
        row="dex",
        issuer=r"([^/]+/dex|dex\.[^/]+)/?",
        endpoints={"jwks_uri": "/keys", "device_authorization_endpoint": "/device/code"},
    ),
)
