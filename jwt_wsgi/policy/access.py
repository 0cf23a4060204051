"""The base of requirements, the parts of a request that they may read, and the constants. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, NamedTuple, NoReturn

from jwt_wsgi.auth import Auth
from jwt_wsgi.bindings import UNBOUND, Alternatives
from jwt_wsgi.errors import AuthError, Forbidden, MissingToken
from jwt_wsgi.jose.claim_lookup import ABSENT
from jwt_wsgi.jose.kept_claims import ClaimRead


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

    @property
    def demand(self) -> Alternatives:
        """The keys whose possession is demanded, as alternatives."""
        return UNBOUND

    def refusal(self, auth: Auth | None, request: Request) -> AuthError | None:
        """Return a new error to refuse the caller with, or None where the caller passes.

        `auth` is None for a caller without a token.
        """
        raise NotImplementedError

    def scopes_asked(self, request: Request) -> tuple[str, ...]:
        """Return the scopes that the refusal of a caller without a token names."""
        refusal = self.refusal(None, request)
        return () if refusal is None else refusal.scopes

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


#: Everyone passes, and the token is not looked at.
PUBLIC: Final = Access("PUBLIC", None)
#: Everyone passes, but a bad token is refused.
OPTIONAL: Final = Access("OPTIONAL", None)
#: Nobody passes.
DENY: Final = Access("DENY", "denied", "the rule is DENY")
#: Nobody passes, because no rule matches. Prints as DENY.
NO_RULE: Final = Access("DENY", "no_rule", "no rule covers it")


def claim_reads(requirements: Iterable[Requirement]) -> tuple[ClaimRead, ...]:
    """Return the claims that requirements read, each once, in order."""
    all_leaves = (leaf for requirement in requirements for leaf in leaves(requirement))
    reads = (getattr(leaf, "read", None) for leaf in all_leaves)
    return tuple(dict.fromkeys(read for read in reads if isinstance(read, ClaimRead)))


def leaves(requirement: Requirement) -> list[Requirement]:
    """Return the requirements without parts that a combination consists of, in order."""
    if not requirement.parts:
        return [requirement]
    return [leaf for part in requirement.parts for leaf in leaves(part)]
