"""No spelling of a request gets around the policy, whatever framework it guards.

Each application gets random requests (`matrix/spellings.py`). Without protection, it tells which
handler each request reaches. With protection, no request may reach a handler for a caller whom
the handler's own rule refuses.

`MATRIX_REQUESTS` is the number of requests for each application, `MATRIX_SEED` the first seed. A
failure prints its seed: `MATRIX_SEED=<seed> MATRIX_REQUESTS=1 pytest tests/test_matrix.py -k
'<app>'` repeats it alone. `make fuzz` sends half a million each, with other seeds.
"""

from __future__ import annotations

import os
from collections import Counter
from random import Random

import pytest
from matrix.apps import APPS
from matrix.oracle import WITHOUT_SCOPES, Campaign, callers, campaign, drawn, run
from matrix.places import PLACES, SCOPES, demanded, rules
from matrix.requests import Spelled
from matrix.spellings import CHANGES, filled
from matrix.weakened import WEAKENED, Weakened
from measuring import unmeasured

from jwt_wsgi import Issuer, Policy, ScopeAuthorizer, StaticJWKS, protect
from jwt_wsgi.testing import LocalIssuer

pytestmark = pytest.mark.slow

REQUESTS = int(os.environ.get("MATRIX_REQUESTS", "10000"))
SEED = int(os.environ.get("MATRIX_SEED", "0"))
#: Requests with real tokens through all three layers.
WITH_TOKENS = min(REQUESTS, 200)

#: Fewer random requests than this need not reach every handler.
ENOUGH = 10_000


def run_campaign(app: str) -> Campaign:
    with unmeasured():
        return campaign(app, REQUESTS, SEED)


each_app = pytest.mark.parametrize("app", APPS)


@each_app
def test_no_spelling_gets_around_the_policy(app, record_property):
    judged = run_campaign(app)
    record_property("requests", judged.requests)
    record_property("reached bare", sum(judged.bare.values()))
    assert not judged.bypasses, "\n".join(
        [f"{len(judged.bypasses)} bypasses", *judged.bypasses[:5]]
    )
    # The campaign proves something only if handlers were reached, bare and with the right scopes.
    if REQUESTS >= ENOUGH:
        assert {*judged.bare} == {*judged.passed} == {*APPS[app].names}
        assert sum(judged.bare.values()) > REQUESTS / 20
        assert sum(judged.passed.values()) > REQUESTS / 25


@each_app
def test_only_permitted_callers_reach_each_handler_by_its_plain_path(app):
    application = APPS[app].make()
    protected = ScopeAuthorizer(application, Policy(rules(APPS[app].names)))
    for name, (methods, path) in APPS[app].plain().items():
        refused, right = callers(name)
        for method in methods:
            request = Spelled(method, filled(path.replace("{name}", "7"), Random(0)))
            assert run(application, request.environ()) == (name,), request
            assert run(protected, request.environ(right)) == (name,), request
            for auth in refused:
                assert run(protected, request.environ(auth)) == (), (request, auth)


@pytest.fixture(scope="module")
def issuer() -> LocalIssuer:
    return LocalIssuer(algorithms=("ES256",))


@each_app
def test_no_spelling_gets_around_the_whole_stack_with_real_tokens(app, issuer):
    application = APPS[app].make()
    trusted = Issuer(
        issuer.issuer, audience=issuer.audience, keys=StaticJWKS(issuer.jwks), algorithms=["ES256"]
    )
    protected = protect(application, issuer=trusted, rules=rules(APPS[app].names))
    tokens = {
        auth: issuer.token(" ".join(sorted(auth.scopes)))
        for name in PLACES
        for auth in (*callers(name)[0], callers(name)[1])
        if auth is not None
    }
    passed: Counter[str] = Counter()
    for chance in range(SEED, SEED + WITH_TOKENS):
        request = drawn(app, chance)
        for name in run(application, request.environ()):
            refused, right = callers(name)
            for auth in (*refused, right):
                environ = request.environ()
                if auth is not None:
                    environ["HTTP_AUTHORIZATION"] = f"Bearer {tokens[auth]}"
                through = run(protected, environ)
                assert name not in through or auth is right, (
                    f"{app!r}, chance {chance}: {request}, {auth}"
                )
                passed.update(through)
    assert passed or REQUESTS < WITH_TOKENS


def test_a_seed_makes_one_request_and_other_seeds_make_others():
    for app in ("flask strict", "bottle"):
        assert [drawn(app, chance) for chance in range(500)] == [
            drawn(app, chance) for chance in range(500)
        ]
    assert len({drawn("bottle", chance) for chance in range(1000)}) > 800
    assert drawn("bottle", SEED) != drawn("falcon", SEED)


@pytest.mark.parametrize(
    "change", dict.fromkeys(CHANGES), ids=lambda change: change.__name__.strip("_")
)
def test_every_change_changes_paths_and_keeps_them_in_an_environ(change):
    changed = {
        change(Random(chance), "/open/café".encode().decode("latin-1")) for chance in range(50)
    }
    assert changed - {"/open/caf\xc3\xa9"}
    for path in changed:
        path.encode("latin-1")
    change(Random(0), "")


# --- the test is alive


@pytest.mark.parametrize("name", WEAKENED)
def test_the_campaign_finds_bypasses_of_a_weakened_matcher(name, record_property):
    campaigns = {app: run_campaign(app) for app in APPS}
    bypasses = {
        app: judged.weakened[name] for app, judged in campaigns.items() if judged.weakened[name]
    }
    record_property("bypasses", bypasses)
    print(f"{name}: {sum(bypasses.values())} bypasses: {bypasses}")
    if REQUESTS >= ENOUGH:
        assert bypasses
        # Decisions are counted; in each application, at least one handler was really reached.
        assert {
            app for app, judged in campaigns.items() if name in judged.caught
        } == bypasses.keys()


def test_a_weakened_matcher_without_weaknesses_is_the_policy():
    whole, policy = Weakened(rules()), Policy(rules())
    with unmeasured():
        for chance in range(2000):
            environ = drawn("webob", chance).environ()
            assert run(ScopeAuthorizer(_always, whole), {**environ}) == run(
                ScopeAuthorizer(_always, policy), {**environ}
            )
            for auth in (None, WITHOUT_SCOPES):
                assert _status(whole, environ, auth) == _status(policy, environ, auth)


def _always(_environ, start_response):
    start_response("200 OK", [])
    return [b""]


def _status(policy, environ, auth):
    statuses = []
    list(
        ScopeAuthorizer(_always, policy)(
            {**environ, "jwt_wsgi.auth": auth}, lambda status, *_: statuses.append(status)
        )
    )
    return statuses


def test_every_scope_of_the_rules_is_one_that_callers_have():
    assert frozenset().union(*map(demanded, PLACES)) == SCOPES
