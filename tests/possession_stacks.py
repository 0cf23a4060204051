"""Stacks, tokens and requests for the tests of bound tokens, and how an answer is read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from client_tls import Authority
from possession_oracle import Rule, Sent, Stack
from webob import Request as WebObRequest
from webob import Response

from jwt_wsgi import (
    AUTHENTICATED,
    DENY,
    OPTIONAL,
    PUBLIC,
    DPoP,
    Issuer,
    get_auth,
    report_only,
    scope,
    sender_constrained,
)
from jwt_wsgi.testing import DPoPKey, LocalIssuer

BASE = "https://api.example.com"
LOCAL = LocalIssuer(algorithms=("ES256",))
KEY, OTHER_KEY = DPoPKey(), DPoPKey()
_AUTHORITY = Authority("owners")
CERTIFICATE, OTHER_CERTIFICATE = _AUTHORITY.issue("client"), _AUTHORITY.issue("other")

#: The environ key from which the stacks of these tests read the client's certificate.
CERTIFICATE_KEY = "test.certificate"

_CONSTANTS = {"PUBLIC": PUBLIC, "OPTIONAL": OPTIONAL, "AUTHENTICATED": AUTHENTICATED, "DENY": DENY}


class Challenge(NamedTuple):
    """One header line `WWW-Authenticate`."""

    scheme: str
    parameters: dict[str, str]


def requirement(rule: Rule) -> Any:
    """Return the requirement for a rule of the oracle."""
    match rule:
        case (name,):
            return _CONSTANTS[name]
        case ("scope", name):
            return scope(name)
        case ("bound", "either"):
            return sender_constrained()
        case ("bound", name):
            return sender_constrained(name)
        case ("and", one, other):
            return requirement(one) & requirement(other)
        case ("or", one, other):
            return requirement(one) | requirement(other)
        case ("report", watched):
            return report_only(requirement(watched))
        case ("report", watched, enforced):
            return requirement(enforced) & report_only(requirement(watched))
    raise AssertionError(rule)


def issuer_of(stack: Stack, **options: Any) -> Issuer:
    """Return the issuer of a stack, with its rules about bound tokens."""
    return LOCAL.trusted(
        sender_constrained=stack.constrained, accept_unproven_binding=stack.accepting, **options
    )


def possession_of(stack: Stack, **options: Any) -> dict[str, Any]:
    """Return the options of `protect` and `TokenVerifier` for a stack."""
    chosen: dict[str, Any] = {}
    if stack.dpop:
        chosen["dpop"] = DPoP(BASE, required=stack.required, **options)
    if stack.mtls:
        chosen["client_certificate"] = read_certificate
    return chosen


def read_certificate(environ: Mapping[str, Any]) -> bytes | None:
    """Return the certificate of a request of these tests, or fail as it says."""
    certificate = environ.get(CERTIFICATE_KEY)
    if certificate == "raises":
        raise RuntimeError("the socket is gone")
    return certificate  # type: ignore[no-any-return]


def app(environ: dict[str, Any], start_response: Any) -> Any:
    """Say which keys of the caller's token were proven."""
    auth = get_auth(environ)
    caller = "anonymous"
    if auth is not None:
        caller = " ".join(sorted(auth.possession.bindings)) or "unbound"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [caller.encode()]


def request(token: str, sent: Sent, path: str = "/x", method: str = "GET") -> WebObRequest:
    """Return a request with what a client sends."""
    made = WebObRequest.blank(path, method=method, base_url=BASE)
    if sent.scheme is not None:
        made.headers["Authorization"] = f"{sent.scheme} {token}"
    url = BASE + path
    if sent.proof == "good":
        made.headers["DPoP"] = KEY.proof(method, url, token)
    elif sent.proof == "of another key":
        made.headers["DPoP"] = OTHER_KEY.proof(method, url, token)
    elif sent.proof == "for another request":
        made.headers["DPoP"] = KEY.proof(method, f"{url}/other", token)
    certificates = {"good": CERTIFICATE.der, "wrong": OTHER_CERTIFICATE.der, "raises": "raises"}
    if sent.certificate != "none":
        made.environ[CERTIFICATE_KEY] = certificates[sent.certificate]
    return made


def challenges(response: Response) -> list[Challenge]:
    """Return the challenges of an answer, in order; a parameter occurs at most once in each."""
    found = []
    for value in response.headers.getall("WWW-Authenticate"):
        scheme, _, rest = value.partition(" ")
        pairs = re.findall(r'(\w+)="([^"]*)"', rest)
        assert len(pairs) == len(dict(pairs))
        found.append(Challenge(scheme, dict(pairs)))
    return found
