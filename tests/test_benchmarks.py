"""The benchmark: its arithmetic, its page and a tiny run. No test asserts a duration."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import Clock
from cryptography.exceptions import InvalidSignature
from ports import listens
from serving import served

from benchmarks import __main__ as program
from benchmarks import (
    client,
    clients,
    concurrency,
    fast_jwt,
    figures,
    goals,
    headline,
    importing,
    loads,
    memory,
    minting,
    peers,
    pinned,
    plots,
    results,
    sections,
    servers,
    stack,
    stack_costs,
    worker,
)
from benchmarks.goals import LEAST_ROUNDS, Row, verdict
from benchmarks.measuring import (
    Contender,
    Deadline,
    Figure,
    FigureCollector,
    Spread,
    added_costs,
    alternate,
    rotated,
    spread,
)
from benchmarks.results import Section
from benchmarks.rows import ROWS
from benchmarks.scale import FULL, QUICK
from jwt_wsgi.jose import encoding

CHECKOUT = Path(__file__).resolve().parent.parent
KEPT = json.loads((CHECKOUT / "benchmarks" / "results.json").read_text())


# --- the arithmetic


@pytest.mark.parametrize(
    ("figure", "over", "expected"),
    [
        pytest.param([3, 1, 2], None, Spread(2, 1, 3, 3), id="by itself"),
        pytest.param([4, 1], None, Spread(2.5, 1, 4, 2), id="an even number of rounds"),
        pytest.param([10, 20, 90], [10, 10, 30], Spread(2, 1, 3, 3), id="round by round"),
        # The medians alone would say 2 over 4.
        pytest.param(
            [1, 2, 8], [4, 8, 2], Spread(0.25, 0.25, 4, 3), id="not the ratio of the medians"
        ),
    ],
)
def test_a_figure_is_the_median_of_its_rounds_with_the_spread(figure, over, expected):
    assert spread(Figure("µs", figure), None if over is None else Figure("µs", over)) == expected


@pytest.mark.parametrize(
    ("figure", "over"),
    [pytest.param([], None, id="no round"), pytest.param([1, 2], [1], id="not measured together")],
)
def test_figures_of_different_rounds_are_an_error(figure, over):
    with pytest.raises(ValueError, match=r"round|shorter"):
        spread(Figure("µs", figure), None if over is None else Figure("µs", over))


class Spending:
    """A contender with a given cost for each batch, in nanoseconds per token."""

    def __init__(
        self, clock: Clock, name: str, costs: list[int], log: list[tuple[str, tuple[str, ...]]]
    ) -> None:
        self.clock, self.name, self.costs, self.log = clock, name, costs, log
        self.checked: list[int] = []

    def prepare(self, tokens):
        self.clock.advance(10**9)  # making ready is not part of it
        cost = self.costs.pop(0)

        def run():
            self.log.append((self.name, tuple(tokens)))
            self.clock.advance(cost * len(tokens))

        return run

    def contend(self, tokens):
        return Contender(self.prepare, tokens, self.checked.append)


def test_batches_take_turns_and_the_first_one_warms_up():
    clock, log = Clock(0), []
    one = Spending(clock, "one", [900, 3, 1, 5], log)
    two = Spending(clock, "two", [900, 10, 30, 20], log)
    contenders = {"one": one.contend(list("abcdefgh")), "two": two.contend(list("ABCDEFGH"))}
    assert alternate(contenders, batches=3, turn=1, clock=clock) == {"one": 3, "two": 20}
    assert [name for name, _ in log] == ["two", "one", "one", "two", "two", "one", "one", "two"]
    used = Counter(token for _, tokens in log for token in tokens)
    assert used == Counter("abcdefghABCDEFGH")
    assert one.checked == two.checked == [2, 2, 2, 2]


def test_added_costs_are_compared_batch_by_batch():
    # The medians alone would say 20 less 10.
    costs = {"view": [10, 10, 100], "protected": [13, 20, 104], "other": [1, 1, 1]}
    assert added_costs(costs, {"protected": "view"}) == {"protected": 4}


def test_fewer_tokens_than_batches_are_an_error():
    contender = Spending(Clock(0), "one", [1], []).contend(["a"])
    with pytest.raises(ValueError, match="1 tokens are too few for 3 batches"):
        alternate({"one": contender}, batches=2, clock=Clock(0))


def test_the_first_item_rotates_with_each_turn():
    assert [rotated("abc", turn) for turn in (0, 1, 2, 3)] == [
        list("abc"),
        list("bca"),
        list("cab"),
        list("abc"),
    ]


def test_no_round_begins_after_the_deadline():
    clock = Clock(0)
    deadline = Deadline(10, clock)
    begun = []
    for each in deadline.rounds(5):
        begun.append(each)
        clock.advance(4)
    assert begun == [0, 1, 2]
    assert deadline.passed


def test_rounds_are_collected_by_name():
    collector = FigureCollector()
    collector.add("µs", {"one": 1.0, "two": 2.0})
    collector.add("µs", {"one": 3.0})
    assert collector.figures == {"one": Figure("µs", [1.0, 3.0]), "two": Figure("µs", [2.0])}


# --- the goals


MOST, LEAST = Row("s", "w", "a", at_most=1.5), Row("s", "w", "a", at_least=0.9)


@pytest.mark.parametrize(
    ("row", "median", "rounds", "expected"),
    [
        pytest.param(MOST, 1.5, 7, "met", id="at most, and exactly so much"),
        pytest.param(MOST, 1.501, 7, "missed", id="above"),
        pytest.param(LEAST, 0.9, 7, "met", id="at least, and exactly so much"),
        pytest.param(LEAST, 0.899, 7, "missed", id="below"),
        pytest.param(MOST, 1.0, 6, "too few rounds", id="six rounds"),
        pytest.param(
            Row("s", "w", "a", at_most=1, once=True),
            1.0,
            1,
            "met",
            id="measured once by its nature",
        ),
        pytest.param(Row("s", "w", "a"), 99, 1, "no goal", id="no goal"),
    ],
)
def test_a_goal_is_compared_with_the_median(row, median, rounds, expected):
    assert verdict(row, Spread(median, 0.0, 100.0, rounds)) == expected


def test_a_row_without_figures_is_not_missed():
    assert goals.measured(MOST, {}) is None
    assert goals.measured(Row("s", "w", "a", "b"), {"a": Figure("µs", [1])}) is None
    assert verdict(MOST, None) == "not measured"


def section(absent=(), **rounds):
    place = {
        "taken": "2026-01-01",
        "python": "CPython 3",
        "openssl": "3",
        "cores": 2,
        "processor": "P",
    }
    place |= {"system": "Linux", "load before": 0.1, "versions": {"jwt-wsgi": "1"}}
    return Section(
        place, {name: Figure("µs", values) for name, values in rounds.items()}, dict(absent)
    )


def stacked(bare, fresh):
    named = {"RS256, bare verify": [bare] * 7, "RS256, fresh": [fresh] * 7}
    return {"stack": section(**named, absent={"PyJWT, fresh": "PyJWT is not installed"})}


def test_the_table_shows_verdicts_and_reasons_for_absent_figures():
    lines = {line[0]: line[1:] for line in figures.table(stacked(20, 34), 7)}
    assert lines["fresh token over bare verify: RS256"] == (
        "≤ 1.65",
        "1.70",
        "1.70 to 1.70",
        "missed",
    )
    assert lines["PyJWT over bare verify: RS256"] == (
        "–",
        "n/a",
        "",
        "not measured: PyJWT is not installed",
    )
    assert "1,000 keys over 1" not in lines
    assert figures.failed(stacked(20, 34), 7) == ["fresh token over bare verify: RS256"]
    assert figures.failed(stacked(20, 30), 7) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.04567, "0.046"), (1.005, "1.00"), (27.5, "27.50"), (4712.3, "4,710"), (150.0, "150")],
)
def test_numbers_have_about_three_significant_digits(value, text):
    assert figures.number(value) == text


# --- saved results


def test_results_survive_writing_and_reading(tmp_path):
    kept = stacked(17.54, 31.25)
    results.write(tmp_path / "results.json", kept)
    assert results.read(tmp_path / "results.json") == kept
    assert results.read(tmp_path / "none.json") == {}


def test_an_environment_does_not_identify_the_machine():
    text = json.dumps(results.environment("wrk"))
    assert results.versions()["jwt-wsgi"] in text
    assert socket.gethostname() not in text
    assert "/" not in re.sub(r"\d+/\d+", "", text)


def test_the_processor_is_named_as_linux_names_it(tmp_path):
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: Some CPU\n")
    assert results.processor(tmp_path / "cpuinfo") == "Some CPU"
    assert results.processor(tmp_path / "none")


def test_the_page_matches_the_results():
    page = (CHECKOUT / "docs" / "performance.md").read_text()
    between = page.partition(figures.BEGIN)[2].partition(figures.END)[0].strip()
    kept = results.read(CHECKOUT / "benchmarks" / "results.json")
    assert between == figures.block(kept, goals.LEAST_ROUNDS)


def test_only_the_text_between_the_marks_is_replaced(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{figures.BEGIN}\nold\n{figures.END}\nafter\n")
    figures.put(page, "new")
    figures.put(page, "newer")
    assert page.read_text() == f"before\n{figures.BEGIN}\n\nnewer\n\n{figures.END}\nafter\n"
    page.write_text("no marks")
    with pytest.raises(ValueError, match=r"page\.md lacks the marks"):
        figures.put(page, "new")


def test_the_first_table_of_the_page_matches_the_results():
    page = (CHECKOUT / "docs" / "performance.md").read_text()
    between = page.partition(headline.BEGIN)[2].partition(headline.END)[0].strip()
    assert between == headline.block(results.read(CHECKOUT / "benchmarks" / "results.json"))


def viewed():
    return {
        "view": section(
            **{
                "Flask, bare view": [300, 300, 400],
                "Flask, jwt-wsgi, fresh, added": [60, 90, 100],
                "Django, bare view": [400, 400, 400],
            }
        )
    }


def test_the_first_table_shows_what_is_added_in_microseconds_and_percent():
    lines = headline.block(viewed()).splitlines()
    assert lines[0] == "| added to the view | Flask | Django |"
    assert "| the view alone | 300 µs | 400 µs |" in lines
    # The median of 60/300, 90/300 and 100/400.
    assert "| jwt-wsgi, new token | + 90 µs, 25 % | – |" in lines
    assert "| PyJWT decorator | – | – |" in lines
    assert headline.block({}) == "The views were not measured."


def test_the_plot_of_the_views_has_every_bar_and_is_in_the_page():
    kept = results.read(CHECKOUT / "benchmarks" / "results.json")
    drawing = (CHECKOUT / "docs" / "performance" / f"{headline.NAME}.svg").read_text()
    for framework in headline.FRAMEWORKS:
        assert f"a view of {framework}" in drawing
        for title, name in headline.ADDED.items():
            added = headline.addition(kept["view"].figures, framework, name)
            assert added is not None or (framework, title[:5]) == ("Django", "Flask")
            assert title.replace("'", "&#x27;") in drawing.replace("'", "&#x27;")
            assert str(added or "none") in drawing
    assert "(performance/view.svg)" in (CHECKOUT / "docs" / "performance.md").read_text()


@pytest.mark.parametrize("plot", plots.PLOTS, ids=lambda plot: plot.name)
def test_every_plot_has_points_and_is_in_the_page(plot):
    kept = results.read(CHECKOUT / "benchmarks" / "results.json")
    for pattern in plot.lines.values():
        line = plots.points(plot, kept, pattern)
        assert len(line) >= 2
        assert [x for x, _ in line] == sorted({x for x, _ in line})
    drawing = (CHECKOUT / "docs" / "performance" / f"{plot.name}.svg").read_text()
    assert plot.title in drawing
    assert f"(performance/{plot.name}.svg)" in (CHECKOUT / "docs" / "performance.md").read_text()


def test_every_version_of_a_peer_is_pinned():
    lines = (CHECKOUT / "benchmarks" / "requirements.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert pins
    assert all(re.fullmatch(r"[a-z0-9-]+(\[\w+\])?==[\d.]+(post\d+)?", pin) for pin in pins)


@pytest.mark.parametrize("folder", ["express", "fast-jwt"])
def test_packages_of_node_are_pinned_and_no_registry_is_named(folder):
    place = CHECKOUT / "benchmarks" / folder
    lock = json.loads((place / "package-lock.json").read_text())
    declared = json.loads((place / "package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in declared.values())
    installed = {name: entry for name, entry in lock["packages"].items() if name}
    assert all("integrity" in entry and "resolved" not in entry for entry in installed.values())
    for name, version in declared.items():
        assert installed[f"node_modules/{name}"]["version"] == version


# --- tokens, peers and memory


@pytest.fixture(scope="module")
def issuer():
    return minting.local_issuer()


def statuses(app, tokens):
    requests = stack.Requests(app)
    requests.prepare(tokens)()
    return list(requests.statuses)


def test_tokens_are_distinct_good_and_of_the_usual_size(issuer):
    tokens = minting.mint(issuer, 12)
    assert len(set(tokens)) == 12
    assert all(800 < len(token) < 860 for token in tokens)
    assert statuses(stack.stack(issuer.jwks), tokens) == [stack.ACCEPTED] * 12
    assert (
        len(minting.mint(issuer, 1, padding=300)[0])
        == len(tokens[0]) + 300 * 4 // 3 + len(',"padding":""') + 4
    )


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        pytest.param(minting.malformed, "token_malformed", id="malformed"),
        pytest.param(minting.forged, "signature_invalid", id="forged"),
    ],
)
def test_a_spoilt_token_is_refused_for_the_expected_reason(issuer, spoil, reason):
    (token,) = minting.mint(issuer, 1)
    assert refusal(issuer, spoil(token)) == reason


def test_an_expired_token_is_refused_as_expired(issuer):
    (token,) = minting.mint(issuer, 1, expired=True)
    assert refusal(issuer, token) == "token_expired"


def refusal(issuer, token):
    environ = {**stack.ENVIRON, "HTTP_AUTHORIZATION": f"Bearer {token}"}
    return json.loads(b"".join(stack.stack(issuer.jwks)(environ, lambda *_: None)))["reason"]


@pytest.mark.parametrize(
    ("spaced", "space"), [pytest.param(False, 0, id="compact"), pytest.param(True, 1, id="spaced")]
)
def test_tokens_are_compact_or_have_spaces_in_header_and_payload(issuer, spaced, space):
    (token,) = minting.mint(issuer, 1, spaced=spaced)
    header, payload = (encoding.decode(part).decode() for part in token.split(".")[:2])
    assert (", " in header, ": " in header) == (bool(space), bool(space))
    assert (", " in payload, ": " in payload) == (bool(space), bool(space))
    assert statuses(stack.stack(issuer.jwks), [token]) == [stack.ACCEPTED]


def test_tokens_with_scopes_of_their_own_share_none(issuer):
    one, two = (
        set(json.loads(encoding.decode(token.split(".")[1]))["scope"].split())
        for token in minting.mint(issuer, 2, scopes=5)
    )
    assert one & two == set(minting.SCOPE.split())
    assert len(one - two) == len(two - one) == 5


@pytest.mark.parametrize(
    ("options", "claims"),
    [
        pytest.param(
            {"permission_asked": "op:7"}, {"permissions": ["op:1", "op:2"]}, id="a permission"
        ),
        pytest.param({"predicate": True}, {"azp": "not a client"}, id="a predicate"),
    ],
)
def test_a_stack_that_reads_claims_refuses_others(issuer, options, claims):
    good, bad = (
        minting.mint(issuer, 1, more=each)[0]
        for each in ({"permissions": ["op:1", "op:7"]}, claims)
    )
    accepted, refused = statuses(stack.stack(issuer.jwks, **options), [good, bad])
    assert accepted == stack.ACCEPTED
    assert refused[0] == "4"


def test_an_application_can_read_the_subject(issuer):
    (token,) = minting.mint(issuer, 1)
    environ = {**stack.ENVIRON, "HTTP_AUTHORIZATION": f"Bearer {token}"}
    answer = stack.stack(issuer.jwks, subject=True)(environ, lambda *_: None)
    assert b"".join(answer) == b"auth0|" + b"0" * 24


def test_tokens_use_all_keys_and_all_issuers(issuer):
    (published,) = issuer.jwks["keys"]
    names = [minting.nth(issuer.issuer, number) for number in range(3)]
    spread_out = minting.mint(issuer, 6, issuers=3)
    assert statuses(stack.stack(issuer.jwks, issuers=names), spread_out) == [stack.ACCEPTED] * 6
    assert (
        statuses(stack.stack(issuer.jwks, issuers=names[:2]), spread_out).count(stack.REFUSED) == 2
    )
    jwks = {"keys": [{**published, "kid": minting.nth("kid", number)} for number in range(3)]}
    spread_out = minting.mint(issuer, 6, kids=3)
    assert statuses(stack.stack(jwks), spread_out) == [stack.ACCEPTED] * 6
    assert statuses(stack.stack({"keys": jwks["keys"][:2]}), spread_out).count(stack.REFUSED) == 2


def test_requests_use_the_paths_of_all_rules(issuer):
    rules = [stack.rule_path(number) for number in range(3)]
    app = stack.stack(issuer.jwks, rules=3)
    requests = stack.Requests(app, path_of=lambda number: stack.new_path(number, 3))
    tokens = minting.mint(issuer, 7)
    seen = [requests.environ(token)["PATH_INFO"] for token in tokens]
    assert len(set(seen)) == len(seen)
    assert Counter(path.rpartition("/")[0] for path in seen).keys() == set(rules)
    requests.prepare(tokens)()
    requests.check(len(tokens))


def test_an_unexpected_status_is_an_error(issuer):
    requests = stack.Requests(stack.stack(issuer.jwks))
    requests.prepare(["no-token"])()
    with pytest.raises(
        RuntimeError, match=r"the answers were .'401 Unauthorized'., but each must be 200 OK"
    ):
        requests.check(1)


@pytest.mark.parametrize("algorithm", stack_costs.ALGORITHMS)
def test_the_bare_signature_is_verified(algorithm):
    signer = minting.local_issuer(algorithm)
    (token,) = minting.mint(signer, 1)
    verify = peers.bare(sections.pem(signer), algorithm)
    verify([token])()
    with pytest.raises(InvalidSignature):
        verify([minting.forged(token)])()


#: What each library's own refusals derive from.
REFUSALS = {
    "PyJWT": re.compile(r"jwt\.exceptions\."),
    "joserfc": re.compile(r"joserfc\.errors\."),
    "Authlib": re.compile(r"authlib\.jose\.errors\."),
    "python-jose": re.compile(r"jose\.exceptions\."),
    "jwcrypto": re.compile(r"jwcrypto\."),
    "oxyjwt": re.compile(r"_oxyjwt\.InvalidTokenError"),
    "jwtoxide": re.compile(r"_internal\.InvalidTokenError"),
    "webtoken": re.compile(r"webtoken\.InvalidTokenError"),
}


@pytest.mark.parametrize("name", [name for name in peers.LIBRARIES if name not in peers.absent()])
@pytest.mark.filterwarnings("ignore:authlib.jose module is deprecated")
def test_a_library_agrees_with_the_stack(issuer, name):
    decode = peers.LIBRARIES[name].make_decoder(sections.pem(issuer))
    (token,) = minting.mint(issuer, 1)
    assert peers.subject(decode(token)) == "auth0|" + "0" * 24
    foreign = minting.mint(issuer, 1, issuers=1)[0]
    for bad in (minting.forged(token), minting.mint(issuer, 1, expired=True)[0], foreign):
        with pytest.raises(Exception, match=r".") as caught:
            decode(bad)
        assert REFUSALS[name].search(f"{type(caught.value).__mro__}")


@pytest.mark.skipif(fast_jwt.missing() is not None, reason=str(fast_jwt.missing()))
def test_fast_jwt_agrees_with_the_stack(issuer):
    key = sections.pem(issuer)
    [token] = minting.mint(issuer, 1)
    assert fast_jwt.subject(key, token) == "auth0|" + "0" * 24
    expired = minting.mint(issuer, 1, expired=True)[0]
    foreign = minting.mint(issuer, 1, issuers=1)[0]
    for bad in (minting.forged(token), expired, foreign):
        with pytest.raises(RuntimeError, match=r"fast-jwt failed: .*FAST_JWT_"):
            fast_jwt.subject(key, bad)


def test_the_memory_of_a_token_is_measured(issuer):
    kept: list[bytes] = []

    def remembering(environ, start_response):
        kept.append(environ["HTTP_AUTHORIZATION"].encode())
        return stack.trivial(environ, start_response)

    def left_by(app):
        job = {"jwks": issuer.jwks, "warm": [], "tokens": tokens}
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(stack, "stack", lambda *_, **__: app)
            patched.setattr(worker.tracemalloc, "start", start)
            return worker.token_memory(job)["token"]

    import tracemalloc

    start = tracemalloc.start
    tokens = minting.mint(issuer, 100)
    try:
        assert left_by(remembering) > len(tokens[0])
        assert left_by(stack.trivial) < memory.NO_CACHE
    finally:
        tracemalloc.stop()


def test_the_cache_size_is_read_from_the_verifier(monkeypatch):
    class Remembering:
        def __init__(self, issuers, *, max_token_bytes=8192, memory_bytes=1024): ...

    class Forgetful:
        def __init__(self, issuers, *, max_token_bytes=8192): ...

    monkeypatch.setattr(memory, "Verifier", Remembering)
    assert memory.configured() == 1024
    monkeypatch.setattr(memory, "Verifier", Forgetful)
    assert memory.configured() is None


def test_growth_is_measured_with_streamed_tokens():
    signer = minting.local_issuer("EdDSA")
    process = worker.start(
        "growth", jwks=signer.jwks, algorithm="EdDSA", warm=minting.mint(signer, 2)
    )
    worker.feed(process, minting.mint(signer, 20))
    assert worker.finish(process)["grown"] >= 0


def test_a_failed_worker_reports_the_reason():
    contender = {"kind": "stack", "tokens": ["no-token"] * 2, "jwks": minting.local_issuer().jwks}
    with pytest.raises(
        RuntimeError,
        match=r"a worker failed: .*RuntimeError: the answers were .'401 Unauthorized'.",
    ):
        worker.run("costs", contenders={"one": contender}, batches=1, turn=0)


@pytest.mark.parametrize(
    ("python", "reason"),
    [
        pytest.param(None, "no free-threaded Python is named by PYTHON_FREE_THREADED", id="none"),
        pytest.param("", "no free-threaded Python is named by PYTHON_FREE_THREADED", id="empty"),
        pytest.param("false", "an interpreter lock", id="it has a lock"),
        pytest.param(sys.executable, "an error: AttributeError", id="it is too old to tell"),
    ],
)
def test_another_python_than_a_free_threaded_one_is_not_measured(python, reason):
    if python == sys.executable and sys.version_info >= (3, 13):
        reason = "an interpreter lock"
    assert reason in concurrency.missing_free_threaded(python)


def test_a_python_that_says_it_has_no_lock_is_measured(monkeypatch, tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$3" in -c) ;; *) exec {sys.executable} "$@";; esac\n')
    python.chmod(0o755)
    monkeypatch.setenv(concurrency.FREE_THREADED, str(python))
    found = concurrency.free_threaded(QUICK, Deadline(100))
    assert found.absent == {}
    assert "free-threaded, stack, 8 threads" in found.figures


def test_the_dependencies_are_those_that_the_package_imports():
    modules = importing.imported_dependencies()
    assert {"josepy.jwk", "cryptography.hazmat.primitives.hashes", "urllib3"} <= set(modules)
    assert {name.partition(".")[0] for name in modules} == set(importing.DEPENDENCIES)


# --- servers and clients


@pytest.fixture(scope="module")
def answering(issuer):
    """Serve the stack with waitress in a thread, and yield the port."""
    with served(stack.stack(issuer.jwks)) as port:
        yield port


def test_the_client_counts_answers_and_refusals(issuer, answering):
    good = minting.mint(issuer, 1)
    found = client.load(answering, "/api/private-scoped", good, seconds=0.3, connections=4)
    assert found["answers"] > 0
    assert found["refused"] == 0
    found = client.load(answering, "/api/private-scoped", ["bad"], seconds=0.3, connections=2)
    assert found["refused"] == found["answers"] > 0


def test_a_client_posts_the_body_that_it_is_given():
    text = client.request(80, "/orders", "t.o.k", '{"ä": 1}').decode()
    head, _, body = text.partition("\r\n\r\n")
    assert head.startswith("POST /orders HTTP/1.1\r\n")
    assert "Content-Type: application/json\r\nContent-Length: 9" in head
    assert body == '{"ä": 1}'
    assert client.request(80, "/", "t.o.k").endswith(b"\r\n\r\n")


class Pieces:
    """A socket that delivers given bytes piece by piece."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = list(pieces)

    def recv(self, _):
        return self.pieces.pop(0)


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 2\r\n\r\no", b"k"],
            [None, None, 200],
            id="a length",
        ),
        pytest.param(
            [b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", b"0\r\n\r\n"],
            [None, 401],
            id="chunks",
        ),
        pytest.param([b"HTTP/1.1 204 None\r\n\r\n"], [204], id="no body"),
    ],
)
def test_only_a_complete_answer_counts(pieces, expected):
    connection = client.Connection.__new__(client.Connection)
    connection.socket, connection._received = Pieces(*pieces, b""), b""
    assert [connection.receive() for _ in pieces] == expected
    with pytest.raises(ConnectionError, match="the server closed the connection"):
        connection.receive()


