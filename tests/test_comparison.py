"""`make compare` and docs/comparison.md: the page agrees with the results, and jwt-wsgi with the cases.

The other libraries run in environments of their own, in `make compare` alone.
"""

from __future__ import annotations

import json
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.comparison import __main__ as program
from benchmarks.comparison import (
    cases,
    environments,
    faults,
    features,
    inspection,
    page,
    paths,
    proofs,
    refusals,
    scores,
    speed,
    strictness,
    tokens,
    verdicts,
)
from benchmarks.comparison.adapters import base
from benchmarks.comparison.channel import Channel
from benchmarks.comparison.key_server import JWKS, KeyServer
from benchmarks.comparison.peers import JOBS, OWN, PEERS

RESULTS = json.loads(program.RESULTS.read_text(encoding="utf-8"))
LIBRARIES = RESULTS["libraries"]


@pytest.fixture(scope="module")
def keys():
    return tokens.Keyring()


@pytest.fixture(scope="module")
def server():
    with KeyServer(tokens.ISSUER) as running:
        yield running


@pytest.fixture(scope="module")
def table(keys, server):
    return cases.table(keys, server.url("/elsewhere"))


@pytest.fixture
def start(tmp_path):
    return lambda: Channel(sys.executable, PEERS[OWN].adapter, tmp_path / "log")


@pytest.fixture
def prepared(start, keys, server):
    with ExitStack() as stack:

        def prepare(profile="RS256", nonce_secret=""):
            channel = stack.enter_context(start())
            server.reset(keys.jwk(profile))
            answer = channel.tell(
                "prepare", profile=keys.profile(profile, server.url(), nonce_secret)
            )
            assert answer == {"offered": True, "frameworks": ["WSGI", "Flask", "Django"]}
            return channel

        yield prepare


# --- the page and the results


def test_the_page_is_what_the_results_say():
    assert program.PAGE.read_text(encoding="utf-8") == page.render(RESULTS)


def test_the_page_says_that_it_is_written_by_make_compare():
    first = program.PAGE.read_text(encoding="utf-8").splitlines()[0]
    assert "make compare" in first


@pytest.mark.parametrize("name", PEERS)
def test_each_library_has_results_at_its_pinned_version(name):
    version = LIBRARIES[name]["inspection"]["version"]
    # A release sets the version of jwt-wsgi; until the next comparison, the page names the last one.
    if name != OWN:
        assert version == environments.pins(name)[name]


@pytest.mark.parametrize("name", PEERS)
def test_each_library_has_an_answer_for_each_of_its_jobs(name):
    library = LIBRARIES[name]
    observed = {job for job in JOBS if job in library}
    assert observed == set(PEERS[name].jobs) - {"policy"}
    assert set(library["features"]) == set(features.FEATURES)
    assert ("speed" in library) == ("tokens" in PEERS[name].jobs)
    assert PEERS[name].title in program.PAGE.read_text(encoding="utf-8")


def test_each_library_is_pinned_and_has_a_module_of_its_own():
    assert environments.missing() == []
    assert set(environments.REQUIREMENTS.glob("*.txt")) == {
        environments.REQUIREMENTS / f"{name}.txt" for name in PEERS
    }
    adapters = {path.stem for path in Path(base.__file__).parent.glob("*.py")}
    assert adapters >= {peer.adapter for peer in PEERS.values()}


def test_all_environments_have_the_same_cryptography():
    versions = {environments.pins(name)["cryptography"] for name in PEERS}
    assert len(versions) == 1


def test_the_results_are_those_of_the_present_cases(table, keys):
    expected = [(case.theme, case.title, case.right, case.source) for case in table]
    kept = [(c["theme"], c["title"], c["right"], c["source"]) for c in RESULTS["cases"]]
    assert kept == expected
    assert [case["title"] for case in RESULTS["proof cases"]] == [
        case.title for case in proofs.cases(keys)
    ]
    for name, library in LIBRARIES.items():
        if "tokens" in PEERS[name].jobs:
            assert set(library["tokens"]) == {case.title for case in table}


def test_the_recorded_answers_of_jwt_wsgi_are_right():
    assert scores.deviations(RESULTS, OWN) == []


def test_every_case_has_a_title_of_its_own(table):
    assert [title for title, n in Counter(case.title for case in table).items() if n > 1] == []


# --- jwt-wsgi, in the environment of the tests


def test_jwt_wsgi_answers_every_token_rightly(start, table, keys, server):
    strays = server.strays
    given = strictness.answers(start, table, keys, server, reads_jwk=True)
    results = {**RESULTS, "libraries": {OWN: {"tokens": given}}}
    assert scores.deviations(results, OWN) == []
    assert server.strays == strays, "nothing is fetched from the URL of a token"


