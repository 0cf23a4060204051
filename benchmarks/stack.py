"""The stack around an application that does nothing, and the requests that a server would make."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from benchmarks.measuring import Contender
from benchmarks.minting import AUDIENCE, ISSUER
from jwt_wsgi import DPoP, Introspection, Issuer, StaticJWKS, get_auth, permission, protect, scope
from jwt_wsgi.introspection import ClientSecretBasic
from jwt_wsgi.revocation import DenyList
from jwt_wsgi.stores import MemoryStore

ACCEPTED = "200 OK"
REFUSED = "401 Unauthorized"

#: Seconds that the proofs of a run stay good.
MAX_PROOF_AGE = 3600
#: Seconds that answers about a token stay cached, longer than any run.
CACHED = 3600

#: The distance between the rules of two requests in turn: a prime, so that all rules have a turn.
STRIDE = 7919

#: The environ of waitress for a GET, without the streams.
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
    """Answer without any work. This is the application."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]


def reading_subject(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the subject of the token."""
    auth = get_auth(environ)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(auth and auth.subject).encode()]


def is_client(value: object) -> bool:
    """Return whether a claim `azp` names a client: a predicate, as an issuer takes it."""
    return isinstance(value, str) and value.isalnum()


def stack(
    jwks: Mapping[str, Any],
    algorithm: str = "RS256",
    *,
    rules: int = 1,
    issuers: Sequence[str] = (ISSUER,),
    permission_asked: str | None = None,
    predicate: bool = False,
    subject: bool = False,
    base_url: str | None = None,
    answer: Mapping[str, Any] | None = None,
    denials: bool = False,
) -> WSGIApplication:
    """Return the trivial application behind the three layers.

    Args:
        jwks: The key set of every issuer.
        algorithm: The algorithm of the tokens.
        rules: The number of rules that `rule_path` names, beside the rule of the path in `ENVIRON`.
        issuers: The names of the issuers.
        permission_asked: The permission that the rule of the path in `ENVIRON` requires, instead of
            a scope.
        predicate: True for issuers with a predicate on a claim.
        subject: True for an application that reads the subject of the token.
        base_url: The base URL of DPoP proofs; without it, none is accepted.
        answer: The answer of an introspection endpoint about every opaque token; without it, none
            is accepted.
        denials: True to ask a deny list about every token.
    """
    claims: dict[str | tuple[str, ...], Any] | None = {"azp": is_client} if predicate else None
    trusted_issuers: list[Issuer | Introspection] = [
        Issuer(
            name, audience=AUDIENCE, keys=StaticJWKS(jwks), algorithms=[algorithm], claims=claims
        )
        for name in issuers
    ]
    if answer is not None:
        trusted_issuers.append(_introspection(answer))
    numbered_rules = {rule_path(number): scope("read:messages") for number in range(rules)}
    asked = scope("read:messages") if permission_asked is None else permission(permission_asked)
    all_rules = {"/api/private-scoped": asked, **numbered_rules}
    dpop = None if base_url is None else DPoP(base_url, max_age=MAX_PROOF_AGE)
    deny_list = DenyList(MemoryStore(), cache_ttl=CACHED) if denials else None
    app = reading_subject if subject else trivial
    return protect(app, issuer=trusted_issuers, rules=all_rules, dpop=dpop, is_revoked=deny_list)


def _introspection(answer: Mapping[str, Any]) -> Introspection:
    """Return an issuer of opaque tokens whose endpoint gives one answer, without a network."""
    document = json.dumps(answer).encode()
    return Introspection(
        f"{ISSUER}introspect",
        issuer=ISSUER,
        audience=AUDIENCE,
        client_auth=ClientSecretBasic("api", "benchmark"),
        fetch=lambda url, form, headers: document,
        cache_ttl=CACHED,
    )


def rule_path(number: int) -> str:
    """Return the path of one of many rules; each collection has a hundred."""
    return f"/api/collection-{number // 100}/item-{number % 100}"


def new_path(number: int, rules: int) -> str:
    """Return the path of a request with a number, below the path of a rule.

    No two numbers have the same path, and requests in turn use rules that are far from each other.
    """
    return f"{rule_path(number * STRIDE % rules)}/part-{number}"


class Requests:
    """A contender that sends each token through an application and records the statuses.

    Args:
        app: The application.
        status: The status that every answer must have.
        path_of: Returns the path of the request with a number, from 0; by default all have the path
            of `ENVIRON`.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        status: str = ACCEPTED,
        path_of: Callable[[int], str] | None = None,
    ) -> None:
        self._app = app
        self._status = status
        self._path_of = path_of
        self._prepared = 0
        self.statuses: list[str] = []

    def contend(self, tokens: Sequence[str]) -> Contender:
        """Return the contender.

        An empty token stands for a request without a token. A token and a DPoP proof stand in one
        text, with a space between them.
        """
        return Contender(self.prepare, tokens, self.check)

    def prepare(self, tokens: Sequence[str]) -> Callable[[], None]:
        """Prepare the requests; return the function that sends them."""
        self.statuses.clear()
        environs = [self.environ(token) for token in tokens]
        app = self._app
        start_response = self._start_response

        def run() -> None:
            for environ in environs:
                app(environ, start_response)

        return run

    def check(self, count: int) -> None:
        """Check the last `count` answers.

        Raises:
            RuntimeError: An answer is missing or has another status.
        """
        if self.statuses != [self._status] * count:
            raise RuntimeError(
                f"the answers were {sorted(set(self.statuses))}, but each must be {self._status}"
            )

    def environ(self, token: str) -> WSGIEnvironment:
        """Return the environ of the next request."""
        environ = dict(ENVIRON)
        if " " in token:
            bound_token, proof = token.split(" ")
            environ["HTTP_AUTHORIZATION"] = f"DPoP {bound_token}"
            environ["HTTP_DPOP"] = proof
        elif token:
            environ["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        if self._path_of is not None:
            environ["PATH_INFO"] = self._path_of(self._prepared)
        self._prepared += 1
        return environ

    def _start_response(
        self, status: str, headers: object, exc_info: object = None
    ) -> Callable[[bytes], object]:
        self.statuses.append(status)
        return _write


def _write(_: bytes) -> None:
    """Do nothing; the trivial application does not call it."""
