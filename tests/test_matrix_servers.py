"""Raw request lines through real servers: the policy judges what the server makes of a line.

With the bare application, a server tells which handler a line reaches. With the protected one, the
same line must not reach it for a caller whom the handler's rule refuses.
"""

from __future__ import annotations

import json
from functools import cache

import pytest
from matrix.oracle import callers, trespasses
from matrix.places import PLACES
from matrix.request_lines import FIELDS, LINES
from matrix.served import SERVED, TRUST
from matrix.servers import COMMANDS, each_of, serving

from jwt_wsgi import Auth
from jwt_wsgi.testing import LocalIssuer

pytestmark = pytest.mark.slow

ISSUER = LocalIssuer(algorithms=("ES256",))
TRUSTED = json.dumps({"issuer": ISSUER.issuer, "audience": ISSUER.audience, "jwks": ISSUER.jwks})

each_server = each_of(COMMANDS)


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
    """Return the handlers that a line reaches bare, and with the right callers; fail on a bypass."""
    bare = server.ask(line, {**fields(app, "bare"), **more}).handlers
    passed = set()
    for auth in dict.fromkeys(auth for name in bare for auth in callers(name)[0]) or (None,):
        through = server.ask(line, {**fields(app, "protected", auth), **more})
        assert not trespasses(through.handlers, auth), (server.name, app, line, more, auth, through)
        assert set(through.handlers) <= set(bare), (server.name, app, line, more, auth, through)
        assert through.status < 500 or bare == (), (server.name, app, line, more, auth, through)
    for name in bare:
        passed |= {
            *server.ask(line, {**fields(app, "protected", callers(name)[1]), **more}).handlers
        }
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
        for line in (
            b"GET / HTTP/1.1",
            b"GET /open/admin HTTP/1.1",
            b"GET /admin HTTP/1.1",
            b"GET /notes HTTP/1.1",
        ):
            bare, through = asked(server, app, line, more)
            reached += bare
            passed |= through
    record_property("reached bare", len(reached))
    # Each of these has a line in plain spelling.
    plain = {"root", "hall", "log", "help", "read", "new", "notes", "edit", "report", "cafe"}
    assert plain <= {*reached} <= {*PLACES}
    assert plain <= passed


# --- facts about servers, on which the path rule depends


def environ_of(server, line, *more: bytes):
    """Return the environ that a server makes, or None where it refuses by itself."""
    own = [f"{name}: {value}".encode() for name, value in fields("echo", "bare").items()]
    head = b"\r\n".join(
        [line, b"Host: localhost", b"Connection: close", b"Content-Length: 0", *own, *more]
    )
    answer = server.send(head + b"\r\n\r\n")
    return json.loads(answer.body) if answer.status == 200 else None


DOTS = b"/%2e%2e/admin%2Fx//y"
#: target -> `PATH_INFO` by server; None where the server refuses.
PATHS = {
    DOTS: dict.fromkeys(COMMANDS, "/../admin/x//y") | {"cheroot": "/../admin%2Fx//y"},
    b"http://localhost/open": dict.fromkeys(COMMANDS, "/open")
    | dict.fromkeys(("uwsgi", "wsgiref"), "http://localhost/open")
    | {"cheroot": None},
    b"//admin": dict.fromkeys(COMMANDS, "//admin")
    | dict.fromkeys(("waitress", "wsgiref", "werkzeug"), "/admin")
    | {"cheroot": None},
    b"*": dict.fromkeys(COMMANDS, "*")
    | dict.fromkeys(("gunicorn sync", "gunicorn gevent", "cheroot")),
}


@pytest.mark.parametrize("target", PATHS, ids=bytes.decode)
@each_server
def test_each_server_makes_this_path_info(server, target):
    environ = environ_of(server, b"GET " + target + b" HTTP/1.1")
    assert (environ and environ["PATH_INFO"]) == PATHS[target][server.name]


@each_server
def test_two_authorization_headers_are_joined_and_cheroot_keeps_the_last(server):
    found = environ_of(
        server, b"GET / HTTP/1.1", b"Authorization: Bearer a", b"Authorization: Bearer b"
    )
    value = found["HTTP_AUTHORIZATION"].replace(", ", ",")
    assert value == ("Bearer b" if server.name == "cheroot" else "Bearer a,Bearer b")


@each_server
def test_two_tokens_never_grant_more_than_one(server):
    refused, right = callers("hall")
    good, other = token(right), token(refused[1])
    own = [f"{name}: {value}".encode() for name, value in fields("bottle", "protected").items()]
    answers = {}
    for name, pair in {"good last": (other, good), "good first": (good, other)}.items():
        sent = [f"Authorization: Bearer {each}".encode() for each in pair]
        lines = [b"GET /open/admin HTTP/1.1", b"Host: localhost", b"Connection: close", *own, *sent]
        answers[name] = server.send(b"\r\n".join(lines) + b"\r\n\r\n")
    if server.name == "cheroot":
        assert (answers["good last"].status, answers["good last"].handlers) == (200, ("hall",))
        assert (answers["good first"].status, answers["good first"].handlers) == (403, ())
    else:
        for answer in answers.values():
            assert (answer.status, answer.handlers) == (400, ())
            assert json.loads(answer.body)["reason"] == "several_tokens"


@pytest.mark.parametrize("server", ["gunicorn sync", "gunicorn gevent"], indirect=True)
def test_gunicorn_takes_script_name_from_a_trusted_peer_and_the_policy_refuses_it(server):
    line, mount = b"GET /open/admin HTTP/1.1", {"SCRIPT_NAME": "/open"}
    environ = environ_of(server, line, b"SCRIPT_NAME: /open")
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/open", "/admin")
    # A router that joins the two reads another place than one that does not.
    assert server.ask(line, {**fields("cherrypy tree", "bare"), **mount}).handlers == ("hall",)
    assert server.ask(line, {**fields("webob path_info_pop", "bare"), **mount}).handlers == (
        "admin",
    )
    for app in SERVED:
        answer = server.ask(line, {**fields(app, "protected", callers("hall")[1]), **mount})
        assert (answer.status, answer.handlers, json.loads(answer.body)["reason"]) == (
            400,
            (),
            "mount_unknown",
        )
