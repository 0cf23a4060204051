"""The development issuer as a WSGI application: metadata, keys, and `POST /token`.

It signs any token that it is asked for. Therefore it answers only clients on this machine that
use a loopback name (`jwt_wsgi.testing.loopback`), and only web pages that loopback serves.
"""

import json
import math
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

from jwt_wsgi.bindings import BEARER_SCHEME, DPOP_SCHEME
from jwt_wsgi.cli.proven_key import ProofRefused, read_proven_key
from jwt_wsgi.jose.strict_json import read_object
from jwt_wsgi.possession.dpop import PROOF_ALGORITHMS
from jwt_wsgi.testing import LocalIssuer
from jwt_wsgi.testing.loopback import LOOPBACK_HOST, is_local, is_proxied
from jwt_wsgi.testing.publishing import METADATA_PATH

TOKEN_PATH = "/token"  # noqa: S105 (a path)
#: The most bytes of a request's body.
MAX_BODY = 4096
#: The longest lifetime of a token in seconds, or time since it expired: ten years.
MAX_EXPIRES_IN = 315_360_000
_DEFAULT_EXPIRES_IN = 300

_ORIGIN = re.compile(f"https?://{LOOPBACK_HOST}")

_TEXT_MEMBERS = ("scope", "sub", "audience", "client_id", "algorithm")
# Clients of a real issuer send these. They are accepted and ignored.
_IGNORED_MEMBERS = ("grant_type", "client_secret")
_MEMBERS = (*_TEXT_MEMBERS, "expires_in", "claims", *_IGNORED_MEMBERS)
_CLAIM_NAMES = {"sub": "sub", "audience": "aud", "client_id": "client_id"}
# `LocalIssuer.token` has parameters of these names, so they cannot be claims there.
_RESERVED_CLAIMS = ("self", "scope", "expires_in", "algorithm", "header")


class _Reply(NamedTuple):
    """The status of a response, and its JSON document if it has one."""

    status: HTTPStatus
    document: dict[str, Any] | None = None