def test_jwt_wsgi_passes_every_check_of_proofs(prepared, keys):
    outcomes = proofs.observe(prepared(), keys)
    right = {case.title: "passed" if case.passes else "refused" for case in proofs.cases(keys)}
    assert outcomes == right


def test_jwt_wsgi_demands_nonces(prepared, keys):
    assert proofs.observe_nonces(prepared(nonce_secret=proofs.NONCE_SECRET), keys) == "yes"


@pytest.mark.parametrize("framework", ["WSGI", "Flask"])
def test_jwt_wsgi_refuses_with_the_right_challenge(prepared, framework, keys, table):
    seen = refusals.observe(prepared(), framework, keys, table)
    assert seen["failures"] == []
    assert seen["leaks"] == {"answer": False, "log": False}
    judged = [value for value in seen.values() if isinstance(value, dict) and "missing" in value]
    assert [verdict["missing"] for verdict in judged] == [""] * 6


@pytest.mark.parametrize("framework", ["WSGI", "Flask"])
def test_no_spelling_reaches_a_handler_behind_jwt_wsgi(prepared, framework):
    seen = paths.observe(prepared(), framework)
    assert seen["reached"] == []
    assert not seen["forgotten"]


@pytest.mark.slow
def test_jwt_wsgi_keeps_its_keys_under_faults(start, keys, server):
    seen = faults.Scenarios(start, keys, server).run()
    assert seen["rotation"]["accepted after"] == 0
    assert seen["outage"]["held for"] >= 4 * 3600
    assert seen["outage"]["then"] == "unavailable"
    assert seen["first"]["outcome"] == "unavailable"
    assert not seen["slow"]["waits"]
    assert seen["garbage"]["outcomes"] == ["accepted", "accepted"]
    assert seen["flood"]["fetches"] <= 2


@pytest.mark.slow
def test_speed_is_measured_round_by_round(start, keys, server):
    figures = speed.measure({"one": start, "two": start}, keys, server, rounds=2)
    assert set(figures) == {"one", "two"}
    for costs in figures.values():
        assert {title: len(rounds) for title, rounds in costs.items()} == {
            "bare": 2,
            "fresh": 2,
            "seen": 2,
        }
        assert min(scores.ratios({"speed": costs}, "fresh")) > min(
            scores.ratios({"speed": costs}, "seen")
        )


def test_the_installed_package_is_described(prepared):
    answer = prepared().tell(
        "inspect",
        distribution=OWN,
        extra="",
        names=["jwt_wsgi:Policy", "jwt_wsgi:Nothing", "no_such_module:x"],
        words={"rules": r"class Policy\b", "nothing": "there is no such " + "text"},
    )
    assert answer["typed"]
    assert answer["licence"] == "Apache-2.0"
    assert answer["names"] == ["jwt_wsgi:Policy"]
    assert answer["words"] == ["rules"]
    assert answer["distributions"] >= 4
    assert answer["megabytes"] > 1


# --- the parts


class OwnError(Exception):
    pass


class NoKeysError(OwnError):
    pass


class Stub(base.Adapter):
    own_errors = (OwnError,)
    no_keys = (NoKeysError,)

    def verify(self, token, scope=None):
        outcomes = {"bad": OwnError(), "down": NoKeysError(), "odd": TypeError()}
        if token in outcomes:
            raise outcomes[token]


@pytest.fixture
def worker(monkeypatch):
    from benchmarks.comparison.worker import Worker

    one = Worker.__new__(Worker)
    one._base = base
    one._adapter = Stub()
    return one


@pytest.mark.parametrize(
    ("token", "outcome"),
    [
        ("good", {"outcome": "accepted"}),
        ("bad", {"outcome": "refused", "error": "OwnError"}),
        ("down", {"outcome": "unavailable", "error": "NoKeysError"}),
        ("odd", {"outcome": "crashed", "error": "TypeError"}),
    ],
)
def test_an_outcome_tells_refusals_from_other_errors(worker, token, outcome):
    answer = worker.verify(token)
    assert answer.pop("seconds") >= 0
    assert answer == outcome


def test_a_library_that_verifies_no_tokens_does_not_offer_it(worker):
    worker._adapter = base.Adapter()
    assert worker.verify("x")["outcome"] == "not offered"


@pytest.mark.parametrize(
    ("right", "outcome", "is_right"),
    [
        ("accept", "accepted", True),
        ("accept", "refused", False),
        ("accept", "crashed", False),
        ("refuse", "refused", True),
        ("refuse", "unavailable", True),
        ("refuse", "accepted", False),
        ("refuse", "crashed", False),
        ("open", "accepted", True),
        ("open", "refused", True),
        ("open", "crashed", False),
    ],
)
def test_an_answer_is_right_as_the_specification_says(right, outcome, is_right):
    assert scores.is_right({"right": right}, {"outcome": outcome}) is is_right


