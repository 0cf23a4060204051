"""Metrics for Prometheus, through its own client (the extra `prometheus`)."""

from collections.abc import Iterator
from wsgiref.types import WSGIEnvironment

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from jwt_wsgi.introspection import IntrospectionCall
from jwt_wsgi.jwks.events import Fetched
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.metrics import (
    IntrospectionLabels,
    Labels,
    NamedIssuers,
    introspection_labels,
    labels,
    named,
)
from jwt_wsgi.middleware.decisions import Decision
from jwt_wsgi.revocation import ReceivedEvent

_USABLE = "jwt_wsgi_keys_usable"
_AGE = "jwt_wsgi_keys_age_seconds"
_LIFETIME_LEFT = "jwt_wsgi_keys_lifetime_left_seconds"
_GAUGES = {
    _USABLE: "1 if usable keys are cached, else 0.",
    _AGE: "Seconds since the cached keys were fetched.",
    _LIFETIME_LEFT: "Seconds until the cached keys are stale; negative if they are.",
}


class PrometheusMetrics:
    """Hooks that count for a registry, and gauges of key sources.

    The counter `jwt_wsgi_decisions_total` has the labels `verdict`, `reason`, `issuer` and
    `binding`, the counter `jwt_wsgi_fetches_total` has `location` and `outcome`, and the counter
    `jwt_wsgi_events_total` has `kind` and `outcome`. The counter `jwt_wsgi_introspections_total`
    has `location`, `outcome` and `active`. `jwt_wsgi_fetch_duration_seconds` and
    `jwt_wsgi_introspection_duration_seconds` are histograms with the label `location`.

    Args:
        issuers: The issuers that are counted by name. All others are counted as `other`.
        registry: The registry of the metrics. Each registry takes one `PrometheusMetrics`, because
            names of metrics are unique in it.

    Raises:
        ValueError: A member of `issuers` is neither an `Issuer` nor a name, or the registry already
            has these metrics.
    """

    def __init__(
        self, *, issuers: NamedIssuers = (), registry: CollectorRegistry = REGISTRY
    ) -> None:
        self._issuers = named(issuers)
        self._decisions = Counter(
            "jwt_wsgi_decisions", "Requests by decision.", Labels._fields, registry=registry
        )
        self._fetches = Counter(
            "jwt_wsgi_fetches",
            "Fetches of key sets by outcome.",
            ("location", "outcome"),
            registry=registry,
        )
        self._durations = Histogram(
            "jwt_wsgi_fetch_duration_seconds",
            "Duration of fetches of key sets.",
            ("location",),
            registry=registry,
        )
        self._events = Counter(
            "jwt_wsgi_events",
            "Security events and logout tokens by outcome.",
            ("kind", "outcome"),
            registry=registry,
        )
        self._introspections = Counter(
            "jwt_wsgi_introspections",
            "Calls of introspection endpoints by outcome.",
            IntrospectionLabels._fields,
            registry=registry,
        )
        self._introspection_durations = Histogram(
            "jwt_wsgi_introspection_duration_seconds",
            "Duration of calls of introspection endpoints.",
            ("location",),
            registry=registry,
        )
        self._key_sources = _KeySources()
        registry.register(self._key_sources)

    def on_decision(self, environ: WSGIEnvironment, decision: Decision) -> None:
        """Count one decision, for the layers' `on_decision`."""
        del environ  # No text of a request becomes a label.
        self._decisions.labels(*labels(decision, self._issuers)).inc()

    def on_fetch(self, fetched: Fetched) -> None:
        """Count one fetch, for `RemoteJWKS(on_fetch=...)`."""
        self._fetches.labels(fetched.location, fetched.outcome).inc()
        if fetched.outcome != "shared":
            self._durations.labels(fetched.location).observe(fetched.seconds)

    def on_event(self, event: ReceivedEvent) -> None:
        """Count one delivery, for `EventReceiver(on_event=...)`."""
        self._events.labels(event.kind, event.outcome).inc()

    def on_introspection(self, call: IntrospectionCall) -> None:
        """Count one call of the endpoint, for `Introspection(on_fetch=...)`."""
        self._introspections.labels(*introspection_labels(call)).inc()
        self._introspection_durations.labels(call.location).observe(call.seconds)

    def watch(self, location: str, keys: RemoteJWKS) -> None:
        """Read the gauges of a key source whenever the registry is read.

        `MultiProcessCollector` does not include them: these gauges exist only in the process that
        answers Prometheus.

        Args:
            location: The label `location` of the gauges.
            keys: The key source.
        """
        self._key_sources.watched[location] = keys


class _KeySources(Collector):
    """A collector that reads the status of each watched key source."""

    def __init__(self) -> None:
        self.watched: dict[str, RemoteJWKS] = {}

    def describe(self) -> Iterator[Metric]:
        """Return the gauges without samples, so that registration reads no key source."""
        return iter(_gauges().values())

    def collect(self) -> Iterator[Metric]:
        gauges = _gauges()
        for location, keys in tuple(self.watched.items()):
            status = keys.status()
            gauges[_USABLE].add_metric([location], float(status.usable))
            if status.age is not None:
                gauges[_AGE].add_metric([location], status.age)
            if status.lifetime_left is not None:
                gauges[_LIFETIME_LEFT].add_metric([location], status.lifetime_left)
        return iter(gauges.values())


def _gauges() -> dict[str, GaugeMetricFamily]:
    return {
        name: GaugeMetricFamily(name, text, labels=["location"]) for name, text in _GAUGES.items()
    }
