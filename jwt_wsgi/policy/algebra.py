"""The algebra of requirements. Pure.

A requirement answers with its refusal: `refusal(auth, request)` returns None where the caller
passes, and otherwise the error to answer with. Errors are returned and not raised, because a
report-only rule records them without refusing anyone.

Conditions find the refusal in two steps. `shortfall` says how far the token is from satisfying
the condition, and what would help. `refusal` makes the error of the right class from it. `&` and
`|` combine shortfalls, so scopes, step-up and alternatives all take one path.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, NamedTuple, NoReturn

from jwt_wsgi.auth import Auth
from jwt_wsgi.errors import (
    AuthError,
    Forbidden,
    InsufficientAuthentication,
    InsufficientScope,
    MissingToken,
)
from jwt_wsgi.jose.claims import ABSENT
from jwt_wsgi.policy.shortfall import (
    FORBIDDEN,
    MET,
    Distance,
    Shortfall,
    combine_shortfalls,
    nearer_shortfall,
)


@dataclass(frozen=True, slots=True, repr=False)
class PathParam:
    """A value for `claim` and `has`: the text that a request has in the place of `{name}`."""

    name: str

    def __repr__(self) -> str:
        return f"path_param({self.name!r})"


class Request(NamedTuple):
    """The part of a request that requirements may read: the matched path parameters."""

    params: Mapping[str, str] = MappingProxyType({})

    def value(self, expected: Any) -> Any:
        """Return `expected`; for a `PathParam`, return its text in this request, or `ABSENT`."""
        if isinstance(expected, PathParam):
            return self.params.get(expected.name, ABSENT)
        return expected


class Requirement:
    """The right side of a rule: it lets a caller pass, or answers with the refusal.

    `parts` are the requirements that it combines.
    """

    __slots__ = ()

    @property
    def parts(self) -> "tuple[Requirement, ...]":
        return ()

    def refusal(self, auth: Auth | None, request: Request) -> AuthError | None:
        """Return a new error to refuse the caller with, or None where the caller passes.

        `auth` is None for a caller without a token.
        """
        raise NotImplementedError

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{self!r} has no truth value: combine with & and |, not with and, or, not")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Access(Requirement):
    """`PUBLIC`, `OPTIONAL` or `DENY`: the same answer for every token. Combines with nothing.

    `reason` is the reason of the refusal, or None where everyone passes. `why` explains it in logs.
    """

    name: str
    reason: str | None
    why: str = ""

    def refusal(self, auth: Auth | None, request: Request) -> AuthError | None:
        if self.reason is None:
            return None
        if auth is None:
            # A stranger must not learn which paths exist, so only the log says more.
            return MissingToken(expected=f"nobody passes: {self.why}")
        return Forbidden(self.reason)

    def __repr__(self) -> str:
        return self.name


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
        if auth is None:
            return MissingToken(scopes=shortfall.scopes)
        if shortfall.distance is Distance.MET:
            return None
        if shortfall.distance is Distance.SCOPE_LACKING:
            return InsufficientScope(
                scopes=shortfall.scopes, expected=str(self), found=sorted(auth.scopes)
            )
        if shortfall.distance is Distance.STEP_UP:
            return InsufficientAuthentication(
                scopes=shortfall.scopes,
                acr_values=shortfall.acr_values,
                max_age=shortfall.max_age,
                expected=str(self),
                found=auth.claims.get("acr"),
            )
        return Forbidden("claim_forbidden", expected=str(self))

    def __and__(self, other: object) -> "Condition":
        if not isinstance(other, Condition):
            return NotImplemented
        return AllOf(self, other)

    def __or__(self, other: object) -> "Condition":
        if not isinstance(other, Condition):
            return NotImplemented
        return AnyOf(self, other)


#: Everyone passes, and the token is not looked at.
PUBLIC: Final = Access("PUBLIC", None)
#: Everyone passes, but a bad token is refused.
OPTIONAL: Final = Access("OPTIONAL", None)
#: Nobody passes.
DENY: Final = Access("DENY", "denied", "the rule is DENY")
#: Nobody passes, because no rule matches. Prints as DENY.
NO_RULE: Final = Access("DENY", "no_rule", "no rule covers it")


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
    """

    text: str
    holds: Callable[[Auth, Request], bool] = field(compare=False)
    failure: Shortfall = FORBIDDEN
    success: Shortfall = field(default=MET, compare=False)
    params: tuple[str, ...] = ()
    predicate: Callable[[Any], object] | None = None

    def refusal(self, auth: Auth | None, request: Request) -> AuthError | None:
        # A short cut: most callers pass, and need no shortfall.
        if auth is not None and self.holds(auth, request):
            return None
        return Condition.refusal(self, auth, request)

    def shortfall(self, auth: Auth | None, request: Request) -> Shortfall:
        if auth is not None and self.holds(auth, request):
            return self.success
        return self.failure

    def __repr__(self) -> str:
        return self.text


