"""The body of a delivery: read within a bound, as ASCII."""

from typing import Final
from urllib.parse import parse_qsl
from wsgiref.types import WSGIEnvironment

from jwt_wsgi.request_body import BodyRefused, read_body
from jwt_wsgi.revocation.refusal import EventRefused

#: The longest body, in bytes.
MAX_BODY: Final = 65536
SET_TYPE: Final = "application/secevent+jwt"
FORM_TYPE: Final = "application/x-www-form-urlencoded"

#: The most fields of a form. Only one is used.
_MAX_FIELDS = 20


def read_text(environ: WSGIEnvironment) -> str:
    """Return the body, which must be ASCII.

    Raises:
        EventRefused: The body is too long, cut short, or not ASCII.
    """
    try:
        return read_body(environ, max_bytes=MAX_BODY).decode("ascii")
    except BodyRefused as refused:
        raise EventRefused(refused.description) from None
    except UnicodeDecodeError:
        raise EventRefused("The body is not ASCII") from None


def read_form(text: str) -> str:
    """Return the one `logout_token` of a form (OpenID Connect Back-Channel Logout 1.0 §2.5).

    Raises:
        EventRefused: The form is malformed, or does not have exactly one.
    """
    try:
        fields = parse_qsl(
            text,
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        raise EventRefused("The form is malformed") from None
    tokens = [value for name, value in fields if name == "logout_token"]
    if len(tokens) != 1:
        raise EventRefused("The form must have logout_token exactly once")
    return tokens[0]
