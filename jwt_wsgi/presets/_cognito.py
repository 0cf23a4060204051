"""The preset for Amazon Cognito."""

import re
from collections.abc import Iterable
from typing import Unpack

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import ANY_AUDIENCE, Issuer
from jwt_wsgi.presets._named_values import is_one_of, names_of
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer
from jwt_wsgi.presets._url_parts import check_segment

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


def cognito(
    region: str,
    pool: str,
    *,
    client_ids: str | Iterable[str],
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of a user pool of Amazon Cognito.

    Access tokens have no `aud`. The preset requires a `client_id` out of `client_ids` instead, and
    the `token_use` "access"; the `token_use` of an ID token is "id". Rules read groups with
    `has("cognito:groups", ...)`.

    Source: https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html

    Args:
        region: The region of the pool, such as `eu-west-1`.
        pool: The ID of the pool, such as `eu-west-1_AbCdEf123`.
        client_ids: The ID of the app client that may call the API, or several.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`.

    Raises:
        ValueError: An option has an invalid value. The text names the option and the remedy.
    """
    issuer = f"https://cognito-idp.{_host_suffix(region)}/{_check_pool(pool, region)}"
    clients = names_of("client_ids", client_ids, "name the clients that may call")
    return preset_issuer(
        issuer,
        audience=ANY_AUDIENCE,
        provider_keys=f"{issuer}/.well-known/jwks.json",
        claims={"token_use": "access", "client_id": is_one_of(clients)},
        fetch=fetch,
        options=options,
    )


def _host_suffix(region: str) -> str:
    if not isinstance(region, str) or _REGION.fullmatch(region) is None:
        raise ValueError(f"region={region!r}: write eu-west-1")
    if region.startswith("cn-"):
        return f"{region}.amazonaws.com.cn"
    return f"{region}.amazonaws.com"


def _check_pool(pool: str, region: str) -> str:
    if check_segment("pool", pool).startswith(f"{region}_"):
        return pool
    raise ValueError(f"pool={pool!r}: write the pool's ID, which begins with {region}_")
