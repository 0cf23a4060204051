"""Subjects of events (RFC 9493, OpenID SSF 1.0 §3): the tokens that an event is about. Pure."""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from jwt_wsgi.revocation.refusal import EventRefused

SUBJECT: Final = "subject"
SESSION: Final = "session"
TOKEN: Final = "token"  # noqa: S105 (no password)

#: The members of each format: those that must be texts.
_MEMBERS = {"iss_sub": ("iss", "sub"), "opaque": ("id",), "jwt_id": ("iss", "jti")}


class Target(NamedTuple):
    """The tokens that are to end.

    Attributes:
        kind: `subject`, `session` or `token`.
        value: The `sub`, `sid` or `jti` of these tokens.
    """

    kind: str
    value: str


def targets_of(sub_id: Any, issuer: str, *, is_about_session: bool) -> tuple[Target, ...]:
    """Return the tokens that a subject identifier is about.

    Of a complex subject, the session counts before the user where the event ends a session, and
    the user before the session where it ends all tokens of a user. An `opaque` identifier is a
    `sub`; where the event ends a session, it may be a `sid` as well, as in the first example of
    CAEP 1.0 for session-revoked, so tokens of either end.

    Args:
        sub_id: The claim `sub_id`.
        issuer: The issuer of the event. Subjects of other issuers are refused.
        is_about_session: True if the event ends one session.

    Raises:
        EventRefused: The subject is malformed, belongs to another issuer, or has a form that
            tokens do not have, such as an e-mail address.
    """
    if not isinstance(sub_id, dict):
        raise EventRefused("sub_id: a subject identifier is required (RFC 9493)")
    if sub_id.get("format") == "complex":
        return (_complex_target(sub_id, issuer, is_about_session=is_about_session),)
    target = _simple_target(sub_id, issuer, SUBJECT)
    if target is None:
        raise _unknown_subject()
    if is_about_session and sub_id["format"] == "opaque":
        return (target, Target(SESSION, target.value))
    return (target,)


def _complex_target(sub_id: dict[str, Any], issuer: str, *, is_about_session: bool) -> Target:
    candidates = list(_members(sub_id, issuer))
    if not is_about_session:
        candidates.reverse()
    for target in candidates:
        return target
    raise _unknown_subject()


def _members(sub_id: dict[str, Any], issuer: str) -> Iterator[Target]:
    """Yield the session and the user of a complex subject, as far as tokens can name them."""
    for name, kind in (("session", SESSION), ("user", SUBJECT)):
        member = sub_id.get(name)
        if member is None:
            continue
        if not isinstance(member, dict):
            raise EventRefused(f"sub_id: the member {name} must be a subject identifier")
        target = _simple_target(member, issuer, kind)
        if target is not None:
            yield target


def _simple_target(identifier: dict[str, Any], issuer: str, kind: str) -> Target | None:
    """Return the tokens of a simple subject, or None for a form that tokens do not have."""
    form = identifier.get("format")
    if not isinstance(form, str) or form not in _MEMBERS:
        return None
    texts = [identifier.get(name) for name in _MEMBERS[form]]
    if not all(isinstance(text, str) and text for text in texts):
        names = " and ".join(_MEMBERS[form])
        raise EventRefused(f"sub_id: the format {form} needs {names} as texts")
    if form != "opaque" and texts[0] != issuer:
        raise EventRefused("sub_id: the subject belongs to another issuer", "access_denied")
    return Target(TOKEN if form == "jwt_id" else kind, str(texts[-1]))


def _unknown_subject() -> EventRefused:
    formats = ", ".join(_MEMBERS)
    return EventRefused(
        f"sub_id: tokens name no such subject; send {formats}, or complex with session or user"
    )
