"""Issuers for well-known providers: one call each.

Every preset returns an `Issuer`, or something that stands for several of them, for `protect`,
`TokenVerifier` and `Verifier`. It knows the provider's issuer name, where the provider publishes
its keys, and which claims distinguish its access tokens from its ID tokens. Presets fetch nothing;
keys are fetched when the first token arrives.

All presets take `fetch`, which replaces the HTTP client, and the keyword arguments of `Issuer`.
"""

from jwt_wsgi.presets._adfs import adfs
from jwt_wsgi.presets._auth0 import auth0
from jwt_wsgi.presets._aws_alb import aws_alb
from jwt_wsgi.presets._azure_b2c import azure_b2c
from jwt_wsgi.presets._clerk import clerk
from jwt_wsgi.presets._cloudflare_access import cloudflare_access
from jwt_wsgi.presets._cognito import cognito
from jwt_wsgi.presets._entra import ANY_TENANT, CONSUMERS, entra
from jwt_wsgi.presets._entra_external_id import entra_external_id
from jwt_wsgi.presets._firebase import firebase
from jwt_wsgi.presets._github_actions import github_actions
from jwt_wsgi.presets._gitlab_ci import gitlab_ci
from jwt_wsgi.presets._google import google_iap, google_self_signed, google_service_account
from jwt_wsgi.presets._keycloak import keycloak
from jwt_wsgi.presets._kubernetes import kubernetes_service_accounts
from jwt_wsgi.presets._okta import okta
from jwt_wsgi.presets._supabase import supabase

__all__ = [
    "ANY_TENANT",
    "CONSUMERS",
    "adfs",
    "auth0",
    "aws_alb",
    "azure_b2c",
    "clerk",
    "cloudflare_access",
    "cognito",
    "entra",
    "entra_external_id",
    "firebase",
    "github_actions",
    "gitlab_ci",
    "google_iap",
    "google_self_signed",
    "google_service_account",
    "keycloak",
    "kubernetes_service_accounts",
    "okta",
    "supabase",
]
