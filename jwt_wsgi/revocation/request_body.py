"""The body of a delivery: read within a bound, and of the right media type."""

from typing import Any, Final
from urllib.parse import parse_qsl
from wsgiref.types import WSGIEnvironment

from jwt_wsgi.revocation.refusal import EventRefused

#: The longest body, in bytes.
MAX_BODY: Final = 65536
SET_TYPE: Final = "application/secevent+jwt"
FORM_TYPE: Final = "application/x-www-form-urlencoded"

#: The parameters of a media type that change nothing: both bodies are ASCII.
_HARMLESS_PARAMETERS = ("", "charset=utf-8", 'charset="utf-8"')
#: The most fields of a form. Only one is used.
_MAX_FIELDS = 20
_TOO_LONG = f"The body has more than {MAX_BODY} bytes"


def media_type_of(environ: WSGIEnvironment) -> str:
    """Return the media type of the body in lower case; empty where it has odd parameters."""
    name, _, parameters = str(environ.get("CONTENT_TYPE", "")).partition(";")
    if parameters.strip().lower() not in _HARMLESS_PARAMETERS:
        return ""
    return name.strip().lower()


def read_text(environ: WSGIEnvironment) -> str:
    """Return the body, which must be ASCII.

    Never more than the bound is read, whatever the request declares. Without a length, the body is
    read only where the server ends it itself (`wsgi.input_terminated`), as for chunked requests.

    Raises:
        EventRefused: The body is too long, cut short, or not ASCII.
    """
    length = _declared_length(environ)
    if length is not None and length > MAX_BODY:
        raise EventRefused(_TOO_LONG)
    is_terminated = bool(environ.get("wsgi.input_terminated"))
    most = MAX_BODY + 1 if is_terminated else length or 0
    body = _read(environ["wsgi.input"], most)
    if len(body) > MAX_BODY:
        raise EventRefused(_TOO_LONG)
    if length is not None and len(body) != length:
        raise EventRefused("The body does not have the length that Content-Length says")
    try:
        return body.decode("ascii")
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


def _declared_length(environ: WSGIEnvironment) -> int | None:
    text = environ.get("CONTENT_LENGTH") or ""
    if text == "":
        return None
    # int() accepts signs, underscores and the digits of other scripts.
    if not (text.isascii() and text.isdigit() and len(text) <= 19):
        raise EventRefused("The header Content-Length is malformed")
    return int(text)


def _read(stream: Any, most: int) -> bytes:
    """Read up to `most` bytes; a stream may return fewer at a time."""
    pieces: list[bytes] = []
    left = most
    while left > 0:
        try:
            piece = stream.read(left)
        except OSError:
            raise EventRefused("The body could not be read") from None
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
