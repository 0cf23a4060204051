"""The `Issuer` that a preset and the caller's own options make together."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypedDict

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jose.claim_lookup import ClaimName
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource


class IssuerOptions(TypedDict, total=False):
    """The keyword arguments of `Issuer` that every preset takes."""

    keys: KeySource | Sequence[KeySource] | None
    algorithms: Iterable[str]
    leeway: float
    max_age: float | None
    profile: Literal["jwt", "at+jwt"]
    claims: Mapping[ClaimName, Any] | None
    scope_claim: ClaimName | None
    types: Iterable[str] | None
    allow_id_tokens: bool
    allow_http: bool
    header: Mapping[ClaimName, Any] | None
    padded: bool


def preset_issuer(
    issuer: str,
    *,
    audience: Any,
    provider_keys: str | Sequence[str] | KeySource,
    claims: Mapping[ClaimName, Any],
    fetch: Fetch | None,
    options: IssuerOptions,
) -> Issuer:
    """Return the issuer of a preset.

    Args:
        issuer: The exact `iss` of the provider's tokens.
        audience: The audience as `Issuer` takes it.
        provider_keys: The URL of the provider's keys, several URLs, or a source of keys. The
            caller's `keys` replace it.
        claims: The claims that every access token has. They replace the caller's of the same name.
        fetch: The caller's fetcher, or None for the HTTP client of this package.
        options: What the caller set of the issuer's other options.
    """
    keys = options.get("keys") or _key_source(provider_keys, fetch, options)
    all_claims = {**(options.get("claims") or {}), **claims}
    combined: IssuerOptions = {**options, "keys": keys, "claims": all_claims}
    return Issuer(issuer, audience=audience, **combined)


def _key_source(
    provider_keys: str | Sequence[str] | KeySource, fetch: Fetch | None, options: IssuerOptions
) -> KeySource | list[KeySource]:
    if isinstance(provider_keys, KeySource):
        return provider_keys
    allow_http = options.get("allow_http", False)
    uris = [provider_keys] if isinstance(provider_keys, str) else provider_keys
    return [RemoteJWKS(uri, fetch=fetch, allow_http=allow_http) for uri in uris]
