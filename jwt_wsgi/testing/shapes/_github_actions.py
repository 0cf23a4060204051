"""The shape of the tokens of GitHub Actions.

Source: https://docs.github.com/en/actions/reference/security/oidc and
https://docs.github.com/en/actions/concepts/security/openid-connect
"""

from typing import Any

from jwt_wsgi.testing.shapes._shape import Parties, Shape


def _claims(audience: str, repository: str) -> dict[str, Any]:
    owner = repository.partition("/")[0]
    return {
        "jti": "example-id",
        "sub": f"repo:{repository}:environment:prod",
        "environment": "prod",
        "aud": audience,
        "ref": "refs/heads/main",
        "sha": "example-sha",
        "repository": repository,
        "repository_owner": owner,
        "actor_id": "12",
        "repository_visibility": "private",
        "repository_id": "74",
        "repository_owner_id": "65",
        "run_id": "example-run-id",
        "run_number": "10",
        "run_attempt": "2",
        "runner_environment": "github-hosted",
        "actor": "octocat",
        "workflow": "example-workflow",
        "head_ref": "",
        "base_ref": "",
        "event_name": "workflow_dispatch",
        "ref_type": "branch",
        "job_workflow_ref": f"{owner}/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
    }


# In place of the ID token stands the token of a workflow that names no audience.
GITHUB_ACTIONS = Shape(
    example=Parties(
        "https://token.actions.githubusercontent.com",
        "https://deploy.example.com",
        "octo-org/octo-repo",
    ),
    keys_path="/.well-known/jwks",
    header={"typ": "JWT", "x5t": "example-thumbprint"},
    access=lambda p: _claims(p.audience, p.client),
    id_token=lambda p: _claims(f"https://github.com/{p.client.partition('/')[0]}", p.client),
    times=("nbf",),
)
