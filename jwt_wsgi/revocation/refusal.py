"""The refusal of an event, with a code of RFC 8935 §2.4."""

from typing import Final

from jwt_wsgi.errors import InvalidToken

#: Reasons of a token's refusal, and their codes. The others are `invalid_request`.
_CODES: Final = {
    "algorithm_not_allowed": "invalid_key",
    "kid_unknown": "invalid_key",
    "signature_invalid": "invalid_key",
    "issuer_mismatch": "invalid_issuer",
    "audience_mismatch": "invalid_audience",
}


class EventRefused(Exception):
    """A refusal of an event, which the transmitter is told.

    Args:
        description: What is wrong, in words. It holds nothing of the event.
        code: The code of RFC 8935 §2.4.

    Attributes:
        description: What is wrong, in words.
        code: The code of RFC 8935 §2.4.
    """

    def __init__(self, description: str, code: str = "invalid_request") -> None:
        super().__init__(description)
        self.description = description
        self.code = code


def refusal_of(error: InvalidToken) -> EventRefused:
    """Return the refusal of an event whose token is not good."""
    code = _CODES.get(error.reason, "invalid_request")
    description = error.description
    if error.reason in ("claim_missing", "claim_malformed"):
        # What is expected is text of this package, and holds nothing of the event.
        description = f"{description}: expected {error.expected}"
    if error.reason == "claim_missing" and error.expected == "aud":
        code = "invalid_audience"
    return EventRefused(description, code)
