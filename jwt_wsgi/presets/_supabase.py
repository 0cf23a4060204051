"""The preset for Supabase Auth."""

import re
from collections.abc import Iterable
from typing import Any, Unpack

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.static import SharedSecret
from jwt_wsgi.presets._base_url import check_base_url
from jwt_wsgi.presets._named_values import is_one_of, names_of
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer, require_audience

_REF = re.compile(r"[a-z0-9]+")
_PUBLISHED = ("ES256", "RS256")


def supabase(
    project: str,
    *,
    audience: str | Iterable[str] = "authenticated",
    roles: str | Iterable[str] = "authenticated",
    legacy_secret: str | bytes | None = None,
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of a project of Supabase.

    Tokens are signed with ES256 or RS256. Before a project has signing keys, and for an hour after
    their first use, they are signed with HS256 and the project's legacy secret, which
    `legacy_secret` accepts as well.

    The preset requires a `session_id`, and a `role` out of `roles`. Thus it refuses the keys
    `anon` and `service_role`, which are tokens of the same secret with the issuer "supabase", and
    ID tokens of the project's OAuth server, whose audience is a client.

    A user who signed in anonymously has the role "authenticated", too. Rules that want a real
    account use `claim("is_anonymous", False)`. Every user may change the own `user_metadata`, so
    rules must never read it.

    Source: https://supabase.com/docs/guides/auth/jwt-fields and
    https://supabase.com/docs/guides/auth/signing-keys

    Args:
        project: The project's reference, such as `abcdefghijklmnopqrst`, or the URL of a custom
            domain or of your own server, without `/auth/v1`.
        audience: The `aud`, or several.
        roles: The accepted values of the claim `role`. A hook of the project may set others.
        legacy_secret: The project's legacy JWT secret, as the dashboard shows it. Remove it when
            the project has revoked the secret: who knows it can create tokens of every user.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    issuer = f"{_project_url(project, options)}/auth/v1"
    keys_url = f"{issuer}/.well-known/jwks.json"
    role_names = names_of("roles", roles, "name the roles that may call")
    defaults: IssuerOptions = {"algorithms": _PUBLISHED}
    if legacy_secret is not None:
        defaults = _with_secret(legacy_secret, keys_url, fetch, options)
    return preset_issuer(
        issuer,
        audience=require_audience(audience),
        provider_keys=keys_url,
        claims={"role": is_one_of(role_names), "session_id": ...},
        fetch=fetch,
        options={**defaults, **options},
    )


def _project_url(project: str, options: IssuerOptions) -> str:
    if isinstance(project, str) and _REF.fullmatch(project) is not None:
        return f"https://{project}.supabase.co"
    if isinstance(project, str) and "://" in project:
        return check_base_url("project", project, options)
    raise ValueError(f"project={project!r}: write its reference, 20 small letters, or its URL")


def _with_secret(
    secret: Any, keys_url: str, fetch: Fetch | None, options: IssuerOptions
) -> IssuerOptions:
    """Return the options that accept the secret beside the published keys."""
    if options.get("keys"):
        raise ValueError("legacy_secret beside keys: leave it out, and add SharedSecret to keys")
    try:
        shared = SharedSecret(secret)
    except ValueError as error:
        raise ValueError(f"legacy_secret: {error}") from None
    allow_http = options.get("allow_http", False)
    published = RemoteJWKS(keys_url, fetch=fetch, allow_http=allow_http)
    return {"keys": [shared, published], "algorithms": ("HS256", *_PUBLISHED)}
