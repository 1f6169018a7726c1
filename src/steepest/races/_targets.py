"""How soon each optimizer reaches losses that are worth reaching; a run that never does counts as infinity."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from ._plan import CONFIRM, TUNE
from ._verdict import judged_runs, of_stage

# Whose loss is the hardest target, where they race: the two that most people would use without a race.
BASELINES = ("momentum", "adam")
# The easier targets, as shares of the drop from the loss before training to the hardest.
SHARES = (0.5, 0.8, 0.95, 1.0)
# Of so many epochs, one and its neighbours, the middle loss must be at the target: a lucky epoch alone is not.
_SMOOTHED = 3


class Target(NamedTuple):
    """A loss to reach.  share: of the drop from the loss before training to the hardest target, which is 1."""

    share: float
    loss: float


@dataclass(frozen=True)
class Reached:
    """When an optimizer's runs at its recommended rate reached a target, by seed; infinity where they did not.

    epochs, steps: of each seed; a step is a gradient of one minibatch.  median_epochs, median_steps: over the seeds,
    misses among them.  low_steps, high_steps: the median's exact interval of 95 % or more between two of the seeds'
    steps, by the test of signs; NaN where there are fewer than six seeds.
    hits: how many seeds reached it.  hit_low, hit_high: the 95 % Wilson interval of the share that does.
    """

    optimizer: str
    target: Target
    epochs: tuple[float, ...]
    steps: tuple[float, ...]
    median_epochs: float
    median_steps: float
    low_steps: float
    high_steps: float
    hits: int
    hit_low: float
    hit_high: float


@dataclass(frozen=True)
class TimesToTargets:
    """baseline: whose loss the hardest target is.  seeds: those whose runs are told of.

    targets: the easiest first; none where nobody is better than the network before training.
    reached: by optimizer, one a target.
    """

    baseline: str
    seeds: tuple[int, ...]
    targets: tuple[Target, ...]
    reached: Mapping[str, tuple[Reached, ...]]


def times_to_targets(runs: pl.DataFrame, curves: pl.DataFrame, rates: Mapping[str, float]) -> TimesToTargets | None:
    """When each optimizer reached each target, on the fresh seeds, or on those of the tuning where there are none.

    runs, curves: a race's.  rates: each optimizer's recommended learning rate, the leader first.
    The hardest target is what more than half the runs of the better baseline (``BASELINES``), or else of the leader,
    reach: the upper median of their lowest smoothed losses. A run has reached a loss at the end of the first epoch at
    which its smoothed loss (see ``smoothed``) is no higher; also where it diverged later, since it could have been
    stopped there.
    None where no run ended.
    """
    fresh = judged_runs(of_stage(runs, CONFIRM))
    counted = judged_runs(of_stage(runs, TUNE)) if fresh.is_empty() else fresh
    chosen = {name: own for name, rate in rates.items() if (own := _smoothed(counted, curves, name, rate))}
    if not chosen:
        return None
    numbers = [one.run for several in chosen.values() for one in several]
    untrained = untrained_loss(curves.filter(pl.col("run").is_in(numbers)))
    hardest = {name: _upper_median([_lowest(one.loss) for one in several]) for name, several in chosen.items()}
    learned = [name for name in BASELINES if hardest.get(name, math.inf) < untrained]
    baseline = min(learned, key=hardest.__getitem__, default=next(iter(chosen)))
    found = targets(untrained, hardest[baseline])
    reached = {name: tuple(_reached(name, one, several) for one in found) for name, several in chosen.items()}
    return TimesToTargets(baseline, tuple(one.seed for one in chosen[baseline]), found, reached)


def untrained_loss(curves: pl.DataFrame) -> float:
    """The watched loss before training: the median over the runs of a table of curves; infinite where none is known."""
    first = curves.filter((pl.col("epoch") == 0) & pl.col("validation_loss").is_finite())["validation_loss"]
    return float(np.median(first.to_numpy())) if len(first) else math.inf


def targets(untrained: float, hardest: float) -> tuple[Target, ...]:
    """Losses at growing shares of the drop from the loss before training to the hardest; none where nothing drops.

    >>> [one.loss for one in targets(2.0, 1.0)]
    [1.5, 1.2, 1.05, 1.0]
    """
    drop = untrained - hardest
    if not (math.isfinite(drop) and drop > 0):
        return ()
    return tuple(Target(share, hardest if share == 1 else untrained - share * drop) for share in SHARES)


class _Curve(NamedTuple):
    """A run's smoothed watched loss after each epoch, and the steps taken by then: (epochs,)."""

    run: int
    seed: int
    loss: np.ndarray
    step: np.ndarray


def _smoothed(runs: pl.DataFrame, curves: pl.DataFrame, name: str, rate: float) -> list[_Curve]:
    """The curves of an optimizer's runs at a rate, by seed."""
    near = (pl.col("learning_rate") / rate - 1).abs() < 1e-9
    own = runs.filter((pl.col("optimizer") == name) & near).sort("seed")
    found = []
    for number, seed in own.select("run", "seed").iter_rows():
        curve = curves.filter(pl.col("run") == number).sort("epoch")
        loss = smoothed(curve["validation_loss"].to_numpy())
        found.append(_Curve(number, seed, loss, curve["step"].to_numpy()[1:]))
    return found


def smoothed(watched: np.ndarray) -> np.ndarray:
    """The median of each epoch's loss and its two neighbours', (epochs,); what is not finite is infinite.

    watched: the loss before training and after each epoch, (epochs + 1,). Beyond the end it is infinite, so that the
    last epoch counts where the one before it does.

    >>> smoothed(np.array([5.0, 1.0, 4.0, 2.0, 3.0])).tolist()
    [4.0, 2.0, 3.0, 3.0]
    """
    known = np.append(np.where(np.isfinite(watched), watched, np.inf), np.inf)
    if len(known) < _SMOOTHED:
        return np.empty(0)
    return np.median(np.lib.stride_tricks.sliding_window_view(known, _SMOOTHED), axis=1)


def _lowest(loss: np.ndarray) -> float:
    return float(loss.min()) if len(loss) else math.inf


def _upper_median(losses: Sequence[float]) -> float:
    """The least loss that more than half of them reach."""
    return sorted(losses)[len(losses) // 2]


def _reached(name: str, target: Target, several: Sequence[_Curve]) -> Reached:
    firsts = [np.flatnonzero(one.loss <= target.loss)[:1] for one in several]
    epochs = np.array([first[0] + 1.0 if len(first) else math.inf for first in firsts])
    steps = [float(one.step[first[0]]) if len(first) else math.inf for first, one in zip(firsts, several, strict=True)]
    hits = int(np.isfinite(epochs).sum())
    return Reached(
        name, target, tuple(epochs.tolist()), tuple(steps),
        float(np.median(epochs)), float(np.median(steps)), *_order_interval(steps),
        hits, *_wilson(hits, len(several)),
    )  # fmt: skip


def _order_interval(times: Sequence[float]) -> tuple[float, float]:
    """The median's interval between two of the times, which infinity cannot harm (Conover 1999, chapter 3)."""
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of too few times for any interval, which is then NaN
        low, high = stats.quantile_test(times, p=0.5).confidence_interval(confidence_level=0.95)
    return float(low), float(high)


def _wilson(hits: int, of: int) -> tuple[float, float]:
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(hits, of, method="wilson")
    return float(low), float(high)
