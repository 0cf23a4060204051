"""The shape of Amazon Cognito's tokens."""

from jwt_wsgi.testing.shapes._shape import JWKS_PATH, Parties, Shape

_CLIENT = "0123456789abcdefghijklmnop"

# Cognito's access tokens have no audience. They name the client instead.
COGNITO = Shape(
    example=Parties(
        "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123", _CLIENT, _CLIENT
    ),
    keys_path=JWKS_PATH,
    header={"typ": None},
    access=lambda p: {
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "version": 2,
        "client_id": p.client,
        "origin_jti": "o",
        "event_id": "e",
        "token_use": "access",
        "jti": "j",
        "username": "user",
    },
    id_token=lambda p: {
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "email_verified": True,
        "cognito:username": "user",
        "origin_jti": "o",
        "aud": p.client,
        "event_id": "e",
        "token_use": "id",
        "jti": "i",
        "email": "user@example.com",
    },
    times=("auth_time",),
)
