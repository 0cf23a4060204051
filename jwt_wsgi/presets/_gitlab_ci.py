"""The preset for the ID tokens of GitLab CI/CD."""

import re
from collections.abc import Iterable
from typing import Unpack

from jwt_wsgi.http.fetching import Fetch
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.presets._allowed_values import AllowedValues, trusted_claims
from jwt_wsgi.presets._base_url import check_base_url
from jwt_wsgi.presets._preset_issuer import IssuerOptions, preset_issuer, require_audience

_PROJECT = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+")
_NAMESPACE = re.compile(r"[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*")
_ID = re.compile(r"[0-9]+")
_ID_REMEDY = "write the number as text, such as '20'"


def gitlab_ci(
    *,
    audience: str | Iterable[str],
    projects: str | Iterable[str] | None = None,
    project_ids: str | Iterable[str] | None = None,
    namespaces: str | Iterable[str] | None = None,
    namespace_ids: str | Iterable[str] | None = None,
    url: str = "https://gitlab.com",
    fetch: Fetch | None = None,
    **options: Unpack[IssuerOptions],
) -> Issuer:
    """Return the issuer of the ID tokens of GitLab CI/CD jobs, for the projects that you name.

    Every project of the instance can request a token for every audience. So at least one of the
    options `projects`, `project_ids`, `namespaces` and `namespace_ids` is needed, and a token must
    satisfy all that are set. Somebody else can register a path that was given up, so add an ID.

    The same issuer with the same keys also signs the ID tokens of users who log in with GitLab.
    The preset refuses them, because they have none of these claims.

    Everybody who may push to a project can run a job on a branch. Rules restrict that with
    `claim("ref_protected", "true")`, whose value is a text, or `claim("environment", ...)`.

    Source: https://docs.gitlab.com/ci/secrets/id_token_authentication/ and
    https://docs.gitlab.com/integration/openid_connect_provider/

    Args:
        audience: The `aud` that jobs write under `id_tokens` for your API, or several.
        projects: The path of the project that may call, such as `my-group/my-project`, or several.
        project_ids: The ID of the project that may call, or several.
        namespaces: The path of the group or account whose projects may call, or several. The
            projects of its subgroups are not included.
        namespace_ids: The ID of the group or account whose projects may call, or several.
        url: The URL of the GitLab instance.
        fetch: A function from a URL to the document's bytes, instead of the HTTP client.
        **options: Other keyword arguments of `Issuer`.

    Raises:
        ValueError: An option has an invalid value, or none says who may call. The text names the
            option and the remedy.
    """
    issuer = check_base_url("url", url, options)
    trusted = trusted_claims(
        {
            "projects": AllowedValues(
                "project_path", projects, _PROJECT, "write my-group/my-project"
            ),
            "project_ids": AllowedValues("project_id", project_ids, _ID, _ID_REMEDY),
            "namespaces": AllowedValues("namespace_path", namespaces, _NAMESPACE, "write my-group"),
            "namespace_ids": AllowedValues("namespace_id", namespace_ids, _ID, _ID_REMEDY),
        },
        remedy="name who may call, because every project of the instance gets tokens",
    )
    return preset_issuer(
        issuer,
        audience=require_audience(audience),
        provider_keys=f"{issuer}/oauth/discovery/keys",
        claims=trusted,
        fetch=fetch,
        options=options,
    )
