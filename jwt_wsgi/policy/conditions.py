"""Making conditions: their texts, the names in them, and what their refusals name. Pure."""

from collections.abc import Callable, Iterable, Mapping

from jwt_wsgi.auth import Auth
from jwt_wsgi.bindings import UNBOUND, Alternatives
from jwt_wsgi.jose.kept_claims import ClaimRead
from jwt_wsgi.jose.strict_json import MAX_DEPTH
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
    if any(map(_is_too_deep, arguments)):
        raise ValueError(f"{function}(...): a value is nested deeper than any claim")
    return f"{function}({', '.join(map(repr, arguments))})"


def _is_too_deep(value: object) -> bool:
    """Return True if lists and objects nest deeper than in a claim.

    How deep a value may be before `repr` raises depends on the version of Python.
    """
    level = {id(value): value}
    for _ in range(MAX_DEPTH):
        # By identity: a list that holds itself twice has 2**32 members at the last level.
        level = {id(member): member for outer in level.values() for member in _members(outer)}
        if not level:
            return False
    return True


def _members(value: object) -> Iterable[object]:
    if isinstance(value, Mapping):
        return value.values()
    return value if isinstance(value, list | tuple) else ()


def validate_names(function: str, kind: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names without repeats; raise `ValueError` for one that is not a scope token."""
    for name in names:
        if not isinstance(name, str) or not SCOPE_TOKEN.fullmatch(name):
            raise ValueError(
                f"{function}({name!r}): one {kind} is printable ASCII without space, quote or "
                f"backslash (RFC 6749 §3.3); write {function}('a', 'b')"
            )
    return tuple(dict.fromkeys(names))
