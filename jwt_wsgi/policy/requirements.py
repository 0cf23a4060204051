"""What a rule may ask: the algebra of requirements. Pure.

A requirement is weighed against an auth and answers with the refusal that fits,
so scopes, step-up and alternatives all take one path.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final, NamedTuple, NoReturn

from jwt_wsgi.auth import Auth
from jwt_wsgi.configuration import must
from jwt_wsgi.errors import AuthError, Forbidden, InsufficientScope, MissingToken
from jwt_wsgi.jose.claims import ABSENT, ClaimName, check_claim_name, lookup, same, satisfies

# RFC 6749 §3.3: printable ASCII but for space, quote and backslash.
_SCOPE = re.compile(r"[!#-\[\]-~]+")


class Request(NamedTuple):
    """What a requirement may know of the request: the matched path parameters."""

    params: Mapping[str, str] = MappingProxyType({})


class Verdict(IntEnum):
    """How far a token is from satisfying a requirement; smaller is nearer."""

    MET, SCOPE_LACKING, FORBIDDEN = range(3)


class Weight(NamedTuple):
    """A verdict, and the scopes that the alternative behind it names."""

    verdict: Verdict
    scopes: tuple[str, ...] = ()


class Requirement:
    """What a rule asks of a request: `refusal` is None, or why it may not pass."""

    __slots__ = ()

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

    def weigh(self, auth: Auth | None, request: Request) -> Weight:
        """How far `auth` is from satisfying this; None weighs a caller without a token."""
        raise NotImplementedError

    def refusal(self, auth: Auth | None, request: Request) -> AuthError | None:
        verdict, scopes = self.weigh(auth, request)
        if auth is None:
            return MissingToken(scopes=scopes)
        if verdict is Verdict.MET:
            return None
        if verdict is Verdict.SCOPE_LACKING:
            return InsufficientScope(scopes=scopes, expected=str(self), found=sorted(auth.scopes))
        return Forbidden("claim_forbidden", expected=str(self))

    def __and__(self, other: object) -> "Condition":
        return AllOf(self, other) if isinstance(other, Condition) else NotImplemented

    def __or__(self, other: object) -> "Condition":
        return AnyOf(self, other) if isinstance(other, Condition) else NotImplemented


class Fact(Condition):
    """What the token says or does not say: no scope changes the answer."""

    __slots__ = ()

    def holds(self, auth: Auth) -> bool:
        """Whether it is so."""
        raise NotImplementedError

    def weigh(self, auth: Auth | None, request: Request) -> Weight:
        met = auth is not None and self.holds(auth)
        return Weight(Verdict.MET if met else Verdict.FORBIDDEN)


#: Anyone passes, and a token that is sent is not looked at.
PUBLIC: Final = Access("PUBLIC", None)
#: Anyone passes, but a bad token is refused.
OPTIONAL: Final = Access("OPTIONAL", None)
#: Nobody passes.
DENY: Final = Access("DENY", "denied")
#: Nobody passes, for want of a rule that says who may.
NO_RULE: Final = Access("DENY", "no_rule")


@dataclass(frozen=True, slots=True, repr=False)
class _Authenticated(Condition):
    def weigh(self, auth: Auth | None, request: Request) -> Weight:
        return Weight(Verdict.MET)

    def __repr__(self) -> str:
        return "AUTHENTICATED"


#: Any valid token passes.
AUTHENTICATED: Final = _Authenticated()


@dataclass(frozen=True, slots=True, repr=False)
class Scope(Condition):
    """All of these scopes are granted."""

    names: tuple[str, ...]

    def weigh(self, auth: Auth | None, request: Request) -> Weight:
        met = auth is not None and auth.scopes.issuperset(self.names)
        return Weight(Verdict.MET if met else Verdict.SCOPE_LACKING, self.names)

    def __repr__(self) -> str:
        return f"scope({', '.join(map(repr, self.names))})"


@dataclass(frozen=True, slots=True, repr=False)
class Claim(Fact):
    """A claim has this value, or satisfies this predicate."""

    name: ClaimName
    value: Any

    def holds(self, auth: Auth) -> bool:
        found = lookup(auth.claims, self.name)
        if found is ABSENT:
            return False
        return satisfies(self.value, found) if callable(self.value) else same(found, self.value)

    def __repr__(self) -> str:
        value = getattr(self.value, "__name__", "…") if callable(self.value) else repr(self.value)
        return f"claim({self.name!r}, {value})"


@dataclass(frozen=True, slots=True, repr=False)
class Has(Fact):
    """A list claim, or a space-separated string, contains all of these values."""

    name: ClaimName
    values: tuple[Any, ...]

    def holds(self, auth: Auth) -> bool:
        found = lookup(auth.claims, self.name)
        held = list(filter(None, found.split(" "))) if isinstance(found, str) else found
        return isinstance(held, list) and all(any(same(each, value) for each in held) for value in self.values)

    def __repr__(self) -> str:
        return f"has({', '.join(map(repr, (self.name, *self.values)))})"


@dataclass(frozen=True, slots=True, repr=False)
class IssuedBy(Fact):
    """The token is of this issuer."""

    issuer: str

    def holds(self, auth: Auth) -> bool:
        return auth.issuer == self.issuer

    def __repr__(self) -> str:
        return f"issued_by({self.issuer!r})"


@dataclass(frozen=True, slots=True, repr=False)
class AllOf(Condition):
    """Both are satisfied; the scopes are those of both together."""

    left: Condition
    right: Condition

    def weigh(self, auth: Auth | None, request: Request) -> Weight:
        left, right = self.left.weigh(auth, request), self.right.weigh(auth, request)
        scopes = tuple(dict.fromkeys(left.scopes + right.scopes))
        return Weight(max(left.verdict, right.verdict), scopes)

    def __repr__(self) -> str:
        sides = (self.left, self.right)
        return " & ".join(f"({side!r})" if isinstance(side, AnyOf) else repr(side) for side in sides)


@dataclass(frozen=True, slots=True, repr=False)
class AnyOf(Condition):
    """One is satisfied; else the nearest speaks: what scopes alone can satisfy comes first."""

    left: Condition
    right: Condition

    def weigh(self, auth: Auth | None, request: Request) -> Weight:
        weights = (self.left.weigh(auth, request), self.right.weigh(auth, request))
        # Among equals the first; among those that no scope helps, the first that names any.
        return min(weights, key=lambda w: (w.verdict, w.verdict is Verdict.FORBIDDEN and not w.scopes))

    def __repr__(self) -> str:
        return f"{self.left!r} | {self.right!r}"


def scope(*names: str) -> Condition:
    """All of these scopes (RFC 6749 §3.3); any of several is `scope(a) | scope(b)`."""
    must(names != (), "scope() names no scope; AUTHENTICATED asks for any valid token")
    remedy = "one scope is printable ASCII without space, quote or backslash (RFC 6749 §3.3); write scope('a', 'b')"
    for name in names:
        must(isinstance(name, str) and _SCOPE.fullmatch(name) is not None, f"scope({name!r}): {remedy}")
    return Scope(tuple(dict.fromkeys(names)))


def permission(*names: str) -> Condition:
    """All of these values in the claim `permissions`."""
    return has("permissions", *names)


def claim(name: ClaimName, value: Any) -> Condition:
    """The claim equals `value` in type too, or `value(claim)` is true where it is callable.

    A tuple as `name` is a path into nested objects. An absent claim never satisfies.
    """
    comparable = callable(value) or value is None or isinstance(value, str | int | float | list | dict)
    must(comparable, f"claim({name!r}, {value!r}): write a value that JSON has, or a predicate")
    return Claim(check_claim_name("claim()", name), value)


def has(name: ClaimName, *values: Any) -> Condition:
    """All `values` are in the list claim, or in the space-separated string claim, `name`."""
    must(values != (), f"has({name!r}) names no value; write at least one")
    return Has(check_claim_name("has()", name), values)


def issued_by(issuer: str) -> Condition:
    """The token's issuer is exactly this one."""
    must(isinstance(issuer, str) and issuer != "", f"issued_by({issuer!r}): write the issuer's exact text")
    return IssuedBy(issuer)


def checked(requirement: object, where: str) -> Requirement:
    """`requirement`, if it is one; raises `ValueError` that says what to write."""
    if isinstance(requirement, Requirement):
        return requirement
    raise ValueError(
        f"{where}: {requirement!r} is no requirement; write PUBLIC, OPTIONAL, AUTHENTICATED, "
        "DENY, scope(...), claim(...), has(...) or a combination"
    )
