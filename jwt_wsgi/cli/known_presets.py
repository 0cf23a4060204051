"""The providers for which there is a preset, as the command line recognises them. Pure."""

from typing import Final

from jwt_wsgi.cli.recognition import Provider

_MICROSOFT_HOSTS = (
    r"(login\.microsoftonline\.(com|us)|login\.partner\.microsoftonline\.cn"
    r"|login\.chinacloudapi\.cn|sts\.(windows\.net|chinacloudapi\.cn))"
)

_KUBERNETES_NAMES = (
    r"(kubernetes\.default(\.svc[\w.-]*)?(:\d+)?/?"
    r"|oidc\.eks\.[\w-]+\.amazonaws\.com(\.cn)?/id/\w+"
    r"|container\.googleapis\.com/v1/projects/.+"
    r"|[\w.-]+\.oic\.[\w-]+\.azure\.com/.+)"
)

#: In the order in which they are compared.
PRESETS: Final = (
    Provider(
        "Auth0",
        "Without an audience in the request, the access token is opaque (token_malformed). The "
        "issuer ends with a slash.",
        preset="auth0(domain, audience=...)",
        row="auth0",
        issuer=r"[\w.-]+\.auth0\.com/?",
        members=frozenset({"mfa_challenge_endpoint"}),
    ),
    Provider(
        "Okta",
        "Only custom authorization servers (/oauth2/...) issue tokens that an API can verify. "
        "Scopes are in scp, a list.",
        preset="okta(domain, authorization_server=..., audience=...)",
        row="okta",
        issuer=r"[\w.-]+\.(okta|oktapreview|okta-emea|okta-gov)\.com(/oauth2/\w+)?/?",
        endpoints={"jwks_uri": "/v1/keys", "authorization_endpoint": "/v1/authorize"},
    ),
    Provider(
        "Azure AD B2C",
        "All user flows have one issuer: name the policies whose tokens may call (claim_mismatch). "
        "An ID token has no azp (claim_missing).",
        preset="azure_b2c(tenant_name, tenant, policies, audience=...)",
        row="azure-ad-b2c",
        issuer=r"[\w.-]+\.b2clogin\.com/.*",
    ),
    Provider(
        "Microsoft Entra External ID",
        "The host of the issuer has the tenant's GUID, that of the login page its name. The "
        "audience is the API's client ID.",
        preset="entra_external_id(domain, tenant, audience=...)",
        row="microsoft-entra-external-id",
        issuer=r"[\w.-]+\.ciamlogin\.com(/.*)?",
    ),
    Provider(
        "Microsoft Entra ID",
        "Tokens of version 1 have the issuer sts.windows.net, those of version 2 end with /v2.0 "
        "(issuer_mismatch). common and organizations are no issuers: name the tenant's GUID.",
        preset="entra(tenant, audience=..., version=2)",
        row="microsoft-entra-id",
        issuer=rf"{_MICROSOFT_HOSTS}(/.*)?",
        members=frozenset({"tenant_region_scope", "msgraph_host", "cloud_instance_name"}),
    ),
    Provider(
        "Active Directory Federation Services (ADFS)",
        "Access tokens name the issuer http://HOST/adfs/services/trust, not that of the metadata "
        "(issuer_mismatch). Their audience begins with microsoft:identityserver: by default.",
        preset="adfs(host, audience=...)",
        row="ad-fs",
        issuer=r"[^/]+/adfs(/services/trust)?/?",
        members=frozenset({"access_token_issuer"}),
    ),
    Provider(
        "Amazon Cognito",
        "Access tokens have no audience (claim_missing); client_id names the client instead.",
        preset="cognito(region, pool, client_ids=...)",
        row="amazon-cognito",
        issuer=r"cognito-idp\.[\w-]+\.amazonaws\.com(\.cn)?/[\w-]+",
    ),
    Provider(
        "Keycloak",
        "The API is in aud only with an audience mapper (audience_mismatch). Roles are nested: "
        'has(("realm_access", "roles"), ...).',
        preset="keycloak(base_url, realm, audience=...)",
        row="keycloak",
        issuer=r"[^/]+(/.*)?/realms/[^/]+",
        endpoints={"jwks_uri": "/protocol/openid-connect/certs"},
    ),
    Provider(
        "Google Identity-Aware Proxy",
        "The token stands in the header X-Goog-IAP-JWT-Assertion and is signed with ES256.",
        preset="google_iap(audience)",
        row="google-identity-aware-proxy",
        issuer=r"cloud\.google\.com/iap",
    ),
    Provider(
        "Firebase",
        "Firebase has ID tokens only; the audience is the project's ID.",
        preset="firebase(project)",
        row="firebase",
        issuer=r"securetoken\.google\.com/[\w-]+",
    ),
    Provider(
        "Google",
        "Google's access tokens are opaque (token_malformed). Only ID tokens can be verified, such "
        "as those of service accounts, whose audience is the URL that the caller asked for.",
        preset="google_service_account(emails, audience=...)",
        row="google-service-accounts",
        issuer=r"accounts\.google\.com/?",
    ),
    Provider(
        "Cloudflare Access",
        "The token stands in the header Cf-Access-Jwt-Assertion; its audience is the application's "
        "AUD tag.",
        preset="cloudflare_access(team_domain, audience=...)",
        row="cloudflare-access",
        issuer=r"[\w.-]+\.cloudflareaccess\.com/?",
    ),
    Provider(
        "AWS Application Load Balancer",
        "The token stands in x-amzn-oidc-data and has padded segments; the header's signer must be "
        "the load balancer's ARN. iss is that of the login's provider.",
        preset="aws_alb(region, load_balancer_arn, issuer=..., client_ids=...)",
        row="aws-load-balancers",
        issuer=r"public-keys\.auth\.elb\.[\w-]+\.amazonaws\.com(/.*)?",
    ),
    Provider(
        "Supabase",
        "Projects with the legacy secret sign with HS256, others with ES256 "
        "(algorithm_not_allowed). The audience is authenticated; role is a role of Postgres.",
        preset="supabase(project)",
        row="supabase",
        issuer=r"([\w.-]+\.)?supabase\.(co|in)/auth/v1/?",
    ),
    Provider(
        "Clerk",
        "Session tokens have no audience (claim_missing); azp names the page's origin. In the same "
        "site they stand in the cookie __session.",
        preset="clerk(frontend_api, authorized_parties=...)",
        row="clerk",
        issuer=r"([\w.-]+\.clerk\.accounts\.dev|clerk\.[\w.-]+)/?",
    ),
    Provider(
        "Kubernetes service accounts",
        "The API must be in the token's audiences, which the pod's volume names. The keys may need "
        "the cluster's CA and a credential.",
        preset="kubernetes_service_accounts(audience=..., service_accounts=...)",
        row="kubernetes-service-accounts",
        issuer=_KUBERNETES_NAMES,
        endpoints={"authorization_endpoint": "urn:kubernetes:programmatic_authorization"},
    ),
    Provider(
        "GitHub Actions",
        "Every repository of GitHub gets tokens of this issuer: require the repository, too. The "
        "workflow chooses the audience.",
        preset="github_actions(audience=..., repositories=..., owner_ids=...)",
        row="github-actions",
        issuer=r"token\.actions\.githubusercontent\.com(/.*)?",
    ),
    Provider(
        "GitLab CI",
        "Every project gets tokens of this issuer: require the project, too. Use id_tokens with "
        "an aud of its own.",
        preset="gitlab_ci(audience=..., projects=..., namespace_ids=...)",
        row="gitlab-ci",
        issuer=r"gitlab\.[\w.-]+/?",
        endpoints={"jwks_uri": "/oauth/discovery/keys"},
    ),
)
