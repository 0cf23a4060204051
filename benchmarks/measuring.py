"""The arithmetic of a measurement: alternating batches, medians of rounds, ratios, their spread."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

#: A clock in nanoseconds.
Clock = Callable[[], int]

Each = TypeVar("Each")

#: Makes one batch of tokens ready, outside the measured time; what it answers does the work.
Prepare = Callable[[Sequence[str]], Callable[[], None]]


@dataclass(frozen=True)
class Contender:
    """Something that does the same work on each of its tokens.

    `check`, where given, is called after every batch, outside the measured
    time, and raises where the work was not done.
    """

    prepare: Prepare
    tokens: Sequence[str]
    check: Callable[[int], None] | None = None


@dataclass(frozen=True)
class Figure:
    """One measured quantity: a value a round, in `unit`."""

    unit: str
    rounds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Spread:
    """The median of the rounds, the lowest and the highest of them."""

    median: float
    low: float
    high: float
    rounds: int


def spread(figure: Figure, over: Figure | None = None) -> Spread:
    """`figure` by itself, or divided round by round by `over`: what was measured together is compared.

    Raises `ValueError` where there is no round, or the two were not measured together.
    """
    values = list(figure.rounds)
    if over is not None:
        values = [one / other for one, other in zip(figure.rounds, over.rounds, strict=True)]
    if not values:
        raise ValueError("no round was measured")
    return Spread(statistics.median(values), min(values), max(values), len(values))


def alternate(
    contenders: Mapping[str, Contender],
    *,
    batches: int,
    turn: int = 0,
    clock: Clock = time.process_time_ns,
) -> dict[str, float]:
    """The cost of one token for each contender: the median of `batches` batches, in nanoseconds.

    The contenders take turns batch by batch, so that whatever disturbs the
    machine disturbs all of them, and in another order each time (`turn` is where
    the first order starts). The first batch warms up and is not counted.
    """
    costs: dict[str, list[float]] = {name: [] for name in contenders}
    gc.collect()
    gc.freeze()  # what was made ready before is no work of the contenders'
    for batch in range(batches + 1):
        for name in rotated(list(contenders), turn + batch):
            contender = contenders[name]
            tokens = _slice(contender.tokens, batch, batches + 1)
            run = contender.prepare(tokens)
            started = clock()
            run()
            spent = clock() - started
            if contender.check is not None:
                contender.check(len(tokens))
            if batch:
                costs[name].append(spent / len(tokens))
    return {name: statistics.median(spent) for name, spent in costs.items()}


def rotated(several: Sequence[Each], turn: int) -> list[Each]:
    """The same ones, another one first each turn."""
    start = turn % len(several)
    return [*several[start:], *several[:start]]


def _slice(tokens: Sequence[str], batch: int, batches: int) -> Sequence[str]:
    size = len(tokens) // batches
    if size == 0:
        raise ValueError(f"{len(tokens)} tokens are too few for {batches} batches")
    return tokens[batch * size : (batch + 1) * size]


class Deadline:
    """The moment after which no other round begins; seconds from now."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def passed(self) -> bool:
        return self._clock() >= self._end

    def rounds(self, count: int) -> Iterator[int]:
        """0, 1, … `count` - 1, fewer where time runs out."""
        for each in range(count):
            if self.passed:
                return
            yield each


class Collected:
    """Figures as they come in, round by round."""

    def __init__(self) -> None:
        self.figures: dict[str, Figure] = {}

    def add(self, unit: str, values: Mapping[str, float], prefix: str = "") -> None:
        """One more round of each of `values`, which are in `unit`."""
        for name, value in values.items():
            self.figures.setdefault(prefix + name, Figure(unit)).rounds.append(value)
