"""The shape of the tokens of a server without peculiarities."""

from jwt_wsgi.testing.shapes._shape import JWKS_PATH, Parties, Shape

#: RFC 9068 access tokens, and ID tokens of OpenID Connect Core 1.0 §2.
RFC_9068 = Shape(
    example=Parties("https://issuer.test/", "https://api.test", "client-1"),
    keys_path=JWKS_PATH,
    header={"typ": "at+jwt"},
    access=lambda p: {"aud": p.audience, "sub": "user-1", "client_id": p.client},
    id_token=lambda p: {"aud": p.client, "sub": "user-1", "nonce": "n"},
)
