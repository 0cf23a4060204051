"""Metrics for OpenTelemetry, through its API (the extra `opentelemetry`)."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple
from wsgiref.types import WSGIEnvironment

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter

from jwt_wsgi.introspection import IntrospectionCall
from jwt_wsgi.jwks.events import Fetched
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.schedule import KeyStatus
from jwt_wsgi.metrics import NamedIssuers, introspection_labels, labels, named
from jwt_wsgi.middleware.decisions import Decision
from jwt_wsgi.revocation import ReceivedEvent


class _Gauge(NamedTuple):
    """A gauge of a key source: its name, its unit, its description, and how to read it."""

    name: str
    unit: str
    description: str
    read: Callable[[KeyStatus], float | None]


_GAUGES = (
    _Gauge(
        "usable", "1", "1 if usable keys are cached, else 0", lambda status: float(status.usable)
    ),
    _Gauge("age", "s", "time since the cached keys were fetched", lambda status: status.age),
    _Gauge(
        "lifetime_left",
        "s",
        "time until the cached keys are stale; negative if they are",
        lambda status: status.lifetime_left,
    ),
)


class OpenTelemetryMetrics:
    """Hooks that count for a meter, and gauges of key sources.

    The counter `jwt_wsgi.decisions` has the attributes `verdict`, `reason`, `issuer` and
    `binding`, the counter `jwt_wsgi.fetches` has `location` and `outcome`, and the counter
    `jwt_wsgi.events` has `kind` and `outcome`. The counter `jwt_wsgi.introspections` has
    `location`, `outcome` and `active`. `jwt_wsgi.fetch.duration` and
    `jwt_wsgi.introspection.duration` are histograms in seconds with the attribute `location`.

    Args:
        issuers: The issuers that are counted by name. All others are counted as `other`.
        meter_provider: The provider of the meter; the global one by default.

    Raises:
        ValueError: A member of `issuers` is neither an `Issuer` nor a name.
    """

    def __init__(
        self, *, issuers: NamedIssuers = (), meter_provider: MeterProvider | None = None
    ) -> None:
        self._issuers = named(issuers)
        self._watched: dict[str, RemoteJWKS] = {}
        meter = get_meter("jwt_wsgi", meter_provider=meter_provider)
        self._decisions = meter.create_counter(
            "jwt_wsgi.decisions", "{decision}", "requests by decision"
        )
        self._fetches = meter.create_counter(
            "jwt_wsgi.fetches", "{fetch}", "fetches of key sets by outcome"
        )
        self._durations = meter.create_histogram(
            "jwt_wsgi.fetch.duration", "s", "duration of fetches of key sets"
        )
        self._events = meter.create_counter(
            "jwt_wsgi.events", "{event}", "security events and logout tokens by outcome"
        )
        self._introspections = meter.create_counter(
            "jwt_wsgi.introspections", "{call}", "calls of introspection endpoints by outcome"
        )
        self._introspection_durations = meter.create_histogram(
            "jwt_wsgi.introspection.duration", "s", "duration of calls of introspection endpoints"
        )
        for gauge in _GAUGES:
            meter.create_observable_gauge(
                f"jwt_wsgi.keys.{gauge.name}",
                [partial(self._observe, gauge)],
                gauge.unit,
                gauge.description,
            )

    def on_decision(self, environ: WSGIEnvironment, decision: Decision) -> None:
        """Count one decision, for the layers' `on_decision`."""
        del environ  # No text of a request becomes an attribute.
        self._decisions.add(1, labels(decision, self._issuers)._asdict())

    def on_fetch(self, fetched: Fetched) -> None:
        """Count one fetch, for `RemoteJWKS(on_fetch=...)`."""
        self._fetches.add(1, {"location": fetched.location, "outcome": fetched.outcome})
        if fetched.outcome != "shared":
            self._durations.record(fetched.seconds, {"location": fetched.location})

    def on_event(self, event: ReceivedEvent) -> None:
        """Count one delivery, for `EventReceiver(on_event=...)`."""
        self._events.add(1, {"kind": event.kind, "outcome": event.outcome})

    def on_introspection(self, call: IntrospectionCall) -> None:
        """Count one call of the endpoint, for `Introspection(on_fetch=...)`."""
        self._introspections.add(1, introspection_labels(call)._asdict())
        self._introspection_durations.record(call.seconds, {"location": call.location})

    def watch(self, location: str, keys: RemoteJWKS) -> None:
        """Observe a key source whenever the meter is read.

        Args:
            location: The attribute `location` of its gauges.
            keys: The key source.
        """
        self._watched[location] = keys

    def _observe(self, gauge: _Gauge, options: CallbackOptions) -> Iterator[Observation]:
        del options  # The signature of a callback needs them.
        for location, keys in tuple(self._watched.items()):
            value = gauge.read(keys.status())
            if value is not None:
                yield Observation(value, {"location": location})
