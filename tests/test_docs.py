"""The documentation: its site builds, its links and references lead somewhere, and its lists are those of the code."""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, get_args

import pytest
from docs_site import build
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry

import jwt_wsgi
from jwt_wsgi import Issuer, Policy, RemoteJWKS, Verifier, errors, policyfile, protect
from jwt_wsgi.errors import REASONS, AuthError
from jwt_wsgi.http.fetching import Outcome
from jwt_wsgi.metrics.opentelemetry import OpenTelemetryMetrics
from jwt_wsgi.metrics.prometheus import PrometheusMetrics
from jwt_wsgi.policy import lint
from jwt_wsgi.revocation.event_types import KINDS
from jwt_wsgi.revocation.receiver import Outcome as EventOutcome

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of every row of every table, without the heads."""
    found = []
    for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        lines = table.splitlines()
        found += [
            [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines[2:]
        ]
    return found


def section(text: str, title: str) -> str:
    return re.split(r"^## ", text.split(f"\n## {title}\n")[1], flags=re.MULTILINE)[0]


def quoted(cell: str) -> str:
    """The one name that a cell quotes first."""
    return re.findall(r"`([^`]+)`", cell)[0]


# --- the site


class Page(HTMLParser):
    """The links of a built page, those of its navigation apart, and the places that can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.navigation: list[str] = []
        self.places: set[str] = set()
        #: What a browser loads to show the page: scripts, styles, images.
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        said = dict(attributes)
        self.places |= {said[name] or "" for name in ("id", "name") if name in said}
        if tag != "a":
            self.loaded += [said[name] or "" for name in ("src", "href", "data") if name in said]
        if tag == "a" and said.get("href"):
            self.links.append(said["href"] or "")
            if "md-nav__link" in (said.get("class") or ""):
                self.navigation.append(said["href"] or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Page]:
    """Every page that was built, by its path in the site."""
    folder = tmp_path_factory.mktemp("site")
    ended = build(ROOT / "mkdocs.yml", folder)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = {
        path.relative_to(folder).as_posix(): Page(path.read_text("utf-8"))
        for path in folder.rglob("*.html")
    }
    found.pop("404.html")
    return found


@pytest.mark.slow
def test_no_page_loads_anything_from_another_host(site: dict[str, Page]) -> None:
    foreign = re.compile(r"(?:[a-z]+:)?//")
    loaded = [(name, url) for name, built in site.items() for url in built.loaded]
    assert len(loaded) > len(site)
    assert [(name, url) for name, url in loaded if foreign.match(url)] == []


@pytest.mark.slow
def test_every_page_is_built_and_in_the_navigation(site: dict[str, Page]) -> None:
    sources = {
        source.relative_to(DOCS).with_suffix(".html").as_posix() for source in DOCS.rglob("*.md")
    }
    written = {re.sub(r"\bREADME\.html$", "index.html", name) for name in sources}
    assert written - site.keys() == set()
    start = {target.partition("#")[0] for target in site["index.html"].navigation} | {"index.html"}
    assert site.keys() - start == set()


@pytest.mark.slow
def test_every_link_of_the_site_leads_to_a_page_and_to_a_place_on_it(site: dict[str, Page]) -> None:
    lost = []
    for name, built in site.items():
        for link in built.links:
            if re.match(r"[a-z]+:", link):
                continue
            path, _, place = link.partition("#")
            target = os.path.normpath(Path(name).parent / path) if path else name
            if target == ".":
                target = "index.html"
            known = target in site and (
                not place or place in site[target].places or place == "__codelineno"
            )
            if not known and not place.startswith("__"):
                lost.append((name, link))
    assert lost == []


def test_the_words_for_the_search_are_for_pages_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(DOCS)
    words = importlib.import_module("search_words").WORDS
    assert [name for name in words if not (DOCS / name).exists()] == []


CONSTANTS = {"ANY_AUDIENCE", "AUTHENTICATED", "DENY", "OPTIONAL", "PUBLIC"}


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(jwt_wsgi.__all__) - CONSTANTS))
def test_every_public_name_is_in_the_reference(site: dict[str, Page], name: str) -> None:
    assert f"jwt_wsgi.{name}" in site["reference/index.html"].places


@pytest.mark.parametrize("name", sorted(CONSTANTS))
def test_every_constant_has_its_heading(name: str) -> None:
    assert name in jwt_wsgi.__all__
    assert re.search(rf"^### .*\b{name}\b", page("reference/index.md"), re.MULTILINE)


