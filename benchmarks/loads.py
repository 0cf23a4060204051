"""The section `servers`: answers per second, round by round, each from servers that just started."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from benchmarks import minting, pinned
from benchmarks.clients import Load
from benchmarks.measuring import Deadline, rotated
from benchmarks.scale import Scale
from benchmarks.sections import Measurements
from benchmarks.servers import SERVERS, THREADED, Server, running
from jwt_wsgi.testing import LocalIssuer

PROTECTED = "/api/private-scoped"
PUBLIC = "/api/public"

#: The path of each load with a repeated token, by its name in the figures.
UNPROTECTED = "unprotected, the same headers"
REPEATED = {"protected, repeated tokens": PROTECTED, UNPROTECTED: PUBLIC}
DISTINCT = "protected, distinct tokens"

#: These servers are compared: they run at the same time and take turns. Only they get distinct tokens.
PAIR = ("waitress", "Express")

#: The connections for a server with eight threads, and for the same one with one.
CROWD = 8
EIGHT_OVER_ONE = "waitress, eight threads over one, over the unprotected route"


@dataclass(frozen=True)
class Place:
    """The environment variables of a server, and its core, or None for any."""

    environment: Mapping[str, str]
    core: int | None


def servers(scale: Scale, deadline: Deadline) -> Measurements:
    """Measure every server on one core, with the client on another."""
    measurements = Measurements()
    measurements.absent = missing_servers(SERVERS)
    groups = _groups([name for name in SERVERS if name not in measurements.absent])
    server_core, client_core = server_and_client_cores()
    load = Load(scale.seconds, client_core)
    crowd = Load(scale.seconds, client_core, connections=CROWD)
    with published() as (issuer, environment):
        place = Place(environment, server_core)
        tokens = minting.mint(issuer, scale.distinct)
        for turn in deadline.rounds(scale.rounds):
            for group in groups:
                measure = partial(_measure_group, load, group, place, tokens, turn)
                measurements.add("requests/s", with_one_retry(measure))
            if "waitress" not in measurements.absent:
                measure = partial(_measure_threads, crowd, place, tokens, turn)
                paces = with_one_retry(measure)
                measurements.add("requests/s", paces)
                measurements.add("times", {EIGHT_OVER_ONE: eight_over_one(paces)})
    return measurements


def server_and_client_cores() -> tuple[int | None, int | None]:
    """Return the core of the servers and the core of the client, or None for any."""
    cores = pinned.cores()
    if len(cores) > 1:
        return cores[0], cores[1]
    return None, None


def missing_servers(servers: Mapping[str, Server]) -> dict[str, str]:
    """Return the servers that cannot run here, and the reason for each."""
    reasons = {name: server.missing() for name, server in servers.items()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _groups(names: Sequence[str]) -> list[Sequence[str]]:
    """Return the servers that run at the same time: the pair, then each other one alone."""
    pair = [name for name in names if name in PAIR]
    groups: list[Sequence[str]] = [[name] for name in names if name not in PAIR]
    if pair:
        groups.insert(0, pair)
    return groups


@contextmanager
def published() -> Iterator[tuple[LocalIssuer, dict[str, str]]]:
    """Yield an issuer on loopback, and the environment variables that make a server trust it."""
    issuer = LocalIssuer(audience=minting.AUDIENCE)
    with issuer.serve():
        settings = {
            "ISSUER_BASE_URL": issuer.issuer,
            "AUDIENCE": issuer.audience,
            "JWKS_URI": issuer.jwks_uri,
        }
        # An empty variable hides a setting of the machine.
        yield issuer, {"SECRET": "", "TOKEN_SIGNING_ALG": "", **settings}


def _measure_group(
    load: Load, group: Sequence[str], place: Place, tokens: Sequence[str], turn: int
) -> dict[str, float]:
    """Measure one round of a group.

    A failure discards the whole round, so that the rounds of its figures stay comparable.
    """
    repeated = tokens[:1]
    distinct = tokens[1:]
    paces: dict[str, float] = {}
    with ExitStack() as cleanup:
        ports = {
            name: cleanup.enter_context(running(name, place.environment, place.core))
            for name in group
        }
        for port in ports.values():
            load.warm_up(port, PROTECTED, tokens[0])
        for title, path in rotated(list(REPEATED.items()), turn):
            for name in rotated(group, turn):
                paces[f"{name}, {title}"] = load.pace(ports[name], path, repeated)
        if not set(group) <= set(PAIR):
            return paces
        for name in rotated(group, turn):
            paces[f"{name}, {DISTINCT}"] = load.pace(
                ports[name], PROTECTED, distinct, distinct=True
            )
    return paces


def _measure_threads(
    load: Load, place: Place, tokens: Sequence[str], turn: int
) -> dict[str, float]:
    """Measure one round of the same server with one thread and with eight."""
    paces: dict[str, float] = {}
    with ExitStack() as cleanup:
        ports = {
            name: cleanup.enter_context(running(name, place.environment, place.core))
            for name in THREADED
        }
        for port in ports.values():
            load.warm_up(port, PROTECTED, tokens[0])
        for name in rotated(list(THREADED), turn):
            paces[f"{name}, {UNPROTECTED}"] = load.pace(ports[name], PUBLIC, tokens[:1])
            paces[f"{name}, {DISTINCT}"] = load.pace(
                ports[name], PROTECTED, tokens[1:], distinct=True
            )
    return paces


def eight_over_one(paces: Mapping[str, float]) -> float:
    """Return the pace of eight threads over one, relative to that of the unprotected route."""
    one, eight = THREADED
    protected = paces[f"{eight}, {DISTINCT}"] / paces[f"{one}, {DISTINCT}"]
    unprotected = paces[f"{eight}, {UNPROTECTED}"] / paces[f"{one}, {UNPROTECTED}"]
    return protected / unprotected


def with_one_retry(measure: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Measure; retry once, because a port may have been taken or the machine may have stalled."""
    try:
        return measure()
    except RuntimeError as error:
        print(f"retry after: {error}", file=sys.stderr)
        return measure()
