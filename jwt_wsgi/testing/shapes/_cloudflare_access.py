"""The shape of the tokens of Cloudflare Access.

Source: https://developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/application-token/
"""

from jwt_wsgi.testing.shapes._shape import Parties, Shape

_PERSON = "7335d417-61da-459d-899c-0a01c76a2f94"

# A person's application token. In place of the ID token stands the global session token, the
# other token that Access signs. Its documentation names its `type` only.
CLOUDFLARE_ACCESS = Shape(
    example=Parties(
        "https://team.cloudflareaccess.com",
        "32eafc7626e974616deaf0dc3ce63d7bcbed58a2731e84d06bc3cdf1b53c4228",
        "97e2aae120121f902df8bc99fc345913ab186d174f3079ea729236766b2e7c4a",
    ),
    keys_path="/cdn-cgi/access/certs",
    header={"typ": "JWT"},
    access=lambda p: {
        "aud": [p.audience],
        "email": "user@example.com",
        "type": "app",
        "identity_nonce": "6ei69kawdKzMIAPF",
        "sub": _PERSON,
        "country": "US",
        "jti": None,
    },
    id_token=lambda p: {
        "aud": [p.client],
        "email": "user@example.com",
        "type": "org",
        "identity_nonce": "6ei69kawdKzMIAPF",
        "sub": _PERSON,
    },
    times=("nbf",),
)
