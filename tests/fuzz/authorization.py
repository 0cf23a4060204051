"""Any `Authorization` header, parsed and through the whole stack: an answer, never a 500, never an echo."""

from __future__ import annotations

import io
import re
import sys
from typing import Any

from fuzz.keys import ISSUERS, NOW, really_signed
from jwt_wsgi import AUTHENTICATED, Credentials, InvalidRequest, Verifier, protect, respond, scope
from jwt_wsgi.middleware.authorization_header import parse_authorization
from jwt_wsgi.middleware.decisions import Decision

_WORD = re.compile(r"[!-+\--~]+")
_decided: list[Decision] = []


def _app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]


STACK = protect(
    _app,
    # Without a memory, so that an input alone says what happens.
    issuer=Verifier(ISSUERS, max_remembered=0, clock=lambda: NOW),
    rules={"/any": AUTHENTICATED, "/scoped": scope("write:a")},
    on_decision=lambda _, decision: _decided.append(decision),
)


def one_input(octets: bytes) -> None:
    header = octets.decode("latin-1")
    found = parse_authorization(header)
    if isinstance(found, Credentials):
        assert found.scheme == "Bearer"
        assert _WORD.fullmatch(found.token)
        assert header.strip(" \t").endswith(found.token)
    else:
        assert found is None or (
            type(found) is InvalidRequest and found.reason in ("several_tokens", "malformed_header")
        )
    for path in ("/any", "/scoped"):
        _ask(path, header, found)


def _ask(path: str, header: str, found: Credentials | InvalidRequest | None) -> None:
    _decided.clear()
    answer = _answer(STACK, path, header)
    (decision,) = _decided
    status = int(answer[0][:3])
    if decision.error is None:
        assert status == 200
        assert isinstance(found, Credentials)
        assert really_signed(found.token)
        return
    error = decision.error
    assert status == error.status
    assert status in ((400,) if isinstance(found, InvalidRequest) else (401, 403))
    # The answer to the bare reason: nothing of this request can stand in it.
    bare = type(error)(
        error.reason, scopes=("write:a",) if path == "/scoped" and error.scopes else ()
    )
    assert answer == _answer(respond(bare), path, "")


def _answer(app: Any, path: str, header: str) -> tuple[str, list[tuple[str, str]], bytes]:
    started: list[Any] = []
    environ = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "HTTP_AUTHORIZATION": header,
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
    }
    body = b"".join(app(environ, lambda *arguments: started.append(arguments)))
    ((status, headers),) = started
    return status, headers, body