@pytest.mark.parametrize(
    ("found", "complaint"),
    [
        pytest.param(
            {"answers": 9, "seconds": 1, "refused": 1, "failed": 0}, "1 refused", id="a refusal"
        ),
        pytest.param(
            {"answers": 9, "seconds": 1, "refused": 0, "failed": 2}, "2 failed", id="a failure"
        ),
        pytest.param(
            {"answers": 0, "seconds": 1, "refused": 0, "failed": 0}, "0 refused", id="no answer"
        ),
        pytest.param(
            {"answers": 7, "seconds": 1, "refused": 0, "failed": 0}, "too few", id="tokens ran out"
        ),
    ],
)
def test_a_load_with_refusals_or_failures_is_an_error(monkeypatch, found, complaint):
    load = clients.Load(0.1, None)
    monkeypatch.setattr(clients.Load, "_with_own_client", lambda *_: found)
    with pytest.raises(RuntimeError, match=complaint):
        load.pace(1, "/", ["token"] * 10, distinct=True)


def test_a_load_returns_answers_per_second(monkeypatch):
    monkeypatch.setattr(
        clients.Load,
        "_with_own_client",
        lambda *_: {"answers": 6, "seconds": 3, "refused": 0, "failed": 0},
    )
    assert clients.Load(0.1, None).pace(1, "/", ["token"] * 10, distinct=True) == 2


