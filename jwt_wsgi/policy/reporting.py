"""Requirements that only report what they would refuse. Pure."""

from dataclasses import dataclass

from jwt_wsgi.auth import Auth
from jwt_wsgi.bindings import Alternatives
from jwt_wsgi.errors import AuthError
from jwt_wsgi.policy.algebra import OPTIONAL, Condition, Request, Requirement, in_parentheses


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReportOnly(Requirement):
    """A requirement that enforces `enforced`, and only reports what `watched` would refuse."""

    watched: Requirement
    enforced: Requirement = OPTIONAL

    @property
    def parts(self) -> tuple[Requirement, ...]:
        return self.enforced, self.watched

    @property
    def demand(self) -> Alternatives:
        return self.enforced.demand

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
        return f"{in_parentheses(self.enforced)} & report_only({self.watched!r})"
