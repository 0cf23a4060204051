"""The shape of Keycloak's tokens."""

from jwt_wsgi.testing.shapes._shape import Parties, Shape

KEYCLOAK = Shape(
    example=Parties("https://sso.example.com/realms/main", "my-api", "my-client"),
    keys_path="/protocol/openid-connect/certs",
    header={"typ": "JWT"},
    access=lambda p: {
        "jti": "j",
        "aud": [p.audience, "account"],
        "sub": "s",
        "typ": "Bearer",
        "azp": p.client,
        "sid": "session",
        "acr": "1",
        "allowed-origins": ["https://app.example.com"],
        "realm_access": {"roles": ["offline_access", "uma_authorization", "default-roles-main"]},
        "resource_access": {"account": {"roles": ["view-profile"]}},
        "preferred_username": "user",
    },
    id_token=lambda p: {
        "jti": "i",
        "aud": p.client,
        "sub": "s",
        "typ": "ID",
        "azp": p.client,
        "sid": "session",
        "nonce": "n",
        "acr": "1",
        "preferred_username": "user",
    },
    times=("auth_time",),
)
