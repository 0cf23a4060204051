"""Counts for OpenTelemetry, by its API (the extra `opentelemetry`)."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from wsgiref.types import WSGIEnvironment

from opentelemetry.metrics import CallbackOptions, MeterProvider, Observation, get_meter

from jwt_wsgi.issuer import Issuer
from jwt_wsgi.jwks.events import Fetched
from jwt_wsgi.jwks.remote import RemoteJWKS
from jwt_wsgi.jwks.schedule import KeyStatus
from jwt_wsgi.metrics import labels, named
from jwt_wsgi.middleware.decisions import Decision

_GAUGES: tuple[tuple[str, str, str, Callable[[KeyStatus], float | None]], ...] = (
    (
        "usable",
        "1",
        "1 where keys are held that may be used, else 0",
        lambda status: float(status.usable),
    ),
    ("age", "s", "since the keys that are held were fetched", lambda status: status.age),
    (
        "lifetime_left",
        "s",
        "until the keys that are held are stale",
        lambda status: status.lifetime_left,
    ),
)


class OpenTelemetryMetrics:
    """`on_decision` and `on_fetch` for a meter, and gauges of the key sets that are watched.

    `jwt_wsgi.decisions` counts by `verdict`, `reason` and `issuer`,
    `jwt_wsgi.fetches` by `location` and `outcome`, and `jwt_wsgi.fetch.duration`
    is a histogram of seconds. `issuers` are those that are counted by name; all
    others are `other`. `meter_provider` is the global one where none is given.
    """

    def __init__(
        self, *, issuers: Iterable[str | Issuer] = (), meter_provider: MeterProvider | None = None
    ) -> None:
        self._issuers = named(issuers)
        self._watched: dict[str, RemoteJWKS] = {}
        meter = get_meter("jwt_wsgi", meter_provider=meter_provider)
        self._decisions = meter.create_counter(
            "jwt_wsgi.decisions", "{decision}", "requests, by what was decided"
        )
        self._fetches = meter.create_counter(
            "jwt_wsgi.fetches", "{fetch}", "fetches of key sets, by how they ended"
        )
        self._durations = meter.create_histogram(
            "jwt_wsgi.fetch.duration", "s", "how long fetches of key sets took"
        )
        for name, unit, text, read in _GAUGES:
            meter.create_observable_gauge(
                f"jwt_wsgi.keys.{name}", [partial(self._observe, read)], unit, text
            )

    def on_decision(self, environ: WSGIEnvironment, decision: Decision) -> None:
        """Count one decision, for the layers' `on_decision`."""
        del environ  # nothing of the request is an attribute
        self._decisions.add(1, labels(decision, self._issuers)._asdict())

    def on_fetch(self, fetched: Fetched) -> None:
        """Count one fetch, for `RemoteJWKS(on_fetch=...)`."""
        self._fetches.add(1, {"location": fetched.location, "outcome": fetched.outcome})
        self._durations.record(fetched.seconds, {"location": fetched.location})

    def watch(self, location: str, keys: RemoteJWKS) -> None:
        """Show how `keys` are doing, under the attribute `location`, whenever the meter is read."""
        self._watched[location] = keys

    def _observe(
        self, read: Callable[[KeyStatus], float | None], _: CallbackOptions
    ) -> Iterator[Observation]:
        for location, keys in tuple(self._watched.items()):
            value = read(keys.status())
            if value is not None:
                yield Observation(value, {"location": location})
