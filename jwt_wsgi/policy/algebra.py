"""The algebra of requirements. Pure.

A requirement is weighed against an auth and answers with the refusal that fits,
so scopes, step-up and alternatives all take one path.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
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


@dataclass(frozen=True, slots=True, repr=False)
class PathParam:
    """The text that a request has in the place of a rule's `{name}`."""

    name: str

    def __repr__(self) -> str:
        return f"path_param({self.name!r})"


class Request(NamedTuple):
    """What a requirement may know of the request: the matched path parameters."""

    params: Mapping[str, str] = MappingProxyType({})

    def value(self, wanted: Any) -> Any:
        """`wanted` itself, or the text of the path parameter that it is, or `ABSENT`."""
        return self.params.get(wanted.name, ABSENT) if isinstance(wanted, PathParam) else wanted


class Distance(IntEnum):
    """How far a token is from satisfying a requirement; smaller is nearer."""

    MET, SCOPE_LACKING, STEP_UP, FORBIDDEN = range(4)


class Shortfall(NamedTuple):
    """A distance, and what the alternative behind it names: scopes, contexts, an age in seconds."""

    distance: Distance
    scopes: tuple[str, ...] = ()
    acr_values: tuple[str, ...] = ()
    max_age: int | None = None


_FORBIDDEN: Final = Shortfall(Distance.FORBIDDEN)


class Requirement:
    """What a rule asks of a request: `refusal` is None, or why it may not pass.

    `parts` are the requirements that it combines.
    """

    __slots__ = ()

    @property
    def parts(self) -> "tuple[Requirement, ...]":
        return ()

    def refusal(self, auth: Auth | None, request: Request) -> AuthError | None:
        """Why a caller with this auth, or with none, is refused; None where they pass."""
        raise NotImplementedError

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{self!r} has no truth value: combine with & and |, not with and, or, not")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Access(Requirement):
    """`PUBLIC`, `OPTIONAL` or `DENY`: asks nothing of a token, and combines with nothing.

    `reason` is why everyone is refused, or None where everyone passes.
    """

    name: str
    reason: str | None

    def refusal(self, auth: Auth | None, request: Request) -> AuthError | None:
        if self.reason is None:
            return None
        return MissingToken() if auth is None else Forbidden(self.reason)

    def __repr__(self) -> str:
        return self.name


class Condition(Requirement):
    """What a valid token must say. Combine with `&` (all) and `|` (any)."""

    __slots__ = ()

    def shortfall(self, auth: Auth | None, request: Request) -> Shortfall:
        """How far `auth` is from satisfying this; None weighs a caller without a token."""
        raise NotImplementedError

    def refusal(self, auth: Auth | None, request: Request) -> AuthError | None:
        distance, scopes, acr_values, max_age = self.shortfall(auth, request)
        if auth is None:
            return MissingToken(scopes=scopes)
        if distance is Distance.MET:
            return None
        if distance is Distance.SCOPE_LACKING:
            return InsufficientScope(scopes=scopes, expected=str(self), found=sorted(auth.scopes))
        if distance is Distance.STEP_UP:
            wanted: dict[str, Any] = {
                "scopes": scopes,
                "acr_values": acr_values,
                "max_age": max_age,
            }
            return InsufficientAuthentication(
                **wanted, expected=str(self), found=auth.claims.get("acr")
            )
        return Forbidden("claim_forbidden", expected=str(self))

    def __and__(self, other: object) -> "Condition":
        return AllOf(self, other) if isinstance(other, Condition) else NotImplemented

    def __or__(self, other: object) -> "Condition":
        return AnyOf(self, other) if isinstance(other, Condition) else NotImplemented


#: Anyone passes, and a token that is sent is not looked at.
PUBLIC: Final = Access("PUBLIC", None)
#: Anyone passes, but a bad token is refused.
OPTIONAL: Final = Access("OPTIONAL", None)
#: Nobody passes.
DENY: Final = Access("DENY", "denied")
#: Nobody passes, for want of a rule that says who may.
NO_RULE: Final = Access("DENY", "no_rule")


