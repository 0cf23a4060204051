"""What each library offers beyond tokens, each with its evidence in the installed files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Json = dict[str, Any]


class Feature(NamedTuple):
    """A feature.

    Attributes:
        title: The head of its column.
        words: A regular expression that occurs in the Python files of the libraries that have the
            feature. A library with a match must not be said to lack it. Empty where there is no
            such word.
    """

    title: str
    words: str


FEATURES: Mapping[str, Feature] = {
    "proofs": Feature("DPoP", r"dpop\+jwt"),
    "certificates": Feature("mTLS", r"\bcnf\b.*x5t#S256"),
    "introspection": Feature("Introspection", r"introspect"),
    "metadata": Feature("Resource metadata", r"oauth-protected-resource"),
    "step_up": Feature("Step-up", r"insufficient_user_authentication"),
    "revocation": Feature("Revocation", r"revoked|blocklist|blacklist"),
    "policy": Feature("Rules by path", r""),
    "cookies": Feature("Tokens in cookies", r"\bset_cookie\b|COOKIE_NAME"),
    "kit": Feature("Test kit", r""),
    "clients": Feature("For clients", r""),
    "post_quantum": Feature("Post-quantum", r"ML-DSA"),
    "encryption": Feature("Encrypted tokens", r"A256GCM"),
    "issuing": Feature("Issues tokens", r""),
    "async": Feature("async", r"\basync def\b"),
}


class Offer(NamedTuple):
    """That a library has a feature: in full, or in part with a note; and the object that proves it."""

    evidence: str
    note: str = ""


#: The features of each table.
TABLES = (
    ("proofs", "certificates", "introspection", "metadata", "step_up"),
    ("revocation", "policy", "cookies", "kit", "clients"),
    ("post_quantum", "encryption", "issuing", "async"),
)
#: A feature that is outside the library's job.
OUTSIDE = "not its job"

#: What libraries offer. A feature that is not listed is "no", and its words must not occur.
OFFERS: Mapping[str, Mapping[str, Offer | str]] = {
    "jwt-wsgi": {
        "proofs": Offer("jwt_wsgi:DPoP"),
        "certificates": Offer("jwt_wsgi.client_certificates:ClientCertificate"),
        "introspection": Offer("jwt_wsgi:Introspection"),
        "metadata": Offer("jwt_wsgi:ProtectedResource"),
        "step_up": Offer("jwt_wsgi:acr"),
        "revocation": Offer("jwt_wsgi.revocation:DenyList"),
        "policy": Offer("jwt_wsgi:Policy"),
        "cookies": Offer("jwt_wsgi.sources:from_cookie"),
        "kit": Offer("jwt_wsgi.testing:LocalIssuer"),
        "post_quantum": Offer("jwt_wsgi.jose.algorithms:ALGORITHMS"),
        "issuing": OUTSIDE,
        "clients": OUTSIDE,
    },
    "pyjwt": {
        **dict.fromkeys(
            ("proofs", "certificates", "introspection", "metadata", "step_up"), OUTSIDE
        ),
        "revocation": OUTSIDE,
        **dict.fromkeys(("policy", "cookies", "clients"), OUTSIDE),
        "kit": Offer("jwt:encode", "signs tokens"),
        "issuing": Offer("jwt:encode", "signs them"),
    },
    "joserfc": {
        **dict.fromkeys(
            ("proofs", "certificates", "introspection", "metadata", "step_up"), OUTSIDE
        ),
        "revocation": OUTSIDE,
        **dict.fromkeys(("policy", "cookies", "clients"), OUTSIDE),
        "kit": Offer("joserfc.jwt:encode", "signs tokens"),
        "encryption": Offer("joserfc.jwe:decrypt_compact"),
        "issuing": Offer("joserfc.jwt:encode", "signs them"),
    },
    "authlib": {
        "introspection": Offer(
            "authlib.oauth2.rfc7662:IntrospectTokenValidator", "you make the request"
        ),
        "revocation": Offer(
            "authlib.oauth2.rfc7009:RevocationEndpoint", "of its own server's tokens"
        ),
        "kit": Offer("authlib.jose:jwt", "signs tokens"),
        "encryption": Offer("authlib.jose:JsonWebEncryption", "outside its protectors"),
        "issuing": Offer("authlib.oauth2:AuthorizationServer"),
        "clients": Offer("authlib.oauth2.client:OAuth2Client"),
        "async": Offer(
            "authlib.integrations.base_client.async_app:AsyncOAuth2Mixin", "for clients"
        ),
    },
    "auth0-api-python": {
        "proofs": Offer("auth0_api_python:ApiClient.verify_dpop_proof"),
        "kit": Offer("auth0_api_python.token_utils:generate_token", "signs tokens"),
        "issuing": Offer(
            "auth0_api_python:ApiClient.get_token_on_behalf_of", "exchanges them at Auth0"
        ),
        "policy": OUTSIDE,
        "async": Offer("auth0_api_python:ApiClient"),
    },
    "flask-jwt-extended": {
        "step_up": Offer("flask_jwt_extended:jwt_required", "`fresh` tokens, of its own kind"),
        "revocation": Offer(
            "flask_jwt_extended:JWTManager.token_in_blocklist_loader", "you keep the list"
        ),
        "cookies": Offer("flask_jwt_extended:set_access_cookies"),
        "kit": Offer("flask_jwt_extended:create_access_token", "signs tokens"),
        "issuing": Offer("flask_jwt_extended:create_refresh_token"),
    },
    "djangorestframework-simplejwt": {
        "revocation": Offer(
            "rest_framework_simplejwt.token_blacklist:__name__", "of tokens that it issued"
        ),
        "kit": Offer("rest_framework_simplejwt:__name__", "signs tokens"),
        "issuing": Offer("rest_framework_simplejwt:__name__"),
    },
    "pydpop": {
        "proofs": Offer("pydpop:verify_proof"),
        **dict.fromkeys(("certificates", "introspection", "step_up", "revocation"), OUTSIDE),
        **dict.fromkeys(("metadata", "policy", "cookies", "encryption", "issuing"), OUTSIDE),
        "kit": Offer("pydpop:generate_proof", "makes proofs"),
        "clients": Offer("pydpop:generate_proof", "makes proofs"),
        "post_quantum": Offer("pydpop:COMPOSITE_ALGS", "proofs by ML-DSA and ES256"),
        "async": Offer("pydpop.integrations:__name__", "Starlette, aiohttp"),
    },
    "mcp": {
        "introspection": Offer("mcp.server.auth.provider:TokenVerifier", "you make the request"),
        "metadata": Offer("mcp.server.auth.routes:create_protected_resource_routes"),
        "revocation": Offer(
            "mcp.server.auth.settings:RevocationOptions", "of its own server's tokens"
        ),
        "issuing": Offer("mcp.server.auth.provider:OAuthAuthorizationServerProvider"),
        "clients": Offer("mcp.client.auth:OAuthClientProvider"),
        **dict.fromkeys(("policy", "cookies", "encryption"), OUTSIDE),
        "async": Offer("mcp.server.auth.middleware.bearer_auth:RequireAuthMiddleware"),
    },
}


def question(distribution: str) -> Json:
    """Return what is asked of the installed files: `inspection.describe` answers."""
    offers = [offer for offer in OFFERS[distribution].values() if isinstance(offer, Offer)]
    words = {name: feature.words for name, feature in FEATURES.items() if feature.words}
    return {"names": [offer.evidence for offer in offers], "words": words}


def cells(distribution: str, inspection: Mapping[str, Any]) -> Json:
    """Return the cell of each feature: its mark and its note.

    Raises:
        ValueError: The files contradict the table: look again, and correct `OFFERS`.
    """
    return {name: _cell(distribution, name, inspection) for name in FEATURES}


def _cell(distribution: str, name: str, inspection: Mapping[str, Any]) -> Json:
    offer = OFFERS[distribution].get(name)
    if offer == OUTSIDE:
        return {"mark": OUTSIDE, "note": ""}
    if isinstance(offer, Offer) and offer.evidence in inspection["names"]:
        return {"mark": "in part" if offer.note else "yes", "note": offer.note}
    if name in inspection["words"] and offer is None:
        raise ValueError(f"{distribution}: its files name {name}, which the table says it lacks")
    return {"mark": "no", "note": ""}
