"""The shape of the tokens that an Application Load Balancer of AWS makes about its users.

The members of the header are documented. The documentation calls the payload "the user claims
received from the IdP user info endpoint"; tokens that were published have `exp` and `iss` there
too, equal to those of the header.
"""

import uuid

from jwt_wsgi.testing.shapes._shape import Parties, Shape

_REGION = "eu-west-1"
_SIGNER = (
    f"arn:aws:elasticloadbalancing:{_REGION}:123456789012:"
    "loadbalancer/app/my-load-balancer/50dc6c495c0c9188"
)
_CLIENT = "0123456789abcdefghijklmnop"

# There is no audience. The header names the client, and the load balancer as the signer.
AWS_ALB = Shape(
    example=Parties(
        f"https://cognito-idp.{_REGION}.amazonaws.com/{_REGION}_AbCdEf123", _CLIENT, _CLIENT
    ),
    keys_path="/{kid}",
    header={"typ": "JWT"},
    access=lambda p: {
        "jti": None,
        "iat": None,
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "email_verified": "true",
        "email": "user@example.com",
        "username": "user",
    },
    # The ID token of the identity provider.
    id_token=lambda p: {
        "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
        "aud": p.client,
        "token_use": "id",
        "email": "user@example.com",
    },
    keys_base=lambda issuer: f"https://public-keys.auth.elb.{_REGION}.amazonaws.com",
    algorithm="ES256",
    parties_header=lambda p: {"client": p.client, "signer": _SIGNER},
    repeated=("iss", "exp"),
    padded=True,
    new_kid=lambda: str(uuid.uuid4()),
)
