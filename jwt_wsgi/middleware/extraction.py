"""Layer 1, `TokenExtractor`: who is calling? Finds credentials and judges none."""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Self
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.auth import CREDENTIALS_KEY, Credentials
from jwt_wsgi.callbacks import check_callables, refuse_deferred
from jwt_wsgi.errors import AuthError, InvalidRequest
from jwt_wsgi.middleware.responses import answer_auth_errors, refuse
from jwt_wsgi.nesting import copy_with

#: Reads the token from the environ; returns None where the request has none.
GetToken = Callable[[WSGIEnvironment], str | None]

# RFC 9110 §11.4: a scheme is a token. Elements that a join left empty may stand before it.
_SCHEME = re.compile(r"[ \t,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)")
# The characters of a token: visible ASCII without the comma (RFC 6750 §2.1).
_TOKEN_CHARACTERS = bytes(range(0x21, 0x7F)).replace(b",", b"")


class TokenExtractor:
    """The layer that puts the request's credentials into the environ.

    It refuses nothing: it hands a malformed header on as the `InvalidRequest` that it deserves,
    because the next layer may exempt the request.

    Args:
        app: The WSGI application inside, usually a `TokenVerifier`.
        get_token: Takes the environ and returns the token, or None. It replaces the
            `Authorization` header. Whatever it raises reaches the caller, on public paths too.

    Attributes:
        app: The application inside.
        get_token: The function that replaces the header, or None.
    """

    answers_refusals = True

    def __init__(self, app: WSGIApplication, *, get_token: GetToken | None = None) -> None:
        check_callables(app=app, get_token=get_token)
        self.app = app
        self._inner = answer_auth_errors(app)
        self.get_token = get_token

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        if CREDENTIALS_KEY in environ:
            del environ[CREDENTIALS_KEY]
        try:
            if self.get_token is None:
                credentials = parse_authorization(environ.get("HTTP_AUTHORIZATION", ""))
            else:
                credentials = _bearer_credentials(self.get_token(environ))
        except AuthError as error:
            return refuse(error, environ, start_response, None)
        if credentials is not None:
            environ[CREDENTIALS_KEY] = credentials
        return self._inner(environ, start_response)

    def around(
        self,
        app: WSGIApplication,
        *,
        on_refusal: Callable[[WSGIEnvironment, AuthError], object] | None = None,
    ) -> Self:
        """Return a copy of this layer around another application.

        Args:
            app: The application inside.
            on_refusal: Called as `on_refusal(environ, error)` with each `AuthError` that
                `get_token` raises, before it is answered.
        """
        get_token = self.get_token
        if get_token is not None and on_refusal is not None:
            get_token = _observed(get_token, on_refusal)
        return copy_with(self, app=app, _inner=answer_auth_errors(app), get_token=get_token)


def _observed(
    get_token: GetToken, on_refusal: Callable[[WSGIEnvironment, AuthError], object]
) -> GetToken:
    """Return a `get_token` that reports its refusals."""

    def get(environ: WSGIEnvironment) -> str | None:
        try:
            return get_token(environ)
        except AuthError as error:
            on_refusal(environ, error)
            raise

    return get


def _bearer_credentials(token: object) -> Credentials | None:
    if token is None:
        return None
    if not isinstance(token, str):
        with suppress(TypeError):
            refuse_deferred(token)
        raise TypeError(f"get_token returned {type(token).__name__}; return str or None")
    return Credentials("Bearer", token)


def parse_authorization(header: str) -> Credentials | InvalidRequest | None:
    """Return the credentials in an `Authorization` header (RFC 6750 §2.1).

    Returns:
        None for an empty header, or another scheme's. The `InvalidRequest` itself, not raised,
        for a header that names Bearer first but is not `Bearer` and one token.
    """
    value = header.strip(" \t")
    name, _, token = value.partition(" ")
    if name.lower() == "bearer":
        token = token.lstrip(" ")
        if _is_one_token(token):
            return Credentials("Bearer", token)
    scheme = _SCHEME.match(value)
    if scheme is None or scheme[1].lower() != "bearer":
        return None
    if "," in value:
        return InvalidRequest("several_tokens")
    return InvalidRequest("malformed_header")


def _is_one_token(text: str) -> bool:
    if not text or not text.isascii():
        return False
    return not text.encode("ascii").translate(None, _TOKEN_CHARACTERS)
