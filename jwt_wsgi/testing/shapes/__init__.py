"""The shapes of each provider's tokens: header, access token and ID token.

The names of claims come from the providers' documentation, to which `jwt_wsgi.presets` refers;
the values are invented. A token grants only what a test asks for: no scope, role or group
otherwise.
"""

from jwt_wsgi.testing.shapes._adfs import ADFS
from jwt_wsgi.testing.shapes._auth0 import AUTH0
from jwt_wsgi.testing.shapes._aws_alb import AWS_ALB
from jwt_wsgi.testing.shapes._azure_b2c import AZURE_B2C
from jwt_wsgi.testing.shapes._clerk import CLERK
from jwt_wsgi.testing.shapes._cloudflare_access import CLOUDFLARE_ACCESS
from jwt_wsgi.testing.shapes._cognito import COGNITO
from jwt_wsgi.testing.shapes._entra import ENTRA_EXTERNAL_ID, ENTRA_V1, ENTRA_V2
from jwt_wsgi.testing.shapes._github_actions import GITHUB_ACTIONS
from jwt_wsgi.testing.shapes._gitlab_ci import GITLAB_CI
from jwt_wsgi.testing.shapes._google import (
    FIREBASE,
    GOOGLE_IAP,
    GOOGLE_SELF_SIGNED,
    GOOGLE_SERVICE_ACCOUNT,
)
from jwt_wsgi.testing.shapes._keycloak import KEYCLOAK
from jwt_wsgi.testing.shapes._kubernetes import KUBERNETES
from jwt_wsgi.testing.shapes._okta import OKTA
from jwt_wsgi.testing.shapes._rfc9068 import RFC_9068
from jwt_wsgi.testing.shapes._shape import Parties, Shape
from jwt_wsgi.testing.shapes._supabase import SUPABASE

__all__ = ["RFC_9068", "SHAPES", "Parties", "Shape"]

#: The shapes by the name that `LocalIssuer(like=...)` takes.
SHAPES: dict[str, Shape] = {
    "auth0": AUTH0,
    "okta": OKTA,
    "entra-v2": ENTRA_V2,
    "entra-v1": ENTRA_V1,
    "cognito": COGNITO,
    "keycloak": KEYCLOAK,
    "aws-alb": AWS_ALB,
    "entra-external-id": ENTRA_EXTERNAL_ID,
    "azure-b2c": AZURE_B2C,
    "adfs": ADFS,
    "google-iap": GOOGLE_IAP,
    "google-service-account": GOOGLE_SERVICE_ACCOUNT,
    "google-self-signed": GOOGLE_SELF_SIGNED,
    "firebase": FIREBASE,
    "cloudflare-access": CLOUDFLARE_ACCESS,
    "supabase": SUPABASE,
    "clerk": CLERK,
    "kubernetes-service-accounts": KUBERNETES,
    "github-actions": GITHUB_ACTIONS,
    "gitlab-ci": GITLAB_CI,
}
