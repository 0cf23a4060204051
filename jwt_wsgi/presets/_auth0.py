"""The preset for Auth0."""

from collections.abc import Iterable
from typing import Unpack

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer, require_audience
from jwt_wsgi.presets._url_parts import check_host


def auth0(
    domain: str,
    *,
    audience: str | Iterable[str],
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of an Auth0 tenant.

    Only the audience distinguishes access tokens from ID tokens: the `aud` of an ID token is the
    client's ID. Rules read the permissions of Auth0's role-based access control with
    `permission(...)`.

    Source: https://auth0.com/docs/secure/tokens/access-tokens/validate-access-tokens

    Args:
        domain: The tenant's host, such as `tenant.eu.auth0.com`, or its custom domain.
        audience: The identifier of the API, or several. Never write the ID of a client: the API
            would accept that client's ID tokens.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`. Write `profile="at+jwt"` if the API's token
            profile in Auth0 is "RFC 9068".

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    issuer = f"https://{check_host('domain', domain)}/"
    return preset_issuer(
        issuer,
        audience=require_audience(audience),
        provider_keys=f"{issuer}.well-known/jwks.json",
        claims={},
        fetch=fetch,
        options=options,
    )
