"""The body of a request: its media type, its declared length, and its bytes within a bound. Pure.

RFC 9112 §6.3 says how long a body is. A WSGI server hands it over as `wsgi.input`, and says with
`CONTENT_LENGTH` or `wsgi.input_terminated` where it ends.
"""

from collections.abc import Mapping
from typing import Any, Final

#: The parameters of a media type that change nothing: the bodies read here are UTF-8 or ASCII.
_HARMLESS_PARAMETERS: Final = ("", "charset=utf-8", 'charset="utf-8"')
#: The digits of a length; more would be a number beyond every bound.
_MAX_DIGITS: Final = 19


class BodyRefused(Exception):
    """A body that cannot be read as it was declared.

    Args:
        description: What is wrong, without anything of the body.
    """

    def __init__(self, description: str) -> None:
        super().__init__(description)
        self.description = description


class BodyTooLong(BodyRefused):
    """A body that is longer than its bound."""


def media_type_of(environ: Mapping[str, Any]) -> str:
    """Return the media type of the body in lower case; empty where it has odd parameters.

    Args:
        environ: A WSGI environ.
    """
    name, _, parameters = str(environ.get("CONTENT_TYPE", "")).partition(";")
    if parameters.strip().lower() not in _HARMLESS_PARAMETERS:
        return ""
    return name.strip().lower()


def declared_length(environ: Mapping[str, Any]) -> int | None:
    """Return the length that `Content-Length` declares, or None without the header.

    Args:
        environ: A WSGI environ.

    Raises:
        BodyRefused: The header is not a number.
    """
    text = environ.get("CONTENT_LENGTH") or ""
    if text == "":
        return None
    # int() accepts signs, underscores and the digits of other scripts.
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise BodyRefused("The header Content-Length is malformed")
    return int(text)


def is_terminated(environ: Mapping[str, Any]) -> bool:
    """Return whether the server ends the stream of the body itself, as for chunked requests.

    Args:
        environ: A WSGI environ.
    """
    return bool(environ.get("wsgi.input_terminated"))


def read_body(environ: Mapping[str, Any], *, max_bytes: int) -> bytes:
    """Return the body.

    Never more than the bound is read, whatever the request declares. Without a length, the body is
    read only where the server ends it itself.

    Args:
        environ: A WSGI environ.
        max_bytes: The longest body, in bytes.

    Raises:
        BodyTooLong: The body is longer.
        BodyRefused: The body is cut short, or its length is malformed.
    """
    length = declared_length(environ)
    too_long = f"The body has more than {max_bytes} bytes"
    if length is not None and length > max_bytes:
        raise BodyTooLong(too_long)
    most = max_bytes + 1 if is_terminated(environ) else length or 0
    body = _read(environ["wsgi.input"], most)
    if len(body) > max_bytes:
        raise BodyTooLong(too_long)
    if length is not None and len(body) != length:
        raise BodyRefused("The body does not have the length that Content-Length says")
    return body


def _read(stream: Any, most: int) -> bytes:
    """Read up to `most` bytes; a stream may return fewer at a time."""
    pieces: list[bytes] = []
    left = most
    while left > 0:
        try:
            piece = stream.read(left)
        except Exception:  # noqa: BLE001 (each server has exceptions of its own for bad chunks)
            raise BodyRefused("The body could not be read") from None
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
