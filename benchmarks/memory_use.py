"""The section `memory`: the memory of a token, and the growth of a process with very many."""

from __future__ import annotations

from contextlib import ExitStack

from benchmarks import memory, minting, worker
from benchmarks.measuring import Deadline
from benchmarks.scale import Scale
from benchmarks.sections import OUT_OF_TIME, Measurements

#: The scopes of a token with many scopes, which no other token has.
SCOPES = 100


def memories(scale: Scale, deadline: Deadline) -> Measurements:
    """Measure the memory per token, and the growth of a process with very many tokens."""
    measurements = Measurements()
    issuer = minting.local_issuer()
    tokens = minting.mint(issuer, scale.remembered + 50)
    for _ in deadline.rounds(scale.rounds):
        memory_use = worker.run(
            "token_memory", jwks=issuer.jwks, warm=tokens[:50], tokens=tokens[50:]
        )
        measurements.add("bytes", memory_use)
    if (
        "token" in measurements.figures
        and max(measurements.figures["token"].rounds) < memory.NO_CACHE
    ):
        del measurements.figures["token"]
        measurements.absent["token"] = "no token is cached"
    _measure_growth(measurements, scale, deadline)
    return measurements


def _measure_growth(measurements: Measurements, scale: Scale, deadline: Deadline) -> None:
    limit = memory.configured()
    if "token" not in measurements.figures or limit is None:
        measurements.absent["grown"] = "no token is cached"
        return
    measurements.add("bytes", {"configured": limit})
    growths = {"grown": (scale.growth, 0), "grown, many scopes": (scale.growth_scopes, SCOPES)}
    for name, (count, scopes) in growths.items():
        if deadline.passed:
            measurements.absent[name] = OUT_OF_TIME
        else:
            measurements.add("bytes", {name: _growth(count, scopes)})


def _growth(count: int, scopes: int) -> float:
    """Return the bytes by which a process grows with so many tokens, each with so many scopes."""
    issuer = minting.local_issuer("EdDSA")
    warm = minting.mint(issuer, 50)
    with ExitStack() as cleanup:
        process = worker.start("growth", jwks=issuer.jwks, algorithm="EdDSA", warm=warm)
        cleanup.callback(worker.kill, process)
        worker.feed(process, minting.minting(issuer, count, scopes=scopes))
        return worker.finish(process)["grown"]
