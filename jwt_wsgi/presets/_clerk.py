"""The preset for Clerk."""

from collections.abc import Callable, Iterable
from typing import Any, Unpack

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import ANY_AUDIENCE, Issuer
from jwt_wsgi.origins import is_origin
from jwt_wsgi.presets._named_values import is_one_of, names_of
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer
from jwt_wsgi.presets._url_parts import check_host


def clerk(
    frontend_api: str,
    *,
    authorized_parties: str | Iterable[str],
    audience: str | Iterable[str] | None = None,
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of an instance of Clerk, for its session tokens.

    Session tokens have no `aud`. The preset requires an `azp` out of `authorized_parties` instead,
    a session (`sid`), and the status "active" (`sts`). A session whose status is "pending" belongs
    to a user who must still do something, such as choose an organization. Tokens of the deprecated
    version 1, which have no `sts`, and tokens without `azp`, which native clients get, are refused.

    Clerk sends the token in the cookie `__session` to the application's own origin, and in the
    header `Authorization` to others.

    Source: https://clerk.com/docs/guides/sessions/session-tokens and
    https://clerk.com/docs/guides/sessions/manual-jwt-verification

    Args:
        frontend_api: The Frontend API of the instance, such as `https://clerk.example.com` or
            `https://name-00.clerk.accounts.dev`; `https://` may be left out.
        authorized_parties: The origin of the application that may call, such as
            `https://app.example.com`, or several.
        audience: The `aud` that the session token was customized to have, or several. By default
            none is required. If JWT templates of the instance make tokens for other services, set
            it, so that those tokens are refused.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    issuer = f"https://{_check_frontend_api(frontend_api)}"
    return preset_issuer(
        issuer,
        audience=ANY_AUDIENCE if audience is None else audience,
        provider_keys=f"{issuer}/.well-known/jwks.json",
        claims={"azp": _is_authorized(authorized_parties), "sid": ..., "sts": "active"},
        fetch=fetch,
        options=options,
    )


def _check_frontend_api(frontend_api: Any) -> str:
    host = frontend_api
    if isinstance(host, str):
        host = host.removeprefix("https://").removesuffix("/")
    return check_host("frontend_api", host)


def _is_authorized(parties: str | Iterable[str]) -> Callable[[object], bool]:
    """Return the predicate for the claim `azp`."""
    origins = names_of("authorized_parties", parties, "name the origins that may call")
    for origin in origins:
        if not is_origin(origin):
            raise ValueError(
                f"authorized_parties={origin!r}: write an origin as a browser sends it, such as "
                "https://app.example.com, without a slash at its end"
            )
    return is_one_of(origins)
