"""A row of the table of goals. Most are ratios, which hold on any machine; seconds do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.measuring import Figure, Spread, spread

#: A measurement needs at least so many rounds.
LEAST_ROUNDS = 7

Verdict = Literal["met", "missed", "too few rounds", "not measured", "no goal"]


@dataclass(frozen=True)
class Row:
    """A row of the table: a figure, or its ratio to another, and its goal.

    Args:
        section: The section of the figures.
        what: The title of the row.
        over: The name of the figure, the dividend of a ratio.
        under: The name of the figure that is the divisor, or None.
        at_most: The goal, if the value must not be higher.
        at_least: The goal, if the value must not be lower.
        once: True if one round is a measurement.
    """

    section: str
    what: str
    over: str
    under: str | None = None
    at_most: float | None = None
    at_least: float | None = None
    once: bool = False

    @property
    def goal(self) -> str:
        """The goal as text."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        if self.at_least is not None:
            return f"≥ {self.at_least:g}"
        return "–"

    def holds(self, value: float) -> bool:
        """Return whether the value meets the goal, or there is no goal."""
        if self.at_most is not None and value > self.at_most:
            return False
        return self.at_least is None or value >= self.at_least


def measured(row: Row, figures: Mapping[str, Figure]) -> Spread | None:
    """Return the spread of a row, or None if a figure of the row is missing."""
    if row.over not in figures:
        return None
    if row.under is None:
        return spread(figures[row.over])
    if row.under not in figures:
        return None
    return spread(figures[row.over], figures[row.under])


def verdict(row: Row, values: Spread | None, least_rounds: int = LEAST_ROUNDS) -> Verdict:
    """Return the verdict on a row; the median is compared with the goal."""
    if values is None:
        return "not measured"
    if row.at_most is None and row.at_least is None:
        return "no goal"
    if not row.once and values.rounds < least_rounds:
        return "too few rounds"
    return "met" if row.holds(values.median) else "missed"
