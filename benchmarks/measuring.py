"""The arithmetic of a measurement: alternating batches, medians of rounds, ratios, spreads."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

#: A clock in nanoseconds.
Clock = Callable[[], int]

Item = TypeVar("Item")

#: Prepares one batch of tokens, outside the measured time; the function it returns does the work.
Prepare = Callable[[Sequence[str]], Callable[[], None]]


@dataclass(frozen=True)
class Contender:
    """A program under measurement, which does the same work on each of its tokens.

    `check`, if present, is called after every batch with the number of tokens, outside the measured
    time. It raises if the work was not done.
    """

    prepare: Prepare
    tokens: Sequence[str]
    check: Callable[[int], None] | None = None


@dataclass(frozen=True)
class Figure:
    """A measured quantity: one value for each round, in `unit`."""

    unit: str
    rounds: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Spread:
    """The median, the lowest and the highest value of the rounds."""

    median: float
    low: float
    high: float
    rounds: int


def spread(figure: Figure, over: Figure | None = None) -> Spread:
    """Return the spread of a figure, or of its ratio to the figure `over`, round by round.

    Raises:
        ValueError: There is no round, or the figures were not measured in the same rounds.
    """
    values = list(figure.rounds)
    if over is not None:
        values = [value / base for value, base in zip(figure.rounds, over.rounds, strict=True)]
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
    """Return the cost of one token for each contender, in nanoseconds: the median of its batches.

    Args:
        contenders: The contenders by name.
        batches: The number of batches. One more batch warms up.
        turn: The position of the contender that comes first in the first batch.
        clock: The clock in nanoseconds.
    """
    costs = batch_costs(contenders, batches=batches, turn=turn, clock=clock)
    return {name: statistics.median(values) for name, values in costs.items()}


def batch_costs(
    contenders: Mapping[str, Contender],
    *,
    batches: int,
    turn: int = 0,
    clock: Clock = time.process_time_ns,
) -> dict[str, list[float]]:
    """Return the costs of one token for each contender, in nanoseconds, batch by batch.

    The contenders take turns batch by batch, so that disturbances of the machine affect all of
    them. The order rotates with each batch.

    Args:
        contenders: The contenders by name.
        batches: The number of batches. One more batch warms up.
        turn: The position of the contender that comes first in the first batch.
        clock: The clock in nanoseconds.
    """
    costs: dict[str, list[float]] = {name: [] for name in contenders}
    gc.collect()
    # Collections during the measurement must not visit the objects that exist already.
    gc.freeze()
    for batch in range(batches + 1):
        for name in rotated(list(contenders), turn + batch):
            contender = contenders[name]
            tokens = _slice(contender.tokens, batch, batches + 1)
            duration = _duration(contender, tokens, clock)
            if batch > 0:
                costs[name].append(duration / len(tokens))
    return costs


def added_costs(costs: Mapping[str, Sequence[float]], bases: Mapping[str, str]) -> dict[str, float]:
    """Return what contenders cost more than another one: the median difference, batch by batch.

    Args:
        costs: The costs that `batch_costs` returned.
        bases: The name of the other contender, for each contender.
    """
    return {
        name: statistics.median(
            cost - base for cost, base in zip(costs[name], costs[base_name], strict=True)
        )
        for name, base_name in bases.items()
    }


def _duration(contender: Contender, tokens: Sequence[str], clock: Clock) -> int:
    run = contender.prepare(tokens)
    started = clock()
    run()
    duration = clock() - started
    if contender.check is not None:
        contender.check(len(tokens))
    return duration


def rotated(items: Sequence[Item], turn: int) -> list[Item]:
    """Return the items; with each turn, the next one comes first."""
    start = turn % len(items)
    return [*items[start:], *items[:start]]


def _slice(tokens: Sequence[str], batch: int, batches: int) -> Sequence[str]:
    size = len(tokens) // batches
    if size == 0:
        raise ValueError(f"{len(tokens)} tokens are too few for {batches} batches")
    return tokens[batch * size : (batch + 1) * size]


class Deadline:
    """A moment, in seconds from now, after which no round begins."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._end = clock() + seconds

    @property
    def passed(self) -> bool:
        return self._clock() >= self._end

    def rounds(self, count: int) -> Iterator[int]:
        """Yield the numbers of `count` rounds, from 0, until time runs out."""
        for number in range(count):
            if self.passed:
                return
            yield number


class FigureCollector:
    """A collector of figures, round by round."""

    def __init__(self) -> None:
        self.figures: dict[str, Figure] = {}

    def add(self, unit: str, values: Mapping[str, float], prefix: str = "") -> None:
        """Add one round of each of `values`, which are in `unit`."""
        for name, value in values.items():
            self.figures.setdefault(prefix + name, Figure(unit)).rounds.append(value)
