"""The `Issuer` that a preset and the caller's own options make together."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypedDict

from jwt_wsgi.callbacks import check_callables
from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.introspection.introspection import Introspection
from jwt_wsgi.issuer import ANY_AUDIENCE, Issuer
from jwt_wsgi.jose.claim_lookup import ClaimName, same
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.source import KeySource
from jwt_wsgi.scope_hierarchy import ScopeImplies


class IssuerOptions(TypedDict, total=False):
    """The keyword arguments of `Issuer` that every preset takes."""

    keys: KeySource | Sequence[KeySource] | None
    algorithms: Iterable[str] | None
    leeway: float
    max_age: float | None
    profile: Literal["jwt", "at+jwt", "fapi2"]
    claims: Mapping[ClaimName, Any] | None
    scope_claim: ClaimName | None
    types: Iterable[str] | None
    allow_id_tokens: bool
    allow_http: bool
    header: Mapping[ClaimName, Any] | None
    padded: bool
    sender_constrained: bool
    accept_unproven_binding: bool
    introspect: Introspection | None
    scope_implies: ScopeImplies | None


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
        claims: The claims that every access token has. A claim that the caller requires as well
            must satisfy both.
        fetch: The caller's fetcher, or None for the HTTP client of this package.
        options: What the caller set of the issuer's other options.
    """
    keys = options.get("keys")
    if keys is None:
        keys = _key_source(provider_keys, fetch, options)
    all_claims = require_both("claims", claims, options.get("claims"))
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


def require_audience(audience: Any) -> Any:
    """Return an audience, as one name or a tuple of several, which may be read more than once.

    Raises:
        ValueError: It is `ANY_AUDIENCE`, for a provider whose tokens only the audience limits to
            one API.
    """
    if audience is ANY_AUDIENCE:
        raise ValueError(
            "audience=ANY_AUDIENCE: only the audience tells this provider's tokens for your API "
            "from those for others; name your API"
        )
    return reusable(audience)


def reusable(values: Any) -> Any:
    """Return the values of an option, which may be an iterator, so that they can be read twice."""
    if isinstance(values, Iterable) and not isinstance(values, str | Mapping):
        return tuple(values)
    return values


def require_both(
    option: str, required: Mapping[ClaimName, Any], own: Mapping[ClaimName, Any] | None
) -> dict[ClaimName, Any]:
    """Return the members that satisfy a preset and its caller.

    Args:
        option: The name of the caller's option.
        required: The members that the preset requires: a value, a predicate or `...` for each.
        own: The members that the caller requires, or None.

    Raises:
        ValueError: `own` is not a mapping, or no value satisfies both.
    """
    if own is not None and not isinstance(own, Mapping):
        raise ValueError(f"{option}={own!r}: write a mapping of names to values")
    combined = dict(own or {})
    for name, value in required.items():
        combined[name] = _both(f"{option}[{name!r}]", value, combined.get(name, ...))
    return combined


def _both(option: str, required: Any, own: Any) -> Any:
    """Return what satisfies both requirements: a value, a predicate, or `...` for presence."""
    if required is ... or own is ...:
        return own if required is ... else required
    if callable(own):
        check_callables(**{option: own})
    elif not callable(required):
        if not same(required, own):
            raise ValueError(
                f"{option}={own!r}: the preset requires {required!r}, so no token would be "
                "accepted; leave it out"
            )
        return required
    first = _predicate(required)
    second = _predicate(own)
    # The result of the caller's predicate is returned as it is, to be judged as a callback's.
    return lambda value: first(value) and second(value)


def _predicate(requirement: Any) -> Callable[[Any], Any]:
    if callable(requirement):
        predicate: Callable[[Any], Any] = requirement
        return predicate
    return lambda value: same(value, requirement)
