"""The events that end tokens, and the kinds under which they are counted."""

from collections.abc import Collection
from typing import Final, NamedTuple

_CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
_RISC = "https://schemas.openid.net/secevent/risc/event-type/"

#: The event of logout tokens (OpenID Connect Back-Channel Logout 1.0 §2.4).
BACKCHANNEL_LOGOUT: Final = "http://schemas.openid.net/event/backchannel-logout"
#: The event with which a transmitter tests a receiver (OpenID SSF 1.0).
VERIFICATION: Final = "https://schemas.openid.net/secevent/ssf/event-type/verification"


class EndingEvent(NamedTuple):
    """A type of event that ends tokens.

    Attributes:
        kind: The kind under which it is counted.
        is_about_session: True if it ends one session, False if it ends all tokens of a user.
    """

    kind: str
    is_about_session: bool


#: The types of events that end tokens, by their URI.
ENDING: Final = {
    f"{_CAEP}session-revoked": EndingEvent("session-revoked", is_about_session=True),
    f"{_CAEP}credential-change": EndingEvent("credential-change", is_about_session=False),
    f"{_RISC}account-disabled": EndingEvent("account-disabled", is_about_session=False),
    f"{_RISC}account-purged": EndingEvent("account-purged", is_about_session=False),
    f"{_RISC}sessions-revoked": EndingEvent("sessions-revoked", is_about_session=False),
}

#: The kinds of other deliveries: a logout token, a verification, an event that ends nothing, and
#: one that was refused before its kind was known.
LOGOUT: Final = "logout"
VERIFICATION_KIND: Final = "verification"
OTHER: Final = "other"
UNREAD: Final = "unread"

#: Every kind.
KINDS: Final = (
    *(event.kind for event in ENDING.values()),
    LOGOUT,
    VERIFICATION_KIND,
    OTHER,
    UNREAD,
)


def kind_of(uris: Collection[str]) -> str:
    """Return the kind of a SET: that of its first event that ends tokens, or of the others."""
    known = [ENDING[uri].kind for uri in uris if uri in ENDING]
    if known:
        return known[0]
    return VERIFICATION_KIND if VERIFICATION in uris else OTHER