class MintingIssuer:
    """A WSGI application that serves what `local` publishes, and signs tokens with its keys."""

    def __init__(self, local: LocalIssuer) -> None:
        self._local = local

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        refusal = _refusal(environ)
        reply = self._answer(environ) if refusal is None else refusal
        body = b"" if reply.document is None else json.dumps(reply.document).encode()
        headers = _headers(environ["REQUEST_METHOD"], body)
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and refusal is None:
            headers.append(("Access-Control-Allow-Origin", origin))
            headers.append(("Access-Control-Allow-Headers", "Content-Type, DPoP"))
        start_response(f"{reply.status.value} {reply.status.phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: WSGIEnvironment) -> _Reply:
        method = environ["REQUEST_METHOD"]
        path = environ.get("PATH_INFO", "")
        if method == "OPTIONS":
            return _Reply(HTTPStatus.NO_CONTENT)
        if path == TOKEN_PATH and method == "POST":
            return self._mint(environ)
        if path == TOKEN_PATH:
            return _error(HTTPStatus.METHOD_NOT_ALLOWED, "use POST")
        if method not in ("GET", "HEAD"):
            return _error(HTTPStatus.METHOD_NOT_ALLOWED, "use GET or HEAD")
        return self._publish(path)

    def _publish(self, path: str) -> _Reply:
        if path == METADATA_PATH:
            endpoint = self._local.issuer.rstrip("/") + TOKEN_PATH
            own = {
                "token_endpoint": endpoint,
                "dpop_signing_alg_values_supported": list(PROOF_ALGORITHMS),
            }
            return _Reply(HTTPStatus.OK, {**self._local.metadata, **own})
        try:
            return _Reply(HTTPStatus.OK, json.loads(self._local.document(path)))
        except LookupError:
            return _error(
                HTTPStatus.NOT_FOUND,
                f"use {METADATA_PATH}, the URLs that it names, or POST {TOKEN_PATH}",
            )

    def _mint(self, environ: WSGIEnvironment) -> _Reply:
        try:
            members = _read_members(environ)
            claims = _claims(members)
            expires_in = _parse_expires_in(members.get("expires_in", _DEFAULT_EXPIRES_IN))
            algorithm = self._algorithm(members)
            thumbprint = self._proven_key(environ)
            if thumbprint is not None:
                claims["cnf"] = {**_confirmation(claims), "jkt": thumbprint}
            scope = members.get("scope")
            token = self._local.token(scope, expires_in=expires_in, algorithm=algorithm, **claims)
        except ProofRefused as error:
            return _error(HTTPStatus.BAD_REQUEST, str(error), "invalid_dpop_proof")
        except ValueError as error:
            return _error(HTTPStatus.BAD_REQUEST, str(error))
        token_type = BEARER_SCHEME if thumbprint is None else DPOP_SCHEME
        document = {"access_token": token, "token_type": token_type, "expires_in": expires_in}
        if scope is not None:
            document["scope"] = scope
        return _Reply(HTTPStatus.OK, document)

    def _proven_key(self, environ: WSGIEnvironment) -> str | None:
        """Return the thumbprint of the key of the request's proof, or None without a proof."""
        proof = environ.get("HTTP_DPOP")
        if proof is None:
            return None
        endpoint = self._local.issuer.rstrip("/") + TOKEN_PATH
        return read_proven_key(proof, endpoint, self._local.clock())

    def _algorithm(self, members: dict[str, Any]) -> str | None:
        algorithm: str | None = members.get("algorithm")
        if algorithm is not None and algorithm not in self._local.algorithms:
            raise ValueError(f"algorithm: choose from {', '.join(self._local.algorithms)}")
        return algorithm


def _refusal(environ: WSGIEnvironment) -> _Reply | None:
    """Return the reply to a client that may not use this issuer, or None."""
    if not is_local(environ):
        return _forbidden("only clients on this machine, by a loopback name, may use this issuer")
    if is_proxied(environ):
        return _forbidden("this issuer does not answer through a proxy")
    if not _ORIGIN.fullmatch(environ.get("HTTP_ORIGIN", "http://localhost")):
        return _forbidden("only web pages served from loopback may use this issuer")
    return None


def _forbidden(description: str) -> _Reply:
    return _error(HTTPStatus.FORBIDDEN, description)


def _error(status: HTTPStatus, description: str, code: str = "invalid_request") -> _Reply:
    """Return an error response (RFC 6749 §5.2, RFC 9449 §5)."""
    return _Reply(status, {"error": code, "error_description": description})


def _headers(method: str, body: bytes) -> list[tuple[str, str]]:
    headers = [("Vary", "Origin"), ("X-Content-Type-Options", "nosniff")]
    if method == "POST":
        headers.append(("Cache-Control", "no-store"))
    if body:
        headers.append(("Content-Type", "application/json"))
        headers.append(("Content-Length", str(len(body))))
    return headers


def _read_members(environ: WSGIEnvironment) -> dict[str, Any]:
    """Return the members of the request's body; raise `ValueError` for a body that has others."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not re.fullmatch("[0-9]{1,9}", length) or int(length) > MAX_BODY:
        raise ValueError(f"send at most {MAX_BODY} bytes")
    body: bytes = environ["wsgi.input"].read(int(length))
    content_type = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if content_type == "application/json":
        members = read_object(body)
    elif not body or content_type == "application/x-www-form-urlencoded":
        members = _parse_form(body)
    else:
        raise ValueError("send a form, or application/json")
    if not members.keys() <= set(_MEMBERS):
        raise ValueError(f"unknown member: choose from {', '.join(_MEMBERS)}")
    return members


def _parse_form(body: bytes) -> dict[str, Any]:
    pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict")
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is repeated; send it once")
    return members


def _claims(members: dict[str, Any]) -> dict[str, Any]:
    """Return the claims that the request names; raise `ValueError` for values of a wrong type."""
    for name in _TEXT_MEMBERS:
        if not isinstance(members.get(name, ""), str):
            raise ValueError(f"{name}: write text")
    claims = members.get("claims", {})
    if not isinstance(claims, dict):
        raise ValueError("claims: write an object, in application/json")
    if not claims.keys().isdisjoint(_RESERVED_CLAIMS):
        raise ValueError(f"claims: leave out the reserved names {', '.join(_RESERVED_CLAIMS)}")
    usual = {claim: members[name] for name, claim in _CLAIM_NAMES.items() if name in members}
    return {**usual, **claims}


def _confirmation(claims: dict[str, Any]) -> dict[str, Any]:
    """Return the members of `cnf` that the request names."""
    confirmation = claims.get("cnf")
    return confirmation if isinstance(confirmation, dict) else {}


def _parse_expires_in(value: object) -> int:
    seconds = _to_float(value)
    if seconds is None or not math.isfinite(seconds) or abs(seconds) > MAX_EXPIRES_IN:
        raise ValueError(
            f"expires_in: write seconds, at most {MAX_EXPIRES_IN}; below 0 for an expired token"
        )
    return int(seconds)


def _to_float(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None