#: Any valid token passes.
AUTHENTICATED: Final = AtomicCondition(
    "AUTHENTICATED", lambda auth, request: True, failure=MET, success=MET
)


@dataclass(frozen=True, slots=True, repr=False)
class Combined(Condition):
    """Two conditions, joined by `&` or `|`."""

    left: Condition
    right: Condition

    @property
    def parts(self) -> tuple[Requirement, ...]:
        return self.left, self.right


class AllOf(Combined):
    """Both must hold; the challenge names the scopes of both."""

    __slots__ = ()

    def shortfall(self, auth: Auth | None, request: Request) -> Shortfall:
        left = self.left.shortfall(auth, request)
        right = self.right.shortfall(auth, request)
        return combine_shortfalls(left, right)

    def __repr__(self) -> str:
        return f"{_in_parentheses(self.left)} & {_in_parentheses(self.right)}"


class AnyOf(Combined):
    """One of the two must hold; otherwise the refusal is that of the nearer one (`Distance`)."""

    __slots__ = ()

    def shortfall(self, auth: Auth | None, request: Request) -> Shortfall:
        left = self.left.shortfall(auth, request)
        right = self.right.shortfall(auth, request)
        return nearer_shortfall(left, right, is_anonymous=auth is None)

    def __repr__(self) -> str:
        return f"{self.left!r} | {self.right!r}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReportOnly(Requirement):
    """A requirement that enforces `enforced`, and only reports what `watched` would refuse."""

    watched: Requirement
    enforced: Requirement = OPTIONAL

    @property
    def parts(self) -> tuple[Requirement, ...]:
        return self.enforced, self.watched

    def refusal(self, auth: Auth | None, request: Request) -> AuthError | None:
        return self.enforced.refusal(auth, request)

    def would_refuse(self, auth: Auth | None, request: Request) -> AuthError | None:
        """Return the refusal to report for a caller who passes, or None."""
        return self.watched.refusal(auth, request)

    def __and__(self, other: object) -> "ReportOnly":
        if not isinstance(other, Condition):
            return NotImplemented
        if isinstance(self.enforced, Condition):
            return ReportOnly(self.watched, self.enforced & other)
        return ReportOnly(self.watched, other)

    __rand__ = __and__

    def __repr__(self) -> str:
        if self.enforced is OPTIONAL:
            return f"report_only({self.watched!r})"
        return f"{_in_parentheses(self.enforced)} & report_only({self.watched!r})"


def leaves(requirement: Requirement) -> list[Requirement]:
    """Return the requirements without parts that a combination consists of, in order."""
    if not requirement.parts:
        return [requirement]
    return [leaf for part in requirement.parts for leaf in leaves(part)]


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


def _in_parentheses(part: Requirement) -> str:
    """Return the text of a part of `&`, in parentheses where `&` would bind closer."""
    if isinstance(part, AnyOf):
        return f"({part!r})"
    return repr(part)
