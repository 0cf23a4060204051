"""The preset for Microsoft Entra ID."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, Unpack, overload

from jwt_wsgi.callbacks import check_callables, refuse_deferred
from jwt_wsgi.http.client import Fetcher
from jwt_wsgi.http.fetching import Fetch, FetchError, Reply
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jose.claim_lookup import ClaimName
from jwt_wsgi.jose.strict_json import read_document
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer

#: The tenant of personal Microsoft accounts. It has keys of its own.
CONSUMERS: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"

# A key that serves every tenant names an issuer with this template in place of a tenant.
_EVERY_TENANT: Final = "{tenantid}"

# The largest key set that is read, in bytes, as in `RemoteJWKS`.
_MAX_BYTES: Final = 524288

_GUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"


class _AnyTenant:
    def __repr__(self) -> str:
        return "ANY_TENANT"


#: Trusts every tenant of Entra. Anyone who can create a tenant can then create tokens.
ANY_TENANT: Final = _AnyTenant()


class _TokenVersion(NamedTuple):
    """The properties of one version of Entra's access tokens; `{}` stands for the tenant."""

    issuer: str
    jwks_uri: str
    claims: Mapping[ClaimName, Any]


_VERSIONS: Mapping[int, _TokenVersion] = {
    1: _TokenVersion(
        "https://sts.windows.net/{}/",
        "https://login.microsoftonline.com/{}/discovery/keys",
        {"ver": "1.0", "appid": ...},
    ),
    2: _TokenVersion(
        "https://login.microsoftonline.com/{}/v2.0",
        "https://login.microsoftonline.com/{}/discovery/v2.0/keys",
        {"ver": "2.0", "azp": ...},
    ),
}


