"""The preset for Cloudflare Access."""

from collections.abc import Iterable
from typing import Unpack

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer, require_audience
from jwt_wsgi.presets._url_parts import check_host


def cloudflare_access(
    team_domain: str,
    *,
    audience: str | Iterable[str],
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of a team of Cloudflare Access.

    The preset requires the `type` "app". The global session token of the team's domain has the
    `type` "org". Cloudflare sends the application token in the header `Cf-Access-Jwt-Assertion`,
    and a browser sends it in the cookie `CF_Authorization` as well. Name both in `token_sources`:
    the cookie lets the middleware refuse requests that other sites caused.

    The token of a person has an `email`. The token of a service has a `common_name`, which is the
    client ID of the service token, and an empty `sub`.

    Source: https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/application-token/
    and https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/validating-json/

    Args:
        team_domain: The host of the team, such as `team.cloudflareaccess.com`.
        audience: The Application Audience (AUD) tag of the Access application, or several.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    issuer = f"https://{check_host('team_domain', team_domain)}"
    return preset_issuer(
        issuer,
        audience=require_audience(audience),
        provider_keys=f"{issuer}/cdn-cgi/access/certs",
        claims={"type": "app"},
        fetch=fetch,
        options=options,
    )
