"""The shape of the tokens of Supabase Auth.

Source: https://supabase.com/docs/guides/auth/jwt-fields. The ID token is that of the project's
OAuth server, https://supabase.com/docs/guides/auth/oauth-server.
"""

from jwt_wsgi.testing.shapes._shape import JWKS_PATH, PERSON, Parties, Shape

_USER = "123e4567-e89b-12d3-a456-426614174000"

SUPABASE = Shape(
    example=Parties(
        "https://abcdefghijklmnopqrst.supabase.co/auth/v1",
        "authenticated",
        "9a8b7c6d-5e4f-3a2b-1c0d-9e8f7a6b5c4d",
    ),
    keys_path=JWKS_PATH,
    header={"typ": "JWT"},
    access=lambda p: {
        "aal": "aal1",
        "amr": [{"method": "password", "timestamp": 1640991600}],
        "app_metadata": {"provider": "email", "providers": ["email"]},
        "aud": p.audience,
        "email": "user@example.com",
        "phone": "",
        "role": "authenticated",
        "session_id": _USER,
        "sub": _USER,
        "user_metadata": {"name": "user"},
        "is_anonymous": False,
        "jti": None,
    },
    id_token=lambda p: {**PERSON, "aud": p.client, "sub": _USER, "nonce": "n"},
    algorithm="ES256",
)
