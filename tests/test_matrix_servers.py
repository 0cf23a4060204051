"""Raw request lines through real servers: what the server makes of a line is what the policy judges.

The server that serves the application bare tells which handler a line reaches; the same
server, with the same line, must not reach it for a caller whom the handler's rule refuses.
"""

from __future__ import annotations

import json
from functools import cache

import pytest
from matrix.oracle import callers, trespasses
from matrix.places import PLACES
from matrix.request_lines import FIELDS, LINES
from matrix.served import SERVED, TRUST
from matrix.servers import COMMANDS, serving

from jwt_wsgi import Auth
from jwt_wsgi.testing import LocalIssuer

ISSUER = LocalIssuer(algorithms=("ES256",))
TRUSTED = json.dumps({"issuer": ISSUER.issuer, "audience": ISSUER.audience, "jwks": ISSUER.jwks})

each_server = pytest.mark.parametrize("server", COMMANDS, indirect=True)


@pytest.fixture(scope="module")
def server(request):
    with serving(request.param, {TRUST: TRUSTED}) as listening:
        yield listening


@cache
def token(auth: Auth) -> str:
    return ISSUER.token(" ".join(sorted(auth.scopes)), expires_in=3600)


def fields(app: str, side: str, auth: Auth | None = None) -> dict[str, str]:
    sent = {"X-Matrix-App": app, "X-Matrix-Side": side}
    return sent if auth is None else {**sent, "Authorization": f"Bearer {token(auth)}"}


def asked(server, app, line, more):
    """The handlers that a line reaches bare, those that the right callers reach; fails on a bypass."""
    bare = server.ask(line, {**fields(app, "bare"), **more}).handlers
    passed = set()
    for auth in dict.fromkeys(auth for name in bare for auth in callers(name)[0]) or (None,):
        through = server.ask(line, {**fields(app, "protected", auth), **more})
        assert not trespasses(through.handlers, auth), (server.name, app, line, more, auth, through)
        assert set(through.handlers) <= set(bare), (server.name, app, line, more, auth, through)
        assert through.status < 500 or bare == (), (server.name, app, line, more, auth, through)
    for name in bare:
        passed |= {*server.ask(line, {**fields(app, "protected", callers(name)[1]), **more}).handlers}
    return bare, passed


@pytest.mark.parametrize("app", SERVED)
@each_server
def test_no_request_line_gets_around_the_policy(server, app, record_property):
    reached, passed = [], set()
    for line in LINES:
        bare, through = asked(server, app, line, {})
        reached += bare
        passed |= through
    for more in FIELDS:
        for line in (b"GET / HTTP/1.1", b"GET /open/admin HTTP/1.1", b"GET /admin HTTP/1.1", b"GET /notes HTTP/1.1"):
            bare, through = asked(server, app, line, more)
            reached += bare
            passed |= through
    record_property("reached bare", len(reached))
    # Every one of these is among the lines in plain writing.
    plain = {"root", "hall", "log", "help", "read", "new", "notes", "edit", "report", "cafe"}
    assert plain <= {*reached} <= {*PLACES}
    assert plain <= passed