def test_a_warm_up_is_short_and_an_error_if_the_server_refuses(monkeypatch):
    counts = {"answers": 6, "seconds": 1, "refused": 0, "failed": 0}
    seconds = []

    def run(load, *_):
        seconds.append(load._seconds)
        return counts

    monkeypatch.setattr(clients.Load, "_with_own_client", run)
    monkeypatch.setattr(clients, "name", lambda _: "the benchmark's own client")
    clients.Load(2, None).warm_up(1, "/", "token")
    clients.Load(0.1, None).warm_up(1, "/", "token")
    assert seconds == [1, 0.1]
    counts["refused"] = 1
    with pytest.raises(RuntimeError, match="1 refused"):
        clients.Load(2, None).warm_up(1, "/", "token")


def test_a_failed_round_is_discarded_and_retried_once(capsys):
    outcomes = [RuntimeError("no answer"), {"one": 1.0}]

    def measure():
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    assert loads.with_one_retry(measure) == {"one": 1.0}
    assert "retry after: no answer" in capsys.readouterr().err
    outcomes += [RuntimeError("no answer"), RuntimeError("still none")]
    with pytest.raises(RuntimeError, match="still none"):
        loads.with_one_retry(measure)


def test_eight_threads_are_compared_with_one_relative_to_the_unprotected_route():
    paces = {
        f"waitress with threads={threads}, {load}": pace
        for (threads, load), pace in {
            (1, "protected, distinct tokens"): 100.0,
            (8, "protected, distinct tokens"): 60.0,
            (1, "unprotected, the same headers"): 200.0,
            (8, "unprotected, the same headers"): 150.0,
        }.items()
    }
    assert loads.eight_over_one(paces) == pytest.approx(0.8)


