"""The answers to deliveries (RFC 8935 §2.2 to §2.4, OpenID Back-Channel Logout 1.0 §2.8)."""

import json
import math
from http import HTTPStatus
from typing import Final, NamedTuple

from jwt_wsgi.revocation.event_tokens import LOGOUT_TOKEN, EventForm
from jwt_wsgi.revocation.refusal import EventRefused

_Headers = tuple[tuple[str, str], ...]


class Answer(NamedTuple):
    """A response: its status line, headers and body."""

    status: str
    headers: _Headers
    body: bytes = b""


def _compose(
    status: HTTPStatus,
    *headers: tuple[str, str],
    content_type: str = "text/plain",
    body: bytes = b"",
) -> Answer:
    common = (
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    )
    return Answer(f"{status.value} {status.phrase}", (*common, *headers), body)


_SET_ACCEPTED: Final = _compose(HTTPStatus.ACCEPTED)
_LOGGED_OUT: Final = _compose(HTTPStatus.OK)

#: The answer to every method but POST.
NOT_POST: Final = _compose(HTTPStatus.METHOD_NOT_ALLOWED, ("Allow", "POST"))


def accepted(form: EventForm) -> Answer:
    """Return the answer to a delivery that was accepted, for the first time or again."""
    return _LOGGED_OUT if form is LOGOUT_TOKEN else _SET_ACCEPTED


def refused(form: EventForm, refusal: EventRefused) -> Answer:
    """Return the answer to a delivery that was refused, and must not be sent again as it is."""
    if form is LOGOUT_TOKEN:
        members = {"error": "invalid_request", "error_description": refusal.description}
    else:
        members = {"err": refusal.code, "description": refusal.description}
    body = f"{json.dumps(members)}\n".encode("ascii")
    language = ("Content-Language", "en")
    return _compose(HTTPStatus.BAD_REQUEST, language, content_type="application/json", body=body)


def unavailable(retry_after: float) -> Answer:
    """Return the answer to a delivery that cannot be judged now, and should be sent again."""
    seconds = str(max(1, math.ceil(retry_after)))
    return _compose(HTTPStatus.SERVICE_UNAVAILABLE, ("Retry-After", seconds))