@pytest.mark.parametrize(
    "place",
    [
        "jwt_wsgi.presets.auth0",
        "jwt_wsgi.sources.from_cookie",
        "jwt_wsgi.client_certificates.from_escaped_pem",
        "jwt_wsgi.policyfile.read_policy",
        "jwt_wsgi.testing.LocalIssuer.token",
        "jwt_wsgi.coverage.assert_covered",
        "jwt_wsgi.explain.Explainer",
        "jwt_wsgi.metrics.prometheus.PrometheusMetrics.watch",
        "jwt_wsgi.metrics.opentelemetry.OpenTelemetryMetrics",
        "jwt_wsgi.jose.verify",
        "jwt_wsgi.middleware.decisions.Decision",
        "jwt_wsgi.jwks.events.Fetched",
        "jwt_wsgi.revocation.DenyList.revoke_subject",
        "jwt_wsgi.revocation.EventReceiver",
        "jwt_wsgi.RemoteJWKS.status",
    ],
)
@pytest.mark.slow
def test_the_public_modules_are_in_the_reference(site: dict[str, Page], place: str) -> None:
    assert any(
        place in built.places for name, built in site.items() if name.startswith("reference/")
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("added", "said"),
    [
        pytest.param("[here](nowhere.md)", "nowhere.md", id="a page that is not there"),
        pytest.param("[here](index.md#nowhere)", "#nowhere", id="a place that is not there"),
        pytest.param("[here](../tests/nowhere.py)", "nowhere.py", id="a file that is not there"),
        pytest.param("::: jwt_wsgi.nothing", "jwt_wsgi.nothing", id="a name that is not there"),
    ],
)
def test_what_leads_nowhere_fails_the_build(tmp_path: Path, added: str, said: str) -> None:
    for name in ("mkdocs.yml", "CHANGELOG.md", "SECURITY.md"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "differences.md", tmp_path / "tests")
    shutil.copytree(DOCS, tmp_path / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "jwt_wsgi").symlink_to(ROOT / "jwt_wsgi")
    with (tmp_path / "docs" / "index.md").open("a") as index:
        index.write(f"\n{added}\n")
    ended = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert ended.returncode != 0
    assert said in ended.stdout + ended.stderr


# --- what is said, is so


def test_the_reasons_are_the_closed_list() -> None:
    tables = page("verdicts-and-reasons.md").split("\n## The request\n")[1]
    named = [quoted(cells[0]) for cells in rows("\n## The request\n" + tables)]
    assert sorted(named) == sorted(REASONS)


def statuses() -> Iterator[tuple[str, int]]:
    """Each reason with the status of the class that the source names it for."""
    default = {
        kind.default_reason: kind.status
        for kind in vars(errors).values()
        if inspect.isclass(kind) and issubclass(kind, AuthError)
    }
    source = "".join(path.read_text() for path in (ROOT / "jwt_wsgi").rglob("*.py"))
    for reason in REASONS:
        kinds = set(
            re.findall(
                rf'(InvalidRequest|InvalidToken|Forbidden|KeysUnavailable)\([^()]*"{reason}"',
                source,
            )
        )
        found = {getattr(errors, kind).status for kind in kinds} or {default.get(reason)}
        if len(found) == 1 and None not in found:
            yield reason, found.pop()  # type: ignore[misc]


def test_every_reason_has_the_status_of_its_class() -> None:
    told = {
        quoted(cells[0]): int(cells[1])
        for cells in rows(page("verdicts-and-reasons.md"))
        if cells[1].isdigit()
    }
    known = dict(statuses())
    assert len(known) >= 25, "nearly all are named beside their class"
    assert {reason: told[reason] for reason in known} == known


def test_the_classes_are_told_with_their_status_and_code() -> None:
    head = page("verdicts-and-reasons.md").split("\n## The log says more\n")[0]
    told = {
        (int(status), quoted(kind), code.strip("`").replace("–", ""))
        for status, kind, code, _ in rows(head)
    }
    kinds = [
        kind
        for kind in vars(errors).values()
        if inspect.isclass(kind) and issubclass(kind, AuthError)
    ]
    assert told == {
        (kind.status, kind.__name__, kind.code or "") for kind in kinds if kind is not AuthError
    }


def test_the_requirements_are_those_of_the_package_and_of_the_policy_file() -> None:
    text = page("policy-reference.md")
    told = {re.split(r"\W", quoted(cells[0]))[0] for cells in rows(section(text, "Requirements"))}
    writable = {*policyfile._CONSTANTS, *policyfile._FUNCTIONS}
    assert told | {"path_param"} == writable
    in_a_file = section(text, "In a file").split("These names may be used:")[1]
    assert set(re.findall(r"`(\w+)`", in_a_file)) == writable
    assert writable <= set(jwt_wsgi.__all__)


def test_the_options_are_those_of_the_policy_and_of_its_file() -> None:
    text = page("policy-reference.md")
    told = {quoted(cells[0]): quoted(cells[2]) for cells in rows(section(text, "Options"))}
    parameters = inspect.signature(Policy).parameters
    options = {
        name: repr(each.default)
        for name, each in parameters.items()
        if each.kind is each.KEYWORD_ONLY
    }
    assert {name: default.replace('"', "'") for name, default in told.items()} == options
    assert told.keys() == policyfile._OPTIONS.keys()
    document = section(text, "In a file")
    assert all(re.search(rf"^    {name} = ", document, re.MULTILINE) for name in told)


def test_the_codes_are_those_of_the_linter() -> None:
    told = {quoted(cells[0]) for cells in rows(section(page("policy-reference.md"), "The linter"))}
    assert told == lint.CODES.keys()