def test_a_server_ends_after_an_exception():
    ports: list[int] = []

    def fail_while_it_runs():
        with (
            loads.published() as (_, environment),
            servers.running("waitress", environment, None) as port,
        ):
            ports.append(port)
            assert listens(port)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_while_it_runs()
    assert not listens(*ports)


def test_a_server_that_does_not_start_reports_the_reason():
    environment = {"ISSUER_BASE_URL": "", "AUTH0_DOMAIN": "", "AUDIENCE": "", "API_IDENTIFIER": ""}
    complaint = r"waitress does not answer: .*set ISSUER_BASE_URL"
    with (
        pytest.raises(RuntimeError, match=complaint),
        servers.running("waitress", environment, None),
    ):
        raise AssertionError


def test_a_pinned_process_has_one_core():
    cores = pinned.cores()
    reading = "import os; print(sorted(os.sched_getaffinity(0)))"
    for core, expected in ((cores[-1], [cores[-1]]), (None, cores)):
        command = pinned.command(core, sys.executable, "-c", reading)
        ended = subprocess.run(
            command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=True
        )
        assert json.loads(ended.stdout) == expected


# --- the command


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    """Run one tiny round of everything that is installed."""
    path = tmp_path_factory.mktemp("quick") / "results.json"
    command = [sys.executable, "-m", "benchmarks", "--quick", "--results", str(path)]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    ended = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert ended.returncode in (0, 1), ended.stderr
    return ended, results.read(path)


