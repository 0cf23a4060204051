"""Issuers for Auth0, Okta, Microsoft Entra, Amazon Cognito, AWS load balancers and Keycloak.

Every preset returns an `Issuer`, or something that stands for several of them, for `protect`,
`TokenVerifier` and `Verifier`. It knows the provider's issuer name, where the provider publishes
its keys, and which claims distinguish its access tokens from its ID tokens. Presets fetch nothing;
keys are fetched when the first token arrives.

All presets take `fetch`, which replaces the HTTP client, and the keyword arguments of `Issuer`.
"""

from jwt_wsgi.presets._auth0 import auth0
from jwt_wsgi.presets._aws_alb import aws_alb
from jwt_wsgi.presets._cognito import cognito
from jwt_wsgi.presets._entra import ANY_TENANT, CONSUMERS, entra
from jwt_wsgi.presets._keycloak import keycloak
from jwt_wsgi.presets._okta import okta

__all__ = ["ANY_TENANT", "CONSUMERS", "auth0", "aws_alb", "cognito", "entra", "keycloak", "okta"]
