"""Counts for Prometheus, by its own client (the extra `prometheus`)."""

from collections.abc import Iterable, Iterator
from wsgiref.types import WSGIEnvironment

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jwks.events import Fetched
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.metrics import Labels, labels, named
from jwt_wsgi.middleware.decisions import Decision

_GAUGES = {
    "jwt_wsgi_keys_usable": "1 where keys are held that may be used, else 0.",
    "jwt_wsgi_keys_age_seconds": "Since the keys that are held were fetched.",
    "jwt_wsgi_keys_lifetime_left_seconds": "Until the keys that are held are stale; below 0 where they are.",
}


class PrometheusMetrics:
    """`on_decision` and `on_fetch` for a registry, and gauges of the key sets that are watched.

    `jwt_wsgi_decisions_total` counts by `verdict`, `reason` and `issuer`,
    `jwt_wsgi_fetches_total` by `location` and `outcome`, and
    `jwt_wsgi_fetch_duration_seconds` is a histogram by `location`. `issuers` are
    those that are counted by name; all others are `other`. Make one for each
    registry: Prometheus knows a name once.
    """

    def __init__(
        self, *, issuers: Iterable[str | Issuer] = (), registry: CollectorRegistry = REGISTRY
    ) -> None:
        self._issuers = named(issuers)
        self._decisions = Counter(
            "jwt_wsgi_decisions",
            "Requests, by what was decided.",
            Labels._fields,
            registry=registry,
        )
        self._fetches = Counter(
            "jwt_wsgi_fetches",
            "Fetches of key sets, by how they ended.",
            ("location", "outcome"),
            registry=registry,
        )
        self._durations = Histogram(
            "jwt_wsgi_fetch_duration_seconds",
            "How long fetches of key sets took.",
            ("location",),
            registry=registry,
        )
        self._sets = _KeySets()
        registry.register(self._sets)

    def on_decision(self, environ: WSGIEnvironment, decision: Decision) -> None:
        """Count one decision, for the layers' `on_decision`."""
        del environ  # nothing of the request is a label
        self._decisions.labels(*labels(decision, self._issuers)).inc()

    def on_fetch(self, fetched: Fetched) -> None:
        """Count one fetch, for `RemoteJWKS(on_fetch=...)`."""
        self._fetches.labels(fetched.location, fetched.outcome).inc()
        self._durations.labels(fetched.location).observe(fetched.seconds)

    def watch(self, location: str, keys: RemoteJWKS) -> None:
        """Show how `keys` are doing, under the label `location`, whenever the registry is read.

        Prometheus reads gauges of this kind in the process that is asked, so they
        are missing from what `MultiProcessCollector` puts together.
        """
        self._sets.watched[location] = keys


class _KeySets(Collector):
    def __init__(self) -> None:
        self.watched: dict[str, RemoteJWKS] = {}

    def describe(self) -> Iterator[Metric]:
        """Only the names, so that registering asks no source."""
        return (
            GaugeMetricFamily(name, text, labels=["location"]) for name, text in _GAUGES.items()
        )

    def collect(self) -> Iterator[Metric]:
        usable, age, left = families = tuple(self.describe())
        for location, keys in tuple(self.watched.items()):
            status = keys.status()
            for family, value in (
                (usable, float(status.usable)),
                (age, status.age),
                (left, status.lifetime_left),
            ):
                if value is not None:
                    family.add_metric([location], value)  # type: ignore[attr-defined]
        yield from families
