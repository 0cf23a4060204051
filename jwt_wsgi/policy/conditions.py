"""Making conditions: their texts, the names in them, and what their refusals name. Pure."""

from collections.abc import Callable

from jwt_wsgi.auth import Auth
from jwt_wsgi.bindings import UNBOUND, Alternatives
from jwt_wsgi.jose.kept_claims import ClaimRead
from jwt_wsgi.policy.access import Request
from jwt_wsgi.policy.algebra import AtomicCondition
from jwt_wsgi.policy.shortfall import Distance, Shortfall
from jwt_wsgi.scope_hierarchy import SCOPE_TOKEN


def condition_with_remedy(
    text: str,
    holds: Callable[[Auth, Request], bool],
    failure: Shortfall,
    demand: Alternatives = UNBOUND,
    read: ClaimRead | None = None,
) -> AtomicCondition:
    """Return a condition whose refusal names what the client could ask its issuer for."""
    success = failure._replace(distance=Distance.MET)
    return AtomicCondition(text, holds, failure, success=success, demand=demand, read=read)


def call_text(function: str, *arguments: object) -> str:
    """Return the text of a call, as an author writes it."""
    try:
        return f"{function}({', '.join(map(repr, arguments))})"
    except RecursionError:
        raise ValueError(f"{function}(...): a value is nested deeper than any claim") from None


def validate_names(function: str, kind: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names without repeats; raise `ValueError` for one that is not a scope token."""
    for name in names:
        if not isinstance(name, str) or not SCOPE_TOKEN.fullmatch(name):
            raise ValueError(
                f"{function}({name!r}): one {kind} is printable ASCII without space, quote or "
                f"backslash (RFC 6749 §3.3); write {function}('a', 'b')"
            )
    return tuple(dict.fromkeys(names))
