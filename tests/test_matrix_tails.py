"""A tail never leaves its folder, and no request below it reaches a handler under a weaker rule.

Each application serves files and addresses from the tail of a path, and gets random requests with
empty segments, dots and other spellings there. `MATRIX_REQUESTS` and `MATRIX_SEED` are those of
`test_matrix.py`.
"""

from __future__ import annotations

import os

import pytest
from matrix.oracle import caller, run
from matrix.requests import Spelled, on_the_wire
from matrix.tail_apps import TAIL_APPS, collapsed, plain_app
from matrix.tail_campaign import WEAKENED_TAILS, TailCampaign, is_refused, tail_campaign
from matrix.tail_places import DEMANDS, RULES, SCOPES, TAIL_PLACES, answer
from test_matrix import ENOUGH, REQUESTS, SEED, unmeasured

from jwt_wsgi import Policy, ScopeAuthorizer, scope
from jwt_wsgi.policy import overlaps

each_app = pytest.mark.parametrize("app", TAIL_APPS)


def run_campaign(app: str) -> TailCampaign:
    with unmeasured():
        return tail_campaign(app, REQUESTS, SEED)


@pytest.mark.slow
@each_app
def test_no_spelling_leaves_a_tail_or_its_rule_u28(app, record_property):
    judged = run_campaign(app)
    record_property("requests", judged.requests)
    record_property("reached bare", sum(judged.bare.values()))
    print(f"{app}: bare {dict(judged.bare)}, with empty segments {dict(judged.passed_with_empty)}")
    assert not judged.bypasses, "\n".join(
        [f"{len(judged.bypasses)} bypasses", *judged.bypasses[:5]]
    )
    if REQUESTS >= ENOUGH:
        assert {*judged.passed} == {*TAIL_PLACES}


def test_the_applications_would_leave_their_folders_and_take_empty_segments_u28():
    if REQUESTS < ENOUGH:
        pytest.skip("too few requests")
    campaigns = {app: run_campaign(app) for app in TAIL_APPS}
    leaving = {app for app, judged in campaigns.items() if judged.bare["outside"]}
    taking = {app for app, judged in campaigns.items() if judged.passed_with_empty["render"]}
    # Some frameworks resolve dots or drop empty segments by themselves.
    assert len(leaving) >= 9, leaving
    assert taking == {*TAIL_APPS}


PLAIN = {
    "files": "/files/sub/b.txt",
    "static": "/static/sub/b.txt",
    "render": "/open/render/https:/example.com/page",
    "keys": "/users/7/keys/a",
    "hall": "/open/admin",
    "log": "/admin/log",
    "open": "/open",
}


@each_app
@pytest.mark.parametrize("name", PLAIN)
def test_every_handler_with_a_tail_is_reached_by_the_right_callers_alone_u28(app, name):
    application = TAIL_APPS[app]()
    protected = ScopeAuthorizer(application, Policy(RULES))
    path = PLAIN[name] + "/" * (app == "cherrypy" and name in ("open", "hall", "log"))
    request = Spelled("GET", on_the_wire(path))
    assert run(application, request.environ()) == (name,)
    for auth in (None, caller(frozenset()), caller(SCOPES)):
        expected = () if is_refused(name, auth) else (name,)
        assert run(protected, request.environ(auth)) == expected


@pytest.mark.parametrize("name", WEAKENED_TAILS)
def test_the_same_requests_get_around_weaker_tails_u28(name, record_property):
    bypasses = {
        app: judged.weakened[name]
        for app, judged in ((app, run_campaign(app)) for app in TAIL_APPS)
        if judged.weakened[name]
    }
    record_property("bypasses", bypasses)
    print(f"{name}: {sum(bypasses.values())} bypasses: {bypasses}")
    if REQUESTS >= ENOUGH:
        assert bypasses


def test_a_rule_inside_a_tail_would_be_no_rule_u28(monkeypatch):
    rules = {"/files/{path...}": scope("files"), "/files/private": scope("private")}
    with pytest.raises(ValueError, match="no other rule may decide inside a tail"):
        Policy(rules)
    monkeypatch.setattr(overlaps, "_first_intrusion", lambda root: None)
    protected = ScopeAuthorizer(plain_app(collapsed), Policy(rules))
    auth = caller(frozenset({"files"}))
    plain, doubled = (Spelled("GET", path) for path in ("/files/private/x", "/files/private//x"))
    assert run(protected, plain.environ(auth)) == ()
    assert run(protected, doubled.environ(auth)) == ("files",)


def test_a_tail_begins_where_the_applications_own_rest_begins_u28():
    """The advice of the documentation: behind the parameter, and not at the path above it."""

    def application(environ, start_response):
        bucket, _, key = environ["PATH_INFO"].removeprefix("/files/").partition("/")
        start_response("200 OK", [])
        return [answer("files", os.path.join(bucket, key)).encode()]  # noqa: PTH118

    outside = Spelled("GET", "/files/sub//etc/passwd")
    for key, reached in (
        ("/files/{rest...}", ("files", "outside")),
        ("/files/{bucket}/{key...}", ()),
    ):
        protected = ScopeAuthorizer(application, Policy({key: scope("files")}))
        assert run(protected, outside.environ(caller(SCOPES))) == reached


@pytest.mark.parametrize("rest", ["%2Fetc/passwd", "..%2Fsecret.txt", "sub/..%2F..%2Fsecret.txt"])
@pytest.mark.parametrize("key", ["/files/{path...}", "/files", "/files/{path}"])
def test_a_known_limit_is_an_application_that_decodes_twice_u28(key, rest):
    """CherryPy turns `%2F` into a slash by itself. The rule stays, but no rule keeps the folder."""
    application = TAIL_APPS["cherrypy"]()
    protected = ScopeAuthorizer(application, Policy({key: scope("files")}))
    request = Spelled("GET", f"/files/{rest}")
    assert run(protected, request.environ(caller(frozenset({"files"})))) == ("files", "outside")
    assert run(protected, request.environ(caller(SCOPES - {"files"}))) == ()


def test_every_scope_of_the_rules_is_one_that_callers_have():
    asked = {name for demand in DEMANDS.values() for name in SCOPES if f"'{name}'" in str(demand)}
    assert asked == SCOPES
