"""The preset for Active Directory Federation Services (AD FS)."""

from collections.abc import Iterable
from typing import Unpack

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer
from jwt_wsgi.presets._url_parts import check_host


def adfs(
    host: str,
    *,
    audience: str | Iterable[str],
    identifier: str | None = None,
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of the access tokens of an AD FS farm, 2016 or later.

    The issuer of access tokens is the identifier of the Federation Service,
    `http://HOST/adfs/services/trust`: a name only, which nothing fetches. ID tokens have another
    issuer, `https://HOST/adfs`. Access tokens name the client in `appid`. Scopes are in `scp`. The
    claim `auth_time` is a text and not a number, so `fresh(...)` accepts no such token.

    Source: https://learn.microsoft.com/windows-server/identity/ad-fs/development/ad-fs-openid-connect-oauth-concepts

    Args:
        host: The host of the Federation Service, such as `adfs.example.com`.
        audience: The identifier of the web API, or several, as tokens have it in `aud`. AD FS
            writes `microsoft:identityserver:` before an identifier that is not a URL.
        identifier: The identifier of the Federation Service, if it was changed. It is the
            `access_token_issuer` of `https://HOST/adfs/.well-known/openid-configuration`.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    check_host("host", host)
    if identifier is None:
        identifier = f"http://{host}/adfs/services/trust"
    if not isinstance(identifier, str) or identifier == f"https://{host}/adfs":
        raise ValueError(
            f"identifier={identifier!r}: write the access_token_issuer of AD FS's metadata, "
            "which is not the issuer of ID tokens"
        )
    return preset_issuer(
        identifier,
        audience=audience,
        provider_keys=f"https://{host}/adfs/discovery/keys",
        claims={"appid": ...},
        fetch=fetch,
        options=options,
    )
