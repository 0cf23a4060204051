"""The metadata of a protected resource, derived from its stack (RFC 9728 §2). Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from jwt_wsgi.bindings import DPOP, provable
from jwt_wsgi.policy.policy import Policy
from jwt_wsgi.resource.protected_resource import ProtectedResource, is_scope
from jwt_wsgi.resource.urls import is_issuer_identifier
from jwt_wsgi.verifier import Verifier

#: The members that a document may have.
MEMBERS: Final = (
    "resource",
    "authorization_servers",
    "scopes_supported",
    "bearer_methods_supported",
    "dpop_signing_alg_values_supported",
    "dpop_bound_access_tokens_required",
    "tls_client_certificate_bound_access_tokens",
    "resource_name",
    "resource_documentation",
    "resource_policy_uri",
    "resource_tos_uri",
)
#: Asks for a refresh token, which is not the API's business.
_NOT_OF_AN_API: Final = "offline_access"


def resource_document(
    resource: ProtectedResource, policy: Policy, verifier: Verifier
) -> dict[str, Any]:
    """Return the members of the metadata, without empty ones (RFC 9728 §2, §3.2).

    Args:
        resource: The resource.
        policy: The rules, whose scopes are `scopes_supported`.
        verifier: Judges the tokens: its issuers are the authorization servers.

    Raises:
        ValueError: No issuer accepts tokens with this resource as their audience, or the issuers
            are not URLs of authorization servers.
    """
    _check_audience(resource, verifier)
    members = {
        "resource": resource.resource,
        "authorization_servers": _authorization_servers(resource, verifier),
        "scopes_supported": scopes_supported(resource, policy),
        "bearer_methods_supported": ["header"],
        **_possession(verifier),
        "resource_name": resource.name,
        "resource_documentation": resource.documentation,
        "resource_policy_uri": resource.policy_uri,
        "resource_tos_uri": resource.tos_uri,
    }
    return _without_empty(members)


def _check_audience(resource: ProtectedResource, verifier: Verifier) -> None:
    audiences = [issuer.profile.audiences for issuer in verifier.issuers]
    if verifier.introspection is not None:
        audiences.append(verifier.introspection.profile.audiences)
    # What a resolver's issuers accept is not known before they are asked.
    if verifier.has_resolvers or any(names is None for names in audiences):
        return
    if not any(resource.resource in names for names in audiences if names is not None):
        raise ValueError(
            f"resource={resource.resource!r}: no issuer accepts it as the audience of a token; add "
            "it to the audience of an issuer, or write the resource that clients ask for"
        )


def _authorization_servers(resource: ProtectedResource, verifier: Verifier) -> list[str]:
    if resource.authorization_servers is not None:
        return list(resource.authorization_servers)
    names = [issuer.issuer for issuer in verifier.issuers]
    if verifier.introspection is not None:
        names.append(verifier.introspection.issuer)
    remedy = "ProtectedResource(..., authorization_servers=['https://…'])"
    if not names:
        raise ValueError(
            "resource beside resolvers alone, whose issuers are not known: name the authorization "
            f"servers, {remedy}"
        )
    for name in names:
        if not is_issuer_identifier(name):
            raise ValueError(
                f"issuer={name!r:.200}: is not the https URL of an authorization server; name the "
                f"servers, {remedy}"
            )
    return list(dict.fromkeys(names))


def scopes_supported(resource: ProtectedResource, policy: Policy) -> list[str]:
    """Return the scopes that clients may ask for: those of the rules, unless the resource has some.

    Args:
        resource: The resource.
        policy: The rules.
    """
    if resource.scopes is not None:
        return list(resource.scopes)
    names: Iterable[str] = policy.scopes_within(resource.path)
    return [name for name in names if name != _NOT_OF_AN_API and is_scope(name)]


def _possession(verifier: Verifier) -> dict[str, Any]:
    """Return the members about tokens that are bound to a key (RFC 9449, RFC 8705)."""
    members: dict[str, Any] = {}
    if verifier.dpop is not None:
        members["dpop_signing_alg_values_supported"] = list(verifier.proof_algorithms)
        # Required is what every alternative contains that the stack can check.
        alternatives = provable(verifier.demand, verifier.bindings)
        is_required = all(DPOP in alternative for alternative in alternatives)
        members["dpop_bound_access_tokens_required"] = is_required
    if verifier.client_certificates:
        members["tls_client_certificate_bound_access_tokens"] = True
    return members


def _without_empty(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value not in (None, [])}
