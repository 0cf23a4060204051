"""The binding of a token, as `inspect` shows it. Nothing is verified. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jwt_wsgi.errors import InvalidToken
from jwt_wsgi.possession.confirmation import Confirmation, read_confirmation

_UNDERSTOOD = ("jkt", "x5t#S256")
_NO_CONFIRMATION = Confirmation(None, None, frozenset())


@dataclass(frozen=True, slots=True)
class BindingReport:
    """The claim `cnf` of a token.

    Attributes:
        confirmation: The members that are understood, or None if there is none.
        others: The names of the other members.
        problem: Why such a token is refused everywhere, or None.
    """

    confirmation: Confirmation | None
    others: tuple[str, ...] = ()
    problem: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the members for a JSON document."""
        confirmation = self.confirmation or _NO_CONFIRMATION
        return {
            "jkt": confirmation.jkt,
            "x5t#S256": confirmation.x5t,
            "others": list(self.others),
            "problem": self.problem,
        }

    def lines(self) -> list[str]:
        """Return sentences about the binding."""
        confirmation = self.confirmation or _NO_CONFIRMATION
        sentences: list[str] = []
        if confirmation.jkt is not None:
            sentences.append(
                f"Bound to the key {confirmation.jkt} (jkt): send it as Authorization: DPoP, with "
                "a proof (RFC 9449)."
            )
        if confirmation.x5t is not None:
            sentences.append(
                f"Bound to the certificate {confirmation.x5t} (x5t#S256): send it over TLS with "
                "this client certificate (RFC 8705)."
            )
        if self.others:
            sentences.append(f"Other members of cnf, not understood: {', '.join(self.others)}.")
        if self.problem is not None:
            sentences.append(f"The binding cannot be checked: {self.problem} expected.")
        return sentences


def report_binding(claims: Mapping[str, Any] | None) -> BindingReport | None:
    """Return the report on the binding of a token, or None for a token that is not bound.

    Args:
        claims: The claims of the token, or None if they cannot be read.
    """
    if claims is None or "cnf" not in claims:
        return None
    members = claims["cnf"]
    names = sorted(members) if isinstance(members, dict) else []
    others = tuple(name for name in names if name not in _UNDERSTOOD)
    try:
        return BindingReport(read_confirmation(claims), others)
    except InvalidToken as error:
        return BindingReport(None, others, str(error.expected))
