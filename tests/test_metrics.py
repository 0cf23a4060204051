"""Metrics: the counts and their labels, which no request can extend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import Clock
from event_makers import RECEIVER, Maker
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, generate_latest
from waiting import idle
from webtest import TestApp

from jwt_wsgi import (
    AUTHENTICATED,
    PUBLIC,
    Auth,
    Forbidden,
    Issuer,
    RemoteJWKS,
    StaticJWKS,
    TokenExtractor,
    TokenVerifier,
    guard,
    protect,
    report_only,
    scope,
)
from jwt_wsgi.auth import Possession
from jwt_wsgi.errors import REASONS, AuthError
from jwt_wsgi.jwks.events import Fetched
from jwt_wsgi.metrics import Labels, labels, named
from jwt_wsgi.metrics.opentelemetry import OpenTelemetryMetrics
from jwt_wsgi.metrics.prometheus import PrometheusMetrics
from jwt_wsgi.middleware.decisions import Decision
from jwt_wsgi.revocation import DenyList, EventReceiver
from jwt_wsgi.stores import MemoryStore
from jwt_wsgi.testing import LocalIssuer

KEYS = "https://issuer.test/.well-known/jwks.json"


def app(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


class Prometheus:
    """A new registry, read as Prometheus reads it."""

    def __init__(self, **options: Any) -> None:
        self.registry = CollectorRegistry()
        self.metrics = PrometheusMetrics(registry=self.registry, **options)

    def decisions(self) -> dict[tuple[str, str, str], float]:
        found = self._samples("jwt_wsgi_decisions_total")
        return {
            (labels["verdict"], labels["reason"], labels["issuer"]): value
            for labels, value in found
        }

    def fetches(self) -> dict[tuple[str, str], float]:
        found = self._samples("jwt_wsgi_fetches_total")
        return {(labels["location"], labels["outcome"]): value for labels, value in found}

    def introspections(self) -> dict[tuple[str, str, str], float]:
        found = self._samples("jwt_wsgi_introspections_total")
        return {(each["location"], each["outcome"], each["active"]): n for each, n in found}

    def introspection_count(self) -> float:
        [(_, count)] = self._samples("jwt_wsgi_introspection_duration_seconds_count")
        return count

    def events(self) -> dict[tuple[str, str], float]:
        found = self._samples("jwt_wsgi_events_total")
        return {(labels["kind"], labels["outcome"]): value for labels, value in found}

    def durations(self) -> dict[str, tuple[float, float]]:
        counts = {
            labels["location"]: n
            for labels, n in self._samples("jwt_wsgi_fetch_duration_seconds_count")
        }
        sums = {
            labels["location"]: n
            for labels, n in self._samples("jwt_wsgi_fetch_duration_seconds_sum")
        }
        return {location: (counts[location], sums[location]) for location in counts}

    def keys(self) -> dict[str, dict[str, float]]:
        names = {
            "usable": "jwt_wsgi_keys_usable",
            "age": "jwt_wsgi_keys_age_seconds",
            "left": "jwt_wsgi_keys_lifetime_left_seconds",
        }
        return {
            short: {labels["location"]: n for labels, n in self._samples(name)}
            for short, name in names.items()
        }

    def _samples(self, name: str) -> list[tuple[dict[str, str], float]]:
        families = self.registry.collect()
        return [
            (each.labels, each.value)
            for family in families
            for each in family.samples
            if each.name == name
        ]


class OpenTelemetry:
    """A meter with a reader in memory."""

    def __init__(self, **options: Any) -> None:
        self._reader = InMemoryMetricReader()
        self.metrics = OpenTelemetryMetrics(meter_provider=MeterProvider([self._reader]), **options)

    def decisions(self) -> dict[tuple[str, str, str], float]:
        points = self._points().get("jwt_wsgi.decisions", [])
        return {
            (p.attributes["verdict"], p.attributes["reason"], p.attributes["issuer"]): p.value
            for p in points
        }

    def fetches(self) -> dict[tuple[str, str], float]:
        points = self._points().get("jwt_wsgi.fetches", [])
        return {(p.attributes["location"], p.attributes["outcome"]): p.value for p in points}

    def introspections(self) -> dict[tuple[str, str, str], float]:
        points = self._points()["jwt_wsgi.introspections"]
        names = ("location", "outcome", "active")
        return {tuple(p.attributes[name] for name in names): p.value for p in points}

    def introspection_count(self) -> float:
        [point] = self._points()["jwt_wsgi.introspection.duration"]
        return point.count

    def events(self) -> dict[tuple[str, str], float]:
        points = self._points().get("jwt_wsgi.events", [])
        return {(p.attributes["kind"], p.attributes["outcome"]): p.value for p in points}

    def durations(self) -> dict[str, tuple[float, float]]:
        points = self._points().get("jwt_wsgi.fetch.duration", [])
        return {p.attributes["location"]: (p.count, p.sum) for p in points}

    def keys(self) -> dict[str, dict[str, float]]:
        names = {
            "usable": "jwt_wsgi.keys.usable",
            "age": "jwt_wsgi.keys.age",
            "left": "jwt_wsgi.keys.lifetime_left",
        }
        read = self._points()
        return {
            short: {p.attributes["location"]: p.value for p in read.get(name, [])}
            for short, name in names.items()
        }

    def _points(self) -> dict[str, list[Any]]:
        read = self._reader.get_metrics_data()
        scopes = (
            [scope for resource in read.resource_metrics for scope in resource.scope_metrics]
            if read
            else []
        )
        assert {scope.scope.name for scope in scopes} <= {"jwt_wsgi"}
        return {
            metric.name: list(metric.data.data_points)
            for scope in scopes
            for metric in scope.metrics
        }


both = pytest.mark.parametrize(
    "backend", [Prometheus, OpenTelemetry], ids=lambda backend: backend.__name__
)


# --- the labels of a decision

NAMED = "https://named.test/"


def auth(issuer: str, *bindings: str) -> Auth:
    possession = Possession(frozenset(bindings))
    return Auth(token="a.b.c", issuer=issuer, claims={"sub": "user-1"}, possession=possession)


@pytest.mark.parametrize(
    ("decision", "counted"),
    [
        pytest.param(
            Decision(None, auth(NAMED), "/a"), ("allowed", "none", NAMED, "none"), id="allowed"
        ),
        pytest.param(Decision(), ("allowed", "none", "none", "none"), id="allowed to anyone"),
        pytest.param(
            Decision(Forbidden(), auth("https://x/")),
            ("refused", "denied", "other", "none"),
            id="another issuer",
        ),
        pytest.param(
            Decision(None, auth(NAMED), "/a", Forbidden()),
            ("would_refuse", "denied", NAMED, "none"),
            id="only reported",
        ),
        pytest.param(
            Decision(None, auth(NAMED, "dpop")), ("allowed", "none", NAMED, "dpop"), id="a proof"
        ),
        pytest.param(
            Decision(Forbidden(), auth(NAMED, "mtls")),
            ("refused", "denied", NAMED, "mtls"),
            id="a certificate",
        ),
        pytest.param(
            Decision(None, auth(NAMED, "mtls", "dpop")),
            ("allowed", "none", NAMED, "dpop_mtls"),
            id="both",
        ),
    ],
)
def test_labels(decision: Decision, counted: Labels) -> None:
    assert labels(decision, named([NAMED])) == counted


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_is_a_label_unchanged(reason: str) -> None:
    assert labels(Decision(AuthError(reason)), ()) == ("refused", reason, "none", "none")


def test_an_issuer_may_be_named_by_the_object_or_its_name(trusted: Issuer) -> None:
    assert named([trusted, NAMED]) == {trusted.issuer, NAMED}
    assert named(NAMED) == {NAMED}
    assert named(trusted) == {trusted.issuer}


@both
@pytest.mark.parametrize("issuers", [[5], [""], [None]])
def test_an_invalid_issuer_name_is_refused(backend: Any, issuers: Any) -> None:
    with pytest.raises(ValueError, match=r"issuers holds .*: write an Issuer, or its exact name"):
        backend(issuers=issuers)


# --- the counts of decisions


@both
def test_every_decision_is_counted_once(backend: Any, local: LocalIssuer, trusted: Issuer) -> None:
    counts = backend(issuers=[trusted])
    rules = {"/public": PUBLIC, "/a": scope("a"), "/tried": AUTHENTICATED & report_only(scope("a"))}
    api = TestApp(protect(app, issuer=trusted, rules=rules, on_decision=counts.metrics.on_decision))
    good, bare, late = local.token("a"), local.token(), local.token("a", expires_in=-60)
    asked = [
        ("/public", None, ("allowed", "none", "none")),
        ("/public", late, ("allowed", "none", "none")),  # a stale token breaks no public page
        ("/a", good, ("allowed", "none", trusted.issuer)),
        ("/a", good, ("allowed", "none", trusted.issuer)),  # from the cache
        ("/a", bare, ("refused", "insufficient_scope", trusted.issuer)),
        ("/a", None, ("refused", "missing_token", "none")),
        ("/a", late, ("refused", "token_expired", "none")),
        ("/a", "x", ("refused", "token_malformed", "none")),
        ("/a", "x y", ("refused", "malformed_header", "none")),
        ("/a//b", good, ("refused", "path_ambiguous", trusted.issuer)),
        ("/other", good, ("refused", "no_rule", trusted.issuer)),
        ("/tried", bare, ("would_refuse", "insufficient_scope", trusted.issuer)),
    ]
    expected: dict[tuple[str, str, str], int] = {}
    for path, token, counted in asked:
        api.get(path, headers={"Authorization": f"Bearer {token}"} if token else {}, status="*")
        expected[counted] = expected.get(counted, 0) + 1
        assert counts.decisions() == expected


@both
def test_both_layers_count_a_bad_token_that_passes_a_report_only_rule(
    backend: Any, trusted: Issuer
) -> None:
    counts = backend(issuers=[trusted])
    rules = {"/": report_only(AUTHENTICATED)}
    api = TestApp(protect(app, issuer=trusted, rules=rules, on_decision=counts.metrics.on_decision))
    api.get("/", headers={"Authorization": "Bearer x"})
    assert counts.decisions() == {
        ("would_refuse", "token_malformed", "none"): 1,
        ("would_refuse", "missing_token", "none"): 1,
    }


@both
def test_a_verifier_alone_counts_refusals_and_a_guard_counts_its_decisions(
    backend: Any, local: LocalIssuer, trusted: Issuer
) -> None:
    counts = backend(issuers=[trusted])
    tell = counts.metrics.on_decision
    guarded = guard(scope("a"), on_decision=tell)(app)
    api = TestApp(TokenExtractor(TokenVerifier(guarded, trusted, on_decision=tell)))
    for token in (local.token("a"), local.token("b"), "x"):
        api.get("/", headers={"Authorization": f"Bearer {token}"}, status="*")
    assert counts.decisions() == {
        ("allowed", "none", trusted.issuer): 1,
        ("refused", "insufficient_scope", trusted.issuer): 1,
        ("refused", "token_malformed", "none"): 1,
    }


@both
def test_no_request_can_create_a_label(backend: Any, local: LocalIssuer, trusted: Issuer) -> None:
    """Fifty paths, subjects, kids and issuers create no more series than one of each."""
    counts = backend(issuers=[])

    def resolve(name: str) -> Issuer:
        return Issuer(name, audience=local.audience, keys=StaticJWKS(local.jwks))

    rules = {"/{name}": AUTHENTICATED}
    api = TestApp(protect(app, issuer=resolve, rules=rules, on_decision=counts.metrics.on_decision))
    for n in range(50):
        good = local.token(iss=f"https://tenant-{n}.test/", sub=f"user-{n}")
        bad = local.sign(b'{"iss": "https://tenant.test/"}', header={"kid": f"kid-{n}"})
        for token in (good, bad):
            api.get(f"/page-{n}", headers={"Authorization": f"Bearer {token}"}, status="*")
    assert counts.decisions() == {
        ("allowed", "none", "other"): 50,
        ("refused", "kid_unknown", "none"): 50,
    }


# --- security events


@both
def test_events_are_counted_by_kind_and_outcome(backend: Any) -> None:
    counts = backend()
    local = LocalIssuer(algorithms=["ES256"])
    deny = DenyList(MemoryStore())
    receiver = EventReceiver(
        local.trusted(), deny, audience=RECEIVER, on_event=counts.metrics.on_event
    )
    http = TestApp(receiver)
    maker = Maker(local, Clock())
    for body in (maker.event(), maker.event(), maker.event(aud="x"), "x", maker.event(exp=1)):
        http.post("/", body, content_type="application/secevent+jwt", expect_errors=True)
    for invented in range(10):
        event = maker.event(events={f"https://example.com/{invented}": {}})
        http.post("/", event, content_type="application/secevent+jwt")
    assert counts.events() == {
        ("session-revoked", "accepted"): 1,
        ("session-revoked", "repeated"): 1,
        ("unread", "refused"): 3,
        ("other", "accepted"): 10,
    }


# --- fetches and the status of key sources


@both
def test_fetches_are_counted_and_timed(backend: Any) -> None:
    counts = backend()
    for outcome, seconds in (("ok", 0.25), ("ok", 0.5), ("timeout", 10.0)):
        counts.metrics.on_fetch(Fetched(KEYS, outcome, seconds, 2))
    assert counts.fetches() == {(KEYS, "ok"): 2, (KEYS, "timeout"): 1}
    assert counts.durations() == {KEYS: (3, 10.75)}


@both
def test_calls_of_an_endpoint_are_counted_by_what_it_said(backend: Any) -> None:
    counts, local = backend(), LocalIssuer()
    opaque = local.introspection(on_fetch=counts.metrics.on_introspection)
    api = TestApp(protect(app, issuer=opaque, rules={"/": AUTHENTICATED}))

    def send(token: str, status: int) -> None:
        api.get("/", headers={"Authorization": f"Bearer {token}"}, status=status)

    good = local.opaque_token()
    for _ in range(3):
        send(good, 200)
    send("invented", 401)
    send("another", 401)
    with local.outage():
        send("third", 503)
    [location] = {each for each, _, _ in counts.introspections()}
    assert location == local.introspection_uri
    said = {(outcome, active): n for (_, outcome, active), n in counts.introspections().items()}
    failed = {outcome: n for (outcome, active), n in said.items() if active == "none"}
    assert said.pop(("ok", "true")) == 1
    assert said.pop(("ok", "false")) == 2
    assert list(failed.values()) == [1]
    assert len(said) == 1
    assert counts.introspection_count() == 4


@both
def test_a_set_from_the_store_is_counted_and_not_timed(backend: Any) -> None:
    counts = backend()
    counts.metrics.on_fetch(Fetched(KEYS, "ok", 0.25, 2))
    counts.metrics.on_fetch(Fetched(KEYS, "shared", 0.001, 2))
    assert counts.fetches() == {(KEYS, "ok"): 1, (KEYS, "shared"): 1}
    assert counts.durations() == {KEYS: (1, 0.25)}


@both
def test_the_gauges_show_the_status_at_the_time_of_reading(backend: Any) -> None:
    clock, local = Clock(1000.0), LocalIssuer()
    counts = backend()
    source = RemoteJWKS(
        KEYS, fetch=local.fetch, clock=clock, stale_for=500, on_fetch=counts.metrics.on_fetch
    )
    counts.metrics.watch(KEYS, source)
    assert counts.keys() == {"usable": {KEYS: 0}, "age": {}, "left": {}}, "reading fetches nothing"
    assert local.requests == []

    source.warm_up()
    idle()
    assert counts.keys() == {"usable": {KEYS: 1}, "age": {KEYS: 0}, "left": {KEYS: 600}}
    assert counts.fetches() == {(KEYS, "ok"): 1}
    clock.advance(650)
    assert counts.keys() == {"usable": {KEYS: 1}, "age": {KEYS: 650}, "left": {KEYS: -50}}
    clock.advance(450)
    assert counts.keys()["usable"] == {KEYS: 0}


@both
def test_without_a_watched_source_there_are_no_samples(backend: Any) -> None:
    assert backend().keys() == {"usable": {}, "age": {}, "left": {}}


def test_the_text_that_prometheus_reads(trusted: Issuer) -> None:
    registry = CollectorRegistry()
    metrics = PrometheusMetrics(issuers=[trusted], registry=registry)
    metrics.watch(KEYS, RemoteJWKS(KEYS))
    metrics.on_decision({}, Decision(Forbidden(), auth(trusted.issuer)))
    lines = generate_latest(registry).decode().splitlines()
    assert (
        f'jwt_wsgi_decisions_total{{binding="none",issuer="{trusted.issuer}",reason="denied",verdict="refused"}} 1.0'
        in lines
    )
    assert f'jwt_wsgi_keys_usable{{location="{KEYS}"}} 0.0' in lines


def test_a_registry_takes_only_one_set_of_metrics() -> None:
    registry = CollectorRegistry()
    PrometheusMetrics(registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        PrometheusMetrics(registry=registry)


# --- several processes

WORKER = """
from jwt_wsgi import Forbidden, RemoteJWKS
from jwt_wsgi.middleware.decisions import Decision
from jwt_wsgi.jwks.events import Fetched
from jwt_wsgi.metrics.prometheus import PrometheusMetrics

metrics = PrometheusMetrics()
metrics.on_decision({}, Decision(Forbidden()))
metrics.on_fetch(Fetched("https://issuer.test/", "ok", 0.5, 1))
metrics.watch("https://issuer.test/", RemoteJWKS("https://issuer.test/"))
"""

READER = """
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

registry = CollectorRegistry()
MultiProcessCollector(registry)
print(generate_latest(registry).decode())
"""


def test_counts_of_several_processes_are_added_without_the_gauges(tmp_path: Path) -> None:
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def run(program: str) -> str:
        command = [sys.executable, "-W", "error", "-c", program]
        return subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
            cwd=Path(__file__).parent.parent,
        ).stdout

    for _ in range(2):
        run(WORKER)
    lines = run(READER).splitlines()
    assert (
        'jwt_wsgi_decisions_total{binding="none",issuer="none",reason="denied",verdict="refused"} 2.0'
        in lines
    )
    assert 'jwt_wsgi_fetches_total{location="https://issuer.test/",outcome="ok"} 2.0' in lines
    assert 'jwt_wsgi_fetch_duration_seconds_sum{location="https://issuer.test/"} 1.0' in lines
    assert not any("jwt_wsgi_keys" in line for line in lines)
