"""What to trust of Auth0, Okta, Microsoft Entra, Amazon Cognito and Keycloak: one call each.

Every preset answers an `Issuer`, or what stands for several, for `protect`, `TokenVerifier` and
`Verifier`. It names the issuer and the keys as the provider documents them, and what tells its
access tokens from its ID tokens. `fetch` (a URL in, bytes out) replaces the HTTP client; the other
options are those of `Issuer`, and `claims` come on top of the preset's own.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, overload

from jwt_wsgi.http.client import Fetcher
from jwt_wsgi.http.fetching import Fetch, Reply
from jwt_wsgi.issuer import ANY_AUDIENCE, Issuer
from jwt_wsgi.jose.strict_json import read_object
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource
from jwt_wsgi.options import must

_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?")
_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")
_GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")

#: The tenant of personal Microsoft accounts, whose keys are its own.
CONSUMERS: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"

# What the issuer of a key says in place of a tenant, where it serves all of them.
_EVERYONE: Final = "{tenantid}"


class _AnyTenant:
    def __repr__(self) -> str:
        return "ANY_TENANT"


#: Every tenant of Entra is trusted, by name: whoever can make a tenant can make tokens for it.
ANY_TENANT: Final = _AnyTenant()


def auth0(
    domain: str, *, audience: str | Iterable[str], fetch: Fetch | None = None, **options: Any
) -> Issuer:
    """A tenant of Auth0 (`tenant.eu.auth0.com`, or a domain of one's own).

    `audience` is the identifier of the API, never the ID of a client: an ID
    token is told by its audience alone. For access tokens of the profile "RFC 9068"
    add `profile="at+jwt"`. Permissions of its role-based access control are asked
    for by `permission(...)`.

    Source: https://auth0.com/docs/secure/tokens/access-tokens/validate-access-tokens
    """
    issuer = f"https://{_host('domain', domain)}/"
    return _issuer(issuer, f"{issuer}.well-known/jwks.json", {}, fetch, options, audience=audience)


def okta(
    domain: str,
    *,
    authorization_server: str = "default",
    audience: str | Iterable[str],
    fetch: Fetch | None = None,
    **options: Any,
) -> Issuer:
    """A custom authorization server of Okta (`org.okta.com`); scopes are in `scp`.

    Access tokens of the org authorization server are for Okta's own API, and
    nobody else can verify them. An ID token lacks `cid`, the client's ID.

    Source: https://developer.okta.com/docs/guides/validate-access-tokens/
    """
    issuer = f"https://{_host('domain', domain)}/oauth2/{_segment('authorization_server', authorization_server)}"
    return _issuer(issuer, f"{issuer}/v1/keys", {"cid": ...}, fetch, options, audience=audience)


def cognito(
    region: str,
    pool: str,
    *,
    client_ids: str | Iterable[str],
    fetch: Fetch | None = None,
    **options: Any,
) -> Issuer:
    """A user pool of Amazon Cognito (`eu-west-1`, `eu-west-1_AbCdEf123`).

    Its access tokens have no `aud`. What is checked instead is `client_id`, one
    of `client_ids`, and that `token_use` is "access", which an ID token's is not.
    Groups are asked for by `has("cognito:groups", ...)`.

    Source: https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
    """
    must(
        isinstance(region, str) and _REGION.fullmatch(region) is not None,
        f"region={region!r}: write eu-west-1",
    )
    fits = _segment("pool", pool).startswith(f"{region}_")
    must(fits, f"pool={pool!r}: write the pool's ID, which begins with {region}_")
    known = frozenset([client_ids] if isinstance(client_ids, str) else client_ids)
    must(
        known != frozenset() and "" not in known,
        f"client_ids={client_ids!r}: name the clients that may call",
    )
    cloud = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    issuer = f"https://cognito-idp.{region}.{cloud}/{pool}"
    claims = {
        "token_use": "access",
        "client_id": lambda client: isinstance(client, str) and client in known,
    }
    return _issuer(
        issuer, f"{issuer}/.well-known/jwks.json", claims, fetch, options, audience=ANY_AUDIENCE
    )


def keycloak(
    base_url: str,
    realm: str,
    *,
    audience: str | Iterable[str],
    fetch: Fetch | None = None,
    **options: Any,
) -> Issuer:
    """A realm of Keycloak, below `base_url` (with `/auth` at its end for servers before 17).

    `audience` needs an audience mapper, or a client scope that has one. Roles are
    nested: `has(("realm_access", "roles"), "admin")`, or
    `has(("resource_access", "my-api", "roles"), "admin")`. The claim `typ` is
    "Bearer" in an access token, "ID" in an ID token and "Refresh" in a refresh token.

    Source: https://www.keycloak.org/securing-apps/oidc-layers
    """
    must(isinstance(base_url, str), f"base_url={base_url!r}: write the server's https URL")
    issuer = f"{base_url.rstrip('/')}/realms/{_segment('realm', realm)}"
    keys = f"{issuer}/protocol/openid-connect/certs"
    return _issuer(issuer, keys, {"typ": "Bearer"}, fetch, options, audience=audience)


@overload
def entra(
    tenant: str,
    *,
    audience: str | Iterable[str],
    version: Literal[1, 2] = 2,
    fetch: Fetch | None = None,
    **options: Any,
) -> Issuer: ...
@overload
def entra(
    tenant: _AnyTenant,
    *,
    audience: str | Iterable[str],
    version: Literal[1, 2] = 2,
    fetch: Fetch | None = None,
    **options: Any,
) -> Callable[[str], Issuer | None]: ...
@overload
def entra(
    tenant: Iterable[str],
    *,
    audience: str | Iterable[str],
    version: Literal[1, 2] = 2,
    fetch: Fetch | None = None,
    **options: Any,
) -> list[Issuer]: ...
def entra(
    tenant: str | Iterable[str] | _AnyTenant,
    *,
    audience: str | Iterable[str],
    version: Literal[1, 2] = 2,
    fetch: Fetch | None = None,
    **options: Any,
) -> Issuer | list[Issuer] | Callable[[str], Issuer | None]:
    """A tenant of Microsoft Entra ID by its GUID, several of them, or `ANY_TENANT`.

    `audience` is the API's client ID (a GUID; with `version=1` it may be the App
    ID URI), `version` what the API's registration asks for
    (`requestedAccessTokenVersion`). Answers an `Issuer`, a list, or for
    `ANY_TENANT` a resolver. A key that names an issuer serves that one alone.
    An ID token lacks `azp` (`appid` in version 1), the client's ID. Delegated
    scopes are in `scp`, app roles are asked for by `has("roles", ...)`.

    Source: https://learn.microsoft.com/entra/identity-platform/access-tokens and
    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
    """
    must(version in (1, 2), f"version={version!r}: write 1 or 2")
    issuer_of = (
        "https://login.microsoftonline.com/{}/v2.0"
        if version == 2
        else "https://sts.windows.net/{}/"
    )
    keys_of = (
        f"https://login.microsoftonline.com/{{}}/discovery/{'v2.0/' if version == 2 else ''}keys"
    )
    claims = {"ver": "2.0", "azp": ...} if version == 2 else {"ver": "1.0", "appid": ...}

    def keys(place: str, owner: str) -> RemoteJWKS:
        return RemoteJWKS(keys_of.format(place), fetch=_KeysOf(owner, fetch))

    def issuer(guid: str, keys: KeySource) -> Issuer:
        return _issuer(
            issuer_of.format(guid), "", claims, None, {"keys": keys, **options}, audience=audience
        )

    if isinstance(tenant, str):
        return issuer(_guid(tenant), keys(tenant, tenant))
    # One fetch for all tenants, since strangers can name them without end.
    shared, consumers = keys("common", _EVERYONE), keys("common", CONSUMERS)
    if not isinstance(tenant, _AnyTenant):
        guids = [_guid(guid) for guid in tenant]
        must(guids != [], "tenant is empty: name at least one, or ANY_TENANT")
        return [issuer(guid, consumers if guid == CONSUMERS else shared) for guid in guids]
    names = re.compile(re.escape(issuer_of).replace(r"\{\}", f"({_GUID})"))
    issuer(CONSUMERS, consumers)  # so that a wrong option fails here

    def resolve(name: str) -> Issuer | None:
        named = names.fullmatch(name)
        return (
            None
            if named is None
            else issuer(named[1], consumers if named[1] == CONSUMERS else shared)
        )

    return resolve


class _KeysOf:
    """Fetches a key set of Entra, and drops the keys that name another tenant's issuer.

    `owner` is a tenant, or `{tenantid}` for the keys that serve all of them alone.
    """

    def __init__(self, owner: str, fetch: Fetch | None) -> None:
        forms = ("https://login.microsoftonline.com/{}/v2.0", "https://sts.windows.net/{}/")
        self._issuers = {form.format(each) for form in forms for each in (owner, _EVERYONE)} | {
            _EVERYONE
        }
        self._fetch = fetch or Fetcher(10.0, 524288)

    def __call__(self, url: str) -> Reply:
        answer = self._fetch(url)
        reply = answer if isinstance(answer, Reply) else Reply(answer)
        try:
            # Those that name nobody serve everybody, as those do that name a template.
            named = [(key.get("issuer", _EVERYONE), key) for key in read_object(reply.body)["keys"]]
            kept = [
                key for issuer, key in named if isinstance(issuer, str) and issuer in self._issuers
            ]
        except (ValueError, TypeError, LookupError, AttributeError):
            return reply  # and let the source say what is wrong with it
        return Reply(json.dumps({"keys": kept}).encode(), reply.max_age)


def _issuer(
    issuer: str,
    jwks_uri: str,
    claims: Mapping[str, Any],
    fetch: Fetch | None,
    options: dict[str, Any],
    *,
    audience: Any,
) -> Issuer:
    asked = {**options.pop("claims", {}), **claims}
    allow_http = options.get("allow_http", False)
    keys = options.pop("keys", None) or RemoteJWKS(jwks_uri, fetch=fetch, allow_http=allow_http)
    return Issuer(issuer, audience=audience, keys=keys, claims=asked, **options)


def _host(option: str, host: str) -> str:
    fits = isinstance(host, str) and _HOST.fullmatch(host) is not None
    must(
        fits, f"{option}={host!r}: write the host alone, in lower case, such as tenant.example.com"
    )
    return host


def _guid(tenant: str) -> str:
    fits = isinstance(tenant, str) and re.fullmatch(_GUID, tenant) is not None
    must(fits, f"tenant={tenant!r}: write its ID, a GUID in lower case, for that is what iss holds")
    return tenant


def _segment(option: str, name: str) -> str:
    fits = isinstance(name, str) and _SEGMENT.fullmatch(name) is not None and name.strip(".") != ""
    must(fits, f"{option}={name!r}: write its name as it stands in the URL, one segment")
    return name
