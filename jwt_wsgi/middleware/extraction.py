"""Layer 1, `TokenExtractor`: who is calling? Finds credentials and judges none."""

import re
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.auth import CREDENTIALS_KEY, Credentials
from jwt_wsgi.errors import AuthError, InvalidRequest
from jwt_wsgi.middleware.responses import answer_auth_errors, refuse
from jwt_wsgi.options import check_callables

#: A token source of one's own: the token, or None where the request has none.
GetToken = Callable[[WSGIEnvironment], str | None]

# RFC 9110 §11.4: a scheme is a token; elements that a join left empty stand before it.
_SCHEME = re.compile(r"[ \t,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)")
# What a token is made of here: visible ASCII without a comma (RFC 6750 §2.1).
_VISIBLE = bytes(range(0x21, 0x7F)).replace(b",", b"")


class TokenExtractor:
    """Puts the request's credentials into the environ for the layers inside.

    They come from `Authorization: Bearer`, or from `get_token`, which takes the
    environ and answers the token or None. Nothing is refused here: a malformed
    header is handed on as the `InvalidRequest` it deserves. Whatever
    `get_token` raises reaches the caller, on public pages too.
    """

    answers_refusals = True

    def __init__(self, app: WSGIApplication, *, get_token: GetToken | None = None) -> None:
        check_callables(app=app, get_token=get_token)
        self.app = app
        self._inside = answer_auth_errors(app)
        self._get_token = get_token

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        if CREDENTIALS_KEY in environ:
            del environ[CREDENTIALS_KEY]
        try:
            header = environ.get("HTTP_AUTHORIZATION", "")
            found = (
                credentials(header)
                if self._get_token is None
                else self._offered(self._get_token(environ))
            )
        except AuthError as error:
            return refuse(error, environ, start_response, None)
        if found is not None:
            environ[CREDENTIALS_KEY] = found
        return self._inside(environ, start_response)

    def _offered(self, token: object) -> Credentials | None:
        if token is not None and not isinstance(token, str):
            raise TypeError(f"get_token answered {type(token).__name__}; write str or None")
        return None if token is None else Credentials("Bearer", token)


def credentials(header: str) -> Credentials | InvalidRequest | None:
    """What an `Authorization` header offers; None where it is absent or another scheme's.

    A header that names Bearer first but is not `Bearer` and one token is the
    `InvalidRequest` itself, returned and not raised.
    """
    value = header.strip(" \t")
    name, _, token = value.partition(" ")
    if name.lower() == "bearer":
        token = token.lstrip(" ")
        if token and token.isascii() and not token.encode("ascii").translate(None, _VISIBLE):
            return Credentials("Bearer", token)
    scheme = _SCHEME.match(value)
    if scheme is None or scheme[1].lower() != "bearer":
        return None
    return InvalidRequest("several_tokens" if "," in value else "malformed_header")
