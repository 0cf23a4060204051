"""The shape of Clerk's session tokens, version 2.

Source: https://clerk.com/docs/guides/sessions/session-tokens. The ID token is that of an OAuth
application, https://clerk.com/docs/guides/configure/auth-strategies/oauth/single-sign-on.
"""

from jwt_wsgi.testing.shapes._shape import JWKS_PATH, PERSON, Parties, Shape

_APPLICATION = "https://app.example.com"

# Session tokens have no audience. They name the origin of the application in `azp`.
CLERK = Shape(
    example=Parties("https://clerk.example.com", _APPLICATION, _APPLICATION),
    keys_path=JWKS_PATH,
    header={"typ": "JWT", "cat": "cl_B7d4PD111AAA"},
    access=lambda p: {
        "azp": p.client,
        "fva": [7, -1],
        "sid": "sess_123",
        "sts": "active",
        "sub": "user_123",
        "v": 2,
    },
    id_token=lambda p: {**PERSON, "aud": p.client, "sub": "user_123", "nonce": "n"},
    times=("nbf",),
)
