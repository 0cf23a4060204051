"""The shape of the tokens of Okta's custom authorization servers."""

from jwt_wsgi.testing.shapes._shape import PERSON, Parties, Shape

OKTA = Shape(
    example=Parties("https://org.okta.com/oauth2/default", "api://default", "0oa0123456789abcdef0"),
    keys_path="/v1/keys",
    header={"typ": None},
    access=lambda p: {
        "ver": 1,
        "jti": "AT.0123456789",
        "aud": p.audience,
        "cid": p.client,
        "uid": "00u0123456789abcdef0",
        "sub": "user@example.com",
    },
    id_token=lambda p: {
        **PERSON,
        "sub": "00u0123456789abcdef0",
        "ver": 1,
        "aud": p.client,
        "jti": "ID.0123456789",
        "amr": ["pwd"],
        "idp": "00o0123456789abcdef0",
        "nonce": "n",
        "preferred_username": "user@example.com",
    },
    scopes=lambda scope: {"scp": scope.split()},
)
