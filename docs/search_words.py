"""For `make docs`: words that users type into the search, for pages that use other words."""

from typing import Any

#: The words of a page. The search treats them as its tags; they are not shown.
WORDS = {
    "why-refused.md": "401 403 debug expired loop refused rejected troubleshooting unauthorized",
    "how-to/caller.md": "decorator current_user login_required username",
    "how-to/cors.md": "cors preflight error",
    "how-to/other-names.md": "anonymous apikey asgi basic cookie csrf fastapi flask-login "
    "healthcheck refresh session websocket",
    "how-to/mcp.md": "agent agents anthropic claude fastmcp llm oauth-protected-resource rfc9728 "
    "model-context-protocol tools",
    "how-to/openapi.md": "apispec redoc security_schemes smorest spectacular",
    "how-to/issuers.md": "multi-tenant multitenancy",
    "how-to/providers.md": "auth0 aws azure b2c cognito entra firebase google keycloak microsoft "
    "okta roles",
    "how-to/report-only.md": "dry-run shadow",
    "how-to/resource-metadata.md": "9728 discovery mcp oauth-protected-resource "
    "resource_metadata scopes_supported well-known",
    "how-to/revocation.md": "back-channel backchannel blacklist blocklist caep denylist logout "
    "revoke revoked revoking risc ssf",
    "comparison.md": "alternatives auth0-api-python authlib benchmark choose flask-jwt-extended "
    "joserfc mcp pydpop pyjwt simplejwt versus vs",
    "command-line.md": "bash cli explain fish tab-completion zsh",
    "deployment.md": "docker kubernetes nginx wsgipassauthorization",
    "fapi.md": "bank banking open-banking psd2",
    "key-sources.md": "certificate jwks jwks_uri kid rotate rotation",
    "metrics.md": "audit log logging monitoring",
    "migration.md": "drf jwt_required permission_classes simplejwt",
    "policy-reference.md": "hierarchy permissions public endpoint slash",
    "testing.md": "fixture mock unittest",
    "verdicts-and-reasons.md": "bearer invalid_request invalid_token clock kid_unknown opaque skew",
}


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Give the page its words, before the search reads it."""
    del config, files
    words = WORDS.get(page.file.src_uri)
    if words is not None:
        page.meta["tags"] = words.split()
    return markdown
