"""The shapes of each provider's tokens: header, access token and ID token.

The names of claims come from the providers' documentation, to which `jwt_wsgi.presets` refers;
the values are invented. A token grants only what a test asks for: no scope, role or group
otherwise.
"""

from jwt_wsgi.testing.shapes._auth0 import AUTH0
from jwt_wsgi.testing.shapes._aws_alb import AWS_ALB
from jwt_wsgi.testing.shapes._cognito import COGNITO
from jwt_wsgi.testing.shapes._entra import ENTRA_V1, ENTRA_V2
from jwt_wsgi.testing.shapes._keycloak import KEYCLOAK
from jwt_wsgi.testing.shapes._okta import OKTA
from jwt_wsgi.testing.shapes._rfc9068 import RFC_9068
from jwt_wsgi.testing.shapes._shape import Parties, Shape

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
}
