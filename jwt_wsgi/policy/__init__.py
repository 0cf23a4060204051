"""Who may do what where: the algebra of requirements, the path rule, the compiled policy."""

from jwt_wsgi.policy.policy import Match, Policy, Rule
from jwt_wsgi.policy.requirements import (
    AUTHENTICATED,
    DENY,
    OPTIONAL,
    PUBLIC,
    Condition,
    Request,
    Requirement,
    claim,
    has,
    issued_by,
    permission,
    scope,
)

__all__ = [
    "AUTHENTICATED",
    "DENY",
    "OPTIONAL",
    "PUBLIC",
    "Condition",
    "Match",
    "Policy",
    "Request",
    "Requirement",
    "Rule",
    "claim",
    "has",
    "issued_by",
    "permission",
    "scope",
]
