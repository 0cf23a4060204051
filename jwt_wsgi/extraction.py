"""Layer 1, `TokenExtractor`: who is calling? Finds credentials and judges none."""

import re
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.auth import CREDENTIALS_KEY, Credentials
from jwt_wsgi.challenges import call, refuse
from jwt_wsgi.configuration import must_be_callable
from jwt_wsgi.errors import AuthError, InvalidRequest

#: A token source of one's own: the token, or None where the request has none.
GetToken = Callable[[WSGIEnvironment], str | None]

# RFC 9110 §11.4: a scheme is a token; elements that a join left empty stand before it.
_SCHEME = re.compile(r"[ \t,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)")
# One space or more, then one word of visible ASCII without a comma (RFC 6750 §2.1).
_BEARER = re.compile(r"bearer +([!-+\--~]+)", re.IGNORECASE)


class TokenExtractor:
    """Puts the request's credentials into the environ for the layers inside.

    They come from `Authorization: Bearer`, or from `get_token`, which takes the
    environ and answers the token or None. Nothing is refused here: a malformed
    header is handed on as the `InvalidRequest` it deserves. Whatever
    `get_token` raises reaches the caller, on public pages too.
    """

    def __init__(self, app: WSGIApplication, *, get_token: GetToken | None = None) -> None:
        must_be_callable(app=app, get_token=get_token)
        self._app = app
        self._get_token = get_token

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        environ.pop(CREDENTIALS_KEY, None)
        try:
            found = self._find(environ)
        except AuthError as error:
            return refuse(error, environ, start_response, None)
        if found is not None:
            environ[CREDENTIALS_KEY] = found
        return call(self._app, environ, start_response, None)

    def _find(self, environ: WSGIEnvironment) -> Credentials | InvalidRequest | None:
        if self._get_token is None:
            return credentials(environ.get("HTTP_AUTHORIZATION", ""))
        token = self._get_token(environ)
        if token is not None and not isinstance(token, str):
            raise TypeError(f"get_token answered {type(token).__name__}; write str or None")
        return None if token is None else Credentials("Bearer", token)


def credentials(header: str) -> Credentials | InvalidRequest | None:
    """What an `Authorization` header offers; None where it is absent or another scheme's.

    A header that names Bearer first but is not `Bearer` and one token is the
    `InvalidRequest` itself, returned and not raised.
    """
    value = header.strip(" \t")
    bearer = _BEARER.fullmatch(value)
    if bearer is not None:
        return Credentials("Bearer", bearer[1])
    scheme = _SCHEME.match(value)
    if scheme is None or scheme[1].lower() != "bearer":
        return None
    return InvalidRequest("several_tokens" if "," in value else "malformed_header")