def test_the_outcomes_of_a_fetch_are_the_closed_list() -> None:
    table = rows(section(page("metrics.md"), "Two callables"))
    assert [quoted(cells[0]) for cells in table] == list(get_args(Outcome))


def test_the_metrics_are_those_that_prometheus_is_told() -> None:
    registry = CollectorRegistry()
    metrics = PrometheusMetrics(registry=registry)
    told = {
        quoted(cells[0]): set(re.findall(r"`(\w+)`", cells[2]))
        for cells in rows(section(page("metrics.md"), "Prometheus"))
    }
    metrics.watch("here", RemoteJWKS("https://issuer.test/"))
    names = {family.name + "_total" * (family.type == "counter") for family in registry.collect()}
    assert told.keys() == names
    assert told["jwt_wsgi_decisions_total"] == {"verdict", "reason", "issuer", "binding"}
    assert told["jwt_wsgi_fetches_total"] == {"location", "outcome"}
    assert told["jwt_wsgi_events_total"] == {"kind", "outcome"}


def test_the_kinds_and_outcomes_of_events_are_the_closed_lists() -> None:
    text = section(page("metrics.md"), "Security events")
    assert [quoted(cells[0]) for cells in rows(text)] == list(get_args(EventOutcome))
    [kinds] = re.findall(r"^`kind` is (.*?)\.", text, re.MULTILINE)
    assert tuple(re.findall(r"`([^`]+)`", kinds)) == KINDS


def test_the_metrics_are_those_that_opentelemetry_is_told() -> None:
    reader = InMemoryMetricReader()
    metrics = OpenTelemetryMetrics(meter_provider=MeterProvider([reader]))
    text = section(page("metrics.md"), "OpenTelemetry")
    instruments = {
        metrics._decisions,
        metrics._fetches,
        metrics._durations,
        metrics._events,
        metrics._introspections,
        metrics._introspection_durations,
    }
    named = {instrument.name for instrument in instruments}  # type: ignore[attr-defined]
    metrics.watch("here", RemoteJWKS("https://issuer.test/", fetch=lambda url: b"{}"))
    read: Any = reader.get_metrics_data()
    named |= {
        metric.name for scope in read.resource_metrics[0].scope_metrics for metric in scope.metrics
    }
    told = set(re.findall(r"`(jwt_wsgi\.[a-z_.]+)`", text))
    assert named <= told
    assert told - named == {"jwt_wsgi.keys.age", "jwt_wsgi.keys.lifetime_left"}, (
        "shown once a set was fetched"
    )


def test_the_loggers_are_those_of_the_package() -> None:
    paths = [
        path for path in (ROOT / "jwt_wsgi").rglob("*.py") if "cli" not in path.parts
    ]  # it only silences them
    source = "".join(path.read_text() for path in paths)
    told = {
        name
        for cells in rows(section(page("metrics.md"), "Logs"))
        for name in re.findall(r"`([^`]+)`", cells[0])
    }
    assert told == set(re.findall(r'getLogger\("([\w.]+)"\)', source))


@pytest.mark.parametrize(
    "callable_", [protect, Issuer, RemoteJWKS, Policy, Verifier], ids=lambda each: each.__name__
)
def test_every_option_that_a_page_names_exists(callable_: Any) -> None:
    options = set(inspect.signature(callable_).parameters)
    text = "".join(source.read_text(encoding="utf-8") for source in DOCS.rglob("*.md"))
    named = set(re.findall(rf"`{callable_.__name__}\((?:[^`()=]*, )?(\w+)=", text))
    assert named <= options
    assert named or callable_ is Policy


# --- what is shown, runs

HOW_TO = sorted(DOCS.glob("how-to/*.md"))


@pytest.mark.parametrize("source", HOW_TO, ids=lambda source: source.stem)
def test_every_snippet_of_a_how_to_page_runs(source: Path) -> None:
    namespace: dict[str, object] = {}
    snippets = SNIPPET.findall(source.read_text(encoding="utf-8"))
    assert snippets
    for number, snippet in enumerate(snippets, 1):
        exec(compile(snippet, f"{source.name}, snippet {number}", "exec"), namespace)


def test_the_formatter_of_the_page_writes_what_was_decided() -> None:
    [snippet] = [
        each for each in SNIPPET.findall(page("metrics.md")) if "logging.Formatter" in each
    ]
    namespace: dict[str, Any] = {}
    exec(snippet, namespace)
    record = logging.makeLogRecord(
        {"verdict": "refused", "reason": "denied", "rule": "/a", "issuer": None}
    )
    said = {"verdict": "refused", "reason": "denied", "rule": "/a", "issuer": None}
    assert json.loads(namespace["AsJSON"]().format(record)) == said


def test_the_line_of_the_log_is_the_one_that_is_written() -> None:
    said = section(page("verdicts-and-reasons.md"), "The log says more")
    [shown] = re.findall(r"^```text\n(.*?)^```$", said, re.DOTALL | re.MULTILINE)
    program = "".join(SNIPPET.findall(said))
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stderr == shown
