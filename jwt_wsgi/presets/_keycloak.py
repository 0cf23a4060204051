"""The preset for Keycloak."""

from collections.abc import Iterable
from typing import Unpack

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.http.urls import check_url
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer
from jwt_wsgi.presets._url_parts import check_segment


def keycloak(
    base_url: str,
    realm: str,
    *,
    audience: str | Iterable[str],
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of a realm of Keycloak.

    The claim `typ` is "Bearer" in an access token, "ID" in an ID token and "Refresh" in a refresh
    token. Roles are nested: rules read them with `has(("realm_access", "roles"), "admin")` or
    `has(("resource_access", "my-api", "roles"), "admin")`.

    Source: https://www.keycloak.org/securing-apps/oidc-layers

    Args:
        base_url: The URL of the server. Servers before Keycloak 17 need `/auth` at its end.
        realm: The name of the realm.
        audience: The audience of the API, or several. Keycloak puts it into tokens if the client,
            or one of its client scopes, has an audience mapper.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`, such as `allow_http=True` for a server
            inside a private network.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    if not isinstance(base_url, str):
        raise ValueError(f"base_url={base_url!r}: write the server's https URL")
    if not options.get("keys"):
        check_url(base_url, option="base_url", allow_http=options.get("allow_http", False))
    issuer = f"{base_url.rstrip('/')}/realms/{check_segment('realm', realm)}"
    return preset_issuer(
        issuer,
        audience=audience,
        provider_keys=f"{issuer}/protocol/openid-connect/certs",
        claims={"typ": "Bearer"},
        fetch=fetch,
        options=options,
    )
