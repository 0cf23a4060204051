"""The algebra of requirements. Pure.

A requirement answers with its refusal: `refusal(auth, request)` returns None where the caller
passes, and otherwise the error to answer with. Errors are returned and not raised, because a
report-only rule records them without refusing anyone.

Conditions find the refusal in two steps. `shortfall` says how far the token is from satisfying
the condition, and what would help. `refusal` makes the error of the right class from it. `&` and
`|` combine shortfalls, so scopes, step-up and alternatives all take one path.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final, Self

from jwt_wsgi.auth import Auth
from jwt_wsgi.bindings import UNBOUND, Alternatives, require_both, require_either
from jwt_wsgi.errors import AuthError
from jwt_wsgi.jose.claim_lookup import ClaimName
from jwt_wsgi.jose.kept_claims import ClaimRead
from jwt_wsgi.policy.access import (
    DENY,
    NO_RULE,
    OPTIONAL,
    PUBLIC,
    Access,
    PathParam,
    Request,
    Requirement,
    leaves,
)
from jwt_wsgi.policy.refusals import refusal_of
from jwt_wsgi.policy.shortfall import (
    FORBIDDEN,
    MET,
    Distance,
    Shortfall,
    combine_shortfalls,
    nearer_shortfall,
)

__all__ = [
    "AUTHENTICATED",
    "DENY",
    "MAX_CONDITIONS",
    "MAX_DEPTH",
    "NO_RULE",
    "OPTIONAL",
    "PUBLIC",
    "Access",
    "AllOf",
    "AnyOf",
    "AtomicCondition",
    "Condition",
    "PathParam",
    "Request",
    "Requirement",
    "in_parentheses",
    "leaves",
    "validate_requirement",
]

#: The largest requirement: its conditions, and how deep they are nested.
MAX_CONDITIONS: Final = 1_000
MAX_DEPTH: Final = 20


class Condition(Requirement):
    """A requirement on a valid token. Combine with `&` (all) and `|` (any)."""

    __slots__ = ()

    def shortfall(self, auth: Auth | None, request: Request) -> Shortfall:
        """Return how far `auth` is from satisfying this, and what would help.

        `auth` is None for a caller without a token. The distance is then the one of a token
        that satisfies nothing.
        """
        raise NotImplementedError

    def refusal(self, auth: Auth | None, request: Request) -> AuthError | None:
        shortfall = self.shortfall(auth, request)
        if auth is not None and shortfall.distance is Distance.MET:
            return None
        error = refusal_of(self, shortfall, auth)
        error.demand = self.demand
        return error

    def scopes_asked(self, request: Request) -> tuple[str, ...]:
        # A short cut, which makes no error.
        return self.shortfall(None, request).scopes

    def __and__(self, other: object) -> "Condition":
        if not isinstance(other, Condition):
            return NotImplemented
        return AllOf.of(self, other)

    def __or__(self, other: object) -> "Condition":
        if not isinstance(other, Condition):
            return NotImplemented
        return AnyOf.of(self, other)


@dataclass(frozen=True, slots=True, repr=False)
class AtomicCondition(Condition):
    """One check of a token, which is not a combination.

    Two of them are equal if their texts are, and their predicates.

    Args:
        text: The condition as it is written, such as `scope('a')`.
        holds: The check. It gets the auth and the request, and returns true where they satisfy
            the condition.
        failure: The shortfall of a token that does not satisfy the condition.
        success: The shortfall of a token that does. It names the same scopes and contexts.
        params: The names of the path parameters that the check reads.
        predicate: The user's function that the check calls, or None.
        claim: The name of the claim that a refusal shows in the log, or None.
        read: How the check reads a claim of the token, or None if it reads none.
        demand: The keys whose possession the check demands, as alternatives.
    """

    text: str
    holds: Callable[[Auth, Request], bool] = field(compare=False)
    failure: Shortfall = FORBIDDEN
    success: Shortfall = field(default=MET, compare=False)
    params: tuple[str, ...] = ()
    predicate: Callable[[Any], object] | None = None
    claim: ClaimName | None = field(default=None, compare=False)
    read: ClaimRead | None = field(default=None, compare=False)
    demand: Alternatives = UNBOUND

    def refusal(self, auth: Auth | None, request: Request) -> AuthError | None:
        # A short cut: most callers pass, and need no shortfall.
        if auth is not None and self.holds(auth, request):
            return None
        return Condition.refusal(self, auth, request)

    def shortfall(self, auth: Auth | None, request: Request) -> Shortfall:
        if auth is not None and self.holds(auth, request):
            return self.success
        return self.failure

    def scopes_asked(self, request: Request) -> tuple[str, ...]:
        return self.failure.scopes

    def __repr__(self) -> str:
        return self.text


#: Any valid token passes.
AUTHENTICATED: Final = AtomicCondition(
    "AUTHENTICATED", lambda auth, request: True, failure=MET, success=MET
)


@dataclass(frozen=True, slots=True, repr=False)
class Combined(Condition):
    """Conditions, joined by `&` or by `|`; none of them is joined by the same operator.

    A chain of a hundred `|` is one combination of a hundred parts, and not a hundred nested ones.
    So the depth is only that of parentheses that change the meaning.

    Args:
        conditions: The parts, at least two.
        size: The number of conditions that are not combinations, at any depth.
        depth: The number of combinations, one inside the other.
    """

    conditions: tuple[Condition, ...]
    size: int = field(compare=False)
    depth: int = field(compare=False)

    @classmethod
    def of(cls, left: Condition, right: Condition) -> Self:
        """Return the combination of two conditions.

        Raises:
            ValueError: It would have too many conditions, or be too deep.
        """
        left_parts, left_depth = cls._parts_of(left)
        right_parts, right_depth = cls._parts_of(right)
        size = _size_of(left) + _size_of(right)
        depth = max(left_depth, right_depth)
        if size > MAX_CONDITIONS or depth > MAX_DEPTH:
            raise ValueError(
                f"a requirement has at most {MAX_CONDITIONS:,} conditions, nested at most "
                f"{MAX_DEPTH} deep: write one condition on a list, such as has(...), or a "
                "predicate, claim(name, lambda value: value in allowed)"
            )
        return cls(left_parts + right_parts, size, depth)

    @classmethod
    def _parts_of(cls, condition: Condition) -> tuple[tuple[Condition, ...], int]:
        """Return what a condition contributes, and the depth of a combination with it."""
        if isinstance(condition, cls):
            return condition.conditions, condition.depth
        if isinstance(condition, Combined):
            return (condition,), condition.depth + 1
        return (condition,), 1

    @property
    def parts(self) -> tuple[Requirement, ...]:
        return self.conditions


class AllOf(Combined):
    """All must hold; the challenge names the scopes of all."""

    __slots__ = ()

    @property
    def demand(self) -> Alternatives:
        return reduce(require_both, (each.demand for each in self.conditions))

    def shortfall(self, auth: Auth | None, request: Request) -> Shortfall:
        return combine_shortfalls([each.shortfall(auth, request) for each in self.conditions])

    def __repr__(self) -> str:
        return " & ".join(map(in_parentheses, self.conditions))


class AnyOf(Combined):
    """One of them must hold; otherwise the refusal is that of the nearest one (`Distance`)."""

    __slots__ = ()

    @property
    def demand(self) -> Alternatives:
        return reduce(require_either, (each.demand for each in self.conditions))

    def shortfall(self, auth: Auth | None, request: Request) -> Shortfall:
        first, *others = self.conditions
        nearest = first.shortfall(auth, request)
        for condition in others:
            shortfall = condition.shortfall(auth, request)
            nearest = nearer_shortfall(nearest, shortfall, is_anonymous=auth is None)
        return nearest

    def __repr__(self) -> str:
        return " | ".join(map(repr, self.conditions))


def validate_requirement(requirement: object, where: str) -> Requirement:
    """Return `requirement` if it is one; raise `ValueError` with the remedy otherwise.

    `where` is the beginning of the error text, such as `rule '/a'`.
    """
    if isinstance(requirement, Requirement):
        return requirement
    raise ValueError(
        f"{where}: {requirement!r} is not a requirement; write PUBLIC, OPTIONAL, AUTHENTICATED, "
        "DENY, scope(...), claim(...), has(...) or a combination"
    )


def _size_of(condition: Condition) -> int:
    if isinstance(condition, Combined):
        return condition.size
    return 1


def in_parentheses(part: Requirement) -> str:
    """Return the text of a part of `&`, in parentheses where `&` would bind closer."""
    if isinstance(part, AnyOf):
        return f"({part!r})"
    return repr(part)
