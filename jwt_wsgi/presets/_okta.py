"""The preset for Okta."""

from collections.abc import Iterable
from typing import Unpack

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer
from jwt_wsgi.presets._url_parts import check_host, check_segment


def okta(
    domain: str,
    *,
    authorization_server: str = "default",
    audience: str | Iterable[str],
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of a custom authorization server of Okta.

    Access tokens have the claim `cid`, the client's ID; ID tokens lack it. Scopes are in `scp`.
    Only Okta can verify the access tokens of the org authorization server, so there is no preset
    for them.

    Source: https://developer.okta.com/docs/guides/validate-access-tokens/

    Args:
        domain: The host of the organization, such as `org.okta.com`.
        authorization_server: The ID of the custom authorization server.
        audience: The audience of the authorization server, such as `api://default`, or several.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    host = check_host("domain", domain)
    server = check_segment("authorization_server", authorization_server)
    issuer = f"https://{host}/oauth2/{server}"
    return preset_issuer(
        issuer,
        audience=audience,
        provider_keys=f"{issuer}/v1/keys",
        claims={"cid": ...},
        fetch=fetch,
        options=options,
    )