@pytest.mark.slow
def test_the_run_measures_every_figure_or_gives_a_reason(quick):
    ended, found = quick
    assert list(found) == list(program.SECTIONS)
    assert all(
        len(figure.rounds) >= QUICK.rounds
        for each in found.values()
        for figure in each.figures.values()
    )
    for row in ROWS:
        assert row.what in ended.stdout
        named = (row.over, row.under or row.over)
        there = found[row.section]
        missing = [
            name
            for name in named
            if name not in there.figures and not re.search(r"\b[15]0{4,} rules|\b50000$", name)
        ]
        assert all(
            any(name.startswith(absent) for absent in there.absent)
            for name in missing
            if name != "configured"
        )


@pytest.mark.slow
def test_the_exit_status_is_1_if_and_only_if_a_goal_was_missed(quick):
    ended, found = quick
    missed = figures.failed(found, QUICK.rounds)
    assert ended.returncode == (1 if missed else 0)
    assert [line for line in ended.stderr.splitlines() if line.startswith("missed: ")] == [
        f"missed: {what}" for what in missed
    ]


def test_the_full_run_has_the_sizes_of_all_goals():
    assert {1, 10, 1000, 10_000} <= set(FULL.sizes)
    assert FULL.issuers == (1, 50_000)
    assert FULL.policies == (10_000, 100_000)
    assert FULL.rounds >= goals.LEAST_ROUNDS


