"""The body of a request to an MCP server, and the headers that say how it is written."""

import io
from typing import Final
from wsgiref.types import WSGIEnvironment

from jwt_wsgi.errors import ContentTypeUnsupported, InvalidRequest, LengthRequired, MessageTooLarge
from jwt_wsgi.mcp.messages import INVALID_REQUEST, MessageRefused
from jwt_wsgi.request_body import (
    BodyRefused,
    BodyTooLong,
    declared_length,
    is_terminated,
    media_type_of,
    read_body,
)

_JSON: Final = "application/json"
#: The methods that need no body: streams, preflights, and the end of a session.
_BODILESS: Final = frozenset({"GET", "HEAD", "DELETE", "OPTIONS"})


def take_body(environ: WSGIEnvironment, *, max_bytes: int) -> bytes | None:
    """Return the body, and leave its bytes in the environ for the application.

    The application then reads what was judged and nothing else. None stands for a request without
    a body, of a method that needs none.

    Args:
        environ: The environ of the request. `wsgi.input` is replaced. So is `CONTENT_LENGTH`,
            where the body has no length that was declared.
        max_bytes: The longest body, in bytes.

    Raises:
        MessageRefused: The body is too long, has no length, or is not JSON by its headers.
    """
    try:
        body = _read(environ, max_bytes)
    except BodyTooLong as error:
        raise _refused(MessageTooLarge(found=error.description)) from None
    except BodyRefused as error:
        raise _refused(InvalidRequest("message_malformed", found=error.description)) from None
    environ["wsgi.input"] = io.BytesIO(body or b"")
    if body is not None and not environ.get("CONTENT_LENGTH"):
        environ["CONTENT_LENGTH"] = str(len(body))
    return body


def _read(environ: WSGIEnvironment, max_bytes: int) -> bytes | None:
    length = declared_length(environ)
    is_bodiless = environ.get("REQUEST_METHOD") in _BODILESS
    if not is_terminated(environ):
        is_chunked = bool(environ.get("HTTP_TRANSFER_ENCODING"))
        if is_chunked or (length is None and not is_bodiless):
            raise _refused(LengthRequired(found="neither Content-Length nor a stream that ends"))
    may_be_empty = is_bodiless and not length
    if not may_be_empty:
        _check_content_headers(environ)
    body = read_body(environ, max_bytes=max_bytes)
    if may_be_empty:
        if not body:
            return None
        _check_content_headers(environ)
    return body


def _check_content_headers(environ: WSGIEnvironment) -> None:
    """Check that the body is JSON in UTF-8, and neither compressed nor encoded otherwise."""
    if environ.get("HTTP_CONTENT_ENCODING"):
        raise _refused(ContentTypeUnsupported(found="the header Content-Encoding"))
    if media_type_of(environ) != _JSON:
        raise _refused(ContentTypeUnsupported(expected=_JSON, found="another Content-Type"))


def _refused(error: InvalidRequest) -> MessageRefused:
    return MessageRefused(error, INVALID_REQUEST)
