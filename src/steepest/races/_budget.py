"""What so many trials are worth: the loss that one may expect after trying k learning rates at random."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from ._choose import losses_by_rate
from ._plan import TUNE
from ._verdict import judged_runs, of_stage

# Between these shares of all draws lies what 95 in 100 of those who try so many rates will get.
_LOW, _HIGH = 0.025, 0.975


@dataclass(frozen=True)
class Budget:
    """An optimizer's best loss after 1, 2, ... K trials of its K configurations, drawn at random.

    losses: of the configurations, ascending.  expected: the mean of the best of k, k = 1 to K.
    low, high: between which the best of k lies in 95 draws of 100: the luck of the draw, not that of the seeds.
    """

    optimizer: str
    losses: tuple[float, ...]
    expected: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


def budget_curve(optimizer: str, losses: Sequence[float]) -> Budget:
    """The expected best of k trials, exactly, for k = 1 to as many as there are configurations.

        E_k = sum_i v_i (((n - i + 1) / n)^k - ((n - i) / n)^k)

    losses: of the n configurations, in any order; v_1 <= ... <= v_n are the same in order. The factor of v_i is the
    chance that it is the least of k draws with replacement.
    Where a loss is infinite, so is every expectation: cap losses beforehand.
    Source: Dodge et al. 2019, Show Your Work, arXiv:1909.03004, for a least in place of a greatest.

    >>> budget_curve("sgd", [0.5, 0.25]).expected
    (0.375, 0.3125)
    """
    v, n = np.sort(np.asarray(losses, float)), len(losses)
    beyond = np.arange(n, -1, -1) / n  # the share of configurations that are the i-th or come after it
    expected, low, high = [], [], []
    for k in range(1, n + 1):
        missed = beyond**k  # the chance that the best of k is none of the first i, i = 0 to n
        expected.append(float(v @ (missed[:-1] - missed[1:])))
        low.append(float(v[np.searchsorted(1 - missed[1:], _LOW)]))
        high.append(float(v[np.searchsorted(1 - missed[1:], _HIGH)]))
    return Budget(optimizer, tuple(v.tolist()), tuple(expected), tuple(low), tuple(high))


def budget_curves(runs: pl.DataFrame, untrained: float = math.inf) -> dict[str, Budget]:
    """The budget curve of each optimizer of a table of runs, from the medians of its tuning over the seeds.

    untrained: the loss before training (see ``untrained_loss``). No configuration counts as worse, since whoever sees
    that one has failed can keep the network as it was; a diverged run is otherwise infinite.
    A configuration that was dropped on the way counts with the loss that it had then, which full training would have
    bettered a little; it was dropped since better ones were there.
    """
    tuned = judged_runs(of_stage(runs, TUNE))
    curves = {}
    for name in tuned["optimizer"].unique(maintain_order=True):
        by_rate = losses_by_rate(tuned.filter(pl.col("optimizer") == name))
        curves[name] = budget_curve(name, [min(float(np.median(own)), untrained) for own in by_rate.values()])
    return curves
