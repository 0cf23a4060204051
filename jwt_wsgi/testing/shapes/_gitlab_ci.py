"""The shape of the ID tokens of GitLab CI/CD.

Source: https://docs.gitlab.com/ci/secrets/id_token_authentication/. The ID token is that of a user
who logs in with GitLab, https://docs.gitlab.com/integration/openid_connect_provider/.
"""

from jwt_wsgi.testing.shapes._shape import PERSON, Parties, Shape

GITLAB_CI = Shape(
    example=Parties("https://gitlab.com", "https://deploy.example.com", "my-group/my-project"),
    keys_path="/oauth/discovery/keys",
    header={"typ": "JWT"},
    access=lambda p: {
        "namespace_id": "72",
        "namespace_path": p.client.rpartition("/")[0],
        "project_id": "20",
        "project_path": p.client,
        "user_id": "1",
        "user_login": "sample-user",
        "user_email": "sample-user@example.com",
        "pipeline_id": "574",
        "pipeline_source": "push",
        "job_id": "302",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "runner_id": 1,
        "runner_environment": "gitlab-hosted",
        "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
        "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
        "sub": f"project_path:{p.client}:ref_type:branch:ref:main",
        "aud": p.audience,
    },
    id_token=lambda p: {
        **PERSON,
        "aud": p.client,
        "sub": "1",
        "nickname": "sample-user",
        "preferred_username": "sample-user",
        "email_verified": True,
        "nonce": "n",
    },
    times=("nbf",),
)