@pytest.fixture
def measuring(monkeypatch, tmp_path):
    """Return a function that runs the command with fake sections, and returns status and results."""
    ratio = [1.0]

    def stacked(scale, deadline):
        found = sections.Measurements()
        for _ in deadline.rounds(scale.rounds):
            found.add("µs", {"RS256, bare verify": 20.0, "RS256, fresh": 20.0 * ratio[0]})
        return found

    def imported(scale, deadline):
        found = sections.Measurements()
        for _ in deadline.rounds(scale.rounds):
            found.add("ms", {"import jwt_wsgi": 100.0, "import dependencies": 100.0})
        return found

    monkeypatch.setattr(program, "SECTIONS", {"stack": stacked, "imports": imported})
    path = tmp_path / "results.json"

    def run(*words, fresh_over_bare=1.0):
        ratio[0] = fresh_over_bare
        return program.main(["--results", str(path), *words]), results.read(path)

    return run


def test_measuring_one_section_leaves_the_others_unchanged(measuring):
    assert measuring()[0] == 0
    status, found = measuring("--only", "stack", fresh_over_bare=1.2)
    assert status == 0
    assert found["stack"].figures["RS256, fresh"].rounds == [24.0] * FULL.rounds
    assert found["imports"].figures["import jwt_wsgi"].rounds == [100.0] * FULL.rounds