def _results(**outcomes):
    rights = {"good": "accept", "wrong": "refuse", "free": "open"}
    return {
        "cases": [
            {"theme": "kind of token" if title == "wrong" else "form", "title": title,
             "right": right, "source": "RFC 1"}
            for title, right in rights.items()
        ],
        "proof cases": [{"title": "a proof", "source": "§1", "passes": False}],
        "libraries": {
            name: {"tokens": {title: {"outcome": outcome, "error": "E"}
                              for title, outcome in zip(rights, row, strict=True)}}
            for name, row in outcomes.items()
        },
    }  # fmt: skip


def test_wrong_answers_are_counted_by_their_kind():
    results = _results(authlib=("refused", "accepted", "crashed"))
    assert scores.count(results, "authlib") == (2, 1, 1, 1)
    assert scores.deviations(results, "authlib") == ["good", "wrong", "free"]


def test_what_is_left_to_the_caller_or_not_offered_is_not_counted():
    results = _results(pyjwt=("not offered", "accepted", "accepted"))
    assert scores.count(results, "pyjwt") == (0, 0, 0, 0)
    assert scores.deviations(results, "pyjwt") == []


def test_a_proof_that_passes_wrongly_is_a_deviation():
    results = _results(authlib=("accepted", "refused", "refused"))
    results["libraries"]["authlib"]["proofs"] = {"outcomes": {"a proof": "passed"}}
    assert scores.deviations(results, "authlib") == ["a proof"]


def test_a_case_on_which_answers_differ_names_who_answers_otherwise():
    results = _results(
        authlib=("refused", "refused", "accepted"), joserfc=("accepted", "refused", "refused")
    )
    assert list(verdicts.disagreements(results)) == [("good", "accept (RFC 1)", "refused: Authlib")]
    assert list(verdicts.open_cases(results)) == [("free", "RFC 1", "Authlib", "joserfc")]


BEARER = ("www-authenticate", 'Bearer realm="api"')
INVALID = ("www-authenticate", 'Bearer error="invalid_token"')


@pytest.mark.parametrize(
    ("status", "headers", "expected", "missing"),
    [
        (401, [BEARER], (401, None), ""),
        (401, [INVALID], (401, "invalid_token"), ""),
        (401, [INVALID], (401, None), "with an error"),
        (401, [BEARER], (401, "invalid_token"), "no error code"),
        (401, [], (401, None), "no challenge"),
        (422, [], (401, None), "401 is right"),
        (200, [], (403, "insufficient_scope"), "403 is right"),
    ],
)
def test_an_answer_is_judged_by_rfc_6750(status, headers, expected, missing):
    judged = refusals.judge({"status": status, "headers": headers}, *expected)
    assert judged == {"status": status, "missing": missing}


@pytest.mark.parametrize(
    ("mark", "names", "words"),
    [("yes", ["jwt_wsgi:DPoP"], ["proofs"]), ("no", [], ["proofs"])],
    ids=["its object exists", "its object does not exist"],
)
def test_a_feature_is_offered_if_its_object_exists(mark, names, words):
    assert features.cells(OWN, {"names": names, "words": words})["proofs"]["mark"] == mark


def test_files_that_contradict_the_table_of_features_end_the_run():
    with pytest.raises(ValueError, match=r"mcp.*proofs"):
        features.cells("mcp", {"names": [], "words": ["proofs"]})


def test_a_feature_outside_the_job_of_a_library_is_no_failure():
    assert features.cells("pyjwt", {"names": [], "words": []})["proofs"]["mark"] == "not its job"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "not at all"), (0, "0 s"), (31, "31 s"), (290, "5 min"), (14400, "4 h")],
)
def test_durations_are_written_in_their_unit(seconds, text):
    assert verdicts.duration(seconds) == text


@pytest.mark.parametrize(
    ("mode", "status", "body"),
    [
        ("fine", 200, b'{"keys": [{"kid": "a"}]}'),
        ("down", 503, b'{"keys": [{"kid": "a"}]}'),
        ("empty", 200, b'{"keys": []}'),
        ("garbage", 200, b"<!doctype html><title>Maintenance</title>"),
    ],
)
def test_the_key_server_fails_on_command_and_counts(server, mode, status, body):
    server.reset({"kid": "a"})
    server.mode = mode
    try:
        with urllib.request.urlopen(server.url()) as reply:
            answer = (reply.status, reply.read())
    except urllib.error.HTTPError as error:
        with error:
            answer = (error.code, error.read())
    assert answer == (status, body)
    assert server.requests == {JWKS: 1}


