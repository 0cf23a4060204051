"""The shapes of the tokens of Google Cloud: IAP, service accounts and Firebase.

https://cloud.google.com/iap/docs/signed-headers-howto,
https://cloud.google.com/docs/authentication/token-types,
https://cloud.google.com/endpoints/docs/openapi/service-account-authentication and
https://firebase.google.com/docs/auth/admin/verify-id-tokens describe them.
"""

from typing import Any

from jwt_wsgi.testing.shapes._shape import PERSON, Parties, Shape

_CLIENT = "123456789012-abcdefghijklmnop.apps.googleusercontent.com"
_ACCOUNT = "caller@my-project.iam.gserviceaccount.com"
_UNIQUE_ID = "100147106996764479085"
_ACCOUNTS_DOMAIN = ".iam.gserviceaccount.com"
_SERVICE_ACCOUNTS = "https://www.googleapis.com/service_accounts/v1/jwk/"


def _login(parties: Parties) -> dict[str, Any]:
    """Return the claims of the ID token of a person who signed in to a client with Google."""
    return {
        **PERSON,
        "iss": "https://accounts.google.com",
        "azp": parties.client,
        "aud": parties.client,
        "sub": "110169484474386276334",
        "email_verified": True,
        "at_hash": "a",
    }


# IAP itself makes no ID token. The one here is that of the user's login, of another issuer.
GOOGLE_IAP = Shape(
    example=Parties(
        "https://cloud.google.com/iap", "/projects/123456789/global/backendServices/987", _CLIENT
    ),
    keys_path="/iap/verify/public_key-jwk",
    header={"typ": "JWT"},
    access=lambda p: {
        "aud": p.audience,
        "sub": "accounts.google.com:110169484474386276334",
        "email": "user@example.com",
        "hd": "example.com",
        "google": {"access_levels": []},
    },
    id_token=_login,
    keys_base=lambda issuer: "https://www.gstatic.com",
    algorithm="ES256",
)

# The token that an account calls a service with is an ID token. Beside it, people get ID tokens of
# the same issuer for the clients to which they sign in.
GOOGLE_SERVICE_ACCOUNT = Shape(
    example=Parties("https://accounts.google.com", "https://api.example.com", _CLIENT),
    keys_path="/oauth2/v3/certs",
    header={"typ": "JWT"},
    access=lambda p: {
        "aud": p.audience,
        "azp": _UNIQUE_ID,
        "email": _ACCOUNT,
        "email_verified": True,
        "sub": _UNIQUE_ID,
    },
    id_token=_login,
    keys_base=lambda issuer: "https://www.googleapis.com",
)

# The second token is the assertion with which the account gets access tokens from Google.
GOOGLE_SELF_SIGNED = Shape(
    example=Parties(_ACCOUNT, "https://api.example.com", _ACCOUNT),
    keys_path=_ACCOUNTS_DOMAIN,
    header={"typ": "JWT"},
    access=lambda p: {"aud": p.audience, "sub": p.issuer, "email": p.issuer},
    id_token=lambda p: {"aud": "https://oauth2.googleapis.com/token", "sub": p.issuer},
    keys_base=lambda issuer: _SERVICE_ACCOUNTS + issuer.removesuffix(_ACCOUNTS_DOMAIN),
)


def _firebase_user(parties: Parties) -> dict[str, Any]:
    return {
        **PERSON,
        "aud": parties.audience,
        "user_id": "u",
        "sub": "u",
        "email_verified": True,
        "firebase": {"identities": {"email": ["user@example.com"]}, "sign_in_provider": "password"},
    }


# Clients send Firebase's ID tokens to APIs. The second token is a session cookie: its claims are
# the same, its issuer and its keys are not.
# https://firebase.google.com/docs/auth/admin/manage-cookies
FIREBASE = Shape(
    example=Parties("https://securetoken.google.com/my-project", "my-project", "my-project"),
    keys_path="/securetoken@system.gserviceaccount.com",
    header={"typ": "JWT"},
    access=_firebase_user,
    id_token=lambda p: {
        **_firebase_user(p),
        "iss": f"https://session.firebase.google.com/{p.audience}",
    },
    times=("auth_time",),
    keys_base=lambda issuer: _SERVICE_ACCOUNTS.rstrip("/"),
)
