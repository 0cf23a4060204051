"""Layer 1, `TokenExtractor`: who is calling? Finds credentials and verifies none."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Self
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from jwt_wsgi.auth import CHALLENGE_KEY, CREDENTIALS_KEY, ELSEWHERE_KEY, OFFERED_KEY, Credentials
from jwt_wsgi.bindings import DPOP_SCHEME
from jwt_wsgi.callbacks import check_callables, refuse_deferred
from jwt_wsgi.errors import AuthError
from jwt_wsgi.middleware.authorization_header import (
    ACCEPTED_SCHEMES,
    IsKnown,
    describe_authorization,
    nothing_is_known,
    parse_authorization,
)
from jwt_wsgi.middleware.responses import answer_auth_errors, refuse
from jwt_wsgi.nesting import copy_with
from jwt_wsgi.readings import Reading, credentials_of, oddity
from jwt_wsgi.sources import Bearer, TokenSource, bearer, check_sources

#: Reads the token from the environ; returns None where the request has none.
GetToken = Callable[[WSGIEnvironment], str | None]


class TokenExtractor:
    """The layer that puts the request's credentials into the environ.

    It refuses nothing: a malformed header, several tokens, or a cookie that another site may have
    sent become the error that refuses them. The layer hands the error on, because the next layer
    may exempt the request. For the log, it leaves a note of what came instead of a token.

    Args:
        app: The WSGI application inside, usually a `TokenVerifier`.
        get_token: Takes the environ and returns the token, or None. An empty text is no token. It
            replaces the `Authorization` header. Whatever it raises reaches the caller, on public
            paths too.
        token_sources: The places where a token may stand, from `jwt_wsgi.sources`: `bearer`,
            `from_header(name)`, `from_cookie(name)`. All are read, and different tokens are
            refused. Without it, `[bearer]`.
        dpop: True accepts the scheme DPoP beside Bearer, and hands on the header `DPoP` with its
            token (RFC 9449 §7.1). False treats it as a scheme of others.

    Attributes:
        app: The application inside.
        dpop: As the argument.
        get_token: The function that replaces the header, or None.
        token_sources: The places that are read, empty beside `get_token`.

    Raises:
        ValueError: For invalid arguments, for `token_sources` beside `get_token`, and for either
            in front of a `TokenVerifier` that accepts tokens in the header alone.
    """

    answers_refusals = True

    def __init__(
        self,
        app: WSGIApplication,
        *,
        get_token: GetToken | None = None,
        token_sources: Iterable[TokenSource] | None = None,
        dpop: bool = False,
    ) -> None:
        check_callables(app=app, get_token=get_token)
        if not isinstance(dpop, bool):
            raise ValueError(f"dpop={dpop!r}: write True or False; the TokenVerifier has a DPoP")
        self.app = app
        self.dpop = dpop
        self._schemes = ACCEPTED_SCHEMES[dpop]
        self.token_sources = _sources(get_token, token_sources)
        self._inner = answer_auth_errors(app)
        self._is_known = _known_tokens(app)
        self.get_token = get_token
        self._reads_authorization_only = self.token_sources == (bearer,)
        if not self._reads_authorization_only and getattr(app, "reads_header_only", False):
            raise ValueError(
                "get_token and token_sources beside Issuer(profile='fapi2'), whose tokens come in "
                "the header alone (FAPI 2.0 Security Profile §5.3.4): leave them out"
            )
        if bearer in self.token_sources and not dpop:
            _check_scheme_is_read(app)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        if CREDENTIALS_KEY in environ:
            del environ[CREDENTIALS_KEY]
        if OFFERED_KEY in environ:
            del environ[OFFERED_KEY]
        if ELSEWHERE_KEY in environ:
            del environ[ELSEWHERE_KEY]
        credentials: Credentials | AuthError | None
        note: str | None = None
        if self._reads_authorization_only:
            # A short cut for most stacks; `_find` comes to the same result.
            header = environ.get("HTTP_AUTHORIZATION", "")
            credentials = parse_authorization(header, self._schemes, self._is_known)
            if credentials is None:
                note = describe_authorization(header)
        else:
            try:
                credentials, note = self._find(environ)
            except AuthError as error:
                # A stack around this one has left its own options, and it may have other issuers.
                environ.pop(CHALLENGE_KEY, None)
                return refuse(error, environ, start_response, None)
        if credentials is not None:
            if self.dpop:
                credentials = _with_proof(credentials, environ)
            environ[CREDENTIALS_KEY] = credentials
        if note is not None:
            environ[OFFERED_KEY] = note
        return self._inner(environ, start_response)

    def _find(self, environ: WSGIEnvironment) -> tuple[Credentials | AuthError | None, str | None]:
        """Return the credentials, or the error that refuses them, and a note for the log."""
        if self.get_token is not None:
            readings = [_read_token(self.get_token(environ))]
        else:
            readings = [
                _read_source(source, environ, self._schemes) for source in self.token_sources
            ]
        if not any(reading.in_authorization for reading in readings if reading.token is not None):
            environ[ELSEWHERE_KEY] = True
        found = credentials_of(readings)
        return found, None if isinstance(found, AuthError) else _notes_of(readings)

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


def _known_tokens(app: WSGIApplication) -> IsKnown:
    """Return how the verifier directly inside, if there is one, recognises cached tokens."""
    if not getattr(type(app), "answers_refusals", False):
        return nothing_is_known
    find_cached: IsKnown = getattr(app, "find_cached", nothing_is_known)
    return find_cached


def _check_scheme_is_read(app: WSGIApplication) -> None:
    """Check that no verifier waits for a scheme that this layer does not read."""
    verifier = getattr(app, "verifier", None)
    if getattr(verifier, "dpop", None) is not None:
        raise ValueError(
            "dpop=False in front of a TokenVerifier with dpop=DPoP(...), which would see no proof: "
            "write TokenExtractor(app, dpop=True)"
        )


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


def _sources(
    get_token: GetToken | None, token_sources: Iterable[TokenSource] | None
) -> tuple[TokenSource, ...]:
    if get_token is None:
        return (bearer,) if token_sources is None else check_sources(token_sources)
    if token_sources is not None:
        raise ValueError(
            f"token_sources={token_sources!r} beside get_token: "
            "leave out one of them, because each replaces the Authorization header"
        )
    return ()


def _notes_of(readings: Sequence[Reading]) -> str | None:
    """Return the notes of the sources that hold a token; of all sources if none does."""
    holding = [reading for reading in readings if reading.token is not None]
    notes = [reading.note for reading in holding or readings if reading.note is not None]
    return ", ".join(notes) or None


def _read_token(token: object) -> Reading:
    """Return the reading of what `get_token` returned."""
    if token is None:
        return Reading("get_token", note="get_token returned None")
    if not isinstance(token, str):
        with suppress(TypeError):
            refuse_deferred(token)
        raise TypeError(f"get_token returned {type(token).__name__}; return str or None")
    if not token:
        return Reading("get_token", note="get_token returned an empty text")
    return Reading("get_token", token, note=oddity("get_token returned", token))


def _with_proof(
    credentials: Credentials | AuthError, environ: WSGIEnvironment
) -> Credentials | AuthError:
    """Return credentials under the scheme DPoP with the header beside them."""
    if isinstance(credentials, AuthError) or credentials.scheme != DPOP_SCHEME:
        return credentials
    return Credentials(DPOP_SCHEME, credentials.token, environ.get("HTTP_DPOP"))


def _read_source(
    source: TokenSource, environ: WSGIEnvironment, schemes: Mapping[str, str]
) -> Reading:
    if not isinstance(source, Bearer):
        return source.read(environ)
    header = environ.get("HTTP_AUTHORIZATION", "")
    credentials = parse_authorization(header, schemes)
    if isinstance(credentials, Credentials):
        return Reading(
            "Authorization",
            credentials.token,
            is_explicit=True,
            scheme=credentials.scheme,
            in_authorization=True,
        )
    if credentials is None:
        return Reading("Authorization", note=describe_authorization(header))
    return Reading("Authorization", refusal=credentials)
