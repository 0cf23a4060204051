"""The whole stack around an application that does nothing, sent the requests that a server would make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from benchmarks.measuring import Contender
from benchmarks.minting import AUDIENCE, ISSUER
from jwt_wsgi import Issuer, StaticJWKS, protect, scope

ACCEPTED, REFUSED = "200 OK", "401 Unauthorized"

#: What waitress hands over for a GET, the streams left out.
ENVIRON: Mapping[str, Any] = {
    "REMOTE_ADDR": "127.0.0.1",
    "REMOTE_HOST": "127.0.0.1",
    "REMOTE_PORT": "40000",
    "REQUEST_METHOD": "GET",
    "SERVER_PORT": "8080",
    "SERVER_NAME": "waitress.invalid",
    "SERVER_SOFTWARE": "waitress",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/api/private-scoped",
    "REQUEST_URI": "/api/private-scoped",
    "QUERY_STRING": "",
    "wsgi.url_scheme": "http",
    "wsgi.version": (1, 0),
    "wsgi.multithread": True,
    "wsgi.multiprocess": False,
    "wsgi.run_once": False,
    "HTTP_HOST": "127.0.0.1:8080",
    "HTTP_ACCEPT": "*/*",
    "HTTP_USER_AGENT": "benchmark",
}


def trivial(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The application that does nothing."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]


def stack(
    jwks: Mapping[str, Any],
    algorithm: str = "RS256",
    *,
    rules: int = 1,
    issuers: Sequence[str] = (ISSUER,),
) -> WSGIApplication:
    """Three layers and a policy around the trivial application."""
    trusted = [
        Issuer(name, audience=AUDIENCE, keys=StaticJWKS(jwks), algorithms=[algorithm])
        for name in issuers
    ]
    places = {ruled(number): scope("read:messages") for number in range(rules)}
    return protect(
        trivial, issuer=trusted, rules={"/api/private-scoped": scope("read:messages"), **places}
    )


def ruled(number: int) -> str:
    """The path of the `number`th of many rules, a hundred to a collection."""
    return f"/api/collection-{number // 100}/item-{number % 100}"


class Requests:
    """A contender that sends each token through `app`, and looks at the status of every answer."""

    def __init__(
        self, app: WSGIApplication, *, status: str = ACCEPTED, paths: Sequence[str] = ()
    ) -> None:
        self._app = app
        self._status = status
        self._paths = paths
        self._sent = 0
        self.statuses: list[str] = []

    def contend(self, tokens: Sequence[str]) -> Contender:
        """For `alternate`; an empty token stands for a request without one."""
        return Contender(self.prepare, tokens, self.check)

    def prepare(self, tokens: Sequence[str]) -> Callable[[], None]:
        """The requests, ready to be sent."""
        self.statuses.clear()
        environs = [self._environ(token) for token in tokens]
        app, start_response = self._app, self._start_response

        def run() -> None:
            for environ in environs:
                app(environ, start_response)

        return run

    def check(self, count: int) -> None:
        """Raises `RuntimeError` where the last `count` answers were not what is measured here."""
        if self.statuses != [self._status] * count:
            raise RuntimeError(
                f"answered {sorted(set(self.statuses))}, and {self._status} is what is measured"
            )

    def _environ(self, token: str) -> WSGIEnvironment:
        environ = dict(ENVIRON)
        if token:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        if self._paths:
            environ["PATH_INFO"] = self._paths[self._sent % len(self._paths)]
            self._sent += 1
        return environ

    def _start_response(
        self, status: str, headers: object, exc_info: object = None
    ) -> Callable[[bytes], object]:
        self.statuses.append(status)
        return _write


def _write(_: bytes) -> None:
    """Nobody calls it."""