def test_the_printed_table_shows_the_saved_values(measuring, capsys):
    """The file holds rounded values, whose ratio may round to another number."""
    _, found = measuring(fresh_over_bare=1.22492)
    printed = capsys.readouterr().out
    assert printed.strip() == figures.terminal(figures.table(found, LEAST_ROUNDS)).strip()
    assert " 1.23 " in printed


def test_a_missed_goal_gives_exit_status_1(measuring, capsys):
    assert measuring(fresh_over_bare=1.7)[0] == 1
    assert "missed: fresh token over bare verify: RS256\n" in capsys.readouterr().err
    assert measuring("--only", "imports")[0] == 0


def test_running_out_of_time_gives_exit_status_1(measuring, capsys):
    assert measuring("--minutes", "0")[0] == 1
    assert "missed: imports: out of time" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        pytest.param(
            ["--only", "stack,stak"],
            "there is no section 'stak': choose from view, stack, ",
            id="no such section",
        ),
        pytest.param(
            ["--quick"], "name another file with --results", id="a quick run that would be kept"
        ),
    ],
)
def test_wrong_arguments_name_the_remedy(words, complaint, capsys):
    with pytest.raises(SystemExit, match="2"):
        program.arguments(words)
    assert complaint in capsys.readouterr().err


def test_saved_results_do_not_identify_the_machine():
    text = json.dumps(KEPT)
    assert socket.gethostname() not in text
    assert not re.search(r"/(home|root|work|tmp|Users)\b", text)
