"""An explained request: the checks, and the answer that would be sent."""

from dataclasses import dataclass
from typing import NamedTuple

from jwt_wsgi.explain.token import Step
from jwt_wsgi.introspection.introspection import Introspection
from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jose.hints import Hint


class Response(NamedTuple):
    """An answer as it would be sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Explanation:
    """The stack's answer to one request, and the checks that lead to it.

    Attributes:
        steps: The checks, in order.
        refusal: The answer, or None where the request would reach the application.
        reason: Why the request would be refused, or None.
        would_be: The reason that a rule or policy only reports, or None.
        hint: What the refused token seems to be, or None.
        rule: The deciding rule with its requirement, also where the token is refused before the
            rule is asked. None if there is no policy, or the request is ambiguous.
        issuer: The `Issuer` that the token names, the `Introspection` that is asked about it, or
            None.
        note: What is unusual about the way of the request, or None: it does not come to the layers.
        advice: What to do, in one or two sentences; None where nothing is refused.
    """

    steps: tuple[Step, ...]
    refusal: Response | None = None
    reason: str | None = None
    would_be: str | None = None
    hint: Hint | None = None
    rule: str | None = None
    issuer: Issuer | Introspection | None = None
    note: str | None = None
    advice: str | None = None

    @property
    def failed(self) -> Step | None:
        """The first check that failed, or None."""
        return next((step for step in self.steps if step.passed is False), None)
