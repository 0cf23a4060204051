"""How much a run measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """`rounds` of every figure; in one round, `batches` of `batch` tokens for each contender.

    `repetitions` of what is timed as a whole. `seconds` is how long a server is
    put under load, `distinct` the number of tokens that are there for one load,
    `remembered` and `growth` the distinct tokens that memory is measured with,
    `sizes` how many rules, keys and issuers are compared.
    """

    rounds: int
    batches: int
    batch: int
    repetitions: int
    seconds: float
    distinct: int
    remembered: int
    growth: int
    sizes: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """Distinct tokens that one contender needs in one round, with those that warm up."""
        return (self.batches + 1) * self.batch


FULL = Scale(
    rounds=7, batches=20, batch=50, repetitions=3, seconds=2, distinct=20_000, remembered=1000, growth=1_000_000,
    sizes=(1, 10, 100, 1000, 10_000),
)  # fmt: skip
QUICK = Scale(
    rounds=1, batches=2, batch=5, repetitions=1, seconds=0.2, distinct=4000, remembered=20, growth=50,
    sizes=(1, 10, 1000),
)  # fmt: skip
