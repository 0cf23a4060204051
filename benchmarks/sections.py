"""What the sections of a run have in common. Fresh processes measure each round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from benchmarks import worker
from benchmarks.measuring import Deadline, FigureCollector
from benchmarks.scale import Scale
from jwt_wsgi.testing import LocalIssuer

OUT_OF_TIME = "out of time"

#: For each contender, the part of a worker's job from which the worker makes it.
Contenders = dict[str, dict[str, Any]]


class Measurements(FigureCollector):
    """The figures of a section, and for each absent figure the reason."""

    def __init__(self) -> None:
        super().__init__()
        self.absent: dict[str, str] = {}


def pem(issuer: LocalIssuer) -> str:
    """Return the issuer's public key as PEM, which every library reads."""
    return as_pem(issuer.key().private.public_key())


def as_pem(public_key: Any) -> str:
    """Return a public key of cryptography as PEM."""
    text: bytes = public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return text.decode()


def seen(contender: Mapping[str, Any], token: str, scale: Scale) -> dict[str, Any]:
    """Return the contender with one token, which it has accepted before the measurement."""
    return {**contender, "warm": [token], "tokens": [token] * scale.tokens}


def measure_rounds(
    measurements: Measurements, scale: Scale, deadline: Deadline, groups: Sequence[Contenders]
) -> None:
    """Measure the contenders of each group, round by round."""
    for turn in deadline.rounds(scale.rounds):
        measure_round(measurements, scale, groups, turn)


def measure_round(
    measurements: Measurements, scale: Scale, groups: Sequence[Contenders], turn: int
) -> None:
    """Measure one round, the contenders of each group in a process of their own."""
    for contenders in groups:
        costs = worker.run("costs", contenders=contenders, batches=scale.batches, turn=turn)
        measurements.add("µs", {name: cost / 1000 for name, cost in costs.items()})
