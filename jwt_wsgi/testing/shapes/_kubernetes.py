"""The shape of the tokens of Kubernetes service accounts.

Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/
"""

from typing import Any

from jwt_wsgi.testing.shapes._shape import Parties, Shape

_CLUSTER = "https://kubernetes.default.svc.cluster.local"


def _claims(audience: str, client: str) -> dict[str, Any]:
    """Return the claims of a projected token; `client` is `namespace:name`."""
    namespace, _, name = client.partition(":")
    return {
        "aud": [audience],
        "jti": "aed34954-b33a-4142-b1ec-389d6bbb4936",
        "kubernetes.io": {
            "namespace": namespace,
            "node": {"name": "node-1", "uid": "646e7c5e-32d6-4d42-9dbd-e504e6cbe6b1"},
            "pod": {"name": "caller-0", "uid": "5e0bd49b-f040-43b0-99b7-22765a53f7f3"},
            "serviceaccount": {"name": name, "uid": "14ee3fa4-a7e2-420f-9f9a-dbc4507c3798"},
        },
        "sub": f"system:serviceaccount:{client}",
    }


# In place of the ID token stands the token that every pod has for the API server.
KUBERNETES = Shape(
    example=Parties(_CLUSTER, "https://orders.example.com", "shop:frontend"),
    keys_path="/openid/v1/jwks",
    header={"typ": None},
    access=lambda p: _claims(p.audience, p.client),
    id_token=lambda p: _claims(p.issuer, p.client),
    times=("nbf",),
    keys_base=lambda issuer: "https://kubernetes.default.svc" if issuer == _CLUSTER else issuer,
)
