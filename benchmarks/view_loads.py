"""The section `requests`: the requests per second of the view of Flask behind each protection."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial

from benchmarks import minting
from benchmarks.clients import Load
from benchmarks.loads import missing_servers, server_and_client_cores, with_one_retry
from benchmarks.measuring import Deadline, rotated
from benchmarks.scale import Scale
from benchmarks.sections import Measurements, pem
from benchmarks.servers import VIEWED, running
from benchmarks.view_costs import BARE, CLAIMS, PROTECTIONS
from benchmarks.views import contenders, orders

REPEATED = "repeated tokens"
DISTINCT = "distinct tokens"

#: The environment variables that `benchmarks.views.served` reads.
PROTECTION = "BENCH_PROTECTION"
KEY = "BENCH_KEY"


def requests(scale: Scale, deadline: Deadline) -> Measurements:
    """Measure the view behind each server and each protection, which take turns."""
    measurements = Measurements()
    measurements.absent = missing_servers(VIEWED)
    names = [name for name in PROTECTIONS["Flask"] if contenders.missing(name) is None]
    servers = [name for name in VIEWED if name not in measurements.absent]
    for server in servers:
        measurements.absent.update(_missing_protections(server))
    issuer = minting.local_issuer()
    tokens = minting.mint(issuer, scale.distinct // 2, more=CLAIMS)
    key = json.dumps({"pem": pem(issuer), "jwks": issuer.jwks})
    server_core, client_core = server_and_client_cores()
    load = Load(scale.seconds, client_core, body=orders.body())
    for turn in deadline.rounds(scale.rounds):
        for server in servers:
            environments = {name: {PROTECTION: name, KEY: key} for name in [BARE, *names]}
            measure = partial(
                _measure_server, load, server, environments, server_core, tokens, turn
            )
            measurements.add("requests/s", with_one_retry(measure))
    return measurements


def _missing_protections(server: str) -> dict[str, str]:
    reasons = {name: contenders.missing(name) for name in PROTECTIONS["Flask"]}
    return {f"{server}, {name}": reason for name, reason in reasons.items() if reason is not None}


def _measure_server(
    load: Load,
    server: str,
    environments: Mapping[str, Mapping[str, str]],
    core: int | None,
    tokens: Sequence[str],
    turn: int,
) -> dict[str, float]:
    """Measure one round of a server: one process for each protection, all at the same time."""
    paces: dict[str, float] = {}
    with ExitStack() as cleanup:
        ports = {
            name: cleanup.enter_context(running(server, environment, core))
            for name, environment in environments.items()
        }
        for port in ports.values():
            load.warm_up(port, orders.PATH, tokens[0])
        for name in rotated(list(ports), turn):
            paces[f"{server}, {name}, {REPEATED}"] = load.pace(ports[name], orders.PATH, tokens[:1])
        for name in rotated([name for name in ports if name != BARE], turn):
            paces[f"{server}, {name}, {DISTINCT}"] = load.pace(
                ports[name], orders.PATH, tokens[1:], distinct=True
            )
    return paces
