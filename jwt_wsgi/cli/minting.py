"""The development issuer as a WSGI application: metadata, keys, and tokens for whoever asks on loopback.

It mints whatever it is asked for, so it answers loopback alone (`jwt_wsgi.testing.loopback`), and
of the pages that ask, those of loopback.
"""

import json
import math
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIEnvironment

from jwt_wsgi.jose.strict_json import read_object
from jwt_wsgi.testing import LocalIssuer
from jwt_wsgi.testing.issuer import METADATA_PATH
from jwt_wsgi.testing.loopback import LOOPBACK_HOST, is_local, is_proxied

TOKEN_PATH = "/token"  # noqa: S105 (a path)
#: Bytes of what is asked for.
MAX_BODY = 4096
#: Seconds that a token may live, or have been expired for: ten years.
MAX_EXPIRES_IN = 315_360_000

_ORIGIN = re.compile(f"https?://{LOOPBACK_HOST}")

# What a request may say; clients of a real issuer send the last two, and nothing comes of them.
_TEXTS = ("scope", "sub", "audience", "client_id", "algorithm")
_KNOWN = (*_TEXTS, "expires_in", "claims", "grant_type", "client_secret")
# Names that are options of `LocalIssuer.token`, and no claims there.
_RESERVED = ("self", "scope", "expires_in", "algorithm", "header")

_Answer = tuple[str, dict[str, Any]]


class MintingIssuer:
    """Serves what `local` publishes, and `POST /token` with what it signs."""

    def __init__(self, local: LocalIssuer) -> None:
        self._local = local

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        refusal = _refusal(environ)
        status, answer = ("403 Forbidden", _error(refusal)) if refusal else self._answer(environ)
        body = b"" if status[:3] == "204" else json.dumps(answer).encode()
        headers = [("Vary", "Origin"), ("X-Content-Type-Options", "nosniff")]
        if environ["REQUEST_METHOD"] == "POST":
            headers.append(("Cache-Control", "no-store"))
        if body:
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and not refusal:
            headers += [
                ("Access-Control-Allow-Origin", origin),
                ("Access-Control-Allow-Headers", "Content-Type"),
            ]
        start_response(status, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _answer(self, environ: WSGIEnvironment) -> _Answer:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if method == "OPTIONS":
            return "204 No Content", {}
        if path == TOKEN_PATH:
            return (
                self._mint(environ)
                if method == "POST"
                else ("405 Method Not Allowed", _error("POST it"))
            )
        if method not in ("GET", "HEAD"):
            return "405 Method Not Allowed", _error("this can only be read")
        if path == METADATA_PATH:
            endpoint = self._local.issuer.rstrip("/") + TOKEN_PATH
            return "200 OK", {**self._local.metadata, "token_endpoint": endpoint}
        try:
            return "200 OK", json.loads(self._local.document(path))
        except LookupError:
            return "404 Not Found", _error(
                f"there is {METADATA_PATH}, what it names, and POST {TOKEN_PATH}"
            )

    def _mint(self, environ: WSGIEnvironment) -> _Answer:
        try:
            asked = _asked(environ)
            claims = _claims(asked)
            expires_in, algorithm = _seconds(asked.get("expires_in", 300)), asked.get("algorithm")
            if algorithm not in (None, *self._local.algorithms):
                raise ValueError(f"algorithm: choose from {', '.join(self._local.algorithms)}")
        except ValueError as error:
            return "400 Bad Request", _error(str(error))
        scope = asked.get("scope")
        token = self._local.token(scope, expires_in=expires_in, algorithm=algorithm, **claims)
        granted = {} if scope is None else {"scope": scope}
        return "200 OK", {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": expires_in,
            **granted,
        }


def _refusal(environ: WSGIEnvironment) -> str | None:
    """Why this request gets nothing, or None."""
    if not is_local(environ):
        return "this issuer answers on loopback and by a name of loopback alone"
    if is_proxied(environ):
        return "this issuer does not answer through a proxy"
    if not _ORIGIN.fullmatch(environ.get("HTTP_ORIGIN", "http://localhost")):
        return "this issuer answers pages of loopback alone"
    return None


def _error(description: str) -> dict[str, Any]:
    """RFC 6749 §5.2."""
    return {"error": "invalid_request", "error_description": description}


def _asked(environ: WSGIEnvironment) -> dict[str, Any]:
    """What the body asks for; raises `ValueError`."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not re.fullmatch("[0-9]{1,9}", length) or int(length) > MAX_BODY:
        raise ValueError(f"send at most {MAX_BODY} bytes")
    body: bytes = environ["wsgi.input"].read(int(length))
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        asked = read_object(body)
    elif body and kind != "application/x-www-form-urlencoded":
        raise ValueError("send a form, or application/json")
    else:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict")
        asked = dict(pairs)
        if len(asked) != len(pairs):
            raise ValueError("a member twice")
    for name in asked:
        if name not in _KNOWN:
            raise ValueError(f"unknown member: choose from {', '.join(_KNOWN)}")
    return asked


def _claims(asked: dict[str, Any]) -> dict[str, Any]:
    for name in _TEXTS:
        if not isinstance(asked.get(name, ""), str):
            raise ValueError(f"{name}: write text")
    claims = asked.get("claims", {})
    if not isinstance(claims, dict):
        raise ValueError("claims: write an object, in application/json")
    if not claims.keys().isdisjoint(_RESERVED):
        raise ValueError(f"claims: none may be called {', '.join(_RESERVED)}")
    named = {"sub": "sub", "audience": "aud", "client_id": "client_id"}
    return {**{claim: asked[name] for name, claim in named.items() if name in asked}, **claims}


def _seconds(found: object) -> int:
    try:
        seconds = (
            float(found)
            if isinstance(found, str | int | float) and not isinstance(found, bool)
            else math.nan
        )
    except (ValueError, OverflowError):
        seconds = math.nan
    if not abs(seconds) <= MAX_EXPIRES_IN:
        raise ValueError(
            f"expires_in: write seconds, {MAX_EXPIRES_IN} at most; below 0 for an expired token"
        )
    return int(seconds)
