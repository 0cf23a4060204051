"""The preset for Microsoft Entra ID."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Unpack, overload

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource
from jwt_wsgi.presets._entra_clouds import (
    EVERY_TENANT,
    CloudName,
    TokenVersion,
    key_issuers,
    token_versions,
)
from jwt_wsgi.presets._entra_keys import OwnersKeysFetcher
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer, reusable
from jwt_wsgi.presets._url_parts import GUID, check_guid
from jwt_wsgi.scope_hierarchy import read_hierarchy

#: The tenant of personal Microsoft accounts. It has keys of its own.
CONSUMERS: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"


class _AnyTenant:
    def __repr__(self) -> str:
        return "ANY_TENANT"


#: Trusts every tenant of Entra. Anyone who can create a tenant can then create tokens.
ANY_TENANT: Final = _AnyTenant()


@overload
def entra(  # type: ignore[overload-overlap]  # a str is iterable; this overload comes first
    tenant: str,
    *,
    audience: str | Iterable[str],
    version: Literal[1, 2] = 2,
    cloud: CloudName = "global",
    application_keys: str | None = None,
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer: ...
@overload
def entra(
    tenant: _AnyTenant,
    *,
    audience: str | Iterable[str],
    version: Literal[1, 2] = 2,
    cloud: CloudName = "global",
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Callable[[str], Issuer | None]: ...
@overload
def entra(
    tenant: Iterable[str],
    *,
    audience: str | Iterable[str],
    version: Literal[1, 2] = 2,
    cloud: CloudName = "global",
    application_keys: str | None = None,
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> list[Issuer]: ...
def entra(
    tenant: str | Iterable[str] | _AnyTenant,
    *,
    audience: str | Iterable[str],
    version: Literal[1, 2] = 2,
    cloud: CloudName = "global",
    application_keys: str | None = None,
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer | list[Issuer] | Callable[[str], Issuer | None]:
    """Return what stands for one or several tenants of Microsoft Entra ID.

    The result is an `Issuer` for one tenant, a list of them for several, and a resolver for
    `ANY_TENANT`. Access tokens name the client in `azp` (`appid` in version 1); ID tokens lack
    that claim. A key that names an issuer verifies the tokens of that issuer only. Delegated scopes
    are in `scp`; rules read app roles with `has("roles", ...)`.

    Source: https://learn.microsoft.com/entra/identity-platform/access-tokens,
    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference and
    https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud

    Args:
        tenant: The tenant's ID, a GUID in lower case, several of them, or `ANY_TENANT`.
        audience: The API's client ID, a GUID, or several. With `version=1` it may also be the
            App ID URI.
        version: The version of the API's access tokens, 1 or 2: `requestedAccessTokenVersion` in
            the manifest of the API's registration.
        cloud: The cloud that has the tenant: "global", "usgov" for the US Government, or "china"
            for the one that 21Vianet operates.
        application_keys: The API's client ID, if the API has signing keys of its own because its
            claims are mapped. Such tokens are not signed with the keys of the tenant. By default
            the API has none.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    if version not in (1, 2):
        raise ValueError(f"version={version!r}: write 1 or 2")
    if application_keys is not None:
        check_guid("application_keys", application_keys, "the API's client ID")
    # They are read once for each tenant.
    names = reusable(audience)
    own_options = _reusable_options(options)
    configuration = _Configuration(version, cloud, names, application_keys, fetch, own_options)
    if isinstance(tenant, _AnyTenant):
        return _resolver(configuration)
    if isinstance(tenant, str):
        return configuration.issuer_with_own_keys(_check_tenant(tenant))
    if not isinstance(tenant, Iterable):
        raise ValueError(f"tenant={tenant!r}: write the tenant's ID, several, or ANY_TENANT")
    guids = [_check_tenant(guid) for guid in tenant]
    if not guids:
        raise ValueError("tenant is empty: name at least one, or ANY_TENANT")
    if application_keys is not None:
        return [configuration.issuer_with_own_keys(guid) for guid in guids]
    keys = configuration.shared_keys()
    return [configuration.issuer(guid, keys.of(guid)) for guid in guids]


class _SharedKeys(NamedTuple):
    """The two key sets that serve all tenants together.

    All tenants share one fetch, because callers can invent any number of tenants.
    """

    common: RemoteJWKS
    consumers: RemoteJWKS

    def of(self, guid: str) -> RemoteJWKS:
        return self.consumers if guid == CONSUMERS else self.common


@dataclass(frozen=True)
class _Configuration:
    """The options of one call of `entra`, which hold for each of its tenants."""

    version: Literal[1, 2]
    cloud: CloudName
    audience: str | Iterable[str]
    application_keys: str | None
    fetch: Fetch | None
    options: IssuerOptions

    @property
    def token_version(self) -> TokenVersion:
        """The properties of the tokens."""
        return token_versions(self.cloud)[self.version]

    def keys(self, place: str, *, owner: str) -> RemoteJWKS:
        """Return the keys that Entra publishes at `place`, a tenant or "common", for `owner`."""
        jwks_uri = self.token_version.jwks_uri.format(place)
        if self.application_keys is not None:
            jwks_uri += f"?appid={self.application_keys}"
        is_owners = key_issuers(self.cloud, owner).__contains__
        return RemoteJWKS(jwks_uri, fetch=OwnersKeysFetcher(owner, is_owners, self.fetch))

    def shared_keys(self) -> _SharedKeys:
        """Return the keys of all tenants."""
        return _SharedKeys(
            common=self.keys("common", owner=EVERY_TENANT),
            consumers=self.keys("common", owner=CONSUMERS),
        )

    def issuer(self, guid: str, keys: KeySource) -> Issuer:
        """Return the issuer of one tenant; keys that the caller set replace `keys`."""
        return preset_issuer(
            self.token_version.issuer.format(guid),
            audience=self.audience,
            provider_keys=keys,
            claims=self.token_version.claims,
            fetch=self.fetch,
            options=self.options,
        )

    def issuer_with_own_keys(self, guid: str) -> Issuer:
        """Return the issuer of one tenant, with the key set of this tenant."""
        return self.issuer(guid, self.keys(guid, owner=guid))


def _resolver(configuration: _Configuration) -> Callable[[str], Issuer | None]:
    """Return a function from the name of any tenant's issuer to that issuer."""
    if configuration.application_keys is not None:
        raise ValueError(
            "application_keys with ANY_TENANT: each tenant has its own, so name the tenants"
        )
    keys = configuration.shared_keys()
    template = re.escape(configuration.token_version.issuer)
    issuer_name = re.compile(template.replace(r"\{\}", f"({GUID})"))
    # A wrong option must fail here instead of at the first token.
    configuration.issuer(CONSUMERS, keys.consumers)

    def resolve(name: str) -> Issuer | None:
        match = issuer_name.fullmatch(name)
        if match is None:
            return None
        guid = match[1]
        return configuration.issuer(guid, keys.of(guid))

    return resolve


def _reusable_options(options: IssuerOptions) -> IssuerOptions:
    """Return the options with tuples in place of iterators."""
    again: IssuerOptions = {**options}
    if "algorithms" in again:
        again["algorithms"] = reusable(again["algorithms"])
    if "types" in again:
        again["types"] = reusable(again["types"])
    if "scope_implies" in again:
        again["scope_implies"] = read_hierarchy(again["scope_implies"]).implied_scopes
    return again


def _check_tenant(tenant: str) -> str:
    return check_guid("tenant", tenant, "its ID", ", for that is what iss holds")
