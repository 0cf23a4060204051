"""The preset for the tokens of GitHub Actions."""

import re
from collections.abc import Iterable
from typing import Unpack

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.presets._allowed_values import AllowedValues, trusted_claims
from jwt_wsgi.presets._base_url import check_base_url
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer, require_audience

_OWNER = re.compile(r"[A-Za-z0-9_-]+")
_REPOSITORY = re.compile(r"[A-Za-z0-9_-]+/[A-Za-z0-9._-]+")
_ID = re.compile(r"[0-9]+")
_ID_REMEDY = "write the number as text, such as '74'"


def github_actions(
    *,
    audience: str | Iterable[str],
    repositories: str | Iterable[str] | None = None,
    repository_ids: str | Iterable[str] | None = None,
    owners: str | Iterable[str] | None = None,
    owner_ids: str | Iterable[str] | None = None,
    url: str = "https://token.actions.githubusercontent.com",
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of the tokens of GitHub Actions, for the repositories that you name.

    Every repository of GitHub can request a token for every audience. So at least one of the
    options `repositories`, `repository_ids`, `owners` and `owner_ids` is needed, and a token must
    satisfy all that are set. Somebody else can register a name that was given up; an ID is never
    used again. So add the ID of the owner to a name.

    Everybody who may push to a repository can run a workflow on a branch. Rules restrict that with
    `claim("ref", "refs/heads/main")`, `claim("environment", "production")` or
    `claim("job_workflow_ref", ...)`.

    Source: https://docs.github.com/en/actions/reference/security/oidc

    Args:
        audience: The audience that workflows request for your API, or several. Do not use
            GitHub's default, the URL of the owner.
        repositories: The repository that may call, such as `octo-org/octo-repo`, or several, in
            the case that GitHub writes.
        repository_ids: The ID of the repository that may call, or several.
        owners: The organization or account whose repositories may call, or several.
        owner_ids: The ID of the organization or account whose repositories may call, or several.
        url: The issuer. GitHub Enterprise Server has `https://HOSTNAME/_services/token`, and an
            enterprise on GHE.com has `https://token.actions.SUBDOMAIN.ghe.com`.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`.

    Raises:
        ValueError: An option has an invalid value, or none says who may call. The text names the
            option and the remedy.
    """
    issuer = check_base_url("url", url, options)
    trusted = trusted_claims(
        {
            "repositories": AllowedValues(
                "repository", repositories, _REPOSITORY, "write octo-org/octo-repo"
            ),
            "repository_ids": AllowedValues("repository_id", repository_ids, _ID, _ID_REMEDY),
            "owners": AllowedValues("repository_owner", owners, _OWNER, "write octo-org"),
            "owner_ids": AllowedValues("repository_owner_id", owner_ids, _ID, _ID_REMEDY),
        },
        remedy="name who may call, because every repository of GitHub gets tokens",
    )
    return preset_issuer(
        issuer,
        audience=require_audience(audience),
        provider_keys=f"{issuer}/.well-known/jwks",
        claims=trusted,
        fetch=fetch,
        options=options,
    )
