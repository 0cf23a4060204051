"""How much a run measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """`rounds` of every figure; in one round, `batches` of `batch` tokens for each contender.

    `seconds` is how long a server is put under load, `distinct` the number of
    tokens that are there for one load, `growth` the distinct tokens of the
    memory's longest run, `sizes` how many rules, keys and issuers are compared.
    """

    rounds: int
    batches: int
    batch: int
    seconds: int
    distinct: int
    remembered: int
    growth: int
    sizes: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """Distinct tokens that one contender needs in one round, with those that warm up."""
        return (self.batches + 1) * self.batch


FULL = Scale(
    rounds=7, batches=20, batch=50, seconds=2, distinct=20_000, remembered=1000, growth=1_000_000,
    sizes=(1, 10, 100, 1000, 10_000),
)  # fmt: skip
QUICK = Scale(rounds=2, batches=2, batch=5, seconds=1, distinct=6000, remembered=20, growth=50, sizes=(1, 10))
