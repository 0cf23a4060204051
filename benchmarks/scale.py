"""The amount of work of a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """The numbers that make a run long or short.

    Args:
        rounds: The rounds of every figure.
        batches: The measured batches of each contender in one round.
        batch: The tokens of one batch.
        view_batches: The measured batches of each view in one round.
        view_batch: The requests of one batch of a view.
        repetitions: How often threads and processes repeat their work in one round.
        seconds: The duration of each load on a server.
        distinct: The distinct tokens for one load.
        remembered: The distinct tokens for the measurement of memory per token.
        growth: The distinct tokens for the measurement of a process's growth.
        growth_scopes: The same for tokens with many scopes.
        sizes: The numbers of rules, keys and issuers that are compared.
        issuers: The numbers of trusted issuers that an unknown one is not among.
        policies: The numbers of rules of the policies that are made.
    """

    rounds: int
    batches: int
    batch: int
    view_batches: int
    view_batch: int
    repetitions: int
    seconds: float
    distinct: int
    remembered: int
    growth: int
    growth_scopes: int
    sizes: tuple[int, ...]
    issuers: tuple[int, ...]
    policies: tuple[int, ...]

    @property
    def tokens(self) -> int:
        """The distinct tokens of one contender in one round, with those of the warm-up."""
        return (self.batches + 1) * self.batch

    @property
    def view_tokens(self) -> int:
        """The distinct tokens of one view in one round, with those of the warm-up."""
        return (self.view_batches + 1) * self.view_batch


FULL = Scale(
    rounds=7, batches=20, batch=50, view_batches=30, view_batch=25, repetitions=3, seconds=2, distinct=20_000, remembered=1000, growth=1_000_000,
    growth_scopes=30_000, sizes=(1, 10, 100, 1000, 10_000), issuers=(1, 50_000), policies=(10_000, 100_000),
)  # fmt: skip
QUICK = Scale(
    rounds=1, batches=2, batch=5, view_batches=2, view_batch=2, repetitions=1, seconds=0.2, distinct=4000, remembered=20, growth=50,
    growth_scopes=20, sizes=(1, 10, 1000), issuers=(1, 100), policies=(10_000,),
)  # fmt: skip
