"""The measured views: every protection of every framework does its work, and nothing else differs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature

from benchmarks import clients, minting, sections, servers, view_costs, view_loads, worker
from benchmarks.measuring import Deadline
from benchmarks.rows import ROWS
from benchmarks.scale import QUICK
from benchmarks.views import contenders, orders
from benchmarks.views.trust import Trust

CHECKOUT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def issuer():
    return minting.local_issuer()


@pytest.fixture(scope="module")
def trust(issuer):
    return Trust(sections.pem(issuer), issuer.jwks)


PROTECTED = [
    (framework, protection)
    for framework, protections in view_costs.PROTECTIONS.items()
    for protection in protections
    if contenders.missing(framework) is None and contenders.missing(protection) is None
]
UNPROTECTED = [
    pytest.param("Flask", "bare view"),
    pytest.param("Django", "bare view"),
    pytest.param("Django REST framework", "bare view"),
]

#: Sends one request to an application and prints the status and the body. Django is configured once a
#: process, so that each framework has one of its own.
PROGRAM = """
import json, sys
from benchmarks.views import contenders
from benchmarks.views.trust import Trust
job = json.loads(sys.stdin.readline())
app = contenders.application(job["framework"], job["protection"], Trust(job["pem"], job["jwks"]))
requests = contenders.OrderRequests(app)
answers = []
for token in job["tokens"]:
    environ = requests.environ(token)
    body = b"".join(app(environ, requests._start_response))
    answers.append([int(requests.statuses[-1].split()[0]), body.decode()])
print(json.dumps(answers))
"""


def answers(issuer, framework, protection, tokens):
    job = {
        "framework": framework,
        "protection": protection,
        "pem": sections.pem(issuer),
        "jwks": issuer.jwks,
        "tokens": tokens,
    }
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        cwd=CHECKOUT,
        input=json.dumps(job) + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.mark.parametrize(("framework", "protection"), PROTECTED)
def test_a_protection_accepts_a_good_token_and_refuses_bad_ones(issuer, framework, protection):
    (good,) = minting.mint(issuer, 1, more=view_costs.CLAIMS)
    (expired,) = minting.mint(issuer, 1, expired=True, more=view_costs.CLAIMS)
    (foreign,) = minting.mint(issuer, 1, issuers=1, more=view_costs.CLAIMS)
    (elsewhere,) = minting.mint(issuer, 1, more={**view_costs.CLAIMS, "aud": "https://other"})
    (scopeless,) = minting.mint(issuer, 1, more={**view_costs.CLAIMS, "scope": "openid"})
    bad = [minting.forged(good), "", expired, foreign, elsewhere]
    found = answers(issuer, framework, protection, [good, *bad, scopeless])
    statuses = [status for status, _ in found]
    assert statuses[0] == 200
    # Flask-JWT-Extended answers 422 to a token that it cannot accept.
    assert all(status in (401, 422) for status in statuses[1:-1])
    assert statuses[-1] == 403


@pytest.mark.parametrize(("framework", "protection"), UNPROTECTED)
def test_every_view_answers_the_same_to_the_same_order(issuer, framework, protection):
    [[status, body]] = answers(issuer, framework, protection, [""])
    answer = json.loads(body)
    assert status == 200
    assert answer["order"] == 1042
    assert len(answer["lines"]) == orders.LINES
    expected = orders.confirmation(json.loads(orders.body()), 1042)
    assert answer["total"] == str(expected["total"])
    cells = re.findall(r"<td>([^<]+)</td>", answer["confirmation"])
    assert len(cells) == 3 * orders.SHOWN
    assert cells[0] == expected["dearest"][0]["part"]


def test_the_bare_signature_of_a_view_is_verified(issuer, trust):
    app = contenders.application("Flask", "bare signature", trust)
    (token,) = minting.mint(issuer, 1)
    requests = contenders.OrderRequests(app)
    requests.prepare([token])()
    requests.check(1)
    with pytest.raises(InvalidSignature):
        requests.prepare([minting.forged(token)])()


@pytest.mark.parametrize(
    "order",
    [
        pytest.param([], id="not an object"),
        pytest.param({}, id="no lines"),
        pytest.param({"lines": []}, id="an empty list"),
        pytest.param({"lines": [{"part": "part-999", "quantity": 1}]}, id="an unknown part"),
        pytest.param({"lines": [{"part": "part-1", "quantity": 0}]}, id="a quantity of 0"),
        pytest.param({"lines": [{"part": "part-1", "quantity": "1"}]}, id="a quantity as text"),
    ],
)
def test_an_invalid_order_is_an_error(order):
    with pytest.raises(ValueError, match="line"):
        orders.confirmation(order, 1)


def test_the_added_cost_is_a_figure_of_its_own(issuer):
    tokens = minting.mint(issuer, 6, more=view_costs.CLAIMS)
    common = {"kind": "view", "framework": "Flask", "pem": sections.pem(issuer)}
    common |= {"jwks": issuer.jwks, "tokens": tokens}
    group = {
        "Flask, bare view": {**common, "protection": "bare view"},
        "Flask, jwt-wsgi, fresh": {**common, "protection": "jwt-wsgi"},
    }
    bases = {"Flask, jwt-wsgi, fresh": "Flask, bare view"}
    found = worker.run("costs", contenders=group, batches=2, turn=0, bases=bases)
    assert set(found) == {*group, "Flask, jwt-wsgi, fresh, added"}


def test_a_framework_that_is_not_installed_is_absent_by_name(monkeypatch):
    monkeypatch.setitem(contenders.REQUIRED, "Flask", "no_such_module")
    monkeypatch.setattr(view_costs, "PROTECTIONS", {"Flask": ("jwt-wsgi",)})
    found = view_costs.view(QUICK, Deadline(0))
    assert found.absent == {"Flask": "no_such_module is not installed"}
    assert found.figures == {}


def test_a_served_view_answers_to_the_client(issuer, trust):
    (token,) = minting.mint(issuer, 1, more=view_costs.CLAIMS)
    key = json.dumps({"pem": trust.pem, "jwks": trust.jwks})
    environment = {view_loads.PROTECTION: "jwt-wsgi", view_loads.KEY: key}
    load = clients.Load(0.2, None, body=orders.body())
    with servers.running("waitress with the view", environment, None) as port:
        assert load.pace(port, orders.PATH, [token]) > 0
        with pytest.raises(RuntimeError, match="refused"):
            load.pace(port, orders.PATH, [minting.forged(token)])


def test_every_row_about_a_view_names_figures_of_its_section():
    names = {
        f"{framework}, {protection}, fresh, added"
        for framework, protections in view_costs.PROTECTIONS.items()
        for protection in protections
    }
    named = {row.over for row in ROWS if row.section == "view"}
    named |= {row.under for row in ROWS if row.section == "view" and row.under}
    assert names <= named


def test_all_statuses_of_requests_are_checked(trust):
    requests = contenders.OrderRequests(contenders.application("Flask", "jwt-wsgi", trust))
    requests.prepare(["no-token"])()
    with pytest.raises(RuntimeError, match="each must be 200 OK"):
        requests.check(1)
