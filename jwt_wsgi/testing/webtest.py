"""WebTest requests with a DPoP-bound token: each one has a fresh proof (RFC 9449)."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from webob.request import BaseRequest
from webtest import TestApp, lint  # type: ignore[import-untyped]

from jwt_wsgi.testing.dpop import DPoPKey

#: Besides letters, digits and `-._~`, the characters that a path needs no escape for (RFC 3986).
_PATH_CHARACTERS = "/:@!$&'()*+,;="

_Headers = list[tuple[str, str]]
_Answer = tuple[str, _Headers, Iterable[bytes], Any]


class ProvenRequests:
    """An application to which every request is sent with a token and a fresh proof.

    It does what a client does: it keeps the nonce of the last `DPoP-Nonce`, and repeats a request
    once if the challenge asks for a nonce (RFC 9449 §9). A request that has an `Authorization`
    header is sent as it is, and a `DPoP` header replaces the proof. Other attributes are those of
    the application.

    Args:
        application: The WSGI application.
        key: The client's key.
        token: The access token.
        base_url: The public URL of the application's root. `htu` is this URL with the request's
            path; the host of WebTest's environ is not used.
        linted: Check that requests and answers comply with WSGI, as WebTest does.

    Attributes:
        application: The WSGI application.
    """

    def __init__(
        self, application: WSGIApplication, key: DPoPKey, token: str, base_url: str, *, linted: bool
    ) -> None:
        self.application = application
        self._linted = lint.middleware(application) if linted else application
        self._key = key
        self._token = token
        self._base_url = base_url.rstrip("/")
        self._nonce: str | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if "HTTP_AUTHORIZATION" in environ:
            return self._linted(environ, start_response)
        request = BaseRequest(environ)
        request.make_body_seekable()
        before = environ.copy()
        status, headers, body, _ = self._send(request)
        if "HTTP_DPOP" not in before and _asks_for_nonce(status, headers):
            _close(body)
            # The application may have moved a part of the path to SCRIPT_NAME.
            environ.clear()
            environ.update(before)
            status, headers, body, _ = self._send(request)
        start_response(status, headers)
        return body

    def __getattr__(self, name: str) -> Any:
        return getattr(self.application, name)

    def _send(self, request: BaseRequest) -> _Answer:
        environ = request.environ
        environ["HTTP_AUTHORIZATION"] = f"DPoP {self._token}"
        if "HTTP_DPOP" not in environ:
            environ["HTTP_DPOP"] = self._proof(environ)
        # WebTest, too, shows the error page of an application that starts its response again.
        answer: _Answer = request.call_application(self._linted, catch_exc_info=True)
        for name, value in answer[1]:
            if name.lower() == "dpop-nonce":
                self._nonce = value
        return answer

    def _proof(self, environ: WSGIEnvironment) -> str:
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        url = self._base_url + quote(path.encode("latin-1"), safe=_PATH_CHARACTERS)
        return self._key.proof(environ["REQUEST_METHOD"], url, self._token, self._nonce)


def send_proofs(client: TestApp, key: DPoPKey, token: str, base_url: str) -> None:
    """Make a WebTest client send the token and a fresh proof with every request from now on.

    Args:
        client: The client.
        key: The client's key.
        token: The access token.
        base_url: As for `ProvenRequests`.
    """
    send_no_proofs(client)
    client.authorization = None
    client.app = ProvenRequests(client.app, key, token, base_url, linted=client.lint)


def send_no_proofs(client: TestApp) -> None:
    """Make a WebTest client send no proofs any more.

    Args:
        client: The client.
    """
    if isinstance(client.app, ProvenRequests):
        client.app = client.app.application


def _asks_for_nonce(status: str, headers: _Headers) -> bool:
    challenges = [value for name, value in headers if name.lower() == "www-authenticate"]
    return status.startswith("401") and any(
        'error="use_dpop_nonce"' in challenge for challenge in challenges
    )


def _close(body: Iterable[bytes]) -> None:
    if hasattr(body, "close"):
        body.close()