@dataclass(frozen=True, slots=True, repr=False)
class AtomicCondition(Condition):
    """What a token says, as `holds` finds; where it does not say so, `lacking` is what would help.

    `text` is how it is written, and makes two facts the same unless their predicates differ.
    """

    text: str
    holds: Callable[[Auth, Request], bool] = field(compare=False)
    lacking: Shortfall = _FORBIDDEN
    params: tuple[str, ...] = ()
    predicate: Callable[[Any], object] | None = None
    met: Shortfall = field(init=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "met", self.lacking._replace(distance=Distance.MET))

    def refusal(self, auth: Auth | None, request: Request) -> AuthError | None:
        # The usual answer without a weight.
        if auth is not None and self.holds(auth, request):
            return None
        return Condition.refusal(self, auth, request)

    def shortfall(self, auth: Auth | None, request: Request) -> Shortfall:
        return self.met if auth is not None and self.holds(auth, request) else self.lacking

    def __repr__(self) -> str:
        return self.text


#: Any valid token passes.
AUTHENTICATED: Final = AtomicCondition(
    "AUTHENTICATED", lambda auth, request: True, Shortfall(Distance.MET)
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
    """Both are satisfied; what is named is what both name."""

    __slots__ = ()

    def shortfall(self, auth: Auth | None, request: Request) -> Shortfall:
        left, right = self.left.shortfall(auth, request), self.right.shortfall(auth, request)
        return Shortfall(
            max(left.distance, right.distance),
            tuple(dict.fromkeys(left.scopes + right.scopes)),
            tuple(dict.fromkeys(left.acr_values + right.acr_values)),
            min((age for age in (left.max_age, right.max_age) if age is not None), default=None),
        )

    def __repr__(self) -> str:
        return " & ".join(map(_factor, self.parts))


class AnyOf(Combined):
    """One is satisfied; else the nearest speaks: what scopes alone can satisfy comes first."""

    __slots__ = ()

    def shortfall(self, auth: Auth | None, request: Request) -> Shortfall:
        def distance(weight: Shortfall) -> tuple[Distance, bool]:
            # Without a token, all that scopes alone cannot satisfy is equally far.
            distance = (
                weight.distance if auth is not None else min(weight.distance, Distance.STEP_UP)
            )
            # Among equals the first; among those that no scope helps, the first that names any.
            return distance, distance > Distance.SCOPE_LACKING and not weight.scopes

        return min(
            self.left.shortfall(auth, request), self.right.shortfall(auth, request), key=distance
        )

    def __repr__(self) -> str:
        return f"{self.left!r} | {self.right!r}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReportOnly(Requirement):
    """Asks `enforced` of a request, and tells what `watched` would have refused."""

    watched: Requirement
    enforced: Requirement = OPTIONAL

    @property
    def parts(self) -> tuple[Requirement, ...]:
        return self.enforced, self.watched

    def refusal(self, auth: Auth | None, request: Request) -> AuthError | None:
        return self.enforced.refusal(auth, request)

    def would_refuse(self, auth: Auth | None, request: Request) -> AuthError | None:
        """The refusal that is only reported, of a caller who passes."""
        return self.watched.refusal(auth, request)

    def __and__(self, other: object) -> "ReportOnly":
        if not isinstance(other, Condition):
            return NotImplemented
        return ReportOnly(
            self.watched, self.enforced & other if isinstance(self.enforced, Condition) else other
        )

    __rand__ = __and__

    def __repr__(self) -> str:
        beside = "" if self.enforced is OPTIONAL else f"{_factor(self.enforced)} & "
        return f"{beside}report_only({self.watched!r})"


def leaves(requirement: Requirement) -> list[Requirement]:
    """The requirements that a combination is made of in the end; any other is its own."""
    return (
        [leaf for part in requirement.parts for leaf in leaves(part)]
        if requirement.parts
        else [requirement]
    )


def _factor(side: Requirement) -> str:
    return f"({side!r})" if isinstance(side, AnyOf) else repr(side)


def validate_requirement(requirement: object, where: str) -> Requirement:
    """`requirement`, if it is one; raises `ValueError` that says what to write."""
    if isinstance(requirement, Requirement):
        return requirement
    raise ValueError(
        f"{where}: {requirement!r} is no requirement; write PUBLIC, OPTIONAL, AUTHENTICATED, "
        "DENY, scope(...), claim(...), has(...) or a combination"
    )