@overload
def entra(  # type: ignore[overload-overlap]  # a str is iterable; this overload comes first
    tenant: str,
    *,
    audience: str | Iterable[str],
    version: Literal[1, 2] = 2,
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer: ...
@overload
def entra(
    tenant: _AnyTenant,
    *,
    audience: str | Iterable[str],
    version: Literal[1, 2] = 2,
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Callable[[str], Issuer | None]: ...
@overload
def entra(
    tenant: Iterable[str],
    *,
    audience: str | Iterable[str],
    version: Literal[1, 2] = 2,
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> list[Issuer]: ...
def entra(
    tenant: str | Iterable[str] | _AnyTenant,
    *,
    audience: str | Iterable[str],
    version: Literal[1, 2] = 2,
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer | list[Issuer] | Callable[[str], Issuer | None]:
    """Return what stands for one or several tenants of Microsoft Entra ID.

    The result is an `Issuer` for one tenant, a list of them for several, and a resolver for
    `ANY_TENANT`. Access tokens name the client in `azp` (`appid` in version 1); ID tokens lack
    that claim. A key that names an issuer verifies the tokens of that issuer only. Delegated scopes
    are in `scp`; rules read app roles with `has("roles", ...)`.

    Source: https://learn.microsoft.com/entra/identity-platform/access-tokens and
    https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference

    Args:
        tenant: The tenant's ID, a GUID in lower case, several of them, or `ANY_TENANT`.
        audience: The API's client ID, a GUID, or several. With `version=1` it may also be the
            App ID URI.
        version: The version of the API's access tokens, 1 or 2: `requestedAccessTokenVersion` in
            the manifest of the API's registration.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    if version not in (1, 2):
        raise ValueError(f"version={version!r}: write 1 or 2")
    configuration = _Configuration(_VERSIONS[version], audience, fetch, options)
    if isinstance(tenant, str):
        guid = _check_guid(tenant)
        return configuration.issuer(guid, configuration.keys(guid, owner=guid))
    # All tenants share one fetch, because callers can invent any number of tenants.
    keys = _SharedKeys(
        common=configuration.keys("common", owner=_EVERY_TENANT),
        consumers=configuration.keys("common", owner=CONSUMERS),
    )
    if isinstance(tenant, _AnyTenant):
        return _resolver(configuration, keys)
    guids = [_check_guid(guid) for guid in tenant]
    if not guids:
        raise ValueError("tenant is empty: name at least one, or ANY_TENANT")
    return [configuration.issuer(guid, keys.of(guid)) for guid in guids]


@dataclass(frozen=True)
class _Configuration:
    """The options of one call of `entra`, which hold for each of its tenants."""

    version: _TokenVersion
    audience: str | Iterable[str]
    fetch: Fetch | None
    options: IssuerOptions

    def keys(self, place: str, *, owner: str) -> RemoteJWKS:
        """Return the keys that Entra publishes at `place`, a tenant or "common", for `owner`."""
        jwks_uri = self.version.jwks_uri.format(place)
        return RemoteJWKS(jwks_uri, fetch=_OwnersKeysFetcher(owner, self.fetch))

    def issuer(self, guid: str, keys: KeySource) -> Issuer:
        """Return the issuer of one tenant; keys that the caller set replace `keys`."""
        return preset_issuer(
            self.version.issuer.format(guid),
            audience=self.audience,
            provider_keys=keys,
            claims=self.version.claims,
            fetch=self.fetch,
            options=self.options,
        )


class _SharedKeys(NamedTuple):
    """The two key sets that serve all tenants together."""

    common: RemoteJWKS
    consumers: RemoteJWKS

    def of(self, guid: str) -> RemoteJWKS:
        return self.consumers if guid == CONSUMERS else self.common


def _resolver(configuration: _Configuration, keys: _SharedKeys) -> Callable[[str], Issuer | None]:
    """Return a function from the name of any tenant's issuer to that issuer."""
    template = re.escape(configuration.version.issuer)
    issuer_name = re.compile(template.replace(r"\{\}", f"({_GUID})"))
    # A wrong option must fail here instead of at the first token.
    configuration.issuer(CONSUMERS, keys.consumers)

    def resolve(name: str) -> Issuer | None:
        match = issuer_name.fullmatch(name)
        if match is None:
            return None
        guid = match[1]
        return configuration.issuer(guid, keys.of(guid))

    return resolve


class _OwnersKeysFetcher:
    """A fetcher of an Entra key set that drops the keys of other owners.

    `owner` is the ID of a tenant, or `_EVERY_TENANT` for the keys that serve all tenants. A key
    without an issuer serves all tenants, too. A reply that cannot be filtered is a failed fetch,
    because all keys of all tenants stand in one document.
    """

    def __init__(self, owner: str, fetch: Fetch | None) -> None:
        check_callables(fetch=fetch)
        self._fetch = fetch or Fetcher(10.0, _MAX_BYTES)
        self._owner = owner
        self._issuers = {
            version.issuer.format(tenant)
            for version in _VERSIONS.values()
            for tenant in (owner, _EVERY_TENANT)
        }

    def __call__(self, url: str) -> Reply:
        answer = self._fetch(url)
        reply = answer if isinstance(answer, Reply) else Reply(answer)
        try:
            body = self._without_other_owners(reply.body)
        except (ValueError, TypeError) as error:
            raise FetchError(str(error), headers=reply.headers) from None
        return reply._replace(body=body)

    def _without_other_owners(self, document: object) -> bytes:
        # A user's fetch may return anything, of any size.
        refuse_deferred(document)
        if not isinstance(document, bytes):
            raise ValueError("fetch did not return bytes")
        if len(document) > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES} bytes")
        entries = read_document(document).get("keys")
        if not isinstance(entries, list):
            raise ValueError('a JWKS is a mapping with a list "keys" (RFC 7517 §5)')
        keys = [entry for entry in entries if self._may_use(entry)]
        if not keys:
            raise ValueError(f"none of {len(entries)} keys is for the tenant {self._owner}")
        return json.dumps({"keys": keys}).encode()

    def _may_use(self, entry: object) -> bool:
        if not isinstance(entry, dict):
            return False
        issuer = entry.get("issuer", _EVERY_TENANT)
        return issuer == _EVERY_TENANT or (isinstance(issuer, str) and issuer in self._issuers)


def _check_guid(tenant: str) -> str:
    if isinstance(tenant, str) and re.fullmatch(_GUID, tenant) is not None:
        return tenant
    raise ValueError(
        f"tenant={tenant!r}: write its ID, a GUID in lower case, for that is what iss holds"
    )