def test_the_clock_of_a_worker_moves_without_waiting(prepared, keys):
    channel = prepared()
    token = tokens.good(keys.keys["RS256"], exp=int(time.time()) + 1800)
    assert channel.tell("verify", token=token)["outcome"] == "accepted"
    channel.tell("advance", seconds=3600)
    assert channel.tell("verify", token=token)["outcome"] == "refused"


def test_headers_that_stand_twice_are_joined_by_a_comma():
    environ = base.environ_of({"path": "/a%20b?c=d", "headers": [("DPoP", "1"), ("dpop", "2")]})
    assert environ["HTTP_DPOP"] == "1,2"
    assert environ["PATH_INFO"] == "/a b"
    assert environ["QUERY_STRING"] == "c=d"


def test_an_application_that_raises_is_a_status_500():
    def app(environ, start_response):
        raise LookupError

    assert base.call(app, {"path": "/"}) == (500, (), "LookupError")


def test_a_size_counts_what_pip_would_install():
    names = inspection._closure("pyjwt", "crypto")
    assert "cryptography" in names
    assert "cryptography" not in inspection._closure("pyjwt", "")


def test_a_library_that_is_unknown_is_a_wrong_argument(capsys):
    with pytest.raises(SystemExit, match="2"):
        program.main(["--only", "nothing"])
    assert "nothing" in capsys.readouterr().err


def test_the_page_alone_is_written_without_comparing(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program, "PAGE", tmp_path / "page.md")
    assert program.main(["--page"]) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == page.render(RESULTS)
    assert f"{PEERS[OWN].title} " in capsys.readouterr().out


def test_a_wrong_answer_of_jwt_wsgi_ends_with_status_1(tmp_path, monkeypatch, capsys):
    wrong = json.loads(json.dumps(RESULTS))
    wrong["libraries"][OWN]["tokens"]["expired"] = {"outcome": "accepted"}
    monkeypatch.setattr(program, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(program, "PAGE", tmp_path / "page.md")
    program.RESULTS.write_text(json.dumps(wrong), encoding="utf-8")
    assert program.main(["--page"]) == 1
    assert "expired" in capsys.readouterr().err


class OpenChannel:
    """A library that protects nothing: every request reaches its handler."""

    def __init__(self, **answer):
        self.answer = {"status": 200, "headers": [], "body": base.PRIVATE, **answer}

    def tell(self, order, **arguments):
        return {"offered": True, "leaks": False, "logs": False, **self.answer}


def test_requests_that_reach_a_handler_are_listed_by_method_and_spelling():
    seen = paths.observe(OpenChannel(), "Flask")
    assert len(seen["reached"]) == seen["requests"] == len(paths.SPELLINGS) * len(paths.METHODS)
    assert "HEAD /api/private" in seen["reached"]


def test_a_route_that_nobody_protects_is_found_open():
    assert paths.observe(OpenChannel(body=base.FORGOTTEN), "Flask")["forgotten"]


def test_a_library_that_does_not_accept_the_good_token_ends_the_run(keys, table):
    with pytest.raises(RuntimeError, match="good token"):
        refusals.observe(OpenChannel(status=500), "Flask", keys, table)


def test_a_library_that_leaks_tokens_is_found(keys, table):
    seen = refusals.observe(OpenChannel(leaks=True, logs=True), "Flask", keys, table)
    assert seen["leaks"] == {"answer": True, "log": True}
    assert seen["no token"] == {"status": 200, "missing": "401 is right"}


def _changed(name, path, value):
    results = json.loads(json.dumps(RESULTS))
    part = results["libraries"][name]
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    return results


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("features", "step_up", "mark"), "yes"),
        (("inspection", "distributions"), 1),
        (("inspection", "python"), ">=3.1"),
        (("keys", "flood", "fetches"), -1),
        (("keys", "first", "recovers"), -1),
        (("speed", "fresh"), [1.0] * len(LIBRARIES["pyjwt"]["speed"]["bare"])),
        (("speed", "seen"), [1.0] * len(LIBRARIES["pyjwt"]["speed"]["bare"])),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_where_another_library_does_more_the_page_says_so(path, value):
    results = _changed("pyjwt", path, value)
    if path[0] == "features":
        results["libraries"][OWN]["features"]["step_up"]["mark"] = "no"
    lines = verdicts.better_elsewhere(results).splitlines()
    new = set(lines) - set(verdicts.better_elsewhere(RESULTS).splitlines())
    assert any("PyJWT" in line for line in new)


def test_each_feature_is_in_one_table():
    assert Counter(name for names in features.TABLES for name in names) == Counter(
        list(features.FEATURES)
    )
