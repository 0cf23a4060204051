"""The shape of Auth0's tokens."""

from jwt_wsgi.testing.shapes._shape import JWKS_PATH, PERSON, Parties, Shape

AUTH0 = Shape(
    example=Parties(
        "https://tenant.eu.auth0.com/",
        "https://api.example.com",
        "0123456789abcdefghijABCDEFGHIJ01",
    ),
    keys_path=JWKS_PATH,
    header={"typ": "JWT"},
    access=lambda p: {
        "sub": "auth0|0123456789abcdef01234567",
        "aud": [p.audience, f"{p.issuer}userinfo"],
        "azp": p.client,
        "permissions": [],
    },
    id_token=lambda p: {
        **PERSON,
        "sub": "auth0|0123456789abcdef01234567",
        "aud": p.client,
        "nickname": "user",
        "email_verified": True,
        "updated_at": "2026-01-01T00:00:00.000Z",
        "sid": "session",
        "nonce": "n",
    },
)
